//! Recorded objects of KServe 0.20.0 and what their rows say.

use serde_json::{Value as Json, json};

use super::super::board::{Board, Reach, Seen};
use super::super::rows::{Endpoint, Kind};
use super::{board, endpoint, fixture, key, knative, later, read, shares};
use crate::model::health::Health;
use crate::model::record::Record;

/// Health, word and a part of the sentence for each recorded state, routes known.
const STATES: [(&str, Health, &str, &str); 18] = [
    ("state-ready", Health::Good, "yes", ""),
    ("state-with-transformer", Health::Good, "yes", ""),
    ("state-stopped", Health::Idle, "stopped", "on purpose"),
    (
        "state-bad-over-good",
        Health::Warn,
        "yes, new model failing",
        "Failed to fetch model. No model found in this path (ModelLoadFailed, exit 1)",
    ),
    ("state-recovered", Health::Good, "yes", ""),
    ("state-failed-to-load", Health::Bad, "no", "the model does not load: RuntimeError: Failed to fetch model"),
    ("state-crash-loop", Health::Bad, "no", "ValueError: Model file was trained with an incompatible library version"),
    ("state-no-runtime", Health::Bad, "no", "no serving runtime supports lightgbm (NoSupportingRuntime)"),
    (
        "state-runtime-not-recognized",
        Health::Bad,
        "no",
        "the serving runtime nope does not exist (RuntimeNotRecognized)",
    ),
    ("state-bad-storage-scheme", Health::Bad, "no", "can't act on this spec"),
    ("state-knative-without-knative", Health::Bad, "no", "or Knative is missing"),
    ("state-odd-longgggg", Health::Bad, "no", "must be no more than 63 characters (ReconcileFailed)"),
    ("state-ingress-refused", Health::Bad, "no", "its pods are ready, but its address is not: Predictor refused"),
    (
        "state-loading",
        Health::Bad,
        "no",
        "the predictor is not available: Deployment does not have minimum availability",
    ),
    ("state-progress-deadline-exceeded", Health::Bad, "no", "No model found in this path"),
    ("state-canary-failed", Health::Warn, "yes, canary not ready", "canary bad is not ready and gets no traffic"),
    ("state-canary-traffic-percent-ignored", Health::Warn, "yes, canary ignored", "no effect in Standard mode"),
    ("state-auto-update-disabled", Health::Good, "yes", "ignores changes while it is ready"),
];

#[test]
fn each_recorded_state_has_its_word_and_its_sentence() {
    for (name, health, word, why) in STATES {
        let found = endpoint(name, Some("state-ready-httproutes")).verdict;
        assert_eq!((found.health, found.word), (health, word), "{name}: {}", found.why);
        assert!(found.why.contains(why), "{name}: {}", found.why);
        assert_eq!(found.why.is_empty(), why.is_empty(), "{name}: {}", found.why);
    }
}

#[test]
fn while_it_is_young_a_slow_start_is_no_trouble() {
    let service = fixture("state-loading");
    let soon = "2026-11-23T09:27:20Z".parse().unwrap();
    let found = board(&service, None, None).record(&key(&service), soon).unwrap().verdict;
    assert_eq!((found.health, found.word, found.unsettled), (Health::Busy, "starting", true));
    assert!(found.why.contains("the model is being fetched"), "{}", found.why);
}

#[test]
fn a_declared_canary_that_no_route_serves_is_shown_as_none_in_force() {
    let found = endpoint("canary-1-isvc", Some("canary-1-httproutes"));
    assert_eq!(shares(&found.traffic), "stable 100, v2 0");
    assert_eq!(shares(&found.declared), "stable 80, v2 20");
    assert!(found.differs);
    assert_eq!(found.verdict.word, "yes, canary unrouted");
}

#[test]
fn where_the_routes_split_the_split_is_in_force() {
    let found = endpoint("master-canary-1-isvc", Some("master-canary-1-httproutes"));
    assert_eq!(shares(&found.traffic), "stable 80, v2 20");
    assert!(!found.differs);
    assert_eq!((found.verdict.health, found.verdict.word), (Health::Good, "yes"));
    assert_eq!(found.canary, Some(("v2".into(), 20.0)));
}

