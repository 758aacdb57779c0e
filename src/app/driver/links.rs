//! Connecting the systems, and keeping at it.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;

use super::outside::{Counted, Outside};
use crate::actions::run::Links;
use crate::app::event::Event;
use crate::app::state::State;
use crate::feeds::{FeedHandle, Feeds};
use crate::model::health::Error;
use crate::model::id::{PaneId, SystemId};
use crate::systems::{Cx, Link, Settings, System};

/// A connected system and its feeds.
struct Connection {
    link: Arc<dyn Link>,
    feeds: Vec<FeedHandle>,
}

/// The systems that are connected.
#[derive(Default)]
pub(super) struct Connections {
    by_id: Mutex<BTreeMap<SystemId, Connection>>,
}

impl Connections {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<SystemId, Connection>> {
        self.by_id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells each feed whether one of its panes is looked at.
    pub(super) fn focus(&self, panes: &[PaneId]) {
        for feed in self.lock().values().flat_map(|connection| &connection.feeds) {
            feed.focus(looked_at(feed, panes));
        }
    }

    /// Asks the feeds of these panes again now.
    pub(super) fn refresh(&self, panes: &[PaneId]) {
        for feed in self.lock().values().flat_map(|connection| &connection.feeds) {
            if looked_at(feed, panes) {
                feed.refresh();
            }
        }
    }
}

/// Whether a feed brings one of these panes.
pub(super) fn looked_at(feed: &FeedHandle, panes: &[PaneId]) -> bool {
    feed.sources().iter().any(|source| panes.contains(&source.pane()))
}

impl Links for Connections {
    fn link(&self, system: SystemId) -> Option<Arc<dyn Link>> {
        self.lock().get(&system).map(|connection| Arc::clone(&connection.link))
    }
}

/// What it takes to connect one system.
struct Connecting {
    system: &'static dyn System,
    settings: Settings,
    cx: Cx,
    feeds: Arc<Feeds>,
    events: mpsc::Sender<Event>,
    connections: Arc<Connections>,
    focus: Arc<Mutex<Vec<PaneId>>>,
    tasks: Arc<AtomicUsize>,
}

impl Outside {
    /// Connects all systems, each by itself: one that hangs holds up no other.
    pub(super) fn connect_all(&self, state: &State) {
        for system in state.catalogue.systems() {
            let connecting = Connecting {
                system: *system,
                settings: self.setup.settings.get(&system.id()).cloned().unwrap_or_default(),
                cx: self.setup.cx.clone(),
                feeds: Arc::clone(&self.feeds),
                events: self.events.clone(),
                connections: Arc::clone(&self.connections),
                focus: Arc::clone(&self.focus),
                tasks: Arc::clone(&self.tasks),
            };
            // only the first try counts as being under way: a system that can't be reached is no reason to wait
            let first = Counted::new(&self.tasks);
            self.setup.runtime.spawn(connecting.run(first));
        }
    }
}

impl Connecting {
    /// Tries until the system is connected.
    async fn run(self, first: Counted) {
        let mut first = Some(first);
        let mut wait = Duration::from_secs(1);
        loop {
            match self.system.connect(&self.settings, &self.cx).await {
                Ok(link) => {
                    tracing::info!(system = %self.system.id(), "connected");
                    self.connected(&link).await;
                    return;
                }
                Err(error) => {
                    tracing::warn!(system = %self.system.id(), %error, "not connected");
                    let rest = if error.is_absent() || matches!(error, Error::Config { .. }) {
                        Duration::from_mins(1)
                    } else {
                        wait
                    };
                    let _ = self.events.send(Event::Linked(self.system.id(), Err(error))).await;
                    first.take();
                    pause(rest).await;
                    wait = (wait * 2).min(Duration::from_secs(30));
                }
            }
        }
    }

    async fn connected(&self, link: &Arc<dyn Link>) {
        let panes = self.focus.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let feeds: Vec<FeedHandle> = link
            .feeds()
            .into_iter()
            .map(|feed| {
                let focus = feed.panes().iter().any(|pane| panes.contains(pane));
                self.feeds.start(feed, focus)
            })
            .collect();
        self.connections.lock().insert(self.system.id(), Connection { link: Arc::clone(link), feeds });
        let _ = self.events.send(Event::Linked(self.system.id(), Ok(()))).await;
        let _counted = Counted::new(&self.tasks);
        if let Ok(rights) = link.rights().await {
            let _ = self.events.send(Event::Rights(rights)).await;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a system that can't be reached is tried again after a while")]
async fn pause(length: Duration) {
    tokio::time::sleep(length).await;
}
