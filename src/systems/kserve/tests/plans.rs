//! Plans in each mode: what is sent, what is checked, and what is refused with which reason.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::super::board::{Board, Reach, Seen};
use super::super::ops::Patch;
use super::super::plans::{Subject, Verb, plan};
use super::{board, fixture, knative, later};
use crate::model::health::Error;
use crate::model::plan::{Expect, Plan, Planned, Step};

fn outcome(verb: Verb, service: &Json, board: &Board, answers: &[(&str, &str)]) -> Result<Planned, Error> {
    let answers: BTreeMap<String, String> =
        answers.iter().map(|(id, answer)| ((*id).into(), (*answer).into())).collect();
    plan(verb, &[Subject::of(board, service.clone(), later()).unwrap()], &answers)
}

pub(super) fn made(verb: Verb, service: &Json, board: &Board, answers: &[(&str, &str)]) -> Plan {
    match outcome(verb, service, board, answers) {
        Ok(Planned::Plan(plan)) => *plan,
        other => panic!("no plan: {other:?}"),
    }
}

fn refused(verb: Verb, service: &Json, board: &Board, answers: &[(&str, &str)]) -> String {
    match outcome(verb, service, board, answers) {
        Err(Error::Refused { why }) => why,
        other => panic!("not refused: {other:?}"),
    }
}

pub(super) fn patch(step: &Step) -> Patch {
    Patch::from_arguments(&step.op.arguments).unwrap()
}

fn expected(checks: &[crate::model::plan::Check], name: &str) -> Json {
    let check = checks.iter().find(|check| check.probe.name == name).unwrap_or_else(|| panic!("no check {name}"));
    match &check.expect {
        Expect::Equals(value) => value.clone(),
        Expect::AtLeast(number) => json!(number),
        other => panic!("{other:?}"),
    }
}

pub(super) fn plain(service: &Json) -> Board {
    board(service, None, None)
}

#[test]
fn a_knative_roll_back_sets_nothing_but_the_percentage_and_waits_for_the_stable_revision() {
    let service = knative();
    let plan = made(Verb::Rollback, &service, &plain(&service), &[]);
    assert_eq!(plan.title, "Roll back the canary of fraud-detector: 00002 gets everything");
    let [step] = plan.steps.as_slice() else { panic!("one step") };
    assert_eq!(patch(step).body, json!({"spec": {"predictor": {"canaryTrafficPercent": 0}}}));
    assert_eq!(
        step.command,
        r#"kubectl -n models patch isvc fraud-detector --type merge -p '{"spec":{"predictor":{"canaryTrafficPercent":0}}}'"#
    );
    assert_eq!(
        expected(&step.verify, "traffic"),
        json!({"fraud-detector-predictor-00002": 100.0, "fraud-detector-predictor-00003": 0.0})
    );
    assert_eq!((step.hold_seconds, step.within_seconds), (10, 300));
    let shown = &step.shows[0];
    assert_eq!(
        (shown.what.as_str(), &shown.before, &shown.after),
        ("spec.predictor.canaryTrafficPercent", &json!(10), &json!(0))
    );
}

#[test]
fn before_anything_is_sent_right_version_mode_and_admission_are_checked() {
    let service = knative();
    let plan = made(Verb::Rollback, &service, &plain(&service), &[]);
    let step = &plan.steps[0];
    let names: Vec<&str> = step.require.iter().map(|check| check.probe.name.as_str()).collect();
    assert_eq!(names, ["can", "object", "admission"]);
    assert_eq!(
        expected(&step.require, "object"),
        json!({"uid": "u-1", "mode": "Knative", "generation": 7, "fields": {"/spec/predictor/canaryTrafficPercent": 10}})
    );
    assert!(step.require[1].what.starts_with("nobody changed it since 10:00:00"), "{}", step.require[1].what);
    assert!(plan.warnings[0].contains("Argo CD manages it (application fraud-serving)"), "{:?}", plan.warnings);
}

