//! A row of a buffer as the terminal will show it: what stands in each column, how wide it is, and how sure that is.

use ratatui::buffer::{Cell, CellWidth};
use ratatui::style::Modifier;
use unicode_width::UnicodeWidthChar;

use crate::term::capability::Capabilities;
use crate::term::ink::{Ink, Look};

/// What stands in a column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot<'a> {
    /// The text; empty where a wide glyph to the left covers this column.
    pub(super) text: &'a str,
    /// Columns that it takes here; 0 where covered.
    pub(super) width: u16,
    /// The most columns that some terminal takes for it, and therefore may spoil.
    pub(super) reach: u16,
    /// Whether every terminal agrees on the width.
    pub(super) sure: bool,
    /// Colours and attributes.
    pub(super) look: Look,
}

impl PartialEq for Slot<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.width == other.width && self.look == other.look && self.text == other.text
    }
}

impl Slot<'_> {
    /// A column under the right part of a wide glyph.
    const COVERED: Self = Self { text: "", width: 0, reach: 0, sure: true, look: Look::PLAIN };

    /// A blank that shows its background alone; its other colours are of no account.
    pub(super) const fn blank(ground: Ink) -> Self {
        let look = Look { ink: Ink::Default, ground, modifier: Modifier::empty() };
        Self { text: " ", width: 1, reach: 1, sure: true, look }
    }

    /// Whether this is such a blank.
    pub(super) fn is_blank(&self) -> bool {
        self.text == " " && self.look.plain_on_blanks()
    }
}

/// The slots of one row, one for each cell.
pub(super) fn slots(cells: &[Cell], capabilities: Capabilities) -> Vec<Slot<'_>> {
    let mut row = Vec::with_capacity(cells.len());
    let mut rest = cells;
    while let Some((cell, after)) = rest.split_first() {
        let look = Look::of(cell, capabilities.depth);
        let mut slot = Slot { look, ..glyph(cell.symbol(), rest.len(), capabilities) };
        // Something else was drawn over the right part of the glyph: a border beats half a glyph.
        let overdrawn = |width: u16| after.iter().take(usize::from(width) - 1).any(|next| next.symbol() != " ");
        if slot.width > 1 && overdrawn(slot.width) {
            slot = Slot { text: " ", width: 1, reach: 1, sure: true, look };
        }
        if slot.is_blank() {
            slot = Slot::blank(look.ground);
        }
        row.push(slot);
        let covered = usize::from(slot.width).saturating_sub(1);
        row.extend(std::iter::repeat_n(Slot::COVERED, covered));
        rest = rest.get(covered + 1..).unwrap_or_default();
    }
    row
}

/// The slot for a symbol, in a look of no account; `room`: columns up to the row's end.
fn glyph(symbol: &str, room: usize, capabilities: Capabilities) -> Slot<'_> {
    let blank = Slot::blank(Ink::Default);
    if let [byte] = symbol.as_bytes() {
        return if byte.is_ascii_graphic() { Slot { text: symbol, ..blank } } else { blank };
    }
    if symbol.chars().any(char::is_control) {
        return blank;
    }
    let width = symbol.cell_width();
    if width == 0 || usize::from(width) > room {
        return blank;
    }
    if !capabilities.unicode {
        return in_ascii(symbol, width);
    }
    let reach = reach(symbol).max(width);
    if usize::from(reach) <= room {
        return Slot { text: symbol, width, reach, sure: is_sure(symbol), ..blank };
    }
    // Where it is taken for wider it would run over the row's end into the next: its first character must do.
    let first = symbol.chars().next().and_then(|first| symbol.get(..first.len_utf8())).unwrap_or_default();
    match self::reach(first) {
        short if short > 0 && usize::from(short) <= room => {
            Slot { text: first, width, reach: short.max(width), sure: false, ..blank }
        }
        _ => Slot { text: "?", width, reach: width, sure: false, ..blank },
    }
}

/// The most columns that a terminal takes which knows nothing of clusters.
fn reach(symbol: &str) -> u16 {
    let widest = |character: char| match character {
        '\u{1F1E6}'..='\u{1F1FF}' => 2,
        '\u{FE0F}' => 1,
        _ => u16::try_from(character.width().unwrap_or(0)).unwrap_or(0),
    };
    symbol.chars().map(widest).fold(0, u16::saturating_add)
}

/// Whether all terminals take the symbol for equally wide.
fn is_sure(symbol: &str) -> bool {
    let mut characters = symbol.chars();
    let first_is_sure = characters.next().is_some_and(|first| first < '\u{1F000}');
    first_is_sure
        && characters.all(|next| {
            let joins = matches!(next, '\u{200D}' | '\u{FE0E}' | '\u{FE0F}' | '\u{20E3}' | '\u{1160}'..='\u{11FF}');
            !joins && next.width() == Some(0)
        })
}

/// Stand-ins for a terminal that shows nothing beyond ASCII.
fn in_ascii(symbol: &str, width: u16) -> Slot<'static> {
    let text = match (width, symbol.chars().next().unwrap_or(' ')) {
        (1, '\u{a0}') => " ",
        (1, '─' | '━' | '═' | '╌' | '┄' | '–' | '—') => "-",
        (1, '│' | '┃' | '║' | '╎' | '┆' | '▌' | '▐') => "|",
        (1, '\u{2500}'..='\u{257F}') => "+",
        (1, '•' | '●' | '◆' | '■' | '★') => "*",
        (1, '○' | '◌' | '◯') => "o",
        (1, '…') => "~",
        (1, '→' | '▶' | '▸' | '›') => ">",
        (1, '←' | '◀' | '‹') => "<",
        (1, '\u{2580}'..='\u{259F}') => "#",
        (1, _) => "?",
        (2, _) => "??",
        _ => "???",
    };
    Slot { text, width: u16::try_from(text.len()).unwrap_or(1), reach: width, ..Slot::blank(Ink::Default) }
}
