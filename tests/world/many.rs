//! Eleven hundred pods, and many of them changing at once.

use std::time::Duration;

use quarterdeck::model::health::Health;
use quarterdeck::systems::kube::Cluster;
use quarterdeck::systems::kubernetes::{Kubernetes, PODS};
use serde_json::{Value as Json, json};

use super::kserve::own;
use super::levers::{Restore, admin, lever, link, wait_for};
use super::watched::{Watched, keys_of};

/// The lever for changes takes pods of namespaces that begin so.
const SPACE: &str = "load-quarterdeck";
const SETS: usize = 2;
const EACH: usize = 550;

/// Pods that run, so many that their list comes in three parts (50, then 1,000 at a time). Two thousand take the world's
/// kubelets and controllers a minute longer and show nothing more. They are made as replica sets bound to a node: the
/// lever that scales the world makes hundreds of applications and endpoints beside them, for the controllers to work on.
async fn eleven_hundred(cluster: &Cluster) -> Restore {
    let guard = Restore::by(|| wait_for(async { take_away(&*admin().await).await }));
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}});
    cluster.post(&own(), "/api/v1/namespaces", &space).await.unwrap();
    let nodes: Json = cluster.get_json("/api/v1/nodes?labelSelector=!eks.amazonaws.com/compute-type").await.unwrap();
    let alive =
        nodes["items"].as_array().unwrap().iter().find(|it| it["metadata"]["annotations"]["world/kubelet"] == "alive");
    let node = &alive.unwrap()["metadata"]["name"];
    for set in 0..SETS {
        let labels = json!({"set": format!("many-{set}")});
        let set = json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": {"name": format!("many-{set}")},
            "spec": {"replicas": EACH, "selector": {"matchLabels": labels}, "template": {
                "metadata": {"labels": labels, "annotations": {"world/quiet": "1"}},
                "spec": {"nodeName": node, "terminationGracePeriodSeconds": 0,
                    "containers": [{"name": "main", "image": "registry.example.com/qd:1"}]}}}});
        cluster.post(&own(), &format!("/apis/apps/v1/namespaces/{SPACE}/replicasets"), &set).await.unwrap();
    }
    guard
}

async fn take_away(cluster: &Cluster) {
    let sets = format!("/apis/apps/v1/namespaces/{SPACE}/replicasets?propagationPolicy=Orphan");
    drop(cluster.delete(&own(), &sets).await);
    let pods = format!("/api/v1/namespaces/{SPACE}/pods");
    for _ in 0..120 {
        // the answer may come too late, as there are so many
        drop(cluster.delete(&own(), &format!("{pods}?gracePeriodSeconds=0")).await);
        let left: Json = cluster.get_json(&format!("{pods}?limit=1")).await.unwrap();
        if left["items"].as_array().unwrap().is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    drop(cluster.delete(&own(), &format!("/api/v1/namespaces/{SPACE}")).await);
}

/// The restarts of all these pods: as the pane has them, and as a plain list of the server has them.
fn shown(pods: &Watched) -> f64 {
    let of_load = pods.rows.values().filter(|row| row.key.as_str().starts_with(SPACE));
    of_load.map(|row| row.cell(4).number().unwrap_or_default()).sum()
}

fn counted(list: &Json) -> f64 {
    let statuses =
        list["items"].as_array().unwrap().iter().filter_map(|pod| pod["status"]["containerStatuses"].as_array());
    statuses.flatten().map(|status| status["restartCount"].as_f64().unwrap_or_default()).sum()
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn eleven_hundred_pods_come_change_and_go_and_are_always_those_of_a_plain_list() {
    let cluster = admin().await;
    let kubernetes = link(&Kubernetes, "WORLD_KUBECONFIG").await;
    // this one is there before, and hears of each by its watch
    let mut early = Watched::start(&Kubernetes, kubernetes.feeds().remove(0), PODS);
    early.until_fresh().await;
    let before = early.rows.len();
    let guard = eleven_hundred(&cluster).await;
    let running = |it: &Watched| {
        let of_load = it.rows.keys().filter(|key| key.as_str().starts_with(SPACE));
        of_load.filter(|key| it.cell_health(key.as_str(), "status") == Some(Health::Good)).count()
    };
    early.until("all run", |it| running(it) == SETS * EACH).await;

    // this one reads them as one list
    let mut late = Watched::start(&Kubernetes, kubernetes.feeds().remove(0), PODS);
    late.until_fresh().await;
    let everywhere: Json = cluster.get_json("/api/v1/pods").await.unwrap();
    assert_eq!(late.rows.len(), before + SETS * EACH);
    assert_eq!(late.keys(), keys_of(&everywhere));
    assert_eq!(early.keys(), late.keys());

    tokio::task::spawn_blocking(|| lever(&["churn", "100", "4"])).await.unwrap();
    let path = format!("/api/v1/namespaces/{SPACE}/pods");
    // the kubelets may still be writing: once they are done, all three are the same
    let same = async {
        loop {
            let changed = counted(&cluster.get_json(&path).await.unwrap());
            let is = |pods: &Watched| (shown(pods) - changed).abs() < 0.5;
            if changed > 400.0 && is(&early) && is(&late) {
                return;
            }
            early.until("a look", |_| true).await;
            late.until("a look", |_| true).await;
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), same).await.expect("the restarts of a plain list");

    drop(guard);
    for pods in [&mut early, &mut late] {
        pods.until("they are gone", |it| it.rows.len() == before).await;
    }
}
