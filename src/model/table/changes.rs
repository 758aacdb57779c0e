//! Which cells changed within the last second, so that a change can be marked for a moment.

use std::collections::{HashMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::id::Key;
use crate::model::record::Touched;
use crate::model::value::Value;

/// How long a change is marked.
const MARKED: TimeDelta = TimeDelta::seconds(1);

#[derive(Debug, Clone, Default)]
pub(super) struct Changes {
    by_key: HashMap<Key, Vec<(usize, DateTime<Utc>)>>,
    queue: VecDeque<(DateTime<Utc>, Key)>,
}

impl Changes {
    /// Remembers the cells that differ in rows that were there before.
    pub(super) fn note(&mut self, touched: &[Touched], now: DateTime<Utc>) {
        self.forget(now);
        for change in touched {
            let (Some(old), Some(new)) = (&change.old, &change.new) else { continue };
            let cells = old.cells.iter().zip(&new.cells).enumerate();
            let changed: Vec<_> =
                cells.filter(|(_, (old, new))| is_change(old, new)).map(|(column, _)| (column, now)).collect();
            if !changed.is_empty() {
                self.queue.push_back((now, new.key.clone()));
                self.by_key.entry(new.key.clone()).or_default().extend(changed);
            }
        }
    }

    /// Drops what is over; says whether there was something.
    pub(super) fn forget(&mut self, now: DateTime<Utc>) -> bool {
        let before = self.queue.len();
        while let Some((_, key)) = self.queue.pop_front_if(|(at, _)| now - *at >= MARKED) {
            if let Some(cells) = self.by_key.get_mut(&key) {
                cells.retain(|(_, at)| now - *at < MARKED);
                if cells.is_empty() {
                    self.by_key.remove(&key);
                }
            }
        }
        self.queue.len() < before
    }

    pub(super) fn clear(&mut self) {
        self.by_key.clear();
        self.queue.clear();
    }

    pub(super) fn contains(&self, key: &Key, column: usize, now: DateTime<Utc>) -> bool {
        self.by_key.get(key).is_some_and(|cells| {
            cells.iter().any(|(changed, at)| *changed == column && (TimeDelta::zero()..MARKED).contains(&(now - *at)))
        })
    }

    /// When the next mark is over.
    pub(super) fn next_expiry(&self) -> Option<DateTime<Utc>> {
        self.queue.front().map(|(at, _)| *at + MARKED)
    }
}

/// Lines over time move with every answer: that is no news.
fn is_change(old: &Value, new: &Value) -> bool {
    match (old, new) {
        (Value::Spark(_), Value::Spark(_)) => false,
        (Value::Pair(old), Value::Pair(new)) => is_change(&old.0, &new.0) || is_change(&old.1, &new.1),
        _ => old != new,
    }
}
