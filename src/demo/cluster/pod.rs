//! A predictor's pod as an object of the API server: metadata, spec and managed fields of the real size.

use serde_json::{Value, json};

use super::endpoint::{Endpoint, Phase, PodState, RevisionState};
use super::metadata::{Identity, extend, managed, owner, stamp};
use super::pod_status;
use crate::demo::story::Mode;

/// The image of the storage initializer.
const INITIALIZER: &str = "kserve/storage-initializer:v0.20.0";
/// The image of Knative's sidecar.
const QUEUE: &str = "gcr.io/knative-releases/knative.dev/serving/cmd/queue:v1.18.1";

/// The model server's image for a model format.
#[must_use]
pub fn server_image(format: &str) -> String {
    match format {
        "sklearn" => "kserve/sklearnserver:v0.20.0".into(),
        "xgboost" => "kserve/xgbserver:v0.20.0".into(),
        "lightgbm" => "kserve/lgbserver:v0.20.0".into(),
        "huggingface" => "registry.acme.example/acme-ml/huggingfaceserver:v0.20.1-gpu".into(),
        "pytorch" => "pytorch/torchserve-kfs:0.9.0".into(),
        "triton" | "onnx" => "nvcr.io/nvidia/tritonserver:23.05-py3".into(),
        other => format!("kserve/{other}server:v0.20.0"),
    }
}

/// The pod's object.
#[must_use]
pub fn object(seed: u64, endpoint: &Endpoint, revision: &RevisionState, pod: &PodState) -> Value {
    let replica_set = format!("{}-{}", revision.deployment(endpoint.mode), revision.template_hash(seed));
    let namespace = endpoint.key.namespace.as_str();
    let identity = Identity { seed, kind: "Pod", namespace, name: &pod.name, created: pod.created };
    let owned = Identity { kind: "ReplicaSet", name: &replica_set, created: revision.created, ..identity };
    let mut metadata = identity.metadata(labels(seed, endpoint, revision));
    let annotations = annotations(endpoint, revision);
    let spec = spec(endpoint, revision, pod);
    let status = pod_status::status(endpoint, pod);
    let written = json!({ "metadata": { "annotations": annotations, "labels": metadata.get("labels"),
        "ownerReferences": [{ "name": replica_set }] }, "spec": spec });
    extend(
        &mut metadata,
        json!({
            "generateName": format!("{replica_set}-"),
            "annotations": annotations,
            "ownerReferences": owner("apps/v1", "ReplicaSet", &replica_set, &owned.uid()),
            "managedFields": [
                managed("kube-controller-manager", "v1", pod.created, &written),
                managed("kubelet", "v1", pod.since, &json!({ "status": status })),
            ],
        }),
    );
    json!({ "kind": "Pod", "apiVersion": "v1", "metadata": metadata, "spec": spec, "status": status })
}

/// The labels that KServe and Knative put on a predictor's pods.
#[must_use]
pub fn labels(seed: u64, endpoint: &Endpoint, revision: &RevisionState) -> Value {
    let mut labels = json!({
        "component": "predictor",
        "pod-template-hash": revision.template_hash(seed),
        "serving.kserve.io/inferenceservice": endpoint.key.name,
    });
    let more = match endpoint.mode {
        Mode::Knative => {
            let service = format!("{}-predictor", endpoint.key.name);
            json!({
                "app": revision.name,
                "serving.knative.dev/configuration": service,
                "serving.knative.dev/configurationGeneration": revision.number.to_string(),
                "serving.knative.dev/revision": revision.name,
                "serving.knative.dev/service": service,
            })
        }
        Mode::Standard => json!({ "app": format!("isvc.{}", revision.name) }),
    };
    extend(&mut labels, more);
    labels
}

fn annotations(endpoint: &Endpoint, revision: &RevisionState) -> Value {
    let mut annotations = json!({
        "internal.serving.kserve.io/storage-initializer-sourceuri": revision.storage,
        "prometheus.kserve.io/path": "/metrics",
        "prometheus.kserve.io/port": "8080",
        "serving.kserve.io/enable-metric-aggregation": "false",
        "serving.kserve.io/enable-prometheus-scraping": "true",
    });
    let more = match endpoint.mode {
        Mode::Knative => json!({
            "autoscaling.knative.dev/class": "kpa.autoscaling.knative.dev",
            "autoscaling.knative.dev/min-scale": "1",
            "serving.knative.dev/creator": "system:serviceaccount:kserve:kserve-controller-manager",
        }),
        Mode::Standard => json!({ "serving.kserve.io/deploymentMode": "Standard" }),
    };
    extend(&mut annotations, more);
    annotations
}

