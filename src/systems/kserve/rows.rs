//! The rows of the pane `endpoints`: InferenceServices, InferenceGraphs and LLMInferenceServices in one shape.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::model::health::Health;
use crate::model::id::{Key, PaneId, Ref};
use crate::model::record::{Column, Head, Record};
use crate::model::serving::Role;
use crate::model::value::{Part, Value};

use super::mode::{Mode, old_name};
use super::revisions::{self, Revision, component, declared, differs, effective};
use super::source::{self, Source};
use super::why::{Evidence, Verdict, judge, judge_other};
use super::wire::{Graph, InferenceService, Llm, Metadata};

/// The pane of endpoints.
pub(super) const ENDPOINTS: PaneId = PaneId("endpoints");

/// Which kind of object an endpoint is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// `InferenceService`.
    Service,
    /// `InferenceGraph`.
    Graph,
    /// `LLMInferenceService`.
    Llm,
}

impl Kind {
    /// Its name in the API.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Service => "InferenceService",
            Self::Graph => "InferenceGraph",
            Self::Llm => "LLMInferenceService",
        }
    }

    /// Its plural name in the API, and what a person types after `kubectl get`.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Service => "inferenceservices",
            Self::Graph => "inferencegraphs",
            Self::Llm => "llminferenceservices",
        }
    }

    /// Its versions in the API, newest first.
    pub(super) fn versions(self) -> &'static [&'static str] {
        match self {
            Self::Service => &["v1beta1"],
            Self::Graph => &["v1alpha1"],
            Self::Llm => &["v1alpha2", "v1alpha1"],
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Service => "",
            Self::Graph => "graph:",
            Self::Llm => "llm:",
        }
    }

    /// The row's key: `namespace/name` for an InferenceService, with the kind before it for the others, whose names may
    /// be the same.
    pub(super) fn key(self, namespace: &str, name: &str) -> Key {
        Key::new(format!("{}{namespace}/{name}", self.prefix()))
    }

    /// Kind, namespace and name of a row's key.
    pub(super) fn split(key: &Key) -> Option<(Self, &str, &str)> {
        let text = key.as_str();
        let (kind, rest) = [Self::Graph, Self::Llm]
            .into_iter()
            .find_map(|kind| text.strip_prefix(kind.prefix()).map(|rest| (kind, rest)))
            .unwrap_or((Self::Service, text));
        rest.split_once('/').map(|(namespace, name)| (kind, namespace, name))
    }
}

/// An endpoint as it is shown.
#[derive(Debug, Clone)]
pub(super) struct Endpoint {
    pub(super) kind: Kind,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) verdict: Verdict,
    pub(super) url: String,
    pub(super) source: Source,
    pub(super) runtime: String,
    pub(super) protocol: String,
    pub(super) mode: Option<Mode>,
    pub(super) old_mode: Option<String>,
    pub(super) traffic: Arc<[Part]>,
    pub(super) declared: Arc<[Part]>,
    pub(super) differs: bool,
    /// The canary's label and the share that the spec asks for it.
    pub(super) canary: Option<(String, f64)>,
    /// The revision that was rolled out before the one that serves.
    pub(super) previous: String,
    pub(super) replicas: Option<i64>,
    pub(super) bounds: String,
    pub(super) created: Option<DateTime<Utc>>,
}

impl Endpoint {
    /// The row of an InferenceService.
    pub(super) fn service(evidence: Evidence<'_>) -> Self {
        let Evidence { service, mode, revisions, pods, .. } = evidence;
        let status = service.status.as_ref();
        let predictor = &service.spec.predictor;
        let ready_pods = pods.map(|pods| pods.iter().filter(|pod| super::why::pod_ready(pod)).count());
        Self {
            verdict: judge(evidence),
            url: status.map_or(String::new(), |it| it.url.to_string()),
            source: Source::of(predictor),
            runtime: source::runtime(service),
            protocol: source::protocol(service),
            mode: Some(mode),
            old_mode: old_name(service).map(str::to_owned),
            traffic: effective(revisions),
            declared: declared(revisions).iter().filter(|part| part.percent > 0.0).cloned().collect(),
            differs: differs(revisions),
            canary: canary(service, mode, revisions),
            previous: previous(service),
            replicas: ready_pods
                .and_then(|count| i64::try_from(count).ok())
                .or_else(|| status.map(|it| it.model_status.copies.total_copies.unwrap_or(0))),
            bounds: bounds(predictor.min_replicas, predictor.max_replicas),
            ..Self::bare(Kind::Service, &service.metadata)
        }
    }

