//! The status of a predictor's pod as its kubelet writes it.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::endpoint::{Endpoint, Phase, PodState};
use super::metadata::stamp;
use super::pod::{failure, server_image};
use crate::demo::json::Json;
use crate::demo::random::hex;
use crate::demo::story::Mode;

/// What the storage initializer says when the model is not there.
pub const NO_MODEL: &str = "RuntimeError: Failed to fetch model. No model found in s3://acme-models/credit-scoring/2.";

/// The pod's status.
#[must_use]
pub fn status(endpoint: &Endpoint, pod: &PodState) -> Value {
    let ready = pod.phase == Phase::Ready;
    let initialised = !matches!(pod.phase, Phase::Initialising | Phase::ModelMissing);
    let started = pod.created + TimeDelta::seconds(1);
    let condition = |kind: &str, holds: bool, at: DateTime<Utc>, why: Option<(&str, String)>| {
        let mut condition = json!({ "type": kind, "observedGeneration": 1, "status": if holds { "True" } else { "False" },
            "lastProbeTime": null, "lastTransitionTime": stamp(at) });
        if let (Some((reason, message)), false) = (why, holds) {
            condition.set("/reason", reason);
            condition.set("/message", message);
        }
        condition
    };
    let unready = "containers with unready status: [kserve-container]".to_owned();
    let waits = "containers with incomplete status: [storage-initializer]".to_owned();
    let mut containers = vec![server(endpoint, pod)];
    if endpoint.mode == Mode::Knative {
        containers.push(sidecar(pod, initialised));
    }
    json!({
        "observedGeneration": 1,
        "phase": if initialised && pod.phase != Phase::ImageMissing { "Running" } else { "Pending" },
        "conditions": [
            condition("PodReadyToStartContainers", true, started, None),
            condition("Initialized", initialised, started, Some(("ContainersNotInitialized", waits))),
            condition("Ready", ready, pod.since, Some(("ContainersNotReady", unready.clone()))),
            condition("ContainersReady", ready, pod.since, Some(("ContainersNotReady", unready))),
            condition("PodScheduled", true, pod.created, None),
        ],
        "hostIP": host(&pod.node), "hostIPs": [{ "ip": host(&pod.node) }],
        "podIP": pod.address, "podIPs": [{ "ip": pod.address }],
        "startTime": stamp(started),
        "initContainerStatuses": [initializer(pod, initialised)],
        "containerStatuses": containers,
        "qosClass": "Burstable",
    })
}

/// The address in a node's name (`ip-10-0-1-11.eu-…`).
#[must_use]
pub fn host(node: &str) -> String {
    let short = node.split('.').next().unwrap_or_default();
    short.trim_start_matches("ip-").replace('-', ".")
}

fn server(endpoint: &Endpoint, pod: &PodState) -> Value {
    let ready = pod.phase == Phase::Ready;
    let image = server_image(&endpoint.format);
    let state = match pod.phase {
        Phase::Initialising | Phase::ModelMissing => json!({ "waiting": { "reason": "PodInitializing" } }),
        Phase::ImageMissing => json!({ "waiting": { "reason": "ImagePullBackOff",
            "message": failure(pod.phase, pod, &endpoint.format) } }),
        Phase::OutOfMemory => json!({ "terminated": { "exitCode": 137, "reason": "OOMKilled",
            "startedAt": stamp(started_before(pod)), "finishedAt": stamp(pod.since),
            "containerID": container_id(pod, "killed") } }),
        Phase::Loading | Phase::Ready => json!({ "running": { "startedAt": stamp(running_since(pod)) } }),
    };
    let last = match pod.killed {
        Some(killed) if pod.phase != Phase::OutOfMemory => {
            json!({ "terminated": { "exitCode": 137, "reason": "OOMKilled",
            "startedAt": stamp(started_before(pod)), "finishedAt": stamp(killed),
            "containerID": container_id(pod, "killed") } })
        }
        _ => json!({}),
    };
    let missing = matches!(pod.phase, Phase::ImageMissing | Phase::Initialising | Phase::ModelMissing);
    let image_id = if missing { String::new() } else { format!("{}@sha256:{}", image, hex(7, &image, 64)) };
    json!({ "name": "kserve-container", "state": state, "lastState": last, "ready": ready,
        "restartCount": if pod.phase == Phase::ModelMissing { 0 } else { pod.restarts }, "image": image, "imageID": image_id,
        "containerID": if missing { String::new() } else { container_id(pod, "server") },
        "started": matches!(pod.phase, Phase::Ready | Phase::Loading) })
}

/// When the container that was killed had been started.
fn started_before(pod: &PodState) -> DateTime<Utc> {
    (pod.killed.unwrap_or(pod.since) - TimeDelta::minutes(6)).max(pod.created)
}

/// When the main container was started last.
#[must_use]
pub fn running_since(pod: &PodState) -> DateTime<Utc> {
    pod.killed.map_or(pod.created + TimeDelta::seconds(4), |killed| killed + TimeDelta::seconds(3))
}

fn sidecar(pod: &PodState, initialised: bool) -> Value {
    let state = if initialised {
        json!({ "running": { "startedAt": stamp(pod.created + TimeDelta::seconds(4)) } })
    } else {
        json!({ "waiting": { "reason": "PodInitializing" } })
    };
    json!({ "name": "queue-proxy", "state": state, "lastState": {}, "ready": pod.phase == Phase::Ready, "restartCount": 0,
        "image": "gcr.io/knative-releases/knative.dev/serving/cmd/queue:v1.18.1",
        "imageID": format!("gcr.io/knative-releases/knative.dev/serving/cmd/queue@sha256:{}", hex(7, "queue", 64)),
        "containerID": container_id(pod, "queue"), "started": initialised })
}

fn initializer(pod: &PodState, initialised: bool) -> Value {
    let started = pod.created + TimeDelta::seconds(1);
    let ended = |exit: u32, reason: &str, message: Option<&str>| {
        let mut ended = json!({ "exitCode": exit, "reason": reason, "startedAt": stamp(started),
            "finishedAt": stamp(started + TimeDelta::seconds(3)), "containerID": container_id(pod, "init") });
        if let Some(message) = message {
            ended.set("/message", message);
        }
        json!({ "terminated": ended })
    };
    let (state, last) = match pod.phase {
        Phase::Initialising => (json!({ "running": { "startedAt": stamp(started) } }), json!({})),
        Phase::ModelMissing => (
            json!({ "waiting": { "reason": "CrashLoopBackOff", "message": failure(pod.phase, pod, "") } }),
            ended(1, "Error", Some(NO_MODEL)),
        ),
        _ => (ended(0, "Completed", None), json!({})),
    };
    let restarts = if pod.phase == Phase::ModelMissing { pod.restarts } else { 0 };
    json!({ "name": "storage-initializer", "state": state, "lastState": last, "ready": initialised, "restartCount": restarts,
        "image": "docker.io/kserve/storage-initializer:v0.20.0",
        "imageID": format!("docker.io/kserve/storage-initializer@sha256:{}", hex(7, "init", 64)),
        "containerID": container_id(pod, "init"), "started": false })
}

fn container_id(pod: &PodState, what: &str) -> String {
    format!("containerd://{}", hex(u64::from(pod.restarts), &format!("{}/{what}", pod.name), 64))
}
