//! Brings rows to the tables that show them, with the cells of other panes joined to them.

use super::place::SectionState;
use super::state::State;
use crate::model::id::PaneId;
use crate::model::join::Panes;
use crate::model::record::Batch;
use crate::model::transition::Source;
use crate::model::verb::Pane;

/// Rows have come: brings them to the tables of their pane, and to those that show cells of them.
pub(super) fn fed(state: &mut State, source: Source, batch: &Batch) {
    let now = state.now;
    let sections = state.places.values_mut().flatten().flat_map(|place| &mut place.sections);
    match source {
        Source::Pane(pane) => {
            let changed = state.rows.apply(pane, batch);
            for section in sections {
                if let Some((_, batch)) = changed.iter().find(|(id, _)| Source::Pane(*id) == section.source) {
                    show(section, batch, now);
                } else if section.joined.as_ref().is_some_and(|joined| joined.ids().any(|id| id == pane)) {
                    joined(section, pane, batch, now);
                }
            }
        }
        Source::Detail(..) => {
            for section in sections.filter(|section| section.source == source) {
                let pane = section.section.pane;
                if section.joined.is_some() {
                    joined(section, pane, batch, now);
                } else {
                    show(section, batch, now);
                }
            }
        }
    }
}

/// Rows of `pane` come to a section that joins: its own, or those that it takes cells from.
fn joined(section: &mut SectionState, pane: PaneId, batch: &Batch, now: chrono::DateTime<chrono::Utc>) {
    let own = section.section.pane;
    let Some(panes) = &mut section.joined else { return };
    let changed = panes.apply(pane, batch);
    if let Some((_, batch)) = changed.into_iter().find(|(id, _)| *id == own) {
        show(section, &batch, now);
    }
}

fn show(section: &mut SectionState, batch: &Batch, now: chrono::DateTime<chrono::Utc>) {
    if let Some(table) = section.table_mut() {
        table.apply(batch, now);
    }
}

/// What an opened pane needs to show cells of standing panes, with the rows that these have by now; `None` where it
/// joins nothing.
pub(super) fn opened(state: &State, pane: &Pane) -> Option<Panes> {
    let joins = (pane.joins)();
    if joins.is_empty() {
        return None;
    }
    let mut others: Vec<PaneId> = joins.iter().map(|join| join.pane).collect();
    others.sort();
    others.dedup();
    let declared = others.iter().map(|id| (*id, state.rows.heads(*id), Vec::new())).collect::<Vec<_>>();
    let mut panes = Panes::declare([(pane.id, (pane.heads)(), joins)].into_iter().chain(declared));
    for id in others {
        if let Some(rows) = state.rows.rows(id) {
            let batch = Batch { rows: rows.iter().cloned().collect(), complete: rows.loaded, ..Batch::default() };
            panes.apply(id, &batch);
        }
    }
    Some(panes)
}
