//! One pod in detail: its facts and its containers, kept up to date.

use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::pods::{owner, short_image};
use super::status::{ended_word, summary};
use super::wire::{ContainerSpec, ContainerStatus, PodWire};
use super::{CONTAINERS, FACTS};
use crate::model::health::{Error, Health};
use crate::model::id::{Key, PaneId};
use crate::model::record::{Change, Column, Head, Record, Row};
use crate::model::text::clean;
use crate::model::value::Value;
use crate::systems::kube::{Access, Meta, Object, Objects, Pool, Resource, Told};
use crate::systems::{Cadence, Feed, Fetched};

/// A whole pod; not a row of a table.
pub(super) struct Whole {
    pub(super) key: Key,
    pub(super) wire: PodWire,
}

impl Record for Whole {
    fn columns() -> &'static [Column<Self>] {
        &[]
    }

    fn key(&self) -> Key {
        self.key.clone()
    }
}

impl Object for Whole {
    fn read(json: &[u8], _pool: &mut Pool) -> Result<Self, serde_json::Error> {
        let wire: PodWire = serde_json::from_slice(json)?;
        Ok(Self { key: Key::namespaced(&wire.metadata.namespace, &wire.metadata.name), wire })
    }

    fn unread(meta: &Meta, _why: &str) -> Self {
        Self { key: meta.key(), wire: PodWire::default() }
    }
}

/// Follows one pod.
pub(super) fn follow(access: Access, namespace: &str, name: &str) -> Objects<Whole> {
    let pods = Resource::new("/api/v1", "pods").with_fields(&format!("metadata.name={name}"));
    Objects::within(access, pods, namespace)
}

/// The facts of a pod.
pub(super) fn facts(wire: &PodWire) -> Vec<Arc<Row>> {
    let sum = summary(wire);
    let text = |text: &str| Value::text(&clean(text));
    let not_ready =
        wire.status.conditions.iter().find(|condition| condition.status == "False" && !condition.message.is_empty());
    let why = if wire.status.has_lost_node() {
        "its node no longer answers; what is said of its containers is the last that was heard"
    } else if wire.status.message.is_empty() {
        not_ready.map_or("", |condition| &condition.message)
    } else {
        &wire.status.message
    };
    let labels: Vec<String> = wire.metadata.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let all = [
        ("status", Value::state(sum.health, &clean(&sum.word))),
        ("why", if sum.health == Health::Good { Value::None } else { text(why) }),
        ("ready", text(&format!("{} of {}", sum.ready, sum.of))),
        ("node", text(&wire.spec.node_name)),
        ("ip", text(&wire.status.pod_ip)),
        ("owner", text(&owner(wire))),
        ("service account", text(&wire.spec.service_account_name)),
        ("quality of service", text(&wire.status.qos_class)),
        ("created", Value::time(wire.metadata.creation_timestamp)),
        ("labels", text(&labels.join(" "))),
        ("uid", text(&wire.metadata.uid)),
    ];
    crate::model::facts::rows(all)
}

/// A container of a pod.
pub(super) struct Container {
    name: String,
    init: bool,
    state: Value,
    why: String,
    restarts: i64,
    since: Value,
    last: Value,
    image: String,
}

impl Record for Container {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<Container>] = &[
            Column { head: Head::text("name", "name", 32).tier(0), get: |container| Value::text(&container.name) },
            Column {
                head: Head::text("kind", "kind", 9).tier(4),
                get: |container| Value::text(if container.init { "init" } else { "" }),
            },
            Column {
                head: Head::text("state", "state", 24).tier(0).as_state(),
                get: |container| container.state.clone(),
            },
            Column { head: Head::number("since", "since", 6).tier(2), get: |container| container.since.clone() },
            Column {
                head: Head::number("restarts", "restarts", 8).tier(1),
                get: |container| Value::Int(container.restarts),
            },
            Column {
                head: Head::text("last", "last end", 28).tier(3).help("how its previous run ended, and when"),
                get: |container| container.last.clone(),
            },
            Column { head: Head::text("image", "image", 60).tier(2), get: |container| Value::text(&container.image) },
            Column { head: Head::text("why", "why", 80).tier(1), get: |container| Value::text(&container.why) },
        ];
        COLUMNS
    }

    fn key(&self) -> Key {
        Key::from(self.name.as_str())
    }
}

