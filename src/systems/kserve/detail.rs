//! What is shown of one endpoint when it is opened: facts, revisions, conditions and pods.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::model::health::Health;
use crate::model::id::{Key, Ref};
use crate::model::record::{Column, Head, Record, Row};
use crate::model::serving::Role;
use crate::model::value::{State, Unit, Value};

use super::board::{Board, Name, Reach, pod_storage};
use super::mode::Mode;
use super::owner::manager;
use super::revisions::Revision;
use super::rows::{ENDPOINTS, Endpoint, Kind};
use super::source::{Source, short};
use super::why::{has_lost_node, pod_failure, pod_ready};
use super::wire::{Condition, Metadata, Pod};

/// The facts of an endpoint, most important first; what does not apply is left out.
pub(super) fn facts(board: &Board, key: &Key, now: DateTime<Utc>) -> Vec<Arc<Row>> {
    let Some(endpoint) = board.record(key, now) else { return Vec::new() };
    let metadata = metadata(board, key);
    let ready = Value::State(State { health: endpoint.verdict.health, word: endpoint.verdict.word.into() });
    let held = metadata.and_then(|it| manager(endpoint.kind, it));
    let cell = |id: &str| {
        let found = Endpoint::columns().iter().find(|column| column.head.id == id);
        found.map_or(Value::None, |column| (column.get)(&endpoint))
    };
    let declared = if endpoint.differs { cell("declared") } else { Value::None };
    let all = [
        ("ready", ready),
        ("why", cell("why")),
        ("mode", cell("mode")),
        ("runtime", cell("runtime")),
        ("protocol", cell("protocol")),
        ("replicas", cell("replicas")),
        ("traffic", cell("traffic")),
        ("declared", declared),
        ("model", cell("model")),
        ("storage", cell("storage")),
        ("format", cell("format")),
        ("url", cell("url")),
        ("managed by", held.map_or(Value::None, |it| Value::text(&it.title))),
        ("kind", if endpoint.kind == Kind::Service { Value::None } else { cell("kind") }),
        ("age", cell("age")),
    ];
    crate::model::facts::rows(all)
}

fn metadata<'a>(board: &'a Board, key: &Key) -> Option<&'a Metadata> {
    let (kind, namespace, name) = Kind::split(key)?;
    let at: Name = (namespace.to_owned(), name.to_owned());
    match kind {
        Kind::Service => board.service(&at).map(|it| &it.metadata),
        Kind::Graph => board.graph(&at).map(|it| &it.metadata),
        Kind::Llm => board.llm(&at).map(|it| &it.metadata),
    }
}

/// One revision with its pods.
pub(super) struct RevisionRow {
    endpoint: Key,
    namespace: String,
    revision: Revision,
    registered: Option<Ref>,
    pods: Option<(usize, usize)>,
    failure: Option<String>,
    created: Option<DateTime<Utc>>,
}

fn percent(share: Option<f64>) -> Value {
    share.map_or(Value::None, |share| Value::Number(share, Unit::None))
}

static REVISION_COLUMNS: [Column<RevisionRow>; 9] = [
    Column {
        head: Head::text("state", "state", 12).tier(1).min(2).as_state(),
        get: |it| match &it.failure {
            Some(_) => Value::state(Health::Bad, "failing"),
            None => Value::state(it.revision.health, it.revision.word),
        },
    },
    Column { head: Head::text("revision", "revision", 48).tier(0).min(12), get: |it| Value::text(&it.revision.name) },
    Column {
        head: Head::text("role", "role", 8).tier(3).help("what it is to the customers"),
        get: |it| {
            Value::text(match it.revision.role {
                Role::Stable => "stable",
                Role::Canary => "canary",
                Role::Old => "old",
            })
        },
    },
    Column { head: Head::text("model", "model", 28).tier(1), get: |it| Value::text(&it.revision.model) },
    Column {
        head: Head::number("traffic", "traffic %", 9).tier(0).help("the share of the traffic in force, in percent"),
        get: |it| percent(it.revision.effective),
    },
    Column {
        head: Head::number("declared", "declared %", 10).tier(2).help("the share that the spec asks for, in percent"),
        get: |it| percent(it.revision.declared),
    },
    Column {
        head: Head::number("pods", "pods", 8).tier(1).help("ready pods, of all"),
        get: |it| it.pods.map_or(Value::None, |(ready, all)| Value::text(&format!("{ready}/{all}"))),
    },
    Column {
        head: Head::text("why", "why", 100).tier(2),
        get: |it| it.failure.as_deref().map_or(Value::None, Value::text),
    },
    Column { head: Head::number("age", "age", 6).tier(2), get: |it| Value::time(it.created) },
];

