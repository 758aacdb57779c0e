//! All objects of a kind that this login may see, in all namespaces or in those that are permitted.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{BoxFuture, select_all};
use serde::Deserialize;

use super::access::Access;
use super::follow::{Follow, Step};
use super::object::{Meta, Object, Resource, or_default};
use super::pool::Pool;
use super::watching::Event;
use crate::model::health::Error;
use crate::model::id::{Key, PaneId};
use crate::model::record::Change;
use crate::systems::{Cadence, Feed, Fetched};

/// Not more namespaces than this are followed one by one.
const MOST_NAMESPACES: usize = 64;
/// A word is expected at least this often.
const SILENCE: Duration = Duration::from_secs(45);

/// What is told of the objects of a kind, in order.
#[derive(Debug)]
pub enum Told<T> {
    /// A full list begins.
    Begin,
    /// There now, new or changed.
    Seen(T),
    /// Gone.
    Gone(Key),
    /// How many have come.
    More(usize),
    /// The full list is over.
    Complete,
    /// Alive, and nothing new.
    Beat,
    /// Something to say about all of it; empty takes it back.
    Note(String),
}

/// Follows the objects of a kind.
pub struct Objects<T> {
    access: Access,
    resource: Resource,
    /// Where to look; if empty, everywhere or, where that is not permitted, in those that can be found out.
    namespaces: Vec<String>,
    pool: Arc<Mutex<Pool>>,
    places: Vec<Place<T>>,
    deciding: Option<BoxFuture<'static, Result<Vec<String>, Error>>>,
    forbidden: Option<Error>,
    left_out: usize,
    note: String,
    /// The first list over several namespaces is not over yet.
    gathering: bool,
    done: usize,
}

/// One list that is followed: of all namespaces, or of one.
struct Place<T> {
    namespace: Option<String>,
    follow: Follow<T>,
    denied: bool,
    listed: bool,
    unread: usize,
    /// Kept for one of several namespaces only: what a new list does not have any more is gone.
    keys: HashSet<Key>,
    old: HashSet<Key>,
}

impl<T: Object> Objects<T> {
    /// Follows `resource` in `namespaces`; if empty, in all, or in those that are permitted where the list over all of
    /// them is not.
    #[must_use]
    pub fn new(access: Access, resource: Resource, namespaces: Vec<String>) -> Self {
        let mut objects = Self {
            access,
            resource,
            namespaces,
            pool: Arc::default(),
            places: Vec::new(),
            deciding: None,
            forbidden: None,
            left_out: 0,
            note: String::new(),
            gathering: false,
            done: 0,
        };
        objects.begin();
        objects
    }

    /// Looks into the given namespaces, or into all by one list.
    fn begin(&mut self) {
        self.places = Vec::new();
        if self.namespaces.is_empty() {
            self.places.push(self.place(None));
        } else {
            // as if the list over all had been refused
            let what = format!("{} in {}", self.resource.plural, self.namespaces.join(", "));
            self.forbidden = Some(Error::Forbidden { verb: "list".into(), what });
            self.deciding = Some(namespaces(self.access.clone(), self.namespaces.clone()));
        }
    }

    /// Follows `resource` in one namespace.
    #[must_use]
    pub fn within(access: Access, resource: Resource, namespace: &str) -> Self {
        let mut objects = Self::new(access, resource, Vec::new());
        objects.places = vec![objects.place(Some(namespace.to_owned()))];
        objects
    }

    fn place(&self, namespace: Option<String>) -> Place<T> {
        let path = self.resource.list_path(namespace.as_deref());
        Place {
            namespace,
            follow: Follow::new(self.access.clone(), path, Arc::clone(&self.pool)),
            denied: false,
            listed: false,
            unread: 0,
            keys: HashSet::new(),
            old: HashSet::new(),
        }
    }

    /// Begins the connections anew; what is known stays.
    pub fn reconnect(&mut self) {
        self.deciding = None;
        if self.places.is_empty() {
            self.begin();
        }
        for place in &mut self.places {
            place.follow.reconnect();
        }
    }

