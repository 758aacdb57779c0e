//! Smaller things that lie over a view: menus, the palette, arming.

use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::command::{COMMANDS, Command};
use super::field::Field;
use super::state::State;
use crate::model::id::{Ref, ViewId};
use crate::model::record::Rows;
use crate::model::value::natural;
use crate::systems::Parameters;

/// A choice among a few things.
#[derive(Debug, Clone, PartialEq)]
pub struct Menu {
    /// What is chosen.
    pub title: String,
    /// The choices.
    pub items: Vec<MenuItem>,
    /// The one that is lit.
    pub at: usize,
    /// Whether it stays open after a choice, such as columns on and off.
    pub stays: bool,
}

/// One choice.
#[derive(Debug, Clone, PartialEq)]
pub struct MenuItem {
    /// A key that chooses it at once; empty if there is none.
    pub key: String,
    /// What it is called.
    pub label: String,
    /// More about it, dim; for what can't be chosen, the reason.
    pub note: String,
    /// Whether it can be chosen.
    pub enabled: bool,
    /// What it does.
    pub does: MenuAction,
}

/// What a choice does.
#[derive(Debug, Clone, PartialEq)]
pub enum MenuAction {
    /// Puts a text on the clipboard.
    Copy(String),
    /// Writes a text to a file.
    Export {
        /// The file's name.
        name: String,
        /// Its text.
        text: String,
    },
    /// Asks for a plan of this verb for the rows that are chosen.
    Verb(&'static str),
    /// Does what a command does.
    Command(Command),
    /// Shows a column, or hides it.
    ToggleColumn(usize),
    /// Opens an object.
    Go(Ref),
    /// Opens the log or text of this place anew.
    Reopen(Parameters),
    /// Puts a saved payload into the editor.
    Payload(String),
    /// Saves the payload in the editor.
    SavePayload,
}

/// What the palette finds.
#[derive(Debug, Clone, PartialEq)]
pub struct PaletteDialog {
    /// What is typed.
    pub field: Field,
    /// What was found, the best first.
    pub found: Vec<Entry>,
    /// The one that is lit.
    pub at: usize,
}

/// One thing that the palette finds.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its name.
    pub label: String,
    /// What it is, dim.
    pub note: String,
    /// What it does.
    pub does: EntryAction,
    /// Which characters of the label were found, by their index.
    pub hits: Vec<u32>,
}

/// What an entry of the palette does.
#[derive(Debug, Clone, PartialEq)]
pub enum EntryAction {
    /// A command.
    Command(Command),
    /// A verb of the row under the cursor.
    Verb(&'static str),
    /// A view.
    View(ViewId),
    /// An object.
    Object(Ref),
}

/// As many entries are shown.
const FOUND: usize = 60;

impl PaletteDialog {
    /// A palette in which nothing is typed yet.
    #[must_use]
    pub fn new(state: &State) -> Self {
        let mut palette = Self { field: Field::new(""), found: Vec::new(), at: 0 };
        palette.find(state);
        palette
    }

