//! What the operator does to a table: moves, marks, sorts, freezes.

use chrono::{DateTime, Utc};

use super::{Anchor, Sort, TableModel};
use crate::model::id::Key;

/// A move of the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Move {
    /// Rows down, or up if negative.
    By(isize),
    /// A page down, or up if negative.
    Page(isize),
    /// To the first row.
    First,
    /// To the last row.
    Last,
    /// To the row with this index in the order.
    To(usize),
    /// Scrolls; the cursor stays unless it would leave the screen.
    Scroll(isize),
}

impl TableModel {
    /// Moves the cursor; only this gives it another row.
    pub fn go(&mut self, to: Move) {
        let Some(last) = self.order.len().checked_sub(1) else { return };
        let page = self.cursor.page.max(1);
        let at = self.cursor.at.min(last);
        let pages = |count: isize| count.saturating_mul(isize::try_from(page).unwrap_or(isize::MAX));
        let target = match to {
            // a row that is gone stood between its neighbours: one step leads to the one that took its place
            Move::By(rows) if self.is_lost() && rows > 0 && !self.cursor.below => at.saturating_add_signed(rows - 1),
            Move::By(rows) if self.is_lost() && rows < 0 && self.cursor.below => at.saturating_add_signed(rows + 1),
            Move::By(rows) => at.saturating_add_signed(rows),
            Move::Page(count) => at.saturating_add_signed(pages(count)),
            Move::First => 0,
            Move::Last => last,
            Move::To(index) => index,
            Move::Scroll(rows) => {
                let bottom = self.order.len().saturating_sub(page);
                self.cursor.offset = self.cursor.offset.saturating_add_signed(rows).min(bottom);
                let clamped = at.clamp(self.cursor.offset, self.cursor.offset + page - 1);
                if clamped == at {
                    return;
                }
                clamped
            }
        };
        self.cursor.at = target.min(last);
        self.cursor.key = self.order.get(self.cursor.at).map(|row| row.key.clone());
        self.cursor.home = None;
        self.cursor.anchor = Anchor::Held;
        self.cursor.below = false;
        let lowest = self.cursor.at.saturating_sub(page - 1);
        self.cursor.offset = self.cursor.offset.clamp(lowest, self.cursor.at);
        self.settle();
    }

    /// Stays on the cursor's row, as something was done with it: it does not go back to where it was before the filter.
    pub fn stay(&mut self) {
        self.cursor.home = None;
    }

    /// Whether the cursor's row is not among those shown.
    fn is_lost(&self) -> bool {
        self.cursor.key.as_ref().is_some_and(|key| self.position(key).is_none())
    }

    /// Puts the cursor on the row with this key; says whether it is shown. A row that is not there yet is waited for.
    pub fn jump(&mut self, key: &Key) -> bool {
        let found = self.position(key);
        if let Some(at) = found {
            self.go(Move::To(at));
        } else {
            self.cursor.key = Some(key.clone());
            self.cursor.home = None;
            self.settle();
        }
        found.is_some()
    }

    /// Tells how many rows the screen has.
    pub fn resize(&mut self, page: usize) {
        if self.cursor.page != page {
            self.cursor.page = page;
            self.settle();
        }
    }

    /// The cursor's key, even if its row is gone.
    #[must_use]
    pub fn cursor(&self) -> Option<&Key> {
        self.cursor.key.as_ref()
    }

    /// The index of the highlighted row in the order.
    #[must_use]
    pub fn cursor_index(&self) -> usize {
        self.cursor.at
    }

    /// The index of the first row on the screen.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.cursor.offset
    }

    /// How many rows the screen has.
    #[must_use]
    pub fn page(&self) -> usize {
        self.cursor.page
    }

    /// How the cursor's row stands.
    #[must_use]
    pub fn anchor(&self) -> Anchor {
        self.cursor.anchor
    }

    /// Marks the cursor's row, or takes its mark away.
    pub fn toggle_mark(&mut self) {
        let Some(key) = self.current().map(|row| row.key.clone()) else { return };
        if !self.marks.remove(&key) {
            self.marks.insert(key);
        }
    }

    /// Marks every row that matches the filter.
    pub fn mark_shown(&mut self) {
        self.marks.extend(self.order.iter().map(|row| row.key.clone()));
    }

    /// Takes all marks away.
    pub fn clear_marks(&mut self) {
        self.marks.clear();
    }

    /// Whether the row is marked.
    #[must_use]
    pub fn is_marked(&self, key: &Key) -> bool {
        self.marks.contains(key)
    }

    /// The marked keys, in order, also of rows that are hidden or gone.
    #[must_use]
    pub fn marks(&self) -> impl ExactSizeIterator<Item = &Key> {
        self.marks.iter()
    }

    /// What a verb acts on: the marked keys (some may be gone), else the cursor's row.
    #[must_use]
    pub fn targets(&self) -> Vec<Key> {
        if self.marks.is_empty() {
            self.current().map(|row| row.key.clone()).into_iter().collect()
        } else {
            self.marks.iter().cloned().collect()
        }
    }

    /// The column that the rows are sorted by and whether it is descending; nothing if they are sorted by key.
    #[must_use]
    pub fn sort(&self) -> Option<(usize, bool)> {
        self.sorting.column()
    }

    /// Sorts otherwise, or in the pane's own way.
    pub fn set_sort(&mut self, sort: Option<Sort>) {
        if self.sorting.chosen == sort {
            return;
        }
        self.sorting.chosen = sort;
        self.sorting.resolve(self.columns.heads());
        self.order.sort_unstable_by(|a, b| self.sorting.compare(a, b));
        self.settle();
    }

    /// Sorts by the chosen column; if it is sorted by it already, the other way round; then in the pane's own way.
    pub fn sort_by_selected(&mut self) {
        let Some(id) = self.columns.heads().get(self.columns.selected()).map(|head| head.id.clone()) else { return };
        let next = match &self.sorting.chosen {
            Some(sort) if sort.id == id && sort.descending => None,
            Some(sort) if sort.id == id => Some(Sort::by(&id, true)),
            _ => Some(Sort::by(&id, false)),
        };
        self.set_sort(next);
    }

    /// Holds the rows as they are shown, or lets them go on. Data keep coming meanwhile.
    pub fn set_frozen(&mut self, frozen: bool, now: DateTime<Utc>) {
        if frozen == self.is_frozen() {
            return;
        }
        self.frozen = frozen.then(|| self.rows.clone());
        self.held_back = 0;
        if !frozen {
            self.rebuild(now);
        }
        self.settle();
    }

    /// Whether the rows are held.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// How many changes came since the rows were frozen.
    #[must_use]
    pub fn held_back(&self) -> usize {
        self.held_back
    }
}
