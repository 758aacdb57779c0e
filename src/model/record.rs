//! Columns as data, rows, and the changes that bring them.
//!
//! A system keeps its typed records to itself; in its feed each becomes a [`Row`] of typed cells once. Everything
//! after that (tables, filters, export, screens) knows only rows.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::health::Health;
use super::id::{Key, PaneId, Ref};
use super::value::Value;

/// Where a cell's text stands in its column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// How wide a column may be, in terminal cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Width {
    /// Below this it is left out rather than shown.
    pub min: u16,
    /// It never grows beyond this; what is longer ends in `…`.
    pub max: u16,
}

/// A column's heading and how it behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Stable name for filters, `--columns`, JSON and CSV: lower case, words joined by `_`.
    pub id: Cow<'static, str>,
    /// Heading, shown in capitals.
    pub title: Cow<'static, str>,
    /// How wide it may be.
    pub width: Width,
    /// Which goes first when it gets narrow: 0 stays to the end, 9 is shown only in the wide form.
    pub tier: u8,
    /// Where its text stands.
    pub align: Align,
    /// Whether this cell is the row's state: its changes are transitions for the timeline.
    pub state: bool,
    /// A sentence on what it says and in which unit.
    pub help: &'static str,
}

impl Head {
    /// A column of words.
    #[must_use]
    pub const fn text(id: &'static str, title: &'static str, max: u16) -> Self {
        Self {
            id: Cow::Borrowed(id),
            title: Cow::Borrowed(title),
            width: Width { min: 4, max },
            tier: 1,
            align: Align::Left,
            state: false,
            help: "",
        }
    }

    /// A column of numbers or ages.
    #[must_use]
    pub const fn number(id: &'static str, title: &'static str, max: u16) -> Self {
        let mut head = Self::text(id, title, max);
        head.align = Align::Right;
        head
    }

    /// The same column with the tier `tier`.
    #[must_use]
    pub const fn tier(mut self, tier: u8) -> Self {
        self.tier = tier;
        self
    }

    /// The same column at least `min` cells wide.
    #[must_use]
    pub const fn min(mut self, min: u16) -> Self {
        self.width.min = min;
        self
    }

    /// The same column as the row's state.
    #[must_use]
    pub const fn as_state(mut self) -> Self {
        self.state = true;
        self
    }

    /// The same column with a sentence of help.
    #[must_use]
    pub const fn help(mut self, help: &'static str) -> Self {
        self.help = help;
        self
    }
}

/// A column over the typed record `T`.
pub struct Column<T> {
    /// Its heading.
    pub head: Head,
    /// Reads the cell.
    pub get: fn(&T) -> Value,
}

/// How a joined cell is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// This row refers to a row of the other pane, or has the same key there: show that row's cell.
    Forward,
    /// Rows of the other pane refer to this one: fold their cells.
    Backward(Fold),
}

/// How the cells of several rows become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// How many there are.
    Count,
    /// Their texts, joined by commas.
    List,
    /// Their sum.
    Sum,
    /// The cell with the largest number: the worst of several error ratios.
    Max,
}

/// A column that shows another pane's data, found by reference; no system knows the other.
#[derive(Debug, Clone)]
pub struct Join {
    /// Its heading in this pane.
    pub head: Head,
    /// The other pane.
    pub pane: PaneId,
    /// The other pane's column.
    pub column: &'static str,
    /// How the other row is found.
    pub way: Way,
}

/// A typed record that becomes a row.
pub trait Record: Sized + Send + Sync + 'static {
    /// The columns in their default order.
    fn columns() -> &'static [Column<Self>];
    /// What identifies it.
    fn key(&self) -> Key;
    /// The rows of other panes that it points to.
    fn refs(&self) -> Vec<Ref> {
        Vec::new()
    }
    /// The row as the screen knows it.
    fn row(&self) -> Arc<Row> {
        Arc::new(Row {
            key: self.key(),
            cells: Self::columns().iter().map(|column| (column.get)(self)).collect(),
            refs: self.refs().into(),
        })
    }
    /// The headings of the columns.
    #[must_use]
    fn heads() -> Arc<[Head]> {
        Self::columns().iter().map(|column| column.head.clone()).collect()
    }
}

/// One line of a table: typed cells in the order of the pane's heads. Shared and never changed.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// What identifies it within its pane.
    pub key: Key,
    /// The cells.
    pub cells: Box<[Value]>,
    /// The rows of other panes that it points to.
    pub refs: Box<[Ref]>,
}

impl Row {
    /// The cell of column `at`; nothing where the row is shorter.
    #[must_use]
    pub fn cell(&self, at: usize) -> &Value {
        self.cells.get(at).unwrap_or(&Value::None)
    }

