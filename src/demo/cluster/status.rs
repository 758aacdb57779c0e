//! The status of an InferenceService as KServe's controller v0.20 (and, for the split, its master) writes it.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::endpoint::{Endpoint, Phase, RevisionState};
use super::metadata::{extend, stamp};
use super::pod_status::NO_MODEL;
use crate::demo::json::Json;
use crate::demo::story::{Condition as Trouble, Mode};

/// The domain under which endpoints are reached.
pub const DOMAIN: &str = "models.acme.example";

/// One target of a Knative route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The revision.
    pub revision: String,
    /// Whether it follows the newest revision.
    pub latest: bool,
    /// Percent.
    pub percent: u32,
}

/// The public host of an endpoint (or of its predictor, by the name given).
#[must_use]
pub fn host(mode: Mode, name: &str, namespace: &str) -> String {
    match mode {
        Mode::Knative => format!("{name}.{namespace}.{DOMAIN}"),
        Mode::Standard => format!("{name}-{namespace}.{DOMAIN}"),
    }
}

struct Wanted {
    kind: &'static str,
    holds: Option<bool>,
    reason: String,
    message: String,
    info: bool,
}

fn wanted(kind: &'static str, holds: Option<bool>) -> Wanted {
    Wanted { kind, holds, reason: String::new(), message: String::new(), info: false }
}

impl Wanted {
    fn because(mut self, reason: &str, message: &str) -> Self {
        reason.clone_into(&mut self.reason);
        message.clone_into(&mut self.message);
        self
    }

    fn info(mut self) -> Self {
        self.info = true;
        self
    }
}

/// The status in Knative mode.
#[must_use]
pub fn knative(endpoint: &Endpoint, targets: &[Target], generation: u64, before: &Value, at: DateTime<Utc>) -> Value {
    let (name, namespace) = (endpoint.key.name.as_str(), endpoint.key.namespace.as_str());
    let predictor = format!("{name}-predictor");
    let ready = endpoint.latest_ready().is_some();
    let newest = endpoint.latest().is_some_and(|revision| revision.ready);
    let latest_ready = if newest {
        wanted("LatestDeploymentReady", Some(true)).info()
    } else {
        wanted("LatestDeploymentReady", None).because("PredictorConfigurationReady not ready", "").info()
    };
    let list = vec![
        wanted("IngressReady", Some(ready)),
        latest_ready,
        wanted("PredictorConfigurationReady", newest.then_some(true)).info(),
        wanted("PredictorReady", Some(ready)),
        wanted("PredictorRouteReady", Some(ready)).info(),
        wanted("Ready", Some(ready)),
        wanted("RoutesReady", Some(ready)).info(),
        wanted("Stopped", Some(false)).info(),
    ];
    let tag = |target: &Target| if target.latest { "latest" } else { "prev" };
    let traffic = targets.iter().map(|target| {
        let mut shown =
            json!({ "latestRevision": target.latest, "percent": target.percent, "revisionName": target.revision });
        if endpoint.tagged {
            let url = format!("http://{}-{}", tag(target), host(endpoint.mode, &predictor, namespace));
            extend(&mut shown, json!({ "tag": tag(target), "url": url }));
        }
        shown
    });
    let mut component = json!({
        "url": format!("http://{}", host(endpoint.mode, &predictor, namespace)),
        "address": { "url": format!("http://{predictor}.{namespace}.svc.cluster.local") },
        "latestCreatedRevision": endpoint.latest().map(|revision| &revision.name),
        "latestReadyRevision": endpoint.latest_ready().map(|revision| &revision.name),
    });
    if let Some(revision) = &endpoint.rolled_out {
        extend(&mut component, json!({ "latestRolledoutRevision": revision }));
    }
    if let Some(revision) = &endpoint.previous {
        extend(&mut component, json!({ "previousRolledoutRevision": revision }));
    }
    extend(&mut component, json!({ "traffic": traffic.collect::<Vec<_>>() }));
    let mut status = json!({
        "address": { "url": format!("http://{name}.{namespace}.svc.cluster.local") },
        "clusterServingRuntimeName": runtime(&endpoint.format),
        "components": { "predictor": component },
        "conditions": conditions(list, before, at),
        "deploymentMode": "Knative",
        "modelStatus": model_status(endpoint),
        "observedGeneration": generation,
    });
    if ready {
        extend(&mut status, json!({ "url": format!("http://{}", host(endpoint.mode, name, namespace)) }));
    }
    status
}

