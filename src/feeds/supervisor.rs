//! Keeps one feed running: limits of time, tries after failures, rest between polls, and what it all says of freshness.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::backoff::{Backoff, Pace};
use super::board::{Board, Busy};
use crate::model::health::Error;
use crate::model::id::PaneId;
use crate::model::transition::Source;
use crate::systems::{Cadence, Feed, Fetched};

/// How much slower a poll goes while nobody looks.
const UNFOCUSED: u32 = 4;

/// What the screen tells a feed.
#[derive(Debug)]
pub(super) struct Control {
    /// Whether somebody looks.
    pub(super) focus: bool,
    /// Counts the requests to ask now.
    pub(super) refresh: u64,
    /// Counts the request as under way until it is answered.
    pub(super) busy: Option<Busy>,
}

/// One feed and all that keeps it running.
pub(super) struct Supervisor {
    pub(super) feed: Box<dyn Feed>,
    pub(super) sources: Vec<(PaneId, Source)>,
    pub(super) board: Arc<Board>,
    pub(super) control: watch::Sender<Control>,
    pub(super) pace: Pace,
    /// Also the seed of the jitter.
    pub(super) owner: u64,
}

/// Takes the slots away when the feed ends, also when its task is aborted.
struct Closing {
    board: Arc<Board>,
    sources: Vec<(PaneId, Source)>,
    owner: u64,
}

impl Drop for Closing {
    fn drop(&mut self) {
        for (_, source) in &self.sources {
            self.board.close(*source, self.owner);
        }
    }
}

/// How asking ended.
enum Outcome {
    Fresh,
    /// A watch said nothing for too long.
    Silent(Duration),
    /// The operator wants it anew.
    Refresh,
    Failed(Error),
}

/// What is waited for before asking again.
pub(super) enum Rest {
    No,
    For(Duration),
    /// The server said so: not even the operator may ask before.
    Obey(Duration),
    Poll(Duration),
    UntilAsked,
}

impl Supervisor {
    /// Runs until it is aborted. `first` is over when the feed has brought all that there is, or has failed.
    pub(super) async fn run(mut self, first: Busy) {
        let _closing = Closing { board: Arc::clone(&self.board), sources: self.sources.clone(), owner: self.owner };
        let mut under_way = vec![first];
        let mut backoff = Backoff::new(self.pace, self.owner);
        let mut silences = 0;
        loop {
            under_way.extend(self.take_busy());
            if !matches!(self.feed.cadence(), Cadence::Watch { .. }) {
                under_way.push(self.board.activity.begin());
            }
            let asked = self.control.borrow().refresh;
            let outcome = self.ask(asked).await;
            silences = if matches!(outcome, Outcome::Silent(_)) { silences + 1 } else { 0 };
            let rest = match outcome {
                Outcome::Fresh => {
                    backoff.reset();
                    self.say_fresh();
                    match self.feed.cadence() {
                        Cadence::Poll { every, .. } => Rest::Poll(every),
                        Cadence::Watch { .. } => Rest::No,
                        Cadence::Once { .. } => Rest::UntilAsked,
                    }
                }
                Outcome::Refresh => {
                    self.reconnect();
                    continue;
                }
                // once may be a lost packet: connect anew; by its age it is not fresh already
                Outcome::Silent(_) if silences == 1 => {
                    self.reconnect();
                    Rest::No
                }
                Outcome::Silent(limit) => {
                    self.failed(&Error::Timeout { what: self.what(), seconds: limit.as_secs() }, &mut backoff)
                }
                Outcome::Failed(error) => self.failed(&error, &mut backoff),
            };
            under_way.clear();
            self.rest(rest, asked).await;
            // a feed that is always ready must leave room for others
            tokio::task::yield_now().await;
        }
    }

    /// Asks until the feed has said all that there is for now.
    async fn ask(&mut self, asked: u64) -> Outcome {
        loop {
            let (limit, watches) = match self.feed.cadence() {
                Cadence::Poll { timeout, .. } | Cadence::Once { timeout } => (timeout, false),
                Cadence::Watch { silence } => (silence, true),
            };
            let mut control = self.control.subscribe();
            // within a future of its own, so that a panic before the first wait is caught too
            let next = timeout(limit, AssertUnwindSafe(async { self.feed.next().await }).catch_unwind());
            let answer = tokio::select! {
                answer = next => answer,
                Ok(_) = control.wait_for(|control| control.refresh != asked), if watches => return Outcome::Refresh,
            };
            let fetched = match answer {
                Ok(Ok(Ok(fetched))) => fetched,
                Ok(Ok(Err(error))) => return Outcome::Failed(error),
                Ok(Err(panic)) => {
                    let what = format!("{} stopped working: {}", self.what(), panic_text(panic.as_ref()));
                    return Outcome::Failed(Error::Protocol { what });
                }
                Err(_) if watches => return Outcome::Silent(limit),
                Err(_) => return Outcome::Failed(Error::Timeout { what: self.what(), seconds: limit.as_secs() }),
            };
            let over = fetched.over;
            bring(&self.board, &self.sources, fetched).await;
            if over {
                return Outcome::Fresh;
            }
        }
    }

