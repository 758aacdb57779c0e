//! Writes to the embedded world's API server, and what its controllers make of them.

use crate::cluster::{Cluster, FRAUD};
use quarterdeck::demo::Scenario;
use serde_json::{Value, json};

const CHURN: &str = "/apis/serving.kserve.io/v1beta1/namespaces/ml-prod/inferenceservices/churn";
const MERGE: &str = "application/merge-patch+json";

async fn patch(cluster: &Cluster, path: &str, typed: &str, body: Value) -> (u16, Value) {
    let request = cluster.request("PATCH", path).header("Content-Type", typed).body(body.to_string());
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

fn traffic(service: &Value) -> Vec<(String, u64)> {
    let targets = service["status"]["components"]["predictor"]["traffic"].as_array().unwrap();
    targets
        .iter()
        .map(|target| {
            (
                target["revisionName"].as_str().unwrap().rsplit('-').next().unwrap().to_owned(),
                target["percent"].as_u64().unwrap(),
            )
        })
        .collect()
}

fn pairs(list: &[(&str, u64)]) -> Vec<(String, u64)> {
    list.iter().map(|(name, percent)| ((*name).to_owned(), *percent)).collect()
}

#[tokio::test]
async fn taking_the_canarys_traffic_away_moves_it_after_a_moment_and_heals_the_service() {
    let cluster = Cluster::start().await;
    cluster.advance(60);
    let errors = || {
        let key =
            quarterdeck::demo::traffic::ServiceKey { namespace: "ml-prod".into(), name: "fraud-detection".into() };
        cluster.world().metrics_at(&key, "fraud-detection-predictor-00003", cluster.world().now()).unwrap()
    };
    assert!(errors().error_ratio > 0.05);
    let (status, patched) =
        patch(&cluster, FRAUD, MERGE, json!({ "spec": { "predictor": { "canaryTrafficPercent": 0 } } })).await;
    assert_eq!((status, traffic(&patched)), (200, pairs(&[("00003", 10), ("00002", 90)])));
    cluster.advance(2);
    let (_, service) = cluster.get(FRAUD).await;
    assert_eq!(traffic(&service), pairs(&[("00003", 0), ("00002", 100)]));
    assert!(errors().rps.abs() < f64::EPSILON && errors().error_ratio < 0.01);
}

#[tokio::test]
async fn a_promotion_and_the_roll_back_after_it_follow_kserves_book_keeping() {
    let cluster = Cluster::start_with(Scenario::Quiet, 0).await;
    patch(&cluster, FRAUD, MERGE, json!({ "spec": { "predictor": { "canaryTrafficPercent": null } } })).await;
    cluster.advance(2);
    let (_, promoted) = cluster.get(FRAUD).await;
    assert_eq!(traffic(&promoted), pairs(&[("00003", 100)]));
    assert_eq!(
        promoted["status"]["components"]["predictor"]["previousRolledoutRevision"],
        "fraud-detection-predictor-00002"
    );
    patch(&cluster, FRAUD, MERGE, json!({ "spec": { "predictor": { "canaryTrafficPercent": 0 } } })).await;
    cluster.advance(4);
    let (_, rolled) = cluster.get(FRAUD).await;
    assert_eq!(traffic(&rolled), pairs(&[("00003", 0), ("00002", 100)]));
}

#[tokio::test]
async fn a_new_model_makes_a_revision_that_gets_its_share_when_it_is_ready() {
    let cluster = Cluster::start_with(Scenario::Quiet, 0).await;
    let change = json!({ "spec": { "predictor": { "canaryTrafficPercent": 25, "model": { "storageUri": "s3://acme-models/fraud-detection/14" } } } });
    patch(&cluster, FRAUD, MERGE, change).await;
    cluster.advance(2);
    let (_, starting) = cluster.get(FRAUD).await;
    let predictor = &starting["status"]["components"]["predictor"];
    assert_eq!(predictor["latestCreatedRevision"], "fraud-detection-predictor-00004");
    assert_eq!(predictor["latestReadyRevision"], "fraud-detection-predictor-00003");
    cluster.advance(10);
    let (_, ready) = cluster.get(FRAUD).await;
    assert_eq!(traffic(&ready), pairs(&[("00004", 25), ("00002", 75)]));
    let (_, pods) = cluster.get("/api/v1/namespaces/ml-prod/pods?labelSelector=serving.knative.dev%2Frevision%3Dfraud-detection-predictor-00004").await;
    assert_eq!(pods["items"][0]["status"]["containerStatuses"][0]["ready"], true);
}

#[tokio::test]
async fn in_standard_mode_the_canarys_percentage_is_the_weight_of_the_route() {
    let cluster = Cluster::start_with(Scenario::Quiet, 0).await;
    let weights = async || {
        let (_, route) = cluster.get("/apis/gateway.networking.k8s.io/v1/namespaces/ml-prod/httproutes/churn").await;
        let backends = route["spec"]["rules"][0]["backendRefs"].as_array().unwrap().clone();
        backends
            .iter()
            .map(|one| (one["name"].as_str().unwrap().to_owned(), one["weight"].as_u64().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(weights().await, pairs(&[("churn-predictor", 80), ("churn-v8-predictor", 20)]));
    let raise = json!([{ "op": "test", "path": "/spec/canary/0/predictor/name", "value": "v8" },
        { "op": "replace", "path": "/spec/canary/0/trafficPercent", "value": 50 }]);
    assert_eq!(patch(&cluster, CHURN, "application/json-patch+json", raise).await.0, 200);
    cluster.advance(2);
    assert_eq!(weights().await, pairs(&[("churn-predictor", 50), ("churn-v8-predictor", 50)]));
    let (_, ignored) =
        patch(&cluster, CHURN, MERGE, json!({ "spec": { "predictor": { "canaryTrafficPercent": 5 } } })).await;
    assert_eq!(ignored["spec"]["predictor"]["canaryTrafficPercent"], 5);
    cluster.advance(2);
    assert_eq!(weights().await, pairs(&[("churn-predictor", 50), ("churn-v8-predictor", 50)]));
    patch(&cluster, CHURN, MERGE, json!({ "spec": { "canary": [] } })).await;
    cluster.advance(2);
    assert_eq!(weights().await, pairs(&[("churn-predictor", 1)]));
    assert_eq!(cluster.get("/apis/apps/v1/namespaces/ml-prod/deployments/churn-v8-predictor").await.0, 404);
}

#[tokio::test]
async fn the_webhook_refuses_in_kserves_words() {
    let cluster = Cluster::start().await;
    let canary = |percent: u64| {
        json!({ "spec": { "canary": [{ "trafficPercent": percent, "predictor": { "name": "v9",
        "model": { "modelFormat": { "name": "xgboost" }, "storageUri": "s3://acme-models/churn/9" } } }] } })
    };
    let denied = "admission webhook \"inferenceservice.kserve-webhook-server.validator\" denied the request: ";
    let (status, refused) = patch(&cluster, FRAUD, MERGE, canary(10)).await;
    assert_eq!(status, 403);
    assert_eq!(refused["message"], format!("{denied}canary is only supported in Standard deployment mode"));
    let (status, refused) = patch(&cluster, CHURN, MERGE, canary(101)).await;
    assert_eq!((status, refused["reason"].as_str()), (422, Some("Invalid")));
    let mode = json!({ "metadata": { "annotations": { "serving.kserve.io/deploymentMode": "Serverless" } } });
    let (status, refused) = patch(&cluster, CHURN, MERGE, mode).await;
    assert_eq!(status, 403);
    assert_eq!(
        refused["message"],
        format!("{denied}update rejected: deploymentMode cannot be changed from 'Standard' to 'Knative'")
    );
    let text = json!({ "spec": { "predictor": { "canaryTrafficPercent": "10" } } });
    assert_eq!(patch(&cluster, FRAUD, MERGE, text).await.0, 400);
}

#[tokio::test]
async fn a_dry_run_shows_the_object_and_changes_nothing() {
    let cluster = Cluster::start().await;
    let (_, before) = cluster.get(FRAUD).await;
    let (status, shown) = patch(
        &cluster,
        &format!("{FRAUD}?dryRun=All"),
        MERGE,
        json!({ "spec": { "predictor": { "canaryTrafficPercent": 0 } } }),
    )
    .await;
    assert_eq!((status, shown["spec"]["predictor"]["canaryTrafficPercent"].as_u64()), (200, Some(0)));
    cluster.advance(3);
    assert_eq!(cluster.get(FRAUD).await.1["metadata"]["resourceVersion"], before["metadata"]["resourceVersion"]);
}

#[tokio::test]
async fn an_old_resource_version_is_a_conflict_and_a_failed_test_is_invalid() {
    let cluster = Cluster::start().await;
    let stale =
        json!({ "metadata": { "resourceVersion": "5" }, "spec": { "predictor": { "canaryTrafficPercent": 0 } } });
    let (status, conflict) = patch(&cluster, FRAUD, MERGE, stale).await;
    assert_eq!((status, conflict["reason"].as_str()), (409, Some("Conflict")));
    let test = json!([{ "op": "test", "path": "/spec/predictor/minReplicas", "value": 9 }]);
    let (status, failed) = patch(&cluster, FRAUD, "application/json-patch+json", test).await;
    assert_eq!(
        (status, failed["message"].as_str()),
        (422, Some("the server rejected our request due to an error in our request"))
    );
    let (status, _) = patch(&cluster, FRAUD, "application/strategic-merge-patch+json", json!({})).await;
    assert_eq!(status, 415);
}

#[tokio::test]
async fn an_unknown_field_is_a_warning_or_when_strict_a_refusal() {
    let cluster = Cluster::start().await;
    let body = json!({ "spec": { "predictor": { "canaryTrafficPercentage": 10 } } });
    let request =
        cluster.request("PATCH", &format!("{FRAUD}?dryRun=All")).header("Content-Type", MERGE).body(body.to_string());
    let warned = request.send().await.unwrap();
    assert_eq!(warned.headers()["warning"], "299 - \"unknown field \\\"spec.predictor.canaryTrafficPercentage\\\"\"");
    let (status, refused) = patch(&cluster, &format!("{FRAUD}?fieldValidation=Strict"), MERGE, body).await;
    assert_eq!(status, 422);
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .ends_with("strict decoding error: unknown field \"spec.predictor.canaryTrafficPercentage\"")
    );
}

#[tokio::test]
async fn a_stopped_service_loses_its_url_and_gets_it_back() {
    let cluster = Cluster::start().await;
    let stop = |value: Value| json!({ "metadata": { "annotations": { "serving.kserve.io/stop": value } } });
    patch(&cluster, CHURN, MERGE, stop("true".into())).await;
    cluster.advance(2);
    let (_, stopped) = cluster.get(CHURN).await;
    assert!(stopped["status"].get("url").is_none());
    patch(&cluster, CHURN, MERGE, stop(Value::Null)).await;
    cluster.advance(12);
    let (_, again) = cluster.get(CHURN).await;
    assert_eq!(again["status"]["url"], "http://churn-ml-prod.models.acme.example");
}

#[tokio::test]
async fn a_deleted_pod_is_replaced_and_an_evicted_one_too() {
    let cluster = Cluster::start().await;
    let path = cluster.pod_of("fraud-detection-predictor-00002").await;
    let deleted = cluster.request("DELETE", &path).send().await.unwrap();
    assert_eq!(deleted.status(), 200);
    assert_eq!(cluster.get(&path).await.0, 404);
    cluster.advance(1);
    cluster.advance(10);
    let list = "/api/v1/namespaces/ml-prod/pods?labelSelector=serving.knative.dev%2Frevision%3Dfraud-detection-predictor-00002";
    let (_, pods) = cluster.get(list).await;
    assert_eq!(pods["items"].as_array().unwrap().len(), 2);
    let path = cluster.pod_of("fraud-detection-predictor-00002").await;
    assert_eq!(
        cluster.post(&format!("{path}/eviction"), json!({ "apiVersion": "policy/v1", "kind": "Eviction" })).await.0,
        201
    );
    assert_eq!(cluster.get(&path).await.0, 404);
}

#[tokio::test]
async fn a_service_is_created_served_and_deleted() {
    let cluster = Cluster::start().await;
    let collection = "/apis/serving.kserve.io/v1beta1/namespaces/models/inferenceservices";
    let body = json!({ "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": { "name": "fresh",
        "annotations": { "serving.kserve.io/deploymentMode": "RawDeployment" } },
        "spec": { "predictor": { "sklearn": { "storageUri": "s3://acme-models/fresh/1" } } } });
    let (status, made) = cluster.post(collection, body).await;
    assert_eq!(
        (status, made["metadata"]["annotations"]["serving.kserve.io/deploymentMode"].as_str()),
        (201, Some("Standard"))
    );
    assert_eq!(made["spec"]["predictor"]["model"]["modelFormat"]["name"], "sklearn");
    cluster.advance(2);
    cluster.advance(10);
    let (_, ready) = cluster.get(&format!("{collection}/fresh")).await;
    assert_eq!(ready["status"]["modelStatus"]["transitionStatus"], "UpToDate");
    let (status, models) = cluster.get("/api/v1/namespaces/models/services/fresh-predictor:80/proxy/v2/models").await;
    assert_eq!((status, models), (200, json!({ "models": ["fresh"] })));
    cluster.request("DELETE", &format!("{collection}/fresh")).send().await.unwrap();
    cluster.advance(1);
    assert_eq!(cluster.get("/apis/apps/v1/namespaces/models/deployments/fresh-predictor").await.0, 404);
}

#[tokio::test]
async fn a_right_that_was_taken_away_is_denied_by_the_review_and_by_the_request() {
    let cluster = Cluster::start().await;
    let review = async || {
        let asked = json!({ "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": { "resourceAttributes":
            { "verb": "patch", "group": "serving.kserve.io", "resource": "inferenceservices", "namespace": "ml-prod" } } });
        let (status, review) = cluster.post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", asked).await;
        assert_eq!(status, 201);
        review["status"]["allowed"].as_bool().unwrap()
    };
    assert!(review().await);
    cluster.world().forbid("patch", "inferenceservices");
    assert!(!review().await);
    let (status, refused) = patch(&cluster, FRAUD, MERGE, json!({ "spec": {} })).await;
    assert_eq!((status, refused["reason"].as_str()), (403, Some("Forbidden")));
}

#[tokio::test]
async fn logs_are_stable_are_followed_and_say_why_there_are_none() {
    let cluster = Cluster::start().await;
    let pod = cluster.pod_of("fraud-detection-predictor-00003").await;
    let log = async |query: &str| {
        let response = cluster.request("GET", &format!("{pod}/log?{query}")).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    let (status, refused) = log("").await;
    assert_eq!(status, 400);
    assert!(refused.contains("a container name must be specified for pod"));
    let (_, tail) = log("container=kserve-container&tailLines=5&timestamps=true").await;
    assert_eq!(tail.lines().count(), 5);
    assert_eq!(log("container=kserve-container&tailLines=5&timestamps=true").await.1, tail);
    let (status, previous) = log("container=kserve-container&previous=true").await;
    assert_eq!(status, 200);
    assert!(previous.ends_with("MemoryError: Unable to allocate 96.0 MiB for an array with shape (131072, 96)\n"));
    let (status, none) = log("container=queue-proxy&previous=true").await;
    assert_eq!(status, 400);
    assert!(none.contains("previous terminated container \\\"queue-proxy\\\""), "{none}");
    let since = tail.lines().last().unwrap().split(' ').next().unwrap();
    let mut follow = cluster
        .request("GET", &format!("{pod}/log?container=kserve-container&follow=true&timestamps=true&sinceTime={since}"))
        .send()
        .await
        .unwrap();
    cluster.advance(8);
    let chunk = follow.chunk().await.unwrap().unwrap();
    let fresh = String::from_utf8(chunk.to_vec()).unwrap();
    assert!(fresh.lines().all(|line| line.split(' ').next().unwrap() > since), "{fresh} after {since}");
}

#[tokio::test]
async fn a_port_is_forwarded_to_the_pod_of_a_revision_for_kubes_own_client() {
    use k8s_openapi::api::core::v1::Pod;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let cluster = Cluster::start().await;
    let kubeconfig = kube::config::Kubeconfig::from_yaml(&cluster.demo.kubeconfig()).unwrap();
    let config =
        kube::Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default()).await.unwrap();
    let pods: kube::Api<Pod> = kube::Api::namespaced(kube::Client::try_from(config).unwrap(), "ml-prod");
    let path = cluster.pod_of("fraud-detection-predictor-00002").await;
    let mut forward = pods.portforward(path.rsplit('/').next().unwrap(), &[8080, 9999]).await.unwrap();
    let mut stream = forward.take_stream(8080).unwrap();
    let body = r#"{"instances":[1000,45,0.67]}"#;
    let request = format!(
        "POST /v1/models/fraud-detection:predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = vec![0; 1024];
    let length = stream.read(&mut answer).await.unwrap();
    assert!(String::from_utf8_lossy(&answer[..length]).ends_with("{\"predictions\":[0.92]}"));
    assert!(forward.take_error(9999).unwrap().await.unwrap().contains("connection refused"));
}
