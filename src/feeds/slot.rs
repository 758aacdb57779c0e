//! Where the changes of one pane wait for the screen, merged by key: a slow screen costs nothing and nothing grows.
//!
//! The slot mirrors the rows, so that an equal row is dropped and the end of a full list tells what is gone. Changes of
//! a row's state are given out one by one before they are merged.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::model::id::{Key, PaneId};
use crate::model::record::{Batch, Change, Head, Row};
use crate::model::transition::Transition;
use crate::model::value::{State, Value};

/// The changes of one pane since the screen last took them.
#[derive(Debug)]
pub struct Slot {
    pane: PaneId,
    /// The column that is a row's state.
    state: Option<usize>,
    mirror: HashMap<Key, Arc<Row>>,
    /// What a full list that is arriving has brought.
    relist: Option<HashSet<Key>>,
    loaded: bool,
    sent: bool,
    /// Rows, or the end of the first list, that the screen should not wait for.
    urgent: bool,
    /// The last word on each key that changed: the row, or that it is gone.
    changed: HashMap<Key, Option<Arc<Row>>>,
    /// All else that is to be sent.
    rest: Batch,
}

impl Slot {
    /// An empty slot for a pane with these heads.
    #[must_use]
    pub fn new(pane: PaneId, heads: &[Head]) -> Self {
        Self {
            pane,
            state: heads.iter().position(|head| head.state),
            mirror: HashMap::new(),
            relist: None,
            loaded: false,
            sent: false,
            urgent: false,
            changed: HashMap::new(),
            rest: Batch::default(),
        }
    }

    /// Merges a change seen at `at`, and says which rows went from one state to another.
    pub fn merge(&mut self, change: Change, at: DateTime<Utc>) -> Vec<Transition> {
        self.rest.beat = true;
        match change {
            Change::Begin => self.relist = Some(HashSet::new()),
            Change::Upsert(row) => return self.upsert(row, at).into_iter().collect(),
            Change::Remove(key) => return self.remove(&key, at).into_iter().collect(),
            Change::More { done, of } => self.rest.progress = Some((done, of)),
            Change::Complete => return self.complete(at),
            Change::Heads(heads) => {
                self.state = heads.iter().position(|head| head.state);
                self.rest.heads = Some(heads);
            }
            Change::Beat => {}
            Change::Note(note) => self.rest.note = Some(note),
        }
        Vec::new()
    }

    /// What has changed since the last time; nothing if nothing has.
    pub fn take(&mut self) -> Option<Batch> {
        let mut batch = std::mem::take(&mut self.rest);
        let changed = std::mem::take(&mut self.changed);
        if !batch.beat && changed.is_empty() {
            return None;
        }
        for (key, row) in changed {
            match row {
                Some(row) => batch.rows.push(row),
                None => batch.removed.push(key),
            }
        }
        self.sent |= !batch.rows.is_empty();
        self.urgent = false;
        Some(batch)
    }

    /// Whether the screen should not wait its turn: the first rows, or the end of the first list.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        self.urgent || !self.sent && !self.changed.is_empty()
    }

    fn upsert(&mut self, row: Arc<Row>, at: DateTime<Utc>) -> Option<Transition> {
        if let Some(relist) = &mut self.relist {
            relist.insert(row.key.clone());
        }
        let old = self.mirror.get(&row.key);
        if old.is_some_and(|old| **old == *row) {
            return None;
        }
        let from = old.and_then(|old| self.state_of(old)).cloned();
        let to = self.state_of(&row).cloned();
        self.mirror.insert(row.key.clone(), Arc::clone(&row));
        self.changed.insert(row.key.clone(), Some(Arc::clone(&row)));
        let (from, to) = (from?, to?);
        (self.loaded && from != to).then_some(Transition { pane: self.pane, at, from, to: Some(to), row })
    }

    fn remove(&mut self, key: &Key, at: DateTime<Utc>) -> Option<Transition> {
        if let Some(relist) = &mut self.relist {
            relist.remove(key);
        }
        let row = self.mirror.remove(key)?;
        self.changed.insert(key.clone(), None);
        let from = self.state_of(&row).filter(|_| self.loaded)?.clone();
        Some(Transition { pane: self.pane, at, from, to: None, row })
    }

    /// The full list is over: what it did not bring is gone.
    fn complete(&mut self, at: DateTime<Utc>) -> Vec<Transition> {
        let mut gone: Vec<Key> = match self.relist.take() {
            Some(seen) => self.mirror.keys().filter(|key| !seen.contains(*key)).cloned().collect(),
            None => Vec::new(),
        };
        gone.sort_unstable();
        let transitions = gone.iter().filter_map(|key| self.remove(key, at)).collect();
        self.rest.complete = true;
        self.urgent |= !self.loaded;
        self.rest.progress = None;
        self.loaded = true;
        transitions
    }

    fn state_of<'a>(&self, row: &'a Row) -> Option<&'a State> {
        state_in(row.cell(self.state?))
    }
}

