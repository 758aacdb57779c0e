//! Which key does what, read from `keymaps/default.toml` and a file of the user's.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use toml::de::{DeTable, DeValue};

use super::command::{COMMANDS, Command, Scope};
use super::own;
use crate::model::input::Key;
use crate::model::verb::Pane;

/// The keymap that comes with the program.
pub const DEFAULT: &str = include_str!("../../keymaps/default.toml");

/// What a key does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bound {
    /// A command of the console.
    Command(Command),
    /// A verb of the row under the cursor, by its name.
    Verb(&'static str),
    /// The first keys of longer sequences; what may follow.
    Prefix,
}

/// A mistake in a keymap file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}: {what}")]
pub struct KeymapError {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, with what is allowed.
    pub what: String,
}

/// A sequence of keys.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sequence(pub Vec<Key>);

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, key) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            write!(f, "{key}")?;
        }
        Ok(())
    }
}

/// Which key does what.
#[derive(Debug, Clone, Default)]
pub struct Keymap {
    commands: BTreeMap<Scope, BTreeMap<Sequence, Command>>,
    verbs: BTreeMap<String, Vec<Sequence>>,
}

impl Keymap {
    /// The default keymap, and over it the user's, where there is one (file name and text). Verbs are those of all
    /// systems.
    pub fn load(user: Option<(&str, &str)>) -> Result<Self, KeymapError> {
        let panes = crate::systems::all().iter().flat_map(|system| system.panes()).chain(own::PANES);
        let verbs: BTreeSet<&str> = panes.flat_map(|pane| pane.verbs).map(|verb| verb.id).collect();
        let mut keymap = Self::default();
        keymap.read("keymaps/default.toml", DEFAULT, &verbs)?;
        if let Some((file, text)) = user {
            keymap.read(file, text, &verbs)?;
        }
        Ok(keymap)
    }

    /// Reads a file; a command that it names loses the keys that it had.
    fn read(&mut self, file: &str, text: &str, verbs: &BTreeSet<&str>) -> Result<(), KeymapError> {
        let reader = Reader { file, text };
        let table = DeTable::parse(text).map_err(|error| reader.error(error.span(), error.message()))?;
        for (section, entries) in table.get_ref() {
            let at = Some(section.span());
            let name: &str = section.get_ref();
            let DeValue::Table(entries) = entries.get_ref() else {
                return Err(reader.error(at, &format!("`{name}` must be a section with keys")));
            };
            if name == "verbs" {
                for (verb, keys) in entries {
                    let name: &str = verb.get_ref();
                    if !verbs.contains(name) {
                        let known: Vec<&str> = verbs.iter().copied().collect();
                        let what = format!("no verb `{name}`; there are: {}", known.join(", "));
                        return Err(reader.error(Some(verb.span()), &what));
                    }
                    let sequences = reader.sequences(keys)?;
                    self.verbs
                        .insert(verb.get_ref().to_string(), sequences.into_iter().map(|(keys, _)| keys).collect());
                }
                continue;
            }
            let Some(scope) = Scope::ALL.into_iter().find(|scope| scope.name() == name) else {
                let known = Scope::ALL.map(Scope::name).join(", ");
                return Err(reader.error(at, &format!("no section `{name}`; there are: {known}, verbs")));
            };
            self.read_section(&reader, scope, entries)?;
        }
        Ok(())
    }

    fn read_section(&mut self, reader: &Reader<'_>, scope: Scope, entries: &DeTable<'_>) -> Result<(), KeymapError> {
        let mut read: Vec<(Sequence, Command, std::ops::Range<usize>)> = Vec::new();
        for (name, keys) in entries {
            let command = name
                .get_ref()
                .parse::<Command>()
                .map_err(|error| reader.error(Some(name.span()), &error.to_string()))?;
            for (sequence, span) in reader.sequences(keys)? {
                if let Some((_, other, _)) = read.iter().find(|(earlier, ..)| *earlier == sequence) {
                    let what =
                        format!("`{sequence}` is bound twice in [{}]: to `{other}` and to `{command}`", scope.name());
                    return Err(reader.error(Some(span), &what));
                }
                read.push((sequence, command, span));
            }
        }
        let bound = self.commands.entry(scope).or_default();
        bound.retain(|sequence, command| !read.iter().any(|(keys, new, _)| new == command || keys == sequence));
        for (sequence, command, span) in read {
            let shadow = bound.keys().find(|other| {
                let (short, long) =
                    if other.0.len() < sequence.0.len() { (*other, &sequence) } else { (&sequence, *other) };
                short.0.len() < long.0.len() && long.0.starts_with(&short.0)
            });
            if let Some(other) = shadow {
                let what = format!(
                    "`{sequence}` and `{other}` shadow each other in [{}]: one begins with the other",
                    scope.name()
                );
                return Err(reader.error(Some(span), &what));
            }
            bound.insert(sequence, command);
        }
        Ok(())
    }

