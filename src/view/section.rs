//! A section of a view: its heading, and its table, facts, lines or charts; or, in words, why there is nothing.

use ratatui::layout::Rect;

use super::canvas::{Canvas, columns, cut, wrap};
use super::cell::{self, Cell};
use super::theme::Role;
use super::words::{self, Words};
use super::{chart, lines, table};
use crate::app::layout::{Facts, SectionArea};
use crate::app::pane::PaneData;
use crate::app::place::{Body, Place, SectionState};
use crate::app::state::State;
use crate::model::health::Health;
use crate::model::record::Align;
use crate::model::table::TableModel;
use crate::model::value::Value;
use crate::model::verb::Kind;

/// Draws a section.
pub(super) fn draw(canvas: &mut Canvas<'_>, state: &State, place: &Place, area: &SectionArea) {
    let Some(section) = place.sections.get(area.index) else { return };
    let focused = place.focus == area.index;
    if area.rule.height > 0 {
        canvas.rule(area.rule.x + 2, area.rule.y, area.rule.width.saturating_sub(4));
    }
    let data = section.data.as_ref().or_else(|| state.panes.get(&section.section.pane));
    let stale = data.and_then(|data| words::stale(data, state.now));
    if area.heading.height > 0 {
        heading(canvas, section, area.heading, focused && place.sections.len() > 1);
        if let Some(words) = stale.as_ref().filter(|_| has_rows(section)) {
            trouble(canvas, words, area.heading, columns(section.title) + 14);
        } else if let Some(note) = data.and_then(|data| data.note.as_deref()).filter(|_| has_rows(section)) {
            let words = Words { health: Health::Warn, what: note.to_owned(), advice: String::new() };
            trouble(canvas, &words, area.heading, columns(section.title) + 14);
        }
    }
    match &section.body {
        Body::Lines(model) => lines::draw(canvas, section, model, (area.heading, area.rows)),
        Body::Rows(model) if !has_rows(section) => {
            let filtered = model.counts().1 > 0;
            if section.section.kind == Kind::Table && filtered {
                table::heads(canvas, model, area.columns);
            }
            if let Some(data) = data {
                let link = state.links.get(&data.pane.system);
                say(canvas, &words::empty(data, model.rows(), filtered, link, state.now), area.rows);
            }
        }
        Body::Rows(model) => {
            let dimmed = stale.is_some();
            match section.section.kind {
                Kind::Facts => facts(canvas, state, model, area.rows),
                Kind::Series => chart::section(
                    canvas,
                    state,
                    section,
                    (model, section.ticket().is_some() && place.sections.len() == 1),
                    area.rows,
                ),
                _ => {
                    table::heads(canvas, model, area.columns);
                    table::rows(canvas, model, area.rows, &table::Look { now: state.now, focused, dimmed });
                }
            }
        }
    }
}

fn has_rows(section: &SectionState) -> bool {
    section.table().is_some_and(|table| !table.order().is_empty())
}

/// The section's title, how many rows it has, and how they are sorted and filtered.
fn heading(canvas: &mut Canvas<'_>, section: &SectionState, area: Rect, lit: bool) {
    let bar = if lit { canvas.theme.pick("▌", ">") } else { " " };
    canvas.text(area.x, area.y, bar, Role::Accent, 1);
    let mut x = canvas.text(area.x + 2, area.y, section.title, Role::Strong, area.width.saturating_sub(2)) + 2;
    let Some(table) = section.table().filter(|_| section.section.kind == Kind::Table) else { return };
    let (shown, all) = table.counts();
    let count = if shown == all { all.to_string() } else { format!("{shown}/{all}") };
    x = canvas.text(x, area.y, &count, Role::Dim, area.right().saturating_sub(x)) + 2;
    if !table.rows().loaded && all > 0 {
        let more = words::progress(table.rows().progress, "");
        x = canvas.text(x, area.y, more.trim_end_matches(": "), Role::Busy, area.right().saturating_sub(x)) + 2;
    }
    let marked = table.marks().len();
    if marked > 0 {
        x = canvas.text(x, area.y, &format!("{marked} marked"), Role::Mark, area.right().saturating_sub(x)) + 2;
    }
    if !table.filter().text().is_empty() {
        x = canvas.text(
            x,
            area.y,
            &format!("/{}", table.filter().text()),
            Role::Accent,
            area.right().saturating_sub(x),
        ) + 2;
    }
    if let Some((at, descending)) = table.sort()
        && let Some(head) = table.columns().heads().get(at)
    {
        let arrow = if descending { canvas.theme.pick(" ↓", " desc") } else { "" };
        canvas.text(
            x,
            area.y,
            &format!("sorted by {}{arrow}", head.title),
            Role::Faint,
            area.right().saturating_sub(x),
        );
    }
}

/// What is wrong with rows that are shown all the same, at the right of the heading.
fn trouble(canvas: &mut Canvas<'_>, words: &Words, area: Rect, taken: u16) {
    let room = area.width.saturating_sub(taken + 3);
    let text = [words.what.as_str(), words.advice.as_str()]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join(" · ");
    let text = cut(&format!("{} {text}", canvas.theme.glyph(words.health)), room, canvas.theme);
    let x = area.right().saturating_sub(columns(&text) + 2);
    let blank = Rect { x: x.saturating_sub(2), width: area.right().saturating_sub(x.saturating_sub(2)), ..area };
    canvas.fill(blank, Role::Text);
    let style = canvas.theme.health(words.health);
    canvas.put(x, area.y, &text, style, room);
}

