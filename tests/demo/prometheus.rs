//! The demo's Prometheus over HTTP: series that give back the world's load, and the real one's answers to bad questions.

use chrono::{DateTime, TimeDelta};
use quarterdeck::demo::start::{Demo, Options};
use quarterdeck::demo::traffic::{Metrics, ServiceKey};
use quarterdeck::demo::world::Scenario;
use quarterdeck::model::clock::{Clock, VirtualClock};
use reqwest::{Client, Method};
use serde_json::{Value, json};

struct Rig {
    demo: Demo,
    hands: VirtualClock,
    url: String,
    client: Client,
}

async fn rig(scenario: Scenario) -> Rig {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let hands = VirtualClock::new(DateTime::from_timestamp(1_795_420_000, 0).unwrap());
    let clock = Clock::Virtual(hands.clone());
    let demo = Demo::start(Options { scenario, seed: 7, scale: 0, clock }).await.unwrap();
    let url = demo.urls().into_iter().find(|(name, _)| *name == "PROMETHEUS_URL").unwrap().1;
    Rig { demo, hands, url, client: Client::builder().no_proxy().build().unwrap() }
}

impl Rig {
    async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let request = self.client.get(format!("{}/api/v1/{path}", self.url)).query(parameters);
        request.send().await.unwrap().json().await.unwrap()
    }

    /// Value of each row by one of its labels.
    async fn by(&self, label: &str, query: &str) -> Vec<(String, f64)> {
        let body = self.get("query", &[("query", query)]).await;
        let rows = body.pointer("/data/result").unwrap().as_array().unwrap();
        let text = |row: &Value, path: &str| row.pointer(path).unwrap().as_str().unwrap().to_owned();
        let row = |row: &Value| (text(row, &format!("/metric/{label}")), text(row, "/value/1").parse().unwrap());
        rows.iter().map(row).collect()
    }

    async fn of_revision(&self, revision: &str, query: &str) -> f64 {
        let rows = self.by("revision_name", query).await;
        rows.iter().find(|(name, _)| name == revision).unwrap().1
    }

    fn metrics(&self, service: &str, revision: &str, back: i64) -> Metrics {
        let key = ServiceKey { namespace: "ml-prod".into(), name: service.into() };
        let world = self.demo.world();
        world.metrics_at(&key, revision, world.now() - TimeDelta::seconds(back)).unwrap()
    }
}

const STABLE: &str = "fraud-detection-predictor-00002";
const CANARY: &str = "fraud-detection-predictor-00003";

fn near(left: f64, right: f64, by: f64) {
    assert!((left - right).abs() <= by * right.abs(), "{left} is not {right}");
}

#[tokio::test]
async fn rates_give_back_the_worlds_load_errors_and_latencies() {
    let rig = rig(Scenario::CanaryRegression).await;
    for revision in [STABLE, CANARY] {
        let truth = rig.metrics("fraud-detection", revision, 30);
        let rate = rig.of_revision(revision, "sum by (revision_name) (rate(revision_request_count[1m]))").await;
        near(rate, truth.rps, 0.05);
        let errors = "sum by (revision_name) (rate(revision_request_count{response_code_class=\"5xx\"}[5m])) \
                      / sum by (revision_name) (rate(revision_request_count[5m]))";
        near(rig.of_revision(revision, errors).await, truth.error_ratio, 0.3);
        let p95 = "histogram_quantile(0.95, sum by (revision_name, le) (rate(revision_request_latencies_bucket[1m])))";
        near(rig.of_revision(revision, p95).await, truth.p95 * 1000.0, 0.15);
    }
    let truth = rig.metrics("churn", "churn-predictor", 30);
    let nginx =
        rig.by("service", "sum by (service) (rate(nginx_ingress_controller_requests{ingress=\"churn\"}[1m]))").await;
    near(nginx.iter().find(|(name, _)| name == "churn-predictor").unwrap().1, truth.rps, 0.05);
    let python = "sum by (inferenceservice) (rate(request_predict_seconds_count{namespace=\"ml-prod\"}[1m]))";
    assert!(
        rig.by("inferenceservice", python).await.iter().any(|(name, rate)| name == "recommendation" && *rate > 100.0)
    );
}

#[tokio::test]
async fn the_failing_canary_has_a_firing_alert() {
    let rig = rig(Scenario::CanaryRegression).await;
    let firing = "ALERTS{alertname=\"RevisionFails\",alertstate=\"firing\"}";
    assert_eq!(rig.by("revision_name", firing).await, [(CANARY.to_owned(), 1.0)]);
}

