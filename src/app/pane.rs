//! What is known of one pane: its rows, how fresh they are, and the joined columns.

use std::sync::Arc;

use crate::model::health::{Error, Freshness};
use crate::model::record::{Head, Rows};
use crate::model::verb::Pane;

/// Rows of a pane and what is known of them.
#[derive(Debug, Clone)]
pub struct PaneData {
    /// The pane.
    pub pane: Pane,
    /// Its own columns.
    pub own_heads: Arc<[Head]>,
    /// All columns: its own and the joined ones.
    pub heads: Arc<[Head]>,
    /// Its rows as they came.
    pub rows: Rows,
    /// Its rows with the joined cells; the same as `rows` where nothing is joined.
    pub joined: Rows,
    /// How fresh they are; `None` before the first word.
    pub fresh: Option<Freshness>,
    /// Something to say about the whole pane.
    pub note: Option<Arc<str>>,
}

impl PaneData {
    /// A pane of which nothing is known yet.
    #[must_use]
    pub fn new(pane: Pane) -> Self {
        let own_heads = (pane.heads)();
        let mut data = Self {
            pane,
            heads: Arc::clone(&own_heads),
            own_heads,
            rows: Rows::default(),
            joined: Rows::default(),
            fresh: None,
            note: None,
        };
        data.join_heads();
        data
    }

    /// Takes over columns that only the data tell.
    pub fn set_heads(&mut self, heads: Arc<[Head]>) {
        self.own_heads = heads;
        self.join_heads();
    }

    fn join_heads(&mut self) {
        let joins = (self.pane.joins)();
        if joins.is_empty() {
            self.heads = Arc::clone(&self.own_heads);
        } else {
            self.heads = self.own_heads.iter().cloned().chain(joins.into_iter().map(|join| join.head)).collect();
        }
    }

    /// The error of the last try.
    #[must_use]
    pub fn error(&self) -> Option<&Error> {
        self.fresh.as_ref().and_then(|fresh| fresh.error.as_ref())
    }
}
