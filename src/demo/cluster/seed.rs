//! Puts the story into the cluster: the objects as they are when the world starts.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::agenda::Job;
use super::endpoint::{Endpoint, Phase, RevisionState};
use super::event::Note;
use super::kserve::{SERVICES, template};
use super::metadata::{Identity, extend, managed};
use super::node::{self, NODES};
use super::plain_pod::PlainPod;
use super::platform::{self, NAMESPACES};
use super::pod::{self, server_image};
use super::status;
use crate::demo::json::Json;
use crate::demo::story::{self, Condition, Mode, RevisionStory, ServiceStory};
use crate::demo::traffic::{Revision, ServiceKey};
use crate::demo::world::{Scenario, State, revision_name};

impl State {
    /// Fills an empty cluster; `scale` adds that many pods, and other kinds in proportion.
    pub fn seed_cluster(&mut self, start: DateTime<Utc>, scale: usize) {
        self.present = start;
        self.seed_platform(start);
        for service in story::SERVICES {
            self.seed_service(service, start);
        }
        self.seed_bulk(start, scale);
        self.seed_trouble(start);
        self.forget_events(start);
        self.agenda.add(start + TimeDelta::seconds(30), Job::BackOff);
    }

    fn seed_platform(&mut self, start: DateTime<Utc>) {
        let seed = self.seed;
        let created = start - TimeDelta::days(120);
        let id = |kind, namespace, name| Identity { seed, kind, namespace, name, created };
        for name in NAMESPACES {
            let labels = json!({ "kubernetes.io/metadata.name": name });
            let more = json!({ "spec": { "finalizers": ["kubernetes"] }, "status": { "phase": "Active" } });
            self.store.put("namespaces", platform::simple(&id("Namespace", "", name), "v1", labels, more));
        }
        for story in NODES {
            self.store.put("nodes", node::object(seed, story, start));
        }
        let settings = platform::simple(
            &id("ConfigMap", "kserve", "inferenceservice-config"),
            "v1",
            json!({}),
            platform::settings(),
        );
        self.store.put("configmaps", settings);
        for format in ["sklearn", "xgboost", "lightgbm", "pytorch", "onnx", "triton", "huggingface"] {
            let name = status::runtime(format);
            let more = platform::runtime(format, &server_image(format));
            let object = platform::simple(
                &Identity { seed, kind: "ClusterServingRuntime", namespace: "", name: &name, created },
                "serving.kserve.io/v1alpha1",
                json!({}),
                more,
            );
            self.store.put("clusterservingruntimes.serving.kserve.io", object);
        }
        self.seed_apps(&id, created);
        let graph = id("InferenceGraph", "ml-prod", "checkout-risk");
        let graph = platform::simple(
            &graph,
            "serving.kserve.io/v1alpha1",
            json!({ "team": "risk-platform" }),
            platform::graph(created),
        );
        self.store.put("inferencegraphs.serving.kserve.io", graph);
        let assistant =
            Identity { created: start - TimeDelta::minutes(95), ..id("LLMInferenceService", "models", "assistant") };
        let more = platform::language_model(assistant.created);
        let object = platform::simple(&assistant, "serving.kserve.io/v1alpha2", json!({ "team": "support" }), more);
        self.store.put("llminferenceservices.serving.kserve.io", object);
    }

