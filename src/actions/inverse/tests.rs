use serde_json::json;

use super::*;
use crate::actions::run::tests::{is, set, step};

fn plan() -> Plan {
    let steps = vec![step(0, 1), step(1, 2), step(2, 3)];
    Plan { steps, warnings: vec!["slow".into()], touches: vec!["all".into()], ..crate::actions::guard::tests::plan() }
}

fn why() -> String {
    "why".into()
}

#[test]
fn the_last_step_is_taken_back_first_and_none_that_was_not_reached() {
    let undo = inverse(&plan(), 2).unwrap();
    let ops: Vec<_> = undo.steps.iter().map(|step| &step.op).collect();
    assert_eq!(ops, vec![&set(1), &set(0)]);
    assert_eq!((&undo.steps[0].shows[0].before, &undo.steps[0].shows[0].after), (&json!(2), &json!(1)));
    assert_eq!(inverse(&plan(), 0), None);
}

#[test]
fn a_step_is_taken_back_under_the_conditions_of_its_own_undo() {
    let undo = inverse(&plan(), 1).unwrap();
    assert_eq!(undo.steps[0].require, vec![is(1)]);
    assert_eq!(undo.steps[0].verify, vec![is(0)]);
    assert_eq!(undo.steps[0].undo, None);
    assert_eq!((undo.warnings.len(), undo.touches.len()), (0, 0));
}

#[test]
fn a_plan_with_a_step_that_has_no_way_back_is_not_half_taken_back() {
    let mut plan = plan();
    plan.steps[0].undo = None;
    assert_eq!(inverse(&plan, 2), None);
}

#[test]
fn steps_count_that_changed_something_or_may_have() {
    let done = (0, Some(Outcome::Done));
    let with = |outcome| reached(&[done.clone(), (1, outcome)]);
    assert_eq!(with(Some(Outcome::Done)), 2);
    assert_eq!(with(Some(Outcome::Pending { why: why() })), 2);
    assert_eq!(with(Some(Outcome::Failed { why: why() })), 2, "it may have been done in part");
    assert_eq!(with(Some(Outcome::Unknown { why: why() })), 2);
    assert_eq!(with(None), 2, "it was cut off and may have been sent");
    assert_eq!(with(Some(Outcome::Refused { why: why() })), 1);
    assert_eq!(reached(&[]), 0);
}
