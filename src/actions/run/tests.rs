use std::sync::Mutex;

use futures_util::future::BoxFuture;
use serde_json::{Value as Json, json};

use super::*;
use crate::actions::guard::{Guard, Policy};
use crate::actions::journal::Who;
use crate::config::Predictions;
use crate::model::id::{PaneId, Ref};
use crate::model::plan::{Check, Consent, Difference, Expect, Op, PlanRequest, Planned, Probe, Undo};
use crate::model::verb::Rights;
use crate::systems::{Feed, Opened, Parameters};

const SYSTEM: SystemId = SystemId("fake");

/// A system with one value, whose writes can be refused, lost or ignored.
#[derive(Default)]
struct Fake {
    value: Mutex<i64>,
    answer: Mutex<Option<Error>>,
    happens: Mutex<bool>,
    sent: Mutex<usize>,
}

impl Link for Fake {
    fn feeds(&self) -> Vec<Box<dyn Feed>> {
        vec![]
    }
    fn open(&self, _: &Ref, _: PaneId, _: &Parameters) -> Option<Opened> {
        None
    }
    fn rights(&self) -> BoxFuture<'_, Result<Rights, Error>> {
        Box::pin(async { Ok(Rights::default()) })
    }
    fn plan(&self, _: PlanRequest) -> BoxFuture<'_, Result<Planned, Error>> {
        Box::pin(async { Err(Error::Absent { what: "plan".into() }) })
    }
    fn apply<'a>(&'a self, _: &'a Permit, op: &'a Op, _: &'a Outputs) -> BoxFuture<'a, Result<Outputs, Error>> {
        Box::pin(async move {
            *self.sent.lock().unwrap() += 1;
            if *self.happens.lock().unwrap() {
                *self.value.lock().unwrap() = op.arguments["value"].as_i64().unwrap();
            }
            self.answer.lock().unwrap().clone().map_or(Ok(Outputs::new()), Err)
        })
    }
    fn observe<'a>(&'a self, _: &'a Probe, _: &'a Outputs) -> BoxFuture<'a, Result<Json, Error>> {
        Box::pin(async { Ok(json!(*self.value.lock().unwrap())) })
    }
    fn object<'a>(&'a self, _: &'a Ref) -> BoxFuture<'a, Result<Json, Error>> {
        Box::pin(async { Ok(Json::Null) })
    }
}

struct One(Arc<Fake>);

impl Links for One {
    fn link(&self, _: SystemId) -> Option<Arc<dyn Link>> {
        Some(Arc::clone(&self.0) as Arc<dyn Link>)
    }
}

fn is(value: i64) -> Check {
    Check {
        what: format!("the value is {value}"),
        probe: Probe { system: SYSTEM, name: "value".into(), arguments: Json::Null },
        expect: Expect::Equals(json!(value)),
    }
}

fn set(value: i64) -> Op {
    Op { name: "set".into(), arguments: json!({ "value": value }) }
}

fn step(from: i64, to: i64) -> Step {
    Step {
        system: SYSTEM,
        op: set(to),
        shows: vec![Difference {
            object: Ref::new(PaneId("things"), "a"),
            what: "value".into(),
            before: json!(from),
            after: json!(to),
        }],
        command: format!("fake set {to}"),
        require: vec![is(from)],
        verify: vec![is(to)],
        hold_seconds: 0,
        within_seconds: 0,
        undo: Some(Undo {
            op: set(from),
            command: format!("fake set {from}"),
            require: vec![is(to)],
            verify: vec![is(from)],
        }),
    }
}

struct Stage {
    fake: Arc<Fake>,
    executor: Executor,
    _folder: tempfile::TempDir,
}

fn stage(happens: bool, answer: Option<Error>) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let fake = Arc::new(Fake { happens: Mutex::new(happens), answer: Mutex::new(answer), ..Fake::default() });
    let journal = Journal::open(folder.path(), Who::default(), Clock::System).unwrap();
    let mut executor = Executor::new(Arc::new(One(Arc::clone(&fake))), journal, Clock::System, "test".into());
    executor.look = Duration::from_millis(1);
    Stage { fake, executor, _folder: folder }
}

