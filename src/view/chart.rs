//! Lines over time: small ones side by side, and one that fills the screen with its axes, cursor and legend.

use std::sync::Arc;

use chrono::DateTime;
use ratatui::layout::Rect;

use super::canvas::{Canvas, columns, cut};
use super::cell::{self, Cell};
use super::plot::Plot;
use super::theme::{Role, Theme};
use crate::app::command::Command;
use crate::app::place::SectionState;
use crate::app::state::State;
use crate::model::record::{Align, Row};
use crate::model::table::TableModel;
use crate::model::text::{age, number};
use crate::model::value::{Series, Value};

/// The roles of lines, in order.
const LINES: [Role; 6] = [Role::Series1, Role::Series2, Role::Series3, Role::Series4, Role::Series5, Role::Series6];
/// Marks of lines where colours can't tell them apart, in order.
const MARKS: [&str; 6] = ["●", "▲", "■", "○", "△", "□"];
/// The same in ASCII.
const ASCII_MARKS: [&str; 6] = ["*", "+", "x", "o", "#", "@"];
/// Width of the labels of the y axis.
const AXIS: u16 = 10;
/// Height of a small chart with its title.
const SMALL: u16 = 8;

/// One line of a chart.
pub(super) struct Line<'a> {
    /// Its row's key.
    key: &'a str,
    /// The row's index in the order.
    at: usize,
    /// Its name.
    name: String,
    /// Its points.
    series: &'a Series,
    /// Its colour.
    role: Role,
    /// Its place among the lines of its chart.
    place: usize,
}

impl Line<'_> {
    /// Its mark, where colours can't tell lines apart.
    fn mark(&self, theme: &Theme) -> Option<&'static str> {
        let marks = if theme.unicode { &MARKS } else { &ASCII_MARKS };
        let mark = marks.get(self.place % marks.len()).copied();
        mark.filter(|_| !theme.unicode || theme.get(Role::Series1).fg == theme.get(Role::Series2).fg)
    }
}

/// Lines that share a chart.
struct Group<'a> {
    title: String,
    lines: Vec<Line<'a>>,
}

/// The line in a row.
fn series_of(row: &Row) -> Option<&Series> {
    row.cells.iter().find_map(|cell| match cell {
        Value::Spark(series) => Some(series.as_ref()),
        _ => None,
    })
}

/// Rows with lines, grouped by their first cell.
fn groups<'a>(rows: &'a [Arc<Row>], state: &State) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for (at, row) in rows.iter().enumerate() {
        let Some(series) = series_of(row) else { continue };
        let title = row.cell(0).show(state.now);
        let name = match row.cell(1) {
            Value::Text(name) => name.to_string(),
            _ => title.clone(),
        };
        let group = groups.iter().position(|group| group.title == title).unwrap_or_else(|| {
            groups.push(Group { title, lines: Vec::new() });
            groups.len() - 1
        });
        if let Some(group) = groups.get_mut(group) {
            let role = LINES.get(group.lines.len() % LINES.len()).copied().unwrap_or(Role::Series1);
            let place = group.lines.len();
            group.lines.push(Line { key: row.key.as_str(), at, name, series, role, place });
        }
    }
    groups
}

/// Draws the rows of a section as charts: small ones for a view of panels, large ones with a legend for an opened one.
pub(super) fn section(
    canvas: &mut Canvas<'_>,
    state: &State,
    section: &SectionState,
    (model, alone): (&TableModel, bool),
    area: Rect,
) {
    let groups = groups(model.order(), state);
    if alone {
        large(canvas, state, section, model, (&groups, area));
    } else {
        grid(canvas, model, &groups, area);
    }
}

/// Small charts side by side; the one under the cursor has the bar.
fn grid(canvas: &mut Canvas<'_>, model: &TableModel, groups: &[Group<'_>], area: Rect) {
    let across = (area.width / 44).clamp(1, 3);
    let width = area.width.saturating_sub(2) / across;
    let fits = usize::from((area.height / SMALL).max(1) * across);
    let cursor =
        groups.iter().position(|group| group.lines.iter().any(|line| line.at == model.cursor_index())).unwrap_or(0);
    let first = (cursor / fits.max(1)) * fits;
    for (at, group) in (0u16..).zip(groups.iter().skip(first).take(fits)) {
        let x = area.x + 1 + at % across * width;
        let y = area.y + at / across * SMALL;
        let height = SMALL.min(area.bottom().saturating_sub(y));
        if height < 3 {
            break;
        }
        let lit = first + usize::from(at) == cursor;
        small(canvas, group, Rect::new(x, y, width.saturating_sub(2), height), lit);
    }
}