    /// Takes the mark of a request out of the control, without waking anybody.
    fn take_busy(&self) -> Option<Busy> {
        let mut busy = None;
        self.control.send_if_modified(|control| {
            busy = control.busy.take();
            false
        });
        busy
    }

    fn reconnect(&mut self) {
        if std::panic::catch_unwind(AssertUnwindSafe(|| self.feed.reconnect())).is_err() {
            tracing::error!(what = self.what(), "feed panicked while it was told to begin anew");
        }
    }

    fn failed(&mut self, error: &Error, backoff: &mut Backoff) -> Rest {
        self.reconnect();
        let mut wait = backoff.next();
        let mut obey = false;
        match error {
            _ if error.is_absent() => wait = self.pace.absent,
            Error::RateLimited { until: Some(until), .. } => {
                wait = wait.max((*until - self.board.clock.now()).to_std().unwrap_or_default());
                obey = true;
            }
            _ => {}
        }
        let waits_for_operator = matches!(self.feed.cadence(), Cadence::Once { .. }) && !error.is_transient();
        let next = self.board.clock.now() + TimeDelta::from_std(wait).unwrap_or(TimeDelta::zero());
        tracing::debug!(what = self.what(), %error, ?wait, "feed failed");
        for (_, source) in &self.sources {
            self.board.refresh(*source, |freshness| {
                freshness.error = Some(error.clone());
                freshness.next = (!waits_for_operator).then_some(next);
                freshness.patience = self.patience();
            });
        }
        match (waits_for_operator, obey) {
            (true, _) => Rest::UntilAsked,
            (false, true) => Rest::Obey(wait),
            (false, false) => Rest::For(wait),
        }
    }

    fn say_fresh(&self) {
        let now = self.board.clock.now();
        for (_, source) in &self.sources {
            self.board.refresh(*source, |freshness| {
                freshness.seen = Some(now);
                freshness.error = None;
                freshness.next = None;
                freshness.patience = self.patience();
            });
        }
    }

    /// For how long it may be silent before it counts as stale, in seconds.
    fn patience(&self) -> u32 {
        let length = match self.feed.cadence() {
            Cadence::Poll { every, timeout } => every.saturating_mul(2 * self.slowness()).saturating_add(timeout),
            Cadence::Watch { silence } => silence,
            Cadence::Once { .. } => return u32::MAX,
        };
        u32::try_from(length.as_secs().max(1)).unwrap_or(u32::MAX)
    }

    /// How long a rest is; `None` if only the operator ends it.
    pub(super) fn length(&self, rest: &Rest) -> Option<Duration> {
        match rest {
            Rest::No => Some(Duration::ZERO),
            Rest::For(length) | Rest::Obey(length) => Some(*length),
            Rest::Poll(every) => Some(every.saturating_mul(self.slowness())),
            Rest::UntilAsked => None,
        }
    }

    fn slowness(&self) -> u32 {
        if self.control.borrow().focus { 1 } else { UNFOCUSED }
    }

    /// Waits; a request of the operator ends it, and a poll comes earlier when somebody begins to look.
    async fn rest(&mut self, rest: Rest, asked: u64) {
        let begin = Instant::now();
        let mut control = self.control.subscribe();
        loop {
            if matches!(rest, Rest::Obey(_)) {
                drop(self.take_busy());
            } else if control.borrow_and_update().refresh != asked {
                return;
            }
            if matches!(rest, Rest::No) {
                return;
            }
            let length = self.length(&rest);
            let over = async {
                match length {
                    Some(length) => sleep_until(begin + length).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = over => return,
                _ = control.changed() => {
                    let patience = self.patience();
                    for (_, source) in &self.sources {
                        self.board.refresh(*source, |freshness| freshness.patience = patience);
                    }
                }
            }
        }
    }

    fn what(&self) -> String {
        let names: Vec<&str> = self.sources.iter().map(|(pane, _)| pane.0).collect();
        names.join(", ")
    }
}

/// Passes on what came.
async fn bring(board: &Board, sources: &[(PaneId, Source)], fetched: Fetched) {
    let to =
        |pane: PaneId| sources.iter().find(|(of, _)| *of == pane).map_or(Source::Pane(pane), |(_, source)| *source);
    board.bring(to, fetched.changes).await;
}

/// What a panic said.
#[must_use]
pub fn panic_text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("for no stated reason")
}
