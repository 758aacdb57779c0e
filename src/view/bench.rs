//! The prediction bench: the request at the left, the answer at the right, what was sent before below.

use ratatui::layout::{Position, Rect};

use super::canvas::{Canvas, columns, cut, wrap};
use super::theme::Role;
use crate::app::bench::{Bench, BenchFocus, Tried};
use crate::app::state::State;
use crate::model::health::Health;
use crate::model::prediction::Answer;
use crate::model::serving::Protocol;
use crate::model::text::{age, number};
use crate::model::value::Unit;

/// Draws the bench over the view's room.
pub(super) fn draw(canvas: &mut Canvas<'_>, state: &State, bench: &Bench, area: Rect) -> Option<Position> {
    canvas.fill(area, Role::Text);
    head(canvas, bench, Rect { height: 1, ..area });
    let top = area.y + 2;
    let height = area.bottom().saturating_sub(top);
    if area.width < 90 {
        let request = height * 2 / 5;
        let cursor = editor(canvas, bench, Rect::new(area.x, top, area.width, request));
        answer(canvas, state, bench, Rect::new(area.x, top + request, area.width, height.saturating_sub(request)));
        return cursor;
    }
    let left = area.width / 2;
    let upper = height * 3 / 5;
    for y in top..area.bottom() {
        canvas.text(area.x + left, y, canvas.theme.pick("│", "|"), Role::Rule, 1);
    }
    let cursor = editor(canvas, bench, Rect::new(area.x, top, left, upper));
    canvas.rule(area.x + 2, top + upper, left.saturating_sub(4));
    history(canvas, bench, Rect::new(area.x, top + upper + 1, left, height.saturating_sub(upper + 1)));
    answer(canvas, state, bench, Rect::new(area.x + left + 2, top, area.width.saturating_sub(left + 2), height));
    cursor
}

fn head(canvas: &mut Canvas<'_>, bench: &Bench, area: Rect) {
    let limit = area.right();
    let arrow = canvas.theme.pick(" › ", " > ");
    let mut x = canvas.spans(
        area.x + 2,
        area.y,
        &[("Try", Role::Dim), (arrow, Role::Faint), (&bench.title, Role::Strong)],
        area.width,
    );
    let protocol = match bench.protocol {
        None => "protocol: as the server speaks",
        Some(Protocol::V1) => "V1 :predict",
        Some(Protocol::V2) => "V2 infer",
    };
    let via = bench.via.map_or("any way in", crate::model::prediction::Way::name);
    for (label, value) in [("revision", bench.wanted.name()), ("via", via), ("", protocol)] {
        x += 3;
        x = canvas.spans(
            x,
            area.y,
            &[(label, Role::Faint), (if label.is_empty() { "" } else { " " }, Role::Faint), (value, Role::Text)],
            limit.saturating_sub(x),
        );
    }
}

/// The heading of a part; lit where it has the focus.
fn heading(canvas: &mut Canvas<'_>, title: &str, note: &str, lit: bool, area: Rect) {
    canvas.text(area.x, area.y, if lit { canvas.theme.pick("▌", ">") } else { " " }, Role::Accent, 1);
    let x = canvas.text(area.x + 2, area.y, title, Role::Strong, area.width) + 3;
    let room = area.right().saturating_sub(x + 1);
    canvas.text(x, area.y, &cut(note, room, canvas.theme), Role::Dim, room);
}

