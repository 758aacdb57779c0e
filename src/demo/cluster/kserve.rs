//! KServe's controller: what becomes of an InferenceService. The two modes have files of their own.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::endpoint::{Endpoint, RevisionState, version_of};
use super::event::Note;
use super::status;
use super::workload::Workloads;
use crate::demo::json::Json;
use crate::demo::store::ObjectKey;
use crate::demo::story::{self, Condition, Mode};
use crate::demo::traffic::{Revision, ServiceKey};
use crate::demo::world::State;

/// The shelf of InferenceServices.
pub const SERVICES: &str = "inferenceservices.serving.kserve.io";

/// An annotation of an object.
#[must_use]
pub fn annotation<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.at("/metadata/annotations").get(name).and_then(Value::as_str)
}

impl State {
    /// Looks at one InferenceService and makes what it asks for.
    pub fn reconcile(&mut self, key: &ServiceKey, at: DateTime<Utc>) {
        let Some(service) = self.store.value(SERVICES, &key.namespace, &key.name) else {
            self.drop_endpoint(key, at);
            return;
        };
        let known = self.endpoints.remove(key);
        let mut endpoint = known.unwrap_or_else(|| new_endpoint(key, &service, at));
        if !self.traffic.services().contains_key(key) {
            self.traffic.add_service(key.clone(), endpoint.mode, endpoint.rps);
        }
        let ready = is_ready(&service);
        let paused = annotation(&service, "serving.kserve.io/disable-auto-update") == Some("true");
        if annotation(&service, "serving.kserve.io/stop") == Some("true") {
            self.stop(&mut endpoint, &service, at);
        } else if !(paused && ready) {
            endpoint.stopped = false;
            match endpoint.mode {
                Mode::Knative => self.reconcile_knative(&mut endpoint, &service, at),
                Mode::Standard => self.reconcile_standard(&mut endpoint, &service, at),
            }
        }
        self.endpoints.insert(key.clone(), endpoint);
        self.announce(key, ready, at);
    }

    /// Writes an InferenceService's status, if it is another now.
    pub fn write_status(&mut self, service: &Value, status: Value) {
        let mut service = service.clone();
        if let Some(service) = service.as_object_mut() {
            service.insert("status".into(), status);
        }
        self.store.put_changed(SERVICES, service);
    }

    /// Makes the Deployment, `ReplicaSet` and Service of a revision as they should be.
    pub fn write_workload(&mut self, endpoint: &Endpoint, revision: &RevisionState, uid: &str) {
        let make = Workloads { seed: self.seed, endpoint, uid };
        let scaled = |known: Option<Value>| known.and_then(|known| known.at("/spec/replicas").as_u64());
        let namespace = &endpoint.key.namespace;
        let before = scaled(self.store.value("deployments.apps", namespace, &revision.deployment(endpoint.mode)));
        self.store.put_changed("deployments.apps", make.deployment(revision));
        self.store.put_changed("replicasets.apps", make.replica_set(revision));
        self.store.put_changed("services", make.service(revision));
        if endpoint.mode == Mode::Knative {
            self.store.put_changed("revisions.serving.knative.dev", make.knative_revision(revision));
        }
        if before.unwrap_or(0) != u64::from(revision.replicas) {
            self.note_scaling(endpoint, revision, before.unwrap_or(0));
        }
    }

    fn note_scaling(&mut self, endpoint: &Endpoint, revision: &RevisionState, before: u64) {
        let name = revision.deployment(endpoint.mode);
        let set = format!("{name}-{}", revision.template_hash(self.seed));
        let word = if u64::from(revision.replicas) >= before { "up" } else { "down" };
        let at = self.present.max(revision.created);
        let message = format!("Scaled {word} replica set {set} from {before} to {}", revision.replicas);
        let note = Note {
            shelf: "deployments.apps",
            namespace: &endpoint.key.namespace,
            name: &name,
            warning: false,
            reason: "ScalingReplicaSet",
            message: &message,
            source: "deployment-controller",
        };
        self.note(at, &note);
    }

    /// Removes everything of a revision but its past metrics.
    pub fn remove_workload(&mut self, endpoint: &Endpoint, revision: &RevisionState) {
        let namespace = &endpoint.key.namespace;
        let deployment = revision.deployment(endpoint.mode);
        let set = format!("{deployment}-{}", revision.template_hash(self.seed));
        let service = match endpoint.mode {
            Mode::Knative => format!("{}-private", revision.name),
            Mode::Standard => revision.name.clone(),
        };
        for pod in &revision.pods {
            self.store.remove("pods", &ObjectKey::new(namespace, &pod.name));
        }
        self.store.remove("replicasets.apps", &ObjectKey::new(namespace, &set));
        self.store.remove("deployments.apps", &ObjectKey::new(namespace, &deployment));
        self.store.remove("services", &ObjectKey::new(namespace, &service));
    }

    /// Tells the load model about a revision.
    pub fn introduce(&mut self, endpoint: &Endpoint, revision: &RevisionState, at: DateTime<Utc>) {
        let (namespace, name) = (&endpoint.key.namespace, &endpoint.key.name);
        let faulty = story::degrades(self.scenario, namespace, name, revision.version);
        let known = self.traffic.services().get(&endpoint.key);
        let twin = known.and_then(|service| service.revisions.iter().find(|one| one.version == revision.version));
        let (p50, errors) = twin.map_or((endpoint.p50, endpoint.errors), |twin| (twin.p50, twin.errors));
        let facts = Revision {
            name: revision.name.clone(),
            model: endpoint.model.clone(),
            version: revision.version,
            created: revision.created,
            p50,
            errors,
            faulty_since: faulty.then_some(at),
        };
        self.traffic.add_revision(&endpoint.key, facts);
    }

