//! Going from place to place: tabs, drill-down and back, the history.

use super::super::effect::{Effect, Effects};
use super::super::join;
use super::super::own;
use super::super::pane::PaneData;
use super::super::place::{Body, Place, SectionState};
use super::super::state::{State, Visit, Waiting};
use crate::model::health::Health;
use crate::model::id::{PaneId, Ref, Ticket, ViewId};
use crate::model::join::Panes;
use crate::model::record::Batch;
use crate::model::table::Move;
use crate::model::verb::{Kind, Pane, Section, View};
use crate::systems::Parameters;

/// As many places are remembered.
const REMEMBERED: usize = 100;

/// The tab that is opened where nothing else is asked for.
const FIRST: char = '7';

/// Opens the first view: the one that was asked for, else Endpoints, else the first tab that there is.
pub fn start(state: &mut State, wanted: Option<ViewId>) -> Effects {
    let mut effects = Effects::new();
    let standing: Vec<Pane> = state.catalogue.panes().iter().filter(|pane| pane.standing).copied().collect();
    state.rows = Panes::new(&standing);
    for pane in standing {
        state.panes.insert(pane.id, PaneData::new(pane));
    }
    let wanted = wanted.and_then(|id| state.catalogue.view(id));
    let usual =
        || state.catalogue.tabs().find(|view| view.key == Some(FIRST)).or_else(|| state.catalogue.tabs().next());
    if let Some(view) = wanted.or_else(usual).map(|view| view.id) {
        open_tab(state, view, &mut effects);
        remember(state);
    }
    let ticket = state.ask(Waiting::Unfinished);
    effects.push(Effect::Unfinished(ticket));
    effects
}

/// The tab with this digit.
pub(super) fn tab(state: &mut State, digit: char, effects: &mut Effects) {
    let found = state.catalogue.tabs().find(|view| view.key == Some(digit)).map(|view| view.id);
    match found {
        Some(id) => view(state, id, effects),
        None => state.say(Health::Idle, format!("there is no view {digit} yet")),
    }
}

/// A view by its name, as it was left; again: back to its top.
pub(super) fn view(state: &mut State, view: ViewId, effects: &mut Effects) {
    if state.tab == view {
        while state.places.get(&view).is_some_and(|stack| stack.len() > 1) {
            close_top(state, effects);
        }
    } else {
        open_tab(state, view, effects);
    }
    remember(state);
}

fn open_tab(state: &mut State, id: ViewId, effects: &mut Effects) {
    let Some(view) = state.catalogue.view(id).copied() else { return };
    state.tab = id;
    state.zoomed = false;
    if !state.places.contains_key(&id) {
        let place = place(state, &view, None, effects);
        state.places.insert(id, vec![place]);
    }
    focus(state, effects);
}

/// The panes whose rows are on the screen, and those that give cells to them.
pub(super) fn looked_at(state: &State) -> Vec<PaneId> {
    let shown = state.stack().iter().flat_map(|place| &place.sections).map(|section| section.section.pane);
    let mut panes: Vec<PaneId> = shown
        .flat_map(|id| {
            let joins = state.catalogue.pane(id).map(|pane| (pane.joins)()).unwrap_or_default();
            std::iter::once(id).chain(joins.into_iter().map(|join| join.pane))
        })
        .collect();
    panes.sort();
    panes.dedup();
    panes
}

/// Tells the driver which panes are looked at.
fn focus(state: &State, effects: &mut Effects) {
    effects.push(Effect::Focus(looked_at(state)));
}

/// A place for a view, with its panes opened.
fn place(state: &mut State, view: &View, object: Option<&Ref>, effects: &mut Effects) -> Place {
    let mut sections = Vec::with_capacity(view.sections.len());
    for section in view.sections {
        let Some(pane) = state.catalogue.pane(section.pane).copied() else { continue };
        let ticket = (!pane.standing && pane.id != own::LOG).then(|| state.ticket());
        let mut opened = section_of(state, *section, &pane, ticket);
        if let (Some(ticket), Some(what)) = (ticket, object) {
            opened.how = parameters(state, section.kind);
            effects.push(Effect::Open { what: what.clone(), pane: pane.id, how: opened.how.clone(), ticket });
        }
        seed(state, &mut opened);
        sections.push(opened);
    }
    let title = object.map_or(view.title.to_owned(), title);
    let mut place = Place { view: view.id, object: object.cloned(), title, sections, focus: 0 };
    place.first_focus();
    place
}

/// A section over a standing pane, or over one that is opened with `ticket`.
fn section_of(state: &State, section: Section, pane: &Pane, ticket: Option<Ticket>) -> SectionState {
    let joined = ticket.and_then(|_| join::opened(state, pane));
    let heads = match (&joined, ticket) {
        (Some(joined), _) => joined.heads(pane.id),
        (None, Some(_)) => (pane.heads)(),
        (None, None) => state.rows.heads(pane.id),
    };
    let mut opened = SectionState::new(section, pane, ticket, heads);
    opened.joined = joined;
    opened
}