fn editor(canvas: &mut Canvas<'_>, bench: &Bench, area: Rect) -> Option<Position> {
    let focus = bench.focus == BenchFocus::Request;
    let edited = if bench.edited { format!("{}, changed", bench.origin) } else { bench.origin.clone() };
    heading(canvas, "Request", &edited, focus, area);
    let (line, before) = bench.editor.place();
    let page = usize::from(area.height.saturating_sub(3)).max(1);
    let first = line.saturating_sub(page - 1);
    let x = area.x + 7;
    let width = area.right().saturating_sub(x + 1);
    let mut cursor = None;
    let column = columns(before);
    let skip = column.saturating_sub(width.saturating_sub(1));
    for (y, (at, text)) in
        (area.y + 2..area.bottom().saturating_sub(1)).zip(bench.editor.text().split('\n').enumerate().skip(first))
    {
        canvas.right(area.x + 5, y, &(at + 1).to_string(), Role::Faint);
        let shown: String = text.chars().skip(usize::from(skip)).collect();
        canvas.text(x, y, &shown, Role::Text, width);
        if at == line && focus {
            cursor = Some(Position::new(x + column - skip, y));
        }
    }
    let y = area.bottom().saturating_sub(1);
    if let Some(fault) = &bench.fault {
        canvas.text(x, y, &cut(fault, width, canvas.theme), Role::Bad, width);
    }
    cursor
}

fn answer(canvas: &mut Canvas<'_>, state: &State, bench: &Bench, area: Rect) {
    let focus = bench.focus == BenchFocus::Response;
    let tried = bench.history.get(bench.shown).filter(|_| bench.waiting.is_none());
    // what another revision has answered is not to be taken for the answer of the chosen one
    let other = tried.filter(|tried| tried.wanted != bench.wanted.name());
    let of = other.map_or(String::new(), |tried| format!("of revision {}", tried.wanted));
    heading(canvas, "Response", &of, focus, area);
    let body = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
    if let Some((_, since)) = &bench.waiting {
        let text = format!("sent {} ago, no answer yet; esc gives it up", age(state.now - *since));
        canvas.text(body.x + 2, body.y, &text, Role::Busy, body.width);
        return;
    }
    match tried.map(|tried| &tried.answer) {
        Some(Ok(answer)) => answered(canvas, answer, bench.scroll, body),
        Some(Err(error)) => super::section::say(canvas, &super::words::failing(error), body),
        None => idle(canvas, bench, body),
    }
    if other.is_some() {
        let dim = canvas.theme.get(Role::Dim);
        canvas.patch(body, dim);
    }
}

/// Before anything was sent: what is known of the ways in.
fn idle(canvas: &mut Canvas<'_>, bench: &Bench, area: Rect) {
    match &bench.serving {
        None => {
            canvas.text(area.x + 2, area.y, "looking for the ways in", Role::Busy, area.width);
        }
        Some(Err(error)) => super::section::say(canvas, &super::words::failing(error), area),
        Some(Ok(serving)) => {
            let mut y = area.y;
            if let Some(obstacle) = &serving.obstacle {
                for line in wrap(obstacle, area.width.saturating_sub(4)) {
                    canvas.text(area.x + 2, y, &line, Role::Warn, area.width);
                    y += 1;
                }
                y += 1;
            }
            canvas.text(area.x + 2, y, "F5 sends it; nothing is changed by a prediction", Role::Dim, area.width);
            y += 2;
            for revision in &serving.revisions {
                let percent = revision
                    .percent
                    .map_or(String::new(), |percent| format!("{} %", crate::model::text::digits(percent)));
                let health = if revision.ready { Health::Good } else { Health::Warn };
                let style = canvas.theme.health(health);
                canvas.put(area.x + 2, y, canvas.theme.glyph(health), style, 1);
                let role = format!("{:?}", revision.role).to_lowercase();
                let x = canvas.text(area.x + 4, y, &role, Role::Dim, 8).max(area.x + 12);
                let x = canvas.text(x, y, &revision.name, Role::Text, area.right().saturating_sub(x + 8)) + 2;
                canvas.text(x, y, &percent, Role::Dim, area.right().saturating_sub(x));
                y += 1;
                if y >= area.bottom() {
                    break;
                }
            }
        }
    }
}

