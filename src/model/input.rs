//! What a person does at the terminal, in words that no terminal library shares: keys, pastes, clicks, sizes.
//!
//! The notation of keymaps (`j`, `G`, `ctrl-p`, `shift-tab`, `f5`, `space`) is read and written here. What a key
//! means, and how bytes become keys, belongs elsewhere.

use std::fmt;
use std::str::FromStr;

/// One thing that came from the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A key was pressed (never a release).
    Key(Key),
    /// Text pasted in one piece; line ends are `\n`.
    Paste(String),
    /// The mouse, where it was asked for.
    Mouse(Mouse),
    /// The terminal's window got the focus (true) or lost it.
    Focus(bool),
    /// The terminal has a new size, in cells; either may be 0.
    Resize {
        /// Cells across.
        columns: u16,
        /// Cells down.
        rows: u16,
    },
}

/// What the mouse did, at a cell counted from the upper left one (0, 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mouse {
    /// The button or the wheel.
    pub action: MouseAction,
    /// The cell's column.
    pub column: u16,
    /// The cell's row.
    pub row: u16,
}

/// What a mouse can do here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MouseAction {
    /// The left button went down.
    Press,
    /// The left button came up.
    Release,
    /// The mouse moved with the left button down.
    Drag,
    /// The wheel turned away from the user.
    ScrollUp,
    /// The wheel turned towards the user.
    ScrollDown,
}

/// A key with its modifiers.
///
/// There is one spelling of each: a printable key carries its shift in the character (`G`, not `shift-g`), and
/// shift with Tab is [`KeyCode::BackTab`]. [`Key::new`] makes it so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Which key.
    pub code: KeyCode,
    /// Control was held.
    pub ctrl: bool,
    /// Alt (or Meta) was held.
    pub alt: bool,
    /// Shift was held; never set for characters and for [`KeyCode::BackTab`].
    pub shift: bool,
}

/// The keys that terminals can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyCode {
    /// A printable character, in the case in which it was typed.
    Char(char),
    /// Enter or Return.
    Enter,
    /// Escape.
    Esc,
    /// Tab.
    Tab,
    /// Shift with Tab.
    BackTab,
    /// Backspace.
    Backspace,
    /// Delete.
    Delete,
    /// Insert.
    Insert,
    /// Arrow up.
    Up,
    /// Arrow down.
    Down,
    /// Arrow left.
    Left,
    /// Arrow right.
    Right,
    /// Home.
    Home,
    /// End.
    End,
    /// Page up.
    PageUp,
    /// Page down.
    PageDown,
    /// A function key, from 1.
    F(u8),
}

/// The names of keymaps for the keys that are no character of their own.
const NAMES: &[(&str, KeyCode)] = &[
    ("space", KeyCode::Char(' ')),
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pageup", KeyCode::PageUp),
    ("pagedown", KeyCode::PageDown),
];

/// Other spellings that are understood, never written.
const ALIASES: &[(&str, KeyCode)] = &[
    ("return", KeyCode::Enter),
    ("escape", KeyCode::Esc),
    ("backtab", KeyCode::BackTab),
    ("del", KeyCode::Delete),
    ("ins", KeyCode::Insert),
    ("pgup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
];

impl Key {
    /// The key with these modifiers in its one spelling.
    #[must_use]
    pub fn new(code: KeyCode, ctrl: bool, alt: bool, shift: bool) -> Self {
        match code {
            KeyCode::Char(typed) if ctrl => {
                Self { code: KeyCode::Char(typed.to_ascii_lowercase()), ctrl, alt, shift: false }
            }
            KeyCode::Char(typed) if shift => {
                Self { code: KeyCode::Char(typed.to_ascii_uppercase()), ctrl, alt, shift: false }
            }
            KeyCode::Tab if shift => Self { code: KeyCode::BackTab, ctrl, alt, shift: false },
            KeyCode::Char(_) | KeyCode::BackTab => Self { code, ctrl, alt, shift: false },
            _ => Self { code, ctrl, alt, shift },
        }
    }

    /// The key without modifiers.
    #[must_use]
    pub fn plain(code: KeyCode) -> Self {
        Self::new(code, false, false, false)
    }

    /// The character that this key types into a text field, if it types one.
    #[must_use]
    pub fn typed(self) -> Option<char> {
        match self.code {
            KeyCode::Char(typed) if !self.ctrl && !self.alt => Some(typed),
            _ => None,
        }
    }
}

impl From<char> for Key {
    fn from(typed: char) -> Self {
        Self::plain(KeyCode::Char(typed))
    }
}

impl From<KeyCode> for Key {
    fn from(code: KeyCode) -> Self {
        Self::plain(code)
    }
}

impl fmt::Display for KeyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((name, _)) = NAMES.iter().find(|(_, code)| code == self) {
            return f.write_str(name);
        }
        match self {
            Self::Char(typed) => write!(f, "{typed}"),
            Self::F(number) => write!(f, "f{number}"),
            _ => f.write_str("shift-tab"),
        }
    }
}

