//! Keeps feeds running and carries what they bring to the screen.
//!
//! Belongs here: the supervisor of a feed (limits of time, tries, rest), the slots where changes wait merged by key, and
//! streams of lines. Does not belong here: what a row means, and what is done about an error.
//!
//! The screen waits for [`Incoming::bell`], then takes what is there: batches at most ten times a second (at once if
//! [`Feeds::is_urgent`]), freshness whenever it likes. Transitions and lines come one by one through bounded channels
//! that have to be emptied; a receiver that is dropped is no harm.

mod backoff;
mod board;
mod slot;
mod stream;
mod supervisor;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::Handle;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::AbortHandle;

pub use self::backoff::Pace;
pub use self::board::Activity;
pub use self::slot::Slot;
pub use self::stream::Said;
pub use self::supervisor::panic_text;

use self::board::Board;
use self::stream::Stream;
use self::supervisor::{Control, Supervisor};
use crate::model::clock::Clock;
use crate::model::health::Freshness;
use crate::model::id::{PaneId, Ticket};
use crate::model::record::{Batch, Head};
use crate::model::transition::{Source, Transition};
use crate::systems::{Feed, Opened};

/// How many transitions may wait before the feeds do.
const TRANSITIONS: usize = 1024;
/// How many portions of lines may wait before their streams do.
const PORTIONS: usize = 64;

/// Tells the heads of a pane: which of its columns is the state.
pub type HeadsOf = Arc<dyn Fn(PaneId) -> Arc<[Head]> + Send + Sync>;

/// Starts feeds and gives out what they brought.
pub struct Feeds {
    board: Arc<Board>,
    runtime: Handle,
    heads: HeadsOf,
    lines: mpsc::Sender<Said>,
    pace: Pace,
    owners: AtomicU64,
}

/// The receiving ends, for the one who has the screen.
#[derive(Debug)]
pub struct Incoming {
    /// Rings when batches or freshness can be taken.
    pub bell: Arc<Notify>,
    /// Changes of state, in order, none left out.
    pub transitions: mpsc::Receiver<Transition>,
    /// Lines of what was opened.
    pub lines: mpsc::Receiver<Said>,
}

/// A feed or a stream that runs; it ends when this is dropped.
#[derive(Debug)]
pub struct FeedHandle {
    sources: Vec<Source>,
    control: Option<(watch::Sender<Control>, Activity)>,
    task: AbortHandle,
}

impl Feeds {
    /// Feeds that run on `runtime` (not the screen's: a feed that blocks would stop its timers).
    #[must_use]
    pub fn new(clock: Clock, runtime: Handle, heads: HeadsOf) -> (Self, Incoming) {
        let (sender, transitions) = mpsc::channel(TRANSITIONS);
        let (lines_sender, lines) = mpsc::channel(PORTIONS);
        let board = Arc::new(Board::new(clock, sender));
        let bell = Arc::clone(&board.bell);
        let pace = Pace::default();
        let feeds = Self { board, runtime, heads, lines: lines_sender, pace, owners: AtomicU64::new(1) };
        (feeds, Incoming { bell, transitions, lines })
    }

    /// The same with other waits after failures.
    #[must_use]
    pub fn with_pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// Starts a standing feed.
    #[must_use = "the feed ends when its handle is dropped"]
    pub fn start(&self, feed: Box<dyn Feed>, focus: bool) -> FeedHandle {
        self.supervise(feed, focus, Source::Pane)
    }

    /// Starts what was opened; it belongs to `ticket`. `pane` names what lines belong to.
    #[must_use = "it ends when its handle is dropped"]
    pub fn open(&self, ticket: Ticket, pane: PaneId, opened: Opened) -> FeedHandle {
        match opened {
            Opened::Rows(feed) => self.supervise(feed, true, |pane| Source::Detail(ticket, pane)),
            Opened::Lines(lines) => {
                let source = Source::Detail(ticket, pane);
                let seed = self.owner();
                let (to, board) = (self.lines.clone(), Arc::clone(&self.board));
                let stream = Stream { lines, source, to, board, pace: self.pace, seed };
                // counted before it is spawned, or there would be a moment in which nothing seems to be under way
                let first = self.board.activity.begin();
                let task = self.runtime.spawn(stream.run(first)).abort_handle();
                FeedHandle { sources: vec![source], control: None, task }
            }
        }
    }

    fn supervise(&self, feed: Box<dyn Feed>, focus: bool, to: impl Fn(PaneId) -> Source) -> FeedHandle {
        let owner = self.owner();
        let sources: Vec<(PaneId, Source)> = feed.panes().into_iter().map(|pane| (pane, to(pane))).collect();
        for (pane, source) in &sources {
            self.board.open(*source, owner, &(self.heads)(*pane));
        }
        let control = watch::Sender::new(Control { focus, refresh: 0, busy: None });
        let first = self.board.activity.begin();
        let handle_sources = sources.iter().map(|(_, source)| *source).collect();
        let board = Arc::clone(&self.board);
        let supervisor = Supervisor { feed, sources, board, control: control.clone(), pace: self.pace, owner };
        let task = self.runtime.spawn(supervisor.run(first)).abort_handle();
        FeedHandle { sources: handle_sources, control: Some((control, self.board.activity.clone())), task }
    }

    fn owner(&self) -> u64 {
        self.owners.fetch_add(1, Ordering::Relaxed)
    }

    /// What changed since the last time, merged by key.
    #[must_use]
    pub fn take_batches(&self) -> Vec<(Source, Batch)> {
        self.board.take_batches()
    }

    /// What became more or less fresh since the last time.
    #[must_use]
    pub fn take_freshness(&self) -> Vec<(Source, Freshness)> {
        self.board.take_freshness()
    }

    /// Whether first rows or a whole first list wait: they should not wait their turn.
    #[must_use]
    pub fn is_urgent(&self) -> bool {
        self.board.is_urgent()
    }

    /// How much is under way.
    #[must_use]
    pub fn activity(&self) -> &Activity {
        &self.board.activity
    }
}

impl FeedHandle {
    /// What it feeds.
    #[must_use]
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Asks now, whatever it was waiting for; after a question that is under way, there is never a second beside it.
    /// A limit of the rate that the server set is kept all the same.
    pub fn refresh(&self) {
        if let Some((control, activity)) = &self.control {
            let busy = activity.begin();
            control.send_modify(|control| {
                control.refresh += 1;
                control.busy = Some(busy);
            });
        }
    }

    /// Tells whether somebody looks at it.
    pub fn focus(&self, focus: bool) {
        if let Some((control, _)) = &self.control {
            control.send_if_modified(|control| std::mem::replace(&mut control.focus, focus) != focus);
        }
    }
}

impl Drop for FeedHandle {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests;
