//! What stands between a write and the store: the CRD's schema, KServe's defaulter and its validator, in their words.

use http::StatusCode;
use serde_json::{Value, json};

use super::failure::Failure;
use crate::demo::cluster::kserve::annotation;
use crate::demo::json::Json;

const MODE: &str = "serving.kserve.io/deploymentMode";
const SPEC: &str = "canary explainer predictor transformer";
const PREDICTOR: &str = "activeDeadlineSeconds affinity annotations autoScaling automountServiceAccountToken batcher \
    canaryTrafficPercent containerConcurrency containers deploymentStrategy dnsConfig dnsPolicy enableServiceLinks \
    hostAliases hostIPC hostNetwork hostPID hostUsers hostname hostnameOverride huggingface imagePullSecrets \
    initContainers labels lightgbm logger maxReplicas minReplicas model name nodeName nodeSelector onnx os overhead \
    paddle pmml preemptionPolicy priority priorityClassName pytorch readinessGates resourceClaims resources \
    restartPolicy runtimeClassName scaleMetric scaleMetricType scaleTarget schedulerName schedulingGates \
    securityContext serviceAccount serviceAccountName setHostnameAsFQDN shareProcessNamespace sklearn \
    storageContainerName storageUris subdomain tensorflow terminationGracePeriodSeconds timeout tolerations \
    topologySpreadConstraints triton volumes workerSpec xgboost";
const MODEL: &str = "args command confidential env envFrom image imagePullPolicy lifecycle livenessProbe modelFormat name \
    ports protocolVersion readinessProbe resizePolicy resources restartPolicy restartPolicyRules runtime runtimeVersion \
    securityContext startupProbe stdin stdinOnce storage storageUri terminationMessagePath terminationMessagePolicy tty \
    volumeDevices volumeMounts workingDir";
const CANARY: &str = "predictor trafficPercent";
const FRAMEWORKS: &[&str] =
    &["sklearn", "xgboost", "pytorch", "tensorflow", "triton", "onnx", "huggingface", "lightgbm", "paddle", "pmml"];

/// Takes the fields out that the CRD does not know, and names them.
pub fn prune(service: &mut Value) -> Vec<String> {
    let mut unknown = Vec::new();
    let mut level = |value: Option<&mut Value>, known: &str, path: &str| {
        let Some(map) = value.and_then(Value::as_object_mut) else { return };
        map.retain(|name, _| {
            let keep = known.split_whitespace().any(|known| known == name);
            if !keep {
                unknown.push(format!("{path}.{name}"));
            }
            keep
        });
    };
    level(service.get_mut("spec"), SPEC, "spec");
    level(service.pointer_mut("/spec/predictor"), PREDICTOR, "spec.predictor");
    level(service.pointer_mut("/spec/predictor/model"), MODEL, "spec.predictor.model");
    let canaries = service.pointer("/spec/canary").and_then(Value::as_array).map_or(0, Vec::len);
    for at in 0..canaries {
        let path = format!("spec.canary[{at}]");
        level(service.pointer_mut(&format!("/spec/canary/{at}")), CANARY, &path);
        level(service.pointer_mut(&format!("/spec/canary/{at}/predictor")), PREDICTOR, &format!("{path}.predictor"));
        level(
            service.pointer_mut(&format!("/spec/canary/{at}/predictor/model")),
            MODEL,
            &format!("{path}.predictor.model"),
        );
    }
    unknown
}

/// KServe's mutating webhook: old names become new ones, a framework's key becomes `model`.
pub fn default(service: &mut Value) -> Result<(), Failure> {
    types(service)?;
    if service.pointer("/spec/predictor/model").is_some_and(Value::is_null) {
        let message = "panic: runtime error: index out of range [0] with length 0 [recovered]";
        return Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "", denied("defaulter", message)));
    }
    if let Some(mode) = service.pointer_mut("/metadata/annotations").and_then(|all| all.get_mut(MODE)) {
        match mode.as_str() {
            Some("RawDeployment") => *mode = "Standard".into(),
            Some("Serverless") => *mode = "Knative".into(),
            _ => {}
        }
    }
    if let Some(predictor) = service.pointer_mut("/spec/predictor").and_then(Value::as_object_mut) {
        rewrite_framework(predictor);
        if let Some(model) = predictor.get_mut("model").and_then(Value::as_object_mut) {
            model.entry("name").or_insert_with(|| "".into());
            model.entry("resources").or_insert_with(|| json!({}));
        }
    }
    let canaries = service.pointer_mut("/spec/canary").and_then(Value::as_array_mut);
    for canary in canaries.into_iter().flatten().filter_map(Value::as_object_mut) {
        canary.entry("trafficPercent").or_insert_with(|| 0.into());
    }
    Ok(())
}

