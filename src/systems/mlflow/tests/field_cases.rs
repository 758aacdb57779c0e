//! Inputs that broke tools like this one.

use super::*;
use crate::model::health::Health;
use crate::model::value::Unit;
use crate::systems::mlflow::identity::{FACTS, METRICS, RUNS};

/// Answers the lists that every poll asks for.
fn lists(asked: &Asked, models: &Json, versions: &Json, runs: &Json) -> Reply {
    match asked.path.rsplit("/mlflow/").next().unwrap_or_default() {
        "registered-models/search" => good(&json!({"registered_models": models})),
        "model-versions/search" => good(&json!({"model_versions": versions})),
        "experiments/search" => good(&json!({"experiments": [{"experiment_id": "1"}]})),
        "runs/search" => good(&json!({"runs": runs})),
        other => missing(other),
    }
}

#[tokio::test]
async fn metrics_that_are_no_finite_numbers_each_have_a_row() {
    let body = r#"{"run": {"info": {"run_id": "r"}, "data": {"metrics": [{"key":"loss","value":"NaN"},
        {"key":"gap","value":1.7976931348623157e308},{"key":"auc","value":0.9},{"key":"bare","value":NaN},
        {"key":"low","value":"-Infinity"}]}}}"#;
    let server = Server::new(move |asked| match asked.path.as_str() {
        "/api/2.0/mlflow/runs/get" => Reply(200, "application/json", body.into()),
        _ => good(&json!({"model_version": version("fraud", "1", "r")})),
    });
    let shown = section(&*server.await.link().await, "fraud@1", METRICS).await.unwrap();
    assert_eq!(shown.keys(), ["auc", "bare", "gap", "loss", "low"]);
    let words = |key: &str| shown.cell(key, "value").show(chrono::DateTime::UNIX_EPOCH);
    assert_eq!((words("loss"), words("gap"), words("auc")), ("NaN".into(), "∞".into(), "0.9".into()));
    assert_eq!((words("bare"), words("low")), ("NaN".into(), "-∞".into()));
    assert!(shown.cell("loss", "value").is_none());
}

#[tokio::test]
async fn aliases_come_from_the_models_and_cost_no_request_for_each_version() {
    let versions: Vec<Json> = (1..=300).map(|at| version("fraud", &at.to_string(), "")).collect();
    let models = json!([{"name": "fraud", "aliases": [{"alias": "champion", "version": "7"}]}]);
    let server = Server::new(move |asked| lists(asked, &models, &json!(versions), &json!([]))).await;
    let (shown, _) = models_of(&server).await;
    assert_eq!(shown.rows.len(), 300);
    assert_eq!(shown.cell("fraud@7", "aliases"), Value::state(Health::Good, "champion"));
    assert!(shown.cell("fraud@8", "aliases").is_none());
    assert!(server.asked.lock().unwrap().len() < 6);
}

async fn models_of(server: &Server) -> (Shown, Box<dyn Feed>) {
    models(&*server.link().await).await
}

#[tokio::test]
async fn aliases_that_could_not_be_listed_are_not_shown_as_none() {
    let server = Server::new(|asked| {
        if asked.path.ends_with("registered-models/search") {
            let message = json!({"error_code": "INVALID_PARAMETER_VALUE", "message": "Invalid model name: 'a/b'"});
            return Reply(400, "application/json", message.to_string());
        }
        lists(asked, &json!([]), &json!([version("fraud", "1", "")]), &json!([]))
    })
    .await;
    let (shown, _) = models_of(&server).await;
    assert_eq!(shown.cell("fraud@1", "aliases"), Value::state(Health::Idle, "not loaded"));
    assert!(shown.note.contains("Invalid model name: 'a/b'"), "{}", shown.note);
}

