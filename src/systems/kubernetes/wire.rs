//! Pods as the API sends them (`core/v1`), as far as they are shown. Lenient: whatever is missing or `null` is empty.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::systems::kube::or_default;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct PodWire {
    pub(super) metadata: Metadata,
    #[serde(deserialize_with = "or_default")]
    pub(super) spec: Spec,
    #[serde(deserialize_with = "or_default")]
    pub(super) status: Status,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Metadata {
    #[serde(deserialize_with = "or_default")]
    pub(super) namespace: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) name: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) uid: String,
    pub(super) creation_timestamp: Option<DateTime<Utc>>,
    pub(super) deletion_timestamp: Option<DateTime<Utc>>,
    #[serde(deserialize_with = "or_default")]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(deserialize_with = "or_default")]
    pub(super) owner_references: Vec<Owner>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Owner {
    pub(super) kind: String,
    pub(super) name: String,
    pub(super) controller: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Spec {
    #[serde(deserialize_with = "or_default")]
    pub(super) node_name: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) service_account_name: String,
    /// Every pod has some: if they are missing, the rest may be missing, too.
    pub(super) containers: Option<Vec<ContainerSpec>>,
    #[serde(deserialize_with = "or_default")]
    pub(super) init_containers: Vec<ContainerSpec>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ContainerSpec {
    #[serde(deserialize_with = "or_default")]
    pub(super) name: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) image: String,
    /// `Always` makes an init container a sidecar.
    #[serde(deserialize_with = "or_default")]
    pub(super) restart_policy: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Status {
    #[serde(deserialize_with = "or_default")]
    pub(super) phase: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) reason: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) message: String,
    #[serde(rename = "podIP", deserialize_with = "or_default")]
    pub(super) pod_ip: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) qos_class: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) conditions: Vec<Condition>,
    #[serde(deserialize_with = "or_default")]
    pub(super) container_statuses: Vec<ContainerStatus>,
    #[serde(deserialize_with = "or_default")]
    pub(super) init_container_statuses: Vec<ContainerStatus>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Condition {
    #[serde(rename = "type", deserialize_with = "or_default")]
    pub(super) kind: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) status: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) reason: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct ContainerStatus {
    #[serde(deserialize_with = "or_default")]
    pub(super) name: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) ready: bool,
    pub(super) started: Option<bool>,
    #[serde(deserialize_with = "or_default")]
    pub(super) restart_count: i64,
    #[serde(deserialize_with = "or_default")]
    pub(super) state: State,
    #[serde(deserialize_with = "or_default")]
    pub(super) last_state: State,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct State {
    pub(super) waiting: Option<Waiting>,
    pub(super) running: Option<Running>,
    pub(super) terminated: Option<Terminated>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Waiting {
    #[serde(deserialize_with = "or_default")]
    pub(super) reason: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) message: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Running {
    pub(super) started_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Terminated {
    #[serde(deserialize_with = "or_default")]
    pub(super) exit_code: i64,
    #[serde(deserialize_with = "or_default")]
    pub(super) signal: i64,
    #[serde(deserialize_with = "or_default")]
    pub(super) reason: String,
    #[serde(deserialize_with = "or_default")]
    pub(super) message: String,
    pub(super) finished_at: Option<DateTime<Utc>>,
}

impl ContainerSpec {
    pub(super) fn is_sidecar(&self) -> bool {
        self.restart_policy == "Always"
    }
}

impl Status {
    pub(super) fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.kind == kind)
    }

    /// Whether the node no longer answers: the node controller then says that the pod is not ready, without a reason,
    /// and leaves what the kubelet last said of the containers.
    pub(super) fn has_lost_node(&self) -> bool {
        let is = |kind, status| self.condition(kind).is_some_and(|condition| condition.status == status);
        let by_kubelet = self.condition("Ready").is_some_and(|condition| !condition.reason.is_empty());
        is("Ready", "False") && is("ContainersReady", "True") && !by_kubelet
    }
}
