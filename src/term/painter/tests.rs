//! What a terminal emulator shows after each frame equals the frame.

use ratatui::layout::Size;
use ratatui::style::{Color, Modifier, Style};

use super::*;
use crate::term::capability::{ClipboardWay, Depth};
use crate::term::ink::{Ink, Look};

fn capabilities(depth: Depth) -> Capabilities {
    Capabilities {
        depth,
        unicode: true,
        background_erase: true,
        scroll_region: true,
        synchronized: true,
        links: true,
        clipboard: ClipboardWay::Direct,
        remote: false,
    }
}

/// A small generator, so that every run draws the same frames.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u16) -> u16 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u16::try_from((self.0 >> 33) % u64::from(sides.max(1))).unwrap()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::from(self.roll(u16::try_from(from.len()).unwrap()))]
    }

    fn style(&mut self) -> Style {
        let colors = [
            Color::Reset,
            Color::Reset,
            Color::Red,
            Color::LightCyan,
            Color::Indexed(180),
            Color::Rgb(40, 44, 60),
            Color::Rgb(200, 90, 33),
        ];
        let modifiers = [
            Modifier::empty(),
            Modifier::empty(),
            Modifier::BOLD,
            Modifier::DIM,
            Modifier::ITALIC | Modifier::UNDERLINED,
            Modifier::REVERSED,
            Modifier::BOLD | Modifier::REVERSED,
        ];
        // The emulator knows one weight at a time: never both.
        let reset = Style::new().remove_modifier(Modifier::all());
        reset.fg(self.pick(&colors)).bg(self.pick(&colors)).add_modifier(self.pick(&modifiers))
    }
}

const WORDS: &[&str] = &[
    "fraud-detection",
    "a",
    "0.92",
    "          ",
    "가나다",
    "模型版本",
    "é̀x",
    "│",
    "──────",
    "│ Ready ▂▃▅ │",
    "  ●  ok",
];
const DOUBTFUL: &[&str] = &["fix ❤️ x", "⚠️", "👩‍🔬 lab", "🇰🇷", "1️⃣.", "👍🏽👍", "🚀 go", "가각"];

fn change(buffer: &mut Buffer, dice: &mut Dice, words: &[&str]) {
    let (columns, rows) = (buffer.area.width, buffer.area.height);
    match dice.roll(8) {
        0..=3 => {
            let (x, y, style) = (dice.roll(columns), dice.roll(rows), dice.style());
            buffer.set_string(x, y, dice.pick(words), style);
        }
        4 => {
            let (x, y) = (dice.roll(columns), dice.roll(rows));
            let area = Rect::new(x, y, dice.roll(columns - x) + 1, dice.roll(rows - y) + 1);
            let style = dice.style();
            buffer.set_style(area, style);
        }
        5 => {
            let y = dice.roll(rows);
            let style = dice.style();
            buffer.set_style(Rect::new(0, y, columns, 1), style);
        }
        6 => {
            let top = dice.roll(rows);
            let bottom = top + 1 + dice.roll(rows - top);
            let by = i32::from(dice.roll(5)) - 2;
            scroll::apply(buffer, scroll::Scroll { top, bottom, by });
        }
        _ => {
            let (x, y) = (dice.roll(columns), dice.roll(rows));
            for column in x..columns.min(x + dice.roll(30)) {
                buffer[(column, y)].reset();
            }
        }
    }
}

/// What stands in a cell of the emulator: text, width, colours, attributes.
fn seen(terminal: &vt100::Parser, x: u16, y: u16) -> (String, bool, Look) {
    let cell = terminal.screen().cell(y, x).unwrap();
    let ink = |color| match color {
        vt100::Color::Default => Ink::Default,
        vt100::Color::Idx(index) => Ink::Index(index),
        vt100::Color::Rgb(red, green, blue) => Ink::Rgb(red, green, blue),
    };
    let mut modifier = Modifier::empty();
    modifier.set(Modifier::BOLD, cell.bold());
    modifier.set(Modifier::DIM, cell.dim());
    modifier.set(Modifier::ITALIC, cell.italic());
    modifier.set(Modifier::UNDERLINED, cell.underline());
    modifier.set(Modifier::REVERSED, cell.inverse());
    let text = if cell.contents().is_empty() { " " } else { cell.contents() };
    let look = Look { ink: ink(cell.fgcolor()), ground: ink(cell.bgcolor()), modifier };
    (text.to_owned(), cell.is_wide(), comparable(text, look))
}