#[tokio::test]
async fn in_a_quiet_world_only_the_watchdog_fires() {
    let rig = rig(Scenario::Quiet).await;
    rig.hands.advance(TimeDelta::minutes(10));
    let body = rig.get("alerts", &[]).await;
    let alerts = body.pointer("/data/alerts").unwrap().as_array().unwrap();
    let names: Vec<&str> = alerts.iter().map(|alert| alert["labels"]["alertname"].as_str().unwrap()).collect();
    assert_eq!(names, ["Watchdog"]);
    assert_eq!(alerts[0]["state"], "firing");
}

#[tokio::test]
async fn bad_questions_get_the_recorded_answers() {
    let rig = rig(Scenario::Quiet).await;
    let mut seen = 0;
    for entry in std::fs::read_dir("tests/fixtures/demo/prometheus").unwrap() {
        let path = entry.unwrap().path();
        let recorded: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let Some(line) = recorded.pointer("/request/line").and_then(Value::as_str) else { continue };
        let mut words = line.split(' ');
        let method: Method = words.next().unwrap().parse().unwrap();
        let mut request = rig.client.request(method, format!("{}{}", rig.url, words.next().unwrap()));
        if let Some(body) = recorded["request"]["body"].as_str() {
            let kind = recorded["request"]["headers"]["Content-Type"].as_str().unwrap();
            request = request.header("content-type", kind).body(body.to_owned());
        }
        let answer = request.send().await.unwrap();
        assert_eq!(json!(answer.status().as_u16()), recorded["response"]["status"], "{path:?}");
        let text = answer.text().await.unwrap();
        match recorded["response"].get("json").filter(|json| !json.is_null()) {
            Some(json) => assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), json, "{path:?}"),
            None => assert_eq!(text.trim(), recorded["response"]["text"].as_str().unwrap().trim(), "{path:?}"),
        }
        seen += 1;
    }
    assert!(seen > 15);
}

#[tokio::test]
async fn a_range_has_six_hours_of_history_and_gaps_are_gaps() {
    let rig = rig(Scenario::Quiet).await;
    let now = rig.demo.world().now().timestamp();
    let range = [("start", (now - 6 * 3600).to_string()), ("end", now.to_string()), ("step", "60".to_owned())];
    let body = |query: &str| {
        let mut form = vec![("query", query.to_owned())];
        form.extend(range.clone());
        rig.client.post(format!("{}/api/v1/query_range", rig.url)).form(&form).send()
    };
    let load: Value = body("sum(rate(revision_request_count{revision_name=\"pricing-predictor-00005\"}[5m]))")
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(load["data"]["result"][0]["values"].as_array().unwrap().len(), 361);
    let drift: Value = body("model_feature_drift_psi{model_name=\"pricing\"}").await.unwrap().json().await.unwrap();
    let values = drift["data"]["result"][0]["values"].as_array().unwrap();
    assert!(values.len() < 361 && values.len() > 300, "{}", values.len());
    assert!(values.iter().any(|pair| pair[1] == "NaN"));
}

#[tokio::test]
async fn series_labels_metadata_targets_and_rules_tell_what_there_is() {
    let rig = rig(Scenario::Quiet).await;
    let series = rig
        .get(
            "series",
            &[("match[]", "revision_request_count{revision_name=\"pricing-predictor-00005\",response_code=\"200\"}")],
        )
        .await;
    assert_eq!(series["data"][0]["configuration_name"], "pricing-predictor");
    let labels = rig.get("labels", &[("match[]", "revision_request_count")]).await;
    let names = labels["data"].as_array().unwrap();
    assert!(names.contains(&json!("response_code_class")) && !names.contains(&json!("le")));
    let jobs = rig.get("label/job/values", &[]).await;
    assert!(jobs["data"].as_array().unwrap().contains(&json!("kserve")));
    let about = rig.get("metadata", &[("metric", "request_predict_seconds")]).await;
    assert_eq!(about["data"]["request_predict_seconds"][0]["type"], "histogram");
    let targets = rig.get("targets", &[]).await;
    assert!(targets["data"]["activeTargets"].as_array().unwrap().iter().all(|target| target["health"] == "up"));
    let rules = rig.get("rules", &[("type", "alert")]).await;
    let groups = rules["data"]["groups"].as_array().unwrap();
    assert!(groups[1]["rules"].as_array().unwrap().iter().any(|rule| rule["state"] == "firing"));
    let recorded = rig.by("revision_name", "revision:requests:rate1m").await;
    assert!(recorded.iter().any(|(name, rate)| name == STABLE && *rate > 100.0));
    let none = rig.get("query", &[("query", "no_such_metric")]).await;
    assert_eq!(none["data"], json!({ "resultType": "vector", "result": [] }));
}
