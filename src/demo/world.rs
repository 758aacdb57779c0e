//! The state of the simulated organisation: a function of the seed, of the clock's time, and of what was changed.
//!
//! Whoever looks first brings the state up to the present: work that has become due (a controller's reaction, a pod
//! that gets ready) is done in the order of its own times. So a clock that stands still keeps the world still, and
//! nobody sleeps here; servers that wait do so on [`World::changes`].

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use tokio::sync::watch;

use super::cluster::agenda::Agenda;
use super::cluster::endpoint::Endpoint;
use super::registry::Registry;
use super::store::Store;
use super::story::{Mode, ServiceStory};
use super::traffic::{Metrics, ServiceKey, Traffic};
use crate::model::clock::Clock;

/// What goes wrong in the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scenario {
    /// The canary of `fraud-detection` fails more and more until its traffic is taken away.
    #[default]
    CanaryRegression,
    /// Nothing.
    Quiet,
    /// MLflow answers 503.
    RegistryOutage,
}

/// The systems whose servers the world runs, for faults and counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum System {
    /// The Kubernetes API server.
    Kubernetes,
    /// KServe's model servers, however they are reached.
    ModelServer,
    /// The ingress in front of the model servers.
    Ingress,
    /// MLflow.
    Mlflow,
    /// Prometheus.
    Prometheus,
}

/// What a system does instead of its duty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Answers every request with this status, and with `Retry-After` in seconds where given.
    Status(u16, Option<u32>),
    /// Waits for so many milliseconds (of real time) before it answers.
    Delay(u64),
    /// Takes requests and never answers.
    Hang,
    /// Closes the connection in the middle of the body.
    Cut,
    /// Answers 200 with an HTML login page.
    Html,
    /// Answers as usual, but with this text behind every text in the first of several objects, or behind every line.
    Poison(String),
}

/// What is needed to make a world.
#[derive(Debug, Clone)]
pub struct Setup {
    /// What goes wrong.
    pub scenario: Scenario,
    /// Where all chance comes from.
    pub seed: u64,
    /// How many objects are added to the story's own (pods; other kinds in proportion).
    pub scale: usize,
    /// The world's time.
    pub clock: Clock,
}

/// The simulated organisation, shared by all servers.
#[derive(Debug)]
pub struct World {
    setup: Setup,
    start: DateTime<Utc>,
    state: Mutex<State>,
    revision: watch::Sender<u64>,
    ticks: watch::Sender<DateTime<Utc>>,
    watches: AtomicUsize,
}

/// Everything that changes in the world.
#[derive(Debug)]
pub struct State {
    /// The seed.
    pub seed: u64,
    /// The cluster's objects.
    pub store: Store,
    /// Load, and the splits of traffic.
    pub traffic: Traffic,
    /// Models, versions, runs.
    pub registry: Registry,
    /// What goes wrong.
    pub scenario: Scenario,
    /// What the controllers know of each InferenceService.
    pub endpoints: BTreeMap<ServiceKey, Endpoint>,
    /// Work that is not due yet.
    pub agenda: Agenda,
    /// The time up to which the state is settled.
    pub present: DateTime<Utc>,
    /// How many pods were ever made.
    pub made: u64,
    /// How many predictions each revision has been asked for.
    pub calls: BTreeMap<(ServiceKey, String), u64>,
    touched: u64,
    faults: Vec<(System, String, Fault)>,
    requests: BTreeMap<(System, String), u64>,
    forbidden: Vec<(String, String)>,
}

impl World {
    /// The world of a story at the clock's present.
    #[must_use]
    pub fn new(setup: Setup) -> Arc<Self> {
        let start = setup.clock.now();
        let mut state = State {
            seed: setup.seed,
            store: Store::starting_at(80_000),
            traffic: Traffic::new(setup.seed, start),
            registry: Registry::seeded(setup.seed, start, setup.scale),
            scenario: setup.scenario,
            endpoints: BTreeMap::new(),
            agenda: Agenda::default(),
            present: start,
            made: 0,
            calls: BTreeMap::new(),
            touched: 0,
            faults: Vec::new(),
            requests: BTreeMap::new(),
            forbidden: Vec::new(),
        };
        state.seed_cluster(start, setup.scale);
        let revision = watch::Sender::new(state.revision());
        let ticks = watch::Sender::new(start);
        Arc::new(Self { setup, start, state: Mutex::new(state), revision, ticks, watches: AtomicUsize::new(0) })
    }

