//! Which pod of a revision can be asked, or why none can.

use serde::Deserialize;
use serde_json::Value as Json;

use crate::model::health::Error;
use crate::systems::http::encoded;
use crate::systems::kube::Cluster;

/// The name of a ready pod that `selector` finds; an error that says what the pods wait for if there is none.
pub(super) async fn ready(cluster: &Cluster, namespace: &str, selector: &str, revision: &str) -> Result<String, Error> {
    let selector = encoded(selector);
    let path = format!("/api/v1/namespaces/{namespace}/pods?labelSelector={selector}");
    let list: PodList = cluster.get_json(&path).await?;
    choose(&list.items.unwrap_or_default(), revision)
}

/// What is said of a revision that has scaled to zero.
const NO_POD: &str = "it has no pod";

/// Whether an error of [`ready`] says that there is no pod at all, and not that one is broken.
pub(super) fn is_asleep(error: &Error) -> bool {
    matches!(error, Error::Unreachable { why, .. } if why == NO_POD)
}

fn choose(pods: &[Pod], revision: &str) -> Result<String, Error> {
    if let Some(pod) = pods.iter().find(|pod| pod.is_ready()) {
        return Ok(pod.metadata.name.clone());
    }
    let why = match (pods.len(), pods.iter().find_map(Pod::waits_for)) {
        (0, _) => NO_POD.to_owned(),
        (count, Some(why)) => format!("none of its pods is ready ({count}; {why})"),
        (count, None) => format!("none of its pods is ready ({count})"),
    };
    Err(Error::Unreachable { what: revision.to_owned(), why })
}

#[derive(Deserialize)]
struct PodList {
    items: Option<Vec<Pod>>,
}

#[derive(Deserialize)]
struct Pod {
    metadata: Metadata,
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    #[serde(default)]
    name: String,
    deletion_timestamp: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    conditions: Option<Vec<Condition>>,
    container_statuses: Option<Vec<Container>>,
}

#[derive(Deserialize)]
struct Condition {
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    status: String,
}

#[derive(Deserialize)]
struct Container {
    #[serde(default)]
    state: Json,
}

impl Pod {
    /// Whether it can be asked.
    fn is_ready(&self) -> bool {
        let ready = |condition: &Condition| condition.kind == "Ready" && condition.status == "True";
        self.metadata.deletion_timestamp.is_none() && self.status.conditions.iter().flatten().any(ready)
    }

    /// Why a container waits: `ImagePullBackOff`, `CrashLoopBackOff`.
    fn waits_for(&self) -> Option<String> {
        let reason = |container: &Container| container.state.pointer("/waiting/reason")?.as_str().map(str::to_owned);
        self.status.container_statuses.iter().flatten().find_map(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pods(list: Json) -> Vec<Pod> {
        serde_json::from_value::<PodList>(list).unwrap().items.unwrap()
    }

    #[test]
    fn a_ready_pod_that_is_not_on_its_way_out_is_chosen() {
        let ready = serde_json::json!({"conditions": [{"type": "Ready", "status": "True"}]});
        let list = serde_json::json!({"items": [
            {"metadata": {"name": "a"}},
            {"metadata": {"name": "b", "deletionTimestamp": "2026-11-02T09:00:00Z"}, "status": ready},
            {"metadata": {"name": "c"}, "status": ready}]});
        assert_eq!(choose(&pods(list), "r1"), Ok("c".into()));
    }

    #[test]
    fn a_revision_without_any_pod_is_asleep_and_one_with_a_broken_pod_is_not() {
        assert!(is_asleep(&choose(&[], "r1").unwrap_err()));
        let broken = serde_json::json!({"items": [{"metadata": {"name": "a"}}]});
        assert!(!is_asleep(&choose(&pods(broken), "r1").unwrap_err()));
    }

    #[test]
    fn where_no_pod_is_ready_it_says_what_they_wait_for() {
        let waiting = serde_json::json!({"items": [{"metadata": {"name": "a"},
            "status": {"containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]}}]});
        let error = |list: Json| choose(&pods(list), "r1").unwrap_err().to_string();
        assert_eq!(error(waiting), "can't reach r1: none of its pods is ready (1; ImagePullBackOff)");
    }
}