fn small(canvas: &mut Canvas<'_>, group: &Group<'_>, area: Rect, lit: bool) {
    if lit {
        canvas.text(area.x, area.y, canvas.theme.pick("▌", ">"), Role::CursorBar, 1);
    }
    let title = cut(&group.title, area.width / 2, canvas.theme);
    let mut x = canvas.text(area.x + 1, area.y, &title, if lit { Role::Strong } else { Role::Text }, area.width) + 2;
    for line in &group.lines {
        let Some(last) = line.series.last() else { continue };
        let (digits, unit) = number(last, line.series.unit);
        let mark = line.mark(canvas.theme).map_or(String::new(), |mark| format!("{mark} "));
        let text = format!("{mark}{digits} {unit}");
        if x + columns(&text) + 2 > area.right() {
            break;
        }
        let role = if line.series.limit.is_some_and(|limit| last > limit) { Role::Bad } else { line.role };
        x = canvas.text(x, area.y, text.trim_end(), role, area.right().saturating_sub(x)) + 2;
    }
    let body = Rect::new(area.x + 1, area.y + 1, area.width.saturating_sub(1), area.height.saturating_sub(3).max(1));
    let lines: Vec<&Line<'_>> = group.lines.iter().collect();
    plot(canvas, &lines, body);
}

