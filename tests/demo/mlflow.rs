//! The demo's MLflow over HTTP: the traps of the real one, and bodies like the recorded ones.

use std::sync::Arc;

use chrono::DateTime;
use quarterdeck::demo::serve::listen::{Listening, listen};
use quarterdeck::demo::serve::mlflow::Mlflow;
use quarterdeck::demo::world::{Scenario, Setup, World};
use quarterdeck::model::clock::{Clock, VirtualClock};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

struct Rig {
    world: Arc<World>,
    server: Listening,
    client: Client,
}

async fn rig(scenario: Scenario, scale: usize) -> Rig {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let clock = Clock::Virtual(VirtualClock::new(DateTime::from_timestamp(1_795_420_000, 0).unwrap()));
    let world = World::new(Setup { scenario, seed: 7, scale, clock });
    let server = listen(Arc::clone(&world), Arc::new(Mlflow::new(Arc::clone(&world)))).await.unwrap();
    Rig { world, server, client: Client::builder().no_proxy().build().unwrap() }
}

impl Rig {
    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url())
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let answer = self.client.get(self.url(&format!("/api/2.0/mlflow/{path}"))).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    async fn send(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let request = self.client.request(method, self.url(&format!("/api/2.0/mlflow/{path}"))).json(&body);
        let answer = request.send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    async fn post(&self, path: &str, body: Value) -> (StatusCode, Value) {
        self.send(Method::POST, path, body).await
    }

    async fn champion(&self, model: &str) -> String {
        let (_, body) = self.get(&format!("registered-models/alias?name={model}&alias=champion")).await;
        body.pointer("/model_version/version").unwrap().as_str().unwrap().to_owned()
    }
}

fn error(body: &Value) -> (&str, &str) {
    (body["error_code"].as_str().unwrap(), body["message"].as_str().unwrap())
}

#[tokio::test]
async fn an_alias_moves_and_the_world_remembers_when() {
    let rig = rig(Scenario::Quiet, 0).await;
    assert_eq!(rig.champion("fraud-detection").await, "12");
    let body = json!({ "name": "fraud-detection", "alias": "champion", "version": "11" });
    assert_eq!(rig.post("registered-models/alias", body).await, (StatusCode::OK, json!({})));
    assert_eq!(rig.champion("fraud-detection").await, "11");
    let changes = rig.world.registry(|registry| registry.changes.clone());
    assert_eq!(changes, [(rig.world.now(), "alias fraud-detection champion=11".to_owned())]);
    let (_, version) = rig.get("model-versions/get?name=fraud-detection&version=11").await;
    assert_eq!(version["model_version"]["aliases"], json!(["champion"]));
}

#[tokio::test]
async fn a_search_of_versions_shows_no_aliases_and_versions_are_texts() {
    let rig = rig(Scenario::Quiet, 0).await;
    let path = "model-versions/search?filter=name%3D%27fraud-detection%27&order_by=version_number%20DESC&max_results=3";
    let (_, body) = rig.get(path).await;
    let versions = body["model_versions"].as_array().unwrap();
    assert_eq!(versions.iter().map(|one| one["version"].as_str().unwrap()).collect::<Vec<_>>(), ["14", "13", "12"]);
    assert!(versions.iter().all(|one| one.get("aliases").is_none()));
    assert!(versions[0]["creation_timestamp"].is_i64());
    assert_eq!(body["next_page_token"], "eyJvZmZzZXQiOiAzfQ==");
    let (_, next) = rig.get(&format!("{path}&page_token=eyJvZmZzZXQiOiAzfQ%3D%3D")).await;
    assert_eq!(next["model_versions"][0]["version"], "11");
}

#[tokio::test]
async fn errors_have_mlflows_codes_statuses_and_words() {
    let rig = rig(Scenario::Quiet, 0).await;
    let cases = [
        (
            "registered-models/get?name=nothing",
            404,
            "RESOURCE_DOES_NOT_EXIST",
            "Registered Model with name=nothing not found",
        ),
        (
            "registered-models/alias?name=churn&alias=nobody",
            400,
            "INVALID_PARAMETER_VALUE",
            "Registered model alias nobody not found.",
        ),
        (
            "model-versions/get?name=churn&version=abc",
            400,
            "INVALID_PARAMETER_VALUE",
            "Parameter 'version' must be an integer, got 'abc'.",
        ),
        (
            "model-versions/get?name=churn&version=99",
            404,
            "RESOURCE_DOES_NOT_EXIST",
            "Model Version (name=churn, version=99) not found",
        ),
        (
            "registered-models/search?page_token=garbage",
            400,
            "INVALID_PARAMETER_VALUE",
            "Invalid page token, could not base64-decode",
        ),
        (
            "registered-models/search?max_results=1001",
            400,
            "INVALID_PARAMETER_VALUE",
            "Invalid value \"1001\" for parameter 'max_results' supplied:  Hint: Value was of type 'str'. See the API docs for more information about request parameters.",
        ),
        (
            "registered-models/search?filter=metric.x%20%3E%203",
            400,
            "INVALID_PARAMETER_VALUE",
            "Invalid entity type 'metric'. Valid entity types are ('attribute', 'tag', 'tags')",
        ),
        ("experiments/get?experiment_id=999999", 404, "RESOURCE_DOES_NOT_EXIST", "No Experiment with id=999999 exists"),
        ("runs/get?run_id=0000", 404, "RESOURCE_DOES_NOT_EXIST", "Run with id=0000 not found"),
    ];
    for (path, status, code, message) in cases {
        let (got, body) = rig.get(path).await;
        assert_eq!((got.as_u16(), error(&body)), (status, (code, message)), "{path}");
        assert_eq!(body["sqlstate"], "KAM00");
    }
}

