//! From the bytes of a terminal to keys, pastes, clicks: pure, and total over any bytes.
//!
//! Our own rather than crossterm's, whose reader spins for ever when the terminal is gone and takes the escape
//! sequence that a network cut in two for Escape and letters.

use crate::model::input::{Input, Key, KeyCode, Mouse, MouseAction};

/// The most that one paste may hold, in bytes; what comes after is dropped.
const PASTE_LIMIT: usize = 4 << 20;
/// A control sequence that is longer is noise.
const SEQUENCE_LIMIT: usize = 256;
/// A string sequence (an answer to a query that is not ours) that is longer is noise.
const STRING_LIMIT: usize = 64 << 10;

const PASTE_END: &[u8] = b"\x1b[201~";

/// Keeps the bytes that are no whole sequence yet.
#[derive(Debug, Default)]
pub(super) struct Parser {
    pending: Vec<u8>,
    paste: Option<Vec<u8>>,
}

/// What the bytes at the start of the pending ones are.
enum Step {
    /// So many bytes, which mean this (or nothing).
    Taken(usize, Option<Input>),
    /// So many bytes begin a paste.
    PasteBegins(usize),
    /// A sequence that goes on.
    Unfinished,
}

impl Parser {
    /// Takes bytes; gives what became whole.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<Input> {
        self.pending.extend_from_slice(bytes);
        let mut found = Vec::new();
        loop {
            if self.paste.is_some() {
                match self.paste_on() {
                    Some(text) => found.push(Input::Paste(text)),
                    None => return found,
                }
            }
            match step(&self.pending) {
                Step::Taken(length, input) => {
                    self.pending.drain(..length.min(self.pending.len()));
                    found.extend(input);
                }
                Step::PasteBegins(length) => {
                    self.pending.drain(..length);
                    self.paste = Some(Vec::new());
                }
                Step::Unfinished => return found,
            }
        }
    }

    /// Whether bytes wait for more.
    pub(super) fn is_waiting(&self) -> bool {
        !self.pending.is_empty() || self.paste.is_some()
    }

    /// Whether a paste has begun and not ended.
    pub(super) fn is_pasting(&self) -> bool {
        self.paste.is_some()
    }

    /// Nothing more came: what waits is all there is.
    pub(super) fn give_up(&mut self) -> Vec<Input> {
        let pending = std::mem::take(&mut self.pending);
        if let Some(mut paste) = self.paste.take() {
            paste.extend_from_slice(&pending);
            return vec![Input::Paste(pasted(&paste))];
        }
        let key = match pending.as_slice() {
            [0x1b] => Key::from(KeyCode::Esc),
            [0x1b, byte @ (b'[' | b'O' | b'P' | b']' | b'X' | b'^' | b'_')] => alt(KeyCode::Char(char::from(*byte))),
            _ => return Vec::new(),
        };
        vec![Input::Key(key)]
    }

    /// Moves pending bytes to the paste; gives its text when it has ended.
    fn paste_on(&mut self) -> Option<String> {
        let paste = self.paste.as_mut()?;
        let end = self.pending.windows(PASTE_END.len()).position(|window| window == PASTE_END);
        // The end may have been cut: its possible beginning stays pending.
        let whole = end.unwrap_or_else(|| self.pending.len().saturating_sub(PASTE_END.len() - 1));
        let taken: Vec<u8> = self.pending.drain(..whole).collect();
        paste.extend(taken.into_iter().take(PASTE_LIMIT.saturating_sub(paste.len())));
        end?;
        self.pending.drain(..PASTE_END.len());
        self.paste.take().map(|paste| pasted(&paste))
    }
}

/// The text of a paste: line ends as `\n`, no other control characters but tabs.
fn pasted(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n").replace('\r', "\n");
    text.chars().filter(|character| !character.is_control() || matches!(character, '\n' | '\t')).collect()
}

fn step(bytes: &[u8]) -> Step {
    match bytes {
        [] | [0x1b] => Step::Unfinished,
        [0x1b, b'[', rest @ ..] => control_sequence(rest),
        [0x1b, b'O', rest @ ..] => rest.first().map_or(Step::Unfinished, |last| Step::Taken(3, single_shift(*last))),
        [0x1b, b'P' | b']' | b'X' | b'^' | b'_', rest @ ..] => string(rest),
        // Escape and then a sequence: two things.
        [0x1b, 0x1b, ..] => Step::Taken(1, Some(Input::Key(Key::from(KeyCode::Esc)))),
        [0x1b, rest @ ..] => match character(rest) {
            Step::Taken(length, Some(Input::Key(key))) => {
                Step::Taken(length + 1, Some(Input::Key(Key { alt: true, ..key })))
            }
            Step::Taken(length, other) => Step::Taken(length + 1, other),
            other => other,
        },
        _ => character(bytes),
    }
}