#[test]
fn without_the_right_to_read_routes_nothing_is_claimed() {
    let service = fixture("canary-1-isvc");
    let mut board = board(&service, None, None);
    board.routes_reach = Reach::Unknown;
    let found = board.record(&key(&service), later()).unwrap();
    assert_eq!(shares(&found.traffic), "");
    assert!(!found.differs);
}

#[test]
fn a_promoted_canary_is_the_stable_one_under_its_own_name() {
    let found = endpoint("canary-5-isvc", Some("canary-5-httproutes"));
    assert_eq!(shares(&found.traffic), "v3 100");
    assert_eq!(found.canary, None);
}

fn shown(service: &Json) -> Endpoint {
    board(service, None, None).record(&key(service), later()).unwrap()
}

#[test]
fn a_knative_canary_has_its_share_and_an_old_failure_is_not_blamed() {
    let found = shown(&knative());
    assert_eq!(shares(&found.traffic), "00002 90, 00003 10");
    assert_eq!((found.verdict.health, found.verdict.word, &*found.verdict.why), (Health::Good, "yes", ""));
    assert_eq!(found.canary, Some(("00003".into(), 10.0)));
    assert_eq!((&*found.source.model, &*found.source.format, &*found.protocol), ("fraud/1.9.0", "xgboost 2", "v2"));
    assert_eq!((&*found.previous, &*found.bounds), ("00001", "of 1–4"));
}

#[test]
fn entries_of_one_revision_are_summed_and_a_missing_percentage_is_none() {
    let mut service = knative();
    service["status"]["components"]["predictor"]["traffic"] = json!([
        {"latestRevision": true, "revisionName": "fraud-detector-predictor-00003", "tag": "latest"},
        {"percent": 60, "revisionName": "fraud-detector-predictor-00002"},
        {"percent": 40, "revisionName": "fraud-detector-predictor-00002", "tag": "prev"}]);
    assert_eq!(shares(&shown(&service).traffic), "00002 100, 00003 0");
}

#[test]
fn ready_does_not_hide_a_newer_revision_that_fails() {
    let mut service = knative();
    service["status"]["components"]["predictor"]["latestCreatedRevision"] = json!("fraud-detector-predictor-00004");
    let waiting = shown(&service);
    assert_eq!((waiting.verdict.health, waiting.verdict.word), (Health::Busy, "rolling out"));
    service["status"]["modelStatus"]["transitionStatus"] = json!("BlockedByFailedLoad");
    let failing = shown(&service);
    assert_eq!((failing.verdict.health, failing.verdict.word), (Health::Warn, "yes, canary failing"));
    assert!(failing.verdict.why.contains("00004"), "{}", failing.verdict.why);
}

#[test]
fn a_graph_shows_its_weights_and_the_step_that_is_stopped() {
    let graph = fixture("state-graph");
    let mut board = Board::default();
    board.put(Seen::Graph(read(&graph)));
    let name = graph["metadata"]["name"].as_str().unwrap();
    let key = Kind::Graph.key("rec", name);
    let found = board.record(&key, later()).unwrap();
    assert_eq!((found.verdict.word, &*shares(&found.traffic)), ("yes", "roll 80, can 20"));
    let mut stopped = fixture("state-stopped");
    stopped["metadata"]["name"] = json!("roll");
    assert!(board.put(Seen::Service(read(&stopped))).contains(&key), "the graph's row has to be drawn anew");
    let found = board.record(&key, later()).unwrap();
    assert_eq!((found.verdict.health, found.verdict.word), (Health::Warn, "yes, a step is stopped"));
    assert!(found.verdict.why.contains("roll is stopped"), "{}", found.verdict.why);
}

#[test]
fn a_row_has_a_cell_for_each_column() {
    let row = shown(&knative()).row();
    assert_eq!(row.cells.len(), Endpoint::columns().len());
    assert_eq!(row.key.as_str(), "models/fraud-detector");
}
