//! Follows one list: reads it, then watches it, and goes on where it was after whatever happens.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;

use super::access::Access;
use super::listing::{Listing, Opening, Part};
use super::object::Object;
use super::pool::Pool;
use super::watching::{Event, Watching};
use crate::model::health::Error;

/// After this long without a word the server is asked whether it is there.
const QUIET: Duration = Duration::from_secs(10);
/// API servers send a bookmark each minute; a watch that is silent for so many seconds has lost its connection.
const LOST_SECONDS: i64 = 100;

/// What happened to a list.
pub(super) enum Step<T> {
    /// It begins, for the first time or anew.
    Begun,
    /// Some of it; `unread` of them could not be read whole.
    Items { items: Vec<T>, unread: usize },
    /// All of it has come.
    Listed,
    /// Changes since.
    Changed(Vec<Event<T>>),
    /// Nothing new, but the server is there.
    Alive,
}

/// A list that is followed.
pub(super) struct Follow<T> {
    access: Access,
    path: String,
    pool: Arc<Mutex<Pool>>,
    /// The version up to which all is known.
    version: Option<String>,
    state: State<T>,
}

enum State<T> {
    Idle,
    /// In here, so that it goes on when `next` is dropped and called again.
    Opening(Opening<Self>),
    Listing(Box<Listing<T>>),
    Watching(Box<Watching>),
}

impl<T: Object> Follow<T> {
    pub(super) fn new(access: Access, path: String, pool: Arc<Mutex<Pool>>) -> Self {
        Self { access, path, pool, version: None, state: State::Idle }
    }

    /// Begins the connection anew, and goes on where it was.
    pub(super) fn reconnect(&mut self) {
        if let State::Watching(watching) = &self.state {
            self.version = Some(watching.version.clone());
        }
        self.state = State::Idle;
    }

    /// What happens next; cancel-safe. After an error it may be called again.
    pub(super) async fn next(&mut self) -> Result<Step<T>, Error> {
        loop {
            match &mut self.state {
                State::Idle => self.state = State::Opening(self.open()),
                State::Opening(opening) => {
                    let opened = opening.as_mut().await;
                    self.state = State::Idle;
                    match opened {
                        Ok(state) => {
                            let listing = matches!(state, State::Listing(_));
                            self.state = state;
                            return Ok(if listing { Step::Begun } else { Step::Alive });
                        }
                        // too old to go on from: all anew
                        Err(Error::Gone { .. }) if self.version.is_some() => self.version = None,
                        Err(error) => return Err(error),
                    }
                }
                State::Listing(listing) => {
                    let part = listing.next().await;
                    return self.listed(part);
                }
                State::Watching(_) => {
                    if let Some(step) = self.watched().await? {
                        return Ok(step);
                    }
                }
            }
        }
    }

    fn open(&self) -> Opening<State<T>> {
        let (access, path) = (self.access.clone(), self.path.clone());
        let Some(version) = self.version.clone() else {
            let pool = Arc::clone(&self.pool);
            return Box::pin(async move {
                let cluster = access.cluster().await?;
                Ok(State::Listing(Box::new(Listing::open(&cluster, &path, pool).await?)))
            });
        };
        Box::pin(async move {
            let cluster = access.cluster().await?;
            Ok(State::Watching(Box::new(Watching::open(&cluster, &path, version).await?)))
        })
    }

    fn listed(&mut self, part: Result<Part<T>, Error>) -> Result<Step<T>, Error> {
        match part {
            Ok(Part::Items { items, unread }) => Ok(Step::Items { items, unread }),
            Ok(Part::End { version }) => {
                self.version = Some(version);
                self.state = State::Idle;
                Ok(Step::Listed)
            }
            Err(error) => {
                self.state = State::Idle;
                Err(error)
            }
        }
    }

    /// What the watch says; nothing when it has to be opened anew.
    async fn watched(&mut self) -> Result<Option<Step<T>>, Error> {
        let State::Watching(watching) = &mut self.state else { return Ok(None) };
        let silent = self.access.clock().now() - watching.heard.max(watching.checked);
        let left = QUIET.saturating_sub(silent.to_std().unwrap_or_default());
        let Ok(said) = tokio::time::timeout(left, watching.next(&self.pool)).await else {
            return self.quiet().await;
        };
        let now = self.access.clock().now();
        match said {
            Ok(Some(events)) => {
                watching.heard = now;
                Ok(Some(Step::Changed(events)))
            }
            Ok(None) => {
                let at_once = watching.heard == watching.opened && now - watching.opened < TimeDelta::seconds(1);
                self.reconnect();
                if at_once {
                    return Err(Error::Protocol { what: "the API server ends the watch at once".into() });
                }
                Ok(None)
            }
            Err(Error::Gone { .. }) => {
                self.version = None;
                self.state = State::Idle;
                Ok(None)
            }
            Err(error) => {
                self.reconnect();
                Err(error)
            }
        }
    }

    /// The watch is silent: either nothing happens, or nobody is there.
    async fn quiet(&mut self) -> Result<Option<Step<T>>, Error> {
        let cluster = self.access.cluster().await?;
        cluster.pulse().await?;
        let now = self.access.clock().now();
        if let State::Watching(watching) = &mut self.state {
            watching.checked = now;
            if now - watching.heard > TimeDelta::seconds(LOST_SECONDS) {
                self.reconnect();
                return Ok(None);
            }
        }
        Ok(Some(Step::Alive))
    }
}
