//! The filter of a table, as it is typed, and what typing it does to the cursor.

use chrono::{DateTime, Utc};

use super::TableModel;
use crate::model::query::{Query, QueryError};
use crate::model::record::Head;

/// What was typed, and what it means.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    text: String,
    query: Query,
    error: Option<QueryError>,
}

impl Filter {
    /// What was typed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The query in force: the last one that could be read.
    #[must_use]
    pub fn query(&self) -> &Query {
        &self.query
    }

    /// What is wrong with the text, if it can't be read.
    #[must_use]
    pub fn error(&self) -> Option<&QueryError> {
        self.error.as_ref()
    }

    /// Reads the text anew; if it can't be read, the query stays what it was.
    pub(super) fn read(&mut self, heads: &[Head]) {
        match Query::parse(&self.text, heads) {
            Ok(query) => (self.query, self.error) = (query, None),
            Err(error) => self.error = Some(error),
        }
    }
}

impl TableModel {
    /// The filter.
    #[must_use]
    pub fn filter(&self) -> &Filter {
        &self.filter
    }

    /// Sets the filter's text, at each key that is typed. A text that can't be read leaves the rows as they were.
    ///
    /// If it hides the cursor's row, the cursor goes to the first match, and comes back when its row is shown again.
    pub fn set_filter(&mut self, text: &str, now: DateTime<Utc>) {
        if self.filter.text == text {
            return;
        }
        text.clone_into(&mut self.filter.text);
        let before = self.filter.query.clone();
        self.filter.read(&std::sync::Arc::clone(self.columns.heads()));
        if self.filter.query == before {
            return;
        }
        self.columns.forget_widths();
        self.rebuild(now);
        self.cursor_after_filter();
        self.settle();
    }

    fn cursor_after_filter(&mut self) {
        if self.cursor.home.as_ref().is_some_and(|home| self.position(home).is_some()) {
            self.cursor.key = self.cursor.home.take();
            return;
        }
        let Some(key) = self.cursor.key.clone() else { return };
        if self.position(&key).is_some() {
            return;
        }
        if let Some(first) = self.order.first() {
            self.cursor.home.get_or_insert(key);
            self.cursor.key = Some(first.key.clone());
            self.cursor.at = 0;
            self.cursor.offset = 0;
        }
    }
}
