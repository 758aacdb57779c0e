//! Rows, lines and news of the systems.

use std::sync::Arc;

use super::super::own;
use super::super::pane::PaneData;
use super::super::place::{Body, SectionState};
use super::super::state::State;
use crate::model::health::{Error, Freshness};
use crate::model::id::{SystemId, Ticket};
use crate::model::record::Batch;
use crate::model::transition::{Source, Transition};
use crate::systems::Line;

/// As many transitions are kept.
const TRANSITIONS: usize = 2000;
/// As many lines of the own log are kept.
const OWN_LINES: usize = 2000;

/// Rows of a pane.
pub(super) fn fed(state: &mut State, source: Source, batch: &Batch) {
    match source {
        Source::Pane(pane) => {
            let Some(data) = state.panes.get_mut(&pane) else { return };
            take(data, batch);
            super::super::join::fed(state, source, batch);
        }
        Source::Detail(ticket, _) => {
            let Some(section) = section(state, ticket) else { return };
            if let Some(data) = &mut section.data {
                take(data, batch);
            }
            super::super::join::fed(state, source, batch);
        }
    }
}

/// Takes over notes.
fn take(data: &mut PaneData, batch: &Batch) {
    if let Some(note) = &batch.note {
        data.note = Some(Arc::clone(note)).filter(|note| !note.is_empty());
    }
}

/// How fresh a pane is.
pub(super) fn fresh(state: &mut State, source: Source, freshness: Freshness) {
    match source {
        Source::Pane(pane) => {
            if let Some(data) = state.panes.get_mut(&pane) {
                data.fresh = Some(freshness);
            }
        }
        Source::Detail(ticket, _) => {
            if let Some(data) = section(state, ticket).and_then(|section| section.data.as_mut()) {
                data.fresh = Some(freshness);
            }
        }
    }
}

/// An object's state has changed.
pub(super) fn moved(state: &mut State, transition: Transition) {
    state.transitions.push(transition);
    if state.transitions.len() > TRANSITIONS {
        state.transitions.remove(0);
    }
}

/// A system is connected, or could not be.
pub(super) fn linked(state: &mut State, system: SystemId, result: Result<(), Error>) {
    if let Err(error) = &result {
        for data in state.panes.values_mut().filter(|data| data.pane.system == system) {
            let known = data.fresh.clone().unwrap_or_default();
            data.fresh = Some(Freshness { error: Some(error.clone()), ..known });
        }
    }
    state.links.insert(system, result);
}

/// The section that was opened with this ticket.
fn section(state: &mut State, ticket: Ticket) -> Option<&mut SectionState> {
    state
        .places
        .values_mut()
        .flatten()
        .flat_map(|place| &mut place.sections)
        .find(|section| section.ticket() == Some(ticket))
}

/// A section that the object has nothing for is left out; a place of its own says so.
pub(super) fn not_offered(state: &mut State, ticket: Ticket) {
    for place in state.places.values_mut().flatten() {
        let Some(at) = place.sections.iter().position(|section| section.ticket() == Some(ticket)) else { continue };
        if place.sections.len() > 1 {
            place.sections.remove(at);
            place.first_focus();
        } else if let (Some(section), Some(what)) = (place.sections.get_mut(at), &place.object) {
            let title = section.title.to_lowercase();
            let error = Error::Conflict { what: format!("{} has no {title}", what.key) };
            section.error = Some(error.clone());
            if let Some(data) = &mut section.data {
                data.fresh = Some(Freshness { error: Some(error), ..Freshness::default() });
            }
        }
    }
}

/// Lines of an opened log or text.
pub(super) fn lines(state: &mut State, ticket: Ticket, lines: Vec<Line>) {
    if let Some(section) = section(state, ticket) {
        section.error = None;
        if let Body::Lines(model) = &mut section.body {
            model.push(lines);
        }
    }
}

/// A log or text is over.
pub(super) fn lines_ended(state: &mut State, ticket: Ticket) {
    if let Some(Body::Lines(model)) = section(state, ticket).map(|section| &mut section.body) {
        model.ended = true;
        model.loaded = true;
    }
}

/// A log or text could not be had.
pub(super) fn lines_failed(state: &mut State, ticket: Ticket, error: Error) {
    if let Some(section) = section(state, ticket) {
        section.error = Some(error);
    }
}

/// Lines of the console's own log.
pub(super) fn own_log(state: &mut State, lines: &[Line]) {
    state.own_log.extend(lines.iter().cloned());
    let surplus = state.own_log.len().saturating_sub(OWN_LINES);
    state.own_log.drain(..surplus);
    for section in state.places.values_mut().flatten().flat_map(|place| &mut place.sections) {
        if let (own::LOG, Body::Lines(model)) = (section.section.pane, &mut section.body) {
            model.push(lines.iter().cloned());
        }
    }
}
