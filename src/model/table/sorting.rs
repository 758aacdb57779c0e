//! By what a table is sorted.

use std::cmp::Ordering;

use crate::model::record::{Head, Row};
use crate::model::value::natural;

/// By which column a table is sorted, and which way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sort {
    /// The column's id.
    pub id: String,
    /// From the largest to the smallest.
    pub descending: bool,
}

impl Sort {
    /// A sort by the column `id`.
    #[must_use]
    pub fn by(id: &str, descending: bool) -> Self {
        Self { id: id.to_owned(), descending }
    }
}

/// The sort in force, the default to return to, and the column that it means in the heads of now.
#[derive(Debug, Clone, Default)]
pub(super) struct Sorting {
    pub(super) chosen: Option<Sort>,
    pub(super) default: Option<Sort>,
    column: Option<usize>,
    /// Whether that column is the row's state, so that rows are sorted by how well they are.
    state: bool,
}

impl Sorting {
    pub(super) fn new(default: Option<Sort>, heads: &[Head]) -> Self {
        let mut sorting = Self { chosen: None, default, column: None, state: false };
        sorting.resolve(heads);
        sorting
    }

    pub(super) fn current(&self) -> Option<&Sort> {
        self.chosen.as_ref().or(self.default.as_ref())
    }

    /// Finds the column again, after the sort or the heads have changed.
    pub(super) fn resolve(&mut self, heads: &[Head]) {
        self.column = self.current().and_then(|sort| heads.iter().position(|head| head.id == sort.id));
        self.state = self.column.and_then(|at| heads.get(at)).is_some_and(|head| head.state);
    }

    pub(super) fn column(&self) -> Option<(usize, bool)> {
        Some((self.column?, self.current()?.descending))
    }

    /// Order of two rows: by the column, what has nothing there last whichever way, ties by key, `v9` before `v10`.
    pub(super) fn compare(&self, a: &Row, b: &Row) -> Ordering {
        let by_column = self.column().map_or(Ordering::Equal, |(column, descending)| {
            let (x, y) = (a.cell(column), b.cell(column));
            // the health that the row shows: a state that is well is not when a limit is passed
            let by_health = if self.state && !x.sorts_last() && !y.sorts_last() {
                a.health(self.column).cmp(&b.health(self.column))
            } else {
                Ordering::Equal
            };
            let order = by_health.then_with(|| x.order(y));
            if descending && !x.sorts_last() && !y.sorts_last() { order.reverse() } else { order }
        });
        by_column.then_with(|| natural(a.key.as_str(), b.key.as_str()))
    }
}
