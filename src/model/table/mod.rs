//! A table: the rows of a pane in an order, a cursor, marks, a sort and a filter.
//!
//! The cursor is a key, not an index. `TableModel::settle` is the only place that makes things right again after any
//! change (rows, sort, filter, size): the cursor's row stays on its line of the screen. If its row is gone, the key
//! stays what it was and nothing can be done to it until the operator moves.
//!
//! A change costs only its own rows: each is taken out and put in again by binary search. Does not belong here: how a
//! row is drawn, and what a key press means.

mod changes;
mod filter;
mod moves;
mod sorting;

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use self::filter::Filter;
pub use self::moves::Move;
pub use self::sorting::Sort;

use self::changes::Changes;
use self::sorting::Sorting;
use super::columns::Columns;
use super::health::Reason;
use super::id::Key;
use super::record::{Batch, Head, Row, Rows, Touched};

/// How the cursor's row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Anchor {
    /// It is there and shown: verbs may act on it.
    #[default]
    Held,
    /// It is there but the filter hides it.
    Filtered,
    /// It is gone.
    Vanished,
}

/// A table over the rows of one pane.
#[derive(Debug, Clone)]
pub struct TableModel {
    rows: Rows,
    /// What is shown while the view is frozen.
    frozen: Option<Rows>,
    held_back: usize,
    order: Vec<Arc<Row>>,
    cursor: Cursor,
    marks: BTreeSet<Key>,
    sorting: Sorting,
    filter: Filter,
    columns: Columns,
    changes: Changes,
    note: Option<Arc<str>>,
}

#[derive(Debug, Clone, Default)]
struct Cursor {
    key: Option<Key>,
    /// Index in the order.
    at: usize,
    /// Index of the first row on the screen.
    offset: usize,
    /// How many rows the screen has.
    page: usize,
    anchor: Anchor,
    /// Whether its row was the last one and is gone, so that the highlighted row stood above it.
    below: bool,
    /// Where the cursor was before a filter hid its row.
    home: Option<Key>,
}

impl TableModel {
    /// An empty table with these columns, sorted by `sort` unless the operator chooses otherwise, else by key.
    #[must_use]
    pub fn new(heads: Arc<[Head]>, sort: Option<Sort>) -> Self {
        Self {
            rows: Rows::default(),
            frozen: None,
            held_back: 0,
            order: Vec::new(),
            cursor: Cursor { page: 1, ..Cursor::default() },
            marks: BTreeSet::new(),
            sorting: Sorting::new(sort, &heads),
            filter: Filter::default(),
            columns: Columns::new(heads),
            changes: Changes::default(),
            note: None,
        }
    }

    /// Takes in what a feed brought; says whether anything that is shown may have changed.
    pub fn apply(&mut self, batch: &Batch, now: DateTime<Utc>) -> bool {
        let (loaded, progress) = (self.rows.loaded, self.rows.progress);
        let touched = self.rows.apply(batch);
        let mut dirty = loaded != self.rows.loaded || progress != self.rows.progress;
        if let Some(note) = &batch.note {
            let note = Some(Arc::clone(note)).filter(|note| !note.is_empty());
            dirty |= self.note != note;
            self.note = note;
        }
        let heads = batch.heads.as_ref().filter(|heads| *heads != self.columns.heads());
        if let Some(heads) = heads {
            self.columns.set_heads(Arc::clone(heads));
            self.sorting.resolve(heads);
            self.filter.read(heads);
            self.changes.clear();
            self.rebuild(now);
        } else if self.frozen.is_some() {
            self.held_back += touched.len();
        } else {
            if loaded {
                self.changes.note(&touched, now);
            }
            self.change(&touched, now);
        }
        self.settle();
        dirty || heads.is_some() || !touched.is_empty()
    }

    /// Lets time pass: a filter by age may match other rows, marks of changes end. Says whether something changed.
    pub fn tick(&mut self, now: DateTime<Utc>) -> bool {
        let forgot = self.changes.forget(now);
        if !self.filter.query().is_time_dependent() {
            return forgot;
        }
        let before: Vec<Key> = self.order.iter().map(|row| row.key.clone()).collect();
        self.rebuild(now);
        self.settle();
        forgot || before.len() != self.order.len() || before.iter().zip(&self.order).any(|(key, row)| *key != row.key)
    }

    /// Brings the touched rows to where they belong.
    fn change(&mut self, touched: &[Touched], now: DateTime<Utc>) {
        if touched.len() > 32 + self.order.len() / 16 {
            return self.merge(touched, now);
        }
        for Touched { old, new } in touched {
            // looked for where it was, never asked whether it would have matched: `age<2h` drifts
            let from = old.as_ref().and_then(|old| self.search(old).ok());
            let new = new.as_ref().filter(|new| self.filter.query().matches(new, now));
            match (from.and_then(|at| self.order.get_mut(at).map(|slot| (at, slot))), new) {
                (Some((_, slot)), Some(new)) if self.sorting.compare(slot, new).is_eq() => *slot = Arc::clone(new),
                (Some((at, _)), new) => {
                    self.order.remove(at);
                    self.insert(new);
                }
                (None, new) => self.insert(new),
            }
        }
    }

    fn insert(&mut self, row: Option<&Arc<Row>>) {
        let Some(row) = row else { return };
        if let Err(at) = self.search(row) {
            self.order.insert(at, Arc::clone(row));
        }
    }