    fn seed_apps<'a>(&mut self, id: &dyn Fn(&'a str, &'a str, &'a str) -> Identity<'a>, created: DateTime<Utc>) {
        let pod = |namespace, app, image, port| PlainPod { namespace, app, image, port, number: 0, created };
        let pods = [
            pod("mlflow", "mlflow", "ghcr.io/mlflow/mlflow:v3.17.2", ("http", 5000)),
            pod("monitoring", "prometheus", "quay.io/prometheus/prometheus:v3.7.3", ("http-web", 9090)),
            pod("kserve", "kserve-controller-manager", "kserve/kserve-controller:v0.20.0", ("metrics", 8080)),
            pod("knative-serving", "activator", "gcr.io/knative-releases/activator:v1.18.1", ("http1", 8012)),
            pod("istio-system", "istio-ingressgateway", "docker.io/istio/proxyv2:1.27.3", ("http2", 8080)),
        ];
        for pod in pods {
            let object = pod.object(self.seed);
            self.store.put("pods", object);
        }
        let mlflow = json!({ "app": "mlflow", "app.kubernetes.io/name": "mlflow" });
        let service = platform::service(
            &id("Service", "mlflow", "mlflow"),
            mlflow,
            &json!({ "app": "mlflow" }),
            ("http", 80, 5000),
        );
        self.store.put("services", service);
        let name = "kube-prometheus-stack-prometheus";
        let labels = json!({ "app": name, "release": "kube-prometheus-stack" });
        let selector = json!({ "app": "prometheus" });
        let service =
            platform::service(&id("Service", "monitoring", name), labels, &selector, ("http-web", 9090, 9090));
        self.store.put("services", service);
        let gateway = id("Service", "istio-system", "istio-ingressgateway");
        let mut service =
            platform::service(&gateway, json!({}), &json!({ "app": "istio-ingressgateway" }), ("http2", 80, 8080));
        service.set("/spec/type", "LoadBalancer");
        service.set("/status/loadBalancer", json!({ "ingress": [{ "hostname": "gateway.models.acme.example" }] }));
        self.store.put("services", service);
    }

    /// One endpoint of the story: its object first, then what its controllers know, then what they make of both.
    pub fn seed_service(&mut self, service: &ServiceStory<'_>, start: DateTime<Utc>) {
        let key = ServiceKey { namespace: service.namespace.into(), name: service.name.into() };
        let oldest = service.revisions.first().map_or(60, |revision| revision.age_minutes);
        let created = start - TimeDelta::minutes(oldest);
        let object = service_object(self.seed, service, created);
        self.store.put(SERVICES, object.clone());
        self.seed_traffic(service, start);
        let mut endpoint = Endpoint {
            key: key.clone(),
            mode: service.mode,
            model: service.model.into(),
            format: service.format.into(),
            rps: service.rps,
            p50: service.revisions.last().map_or(0.02, |revision| revision.p50),
            errors: service.revisions.last().map_or(0.0, |revision| revision.errors),
            revisions: Vec::new(),
            retiring: Vec::new(),
            rolled_out: None,
            previous: None,
            template: seeded_template(&object, service.mode),
            stopped: false,
            tagged: false,
            since: created,
        };
        for revision in service.revisions {
            let state = self.seed_revision(&endpoint, service, (revision, start));
            endpoint.revisions.push(state);
        }
        if service.mode == Mode::Knative {
            let names: Vec<String> = endpoint.revisions.iter().map(|revision| revision.name.clone()).collect();
            let canary = service.revisions.iter().filter(|revision| revision.percent > 0).count() > 1;
            let mut names = names.into_iter().rev().skip(usize::from(canary));
            endpoint.rolled_out = names.next();
            endpoint.previous = names.next();
        }
        self.endpoints.insert(key.clone(), endpoint);
        let since = service.revisions.last().map_or(oldest, |revision| revision.age_minutes);
        self.present = start - TimeDelta::minutes(since);
        self.reconcile(&key, self.present);
    }

    fn seed_revision(
        &mut self,
        endpoint: &Endpoint,
        service: &ServiceStory<'_>,
        of: (&RevisionStory, DateTime<Utc>),
    ) -> RevisionState {
        let (story, start) = of;
        let serving = matches!(service.condition, Condition::Serving | Condition::Idle);
        let created = start - TimeDelta::minutes(story.age_minutes);
        let canary = service.mode == Mode::Standard && story.number != 1;
        let mut revision = RevisionState {
            name: revision_name(service, story.number),
            number: if service.mode == Mode::Knative { story.number } else { 1 },
            predictor: if canary { format!("v{}", story.number) } else { String::new() },
            version: story.version,
            storage: format!("s3://acme-models/{}/{}", service.model, story.version),
            created,
            ready: serving,
            replicas: story.pods,
            pods: Vec::new(),
            condition: service.condition,
        };
        let oom = story::degrades(self.scenario, service.namespace, service.name, story.version);
        for _ in 0..story.pods {
            let mut pod = self.new_pod(endpoint, &revision, created);
            if serving {
                pod.phase = Phase::Ready;
                pod.since = created + TimeDelta::seconds(9);
            } else {
                pod.restarts = u32::try_from(story.age_minutes / 5).unwrap_or(0);
            }
            if oom {
                pod.restarts = 3;
                pod.killed = Some(start - TimeDelta::minutes(3));
                pod.since = start - TimeDelta::seconds(172);
                self.agenda
                    .add(start + TimeDelta::seconds(45), Job::OutOfMemory(endpoint.key.clone(), revision.name.clone()));
            }
            self.store.put("pods", pod::object(self.seed, endpoint, &revision, &pod));
            revision.pods.push(pod);
        }
        revision
    }

    fn seed_traffic(&mut self, service: &ServiceStory<'_>, start: DateTime<Utc>) {
        let key = ServiceKey { namespace: service.namespace.into(), name: service.name.into() };
        self.traffic.add_service(key.clone(), service.mode, service.rps);
        for revision in service.revisions {
            let degrades = story::degrades(self.scenario, service.namespace, service.name, revision.version);
            let created = start - TimeDelta::minutes(revision.age_minutes);
            let facts = Revision {
                name: revision_name(service, revision.number),
                model: service.model.into(),
                version: revision.version,
                created,
                p50: revision.p50,
                errors: revision.errors,
                faulty_since: degrades.then(|| start - TimeDelta::minutes(10)),
            };
            self.traffic.add_revision(&key, facts);
            // A revision had all traffic until the next one came; the last split is the controller's.
            if revision.percent == 0 || revision.percent >= 50 {
                self.traffic.set_split(&key, created, vec![(revision_name(service, revision.number), 1.0)]);
            }
        }
    }

    /// The events that tell what has been going on.
    fn seed_trouble(&mut self, start: DateTime<Utc>) {
        let dead = NODES.iter().find(|node| node.dead).map_or("", |node| node.name);
        let message = format!("Node {dead} status is now: NodeNotReady");
        let note = Note {
            shelf: "nodes",
            namespace: "",
            name: dead,
            warning: false,
            reason: "NodeNotReady",
            message: &message,
            source: "node-controller",
        };
        self.note(start - TimeDelta::minutes(11), &note);
        for endpoint in self.endpoints.values().cloned().collect::<Vec<_>>() {
            for pod in endpoint.revisions.iter().flat_map(|revision| &revision.pods) {
                let often = (4, TimeDelta::minutes(20));
                let pod_note = |reason, message| Note {
                    shelf: "pods",
                    namespace: &endpoint.key.namespace,
                    name: &pod.name,
                    warning: true,
                    reason,
                    message,
                    source: "kubelet",
                };
                if let Some(message) = pod::failure(pod.phase, pod, &endpoint.format) {
                    self.note_often(start - TimeDelta::seconds(50), &pod_note("BackOff", &message), often);
                } else if pod.killed.is_some() && self.scenario == Scenario::CanaryRegression {
                    let message = "Readiness probe failed: dial tcp: connect: connection refused";
                    self.note_often(start - TimeDelta::minutes(3), &pod_note("Unhealthy", message), often);
                }
            }
        }
    }
}

