//! One row from what it shows to what it should show, in few bytes.

use super::slot::Slot;
use super::stream::Stream;
use crate::term::capability::Capabilities;
use crate::term::ink::Ink;

/// Changed cells from which clearing a stretch first may pay.
const WORTH_CLEARING: usize = 6;

/// Paints a row the cheaper of two ways: change by change, or its lit stretches cleared first.
pub(super) fn paint(stream: &mut Stream, row: u16, old: &[Slot<'_>], new: &[Slot<'_>], capabilities: Capabilities) {
    let mut stepwise = stream.branch();
    Brush { stream: &mut stepwise, row, capabilities }.paint(old, new);
    let stretches = stretches(old, new, capabilities);
    if !stretches.is_empty() {
        let mut cleared = stream.branch();
        let mut brush = Brush { stream: &mut cleared, row, capabilities };
        let before = brush.clear(old, new, &stretches);
        brush.paint(&before, new);
        if cleared.bytes.len() < stepwise.bytes.len() {
            stepwise = cleared;
        }
    }
    stream.join(&stepwise);
}

/// A stretch of columns on one background: from, to (not included), the background.
type Stretch = (usize, usize, Ink);

/// The stretches of one background in which enough changed for clearing them first.
fn stretches(old: &[Slot<'_>], new: &[Slot<'_>], capabilities: Capabilities) -> Vec<Stretch> {
    let mut found = Vec::new();
    let mut open: Option<(Stretch, usize)> = None;
    let mut ground = Ink::Default;
    for (column, (before, slot)) in old.iter().zip(new).enumerate() {
        if slot.width > 0 && (slot.look.ground != ground || column == 0) {
            found.extend(open.take());
            ground = slot.look.ground;
        }
        if before != slot {
            let ((start, _, _), changed) = open.unwrap_or(((column, column, ground), 0));
            open = Some(((start, column + 1, ground), changed + 1));
        }
    }
    found.extend(open.take());
    let worth = |(stretch, changed): (Stretch, usize)| {
        let allowed = capabilities.background_erase || stretch.2 == Ink::Default;
        (allowed && changed >= WORTH_CLEARING).then_some(stretch)
    };
    found.into_iter().filter_map(worth).collect()
}

struct Brush<'s> {
    stream: &'s mut Stream,
    row: u16,
    capabilities: Capabilities,
}

impl Brush<'_> {
    /// Clears the stretches; gives the row as it then is.
    fn clear<'a>(&mut self, old: &[Slot<'a>], new: &[Slot<'a>], stretches: &[Stretch]) -> Vec<Slot<'a>> {
        let mut before = old.to_vec();
        for (start, end, ground) in stretches.iter().copied() {
            let bare = |slot: &Slot<'_>| *slot == Slot::blank(ground);
            let to_the_end = new.get(end..).unwrap_or_default().iter().all(bare);
            let end = if to_the_end { new.len() } else { end };
            self.stream.wear_for_blank(ground);
            self.stream.move_to(short(start), self.row);
            if to_the_end {
                self.stream.erase_to_end();
            } else {
                self.stream.erase(short(end - start));
            }
            for slot in before.iter_mut().take(end).skip(start) {
                *slot = Slot::blank(ground);
            }
        }
        before
    }

    fn paint(&mut self, old: &[Slot<'_>], new: &[Slot<'_>]) {
        let last = old.iter().zip(new).rposition(|(before, slot)| before != slot).unwrap_or(0);
        let mut column = 0;
        // Up to here a glyph of doubtful width may have spoiled what stood there.
        let mut spoiled = 0;
        while let Some(slot) = new.get(column) {
            let width = usize::from(slot.width.max(1));
            let kept = old.get(column) == Some(slot) && column >= spoiled;
            if kept || slot.width == 0 {
                column += width;
            } else if slot.is_blank() {
                column = self.blanks(old, new, column, (last, spoiled));
            } else {
                self.glyph(new, column, slot);
                if !slot.sure {
                    spoiled = spoiled.max(column + usize::from(slot.reach));
                }
                column += width;
            }
        }
    }

    /// Paints a run of blanks from `column`, knowing the row's last change and up to where it is spoiled; gives the
    /// column after it.
    fn blanks(&mut self, old: &[Slot<'_>], new: &[Slot<'_>], column: usize, (last, spoiled): (usize, usize)) -> usize {
        let Some(first) = new.get(column) else { return column + 1 };
        let ground = first.look.ground;
        let run = new.iter().skip(column).take_while(|slot| *slot == first).count();
        let changes = old.iter().zip(new).skip(column).take(run).enumerate();
        let needed = changes.rev().find(|(_, (before, slot))| before != slot).map_or(1, |(at, _)| at + 1);
        let needed = needed.max(spoiled.saturating_sub(column).min(run));
        let erasable = self.capabilities.background_erase || ground == Ink::Default;
        // The background must fit before the gap to here is bridged: blanks of the gap then cost a byte each.
        self.stream.wear_for_blank(ground);
        self.reach(new, column);
        let to_the_end = column + run == new.len();
        if erasable && to_the_end && needed > 3 {
            self.stream.erase_to_end();
            return new.len();
        }
        let erased = 3 + digits(needed);
        let onward = if column + needed <= last.max(spoiled) { 3 + digits(needed) } else { 0 };
        if erasable && erased + onward < needed {
            self.stream.erase(short(needed));
        } else {
            self.stream.spaces(short(needed));
        }
        column + needed
    }

    fn glyph(&mut self, new: &[Slot<'_>], column: usize, slot: &Slot<'_>) {
        self.reach(new, column);
        if slot.sure {
            self.stream.wear(slot.look);
            self.stream.text(slot.text, slot.width);
            return;
        }
        // A terminal that takes it for narrower leaves the rest of its columns as they were: they must be blank.
        self.stream.wear_for_blank(slot.look.ground);
        self.stream.spaces(slot.width);
        self.stream.move_to(short(column), self.row);
        self.stream.wear(slot.look);
        self.stream.doubtful_text(slot.text);
    }

    /// Gets to a column: by the text in between, where that is sure and costs no more than a move.
    fn reach(&mut self, new: &[Slot<'_>], column: usize) {
        let cost = self.stream.move_cost(short(column), self.row);
        let from = self.stream.column_in(self.row).map(usize::from).filter(|from| *from < column);
        if let (Some(from), Some(pen)) = (from, self.stream.pen()) {
            let gap = new.get(from..column).unwrap_or_default();
            let fits = |slot: &Slot<'_>| {
                slot.sure
                    && (slot.look == pen || slot.width == 0 || slot.is_blank() && pen.serves_blank(slot.look.ground))
            };
            let bytes: usize = gap.iter().map(|slot| slot.text.len()).sum();
            if bytes <= cost && gap.first().is_some_and(|slot| slot.width > 0) && gap.iter().all(fits) {
                for slot in gap {
                    self.stream.text(slot.text, slot.width);
                }
            }
        }
        self.stream.move_to(short(column), self.row);
    }
}

fn digits(number: usize) -> usize {
    match number {
        0..=9 => 1,
        10..=99 => 2,
        _ => 3,
    }
}

/// A column as terminals count it; rows are never longer.
fn short(column: usize) -> u16 {
    u16::try_from(column).unwrap_or(u16::MAX)
}