    /// The same for many rows at once: out with the old ones, the new ones sorted in.
    fn merge(&mut self, touched: &[Touched], now: DateTime<Utc>) {
        let keys: HashSet<&Key> =
            touched.iter().filter_map(|it| it.new.as_ref().or(it.old.as_ref()).map(|row| &row.key)).collect();
        self.order.retain(|row| !keys.contains(&row.key));
        let mut new: Vec<Arc<Row>> = keys
            .into_iter()
            .filter_map(|key| self.rows.get(key))
            .filter(|row| self.filter.query().matches(row, now))
            .cloned()
            .collect();
        new.sort_unstable_by(|a, b| self.sorting.compare(a, b));
        self.order.append(&mut new);
        // two sorted runs: the stable sort merges them in one pass
        self.order.sort_by(|a, b| self.sorting.compare(a, b));
    }

    /// Sorts and filters all rows anew.
    fn rebuild(&mut self, now: DateTime<Utc>) {
        let query = self.filter.query();
        let source = self.frozen.as_ref().unwrap_or(&self.rows);
        self.order = source.iter().filter(|row| query.matches(row, now)).cloned().collect();
        self.order.sort_unstable_by(|a, b| self.sorting.compare(a, b));
    }

    fn search(&self, row: &Row) -> Result<usize, usize> {
        self.order.binary_search_by(|other| self.sorting.compare(other, row))
    }

    fn position(&self, key: &Key) -> Option<usize> {
        self.search(self.source().get(key)?).ok()
    }

    /// The rows that the order is made of.
    fn source(&self) -> &Rows {
        self.frozen.as_ref().unwrap_or(&self.rows)
    }

    /// Makes cursor and scroll right again after any change.
    fn settle(&mut self) {
        let (length, page) = (self.order.len(), self.cursor.page.max(1));
        let line = self.cursor.at.saturating_sub(self.cursor.offset).min(page - 1);
        let found = self.cursor.key.as_ref().map(|key| (self.position(key), self.rows.contains(key)));
        let cursor = &mut self.cursor;
        match found {
            Some((Some(at), there)) => {
                cursor.at = at;
                cursor.below = false;
                // a frozen view still shows what is gone
                cursor.anchor = if there { Anchor::Held } else { Anchor::Vanished };
            }
            Some((None, there)) => {
                cursor.below = cursor.at >= length || cursor.below && cursor.at + 1 == length;
                cursor.at = cursor.at.min(length.saturating_sub(1));
                cursor.anchor = if there { Anchor::Filtered } else { Anchor::Vanished };
            }
            None => {
                cursor.at = 0;
                // not before the first list is complete, or the first row to arrive drags the cursor along
                if self.rows.loaded {
                    cursor.key = self.order.first().map(|row| row.key.clone());
                }
                cursor.anchor = Anchor::Held;
            }
        }
        cursor.offset = cursor.at.saturating_sub(line).min(length.saturating_sub(page));
    }

    /// All rows as they are now, shown or not.
    #[must_use]
    pub fn rows(&self) -> &Rows {
        &self.rows
    }

    /// The rows that match, in order.
    #[must_use]
    pub fn order(&self) -> &[Arc<Row>] {
        &self.order
    }

    /// The rows on the screen.
    #[must_use]
    pub fn visible(&self) -> &[Arc<Row>] {
        let from = self.cursor.offset.min(self.order.len());
        let to = from.saturating_add(self.cursor.page).min(self.order.len());
        self.order.get(from..to).unwrap_or_default()
    }

    /// How many rows match the filter, and how many there are.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.order.len(), self.source().len())
    }

    /// What the feed says about the whole pane, such as that its answer is partial.
    #[must_use]
    pub fn note(&self) -> Option<&Arc<str>> {
        self.note.as_ref()
    }

    /// The columns.
    #[must_use]
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The columns, to choose among them.
    pub fn columns_mut(&mut self) -> &mut Columns {
        &mut self.columns
    }

    /// Widens columns to what the visible rows need. To be called before a frame, when something changed.
    pub fn measure(&mut self, now: DateTime<Utc>) {
        let from = self.cursor.offset.min(self.order.len());
        let to = from.saturating_add(self.cursor.page).min(self.order.len());
        self.columns.measure(self.order.get(from..to).unwrap_or_default(), now);
    }

    /// Whether this cell changed within the last second.
    #[must_use]
    pub fn changed(&self, key: &Key, column: usize, now: DateTime<Utc>) -> bool {
        self.changes.contains(key, column, now)
    }

    /// When the next mark of a change is over and has to be drawn away.
    #[must_use]
    pub fn next_change_expiry(&self) -> Option<DateTime<Utc>> {
        self.changes.next_expiry()
    }

    /// The row that verbs act on, as it is now: nothing while the cursor's row is gone or hidden.
    #[must_use]
    pub fn current(&self) -> Option<&Arc<Row>> {
        let key = self.cursor.key.as_ref().filter(|_| self.cursor.anchor == Anchor::Held)?;
        self.rows.get(key)
    }

    /// Why verbs are off, if the cursor does not hold its row.
    #[must_use]
    pub fn why_off(&self) -> Option<Reason> {
        let key = self.cursor.key.as_ref();
        match (self.cursor.anchor, key) {
            (Anchor::Held, Some(_)) => None,
            (Anchor::Held, None) if !self.rows.loaded => {
                Some(Reason("the list is still loading, try again in a moment".into()))
            }
            (Anchor::Held, None) => Some(Reason("there is no row here".into())),
            (Anchor::Filtered, key) => {
                Some(Reason(format!("{} no longer matches the filter", key.map_or("it", Key::as_str))))
            }
            (Anchor::Vanished, key) => Some(Reason(format!("{} is gone", key.map_or("it", Key::as_str)))),
        }
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
