//! What happened to an object lately: `core/v1` Events. They live for an hour.

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use serde::Deserialize;

use super::EVENTS;
use crate::model::health::{Error, Health};
use crate::model::id::{Key, PaneId};
use crate::model::record::{Change, Column, Head, Record};
use crate::model::text::clean;
use crate::model::value::Value;
use crate::systems::kube::{Access, Meta, Object, Objects, Pool, Resource, Told, or_default};
use crate::systems::{Cadence, Feed, Fetched};

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct EventWire {
    metadata: Meta,
    #[serde(deserialize_with = "or_default")]
    involved_object: Involved,
    #[serde(rename = "type", deserialize_with = "or_default")]
    kind: String,
    #[serde(deserialize_with = "or_default")]
    reason: String,
    #[serde(deserialize_with = "or_default")]
    message: String,
    count: Option<i64>,
    first_timestamp: Option<DateTime<Utc>>,
    last_timestamp: Option<DateTime<Utc>>,
    event_time: Option<DateTime<Utc>>,
    series: Option<Series>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Involved {
    #[serde(deserialize_with = "or_default")]
    kind: String,
    #[serde(deserialize_with = "or_default")]
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Series {
    count: Option<i64>,
    last_observed_time: Option<DateTime<Utc>>,
}

/// Something that happened.
pub(super) struct Event {
    key: Key,
    at: Option<DateTime<Utc>>,
    health: Health,
    reason: String,
    kind: String,
    name: String,
    message: String,
    count: i64,
}

impl Record for Event {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<Event>] = &[
            Column { head: Head::number("last", "last", 6).tier(0), get: |event| Value::time(event.at) },
            Column {
                head: Head::text("reason", "reason", 32).tier(0).min(12),
                get: |event| Value::state(event.health, &event.reason),
            },
            Column {
                head: Head::text("object", "object", 60).tier(3).min(24),
                get: |event| Value::text(&format!("{}/{}", event.kind, event.name)),
            },
            Column { head: Head::number("count", "count", 6).tier(2), get: |event| Value::Int(event.count) },
            Column {
                head: Head::text("message", "message", 200).tier(0).min(20),
                get: |event| Value::text(&event.message),
            },
        ];
        COLUMNS
    }

    fn key(&self) -> Key {
        self.key.clone()
    }
}

impl Object for Event {
    fn read(json: &[u8], _pool: &mut Pool) -> Result<Self, serde_json::Error> {
        let wire: EventWire = serde_json::from_slice(json)?;
        let series = wire.series.unwrap_or_default();
        Ok(Self {
            key: wire.metadata.key(),
            // old and new reporters fill different fields
            at: [wire.last_timestamp, series.last_observed_time, wire.event_time, wire.first_timestamp]
                .into_iter()
                .flatten()
                .max(),
            health: if wire.kind == "Warning" { Health::Warn } else { Health::Good },
            reason: clean(&wire.reason),
            kind: clean(&wire.involved_object.kind),
            name: clean(&wire.involved_object.name),
            message: clean(wire.message.trim()),
            count: series.count.into_iter().chain(wire.count).max().unwrap_or(1),
        })
    }

    fn unread(meta: &Meta, why: &str) -> Self {
        Self {
            key: meta.key(),
            at: None,
            health: Health::Warn,
            reason: "unread".into(),
            kind: String::new(),
            name: clean(&meta.name),
            message: clean(why),
            count: 1,
        }
    }
}

/// Whose events are shown.
pub(super) enum About {
    /// A pod's.
    Pod(String),
    /// Those of an endpoint and of what was made for it: revisions, deployments, pods.
    Endpoint(String),
}

impl About {
    fn holds(&self, event: &Event) -> bool {
        match self {
            Self::Pod(name) => event.name == *name,
            Self::Endpoint(name) => event.name.strip_prefix(name.as_str()).is_some_and(|rest| {
                rest.is_empty()
                    || ["-predictor", "-transformer", "-explainer", "-kserve", "-epp"].iter().any(|part| {
                        rest.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
                    })
            }),
        }
    }
}

/// Feeds the events of an object.
pub(super) struct EventFeed {
    events: Objects<Event>,
    about: About,
}

impl EventFeed {
    pub(super) fn new(access: Access, namespace: &str, about: About) -> Self {
        let all = Resource::new("/api/v1", "events");
        let resource = match &about {
            About::Pod(name) => all.with_fields(&format!("involvedObject.kind=Pod,involvedObject.name={name}")),
            About::Endpoint(_) => all,
        };
        Self { events: Objects::within(access, resource, namespace), about }
    }
}

impl Feed for EventFeed {
    fn panes(&self) -> Vec<PaneId> {
        vec![EVENTS]
    }

    fn cadence(&self) -> Cadence {
        Cadence::Watch { silence: std::time::Duration::from_secs(45) }
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Fetched, Error>> {
        Box::pin(async move {
            let (told, over) = self.events.next().await?;
            let changes = told.into_iter().map(|told| match told {
                Told::Begin => Change::Begin,
                Told::Seen(event) if self.about.holds(&event) => Change::Upsert(event.row()),
                Told::Gone(key) => Change::Remove(key),
                Told::Complete => Change::Complete,
                Told::Note(note) => Change::Note(note.into()),
                Told::Seen(_) | Told::More(_) | Told::Beat => Change::Beat,
            });
            Ok(Fetched { changes: changes.map(|change| (EVENTS, change)).collect(), over })
        })
    }

    fn reconnect(&mut self) {
        self.events.reconnect();
    }
}
