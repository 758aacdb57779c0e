//! One cell of a table, a fact, or a value anywhere: words, numbers with dim units, states, bars, small lines.

use ratatui::layout::Rect;
use ratatui::style::Style;

use super::canvas::{Canvas, columns, cut, cut_middle};
use super::theme::Role;
use crate::model::health::Health;
use crate::model::record::Align;
use crate::model::text::{age, number};
use crate::model::value::{Part, Series, Unit, Value};

/// How a cell is to be drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    /// Where.
    pub(super) area: Rect,
    /// Where its text stands.
    pub(super) align: Align,
    /// The role of plain words.
    pub(super) role: Role,
    /// Whether names are cut in their middle.
    pub(super) middle: bool,
    /// Whether a state has its glyph before its word.
    pub(super) glyph: bool,
    /// The time, for ages.
    pub(super) now: chrono::DateTime<chrono::Utc>,
}

/// Eighths of a cell, for small lines.
const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
/// The same in ASCII.
const ASCII_EIGHTHS: [&str; 9] = [" ", "_", "_", ".", "-", "-", "=", "*", "#"];

/// Draws a value.
pub(super) fn draw(canvas: &mut Canvas<'_>, value: &Value, cell: &Cell) {
    let Rect { x, y, width, .. } = cell.area;
    match value {
        Value::None => {}
        Value::Text(text) => words(canvas, text, cell, cell.role),
        Value::Link(link) => {
            let style = Style { add_modifier: ratatui::style::Modifier::empty(), ..canvas.theme.get(Role::Link) };
            let text = cut_middle(&link.words, width, canvas.theme);
            canvas.put(x, y, &text, style, width);
        }
        Value::Int(number) => words(canvas, &number.to_string(), cell, cell.role),
        Value::Bool(yes) => words(canvas, if *yes { "yes" } else { "no" }, cell, cell.role),
        Value::Time(at) => words(canvas, &age(cell.now - *at), cell, Role::Dim),
        Value::Number(value, unit) => measure(canvas, *value, *unit, cell),
        Value::State(state) => {
            let style = state_style(canvas, state.health);
            let glyph = canvas.theme.glyph(state.health);
            let mut at = x;
            if cell.glyph {
                let health = canvas.theme.health(state.health);
                at = canvas.put(at, y, glyph, health, width).saturating_add(1);
            }
            let room = width.saturating_sub(at - x);
            let word = cut(&state.word, room, canvas.theme);
            canvas.put(at, y, &word, style, room);
        }
        Value::Share(parts) => share(canvas, parts, cell),
        Value::Spark(series) => spark(canvas, series, cell),
        Value::Pair(pair) => {
            let first = pair.0.show(cell.now);
            let taken = columns(&first).min(width);
            let (left, right) = match cell.align {
                Align::Left => (x, x + taken + 1),
                Align::Right => {
                    let second = columns(&pair.1.show(cell.now));
                    (x + width.saturating_sub(taken + 1 + second), x + width.saturating_sub(second))
                }
            };
            let inner = Rect { x: left, width: width.saturating_sub(left - x).min(taken), ..cell.area };
            draw(canvas, &pair.0, &Cell { area: inner, align: Align::Left, ..*cell });
            let rest = width.saturating_sub(right.saturating_sub(x));
            if rest > 1 {
                let second = Cell {
                    area: Rect { x: right, width: rest, ..cell.area },
                    align: Align::Left,
                    role: Role::Dim,
                    ..*cell
                };
                draw(canvas, &pair.1, &second);
            }
        }
    }
}

/// A word that says that all is well is dim: in good times the screen is quiet.
fn state_style(canvas: &Canvas<'_>, health: Health) -> Style {
    match health {
        Health::Good | Health::Idle => canvas.theme.get(Role::Dim),
        other => canvas.theme.health(other),
    }
}

fn words(canvas: &mut Canvas<'_>, text: &str, cell: &Cell, role: Role) {
    let Rect { x, y, width, .. } = cell.area;
    let text = if cell.middle { cut_middle(text, width, canvas.theme) } else { cut(text, width, canvas.theme) };
    let at = match cell.align {
        Align::Left => x,
        Align::Right => x + width.saturating_sub(columns(&text)),
    };
    canvas.text(at, y, &text, role, width);
}

/// A number with its unit dim behind it.
fn measure(canvas: &mut Canvas<'_>, value: f64, unit: Unit, cell: &Cell) {
    let Rect { x, y, width, .. } = cell.area;
    let (digits, unit) = number(value, unit);
    let gap = u16::from(!unit.is_empty());
    let whole = columns(&digits) + gap + columns(unit);
    let mut at = match cell.align {
        Align::Left => x,
        Align::Right => x + width.saturating_sub(whole),
    };
    let limit = x + width;
    at = canvas.text(at, y, &digits, cell.role, limit.saturating_sub(at)) + gap;
    canvas.text(at, y, unit, Role::Dim, limit.saturating_sub(at));
}

/// A bar of shares and, behind it, each part's name and percentage.
fn share(canvas: &mut Canvas<'_>, parts: &[Part], cell: &Cell) {
    let Rect { x, y, width, .. } = cell.area;
    let label = |part: &Part| format!("{} {}", part.label, crate::model::text::digits(part.percent));
    let text: u16 = parts.iter().map(|part| columns(&label(part)) + 2).sum();
    let bar = width.saturating_sub(text).min(10);
    let mut at = x;
    if bar >= 4 {
        bar_of(canvas, parts, Rect { width: bar, ..cell.area });
        at += bar + 2;
    }
    for (index, part) in parts.iter().enumerate() {
        let room = (x + width).saturating_sub(at);
        let role = match part.health {
            Health::Bad | Health::Warn => part.health.into(),
            _ if index == 0 => cell.role,
            _ => Role::Dim,
        };
        let text = cut(&label(part), room, canvas.theme);
        at = canvas.text(at, y, &text, role, room) + 2;
    }
}