    /// Looks anew for what is typed.
    pub fn find(&mut self, state: &State) {
        let words: Vec<String> = self.field.text().split_whitespace().map(str::to_lowercase).collect();
        let pattern = Pattern::parse(self.field.text(), CaseMatching::Ignore, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut buffer = Vec::new();
        let mut scored: Vec<(Closeness, u32, Entry)> = Vec::new();
        let typed = !self.field.text().trim().is_empty();
        let mut offer = |entry: Entry, weight: u32| {
            if let Some(score) = pattern.score(Utf32Str::new(&entry.label, &mut buffer), &mut matcher) {
                let close = closeness(&entry.label, &words);
                scored.push((close, score.saturating_mul(8).saturating_add(weight), entry));
            }
        };
        for view in state.catalogue.views() {
            if view.key.is_some() || super::own::is_own(view.id) {
                offer(Entry::new(view.title, "view", EntryAction::View(view.id)), 6);
            }
        }
        for standing in state.catalogue.views().iter().filter(|view| view.key.is_none() && is_standing(state, view.id))
        {
            offer(Entry::new(standing.title, "view", EntryAction::View(standing.id)), 6);
        }
        if let Some(pane) = state.place().and_then(|place| state.catalogue.pane(place.focused_pane()?)) {
            for verb in pane.verbs {
                offer(Entry::new(verb.label, &format!("action on the {}", pane.noun), EntryAction::Verb(verb.id)), 5);
            }
        }
        for info in COMMANDS.iter().filter(|info| in_palette(info.command)) {
            offer(Entry::new(info.name, info.help, EntryAction::Command(info.command)), 3);
        }
        if typed {
            for data in state.panes.values().filter(|data| data.pane.detail.is_some()) {
                for row in state.rows.rows(data.pane.id).into_iter().flat_map(Rows::iter) {
                    let what = Ref { pane: data.pane.id, key: row.key.clone() };
                    offer(Entry::new(row.key.as_str(), data.pane.noun, EntryAction::Object(what)), 4);
                }
            }
        }
        scored.sort_by(|(near, a, x), (far, b, y)| {
            let by_label = || x.label.len().cmp(&y.label.len()).then_with(|| natural(&x.label, &y.label));
            near.cmp(far).then_with(|| b.cmp(a)).then_with(by_label)
        });
        let typed = words.iter().map(|word| word.chars().count()).sum();
        let mut found = Vec::new();
        for (close, _, mut entry) in scored {
            pattern.indices(Utf32Str::new(&entry.label, &mut buffer), &mut matcher, &mut entry.hits);
            entry.hits.sort_unstable();
            entry.hits.dedup();
            if close != Closeness::Scattered || !is_weak(&entry.hits, typed) {
                found.push(entry);
            }
            if found.len() == FOUND {
                break;
            }
        }
        self.found = found;
        self.at = 0;
    }
}

/// How a label was found, the nearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Closeness {
    /// It begins with what is typed, or its name behind the namespace does.
    Beginning,
    /// A word in it does.
    WordStart,
    /// It has it somewhere.
    Within,
    /// Its letters are there, others between.
    Scattered,
}

/// How near a label is to all words (in lower case) that are typed.
fn closeness(label: &str, words: &[String]) -> Closeness {
    let label = label.to_lowercase();
    let name = label.rsplit('/').next().unwrap_or(&label);
    let near = |word: &String| {
        if label.starts_with(word) || name.starts_with(word) {
            return Closeness::Beginning;
        }
        let mut places = label.match_indices(word.as_str()).map(|(at, _)| label.get(..at).unwrap_or_default());
        match places.next() {
            None => Closeness::Scattered,
            Some(first)
                if std::iter::once(first).chain(places).any(|before| !before.ends_with(char::is_alphanumeric)) =>
            {
                Closeness::WordStart
            }
            Some(_) => Closeness::Within,
        }
    };
    words.iter().map(near).max().unwrap_or(Closeness::Beginning)
}

/// Whether letters that were found lie so far apart that nobody meant them.
fn is_weak(hits: &[u32], typed: usize) -> bool {
    let (Some(first), Some(last)) = (hits.first(), hits.last()) else { return false };
    (last - first + 1) as usize > typed * 3
}

impl Entry {
    fn new(label: &str, note: &str, does: EntryAction) -> Self {
        Self { label: label.to_owned(), note: note.to_owned(), does, hits: Vec::new() }
    }
}

/// Whether a view shows standing panes only, so that it can be opened without an object.
fn is_standing(state: &State, view: ViewId) -> bool {
    !super::own::is_own(view)
        && state.catalogue.view(view).is_some_and(|view| {
            view.sections.iter().all(|section| state.catalogue.pane(section.pane).is_some_and(|pane| pane.standing))
        })
}

/// Whether a command makes sense when it is chosen by its name.
fn in_palette(command: Command) -> bool {
    !matches!(
        command,
        Command::Palette
            | Command::FieldNext
            | Command::FieldPrevious
            | Command::Leave
            | Command::Accept
            | Command::CopyCommands
            | Command::StopAfterStep
            | Command::Send
            | Command::Payloads
            | Command::Revision
            | Command::Via
            | Command::Protocol
            | Command::RowNext
            | Command::RowPrevious
            | Command::Left
            | Command::Right
    )
}

/// Arming a production profile by typing its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArmDialog {
    /// The name that has to be typed.
    pub name: String,
    /// What is typed.
    pub field: Field,
    /// What is wrong with it.
    pub fault: Option<String>,
}

/// A payload gets the name under which it is saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaveDialog {
    /// What is typed.
    pub field: Field,
    /// What is wrong with it.
    pub fault: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_the_nearer_the_earlier_in_a_word_it_has_what_is_typed() {
        let near =
            |label: &str, typed: &str| closeness(label, &typed.split(' ').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(near("Models", "mod"), Closeness::Beginning);
        assert_eq!(near("ml-prod/fraud-detection", "fraud"), Closeness::Beginning);
        assert_eq!(near("ml-prod/fraud-detection", "det"), Closeness::WordStart);
        assert_eq!(near("reprod/x-prod", "prod"), Closeness::WordStart);
        assert_eq!(near("ml-prod/pricing", "cing"), Closeness::Within);
        assert_eq!(near("Freeze", "fz"), Closeness::Scattered);
        assert_eq!(near("ml-prod/fraud", "fraud rod"), Closeness::Within, "the word that is farthest");
    }

    #[test]
    fn letters_far_apart_are_no_hit() {
        assert!(!is_weak(&[0, 4], 2) && is_weak(&[0, 6], 2) && !is_weak(&[], 0));
    }
}