#[tokio::test]
async fn names_that_were_legal_once_are_five_rows_and_are_asked_for_by_their_own_name() {
    let names = ["fraud", "fraud ", "m%6fdel-1", "o'hara \"x\"", "team/fraud"];
    let versions: Vec<Json> = names.iter().map(|name| version(name, "1", "")).collect();
    let server = Server::new(move |asked| match asked.path.as_str() {
        "/api/2.0/mlflow/model-versions/get" => {
            good(&json!({"model_version": version(asked.query.get("name").unwrap(), "1", "")}))
        }
        _ => lists(asked, &json!([]), &json!(versions), &json!([])),
    })
    .await;
    let (shown, _) = models_of(&server).await;
    assert_eq!(shown.rows.len(), 5);
    assert_eq!(shown.cell("fraud @1", "model"), Value::text("fraud␣"));
    let link = server.link().await;
    for name in names {
        let key = identity::key(name, "1");
        let facts = section(&*link, key.as_str(), FACTS).await.unwrap();
        assert_eq!(facts.cell("000 model", "value"), Value::text(&identity::shown(name)));
        assert_eq!(server.asked.lock().unwrap().last().unwrap().query.get("name").map(String::as_str), Some(name));
    }
}

#[tokio::test]
async fn an_old_server_behind_a_prefix_is_found_and_remembered() {
    let server = Server::new(|asked| {
        if !asked.path.starts_with("/mlflow/ajax-api/2.0/mlflow/") {
            return html(404);
        }
        lists(asked, &json!([]), &json!([version("fraud", "1", "")]), &json!([]))
    })
    .await;
    let (shown, _) = models(&*link_to(&format!("{}/mlflow", server.url)).await).await;
    assert_eq!(shown.keys(), ["fraud@1"]);
    let asked = server.asked.lock().unwrap();
    assert_eq!(asked.iter().filter(|asked| asked.path.starts_with("/mlflow/api/")).count(), 1);
}

#[tokio::test]
async fn a_new_server_behind_a_prefix_needs_no_second_try() {
    let server = Server::new(|asked| {
        if !asked.path.starts_with("/mlflow/api/2.0/mlflow/") {
            return html(404);
        }
        lists(asked, &json!([]), &json!([version("fraud", "1", "")]), &json!([]))
    })
    .await;
    let (shown, _) = models(&*link_to(&format!("{}/mlflow/", server.url)).await).await;
    assert_eq!(shown.keys(), ["fraud@1"]);
    assert!(server.asked.lock().unwrap().iter().all(|asked| asked.path.starts_with("/mlflow/api/")));
}

#[tokio::test]
async fn a_login_page_is_no_mlflow() {
    let server = Server::new(|_| html(200)).await;
    let error = server.link().await.feeds().pop().unwrap().next().await.unwrap_err();
    let words = error.to_string();
    assert!(words.starts_with("not an MLflow API at http://127.0.0.1:") && words.contains("(HTML at "), "{words}");
}

#[tokio::test]
async fn another_service_that_speaks_json_is_no_empty_registry() {
    let server = Server::new(|_| good(&json!({"status": "success", "data": {}}))).await;
    let error = server.link().await.feeds().pop().unwrap().next().await.unwrap_err();
    assert!(matches!(&error, Error::Protocol { what } if what.contains("not an MLflow API")), "{error}");
}

#[tokio::test]
async fn a_logged_model_leads_to_its_run_and_a_deleted_run_is_a_fact() {
    let versions = json!([
        {"name": "fraud", "version": "3", "source": "models:/m-5ced", "run_id": "", "model_id": "m-5ced", "status": "READY"},
        version("fraud", "2", "gone"),
        version("fraud", "1", "deleted"),
    ]);
    let server = Server::new(move |asked| match asked.path.as_str() {
        "/api/2.0/mlflow/logged-models/search" => good(&json!({"models": [{
            "info": {"model_id": "m-5ced", "source_run_id": "r7"},
            "data": {"metrics": [{"key": "auc", "value": 0.93}]}}]})),
        "/api/2.0/mlflow/runs/search" => {
            let mut deleted = run("deleted", &json!([]));
            *deleted.pointer_mut("/info/lifecycle_stage").unwrap() = json!("deleted");
            good(&json!({"runs": [run("r7", &json!([])), deleted]}))
        }
        _ => lists(asked, &json!([]), &versions, &json!([])),
    })
    .await;
    let (shown, _) = models_of(&server).await;
    assert_eq!(shown.cell("fraud@3", "run"), Value::link("r7", Ref::new(RUNS, "r7")));
    assert_eq!(shown.cell("fraud@3", "metric_auc"), Value::Number(0.93, Unit::None));
    assert_eq!(shown.cell("fraud@2", "run"), Value::state(Health::Warn, "run deleted"));
    assert_eq!(shown.cell("fraud@1", "run"), Value::state(Health::Warn, "run deleted"));
    for row in shown.rows.values() {
        assert!(super::super::can_be_promoted(row, &crate::model::verb::Rights::default()).is_ok());
    }
}

