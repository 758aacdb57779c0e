//! What the screen needs to know of a system: its panes, its views, and what can be done to its rows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::health::Reason;
use super::id::{PaneId, SystemId, ViewId};
use super::record::{Head, Join, Row};

/// How much harm a verb can do; decides how it is confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Easily taken back.
    Low,
    /// Customers may notice.
    Medium,
    /// Can't be taken back, or touches everything: the name has to be typed everywhere.
    Danger,
}

/// What this login may do: answers of access reviews, by right.
///
/// A right that was not asked for is taken as given: the server decides.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rights {
    known: BTreeMap<String, Result<(), String>>,
}

impl Rights {
    /// Remembers whether `right` (such as `patch inferenceservices`) is there and, if not, why.
    pub fn set(&mut self, right: &str, given: Result<(), String>) {
        self.known.insert(right.to_owned(), given);
    }

    /// Whether the right is there, or the reason why not.
    pub fn check(&self, right: &str) -> Result<(), Reason> {
        match self.known.get(right) {
            Some(Err(why)) if why.is_empty() => Err(Reason(format!("needs the right to {right}"))),
            Some(Err(why)) => Err(Reason(format!("needs the right to {right} ({why})"))),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Takes over all that `other` knows.
    pub fn merge(&mut self, other: Self) {
        self.known.extend(other.known);
    }
}

/// Something that can be done to a row.
#[derive(Debug, Clone, Copy)]
pub struct Verb {
    /// Its name on the command line, in the palette and in the journal: `promote`, `rollback`, `canary`.
    pub id: &'static str,
    /// What the footer says: `promote`, `roll back`.
    pub label: &'static str,
    /// A sentence for the help.
    pub help: &'static str,
    /// Default keys, in keymap notation.
    pub keys: &'static [&'static str],
    /// How much harm it can do.
    pub risk: Risk,
    /// Whether it can run on this row (cells in the order of the pane's heads), or why not.
    pub ready: fn(&Row, &Rights) -> Result<(), Reason>,
}

/// A kind of rows, or of lines, that a system offers.
#[derive(Debug, Clone, Copy)]
pub struct Pane {
    /// Its name, unique over all systems.
    pub id: PaneId,
    /// The system that it belongs to.
    pub system: SystemId,
    /// Its title: `Endpoints`.
    pub title: &'static str,
    /// What one row is called: `endpoint`.
    pub noun: &'static str,
    /// The headings, in the default order.
    pub heads: fn() -> std::sync::Arc<[Head]>,
    /// Columns that come from other panes, after the own ones.
    pub joins: fn() -> Vec<Join>,
    /// What can be done to its rows.
    pub verbs: &'static [Verb],
    /// What Enter opens on a row; `None` if there is nothing more to see.
    pub detail: Option<ViewId>,
    /// The default sort: column and whether it is descending.
    pub sort: Option<(&'static str, bool)>,
    /// Whether rows come by themselves (a feed of the system), or only when an object is opened.
    pub standing: bool,
}

impl Pane {
    /// Whether it lists objects of its system that can be opened.
    #[must_use]
    pub fn is_list(&self) -> bool {
        self.standing && self.detail.is_some()
    }
}

/// How a section is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Rows in columns, with a cursor.
    Table,
    /// The cells of rows as headings and values; a pane of facts has the columns `name` and `value`, a row each.
    Facts,
    /// Lines over time: a row each, with a spark cell.
    Series,
    /// Text with folds, such as YAML.
    Text,
    /// Lines that go on coming.
    Log,
}

/// A part of a view, bound to a pane.
#[derive(Debug, Clone, Copy)]
pub struct Section {
    /// The pane whose rows or lines it shows.
    pub pane: PaneId,
    /// How they are drawn.
    pub kind: Kind,
    /// The share of the height that it gets, against the other sections; 0 takes just what it needs.
    pub weight: u16,
}

/// A screen as data.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// Its name.
    pub id: ViewId,
    /// Its title in the tabs.
    pub title: &'static str,
    /// The digit that leads to it, for the views of the tabs.
    pub key: Option<char>,
    /// Its sections, from above.
    pub sections: &'static [Section],
}
