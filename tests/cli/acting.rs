//! `promote`, `rollback`, `canary`: plans that are shown, checked, confirmed by flags, run and verified.

use quarterdeck::demo::{Fault, System};
use serde_json::Value as Json;

use crate::harness::{Ended, Place, demo};

/// The share of the canary that the world's endpoint asks for.
fn canary(place: &Place) -> Json {
    let object = place.run(&["get", "endpoints", "ml-prod/fraud-detection", "-o", "json"]).with(0).json();
    object.pointer("/spec/predictor/canaryTrafficPercent").cloned().unwrap_or_default()
}

#[test]
fn a_dry_run_shows_each_check_with_its_result_and_changes_nothing() {
    let place = Place::new();
    let plan = place.run(&["canary", "fraud-detection", "20", "--dry-run"]).with(0).says_nothing();
    let plan =
        plan.shows("Give 20 % of the traffic").shows("canaryTrafficPercent: 10 → 20").shows("kubectl -n ml-prod");
    plan.shows("requires that you may patch inferenceservices in ml-prod: yes");
    let json = place.run(&["canary", "fraud-detection", "20", "--dry-run", "--json"]).with(0).json();
    assert!(json["checks"].as_array().unwrap().iter().all(|check| check["held"] == true), "{json}");
    assert_eq!(json["steps"][0]["shows"][0]["after"], 20);
    assert_eq!(canary(&place), 10);
}

#[test]
fn a_check_that_does_not_hold_is_shown_with_its_reason_and_ends_with_1() {
    let place = Place::new();
    place.world().fail_at(System::Kubernetes, "dryRun=All", Fault::Status(422, None));
    let refused = || place.run(&["canary", "fraud-detection", "20", "--dry-run"]).with(1);
    let plan = refused().shows("requires that admission accepts it: no (now ").shows("in ml-prod: yes");
    plan.says("it could not run now: ");
    let json = place.run(&["canary", "fraud-detection", "20", "--dry-run", "--json"]).with(1).json();
    let checks = json["checks"].as_array().unwrap();
    assert_eq!(checks.iter().filter(|check| check["held"] == false).count(), 1, "{json}");
}

#[test]
fn a_check_that_can_not_be_looked_at_is_shown_and_ends_with_3() {
    let place = Place::new();
    place.world().fail_at(System::Kubernetes, "dryRun=All", Fault::Status(503, None));
    let plan = place.run(&["canary", "fraud-detection", "20", "--dry-run"]).with(3);
    plan.shows("requires that admission accepts it: not known, ").says("503");
}

#[test]
fn without_a_terminal_and_without_yes_the_plan_is_printed_and_it_ends_with_2() {
    let place = Place::new();
    place.run(&["rollback", "endpoints", "fraud-detection"]).with(2).shows("10 → 0").says("nothing was changed");
    let json = place.run(&["rollback", "endpoints", "fraud-detection", "--json"]).with(2).says("nothing was changed");
    assert_eq!(json.json()["verb"], "rollback");
    assert_eq!(canary(&place), 10);
}

#[test]
fn with_yes_it_is_done_verified_and_written_down() {
    let place = Place::hurried();
    let done = place.run(&["rollback", "endpoints", "fraud-detection", "--yes", "--reason", "errors", "--wait"]);
    done.with(0).shows("10 → 0").says("done and verified");
    assert_eq!(canary(&place), 0);
    let told = place.run(&["audit", "--json"]).with(0).json();
    let entry = &told[0];
    assert_eq!((entry["outcome"].as_str(), entry["reason"].as_str()), (Some("done"), Some("errors")));
    assert_eq!((entry["object"].as_str(), entry["who"].as_str()), (Some("ml-prod/fraud-detection"), Some("ada")));
    place.run(&["audit"]).with(0).shows("ml-prod/fraud-detection");
    place.run(&["audit", "show", entry["key"].as_str().unwrap()]).with(0).shows("reason   errors").shows("kubectl");
    place.run(&["audit", "show", "nothing"]).with(2).says("no action `nothing`");
    place.run(&["audit", "verify"]).with(0).shows_nothing().says("whole and unchanged");
    place.run(&["audit", "verify", "--json"]).with(0).shows("\"faults\": []");
    let again = place.run(&["rollback", "endpoints", "fraud-detection", "--yes", "--json"]);
    assert_ne!(again.code, Some(0), "there is nothing to roll back: {again:?}");
}

#[test]
fn an_alias_moves_and_goes_back_to_where_it_was() {
    let place = Place::hurried();
    let done = place.run(&["promote", "models", "fraud-detection@13", "--yes", "--json"]).with(0).json();
    assert_eq!(done["result"]["outcome"], "done", "{done}");
    place.run(&["rollback", "models", "fraud-detection@13", "--yes"]).with(0).shows("alias champion: \"13\" → \"12\"");
}

#[test]
fn a_question_that_a_plan_asks_is_answered_by_its_flag() {
    let place = Place::new();
    let asked = place.run(&["rollback", "models", "fraud-detection@12", "--dry-run"]).with(2).shows_nothing();
    asked.says("Roll back to which version?").says("give it with --to VALUE").says("v11");
    place.run(&["rollback", "models", "fraud-detection@12", "--to", "11", "--dry-run"]).with(0).shows("v11");
    place.run(&["rollback", "models", "fraud-detection@12", "--answer", "nonsense"]).with(2).says("NAME=VALUE");
}

#[test]
fn production_needs_a_reason_and_the_name() {
    let place = Place::hurried();
    place.write("config.toml", &place.config("").replace("environment = \"demo\"", "environment = \"production\""));
    let act = |flags: &[&str]| -> Ended { place.run(&[&["canary", "fraud-detection", "20", "--yes"], flags].concat()) };
    act(&[]).with(3);
    act(&["--reason", "load"]).with(3).says("--confirm");
    act(&["--confirm", "fraud-detection"]).with(3).says("--reason");
    act(&["--reason", "load", "--confirm", "fraud"]).with(3);
    assert_eq!(canary(&place), 10);
    act(&["--reason", "load", "--confirm", "fraud-detection"]).with(0).says("done and verified");
    assert_eq!(canary(&place), 20);
}

#[test]
fn read_only_refuses_what_was_confirmed_but_shows_the_plan() {
    let place = Place::new();
    place.run(&["--read-only", "canary", "fraud-detection", "20", "--yes"]).with(3).says("read-only");
    place.run(&["--read-only", "canary", "fraud-detection", "20", "--dry-run"]).with(0);
    assert_eq!(canary(&place), 10);
}

#[test]
fn a_right_that_is_missing_ends_with_3() {
    let place = Place::new();
    place.world().forbid("patch", "inferenceservices");
    let refused = place.run(&["canary", "fraud-detection", "20", "--dry-run"]).with(3);
    refused.says("patch");
}

#[test]
fn what_can_not_be_done_says_what_can() {
    demo(&["promote", "pods", "x"]).with(2).shows_nothing().says("a pod can't be told to promote");
    demo(&["promote", "models", "fraud-detection@12", "--dry-run"]).with(1).says("champion already points to v12");
}

#[test]
fn a_hung_system_beside_delays_no_action() {
    let place = Place::new();
    place.world().fail(System::Prometheus, Fault::Hang);
    let plan = place.run(&["rollback", "endpoints", "fraud-detection", "--dry-run"]).with(0);
    plan.says_nothing();
}
