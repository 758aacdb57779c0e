//! Rows in columns, with the cursor's bar.

use chrono::{DateTime, Utc};
use ratatui::layout::Rect;

use super::canvas::{Canvas, columns, cut};
use super::cell::{self, Cell};
use super::theme::Role;
use crate::model::columns::GAP;
use crate::model::health::Health;
use crate::model::record::{Align, Head, Row};
use crate::model::table::{Anchor, TableModel};
use crate::model::value::Value;

/// Cells before the first column: the cursor's bar, the mark, the state's glyph, a blank.
const GUTTER: u16 = 4;

/// How a table is drawn.
pub(super) struct Look {
    /// The time.
    pub(super) now: DateTime<Utc>,
    /// Whether it has the focus.
    pub(super) focused: bool,
    /// Whether its rows are not fresh.
    pub(super) dimmed: bool,
}

/// The columns that fit and where each begins.
fn fitted(model: &TableModel, area: Rect) -> Vec<(usize, u16, u16)> {
    let mut x = area.x + GUTTER;
    model
        .columns()
        .fit(area.width.saturating_sub(GUTTER + 1))
        .into_iter()
        .map(|(column, width)| {
            let at = x;
            x += width + GAP;
            (column, at, width)
        })
        .collect()
}

/// The headings, dim and in capitals.
pub(super) fn heads(canvas: &mut Canvas<'_>, model: &TableModel, area: Rect) {
    if area.height == 0 {
        return;
    }
    let heads = model.columns().heads();
    let selected = model.columns().selected();
    for (column, x, width) in fitted(model, area) {
        let Some(head) = heads.get(column) else { continue };
        let title = cut(&head.title.to_uppercase(), width, canvas.theme);
        let at = match head.align {
            Align::Left => x,
            Align::Right => x + width.saturating_sub(columns(&title)),
        };
        let role = if column == selected { Role::Column } else { Role::Dim };
        canvas.text(at, area.y, &title, role, width);
    }
}

/// The rows that are on the screen.
pub(super) fn rows(canvas: &mut Canvas<'_>, model: &TableModel, area: Rect, look: &Look) {
    let fitted = fitted(model, area);
    let state = model.columns().heads().iter().position(|head| head.state);
    for (y, (at, row)) in (area.top()..area.bottom()).zip((model.offset()..).zip(model.visible())) {
        let line = Rect { y, height: 1, ..area };
        // before the list is complete the cursor holds no row
        let cursor = look.focused && model.cursor().is_some() && at == model.cursor_index();
        if cursor {
            canvas.fill(line, Role::Cursor);
        }
        gutter(canvas, model, row, (line, state, cursor));
        for (column, x, width) in &fitted {
            let area = Rect::new(*x, y, *width, 1);
            column_of(canvas, model, row, (*column, area, look));
        }
        if cursor {
            let style = canvas.theme.get(Role::Cursor);
            canvas.patch(line, style);
            if model.anchor() != Anchor::Held {
                let gone = canvas.theme.get(Role::CursorGone);
                canvas.patch(Rect { x: line.x + 1, width: line.width.saturating_sub(1), ..line }, gone);
            }
            canvas.text(line.x, y, canvas.theme.pick("▌", ">"), Role::CursorBar, 1);
        }
    }
}

fn gutter(canvas: &mut Canvas<'_>, model: &TableModel, row: &Row, (line, state, _cursor): (Rect, Option<usize>, bool)) {
    if model.is_marked(&row.key) {
        canvas.text(line.x + 1, line.y, canvas.theme.pick("◆", "*"), Role::Mark, 1);
    }
    if let Some(health) = row.health(state) {
        let style = canvas.theme.health(health);
        canvas.put(line.x + 2, line.y, canvas.theme.glyph(health), style, 1);
    }
}

fn column_of(canvas: &mut Canvas<'_>, model: &TableModel, row: &Row, (column, area, look): (usize, Rect, &Look)) {
    let Some(head) = model.columns().heads().get(column) else { return };
    let value = row.cell(column);
    let cell = Cell {
        area,
        align: head.align,
        role: role(column, head, value, look),
        middle: is_name(head),
        glyph: !head.state,
        now: look.now,
    };
    if value.is_none() {
        let dash = canvas.theme.pick("–", "-");
        let x = if head.align == Align::Right { area.right().saturating_sub(1) } else { area.x };
        canvas.text(x, area.y, dash, Role::Faint, 1);
    } else {
        cell::draw(canvas, value, &cell);
    }
    if look.dimmed {
        let dim = canvas.theme.get(Role::Dim);
        canvas.patch(area, dim);
    }
    if model.changed(&row.key, column, look.now) {
        let style = canvas.theme.get(Role::Changed);
        let shown = columns(&value.show(look.now)).min(area.width);
        let x = if head.align == Align::Right { area.right().saturating_sub(shown) } else { area.x };
        canvas.patch(Rect { x, width: shown, ..area }, style);
    }
    matches(canvas, model, value, (column, area, look));
}

/// Lights what the filter found in a cell of words.
fn matches(canvas: &mut Canvas<'_>, model: &TableModel, value: &Value, (column, area, look): (usize, Rect, &Look)) {
    let query = model.filter().query();
    if query.is_empty() || !matches!(value, Value::Text(_) | Value::Link(_) | Value::State(_) | Value::Pair(_)) {
        return;
    }
    let text = value.show(look.now);
    if columns(&text) > area.width {
        return; // cut: what was found may not be where it would be drawn
    }
    let glyph = u16::from(
        matches!(value, Value::State(_)) && !model.columns().heads().get(column).is_some_and(|head| head.state),
    ) * 2;
    let style = canvas.theme.get(Role::Match);
    for range in query.highlights_in(column, &text) {
        let (Some(before), Some(found)) = (text.get(..range.start), text.get(range)) else { continue };
        let x = area.x + glyph + columns(before);
        canvas.patch(Rect::new(x, area.y, columns(found).min(area.right().saturating_sub(x)), 1), style);
    }
}

/// The first column is what is looked for; a state that is bad colours its own cell alone.
fn role(column: usize, head: &Head, value: &Value, look: &Look) -> Role {
    if look.dimmed {
        return Role::Dim;
    }
    match value.health() {
        Some(Health::Good | Health::Idle) => Role::Dim,
        _ if column == 0 && !head.state => Role::Strong,
        _ => Role::Text,
    }
}

/// Names are cut in the middle, sentences at the end.
fn is_name(head: &Head) -> bool {
    head.width.max <= 60
}