impl Record for RevisionRow {
    fn columns() -> &'static [Column<Self>] {
        &REVISION_COLUMNS
    }

    fn key(&self) -> Key {
        Key::namespaced(&self.namespace, &self.revision.name)
    }

    fn refs(&self) -> Vec<Ref> {
        let endpoint = Ref { pane: ENDPOINTS, key: self.endpoint.clone() };
        [endpoint].into_iter().chain(self.registered.clone()).collect()
    }
}

/// The revisions of an endpoint.
pub(super) fn revisions(board: &Board, key: &Key) -> Vec<Arc<Row>> {
    let Some((Kind::Service, namespace, name)) = Kind::split(key) else { return Vec::new() };
    let at: Name = (namespace.to_owned(), name.to_owned());
    let Some(service) = board.service(&at) else { return Vec::new() };
    let mode = board.mode(service);
    let pods = board.pods(&at);
    let known = board.pods_reach == Reach::Known;
    let row = |mut revision: Revision| {
        let own: Vec<&&Pod> = pods.iter().filter(|pod| belongs(pod, &revision, mode)).collect();
        let storage = own.iter().map(|pod| pod_storage(pod)).find(|uri| !uri.is_empty());
        let mut registered = None;
        if let Some(uri) = storage.filter(|_| revision.model.is_empty() || mode == Mode::Knative) {
            let source = Source::at(uri);
            registered = source.reference();
            revision.model = source.model;
        }
        RevisionRow {
            endpoint: key.clone(),
            namespace: namespace.to_owned(),
            pods: known.then(|| (own.iter().filter(|pod| pod_ready(pod)).count(), own.len())),
            failure: own.iter().find_map(|pod| pod_failure(pod)),
            created: own.iter().filter_map(|pod| pod.metadata.creation_timestamp).min(),
            registered,
            revision,
        }
        .row()
    };
    board.revisions(service).into_iter().map(row).collect()
}

/// Whether a pod runs a revision.
pub(super) fn belongs(pod: &Pod, revision: &Revision, mode: Mode) -> bool {
    match mode {
        Mode::Knative => pod.metadata.label("serving.knative.dev/revision") == revision.name,
        Mode::Standard | Mode::ModelMesh => pod.metadata.label("app").strip_prefix("isvc.") == Some(&revision.name),
    }
}

struct ConditionRow<'a> {
    condition: &'a Condition,
}

fn condition_heads() -> Arc<[Head]> {
    [
        Head::text("state", "state", 10).tier(0).min(2).as_state(),
        Head::text("condition", "condition", 32).tier(0).min(10),
        Head::text("reason", "reason", 32).tier(2),
        Head::text("message", "message", 120).tier(1).min(12),
        Head::number("since", "since", 6).tier(2),
    ]
    .into()
}