#[tokio::test]
async fn runs_are_fetched_in_bulk_and_only_once() {
    let versions: Vec<Json> = (1..=250).map(|at| version("fraud", &at.to_string(), &format!("r{at}"))).collect();
    let server = Server::new(move |asked| {
        let filter = asked.body.get("filter").and_then(Json::as_str).unwrap_or_default();
        let ids: Vec<&str> = filter.split('\'').skip(1).step_by(2).collect();
        let runs: Vec<Json> = ids.iter().map(|id| run(id, &json!([{"key": "auc", "value": 0.5}]))).collect();
        lists(asked, &json!([]), &json!(versions), &json!(runs))
    })
    .await;
    let (mut shown, mut feed) = models_of(&server).await;
    assert_eq!(server.count("runs/search"), 3);
    assert_eq!(shown.cell("fraud@250", "metric_auc"), Value::Number(0.5, Unit::None));
    shown.poll(&mut *feed).await.unwrap();
    assert_eq!(server.count("runs/search"), 3);
    assert_eq!(shown.rows.len(), 250);
    assert_eq!(shown.complete, 2);
}

#[tokio::test]
async fn a_list_that_repeats_its_page_ends_and_says_so() {
    let server = Server::new(|asked| {
        if asked.path.ends_with("model-versions/search") {
            return good(&json!({"model_versions": [version("fraud", "1", "")], "next_page_token": "same"}));
        }
        lists(asked, &json!([{"name": "fraud"}]), &json!([]), &json!([]))
    })
    .await;
    let (shown, _) = models_of(&server).await;
    assert_eq!(shown.keys(), ["fraud@1"]);
    assert!(shown.note.contains("incomplete"), "{}", shown.note);
    assert_eq!(server.count("model-versions/search"), 2);
}

#[tokio::test]
async fn a_version_that_was_deleted_leaves_at_the_next_poll() {
    let polls = Mutex::new(0);
    let server = Server::new(move |asked| {
        let mut versions = vec![version("fraud", "1", "")];
        if asked.path.ends_with("model-versions/search") {
            let mut polls = polls.lock().unwrap();
            *polls += 1;
            if *polls == 1 {
                versions.push(version("fraud", "2", ""));
            }
        }
        lists(asked, &json!([{"name": "fraud"}]), &json!(versions), &json!([]))
    })
    .await;
    let (mut shown, mut feed) = models_of(&server).await;
    assert_eq!(shown.keys(), ["fraud@1", "fraud@2"]);
    shown.poll(&mut *feed).await.unwrap();
    assert_eq!(shown.keys(), ["fraud@1"]);
}

#[tokio::test]
async fn what_can_not_be_read_of_the_runs_leaves_the_versions_there() {
    let server = Server::new(|asked| match asked.path.as_str() {
        "/api/2.0/mlflow/runs/search" => Reply(403, "text/html; charset=utf-8", "Permission denied".into()),
        _ => lists(asked, &json!([{"name": "fraud"}]), &json!([version("fraud", "1", "r1")]), &json!([])),
    })
    .await;
    let (shown, _) = models_of(&server).await;
    assert_eq!(shown.keys(), ["fraud@1"]);
    assert!(shown.note.contains("runs not loaded") && shown.note.contains("Permission denied"), "{}", shown.note);
}