fn parameters(state: &State, kind: Kind) -> Parameters {
    let points = if kind == Kind::Series { state.size.columns.clamp(40, 400) } else { 0 };
    Parameters { points, ..Parameters::default() }
}

/// A new section over a standing pane begins with the rows that are there.
fn seed(state: &State, section: &mut SectionState) {
    if section.section.pane == own::LOG {
        if let Body::Lines(lines) = &mut section.body {
            lines.push(state.own_log.iter().cloned());
        }
        return;
    }
    let (Some(rows), Some(data)) = (state.rows.rows(section.section.pane), state.panes.get(&section.section.pane))
    else {
        return;
    };
    let now = state.now;
    if let (None, Body::Rows(table)) = (&section.data, &mut section.body) {
        let batch = Batch {
            rows: rows.iter().cloned().collect(),
            complete: rows.loaded,
            progress: rows.progress,
            note: data.note.clone(),
            ..Batch::default()
        };
        table.apply(&batch, now);
    }
}

/// What the breadcrumb says of an object: its name without its namespace.
fn title(what: &Ref) -> String {
    match what.key.split_namespace() {
        // labels say nothing that is not in the legend
        Some((group, name)) if name.starts_with('{') => group.to_owned(),
        Some((_, name)) => name.to_owned(),
        None => what.key.as_str().to_owned(),
    }
}

/// Opens a view over the present place, for an object, and remembers that we went there.
pub(super) fn open(state: &mut State, view: ViewId, what: &Ref, effects: &mut Effects) {
    open_over(state, view, what, effects);
    remember(state);
}

fn open_over(state: &mut State, view: ViewId, what: &Ref, effects: &mut Effects) {
    let Some(view) = state.catalogue.view(view).copied() else { return };
    let opened = place(state, &view, Some(what), effects);
    if let Some(stack) = state.places.get_mut(&state.tab) {
        stack.push(opened);
    }
    state.zoomed = false;
    focus(state, effects);
}

/// Opens one pane for an object, as a place of its own: logs, events, YAML.
pub(super) fn open_pane(
    state: &mut State,
    (pane, kind): (PaneId, Kind),
    what: &Ref,
    how: &Parameters,
    effects: &mut Effects,
) {
    let Some(found) = state.catalogue.pane(pane).copied() else {
        return state.say(Health::Idle, format!("nothing here offers {pane}"));
    };
    let ticket = state.ticket();
    let section = Section { pane, kind, weight: 1 };
    let mut opened = section_of(state, section, &found, Some(ticket));
    opened.how = Parameters { container: how.container.clone(), ..parameters(state, kind) };
    effects.push(Effect::Open { what: what.clone(), pane, how: opened.how.clone(), ticket });
    let title = format!("{} {}", title(what), found.title.to_lowercase());
    let place =
        Place { view: ViewId::named(pane.0), object: Some(what.clone()), title, sections: vec![opened], focus: 0 };
    if let Some(stack) = state.places.get_mut(&state.tab) {
        stack.push(place);
    }
    state.zoomed = false;
}

/// Opens what a log or text shows anew, in another way.
pub(super) fn reopen(state: &mut State, how: Parameters, effects: &mut Effects) {
    let ticket = state.ticket();
    let Some(place) = state.place_mut() else { return };
    let Some(what) = place.object.clone() else { return };
    let Some(section) = place.focused_mut() else { return };
    let pane = section.section.pane;
    if let Some(old) = section.ticket() {
        effects.push(Effect::Close(old));
    }
    section.source = crate::model::transition::Source::Detail(ticket, pane);
    section.how = how.clone();
    section.error = None;
    match &mut section.body {
        Body::Lines(lines) => {
            let mut fresh = super::super::lines::LinesModel::new(section.section.kind == Kind::Log);
            fresh.wrap = lines.wrap;
            fresh.timestamps = lines.timestamps;
            fresh.search.clone_from(&lines.search);
            *lines = fresh;
        }
        Body::Rows(_) => {
            if let Some(data) = &mut section.data {
                data.fresh = None;
            }
        }
    }
    effects.push(Effect::Open { what, pane, how, ticket });
}

/// Goes to an object, wherever it is shown: on the cursor in its pane's view, and opened where there is more to see.
pub(super) fn object(state: &mut State, what: &Ref, effects: &mut Effects) {
    let Some(pane) = state.catalogue.pane(what.pane).copied() else {
        return state.say(Health::Idle, format!("there is no view of {} yet", what.pane));
    };
    let home = state.catalogue.views().iter().find(|view| {
        view.sections.iter().any(|section| section.pane == what.pane && section.kind == Kind::Table) && pane.standing
    });
    if let Some(home) = home.map(|view| view.id)
        && home != state.tab
    {
        open_tab(state, home, effects);
    }
    let found = select(state, what);
    match pane.detail {
        Some(view) if found => open(state, view, what, effects),
        Some(view) => {
            open(state, view, what, effects);
            state.say(Health::Idle, format!("{} is not among the rows of {}", what.key, pane.title));
        }
        None => remember(state),
    }
}