    /// What `keys` do where the focus is in `scopes` (innermost first) and the pane has these verbs.
    #[must_use]
    pub fn find(&self, keys: &[Key], scopes: &[Scope], pane: Option<&Pane>) -> Option<Bound> {
        if let Some(verb) = pane.and_then(|pane| {
            pane.verbs.iter().find(|verb| self.verb_keys(verb).iter().any(|sequence| sequence.0 == keys))
        }) {
            // a verb is only reached by a key that no command of the innermost place has
            let taken = scopes
                .first()
                .and_then(|scope| self.commands.get(scope))
                .is_some_and(|bound| bound.keys().any(|s| s.0 == keys));
            if !taken {
                return Some(Bound::Verb(verb.id));
            }
        }
        for scope in scopes {
            let Some(bound) = self.commands.get(scope) else { continue };
            if let Some((_, command)) = bound.iter().find(|(sequence, _)| sequence.0 == keys) {
                return Some(Bound::Command(*command));
            }
            if bound.keys().any(|sequence| sequence.0.starts_with(keys)) {
                return Some(Bound::Prefix);
            }
        }
        None
    }

    /// The keys of a verb: the user's, else its own.
    #[must_use]
    pub fn verb_keys(&self, verb: &crate::model::verb::Verb) -> Vec<Sequence> {
        self.verbs.get(verb.id).cloned().unwrap_or_else(|| {
            verb.keys.iter().filter_map(|keys| keys.parse::<Key>().ok().map(|key| Sequence(vec![key]))).collect()
        })
    }

    /// The keys of a command, in its own scope.
    #[must_use]
    pub fn keys_of(&self, command: Command) -> Vec<&Sequence> {
        self.commands
            .get(&command.info().scope)
            .map(|bound| bound.iter().filter(|(_, other)| **other == command).map(|(sequence, _)| sequence).collect())
            .unwrap_or_default()
    }

    /// The first key of a command as the footer shows it.
    #[must_use]
    pub fn hint(&self, command: Command) -> Option<String> {
        let keys = self.keys_of(command);
        // a letter says more than an arrow
        keys.iter().min_by_key(|sequence| sequence.to_string().chars().count()).map(ToString::to_string)
    }

    /// What may follow `keys` here: the rest of the sequence and the command.
    #[must_use]
    pub fn continuations(&self, keys: &[Key], scopes: &[Scope]) -> Vec<(String, Command)> {
        scopes
            .iter()
            .filter_map(|scope| self.commands.get(scope))
            .flatten()
            .filter_map(|(sequence, command)| {
                let rest = sequence.0.strip_prefix(keys)?;
                (!rest.is_empty()).then(|| (Sequence(rest.to_vec()).to_string(), *command))
            })
            .collect()
    }

    /// Keys of verbs that clash with each other or with a command that works in tables.
    #[must_use]
    pub fn clashes(&self, panes: &[&Pane]) -> Vec<String> {
        let mut found = Vec::new();
        for pane in panes {
            let mut seen: BTreeMap<Sequence, &'static str> = BTreeMap::new();
            for verb in pane.verbs {
                for sequence in self.verb_keys(verb) {
                    for scope in [Scope::Table, Scope::Global] {
                        if let Some(command) = self.commands.get(&scope).and_then(|bound| bound.get(&sequence)) {
                            found.push(format!("{}: `{sequence}` is `{}` and `{command}`", pane.id, verb.id));
                        }
                    }
                    if let Some(other) = seen.insert(sequence.clone(), verb.id) {
                        found.push(format!("{}: `{sequence}` is `{}` and `{other}`", pane.id, verb.id));
                    }
                }
            }
        }
        found
    }

