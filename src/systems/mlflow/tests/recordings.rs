//! What real servers of MLflow 2.22 and 3.17 answered, whole and damaged.

use super::*;
use crate::systems::mlflow::identity::{HISTORY, METRICS, TAGS};
use crate::systems::mlflow::wire::{Metric, Model, Run, Version, list};

/// A recorded answer.
#[derive(Debug, Clone, serde::Deserialize)]
struct Recorded {
    request: String,
    status: u16,
    content_type: String,
    text: String,
}

fn recorded(server: &str, name: &str) -> Recorded {
    let file = format!("{}/tests/fixtures/mlflow/{server}/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{file}: {error}"))).unwrap()
}

fn all() -> Vec<Recorded> {
    let folders =
        ["v2", "v3", "auth"].map(|server| format!("{}/tests/fixtures/mlflow/{server}", env!("CARGO_MANIFEST_DIR")));
    let files = folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap());
    files.map(|file| serde_json::from_str(&std::fs::read_to_string(file.unwrap().path()).unwrap()).unwrap()).collect()
}

/// Answers as the recording `name` does, whatever was asked.
async fn replay(recording: Recorded) -> Server {
    Server::new(move |_| {
        let kind: &'static str = if recording.content_type.contains("html") { "text/html" } else { "application/json" };
        Reply(recording.status, kind, recording.text.clone())
    })
    .await
}

fn read_everything(json: &Json) -> usize {
    let single =
        [json.get("model_version").and_then(Version::read).is_some(), json.get("run").and_then(Run::read).is_some()];
    list(json, "registered_models").filter_map(Model::read).count()
        + list(json, "model_versions").filter_map(Version::read).count()
        + list(json, "runs").filter_map(Run::read).count()
        + list(json, "metrics").filter_map(Metric::read).count()
        + single.iter().filter(|found| **found).count()
}

/// The recordings of one server as a server.
async fn world(server: &'static str) -> Server {
    Server::new(move |asked| {
        let name = match asked.path.rsplit("/mlflow/").next().unwrap_or_default() {
            "registered-models/search" => "registered-models-search-all",
            "model-versions/search" => "model-versions-search-all",
            "model-versions/get" => "model-versions-get",
            "experiments/search" => "experiments-search-get",
            "runs/search" => "runs-search-order-metric",
            "runs/get" => "runs-get",
            "metrics/get-history-bulk-interval" => "metrics-get-history-bulk-interval",
            _ => "error-no-such-endpoint",
        };
        let found = recorded(server, name);
        Reply(found.status, if found.status == 200 { "application/json" } else { "text/html" }, found.text)
    })
    .await
}

#[tokio::test]
async fn both_generations_give_the_same_rows() {
    for generation in ["v2", "v3"] {
        let server = world(generation).await;
        let (shown, _) = models(&*server.link().await).await;
        let expected = [
            "churn@1",
            "churn@2",
            "churn@3",
            "fraud-detection@1",
            "fraud-detection@2",
            "fraud-detection@3",
            "fraud-detection@4",
            "pricing@1",
            "pricing@2",
        ];
        assert_eq!(shown.keys(), expected, "{generation}");
        assert_eq!(shown.cell("fraud-detection@3", "aliases").show(chrono::DateTime::UNIX_EPOCH), "champion");
        assert_eq!(shown.cell("fraud-detection@4", "aliases").show(chrono::DateTime::UNIX_EPOCH), "challenger");
        assert_eq!(shown.cell("fraud-detection@4", "stage"), Value::text("Staging"));
        assert_eq!(shown.cell("fraud-detection@1", "stage"), Value::text("Archived"));
        assert!(shown.heads.iter().any(|head| head.id == "metric_auc"), "{generation}");
        assert!(shown.note.is_empty(), "{}", shown.note);
    }
}

#[tokio::test]
async fn an_opened_version_of_both_generations_has_its_sections() {
    for generation in ["v2", "v3"] {
        let server = world(generation).await;
        let link = server.link().await;
        let metrics = section(&*link, "fraud-detection@3", METRICS).await.unwrap();
        assert_eq!(metrics.keys(), ["accuracy", "auc", "train_rows", "val_loss"], "{generation}");
        let history = section(&*link, "fraud-detection@3", HISTORY).await.unwrap();
        let Value::Spark(series) = history.cell("auc", "history") else { panic!("no line") };
        assert_eq!(series.points.first().map(|point| point.0), Some(0));
        assert!((10..=11).contains(&series.points.len()) && series.points.is_sorted_by_key(|point| point.0));
        let tags = section(&*link, "fraud-detection@3", TAGS).await.unwrap();
        assert!(tags.keys().contains(&"version/approved_by") && tags.keys().contains(&"run/mlflow.user"));
        // all sections of one view share what was read
        assert_eq!(server.count("model-versions/get"), 1);
    }
}