    /// How well the row is: what its state in column `state` says, but no better than a warning where something measured
    /// is over its limit.
    #[must_use]
    pub fn health(&self, state: Option<usize>) -> Option<Health> {
        let over = self.cells.iter().any(|cell| match cell {
            Value::Spark(series) => series.limit.zip(series.last()).is_some_and(|(limit, last)| last > limit),
            _ => false,
        });
        let said = state.and_then(|at| self.cell(at).health());
        if over { Some(said.unwrap_or(Health::Warn).min(Health::Warn)) } else { said }
    }

    /// The first reference into `pane`.
    #[must_use]
    pub fn ref_into(&self, pane: PaneId) -> Option<&Ref> {
        self.refs.iter().find(|to| to.pane == pane)
    }
}

/// What a feed says about its pane.
#[derive(Debug, Clone)]
pub enum Change {
    /// A full list begins.
    Begin,
    /// This row is there now, new or changed.
    Upsert(Arc<Row>),
    /// This row is gone.
    Remove(Key),
    /// How much of a long list has come.
    More {
        /// Rows so far.
        done: usize,
        /// Rows in all, where known.
        of: Option<usize>,
    },
    /// The full list is over: what was not sent since `Begin` is gone.
    Complete,
    /// Columns that only the data tell.
    Heads(Arc<[Head]>),
    /// Alive, and nothing new.
    Beat,
    /// Something to say about the whole pane, such as that an answer is partial; an empty text takes it back.
    Note(Arc<str>),
}

/// What the screen gets of a pane at once, changes merged by key.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Rows that are new or changed.
    pub rows: Vec<Arc<Row>>,
    /// Rows that are gone.
    pub removed: Vec<Key>,
    /// New headings.
    pub heads: Option<Arc<[Head]>>,
    /// Rows that have come and, where known, rows in all, while a list is arriving.
    pub progress: Option<(usize, Option<usize>)>,
    /// A full list has come since the last batch.
    pub complete: bool,
    /// The system said something, even if nothing changed.
    pub beat: bool,
    /// A note on the whole pane; empty takes it back.
    pub note: Option<Arc<str>>,
}

/// What a batch did to one row.
#[derive(Debug, Clone)]
pub struct Touched {
    /// The row before, if there was one.
    pub old: Option<Arc<Row>>,
    /// The row now, if there is one.
    pub new: Option<Arc<Row>>,
}

/// The rows of a pane by key.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    by_key: HashMap<Key, Arc<Row>>,
    /// Whether a full list has come once.
    pub loaded: bool,
    /// How much of the first list has come.
    pub progress: Option<(usize, Option<usize>)>,
}

impl Rows {
    /// Applies a batch and says which rows it touched. Rows that are equal to what was there are not touched.
    pub fn apply(&mut self, batch: &Batch) -> Vec<Touched> {
        let mut touched = Vec::with_capacity(batch.rows.len() + batch.removed.len());
        for row in &batch.rows {
            let old = self.by_key.insert(row.key.clone(), Arc::clone(row));
            if old.as_ref().is_none_or(|old| !Arc::ptr_eq(old, row) && **old != **row) {
                touched.push(Touched { old, new: Some(Arc::clone(row)) });
            }
        }
        for key in &batch.removed {
            if let Some(old) = self.by_key.remove(key) {
                touched.push(Touched { old: Some(old), new: None });
            }
        }
        if batch.progress.is_some() {
            self.progress = batch.progress;
        }
        if batch.complete {
            self.loaded = true;
            self.progress = None;
        }
        touched
    }

    /// The row with this key.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Arc<Row>> {
        self.by_key.get(key)
    }

    /// Whether there is such a row.
    #[must_use]
    pub fn contains(&self, key: &Key) -> bool {
        self.by_key.contains_key(key)
    }

    /// All rows, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Row>> {
        self.by_key.values()
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: &str, cell: i64) -> Arc<Row> {
        Arc::new(Row { key: key.into(), cells: [Value::Int(cell)].into(), refs: [].into() })
    }

    #[test]
    fn an_equal_row_touches_nothing() {
        let mut rows = Rows::default();
        assert_eq!(rows.apply(&Batch { rows: vec![row("a", 1)], ..Batch::default() }).len(), 1);
        assert_eq!(rows.apply(&Batch { rows: vec![row("a", 1)], ..Batch::default() }).len(), 0);
        assert_eq!(rows.apply(&Batch { removed: vec!["a".into()], ..Batch::default() }).len(), 1);
        assert!(rows.is_empty());
    }
}
