//! Which columns a table shows, in which order and how wide.
//!
//! Belongs here: what the operator chose (order, hidden, wide, the chosen column) and the fitting of columns into a
//! width. Does not belong here: rows, and how a cell is drawn.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use unicode_width::UnicodeWidthStr;

use super::record::{Align, Head, Row};
use super::value::Value;

/// Blanks between two columns.
pub const GAP: u16 = 2;
/// Columns of this tier are shown only in the wide form.
pub const WIDE_TIER: u8 = 9;
/// Words are cut to this width before another column is given up.
const READABLE: u16 = 10;
/// From this width on there is room elsewhere: the name is cut only where it takes more than its share.
const SPACIOUS: u16 = 100;
/// The share of the name in a table that has room.
const NAME_SHARE: u16 = 3;

/// The columns of a table.
#[derive(Debug, Clone)]
pub struct Columns {
    heads: Arc<[Head]>,
    /// Indices of all heads in the operator's order.
    order: Vec<usize>,
    hidden: BTreeSet<usize>,
    selected: usize,
    wide: bool,
    /// The widest text seen in each column, so that columns do not change with every row that scrolls by.
    widths: Vec<u16>,
}

impl Columns {
    /// All of `heads`, in their order.
    #[must_use]
    pub fn new(heads: Arc<[Head]>) -> Self {
        let count = heads.len();
        let order = (0..count).collect();
        Self { heads, order, hidden: BTreeSet::new(), selected: 0, wide: false, widths: vec![0; count] }
    }

    /// The headings by column index, as rows have their cells.
    #[must_use]
    pub fn heads(&self) -> &Arc<[Head]> {
        &self.heads
    }

    /// Takes other headings; what the operator chose stays with the ids. New ones stand where the pane puts them.
    pub fn set_heads(&mut self, heads: Arc<[Head]>) {
        let index = |old: usize| self.heads.get(old).and_then(|was| heads.iter().position(|head| head.id == was.id));
        let mut order: Vec<usize> = self.order.iter().filter_map(|old| index(*old)).collect();
        for new in 0..heads.len() {
            if !order.contains(&new) {
                let at = new.checked_sub(1).and_then(|before| order.iter().position(|it| *it == before));
                order.insert(at.map_or(0, |before| before + 1), new);
            }
        }
        let mut widths = vec![0; heads.len()];
        for (old, width) in self.widths.iter().enumerate() {
            if let Some(slot) = index(old).and_then(|new| widths.get_mut(new)) {
                *slot = *width;
            }
        }
        self.hidden = self.hidden.iter().filter_map(|old| index(*old)).collect();
        self.selected = index(self.selected).unwrap_or(0);
        (self.heads, self.order, self.widths) = (heads, order, widths);
    }

    /// The index of the column with this id.
    #[must_use]
    pub fn index(&self, id: &str) -> Option<usize> {
        self.heads.iter().position(|head| head.id == id)
    }

    /// The columns to show, in order, if there is room: not the hidden ones, those of the last tier only in the wide form.
    #[must_use]
    pub fn shown(&self) -> Vec<usize> {
        let wanted = |index: &usize| {
            !self.hidden.contains(index)
                && self.heads.get(*index).is_some_and(|head| self.wide || head.tier < WIDE_TIER)
        };
        self.order.iter().copied().filter(wanted).collect()
    }

    /// All columns in the operator's order with whether each is hidden, for a dialog that chooses.
    pub fn all(&self) -> impl Iterator<Item = (usize, bool)> {
        self.order.iter().map(|index| (*index, self.hidden.contains(index)))
    }

