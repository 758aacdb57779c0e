//! Pods as rows.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::status::summary;
use super::wire::{Owner, PodWire};
use super::{ENDPOINT_LABEL, ENDPOINTS};
use crate::model::health::Health;
use crate::model::id::{Key, Ref};
use crate::model::record::{Column, Head, Record};
use crate::model::text::clean;
use crate::model::value::{State, Value};
use crate::systems::kube::{Meta, Object, Pool};

/// A pod, as far as it is shown in a table.
pub(super) struct Pod {
    key: Key,
    namespace: Arc<str>,
    name: Arc<str>,
    ready: Arc<str>,
    state: State,
    restarts: i64,
    last_restart: Option<DateTime<Utc>>,
    node: Arc<str>,
    ip: Arc<str>,
    created: Option<DateTime<Utc>>,
    owner: Arc<str>,
    images: Arc<str>,
    endpoint: Option<Key>,
}

const COLUMNS: &[Column<Pod>] = &[
    Column { head: Head::text("namespace", "namespace", 24).tier(3), get: |pod| text(&pod.namespace) },
    Column { head: Head::text("name", "name", 60).tier(0).min(12), get: |pod| text(&pod.name) },
    Column {
        head: Head::number("ready", "ready", 7).tier(2).help("containers that are ready, of all"),
        get: |pod| text(&pod.ready),
    },
    Column {
        head: Head::text("status", "status", 28)
            .tier(0)
            .min(8)
            .as_state()
            .help("as kubectl has it, but NodeNotReady on a dead node"),
        get: |pod| Value::State(pod.state.clone()),
    },
    Column {
        head: Head::number("restarts", "restarts", 10)
            .tier(1)
            .help("restarts of its containers; when the last one was"),
        get: |pod| match pod.last_restart {
            Some(at) => Value::pair(Value::Int(pod.restarts), Value::Time(at)),
            None => Value::Int(pod.restarts),
        },
    },
    Column { head: Head::text("owner", "owner", 40).tier(5).help("what made it"), get: |pod| text(&pod.owner) },
    Column { head: Head::text("node", "node", 36).tier(4), get: |pod| text(&pod.node) },
    Column { head: Head::text("ip", "ip", 39).tier(9), get: |pod| text(&pod.ip) },
    Column {
        head: Head::text("images", "images", 60).tier(9).help("its containers' images, without their registry"),
        get: |pod| text(&pod.images),
    },
    Column { head: Head::number("age", "age", 6).tier(1), get: |pod| Value::time(pod.created) },
];

fn text(text: &Arc<str>) -> Value {
    if text.is_empty() { Value::None } else { Value::Text(Arc::clone(text)) }
}

impl Record for Pod {
    fn columns() -> &'static [Column<Self>] {
        COLUMNS
    }

    fn key(&self) -> Key {
        self.key.clone()
    }

    fn refs(&self) -> Vec<Ref> {
        self.endpoint.iter().map(|key| Ref::new(ENDPOINTS, key.clone())).collect()
    }
}

impl Object for Pod {
    fn read(json: &[u8], pool: &mut Pool) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json).map(|wire: PodWire| Self::of(&wire, pool))
    }

    fn unread(meta: &Meta, why: &str) -> Self {
        let empty: Arc<str> = "".into();
        Self {
            key: meta.key(),
            namespace: clean(&meta.namespace).into(),
            name: clean(&meta.name).into(),
            ready: Arc::clone(&empty),
            state: State { health: Health::Warn, word: format!("unread: {why}").into() },
            restarts: 0,
            last_restart: None,
            node: Arc::clone(&empty),
            ip: Arc::clone(&empty),
            created: None,
            owner: Arc::clone(&empty),
            images: empty,
            endpoint: None,
        }
    }
}

impl Pod {
    fn of(wire: &PodWire, pool: &mut Pool) -> Self {
        let (meta, spec) = (&wire.metadata, &wire.spec);
        let sum = summary(wire);
        let state = if spec.containers.is_some() {
            State { health: sum.health, word: pool.get(&clean(&sum.word)) }
        } else {
            State { health: Health::Warn, word: pool.get(&clean(&format!("{}, partly unread", sum.word))) }
        };
        let images: Vec<String> =
            spec.containers.iter().flatten().map(|container| short_image(&container.image)).collect();
        let endpoint =
            meta.labels.get(ENDPOINT_LABEL).map(|name| Key::namespaced(&clean(&meta.namespace), &clean(name)));
        Self {
            key: Key::namespaced(&clean(&meta.namespace), &clean(&meta.name)),
            namespace: pool.get(&clean(&meta.namespace)),
            name: clean(&meta.name).into(),
            ready: pool.get(&format!("{}/{}", sum.ready, sum.of)),
            state,
            restarts: sum.restarts,
            last_restart: sum.last_restart,
            node: pool.get(&clean(&spec.node_name)),
            ip: clean(&wire.status.pod_ip).into(),
            created: meta.creation_timestamp,
            owner: pool.get(&owner(wire)),
            images: pool.get(&images.join(" ")),
            endpoint,
        }
    }
}

/// What made the pod; a ReplicaSet that belongs to a Deployment counts as that.
pub(super) fn owner(wire: &PodWire) -> String {
    let owners = &wire.metadata.owner_references;
    let Some(Owner { kind, name, .. }) = owners.iter().find(|owner| owner.controller == Some(true)).or(owners.first())
    else {
        return String::new();
    };
    let hash = wire.metadata.labels.get("pod-template-hash").map(|hash| format!("-{hash}"));
    if let ("ReplicaSet", Some(deployment)) = (kind.as_str(), hash.and_then(|hash| name.strip_suffix(&hash))) {
        return clean(&format!("Deployment/{deployment}"));
    }
    clean(&format!("{kind}/{name}"))
}

/// An image without its registry and with no more of a digest than tells it from another.
pub(super) fn short_image(image: &str) -> String {
    let (name, digest) = image.split_once('@').map_or((image, None), |(name, digest)| (name, Some(digest)));
    let name = name.rsplit('/').next().unwrap_or(name);
    match digest.and_then(|digest| digest.split_once(':')) {
        Some((_, hex)) => clean(&format!("{name}@{}", hex.chars().take(12).collect::<String>())),
        None => clean(name),
    }
}
