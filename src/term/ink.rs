//! Colours and attributes as the terminal gets them: ratatui's styles brought down to what the terminal shows, and
//! the shortest SGR sequence from one look to another.

use ratatui::style::{Color, Modifier};

use super::capability::Depth;

/// A colour as it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    /// The terminal's own.
    Default,
    /// An entry of the palette.
    Index(u8),
    /// Red, green, blue.
    Rgb(u8, u8, u8),
}

/// How a cell looks, apart from its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// The text's colour.
    pub(super) ink: Ink,
    /// The background.
    pub(super) ground: Ink,
    /// Weight, slant and the like.
    pub(super) modifier: Modifier,
}

/// Attributes that can be seen on a blank.
const SEEN_ON_BLANKS: Modifier = Modifier::REVERSED.union(Modifier::UNDERLINED).union(Modifier::CROSSED_OUT);

/// The usual sixteen colours (xterm's), to find the nearest one; what a terminal really shows is its user's matter.
const NAMED: [(u8, u8, u8); 16] = [
    (0, 0, 0),
    (205, 0, 0),
    (0, 205, 0),
    (205, 205, 0),
    (0, 0, 238),
    (205, 0, 205),
    (0, 205, 205),
    (229, 229, 229),
    (127, 127, 127),
    (255, 0, 0),
    (0, 255, 0),
    (255, 255, 0),
    (92, 92, 255),
    (255, 0, 255),
    (0, 255, 255),
    (255, 255, 255),
];

/// The six levels of each channel of the palette's cube.
const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];

impl Ink {
    /// The colour in the given depth.
    pub(super) fn of(color: Color, depth: Depth) -> Self {
        let ink = match color {
            Color::Reset => Self::Default,
            Color::Black => Self::Index(0),
            Color::Red => Self::Index(1),
            Color::Green => Self::Index(2),
            Color::Yellow => Self::Index(3),
            Color::Blue => Self::Index(4),
            Color::Magenta => Self::Index(5),
            Color::Cyan => Self::Index(6),
            Color::Gray => Self::Index(7),
            Color::DarkGray => Self::Index(8),
            Color::LightRed => Self::Index(9),
            Color::LightGreen => Self::Index(10),
            Color::LightYellow => Self::Index(11),
            Color::LightBlue => Self::Index(12),
            Color::LightMagenta => Self::Index(13),
            Color::LightCyan => Self::Index(14),
            Color::White => Self::Index(15),
            Color::Indexed(index) => Self::Index(index),
            Color::Rgb(red, green, blue) => Self::Rgb(red, green, blue),
        };
        ink.within(depth)
    }

    fn within(self, depth: Depth) -> Self {
        match (depth, self) {
            (Depth::Mono, _) => Self::Default,
            (Depth::Colors256, Self::Rgb(red, green, blue)) => Self::Index(nearest_of_256((red, green, blue))),
            (Depth::Colors16, Self::Rgb(red, green, blue)) => Self::Index(nearest_of_16((red, green, blue))),
            (Depth::Colors16, Self::Index(index)) if index > 15 => Self::Index(nearest_of_16(channels(index))),
            (_, ink) => ink,
        }
    }

    fn push_sgr(self, ground: bool, parameters: &mut Vec<u16>) {
        let base = if ground { 40 } else { 30 };
        match self {
            Self::Default => parameters.push(base + 9),
            Self::Index(index @ 0..=7) => parameters.push(base + u16::from(index)),
            Self::Index(index @ 8..=15) => parameters.push(base + 52 + u16::from(index)),
            Self::Index(index) => parameters.extend([base + 8, 5, u16::from(index)]),
            Self::Rgb(red, green, blue) => parameters.extend([base + 8, 2, red.into(), green.into(), blue.into()]),
        }
    }
}

/// The channels of an entry of the palette.
fn channels(index: u8) -> (u8, u8, u8) {
    let level = |at: u8| LEVELS.get(usize::from(at)).copied().unwrap_or_default();
    match index {
        0..=15 => NAMED.get(usize::from(index)).copied().unwrap_or_default(),
        16..=231 => {
            let cube = index - 16;
            (level(cube / 36), level(cube / 6 % 6), level(cube % 6))
        }
        232..=255 => {
            let grey = 8 + 10 * (index - 232);
            (grey, grey, grey)
        }
    }
}

