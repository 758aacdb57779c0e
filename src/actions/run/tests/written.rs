//! What happens when a line of the journal can't be written. A plan of one step has four: begun, intent, step, ended.

use super::*;

async fn run_with_a_bad_line(line: usize) -> (Stage, Outcome, Vec<Progress>) {
    let stage = stage(true, None);
    stage.full.fails.store(line, Ordering::SeqCst);
    let (outcome, progress) = stage.run(vec![step(0, 1), step(1, 2)]).await;
    (stage, outcome, progress)
}

#[tokio::test]
async fn a_plan_that_is_not_written_down_does_not_begin() {
    let (stage, outcome, progress) = run_with_a_bad_line(1).await;
    assert!(matches!(&outcome, Outcome::Refused { why } if why.contains("no space left")), "{outcome:?}");
    assert_eq!((stage.sent(), stage.looks()), (0, 0));
    assert_eq!(offered(&progress), None);
}

#[tokio::test]
async fn a_step_whose_intent_is_not_written_down_is_not_sent() {
    let (stage, outcome, progress) = run_with_a_bad_line(2).await;
    assert!(matches!(&outcome, Outcome::Refused { why } if why.contains("no space left")), "{outcome:?}");
    assert_eq!(stage.sent(), 0);
    assert_eq!(offered(&progress), None);
}

#[tokio::test]
async fn a_step_that_is_not_written_down_is_the_last_and_can_be_taken_back() {
    let (stage, outcome, progress) = run_with_a_bad_line(3).await;
    assert!(matches!(&outcome, Outcome::Failed { why } if why.contains("step 1 was sent, but not written down")));
    assert_eq!(stage.sent(), 1);
    assert_eq!(offered(&progress).map(|undo| undo.steps.len()), Some(1));
}

#[tokio::test]
async fn a_plan_whose_end_is_not_written_down_is_not_called_done() {
    let (stage, outcome, progress) = run_with_a_bad_line(6).await;
    assert!(matches!(&outcome, Outcome::Failed { why } if why.contains("done, but not written down")), "{outcome:?}");
    assert_eq!(stage.sent(), 2);
    assert_eq!(offered(&progress).map(|undo| undo.steps.len()), Some(2));
    assert_eq!(stage.told()[0].result, None);
}