    /// Shows exactly the columns with these ids, in this order; returns the first id that there is not.
    pub fn choose<'a>(&mut self, ids: &[&'a str]) -> Result<(), &'a str> {
        let mut order = Vec::with_capacity(self.heads.len());
        for id in ids {
            let index = self.index(id).ok_or(*id)?;
            if !order.contains(&index) {
                order.push(index);
            }
        }
        let rest: Vec<usize> = (0..self.heads.len()).filter(|index| !order.contains(index)).collect();
        self.hidden = rest.iter().copied().collect();
        order.extend(rest);
        self.order = order;
        Ok(())
    }

    /// Hides the column, or shows it again.
    pub fn toggle(&mut self, index: usize) {
        if index < self.heads.len() && !self.hidden.remove(&index) {
            self.hidden.insert(index);
        }
    }

    /// Moves the chosen column one place to the left or, if `right`, to the right.
    pub fn shift(&mut self, right: bool) {
        let Some(from) = self.order.iter().position(|index| *index == self.selected) else { return };
        let to = if right { from + 1 } else { from.wrapping_sub(1) };
        if to < self.order.len() {
            self.order.swap(from, to);
        }
    }

    /// The chosen column.
    #[must_use]
    pub fn selected(&self) -> usize {
        self.selected
    }

    /// Chooses the next column to the left or, if `right`, to the right.
    pub fn select_next(&mut self, right: bool) {
        let shown = self.shown();
        let at = shown.iter().position(|index| *index == self.selected);
        let to = match at {
            Some(at) if right => (at + 1).min(shown.len().saturating_sub(1)),
            Some(at) => at.saturating_sub(1),
            None => 0,
        };
        self.selected = shown.get(to).copied().unwrap_or(0);
    }

    /// Chooses a column by its index.
    pub fn select(&mut self, index: usize) {
        if index < self.heads.len() {
            self.selected = index;
        }
    }

    /// Whether the wide form is on.
    #[must_use]
    pub fn is_wide(&self) -> bool {
        self.wide
    }

    /// Turns the wide form on or off.
    pub fn set_wide(&mut self, wide: bool) {
        self.wide = wide;
    }

    /// Widens columns to what these rows need; columns never become narrower by it, so that nothing jumps.
    pub fn measure(&mut self, rows: &[Arc<Row>], now: DateTime<Utc>) {
        for row in rows {
            for ((width, cell), head) in self.widths.iter_mut().zip(&row.cells).zip(self.heads.iter()) {
                if *width < head.width.max {
                    *width = natural_width(cell, head, now).max(*width);
                }
            }
        }
    }

    /// Forgets what was measured, after a new filter.
    pub fn forget_widths(&mut self) {
        self.widths.fill(0);
    }

    /// The columns that fit into `total` cells and their widths, in order, [`GAP`] blanks between them.
    #[must_use]
    pub fn fit(&self, total: u16) -> Vec<(usize, u16)> {
        // a column in which no row has anything is none that anybody would read
        let measured = self.widths.iter().any(|width| *width > 0);
        let empty = |at: &usize| {
            let head = self.heads.get(*at);
            measured && self.widths.get(*at) == Some(&0) && head.is_some_and(|head| head.tier > 0)
        };
        let shown: Vec<usize> = self.shown().into_iter().filter(|at| !empty(at)).collect();
        fit(&self.heads, &shown, &self.widths, total)
    }
}

/// The width that a cell wants: a state has its glyph before the word, a line takes all it can get.
fn natural_width(cell: &Value, head: &Head, now: DateTime<Utc>) -> u16 {
    let text = |text: &str| u16::try_from(text.width()).unwrap_or(u16::MAX);
    match cell {
        Value::None => 0,
        Value::Spark(_) => head.width.max,
        Value::Text(words) => text(words),
        Value::Link(link) => text(&link.words),
        Value::State(state) => text(&state.word).saturating_add(2),
        Value::Pair(pair) => {
            let (first, second) = (natural_width(&pair.0, head, now), natural_width(&pair.1, head, now));
            first.saturating_add(second).saturating_add(u16::from(second > 0))
        }
        _ => text(&cell.show(now)),
    }
}

/// Chooses which of the columns `shown` (indices into `heads`, in order) fit into `total` cells, and how wide each is.
///
/// Columns of the highest tier go first, from the right; those of tier 0 stay and shrink. What room is left goes to
/// those of the lowest tier first, up to what their rows need (`widths`).
#[must_use]
pub fn fit(heads: &[Head], shown: &[usize], widths: &[u16], total: u16) -> Vec<(usize, u16)> {
    let mut columns: Vec<Fitted> = shown
        .iter()
        .filter_map(|index| Some(Fitted::new(*index, heads.get(*index)?, widths.get(*index).copied().unwrap_or(0))))
        .collect();
    // what is looked for comes first: the name gets what it needs before others get a place
    if total >= SPACIOUS
        && let Some(name) = columns.iter_mut().find(|it| it.is_name)
    {
        name.width = name.want.min(total / NAME_SHARE).max(name.width);
    }
    while needed(&columns) > u32::from(total) {
        let last_of_highest =
            columns.iter().enumerate().filter(|(_, it)| it.tier > 0).max_by_key(|(at, it)| (it.tier, *at));
        match last_of_highest.map(|(at, _)| at) {
            Some(at) => {
                columns.remove(at);
            }
            None => break,
        }
    }
    // only what stays to the end is left: it shrinks below what reads well, then the right ones go
    if needed(&columns) > u32::from(total) {
        for column in &mut columns {
            column.width = column.least;
        }
    }
    while columns.len() > 1 && needed(&columns) > u32::from(total) {
        columns.pop();
    }
    if let [only] = columns.as_mut_slice() {
        only.width = only.width.min(total);
    }
    grow(&mut columns, total);
    columns.into_iter().filter(|column| column.width > 0).map(|column| (column.index, column.width)).collect()
}

struct Fitted {
    index: usize,
    tier: u8,
    is_name: bool,
    least: u16,
    width: u16,
    want: u16,
}

impl Fitted {
    fn new(index: usize, head: &Head, measured: u16) -> Self {
        let title = u16::try_from(head.title.width()).unwrap_or(u16::MAX);
        let want = measured.max(title).min(head.width.max.max(title));
        let width = match head.align {
            // half a number is a lie
            Align::Right => want,
            Align::Left => want.min(READABLE.max(head.width.min)),
        };
        let is_name = head.tier == 0 && head.align == Align::Left && !head.state;
        Self { index, tier: head.tier, is_name, least: head.width.min.min(width), width, want }
    }
}

