//! Where everything stands, as a pure function of the state and the size: used by update (how long a page is) and by
//! the drawing alike.

use ratatui::layout::Rect;

use super::event::Size;
use super::place::{Body, Place, SectionState};
use super::state::{Mode, State};
use crate::model::table::TableModel;
use crate::model::value::Value;
use crate::model::verb::Kind;

/// Below this nothing useful can be shown.
pub const SMALLEST: Size = Size { columns: 40, rows: 8 };
/// From here on the detail stands beside the table.
pub const BESIDE: u16 = 160;
/// From here on there is room for empty lines.
const ROOMY: u16 = 30;

/// Where everything stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Areas {
    /// Name, environment, lamps, clock.
    pub header: Rect,
    /// The tabs.
    pub tabs: Rect,
    /// The breadcrumbs, where something is opened.
    pub crumbs: Option<Rect>,
    /// The sections that are shown.
    pub sections: Vec<SectionArea>,
    /// The detail of the row under the cursor.
    pub beside: Option<Rect>,
    /// The prompt of a filter, or a message that does not fit beside the keys.
    pub line: Option<Rect>,
    /// The keys that work here.
    pub footer: Rect,
    /// Everything between the tabs and the footer.
    pub body: Rect,
    /// Whether there is room for empty lines.
    pub roomy: bool,
}

/// Where a section stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SectionArea {
    /// Its index in the place.
    pub index: usize,
    /// Its heading; no height where it is the only one and has no need of one.
    pub heading: Rect,
    /// The headings of its columns; no height where it has none.
    pub columns: Rect,
    /// Its rows or lines.
    pub rows: Rect,
    /// The thin rule above it; no height for the first one.
    pub rule: Rect,
}

/// Whether the terminal is too small for anything.
#[must_use]
pub fn too_small(size: Size) -> bool {
    size.columns < SMALLEST.columns || size.rows < SMALLEST.rows
}

/// Where everything stands.
#[must_use]
pub fn layout(state: &State) -> Areas {
    let Size { columns, rows } = state.size;
    if too_small(state.size) {
        return Areas::default();
    }
    let roomy = rows >= ROOMY;
    let mut areas = Areas {
        header: Rect::new(0, 0, columns, 1),
        tabs: Rect::new(0, 1, columns, 1),
        footer: Rect::new(0, rows - 1, columns, 1),
        roomy,
        ..Areas::default()
    };
    let mut bottom = rows - 1;
    if needs_line(state) {
        bottom -= 1;
        areas.line = Some(Rect::new(0, bottom, columns, 1));
    } else if roomy {
        bottom -= 1;
    }
    let mut top = 2 + u16::from(roomy);
    areas.body = Rect::new(0, top, columns, bottom.saturating_sub(top));
    let Some(place) = state.place() else { return areas };
    if state.stack().len() > 1 {
        areas.crumbs = Some(Rect::new(0, top, columns, 1));
        top += 1 + u16::from(roomy);
    }
    let mut width = columns;
    if columns >= BESIDE && state.stack().len() == 1 && !state.zoomed && has_detail(state, place) {
        let beside = (columns * 2 / 5).min(90);
        width = columns - beside;
        areas.beside = Some(Rect::new(width, top, beside, bottom.saturating_sub(top)));
    }
    let room = Rect::new(0, top, width, bottom.saturating_sub(top));
    areas.sections = sections(place, room, roomy, state.zoomed);
    areas
}

fn needs_line(state: &State) -> bool {
    matches!(state.mode(), Some(Mode::Filter(_)))
        || (state.size.columns < 110 && state.message.is_some())
        || state
            .place()
            .and_then(Place::focused)
            .and_then(SectionState::table)
            .is_some_and(|table| table.filter().error().is_some())
}

/// Whether the table under the cursor has a detail that is worth the width.
fn has_detail(state: &State, place: &Place) -> bool {
    place.focused().is_some_and(|section| {
        section.section.kind == Kind::Table
            && state.catalogue.pane(section.section.pane).is_some_and(|pane| pane.detail.is_some())
    })
}

/// Stacks the sections. Each gets what it needs where there is room; else the one that has the focus gets most, and the
/// others shrink, to their headings at last.
fn sections(place: &Place, room: Rect, roomy: bool, zoomed: bool) -> Vec<SectionArea> {
    let shown: Vec<(usize, &SectionState)> =
        place.sections.iter().enumerate().filter(|(at, _)| !zoomed || *at == place.focus).collect();
    let single = shown.len() == 1;
    let frames_of = |roomy: bool| -> u16 {
        shown.iter().enumerate().map(|(at, (_, section))| frame(section, at == 0, single, roomy)).sum()
    };
    let wants_of =
        |roomy: bool| -> Vec<u16> { shown.iter().map(|(_, section)| content(section, room.width, roomy)).collect() };
    // empty lines are given up before rows are
    let airy: u32 = wants_of(true).iter().map(|want| u32::from(*want)).sum::<u32>() + u32::from(frames_of(true));
    let roomy = roomy && (single || airy <= u32::from(room.height));
    let (wants, frames) = (wants_of(roomy), frames_of(roomy));
    let mut heights = share(&shown, &wants, room.height.saturating_sub(frames), place.focus);
    if heights.iter().all(|height| *height == 0) {
        heights = vec![0; wants.len()];
    }
    let mut y = room.y;
    let mut areas = Vec::with_capacity(shown.len());
    for (at, ((index, section), height)) in shown.iter().zip(&heights).enumerate() {
        let left = (room.y + room.height).saturating_sub(y);
        if left == 0 {
            break;
        }
        let mut line = |height: u16| {
            let height = height.min((room.y + room.height).saturating_sub(y));
            let rect = Rect::new(room.x, y, room.width, height);
            y += height;
            rect
        };
        let rule = match (at, roomy) {
            (0, _) => line(0),
            (_, true) => {
                line(1);
                let rule = line(1);
                line(1);
                rule
            }
            // one empty line tells two sections apart
            (_, false) => {
                line(1);
                line(0)
            }
        };
        let heading = line(u16::from(has_heading(section, at, single)));
        if roomy && heading.height > 0 {
            line(1);
        }
        let columns = line(u16::from(has_columns(section)));
        let rows = line(*height);
        areas.push(SectionArea { index: *index, heading, columns, rows, rule });
    }
    areas
}