/// Takes away what can't be seen on a blank.
fn comparable(text: &str, look: Look) -> Look {
    if text == " " && look.plain_on_blanks() { Look { ground: look.ground, ..Look::PLAIN } } else { look }
}

/// Compares the emulator with a frame; `doubtful`: glyphs of unsure width are left out, what stands after them isn't.
fn compare(terminal: &vt100::Parser, frame: &Buffer, depth: Depth, doubtful: bool) -> Result<(), String> {
    for y in 0..frame.area.height {
        let mut x = 0;
        while x < frame.area.width {
            let cell = &frame[(x, y)];
            let mut text = cell.symbol();
            let mut width = ratatui::buffer::CellWidth::cell_width(text).max(1);
            let overdrawn = (1..width).any(|next| x + next >= frame.area.width || frame[(x + next, y)].symbol() != " ");
            if overdrawn {
                (text, width) = (" ", 1);
            }
            let look = comparable(text, Look::of(cell, depth));
            let expected = (text.to_owned(), width == 2, look);
            let got = seen(terminal, x, y);
            let left_out = doubtful && DOUBTFUL.iter().any(|word| word.contains(text)) && !text.is_ascii();
            if got != expected && !left_out {
                return Err(format!("at {x},{y}: expected {expected:?}, the terminal shows {got:?}"));
            }
            // Where the terminal takes it for narrow, the rest of its columns is blank.
            let rest_is_free = left_out && text.contains('\u{FE0F}') && !got.1;
            if rest_is_free && seen(terminal, x + 1, y).0 != " " {
                return Err(format!("at {x},{y}: beside the narrow {text} something remains"));
            }
            x += width;
        }
    }
    Ok(())
}

struct Emulator {
    terminal: vt100::Parser,
    narrow: bool,
}

impl Emulator {
    fn new(size: Size, narrow: bool) -> Self {
        let (rows, columns) = (size.height.try_into().unwrap(), size.width.try_into().unwrap());
        Self { terminal: vt100::Parser::new(rows, columns, 0), narrow }
    }

    /// Shows a frame; a narrow emulator has never heard of VS16.
    fn show(&mut self, bytes: &[u8]) {
        if self.narrow {
            let text = String::from_utf8(bytes.to_vec()).unwrap().replace('\u{FE0F}', "");
            self.terminal.process(text.as_bytes());
        } else {
            self.terminal.process(bytes);
        }
    }
}

fn play(seed: u64, capabilities: Capabilities, words: &[&str], narrow: bool) {
    let mut dice = Dice(seed);
    let mut size = Size::new(1 + dice.roll(70), 1 + dice.roll(24));
    let mut emulator = Emulator::new(size, narrow);
    let mut painter = Painter::new(capabilities);
    let mut frame = Buffer::empty(Rect::new(0, 0, size.width, size.height));
    for step in 0..40 {
        for _ in 0..=dice.roll(6) {
            change(&mut frame, &mut dice, words);
        }
        if dice.roll(15) == 0 {
            size = Size::new(1 + dice.roll(70), 1 + dice.roll(24));
            emulator.terminal.set_size(size.height.try_into().unwrap(), size.width.try_into().unwrap());
            frame.resize(Rect::new(0, 0, size.width, size.height));
        }
        let wanted = (dice.roll(3) == 0).then(|| Position::new(dice.roll(size.width), dice.roll(size.height)));
        let bytes = painter.paint(&frame, wanted).to_vec();
        emulator.show(&bytes);
        let shown = String::from_utf8_lossy(&bytes);
        if let Err(difference) = compare(&emulator.terminal, &frame, capabilities.depth, words == DOUBTFUL) {
            panic!("seed {seed}, frame {step}, {size}: {difference}\n{shown:?}");
        }
        let screen = emulator.terminal.screen();
        assert_eq!(screen.hide_cursor(), wanted.is_none(), "seed {seed}, frame {step}");
        if let Some(at) = wanted {
            assert_eq!(screen.cursor_position(), (at.y, at.x), "seed {seed}, frame {step}");
        }
        assert!(painter.paint(&frame, wanted).is_empty(), "seed {seed}, frame {step}: nothing changed");
    }
}

