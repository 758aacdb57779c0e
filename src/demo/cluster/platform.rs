//! What is in the cluster besides endpoints: namespaces, settings, runtimes, the platform's own services, bulk.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::metadata::{Identity, extend, managed, owner, stamp};
use super::node::NODES;
use super::pod_status::host;
use super::status::DOMAIN;
use crate::demo::random::{hash, hex, suffix};

/// The namespaces.
pub const NAMESPACES: &[&str] = &[
    "argocd",
    "default",
    "istio-system",
    "knative-serving",
    "kserve",
    "kube-system",
    "ml-prod",
    "ml-staging",
    "mlflow",
    "models",
    "monitoring",
];

/// A pod of no particular interest.
#[derive(Debug, Clone, Copy)]
pub struct PlainPod<'a> {
    /// Namespace.
    pub namespace: &'a str,
    /// The app, which its Deployment is named after.
    pub app: &'a str,
    /// Its container's image.
    pub image: &'a str,
    /// Its port's name and number.
    pub port: (&'a str, u16),
    /// Which of its siblings it is.
    pub number: usize,
    /// When it was made.
    pub created: DateTime<Utc>,
}

impl PlainPod<'_> {
    /// The pod's object, ready and running.
    #[must_use]
    pub fn object(&self, seed: u64) -> Value {
        let set = format!("{}-{:x}", self.app, hash(seed, self.app) & 0xf_ffff_ffff);
        let name = format!("{set}-{}", suffix(seed, &format!("{set}/{}/{}", self.namespace, self.number), 5));
        let identity = Identity { seed, kind: "Pod", namespace: self.namespace, name: &name, created: self.created };
        let chance = hash(seed, &name);
        let node = NODES.get(usize::try_from(chance % 3).unwrap_or(0)).map_or("", |node| node.name);
        let labels =
            json!({ "app": self.app, "app.kubernetes.io/name": self.app, "pod-template-hash": set.rsplit('-').next() });
        let mut metadata = identity.metadata(labels.clone());
        let spec = self.spec(node);
        let status = self.status(&name, node, chance);
        let uid = hex(seed, &set, 32);
        extend(
            &mut metadata,
            json!({
                "generateName": format!("{set}-"),
                "annotations": { "kubernetes.io/config.seen": stamp(self.created), "cluster-autoscaler.kubernetes.io/safe-to-evict": "true" },
                "ownerReferences": owner("apps/v1", "ReplicaSet", &set, &uid),
                "managedFields": [
                    managed("kube-controller-manager", "v1", self.created, &json!({ "metadata": { "labels": labels }, "spec": spec })),
                    managed("kubelet", "v1", self.created, &json!({ "status": status })),
                ],
            }),
        );
        json!({ "kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": spec, "status": status })
    }

    fn spec(&self, node: &str) -> Value {
        let (port, number) = self.port;
        json!({
            "volumes": [{ "name": "kube-api-access", "projected": { "sources": [{ "serviceAccountToken": {
                "expirationSeconds": 3607, "path": "token" } }, { "configMap": { "name": "kube-root-ca.crt", "items": [{
                "key": "ca.crt", "path": "ca.crt" }] } }, { "downwardAPI": { "items": [{ "path": "namespace", "fieldRef": {
                "apiVersion": "v1", "fieldPath": "metadata.namespace" } }] } }], "defaultMode": 420 } }],
            "containers": [{
                "name": self.app, "image": self.image,
                "ports": [{ "name": port, "containerPort": number, "protocol": "TCP" }],
                "env": [{ "name": "POD_NAME", "valueFrom": { "fieldRef": { "apiVersion": "v1", "fieldPath": "metadata.name" } } },
                    { "name": "LOG_LEVEL", "value": "info" }, { "name": "OTEL_EXPORTER_OTLP_ENDPOINT",
                    "value": "http://otel-collector.monitoring:4317" }],
                "resources": { "limits": { "cpu": "500m", "memory": "512Mi" }, "requests": { "cpu": "100m", "memory": "256Mi" } },
                "volumeMounts": [{ "name": "kube-api-access", "readOnly": true,
                    "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount" }],
                "livenessProbe": { "httpGet": { "path": "/healthz", "port": port, "scheme": "HTTP" }, "timeoutSeconds": 1,
                    "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3 },
                "readinessProbe": { "httpGet": { "path": "/readyz", "port": port, "scheme": "HTTP" }, "timeoutSeconds": 1,
                    "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3 },
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                "imagePullPolicy": "IfNotPresent",
            }],
            "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, "dnsPolicy": "ClusterFirst",
            "serviceAccountName": "default", "serviceAccount": "default", "nodeName": node, "securityContext": {},
            "schedulerName": "default-scheduler",
            "tolerations": [
                { "key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 },
                { "key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 }],
            "priority": 0, "enableServiceLinks": true, "preemptionPolicy": "PreemptLowerPriority",
        })
    }

    fn status(&self, name: &str, node: &str, chance: u64) -> Value {
        let address = format!("10.0.{}.{}", 64 + chance % 60, 2 + (chance >> 8) % 250);
        let at = stamp(self.created + TimeDelta::seconds(4));
        let condition = |kind: &str| json!({ "type": kind, "observedGeneration": 1, "status": "True", "lastProbeTime": null, "lastTransitionTime": at });
        let kinds = ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"];
        let conditions = kinds.map(condition);
        json!({
            "observedGeneration": 1, "phase": "Running",
            "conditions": conditions,
            "hostIP": host(node), "hostIPs": [{ "ip": host(node) }], "podIP": address, "podIPs": [{ "ip": address }],
            "startTime": stamp(self.created),
            "containerStatuses": [{ "name": self.app, "state": { "running": { "startedAt": at } }, "lastState": {}, "ready": true,
                "restartCount": if chance % 37 == 0 { chance % 5 } else { 0 }, "image": self.image,
                "imageID": format!("{}@sha256:{}", self.image.split(':').next().unwrap_or_default(), hex(9, self.image, 64)),
                "containerID": format!("containerd://{}", hex(11, name, 64)), "started": true }],
            "qosClass": "Burstable",
        })
    }
}

/// An object without a status.
#[must_use]
pub fn simple(identity: &Identity<'_>, api_version: &str, labels: Value, more: Value) -> Value {
    let mut object = json!({ "apiVersion": api_version, "kind": identity.kind, "metadata": identity.metadata(labels) });
    extend(&mut object, more);
    object
}

/// A Service over an app's pods.
#[must_use]
pub fn service(identity: &Identity<'_>, labels: Value, selector: Value, port: (&str, u16, u16)) -> Value {
    let (name, port, target) = port;
    let more = json!({
        "spec": { "ports": [{ "name": name, "protocol": "TCP", "port": port, "targetPort": target }], "selector": selector,
            "clusterIP": "172.20.99.12", "clusterIPs": ["172.20.99.12"], "type": "ClusterIP", "sessionAffinity": "None" },
        "status": { "loadBalancer": {} } });
    simple(identity, "v1", labels, more)
}

/// KServe's settings: Gateway API is on, the default mode is Knative.
#[must_use]
pub fn settings() -> Value {
    json!({ "data": {
        "deploy": json!({ "defaultDeploymentMode": "Knative" }).to_string(),
        "ingress": json!({ "enableGatewayApi": true, "kserveIngressGateway": "kserve/kserve-ingress-gateway",
            "ingressGateway": "knative-serving/knative-ingress-gateway", "ingressDomain": DOMAIN, "ingressClassName": "istio",
            "domainTemplate": "{{ .Name }}-{{ .Namespace }}.{{ .IngressDomain }}", "urlScheme": "http",
            "disableIstioVirtualHost": true, "disableIngressCreation": false }).to_string(),
        "storageInitializer": json!({ "image": "kserve/storage-initializer:v0.20.0", "memoryRequest": "100Mi",
            "memoryLimit": "1Gi", "cpuRequest": "100m", "cpuLimit": "1" }).to_string(),
    } })
}

/// A ClusterServingRuntime for a model format.
#[must_use]
pub fn runtime(format: &str, image: &str) -> Value {
    json!({ "spec": {
        "annotations": { "prometheus.kserve.io/port": "8080", "prometheus.kserve.io/path": "/metrics" },
        "supportedModelFormats": [{ "name": format, "version": "1", "autoSelect": true, "priority": 1 }],
        "protocolVersions": ["v1", "v2"],
        "containers": [{ "name": "kserve-container", "image": image,
            "args": ["--model_name={{.Name}}", "--model_dir=/mnt/models", "--http_port=8080"],
            "resources": { "requests": { "cpu": "1", "memory": "2Gi" }, "limits": { "cpu": "1", "memory": "2Gi" } } }] } })
}

/// An InferenceGraph that asks two models one after the other.
#[must_use]
pub fn graph(at: DateTime<Utc>) -> Value {
    json!({
        "spec": { "nodes": { "root": { "routerType": "Sequence", "steps": [
            { "name": "fraud", "serviceName": "fraud-detection", "data": "$request" },
            { "name": "price", "serviceName": "pricing", "data": "$request", "dependency": "Soft" }] } } },
        "status": { "conditions": [{ "status": "True", "type": "Ready" },
                { "lastTransitionTime": stamp(at), "status": "False", "type": "Stopped" }],
            "observedGeneration": 1, "url": format!("http://checkout-risk-ml-prod.{DOMAIN}") } })
}

/// An LLMInferenceService whose second replica does not start: no GPU is free.
#[must_use]
pub fn language_model(at: DateTime<Utc>) -> Value {
    let condition = |kind: &str, holds: bool| {
        json!({ "type": kind, "status": if holds { "True" } else { "False" },
        "lastTransitionTime": stamp(at) })
    };
    let mut ready = condition("Ready", false);
    extend(
        &mut ready,
        json!({ "reason": "MinimumReplicasUnavailable", "message": "Deployment does not have minimum availability." }),
    );
    let url = format!("http://llm.{DOMAIN}/models/assistant");
    json!({
        "spec": { "model": { "uri": "hf://Qwen/Qwen3-8B", "name": "qwen3-8b" }, "replicas": 2, "parallelism": { "tensor": 1 },
            "router": { "gateway": {}, "scheduler": {}, "route": {} },
            "template": { "containers": [{ "name": "main", "resources": { "limits": { "nvidia.com/gpu": "1" } } }] } },
        "status": { "url": url, "addresses": [{ "url": url }],
            "conditions": [condition("PresetsCombined", true), ready, condition("RouterReady", true), condition("WorkloadsReady", false)] } })
}
