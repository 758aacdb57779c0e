//! What the recordings of the real controller look like as rows, and what the field cases should.

mod detail;
mod field_cases;
mod plans;
mod recordings;
mod sending;
mod serving;
mod watches;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use super::board::{Board, Reach, Seen};
use super::rows::{Endpoint, Kind};
use crate::model::id::Key;

/// A recorded response or object.
pub(super) fn fixture(name: &str) -> Json {
    let path = format!("{}/tests/fixtures/kserve/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))).unwrap()
}

/// The events of a recorded watch.
pub(super) fn watch(name: &str) -> Vec<Json> {
    let path = format!("{}/tests/fixtures/kserve/{name}.watch.jsonl", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[expect(clippy::unnecessary_box_returns, reason = "the board takes boxes")]
pub(super) fn read<T: DeserializeOwned>(object: &Json) -> Box<T> {
    Box::new(serde_json::from_value(object.clone()).unwrap())
}

/// Some time after the recordings were made.
pub(super) fn later() -> DateTime<Utc> {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

/// The right moment of the recordings: seconds after the object's last change.
pub(super) fn soon() -> DateTime<Utc> {
    "2026-11-23T09:24:30Z".parse().unwrap()
}

/// A board with an InferenceService and, where given, lists of routes and pods.
pub(super) fn board(service: &Json, routes: Option<&str>, pods: Option<&str>) -> Board {
    let mut board = Board::default();
    board.put(Seen::Service(read(service)));
    match routes {
        Some(name) => {
            board.routes_reach = Reach::Known;
            for route in fixture(name)["items"].as_array().unwrap() {
                board.put(Seen::Route(read(route)));
            }
        }
        None => board.routes_reach = Reach::Absent,
    }
    if let Some(name) = pods {
        board.pods_reach = Reach::Known;
        for pod in fixture(name)["items"].as_array().unwrap() {
            board.put(Seen::Pod(read(pod)));
        }
    }
    board
}

pub(super) fn key(service: &Json) -> Key {
    let text = |name: &str| service["metadata"][name].as_str().unwrap_or_default();
    Kind::Service.key(text("namespace"), text("name"))
}

/// The endpoint of a recorded InferenceService.
pub(super) fn endpoint(name: &str, routes: Option<&str>) -> Endpoint {
    let service = fixture(name);
    board(&service, routes, None).record(&key(&service), later()).unwrap()
}

/// Shares as a person reads them.
pub(super) fn shares(parts: &[crate::model::value::Part]) -> String {
    parts.iter().map(|part| format!("{} {}", part.label, part.percent)).collect::<Vec<_>>().join(", ")
}

/// The example of the contract: Knative, a canary at 10 %.
pub(super) fn knative() -> Json {
    json!({
        "metadata": {"name": "fraud-detector", "namespace": "models", "generation": 7, "uid": "u-1", "resourceVersion": "99120",
            "creationTimestamp": "2026-07-30T09:00:00Z",
            "annotations": {"argocd.argoproj.io/tracking-id": "fraud-serving:serving.kserve.io/InferenceService:models/fraud-detector"}},
        "spec": {"predictor": {"minReplicas": 1, "maxReplicas": 4, "canaryTrafficPercent": 10,
            "model": {"modelFormat": {"name": "xgboost", "version": "2"}, "runtime": "kserve-xgbserver", "protocolVersion": "v2",
                "storageUri": "s3://acme-models/fraud/1.9.0"}}},
        "status": {"deploymentMode": "Knative", "clusterServingRuntimeName": "kserve-xgbserver",
            "url": "http://fraud-detector.models.ml.acme.io",
            "conditions": [{"type": "Ready", "status": "True"}, {"type": "Stopped", "status": "False", "severity": "Info"},
                {"type": "LatestDeploymentReady", "status": "Unknown", "severity": "Info"}],
            "components": {"predictor": {
                "latestCreatedRevision": "fraud-detector-predictor-00003",
                "latestReadyRevision": "fraud-detector-predictor-00003",
                "latestRolledoutRevision": "fraud-detector-predictor-00002",
                "previousRolledoutRevision": "fraud-detector-predictor-00001",
                "traffic": [
                    {"latestRevision": true, "percent": 10, "revisionName": "fraud-detector-predictor-00003", "tag": "latest"},
                    {"latestRevision": false, "percent": 90, "revisionName": "fraud-detector-predictor-00002", "tag": "prev"}]}},
            "modelStatus": {"transitionStatus": "UpToDate", "copies": {"totalCopies": 2},
                "lastFailureInfo": {"reason": "ModelLoadFailed", "message": "RuntimeError: old"}}}
    })
}