#[test]
fn the_terminal_shows_every_random_frame_as_it_is() {
    for seed in 0..30 {
        for depth in [Depth::True, Depth::Colors256, Depth::Colors16, Depth::Mono] {
            play(seed, capabilities(depth), WORDS, false);
        }
    }
}

#[test]
fn a_terminal_without_background_erase_or_scroll_shows_the_same() {
    for seed in 100..120 {
        let plain = Capabilities { background_erase: false, synchronized: false, ..capabilities(Depth::True) };
        play(seed, plain, WORDS, false);
        play(seed, Capabilities { scroll_region: false, ..plain }, WORDS, false);
    }
}

#[test]
fn what_stands_after_a_glyph_of_doubtful_width_is_aligned_whatever_the_terminal_makes_of_it() {
    for seed in 200..230 {
        for narrow in [false, true] {
            play(seed, capabilities(Depth::True), DOUBTFUL, narrow);
        }
    }
}

const TITLES: &[&str] = &["fix ❤️ x", "⚠️", "👩‍🔬", "🇰🇷", "가", "plain words", "♻️♻️♻️", "tail ⚠️ of it"];

/// A list of titles from `first` on, beside a border at the right.
fn titles(first: usize, size: Size) -> Buffer {
    let mut frame = Buffer::empty(Rect::new(0, 0, size.width, size.height));
    for y in 0..size.height {
        frame.set_string(0, y, TITLES[(first + usize::from(y)) % TITLES.len()], Style::new());
        frame.set_string(size.width - 2, y, "│", Style::new());
    }
    frame
}

#[test]
fn borders_stay_straight_when_titles_with_emoji_scroll_by_three() {
    let size = Size::new(24, 10);
    for narrow in [false, true] {
        let mut emulator = Emulator::new(size, narrow);
        let mut painter = Painter::new(capabilities(Depth::True));
        for first in (0..60).step_by(3) {
            emulator.show(painter.paint(&titles(first, size), None));
            for y in 0..size.height {
                assert_eq!(seen(&emulator.terminal, size.width - 2, y).0, "│");
                let between: String = (14..size.width - 2).map(|x| seen(&emulator.terminal, x, y).0).collect();
                assert_eq!(between.trim(), "", "nothing of an earlier frame remains");
            }
        }
    }
}

#[test]
fn a_frame_in_ascii_sends_no_other_byte() {
    let mut frame = Buffer::empty(Rect::new(0, 0, 20, 2));
    frame.set_string(0, 0, "│ 模型 … ❤️ ▂▅", Style::new());
    let mut painter = Painter::new(Capabilities { unicode: false, ..capabilities(Depth::Colors16) });
    let bytes = painter.paint(&frame, None);
    assert!(bytes.is_ascii());
    assert!(String::from_utf8_lossy(bytes).contains("| ???? ~ ?? ##"), "{:?}", String::from_utf8_lossy(bytes));
}

#[test]
fn a_control_character_in_a_cell_never_reaches_the_terminal() {
    let mut frame = Buffer::empty(Rect::new(0, 0, 8, 1));
    for (x, symbol) in (0..).zip(["\x1b", "\x1b[2J", "\u{9b}", "a\u{7}", "\n"]) {
        frame[(x, 0)].set_symbol(symbol);
    }
    let mut painter = Painter::new(capabilities(Depth::True));
    painter.paint(&Buffer::empty(frame.area), None);
    assert!(painter.paint(&frame, None).is_empty());
}

#[test]
fn an_empty_or_tiny_terminal_is_no_trouble() {
    let mut painter = Painter::new(capabilities(Depth::True));
    for (columns, rows) in [(120, 40), (1, 1), (0, 0), (0, 9), (46, 9)] {
        let mut frame = Buffer::empty(Rect::new(0, 0, columns, rows));
        if !frame.area.is_empty() {
            frame.set_string(0, 0, "가 too small", Style::new());
        }
        let bytes = painter.paint(&frame, Some(Position::new(3, 3)));
        assert_eq!(bytes.is_empty(), frame.area.is_empty());
    }
}