fn rewrite_framework(predictor: &mut serde_json::Map<String, Value>) {
    for framework in FRAMEWORKS {
        let Some(mut model) = predictor.shift_remove(*framework) else { continue };
        if let Some(model) = model.as_object_mut() {
            model.insert("modelFormat".into(), json!({ "name": framework }));
        }
        predictor.insert("model".into(), model);
    }
}

fn types(service: &Value) -> Result<(), Failure> {
    let predictor = service.at("/spec/predictor");
    for field in ["canaryTrafficPercent", "minReplicas", "maxReplicas", "containerConcurrency", "timeout"] {
        let Some(value) = predictor.get(field).filter(|value| !value.is_null() && !value.is_i64()) else { continue };
        let found = if value.is_string() { "string" } else { "object" };
        let size = if field.ends_with("Replicas") { "int32" } else { "int64" };
        let message = format!(
            "json: cannot unmarshal {found} into Go struct field \
             PredictorSpec.spec.predictor.ComponentExtensionSpec.{field} of type {size}"
        );
        return Err(Failure::new(StatusCode::BAD_REQUEST, "", denied("defaulter", &message)));
    }
    Ok(())
}

/// The CRD's own rules, then KServe's validating webhook.
pub fn validate(service: &Value, before: Option<&Value>) -> Result<(), Failure> {
    crd_rules(service)?;
    webhook_rules(service, before)
        .map_err(|message| Failure::new(StatusCode::FORBIDDEN, "Forbidden", denied("validator", &message)))
}

fn denied(which: &str, message: &str) -> String {
    format!("admission webhook \"inferenceservice.kserve-webhook-server.{which}\" denied the request: {message}")
}

fn crd_rules(service: &Value) -> Result<(), Failure> {
    let name = service.at("/metadata/name").as_str().unwrap_or_default();
    for (at, canary) in canaries(service).iter().enumerate() {
        let Some(percent) = canary.at("/trafficPercent").as_i64() else { continue };
        let bound = match percent {
            ..0 => "greater than or equal to 0",
            101.. => "less than or equal to 100",
            _ => continue,
        };
        let field = format!("spec.canary[{at}].trafficPercent");
        let why = format!("Invalid value: {percent}: {field} in body should be {bound}");
        return Err(invalid(name, &field, &why));
    }
    Ok(())
}

/// 422 for one field of an InferenceService.
#[must_use]
pub fn invalid(name: &str, field: &str, why: &str) -> Failure {
    let message = format!("InferenceService.serving.kserve.io \"{name}\" is invalid: {field}: {why}");
    Failure {
        details: json!({ "name": name, "group": "serving.kserve.io", "kind": "InferenceService",
            "causes": [{ "reason": "FieldValueInvalid", "message": why, "field": field }] }),
        ..Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message)
    }
}

fn canaries(service: &Value) -> &[Value] {
    service.at("/spec/canary").as_array().map_or(&[], Vec::as_slice)
}