fn needed(columns: &[Fitted]) -> u32 {
    let gaps = u32::try_from(columns.len().saturating_sub(1)).unwrap_or(u32::MAX).saturating_mul(GAP.into());
    columns.iter().map(|column| u32::from(column.width)).sum::<u32>().saturating_add(gaps)
}

/// Gives what is left of `total` to the columns, lowest tier first, one cell each in turn.
fn grow(columns: &mut [Fitted], total: u16) {
    let mut left = u32::from(total).saturating_sub(needed(columns));
    let mut tiers: Vec<u8> = columns.iter().map(|column| column.tier).collect();
    tiers.sort_unstable();
    tiers.dedup();
    for tier in tiers {
        let mut grew = true;
        while left > 0 && grew {
            grew = false;
            for column in columns.iter_mut().filter(|it| it.tier == tier && it.width < it.want) {
                if left > 0 {
                    column.width += 1;
                    left -= 1;
                    grew = true;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads() -> Arc<[Head]> {
        Arc::new([
            Head::text("name", "name", 40).tier(0).min(8),
            Head::text("why", "why", 60).tier(3),
            Head::number("p99", "p99", 8).tier(1),
            Head::number("age", "age", 5).tier(2),
            Head::text("digest", "digest", 12).tier(9),
        ])
    }

    const WIDTHS: [u16; 5] = [24, 40, 7, 3, 12];

    fn ids(fitted: &[(usize, u16)]) -> Vec<usize> {
        fitted.iter().map(|(index, _)| *index).collect()
    }

    #[test]
    fn with_room_for_all_each_column_is_as_wide_as_its_rows_need() {
        assert_eq!(fit(&heads(), &[0, 1, 2, 3], &WIDTHS, 200), [(0, 24), (1, 40), (2, 7), (3, 3)]);
    }

    #[test]
    fn the_highest_tier_goes_first_and_the_lowest_stays() {
        let at = |total| ids(&fit(&heads(), &[0, 1, 2, 3], &WIDTHS, total));
        assert_eq!(at(60), [0, 1, 2, 3]);
        assert_eq!(at(30), [0, 2, 3]);
        assert_eq!(at(20), [0, 2]);
        assert_eq!(at(12), [0]);
        assert_eq!(fit(&heads(), &[0, 1, 2, 3], &WIDTHS, 3), [(0, 3)]);
        assert_eq!(fit(&heads(), &[0, 1], &WIDTHS, 0), []);
    }

    #[test]
    fn where_there_is_room_the_name_is_whole_before_others_get_a_place() {
        let heads = [
            Head::text("ready", "ready", 12).as_state().tier(0),
            Head::text("name", "name", 80).tier(0),
            Head::text("why", "why", 90).tier(3).min(70),
            Head::number("p99", "p99", 8).tier(1),
        ];
        assert_eq!(fit(&heads, &[0, 1, 2, 3], &[8, 30, 90, 7], 120), [(0, 8), (1, 30), (3, 7)]);
        let long = fit(&heads, &[0, 1, 2, 3], &[8, 80, 90, 7], 150);
        assert_eq!(ids(&long), [0, 1, 2, 3], "it takes no more than its share: {long:?}");
    }

    #[test]
    fn a_row_of_columns_is_never_wider_than_the_table() {
        for total in 0..200 {
            let fitted = fit(&heads(), &[3, 1, 0, 2, 4], &WIDTHS, total);
            let gaps = u16::try_from(fitted.len().saturating_sub(1)).unwrap() * GAP;
            assert!(fitted.iter().map(|(_, width)| width).sum::<u16>() + gaps <= total.max(gaps), "{total}");
        }
    }

    #[test]
    fn the_last_tier_is_shown_only_in_the_wide_form() {
        let mut columns = Columns::new(heads());
        assert_eq!(columns.shown(), [0, 1, 2, 3]);
        columns.set_wide(true);
        assert_eq!(columns.shown(), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn what_was_chosen_stays_with_its_id_when_the_headings_change() {
        let mut columns = Columns::new(heads());
        columns.choose(&["age", "name", "p99"]).unwrap();
        columns.select(2);
        let mut more: Vec<Head> = heads().to_vec();
        more.insert(0, Head::text("kind", "kind", 10));
        columns.set_heads(more.into());
        assert_eq!(columns.shown(), [0, 4, 1, 3], "the new one first, then age, name, p99");
        assert_eq!(columns.selected(), 3);
        assert_eq!(columns.choose(&["nope"]), Err("nope"));
    }

    #[test]
    fn the_chosen_column_moves_among_those_shown() {
        let mut columns = Columns::new(heads());
        columns.toggle(1);
        columns.select_next(true);
        assert_eq!(columns.selected(), 2);
        columns.shift(false);
        columns.shift(false);
        assert_eq!(columns.shown(), [2, 0, 3]);
        columns.select_next(false);
        assert_eq!(columns.selected(), 2, "the left end");
    }
}