/// Lines around a section's content.
fn frame(section: &SectionState, first: bool, single: bool, roomy: bool) -> u16 {
    let rule = if first {
        0
    } else if roomy {
        3
    } else {
        0
    };
    let heading = if has_heading(section, usize::from(!first), single) { 1 + u16::from(roomy) } else { 0 };
    rule + heading + u16::from(has_columns(section))
}

/// Facts that come first, and a chart alone, need no heading: the breadcrumb says whose they are.
fn has_heading(section: &SectionState, at: usize, single: bool) -> bool {
    match section.section.kind {
        Kind::Facts => at > 0,
        Kind::Series => !single,
        Kind::Table | Kind::Text | Kind::Log => true,
    }
}

/// A table with rows has headings of columns.
fn has_columns(section: &SectionState) -> bool {
    section.section.kind == Kind::Table && section.table().is_some_and(|table| table.counts().1 > 0)
}

/// Lines that a section would fill.
fn content(section: &SectionState, width: u16, roomy: bool) -> u16 {
    // a state in words and what to do about it
    let empty = section.table().is_some_and(|table| table.order().is_empty());
    let count = match &section.body {
        Body::Rows(_) if empty => 2,
        Body::Lines(lines) => lines.len().max(1),
        Body::Rows(table) if section.section.kind == Kind::Facts => {
            let facts = Facts::split(table, width);
            facts.short.len().div_ceil(usize::from(facts.columns)) * if roomy { 3 } else { 2 } + facts.long.len()
        }
        Body::Rows(table) if section.section.kind == Kind::Series => 8 * table.order().len().div_ceil(3).max(1),
        Body::Rows(table) => table.order().len().max(1),
    };
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// How facts stand: short ones side by side, each long one on a line of its own below them.
#[derive(Debug, PartialEq, Eq)]
pub struct Facts {
    /// How many stand side by side.
    pub columns: u16,
    /// The short ones, by their index in the order.
    pub short: Vec<usize>,
    /// The long ones.
    pub long: Vec<usize>,
}

impl Facts {
    /// Splits facts for this width.
    #[must_use]
    pub fn split(table: &TableModel, width: u16) -> Self {
        let columns = (width / 27).clamp(1, 6);
        let room = usize::from(width.saturating_sub(2) / columns).saturating_sub(2);
        let is_long = |at: &usize| {
            let cell = table.order().get(*at).map(|row| row.cell(1));
            matches!(cell, Some(Value::Text(text)) if unicode_width::UnicodeWidthStr::width(&**text) > room)
        };
        let (long, short) = (0..table.order().len()).partition(is_long);
        Self { columns, short, long }
    }
}

fn share(shown: &[(usize, &SectionState)], wants: &[u16], room: u16, focus: usize) -> Vec<u16> {
    let total: u32 = wants.iter().map(|want| u32::from(*want)).sum();
    let greedy = |section: &SectionState| section.section.weight > 0;
    if total <= u32::from(room) {
        // what is left goes to those that may grow, by their weights
        let weights: u32 = shown.iter().map(|(_, section)| u32::from(section.section.weight)).sum();
        let left = u32::from(room) - total;
        return shown
            .iter()
            .zip(wants)
            .map(|((_, section), want)| {
                let more = (left * u32::from(section.section.weight)).checked_div(weights).unwrap_or(0);
                want + u16::try_from(more).unwrap_or(0)
            })
            .collect();
    }
    // not enough: first what needs little and does not grow, then three lines each, the rest to the focus
    let mut heights = vec![0; wants.len()];
    let mut left = room;
    let order = {
        let mut order: Vec<usize> = (0..wants.len()).collect();
        order.sort_by_key(|at| {
            (
                shown.get(*at).is_some_and(|(index, _)| *index != focus),
                shown.get(*at).is_some_and(|(_, section)| greedy(section)),
                *at,
            )
        });
        order
    };
    for least in [3, 6, u16::MAX] {
        for at in &order {
            let (Some(want), Some(height)) = (wants.get(*at), heights.get_mut(*at)) else { continue };
            let more = (*want).min(least).saturating_sub(*height).min(left);
            *height += more;
            left -= more;
        }
    }
    heights
}
