//! What is in the cluster besides endpoints: namespaces, settings, runtimes, the platform's own services.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::metadata::{Identity, extend, stamp};
use super::status::DOMAIN;

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

/// An object without a status.
#[must_use]
pub fn simple(identity: &Identity<'_>, api_version: &str, labels: Value, more: Value) -> Value {
    let mut object = json!({ "apiVersion": api_version, "kind": identity.kind, "metadata": identity.metadata(labels) });
    extend(&mut object, more);
    object
}

/// A Service over an app's pods.
#[must_use]
pub fn service(identity: &Identity<'_>, labels: Value, selector: &Value, port: (&str, u16, u16)) -> Value {
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

/// A `ClusterServingRuntime` for a model format.
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

/// An `InferenceGraph` that asks two models one after the other.
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

/// An `LLMInferenceService` whose second replica does not start: no GPU is free.
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