/// A state in words, in place of rows.
pub(super) fn say(canvas: &mut Canvas<'_>, words: &Words, area: Rect) {
    let width = area.width.saturating_sub(6).min(90);
    let style = canvas.theme.health(words.health);
    let mut y = area.y;
    if area.height == 0 {
        return;
    }
    canvas.put(area.x + 2, y, canvas.theme.glyph(words.health), style, 1);
    for line in wrap(&words.what, width) {
        if y < area.bottom() {
            canvas.text(area.x + 4, y, &line, Role::Text, width);
            y += 1;
        }
    }
    for line in wrap(&words.advice, width) {
        if y < area.bottom() {
            canvas.text(area.x + 4, y, &line, Role::Dim, width);
            y += 1;
        }
    }
}

/// Facts side by side, the name dim and in capitals, its value below; long ones on lines of their own.
fn facts(canvas: &mut Canvas<'_>, state: &State, model: &TableModel, area: Rect) {
    let Facts { columns: per_row, short, long } = Facts::split(model, area.width);
    let width = area.width.saturating_sub(2) / per_row;
    let lines = short.len().div_ceil(usize::from(per_row));
    let step = if usize::from(area.height) >= lines * 3 + long.len() { 3 } else { 2 };
    let row = |at: usize| model.order().get(at);
    for (at, row) in (0u16..).zip(short.iter().filter_map(|at| row(*at))) {
        let x = area.x + 2 + at % per_row * width;
        let y = area.y + at / per_row * step;
        if y + 1 >= area.bottom() {
            break;
        }
        let name = row.cell(0).show(state.now).to_uppercase();
        canvas.text(x, y, &cut(&name, width.saturating_sub(2), canvas.theme), Role::Dim, width.saturating_sub(2));
        value(canvas, state, row.cell(1), Rect::new(x, y + 1, width.saturating_sub(2), 1));
    }
    let below = area.y + u16::try_from(lines).unwrap_or(u16::MAX).saturating_mul(step);
    for (y, row) in (below..area.bottom()).zip(long.iter().filter_map(|at| row(*at))) {
        let name = row.cell(0).show(state.now).to_uppercase();
        let x = canvas.text(area.x + 2, y, &cut(&name, 16, canvas.theme), Role::Dim, 16).max(area.x + 12) + 2;
        let room = area.right().saturating_sub(x + 1);
        canvas.text(x, y, &cut(&row.cell(1).show(state.now), room, canvas.theme), Role::Text, room);
    }
}

/// A value by itself.
pub(super) fn value(canvas: &mut Canvas<'_>, state: &State, value: &Value, area: Rect) {
    let cell = Cell { area, align: Align::Left, role: Role::Text, middle: true, glyph: true, now: state.now };
    if value.is_none() {
        canvas.text(area.x, area.y, canvas.theme.pick("–", "-"), Role::Faint, 1);
    } else {
        cell::draw(canvas, value, &cell);
    }
}

/// The row under the cursor in full, beside the table.
pub(super) fn beside(canvas: &mut Canvas<'_>, state: &State, place: &Place, area: Rect) {
    for y in area.top()..area.bottom() {
        canvas.text(area.x, y, canvas.theme.pick("│", "|"), Role::Rule, 1);
    }
    let Some(section) = place.focused() else { return };
    let (Some(table), Some(row)) = (section.table(), place.current()) else { return };
    let data: Option<&PaneData> = state.panes.get(&section.section.pane);
    let x = area.x + 3;
    let width = area.width.saturating_sub(5);
    let name = row.key.split_namespace().map_or(row.key.as_str(), |(_, name)| name);
    let end = canvas.text(x, area.y, &cut(name, width, canvas.theme), Role::Strong, width);
    if let Some((namespace, _)) = row.key.split_namespace() {
        canvas.text(end + 2, area.y, namespace, Role::Dim, area.right().saturating_sub(end + 3));
    }
    let mut y = area.y + 2;
    for (at, head) in table.columns().heads().iter().enumerate() {
        let shown = row.cell(at);
        if shown.is_none() || data.is_none() {
            continue;
        }
        y = beside_value(canvas, state, (&head.title, shown), Rect::new(x, y, width, area.bottom().saturating_sub(y)));
        if y >= area.bottom() {
            break;
        }
    }
}

/// One heading and its value; words that are long go on over several lines.
fn beside_value(canvas: &mut Canvas<'_>, state: &State, (title, shown): (&str, &Value), area: Rect) -> u16 {
    let label = 13.min(area.width / 3);
    let room = area.width.saturating_sub(label + 1);
    canvas.text(area.x, area.y, &cut(title, label, canvas.theme), Role::Dim, label);
    let x = area.x + label + 1;
    match shown {
        Value::Text(text) if columns(text) > room => {
            let mut y = area.y;
            for line in wrap(text, room).into_iter().take(4) {
                if y >= area.bottom() {
                    break;
                }
                canvas.text(x, y, &line, Role::Text, room);
                y += 1;
            }
            y
        }
        Value::Share(parts) => {
            let mut y = area.y;
            for part in parts.iter() {
                if y >= area.bottom() {
                    break;
                }
                let role = match part.health {
                    Health::Bad | Health::Warn => part.health.into(),
                    _ => Role::Text,
                };
                let name = cut(&part.label, room.saturating_sub(16), canvas.theme);
                let end = canvas.text(x, y, &name, role, room);
                canvas.right(x + room, y, &format!("{} %", crate::model::text::digits(part.percent)), Role::Text);
                let bar = Rect::new((x + room).saturating_sub(16).max(end + 1), y, 8, 1);
                cell::bar_of(canvas, std::slice::from_ref(part), bar);
                y += 1;
            }
            y
        }
        other => {
            value(canvas, state, other, Rect::new(x, area.y, room, 1));
            area.y + 1
        }
    }
}