impl Stage {
    async fn run(&self, steps: Vec<Step>) -> (Outcome, Vec<Progress>) {
        let plan = Plan { steps, ..crate::actions::guard::tests::plan() };
        let policy = Policy {
            profile: "test".into(),
            production: false,
            read_only: false,
            armed_for: TimeDelta::zero(),
            predictions: Predictions::Allow,
        };
        let permit = Guard::new(policy).permit(&plan, &Consent::default(), Clock::System.now()).unwrap();
        let (sender, mut receiver) = mpsc::channel(64);
        let outcome = self.executor.run(permit, &plan, sender, Arc::default()).await;
        let mut progress = Vec::new();
        while let Ok(item) = receiver.try_recv() {
            progress.push(item);
        }
        (outcome, progress)
    }
}

#[tokio::test]
async fn a_plan_is_done_when_reality_says_so_and_offers_its_inverse() {
    let stage = stage(true, None);
    let (outcome, progress) = stage.run(vec![step(0, 1)]).await;
    assert_eq!(outcome, Outcome::Done);
    let Some(Progress::Ended { undo: Some(undo), .. }) = progress.last() else { panic!("{progress:?}") };
    assert_eq!(undo.steps[0].op, set(0));
    assert_eq!(undo.steps[0].shows[0].after, json!(0));
    let told = stage.executor.journal.told().unwrap();
    assert_eq!(told[0].result, Some(Outcome::Done));
    assert_eq!(told[0].steps, vec![(0, Some(Outcome::Done))]);
}

#[tokio::test]
async fn nothing_is_sent_when_somebody_changed_it_meanwhile() {
    let stage = stage(true, None);
    *stage.fake.value.lock().unwrap() = 5;
    let (outcome, _) = stage.run(vec![step(0, 1)]).await;
    assert!(matches!(&outcome, Outcome::Refused { why } if why.contains("no longer true")), "{outcome:?}");
    assert_eq!(*stage.fake.sent.lock().unwrap(), 0);
}

#[tokio::test]
async fn a_write_that_is_accepted_and_ignored_is_not_called_done() {
    let stage = stage(false, None);
    let (outcome, _) = stage.run(vec![step(0, 1), step(1, 2)]).await;
    assert!(matches!(&outcome, Outcome::Pending { why } if why.contains("the value is 1")), "{outcome:?}");
    assert_eq!(*stage.fake.sent.lock().unwrap(), 1, "the second step is not sent");
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_looking_and_never_by_sending_again() {
    let lost = Error::Timeout { what: "fake".into(), seconds: 1 };
    let happened = stage(true, Some(lost.clone()));
    assert_eq!(happened.run(vec![step(0, 1)]).await.0, Outcome::Done);
    let unclear = stage(false, Some(lost));
    assert!(matches!(unclear.run(vec![step(0, 1)]).await.0, Outcome::Unknown { .. }));
    assert_eq!(*unclear.fake.sent.lock().unwrap(), 1);
}

#[tokio::test]
async fn a_refusal_stops_the_plan_and_is_written_down() {
    let stage = stage(false, Some(Error::Conflict { what: "changed by kubectl".into() }));
    let (outcome, _) = stage.run(vec![step(0, 1)]).await;
    assert_eq!(outcome, Outcome::Refused { why: "changed by kubectl".into() });
    let told = stage.executor.journal.told().unwrap();
    assert!(matches!(told[0].steps[0], (0, Some(Outcome::Refused { .. }))));
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_stops_the_plan_before_it_starts() {
    let stage = stage(true, None);
    let path = stage.executor.journal.path().to_owned();
    std::fs::create_dir(&path).unwrap();
    let (outcome, _) = stage.run(vec![step(0, 1)]).await;
    assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
    assert_eq!(*stage.fake.sent.lock().unwrap(), 0);
}
