//! The objects around a predictor's pods: Deployment, `ReplicaSet`, Service, `HTTPRoute`, Knative's Revision and Service.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::endpoint::{Endpoint, RevisionState};
use super::metadata::{Identity, extend, owner, stamp};
use super::pod::{labels, server_image};
use super::status::{Target, host};
use crate::demo::story::Mode;

/// Makes the objects of one endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Workloads<'a> {
    /// The world's seed.
    pub seed: u64,
    /// The endpoint.
    pub endpoint: &'a Endpoint,
    /// The uid of its InferenceService.
    pub uid: &'a str,
}

impl Workloads<'_> {
    fn identity<'b>(&'b self, kind: &'b str, name: &'b str, created: DateTime<Utc>) -> Identity<'b> {
        Identity { seed: self.seed, kind, namespace: &self.endpoint.key.namespace, name, created }
    }

    fn owned(&self, identity: &Identity<'_>, labels: Value) -> Value {
        let mut metadata = identity.metadata(labels);
        let owner = owner("serving.kserve.io/v1beta1", "InferenceService", &self.endpoint.key.name, self.uid);
        extend(&mut metadata, json!({ "ownerReferences": owner }));
        metadata
    }

    /// A revision's Deployment.
    #[must_use]
    pub fn deployment(&self, revision: &RevisionState) -> Value {
        let name = revision.deployment(self.endpoint.mode);
        let identity = self.identity("Deployment", &name, revision.created);
        let mut metadata = self.owned(&identity, self.template_labels(revision));
        let annotations = json!({ "deployment.kubernetes.io/revision": revision.number.to_string() });
        extend(&mut metadata, json!({ "annotations": annotations, "generation": revision.number }));
        let ready = revision.ready_pods();
        let available = ready > 0 || revision.replicas == 0;
        json!({
            "kind": "Deployment", "apiVersion": "apps/v1", "metadata": metadata,
            "spec": { "replicas": revision.replicas, "selector": { "matchLabels": self.selector(revision) },
                "template": self.template(revision), "strategy": { "type": "RollingUpdate",
                    "rollingUpdate": { "maxUnavailable": "25%", "maxSurge": "25%" } },
                "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600 },
            "status": { "observedGeneration": revision.number, "replicas": revision.pods.len(),
                "updatedReplicas": revision.pods.len(), "readyReplicas": ready, "availableReplicas": ready,
                "unavailableReplicas": revision.pods.len() - ready,
                "conditions": [
                    { "type": "Available", "status": if available { "True" } else { "False" },
                        "reason": if available { "MinimumReplicasAvailable" } else { "MinimumReplicasUnavailable" },
                        "message": if available { "Deployment has minimum availability." }
                            else { "Deployment does not have minimum availability." },
                        "lastUpdateTime": stamp(revision.created), "lastTransitionTime": stamp(revision.created) },
                    { "type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable",
                        "message": format!("ReplicaSet \"{name}-{}\" has successfully progressed.",
                            revision.template_hash(self.seed)),
                        "lastUpdateTime": stamp(revision.created), "lastTransitionTime": stamp(revision.created) }] },
        })
    }

    /// A revision's `ReplicaSet`.
    #[must_use]
    pub fn replica_set(&self, revision: &RevisionState) -> Value {
        let deployment = revision.deployment(self.endpoint.mode);
        let name = format!("{deployment}-{}", revision.template_hash(self.seed));
        let identity = self.identity("ReplicaSet", &name, revision.created);
        let mut metadata = identity.metadata(labels(self.seed, self.endpoint, revision));
        let uid = self.identity("Deployment", &deployment, revision.created).uid();
        let annotations = json!({ "deployment.kubernetes.io/revision": revision.number.to_string(),
            "deployment.kubernetes.io/desired-replicas": revision.replicas.to_string() });
        let owner = owner("apps/v1", "Deployment", &deployment, &uid);
        extend(&mut metadata, json!({ "annotations": annotations, "ownerReferences": owner }));
        let ready = revision.ready_pods();
        json!({
            "kind": "ReplicaSet", "apiVersion": "apps/v1", "metadata": metadata,
            "spec": { "replicas": revision.replicas, "selector": { "matchLabels": self.selector(revision) },
                "template": self.template(revision) },
            "status": { "replicas": revision.pods.len(), "fullyLabeledReplicas": revision.pods.len(),
                "readyReplicas": ready, "availableReplicas": ready, "observedGeneration": 1 },
        })
    }

    /// The Service that has the revision's pods behind it.
    #[must_use]
    pub fn service(&self, revision: &RevisionState) -> Value {
        let (name, ports) = match self.endpoint.mode {
            Mode::Knative => (
                format!("{}-private", revision.name),
                json!([{ "name": "http", "protocol": "TCP", "port": 80, "targetPort": 8012 },
                    { "name": "http-usermetric", "protocol": "TCP", "port": 9091, "targetPort": 9091 }]),
            ),
            Mode::Standard => (
                revision.name.clone(),
                json!([{ "name": revision.name, "protocol": "TCP", "port": 80, "targetPort": 8080 }]),
            ),
        };
        let identity = self.identity("Service", &name, revision.created);
        json!({
            "kind": "Service", "apiVersion": "v1", "metadata": self.owned(&identity, self.template_labels(revision)),
            "spec": { "ports": ports, "selector": self.selector(revision), "clusterIP": "172.20.41.7",
                "clusterIPs": ["172.20.41.7"], "type": "ClusterIP", "sessionAffinity": "None",
                "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack", "internalTrafficPolicy": "Cluster" },
            "status": { "loadBalancer": {} },
        })
    }

    /// The Service by which a Knative endpoint is called inside the cluster: an alias of the gateway.
    #[must_use]
    pub fn alias(&self, name: &str, created: DateTime<Utc>) -> Value {
        let identity = self.identity("Service", name, created);
        let labels = json!({ "serving.kserve.io/inferenceservice": self.endpoint.key.name });
        json!({
            "kind": "Service", "apiVersion": "v1", "metadata": self.owned(&identity, labels),
            "spec": { "type": "ExternalName",
                "externalName": "knative-local-gateway.istio-system.svc.cluster.local",
                "ports": [{ "name": "http2", "protocol": "TCP", "port": 80, "targetPort": 80 }],
                "sessionAffinity": "None" },
            "status": { "loadBalancer": {} },
        })
    }

    /// An `HTTPRoute` over the predictors' Services with their weights (Standard mode).
    #[must_use]
    pub fn route(&self, name: &str, created: DateTime<Utc>, weights: &[(String, u32)]) -> Value {
        let identity = self.identity("HTTPRoute", name, created);
        let namespace = &self.endpoint.key.namespace;
        let backends = weights.iter().map(|(service, weight)| {
            json!({ "group": "", "kind": "Service", "name": service, "namespace": namespace, "port": 80, "weight": weight })
        });
        let gateway = json!({ "group": "gateway.networking.k8s.io", "kind": "Gateway",
            "name": "kserve-ingress-gateway", "namespace": "kserve" });
        let condition = |kind: &str, message: &str| {
            json!({ "lastTransitionTime": stamp(created), "message": message, "observedGeneration": 1, "reason": kind,
                "status": "True", "type": kind })
        };
        json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": self.owned(&identity, json!({})),
            "spec": { "hostnames": [host(Mode::Standard, name, namespace)], "parentRefs": [gateway.clone()],
                "rules": [{ "backendRefs": backends.collect::<Vec<_>>(),
                    "filters": [{ "requestHeaderModifier": { "set": [
                        { "name": "KServe-Isvc-Name", "value": self.endpoint.key.name },
                        { "name": "KServe-Isvc-Namespace", "value": namespace }] }, "type": "RequestHeaderModifier" }],
                    "matches": [{ "path": { "type": "RegularExpression", "value": "^/.*$" } }],
                    "timeouts": { "request": "60s" } }] },
            "status": { "parents": [{ "conditions": [condition("Accepted", "Route is accepted"),
                    condition("ResolvedRefs", "All references resolved")],
                "controllerName": "gateway.envoyproxy.io/gatewayclass-controller", "parentRef": gateway }] },
        })
    }

    /// Knative's Revision.
    #[must_use]
    pub fn knative_revision(&self, revision: &RevisionState) -> Value {
        let service = format!("{}-predictor", self.endpoint.key.name);
        let identity = self.identity("Revision", &revision.name, revision.created);
        let mut metadata = identity.metadata(self.template_labels(revision));
        let owner = owner("serving.knative.dev/v1", "Configuration", &service, self.uid);
        extend(&mut metadata, json!({ "ownerReferences": owner }));
        let holds = if revision.ready { "True" } else { "Unknown" };
        let condition =
            |kind: &str| json!({ "type": kind, "status": holds, "lastTransitionTime": stamp(revision.created) });
        json!({
            "apiVersion": "serving.knative.dev/v1", "kind": "Revision", "metadata": metadata,
            "spec": { "containerConcurrency": 0, "timeoutSeconds": 300, "containers": [{ "name": "kserve-container",
                "image": server_image(&self.endpoint.format) }] },
            "status": { "actualReplicas": revision.ready_pods(), "desiredReplicas": revision.replicas,
                "conditions": [condition("ContainerHealthy"), condition("Ready"), condition("ResourcesAvailable")],
                "observedGeneration": 1 },
        })
    }

    /// Knative's Service.
    #[must_use]
    pub fn knative_service(&self, targets: &[Target], created: DateTime<Utc>) -> Value {
        let name = format!("{}-predictor", self.endpoint.key.name);
        let identity = self.identity("KnativeService", &name, created);
        let traffic: Vec<Value> = targets
            .iter()
            .map(|target| json!({ "latestRevision": target.latest, "percent": target.percent, "revisionName": target.revision }))
            .collect();
        json!({
            "apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": self.owned(&identity, json!({})),
            "spec": { "traffic": traffic },
            "status": { "traffic": traffic, "url": format!("http://{}", host(Mode::Knative, &name, &self.endpoint.key.namespace)),
                "latestCreatedRevisionName": self.endpoint.latest().map(|revision| &revision.name),
                "latestReadyRevisionName": self.endpoint.latest_ready().map(|revision| &revision.name),
                "conditions": [{ "type": "Ready", "status": "True", "lastTransitionTime": stamp(created) }] },
        })
    }

    fn selector(&self, revision: &RevisionState) -> Value {
        match self.endpoint.mode {
            Mode::Knative => json!({ "serving.knative.dev/revision": revision.name }),
            Mode::Standard => json!({ "app": format!("isvc.{}", revision.name) }),
        }
    }

    fn template_labels(&self, revision: &RevisionState) -> Value {
        let mut labels = labels(self.seed, self.endpoint, revision);
        if let Some(labels) = labels.as_object_mut() {
            labels.shift_remove("pod-template-hash");
        }
        labels
    }

    fn template(&self, revision: &RevisionState) -> Value {
        json!({ "metadata": { "labels": self.template_labels(revision) },
            "spec": { "initContainers": [{ "name": "storage-initializer", "image": "kserve/storage-initializer:v0.20.0",
                    "args": [revision.storage, "/mnt/models"] }],
                "containers": [{ "name": "kserve-container", "image": server_image(&self.endpoint.format) }] } })
    }
}
