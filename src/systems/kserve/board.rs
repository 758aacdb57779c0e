//! All that is known of the endpoints: objects as they were last seen, put together to rows.
//!
//! An endpoint's row depends on more than its object: on HTTPRoutes (what is really split), on pods (what really runs)
//! and, for a graph, on the endpoints of its steps. The board knows which rows a change touches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};

use crate::model::id::Key;
use crate::model::record::{Record, Row};

use super::mode::Mode;
use super::revisions::{Revision, Routes, revisions};
use super::rows::{Endpoint, Kind};
use super::why::{Evidence, stopped};
use super::wire::{Graph, HttpRoute, InferenceService, Llm, Pod};

/// Namespace and name.
pub(super) type Name = (String, String);

/// An object of one of the sources of the board.
#[derive(Debug, Clone)]
pub(super) enum Seen {
    Service(Box<InferenceService>),
    Graph(Box<Graph>),
    Llm(Box<Llm>),
    Route(Box<HttpRoute>),
    Pod(Box<Pod>),
}

/// The sources of the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    Service,
    Graph,
    Llm,
    Route,
    Pod,
}

impl Seen {
    fn place(&self) -> (What, Name) {
        match self {
            Self::Service(it) => (What::Service, name(&it.metadata)),
            Self::Graph(it) => (What::Graph, name(&it.metadata)),
            Self::Llm(it) => (What::Llm, name(&it.metadata)),
            Self::Route(it) => (What::Route, name(&it.metadata)),
            Self::Pod(it) => (What::Pod, name(&it.metadata)),
        }
    }
}

/// What is known of a source that need not be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Reach {
    /// Not read yet, or it can't be read.
    #[default]
    Unknown,
    /// The cluster has no such kind.
    Absent,
    /// Read.
    Known,
}

/// The objects as they were last seen.
#[derive(Debug, Default)]
pub(super) struct Board {
    services: BTreeMap<Name, InferenceService>,
    graphs: BTreeMap<Name, Graph>,
    llms: BTreeMap<Name, Llm>,
    routes: BTreeMap<Name, HttpRoute>,
    pods: BTreeMap<Name, BTreeMap<String, Pod>>,
    /// The endpoint that each pod belongs to.
    endpoint_of: BTreeMap<Name, Name>,
    /// What the list that is arriving has not brought yet.
    old: BTreeMap<What, BTreeSet<Name>>,
    /// What is known of HTTPRoutes.
    pub(super) routes_reach: Reach,
    /// What is known of pods.
    pub(super) pods_reach: Reach,
    /// The mode of objects that don't say theirs.
    pub(super) default_mode: Option<Mode>,
}

/// The label by which KServe marks what belongs to an InferenceService.
pub(super) const BELONGS: &str = "serving.kserve.io/inferenceservice";
/// The annotation in which KServe leaves the address of the model on a pod.
const STORAGE: &str = "internal.serving.kserve.io/storage-initializer-sourceuri";

fn name(metadata: &super::wire::Metadata) -> Name {
    (metadata.namespace.to_string(), metadata.name.to_string())
}

impl Board {
    /// An empty board that knows this much of routes and pods.
    #[cfg(test)]
    pub(super) fn reaching(routes: Reach, pods: Reach) -> Self {
        Self { routes_reach: routes, pods_reach: pods, ..Self::default() }
    }

    /// Takes in an object that is there now; gives the keys of the rows that it touches.
    pub(super) fn put(&mut self, seen: Seen) -> BTreeSet<Key> {
        let (what, at) = seen.place();
        if let Some(old) = self.old.get_mut(&what) {
            old.remove(&at);
        }
        match seen {
            Seen::Service(mut service) => {
                // often as large as the rest together, and never shown
                service.metadata.annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
                self.services.insert(at.clone(), *service);
                self.touched_by_service(&at)
            }
            Seen::Graph(graph) => {
                let touched = [Kind::Graph.key(&at.0, &at.1)].into();
                self.graphs.insert(at, *graph);
                touched
            }
            Seen::Llm(llm) => {
                let touched = [Kind::Llm.key(&at.0, &at.1)].into();
                self.llms.insert(at, *llm);
                touched
            }
            Seen::Route(route) => {
                let touched = self.touched_by_route(&at);
                self.routes.insert(at, *route);
                touched
            }
            Seen::Pod(pod) => self.put_pod(*pod),
        }
    }