/// Puts the cursor of the outermost place on an object.
fn select(state: &mut State, what: &Ref) -> bool {
    let Some(place) = state.places.get_mut(&state.tab).and_then(|stack| stack.first_mut()) else { return false };
    for (at, section) in place.sections.iter_mut().enumerate() {
        if section.section.pane == what.pane
            && let Some(table) = section.table_mut()
        {
            place.focus = at;
            return table.jump(&what.key);
        }
    }
    false
}

/// What Enter opens.
pub(super) fn enter(state: &mut State, effects: &mut Effects) {
    let Some(place) = state.place() else { return };
    let (Some(row), Some(pane)) = (place.current().cloned(), place.focused_pane()) else {
        return explain(state);
    };
    let what = Ref { pane, key: row.key.clone() };
    let Some(info) = state.catalogue.pane(pane).copied() else { return };
    if let Some(view) = info.detail {
        return open(state, view, &what, effects);
    }
    // a row that only points to another one leads there
    match row.refs.iter().find(|to| state.catalogue.pane(to.pane).is_some_and(|pane| pane.detail.is_some())) {
        Some(to) => object(state, &to.clone(), effects),
        None => state.say(Health::Idle, format!("there is no more to see of this {}", info.noun)),
    }
}

/// Why a key that acts on a row does nothing now.
pub(super) fn explain(state: &mut State) {
    let reason = state
        .place()
        .and_then(Place::focused)
        .and_then(|section| section.table())
        .and_then(crate::model::table::TableModel::why_off)
        .map_or_else(|| "there is no row here".to_owned(), |reason| reason.to_string());
    state.say(Health::Warn, reason);
}

/// Leaves the innermost place.
pub(super) fn back(state: &mut State, effects: &mut Effects) -> bool {
    if state.zoomed {
        state.zoomed = false;
        return true;
    }
    if state.stack().len() <= 1 {
        return false;
    }
    close_top(state, effects);
    remember(state);
    focus(state, effects);
    true
}

fn close_top(state: &mut State, effects: &mut Effects) {
    let Some(place) = state.places.get_mut(&state.tab).and_then(Vec::pop) else { return };
    effects.extend(place.sections.iter().filter_map(SectionState::ticket).map(Effect::Close));
}

/// Where we are, as a visit.
fn here(state: &State) -> Visit {
    let opened = state
        .stack()
        .iter()
        .skip(1)
        .filter(|place| state.catalogue.view(place.view).is_some())
        .filter_map(|place| place.object.clone().map(|what| (place.view, what)))
        .collect();
    Visit { tab: state.tab, opened }
}

fn remember(state: &mut State) {
    let visit = here(state);
    if state.history.get(state.visited) == Some(&visit) {
        return;
    }
    state.history.truncate(state.visited + 1);
    state.history.push(visit);
    if state.history.len() > REMEMBERED {
        state.history.remove(0);
    }
    state.visited = state.history.len().saturating_sub(1);
}

/// Goes back or forward among the places that were visited.
pub(super) fn history(state: &mut State, forward: bool, effects: &mut Effects) {
    let at = if forward { Some(state.visited + 1) } else { state.visited.checked_sub(1) };
    let Some((at, visit)) = at.and_then(|at| state.history.get(at).cloned().map(|visit| (at, visit))) else {
        let text = if forward { "this is the newest place" } else { "this is the first place" };
        return state.say(Health::Idle, text);
    };
    open_tab(state, visit.tab, effects);
    let kept = here(state).opened.iter().zip(&visit.opened).take_while(|(a, b)| a == b).count();
    while state.stack().len() > kept + 1 {
        close_top(state, effects);
    }
    for (view, what) in visit.opened.iter().skip(kept) {
        open_over(state, *view, what, effects);
    }
    state.visited = at;
    focus(state, effects);
}

/// The pane whose verbs the keys reach: that of the row under the cursor, if it has verbs, else that of the object which
/// the place was opened for.
pub(super) fn acting_pane(place: &Place) -> Option<PaneId> {
    acting(place).map(|what| what.pane)
}

/// The object that verbs act on.
pub(super) fn acting(place: &Place) -> Option<Ref> {
    match (&place.object, place.current(), place.focused_pane()) {
        (None, Some(row), Some(pane)) => Some(Ref { pane, key: row.key.clone() }),
        (object, _, pane) => object.clone().or_else(|| pane.map(|pane| Ref::new(pane, ""))),
    }
}

/// Moves the cursor or the text.
pub(super) fn scroll(state: &mut State, to: Move, page: usize) {
    let Some(section) = state.place_mut().and_then(Place::focused_mut) else { return };
    let ahead = isize::try_from(page).unwrap_or(isize::MAX);
    match &mut section.body {
        Body::Rows(table) => table.go(to),
        Body::Lines(lines) => match to {
            Move::By(by) | Move::Scroll(by) => lines.scroll(by, page),
            Move::Page(pages) => lines.scroll(pages.saturating_mul(ahead), page),
            Move::First => lines.first(),
            Move::Last => {
                lines.last(page);
                lines.follow = section.section.kind == Kind::Log && !lines.ended;
            }
            Move::To(_) => {}
        },
    }
}
