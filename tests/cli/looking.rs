//! `status` and `get`: all systems at once, what is printed in which form, and what is said of what is missing.

use std::sync::{Arc, Barrier, OnceLock};

use chrono::DateTime;
use quarterdeck::demo::{Fault, System};
use serde_json::{Value as Json, json};

use crate::harness::{Place, demo, server};

const UNAVAILABLE: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

const FORBIDDEN: &str = "HTTP/1.1 403 Forbidden\r\ncontent-type: application/json\r\ncontent-length: 87\r\n\
    connection: close\r\n\r\n{\"kind\":\"Status\",\"status\":\"Failure\",\"reason\":\"Forbidden\",\"code\":403,\"message\":\"no way\"}";

/// What `status --json` says of a system.
fn of<'a>(status: &'a Json, id: &str) -> &'a Json {
    status["systems"].as_array().unwrap().iter().find(|system| system["id"] == id).unwrap()
}

#[test]
fn status_ends_with_1_when_something_is_bad_and_counts_it() {
    let ended = demo(&["status", "--json"]).with(1).says_nothing();
    let status = ended.json();
    assert!(of(&status, "kserve")["panes"]["endpoints"]["bad"].as_u64().unwrap() > 0, "{status}");
    assert!(of(&status, "kserve")["seconds"].is_f64(), "{status}");
    assert_eq!(of(&status, "mlflow")["notes"], json!([]), "there is nothing to say");
    let text = demo(&["status"]).with(1).shows("(3 bad)").data;
    assert_eq!(text.lines().count(), 4, "a line for each system: {text}");
}

#[test]
fn status_ends_with_0_when_all_is_well() {
    let place = Place::quiet();
    place.write("config.toml", &place.config("namespaces = [\"ml-prod\"]"));
    place.run(&["status"]).with(0).shows("5 endpoints\n").says_nothing();
}

#[test]
fn status_ends_with_3_when_a_system_is_out_and_with_2_when_its_settings_are_wrong() {
    let place = Place::new();
    place.world().fail(System::Mlflow, Fault::Status(503, None));
    let ended = place.run(&["status", "--json"]).with(3);
    assert_eq!(of(&ended.json(), "mlflow")["state"], "failing");
    assert_eq!(of(&ended.json(), "kubernetes")["state"], "ok");
    place.world().heal(System::Mlflow);
    place.run(&["--kubeconfig", "/does/not/exist", "status"]).with(2).shows("/does/not/exist");
}

#[test]
fn status_ends_with_3_when_a_right_is_missing() {
    let place = Place::new();
    place.world().forbid("list", "pods");
    place.run(&["status"]).with(3).shows("not permitted: list pods");
}

#[test]
fn a_hung_system_takes_nothing_from_the_status_of_the_others() {
    let place = Place::new();
    place.world().fail(System::Prometheus, Fault::Hang);
    let status = place.run(&["status", "--json", "--timeout", "3"]).with(3).json();
    assert_eq!(of(&status, "prometheus")["error"]["kind"], "timeout", "{status}");
    for id in ["kubernetes", "mlflow", "kserve"] {
        assert_eq!(of(&status, id)["state"], "ok", "{status}");
    }
}

#[test]
fn status_asks_all_systems_at_the_same_time() {
    // each answers only when the other has been asked, too
    let both = Arc::new(Barrier::new(2));
    let answers = |both: Arc<Barrier>| {
        server(UNAVAILABLE, move || {
            both.wait();
        })
    };
    let (one, other) = (answers(Arc::clone(&both)), answers(both));
    let place = Place::new();
    let config = place.config("");
    let config = config.replace(&place.url("MLFLOW_TRACKING_URI"), &one);
    place.write("config.toml", &config.replace(&place.url("PROMETHEUS_URL"), &other));
    let status = place.run(&["status", "--json"]).with(3).json();
    for id in ["mlflow", "prometheus"] {
        assert_eq!(of(&status, id)["error"]["kind"], "unreachable", "{status}");
    }
}

#[test]
fn an_error_of_the_rows_is_there_while_the_cells_of_others_are_still_asked_for() {
    // the cluster refuses only when the metrics have been asked for, too, and those never answer
    let asked = Arc::new(OnceLock::new());
    let cluster = server(FORBIDDEN, {
        let asked = Arc::clone(&asked);
        move || *asked.wait()
    });
    let metrics = server(UNAVAILABLE, move || {
        let _ = asked.set(());
        loop {
            std::thread::park();
        }
    });
    let place = Place::new();
    place.write("config.toml", &place.config("").replace(&place.url("PROMETHEUS_URL"), &metrics));
    place.lead_to(&cluster);
    let ended = place.run(&["get", "endpoints", "--timeout", "5"]).with(3).shows_nothing();
    assert!(ended.words.contains("not permitted") && !ended.words.contains("without"), "{ended:?}");
}

