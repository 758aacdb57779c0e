//! Paints the difference of two frames as one piece of bytes, the fewest that do it.
//!
//! Frames are ratatui buffers; what a terminal can't tell apart (the text colour of a blank) counts as equal. Lit
//! stretches are erased in one sequence, unchanged gaps skipped, rows that moved are moved by the terminal. Glyphs
//! on whose width terminals disagree are followed by an absolute move, so that what stands behind them is aligned
//! everywhere. Modes and the writing itself belong to [`super::screen`].

mod row;
mod scroll;
mod slot;
mod stream;
#[cfg(test)]
mod tests;

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Rect};

use self::stream::Stream;
use super::capability::Capabilities;

/// Bytes from which a frame is sent as one that appears at once.
const SYNCHRONIZED_FROM: usize = 1024;
/// Bytes from which a visible cursor is hidden while the frame is drawn.
const CURSOR_HIDDEN_FROM: usize = 256;

/// Keeps what the terminal shows and brings it to the next frame.
#[derive(Debug)]
pub struct Painter {
    capabilities: Capabilities,
    shown: Option<Buffer>,
    stream: Stream,
    cursor_visible: Option<bool>,
    frame: Vec<u8>,
}

impl Painter {
    /// A painter that knows nothing yet of what the terminal shows.
    #[must_use]
    pub fn new(capabilities: Capabilities) -> Self {
        Self { capabilities, shown: None, stream: Stream::default(), cursor_visible: None, frame: Vec::new() }
    }

    /// Takes nothing for granted any more: the next frame is painted whole.
    pub fn forget(&mut self) {
        self.shown = None;
        self.cursor_visible = None;
    }

    /// The bytes that bring the terminal from the last frame to `next`, with the cursor there or hidden.
    ///
    /// They are empty when there is nothing to change. A frame of another size is painted whole.
    pub fn paint(&mut self, next: &Buffer, cursor: Option<Position>) -> &[u8] {
        self.frame.clear();
        let area = Rect::new(0, 0, next.area.width, next.area.height);
        if area.is_empty() || next.content.len() != usize::from(area.width) * usize::from(area.height) {
            self.forget();
            return &self.frame;
        }
        self.stream.bytes.clear();
        let shown = self.shown.take().filter(|shown| shown.area == area).unwrap_or_else(|| {
            self.stream.forget(area.width);
            self.stream.clear();
            Buffer::empty(area)
        });
        self.paint_body(&shown, next);
        let mut kept = shown;
        kept.content.clone_from(&next.content);
        self.shown = Some(kept);
        let was_visible = self.cursor_visible;
        self.place_cursor(cursor.filter(|at| area.contains(*at)));
        self.wrap(was_visible);
        &self.frame
    }

    fn paint_body(&mut self, shown: &Buffer, next: &Buffer) {
        let mut still = self.stream.branch();
        let changed = paint_rows(&mut still, shown, next, self.capabilities);
        let moved = (changed > 2 && self.capabilities.scroll_region).then(|| scroll::find(shown, next)).flatten();
        if let Some(scroll) = moved {
            let mut scrolled = self.stream.branch();
            let mut after = shown.clone();
            scroll::apply(&mut after, scroll);
            scrolled.scroll(scroll.top, scroll.bottom, scroll.by);
            paint_rows(&mut scrolled, &after, next, self.capabilities);
            if scrolled.bytes.len() < still.bytes.len() {
                still = scrolled;
            }
        }
        self.stream.join(&still);
    }

    fn place_cursor(&mut self, cursor: Option<Position>) {
        if let Some(at) = cursor {
            self.stream.move_to(at.x, at.y);
        }
        let visible = cursor.is_some();
        if self.cursor_visible != Some(visible) {
            self.stream.bytes.extend_from_slice(if visible { b"\x1b[?25h" } else { b"\x1b[?25l" });
            self.cursor_visible = Some(visible);
        }
    }

    /// Makes the frame of the stream's bytes, with what a long one needs around it.
    fn wrap(&mut self, was_visible: Option<bool>) {
        let body = &self.stream.bytes;
        let synchronized = self.capabilities.synchronized && body.len() > SYNCHRONIZED_FROM;
        let blinks = !synchronized && was_visible == Some(true) && self.cursor_visible == Some(true);
        let hidden = blinks && body.len() > CURSOR_HIDDEN_FROM;
        if synchronized {
            self.frame.extend_from_slice(b"\x1b[?2026h");
        }
        if hidden {
            self.frame.extend_from_slice(b"\x1b[?25l");
        }
        self.frame.extend_from_slice(body);
        if hidden {
            self.frame.extend_from_slice(b"\x1b[?25h");
        }
        if synchronized {
            self.frame.extend_from_slice(b"\x1b[?2026l");
        }
    }
}

/// Paints every row that changed; gives their number.
fn paint_rows(stream: &mut Stream, old: &Buffer, new: &Buffer, capabilities: Capabilities) -> usize {
    let width = usize::from(new.area.width);
    let rows = old.content.chunks(width).zip(new.content.chunks(width));
    let mut changed = 0;
    for (at, (before, after)) in (0..).zip(rows) {
        if before != after {
            let (before, after) = (slot::slots(before, capabilities), slot::slots(after, capabilities));
            if before != after {
                row::paint(stream, at, &before, &after, capabilities);
                changed += 1;
            }
        }
    }
    changed
}
