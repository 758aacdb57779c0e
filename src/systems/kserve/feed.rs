//! Feeds: the pane of endpoints, from watches of all that its rows depend on, and the panes of an opened endpoint.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::{BoxFuture, select_all};
use serde::de::DeserializeOwned;

use crate::model::clock::Clock;
use crate::model::health::Error;
use crate::model::id::{Key, PaneId};
use crate::model::record::{Change, Column, Record};
use crate::systems::kube::{Access, Meta, Object, Objects, Pool, Resource, Told};
use crate::systems::{Cadence, Feed, Fetched};

use super::board::{BELONGS, Board, Name, Reach, Seen, What};
use super::rows::{ENDPOINTS, Kind};
use super::wire::{Graph, HttpRoute, InferenceService, Llm, Metadata, Pod};
use super::{CONDITIONS, FACTS, PODS, REVISIONS, detail, fresh};

/// A word is expected at least this often.
const SILENCE: Duration = Duration::from_secs(90);

/// An object that the board keeps.
trait Kept: DeserializeOwned + Send + Sync + 'static {
    fn metadata(&self) -> &Metadata;
    fn bare(metadata: Metadata) -> Self;
    fn seen(self) -> Seen;
}

macro_rules! kept {
    ($type:ident, $seen:ident) => {
        impl Kept for $type {
            fn metadata(&self) -> &Metadata {
                &self.metadata
            }

            fn bare(metadata: Metadata) -> Self {
                Self { metadata, ..Self::default() }
            }

            fn seen(self) -> Seen {
                Seen::$seen(Box::new(self))
            }
        }
    };
}

kept!(InferenceService, Service);
kept!(Graph, Graph);
kept!(Llm, Llm);
kept!(HttpRoute, Route);
kept!(Pod, Pod);

/// An object on its way from the cluster to the board.
struct Held<T>(T);

impl<T: Kept> Record for Held<T> {
    fn columns() -> &'static [Column<Self>] {
        &[]
    }

    fn key(&self) -> Key {
        Key::namespaced(&self.0.metadata().namespace, &self.0.metadata().name)
    }
}

impl<T: Kept> Object for Held<T> {
    fn read(json: &[u8], _pool: &mut Pool) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json).map(Self)
    }

    fn unread(meta: &Meta, _why: &str) -> Self {
        let metadata = Metadata {
            name: meta.name.as_str().into(),
            namespace: meta.namespace.as_str().into(),
            uid: meta.uid.as_str().into(),
            ..Metadata::default()
        };
        Self(T::bare(metadata))
    }
}

/// What a source tells, whatever its type.
enum Heard {
    Begin,
    Seen(Seen),
    Gone(Key),
    Complete,
    Beat,
    Note(String),
}

/// Follows the objects of one kind.
trait Stream: Send {
    fn next(&mut self) -> BoxFuture<'_, Result<(Vec<Heard>, bool), Error>>;
    fn reconnect(&mut self);
}

impl<T: Kept> Stream for Objects<Held<T>> {
    fn next(&mut self) -> BoxFuture<'_, Result<(Vec<Heard>, bool), Error>> {
        Box::pin(async move {
            let (told, over) = Self::next(self).await?;
            let heard = told.into_iter().filter_map(|told| {
                Some(match told {
                    Told::Begin => Heard::Begin,
                    Told::Seen(object) => Heard::Seen(object.0.seen()),
                    Told::Gone(key) => Heard::Gone(key),
                    Told::More(_) => return None,
                    Told::Complete => Heard::Complete,
                    Told::Beat => Heard::Beat,
                    Told::Note(note) => Heard::Note(note),
                })
            });
            Ok((heard.collect(), over))
        })
    }

    fn reconnect(&mut self) {
        Self::reconnect(self);
    }
}

/// How a source stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Standing {
    /// Its first list is not over.
    Arriving,
    /// Listed, and followed.
    Followed,
    /// The cluster has no such kind, or it is not permitted.
    Out(Error),
}