impl ConditionRow<'_> {
    fn health(&self) -> Health {
        let it = self.condition;
        // False is the healthy value of this one
        if it.r#type == "Stopped" {
            return if it.is_true() { Health::Idle } else { Health::Good };
        }
        match &*it.status {
            "True" => Health::Good,
            "False" if it.severity == "Info" || it.reason == "Stopped" => Health::Warn,
            "False" => Health::Bad,
            _ => Health::Busy,
        }
    }

    fn row(&self) -> Arc<Row> {
        let it = self.condition;
        Arc::new(Row {
            key: Key::new(&*it.r#type),
            cells: [
                Value::state(self.health(), &it.status),
                Value::text(&it.r#type),
                Value::text(&it.reason),
                Value::text(&it.message),
                Value::time(it.last_transition_time),
            ]
            .into(),
            refs: Box::default(),
        })
    }
}

/// The headings of the pane of conditions.
pub(super) fn heads_of_conditions() -> Arc<[Head]> {
    condition_heads()
}

/// The conditions of an endpoint, those that say that something is wrong first.
pub(super) fn conditions(board: &Board, key: &Key) -> Vec<Arc<Row>> {
    let Some((kind, namespace, name)) = Kind::split(key) else { return Vec::new() };
    let at: Name = (namespace.to_owned(), name.to_owned());
    let conditions: &[Condition] = match kind {
        Kind::Service => board.service(&at).and_then(|it| it.status.as_ref()).map_or(&[], |it| &it.conditions),
        Kind::Graph => board.graph(&at).and_then(|it| it.status.as_ref()).map_or(&[], |it| &it.conditions),
        Kind::Llm => board.llm(&at).and_then(|it| it.status.as_ref()).map_or(&[], |it| &it.conditions),
    };
    conditions.iter().map(|condition| ConditionRow { condition }.row()).collect()
}

/// A pod of an endpoint.
pub(super) struct PodRow {
    namespace: String,
    name: String,
    health: Health,
    word: String,
    ready: (usize, usize),
    restarts: i64,
    revision: String,
    why: String,
    node: String,
    created: Option<DateTime<Utc>>,
    endpoint: Key,
}

static POD_COLUMNS: [Column<PodRow>; 8] = [
    Column {
        head: Head::text("state", "state", 20).tier(0).min(2).as_state(),
        get: |it| Value::state(it.health, &it.word),
    },
    Column { head: Head::text("name", "name", 60).tier(0).min(12), get: |it| Value::text(&it.name) },
    Column { head: Head::text("revision", "revision", 40).tier(3), get: |it| Value::text(&it.revision) },
    Column {
        head: Head::number("ready", "ready", 6).tier(1).help("ready containers, of all"),
        get: |it| Value::text(&format!("{}/{}", it.ready.0, it.ready.1)),
    },
    Column { head: Head::number("restarts", "restarts", 8).tier(1), get: |it| Value::Int(it.restarts) },
    Column { head: Head::text("why", "why", 100).tier(2).min(12), get: |it| Value::text(&it.why) },
    Column { head: Head::text("node", "node", 40).tier(4), get: |it| Value::text(&it.node) },
    Column { head: Head::number("age", "age", 6).tier(2), get: |it| Value::time(it.created) },
];

impl Record for PodRow {
    fn columns() -> &'static [Column<Self>] {
        &POD_COLUMNS
    }

    fn key(&self) -> Key {
        Key::namespaced(&self.namespace, &self.name)
    }

    fn refs(&self) -> Vec<Ref> {
        let pod = Ref { pane: crate::model::id::PaneId("pods"), key: self.key() };
        vec![Ref { pane: ENDPOINTS, key: self.endpoint.clone() }, pod]
    }
}

/// The pods of an endpoint.
pub(super) fn pods(board: &Board, key: &Key) -> Vec<Arc<Row>> {
    let Some((Kind::Service, namespace, name)) = Kind::split(key) else { return Vec::new() };
    let all = board.pods(&(namespace.to_owned(), name.to_owned()));
    all.into_iter().map(|pod| pod_row(pod, key).row()).collect()
}

fn pod_row(pod: &Pod, endpoint: &Key) -> PodRow {
    let containers = &pod.status.container_statuses;
    let all = pod.status.init_container_statuses.iter().chain(containers);
    let why = pod_failure(pod).unwrap_or_default();
    let ending = pod.metadata.deletion_timestamp.is_some();
    let waiting = pod.status.init_container_statuses.iter().chain(containers).find_map(|it| {
        it.state.waiting.as_ref().map(|state| state.reason.to_string()).filter(|reason| !reason.is_empty())
    });
    let (health, word) = match (ending, pod_ready(pod), why.is_empty()) {
        (true, ..) => (Health::Busy, "ending".to_owned()),
        _ if has_lost_node(pod) => (Health::Bad, "node not ready".to_owned()),
        (_, true, _) => (Health::Good, "running".to_owned()),
        (_, _, false) => (Health::Bad, waiting.unwrap_or_else(|| "failed".into())),
        (..) if pod.status.phase == "Failed" => (Health::Bad, pod.status.reason.to_string()),
        (..) => (Health::Busy, waiting.unwrap_or_else(|| pod.status.phase.to_lowercase())),
    };
    let knative = pod.metadata.label("serving.knative.dev/revision");
    let revision = if knative.is_empty() { pod.metadata.label("app").trim_start_matches("isvc.") } else { knative };
    PodRow {
        namespace: pod.metadata.namespace.to_string(),
        name: pod.metadata.name.to_string(),
        health,
        word,
        ready: (containers.iter().filter(|it| it.ready).count(), pod.spec.containers.len().max(containers.len())),
        restarts: all.map(|it| it.restart_count).sum(),
        revision: short(revision),
        why,
        node: pod.spec.node_name.to_string(),
        created: pod.metadata.creation_timestamp,
        endpoint: endpoint.clone(),
    }
}