/// The status in Standard mode.
#[must_use]
pub fn standard(endpoint: &Endpoint, percents: &[(String, u32)], before: &Value, at: DateTime<Utc>) -> Value {
    let (name, namespace) = (endpoint.key.name.as_str(), endpoint.key.namespace.as_str());
    let Some(stable) = endpoint.stable() else { return json!({}) };
    let serving = endpoint.serving(&stable.name) > 0;
    let mut list = Vec::new();
    let canaries: Vec<&RevisionState> =
        endpoint.revisions.iter().filter(|revision| !revision.predictor.is_empty()).collect();
    if !canaries.is_empty() {
        let all = canaries.iter().all(|canary| canary.ready);
        let reason = if all { "AllCanariesReady" } else { "CanariesNotReady" };
        list.push(wanted("CanaryPredictorReady", Some(all)).because(reason, "").info());
    }
    let waits = ("Predictor Deployment NotReady", "Predictor HTTPRoute not created");
    let ingress = wanted("IngressReady", Some(serving));
    list.push(if serving { ingress } else { ingress.because(waits.0, waits.1) });
    list.push(predictor_ready(stable, serving));
    let ready = wanted("Ready", Some(serving));
    list.push(if serving { ready } else { ready.because(waits.0, waits.1) });
    list.push(wanted("Stopped", Some(false)).info());
    let component = if serving {
        json!({ "url": format!("http://{}", host(endpoint.mode, &format!("{name}-predictor"), namespace)) })
    } else {
        json!({})
    };
    let mut status = Map::new();
    if serving {
        status.insert(
            "address".into(),
            json!({ "url": format!("http://{}.{namespace}.svc.cluster.local", stable.name) }),
        );
    }
    if !canaries.is_empty() {
        let percent = |of: &str| percents.iter().find(|(name, _)| name == of).map_or(0, |(_, percent)| *percent);
        let list = canaries.iter().map(|canary| {
            json!({ "modelStatus": { "transitionStatus": "" }, "name": canary.predictor, "ready": canary.ready,
                "trafficPercent": percent(&canary.predictor) })
        });
        status.insert("canaryStatuses".into(), list.collect());
    }
    let mut status = Value::Object(status);
    extend(
        &mut status,
        json!({
            "clusterServingRuntimeName": runtime(&endpoint.format),
            "components": { "predictor": component },
            "conditions": conditions(list, before, at),
            "deploymentMode": "Standard",
            "modelStatus": model_status(endpoint),
            "observedGeneration": stable.number,
        }),
    );
    if serving {
        extend(&mut status, json!({ "url": format!("http://{}", host(endpoint.mode, name, namespace)) }));
    }
    status
}

/// The status of a stopped InferenceService.
#[must_use]
pub fn stopped(endpoint: &Endpoint, before: &Value, at: DateTime<Utc>) -> Value {
    let off = |kind| wanted(kind, Some(false)).because("Stopped", "");
    let list = vec![off("IngressReady"), off("PredictorReady"), off("Ready"), wanted("Stopped", Some(true)).info()];
    json!({
        "clusterServingRuntimeName": runtime(&endpoint.format),
        "conditions": conditions(list, before, at),
        "deploymentMode": endpoint.mode.name(),
        "modelStatus": { "transitionStatus": "" },
    })
}