/// The containers of a pod, the init containers first.
pub(super) fn containers(wire: &PodWire) -> Vec<Container> {
    let init = wire.spec.init_containers.iter().map(|spec| (spec, true));
    let main = wire.spec.containers.iter().flatten().map(|spec| (spec, false));
    let statuses = wire.status.init_container_statuses.iter().chain(&wire.status.container_statuses);
    let statuses: Vec<&ContainerStatus> = statuses.collect();
    init.chain(main)
        .map(|(spec, init)| container(spec, init, statuses.iter().copied().find(|status| status.name == spec.name)))
        .collect()
}

fn container(spec: &ContainerSpec, init: bool, status: Option<&ContainerStatus>) -> Container {
    let mut made = Container {
        name: clean(&spec.name),
        init,
        state: Value::state(Health::Idle, "not begun"),
        why: String::new(),
        restarts: 0,
        since: Value::None,
        last: Value::None,
        image: short_image(&spec.image),
    };
    let Some(status) = status else { return made };
    made.restarts = status.restart_count;
    let state = &status.state;
    if let Some(running) = &state.running {
        let well = status.ready || (init && !spec.is_sidecar());
        made.state = if well { Value::state(Health::Good, "Running") } else { Value::state(Health::Warn, "not ready") };
        made.since = Value::time(running.started_at);
    } else if let Some(ended) = &state.terminated {
        let health = if ended.exit_code == 0 { Health::Idle } else { Health::Bad };
        made.state = Value::state(health, &clean(&format!("{} ({})", ended_word(ended), ended.exit_code)));
        made.why = clean(&ended.message);
        made.since = Value::time(ended.finished_at);
    } else if let Some(waiting) = &state.waiting {
        let health = match waiting.reason.as_str() {
            "" | "ContainerCreating" | "PodInitializing" => Health::Busy,
            _ => Health::Bad,
        };
        made.state = Value::state(health, &clean(if waiting.reason.is_empty() { "waiting" } else { &waiting.reason }));
        made.why = clean(&waiting.message);
    }
    if let Some(ended) = &status.last_state.terminated {
        let word = Value::text(&clean(&format!("{} ({})", ended_word(ended), ended.exit_code)));
        made.last = Value::pair(word, Value::time(ended.finished_at));
        if made.why.is_empty() {
            made.why = clean(&ended.message);
        }
    }
    made
}

/// Feeds one of the panes that show a single pod.
pub(super) struct DetailFeed {
    pane: PaneId,
    pod: Objects<Whole>,
    /// Whether it was ever seen, and in the list that is coming now.
    seen: (bool, bool),
}

impl DetailFeed {
    pub(super) fn new(pane: PaneId, pod: Objects<Whole>) -> Self {
        Self { pane, pod, seen: (false, false) }
    }

    fn rows(&self, wire: &PodWire) -> Vec<Change> {
        let rows: Vec<Arc<_>> = if self.pane == FACTS {
            facts(wire)
        } else {
            debug_assert_eq!(self.pane, CONTAINERS);
            containers(wire).iter().map(Record::row).collect()
        };
        let mut changes = vec![Change::Begin];
        changes.extend(rows.into_iter().map(Change::Upsert));
        changes.push(Change::Complete);
        changes
    }
}

impl Feed for DetailFeed {
    fn panes(&self) -> Vec<PaneId> {
        vec![self.pane]
    }

    fn cadence(&self) -> Cadence {
        Cadence::Watch { silence: std::time::Duration::from_secs(45) }
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Fetched, Error>> {
        Box::pin(async move {
            let mut changes = Vec::new();
            let (told, over) = self.pod.next().await?;
            for told in told {
                match told {
                    Told::Seen(pod) => {
                        self.seen = (true, true);
                        changes.extend(self.rows(&pod.wire));
                        changes.push(Change::Note("".into()));
                    }
                    Told::Begin => self.seen.1 = false,
                    Told::Complete if self.seen.1 => {}
                    Told::Complete | Told::Gone(_) if self.seen.0 => {
                        changes.push(Change::Note("this pod is gone; what it was last is shown".into()));
                    }
                    Told::Complete | Told::Gone(_) => {
                        changes.extend([Change::Begin, Change::Complete, Change::Note("there is no such pod".into())]);
                    }
                    Told::Beat => changes.push(Change::Beat),
                    Told::Note(note) => changes.push(Change::Note(note.into())),
                    Told::More(_) => {}
                }
            }
            Ok(Fetched { changes: changes.into_iter().map(|change| (self.pane, change)).collect(), over })
        })
    }

    fn reconnect(&mut self) {
        self.pod.reconnect();
    }
}
