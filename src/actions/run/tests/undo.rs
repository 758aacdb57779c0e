//! Taking back what was done, or may have been.

use super::*;

fn lost() -> Error {
    Error::Timeout { what: "fake".into(), seconds: 1 }
}

#[tokio::test]
async fn an_undo_takes_everything_back_unless_somebody_changed_it_since() {
    let stage = stage(true, None);
    let (_, progress) = stage.run(vec![step(0, 1), step(1, 2)]).await;
    let undo = offered(&progress).unwrap();
    *stage.fake.value.lock().unwrap() = 7;
    let (outcome, _) = stage.run_with(permit(undo), undo).await;
    assert!(matches!(&outcome, Outcome::Refused { why } if why.contains("no longer true")), "{outcome:?}");
    assert_eq!((stage.sent(), *stage.fake.value.lock().unwrap()), (2, 7));
    *stage.fake.value.lock().unwrap() = 2;
    assert_eq!(stage.run_with(permit(undo), undo).await.0, Outcome::Done);
    assert_eq!(*stage.fake.value.lock().unwrap(), 0);
}

#[tokio::test]
async fn a_step_that_was_refused_is_not_taken_back() {
    let stage = stage(false, Some(Error::Conflict { what: "changed by kubectl".into() }));
    assert_eq!(offered(&stage.run(vec![step(0, 1)]).await.1), None);
}

#[tokio::test]
async fn a_write_of_which_no_answer_came_can_be_taken_back() {
    let stage = stage(true, Some(lost()));
    stage.sees(&[0, 5]);
    let (outcome, progress) = stage.run(vec![step(0, 1)]).await;
    assert!(matches!(outcome, Outcome::Unknown { .. }), "{outcome:?}");
    let undo = offered(&progress).unwrap();
    *stage.fake.answer.lock().unwrap() = None;
    assert_eq!(stage.run_with(permit(undo), undo).await.0, Outcome::Done);
}

#[tokio::test]
async fn a_write_that_was_cut_off_can_be_taken_back() {
    let stage = stage(true, None);
    let plan = plan_of(vec![step(0, 1)]);
    let begun = Entry::Begun { plan: Box::new(plan.clone()), consent: Consent::default(), profile: "test".into() };
    stage.full.journal.append(begun).unwrap();
    stage.full.journal.append(Entry::Intent { plan: plan.id, step: 0 }).unwrap();
    let told = &stage.told()[0];
    let undo = stage.executor.undo(&told.plan, &told.steps).await;
    assert_eq!(undo.map(|undo| undo.steps[0].op.clone()), Some(set(0)), "whether it happened is for its checks to say");
}

#[tokio::test]
async fn a_last_step_that_did_not_happen_does_not_stand_in_the_way_of_those_before() {
    let stage = stage(true, None);
    let plan = plan_of(vec![step(0, 1), step(1, 2)]);
    let ended = [(0, Some(Outcome::Done)), (1, None)];
    *stage.fake.value.lock().unwrap() = 1;
    let undo = stage.executor.undo(&plan, &ended).await.unwrap();
    assert_eq!(undo.steps.iter().map(|step| &step.op).collect::<Vec<_>>(), vec![&set(0)]);
    *stage.fake.value.lock().unwrap() = 2;
    assert_eq!(stage.executor.undo(&plan, &ended).await.unwrap().steps.len(), 2, "it did happen");
    *stage.fake.value.lock().unwrap() = 7;
    let done = [(0, Some(Outcome::Done)), (1, Some(Outcome::Done))];
    assert_eq!(
        stage.executor.undo(&plan, &done).await.unwrap().steps.len(),
        2,
        "it was changed since, its check says so"
    );
}