    /// Commands without any key, which only the palette reaches.
    #[must_use]
    pub fn unbound(&self) -> Vec<Command> {
        COMMANDS.iter().map(|info| info.command).filter(|command| self.keys_of(*command).is_empty()).collect()
    }
}

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
}

type Spanned = (Sequence, std::ops::Range<usize>);

impl Reader<'_> {
    fn error(&self, span: Option<std::ops::Range<usize>>, what: &str) -> KeymapError {
        let before = span.and_then(|span| self.text.get(..span.start)).unwrap_or("");
        KeymapError { file: self.file.to_owned(), line: before.matches('\n').count() + 1, what: what.to_owned() }
    }

    fn sequences(&self, keys: &toml::Spanned<DeValue<'_>>) -> Result<Vec<Spanned>, KeymapError> {
        match keys.get_ref() {
            DeValue::String(text) => Ok(vec![(self.sequence(text, keys.span())?, keys.span())]),
            DeValue::Array(list) => list
                .iter()
                .map(|item| match item.get_ref() {
                    DeValue::String(text) => Ok((self.sequence(text, item.span())?, item.span())),
                    _ => Err(self.error(Some(item.span()), "a key must be a text such as \"ctrl-p\"")),
                })
                .collect(),
            _ => Err(self.error(Some(keys.span()), "expected a key such as \"ctrl-p\", or a list of keys")),
        }
    }

    fn sequence(&self, text: &str, span: std::ops::Range<usize>) -> Result<Sequence, KeymapError> {
        let keys = text
            .split_whitespace()
            .map(|key| key.parse::<Key>().map_err(|error| self.error(Some(span.clone()), &error.to_string())))
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() {
            return Err(self.error(Some(span), "an empty key"));
        }
        Ok(Sequence(keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Key {
        text.parse().unwrap()
    }

    #[test]
    fn the_default_keymap_is_good() {
        let keymap = Keymap::load(None).unwrap();
        assert_eq!(
            keymap.find(&[key("j")], &[Scope::Table, Scope::Global], None),
            Some(Bound::Command(Command::RowNext))
        );
        assert_eq!(
            keymap.find(&[key("space")], &[Scope::Chart, Scope::Global], None),
            Some(Bound::Command(Command::SeriesToggle))
        );
    }

    #[test]
    fn an_unknown_command_names_file_line_and_what_is_allowed() {
        let error = Keymap::load(Some(("my.toml", "[table]\nmark = \"space\"\nmrak = \"x\"\n"))).unwrap_err();
        assert_eq!((error.file.as_str(), error.line), ("my.toml", 3));
        assert!(error.what.contains("no command `mrak`") && error.what.contains("mark.all"), "{error}");
    }

    #[test]
    fn a_misspelt_verb_names_file_line_and_the_verbs_that_there_are() {
        let error = Keymap::load(Some(("my.toml", "[verbs]\npromote = \"P\"\nrolback = \"B\"\n"))).unwrap_err();
        assert_eq!((error.file.as_str(), error.line), ("my.toml", 3));
        assert!(error.what.contains("no verb `rolback`") && error.what.contains("promote, rollback"), "{error}");
    }

    #[test]
    fn a_key_bound_twice_and_a_shadowed_prefix_are_errors() {
        let twice = Keymap::load(Some(("m", "[lines]\nwrap = \"x\"\nfollow = \"x\"\n"))).unwrap_err();
        assert!(twice.what.contains("bound twice"), "{twice}");
        let shadow = Keymap::load(Some(("m", "[lines]\nwrap = \"b\"\nfollow = \"b b\"\n"))).unwrap_err();
        assert!(shadow.what.contains("shadow"), "{shadow}");
    }

    #[test]
    fn a_sequence_waits_for_its_end() {
        let keymap = Keymap::load(Some(("m", "[global]\n\"row.first\" = \"g g\"\n"))).unwrap();
        assert_eq!(keymap.find(&[key("g")], &[Scope::Table, Scope::Global], None), Some(Bound::Prefix));
        assert_eq!(keymap.find(&[key("g"), key("g")], &[Scope::Global], None), Some(Bound::Command(Command::RowFirst)));
        assert_eq!(keymap.continuations(&[key("g")], &[Scope::Global]), vec![("g".to_owned(), Command::RowFirst)]);
    }
}
