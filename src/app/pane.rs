//! What is known of one pane beside its rows.

use std::sync::Arc;

use crate::model::health::{Error, Freshness};
use crate::model::verb::Pane;

/// A pane, how fresh its rows are, and what there is to say about all of them.
#[derive(Debug, Clone)]
pub struct PaneData {
    /// The pane.
    pub pane: Pane,
    /// How fresh its rows are; `None` before the first word.
    pub fresh: Option<Freshness>,
    /// Something to say about the whole pane.
    pub note: Option<Arc<str>>,
}

impl PaneData {
    /// A pane of which nothing is known yet.
    #[must_use]
    pub fn new(pane: Pane) -> Self {
        Self { pane, fresh: None, note: None }
    }

    /// The error of the last try.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.fresh.as_ref().and_then(|fresh| fresh.error.as_ref())
    }
}