fn webhook_rules(service: &Value, before: Option<&Value>) -> Result<(), String> {
    name_rule(service.at("/metadata/name").as_str().unwrap_or_default())?;
    let mode = annotation(service, MODE);
    let fixed = before.and_then(|before| before.at("/status/deploymentMode").as_str());
    if let (Some(mode), Some(fixed)) = (mode, fixed)
        && mode != fixed
    {
        return Err(format!("update rejected: deploymentMode cannot be changed from '{fixed}' to '{mode}'"));
    }
    if let Some(class) = annotation(service, "serving.kserve.io/autoscalerClass")
        && !matches!(class, "hpa" | "keda" | "external" | "none")
    {
        return Err(format!("[{class}] is not a supported autoscaler class type"));
    }
    let predictor = service.at("/spec/predictor");
    let (least, most) = (predictor.at("/minReplicas").as_i64(), predictor.at("/maxReplicas").as_i64());
    if least.is_some_and(|least| least < 0) {
        return Err("'MinReplicas' cannot be less than 0".into());
    }
    if let (Some(least), Some(most)) = (least, most)
        && most != 0
        && least > most
    {
        return Err("'MinReplicas' cannot be greater than MaxReplicas".into());
    }
    if predictor.at("/containerConcurrency").as_i64().is_some_and(|value| value < 0) {
        return Err("parallelism cannot be less than 0".into());
    }
    if predictor.get("deploymentStrategy").is_some() && mode != Some("Standard") {
        return Err("customizing deploymentStrategy is only supported for raw deployment mode".into());
    }
    if let Some(before) = before {
        let old = &before.at("/spec/predictor");
        if name_of(old) != name_of(predictor) && old.at("/model/storageUri") == predictor.at("/model/storageUri") {
            return Err("predictor.name change requires a model change (e.g. storageUri)".into());
        }
    }
    canary_rules(service, mode)
}

fn name_of(predictor: &Value) -> &str {
    predictor.at("/name").as_str().unwrap_or_default()
}

fn name_rule(name: &str) -> Result<(), String> {
    let lower = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let good =
        name.starts_with(|letter: char| letter.is_ascii_lowercase()) && name.chars().all(lower) && !name.ends_with('-');
    if good {
        return Ok(());
    }
    Err(format!(
        "the InferenceService \"{name}\" is invalid: a InferenceService name must consist of lower case alphanumeric \
         characters or '-', and must start with alphabetical character. (e.g. \"my-name\" or \"abc-123\", regex used for \
         validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
    ))
}

fn canary_rules(service: &Value, mode: Option<&str>) -> Result<(), String> {
    let canaries = canaries(service);
    if canaries.is_empty() {
        return Ok(());
    }
    if mode != Some("Standard") {
        return Err("canary is only supported in Standard deployment mode".into());
    }
    let stable = service.at("/spec/predictor");
    let mut names: Vec<&str> = Vec::new();
    for (at, canary) in canaries.iter().enumerate() {
        let predictor = &canary.at("/predictor");
        let name = name_of(predictor);
        if name.is_empty() {
            return Err(format!("canary[{at}] predictor.name is required"));
        }
        if names.contains(&name) {
            return Err(format!("canary predictor.name \"{name}\" is duplicated"));
        }
        if name == name_of(stable) {
            return Err(format!("canary predictor.name \"{name}\" conflicts with stable predictor name"));
        }
        names.push(name);
        canary_predictor_rules(name, predictor, stable)?;
    }
    let sum: i64 = canaries.iter().filter_map(|canary| canary.at("/trafficPercent").as_i64()).sum();
    if sum > 100 {
        return Err(format!("sum of canary trafficPercent values ({sum}) must be <= 100"));
    }
    Ok(())
}

fn canary_predictor_rules(name: &str, predictor: &Value, stable: &Value) -> Result<(), String> {
    for field in ["maxReplicas", "scaleTarget", "scaleMetric", "autoScaling"] {
        if predictor.get(field).is_some() {
            return Err(format!("canary \"{name}\" must not set {field} (canary uses fixed replicas)"));
        }
    }
    if predictor.get("workerSpec").is_some() {
        return Err(format!("canary \"{name}\" must not set workerSpec (multi-node is not yet supported for canary)"));
    }
    let (least, most) = (predictor.at("/minReplicas").as_i64(), stable.at("/minReplicas").as_i64().unwrap_or(1));
    if let Some(least) = least.filter(|least| *least > most) {
        return Err(format!(
            "canary \"{name}\" minReplicas ({least}) must not exceed stable predictor minReplicas ({most})"
        ));
    }
    if predictor.get("model").is_none() && !FRAMEWORKS.iter().any(|framework| predictor.get(framework).is_some()) {
        return Err(format!(
            "canary \"{name}\" predictor: exactly one of [Name, SKLearn, XGBoost, Tensorflow, PyTorch, Triton, ONNX, \
             HuggingFace, PMML, LightGBM, Paddle, Model, StorageUris, StorageContainerName, WorkerSpec, PodSpec] must be \
             specified in PredictorSpec"
        ));
    }
    Ok(())
}
