//! Watches: what happens from a resourceVersion on, with bookmarks, initial events, and 410 where history ends.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::stream;
use http::StatusCode;
use serde_json::json;
use tokio::sync::watch;

use super::failure::Failure;
use super::kinds::Kind;
use super::list::objects;
use super::select::Selector;
use super::shape::Shape;
use super::table;
use crate::demo::json::Json;
use crate::demo::serve::query::Query;
use crate::demo::serve::{Answer, text};
use crate::demo::store::{Entry, Happened, Object};
use crate::demo::world::World;

/// After so long without an event a bookmark is sent, in the world's time.
const BOOKMARK: TimeDelta = TimeDelta::seconds(10);

struct Watch {
    world: Arc<World>,
    kind: &'static Kind,
    namespace: Option<String>,
    selector: Selector,
    shape: Shape,
    seen: u64,
    bookmarks: bool,
    quiet_since: DateTime<Utc>,
    ends: Option<DateTime<Utc>>,
    pending: VecDeque<Bytes>,
    over: bool,
    changes: watch::Receiver<u64>,
    ticks: watch::Receiver<DateTime<Utc>>,
    _open: Open,
}

/// Counts a watch as open while it lives.
struct Open(Arc<World>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.watch_ended();
    }
}

/// Answers a watch request.
pub fn answer(world: &Arc<World>, kind: &'static Kind, namespace: Option<&str>, query: &Query, shape: Shape) -> Answer {
    let initial = query.is_on("sendInitialEvents");
    if initial && query.get("resourceVersionMatch") != Some("NotOlderThan") {
        let message = "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents \
                       requires setting resourceVersionMatch to NotOlderThan";
        return Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message).answer();
    }
    let selector = match Selector::read(query) {
        Ok(selector) => selector,
        Err(failure) => return failure.answer(),
    };
    let now = world.now();
    let seconds = query.number("timeoutSeconds").and_then(|seconds| i64::try_from(seconds).ok());
    world.watch_began();
    let mut watch = Watch {
        world: Arc::clone(world),
        kind,
        namespace: namespace.map(ToOwned::to_owned),
        selector,
        shape,
        seen: query.number("resourceVersion").unwrap_or(0),
        bookmarks: query.is_on("allowWatchBookmarks"),
        quiet_since: now,
        ends: seconds.map(|seconds| now + TimeDelta::seconds(seconds)),
        pending: VecDeque::new(),
        over: false,
        changes: world.changes(),
        ticks: world.ticks(),
        _open: Open(Arc::clone(world)),
    };
    if watch.seen == 0 || initial {
        watch.send_all(initial);
    }
    let events = stream::unfold(watch, |mut watch| async move {
        let piece = watch.next().await?;
        Some((Ok::<_, Infallible>(piece), watch))
    });
    text(StatusCode::OK, "application/json", Body::from_stream(events))
}

impl Watch {
    /// The next piece of the stream: all events that there are.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if !self.over {
                self.changes.borrow_and_update();
                self.collect();
            }
            if !self.pending.is_empty() {
                return Some(self.flush());
            }
            let now = self.world.now();
            if self.over || self.ends.is_some_and(|ends| now >= ends) {
                return None;
            }
            if self.bookmarks && now - self.quiet_since >= BOOKMARK {
                self.bookmark(false);
                continue;
            }
            tokio::select! {
                changed = self.changes.changed() => changed.ok()?,
                ticked = self.ticks.changed() => ticked.ok()?,
            }
        }
    }

    fn flush(&mut self) -> Bytes {
        let mut piece = BytesMut::new();
        while let Some(event) = self.pending.pop_front() {
            piece.extend_from_slice(&event);
            if piece.len() > 64 * 1024 {
                break;
            }
        }
        self.quiet_since = self.world.now();
        piece.freeze()
    }

    /// Queues the present objects as added.
    fn send_all(&mut self, initial: bool) {
        let world = Arc::clone(&self.world);
        world.enter(|state, _| {
            let found = objects(state, self.kind, self.namespace.as_deref());
            let found: Vec<Object> =
                found.map(|(_, object)| object.clone()).filter(|object| self.selector.matches(object)).collect();
            for object in found {
                self.push("ADDED", &object);
            }
            self.seen = state.store.version();
        });
        if initial {
            self.bookmark(true);
        }
    }

    /// Queues what has happened since the last look.
    fn collect(&mut self) {
        let world = Arc::clone(&self.world);
        world.enter(|state, _| {
            let newest = state.store.version();
            let Some(kept) = state.store.shelf(self.kind.shelf) else { return };
            let Some(entries) = kept.since(self.seen) else {
                let failure = Failure::expired(self.seen, newest).status();
                self.pending.push_back(Bytes::from(json!({ "type": "ERROR", "object": failure }).to_string() + "\n"));
                self.over = true;
                return;
            };
            for entry in entries {
                if let Some(name) = self.event(entry) {
                    let object = if name == "DELETED" && entry.happened != Happened::Deleted {
                        entry.before.as_ref().unwrap_or(&entry.object)
                    } else {
                        &entry.object
                    };
                    let text = self.line(name, object);
                    self.pending.push_back(text);
                }
            }
            self.seen = newest;
        });
    }

    /// The event's name as this watch's selector sees it; `None` for what it does not see.
    fn event(&self, entry: &Entry) -> Option<&'static str> {
        if self.namespace.as_ref().is_some_and(|namespace| *namespace != entry.key.namespace) {
            return None;
        }
        let now = entry.happened != Happened::Deleted && self.selector.matches(&entry.object);
        let before = entry.before.as_ref().is_some_and(|before| self.selector.matches(before));
        match (before, now) {
            (true, true) => Some(Happened::Modified.name()),
            (false, true) => Some(Happened::Added.name()),
            (true, false) => Some(Happened::Deleted.name()),
            (false, false) => None,
        }
    }

    fn push(&mut self, name: &str, object: &Object) {
        let line = self.line(name, object);
        self.pending.push_back(line);
    }

    fn line(&self, name: &str, object: &Object) -> Bytes {
        let shown = match self.shape {
            Shape::Table => Bytes::from(table::single(self.kind, &object.text, self.world.now()).to_string()),
            shape => shape.single(&object.text),
        };
        let mut line = BytesMut::with_capacity(shown.len() + 40);
        line.extend_from_slice(format!("{{\"type\":\"{name}\",\"object\":").as_bytes());
        line.extend_from_slice(&shown);
        line.extend_from_slice(b"}\n");
        line.freeze()
    }

    fn bookmark(&mut self, end_of_initial: bool) {
        let mut metadata = json!({ "resourceVersion": self.seen.to_string(), "creationTimestamp": null });
        if end_of_initial {
            metadata.set("/annotations", json!({ "k8s.io/initial-events-end": "true" }));
        }
        let object = json!({ "kind": self.kind.kind, "apiVersion": self.kind.api_version(), "metadata": metadata });
        self.pending.push_back(Bytes::from(json!({ "type": "BOOKMARK", "object": object }).to_string() + "\n"));
    }
}