impl fmt::Display for Key {
    /// Writes the keymap's notation; reading it again gives the same key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, name) in [(self.ctrl, "ctrl-"), (self.alt, "alt-"), (self.shift, "shift-")] {
            if held {
                f.write_str(name)?;
            }
        }
        write!(f, "{}", self.code)
    }
}

/// A text that names no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{text}\" is not a key: write one character, a name ({}), f1 to f24, with ctrl-, alt- or shift- before it",
    key_names()
)]
pub struct UnknownKey {
    /// What was written.
    pub text: String,
}

fn key_names() -> String {
    NAMES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

impl FromStr for Key {
    type Err = UnknownKey;

    fn from_str(text: &str) -> Result<Self, UnknownKey> {
        let (mut ctrl, mut alt, mut shift) = (false, false, false);
        let mut rest = text;
        loop {
            let (held, after) = match rest.split_once('-') {
                Some((name, after)) if !after.is_empty() && name.eq_ignore_ascii_case("ctrl") => (&mut ctrl, after),
                Some((name, after)) if !after.is_empty() && name.eq_ignore_ascii_case("alt") => (&mut alt, after),
                Some((name, after)) if !after.is_empty() && name.eq_ignore_ascii_case("shift") => (&mut shift, after),
                _ => break,
            };
            if std::mem::replace(held, true) {
                return Err(UnknownKey { text: text.to_owned() });
            }
            rest = after;
        }
        let code = code_named(rest).ok_or_else(|| UnknownKey { text: text.to_owned() })?;
        Ok(Self::new(code, ctrl, alt, shift))
    }
}

fn code_named(name: &str) -> Option<KeyCode> {
    let mut characters = name.chars();
    if let (Some(only), None) = (characters.next(), characters.next()) {
        return (!only.is_control()).then_some(KeyCode::Char(only));
    }
    let lower = name.to_ascii_lowercase();
    if let Some((_, code)) = NAMES.iter().chain(ALIASES).find(|(known, _)| *known == lower) {
        return Some(*code);
    }
    let number: u8 = lower.strip_prefix('f')?.parse().ok()?;
    (1..=24).contains(&number).then_some(KeyCode::F(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_of_the_keymap_is_read_and_written_the_same() {
        for text in [
            "j",
            "G",
            "ctrl-p",
            "shift-tab",
            "f5",
            "f12",
            "space",
            "enter",
            "esc",
            "-",
            "ctrl--",
            "alt-x",
            "/",
            "?",
            ":",
            "*",
            "=",
            "[",
            "ctrl-alt-delete",
            "shift-up",
            "pagedown",
            "ctrl-space",
            "가",
        ] {
            let key: Key = text.parse().unwrap();
            assert_eq!(key.to_string(), text);
        }
    }

    #[test]
    fn a_character_carries_its_shift_and_other_spellings_mean_the_same_key() {
        assert_eq!("shift-g".parse::<Key>().unwrap(), Key::from('G'));
        assert_eq!("Ctrl-P".parse::<Key>().unwrap(), "ctrl-p".parse().unwrap());
        assert_eq!("backtab".parse::<Key>().unwrap(), Key::new(KeyCode::Tab, false, false, true));
        assert_eq!("Escape".parse::<Key>().unwrap(), Key::from(KeyCode::Esc));
    }

    #[test]
    fn what_is_no_key_says_what_could_be_written() {
        for text in ["", "ctrl", "f0", "f25", "hyper-x", "ctrl-ctrl-x", "ab"] {
            let error = text.parse::<Key>().unwrap_err();
            assert!(error.to_string().contains("pagedown"), "{error}");
        }
    }

    #[test]
    fn only_a_plain_character_types() {
        assert_eq!(Key::from('x').typed(), Some('x'));
        assert_eq!("ctrl-x".parse::<Key>().unwrap().typed(), None);
        assert_eq!(Key::from(KeyCode::Enter).typed(), None);
    }
}