fn alt(code: KeyCode) -> Key {
    Key::new(code, false, true, false)
}

fn ctrl(letter: u8) -> Key {
    Key::new(KeyCode::Char(char::from(letter)), true, false, false)
}

/// A control character or one in UTF-8.
fn character(bytes: &[u8]) -> Step {
    let Some(first) = bytes.first().copied() else { return Step::Unfinished };
    let key = match first {
        0 => ctrl(b' '),
        // Enter is one thing, whichever line end the terminal or a replayed paste sends for it.
        b'\r' | b'\n' => Key::from(KeyCode::Enter),
        b'\t' => Key::from(KeyCode::Tab),
        8 | 0x7f => Key::from(KeyCode::Backspace),
        1..=26 => ctrl(first - 1 + b'a'),
        28..=31 => ctrl(first - 28 + b'\\'),
        _ => return in_utf8(bytes, first),
    };
    Step::Taken(1, Some(Input::Key(key)))
}

fn in_utf8(bytes: &[u8], first: u8) -> Step {
    let length = match first {
        0..=0x7f => 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Step::Taken(1, None),
    };
    let valid = |found: &[u8]| std::str::from_utf8(found).ok().and_then(|text| text.chars().next());
    match bytes.get(..length) {
        Some(whole) => match valid(whole) {
            Some(typed) if !typed.is_control() => Step::Taken(length, Some(Input::Key(Key::from(typed)))),
            _ => Step::Taken(1, None),
        },
        None if bytes.iter().skip(1).all(|byte| (0x80..=0xbf).contains(byte)) => Step::Unfinished,
        None => Step::Taken(1, None),
    }
}

/// What follows `ESC O`.
fn single_shift(last: u8) -> Option<Input> {
    let code = match last {
        b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
        b'M' => KeyCode::Enter,
        b'j'..=b'y' => KeyCode::Char(char::from(last - 0x40)),
        _ => cursor_key(last)?,
    };
    Some(Input::Key(Key::from(code)))
}

fn cursor_key(last: u8) -> Option<KeyCode> {
    Some(match last {
        b'A' => KeyCode::Up,
        b'B' => KeyCode::Down,
        b'C' => KeyCode::Right,
        b'D' => KeyCode::Left,
        b'F' => KeyCode::End,
        b'H' => KeyCode::Home,
        b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
        b'Z' => KeyCode::BackTab,
        _ => return None,
    })
}

/// What follows a string's introducer, up to its end (ST or BEL): an answer that nobody asked for.
fn string(rest: &[u8]) -> Step {
    let bell = rest.iter().position(|byte| *byte == 7).map(|at| at + 1);
    let terminator = rest.windows(2).position(|window| window == b"\x1b\\").map(|at| at + 2);
    let end = bell.into_iter().chain(terminator).min();
    match end {
        Some(end) => Step::Taken(end + 2, None),
        None if rest.len() > STRING_LIMIT => Step::Taken(rest.len() + 2, None),
        None => Step::Unfinished,
    }
}

/// What follows `ESC [`.
fn control_sequence(rest: &[u8]) -> Step {
    // The Linux console's first function keys.
    if let [b'[', more @ ..] = rest {
        let key = |last: &u8| (b'A'..=b'E').contains(last).then(|| Input::Key(KeyCode::F(last - b'A' + 1).into()));
        return more.first().map_or(Step::Unfinished, |last| Step::Taken(4, key(last)));
    }
    // Three raw bytes of an old mouse report would be taken for keys.
    if rest.first() == Some(&b'M') {
        return if rest.len() < 4 { Step::Unfinished } else { Step::Taken(6, None) };
    }
    let Some(length) = rest.iter().position(|byte| !(0x20..=0x3f).contains(byte)) else {
        return if rest.len() > SEQUENCE_LIMIT { Step::Taken(rest.len() + 2, None) } else { Step::Unfinished };
    };
    let (Some((parameters, [last, ..])), Some(taken)) = (rest.split_at_checked(length), length.checked_add(3)) else {
        return Step::Unfinished;
    };
    if !(0x40..=0x7e).contains(last) {
        // A sequence broken off by something else, which is looked at next.
        return Step::Taken(taken - 1, None);
    }
    if (parameters, *last) == (b"200".as_slice(), b'~') {
        return Step::PasteBegins(taken);
    }
    Step::Taken(taken, meaning(parameters, *last))
}

