//! Feeds under their supervisor, as the console has them, and the rows and the freshness that they come to.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use quarterdeck::feeds::{FeedHandle, Feeds, HeadsOf, Incoming};
use quarterdeck::model::clock::Clock;
use quarterdeck::model::health::{Error, Freshness, Health};
use quarterdeck::model::id::{Key, PaneId};
use quarterdeck::model::record::{Head, Row};
use quarterdeck::systems::{Feed, System};
use serde_json::Value as Json;
use tokio::runtime::Handle;

/// The longest wait for anything that the world does; only a broken program takes it.
const PATIENCE: Duration = Duration::from_mins(2);

/// One feed that is kept running, and what it has brought of one pane.
pub(crate) struct Watched {
    feeds: Feeds,
    incoming: Incoming,
    _handle: FeedHandle,
    pane: PaneId,
    heads: Arc<[Head]>,
    pub(crate) rows: BTreeMap<Key, Arc<Row>>,
    pub(crate) complete: bool,
    pub(crate) fresh: Freshness,
}

impl Watched {
    /// Starts the feed of a system's pane.
    pub(crate) fn start(system: &dyn System, feed: Box<dyn Feed>, pane: PaneId) -> Self {
        let panes: BTreeMap<PaneId, Arc<[Head]>> =
            system.panes().iter().map(|pane| (pane.id, (pane.heads)())).collect();
        let heads = Arc::clone(&panes[&pane]);
        let of: HeadsOf = Arc::new(move |pane| panes.get(&pane).cloned().unwrap_or_default());
        let (feeds, mut incoming) = Feeds::new(Clock::System, Handle::current(), of);
        // nobody looks at them here, and they wait for their reader
        incoming.transitions.close();
        let handle = feeds.start(feed, true);
        let (rows, fresh) = (BTreeMap::new(), Freshness::default());
        Self { feeds, incoming, _handle: handle, pane, heads, rows, complete: false, fresh }
    }

    fn take(&mut self) {
        for (source, batch) in self.feeds.take_batches() {
            if source.pane() != self.pane {
                continue;
            }
            self.complete |= batch.complete;
            for key in batch.removed {
                self.rows.remove(&key);
            }
            self.rows.extend(batch.rows.into_iter().map(|row| (row.key.clone(), row)));
        }
        for (source, fresh) in self.feeds.take_freshness() {
            if source.pane() == self.pane {
                self.fresh = fresh;
            }
        }
    }

    /// Waits until something is true.
    pub(crate) async fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            loop {
                self.take();
                if holds(self) {
                    return;
                }
                // freshness has no bell for a time that goes by
                let _ = tokio::time::timeout(Duration::from_millis(200), self.incoming.bell.notified()).await;
            }
        })
        .await;
        assert!(waited.is_ok(), "never seen: {what}; {:?}, {} rows", self.fresh, self.rows.len());
    }

    /// Waits for all rows, without an error.
    pub(crate) async fn until_fresh(&mut self) {
        self.until("all rows, fresh", |it| it.complete && it.health() == Health::Good).await;
    }

    /// How a lamp shows it now.
    pub(crate) fn health(&self) -> Health {
        self.fresh.health(Clock::System.now())
    }

    /// The error of the last try.
    pub(crate) fn error(&self) -> Option<&Error> {
        self.fresh.error.as_ref()
    }

    pub(crate) fn keys(&self) -> Vec<String> {
        self.rows.keys().map(Key::to_string).collect()
    }

    /// A cell as it is shown; empty if there is no such row.
    pub(crate) fn cell(&self, key: &str, column: &str) -> String {
        let at = self.heads.iter().position(|head| head.id == column).unwrap();
        self.rows.get(&Key::from(key)).map_or(String::new(), |row| row.cell(at).show(Clock::System.now()))
    }

    /// How well a row's cell is.
    pub(crate) fn cell_health(&self, key: &str, column: &str) -> Option<Health> {
        let at = self.heads.iter().position(|head| head.id == column).unwrap();
        self.rows.get(&Key::from(key)).and_then(|row| row.cell(at).health())
    }
}

/// The keys of a list as the API server has it now.
pub(crate) fn keys_of(list: &Json) -> Vec<String> {
    let name = |item: &Json, field: &str| item["metadata"][field].as_str().unwrap_or_default().to_owned();
    let items = list["items"].as_array().unwrap();
    let mut keys: Vec<Key> =
        items.iter().map(|item| Key::namespaced(&name(item, "namespace"), &name(item, "name"))).collect();
    keys.sort_unstable();
    keys.iter().map(Key::to_string).collect()
}