#[tokio::test]
async fn writes_are_checked() {
    let rig = rig(Scenario::Quiet, 0).await;
    let alias = |alias: &str, version: Value| json!({ "name": "churn", "alias": alias, "version": version });
    for (body, message) in [
        (alias("latest", json!("2")), "'latest' alias name (case insensitive) is reserved."),
        (alias("V12", json!("2")), "Version alias name 'V12' is reserved."),
        (
            alias("not ok!", json!("2")),
            "Invalid alias name: 'not ok!'. Names may only contain alphanumerics, underscores (_), and dashes (-).",
        ),
        (
            alias("candidate", json!(2)),
            "Invalid value 2 for parameter 'version' supplied:  Hint: Value was of type 'int'. See the API docs for more information about request parameters.",
        ),
        (
            alias("candidate", Value::Null),
            "Missing value for required parameter 'version'. See the API docs for more information about request parameters.",
        ),
    ] {
        let (status, answer) = rig.post("registered-models/alias", body).await;
        assert_eq!((status.as_u16(), error(&answer).1), (400, message));
    }
    let (status, _) = rig.post("registered-models/alias", alias("candidate", json!("99"))).await;
    assert_eq!(status, 404);
    let gone = json!({ "name": "churn", "alias": "candidate" });
    assert_eq!(rig.send(Method::DELETE, "registered-models/alias", gone).await, (StatusCode::OK, json!({})));
    let query =
        rig.client.delete(rig.url("/api/2.0/mlflow/registered-models/alias?name=churn&alias=x")).send().await.unwrap();
    assert_eq!(query.status(), 400);
    let (status, body) = rig.post("registered-models/create", json!({ "name": "churn" })).await;
    assert_eq!((status.as_u16(), error(&body).0), (400, "RESOURCE_ALREADY_EXISTS"));
    let stage = json!({ "name": "churn", "version": "8", "stage": "archived" });
    let (_, body) = rig.post("model-versions/transition-stage", stage).await;
    assert_eq!(body["model_version"]["current_stage"], "Archived");
}

#[tokio::test]
async fn odd_requests_are_taken_as_mlflow_takes_them() {
    let rig = rig(Scenario::Quiet, 0).await;
    let post = |path: &str| rig.client.post(rig.url(&format!("/api/2.0/mlflow/{path}")));
    let malformed =
        post("runs/search").header("content-type", "application/json").body("{not json").send().await.unwrap();
    assert_eq!((malformed.status().as_u16(), malformed.text().await.unwrap().as_str()), (200, "{}"));
    let typeless = post("experiments/search").body("{\"max_results\": 1}").send().await.unwrap();
    assert_eq!(error(&typeless.json().await.unwrap()).1, "Bad Request. Content-Type header is missing.");
    let missing = rig.client.get(rig.url("/api/2.0/mlflow/no-such-thing")).send().await.unwrap();
    assert_eq!(missing.status(), 404);
    assert_eq!(missing.headers()["content-type"], "text/html; charset=utf-8");
    let wrong = post("registered-models/get").json(&json!({ "name": "churn" })).send().await.unwrap();
    assert_eq!((wrong.status().as_u16(), wrong.headers()["allow"].to_str().unwrap()), (405, "GET, OPTIONS, HEAD"));
    let foreign = rig.client.get(rig.url("/version")).header("host", "evil.example").send().await.unwrap();
    assert_eq!(foreign.status(), 403);
    let ajax =
        rig.client.get(rig.url("/ajax-api/2.0/mlflow/registered-models/search?max_results=0")).send().await.unwrap();
    assert_eq!(ajax.json::<Value>().await.unwrap(), json!({ "next_page_token": "eyJvZmZzZXQiOiAwfQ==" }));
}

