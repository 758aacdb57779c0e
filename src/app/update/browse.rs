//! Commands over the view itself.

use super::super::command::Command;
use super::super::effect::{Effect, Effects};
use super::super::layout::layout;
use super::super::own;
use super::super::place::{Body, Place, SectionState};
use super::super::state::State;
use super::{filter, go};
use crate::model::health::Health;
use crate::model::id::PaneId;
use crate::model::table::{Move, TableModel};
use crate::model::verb::Kind;
use crate::systems::Parameters;

/// How many lines the section that has the focus shows.
pub(super) fn page(state: &State) -> usize {
    let focus = state.place().map_or(0, |place| place.focus);
    let areas = layout(state);
    areas.sections.iter().find(|area| area.index == focus).map_or(1, |area| usize::from(area.rows.height).max(1))
}

/// Does what a command says.
pub(super) fn command(state: &mut State, command: Command, effects: &mut Effects) {
    match command {
        Command::Open | Command::Describe => go::enter(state, effects),
        Command::Back => back(state, effects),
        Command::BackOrQuit => {
            if !go::back(state, effects) {
                super::quit(state, effects);
            }
        }
        Command::HistoryBack => go::history(state, false, effects),
        Command::HistoryForward => go::history(state, true, effects),
        Command::SectionNext | Command::SectionPrevious => {
            if let Some(place) = state.place_mut() {
                place.move_focus(command == Command::SectionNext);
            }
        }
        Command::MatchNext => next_match(state, true),
        Command::MatchPrevious => next_match(state, false),
        Command::Refresh => refresh(state, effects),
        Command::Zoom => state.zoomed = !state.zoomed,
        Command::Freeze => freeze(state),
        Command::OwnLog => go::view(state, own::LOG_VIEW, effects),
        Command::Audit => go::view(state, own::AUDIT_VIEW, effects),
        Command::Yaml => opened(state, "yaml", Kind::Text, effects),
        Command::Events => opened(state, "events", Kind::Table, effects),
        Command::Logs => opened(state, "logs", Kind::Log, effects),
        Command::Metrics => metrics(state, effects),
        _ => moves(state, command, effects),
    }
}

fn moves(state: &mut State, command: Command, effects: &mut Effects) {
    let page = page(state);
    match command {
        Command::RowNext => go::scroll(state, Move::By(1), page),
        Command::RowPrevious => go::scroll(state, Move::By(-1), page),
        Command::RowFirst => go::scroll(state, Move::First, page),
        Command::RowLast => go::scroll(state, Move::Last, page),
        Command::PageDown => go::scroll(state, Move::Page(1), page),
        Command::PageUp => go::scroll(state, Move::Page(-1), page),
        Command::Left => sideways(state, false),
        Command::Right => sideways(state, true),
        _ => table(state, command, effects),
    }
}

fn table(state: &mut State, command: Command, effects: &mut Effects) {
    let Some(section) = state.place_mut().and_then(Place::focused_mut) else { return };
    match command {
        Command::Follow | Command::Wrap | Command::Timestamps | Command::Previous => {
            return text(state, command, effects);
        }
        Command::RangeShorter | Command::RangeLonger | Command::SeriesToggle => return chart(state, command, effects),
        _ => {}
    }
    let Some(table) = section.table_mut() else { return };
    match command {
        Command::Mark => {
            table.toggle_mark();
            table.go(Move::By(1));
        }
        Command::MarkAll => {
            if table.marks().len() == 0 {
                table.mark_shown();
            } else {
                table.clear_marks();
            }
        }
        Command::Sort => sort(state),
        Command::Wide => {
            let wide = !table.columns().is_wide();
            table.columns_mut().set_wide(wide);
            state.say(Health::Idle, if wide { "all columns that fit" } else { "the columns that matter" });
        }
        _ => {}
    }
}

fn sort(state: &mut State) {
    let Some(table) = state.place_mut().and_then(Place::focused_mut).and_then(SectionState::table_mut) else { return };
    table.sort_by_selected();
    let sorted = table.sort().map(|(at, descending)| {
        let title = table.columns().heads().get(at).map_or(String::new(), |head| head.title.to_string());
        format!("sorted by {title}{}", if descending { ", the largest first" } else { "" })
    });
    state.say(Health::Idle, sorted.unwrap_or_else(|| "sorted as at first".into()));
}

/// Leaves what is open, else takes the filter away, else the marks.
fn back(state: &mut State, effects: &mut Effects) {
    if let Some(section) = state.place().and_then(Place::focused) {
        let filtered = match &section.body {
            Body::Rows(table) => !table.filter().text().is_empty(),
            Body::Lines(lines) => !lines.search.is_empty(),
        };
        if filtered {
            return filter::set(state, "");
        }
    }
    if go::back(state, effects) {
        return;
    }
    if let Some(table) = state.place_mut().and_then(Place::focused_mut).and_then(SectionState::table_mut)
        && table.marks().len() > 0
    {
        return table.clear_marks();
    }
    state.say(Health::Idle, "this is the top; q quits");
}

fn next_match(state: &mut State, forward: bool) {
    let rows = state.place().and_then(Place::focused).is_some_and(|section| section.table().is_some());
    if rows {
        let page = page(state);
        go::scroll(state, Move::By(if forward { 1 } else { -1 }), page);
    } else {
        filter::search(state, forward);
    }
}