/// A bar whose parts are as long as their shares.
pub(super) fn bar_of(canvas: &mut Canvas<'_>, parts: &[Part], area: Rect) {
    let total: f64 = parts.iter().map(|part| part.percent.max(0.0)).sum::<f64>().max(100.0);
    let heavy = canvas.theme.pick("━", "=");
    let mut sum = 0.0;
    let mut at = area.x;
    for (index, part) in parts.iter().enumerate() {
        sum += part.percent.max(0.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a width")]
        let mut end = area.x + (f64::from(area.width) * sum / total).round() as u16;
        if part.percent > 0.0 && end == at && end < area.right() {
            end += 1; // what gets something is seen
        }
        let role = match part.health {
            Health::Bad | Health::Warn => part.health.into(),
            _ if index == 0 => Role::Series1,
            _ => Role::Series2,
        };
        let run = heavy.repeat(usize::from(end.saturating_sub(at)));
        canvas.text(at, area.y, &run, role, end.saturating_sub(at));
        at = end.max(at);
    }
    let rest = area.right().saturating_sub(at);
    canvas.text(at, area.y, &canvas.theme.pick("━", "-").repeat(usize::from(rest)), Role::Faint, rest);
}

/// The last value and, where there is room, the line before it.
fn spark(canvas: &mut Canvas<'_>, series: &Series, cell: &Cell) {
    let Rect { x, y, width, .. } = cell.area;
    let Some(last) = series.last() else { return };
    let over = series.limit.is_some_and(|limit| last > limit);
    let role = if over { Role::Bad } else { cell.role };
    let value = width.min(8);
    measure(
        canvas,
        last,
        series.unit,
        &Cell { area: Rect { width: value, ..cell.area }, align: Align::Right, role, ..*cell },
    );
    let line = width.saturating_sub(value + 1);
    if line >= 4 {
        line_of(canvas, series, Rect { x: x + value + 1, y, width: line, height: 1 });
    }
}

/// A line in eighths of a cell. It starts at zero and reaches to the larger of its maximum and its limit, with room above
/// that: a little for a line that moves, so that the lines of two rows never grow together, and as much again for one that
/// does not, so that a steady load is no wall.
pub(super) fn line_of(canvas: &mut Canvas<'_>, series: &Series, area: Rect) {
    let points = shrink(series, usize::from(area.width));
    let top = points.iter().copied().filter(|value| value.is_finite()).fold(0.0, f64::max);
    let bottom = points.iter().copied().filter(|value| value.is_finite()).fold(top, f64::min).max(0.0);
    let steady = if top > 0.0 { bottom / top } else { 0.0 };
    let top = (top * (1.15 + 0.85 * steady)).max(series.limit.unwrap_or(0.0)).max(1e-12);
    let glyphs = if canvas.theme.unicode { &EIGHTHS } else { &ASCII_EIGHTHS };
    let lead = area.width.saturating_sub(u16::try_from(points.len()).unwrap_or(u16::MAX));
    for (at, value) in (0..).zip(&points) {
        if !value.is_finite() {
            continue; // a gap stays a gap
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 8")]
        let height = ((value / top * 8.0).round() as usize).clamp(1, 8);
        let role = if series.limit.is_some_and(|limit| *value > limit) { Role::Bad } else { Role::Series1 };
        canvas.text(area.x + lead + at, area.y, glyphs.get(height).copied().unwrap_or(" "), role, 1);
    }
}

/// The newest points, at most `width`; where there are more, the largest of each bundle, so that a spike is not lost.
fn shrink(series: &Series, width: usize) -> Vec<f64> {
    let values: Vec<f64> = series.points.iter().map(|(_, value)| *value).collect();
    if values.len() <= width || width == 0 {
        return values;
    }
    let bundle = values.len().div_ceil(width);
    let skip = values.len() % bundle;
    values
        .get(skip..)
        .unwrap_or(&values)
        .chunks(bundle)
        .map(|chunk| chunk.iter().copied().filter(|value| value.is_finite()).fold(f64::NAN, f64::max))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::theme::Theme;
    use ratatui::buffer::Buffer;

    fn line(values: &[f64], limit: Option<f64>) -> String {
        let points = (0..).zip(values.iter().copied()).collect();
        let area = Rect::new(0, 0, u16::try_from(values.len()).unwrap(), 1);
        let mut buffer = Buffer::empty(area);
        let theme = Theme::shipped("dark").unwrap();
        line_of(&mut Canvas { buffer: &mut buffer, theme: &theme }, &Series { unit: Unit::None, limit, points }, area);
        buffer.content.iter().map(ratatui::buffer::Cell::symbol).collect()
    }

    #[test]
    fn a_small_line_begins_at_zero_and_a_steady_one_is_no_wall() {
        assert_eq!(line(&[0.0; 4], None), "▁▁▁▁", "nothing at all is flat at the bottom");
        assert_eq!(line(&[0.0, 1.0, 2.0, 4.0], None), "▁▂▃▇");
        assert_eq!(line(&[0.02; 4], None), line(&[400.0; 4], None), "a low rate looks as a high one: the number tells");
        assert_eq!(line(&[0.02; 4], None), "▄▄▄▄");
        assert_eq!(line(&[0.001; 3], Some(0.01)), "▁▁▁", "far from its limit");
        assert_eq!(line(&[1.0, f64::NAN, 1.0], None), "▄ ▄", "a gap stays a gap");
    }
}