fn spec(endpoint: &Endpoint, revision: &RevisionState, pod: &PodState) -> Value {
    let mut containers = vec![server(endpoint, revision)];
    if endpoint.mode == Mode::Knative {
        containers.push(queue_proxy(endpoint, revision));
    }
    json!({
        "volumes": [{ "name": "kserve-provision-location", "emptyDir": {} },
            { "name": "kube-api-access", "projected": { "sources": [{ "serviceAccountToken": { "expirationSeconds": 3607,
                "path": "token" } }, { "configMap": { "name": "kube-root-ca.crt", "items": [{ "key": "ca.crt",
                "path": "ca.crt" }] } }], "defaultMode": 420 } }],
        "initContainers": [initializer(revision)],
        "containers": containers,
        "restartPolicy": "Always",
        "terminationGracePeriodSeconds": if endpoint.mode == Mode::Knative { 300 } else { 30 },
        "dnsPolicy": "ClusterFirst",
        "serviceAccountName": "default",
        "serviceAccount": "default",
        "nodeName": pod.node,
        "securityContext": {},
        "schedulerName": "default-scheduler",
        "tolerations": [
            { "key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 },
            { "key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300 }],
        "priority": 0,
        "enableServiceLinks": false,
        "preemptionPolicy": "PreemptLowerPriority",
    })
}

fn initializer(revision: &RevisionState) -> Value {
    json!({
        "name": "storage-initializer", "image": INITIALIZER, "args": [revision.storage, "/mnt/models"],
        "resources": { "limits": { "cpu": "1", "memory": "1Gi" }, "requests": { "cpu": "100m", "memory": "100Mi" } },
        "volumeMounts": [{ "name": "kserve-provision-location", "mountPath": "/mnt/models" }],
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "FallbackToLogsOnError",
        "imagePullPolicy": "IfNotPresent",
    })
}

fn server(endpoint: &Endpoint, revision: &RevisionState) -> Value {
    let port = if endpoint.mode == Mode::Knative { "user-port" } else { "http1" };
    json!({
        "name": "kserve-container", "image": server_image(&endpoint.format),
        "args": [format!("--model_name={}", endpoint.model), "--model_dir=/mnt/models", "--http_port=8080"],
        "ports": [{ "name": port, "containerPort": 8080, "protocol": "TCP" }],
        "env": [{ "name": "INFERENCE_SERVICE_NAME", "value": endpoint.key.name },
            { "name": "MODEL_VERSION", "value": revision.version.to_string() },
            { "name": "K_REVISION", "value": revision.name }],
        "resources": { "limits": { "cpu": "2", "memory": "2Gi" }, "requests": { "cpu": "1", "memory": "2Gi" } },
        "volumeMounts": [{ "name": "kserve-provision-location", "readOnly": true, "mountPath": "/mnt/models" }],
        "readinessProbe": { "tcpSocket": { "port": 8080 }, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1,
            "failureThreshold": 3 },
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "FallbackToLogsOnError",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": { "capabilities": { "drop": ["ALL"] }, "privileged": false, "runAsNonRoot": true,
            "allowPrivilegeEscalation": false },
    })
}

fn queue_proxy(endpoint: &Endpoint, revision: &RevisionState) -> Value {
    let env = |name: &str, value: &str| json!({ "name": name, "value": value });
    json!({
        "name": "queue-proxy", "image": QUEUE,
        "ports": [{ "name": "http-queueadm", "containerPort": 8022, "protocol": "TCP" },
            { "name": "http-autometric", "containerPort": 9090, "protocol": "TCP" },
            { "name": "http-usermetric", "containerPort": 9091, "protocol": "TCP" },
            { "name": "queue-port", "containerPort": 8012, "protocol": "TCP" }],
        "env": [env("SERVING_NAMESPACE", &endpoint.key.namespace), env("SERVING_REVISION", &revision.name),
            env("SERVING_SERVICE", &format!("{}-predictor", endpoint.key.name)), env("QUEUE_SERVING_PORT", "8012"),
            env("CONTAINER_CONCURRENCY", "0"), env("REVISION_TIMEOUT_SECONDS", "300"), env("USER_PORT", "8080"),
            env("METRICS_COLLECTOR_ADDRESS", ""), env("SYSTEM_NAMESPACE", "knative-serving")],
        "resources": { "requests": { "cpu": "25m", "memory": "64Mi" } },
        "readinessProbe": { "httpGet": { "path": "/", "port": 8012, "scheme": "HTTP",
            "httpHeaders": [{ "name": "K-Network-Probe", "value": "queue" }] }, "timeoutSeconds": 1, "periodSeconds": 10,
            "successThreshold": 1, "failureThreshold": 3 },
        "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
        "securityContext": { "capabilities": { "drop": ["ALL"] }, "readOnlyRootFilesystem": true, "runAsNonRoot": true,
            "allowPrivilegeEscalation": false },
    })
}

/// What a container's log or status says when its phase is a failure: the kubelet's own text.
#[must_use]
pub fn failure(phase: Phase, pod: &PodState, format: &str) -> Option<String> {
    match phase {
        Phase::ImageMissing => Some(format!("Back-off pulling image \"{}\"", server_image(format))),
        Phase::ModelMissing => {
            Some(format!("back-off 5m0s restarting failed container=storage-initializer pod={}", pod.name))
        }
        Phase::OutOfMemory => Some(format!("Container kserve-container was killed at {}", stamp(pod.since))),
        Phase::Initialising | Phase::Loading | Phase::Ready => None,
    }
}
