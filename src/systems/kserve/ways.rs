//! The ways in to an endpoint: which Service and which pods lead to each of its revisions.
//!
//! Addresses in a status are not relied on: in Standard mode they named Services that don't exist, and Knative's
//! Services are names for outside, which the API server can't reach. What leads to a revision follows from the names
//! that KServe gives.

use crate::model::health::Health;
use crate::model::serving::{Protocol, Revision as Way, Role, ServicePort, Serving};

use super::board::{BELONGS, Board, Name, Reach};
use super::mode::Mode;
use super::revisions::{Revision, component};
use super::source::{port, protocol, served_name};
use super::why::{pod_ready, stopped};
use super::wire::{Graph, InferenceService, Llm, OtherStatus, Pod};

/// The port of KServe's model servers.
const PORT: u16 = 8080;

/// The ways in to an InferenceService.
pub(super) fn service(board: &Board, at: &Name) -> Option<Serving> {
    let service = board.service(at)?;
    let mode = board.mode(service);
    let pods = board.pods(at);
    let revisions = board.revisions(service);
    let ways = revisions.iter().map(|revision| way(service, revision, mode, &pods)).collect();
    Some(Serving {
        namespace: at.0.clone(),
        name: at.1.clone(),
        model: served_name(&service.spec.predictor).filter(|name| *name != at.1),
        protocol: match &*protocol(service) {
            "v1" => Some(Protocol::V1),
            "v2" => Some(Protocol::V2),
            _ => None,
        },
        url: service.status.as_ref().map(|status| status.url.to_string()).filter(|url| !url.is_empty()),
        revisions: ways,
        obstacle: obstacle(board, service, (mode, &pods)),
    })
}

/// Why no prediction can succeed, where that is certain.
fn obstacle(board: &Board, service: &InferenceService, (mode, pods): (Mode, &[&Pod])) -> Option<String> {
    let name = &service.metadata.name;
    let conditions = service.status.as_ref().map_or(&[][..], |status| &status.conditions);
    if stopped(&service.metadata, conditions) {
        return Some(format!("{name} is stopped on purpose: nothing serves until it is resumed"));
    }
    if conditions.is_empty() {
        return Some(format!("{name} has no status yet: nothing serves it"));
    }
    // Knative wakes a revision without pods with the first request
    let idle = mode != Mode::Knative && board.pods_reach == Reach::Known && !pods.iter().any(|pod| pod_ready(pod));
    idle.then(|| format!("no pod of {name} is ready"))
}

fn way(service: &InferenceService, revision: &Revision, mode: Mode, pods: &[&Pod]) -> Way {
    let entry = entry(service, revision, mode);
    let in_pods = pods.iter().filter(|pod| entry.runs(pod)).find_map(|pod| container_port(pod));
    Way {
        name: if mode == Mode::Knative { revision.name.clone() } else { revision.label.clone() },
        role: revision.role,
        percent: revision.effective,
        selector: entry.selector(),
        port: in_pods.or_else(|| port(entry.component(service))).unwrap_or(PORT),
        service: Some(ServicePort { name: entry.service, port: "80".into() }),
        ready: matches!(revision.health, Health::Good | Health::Idle),
    }
}

/// Where a request to a revision enters: its transformer, where it has one, or its predictor.
struct Entry {
    /// A label and its value, which find the pods.
    label: (&'static str, String),
    /// Narrows the label down.
    more: Option<(&'static str, String)>,
    service: String,
    transformer: bool,
}

impl Entry {
    fn selector(&self) -> String {
        let parts = [Some(&self.label), self.more.as_ref()];
        parts.into_iter().flatten().map(|(label, value)| format!("{label}={value}")).collect::<Vec<_>>().join(",")
    }

    fn runs(&self, pod: &Pod) -> bool {
        [Some(&self.label), self.more.as_ref()]
            .into_iter()
            .flatten()
            .all(|(label, value)| pod.metadata.label(label) == *value)
    }

    fn component<'a>(&self, service: &'a InferenceService) -> &'a super::wire::Predictor {
        service.spec.transformer.as_deref().filter(|_| self.transformer).unwrap_or(&service.spec.predictor)
    }
}

fn entry(service: &InferenceService, revision: &Revision, mode: Mode) -> Entry {
    let name = &service.metadata.name;
    // a transformer calls the stable predictor, so it is no way to a canary
    let transformer = service.spec.transformer.is_some() && revision.role == Role::Stable;
    match (mode, transformer) {
        (Mode::Knative, _) => {
            let of = if transformer { component(service, "transformer") } else { None };
            let found = of.map(|it| it.latest_ready_revision.to_string()).filter(|it| !it.is_empty());
            let transformer = found.is_some();
            let revision = found.unwrap_or_else(|| revision.name.clone());
            let service = format!("{revision}-private");
            Entry { label: ("serving.knative.dev/revision", revision), more: None, service, transformer }
        }
        (_, true) => Entry {
            label: (BELONGS, name.to_string()),
            more: Some(("component", "transformer".into())),
            service: format!("{name}-transformer"),
            transformer,
        },
        (_, false) => Entry {
            label: ("app", format!("isvc.{}", revision.name)),
            more: None,
            service: revision.name.clone(),
            transformer,
        },
    }
}

fn container_port(pod: &Pod) -> Option<u16> {
    let containers = &pod.spec.containers;
    let main = containers.iter().find(|it| it.name == "kserve-container").or_else(|| containers.first())?;
    main.ports.first().map(|port| port.container_port).filter(|port| *port != 0)
}

fn url(status: Option<&OtherStatus>) -> Option<String> {
    let status = status?;
    let first = status.addresses.first().map(|it| &it.url);
    [Some(&status.url), first].into_iter().flatten().find(|url| !url.is_empty()).map(ToString::to_string)
}

/// The ways in to a graph.
pub(super) fn graph(graph: &Graph) -> Serving {
    let name = &graph.metadata.name;
    Serving {
        namespace: graph.metadata.namespace.to_string(),
        name: name.to_string(),
        model: None,
        protocol: None,
        url: url(graph.status.as_ref()),
        revisions: Vec::new(),
        obstacle: Some(format!(
            "{name} is an InferenceGraph: it is called at its address without a model's name, which test predictions \
             can't do; try the endpoints of its steps"
        )),
    }
}

/// The ways in to an LLM service.
pub(super) fn llm(llm: &Llm) -> Serving {
    let name = &llm.metadata.name;
    Serving {
        namespace: llm.metadata.namespace.to_string(),
        name: name.to_string(),
        model: Some(llm.spec.model.name.to_string()).filter(|model| !model.is_empty()),
        protocol: None,
        url: url(llm.status.as_ref()),
        revisions: vec![Way {
            name: name.to_string(),
            role: Role::Stable,
            percent: None,
            selector: format!("app.kubernetes.io/name={name},app.kubernetes.io/part-of=llminferenceservice"),
            port: 8000,
            service: Some(ServicePort { name: format!("{name}-kserve-workload-svc"), port: "8000".into() }),
            ready: llm.status.as_ref().is_some_and(|it| {
                super::wire::condition(&it.conditions, "Ready").is_some_and(super::wire::Condition::is_true)
            }),
        }],
        obstacle: Some(format!("{name} speaks the OpenAI protocol; test predictions speak V1 and V2")),
    }
}
