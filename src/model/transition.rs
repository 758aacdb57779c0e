//! Where rows come from, and the changes of state that must not get lost.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::id::{PaneId, Ticket};
use super::record::Row;
use super::value::State;

/// What a batch belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A standing pane.
    Pane(PaneId),
    /// A pane that was opened for one object; once that is closed, its rows land nowhere.
    Detail(Ticket, PaneId),
}

impl Source {
    /// The pane.
    #[must_use]
    pub fn pane(self) -> PaneId {
        match self {
            Self::Pane(pane) | Self::Detail(_, pane) => pane,
        }
    }
}

/// An object went from one state to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Transition {
    /// The pane.
    pub pane: PaneId,
    /// When we saw it.
    pub at: DateTime<Utc>,
    /// The state before.
    pub from: State,
    /// The state after; `None` if the object is gone.
    pub to: Option<State>,
    /// The row after, or the last one of an object that is gone.
    pub row: Arc<Row>,
}
