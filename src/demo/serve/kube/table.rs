//! Objects as the rows that `kubectl get` prints.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde_json::{Value, json};

use super::kinds::Kind;
use super::list::{Page, metadata};
use crate::demo::json::Json;
use crate::demo::serve::{Answer, json as send};

/// A list as a Table.
#[must_use]
pub fn answer(kind: &Kind, page: &Page, now: DateTime<Utc>) -> Answer {
    let rows: Vec<Value> = page.items.iter().map(|item| row(kind, item, now)).collect();
    send(StatusCode::OK, &table(kind, &rows, &metadata(page)))
}

/// One object as a Table.
#[must_use]
pub fn single(kind: &Kind, item: &Bytes, now: DateTime<Utc>) -> Value {
    let row = row(kind, item, now);
    let version = row.at("/object/metadata/resourceVersion").clone();
    table(kind, &[row], &json!({ "resourceVersion": version }))
}

fn table(kind: &Kind, rows: &[Value], metadata: &Value) -> Value {
    let names = columns(kind).iter();
    let columns = names.map(|name| {
        json!({ "name": name, "type": "string", "format": if *name == "Name" { "name" } else { "" }, "description": "",
            "priority": 0 })
    });
    json!({ "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": columns.collect::<Vec<_>>(), "rows": rows })
}

fn columns(kind: &Kind) -> &'static [&'static str] {
    match kind.shelf {
        "pods" => &["Name", "Ready", "Status", "Restarts", "Age"],
        "nodes" => &["Name", "Status", "Roles", "Age", "Version"],
        "services" => &["Name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age"],
        "events" => &["Last Seen", "Type", "Reason", "Object", "Message"],
        "namespaces" => &["Name", "Status", "Age"],
        "deployments.apps" => &["Name", "Ready", "Up-to-date", "Available", "Age"],
        "replicasets.apps" => &["Name", "Desired", "Current", "Ready", "Age"],
        "inferenceservices.serving.kserve.io" => {
            &["Name", "URL", "Ready", "Prev", "Latest", "PrevRolledoutRevision", "LatestReadyRevision", "Age"]
        }
        "inferencegraphs.serving.kserve.io" | "llminferenceservices.serving.kserve.io" => {
            &["Name", "URL", "Ready", "Age"]
        }
        _ => &["Name", "Age"],
    }
}

