//! Without a screen: one system connected, its feed read until its first whole list.

use std::sync::Arc;
use std::time::Duration;

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
    /// Connects what the pane needs: its system and, as far as they can be reached, those whose cells it shows.
    pub(super) async fn begin(session: &Session, pane: Pane, limit: Duration) -> Result<Self, Failure> {
        let catalogue = session.catalogue();
        let own = link(session, pane.system, limit).await?;
        let mut feeds: Vec<Box<dyn Feed>> =
            own.feeds().into_iter().filter(|feed| feed.panes().contains(&pane.id)).collect();
        for join in (pane.joins)() {
            let Some(other) = catalogue.pane(join.pane).filter(|other| other.system != pane.system) else { continue };
            if feeds.iter().any(|feed| feed.panes().contains(&other.id)) {
                continue;
            }
            // a system that can't be reached costs its columns, never the rows
            if let Ok(link) = link(session, other.system, limit.min(Duration::from_secs(5))).await {
                feeds.extend(link.feeds().into_iter().filter(|feed| feed.panes().contains(&other.id)));
            }
        }
        if feeds.is_empty() {
            return Err(Failure::usage(format!("{} has no rows without an object", pane.id), "open it in the console"));
        }
        let panes = Panes::new(catalogue.panes().iter().filter(|known| known.standing));
        Ok(Self { pane, panes, feeds, limit })
    }

    /// Reads each feed until its first whole list, this pane's first. The others are given a few seconds.
    pub(super) async fn first(&mut self) -> Result<(), Failure> {
        let end = Instant::now() + self.limit;
        let soon = Instant::now() + self.limit.min(Duration::from_secs(8));
        let own = self.pane.id;
        for feed in &mut self.feeds {
            let mine = feed.panes().contains(&own);
            let read =
                timeout_at(if mine { end } else { soon }, until_complete(feed.as_mut(), &mut self.panes, own)).await;
            out::progress_done();
            match read {
                Ok(Ok(())) => {}
                Ok(Err(error)) if mine => return Err(Failure::from(error)),
                Err(_elapsed) if mine => {
                    return Err(Failure::from(Error::Timeout {
                        what: self.pane.title.to_owned(),
                        seconds: self.limit.as_secs(),
                    }));
                }
                Ok(Err(error)) => {
                    out::words(&format!("without {}: {error}", feed.panes().first().map_or("", |pane| pane.0)));
                }
                Err(_elapsed) => {}
            }
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

/// Reads a feed until its list is whole.
async fn until_complete(feed: &mut dyn Feed, panes: &mut Panes, own: PaneId) -> Result<(), Error> {
    let mut complete = false;
    loop {
        let fetched = feed.next().await?;
        let over = fetched.over;
        for (pane, change) in fetched.changes {
            complete |= matches!(change, Change::Complete);
            if let (true, Change::More { done, .. }) = (pane == own, &change) {
                out::progress(&format!("{done} so far"));
            }
            panes.apply(pane, &one(change));
        }
        if over && complete {
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