#[test]
fn taking_a_roll_back_back_restores_the_share_only_if_it_is_as_it_was_left() {
    let service = knative();
    let plan = made(Verb::Rollback, &service, &plain(&service), &[]);
    let undo = plan.steps[0].undo.clone().unwrap();
    let sent = Patch::from_arguments(&undo.op.arguments).unwrap();
    assert_eq!(sent.body, json!({"spec": {"predictor": {"canaryTrafficPercent": 10}}}));
    assert_eq!(sent.expected.generation, None);
    assert_eq!(
        expected(&undo.require, "object"),
        json!({"uid": "u-1", "fields": {"/spec/predictor/canaryTrafficPercent": 0}})
    );
    assert_eq!(expected(&undo.verify, "traffic")["fraud-detector-predictor-00003"], json!(10.0));
}

#[test]
fn after_a_roll_back_neither_promotion_nor_a_second_one_is_offered() {
    let mut service = knative();
    service["spec"]["predictor"]["canaryTrafficPercent"] = json!(0);
    let board = plain(&service);
    assert!(refused(Verb::Promote, &service, &board, &[]).contains("was rolled back (0 %)"));
    assert!(
        refused(Verb::Rollback, &service, &board, &[])
            .contains("Clearing the percentage would send everything to 00003 again")
    );
}

#[test]
fn a_promotion_clears_the_percentage() {
    let service = knative();
    let plan = made(Verb::Promote, &service, &plain(&service), &[]);
    assert_eq!(patch(&plan.steps[0]).body, json!({"spec": {"predictor": {"canaryTrafficPercent": null}}}));
    assert_eq!(expected(&plan.steps[0].verify, "traffic"), json!({"fraud-detector-predictor-00003": 100.0}));
    let undo = plan.steps[0].undo.clone().unwrap();
    assert_eq!(
        Patch::from_arguments(&undo.op.arguments).unwrap().body,
        json!({"spec": {"predictor": {"canaryTrafficPercent": 0}}}),
        "after a promotion the percentage 10 would step back by accident"
    );
}

/// The canary was promoted: 00003 has everything, 00002 was before it.
fn promoted() -> Json {
    let mut service = knative();
    service["spec"]["predictor"].as_object_mut().unwrap().remove("canaryTrafficPercent");
    let predictor = &mut service["status"]["components"]["predictor"];
    predictor["latestRolledoutRevision"] = json!("fraud-detector-predictor-00003");
    predictor["previousRolledoutRevision"] = json!("fraud-detector-predictor-00002");
    predictor["traffic"] =
        json!([{"latestRevision": true, "percent": 100, "revisionName": "fraud-detector-predictor-00003"}]);
    service
}

#[test]
fn after_a_promotion_the_roll_back_goes_one_step_and_says_so() {
    let service = promoted();
    let plan = made(Verb::Rollback, &service, &plain(&service), &[]);
    assert_eq!(plan.title, "Roll back fraud-detector from 00003 to 00002");
    assert_eq!(expected(&plan.steps[0].verify, "traffic")["fraud-detector-predictor-00002"], json!(100.0));
    assert!(plan.warnings.iter().any(|warning| warning.contains("one step only")), "{:?}", plan.warnings);
}

#[test]
fn without_an_earlier_revision_or_a_canary_nothing_is_done_by_accident() {
    let mut service = promoted();
    service["status"]["components"]["predictor"]["previousRolledoutRevision"] = json!("");
    let board = plain(&service);
    assert!(refused(Verb::Rollback, &service, &board, &[]).contains("nothing to go back to"));
    assert!(
        refused(Verb::Canary, &service, &board, &[("percent", "10")]).contains("would step back to an older revision")
    );
    assert!(refused(Verb::Promote, &service, &board, &[]).contains("has all the traffic already"));
}

#[test]
fn a_newer_revision_that_never_got_ready_is_not_rolled_back_to_something_older() {
    let mut service = promoted();
    service["status"]["components"]["predictor"]["latestCreatedRevision"] = json!("fraud-detector-predictor-00004");
    let why = refused(Verb::Rollback, &service, &plain(&service), &[]);
    assert!(why.contains("00004 never got ready and gets no traffic: 00003 serves everything"), "{why}");
}

