//! Finds rows that moved together, so that the terminal can move them.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use ratatui::buffer::{Buffer, Cell};

/// Rows that moved: those of `top` to before `bottom` by `by` rows, up where it is positive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scroll {
    pub(super) top: u16,
    pub(super) bottom: u16,
    pub(super) by: i32,
}

/// The move that leaves the fewest cells to be painted, if any does.
///
/// Whether it pays in bytes is for the caller to try.
pub(super) fn find(old: &Buffer, new: &Buffer) -> Option<Scroll> {
    let width = usize::from(new.area.width);
    let rows: Vec<(&[Cell], &[Cell])> = old.content.chunks(width).zip(new.content.chunks(width)).collect();
    let by = shift(&rows)?;
    let distance = usize::try_from(by.unsigned_abs()).ok()?;
    let saved = |at: usize| -> Option<i64> {
        let (here, next) = rows.get(at)?;
        let from = if by > 0 { at.checked_add(distance) } else { at.checked_sub(distance) }?;
        let (there, _) = rows.get(from)?;
        Some(differing(here, next) - differing(there, next))
    };
    let (start, end) = best_run((0..rows.len()).map(|at| saved(at).unwrap_or(-1_000_000_000)))?;
    let (top, bottom) = if by > 0 { (start, end + distance) } else { (start - distance.min(start), end) };
    Some(Scroll { top: u16::try_from(top).ok()?, bottom: u16::try_from(bottom.min(rows.len())).ok()?, by })
}

/// Does to a buffer what the terminal does to its rows.
pub(super) fn apply(buffer: &mut Buffer, scroll: Scroll) {
    let width = usize::from(buffer.area.width);
    let (top, bottom) = (usize::from(scroll.top) * width, usize::from(scroll.bottom) * width);
    let Some(region) = buffer.content.get_mut(top..bottom) else { return };
    let cells =
        (usize::try_from(scroll.by.unsigned_abs()).unwrap_or(usize::MAX)).saturating_mul(width).min(region.len());
    let came = if scroll.by > 0 {
        region.rotate_left(cells);
        region.len() - cells..region.len()
    } else {
        region.rotate_right(cells);
        0..cells
    };
    for cell in region.get_mut(came).unwrap_or_default() {
        cell.reset();
    }
}

/// The distance that most rows moved.
fn shift(rows: &[(&[Cell], &[Cell])]) -> Option<i32> {
    let hashes: Vec<(u64, u64)> = rows.iter().map(|(old, new)| (hash(old), hash(new))).collect();
    let mut places: HashMap<u64, Vec<usize>> = HashMap::new();
    for (at, (old, _)) in hashes.iter().enumerate() {
        places.entry(*old).or_default().push(at);
    }
    let mut votes: HashMap<i32, u32> = HashMap::new();
    for (at, (old, new)) in hashes.iter().enumerate() {
        // Rows that look like many others (empty ones, rules) tell nothing.
        let came_from = places.get(new).filter(|places| places.len() <= 4 && old != new);
        for from in came_from.into_iter().flatten() {
            let by = i32::try_from(*from).ok()? - i32::try_from(at).ok()?;
            *votes.entry(by).or_default() += 1;
        }
    }
    votes.into_iter().max_by_key(|(by, votes)| (*votes, -by.abs(), *by)).map(|(by, _)| by)
}

fn hash(cells: &[Cell]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for cell in cells {
        cell.symbol().hash(&mut hasher);
        (cell.bg, cell.modifier).hash(&mut hasher);
        if cell.symbol() != " " {
            cell.fg.hash(&mut hasher);
        }
    }
    hasher.finish()
}

fn differing(one: &[Cell], other: &[Cell]) -> i64 {
    let number = one.iter().zip(other).filter(|(one, other)| one != other).count();
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The run of values with the greatest sum above zero: from, to (not included).
fn best_run(values: impl Iterator<Item = i64>) -> Option<(usize, usize)> {
    let (mut best, mut sum, mut start, mut run) = (0, 0, 0, None);
    for (at, value) in values.enumerate() {
        if sum <= 0 {
            (sum, start) = (0, at);
        }
        sum += value;
        if sum > best {
            (best, run) = (sum, Some((start, at + 1)));
        }
    }
    run
}