fn meaning(parameters: &[u8], last: u8) -> Option<Input> {
    if let Some((b'<', mouse)) = parameters.split_first() {
        return matches!(last, b'M' | b'm').then(|| mouse_report(mouse, last == b'm')).flatten();
    }
    let numbers: Vec<u32> = numbers(parameters)?;
    let number = |at: usize, default: u32| numbers.get(at).copied().filter(|number| *number > 0).unwrap_or(default);
    let code = match last {
        b'I' if parameters.is_empty() => return Some(Input::Focus(true)),
        b'O' if parameters.is_empty() => return Some(Input::Focus(false)),
        // An answer about the cursor's place has the shape of F3 with modifiers, from row 2 on.
        b'R' if number(0, 1) != 1 => return None,
        b'~' if number(0, 0) == 27 => return Some(modified(code_of(number(2, 0))?, number(1, 1))),
        b'~' => tilde_key(number(0, 0))?,
        b'u' => code_of(number(0, 0))?,
        _ => cursor_key(last)?,
    };
    // A third of the modifier's parts, 3, is a release.
    (!release(parameters)).then(|| modified(code, number(1, 1)))
}

/// The numbers between semicolons; of parts between colons the first counts.
fn numbers(parameters: &[u8]) -> Option<Vec<u32>> {
    let first_part = |field: &str| field.split(':').next().unwrap_or_default().to_owned();
    let read = |field: String| if field.is_empty() { Some(0) } else { field.parse().ok() };
    std::str::from_utf8(parameters).ok()?.split(';').map(first_part).map(read).collect()
}

fn release(parameters: &[u8]) -> bool {
    parameters.split(|byte| *byte == b';').nth(1).is_some_and(|field| field.ends_with(b":3"))
}

fn modified(code: KeyCode, modifiers: u32) -> Input {
    let bits = modifiers.saturating_sub(1);
    let (shift, alt, control) = (bits & 1 > 0, bits & 2 > 0 || bits & 32 > 0, bits & 4 > 0);
    let key = Key::new(code, control, alt, shift);
    // Control with these letters is what older terminals send for the keys themselves.
    let same = match (key.ctrl && !key.alt, key.code) {
        (true, KeyCode::Char('m' | 'j')) => Key::from(KeyCode::Enter),
        (true, KeyCode::Char('i')) => Key::from(KeyCode::Tab),
        (true, KeyCode::Char('h')) => Key::from(KeyCode::Backspace),
        (true, KeyCode::Char('[')) => Key::from(KeyCode::Esc),
        _ => key,
    };
    Input::Key(same)
}

fn tilde_key(number: u32) -> Option<KeyCode> {
    let function = |offset: u32| u8::try_from(number - offset).ok().map(KeyCode::F);
    match number {
        1 | 7 => Some(KeyCode::Home),
        2 => Some(KeyCode::Insert),
        3 => Some(KeyCode::Delete),
        4 | 8 => Some(KeyCode::End),
        5 => Some(KeyCode::PageUp),
        6 => Some(KeyCode::PageDown),
        11..=15 => function(10),
        17..=21 => function(11),
        23..=26 => function(12),
        28 | 29 => function(13),
        31..=34 => function(14),
        _ => None,
    }
}

/// The key with this code point, for terminals that tell keys that way.
fn code_of(point: u32) -> Option<KeyCode> {
    Some(match point {
        9 => KeyCode::Tab,
        10 | 13 | 57414 => KeyCode::Enter,
        27 => KeyCode::Esc,
        8 | 127 => KeyCode::Backspace,
        _ => KeyCode::Char(char::from_u32(point).filter(|typed| {
            // The private use area stands for keys that we have no use for (lone modifiers, media).
            !typed.is_control() && !('\u{E000}'..='\u{F8FF}').contains(typed)
        })?),
    })
}