fn seeded_template(service: &Value, mode: Mode) -> String {
    match mode {
        Mode::Knative => template(service, &["canaryTrafficPercent"]),
        Mode::Standard => template(service, &["canaryTrafficPercent", "minReplicas", "maxReplicas", "name"]),
    }
}

fn model(service: &ServiceStory<'_>, version: u32) -> Value {
    json!({ "modelFormat": { "name": service.format }, "name": "", "protocolVersion": "v2",
        "resources": { "requests": { "cpu": "1", "memory": "2Gi" }, "limits": { "cpu": "2", "memory": "2Gi" } },
        "runtime": status::runtime(service.format),
        "storageUri": format!("s3://acme-models/{}/{version}", service.model) })
}

fn service_object(seed: u64, service: &ServiceStory<'_>, created: DateTime<Utc>) -> Value {
    let identity =
        Identity { seed, kind: "InferenceService", namespace: service.namespace, name: service.name, created };
    let mut metadata = identity.metadata(json!({ "team": service.team, "app.kubernetes.io/instance": service.name }));
    let stable = service.revisions.iter().max_by_key(|revision| revision.percent);
    let newest = service.revisions.last();
    let canary = newest.filter(|newest| newest.percent < 100 && service.revisions.len() > 1);
    let of = if service.mode == Mode::Knative { newest } else { stable };
    let mut predictor = json!({ "maxReplicas": 6, "minReplicas": stable.map_or(1, |stable| stable.pods),
        "model": model(service, of.map_or(1, |revision| revision.version)) });
    let mut spec = json!({});
    match (service.mode, canary) {
        (Mode::Knative, Some(canary)) => extend(&mut predictor, json!({ "canaryTrafficPercent": canary.percent })),
        (Mode::Standard, Some(canary)) => extend(
            &mut spec,
            json!({ "canary": [{ "predictor": {
            "minReplicas": canary.pods, "model": model(service, canary.version),
            "name": format!("v{}", canary.number) }, "trafficPercent": canary.percent }] }),
        ),
        (_, None) => {}
    }
    extend(&mut spec, json!({ "predictor": predictor }));
    let mut annotations =
        json!({ "modelFormat": service.format, "serving.kserve.io/deploymentMode": service.mode.name() });
    if service.mode == Mode::Knative {
        extend(&mut annotations, json!({ "serving.kserve.io/enable-tag-routing": "true" }));
    }
    if service.condition == Condition::Stopped {
        extend(&mut annotations, json!({ "serving.kserve.io/stop": "true" }));
    }
    let written = json!({ "metadata": { "annotations": annotations }, "spec": spec });
    extend(
        &mut metadata,
        json!({
            "annotations": annotations,
            "finalizers": ["inferenceservice.finalizers"],
            "managedFields": [managed("argocd-controller", "serving.kserve.io/v1beta1", created, &written)],
        }),
    );
    json!({ "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": metadata, "spec": spec })
}
