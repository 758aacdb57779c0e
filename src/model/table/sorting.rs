//! By what a table is sorted.

use std::cmp::Ordering;

use crate::model::record::{Head, Row};

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
}

impl Sorting {
    pub(super) fn new(default: Option<Sort>, heads: &[Head]) -> Self {
        let mut sorting = Self { chosen: None, default, column: None };
        sorting.resolve(heads);
        sorting
    }

    pub(super) fn current(&self) -> Option<&Sort> {
        self.chosen.as_ref().or(self.default.as_ref())
    }

    /// Finds the column again, after the sort or the heads have changed.
    pub(super) fn resolve(&mut self, heads: &[Head]) {
        self.column = self.current().and_then(|sort| heads.iter().position(|head| head.id == sort.id));
    }

    pub(super) fn column(&self) -> Option<(usize, bool)> {
        Some((self.column?, self.current()?.descending))
    }

    /// Order of two rows: by the column, what has nothing there last whichever way, ties by key.
    pub(super) fn compare(&self, a: &Row, b: &Row) -> Ordering {
        let by_column = self.column().map_or(Ordering::Equal, |(column, descending)| {
            let (x, y) = (a.cell(column), b.cell(column));
            if descending && !x.sorts_last() && !y.sorts_last() { y.order(x) } else { x.order(y) }
        });
        by_column.then_with(|| a.key.cmp(&b.key))
    }
}