fn refresh(state: &mut State, effects: &mut Effects) {
    effects.push(Effect::Refresh(go::looked_at(state)));
    state.say(Health::Idle, "asking again");
}

fn freeze(state: &mut State) {
    let now = state.now;
    let Some(table) = state.place_mut().and_then(Place::focused_mut).and_then(SectionState::table_mut) else { return };
    let frozen = !table.is_frozen();
    table.set_frozen(frozen, now);
    state.say(
        if frozen { Health::Warn } else { Health::Idle },
        if frozen { "frozen: the data keep flowing, F shows them" } else { "live again" },
    );
}

fn sideways(state: &mut State, right: bool) {
    let Some(section) = state.place_mut().and_then(Place::focused_mut) else { return };
    if section.section.kind == Kind::Series {
        let cursor = section.chart.cursor.unwrap_or(0);
        section.chart.cursor = if right { cursor.checked_sub(1) } else { Some(cursor + 1) };
        return;
    }
    match &mut section.body {
        Body::Rows(table) => table.columns_mut().select_next(right),
        Body::Lines(lines) => lines.left = if right { lines.left + 8 } else { lines.left.saturating_sub(8) },
    }
}

/// Opens a pane for the object under the cursor.
fn opened(state: &mut State, pane: &str, kind: Kind, effects: &mut Effects) {
    match state.place().and_then(|place| place.target(&state.catalogue)) {
        Some(what) => {
            let how = Parameters { container: container(state), ..Parameters::default() };
            go::open_pane(state, (PaneId::named(pane), kind), &what, &how, effects);
        }
        None => go::explain(state),
    }
}

/// The container under the cursor, so that its log is the one that opens.
fn container(state: &State) -> Option<String> {
    let place = state.place()?;
    let pane = state.catalogue.pane(place.focused_pane()?)?;
    (pane.noun == "container").then(|| place.current().map(|row| row.key.as_str().to_owned()))?
}

/// Opens the charts of the object under the cursor, or the Metrics view where there is none.
fn metrics(state: &mut State, effects: &mut Effects) {
    let charts = state.place().and_then(|place| place.target(&state.catalogue)).and_then(|what| {
        // a pane named `endpoint_chart` has the charts of the objects that are called endpoints
        let noun = state.catalogue.pane(what.pane)?.noun;
        let pane = state.catalogue.panes().iter().find(|pane| pane.id.0 == format!("{noun}_chart"))?;
        Some((what, pane.id))
    });
    match charts {
        Some((what, pane)) => go::open_pane(state, (pane, Kind::Series), &what, &Parameters::default(), effects),
        None => state.say(Health::Idle, "there are no metrics of this"),
    }
}

fn text(state: &mut State, command: Command, effects: &mut Effects) {
    let page = page(state);
    let Some(section) = state.place_mut().and_then(Place::focused_mut) else { return };
    let how = section.how.clone();
    let log = section.section.kind == Kind::Log;
    let Some(lines) = section.lines_mut() else { return };
    let said = match command {
        Command::Follow if lines.ended => "the log has ended: there is nothing to follow".to_owned(),
        Command::Follow => {
            if lines.follow {
                lines.last(page);
            }
            lines.follow = !lines.follow;
            (if lines.follow { "following" } else { "no longer following" }).to_owned()
        }
        Command::Wrap => {
            lines.wrap = !lines.wrap;
            (if lines.wrap { "long lines are wrapped" } else { "long lines are cut; ← → scroll" }).to_owned()
        }
        Command::Timestamps => {
            lines.timestamps = !lines.timestamps;
            (if lines.timestamps { "with timestamps" } else { "without timestamps" }).to_owned()
        }
        Command::Previous if log => {
            let how = Parameters { previous: !how.previous, ..how };
            let said = if how.previous { "the container's previous run" } else { "the container's present run" };
            go::reopen(state, how, effects);
            said.to_owned()
        }
        _ => return,
    };
    state.say(Health::Idle, said);
}

/// Ranges of a chart, in seconds.
const RANGES: [u32; 9] = [300, 900, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600, 7 * 24 * 3600];

fn chart(state: &mut State, command: Command, effects: &mut Effects) {
    let Some(section) = state.place_mut().and_then(Place::focused_mut) else { return };
    if command == Command::SeriesToggle {
        let Some(row) = section.table().and_then(TableModel::current).cloned() else { return };
        let name = row.key.as_str().to_owned();
        if !section.chart.off.remove(&name) {
            section.chart.off.insert(name);
        }
        return;
    }
    let now = if section.how.range_seconds == 0 { 3600 } else { section.how.range_seconds };
    let range = if command == Command::RangeLonger {
        RANGES.into_iter().find(|range| *range > now)
    } else {
        RANGES.into_iter().rev().find(|range| *range < now)
    };
    let how = section.how.clone();
    match range {
        Some(range_seconds) if section.ticket().is_some() => {
            go::reopen(state, Parameters { range_seconds, ..how }, effects);
            let range = crate::model::text::age(chrono::TimeDelta::seconds(i64::from(range_seconds)));
            state.say(Health::Idle, format!("last {range}"));
        }
        Some(_) => state.say(Health::Idle, "open a panel with Enter to choose its range"),
        None => state.say(Health::Idle, "there is no such range"),
    }
}
