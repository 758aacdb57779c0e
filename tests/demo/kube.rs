//! The embedded world's API server and model servers, through an ordinary HTTP client.

use crate::cluster::{Cluster, FRAUD};
use quarterdeck::demo::Scenario;
use serde_json::{Value, json};

const PREDICT: &str = "/v1/models/fraud-detection:predict";
const SERVICES: &str = "/apis/serving.kserve.io/v1beta1/inferenceservices";

#[tokio::test]
async fn with_a_wrong_token_there_is_nothing_but_the_version_and_the_health() {
    let cluster = Cluster::start().await;
    let bare =
        |path: &str| cluster.http.get(format!("{}{path}", cluster.demo.kubernetes_url())).bearer_auth("guessed").send();
    let refused = bare("/api/v1/pods").await.unwrap();
    assert_eq!(refused.status(), 401);
    let status: Value = refused.json().await.unwrap();
    assert_eq!((status["kind"].as_str(), status["reason"].as_str()), (Some("Status"), Some("Unauthorized")));
    assert_eq!(bare("/version").await.unwrap().status(), 200);
    assert!(bare("/readyz?verbose").await.unwrap().text().await.unwrap().ends_with("readyz check passed\n"));
}

#[tokio::test]
async fn a_list_names_its_version_before_its_items() {
    let cluster = Cluster::start().await;
    let text = cluster.request("GET", SERVICES).send().await.unwrap().text().await.unwrap();
    assert!(text.find("\"resourceVersion\"").unwrap() < text.find("\"items\"").unwrap());
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(list["kind"], "InferenceServiceList");
    let names: Vec<&str> =
        list["items"].as_array().unwrap().iter().filter_map(|item| item["metadata"]["name"].as_str()).collect();
    assert!(names.contains(&"recommendation") && names.len() == 9, "{names:?}");
}

#[tokio::test]
async fn the_canary_of_fraud_detection_has_ten_percent() {
    let cluster = Cluster::start().await;
    let (status, service) = cluster.get(FRAUD).await;
    assert_eq!(status, 200);
    let predictor = &service["status"]["components"]["predictor"];
    assert_eq!(predictor["latestRolledoutRevision"], "fraud-detection-predictor-00002");
    assert_eq!(predictor["previousRolledoutRevision"], "fraud-detection-predictor-00001");
    let traffic =
        |at: usize| (predictor["traffic"][at]["revisionName"].as_str(), predictor["traffic"][at]["percent"].as_u64());
    assert_eq!(traffic(0), (Some("fraud-detection-predictor-00003"), Some(10)));
    assert_eq!(traffic(1), (Some("fraud-detection-predictor-00002"), Some(90)));
}

#[tokio::test]
async fn a_missing_object_is_a_status_with_its_details() {
    let cluster = Cluster::start().await;
    let (code, status) = cluster.get(&FRAUD.replace("fraud-detection", "nope")).await;
    assert_eq!(code, 404);
    let wanted = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "inferenceservices.serving.kserve.io \"nope\" not found", "reason": "NotFound",
        "details": { "name": "nope", "group": "serving.kserve.io", "kind": "inferenceservices" }, "code": 404 });
    assert_eq!(status, wanted);
}

#[tokio::test]
async fn pages_hold_every_object_once() {
    let cluster = Cluster::start_with(Scenario::Quiet, 40).await;
    let (mut names, mut token) = (Vec::new(), String::new());
    loop {
        let (code, page) = cluster.get(&format!("/api/v1/pods?limit=7&continue={token}")).await;
        assert_eq!(code, 200);
        names.extend(page["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].to_string()));
        token = page["metadata"]["continue"].as_str().unwrap_or_default().to_owned();
        if token.is_empty() {
            break;
        }
    }
    let (_, whole) = cluster.get("/api/v1/pods").await;
    assert_eq!(names.len(), whole["items"].as_array().unwrap().len());
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), whole["items"].as_array().unwrap().len());
}