#[test]
fn the_share_is_asked_for_with_the_next_step_as_default() {
    let service = knative();
    let board = plain(&service);
    let Ok(Planned::Ask(question)) = outcome(Verb::Canary, &service, &board, &[]) else { panic!("asks") };
    assert_eq!((question.id.as_str(), question.default.as_str()), ("percent", "25"));
    let choices: Vec<&str> = question.choices.iter().map(|(answer, _)| answer.as_str()).collect();
    assert_eq!(choices, ["0", "5", "10", "25", "50", "100"]);
    let plan = made(Verb::Canary, &service, &board, &[("percent", "25")]);
    assert_eq!(
        expected(&plan.steps[0].verify, "traffic"),
        json!({"fraud-detector-predictor-00002": 75.0, "fraud-detector-predictor-00003": 25.0})
    );
    for wrong in ["150", "-1", "ten", "2.5"] {
        assert!(refused(Verb::Canary, &service, &board, &[("percent", wrong)]).contains("no percentage"));
    }
    assert!(refused(Verb::Canary, &service, &board, &[("percent", "10")]).contains("at 10 % already"));
}

#[test]
fn what_the_controller_would_ignore_is_refused() {
    let mut service = knative();
    service["metadata"]["annotations"]["serving.kserve.io/disable-auto-update"] = json!("true");
    assert!(refused(Verb::Rollback, &service, &plain(&service), &[]).contains("would ignore the change"));
    let ignored = fixture("state-canary-traffic-percent-ignored");
    assert!(
        refused(Verb::Rollback, &ignored, &plain(&ignored), &[]).contains("Standard mode ignores canaryTrafficPercent")
    );
    let stopped = fixture("state-stopped");
    assert!(refused(Verb::Rollback, &stopped, &plain(&stopped), &[]).contains("is stopped"));
    let ready = fixture("state-ready");
    assert!(refused(Verb::Rollback, &ready, &plain(&ready), &[]).contains("keeps no earlier revision"));
    assert!(refused(Verb::Promote, &ready, &plain(&ready), &[]).contains("an entry in spec.canary"));
}

/// A canary in Standard mode whose traffic is split.
fn split() -> (Json, Board) {
    let service = fixture("master-canary-1-isvc");
    let board = board(&service, Some("master-canary-1-httproutes"), None);
    (service, board)
}

#[test]
fn a_standard_canary_is_raised_by_a_patch_that_tests_its_name() {
    let (service, board) = split();
    let plan = made(Verb::Canary, &service, &board, &[("percent", "50")]);
    let sent = patch(&plan.steps[0]);
    assert_eq!(
        sent.body,
        json!([
            {"op": "test", "path": "/spec/canary/0/predictor/name", "value": "v2"},
            {"op": "replace", "path": "/spec/canary/0/trafficPercent", "value": 50},
        ])
    );
    assert_eq!(expected(&plan.steps[0].verify, "traffic"), json!({"can-predictor": 50.0, "can-v2-predictor": 50.0}));
    assert_eq!(plan.steps[0].shows[0].what, "spec.canary v2 trafficPercent");
    let body = sent.for_object(&service);
    assert_eq!(body[0]["path"], "/metadata/uid");
    assert_eq!(
        body[1],
        json!({"op": "test", "path": "/metadata/generation", "value": service["metadata"]["generation"]})
    );
}

#[test]
fn where_nothing_splits_the_traffic_another_share_is_refused() {
    let service = fixture("canary-1-isvc");
    let known = board(&service, Some("canary-1-httproutes"), None);
    let why = refused(Verb::Canary, &service, &known, &[("percent", "50")]);
    assert!(why.contains("its HTTPRoute leads to can-predictor alone"), "{why}");
    assert!(refused(Verb::Canary, &service, &plain(&service), &[("percent", "50")]).contains("no Gateway API"));
    let mut unknown = plain(&service);
    unknown.routes_reach = Reach::Unknown;
    assert!(refused(Verb::Canary, &service, &unknown, &[("percent", "50")]).contains("can't be read"));
}

#[test]
fn a_canary_that_is_not_ready_can_only_be_rolled_back() {
    let service = fixture("state-canary-failed");
    let board = board(&service, Some("canary-1-httproutes"), None);
    assert!(refused(Verb::Canary, &service, &board, &[("percent", "50")]).contains("is not ready"));
    assert!(refused(Verb::Promote, &service, &board, &[]).contains("is not ready"));
    let plan = made(Verb::Rollback, &service, &board, &[]);
    assert_eq!(patch(&plan.steps[0]).body, json!({"spec": {"canary": []}}));
    let undo = plan.steps[0].undo.clone().unwrap();
    assert_eq!(Patch::from_arguments(&undo.op.arguments).unwrap().body["spec"]["canary"], service["spec"]["canary"]);
}

