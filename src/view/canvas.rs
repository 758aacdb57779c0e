//! Putting text into the buffer: by role, cut to its room, never outside.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

use super::theme::{Role, Theme};

/// A buffer and the theme to draw with.
pub(super) struct Canvas<'a> {
    /// What is drawn into.
    pub(super) buffer: &'a mut Buffer,
    /// How roles look.
    pub(super) theme: &'a Theme,
}

impl Canvas<'_> {
    /// Puts `text` at `x`, `y`, at most `width` cells of it; returns the column behind it.
    #[expect(clippy::too_many_arguments, reason = "where, what and how wide is what putting text takes")]
    pub(super) fn put(&mut self, x: u16, y: u16, text: &str, style: Style, width: u16) -> u16 {
        let area = self.buffer.area;
        if y < area.top() || y >= area.bottom() || x >= area.right() || width == 0 {
            return x;
        }
        let (end, _) = self.buffer.set_stringn(x, y, text, usize::from(width), style);
        end
    }

    /// Puts `text` in a role.
    #[expect(clippy::too_many_arguments, reason = "where, what and how wide is what putting text takes")]
    pub(super) fn text(&mut self, x: u16, y: u16, text: &str, role: Role, width: u16) -> u16 {
        let style = self.theme.get(role);
        self.put(x, y, text, style, width)
    }

    /// Puts `text` so that it ends before column `right`; returns the column where it begins.
    pub(super) fn right(&mut self, right: u16, y: u16, text: &str, role: Role) -> u16 {
        let width = columns(text);
        let x = right.saturating_sub(width);
        self.text(x, y, text, role, width);
        x
    }

    /// Puts parts one after the other, each in its role, at most `width` cells in all; returns the column behind them.
    pub(super) fn spans(&mut self, x: u16, y: u16, parts: &[(&str, Role)], width: u16) -> u16 {
        let limit = x.saturating_add(width);
        parts.iter().fold(x, |x, (text, role)| self.text(x, y, text, *role, limit.saturating_sub(x)))
    }

    /// Fills an area with blanks in a role.
    pub(super) fn fill(&mut self, area: Rect, role: Role) {
        let style = self.theme.get(role);
        self.fill_style(area, style);
    }

    /// Fills an area with blanks in a style.
    pub(super) fn fill_style(&mut self, area: Rect, style: Style) {
        let area = area.intersection(self.buffer.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                if let Some(cell) = self.buffer.cell_mut((x, y)) {
                    cell.reset();
                    cell.set_style(style);
                }
            }
        }
    }

    /// Adds a style to what is there.
    pub(super) fn patch(&mut self, area: Rect, style: Style) {
        let area = area.intersection(self.buffer.area);
        self.buffer.set_style(area, style);
    }

    /// A thin line.
    pub(super) fn rule(&mut self, x: u16, y: u16, width: u16) {
        let line = self.theme.pick("─", "-").repeat(usize::from(width));
        self.text(x, y, &line, Role::Rule, width);
    }

    /// Pushes everything that was drawn back to faint, for a dialog over it.
    pub(super) fn push_back(&mut self) {
        let area = self.buffer.area;
        let faint = self.theme.get(Role::Faint);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                if let Some(cell) = self.buffer.cell_mut((x, y)) {
                    let background = cell.bg;
                    cell.set_style(Style::reset().patch(faint));
                    cell.bg = background;
                }
            }
        }
    }
}

/// How many cells a text takes.
#[must_use]
pub(super) fn columns(text: &str) -> u16 {
    u16::try_from(text.width()).unwrap_or(u16::MAX)
}

/// Cuts a text to `width` cells, its end replaced by `…`.
#[must_use]
pub(super) fn cut(text: &str, width: u16, theme: &Theme) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    let dots = theme.pick("…", "~");
    let mut out = take(text.graphemes(true), width.saturating_sub(1));
    if width > 0 {
        out.push_str(dots);
    }
    out
}

/// Cuts a name to `width` cells in its middle, since its beginning and its end tell it from others.
#[must_use]
pub(super) fn cut_middle(text: &str, width: u16, theme: &Theme) -> String {
    if columns(text) <= width {
        return text.to_owned();
    }
    if width < 5 {
        return cut(text, width, theme);
    }
    let tail = (width - 1) / 2;
    let head = take(text.graphemes(true), width - 1 - tail);
    let mut end: Vec<&str> = Vec::new();
    let mut used = 0;
    for grapheme in text.graphemes(true).rev() {
        used += columns(grapheme);
        if used > tail {
            break;
        }
        end.push(grapheme);
    }
    end.reverse();
    format!("{head}{}{}", theme.pick("…", "~"), end.concat())
}

fn take<'t>(graphemes: impl Iterator<Item = &'t str>, width: u16) -> String {
    let mut out = String::new();
    let mut used = 0;
    for grapheme in graphemes {
        used += columns(grapheme);
        if used > width {
            break;
        }
        out.push_str(grapheme);
    }
    out
}

/// Breaks a text into lines of at most `width` cells, at blanks where it can.
#[must_use]
pub(super) fn wrap(text: &str, width: u16) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    for paragraph in text.lines() {
        let mut line = String::new();
        for word in paragraph.split_inclusive(' ') {
            if columns(&line) + columns(word.trim_end()) > width && !line.is_empty() {
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
            }
            let mut rest = word;
            while columns(rest.trim_end()) > width {
                let piece = take(rest.graphemes(true), width);
                if piece.is_empty() {
                    break;
                }
                rest = rest.get(piece.len()..).unwrap_or("");
                lines.push(piece);
            }
            line.push_str(rest);
        }
        lines.push(line.trim_end().to_owned());
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_in_the_middle_and_messages_at_the_end() {
        let theme = Theme::shipped("dark").unwrap();
        assert_eq!(cut_middle("fraud-detection-predictor-00003", 13, &theme), "fraud-…-00003");
        assert_eq!(cut("the quick brown fox", 10, &theme), "the quick…");
        assert_eq!(cut("가나다라", 5, &theme), "가나…");
    }

    #[test]
    fn words_wrap_at_blanks_and_long_ones_anywhere() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
    }
}