#[tokio::test]
async fn runs_are_filtered_ordered_and_have_the_last_value_of_each_metric() {
    let rig = rig(Scenario::Quiet, 0).await;
    let search = |filter: &str| json!({ "experiment_ids": ["1"], "filter": filter, "max_results": 50 });
    let (_, body) = rig.post("runs/search", search("tags.failure = 'oom'")).await;
    let run = &body["runs"][0];
    assert_eq!(run["info"]["status"], "FAILED");
    assert_eq!(run["data"]["metrics"][0]["value"], "NaN");
    assert_eq!(run["data"]["metrics"][1]["value"], json!(f64::MAX));
    let (_, children) = rig.post("runs/search", search("tags.mlflow.parentRunId LIKE '%'")).await;
    assert_eq!(children["runs"].as_array().unwrap().len(), 8);
    let (_, running) = rig.post("runs/search", search("attributes.status = 'RUNNING'")).await;
    assert!(running["runs"][0]["info"].get("end_time").is_none());
    let order = json!({ "experiment_ids": ["1"], "order_by": ["metrics.auc DESC"], "filter": "metrics.auc > 0.9" });
    let (_, best) = rig.post("runs/search", order).await;
    let auc = |run: &Value| {
        run["data"]["metrics"].as_array().unwrap().iter().find(|m| m["key"] == "auc").unwrap()["value"]
            .as_f64()
            .unwrap()
    };
    let values: Vec<f64> = best["runs"].as_array().unwrap().iter().map(auc).collect();
    assert!(values.is_sorted_by(|a, b| a >= b) && values.len() > 10);
    assert_eq!(rig.post("runs/search", json!({ "experiment_ids": ["77"] })).await.1, json!({}));
}

#[tokio::test]
async fn a_run_is_made_logged_and_ended() {
    let rig = rig(Scenario::Quiet, 0).await;
    let (_, made) = rig.post("runs/create", json!({ "experiment_id": "1", "run_name": "mine", "start_time": 5 })).await;
    let id = made["run"]["info"]["run_id"].as_str().unwrap().to_owned();
    for step in 0..7 {
        let body =
            json!({ "run_id": id, "key": "m", "value": 0.5 * f64::from(step), "timestamp": 10 + step, "step": step });
        assert_eq!(rig.post("runs/log-metric", body).await.0, 200);
    }
    let param = |value: &str| json!({ "run_id": id, "key": "p", "value": value });
    assert_eq!(rig.post("runs/log-parameter", param("1")).await.0, 200);
    let (status, body) = rig.post("runs/log-parameter", param("2")).await;
    assert_eq!(status, 400);
    assert!(error(&body).1.starts_with("Changing param values is not allowed. Param with key='p' was already logged"));
    let (_, ended) = rig.post("runs/update", json!({ "run_id": id, "status": "DONE" })).await;
    assert_eq!(ended["run_info"]["status"], "RUNNING");
    let history = format!("metrics/get-history?run_id={id}&metric_key=m");
    assert_eq!(rig.get(&history).await.1["metrics"].as_array().unwrap().len(), 7);
    let (_, page) = rig.get(&format!("{history}&max_results=5&page_token=eyJvZmZzZXQiOiA1fQ%3D%3D")).await;
    assert_eq!(page["metrics"].as_array().unwrap().len(), 2);
    let (_, chosen) =
        rig.get(&format!("metrics/get-history-bulk-interval?run_ids={id}&metric_key=m&max_results=3")).await;
    let steps: Vec<i64> = chosen["metrics"].as_array().unwrap().iter().map(|m| m["step"].as_i64().unwrap()).collect();
    assert_eq!(steps, [0, 3, 6]);
    assert_eq!(chosen["metrics"][0]["run_id"], json!(id));
    assert_eq!(rig.get("metrics/get-history?run_id=none&metric_key=m").await.1, json!({}));
}

#[tokio::test]
async fn a_models_signature_is_in_its_mlmodel_file() {
    let rig = rig(Scenario::Quiet, 0).await;
    let (_, body) = rig.get("model-versions/get?name=fraud-detection&version=12").await;
    let run = body["model_version"]["run_id"].as_str().unwrap();
    let (_, list) = rig.get(&format!("artifacts/list?run_id={run}&path=model")).await;
    assert_eq!(list["files"][0]["path"], "model/MLmodel");
    let url = rig.url(&format!("/get-artifact?run_uuid={run}&path=model%2FMLmodel"));
    let answer = rig.client.get(url).send().await.unwrap();
    assert_eq!(answer.headers()["content-disposition"], "attachment; filename=MLmodel");
    let text = answer.text().await.unwrap();
    assert!(text.contains("\nsignature:\n  inputs: '[{\"type\": \"double\", \"name\": \"amount\""), "{text}");
    let (status, _) = rig.get(&format!("artifacts/list?run_id={run}&path=..%2F..")).await;
    assert_eq!(status, 400);
    let (_, newest) = rig.get("model-versions/get?name=fraud-detection&version=13").await;
    let model = newest["model_version"]["model_id"].as_str().unwrap();
    assert_eq!(newest["model_version"]["source"], json!(format!("models:/{model}")));
    let file =
        rig.url(&format!("/ajax-api/2.0/mlflow/logged-models/{model}/artifacts/files?artifact_file_path=MLmodel"));
    assert!(rig.client.get(file).send().await.unwrap().text().await.unwrap().contains(model));
}

