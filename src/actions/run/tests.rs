use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use futures_util::future::BoxFuture;
use serde_json::{Value as Json, json};

use super::*;
use crate::actions::guard::{Guard, Policy};
use crate::actions::journal::Who;
use crate::config::Predictions;
use crate::model::clock::VirtualClock;
use crate::model::id::{PaneId, Ref};
use crate::model::plan::{Check, Consent, Difference, Expect, Op, PlanRequest, Planned, Probe, Undo};
use crate::model::verb::Rights;
use crate::systems::{Feed, Opened, Parameters};

mod undo;
mod verify;
mod written;

const SYSTEM: SystemId = SystemId("fake");
/// A system that is configured and not connected.
const AWAY: SystemId = SystemId("away");

/// A system with one value, whose writes can be refused, lost or ignored. Each look takes a second of the clock.
struct Fake {
    value: Mutex<i64>,
    answer: Mutex<Option<Error>>,
    happens: Mutex<bool>,
    sent: Mutex<usize>,
    looks: Mutex<usize>,
    /// What the next looks see; the value after them.
    seen: Mutex<VecDeque<Result<Json, Error>>>,
    /// What each write gives to the next steps.
    gives: Mutex<Outputs>,
    /// What the last write and the last look got from the steps before.
    got: Mutex<(Outputs, Outputs)>,
    /// Asked for while a write is under way.
    stop: Arc<AtomicBool>,
    stopped_by_write: AtomicBool,
    clock: VirtualClock,
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
    fn apply<'a>(&'a self, _: &'a Permit, op: &'a Op, before: &'a Outputs) -> BoxFuture<'a, Result<Outputs, Error>> {
        Box::pin(async move {
            *self.sent.lock().unwrap() += 1;
            self.got.lock().unwrap().0.clone_from(before);
            self.stop.store(self.stopped_by_write.load(Ordering::SeqCst), Ordering::SeqCst);
            if *self.happens.lock().unwrap() {
                *self.value.lock().unwrap() = op.arguments["value"].as_i64().unwrap();
            }
            let gives = self.gives.lock().unwrap().clone();
            self.answer.lock().unwrap().clone().map_or(Ok(gives), Err)
        })
    }
    fn observe<'a>(&'a self, _: &'a Probe, before: &'a Outputs) -> BoxFuture<'a, Result<Json, Error>> {
        Box::pin(async {
            *self.looks.lock().unwrap() += 1;
            self.got.lock().unwrap().1.clone_from(before);
            self.clock.advance(TimeDelta::seconds(1));
            let seen = self.seen.lock().unwrap().pop_front();
            seen.unwrap_or_else(|| Ok(json!(*self.value.lock().unwrap())))
        })
    }
    fn object<'a>(&'a self, _: &'a Ref) -> BoxFuture<'a, Result<Json, Error>> {
        Box::pin(async { Ok(Json::Null) })
    }
}

struct One(Arc<Fake>);

impl Links for One {
    fn link(&self, system: SystemId) -> Option<Arc<dyn Link>> {
        (system == SYSTEM).then(|| Arc::clone(&self.0) as Arc<dyn Link>)
    }
}

/// A journal whose `fails`th line, from 1, can't be written.
struct Full {
    journal: Journal,
    fails: AtomicUsize,
    written: AtomicUsize,
}

impl Recorder for Full {
    fn append(&self, entry: Entry) -> Result<(), Error> {
        if self.written.fetch_add(1, Ordering::SeqCst) + 1 == self.fails.load(Ordering::SeqCst) {
            return Err(Error::Storage { what: "journal.jsonl".into(), why: "no space left".into() });
        }
        self.journal.append(entry)
    }
}

pub(in crate::actions) fn is(value: i64) -> Check {
    Check {
        what: format!("the value is {value}"),
        probe: Probe { system: SYSTEM, name: "value".into(), arguments: Json::Null },
        expect: Expect::Equals(json!(value)),
    }
}

pub(in crate::actions) fn set(value: i64) -> Op {
    Op { name: "set".into(), arguments: json!({ "value": value }) }
}

