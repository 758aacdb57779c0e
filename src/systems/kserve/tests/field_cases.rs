//! Small inputs that broke tools like this one.

use serde_json::json;

use super::super::board::{Board, Reach, Seen};
use super::super::detail::{PodRow, pods};
use super::super::rows::Kind;
use super::super::why::Verdict;
use super::{board, fixture, key, later, read};
use crate::model::health::Health;
use crate::model::record::Record;
use crate::model::value::Value;

#[test]
fn stopped_false_is_healthy_and_stopped_true_is_no_alarm() {
    let of = |ready: &str, stopped: &str| {
        let service = json!({"metadata": {"name": "a", "namespace": "b", "annotations": {}},
            "status": {"conditions": [{"type": "Ready", "status": ready}, {"type": "Stopped", "status": stopped}]}});
        board(&service, None, None).record(&key(&service), later()).unwrap().verdict
    };
    assert_eq!(of("True", "False").health, Health::Good);
    let stopped = of("False", "True");
    assert_eq!((stopped.health, stopped.word), (Health::Idle, "stopped"));
}

#[test]
fn an_llm_service_that_waits_for_its_gateway_is_not_failed_and_one_without_conditions_has_no_status() {
    let mut board = Board::default();
    board.put(Seen::Llm(read(&json!({"metadata": {"name": "qwen", "namespace": "llm"}, "status": {"conditions": [
        {"type": "Ready", "status": "False", "reason": "WaitingForGateway"},
        {"type": "WorkloadsReady", "status": "True"}, {"type": "InferencePoolReady", "status": "True"}]}}))));
    board.put(Seen::Llm(read(&json!({"metadata": {"name": "new", "namespace": "llm"}}))));
    let found = board.record(&Kind::Llm.key("llm", "qwen"), later()).unwrap().verdict;
    assert_eq!((found.health, found.word), (Health::Warn, "no"));
    assert_eq!(found.why, "not ready: WaitingForGateway; yet true: WorkloadsReady, InferencePoolReady");
    assert_eq!(board.record(&Kind::Llm.key("llm", "new"), later()).unwrap().verdict.word, "no status yet");
}

#[test]
fn without_any_status_it_says_for_how_long() {
    let service =
        json!({"metadata": {"name": "a", "namespace": "b", "creationTimestamp": "2026-11-23T09:57:00Z"}, "spec": {}});
    let found = board(&service, None, None).record(&key(&service), later()).unwrap().verdict;
    assert_eq!((found.word, &*found.why), ("no status yet", "the controller has written no status for 3m"));
    assert!(found.unsettled);
}

#[test]
fn ready_by_an_old_transition_is_not_believed_while_the_only_pod_crashes() {
    let service = fixture("state-ready");
    let mut board = board(&service, None, None);
    board.pods_reach = Reach::Known;
    board.put(Seen::Pod(read(&json!({
        "metadata": {"name": "roll-1", "namespace": "rec", "labels": {"serving.kserve.io/inferenceservice": "roll", "component": "predictor"}},
        "status": {"phase": "Pending", "initContainerStatuses": [{"name": "storage-initializer", "restartCount": 356,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]}}))));
    let found = board.record(&key(&service), later()).unwrap();
    assert_eq!(found.verdict.health, Health::Bad);
    assert!(
        found.verdict.why.contains("Ready says the controller, but 0 of 1 pods are ready"),
        "{}",
        found.verdict.why
    );
    assert!(
        found.verdict.why.contains("storage-initializer is in CrashLoopBackOff, restarted 356 times"),
        "{}",
        found.verdict.why
    );
}

#[test]
fn pods_whose_node_died_are_the_reason_and_nothing_is_said_to_be_starting() {
    let service = json!({"metadata": {"name": "a", "namespace": "b"}, "status": {
        "conditions": [{"type": "Ready", "status": "False"},
            {"type": "PredictorReady", "status": "False", "reason": "MinimumReplicasUnavailable", "lastTransitionTime": "2026-11-23T09:59:40Z"}],
        "modelStatus": {"states": {"activeModelState": "Loaded", "targetModelState": "Pending"}, "copies": {"totalCopies": 1}}}});
    let pod = |name: &str, ready: &str| {
        json!({"metadata": {"name": name, "namespace": "b",
            "labels": {"serving.kserve.io/inferenceservice": "a", "component": "predictor"}}, "spec": {"nodeName": "ip-10-0-1-11"},
            "status": {"phase": "Running", "conditions": [{"type": "ContainersReady", "status": "True"}, {"type": "Ready", "status": ready}],
            "containerStatuses": [{"name": "c", "ready": true, "state": {}}]}})
    };
    let mut board = board(&service, None, None);
    board.pods_reach = Reach::Known;
    board.put(Seen::Pod(read(&pod("lost", "False"))));
    let found = board.record(&key(&service), later()).unwrap().verdict;
    let told = |found: &Verdict| (found.health, found.word, found.why.clone());
    let why = "0 of 1 pods are ready: the node ip-10-0-1-11 no longer answers";
    assert_eq!(told(&found), (Health::Bad, "no", why.into()));
    let heads = PodRow::heads();
    let state = heads.iter().position(|head| head.id == "state").unwrap();
    let rows = pods(&board, &key(&service));
    assert_eq!(rows[0].cell(state), &Value::state(Health::Bad, "node not ready"));
    board.put(Seen::Pod(read(&pod("other", "True"))));
    let found = board.record(&key(&service), later()).unwrap().verdict;
    let why = "1 of 2 pods are ready: the node ip-10-0-1-11 no longer answers";
    assert_eq!(told(&found), (Health::Warn, "yes, pods lost", why.into()));
}

#[test]
fn hostile_bytes_in_a_message_never_reach_a_cell() {
    let service = json!({"metadata": {"name": "a", "namespace": "b"}, "status": {"conditions": [
        {"type": "Ready", "status": "False", "reason": "X", "message": "bad\u{1b}[31m\u{202e}thing\nmore"}]}});
    let found = board(&service, None, None).record(&key(&service), later()).unwrap().verdict;
    assert_eq!(found.why, "badthing more (X)");
}
