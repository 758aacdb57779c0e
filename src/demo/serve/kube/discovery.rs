//! Discovery: versions, groups, resources, and as much of OpenAPI as clients insist on.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::{Value, json};

use super::failure::Failure;
use super::kinds::{KINDS, Kind, has_group};
use crate::demo::json::Json;
use crate::demo::serve::{Answer, json as send};

/// `/version`.
#[must_use]
pub fn version() -> Value {
    json!({ "major": "1", "minor": "34", "emulationMajor": "1", "emulationMinor": "34", "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "33", "gitVersion": "v1.34.2-eks-113cf36",
        "gitCommit": "8cc511e399b929453cd98ae65b419c3cc227ec79", "gitTreeState": "clean",
        "buildDate": "2025-11-11T19:03:50Z", "goVersion": "go1.24.9", "compiler": "gc", "platform": "linux/amd64" })
}

/// Answers `/api…` and `/apis…`.
#[must_use]
pub fn answer(segments: &[&str]) -> Answer {
    let found = match segments {
        ["api"] => json!({ "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1" }] }),
        ["apis"] => {
            json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups().map(group_of).collect::<Vec<_>>() })
        }
        ["api", "v1"] => resources("", "v1"),
        ["apis", group] if has_group(group, None) => {
            let mut group = group_of(group);
            group.set("/kind", "APIGroup");
            group.set("/apiVersion", "v1");
            group
        }
        ["apis", group, version] if has_group(group, Some(version)) => resources(group, version),
        _ => return Failure::no_path().answer(),
    };
    send(StatusCode::OK, &found)
}

fn groups() -> impl Iterator<Item = &'static str> {
    let mut seen = BTreeSet::new();
    for kind in KINDS.iter().filter(|kind| !kind.group.is_empty()) {
        seen.insert(kind.group);
    }
    ["authorization.k8s.io", "policy"].into_iter().chain(seen)
}

fn group_of(group: &str) -> Value {
    let mut versions: Vec<&str> = KINDS.iter().filter(|kind| kind.group == group).map(|kind| kind.version).collect();
    if versions.is_empty() {
        versions.push("v1");
    }
    // v1 before v1beta1 before v1alpha2 before v1alpha1, as Kubernetes orders them.
    let rank = |version: &str| (version.contains("alpha"), version.contains("beta"));
    versions.sort_by(|one, other| rank(one).cmp(&rank(other)).then_with(|| other.cmp(one)));
    versions.dedup();
    let named = |version: &&str| json!({ "groupVersion": format!("{group}/{version}"), "version": version });
    let all: Vec<Value> = versions.iter().map(named).collect();
    json!({ "name": group, "versions": all, "preferredVersion": all.first() })
}

fn resources(group: &str, version: &str) -> Value {
    let list = match (group, version) {
        ("authorization.k8s.io", _) => ["SelfSubjectAccessReview", "SelfSubjectRulesReview"]
            .map(|kind| {
                json!({ "name": format!("{}s", kind.to_lowercase()), "singularName": kind.to_lowercase(), "namespaced": false,
                    "kind": kind, "verbs": ["create"] })
            })
            .to_vec(),
        ("policy", _) => Vec::new(),
        _ => KINDS.iter().filter(|kind| kind.group == group && kind.version == version).flat_map(resource).collect(),
    };
    let group_version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": list })
}

fn resource(kind: &Kind) -> Vec<Value> {
    let part = |name: &str, kind_name: &str, verbs: &[&str]| {
        json!({ "name": format!("{}/{name}", kind.plural), "singularName": "", "namespaced": kind.namespaced,
            "kind": kind_name, "verbs": verbs })
    };
    let mut whole = json!({ "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced,
        "kind": kind.kind, "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"] });
    if !kind.short.is_empty() {
        whole.set("/shortNames", kind.short.split(' ').collect::<Value>());
    }
    let mut list = vec![whole];
    if !matches!(kind.shelf, "configmaps" | "secrets" | "events" | "endpoints") {
        list.push(part("status", kind.kind, &["get", "patch", "update"]));
    }
    if kind.scale {
        list.push(part("scale", "Scale", &["get", "patch", "update"]));
    }
    match kind.shelf {
        "pods" => {
            list.push(part("eviction", "Eviction", &["create"]));
            list.push(part("log", "Pod", &["get"]));
            list.push(part("portforward", "PodPortForwardOptions", &["create", "get"]));
            list.push(part("proxy", "PodProxyOptions", &["create", "delete", "get", "patch", "update"]));
        }
        "services" => list.push(part("proxy", "ServiceProxyOptions", &["create", "delete", "get", "patch", "update"])),
        _ => {}
    }
    list
}

/// Answers `/openapi/v2` and `/openapi/v3…`: documents that are valid, and say of objects only that they are objects.
#[must_use]
pub fn open_api(segments: &[&str]) -> Answer {
    let info = json!({ "title": "Kubernetes", "version": "v1.34.2" });
    match segments {
        ["v2"] => {
            let definitions = KINDS.iter().map(|kind| (definition_name(kind), definition(kind)));
            let document = json!({ "swagger": "2.0", "info": info, "paths": {},
                "definitions": definitions.collect::<serde_json::Map<_, _>>() });
            send(StatusCode::OK, &document)
        }
        ["v3"] => {
            let groups = KINDS.iter().map(|kind| {
                if kind.group.is_empty() { "api/v1".to_owned() } else { format!("apis/{}", kind.api_version()) }
            });
            let paths = groups.map(|path| {
                let url = json!({ "serverRelativeURL": format!("/openapi/v3/{path}?hash=QUARTERDECK") });
                (path, url)
            });
            send(StatusCode::OK, &json!({ "paths": paths.collect::<serde_json::Map<_, _>>() }))
        }
        ["v3", "api", "v1"] => send(StatusCode::OK, &schemas(&info, "", "v1")),
        ["v3", "apis", group, version] => send(StatusCode::OK, &schemas(&info, group, version)),
        _ => Failure::no_path().answer(),
    }
}

fn schemas(info: &Value, group: &str, version: &str) -> Value {
    let kinds = KINDS.iter().filter(|kind| kind.group == group && kind.version == version);
    let schemas = kinds.map(|kind| (definition_name(kind), definition(kind)));
    json!({ "openapi": "3.0.0", "info": info, "paths": {},
        "components": { "schemas": schemas.collect::<serde_json::Map<_, _>>() } })
}

fn definition_name(kind: &Kind) -> String {
    let group = if kind.group.is_empty() { "io.k8s.api.core" } else { kind.group };
    format!("{}.{}.{}", group.split('.').rev().collect::<Vec<_>>().join("."), kind.version, kind.kind)
}

fn definition(kind: &Kind) -> Value {
    json!({ "description": format!("{} (the fields are not described here)", kind.kind), "type": "object",
        "x-kubernetes-preserve-unknown-fields": true,
        "x-kubernetes-group-version-kind": [{ "group": kind.group, "version": kind.version, "kind": kind.kind }] })
}