/// Charts that fill the section, one for each group, and the legend below.
fn large(
    canvas: &mut Canvas<'_>,
    state: &State,
    section: &SectionState,
    model: &TableModel,
    (groups, area): (&[Group<'_>], Rect),
) {
    let rows = u16::try_from(model.order().len()).unwrap_or(u16::MAX);
    let legend = (rows + 1).min(area.height / 3).max(2);
    let head = Rect { height: 1, ..area };
    let charts = Rect { y: head.y + 1, height: area.height.saturating_sub(legend + 2), ..area };
    let count = u16::try_from(groups.len()).unwrap_or(1).max(1);
    let shown = count.min((charts.height / 6).max(1));
    let cursor =
        groups.iter().position(|group| group.lines.iter().any(|line| line.at == model.cursor_index())).unwrap_or(0);
    let first = cursor.saturating_sub(usize::from(shown) - 1);
    let height = charts.height / shown;
    let hidden = groups.iter().enumerate().filter(|(at, _)| !(first..first + usize::from(shown)).contains(at));
    let hidden: Vec<&str> = hidden.map(|(_, group)| group.title.as_str()).collect();
    range(canvas, state, section, (groups, &hidden), head);
    for (at, group) in (0u16..).zip(groups.iter().skip(first).take(usize::from(shown))) {
        one(canvas, section, group, Rect { y: charts.y + at * height, height, ..charts });
    }
    let top = area.bottom().saturating_sub(legend);
    self::legend(canvas, state, section, model, (groups, Rect { y: top, height: legend, ..area }));
}

/// The range that is shown, its step, the charts that have no room, and what the cursor is on.
fn range(
    canvas: &mut Canvas<'_>,
    state: &State,
    section: &SectionState,
    (groups, hidden): (&[Group<'_>], &[&str]),
    area: Rect,
) {
    let all = || groups.iter().flat_map(|group| &group.lines).flat_map(|line| &line.series.points);
    let (Some(first), Some(last)) = (all().map(|point| point.0).min(), all().map(|point| point.0).max()) else {
        return;
    };
    if groups.iter().flat_map(|group| &group.lines).all(|line| line.series.is_by_step()) {
        let x = canvas.text(area.x + 2, area.y, &format!("steps {first} to {last}"), Role::Dim, area.width);
        more(canvas, state, hidden, (x, area));
        if let Some(at) = cursor_time(section, first, last, area.width.saturating_sub(AXIS + 3)) {
            canvas.right(area.right().saturating_sub(2), area.y, &format!("at step {at}"), Role::Accent);
        }
        return;
    }
    let length = chrono::TimeDelta::milliseconds(last - first);
    let step = groups
        .iter()
        .flat_map(|group| &group.lines)
        .find_map(|line| match line.series.points.as_slice() {
            [a, b, ..] => Some(chrono::TimeDelta::milliseconds(b.0 - a.0)),
            _ => None,
        })
        .map_or(String::new(), |step| format!("   step {}", age(step)));
    let text = format!("last {}{step}", age(length));
    let x = canvas.text(area.x + 2, area.y, &text, Role::Dim, area.width);
    more(canvas, state, hidden, (x, area));
    if let Some(at) = cursor_time(section, first, last, area.width.saturating_sub(AXIS + 3)) {
        let time = clock(at, last - first);
        canvas.right(area.right().saturating_sub(2), area.y, &format!("at {time}"), Role::Accent);
    }
}

/// Which charts have no room, and the keys that lead to them.
fn more(canvas: &mut Canvas<'_>, state: &State, hidden: &[&str], (x, area): (u16, Rect)) {
    if hidden.is_empty() {
        return;
    }
    let keys = [Command::RowNext, Command::RowPrevious].into_iter().filter_map(|command| state.keymap.hint(command));
    let keys = keys.collect::<Vec<_>>().join(" ");
    let text = format!("+{} more: {}   {keys} shows them", hidden.len(), hidden.join(", "));
    // the time under the cursor stands at the right
    let room = area.right().saturating_sub(x + 22);
    canvas.text(x + 3, area.y, &cut(&text, room, canvas.theme), Role::Accent, room);
}

/// The time under the chart's cursor.
fn cursor_time(section: &SectionState, first: i64, last: i64, width: u16) -> Option<i64> {
    let back = section.chart.cursor?;
    let width = i64::from(width.max(2) - 1);
    Some(last - (last - first) * i64::from(back).min(width) / width)
}

fn clock(at: i64, range: i64) -> String {
    let time = DateTime::from_timestamp_millis(at).unwrap_or_default();
    if range > 2 * 24 * 3_600_000 {
        time.format("%d %b %H:%M").to_string()
    } else {
        time.format("%H:%M:%S").to_string()
    }
}

/// One chart with its axes.
fn one(canvas: &mut Canvas<'_>, section: &SectionState, group: &Group<'_>, area: Rect) {
    if area.height < 4 {
        return;
    }
    canvas.text(area.x + 2, area.y, &group.title, Role::Strong, area.width);
    let lines: Vec<&Line<'_>> = group.lines.iter().filter(|line| !section.chart.off.contains(line.key)).collect();
    let body = Rect::new(area.x + AXIS, area.y + 1, area.width.saturating_sub(AXIS + 2), area.height.saturating_sub(3));
    let Some(frame) = plot(canvas, &lines, body) else {
        canvas.text(body.x, body.y, "no data in this range, or every line is off", Role::Dim, body.width);
        return;
    };
    let unit = lines.first().map_or(crate::model::value::Unit::None, |line| line.series.unit);
    let ticks = if body.height >= 12 { 4 } else { 2 };
    for tick in 0..=ticks {
        let y = body.y + (body.height - 1) * tick / ticks;
        let value = frame.top * f64::from(ticks - tick) / f64::from(ticks);
        let (digits, unit) = number(value, unit);
        canvas.right(body.x - 1, y, format!("{digits} {unit}").trim_end(), Role::Dim);
    }
    let bottom = body.bottom();
    let stops = (body.width / 24).clamp(1, 5);
    for stop in 0..=stops {
        let at = frame.first + (frame.last - frame.first) * i64::from(stop) / i64::from(stops);
        let time = DateTime::from_timestamp_millis(at).unwrap_or_default();
        let text = if lines.iter().all(|line| line.series.is_by_step()) {
            at.to_string()
        } else {
            time.format(if frame.last - frame.first > 2 * 86_400_000 { "%d %b" } else { "%H:%M" }).to_string()
        };
        let x = body.x + (body.width - 1) * stop / stops;
        let x = x.saturating_sub(columns(&text) / 2).clamp(body.x, body.right().saturating_sub(columns(&text)));
        canvas.text(x, bottom, &text, Role::Dim, columns(&text));
    }
    if let Some(back) = section.chart.cursor {
        let x = body.right().saturating_sub(1 + back.min(body.width - 1));
        for y in body.top()..body.bottom() {
            canvas.text(x, y, canvas.theme.pick("┊", "|"), Role::Accent, 1);
        }
    }
}

/// The extent of a chart.
pub(super) struct Frame {
    first: i64,
    last: i64,
    top: f64,
}

/// Draws lines over a faint grid; `None` if no line has a point.
fn plot(canvas: &mut Canvas<'_>, lines: &[&Line<'_>], area: Rect) -> Option<Frame> {
    let points = || lines.iter().flat_map(|line| &line.series.points).filter(|(_, value)| value.is_finite());
    let (first, last) = (points().map(|point| point.0).min()?, points().map(|point| point.0).max()?);
    let limit = lines.iter().filter_map(|line| line.series.limit).fold(0.0, f64::max);
    let top = nice(points().map(|point| point.1).fold(limit, f64::max));
    let frame = Frame { first, last: last.max(first + 1), top };
    if area.height >= 5 {
        let dots = canvas.theme.pick("┈", ".").repeat(usize::from(area.width));
        for tick in 0..=4 {
            canvas.text(area.x, area.y + (area.height - 1) * tick / 4, &dots, Role::Faint, area.width);
        }
    }
    for line in lines {
        let mut plot = Plot::new(area.width, area.height, line.mark(canvas.theme));
        plot.line(&line.series.points, (frame.first, frame.last), frame.top);
        let style = canvas.theme.get(line.role);
        let bad = canvas.theme.get(Role::Bad);
        for (x, y, glyph, value) in plot.cells() {
            let over = line.series.limit.is_some_and(|limit| value * frame.top > limit);
            canvas.put(area.x + x, area.y + y, &glyph, if over { bad } else { style }, 1);
        }
    }
    Some(frame)
}

/// The next round number, so that the axis has labels that can be read.
fn nice(value: f64) -> f64 {
    if value <= 0.0 || !value.is_finite() {
        return 1.0;
    }
    let scale = 10f64.powf(value.log10().floor());
    let steps = [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * scale).find(|step| *step >= value).unwrap_or(value)
}

/// A table of the lines: last (or at the cursor), min, mean, max.
fn legend(
    canvas: &mut Canvas<'_>,
    state: &State,
    section: &SectionState,
    model: &TableModel,
    (groups, area): (&[Group<'_>], Rect),
) {
    let all = || groups.iter().flat_map(|group| &group.lines).flat_map(|line| &line.series.points);
    let (first, last) = (all().map(|point| point.0).min().unwrap_or(0), all().map(|point| point.0).max().unwrap_or(0));
    let at = cursor_time(section, first, last, area.width.saturating_sub(AXIS + 3));
    let name = (area.width / 2).saturating_sub(8).clamp(16, 60);
    let slot = 12u16;
    let heads = [if at.is_some() { "CURSOR" } else { "LAST" }, "MIN", "MEAN", "MAX"];
    for (index, head) in (0u16..).zip(heads) {
        let right = area.x + 6 + name + slot * (index + 1);
        if right < area.right() {
            canvas.right(right, area.y, head, Role::Dim);
        }
    }
    let page = usize::from(area.height.saturating_sub(1)).max(1);
    let from = model.cursor_index().saturating_sub(page - 1);
    let lines: Vec<(&Group<'_>, &Line<'_>)> =
        groups.iter().flat_map(|group| group.lines.iter().map(move |line| (group, line))).collect();
    for (y, (group, line)) in (area.y + 1..area.bottom()).zip(lines.iter().skip(from)) {
        let cursor = line.at == model.cursor_index();
        let row = Rect::new(area.x, y, area.width, 1);
        if cursor {
            canvas.fill(row, Role::Cursor);
            canvas.text(area.x, y, canvas.theme.pick("▌", ">"), Role::CursorBar, 1);
        }
        let off = section.chart.off.contains(line.key);
        let role = if off { Role::Faint } else { line.role };
        canvas.text(area.x + 2, y, line.mark(canvas.theme).unwrap_or("━━"), role, 2);
        let label = if groups.len() > 1 && !group.title.is_empty() && group.title != line.name {
            format!("{}  {}", group.title, line.name)
        } else {
            line.name.clone()
        };
        canvas.text(area.x + 5, y, &cut(&label, name, canvas.theme), if off { Role::Faint } else { Role::Text }, name);
        let numbers = [
            at.map_or_else(|| line.series.last(), |at| value_at(line.series, at)),
            fold(line.series, f64::min),
            mean(line.series),
            fold(line.series, f64::max),
        ];
        for (index, number) in (0u16..).zip(numbers) {
            let right = area.x + 6 + name + slot * (index + 1);
            if right >= area.right() {
                break;
            }
            let Some(number) = number else { continue };
            let over = line.series.limit.is_some_and(|limit| number > limit);
            let value = Value::Number(number, line.series.unit);
            let cell = Cell {
                area: Rect::new(right - slot + 1, y, slot - 1, 1),
                align: Align::Right,
                role: if over { Role::Bad } else { Role::Text },
                middle: false,
                glyph: false,
                now: state.now,
            };
            cell::draw(canvas, &value, &cell);
        }
        if cursor {
            let style = canvas.theme.get(Role::Cursor);
            canvas.patch(row, style);
        }
    }
}

fn finite(series: &Series) -> impl Iterator<Item = f64> {
    series.points.iter().map(|(_, value)| *value).filter(|value| value.is_finite() && value.abs() < f64::MAX)
}

fn fold(series: &Series, pick: fn(f64, f64) -> f64) -> Option<f64> {
    finite(series).reduce(pick)
}

fn mean(series: &Series) -> Option<f64> {
    let (sum, count) = finite(series).fold((0.0, 0u32), |(sum, count), value| (sum + value, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}

/// The point nearest to a time.
fn value_at(series: &Series, at: i64) -> Option<f64> {
    series
        .points
        .iter()
        .filter(|(_, value)| value.is_finite())
        .min_by_key(|(time, _)| (time - at).abs())
        .map(|(_, value)| *value)
}