struct Source {
    what: What,
    stream: Box<dyn Stream>,
    /// Where to ask if the cluster does not know the first place: an older version of the kind.
    older: Option<Box<dyn Stream>>,
    standing: Standing,
    note: String,
}

impl Source {
    fn new(what: What, stream: Box<dyn Stream>) -> Self {
        Self { what, stream, older: None, standing: Standing::Arriving, note: String::new() }
    }

    /// Whether it brings rows of its own and not only what rows depend on.
    fn has_rows(&self) -> bool {
        matches!(self.what, What::Service | What::Graph | What::Llm)
    }
}

/// Follows the sources of a board.
struct Follower {
    board: Board,
    sources: Vec<Source>,
}

/// What came of one step.
#[derive(Default)]
struct Came {
    touched: BTreeSet<Key>,
    over: bool,
    note_changed: bool,
}

impl Follower {
    fn new(sources: Vec<Source>) -> Self {
        Self { board: Board::default(), sources }
    }

    /// What happens next; cancel-safe.
    async fn next(&mut self) -> Result<Came, Error> {
        loop {
            let waiting: Vec<_> = self
                .sources
                .iter_mut()
                .enumerate()
                .filter(|(_, source)| !matches!(source.standing, Standing::Out(_)))
                .map(|(at, source)| Box::pin(async move { (at, source.stream.next().await) }))
                .collect();
            if waiting.is_empty() {
                drop(waiting);
                return Err(self.nothing());
            }
            let ((at, heard), _, others) = select_all(waiting).await;
            drop(others);
            match heard {
                Ok((heard, over)) => return Ok(Came { over, ..self.take(at, heard) }),
                Err(error @ (Error::Absent { .. } | Error::Forbidden { .. })) => {
                    let came = self.out(at, error);
                    if self.rows_left() == 0 {
                        return Err(self.nothing());
                    }
                    if let Some(came) = came {
                        return Ok(came);
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn rows_left(&self) -> usize {
        self.sources.iter().filter(|it| it.has_rows() && !matches!(it.standing, Standing::Out(_))).count()
    }

    /// The error when no source is left: a missing right weighs more than a missing kind.
    fn nothing(&mut self) -> Error {
        let forbidden =
            self.sources.iter().filter(|source| source.has_rows()).find_map(|source| match &source.standing {
                Standing::Out(why @ Error::Forbidden { .. }) => Some(why.clone()),
                _ => None,
            });
        // the next try asks all of them again, and the error says what the notes would
        for source in &mut self.sources {
            source.standing = Standing::Arriving;
            source.note.clear();
        }
        forbidden.unwrap_or_else(|| Error::Absent { what: "KServe".into() })
    }

    /// A source is not there or not permitted.
    fn out(&mut self, at: usize, error: Error) -> Option<Came> {
        let source = self.sources.get_mut(at)?;
        if let (Error::Absent { .. }, Some(older)) = (&error, source.older.take()) {
            source.stream = older;
            return None;
        }
        let reach = if matches!(error, Error::Absent { .. }) { Reach::Absent } else { Reach::Unknown };
        source.note = if reach == Reach::Unknown { error.to_string() } else { String::new() };
        source.standing = Standing::Out(error);
        let what = source.what;
        Some(Came { touched: self.board.set_reach(what, reach), over: true, note_changed: true })
    }

    fn take(&mut self, at: usize, heard: Vec<Heard>) -> Came {
        let mut came = Came::default();
        let Some(source) = self.sources.get_mut(at) else { return came };
        for heard in heard {
            match heard {
                Heard::Begin => self.board.begin(source.what),
                Heard::Seen(seen) => came.touched.extend(self.board.put(seen)),
                Heard::Gone(key) => came.touched.extend(self.board.remove(source.what, &key)),
                Heard::Complete => {
                    source.standing = Standing::Followed;
                    came.touched.extend(self.board.complete(source.what));
                }
                Heard::Beat => {}
                Heard::Note(note) => {
                    source.note = note;
                    came.note_changed = true;
                }
            }
        }
        came
    }

    /// Whether all rows have come once.
    fn loaded(&self) -> bool {
        self.sources.iter().all(|source| !source.has_rows() || source.standing != Standing::Arriving)
    }

    /// Whether all that rows depend on has come once, too, or can't be had.
    fn settled(&self) -> bool {
        self.sources.iter().all(|source| source.standing != Standing::Arriving)
    }

    fn note(&self) -> String {
        let notes: Vec<&str> = self.sources.iter().map(|it| it.note.as_str()).filter(|note| !note.is_empty()).collect();
        notes.join("; ")
    }

    fn reconnect(&mut self) {
        for source in &mut self.sources {
            // what was not there may have been installed meanwhile
            if matches!(source.standing, Standing::Out(_)) {
                source.standing = Standing::Arriving;
            }
            source.stream.reconnect();
        }
    }
}

fn kserve(version: &str, kind: Kind) -> Resource {
    Resource::new(&format!("/apis/serving.kserve.io/{version}"), kind.plural())
}

/// The feed of the pane of endpoints.
pub(super) struct EndpointsFeed {
    follower: Follower,
    clock: Clock,
    /// Rows that time alone may change.
    unsettled: BTreeSet<Key>,
    begun: bool,
    complete: bool,
}

impl EndpointsFeed {
    /// A feed over all namespaces, or over `namespaces` where that is not permitted.
    pub(super) fn new(access: &Access, clock: &Clock, namespaces: &[String]) -> Self {
        fn follow<T: Kept>(access: &Access, resource: Resource, namespaces: &[String]) -> Box<dyn Stream> {
            Box::new(Objects::<Held<T>>::new(access.clone(), resource, namespaces.to_vec()))
        }
        let llm = |version: &str| follow::<Llm>(access, kserve(version, Kind::Llm), namespaces);
        let mut sources = vec![
            Source::new(
                What::Service,
                follow::<InferenceService>(access, kserve("v1beta1", Kind::Service), namespaces),
            ),
            Source::new(What::Graph, follow::<Graph>(access, kserve("v1alpha1", Kind::Graph), namespaces)),
            Source::new(What::Llm, llm("v1alpha2")),
            Source::new(What::Route, follow::<HttpRoute>(access, fresh::routes(), namespaces)),
            Source::new(
                What::Pod,
                follow::<Pod>(access, Resource::new("/api/v1", "pods").labelled(BELONGS), namespaces),
            ),
        ];
        if let Some(source) = sources.iter_mut().find(|source| source.what == What::Llm) {
            source.older = Some(llm("v1alpha1"));
        }
        Self {
            follower: Follower::new(sources),
            clock: clock.clone(),
            unsettled: BTreeSet::new(),
            begun: false,
            complete: false,
        }
    }

    fn changes(&mut self, came: &Came) -> Vec<Change> {
        let now = self.clock.now();
        let mut changes = Vec::new();
        if !std::mem::replace(&mut self.begun, true) {
            changes.push(Change::Begin);
        }
        let looked_at: BTreeSet<Key> = came.touched.union(&self.unsettled).cloned().collect();
        for key in looked_at {
            if let Some((row, unsettled)) = self.follower.board.row(&key, now) {
                changes.push(Change::Upsert(row));
                if unsettled {
                    self.unsettled.insert(key)
                } else {
                    self.unsettled.remove(&key)
                };
            } else {
                self.unsettled.remove(&key);
                changes.push(Change::Remove(key));
            }
        }
        // before that a row may say that all is well where a route says that it is not
        if !self.complete && self.follower.settled() {
            self.complete = true;
            changes.push(Change::Complete);
        }
        if came.note_changed {
            changes.push(Change::Note(self.follower.note().into()));
        }
        if changes.is_empty() {
            changes.push(Change::Beat);
        }
        changes
    }
}

impl Feed for EndpointsFeed {
    fn panes(&self) -> Vec<PaneId> {
        vec![ENDPOINTS]
    }

    fn cadence(&self) -> Cadence {
        Cadence::Watch { silence: SILENCE }
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Fetched, Error>> {
        Box::pin(async move {
            let came = self.follower.next().await?;
            let changes = self.changes(&came).into_iter().map(|change| (ENDPOINTS, change)).collect();
            Ok(Fetched { changes, over: came.over })
        })
    }

    fn reconnect(&mut self) {
        self.follower.reconnect();
    }
}

/// The feed of one pane of an opened endpoint.
pub(super) struct OpenedFeed {
    follower: Follower,
    clock: Clock,
    key: Key,
    pane: PaneId,
}

impl OpenedFeed {
    /// The feed of `pane` for the endpoint `at`; `None` if this pane is not one of an endpoint of this kind.
    pub(super) fn new(access: &Access, clock: &Clock, (kind, at): (Kind, &Name), pane: PaneId) -> Option<Self> {
        fn within<T: Kept>(access: &Access, resource: Resource, namespace: &str) -> Box<dyn Stream> {
            Box::new(Objects::<Held<T>>::within(access.clone(), resource, namespace))
        }
        let (namespace, name) = (at.0.as_str(), at.1.as_str());
        let only = |version: &str| kserve(version, kind).with_fields(&format!("metadata.name={name}"));
        let mut sources = vec![match kind {
            Kind::Service => Source::new(What::Service, within::<InferenceService>(access, only("v1beta1"), namespace)),
            Kind::Graph => Source::new(What::Graph, within::<Graph>(access, only("v1alpha1"), namespace)),
            Kind::Llm => Source {
                older: Some(within::<Llm>(access, only("v1alpha1"), namespace)),
                ..Source::new(What::Llm, within::<Llm>(access, only("v1alpha2"), namespace))
            },
        }];
        let needs = match pane {
            FACTS => (true, true),
            REVISIONS if kind == Kind::Service => (true, true),
            PODS if kind == Kind::Service => (false, true),
            CONDITIONS => (false, false),
            _ => return None,
        };
        if needs.0 && kind == Kind::Service {
            sources.push(Source::new(What::Route, within::<HttpRoute>(access, fresh::routes(), namespace)));
        }
        if needs.1 && kind == Kind::Service {
            sources.push(Source::new(What::Pod, within::<Pod>(access, fresh::pods_of(name), namespace)));
        }
        let key = kind.key(namespace, name);
        Some(Self { follower: Follower::new(sources), clock: clock.clone(), key, pane })
    }

    fn changes(&self, came: &Came) -> Vec<Change> {
        if !self.follower.loaded() {
            return vec![Change::Beat];
        }
        let board = &self.follower.board;
        let rows = match self.pane {
            FACTS => detail::facts(board, &self.key, self.clock.now()),
            REVISIONS => detail::revisions(board, &self.key),
            PODS => detail::pods(board, &self.key),
            _ => detail::conditions(board, &self.key),
        };
        let note = came.note_changed.then(|| Change::Note(self.follower.note().into()));
        let rows = rows.into_iter().map(Change::Upsert);
        [Change::Begin].into_iter().chain(rows).chain([Change::Complete]).chain(note).collect()
    }
}

impl Feed for OpenedFeed {
    fn panes(&self) -> Vec<PaneId> {
        vec![self.pane]
    }

    fn cadence(&self) -> Cadence {
        Cadence::Watch { silence: SILENCE }
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Fetched, Error>> {
        Box::pin(async move {
            let came = self.follower.next().await?;
            let changes = self.changes(&came).into_iter().map(|change| (self.pane, change)).collect();
            Ok(Fetched { changes, over: came.over })
        })
    }

    fn reconnect(&mut self) {
        self.follower.reconnect();
    }
}