fn answered(canvas: &mut Canvas<'_>, answer: &Answer, scroll: usize, area: Rect) {
    let mut y = area.y;
    let x = area.x + 2;
    let room = area.width.saturating_sub(3);
    let mut pair = |canvas: &mut Canvas<'_>, name: &str, value: &str, role: Role| {
        let room = room.saturating_sub(13);
        for (at, piece) in wrap(value, room).iter().enumerate().take(3) {
            if y < area.bottom() {
                canvas.text(x, y, if at == 0 { name } else { "" }, Role::Dim, 12);
                canvas.text(x + 13, y, piece, role, room);
                y += 1;
            }
        }
    };
    let role = if answer.good { Role::Text } else { Role::Bad };
    pair(canvas, "status", &answer.status.to_string(), role);
    if let Some(why) = &answer.why {
        pair(canvas, "why", why, Role::Bad);
    }
    if let Some(revision) = &answer.revision {
        pair(canvas, "revision", revision, Role::Text);
    }
    for (name, seconds) in
        [("connect", answer.connect), ("first byte", answer.first_byte), ("total", Some(answer.total))]
    {
        if let Some(seconds) = seconds {
            let (digits, unit) = number(seconds, Unit::Seconds);
            pair(canvas, name, &format!("{digits} {unit}"), Role::Text);
        }
    }
    pair(canvas, "way", &answer.way, Role::Dim);
    pair(canvas, "request", &answer.request, Role::Dim);
    for note in &answer.notes {
        pair(canvas, "note", note, Role::Dim);
    }
    y += 1;
    let lines: Vec<&str> = answer.body.lines().collect();
    let page = usize::from(area.bottom().saturating_sub(y)).max(1);
    let top = scroll.min(lines.len().saturating_sub(page));
    for (y, line) in (y..area.bottom()).zip(lines.iter().skip(top)) {
        canvas.text(x, y, line, if answer.good { Role::Strong } else { Role::Text }, room);
    }
}

fn history(canvas: &mut Canvas<'_>, bench: &Bench, area: Rect) {
    heading(canvas, "History", "", bench.focus == BenchFocus::History, area);
    if bench.history.is_empty() {
        canvas.text(area.x + 2, area.y + 2, "nothing was sent yet", Role::Dim, area.width);
    }
    for (y, (at, tried)) in (area.y + 2..area.bottom()).zip(bench.history.iter().enumerate()) {
        let lit = at == bench.shown;
        if lit {
            canvas.fill(Rect::new(area.x, y, area.width, 1), Role::Cursor);
            canvas.text(area.x, y, canvas.theme.pick("▌", ">"), Role::CursorBar, 1);
        }
        tried_line(canvas, tried, Rect::new(area.x + 2, y, area.width.saturating_sub(3), 1));
        if lit {
            let style = canvas.theme.get(Role::Cursor);
            canvas.patch(Rect::new(area.x, y, area.width, 1), style);
        }
    }
}

fn tried_line(canvas: &mut Canvas<'_>, tried: &Tried, area: Rect) {
    let (health, status, total) = match &tried.answer {
        Ok(answer) => {
            let (digits, unit) = number(answer.total, Unit::Seconds);
            (
                if answer.good { Health::Good } else { Health::Bad },
                answer.status.to_string(),
                format!("{digits} {unit}"),
            )
        }
        Err(error) => {
            (Health::Bad, cut(&error.to_string(), area.width.saturating_sub(24), canvas.theme), String::new())
        }
    };
    let style = canvas.theme.health(health);
    canvas.put(area.x, area.y, canvas.theme.glyph(health), style, 1);
    let x = canvas.text(area.x + 3, area.y, &tried.at.format("%H:%M:%S").to_string(), Role::Dim, 8) + 3;
    let x = canvas.text(x, area.y, &cut(&tried.wanted, 10, canvas.theme), Role::Text, 10).max(x + 9);
    canvas.text(
        x,
        area.y,
        &status,
        if health == Health::Good { Role::Text } else { Role::Bad },
        area.right().saturating_sub(x),
    );
    canvas.right(area.right(), area.y, &total, Role::Dim);
}