/// A table of ten columns as the console draws it, in the given width, with a lit row.
fn table(first: u16, lit: u16, depth: Depth) -> Buffer {
    let (columns, rows) = (180, 50);
    let mut frame = Buffer::empty(Rect::new(0, 0, columns, rows));
    let color = |rgb: Color, index: u8| if depth == Depth::True { rgb } else { Color::Indexed(index) };
    let (good, dim) = (color(Color::Rgb(120, 200, 130), 114), color(Color::Rgb(130, 130, 140), 245));
    frame.set_string(0, 0, " quarterdeck   prod   1 Line  2 Endpoints  3 Runs", Style::new().fg(dim));
    for line in 0..rows - 2 {
        let (y, row) = (line + 1, u32::from(first + line) * 7919 % 99_991);
        if line == lit {
            frame.set_style(Rect::new(0, y, columns, 1), Style::new().bg(color(Color::Rgb(40, 44, 60), 237)));
        }
        frame.set_string(1, y, format!("●  model-{row:05}-predictor-{:04x}", row * 31 % 65_536), Style::new().fg(good));
        frame.set_string(42, y, format!("team-{:02}", row % 37), Style::new());
        frame.set_string(58, y, format!("Ready {:>3}/{}", row % 9, 9), Style::new());
        frame.set_string(76, y, format!("{:>8}", row % 1000), Style::new());
        frame.set_string(90, y, format!("{:>5}.{} ms", row % 300, row % 10), Style::new());
        frame.set_string(106, y, format!("{:>4}Mi", row % 4096), Style::new());
        frame.set_string(118, y, format!("10.{}.{}.{}", row % 8, row % 251, row % 241), Style::new());
        frame.set_string(138, y, format!("node-{:03}", row % 300), Style::new());
        frame.set_string(152, y, format!("v{}", row % 12), Style::new());
        frame.set_string(170, y, format!("{}h", row % 48), Style::new().fg(dim));
    }
    frame.set_string(0, rows - 1, " j/k move   enter open   ? help", Style::new().fg(dim));
    frame
}

fn cost(from: &Buffer, to: &Buffer, depth: Depth) -> usize {
    let mut painter = Painter::new(capabilities(depth));
    painter.paint(from, None);
    painter.paint(to, None).len()
}

#[test]
fn a_cursor_move_of_a_fully_lit_row_costs_less_than_the_bar() {
    for (depth, bar) in [(Depth::True, 450), (Depth::Colors256, 400)] {
        let bytes = cost(&table(100, 20, depth), &table(100, 21, depth), depth);
        assert!(bytes < bar, "{depth:?}: {bytes} B");
    }
}

#[test]
fn a_scrolled_row_costs_less_than_the_bar() {
    for depth in [Depth::True, Depth::Colors256] {
        for (from, to, lit) in [(100, 101, 47), (101, 100, 0)] {
            let bytes = cost(&table(from, lit, depth), &table(to, lit, depth), depth);
            assert!(bytes < 400, "{depth:?}: {bytes} B");
        }
    }
}

#[test]
fn a_long_frame_appears_at_once_and_a_short_one_is_sent_bare() {
    let mut painter = Painter::new(capabilities(Depth::True));
    let whole = painter.paint(&table(0, 0, Depth::True), None).to_vec();
    assert!(whole.starts_with(b"\x1b[?2026h") && whole.ends_with(b"\x1b[?2026l"));
    let move_of_one = painter.paint(&table(0, 1, Depth::True), None);
    assert!(!move_of_one.windows(4).any(|window| window == b"2026"));
}

#[test]
fn after_the_last_column_the_cursor_is_placed_absolutely() {
    let mut frame = Buffer::empty(Rect::new(0, 0, 30, 3));
    let mut painter = Painter::new(capabilities(Depth::True));
    painter.paint(&frame, None);
    frame[(29, 2)].set_symbol("x");
    painter.paint(&frame, None);
    frame[(28, 2)].set_symbol("y");
    assert_eq!(painter.paint(&frame, None), b"\x1b[29Gy");
}

#[test]
fn a_blank_that_only_changed_its_text_colour_is_not_sent() {
    let mut frame = Buffer::empty(Rect::new(0, 0, 30, 3));
    let mut painter = Painter::new(capabilities(Depth::True));
    painter.paint(&frame, None);
    frame.set_style(frame.area, Style::new().fg(Color::Red).add_modifier(Modifier::BOLD));
    assert!(painter.paint(&frame, None).is_empty());
}

#[test]
fn after_forgetting_the_whole_frame_is_sent_again() {
    let frame = table(0, 0, Depth::True);
    let mut painter = Painter::new(capabilities(Depth::True));
    let first = painter.paint(&frame, None).to_vec();
    painter.forget();
    assert_eq!(painter.paint(&frame, None), first);
}