#[tokio::test]
async fn a_page_of_a_list_whose_history_is_gone_is_410() {
    let cluster = Cluster::start().await;
    let (_, page) = cluster.get("/api/v1/pods?limit=3").await;
    cluster.world().compact();
    cluster.advance(60);
    cluster.world().compact();
    let (code, status) =
        cluster.get(&format!("/api/v1/pods?limit=3&continue={}", page["metadata"]["continue"].as_str().unwrap())).await;
    assert_eq!((code, status["reason"].as_str()), (410, Some("Expired")));
}

#[tokio::test]
async fn selectors_choose_by_label_and_by_field() {
    let cluster = Cluster::start().await;
    let (_, pods) = cluster.get("/api/v1/namespaces/ml-prod/pods?labelSelector=serving.kserve.io%2Finferenceservice%3Dfraud-detection%2Ccomponent+in+(predictor)").await;
    assert_eq!(pods["items"].as_array().unwrap().len(), 3);
    let name = pods["items"][0]["metadata"]["name"].as_str().unwrap();
    let (_, one) = cluster.get(&format!("/api/v1/pods?fieldSelector=metadata.name%3D{name}")).await;
    assert_eq!(one["items"].as_array().unwrap().len(), 1);
    let (code, _) = cluster.get("/api/v1/pods?fieldSelector=spec.colour%3Dred").await;
    assert_eq!(code, 400);
}

/// Reads lines of a watch until `enough` says so.
async fn lines(response: &mut reqwest::Response, kept: &mut String, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    loop {
        let events: Vec<Value> = kept.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        if enough(&events) {
            return events;
        }
        match response.chunk().await.unwrap() {
            Some(chunk) => kept.push_str(std::str::from_utf8(&chunk).unwrap()),
            None => return events,
        }
    }
}

#[tokio::test]
async fn a_watch_tells_what_happens_after_its_version_and_sends_bookmarks_in_between() {
    let cluster = Cluster::start().await;
    let (_, list) = cluster.get("/api/v1/pods").await;
    let version = list["metadata"]["resourceVersion"].as_str().unwrap();
    let path = format!("/api/v1/pods?watch=1&resourceVersion={version}&allowWatchBookmarks=true");
    let (mut watch, mut kept) = (cluster.request("GET", &path).send().await.unwrap(), String::new());
    cluster.advance(12);
    let events = lines(&mut watch, &mut kept, |events| !events.is_empty()).await;
    assert_eq!(events[0]["type"], "BOOKMARK");
    cluster.advance(60);
    let events = lines(&mut watch, &mut kept, |events| events.iter().any(|event| event["type"] == "MODIFIED")).await;
    let killed = events.iter().find(|event| event["type"] == "MODIFIED").unwrap();
    assert!(
        killed["object"]["metadata"]["name"]
            .as_str()
            .unwrap()
            .starts_with("fraud-detection-predictor-00003-deployment-")
    );
}

#[tokio::test]
async fn a_streaming_list_ends_its_initial_events_with_the_annotated_bookmark() {
    let cluster = Cluster::start().await;
    let path =
        format!("{SERVICES}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true");
    let (mut watch, mut kept) = (cluster.request("GET", &path).send().await.unwrap(), String::new());
    let events = lines(&mut watch, &mut kept, |events| events.iter().any(|event| event["type"] == "BOOKMARK")).await;
    assert_eq!(events.iter().filter(|event| event["type"] == "ADDED").count(), 9);
    assert_eq!(events.last().unwrap()["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"], "true");
}

#[tokio::test]
async fn a_watch_from_a_forgotten_version_gets_410_in_its_stream() {
    let cluster = Cluster::start().await;
    cluster.advance(60);
    cluster.world().compact();
    let response = cluster.request("GET", "/api/v1/pods?watch=1&resourceVersion=5").send().await.unwrap();
    assert_eq!(response.status(), 200);
    let event: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
    assert_eq!((event["type"].as_str(), event["object"]["code"].as_u64()), (Some("ERROR"), Some(410)));
}