#[test]
fn rows_come_without_the_cells_of_a_hung_system_and_it_is_said() {
    let place = Place::new();
    place.world().fail(System::Prometheus, Fault::Hang);
    let ended = place.run(&["get", "endpoints", "-o", "json", "--timeout", "4"]).with(0);
    let ended = ended.says("without endpoint_metrics: no answer within 4 s");
    let rows = ended.json();
    assert!(rows.as_array().unwrap().len() > 5 && rows.as_array().unwrap().iter().all(|row| row["rps"].is_null()));
    place.world().heal(System::Prometheus);
    place.world().fail(System::Prometheus, Fault::Status(503, None));
    place.run(&["get", "endpoints"]).with(0).says("without endpoint_metrics: can't reach").shows("fraud-detection");
}

#[test]
fn rows_that_never_come_end_with_3_after_the_limit() {
    let place = Place::new();
    place.world().fail(System::Mlflow, Fault::Hang);
    place.run(&["get", "models", "--timeout", "1"]).with(3).shows_nothing().says("did not answer within 1 s");
}

#[test]
fn json_has_numbers_moments_and_the_ids_of_the_columns() {
    let ended = demo(&["get", "pods", "-o", "json"]).with(0).says_nothing();
    let rows = ended.json();
    let row = &rows[0];
    for id in ["key", "namespace", "name", "ready", "status", "restarts", "owner", "node", "ip", "images", "age"] {
        assert!(row.get(id).is_some(), "{id}: {row}");
    }
    assert!(DateTime::parse_from_rfc3339(row["age"].as_str().unwrap()).is_ok(), "{row}");
    let endpoints = demo(&["get", "endpoints", "-o", "json", "--filter", "name=fraud-detection namespace=ml-prod"]);
    let endpoint = &endpoints.with(0).json()[0];
    assert!(endpoint["rps"].is_number() && endpoint["p99"].is_number() && endpoint["errors"].is_number(), "{endpoint}");
    assert_eq!(endpoint["traffic"][0]["percent"], 90.0, "{endpoint}");
    assert_eq!((&endpoint["canary"], &endpoint["canary_note"]), (&json!(10.0), &json!("00003")), "{endpoint}");
}

#[test]
fn every_form_of_a_list_has_the_same_rows() {
    let names = demo(&["get", "endpoints", "-o", "name", "--sort", "name"]).with(0).data;
    assert!(names.lines().count() > 5 && names.contains("ml-prod/fraud-detection\n"), "{names}");
    let json = demo(&["get", "endpoints", "-o", "json", "--sort", "name"]).with(0).json();
    let keys: Vec<&str> = json.as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap()).collect();
    assert_eq!(keys, names.lines().collect::<Vec<_>>());
    for form in ["table", "wide", "csv"] {
        let lines = demo(&["get", "endpoints", "-o", form, "--sort", "name"]).with(0).data;
        assert_eq!(lines.lines().count(), keys.len() + 1, "{form}: {lines}");
    }
    let yaml = demo(&["get", "endpoints", "-o", "yaml"]).with(0).data;
    assert_eq!(yaml.matches("key: ").count(), keys.len(), "{yaml}");
}

#[test]
fn csv_has_no_json_in_its_cells() {
    for pane in ["endpoints", "pods", "models", "panels", "endpoint_metrics"] {
        let csv = demo(&["get", pane, "-o", "csv"]).with(0).data;
        assert!(csv.lines().count() > 2 && !csv.contains(['{', '[']), "{pane}: {csv}");
    }
    let csv = demo(&["get", "endpoints", "-o", "csv", "--columns", "name,traffic", "--filter", "namespace=ml-prod"]);
    csv.with(0).shows("name,traffic\n").shows("fraud-detection,00002 90%; 00003 10%\n");
}

#[test]
fn columns_are_those_that_were_named_in_that_order() {
    let ended = demo(&["get", "pods", "--columns", "status,name", "-o", "csv"]).with(0);
    assert!(ended.data.starts_with("status,name\n"), "{ended:?}");
    let filtered = demo(&["get", "pods", "--filter", "status:CrashLoop", "--sort", "-restarts", "-o", "name"]).with(0);
    assert!(filtered.data.contains("credit-scoring") && filtered.data.lines().count() < 4, "{filtered:?}");
}

#[test]
fn one_object_is_there_as_the_system_has_it() {
    let object = demo(&["get", "endpoint", "fraud-detection", "-o", "json"]).with(0).json();
    assert_eq!(object["kind"], "InferenceService");
    assert_eq!(object["metadata"]["namespace"], "ml-prod", "the context's namespace");
    demo(&["get", "endpoints", "ml-staging/fraud-detection", "-o", "yaml"]).with(0).shows("namespace: ml-staging");
}

#[test]
fn that_a_list_is_not_whole_is_said_beside_it() {
    let place = Place::new();
    place.world().forbid("list", "inferencegraphs");
    let ended = place.run(&["get", "endpoints"]).with(0);
    ended.shows("fraud-detection").says("endpoints: not permitted: list inferencegraphs");
    place.run(&["status"]).shows("not permitted: list inferencegraphs");
}