    /// The row of an InferenceGraph; `stopped` names the steps whose endpoint is stopped.
    pub(super) fn graph(graph: &Graph, stopped: &[String], now: DateTime<Utc>) -> Self {
        let status = graph.status.as_ref();
        let mut verdict = judge_other(&graph.metadata, status, now);
        if !stopped.is_empty() && verdict.word != "stopped" {
            verdict.health = verdict.health.min(Health::Warn);
            let (word, joined) = ("yes, a step is stopped", stopped.join(", "));
            verdict.word = if verdict.word == "yes" { word } else { verdict.word };
            verdict.why =
                [&*verdict.why, &format!("{joined} is stopped")].join(if verdict.why.is_empty() { "" } else { "; " });
        }
        let root = graph.spec.nodes.get("root");
        let weights = root.filter(|node| node.router_type == "Splitter").map(|node| {
            let part = |step: &super::wire::GraphStep| Part {
                label: Arc::from(
                    [&*step.name, &*step.service_name, &*step.node_name]
                        .into_iter()
                        .find(|it| !it.is_empty())
                        .unwrap_or("?"),
                ),
                percent: step.weight.unwrap_or(0) as f64,
                health: Health::Good,
            };
            node.steps.iter().map(part).collect::<Arc<[Part]>>()
        });
        let steps: usize = graph.spec.nodes.values().map(|node| node.steps.len()).sum();
        let routers = root.map_or("", |node| &*node.router_type);
        Self {
            verdict,
            url: status.map_or(String::new(), |it| it.url.to_string()),
            source: Source { model: format!("{routers} of {steps}"), ..Source::default() },
            mode: status.and_then(|it| Mode::named(&it.deployment_mode)),
            traffic: weights.unwrap_or_default(),
            bounds: bounds(graph.spec.min_replicas, graph.spec.max_replicas),
            ..Self::bare(Kind::Graph, &graph.metadata)
        }
    }

    /// The row of an LLMInferenceService.
    pub(super) fn llm(llm: &Llm, now: DateTime<Utc>) -> Self {
        let status = llm.status.as_ref();
        let address = status.and_then(|it| it.addresses.first()).map_or("", |it| &*it.url);
        let url = status.map_or("", |it| &*it.url);
        let name = if llm.spec.model.name.is_empty() { &*llm.spec.model.uri } else { &*llm.spec.model.name };
        Self {
            verdict: judge_other(&llm.metadata, status, now),
            url: if url.is_empty() { address } else { url }.to_owned(),
            source: Source { model: name.to_owned(), uri: llm.spec.model.uri.to_string(), ..Source::default() },
            protocol: "openai".into(),
            bounds: llm.spec.replicas.map_or(String::new(), |count| format!("of {count}")),
            ..Self::bare(Kind::Llm, &llm.metadata)
        }
    }

    fn bare(kind: Kind, metadata: &Metadata) -> Self {
        Self {
            kind,
            namespace: metadata.namespace.to_string(),
            name: metadata.name.to_string(),
            verdict: Verdict { health: Health::Idle, word: "", why: String::new(), unsettled: false },
            url: String::new(),
            source: Source::default(),
            runtime: String::new(),
            protocol: String::new(),
            mode: None,
            old_mode: None,
            traffic: Arc::default(),
            declared: Arc::default(),
            differs: false,
            canary: None,
            previous: String::new(),
            replicas: None,
            bounds: String::new(),
            created: metadata.creation_timestamp,
        }
    }
}

/// The canary and the share declared for it. In Standard mode `canaryTrafficPercent` makes none.
fn canary(service: &InferenceService, mode: Mode, revisions: &[Revision]) -> Option<(String, f64)> {
    let percent = service.spec.predictor.canary_traffic_percent.map(|percent| percent as f64);
    let canary = revisions.iter().find(|it| it.role == Role::Canary)?;
    let share = if mode == Mode::Knative { percent? } else { canary.declared.unwrap_or(0.0) };
    Some((canary.label.clone(), share))
}

/// The revision to which a roll back after promotion leads in Knative mode.
fn previous(service: &InferenceService) -> String {
    let Some(predictor) = component(service, "predictor") else { return String::new() };
    let (previous, rolled) = (&*predictor.previous_rolledout_revision, &*predictor.latest_rolledout_revision);
    if previous == rolled { String::new() } else { revisions::short_name(service, previous) }
}

/// `of 2–6` behind the number of replicas.
fn bounds(min: Option<i64>, max: Option<i64>) -> String {
    // KServe's own default is 1
    let min = min.unwrap_or(1);
    match max {
        Some(max) if max > min => format!("of {min}–{max}"),
        _ => format!("of {min}"),
    }
}

fn share(parts: &Arc<[Part]>) -> Value {
    if parts.is_empty() { Value::None } else { Value::Share(Arc::clone(parts)) }
}

/// Where the columns stand that verbs ask for.
pub(super) mod at {
    pub(in crate::systems::kserve) const READY: usize = 2;
    pub(in crate::systems::kserve) const CANARY: usize = 8;
    pub(in crate::systems::kserve) const KIND: usize = 13;
    pub(in crate::systems::kserve) const MODE: usize = 14;
    pub(in crate::systems::kserve) const PREVIOUS: usize = 15;
    pub(in crate::systems::kserve) const HELD: usize = 16;
}