    fn put_pod(&mut self, mut pod: Pod) -> BTreeSet<Key> {
        let endpoint = pod.metadata.label(BELONGS).to_owned();
        if endpoint.is_empty() {
            return BTreeSet::new();
        }
        pod.metadata.annotations.retain(|key, _| key == STORAGE);
        let at = (pod.metadata.namespace.to_string(), endpoint);
        let touched = [Kind::Service.key(&at.0, &at.1)].into();
        self.endpoint_of.insert(name(&pod.metadata), at.clone());
        self.pods.entry(at).or_default().insert(pod.metadata.name.to_string(), pod);
        touched
    }

    /// Takes out the object `namespace/name` that is gone; gives the keys of the rows that it touches.
    pub(super) fn remove(&mut self, what: What, key: &Key) -> BTreeSet<Key> {
        let Some((namespace, object)) = key.split_namespace() else { return BTreeSet::new() };
        let at = (namespace.to_owned(), object.to_owned());
        if let Some(old) = self.old.get_mut(&what) {
            old.remove(&at);
        }
        match what {
            What::Service => {
                self.services.remove(&at);
                self.touched_by_service(&at)
            }
            What::Graph => {
                self.graphs.remove(&at);
                [Kind::Graph.key(&at.0, &at.1)].into()
            }
            What::Llm => {
                self.llms.remove(&at);
                [Kind::Llm.key(&at.0, &at.1)].into()
            }
            What::Route => {
                self.routes.remove(&at);
                self.touched_by_route(&at)
            }
            What::Pod => {
                let Some(endpoint) = self.endpoint_of.remove(&at) else { return BTreeSet::new() };
                if let Some(pods) = self.pods.get_mut(&endpoint) {
                    pods.remove(&at.1);
                }
                self.pods.retain(|_, pods| !pods.is_empty());
                [Kind::Service.key(&endpoint.0, &endpoint.1)].into()
            }
        }
    }

    /// A full list of a source begins.
    pub(super) fn begin(&mut self, what: What) {
        let names = match what {
            What::Service => self.services.keys().cloned().collect(),
            What::Graph => self.graphs.keys().cloned().collect(),
            What::Llm => self.llms.keys().cloned().collect(),
            What::Route => self.routes.keys().cloned().collect(),
            What::Pod => self.endpoint_of.keys().cloned().collect(),
        };
        self.old.insert(what, names);
    }

    /// A full list of a source is over: what did not come is gone. Gives the keys of the rows that this touches.
    pub(super) fn complete(&mut self, what: What) -> BTreeSet<Key> {
        let gone = self.old.remove(&what).unwrap_or_default();
        let mut touched: BTreeSet<Key> =
            gone.iter().flat_map(|(space, name)| self.remove(what, &Key::namespaced(space, name))).collect();
        let reach = match what {
            What::Route => &mut self.routes_reach,
            What::Pod => &mut self.pods_reach,
            What::Service | What::Graph | What::Llm => return touched,
        };
        if *reach != Reach::Known {
            *reach = Reach::Known;
            // what was not known before may change any of them
            touched.extend(self.services.keys().map(|(space, name)| Kind::Service.key(space, name)));
        }
        touched
    }

    /// A source is not there, or can't be read.
    pub(super) fn set_reach(&mut self, what: What, reach: Reach) -> BTreeSet<Key> {
        match what {
            What::Route => self.routes_reach = reach,
            What::Pod => self.pods_reach = reach,
            What::Service | What::Graph | What::Llm => return BTreeSet::new(),
        }
        self.services.keys().map(|(space, name)| Kind::Service.key(space, name)).collect()
    }

    fn touched_by_service(&self, (namespace, service): &Name) -> BTreeSet<Key> {
        let graphs = self.graphs.iter().filter(|((space, _), graph)| {
            space == namespace
                && graph.spec.nodes.values().flat_map(|node| &node.steps).any(|step| step.service_name == **service)
        });
        let graphs = graphs.map(|((space, graph), _)| Kind::Graph.key(space, graph));
        graphs.chain([Kind::Service.key(namespace, service)]).collect()
    }

    fn touched_by_route(&self, (namespace, route): &Name) -> BTreeSet<Key> {
        let owners = [route.as_str(), route.strip_suffix("-predictor").unwrap_or(route)];
        let known =
            owners.into_iter().filter(|owner| self.services.contains_key(&(namespace.clone(), (*owner).into())));
        known.map(|owner| Kind::Service.key(namespace, owner)).collect()
    }

