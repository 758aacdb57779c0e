//! A node that dies, and what its pods and the endpoints that they serve say then.

use quarterdeck::model::health::Health;
use quarterdeck::model::id::PaneId;
use quarterdeck::systems::kserve::KServe;
use quarterdeck::systems::kubernetes::{Kubernetes, PODS};
use serde_json::Value as Json;

use super::levers::{admin, kill_node, link};
use super::watched::Watched;

const ENDPOINTS: PaneId = PaneId("endpoints");

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn when_the_node_of_an_endpoint_dies_its_pod_is_broken_and_the_endpoint_says_which_node_it_was() {
    let cluster = admin().await;
    let list: Json = cluster.get_json("/api/v1/namespaces/models/pods").await.unwrap();
    let pod = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|pod| pod["metadata"]["labels"]["serving.kserve.io/inferenceservice"] == "churn");
    let pod = pod.expect("the endpoint churn has a pod");
    let (name, node) = (pod["metadata"]["name"].as_str().unwrap(), pod["spec"]["nodeName"].as_str().unwrap());
    let key = format!("models/{name}");
    let kubernetes = link(&Kubernetes, "WORLD_KUBECONFIG").await;
    let mut pods = Watched::start(&Kubernetes, kubernetes.feeds().remove(0), PODS);
    let kserve = link(&KServe, "WORLD_KUBECONFIG").await;
    let mut endpoints = Watched::start(&KServe, kserve.feeds().pop().unwrap(), ENDPOINTS);
    pods.until("the pod is well", |it| it.cell(&key, "status") == "Running").await;
    assert_eq!(pods.cell_health("kubeflow/embedding-warmup", "status"), Some(Health::Bad), "dead since the seed");
    endpoints.until("the endpoint is well", |it| it.cell("models/churn", "ready") == "yes").await;

    let dead = kill_node(node);
    pods.until("the pod is broken", |it| it.cell(&key, "status") == "NodeNotReady").await;
    assert_eq!(pods.cell_health(&key, "status"), Some(Health::Bad));
    let why = format!("0 of 1 pods are ready: the node {node} no longer answers");
    endpoints
        .until("the reason", |it| it.cell("models/churn", "ready") == "no" && it.cell("models/churn", "why") == why)
        .await;

    drop(dead);
    pods.until("the pod is well again", |it| it.cell(&key, "status") == "Running").await;
    endpoints.until("the endpoint is well again", |it| it.cell("models/churn", "ready") == "yes").await;
}
