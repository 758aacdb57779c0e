//! Brings rows to the tables that show them, with the cells of other panes joined to them.

use super::state::State;
use crate::model::record::Batch;
use crate::model::transition::Source;

/// Rows of `source` have come and are in its pane's data already: brings them to the tables.
pub(super) fn fed(state: &mut State, source: Source, batch: &Batch) {
    let now = state.now;
    if let Source::Pane(pane) = source
        && let Some(data) = state.panes.get_mut(&pane)
    {
        data.joined.apply(batch);
    }
    for section in state.places.values_mut().flatten().flat_map(|place| &mut place.sections) {
        if section.source == source
            && let Some(table) = section.table_mut()
        {
            table.apply(batch, now);
        }
    }
}