    /// The keys of all rows.
    #[cfg(test)]
    pub(super) fn keys(&self) -> BTreeSet<Key> {
        let services = self.services.keys().map(|(space, name)| Kind::Service.key(space, name));
        let graphs = self.graphs.keys().map(|(space, name)| Kind::Graph.key(space, name));
        services.chain(graphs).chain(self.llms.keys().map(|(space, name)| Kind::Llm.key(space, name))).collect()
    }

    /// The InferenceService with this name.
    pub(super) fn service(&self, at: &Name) -> Option<&InferenceService> {
        self.services.get(at)
    }

    /// The graph with this name.
    pub(super) fn graph(&self, at: &Name) -> Option<&Graph> {
        self.graphs.get(at)
    }

    /// The LLM service with this name.
    pub(super) fn llm(&self, at: &Name) -> Option<&Llm> {
        self.llms.get(at)
    }

    /// The pods of an InferenceService.
    pub(super) fn pods(&self, at: &Name) -> Vec<&Pod> {
        self.pods.get(at).map_or_else(Vec::new, |pods| pods.values().collect())
    }

    /// The mode that an InferenceService obeys.
    pub(super) fn mode(&self, service: &InferenceService) -> Mode {
        Mode::of(service, self.default_mode)
    }

    /// The revisions of an InferenceService.
    pub(super) fn revisions(&self, service: &InferenceService) -> Vec<Revision> {
        let (space, name) = (&service.metadata.namespace, &service.metadata.name);
        let named = [name.to_string(), format!("{name}-predictor")];
        let found: Vec<&HttpRoute> =
            named.into_iter().filter_map(|route| self.routes.get(&(space.to_string(), route))).collect();
        let routes = match self.routes_reach {
            Reach::Unknown => Routes::Unknown,
            Reach::Absent => Routes::None,
            Reach::Known if found.is_empty() => Routes::None,
            Reach::Known => Routes::Known(&found),
        };
        revisions(service, self.mode(service), routes)
    }

    /// An InferenceService as it is shown.
    pub(super) fn endpoint(&self, service: &InferenceService, now: DateTime<Utc>) -> Endpoint {
        let revisions = self.revisions(service);
        let pods = self.pods(&name(&service.metadata));
        let known = self.pods_reach == Reach::Known;
        let mode = self.mode(service);
        Endpoint::service(Evidence { service, mode, revisions: &revisions, pods: known.then_some(&pods), now })
    }

    /// The row with this key, if the object is there.
    pub(super) fn record(&self, key: &Key, now: DateTime<Utc>) -> Option<Endpoint> {
        let (kind, namespace, object) = Kind::split(key)?;
        let at = (namespace.to_owned(), object.to_owned());
        match kind {
            Kind::Service => self.services.get(&at).map(|service| self.endpoint(service, now)),
            Kind::Graph => self.graphs.get(&at).map(|graph| Endpoint::graph(graph, &self.stopped_steps(graph), now)),
            Kind::Llm => self.llms.get(&at).map(|llm| Endpoint::llm(llm, now)),
        }
    }

    /// The row with this key and whether time alone may change it.
    pub(super) fn row(&self, key: &Key, now: DateTime<Utc>) -> Option<(Arc<Row>, bool)> {
        self.record(key, now).map(|endpoint| (endpoint.row(), endpoint.verdict.unsettled))
    }

    fn stopped_steps(&self, graph: &Graph) -> Vec<String> {
        let steps = graph.spec.nodes.values().flat_map(|node| &node.steps).map(|step| step.service_name.to_string());
        let names: BTreeSet<String> = steps.filter(|name| !name.is_empty()).collect();
        let is_stopped = |name: &String| {
            self.services.get(&(graph.metadata.namespace.to_string(), name.clone())).is_some_and(|service| {
                let conditions = service.status.as_ref().map_or(&[][..], |status| &status.conditions);
                stopped(&service.metadata, conditions)
            })
        };
        names.into_iter().filter(is_stopped).collect()
    }
}

/// The address of the model that a pod serves, where KServe left it there.
pub(super) fn pod_storage(pod: &Pod) -> &str {
    pod.metadata.annotation(STORAGE)
}