    /// The world's time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.setup.clock.now()
    }

    /// When the world was started, in its own time.
    #[must_use]
    pub fn start(&self) -> DateTime<Utc> {
        self.start
    }

    /// What goes wrong here.
    #[must_use]
    pub fn scenario(&self) -> Scenario {
        self.setup.scenario
    }

    /// Where all chance comes from.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.setup.seed
    }

    /// How many objects were added to the story's own.
    #[must_use]
    pub fn scale(&self) -> usize {
        self.setup.scale
    }

    /// A number that grows with every change of anything; a watcher that has seen it has seen all.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.enter(|state, _| state.revision())
    }

    /// A receiver that wakes whenever [`World::revision`] has grown.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// Brings the state up to the clock's present, and wakes the watchers; to be called after a virtual clock moved.
    pub fn touch(&self) {
        let now = self.enter(|_, now| now);
        self.ticks.send_replace(now);
    }

    /// A receiver that wakes whenever time has passed.
    #[must_use]
    pub fn ticks(&self) -> watch::Receiver<DateTime<Utc>> {
        self.ticks.subscribe()
    }

    /// How many watches are open.
    #[must_use]
    pub fn watches(&self) -> usize {
        self.watches.load(Ordering::Relaxed)
    }

    /// A watch was opened.
    pub(crate) fn watch_began(&self) {
        self.watches.fetch_add(1, Ordering::Relaxed);
    }

    /// A watch was closed.
    pub(crate) fn watch_ended(&self) {
        self.watches.fetch_sub(1, Ordering::Relaxed);
    }

    /// What a service's revision does at a time, past or present (or future, as things stand).
    ///
    /// The revision is Knative's revision name, or in Standard mode the predictor's Deployment (`churn-predictor`,
    /// `churn-v8-predictor`). `None` where there is none, or was none yet.
    #[must_use]
    pub fn metrics_at(&self, service: &ServiceKey, revision: &str, at: DateTime<Utc>) -> Option<Metrics> {
        self.enter(|state, _| state.traffic.metrics(service, revision, at))
    }

    /// Load, revisions and splits of all services, as they are now and were: a copy to compute series from.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.enter(|state, _| state.traffic.clone())
    }

    /// Reads the registry.
    pub fn registry<R>(&self, read: impl FnOnce(&Registry) -> R) -> R {
        self.enter(|state, _| read(&state.registry))
    }

    /// Changes the registry, at the world's present time.
    pub fn change_registry<R>(&self, change: impl FnOnce(&mut Registry, DateTime<Utc>) -> R) -> R {
        self.enter(|state, now| {
            state.touched += 1;
            change(&mut state.registry, now)
        })
    }

    /// Makes a system fail at every path until [`World::heal`].
    pub fn fail(&self, system: System, fault: Fault) {
        self.fail_at(system, "", fault);
    }

    /// Makes a system fail at the paths that contain `part`.
    pub fn fail_at(&self, system: System, part: &str, fault: Fault) {
        self.enter(|state, _| state.faults.push((system, part.to_owned(), fault)));
    }

    /// Ends all faults of a system.
    pub fn heal(&self, system: System) {
        self.enter(|state, _| state.faults.retain(|(known, _, _)| *known != system));
    }

    /// The fault that a request to this path meets, if any; the scenario's own included.
    #[must_use]
    pub fn fault(&self, system: System, path: &str) -> Option<Fault> {
        let set = self.enter(|state, _| {
            let faults =
                state.faults.iter().filter(|(known, part, _)| *known == system && path.contains(part.as_str()));
            faults.map(|(_, _, fault)| fault.clone()).next_back()
        });
        let outage = self.setup.scenario == Scenario::RegistryOutage && system == System::Mlflow;
        set.or_else(|| outage.then_some(Fault::Status(503, Some(5))))
    }

    /// Takes a right away: reviews of rights say no, and requests are answered 403.
    pub fn forbid(&self, verb: &str, resource: &str) {
        self.lock().forbidden.push((verb.to_owned(), resource.to_owned()));
    }

    /// Whether a right (on `pods`, `pods/log`, …) was taken away.
    #[must_use]
    pub fn forbids(&self, verb: &str, resource: &str) -> bool {
        self.lock().forbidden.iter().any(|(known, of)| known == verb && of == resource)
    }

    /// Whether any right was taken away.
    #[must_use]
    pub fn forbids_anything(&self) -> bool {
        !self.lock().forbidden.is_empty()
    }

    /// Counts a request; `what` is its method and kind, e.g. `GET pods` or `watch pods`.
    pub fn count(&self, system: System, what: &str) {
        *self.lock().requests.entry((system, what.to_owned())).or_default() += 1;
    }

    /// How many requests each system has had, by kind.
    #[must_use]
    pub fn requests(&self) -> BTreeMap<(System, String), u64> {
        self.lock().requests.clone()
    }

    /// Forgets the cluster's history, as a compaction of etcd does: watches that are behind get 410 Gone.
    pub fn compact(&self) {
        self.enter(|state, _| state.store.compact());
    }

    /// Works on the state of the present.
    pub(crate) fn enter<R>(&self, work: impl FnOnce(&mut State, DateTime<Utc>) -> R) -> R {
        let now = self.now();
        let mut state = self.lock();
        state.settle(now);
        let result = work(&mut state, now);
        let revision = state.revision();
        drop(state);
        self.revision.send_if_modified(|known| std::mem::replace(known, revision.max(*known)) < revision);
        result
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn revision(&self) -> u64 {
        self.store.version() + self.touched
    }
}

