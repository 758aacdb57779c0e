//! Without a screen: one system connected, its feed read until its first whole list.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{join_all, try_join, try_join_all};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout_at};

use super::session::Session;
use super::{Failure, out};
use crate::model::health::Error;
use crate::model::id::{PaneId, SystemId};
use crate::model::join::Panes;
use crate::model::record::{Batch, Change};
use crate::model::verb::Pane;
use crate::systems::{Feed, Link};

/// The pane with this name, or what there is.
pub(super) fn pane(session: &Session, name: &str) -> Result<Pane, Failure> {
    let catalogue = session.catalogue();
    let wanted = |pane: &&Pane| pane.standing && (pane.id.0 == name || pane.noun == name);
    catalogue.panes().iter().find(wanted).copied().ok_or_else(|| {
        let known: Vec<&str> = catalogue.panes().iter().filter(|pane| pane.standing).map(|pane| pane.id.0).collect();
        Failure::usage(format!("no pane `{name}`"), format!("there are: {}", known.join(", ")))
    })
}

/// Connects one system.
pub(super) async fn link(session: &Session, system: SystemId, limit: Duration) -> Result<Arc<dyn Link>, Failure> {
    let Some(found) = crate::systems::all().iter().find(|known| known.id() == system) else {
        return Err(Failure::from(Error::Absent { what: system.to_string() }));
    };
    let (settings, cx) = (session.settings(system), session.cx().clone());
    // on the runtime for the outside: credential plugins may block
    let task = session.runtime().spawn(async move { found.connect(&settings, &cx).await });
    match tokio::time::timeout(limit, task).await {
        Ok(Ok(linked)) => linked.map_err(Failure::from),
        Ok(Err(stopped)) => Err(Failure::usage(format!("connecting stopped working: {stopped}"), "")),
        Err(_elapsed) => {
            Err(Failure::from(Error::Timeout { what: found.title().to_owned(), seconds: limit.as_secs() }))
        }
    }
}

/// Rows of a pane, with the cells of other panes joined to them, as they come.
pub(super) struct Reading {
    pane: Pane,
    /// All that has come.
    pub(super) panes: Panes,
    feeds: Vec<Box<dyn Feed>>,
    limit: Duration,
}

impl Reading {
    /// Connects what the pane needs: its system and, as far as they can be reached, those whose cells it shows; all at
    /// the same time.
    pub(super) async fn begin(session: &Session, pane: Pane, limit: Duration) -> Result<Self, Failure> {
        let catalogue = session.catalogue();
        let joined: Vec<Pane> = (pane.joins)().iter().filter_map(|join| catalogue.pane(join.pane)).copied().collect();
        let mut systems: Vec<SystemId> = joined.iter().map(|other| other.system).collect();
        systems.sort_unstable();
        systems.dedup();
        systems.retain(|system| *system != pane.system);
        let soon = limit.min(Duration::from_secs(5));
        let others = join_all(systems.into_iter().map(|system| link(session, system, soon)));
        let (own, others) = try_join(link(session, pane.system, limit), others.map(Ok)).await?;
        let mut reading = Self::over(session, pane, limit, own.as_ref())?;
        // a system that can't be reached costs its columns, never the rows
        for other in others.into_iter().flatten() {
            for feed in other.feeds() {
                if feed.panes().iter().any(|id| joined.iter().any(|pane| pane.id == *id)) {
                    reading.feeds.push(feed);
                }
            }
        }
        Ok(reading)
    }

    /// Connects the pane's own system only: its rows come without the cells of others.
    pub(super) async fn alone(session: &Session, pane: Pane, limit: Duration) -> Result<Self, Failure> {
        let own = link(session, pane.system, limit).await?;
        Self::over(session, pane, limit, own.as_ref())
    }

    fn over(session: &Session, pane: Pane, limit: Duration, own: &dyn Link) -> Result<Self, Failure> {
        let feeds: Vec<Box<dyn Feed>> =
            own.feeds().into_iter().filter(|feed| feed.panes().contains(&pane.id)).collect();
        if feeds.is_empty() {
            return Err(Failure::usage(format!("{} has no rows without an object", pane.id), "open it in the console"));
        }
        let panes = Panes::new(session.catalogue().panes().iter().filter(|known| known.standing));
        Ok(Self { pane, panes, feeds, limit })
    }

