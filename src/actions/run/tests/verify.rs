//! When a step counts as done.

use super::*;

fn held(hold_seconds: u32, within_seconds: u32) -> Vec<Step> {
    vec![Step { hold_seconds, within_seconds, ..step(0, 1) }]
}

#[tokio::test]
async fn a_step_is_done_when_it_has_been_true_for_as_long_as_it_has_to() {
    let stage = stage(true, None);
    assert_eq!(stage.run(held(3, 60)).await.0, Outcome::Done);
    assert_eq!(stage.looks(), 1 + 4, "one before, then three seconds from the first");
}

#[tokio::test]
async fn a_state_that_flaps_has_to_hold_from_the_beginning() {
    let stage = stage(true, None);
    stage.sees(&[0, 1, 1, 0]);
    assert_eq!(stage.run(held(3, 60)).await.0, Outcome::Done);
    assert_eq!(stage.looks(), 4 + 4);
}

#[tokio::test]
async fn what_falls_away_after_the_time_is_over_is_not_done() {
    let stage = stage(true, None);
    stage.sees(&[0, 1, 1, 0]);
    let (outcome, _) = stage.run(held(3, 2)).await;
    assert!(matches!(&outcome, Outcome::Pending { why } if why.contains("now 0")), "{outcome:?}");
}

#[tokio::test]
async fn reality_has_as_much_time_as_the_step_allows() {
    let slow = stage(true, None);
    slow.sees(&[0, 0, 0, 0]);
    let (outcome, progress) = slow.run(held(0, 4)).await;
    assert_eq!(outcome, Outcome::Done);
    let waiting = progress.iter().filter(|item| matches!(item, Progress::Waiting { .. })).count();
    assert_eq!(waiting, 1, "the same is not said again and again");
    let slower = stage(true, None);
    slower.sees(&[0, 0, 0, 0]);
    assert!(matches!(slower.run(held(0, 3)).await.0, Outcome::Pending { .. }));
}

#[tokio::test]
async fn a_condition_that_cannot_be_read_does_not_hold() {
    let stage = stage(true, None);
    let lost = Error::Timeout { what: "fake".into(), seconds: 1 };
    stage.fake.seen.lock().unwrap().push_back(Err(lost.clone()));
    let (outcome, _) = stage.run(vec![step(0, 1)]).await;
    assert_eq!(outcome, Outcome::Refused { why: lost.to_string() });
    assert_eq!(stage.sent(), 0);
}

#[tokio::test]
async fn a_result_that_cannot_be_read_is_not_there() {
    let stage = stage(true, None);
    let lost = Error::Timeout { what: "fake".into(), seconds: 1 };
    stage.fake.seen.lock().unwrap().extend([Ok(json!(0)), Err(lost.clone())]);
    let (outcome, _) = stage.run(vec![step(0, 1)]).await;
    assert_eq!(outcome, Outcome::Pending { why: lost.to_string() });
}

#[tokio::test]
async fn a_check_of_a_system_that_is_not_connected_does_not_hold() {
    let mut away = is(1);
    away.probe.system = AWAY;
    let before = stage(true, None);
    let (outcome, _) = before.run(vec![Step { require: vec![is(0), away.clone()], ..step(0, 1) }]).await;
    assert!(matches!(&outcome, Outcome::Refused { why } if why.contains("away")), "{outcome:?}");
    assert_eq!(before.sent(), 0);
    let after = stage(true, None);
    let (outcome, _) = after.run(vec![Step { verify: vec![is(1), away], ..step(0, 1) }]).await;
    assert!(matches!(&outcome, Outcome::Pending { why } if why.contains("away")), "{outcome:?}");
}

#[tokio::test]
async fn a_step_of_a_system_that_is_not_connected_is_refused() {
    let stage = stage(true, None);
    let (outcome, _) = stage.run(vec![Step { system: AWAY, ..step(0, 1) }]).await;
    assert!(matches!(&outcome, Outcome::Refused { why } if why.contains("not connected")), "{outcome:?}");
    assert_eq!(stage.told()[0].steps, vec![]);
}