#[test]
fn a_standard_promotion_first_gives_the_canary_the_pods_and_then_its_predictor_the_place() {
    let (service, board) = split();
    let plan = made(Verb::Promote, &service, &board, &[]);
    let [prepare, take_over] = plan.steps.as_slice() else { panic!("two steps") };
    assert_eq!(patch(prepare).body[1]["value"], 100);
    assert_eq!(
        patch(prepare).body[2],
        json!({"op": "add", "path": "/spec/canary/0/predictor/minReplicas", "value": 4})
    );
    assert_eq!(expected(&prepare.verify, "pods"), json!(4.0));
    let sent = patch(take_over);
    assert_eq!(sent.body["spec"]["canary"], json!([]));
    assert_eq!(sent.body["spec"]["predictor"]["name"], "v2");
    assert_eq!(sent.body["spec"]["predictor"].get("minReplicas"), None, "the stable bounds stay");
    assert_eq!(sent.expected.generation, None, "the first step moved it");
    assert_eq!(sent.expected.fields["/spec/canary/0/trafficPercent"], 100);
    assert_eq!(expected(&take_over.verify, "traffic"), json!({"can-v2-predictor": 100.0}));
    assert!(plan.warnings[0].contains("the Service can-predictor goes"), "{:?}", plan.warnings);
}

#[test]
fn undoing_a_standard_promotion_restores_predictor_and_canary() {
    let (service, board) = split();
    let plan = made(Verb::Promote, &service, &board, &[]);
    let undo = plan.steps[1].undo.clone().unwrap();
    let sent = Patch::from_arguments(&undo.op.arguments).unwrap();
    assert_eq!(
        sent.body[0],
        json!({"op": "replace", "path": "/spec/predictor", "value": service["spec"]["predictor"]})
    );
    assert_eq!(sent.expected.fields["/spec/predictor/name"], "v2");
}

#[test]
fn where_nothing_was_split_a_promotion_warns_that_nothing_was_tried() {
    let service = fixture("canary-1-isvc");
    let plan = made(Verb::Promote, &service, &board(&service, Some("canary-1-httproutes"), None), &[]);
    assert!(plan.warnings.iter().any(|warning| warning.contains("nothing was tried")), "{:?}", plan.warnings);
    assert!(plan.steps[0].verify.iter().all(|check| check.probe.name != "traffic"));
}

#[test]
fn of_several_canaries_one_has_to_be_chosen() {
    let (mut service, _) = split();
    let mut other = service["spec"]["canary"][0].clone();
    other["predictor"]["name"] = json!("v3");
    other["trafficPercent"] = json!(30);
    service["spec"]["canary"].as_array_mut().unwrap().push(other);
    service["status"]["canaryStatuses"].as_array_mut().unwrap().push(json!({"name": "v3", "ready": true}));
    let mut board = Board::default();
    board.routes_reach = Reach::Known;
    board.put(Seen::Service(Box::new(serde_json::from_value(service.clone()).unwrap())));
    board.put(Seen::Route(Box::new(
        serde_json::from_value(json!({"metadata": {"name": "can", "namespace": "mst"}, "spec": {"rules": [
        {"backendRefs": [{"name": "can-predictor", "weight": 50}, {"name": "can-v2-predictor", "weight": 20},
            {"name": "can-v3-predictor", "weight": 30}]}]}}))
        .unwrap(),
    )));
    let Ok(Planned::Ask(question)) = outcome(Verb::Canary, &service, &board, &[]) else { panic!("asks") };
    assert_eq!(question.id, "which");
    let plan = made(Verb::Canary, &service, &board, &[("which", "v3"), ("percent", "50")]);
    assert_eq!(expected(&plan.steps[0].verify, "traffic"), json!({"can-predictor": 30.0, "can-v3-predictor": 50.0}));
    assert!(refused(Verb::Canary, &service, &board, &[("which", "v3"), ("percent", "90")]).contains("80 % at most"));
    assert!(refused(Verb::Promote, &service, &board, &[("which", "v3")]).contains("2 canaries"));
}