    fn stop(&mut self, endpoint: &mut Endpoint, service: &Value, at: DateTime<Utc>) {
        for revision in endpoint.revisions.clone().iter().chain(&endpoint.retiring.clone()) {
            self.remove_workload(endpoint, revision);
        }
        for revision in &mut endpoint.revisions {
            revision.pods.clear();
            revision.ready = false;
        }
        endpoint.retiring.clear();
        endpoint.stopped = true;
        self.remove_routes(&endpoint.key);
        self.traffic.set_split(&endpoint.key, at, Vec::new());
        let status = status::stopped(endpoint, service.at("/status"), at);
        self.write_status(service, status);
    }

    fn remove_routes(&mut self, key: &ServiceKey) {
        for name in [key.name.clone(), format!("{}-predictor", key.name)] {
            self.store.remove("httproutes.gateway.networking.k8s.io", &ObjectKey::new(&key.namespace, &name));
        }
    }

    fn drop_endpoint(&mut self, key: &ServiceKey, at: DateTime<Utc>) {
        let Some(endpoint) = self.endpoints.remove(key) else { return };
        for revision in endpoint.revisions.iter().chain(&endpoint.retiring) {
            self.remove_workload(&endpoint, revision);
            self.store.remove("revisions.serving.knative.dev", &ObjectKey::new(&key.namespace, &revision.name));
        }
        self.remove_routes(key);
        self.traffic.set_split(key, at, Vec::new());
    }

    fn announce(&mut self, key: &ServiceKey, before: bool, at: DateTime<Utc>) {
        let now = self.store.value(SERVICES, &key.namespace, &key.name).is_some_and(|service| is_ready(&service));
        if before == now {
            return;
        }
        let (reason, message) = if now {
            ("InferenceServiceReady", format!("InferenceService [{}] is Ready", key.name))
        } else {
            let message =
                format!("InferenceService [{}] is no longer Ready because of: PredictorReady, Ready", key.name);
            ("InferenceServiceNotReady", message)
        };
        let note = Note {
            shelf: SERVICES,
            namespace: &key.namespace,
            name: &key.name,
            warning: !now,
            reason,
            message: &message,
            source: "v1beta1Controllers",
        };
        self.note(at, &note);
    }
}

/// Whether an InferenceService's condition Ready is true.
#[must_use]
pub fn is_ready(service: &Value) -> bool {
    let conditions = service.at("/status/conditions").as_array();
    conditions.into_iter().flatten().any(|one| one.at("/type") == "Ready" && one.at("/status") == "True")
}

/// The number of pods that a predictor asks for.
#[must_use]
pub fn replicas_of(predictor: &Value) -> u32 {
    let wanted = predictor.at("/minReplicas").as_u64().unwrap_or(1);
    u32::try_from(wanted).unwrap_or(u32::MAX)
}

/// A revision that has just been asked for.
#[must_use]
pub fn fresh_revision(name: String, number: u32, storage: &str, at: DateTime<Utc>) -> RevisionState {
    RevisionState {
        name,
        number,
        predictor: String::new(),
        version: version_of(storage),
        storage: storage.to_owned(),
        created: at,
        ready: false,
        replicas: 1,
        pods: Vec::new(),
        condition: Condition::Serving,
    }
}

/// What makes a new revision when it changes: the predictor but for its share of traffic, and the object's labels and
/// annotations but for those that KServe doesn't pass on.
#[must_use]
pub fn template(service: &Value, left_out: &[&str]) -> String {
    const KEPT_BACK: &[&str] = &[
        "modelFormat",
        "kubectl.kubernetes.io/last-applied-configuration",
        "serving.kserve.io/stop",
        "serving.kserve.io/disable-auto-update",
    ];
    let mut predictor = service.at("/spec/predictor").clone();
    if let Some(predictor) = predictor.as_object_mut() {
        predictor.retain(|name, _| !left_out.contains(&name.as_str()));
    }
    let mut annotations = service.at("/metadata/annotations").clone();
    if let Some(annotations) = annotations.as_object_mut() {
        annotations.retain(|name, _| !KEPT_BACK.contains(&name.as_str()));
    }
    sorted(&json!([predictor, annotations, service.at("/metadata/labels")])).to_string()
}

fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            entries.sort_by(|(one, _), (other, _)| one.cmp(other));
            Value::Object(entries.into_iter().collect())
        }
        Value::Array(items) => items.iter().map(sorted).collect(),
        other => other.clone(),
    }
}

fn new_endpoint(key: &ServiceKey, service: &Value, at: DateTime<Utc>) -> Endpoint {
    let mode = match annotation(service, "serving.kserve.io/deploymentMode") {
        Some("Standard" | "RawDeployment") => Mode::Standard,
        _ => Mode::Knative,
    };
    let format = service.at("/spec/predictor/model/modelFormat/name").as_str();
    Endpoint {
        key: key.clone(),
        mode,
        model: key.name.clone(),
        format: format.unwrap_or("sklearn").to_owned(),
        rps: 4.0,
        p50: 0.02,
        errors: 0.002,
        revisions: Vec::new(),
        retiring: Vec::new(),
        rolled_out: None,
        previous: None,
        template: String::new(),
        stopped: false,
        tagged: false,
        since: at,
    }
}