pub(in crate::actions) fn step(from: i64, to: i64) -> Step {
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
    full: Arc<Full>,
    executor: Executor,
    _folder: tempfile::TempDir,
}

fn stage(happens: bool, answer: Option<Error>) -> Stage {
    let folder = tempfile::tempdir().unwrap();
    let clock = VirtualClock::new(DateTime::UNIX_EPOCH);
    let fake = Arc::new(Fake {
        value: Mutex::default(),
        answer: Mutex::new(answer),
        happens: Mutex::new(happens),
        sent: Mutex::default(),
        looks: Mutex::default(),
        seen: Mutex::default(),
        gives: Mutex::default(),
        got: Mutex::default(),
        stop: Arc::default(),
        stopped_by_write: AtomicBool::default(),
        clock: clock.clone(),
    });
    let clock = Clock::Virtual(clock);
    let journal = Journal::open(folder.path(), Who::default(), clock.clone()).unwrap();
    let full = Full { journal: journal.clone(), fails: AtomicUsize::new(0), written: AtomicUsize::new(0) };
    let full = Arc::new(full);
    let mut executor = Executor::new(Arc::new(One(Arc::clone(&fake))), journal, clock, "test".into());
    executor.journal = Arc::<Full>::clone(&full);
    executor.look = Duration::from_millis(1);
    Stage { fake, full, executor, _folder: folder }
}

fn permit(plan: &Plan) -> Permit {
    let policy = Policy {
        profile: "test".into(),
        production: false,
        read_only: false,
        armed_for: TimeDelta::zero(),
        predictions: Predictions::Allow,
    };
    Guard::new(policy).permit(plan, &Consent::default(), DateTime::UNIX_EPOCH).unwrap()
}

fn plan_of(steps: Vec<Step>) -> Plan {
    Plan { steps, ..crate::actions::guard::tests::plan() }
}

impl Stage {
    async fn run(&self, steps: Vec<Step>) -> (Outcome, Vec<Progress>) {
        let plan = plan_of(steps);
        self.run_with(permit(&plan), &plan).await
    }

    async fn run_with(&self, permit: Permit, plan: &Plan) -> (Outcome, Vec<Progress>) {
        let (sender, mut receiver) = mpsc::channel(64);
        let outcome = self.executor.run(permit, plan, sender, Arc::clone(&self.fake.stop)).await;
        let mut progress = Vec::new();
        while let Ok(item) = receiver.try_recv() {
            progress.push(item);
        }
        (outcome, progress)
    }

    /// The next looks see these values.
    fn sees(&self, values: &[i64]) {
        self.fake.seen.lock().unwrap().extend(values.iter().map(|value| Ok(json!(value))));
    }

    fn sent(&self) -> usize {
        *self.fake.sent.lock().unwrap()
    }

    fn looks(&self) -> usize {
        *self.fake.looks.lock().unwrap()
    }

    fn told(&self) -> Vec<crate::actions::journal::Told> {
        self.full.journal.told().unwrap()
    }
}

/// The plan that was offered to take it back.
fn offered(progress: &[Progress]) -> Option<&Plan> {
    let Some(Progress::Ended { undo, .. }) = progress.last() else { panic!("{progress:?}") };
    undo.as_deref()
}

#[tokio::test]
async fn a_plan_is_done_when_reality_says_so_and_offers_its_inverse() {
    let stage = stage(true, None);
    let (outcome, progress) = stage.run(vec![step(0, 1)]).await;
    assert_eq!(outcome, Outcome::Done);
    let Some(Progress::Ended { undo: Some(undo), .. }) = progress.last() else { panic!("{progress:?}") };
    assert_eq!(undo.steps[0].op, set(0));
    assert_eq!(undo.steps[0].shows[0].after, json!(0));
    let told = stage.told();
    assert_eq!(told[0].result, Some(Outcome::Done));
    assert_eq!(told[0].steps, vec![(0, Some(Outcome::Done))]);
}