/// A distance that weighs the channels about as eyes do.
fn distance(one: (u8, u8, u8), other: (u8, u8, u8)) -> u32 {
    let squared = |a: u8, b: u8| u32::from(a.abs_diff(b)).pow(2);
    2 * squared(one.0, other.0) + 4 * squared(one.1, other.1) + 3 * squared(one.2, other.2)
}

fn nearest_of_256(color: (u8, u8, u8)) -> u8 {
    let step = |channel: u8| match channel {
        0..=47 => 0,
        48..=114 => 1,
        _ => (channel - 35) / 40,
    };
    let cube = 16 + 36 * step(color.0) + 6 * step(color.1) + step(color.2);
    let mean = (u16::from(color.0) + u16::from(color.1) + u16::from(color.2)) / 3;
    let shade = u8::try_from((mean.saturating_sub(3) / 10).min(23)).unwrap_or(23);
    let grey = 232 + shade;
    if distance(channels(grey), color) < distance(channels(cube), color) { grey } else { cube }
}

fn nearest_of_16(color: (u8, u8, u8)) -> u8 {
    (0..16).min_by_key(|index| distance(channels(*index), color)).unwrap_or_default()
}

impl Look {
    /// The look of an erased screen.
    pub(super) const PLAIN: Self = Self { ink: Ink::Default, ground: Ink::Default, modifier: Modifier::empty() };

    /// The look of a cell in the given depth; text never takes its background's colour by rounding alone.
    pub(super) fn of(cell: &ratatui::buffer::Cell, depth: Depth) -> Self {
        let (mut ink, ground) = (Ink::of(cell.fg, depth), Ink::of(cell.bg, depth));
        if ink == ground && cell.fg != cell.bg && depth < Depth::True {
            ink = match ground {
                Ink::Index(index) if distance(channels(index), (0, 0, 0)) > 9 * 110 * 110 => Ink::Index(0),
                Ink::Index(_) => Ink::Index(15),
                other => other,
            };
        }
        Self { ink, ground, modifier: cell.modifier }
    }

    /// Whether a blank in this look shows nothing but its background.
    pub(super) fn plain_on_blanks(self) -> bool {
        !self.modifier.intersects(SEEN_ON_BLANKS)
    }

    /// Whether a plain blank on `ground` may be sent while this look is worn.
    pub(super) fn serves_blank(self, ground: Ink) -> bool {
        self.ground == ground && self.plain_on_blanks()
    }

    /// The cheapest look from this one in which a plain blank on `ground` may be sent.
    pub(super) fn for_blank(self, ground: Ink) -> Self {
        Self { ground, modifier: self.modifier.difference(SEEN_ON_BLANKS), ..self }
    }
}

/// SGR's numbers to switch each attribute on and off.
const ATTRIBUTES: [(Modifier, u16, u16); 9] = [
    (Modifier::BOLD, 1, 22),
    (Modifier::DIM, 2, 22),
    (Modifier::ITALIC, 3, 23),
    (Modifier::UNDERLINED, 4, 24),
    (Modifier::SLOW_BLINK, 5, 25),
    (Modifier::RAPID_BLINK, 6, 25),
    (Modifier::REVERSED, 7, 27),
    (Modifier::HIDDEN, 8, 28),
    (Modifier::CROSSED_OUT, 9, 29),
];

/// Writes the shortest sequence that brings the terminal from one look (`None`: not known) to another.
pub(super) fn write_sgr(from: Option<Look>, to: Look, out: &mut Vec<u8>) {
    let afresh = sequence(&from_nothing(to));
    let shortest = match from {
        Some(from) if from == to => return,
        Some(from) => {
            let step = sequence(&difference(from, to));
            if step.len() <= afresh.len() { step } else { afresh }
        }
        None => afresh,
    };
    out.extend_from_slice(&shortest);
}

fn from_nothing(to: Look) -> Vec<u16> {
    let mut parameters = vec![0];
    parameters.extend(ATTRIBUTES.iter().filter(|(one, ..)| to.modifier.contains(*one)).map(|(_, on, _)| *on));
    if to.ink != Ink::Default {
        to.ink.push_sgr(false, &mut parameters);
    }
    if to.ground != Ink::Default {
        to.ground.push_sgr(true, &mut parameters);
    }
    parameters
}