#[tokio::test]
async fn prompts_are_hidden_and_odd_names_are_found() {
    let rig = rig(Scenario::Quiet, 120).await;
    let (_, all) = rig.get("registered-models/search?max_results=1000").await;
    let names: Vec<&str> =
        all["registered_models"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect();
    assert!(names.is_sorted());
    assert!(
        names.contains(&"nlp/summarizer") && names.contains(&"Customer Lifetime Value") && names.contains(&"load-0002")
    );
    assert!(!names.contains(&"support-reply"));
    let (status, one) = rig.get("registered-models/get?name=nlp%2Fsummarizer").await;
    assert_eq!((status.as_u16(), one["registered_model"]["aliases"][0]["alias"].as_str()), (200, Some("champion")));
    let (_, spaced) = rig.get("registered-models/get?name=Customer+Lifetime+Value").await;
    assert!(spaced["registered_model"].get("aliases").is_none());
    let (_, prompts) =
        rig.get("registered-models/search?filter=tags.%60mlflow.prompt.is_prompt%60%20%3D%20%27true%27").await;
    assert_eq!(prompts["registered_models"][0]["name"], "support-reply");
    // MLflow's own client adds this filter to every search.
    let (_, models) =
        rig.get("registered-models/search?filter=tags.%60mlflow.prompt.is_prompt%60%20!%3D%20%27true%27").await;
    assert_eq!(models["registered_models"].as_array().unwrap().len(), names.len());
}

#[tokio::test]
async fn in_the_outage_everything_is_503() {
    let rig = rig(Scenario::RegistryOutage, 0).await;
    let (status, body) = rig.get("registered-models/search").await;
    assert_eq!((status.as_u16(), error(&body).0), (503, "TEMPORARILY_UNAVAILABLE"));
}

/// Keys of objects that the recorded server sends and ours does not, or the other way round.
fn differences(path: &str, recorded: &Value, ours: &Value, optional: &[&str], out: &mut Vec<String>) {
    match (recorded, ours) {
        (Value::Object(a), Value::Object(b)) => {
            for (key, value) in a {
                let here = format!("{path}.{key}");
                match b.get(key) {
                    Some(other) => differences(&here, value, other, optional, out),
                    None if optional.contains(&key.as_str()) => {}
                    None => out.push(format!("{here} is missing")),
                }
            }
            let more = b.keys().filter(|key| !a.contains_key(*key) && !optional.contains(&key.as_str()));
            out.extend(more.map(|key| format!("{path}.{key} is too many")));
        }
        (Value::Array(a), Value::Array(b)) => {
            if let (Some(a), Some(b)) = (a.first(), b.first()) {
                differences(&format!("{path}[]"), a, b, optional, out);
            }
        }
        (a, b) => {
            if std::mem::discriminant(a) != std::mem::discriminant(b) {
                out.push(format!("{path} is another type: {a} and {b}"));
            }
        }
    }
}

#[tokio::test]
async fn bodies_have_the_fields_and_types_of_the_recorded_ones() {
    let rig = rig(Scenario::Quiet, 0).await;
    let (_, version) = rig.get("model-versions/get?name=fraud-detection&version=12").await;
    let run = version["model_version"]["run_id"].as_str().unwrap();
    let cases = [
        ("registered-models-get", "registered-models/get?name=fraud-detection".to_owned()),
        ("model-versions-get", "model-versions/get?name=fraud-detection&version=12".to_owned()),
        ("runs-get", format!("runs/get?run_id={run}")),
        ("experiments-get", "experiments/get?experiment_id=1".to_owned()),
        ("metrics-get-history-page1", format!("metrics/get-history?run_id={run}&metric_key=auc&max_results=5")),
        ("artifacts-list", format!("artifacts/list?run_id={run}")),
    ];
    for (name, path) in cases {
        let text = std::fs::read_to_string(format!("tests/fixtures/demo/mlflow/{name}.json")).unwrap();
        let recorded: Value = serde_json::from_str(&text).unwrap();
        let (_, ours) = rig.get(&path).await;
        let mut found = vec![];
        differences(name, &recorded["response"]["json"], &ours, &["model_id", "next_page_token"], &mut found);
        assert_eq!(found, Vec::<String>::new());
    }
}