#[tokio::test]
async fn nothing_is_sent_when_somebody_changed_it_meanwhile() {
    let stage = stage(true, None);
    *stage.fake.value.lock().unwrap() = 5;
    let (outcome, _) = stage.run(vec![step(0, 1)]).await;
    assert!(matches!(&outcome, Outcome::Refused { why } if why.contains("no longer true")), "{outcome:?}");
    assert_eq!(stage.sent(), 0);
}

#[tokio::test]
async fn a_write_that_is_accepted_and_ignored_is_not_called_done() {
    let stage = stage(false, None);
    let (outcome, _) = stage.run(vec![step(0, 1), step(1, 2)]).await;
    assert!(matches!(&outcome, Outcome::Pending { why } if why.contains("the value is 1")), "{outcome:?}");
    assert_eq!(stage.sent(), 1, "the second step is not sent");
}

#[tokio::test]
async fn a_lost_answer_is_settled_by_looking_and_never_by_sending_again() {
    let lost = Error::Timeout { what: "fake".into(), seconds: 1 };
    let happened = stage(true, Some(lost.clone()));
    assert_eq!(happened.run(vec![step(0, 1)]).await.0, Outcome::Done);
    let unclear = stage(false, Some(lost));
    assert!(matches!(unclear.run(vec![step(0, 1)]).await.0, Outcome::Unknown { .. }));
    assert_eq!(unclear.sent(), 1);
}

#[tokio::test]
async fn a_refusal_stops_the_plan_and_is_written_down() {
    let stage = stage(false, Some(Error::Conflict { what: "changed by kubectl".into() }));
    let (outcome, _) = stage.run(vec![step(0, 1)]).await;
    assert_eq!(outcome, Outcome::Refused { why: "changed by kubectl".into() });
    let told = stage.told();
    assert!(matches!(told[0].steps[0], (0, Some(Outcome::Refused { .. }))));
}

#[tokio::test]
async fn a_journal_that_cannot_be_written_stops_the_plan_before_it_starts() {
    let stage = stage(true, None);
    let path = stage.full.journal.path().to_owned();
    std::fs::create_dir(&path).unwrap();
    let (outcome, _) = stage.run(vec![step(0, 1)]).await;
    assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
    assert_eq!(stage.sent(), 0);
}

#[tokio::test]
async fn a_confirmation_of_another_plan_permits_nothing() {
    let stage = stage(true, None);
    let confirmed = plan_of(vec![step(0, 1)]);
    let other = Plan { id: "p2".into(), ..confirmed.clone() };
    let (outcome, _) = stage.run_with(permit(&confirmed), &other).await;
    assert!(matches!(&outcome, Outcome::Refused { why } if why.contains("another plan")), "{outcome:?}");
    assert_eq!((stage.sent(), stage.told().len()), (0, 0));
}

#[tokio::test]
async fn a_stop_lets_the_step_that_runs_end_and_begins_no_other() {
    let stage = stage(true, None);
    stage.fake.stopped_by_write.store(true, Ordering::SeqCst);
    let (outcome, progress) = stage.run(vec![step(0, 1), step(1, 2)]).await;
    assert_eq!(outcome, Outcome::Stopped);
    assert_eq!(stage.sent(), 1);
    assert_eq!(stage.told()[0].steps, vec![(0, Some(Outcome::Done))]);
    assert_eq!(stage.told()[0].result, Some(Outcome::Stopped));
    assert_eq!(offered(&progress).map(|undo| undo.steps.len()), Some(1), "what was done can be taken back");
}

#[tokio::test]
async fn what_a_step_gives_reaches_its_own_checks_and_the_next_step() {
    let stage = stage(true, None);
    let gives = Outputs::from([("sha".to_owned(), json!("c0ffee"))]);
    stage.fake.gives.lock().unwrap().clone_from(&gives);
    stage.run(vec![step(0, 1)]).await;
    assert_eq!(stage.fake.got.lock().unwrap().clone(), (Outputs::new(), gives.clone()));
    stage.run(vec![step(1, 2), step(2, 3)]).await;
    assert_eq!(stage.fake.got.lock().unwrap().clone(), (gives.clone(), gives));
}
