//! Kubernetes itself: pods with their containers, events, logs and YAML.
//!
//! Does not belong here: how a cluster is reached (that is [`super::kube`]) and what KServe makes of its pods (that is
//! [`super::kserve`]; the two meet by a label and by references to the pane `endpoints`).

mod detail;
mod events;
mod logs;
mod pods;
mod splitting;
mod status;
#[cfg(test)]
mod tests;
mod wire;
mod yaml;

use std::sync::Arc;

use futures_util::future::{BoxFuture, join_all};
use serde::Deserialize;
use serde_json::Value as Json;

use self::detail::{Container, DetailFeed};
use self::events::{About, Event, EventFeed};
use self::logs::Log;
use self::pods::Pod;
use self::yaml::Yaml;
use super::kube::{Access, ListWatch, Objects, Resource, Review, read_list};
use super::{Cx, Feed, Link, Opened, Parameters, Settings, System};
use crate::actions::Permit;
use crate::model::health::Error;
use crate::model::id::{PaneId, Ref, SystemId, ViewId};
use crate::model::plan::{Op, Outputs, PlanRequest, Planned, Probe};
use crate::model::record::{Head, Record, Row};
use crate::model::verb::{Kind, Pane, Rights, Section, View};

/// The system's name.
pub const ID: SystemId = SystemId("kubernetes");
/// Pods; keys are `namespace/name`.
pub const PODS: PaneId = PaneId("pods");
/// The facts of one pod.
pub const FACTS: PaneId = PaneId("pod_facts");
/// The containers of one pod.
pub const CONTAINERS: PaneId = PaneId("pod_containers");
/// The events of a pod, or of an endpoint and its pods.
pub const EVENTS: PaneId = PaneId("events");
/// The log of a container of a pod, or of the endpoint's pod that most needs looking at.
pub const LOGS: PaneId = PaneId("logs");
/// The object as YAML: of a pod or an endpoint.
pub const YAML: PaneId = PaneId("yaml");
/// Pods, as a screen.
pub const PODS_VIEW: ViewId = ViewId("pods");
/// One pod, as a screen.
pub const POD_VIEW: ViewId = ViewId("pod");

/// The pane that others have of what serves models; keys are `namespace/name`.
const ENDPOINTS: PaneId = PaneId("endpoints");
/// The label by which a pod names its endpoint.
const ENDPOINT_LABEL: &str = "serving.kserve.io/inferenceservice";

/// Rights that others check verbs against, by the name they use.
const RIGHTS: [(&str, Review<'static>); 4] = [
    ("get services/proxy", review("get", "", "services", "proxy")),
    ("create services/proxy", review("create", "", "services", "proxy")),
    // a port-forward over a websocket is a GET
    ("get pods/portforward", review("get", "", "pods", "portforward")),
    ("get pods/log", review("get", "", "pods", "log")),
];

const fn review(
    verb: &'static str,
    group: &'static str,
    resource: &'static str,
    subresource: &'static str,
) -> Review<'static> {
    Review { verb, group, resource, subresource, namespace: "", name: "" }
}

/// Kubernetes as a system.
pub struct Kubernetes;

/// The section `[kubernetes]` of the config file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Configured {
    /// Namespaces to look into, instead of the profile's.
    namespaces: Vec<String>,
}

impl Configured {
    fn read(settings: &Settings) -> Result<Self, Error> {
        settings
            .table
            .clone()
            .try_into()
            .map_err(|error: toml::de::Error| Error::Config { what: format!("[kubernetes]: {}", error.message()) })
    }
}

impl System for Kubernetes {
    fn id(&self) -> SystemId {
        ID
    }

    fn lamp(&self) -> &'static str {
        "K8S"
    }

    fn title(&self) -> &'static str {
        "Kubernetes"
    }

    fn panes(&self) -> &'static [Pane] {
        const PANES: &[Pane] = &[
            Pane {
                detail: Some(POD_VIEW),
                sort: Some(("status", false)),
                standing: true,
                ..pane(PODS, "Pods", "pod", Pod::heads)
            },
            pane(FACTS, "Facts", "fact", crate::model::facts::heads),
            pane(CONTAINERS, "Containers", "container", Container::heads),
            Pane { sort: Some(("last", true)), ..pane(EVENTS, "Events", "event", Event::heads) },
            pane(LOGS, "Log", "line", none),
            pane(YAML, "YAML", "line", none),
        ];
        PANES
    }

    fn views(&self) -> &'static [View] {
        const VIEWS: &[View] = &[
            View {
                id: PODS_VIEW,
                title: "Pods",
                key: None,
                sections: &[Section { pane: PODS, kind: Kind::Table, weight: 1 }],
            },
            View {
                id: POD_VIEW,
                title: "Pod",
                key: None,
                sections: &[
                    Section { pane: FACTS, kind: Kind::Facts, weight: 0 },
                    Section { pane: CONTAINERS, kind: Kind::Table, weight: 0 },
                    Section { pane: EVENTS, kind: Kind::Table, weight: 1 },
                    Section { pane: LOGS, kind: Kind::Log, weight: 2 },
                ],
            },
        ];
        VIEWS
    }

    fn check(&self, settings: &Settings) -> Result<(), Error> {
        Configured::read(settings).map(drop)
    }

    fn connect<'a>(&'a self, settings: &'a Settings, cx: &'a Cx) -> BoxFuture<'a, Result<Arc<dyn Link>, Error>> {
        Box::pin(async move {
            let section = Configured::read(settings)?;
            // the feeds connect, so that each says by itself what is wrong
            let link: Arc<dyn Link> =
                Arc::new(Connected { access: cx.kube.clone(), namespaces: cx.namespaces(section.namespaces) });
            Ok(link)
        })
    }
}