macro_rules! column {
    ($head:expr, $get:expr) => {
        Column { head: $head, get: $get }
    };
}

static COLUMNS: [Column<Endpoint>; 19] = [
    column!(Head::text("name", "name", 40).tier(0).min(12), |it| Value::text(&it.name)),
    column!(Head::text("namespace", "namespace", 24).tier(3), |it| Value::text(&it.namespace)),
    column!(
        Head::text("ready", "ready", 26)
            .tier(0)
            .min(6)
            .as_state()
            .help("whether it answers, and what is wrong if it does only in part"),
        |it| Value::state(it.verdict.health, it.verdict.word)
    ),
    column!(Head::text("model", "model", 28).tier(1).min(8).help("the end of its storage address"), |it| Value::text(
        &it.source.model
    )),
    column!(
        Head::text("traffic", "traffic", 30)
            .tier(1)
            .min(18)
            .help("the share of the traffic in force, by revision, in percent"),
        |it| share(&it.traffic)
    ),
    column!(
        Head::text("declared", "declared", 30)
            .tier(4)
            .help("the share of the traffic that the spec asks for, where it is not what is in force"),
        |it| if it.differs { share(&it.declared) } else { Value::None }
    ),
    column!(Head::number("replicas", "replicas", 12).tier(3).help("ready replicas, of least and most"), replicas),
    column!(Head::text("why", "why", 120).tier(3).min(12).help("why it is not well"), |it| Value::text(
        &it.verdict.why
    )),
    column!(
        Head::text("canary", "canary", 16).tier(9).help("the share that the spec asks for its canary, in percent"),
        |it| it.canary.as_ref().map_or(Value::None, |(label, percent)| {
            Value::pair(Value::Number(*percent, crate::model::value::Unit::None), Value::text(label))
        })
    ),
    column!(Head::text("protocol", "protocol", 8).tier(3), |it| Value::text(&it.protocol)),
    column!(Head::text("format", "format", 16).tier(4), |it| Value::text(&it.source.format)),
    column!(Head::text("runtime", "runtime", 28).tier(4), |it| Value::text(&it.runtime)),
    column!(Head::text("url", "url", 80).tier(9), |it| Value::text(&it.url)),
    column!(Head::text("kind", "kind", 20).tier(9), |it| Value::text(it.kind.word())),
    column!(
        Head::text("mode", "mode", 26)
            .tier(4)
            .help("Knative, Standard or ModelMesh; behind it the old name that the object carries"),
        mode
    ),
    column!(Head::text("previous", "previous", 16).tier(9).help("the revision that was rolled out before"), |it| {
        Value::text(&it.previous)
    }),
    column!(Head::text("held", "held", 30).tier(9).help("why the controller would not follow a change"), |it| if it
        .verdict
        .why
        .contains("disable-auto-update")
    {
        Value::text("disable-auto-update")
    } else {
        Value::None
    }),
    column!(Head::text("storage", "storage", 80).tier(9).help("where the model comes from"), |it| Value::text(
        &it.source.uri
    )),
    column!(Head::number("age", "age", 6).tier(2), |it| Value::time(it.created)),
];

fn replicas(endpoint: &Endpoint) -> Value {
    match (endpoint.replicas, &*endpoint.bounds) {
        (Some(count), bounds) => Value::pair(Value::Int(count), Value::text(bounds)),
        (None, _) => Value::None,
    }
}

fn mode(endpoint: &Endpoint) -> Value {
    let Some(mode) = endpoint.mode else { return Value::None };
    match &endpoint.old_mode {
        Some(old) => Value::pair(Value::text(mode.word()), Value::text(old)),
        None => Value::text(mode.word()),
    }
}

impl Record for Endpoint {
    fn columns() -> &'static [Column<Self>] {
        &COLUMNS
    }

    fn key(&self) -> Key {
        self.kind.key(&self.namespace, &self.name)
    }

    fn refs(&self) -> Vec<Ref> {
        self.source.reference().into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_that_verbs_ask_for_stand_where_they_look() {
        let id = |at: usize| COLUMNS[at].head.id.to_string();
        let found = [at::READY, at::CANARY, at::KIND, at::MODE, at::PREVIOUS, at::HELD].map(id);
        assert_eq!(found, ["ready", "canary", "kind", "mode", "previous", "held"]);
    }

    #[test]
    fn a_key_tells_the_kind() {
        let key = Kind::Graph.key("models", "split");
        assert_eq!(Kind::split(&key), Some((Kind::Graph, "models", "split")));
        assert_eq!(Kind::split(&Key::namespaced("models", "a")), Some((Kind::Service, "models", "a")));
        assert_eq!(Kind::split(&Key::from("nothing")), None);
    }
}