/// The name of a service's revision: Knative's, or in Standard mode the Deployment's.
#[must_use]
pub fn revision_name(service: &ServiceStory<'_>, number: u32) -> String {
    match (service.mode, number) {
        (Mode::Knative, _) => format!("{}-predictor-{number:05}", service.name),
        (Mode::Standard, 1) => format!("{}-predictor", service.name),
        (Mode::Standard, _) => format!("{}-v{number}-predictor", service.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock::VirtualClock;

    fn world(scenario: Scenario) -> (Arc<World>, VirtualClock) {
        let hands = VirtualClock::new(DateTime::from_timestamp(1_790_000_000, 0).unwrap());
        let clock = Clock::Virtual(hands.clone());
        (World::new(Setup { scenario, seed: 1, scale: 0, clock }), hands)
    }

    #[test]
    fn the_canary_of_fraud_detection_fails_and_in_a_quiet_world_it_does_not() {
        let key = ServiceKey { namespace: "ml-prod".into(), name: "fraud-detection".into() };
        let errors = |scenario| {
            let (world, _) = world(scenario);
            world.metrics_at(&key, "fraud-detection-predictor-00003", world.now()).unwrap().error_ratio
        };
        assert!(errors(Scenario::CanaryRegression) > 0.02);
        assert!(errors(Scenario::Quiet) < 0.01);
    }

    #[test]
    fn the_registry_is_out_in_the_outage_only() {
        assert_eq!(world(Scenario::Quiet).0.fault(System::Mlflow, "/api"), None);
        assert_eq!(world(Scenario::RegistryOutage).0.fault(System::Mlflow, "/api"), Some(Fault::Status(503, Some(5))));
    }

    #[test]
    fn a_fault_holds_at_its_paths_until_it_is_healed() {
        let (world, _) = world(Scenario::Quiet);
        world.fail_at(System::Kubernetes, "/pods", Fault::Hang);
        assert_eq!(world.fault(System::Kubernetes, "/api/v1/pods"), Some(Fault::Hang));
        assert_eq!(world.fault(System::Kubernetes, "/api/v1/nodes"), None);
        world.heal(System::Kubernetes);
        assert_eq!(world.fault(System::Kubernetes, "/api/v1/pods"), None);
    }
}