fn difference(from: Look, to: Look) -> Vec<u16> {
    let mut parameters = Vec::with_capacity(12);
    let gone = from.modifier.difference(to.modifier);
    let mut worn = from.modifier;
    for (one, _, off) in ATTRIBUTES {
        if gone.contains(one) && worn.contains(one) {
            parameters.push(off);
            // One number switches off both weights, another both blinks.
            for (other, _, also) in ATTRIBUTES {
                if also == off {
                    worn.remove(other);
                }
            }
        }
    }
    for (one, on, _) in ATTRIBUTES {
        if to.modifier.contains(one) && !worn.contains(one) {
            parameters.push(on);
        }
    }
    if from.ink != to.ink {
        to.ink.push_sgr(false, &mut parameters);
    }
    if from.ground != to.ground {
        to.ground.push_sgr(true, &mut parameters);
    }
    parameters
}

fn sequence(parameters: &[u16]) -> Vec<u8> {
    let mut out = b"\x1b[".to_vec();
    if parameters != [0] {
        for (at, parameter) in parameters.iter().enumerate() {
            if at > 0 {
                out.push(b';');
            }
            // A number left out is 0.
            if *parameter > 0 {
                push_number(*parameter, &mut out);
            }
        }
    }
    out.push(b'm');
    out
}

/// Writes a number in decimal.
pub(super) fn push_number(number: u16, out: &mut Vec<u8>) {
    if number > 9 {
        push_number(number / 10, out);
    }
    out.push(b'0' + u8::try_from(number % 10).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sgr(from: Look, to: Look) -> String {
        let mut out = Vec::new();
        write_sgr(Some(from), to, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn with(modifier: Modifier) -> Look {
        Look { modifier, ..Look::PLAIN }
    }

    #[test]
    fn attributes_take_the_shorter_of_step_and_fresh_start() {
        let lit = Look { ground: Ink::Rgb(40, 44, 60), ..Look::PLAIN };
        assert_eq!(sgr(lit, lit), "");
        assert_eq!(sgr(lit, Look::PLAIN), "\x1b[m");
        assert_eq!(sgr(lit, Look { ink: Ink::Index(2), ..lit }), "\x1b[32m");
        assert_eq!(sgr(with(Modifier::BOLD | Modifier::DIM), with(Modifier::BOLD)), "\x1b[;1m");
        assert_eq!(
            sgr(with(Modifier::ITALIC), Look { ground: lit.ground, ..with(Modifier::ITALIC) }),
            "\x1b[48;2;40;44;60m"
        );
    }

    #[test]
    fn rgb_goes_to_the_nearest_of_the_palette() {
        assert_eq!(Ink::of(Color::Rgb(255, 0, 0), Depth::Colors256), Ink::Index(196));
        assert_eq!(Ink::of(Color::Rgb(95, 135, 175), Depth::Colors256), Ink::Index(67));
        assert_eq!(Ink::of(Color::Rgb(38, 38, 38), Depth::Colors256), Ink::Index(235));
        assert_eq!(Ink::of(Color::Rgb(250, 20, 10), Depth::Colors16), Ink::Index(9));
        assert_eq!(Ink::of(Color::Indexed(196), Depth::Colors16), Ink::Index(9));
        assert_eq!(Ink::of(Color::Rgb(1, 2, 3), Depth::Mono), Ink::Default);
    }

    #[test]
    fn the_nearest_of_256_is_never_farther_than_any_other_by_much() {
        for color in [(17, 90, 200), (130, 131, 129), (200, 30, 90), (0, 0, 48), (255, 254, 253)] {
            let best = (16..=255).map(|index| distance(channels(index), color)).min().unwrap();
            let found = distance(channels(nearest_of_256(color)), color);
            assert!(found <= best + best / 2 + 300, "{color:?}: {found} against {best}");
        }
    }

    #[test]
    fn text_does_not_vanish_into_its_background_by_rounding() {
        let mut cell = ratatui::buffer::Cell::new("x");
        cell.set_fg(Color::Rgb(250, 250, 250)).set_bg(Color::Rgb(255, 255, 255));
        assert_eq!(Look::of(&cell, Depth::Colors16).ink, Ink::Index(0));
        cell.set_fg(Color::Rgb(4, 4, 4)).set_bg(Color::Rgb(2, 2, 2));
        assert_eq!(Look::of(&cell, Depth::Colors16).ink, Ink::Index(15));
    }
}