fn mouse_report(parameters: &[u8], released: bool) -> Option<Input> {
    let numbers = numbers(parameters)?;
    let [button, column, row] = numbers.as_slice() else { return None };
    let action = match button & !0b1_1100 {
        0 if released => MouseAction::Release,
        0 => MouseAction::Press,
        32 => MouseAction::Drag,
        64 => MouseAction::ScrollUp,
        65 => MouseAction::ScrollDown,
        _ => return None,
    };
    let cell = |number: u32| u16::try_from(number.saturating_sub(1)).ok();
    Some(Input::Mouse(Mouse { action, column: cell(*column)?, row: cell(*row)? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(bytes: &[u8]) -> String {
        let mut parser = Parser::default();
        let mut found = parser.feed(bytes);
        found.extend(parser.give_up());
        let show = |input: &Input| match input {
            Input::Key(key) => key.to_string(),
            other => format!("{other:?}"),
        };
        found.iter().map(show).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn every_terminal_s_bytes_for_a_key_give_the_same_key() {
        for (bytes, key) in [
            (&["\x1b[A", "\x1bOA", "\x1b[1A", "\x1b[1;1A"][..], "up"),
            (&["\x1b[Z", "\x1b[1;2Z", "\x1b[9;2u", "\x1b[27;2;9~"], "shift-tab"),
            (&["\x08", "\x7f", "\x1b[104;5u", "\x1b[127u"], "backspace"),
            (&["\r", "\n", "\x1bOM", "\x1b[13u", "\x1b[109;5u"], "enter"),
            (&["\t", "\x1b[105;5u"], "tab"),
            (&["\x1b[H", "\x1bOH", "\x1b[1~", "\x1b[7~"], "home"),
            (&["\x1b[F", "\x1b[4~", "\x1b[8~"], "end"),
            (&["\x1b[15~", "\x1b[[E"], "f5"),
            (&["\x1bOP", "\x1b[11~", "\x1b[[A", "\x1b[P"], "f1"),
            (&["\x1b[24~"], "f12"),
            (&["\x10", "\x1b[112;5u", "\x1b[27;5;112~"], "ctrl-p"),
            (&["\0", "\x1b[32;5u"], "ctrl-space"),
            (&["\x1b", "\x1b[27u"], "esc"),
            (&["\x1bx", "\x1b[120;3u"], "alt-x"),
            (&["\x1b[1;5C"], "ctrl-right"),
            (&["\x1b[1;2A"], "shift-up"),
            (&["\x1b[5~"], "pageup"),
            (&["\x1b[3~"], "delete"),
            (&["G", "\x1b[103;2u"], "G"),
            (&["가"], "가"),
            (&["\x1a"], "ctrl-z"),
            (&["\x1c"], "ctrl-\\"),
        ] {
            for one in bytes {
                assert_eq!(keys(one.as_bytes()), key, "{one:?}");
            }
        }
    }

    #[test]
    fn answers_that_nobody_asked_for_and_releases_are_no_keys() {
        for bytes in [
            "\x1b[12;40R",
            "\x1b[?62;c",
            "\x1b]11;rgb:1111/2222/3333\x1b\\",
            "\x1b]52;c;aGk=\x07",
            "\x1bP1+r544e\x1b\\",
            "\x1b[106;1:3u",
            "\x1b[M !!",
            "\x1b[57441;2u",
        ] {
            assert_eq!(keys(bytes.as_bytes()), "", "{bytes:?}");
        }
    }

    #[test]
    fn a_sequence_cut_in_two_anywhere_is_still_one() {
        let bytes = "\x1b[1;5C가\x1b[200~a\r\nb\x1b[201~\x1b[<0;3;4Mq".as_bytes();
        let whole = Parser::default().feed(bytes);
        assert_eq!(whole.len(), 5);
        for cut in 0..bytes.len() {
            let mut parser = Parser::default();
            let (one, two) = bytes.split_at(cut);
            let mut found = parser.feed(one);
            found.extend(parser.feed(two));
            assert_eq!(found, whole, "cut at {cut}");
            assert!(!parser.is_waiting());
        }
    }

    #[test]
    fn a_paste_is_one_input_and_runs_no_key() {
        let found = Parser::default().feed(b"\x1b[200~d\ny\r\n\x1b[31m\x1b[201~");
        assert_eq!(found, [Input::Paste("d\ny\n[31m".to_owned())]);
    }

    #[test]
    fn a_paste_that_never_ends_is_given_when_nothing_more_comes() {
        let mut parser = Parser::default();
        assert!(parser.feed(b"\x1b[200~half").is_empty());
        assert!(parser.is_pasting());
        assert_eq!(parser.give_up(), [Input::Paste("half".to_owned())]);
        assert_eq!(parser.feed(b"j"), [Input::Key(Key::from('j'))]);
    }

    #[test]
    fn the_mouse_is_told_by_cell() {
        let at = |action| Input::Mouse(Mouse { action, column: 2, row: 3 });
        let found =
            Parser::default().feed(b"\x1b[<0;3;4M\x1b[<0;3;4m\x1b[<32;3;4M\x1b[<64;3;4M\x1b[<65;3;4M\x1b[<2;3;4M");
        let actions = [
            MouseAction::Press,
            MouseAction::Release,
            MouseAction::Drag,
            MouseAction::ScrollUp,
            MouseAction::ScrollDown,
        ];
        assert_eq!(found, actions.map(at));
        assert_eq!(keys(b"\x1b[I\x1b[O"), "Focus(true) Focus(false)");
    }

    #[test]
    fn any_bytes_are_survived_and_the_next_key_is_understood() {
        let mut state = 7_u32;
        for _ in 0..3000 {
            let mut parser = Parser::default();
            let noise: Vec<u8> = (0..40)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    *b"\x1b[O<;:0123456789mMRuA~\xff\xc3\xe0P]\\".get((state >> 16) as usize % 33).unwrap_or(&b'x')
                })
                .collect();
            parser.feed(&noise);
            parser.give_up();
            assert_eq!(parser.feed(b"j"), [Input::Key(Key::from('j'))], "after {noise:?}");
        }
    }
}
