//! The rows of the pane `models`: alias maps first, then all versions page by page, then the runs that are new, in bulk.
//! Never a request for each row.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::api::Api;
use super::identity::MODELS;
use super::known::Known;
use crate::model::health::Error;
use crate::model::id::PaneId;
use crate::model::record::Change;
use crate::systems::{Cadence, Feed, Fetched};

/// Above this many versions not every poll lists all: three of four look only at those changed last.
const MANY: usize = 1000;
/// Every how many polls all are listed, if there are many.
const FULL_EVERY: u32 = 4;
/// No more pages than this are followed, whatever the server says.
const PAGES: usize = 500;

/// Where a poll stands.
enum Phase {
    Models { pages: Pages },
    Versions { pages: Pages },
    Origins,
}

/// How far a list has been followed.
#[derive(Default)]
struct Pages {
    token: Option<String>,
    seen: HashSet<String>,
}

impl Pages {
    /// Goes on to the page `next`; false if there is none. A page that was there before ends the list as incomplete.
    fn go_on(&mut self, next: Option<String>, incomplete: &mut bool) -> bool {
        let Some(next) = next else { return false };
        if self.seen.len() >= PAGES || !self.seen.insert(next.clone()) {
            *incomplete = true;
            return false;
        }
        self.token = Some(next);
        true
    }
}

/// Feeds the pane `models`.
pub(super) struct ModelsFeed {
    api: Api,
    known: Known,
    phase: Phase,
    polls: u32,
    /// Whether this poll lists all versions.
    full: bool,
    /// Whether a list of this poll ended before its end.
    incomplete: bool,
    notes: Vec<String>,
}

impl ModelsFeed {
    pub(super) fn new(api: Api) -> Self {
        Self {
            api,
            known: Known::default(),
            phase: Phase::Models { pages: Pages::default() },
            polls: 0,
            full: true,
            incomplete: false,
            notes: Vec::new(),
        }
    }

    async fn step(&mut self) -> Result<Fetched, Error> {
        match self.phase {
            Phase::Models { .. } => self.models().await,
            Phase::Versions { .. } => self.versions().await,
            Phase::Origins => self.origins().await,
        }
    }

    async fn models(&mut self) -> Result<Fetched, Error> {
        let Phase::Models { pages } = &mut self.phase else { return Ok(Fetched::default()) };
        let first = pages.token.is_none();
        let more = match self.api.models(pages.token.as_deref()).await {
            Ok(page) => {
                if page.unread > 0 {
                    self.notes.push(format!("{} models could not be read", page.unread));
                }
                self.known.take_models(page.items, first);
                pages.go_on(page.next, &mut self.incomplete)
            }
            // the versions can still be shown, with aliases that say that they are not loaded
            Err(error @ (Error::Refused { .. } | Error::Forbidden { .. } | Error::Conflict { .. })) => {
                self.notes.push(format!("aliases not loaded: {error}"));
                self.known.forget_models();
                false
            }
            Err(error) => return Err(error),
        };
        let mut changes = Vec::new();
        if first {
            self.full = self.known.versions() <= MANY || self.polls.is_multiple_of(FULL_EVERY);
            if self.full {
                changes.push((MODELS, Change::Begin));
            }
        }
        if !more {
            self.known.models_are_over();
            self.phase = Phase::Versions { pages: Pages::default() };
        }
        Ok(Fetched { changes, over: false })
    }

    async fn versions(&mut self) -> Result<Fetched, Error> {
        let Phase::Versions { pages } = &mut self.phase else { return Ok(Fetched::default()) };
        let page = self.api.versions(pages.token.as_deref()).await?;
        if page.unread > 0 {
            self.notes.push(format!("{} versions could not be read", page.unread));
        }
        let keys = self.known.take_versions(page.items);
        let more = pages.go_on(page.next, &mut self.incomplete) && self.full;
        let mut changes: Vec<(PaneId, Change)> = Vec::new();
        if self.full {
            changes.extend(self.known.rows(&keys).map(upsert));
            changes.push((MODELS, Change::More { done: self.known.seen(), of: None }));
        }
        if !more {
            if self.full {
                let gone = self.known.versions_are_over(!self.incomplete);
                changes.extend(gone.into_iter().map(upsert));
                changes.push((MODELS, Change::Complete));
            } else {
                changes.extend(self.known.changed_rows().into_iter().map(upsert));
                changes.push((MODELS, Change::Beat));
            }
            self.known.list_origins();
            self.phase = Phase::Origins;
        }
        Ok(Fetched { changes, over: false })
    }

    async fn origins(&mut self) -> Result<Fetched, Error> {
        let more = match self.known.next_origins(&self.api).await {
            Ok(more) => more,
            // the versions are there; what is missing is said, and asked for again at the next poll
            Err(error @ (Error::Refused { .. } | Error::Forbidden { .. } | Error::Gone { .. })) => {
                self.notes.push(format!("runs not loaded: {error}"));
                false
            }
            Err(error) => return Err(error),
        };
        let mut changes = Vec::new();
        if !more && let Some(heads) = self.known.new_heads() {
            changes.push((MODELS, Change::Heads(heads)));
        }
        changes.extend(self.known.changed_rows().into_iter().map(upsert));
        if !more {
            if self.incomplete {
                self.notes.push("the list is incomplete: the server repeats a page".into());
            }
            changes.push((MODELS, Change::Note(self.notes.join("; ").into())));
            self.begin_anew();
        }
        Ok(Fetched { changes, over: !more })
    }

    fn begin_anew(&mut self) {
        self.polls = self.polls.wrapping_add(1);
        self.incomplete = false;
        self.notes.clear();
        self.phase = Phase::Models { pages: Pages::default() };
    }
}

fn upsert(row: std::sync::Arc<crate::model::record::Row>) -> (PaneId, Change) {
    (MODELS, Change::Upsert(row))
}

impl Feed for ModelsFeed {
    fn panes(&self) -> Vec<PaneId> {
        vec![MODELS]
    }

    fn cadence(&self) -> Cadence {
        Cadence::Poll { every: Duration::from_secs(15), timeout: Duration::from_secs(45) }
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Fetched, Error>> {
        Box::pin(self.step())
    }

    fn reconnect(&mut self) {
        self.polls = 0;
        self.begin_anew();
        self.polls = 0;
    }
}