    /// Reads all feeds at the same time, each until its first whole list; those of other panes are given a few seconds.
    /// An error of this pane is there at once, whoever else is still asked.
    pub(super) async fn first(&mut self) -> Result<(), Failure> {
        let own = self.pane.id;
        let end = Instant::now() + self.limit;
        let soon = Instant::now() + self.limit.min(Duration::from_secs(8));
        let (mine, others): (Vec<_>, Vec<_>) = self.feeds.iter_mut().partition(|feed| feed.panes().contains(&own));
        let late = || Error::Timeout { what: self.pane.title.to_owned(), seconds: self.limit.as_secs() };
        let mine = try_join_all(mine.into_iter().map(|feed| async {
            let read = read_whole(feed.as_mut(), end, Some(own)).await;
            read.result.unwrap_or_else(|_elapsed| Err(late())).map(|()| read.changes)
        }));
        let others = join_all(others.into_iter().map(|feed| async {
            let name = feed.panes().first().map_or("", |pane| pane.0);
            (name, read_whole(feed.as_mut(), soon, None).await)
        }));
        let read = try_join(mine, others.map(Ok)).await;
        out::progress_done();
        let (mine, others) = read.map_err(Failure::from)?;
        for (name, read) in &others {
            if let Ok(Err(error)) = &read.result {
                out::words(&format!("without {name}: {error}"));
            }
        }
        let changes = mine.into_iter().chain(others.into_iter().map(|(_, read)| read.changes)).flatten();
        for (pane, change) in changes {
            self.panes.apply(pane, &one(change));
        }
        Ok(())
    }

    /// Waits for what changes next in the pane itself.
    pub(super) async fn next(&mut self) -> Result<Batch, Failure> {
        use crate::systems::Cadence;
        let own = self.pane.id;
        let Some(feed) = self.feeds.first_mut() else { return Ok(Batch::default()) };
        if let Cadence::Poll { every, .. } = feed.cadence() {
            tokio::time::sleep_until(Instant::now() + every).await;
        }
        let fetched = feed.next().await.map_err(Failure::from)?;
        let mut batch = Batch::default();
        for (pane, change) in fetched.changes {
            for (id, changed) in self.panes.apply(pane, &one(change)) {
                if id == own {
                    batch.rows.extend(changed.rows);
                    batch.removed.extend(changed.removed);
                }
            }
        }
        Ok(batch)
    }
}

/// What a feed brought until its list was whole, or until then.
struct Read {
    changes: Vec<(PaneId, Change)>,
    result: Result<Result<(), Error>, Elapsed>,
}

/// Reads a feed until its list is whole; shows the progress of `shown`.
async fn read_whole(feed: &mut dyn Feed, end: Instant, shown: Option<PaneId>) -> Read {
    let mut changes = Vec::new();
    let result = timeout_at(end, until_complete(feed, &mut changes, shown)).await;
    Read { changes, result }
}

async fn until_complete(
    feed: &mut dyn Feed,
    changes: &mut Vec<(PaneId, Change)>,
    shown: Option<PaneId>,
) -> Result<(), Error> {
    let mut complete = false;
    loop {
        let fetched = feed.next().await?;
        for (pane, change) in &fetched.changes {
            complete |= matches!(change, Change::Complete);
            if let (true, Change::More { done, .. }) = (shown == Some(*pane), change) {
                out::progress(&format!("{done} so far"));
            }
        }
        changes.extend(fetched.changes);
        if fetched.over && complete {
            return Ok(());
        }
    }
}

/// One change as a batch.
fn one(change: Change) -> Batch {
    match change {
        Change::Upsert(row) => Batch { rows: vec![row], ..Batch::default() },
        Change::Remove(key) => Batch { removed: vec![key], ..Batch::default() },
        Change::Complete => Batch { complete: true, ..Batch::default() },
        Change::Heads(heads) => Batch { heads: Some(heads), ..Batch::default() },
        Change::Note(note) => Batch { note: Some(note), ..Batch::default() },
        Change::Begin | Change::More { .. } | Change::Beat => Batch::default(),
    }
}
