//! The bytes of a frame while they are written, and what they have brought the terminal to: its pen, its cursor.

use crate::term::ink::{Ink, Look, push_number, write_sgr};

/// Where the cursor is, as far as that is known.
///
/// After a glyph of doubtful width, and in the last column (where terminals differ in what pends), only the row is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) column: Option<u16>,
    pub(super) row: Option<u16>,
}

/// Bytes, and the state in which they leave the terminal.
#[derive(Debug, Clone, Default)]
pub(super) struct Stream {
    pub(super) bytes: Vec<u8>,
    pen: Option<Look>,
    spot: Spot,
    columns: u16,
}

impl Stream {
    /// An empty stream that goes on where this one ended.
    pub(super) fn branch(&self) -> Self {
        Self { bytes: Vec::new(), ..*self }
    }

    /// Takes over a branch with what it wrote.
    pub(super) fn join(&mut self, branch: &Self) {
        self.bytes.extend_from_slice(&branch.bytes);
        (self.pen, self.spot) = (branch.pen, branch.spot);
    }

    /// Forgets all that is known of the terminal, which now has this many columns.
    pub(super) fn forget(&mut self, columns: u16) {
        *self = Self { bytes: std::mem::take(&mut self.bytes), columns, ..Self::default() };
    }

    /// Erases the whole screen in the terminal's own colours.
    pub(super) fn clear(&mut self) {
        self.wear(Look::PLAIN);
        self.bytes.extend_from_slice(b"\x1b[r\x1b[2J");
        self.spot = Spot::default();
    }

    fn control(&mut self, number: Option<u16>, last: u8) {
        self.bytes.extend_from_slice(&control(number, last));
    }

    /// Brings the pen to this look.
    pub(super) fn wear(&mut self, look: Look) {
        write_sgr(self.pen, look, &mut self.bytes);
        self.pen = Some(look);
    }

    /// Brings the pen to one that leaves a plain blank on `ground`.
    pub(super) fn wear_for_blank(&mut self, ground: Ink) {
        match self.pen {
            Some(pen) if pen.serves_blank(ground) => {}
            Some(pen) => {
                let mut cheap = Vec::new();
                write_sgr(self.pen, pen.for_blank(ground), &mut cheap);
                let bare = Look { ground, ..Look::PLAIN };
                let mut fresh = Vec::new();
                write_sgr(self.pen, bare, &mut fresh);
                self.wear(if fresh.len() < cheap.len() { bare } else { pen.for_blank(ground) });
            }
            None => self.wear(Look { ground, ..Look::PLAIN }),
        }
    }

    /// The pen, if it is known.
    pub(super) fn pen(&self) -> Option<Look> {
        self.pen
    }

    /// The column of the cursor if it stands in this row.
    pub(super) fn column_in(&self, row: u16) -> Option<u16> {
        self.spot.column.filter(|_| self.spot.row == Some(row))
    }

    /// What a move to this place costs, in bytes.
    pub(super) fn move_cost(&self, column: u16, row: u16) -> usize {
        self.way_to(column, row).len()
    }

    /// Moves the cursor the cheapest way.
    pub(super) fn move_to(&mut self, column: u16, row: u16) {
        let way = self.way_to(column, row);
        self.bytes.extend_from_slice(&way);
        self.spot = Spot { column: Some(column), row: Some(row) };
    }

    fn way_to(&self, column: u16, row: u16) -> Vec<u8> {
        if self.spot == (Spot { column: Some(column), row: Some(row) }) {
            return Vec::new();
        }
        let mut best = address(column, row);
        let mut offer = |way: Vec<u8>| {
            if way.len() < best.len() {
                best = way;
            }
        };
        let from_start = |start: &[u8]| {
            let mut way = start.to_vec();
            if column > 0 {
                way.extend(control(Some(column), b'C'));
            }
            way
        };
        if self.spot.row == Some(row) {
            offer(control(Some(column + 1), b'G'));
            offer(from_start(b"\r"));
            match self.spot.column {
                Some(from) if from < column => offer(control(Some(column - from), b'C')),
                Some(from) if from - column <= 3 => offer(vec![8; usize::from(from - column)]),
                Some(from) => offer(control(Some(from - column), b'D')),
                None => {}
            }
        }
        if let Some(from) = self.spot.row {
            if from + 1 == row {
                offer(from_start(b"\r\n"));
            }
            if self.spot.column == Some(column) {
                let (last, by) = if from < row { (b'B', row - from) } else { (b'A', from - row) };
                offer(control(Some(by), last));
            }
        }
        best
    }

    /// Writes text that every terminal takes for `width` columns.
    pub(super) fn text(&mut self, text: &str, width: u16) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.spot.column = self.spot.column.map(|column| column + width).filter(|column| *column < self.columns);
    }

    /// Writes text after which the column is not known.
    pub(super) fn doubtful_text(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.spot.column = None;
    }

    /// Writes blanks.
    pub(super) fn spaces(&mut self, number: u16) {
        self.bytes.resize(self.bytes.len() + usize::from(number), b' ');
        self.text("", number);
    }

    /// Erases from the cursor to the end of its row; the cursor stays.
    pub(super) fn erase_to_end(&mut self) {
        self.control(None, b'K');
    }

    /// Erases cells from the cursor on; the cursor stays.
    pub(super) fn erase(&mut self, number: u16) {
        self.control(Some(number), b'X');
    }

    /// Moves the rows from `top` to before `bottom` up (positive) or down; the rows that come are plain.
    pub(super) fn scroll(&mut self, top: u16, bottom: u16, by: i32) {
        self.wear(match self.pen {
            Some(pen) if pen.serves_blank(Ink::Default) => pen,
            _ => Look::PLAIN,
        });
        self.bytes.extend_from_slice(b"\x1b[");
        push_number(top + 1, &mut self.bytes);
        self.bytes.push(b';');
        push_number(bottom, &mut self.bytes);
        self.bytes.push(b'r');
        // by line feeds and reverse indexes at the region's edge: SU and SD are not known to every terminal
        let (edge, step): (u16, &[u8]) = if by > 0 { (bottom.saturating_sub(1), b"\n") } else { (top, b"\x1bM") };
        self.bytes.extend_from_slice(&address(0, edge));
        for _ in 0..by.unsigned_abs() {
            self.bytes.extend_from_slice(step);
        }
        self.bytes.extend_from_slice(b"\x1b[r");
        self.spot = Spot::default();
    }
}

/// A control sequence with at most one number, which is left out where it is the usual 1.
fn control(number: Option<u16>, last: u8) -> Vec<u8> {
    let mut out = b"\x1b[".to_vec();
    if let Some(number) = number.filter(|number| *number != 1) {
        push_number(number, &mut out);
    }
    out.push(last);
    out
}

fn address(column: u16, row: u16) -> Vec<u8> {
    let mut out = b"\x1b[".to_vec();
    if row > 0 {
        push_number(row + 1, &mut out);
    }
    if column > 0 {
        out.push(b';');
        push_number(column + 1, &mut out);
    }
    out.push(b'H');
    out
}
