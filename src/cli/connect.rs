//! Without a screen: systems connected, and the rows of a pane read until they are whole, or followed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use super::session::Session;
use super::{Failure, out};
use crate::feeds::{FeedHandle, Feeds};
use crate::model::health::Error;
use crate::model::id::{PaneId, SystemId};
use crate::model::join::Panes;
use crate::model::record::Batch;
use crate::model::verb::Pane;
use crate::systems::{Link, System};

/// How long the rows wait for the cells of other systems.
const SOON: Duration = Duration::from_secs(8);

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
    match timeout(limit, linking(session, *found)).await {
        Ok(linked) => linked.map_err(Failure::from),
        Err(_elapsed) => {
            Err(Failure::from(Error::Timeout { what: found.title().to_owned(), seconds: limit.as_secs() }))
        }
    }
}

/// A link on its way.
type Linking = BoxFuture<'static, Result<Arc<dyn Link>, Error>>;

/// A system and the link to it.
type Linked = (&'static dyn System, Result<Arc<dyn Link>, Error>);

/// Begins to connect a system at once, on the runtime for the outside: credential plugins may block.
fn linking(session: &Session, system: &'static dyn System) -> Linking {
    let (settings, cx) = (session.settings(system.id()), session.cx().clone());
    let task = session.runtime().spawn(async move { system.connect(&settings, &cx).await });
    Box::pin(async move {
        task.await.unwrap_or_else(|stopped| {
            Err(Error::Protocol { what: format!("connecting {} stopped working: {stopped}", system.title()) })
        })
    })
}

/// How a pane stands that is read.
#[derive(Debug, Default)]
struct Standing {
    /// Asked for itself, not for the cells that it gives to others.
    own: bool,
    /// Its first list has come.
    complete: bool,
    /// Its feed has said all that it had to say once.
    seen: bool,
    /// What failed at last.
    error: Option<Error>,
}

impl Standing {
    fn is_whole(&self) -> bool {
        self.complete && self.seen
    }
}

/// Rows of panes, with the cells of other panes joined to them, as they come. Everything is asked at the same time,
/// supervised as on the screen.
pub(super) struct Reading {
    /// All that has come.
    pub(super) panes: Panes,
    /// What there is to say about the rows of a pane, such as that they are not all.
    notes: BTreeMap<PaneId, Arc<str>>,
    standing: BTreeMap<PaneId, Standing>,
    /// What is being connected.
    links: FuturesUnordered<BoxFuture<'static, Linked>>,
    /// The system of the rows.
    system: SystemId,
    feeds: Feeds,
    bell: Arc<Notify>,
    handles: Vec<FeedHandle>,
    limit: Duration,
}

impl Reading {
    /// Begins to read a pane: its system and, as far as they can be reached, those whose cells it shows.
    pub(super) fn begin(session: &Session, pane: Pane, limit: Duration) -> Self {
        let catalogue = session.catalogue();
        let joined: Vec<Pane> = (pane.joins)().iter().filter_map(|join| catalogue.pane(join.pane)).copied().collect();
        Self::of(session, (pane.system, &[pane], &joined), limit)
    }

    /// Begins to read a pane without the cells of others.
    pub(super) fn alone(session: &Session, pane: Pane, limit: Duration) -> Self {
        Self::of(session, (pane.system, &[pane], &[]), limit)
    }

    /// Begins to read all panes of a system that are lists of its objects.
    pub(super) fn of_system(session: &Session, system: &'static dyn System, limit: Duration) -> Self {
        let lists = system.panes().iter().filter(|pane| pane.is_list());
        Self::of(session, (system.id(), &lists.copied().collect::<Vec<_>>(), &[]), limit)
    }

    fn of(session: &Session, (system, own, joined): (SystemId, &[Pane], &[Pane]), limit: Duration) -> Self {
        let catalogue = session.catalogue();
        let heads = Arc::new({
            let catalogue = Arc::clone(&catalogue);
            move |id| catalogue.pane(id).map(|pane| (pane.heads)()).unwrap_or_default()
        });
        let (feeds, incoming) = Feeds::new(session.clock().clone(), session.runtime().clone(), heads);
        let mut standing: BTreeMap<PaneId, Standing> =
            joined.iter().map(|pane| (pane.id, Standing::default())).collect();
        standing.extend(own.iter().map(|pane| (pane.id, Standing { own: true, ..Standing::default() })));
        let asked =
            |known: &&&'static dyn System| known.id() == system || joined.iter().any(|pane| pane.system == known.id());
        let links = crate::systems::all().iter().filter(asked).map(|known| {
            let linking = linking(session, *known);
            let linked: BoxFuture<'static, _> = Box::pin(async move { (*known, linking.await) });
            linked
        });
        Self {
            panes: Panes::new(catalogue.panes().iter().filter(|known| known.standing)),
            notes: BTreeMap::new(),
            standing,
            links: links.collect(),
            system,
            feeds,
            bell: incoming.bell,
            handles: Vec::new(),
            limit,
        }
    }

    /// Waits until the rows are whole. An error of theirs is there at once, whoever else is still asked; other systems
    /// are given a few seconds for the cells that they add.
    pub(super) async fn first(&mut self) -> Result<(), Failure> {
        let end = Instant::now() + self.limit;
        let soon = Instant::now() + self.limit.min(SOON);
        let result = loop {
            self.take();
            let not_whole = self.own().find(|(_, standing)| !standing.is_whole());
            if let Some(error) = not_whole.and_then(|(_, standing)| standing.error.clone()) {
                break Err(Failure::from(error));
            }
            // a system without lists is whole when it is connected
            let whole = not_whole.is_none() && (self.own().next().is_some() || self.links.is_empty());
            if whole && self.standing.values().all(|standing| standing.is_whole() || standing.error.is_some()) {
                break Ok(());
            }
            tokio::select! {
                Some((system, linked)) = self.links.next() => self.linked(system, linked)?,
                () = self.bell.notified() => {}
                () = sleep_until(if whole { soon } else { end }) => {
                    break if whole { Ok(()) } else { Err(self.late()) };
                }
            }
        };
        out::progress_done();
        result.map(|()| self.say_what_is_missing())
    }

    /// Waits for what changes next in the pane. What may go away by itself is said, waited for and asked anew.
    pub(super) async fn next(&mut self, own: PaneId) -> Result<Batch, Failure> {
        loop {
            let before: Vec<(PaneId, Option<Error>)> =
                self.standing.iter().map(|(id, standing)| (*id, standing.error.clone())).collect();
            let batch = self.take().remove(&own).unwrap_or_default();
            for (id, old) in before {
                let Some(standing) = self.standing.get(&id) else { continue };
                match &standing.error {
                    Some(error) if standing.own && !error.is_transient() => return Err(Failure::from(error.clone())),
                    Some(error) if old.as_ref() != Some(error) => out::words(&format!("{id}: {error}")),
                    None if old.is_some() => out::words(&format!("{id}: answers again")),
                    _ => {}
                }
            }
            if !batch.rows.is_empty() || !batch.removed.is_empty() || batch.heads.is_some() {
                return Ok(batch);
            }
            tokio::select! {
                Some((system, linked)) = self.links.next() => self.linked(system, linked)?,
                () = self.bell.notified() => {}
            }
        }
    }

    /// What there is to say about the rows, such as that they are not all.
    pub(super) fn notes(&self) -> impl Iterator<Item = (PaneId, &str)> {
        // an empty one takes back what was said before
        self.notes.iter().filter(|(_, note)| !note.is_empty()).map(|(id, note)| (*id, &**note))
    }

    fn own(&self) -> impl Iterator<Item = (&PaneId, &Standing)> {
        self.standing.iter().filter(|(_, standing)| standing.own)
    }

    fn late(&self) -> Failure {
        let panes: Vec<&str> = self.own().filter(|(_, it)| !it.is_whole()).map(|(id, _)| id.0).collect();
        let system = crate::systems::all().iter().find(|known| known.id() == self.system);
        let what = format!("{} ({})", system.map_or("", |system| system.title()), panes.join(", "));
        Failure::from(Error::Timeout { what, seconds: self.limit.as_secs() })
    }

    /// Starts the feeds of a system that is connected now. One that can't be costs its cells, never the rows of others.
    fn linked(&mut self, system: &dyn System, linked: Result<Arc<dyn Link>, Error>) -> Result<(), Failure> {
        let wanted: Vec<PaneId> = system.panes().iter().map(|pane| pane.id).collect();
        match linked {
            Ok(link) => {
                for feed in link.feeds() {
                    if feed.panes().iter().any(|pane| self.standing.contains_key(pane)) {
                        self.handles.push(self.feeds.start(feed, true));
                    }
                }
                let fed: BTreeSet<PaneId> =
                    self.handles.iter().flat_map(FeedHandle::sources).map(|source| source.pane()).collect();
                let unfed = |id: &PaneId| wanted.contains(id) && !fed.contains(id);
                if let Some((id, _)) = self.own().find(|(id, _)| unfed(id)) {
                    return Err(Failure::usage(
                        format!("{id} has no rows without an object"),
                        "open it in the console",
                    ));
                }
                self.standing.retain(|id, _| !unfed(id));
            }
            Err(error) if system.id() == self.system => return Err(Failure::from(error)),
            Err(error) => {
                for (_, standing) in self.standing.iter_mut().filter(|(id, _)| wanted.contains(id)) {
                    standing.error = Some(error.clone());
                }
            }
        }
        Ok(())
    }

    /// Takes in what has come; what it means for each pane.
    fn take(&mut self) -> BTreeMap<PaneId, Batch> {
        // freshness first: what a feed has said to its end is then surely among the batches
        for (source, freshness) in self.feeds.take_freshness() {
            if let Some(standing) = self.standing.get_mut(&source.pane()) {
                standing.seen |= freshness.seen.is_some();
                standing.error = freshness.error;
            }
        }
        let mut all: BTreeMap<PaneId, Batch> = BTreeMap::new();
        for (source, batch) in self.feeds.take_batches() {
            let from = source.pane();
            if let Some(note) = &batch.note {
                self.notes.insert(from, Arc::clone(note));
            }
            if let Some(standing) = self.standing.get_mut(&from) {
                standing.complete |= batch.complete;
                if let (true, false, Some((done, _))) = (standing.own, standing.complete, batch.progress) {
                    out::progress(&format!("{done} so far"));
                }
            }
            for (id, changed) in self.panes.apply(from, &batch) {
                let sum = all.entry(id).or_default();
                // a row that changed twice stands there once, as it is now
                sum.rows.retain(|row| changed.rows.iter().all(|other| other.key != row.key));
                sum.rows.extend(changed.rows);
                sum.removed.extend(changed.removed);
                sum.heads = changed.heads.or_else(|| sum.heads.take());
            }
        }
        all
    }

    /// Says whose cells are missing, and that rows are not all. That something is not there at all is nobody's fault.
    fn say_what_is_missing(&self) {
        for (id, standing) in self.standing.iter().filter(|(_, standing)| !standing.own) {
            match &standing.error {
                Some(error) if error.is_absent() => {}
                Some(error) => out::words(&format!("without {id}: {error}")),
                None if standing.is_whole() => {}
                None => {
                    out::words(&format!("without {id}: no answer within {} s", self.limit.min(SOON).as_secs()));
                }
            }
        }
    }
}
