//! Text that is typed: a field of one line, and the payload editor of several.

use crate::model::input::{Key, KeyCode};

/// A text with a cursor. In a field of one line, line breaks that are pasted become spaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Field {
    text: String,
    /// Byte offset of the cursor, always at a character's border.
    at: usize,
    several: bool,
}

impl Field {
    /// A field of one line with this text, the cursor at its end.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), at: text.len(), several: false }
    }

    /// An editor of several lines, the cursor at the beginning.
    #[must_use]
    pub fn editor(text: &str) -> Self {
        Self { text: text.to_owned(), at: 0, several: true }
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What stands before the cursor.
    #[must_use]
    pub fn before(&self) -> &str {
        self.text.get(..self.at).unwrap_or(&self.text)
    }

    /// What stands behind the cursor.
    #[must_use]
    pub fn after(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// The cursor's line and the text before it on that line.
    #[must_use]
    pub fn place(&self) -> (usize, &str) {
        let before = self.before();
        (before.matches('\n').count(), before.rsplit('\n').next().unwrap_or(""))
    }

    /// Puts a text in, as typed or pasted.
    pub fn insert(&mut self, text: &str) {
        let clean: String = text
            .replace("\r\n", "\n")
            .chars()
            .map(|char| match char {
                '\n' | '\r' if self.several => '\n',
                '\n' | '\r' | '\t' => ' ',
                other => other,
            })
            .filter(|char| !char.is_control() || *char == '\n')
            .collect();
        self.text.insert_str(self.at, &clean);
        self.at += clean.len();
    }

    /// Does what an editing key does; `false` if it is none.
    pub fn press(&mut self, key: Key) -> bool {
        if let Some(char) = key.typed() {
            self.insert(char.encode_utf8(&mut [0; 4]));
            return true;
        }
        match (key.code, key.ctrl) {
            (KeyCode::Backspace, false) => self.delete_back(1),
            (KeyCode::Delete, false) => self.delete_forward(),
            (KeyCode::Left, false) => self.at = self.previous(),
            (KeyCode::Right, false) => self.at = self.next(),
            (KeyCode::Home, false) | (KeyCode::Char('a'), true) => self.at = self.line_start(),
            (KeyCode::End, false) | (KeyCode::Char('e'), true) => self.at = self.line_end(),
            (KeyCode::Char('u'), true) => self.cut(self.line_start()),
            (KeyCode::Char('w'), true) => self.cut(self.word_start()),
            (KeyCode::Up, false) if self.several => self.vertical(false),
            (KeyCode::Down, false) if self.several => self.vertical(true),
            (KeyCode::Enter, false) if self.several => self.insert("\n"),
            _ => return false,
        }
        true
    }

    fn previous(&self) -> usize {
        self.before().chars().next_back().map_or(0, |char| self.at - char.len_utf8())
    }

    fn next(&self) -> usize {
        self.after().chars().next().map_or(self.at, |char| self.at + char.len_utf8())
    }

    fn line_start(&self) -> usize {
        self.before().rfind('\n').map_or(0, |at| at + 1)
    }

    fn line_end(&self) -> usize {
        self.after().find('\n').map_or(self.text.len(), |at| self.at + at)
    }

    fn word_start(&self) -> usize {
        let before = self.before().trim_end();
        before.rfind(char::is_whitespace).map_or(0, |at| at + 1).max(self.line_start())
    }

    fn delete_back(&mut self, characters: usize) {
        for _ in 0..characters {
            self.cut(self.previous());
        }
    }

    fn delete_forward(&mut self) {
        let next = self.next();
        self.text.replace_range(self.at..next, "");
    }

    fn cut(&mut self, from: usize) {
        self.text.replace_range(from..self.at, "");
        self.at = from;
    }

    fn vertical(&mut self, down: bool) {
        let column = self.before().rsplit('\n').next().map_or(0, |line| line.chars().count());
        let start = if down {
            match self.after().find('\n') {
                Some(at) => self.at + at + 1,
                None => return,
            }
        } else {
            match self.line_start() {
                0 => return,
                here => self.text.get(..here - 1).and_then(|text| text.rfind('\n')).map_or(0, |at| at + 1),
            }
        };
        let line = self.text.get(start..).and_then(|rest| rest.split('\n').next()).unwrap_or("");
        self.at = start + line.chars().take(column).map(char::len_utf8).sum::<usize>();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(field: &mut Field, keys: &[&str]) {
        for key in keys {
            field.press(key.parse().unwrap());
        }
    }

    #[test]
    fn a_paste_of_several_lines_into_a_field_becomes_one_line() {
        let mut field = Field::new("");
        field.insert("d\r\ny\nz\u{1b}[31m");
        assert_eq!(field.text(), "d y z[31m");
    }

    #[test]
    fn editing_keeps_to_whole_characters() {
        let mut field = Field::new("größe");
        keys(&mut field, &["left", "left", "backspace"]);
        assert_eq!(field.text(), "grße");
        keys(&mut field, &["ctrl-u"]);
        assert_eq!(field.text(), "ße");
    }

    #[test]
    fn the_editor_moves_between_lines_by_column() {
        let mut field = Field::editor("one\ntwelve\n3");
        keys(&mut field, &["end", "down", "x"]);
        assert_eq!(field.text(), "one\ntwexlve\n3");
        keys(&mut field, &["down", "down", "up", "up", "enter"]);
        assert_eq!(field.place().0, 1);
    }
}