fn state_in(cell: &Value) -> Option<&State> {
    match cell {
        Value::State(state) => Some(state),
        Value::Pair(pair) => state_in(&pair.0).or_else(|| state_in(&pair.1)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::health::Health;

    fn slot() -> Slot {
        Slot::new(PaneId("pods"), &[Head::text("name", "name", 9), Head::text("ready", "ready", 9).as_state()])
    }

    fn row(key: &str, health: Health) -> Change {
        let cells = [Value::text(key), Value::state(health, health.word())].into();
        Change::Upsert(Arc::new(Row { key: key.into(), cells, refs: [].into() }))
    }

    /// Merges the changes; the transitions as `key from to`.
    fn merge(slot: &mut Slot, changes: impl IntoIterator<Item = Change>) -> Vec<String> {
        let transitions = changes.into_iter().flat_map(|change| slot.merge(change, DateTime::UNIX_EPOCH));
        let show = |it: Transition| {
            format!("{} {} {}", it.row.key, it.from.word, it.to.map_or("gone".into(), |to| to.word.to_string()))
        };
        transitions.map(show).collect()
    }

    fn keys(batch: &Batch) -> (Vec<&str>, Vec<&str>) {
        let mut rows: Vec<_> = batch.rows.iter().map(|row| row.key.as_str()).collect();
        rows.sort_unstable();
        (rows, batch.removed.iter().map(Key::as_str).collect())
    }

    #[test]
    fn changes_of_one_key_become_one() {
        let mut slot = slot();
        merge(
            &mut slot,
            [row("a", Health::Good), row("b", Health::Good), row("a", Health::Bad), Change::Remove("b".into())],
        );
        let batch = slot.take().unwrap();
        assert_eq!(keys(&batch), (vec!["a"], vec!["b"]));
        assert_eq!(batch.rows[0].cell(1).health(), Some(Health::Bad));
        assert!(slot.take().is_none());
    }

    #[test]
    fn an_equal_row_is_dropped_but_is_a_sign_of_life() {
        let mut slot = slot();
        merge(&mut slot, [row("a", Health::Good)]);
        slot.take();
        merge(&mut slot, [row("a", Health::Good)]);
        let batch = slot.take().unwrap();
        assert!(batch.rows.is_empty() && batch.beat);
    }

    #[test]
    fn a_relist_keeps_all_rows_until_it_is_complete() {
        let mut slot = slot();
        merge(&mut slot, [Change::Begin, row("a", Health::Good), row("b", Health::Good), Change::Complete]);
        assert!(slot.take().unwrap().complete);
        merge(&mut slot, [Change::Begin, row("a", Health::Good), row("c", Health::Good)]);
        assert_eq!(keys(&slot.take().unwrap()), (vec!["c"], vec![]));
        let gone = merge(&mut slot, [Change::Complete]);
        assert_eq!(gone, ["b good gone"]);
        assert_eq!(keys(&slot.take().unwrap()), (vec![], vec!["b"]));
    }

    #[test]
    fn a_relist_that_breaks_off_removes_nothing_that_the_next_one_brings() {
        let mut slot = slot();
        merge(&mut slot, [Change::Begin, row("a", Health::Good), row("b", Health::Good), Change::Complete]);
        slot.take();
        merge(
            &mut slot,
            [Change::Begin, row("a", Health::Good), Change::Begin, row("b", Health::Good), Change::Complete],
        );
        assert_eq!(keys(&slot.take().unwrap()), (vec![], vec!["a"]));
    }

    #[test]
    fn each_change_of_state_is_a_transition_in_order_but_not_in_the_first_load() {
        let mut slot = slot();
        let first = merge(&mut slot, [Change::Begin, row("a", Health::Busy), row("a", Health::Good), Change::Complete]);
        assert!(first.is_empty());
        let later = merge(
            &mut slot,
            [
                row("a", Health::Bad),
                row("a", Health::Good),
                row("a", Health::Bad),
                row("new", Health::Good),
                Change::Remove("a".into()),
            ],
        );
        assert_eq!(later, ["a good bad", "a bad good", "a good bad", "a bad gone"]);
        assert_eq!(slot.take().unwrap().rows.len(), 1);
    }

    #[test]
    fn first_rows_and_the_first_whole_list_are_urgent() {
        let mut slot = slot();
        merge(&mut slot, [Change::Begin]);
        assert!(!slot.is_urgent());
        merge(&mut slot, [row("a", Health::Good)]);
        assert!(slot.is_urgent());
        slot.take();
        merge(&mut slot, [row("b", Health::Good), Change::More { done: 2, of: Some(3) }]);
        assert!(!slot.is_urgent());
        assert_eq!(slot.take().unwrap().progress, Some((2, Some(3))));
        merge(&mut slot, [Change::Complete]);
        assert!(slot.is_urgent());
        slot.take();
        merge(&mut slot, [Change::Begin, Change::Complete]);
        assert!(!slot.is_urgent(), "later lists wait their turn");
    }
}