const fn pane(id: PaneId, title: &'static str, noun: &'static str, heads: fn() -> Arc<[Head]>) -> Pane {
    Pane { id, system: ID, title, noun, heads, joins: Vec::new, verbs: &[], detail: None, sort: None, standing: false }
}

fn none() -> Arc<[Head]> {
    Arc::new([])
}

/// What something is opened for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Target {
    Pod { namespace: String, name: String },
    Endpoint { kind: Serves, namespace: String, name: String },
}

/// Which of KServe's kinds an endpoint is; its key begins with the word for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Serves {
    Service,
    Graph,
    Llm,
}

impl Serves {
    /// The kind of a key of the pane `endpoints`, and the rest of the key.
    fn of(key: &str) -> (Self, &str) {
        match key.split_once(':') {
            Some(("graph", rest)) => (Self::Graph, rest),
            Some(("llm", rest)) => (Self::Llm, rest),
            _ => (Self::Service, key),
        }
    }

    /// The label by which its pods name it.
    fn label(self) -> &'static str {
        match self {
            Self::Service => ENDPOINT_LABEL,
            Self::Graph => "serving.kserve.io/inferencegraph",
            Self::Llm => "app.kubernetes.io/part-of=llminferenceservice,app.kubernetes.io/name",
        }
    }

    /// Where its objects are, the newest version first.
    fn places(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Service => &[("/apis/serving.kserve.io/v1beta1", "inferenceservices")],
            Self::Graph => &[("/apis/serving.kserve.io/v1alpha1", "inferencegraphs")],
            Self::Llm => &[
                ("/apis/serving.kserve.io/v1alpha2", "llminferenceservices"),
                ("/apis/serving.kserve.io/v1alpha1", "llminferenceservices"),
            ],
        }
    }
}

impl Target {
    fn of(what: &Ref) -> Option<Self> {
        let (kind, key) = Serves::of(what.key.as_str());
        let (namespace, name) = key.split_once('/')?;
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        match what.pane {
            PODS => Some(Self::Pod { namespace, name }),
            ENDPOINTS => Some(Self::Endpoint { kind, namespace, name }),
            _ => None,
        }
    }
}

/// The rows of a list of pods, as the API sends it.
#[must_use]
pub fn rows_of_pods(list: &[u8]) -> Vec<Arc<Row>> {
    read_list::<Pod>(list).iter().map(Record::row).collect()
}

struct Connected {
    access: Access,
    namespaces: Vec<String>,
}

impl Link for Connected {
    fn feeds(&self) -> Vec<Box<dyn Feed>> {
        let pods: Objects<Pod> =
            Objects::new(self.access.clone(), Resource::new("/api/v1", "pods"), self.namespaces.clone());
        vec![Box::new(ListWatch::new(PODS, pods))]
    }

    fn open(&self, what: &Ref, pane: PaneId, how: &Parameters) -> Option<Opened> {
        let access = self.access.clone();
        let target = Target::of(what)?;
        let opened = match (pane, &target) {
            (FACTS | CONTAINERS, Target::Pod { namespace, name }) => {
                Opened::Rows(Box::new(DetailFeed::new(pane, detail::follow(access, namespace, name))))
            }
            (PODS, Target::Endpoint { kind, namespace, name }) => {
                let own = Resource::new("/api/v1", "pods").labelled(&format!("{}={name}", kind.label()));
                let pods: Objects<Pod> = Objects::within(access, own, namespace);
                Opened::Rows(Box::new(ListWatch::new(PODS, pods)))
            }
            (EVENTS, Target::Pod { namespace, name }) => {
                Opened::Rows(Box::new(EventFeed::new(access, namespace, About::Pod(name.clone()))))
            }
            (EVENTS, Target::Endpoint { namespace, name, .. }) => {
                Opened::Rows(Box::new(EventFeed::new(access, namespace, About::Endpoint(name.clone()))))
            }
            (LOGS, _) => Opened::Lines(Box::new(Log::new(access, target, how))),
            (YAML, _) => Opened::Lines(Box::new(Yaml::new(access, target))),
            _ => return None,
        };
        Some(opened)
    }

    fn rights(&self) -> BoxFuture<'_, Result<Rights, Error>> {
        Box::pin(async move {
            let cluster = self.access.cluster().await?;
            let answers = join_all(RIGHTS.iter().map(|(name, review)| {
                let cluster = &cluster;
                async move { (*name, cluster.review(review).await) }
            }));
            let mut rights = Rights::default();
            for (name, answer) in answers.await {
                rights.set(name, answer?);
            }
            Ok(rights)
        })
    }

    fn plan(&self, request: PlanRequest) -> BoxFuture<'_, Result<Planned, Error>> {
        Box::pin(async move { Err(Error::Refused { why: format!("pods have no verb {}", request.verb) }) })
    }

    fn apply<'a>(
        &'a self,
        _permit: &'a Permit,
        op: &'a Op,
        _earlier: &'a Outputs,
    ) -> BoxFuture<'a, Result<Outputs, Error>> {
        Box::pin(async move { Err(Error::Refused { why: format!("pods have no operation {}", op.name) }) })
    }

    fn observe<'a>(&'a self, probe: &'a Probe, _earlier: &'a Outputs) -> BoxFuture<'a, Result<Json, Error>> {
        Box::pin(async move { Err(Error::Refused { why: format!("pods have no question {}", probe.name) }) })
    }

    fn object<'a>(&'a self, what: &'a Ref) -> BoxFuture<'a, Result<Json, Error>> {
        Box::pin(async move {
            let target = Target::of(what).ok_or_else(|| Error::Absent { what: what.to_string() })?;
            yaml::object(&self.access, &target).await
        })
    }
}