fn row(kind: &Kind, item: &Bytes, now: DateTime<Utc>) -> Value {
    let object: Value = serde_json::from_slice(item).unwrap_or_default();
    let cells: Vec<Value> = columns(kind).iter().map(|column| cell(kind, column, &object, now)).collect();
    let mut metadata = object.at("/metadata").clone();
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.remove("managedFields");
    }
    json!({ "cells": cells, "object": { "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata } })
}

fn cell(kind: &Kind, column: &str, object: &Value, now: DateTime<Utc>) -> Value {
    let status = &object.at("/status");
    let shown = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    match (kind.shelf, column) {
        (_, "Name") => object.at("/metadata/name").clone(),
        (_, "Age") => age(object.at("/metadata/creationTimestamp"), now).into(),
        ("pods", "Ready") => {
            let containers = status.at("/containerStatuses").as_array().map_or(&[][..], Vec::as_slice);
            let ready = containers.iter().filter(|one| one.at("/ready") == true).count();
            format!("{ready}/{}", containers.len()).into()
        }
        ("pods", "Status") => pod_status(status).into(),
        ("pods", "Restarts") => {
            let all = ["initContainerStatuses", "containerStatuses"]
                .iter()
                .filter_map(|list| status.at(&format!("/{list}")).as_array());
            let most = all.flatten().filter_map(|one| one.at("/restartCount").as_u64()).max();
            most.unwrap_or(0).to_string().into()
        }
        ("nodes", "Status") => {
            let ready = condition(object, "Ready");
            let ready = if ready == "True" { "Ready" } else { "NotReady" };
            let cordoned = object.at("/spec/unschedulable") == true;
            if cordoned { format!("{ready},SchedulingDisabled").into() } else { ready.into() }
        }
        ("nodes", "Roles") => "<none>".into(),
        ("nodes", "Version") => status.at("/nodeInfo/kubeletVersion").clone(),
        ("namespaces", "Status") => status.at("/phase").clone(),
        ("services", "Type") => object.at("/spec/type").clone(),
        ("services", "Cluster-IP") => object.at("/spec").get("clusterIP").cloned().unwrap_or_else(|| "<none>".into()),
        ("services", "External-IP") => {
            object.at("/spec").get("externalName").cloned().unwrap_or_else(|| "<none>".into())
        }
        ("services", "Port(s)") => {
            let ports = object.at("/spec/ports").as_array().into_iter().flatten();
            ports.map(|port| format!("{}/TCP", port.at("/port"))).collect::<Vec<_>>().join(",").into()
        }
        ("events", "Last Seen") => age(object.at("/lastTimestamp"), now).into(),
        ("events", "Object") => {
            let of = &object.at("/involvedObject");
            format!("{}/{}", shown(of.at("/kind")).to_lowercase(), shown(of.at("/name"))).into()
        }
        ("events", column) => object.at(&format!("/{}", column.to_lowercase())).clone(),
        ("deployments.apps", "Ready") => {
            format!("{}/{}", status.at("/readyReplicas"), object.at("/spec/replicas")).into()
        }
        ("deployments.apps", "Up-to-date") => shown(status.at("/updatedReplicas")).into(),
        ("deployments.apps", "Available") => shown(status.at("/availableReplicas")).into(),
        ("replicasets.apps", "Desired") => shown(object.at("/spec/replicas")).into(),
        ("replicasets.apps", "Current") => shown(status.at("/replicas")).into(),
        ("replicasets.apps", "Ready") => shown(status.at("/readyReplicas")).into(),
        (_, "URL") => status.get("url").cloned().unwrap_or_else(|| "".into()),
        (_, "Ready") => condition(object, "Ready").into(),
        (_, column) => traffic(status, column),
    }
}

/// The columns of the CRD that look into the traffic.
fn traffic(status: &Value, column: &str) -> Value {
    let targets = status.at("/components/predictor/traffic").as_array().into_iter().flatten();
    let latest = matches!(column, "Latest" | "LatestReadyRevision");
    let target = targets
        .into_iter()
        .find(|target| if latest { target.at("/latestRevision") == true } else { target.at("/tag") == "prev" });
    let field = if column.ends_with("Revision") { "revisionName" } else { "percent" };
    match target.map(|target| target.at(&format!("/{field}"))) {
        Some(Value::String(text)) => text.as_str().into(),
        Some(Value::Number(number)) => number.to_string().into(),
        _ => "".into(),
    }
}

fn condition(object: &Value, kind: &str) -> String {
    let conditions = object.at("/status/conditions").as_array().into_iter().flatten();
    conditions
        .filter(|one| one.at("/type") == kind)
        .find_map(|one| one.at("/status").as_str())
        .unwrap_or_default()
        .to_owned()
}

fn pod_status(status: &Value) -> String {
    let reason = |list: &str| {
        let containers = status.at(&format!("/{list}")).as_array().into_iter().flatten();
        let reasons = containers.filter_map(|one| {
            let waiting = one.at("/state/waiting/reason").as_str();
            waiting.or_else(|| one.at("/state/terminated/reason").as_str().filter(|reason| *reason != "Completed"))
        });
        reasons.map(ToOwned::to_owned).next()
    };
    if let Some(init) = reason("initContainerStatuses") {
        return format!("Init:{init}");
    }
    reason("containerStatuses").unwrap_or_else(|| status.at("/phase").as_str().unwrap_or_default().to_owned())
}

/// An age as kubectl shows it.
fn age(since: &Value, now: DateTime<Utc>) -> String {
    let Some(since) = since.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok()) else {
        return "<unknown>".into();
    };
    let seconds = (now - since.to_utc()).num_seconds().max(0);
    match seconds {
        ..120 => format!("{seconds}s"),
        120..7200 => format!("{}m", seconds / 60),
        7200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}
