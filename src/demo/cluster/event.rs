//! Kubernetes events: recorded once, counted when they repeat.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::metadata::{Identity, stamp};
use crate::demo::json::Json;
use crate::demo::random::hex;
use crate::demo::store::ObjectKey;
use crate::demo::world::State;

/// What an event says.
#[derive(Debug, Clone, Copy)]
pub struct Note<'a> {
    /// The shelf of the object that it is about (`pods`, …).
    pub shelf: &'static str,
    /// That object's namespace.
    pub namespace: &'a str,
    /// That object's name.
    pub name: &'a str,
    /// `Normal`, or `Warning`.
    pub warning: bool,
    /// The reason, in CamelCase.
    pub reason: &'a str,
    /// The text.
    pub message: &'a str,
    /// The component that says it.
    pub source: &'a str,
}

impl State {
    /// Records an event now.
    pub fn note(&mut self, at: DateTime<Utc>, note: &Note<'_>) {
        self.note_often(at, note, (1, TimeDelta::zero()));
    }

    /// Records an event that has happened `count` times over `span`; one of the same text is counted on.
    pub fn note_often(&mut self, at: DateTime<Utc>, note: &Note<'_>, often: (u64, TimeDelta)) {
        let (count, span) = often;
        let about = self.store.value(note.shelf, note.namespace, note.name).unwrap_or_default();
        let uid = about.at("/metadata/uid").as_str().unwrap_or_default().to_owned();
        let text = format!("{uid}/{}/{}", note.reason, note.message);
        let name = format!("{}.{}", note.name, hex(self.seed, &text, 16));
        let namespace = if note.namespace.is_empty() { "default" } else { note.namespace };
        let known = self.store.value("events", namespace, &name);
        let first = at - span;
        let identity = Identity { seed: self.seed, kind: "Event", namespace, name: &name, created: first };
        let event = if let Some(mut event) = known {
            let times = event.at("/count").as_u64().unwrap_or(1) + count;
            event.set("/count", times);
            event.set("/lastTimestamp", stamp(at));
            event
        } else {
            let mut metadata = identity.metadata(json!({}));
            if let Some(metadata) = metadata.as_object_mut() {
                metadata.remove("generation");
            }
            json!({
                "kind": "Event", "apiVersion": "v1", "metadata": metadata,
                "involvedObject": { "kind": about.at("/kind"), "namespace": note.namespace, "name": note.name, "uid": uid,
                    "apiVersion": about.at("/apiVersion"), "resourceVersion": about.at("/metadata/resourceVersion") },
                "reason": note.reason, "message": note.message, "source": { "component": note.source },
                "firstTimestamp": stamp(first), "lastTimestamp": stamp(at), "count": count,
                "type": if note.warning { "Warning" } else { "Normal" }, "eventTime": Value::Null,
                "reportingComponent": note.source, "reportingInstance": "",
            })
        };
        self.store.put("events", event);
    }

    /// Forgets the events that are older than an hour, as the API server does.
    pub fn forget_events(&mut self, now: DateTime<Utc>) {
        let oldest = stamp(now - TimeDelta::hours(1));
        let events = self.store.shelf("events").into_iter().flat_map(|shelf| &shelf.objects);
        let old = events.filter(|(_, event)| {
            event.value().at("/lastTimestamp").as_str().is_some_and(|last| last < oldest.as_str())
        });
        let old: Vec<ObjectKey> = old.map(|(key, _)| key.clone()).collect();
        for key in old {
            self.store.remove("events", &key);
        }
    }
}