    /// What happens next, and whether this is all for now; cancel-safe. After an error it may be called again.
    pub async fn next(&mut self) -> Result<(Vec<Told<T>>, bool), Error> {
        loop {
            if let Some(told) = self.decided().await? {
                return Ok((told, false));
            }
            if self.places.iter().all(|place| place.denied) {
                return Err(self.all_denied());
            }
            let waiting: Vec<_> = self
                .places
                .iter_mut()
                .enumerate()
                .filter(|(_, place)| !place.denied)
                .map(|(at, place)| Box::pin(async move { (at, place.follow.next().await) }))
                .collect();
            let ((at, step), _, others) = select_all(waiting).await;
            drop(others);
            match step {
                Ok(step) => return Ok(self.told(at, step)),
                Err(Error::Forbidden { verb, what }) => {
                    if let Some(told) = self.not_permitted(at, Error::Forbidden { verb, what })? {
                        return Ok((told, true));
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// When the namespaces to look into are known, begins to look there.
    async fn decided(&mut self) -> Result<Option<Vec<Told<T>>>, Error> {
        let Some(deciding) = &mut self.deciding else { return Ok(None) };
        let decided = deciding.as_mut().await;
        self.deciding = None;
        let mut names = decided?;
        self.left_out = names.len().saturating_sub(MOST_NAMESPACES);
        names.truncate(MOST_NAMESPACES);
        self.places = names.into_iter().map(|name| self.place(Some(name))).collect();
        self.gathering = true;
        self.done = 0;
        Ok(Some(vec![Told::Begin]))
    }

    fn several(&self) -> bool {
        self.forbidden.is_some()
    }

    /// A list is forbidden: the one over all, then look into each namespace; one of several, then leave it out.
    fn not_permitted(&mut self, at: usize, error: Error) -> Result<Option<Vec<Told<T>>>, Error> {
        if !self.several() {
            let of_all = self.places.get(at).is_some_and(|place| place.namespace.is_none() && !place.listed);
            if !of_all {
                return Err(error);
            }
            self.forbidden = Some(error);
            self.deciding = Some(namespaces(self.access.clone(), self.namespaces.clone()));
            return Ok(None);
        }
        if let Some(place) = self.places.get_mut(at) {
            place.denied = true;
        }
        let mut told: Vec<Told<T>> = self.note().into_iter().collect();
        let mut gone = Vec::new();
        if let Some(place) = self.places.get_mut(at) {
            gone.extend(place.keys.drain().chain(place.old.drain()));
        }
        told.extend(gone.into_iter().map(Told::Gone));
        if self.places.iter().all(|place| place.denied) {
            return Err(self.all_denied());
        }
        told.extend(self.gathered());
        Ok(Some(told))
    }

    /// Nothing is permitted anywhere; the next try begins from the start.
    fn all_denied(&mut self) -> Error {
        let error = self
            .forbidden
            .take()
            .unwrap_or_else(|| Error::Forbidden { verb: "list".into(), what: self.resource.plural.clone() });
        self.begin();
        self.gathering = false;
        error
    }

    fn gathered(&mut self) -> Option<Told<T>> {
        if self.gathering && self.places.iter().all(|place| place.denied || place.listed) {
            self.gathering = false;
            return Some(Told::Complete);
        }
        None
    }

    fn told(&mut self, at: usize, step: Step<T>) -> (Vec<Told<T>>, bool) {
        let several = self.several();
        let gathering = self.gathering;
        let Some(place) = self.places.get_mut(at) else { return (Vec::new(), true) };
        match step {
            Step::Begun => {
                place.unread = 0;
                // of a list that broke off, some were not asked after yet
                let keys = std::mem::take(&mut place.keys);
                place.old.extend(keys);
                if several {
                    return (Vec::new(), false);
                }
                self.done = 0;
                (vec![Told::Begin], false)
            }
            Step::Items { items, unread } => {
                place.unread += unread;
                if several {
                    for item in &items {
                        let key = item.key();
                        place.old.remove(&key);
                        place.keys.insert(key);
                    }
                }
                self.done += items.len();
                let mut told: Vec<Told<T>> = items.into_iter().map(Told::Seen).collect();
                if !several || gathering {
                    told.push(Told::More(self.done));
                }
                (told, false)
            }
            Step::Listed => {
                place.listed = true;
                let gone: Vec<Told<T>> = place.old.drain().map(Told::Gone).collect();
                let mut told = if several { gone } else { vec![Told::Complete] };
                told.extend(self.gathered());
                told.extend(self.note());
                (told, true)
            }
            Step::Changed(events) => (changed(place, events, several), true),
            Step::Alive => (vec![Told::Beat], true),
        }
    }

    /// The note on all of it, if it is another one than before.
    fn note(&mut self) -> Option<Told<T>> {
        let unread: usize = self.places.iter().map(|place| place.unread).sum();
        let denied: Vec<&str> =
            self.places.iter().filter(|place| place.denied).filter_map(|place| place.namespace.as_deref()).collect();
        let mut parts = Vec::new();
        if unread > 0 {
            parts.push(format!("{unread} could be read only in part"));
        }
        if !denied.is_empty() {
            parts.push(format!("no right to list {} in {}", self.resource.plural, denied.join(", ")));
        }
        if self.left_out > 0 {
            parts.push(format!("{} more namespaces are not looked into", self.left_out));
        }
        let note = parts.join("; ");
        if note == self.note {
            return None;
        }
        self.note.clone_from(&note);
        Some(Told::Note(note))
    }
}

fn changed<T: Object>(place: &mut Place<T>, events: Vec<Event<T>>, several: bool) -> Vec<Told<T>> {
    let mut told = Vec::with_capacity(events.len());
    for event in events {
        told.push(match event {
            Event::Seen(object) => {
                if several {
                    place.keys.insert(object.key());
                }
                Told::Seen(object)
            }
            Event::Gone(key) => {
                place.keys.remove(&key);
                Told::Gone(key)
            }
            Event::Alive => Told::Beat,
        });
    }
    told
}

/// The namespaces to look into: the given ones, else all, else the context's own.
fn namespaces(access: Access, given: Vec<String>) -> BoxFuture<'static, Result<Vec<String>, Error>> {
    #[derive(Deserialize)]
    struct List {
        #[serde(default, deserialize_with = "or_default")]
        items: Vec<Item>,
    }
    #[derive(Deserialize)]
    struct Item {
        #[serde(default, deserialize_with = "or_default")]
        metadata: Meta,
    }
    Box::pin(async move {
        if !given.is_empty() {
            return Ok(given);
        }
        let cluster = access.cluster().await?;
        match cluster.get_json::<List>("/api/v1/namespaces").await {
            Ok(list) => {
                Ok(list.items.into_iter().map(|item| item.metadata.name).filter(|name| !name.is_empty()).collect())
            }
            Err(Error::Forbidden { .. }) => Ok(vec![cluster.namespace().to_owned()]),
            Err(error) => Err(error),
        }
    })
}

/// A feed of the objects of a kind as the rows of a pane.
pub struct ListWatch<T> {
    pane: PaneId,
    objects: Objects<T>,
}

impl<T: Object> ListWatch<T> {
    /// Feeds `pane` with `objects`.
    #[must_use]
    pub fn new(pane: PaneId, objects: Objects<T>) -> Self {
        Self { pane, objects }
    }
}

impl<T: Object> Feed for ListWatch<T> {
    fn panes(&self) -> Vec<PaneId> {
        vec![self.pane]
    }

    fn cadence(&self) -> Cadence {
        Cadence::Watch { silence: SILENCE }
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Fetched, Error>> {
        Box::pin(async move {
            let (told, over) = self.objects.next().await?;
            let changes = told.into_iter().map(|told| (self.pane, change(told))).collect();
            Ok(Fetched { changes, over })
        })
    }

    fn reconnect(&mut self) {
        self.objects.reconnect();
    }
}

fn change<T: Object>(told: Told<T>) -> Change {
    match told {
        Told::Begin => Change::Begin,
        Told::Seen(object) => Change::Upsert(object.row()),
        Told::Gone(key) => Change::Remove(key),
        Told::More(done) => Change::More { done, of: None },
        Told::Complete => Change::Complete,
        Told::Beat => Change::Beat,
        Told::Note(note) => Change::Note(note.into()),
    }
}