/// The runtime that serves a model format.
#[must_use]
pub fn runtime(format: &str) -> String {
    match format {
        "xgboost" => "kserve-xgbserver".into(),
        "lightgbm" => "kserve-lgbserver".into(),
        "pytorch" => "kserve-torchserve".into(),
        "onnx" | "triton" => "kserve-tritonserver".into(),
        other => format!("kserve-{other}server"),
    }
}

fn predictor_ready(stable: &RevisionState, serving: bool) -> Wanted {
    match (serving, stable.ready) {
        (false, _) => wanted("PredictorReady", Some(false))
            .because("MinimumReplicasUnavailable", "Deployment does not have minimum availability."),
        (true, false) => wanted("PredictorReady", Some(true))
            .because("MinimumReplicasAvailable", "Deployment has minimum availability."),
        (true, true) => wanted("PredictorReady", Some(true))
            .because("NewReplicaSetAvailable", &format!("ReplicaSet \"{}\" has successfully progressed.", stable.name)),
    }
}

fn model_status(endpoint: &Endpoint) -> Value {
    let copies: usize =
        endpoint.revisions.iter().filter(|one| one.predictor.is_empty()).map(RevisionState::ready_pods).sum();
    let counted =
        if copies == 0 { json!({ "failedCopies": 0 }) } else { json!({ "failedCopies": 0, "totalCopies": copies }) };
    let newest = match endpoint.mode {
        Mode::Knative => endpoint.latest(),
        Mode::Standard => endpoint.stable(),
    };
    let condition = newest.map_or(Trouble::Serving, |revision| revision.condition);
    let failing = newest.is_some_and(|revision| revision.pods.iter().any(|pod| pod.phase == Phase::ModelMissing));
    let active = if copies > 0 { "Loaded" } else { "" };
    match condition {
        Trouble::ModelMissing if failing => json!({
            "copies": counted,
            "lastFailureInfo": { "exitCode": 1, "message": NO_MODEL, "reason": "ModelLoadFailed" },
            "states": { "activeModelState": active, "targetModelState": "FailedToLoad" },
            "transitionStatus": "BlockedByFailedLoad" }),
        Trouble::Idle if copies == 0 => json!({ "copies": counted,
            "states": { "activeModelState": "", "targetModelState": "Pending" }, "transitionStatus": "InProgress" }),
        _ if newest.is_some_and(|revision| revision.ready) => json!({ "copies": counted,
            "states": { "activeModelState": "Loaded", "targetModelState": "Loaded" }, "transitionStatus": "UpToDate" }),
        _ => json!({ "copies": counted, "states": { "activeModelState": active,
            "targetModelState": if condition == Trouble::ImageMissing { "Pending" } else { "Loading" } },
            "transitionStatus": "InProgress" }),
    }
}

fn conditions(list: Vec<Wanted>, before: &Value, at: DateTime<Utc>) -> Value {
    let known = before.get("conditions").and_then(Value::as_array);
    let written = list.into_iter().map(|wanted| {
        let status = wanted.holds.map_or("Unknown", |holds| if holds { "True" } else { "False" });
        let same =
            known.into_iter().flatten().find(|one| one.at("/type") == wanted.kind && one.at("/status") == status);
        let mut condition = Map::new();
        let since = same.and_then(|one| one.get("lastTransitionTime")).cloned();
        condition.insert("lastTransitionTime".into(), since.unwrap_or_else(|| stamp(at).into()));
        if !wanted.message.is_empty() {
            condition.insert("message".into(), wanted.message.into());
        }
        if !wanted.reason.is_empty() {
            condition.insert("reason".into(), wanted.reason.into());
        }
        if wanted.info {
            condition.insert("severity".into(), "Info".into());
        }
        condition.insert("status".into(), status.into());
        condition.insert("type".into(), wanted.kind.into());
        Value::Object(condition)
    });
    written.collect()
}
