//! The driver's hands: connects systems, runs feeds, and answers the state's questions.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};
use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::effects::Predict;
use super::links::Connections;
use super::payloads::Payloads;
use crate::actions::journal::Journal;
use crate::actions::run::Executor;
use crate::app::catalogue::Catalogue;
use crate::app::event::Event;
use crate::app::state::State;
use crate::feeds::{FeedHandle, Feeds, Incoming, Pace, Said};
use crate::model::clock::Clock;
use crate::model::id::{PaneId, SystemId, Ticket, ViewId};
use crate::model::transition::Source;
use crate::systems::{Cx, Settings};

/// As many answers may wait for the screen.
const ANSWERS: usize = 256;

/// What the driver is given to work with.
pub struct Setup {
    /// The runtime for everything that waits; never the screen's.
    pub runtime: Handle,
    /// What the systems offer.
    pub catalogue: Arc<Catalogue>,
    /// Each system's section of the config.
    pub settings: BTreeMap<SystemId, Settings>,
    /// What systems connect with.
    pub cx: Cx,
    /// The time.
    pub clock: Clock,
    /// Where actions are written down.
    pub journal: Journal,
    /// The view to begin with; the catalogue's own choice if empty.
    pub view: Option<ViewId>,
    /// The profile's name, for the journal.
    pub profile: String,
    /// Sends test predictions.
    pub predictor: Arc<dyn Predict>,
    /// Where payloads are saved.
    pub payloads: Payloads,
    /// Where exports are written.
    pub exports: PathBuf,
    /// How long failures are waited out; shorter in tests.
    pub pace: Pace,
}

/// What was opened and is ended with its ticket.
pub(super) enum Opened {
    /// Rows or lines.
    Feed(FeedHandle),
    /// A question under way.
    Task(AbortHandle),
}

impl Drop for Opened {
    fn drop(&mut self) {
        if let Self::Task(task) = self {
            task.abort();
        }
    }
}

/// How much is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// Feeds that load or ask.
    pub feeds: usize,
    /// Questions and connections under way.
    pub tasks: usize,
}

impl Settled {
    /// Whether nothing is.
    #[must_use]
    pub fn is_settled(self) -> bool {
        self.feeds == 0 && self.tasks == 0
    }
}

/// The outside, seen from the loop.
pub struct Outside {
    pub(super) setup: Setup,
    pub(super) feeds: Arc<Feeds>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) connections: Arc<Connections>,
    pub(super) opened: BTreeMap<Ticket, Opened>,
    pub(super) executor: Executor,
    pub(super) stop: Arc<AtomicBool>,
    pub(super) tasks: Arc<AtomicUsize>,
    pub(super) focus: Arc<Mutex<Vec<PaneId>>>,
}

impl Outside {
    /// The outside and what comes from it.
    pub(super) fn new(setup: Setup, _state: &State) -> (Self, Incoming, mpsc::Receiver<Event>) {
        let catalogue = Arc::clone(&setup.catalogue);
        let heads = Arc::new(move |pane| catalogue.pane(pane).map(|pane| (pane.heads)()).unwrap_or_default());
        let (feeds, incoming) = Feeds::new(setup.clock.clone(), setup.runtime.clone(), heads);
        let feeds = Arc::new(feeds.with_pace(setup.pace));
        let (events, receiver) = mpsc::channel(ANSWERS);
        let connections = Arc::new(Connections::default());
        let links: Arc<dyn crate::actions::run::Links> = Arc::<Connections>::clone(&connections);
        let executor = Executor::new(links, setup.journal.clone(), setup.clock.clone(), setup.profile.clone());
        let outside = Self {
            setup,
            feeds,
            events,
            connections,
            opened: BTreeMap::new(),
            executor,
            stop: Arc::default(),
            tasks: Arc::default(),
            focus: Arc::default(),
        };
        (outside, incoming, receiver)
    }

    /// The time.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.setup.clock.now()
    }

    /// What feeds brought.
    pub(super) fn take(&self) -> Vec<Event> {
        let batches = self.feeds.take_batches().into_iter().map(|(source, batch)| Event::Fed(source, batch));
        let fresh = self.feeds.take_freshness().into_iter().map(|(source, fresh)| Event::Fresh(source, fresh));
        batches.chain(fresh).collect()
    }

    pub(super) fn is_urgent(&self) -> bool {
        self.feeds.is_urgent()
    }

    pub(super) fn settled(&self) -> Settled {
        Settled { feeds: self.feeds.activity().count(), tasks: self.tasks.load(Ordering::SeqCst) }
    }

    /// Runs something beside the screen. It is counted before it starts, so that there is no moment in which nothing seems
    /// to be under way.
    pub(super) fn spawn<F>(&self, task: F) -> AbortHandle
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let counted = Counted::new(&self.tasks);
        let events = self.events.clone();
        self.setup
            .runtime
            .spawn(async move {
                let _counted = counted;
                // its answer would never come: say so, instead of waiting for it in silence
                if let Err(panic) = AssertUnwindSafe(task).catch_unwind().await {
                    let what = crate::feeds::panic_text(panic.as_ref());
                    let _ = events
                        .send(Event::Trouble(format!("an answer was lost, something stopped working: {what}")))
                        .await;
                }
            })
            .abort_handle()
    }

    /// Tells the feeds which panes are looked at.
    pub(super) fn set_focus(&self, panes: Vec<PaneId>) {
        self.connections.focus(&panes);
        *self.focus.lock().unwrap_or_else(PoisonError::into_inner) = panes;
    }
}

/// A task that is under way; over when it is dropped.
pub(super) struct Counted(Arc<AtomicUsize>);

impl Counted {
    pub(super) fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Lines of an opened log or text as events.
pub(super) fn lines(said: Said) -> Vec<Event> {
    let Source::Detail(ticket, _) = said.source else { return Vec::new() };
    let mut events = Vec::new();
    if !said.lines.is_empty() {
        events.push(Event::Lines(ticket, said.lines));
    }
    match said.end {
        Some(Ok(())) => events.push(Event::LinesEnded(ticket)),
        Some(Err(error)) => {
            events.push(Event::LinesFailed(ticket, error));
            events.push(Event::LinesEnded(ticket));
        }
        None => {}
    }
    events
}