#[tokio::test]
async fn a_watch_ends_when_its_time_is_over() {
    let cluster = Cluster::start().await;
    let (_, list) = cluster.get(SERVICES).await;
    let version = list["metadata"]["resourceVersion"].as_str().unwrap();
    let response = cluster
        .request("GET", &format!("{SERVICES}?watch=1&resourceVersion={version}&timeoutSeconds=3"))
        .send()
        .await
        .unwrap();
    assert_eq!(cluster.world().watches(), 1);
    cluster.advance(4);
    assert_eq!(response.text().await.unwrap(), "");
}

#[tokio::test]
async fn the_stable_revision_answers_092_in_both_forms_through_the_pod_proxy() {
    let cluster = Cluster::start().await;
    let pod = cluster.pod_of("fraud-detection-predictor-00002").await;
    for body in [json!({ "instances": [1000, 45, 0.67] }), json!({ "instances": [[1000, 45, 0.67]] })] {
        let answer = cluster.post(&format!("{pod}:8080/proxy{PREDICT}"), body).await;
        assert_eq!(answer, (200, json!({ "predictions": [0.92] })));
    }
}

#[tokio::test]
async fn the_canary_answers_089_and_fails_now_and_then_in_kserves_words() {
    let cluster = Cluster::start().await;
    let pod = cluster.pod_of("fraud-detection-predictor-00003").await;
    cluster.advance(40);
    let (mut good, mut bad) = (0, 0);
    for _ in 0..200 {
        let (status, body) =
            cluster.post(&format!("{pod}:8080/proxy{PREDICT}"), json!({ "instances": [[1000, 45, 0.67]] })).await;
        match status {
            200 => {
                assert_eq!(body, json!({ "predictions": [0.89] }));
                good += 1;
            }
            500 | 503 => {
                assert!(body["error"].is_string());
                bad += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert!(good > 150 && bad > 2, "{good} good, {bad} bad");
}

#[tokio::test]
async fn a_knative_service_can_not_be_reached_by_the_service_proxy_and_a_standard_one_can() {
    let cluster = Cluster::start().await;
    let (status, body) = cluster.get("/api/v1/namespaces/ml-prod/services/fraud-detection:80/proxy/v1/models").await;
    assert_eq!(
        (status, body["message"].as_str()),
        (503, Some("no endpoints available for service \"fraud-detection\""))
    );
    let (status, body) = cluster.get("/api/v1/namespaces/ml-prod/services/churn-predictor:80/proxy/v1/models").await;
    assert_eq!((status, body), (200, json!({ "models": ["churn"] })));
}

#[tokio::test]
async fn the_ingress_chooses_the_endpoint_by_its_host_and_the_revision_by_its_weight() {
    let cluster = Cluster::start_with(Scenario::Quiet, 0).await;
    let ask = async |host: &str| {
        let request =
            cluster.http.post(format!("{}{PREDICT}", cluster.url("QUARTERDECK_DEMO_INGRESS"))).header("Host", host);
        request.json(&json!({ "instances": [[1000, 45, 0.67]] })).send().await.unwrap()
    };
    let mut canary = 0;
    for _ in 0..100 {
        let body: Value = ask("fraud-detection.ml-prod.models.acme.example").await.json().await.unwrap();
        canary += usize::from(body == json!({ "predictions": [0.89] }));
    }
    assert!((3..25).contains(&canary), "{canary} of 100 went to the canary");
    let latest: Value = ask("latest-fraud-detection-predictor.ml-prod.models.acme.example").await.json().await.unwrap();
    assert_eq!(latest, json!({ "predictions": [0.89] }));
    assert_eq!(ask("nothing.example").await.status(), 404);
}