#[test]
fn every_recorded_answer_is_read_and_damage_never_panics() {
    let mut items = 0;
    for recording in all() {
        let Ok(json) = serde_json::from_str::<Json>(&recording.text) else { continue };
        items += read_everything(&json);
        for damaged in damages(&json) {
            read_everything(&damaged);
        }
    }
    assert!(items > 200, "only {items} items were read");
}

#[test]
fn a_damaged_item_leaves_the_others_there() {
    let whole: Json = serde_json::from_str(&recorded("v3", "model-versions-search-all").text).unwrap();
    let count = |json: &Json| list(json, "model_versions").filter_map(Version::read).count();
    for damage in [json!(null), json!(7), json!("x"), json!([]), json!({}), json!({"name": 7, "version": "1"})] {
        let mut damaged = whole.clone();
        *damaged.pointer_mut("/model_versions/2").unwrap() = damage;
        assert_eq!(count(&damaged), count(&whole) - 1);
    }
    for (field, damage) in [
        ("/creation_timestamp", json!("soon")),
        ("/tags", json!(null)),
        ("/run_id", json!(null)),
        ("/status", json!(3)),
    ] {
        let mut damaged = whole.clone();
        *damaged.pointer_mut(&format!("/model_versions/2{field}")).unwrap() = damage;
        assert_eq!(count(&damaged), count(&whole), "{field}");
    }
}

/// The same answer with each part in turn replaced by something of another type.
fn damages(json: &Json) -> Vec<Json> {
    fn pointers(json: &Json, at: &str, out: &mut Vec<String>) {
        let inner: Vec<(String, &Json)> = match json {
            Json::Array(items) => {
                items.iter().take(2).enumerate().map(|(index, item)| (index.to_string(), item)).collect()
            }
            Json::Object(map) => {
                map.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)).collect()
            }
            _ => Vec::new(),
        };
        for (step, value) in inner {
            let at = format!("{at}/{step}");
            pointers(value, &at, out);
            out.push(at);
        }
    }
    let mut places = Vec::new();
    pointers(json, "", &mut places);
    let kinds = [json!(null), json!(-1e300), json!("\u{1b}[2J"), json!([null]), json!({"x": 1})];
    let damaged = places.iter().zip(kinds.iter().cycle()).map(|(place, kind)| {
        let mut copy = json.clone();
        *copy.pointer_mut(place).unwrap() = kind.clone();
        copy
    });
    damaged.collect()
}

#[tokio::test]
async fn a_missing_alias_is_no_error_and_a_missing_model_is() {
    for generation in ["v2", "v3"] {
        let model = recorded(generation, "registered-models-get");
        let alias = recorded(generation, "alias-get-missing");
        let server = Server::new(move |asked| {
            let found = if asked.path.ends_with("/alias") { &alias } else { &model };
            Reply(found.status, "application/json", found.text.clone())
        })
        .await;
        let probe = crate::model::plan::Probe {
            system: identity::SYSTEM,
            name: "alias".into(),
            arguments: json!({"name": "fraud-detection", "alias": "nobody"}),
        };
        assert_eq!(server.link().await.observe(&probe, &crate::model::plan::Outputs::new()).await.unwrap(), Json::Null);
    }
    let gone = replay(recorded("v3", "alias-get-missing-model")).await;
    let probe = crate::model::plan::Probe { system: identity::SYSTEM, name: "alias".into(), arguments: json!({}) };
    let error = gone.link().await.observe(&probe, &crate::model::plan::Outputs::new()).await.unwrap_err();
    assert!(matches!(error, Error::Gone { .. }));
}

#[tokio::test]
async fn refusals_of_the_login_are_told_apart() {
    let error_of =
        |recording| async { replay(recording).await.link().await.feeds().pop().unwrap().next().await.unwrap_err() };
    for name in ["no-credentials", "wrong-password", "bearer-instead-of-basic"] {
        let error = error_of(recorded("auth", name)).await;
        assert!(matches!(&error, Error::Unauthorized { .. }), "{name}: {error}");
    }
    let server = replay(recorded("v3", "error-bad-host-header")).await;
    let (link, mut shown) = (server.link().await, Shown::default());
    let error = shown.poll(&mut *link.feeds().pop().unwrap()).await.unwrap_err();
    assert!(matches!(&error, Error::Forbidden { what, .. } if what.contains("Invalid Host header")), "{error}");
}

#[test]
fn every_recording_says_what_was_asked() {
    assert!(all().iter().all(|recording| recording.request.contains(" /")));
}
