//! Feeds run by the supervisor, with made-up feeds in memory. Nothing here measures how long something takes.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use futures_util::future::BoxFuture;

use super::supervisor::Rest;
use super::*;
use crate::model::clock::VirtualClock;
use crate::model::health::{Error, Health};
use crate::model::id::Key;
use crate::model::record::{Change, Row};
use crate::model::value::Value;
use crate::systems::{Cadence, Fetched, Line, Lines};

const PODS: PaneId = PaneId("pods");

/// What a scripted feed does when it is asked.
enum Act {
    Rows(Vec<Change>),
    Part(Vec<Change>),
    Fail(Error),
    Hang,
    Panic,
}

/// Does one act for each question; after the last one it hangs, or repeats it if it is a poll of rows.
struct Scripted {
    cadence: Cadence,
    acts: VecDeque<Act>,
    asked: Arc<AtomicUsize>,
    reconnected: Arc<AtomicUsize>,
}

impl Feed for Scripted {
    fn panes(&self) -> Vec<PaneId> {
        vec![PODS]
    }

    fn cadence(&self) -> Cadence {
        self.cadence
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Fetched, Error>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let act = self.acts.pop_front().unwrap_or(Act::Hang);
        assert!(!matches!(act, Act::Panic), "as the script says");
        Box::pin(async move {
            let changes = |changes: Vec<Change>| changes.into_iter().map(|change| (PODS, change)).collect();
            match act {
                Act::Rows(rows) => Ok(Fetched { changes: changes(rows), over: true }),
                Act::Part(rows) => Ok(Fetched { changes: changes(rows), over: false }),
                Act::Fail(error) => Err(error),
                Act::Hang | Act::Panic => std::future::pending().await,
            }
        })
    }

    fn reconnect(&mut self) {
        self.reconnected.fetch_add(1, Ordering::SeqCst);
    }
}

struct Stage {
    feeds: Feeds,
    incoming: Incoming,
    asked: Arc<AtomicUsize>,
    reconnected: Arc<AtomicUsize>,
    clock: VirtualClock,
}

impl Stage {
    fn new() -> Self {
        let clock = VirtualClock::new(DateTime::UNIX_EPOCH);
        let heads: HeadsOf = Arc::new(|_| [Head::text("ready", "ready", 9).as_state()].into());
        let (feeds, incoming) = Feeds::new(Clock::Virtual(clock.clone()), Handle::current(), heads);
        let (short, long) = (Duration::from_millis(2), Duration::from_millis(5));
        let feeds = feeds.with_pace(Pace { first: short, longest: long, absent: long });
        Self { feeds, incoming, asked: Arc::default(), reconnected: Arc::default(), clock }
    }

    fn start(&self, cadence: Cadence, acts: impl Into<VecDeque<Act>>) -> FeedHandle {
        self.feeds.start(self.feed(cadence, acts), true)
    }

    fn feed(&self, cadence: Cadence, acts: impl Into<VecDeque<Act>>) -> Box<dyn Feed> {
        let (asked, reconnected) = (Arc::clone(&self.asked), Arc::clone(&self.reconnected));
        Box::new(Scripted { cadence, acts: acts.into(), asked, reconnected })
    }

    fn with_pace(pace: Pace) -> Self {
        let stage = Self::new();
        Self { feeds: stage.feeds.with_pace(pace), ..stage }
    }

    /// Waits until nothing is under way.
    async fn idle(&self) {
        in_time("nothing is under way", self.feeds.activity().idle()).await;
    }

    /// Waits for what the last failure says of the next try, after data or before any has come.
    async fn next_try(&mut self, after_data: bool) -> Duration {
        let mut next = None;
        self.until(|_, fresh| {
            let failed = |fresh: &&Freshness| fresh.error.is_some() && fresh.seen.is_some() == after_data;
            next = fresh.iter().map(|(_, fresh)| fresh).rfind(failed).and_then(|fresh| fresh.next);
            next.is_some()
        })
        .await;
        (next.unwrap() - DateTime::UNIX_EPOCH).to_std().unwrap()
    }

    /// Takes batches until `done` says that all that is expected has come.
    async fn until(&mut self, mut done: impl FnMut(&[(Source, Batch)], &[(Source, Freshness)]) -> bool) {
        let (mut batches, mut freshness) = (Vec::new(), Vec::new());
        loop {
            batches.extend(self.feeds.take_batches());
            freshness.extend(self.feeds.take_freshness());
            if done(&batches, &freshness) {
                return;
            }
            in_time("something comes", self.incoming.bell.notified()).await;
        }
    }
}

/// A feed that is broken fails the test instead of hanging it: nothing here takes a moment.
async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.unwrap_or_else(|_| panic!("in vain: {what}"))
}

/// Lets the feeds run until this is so.
async fn comes_true(what: &str, mut so: impl FnMut() -> bool) {
    in_time(what, async {
        while !so() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

const LONG: Duration = Duration::from_mins(10);
const WATCH: Cadence = Cadence::Watch { silence: LONG };
const POLL: Cadence = Cadence::Poll { every: LONG, timeout: LONG };
const ONCE: Cadence = Cadence::Once { timeout: LONG };

fn row(key: &str, health: Health) -> Change {
    Change::Upsert(Arc::new(Row {
        key: key.into(),
        cells: [Value::state(health, health.word())].into(),
        refs: [].into(),
    }))
}

fn list(keys: &[&str]) -> Vec<Change> {
    let rows = keys.iter().map(|key| row(key, Health::Good));
    std::iter::once(Change::Begin).chain(rows).chain([Change::Complete]).collect()
}

fn unreachable() -> Act {
    Act::Fail(Error::Unreachable { what: "it".into(), why: "no route".into() })
}

fn keys(batches: &[(Source, Batch)]) -> Vec<&str> {
    let mut keys: Vec<_> = batches.iter().flat_map(|(_, batch)| &batch.rows).map(|row| row.key.as_str()).collect();
    keys.sort_unstable();
    keys
}

#[tokio::test]
async fn rows_come_at_once_and_then_as_they_change() {
    let mut stage = Stage::new();
    let _feed = stage.start(
        WATCH,
        [
            Act::Part(vec![Change::Begin, row("a", Health::Good)]),
            Act::Rows(vec![row("b", Health::Good), Change::Complete]),
            Act::Rows(vec![row("c", Health::Good)]),
        ],
    );
    stage.until(|batches, fresh| keys(batches) == ["a", "b", "c"] && !fresh.is_empty()).await;
    assert_eq!(stage.feeds.activity().count(), 0);
}

#[tokio::test]
async fn a_failure_keeps_rows_says_so_and_is_tried_again() {
    let mut stage = Stage::new();
    let _feed =
        stage.start(WATCH, [Act::Rows(list(&["a"])), unreachable(), unreachable(), Act::Rows(list(&["a", "b"]))]);
    stage
        .until(|_, fresh| {
            fresh.iter().any(|(_, fresh)| fresh.error.is_some() && fresh.seen.is_some() && fresh.next.is_some())
        })
        .await;
    stage.until(|batches, fresh| keys(batches) == ["b"] && fresh.iter().any(|(_, fresh)| fresh.error.is_none())).await;
    assert_eq!(stage.reconnected.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_feed_that_panics_is_an_error_and_goes_on() {
    let mut stage = Stage::new();
    let _feed = stage.start(WATCH, [Act::Panic, Act::Rows(list(&["a"]))]);
    let said = |fresh: &[(Source, Freshness)]| {
        fresh.iter().filter_map(|(_, fresh)| fresh.error.as_ref()).any(|error| {
            matches!(error, Error::Protocol { what } if what.starts_with("pods stopped working: as the script says"))
        })
    };
    let mut heard = false;
    stage
        .until(|batches, fresh| {
            heard |= said(fresh);
            heard && keys(batches) == ["a"]
        })
        .await;
}

#[tokio::test]
async fn a_poll_that_hangs_times_out() {
    let mut stage = Stage::new();
    let cadence = Cadence::Poll { every: LONG, timeout: Duration::from_millis(5) };
    let _feed = stage.start(cadence, [Act::Hang, Act::Rows(list(&["a"]))]);
    stage.until(|_, fresh| fresh.iter().any(|(_, fresh)| matches!(fresh.error, Some(Error::Timeout { .. })))).await;
    stage.until(|batches, _| keys(batches) == ["a"]).await;
}

#[tokio::test]
async fn a_watch_that_is_silent_is_connected_anew_and_the_second_time_it_is_an_error() {
    let mut stage = Stage::new();
    let cadence = Cadence::Watch { silence: Duration::from_millis(5) };
    let _feed = stage.start(cadence, [Act::Hang, Act::Rows(list(&["a"])), Act::Hang, Act::Hang]);
    stage.until(|batches, _| keys(batches) == ["a"]).await;
    stage.until(|_, fresh| fresh.iter().any(|(_, fresh)| matches!(fresh.error, Some(Error::Timeout { .. })))).await;
    assert!(stage.reconnected.load(Ordering::SeqCst) >= 3);
}

#[tokio::test]
async fn a_refresh_asks_a_resting_poll_at_once_and_counts_as_under_way() {
    let mut stage = Stage::new();
    let feed = stage.start(POLL, [Act::Rows(list(&["a"])), Act::Rows(list(&["a", "b"]))]);
    stage.idle().await;
    assert_eq!(stage.asked.load(Ordering::SeqCst), 1);
    feed.refresh();
    assert_eq!(stage.feeds.activity().count(), 1, "before anything has run");
    stage.idle().await;
    stage.until(|batches, _| keys(batches) == ["a", "b"]).await;
    assert_eq!(stage.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_refresh_makes_a_watch_begin_anew() {
    let mut stage = Stage::new();
    let feed = stage.start(WATCH, [Act::Rows(list(&["a"])), Act::Hang, Act::Rows(list(&["b"]))]);
    stage.until(|batches, _| keys(batches) == ["a"]).await;
    comes_true("it is asked twice", || stage.asked.load(Ordering::SeqCst) == 2).await;
    feed.refresh();
    stage.idle().await;
    assert_eq!(stage.reconnected.load(Ordering::SeqCst), 1);
    stage.until(|batches, _| batches.iter().any(|(_, batch)| batch.removed == [Key::from("a")])).await;
}

#[tokio::test]
async fn something_asked_once_is_asked_again_only_on_request() {
    let mut stage = Stage::new();
    let forbidden = Act::Fail(Error::Forbidden { verb: "list".into(), what: "pods".into() });
    let feed = stage.start(ONCE, [forbidden, Act::Rows(list(&["a"]))]);
    stage.until(|_, fresh| fresh.iter().any(|(_, fresh)| fresh.error.is_some() && fresh.next.is_none())).await;
    feed.refresh();
    stage.until(|batches, _| keys(batches) == ["a"]).await;
}

#[tokio::test]
async fn a_limit_of_the_rate_is_kept_even_if_the_operator_asks() {
    let mut stage = Stage::new();
    let until = DateTime::UNIX_EPOCH + TimeDelta::hours(1);
    let limited = Act::Fail(Error::RateLimited { what: "it".into(), until: Some(until) });
    let feed = stage.start(POLL, [limited, Act::Rows(list(&["a"]))]);
    stage.until(|_, fresh| fresh.iter().any(|(_, fresh)| fresh.next == Some(until))).await;
    feed.refresh();
    stage.idle().await;
    assert_eq!(stage.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_is_not_installed_is_a_quiet_state() {
    let mut stage = Stage::new();
    let absent = Act::Fail(Error::Absent { what: "KServe".into() });
    let _feed = stage.start(POLL, [absent, Act::Rows(list(&["a"]))]);
    let now = Clock::Virtual(stage.clock.clone()).now();
    stage
        .until(|_, fresh| fresh.iter().any(|(_, fresh)| fresh.error.is_some() && fresh.health(now) == Health::Idle))
        .await;
    stage.until(|batches, _| keys(batches) == ["a"]).await;
}

#[tokio::test]
async fn a_poll_that_nobody_looks_at_has_more_patience() {
    let mut stage = Stage::new();
    let feed = stage.start(Cadence::Poll { every: LONG, timeout: Duration::from_secs(10) }, [Act::Rows(list(&["a"]))]);
    stage.until(|_, fresh| fresh.iter().any(|(_, fresh)| fresh.patience == 1210)).await;
    feed.focus(false);
    stage.until(|_, fresh| fresh.iter().any(|(_, fresh)| fresh.patience == 4810)).await;
}

#[tokio::test]
async fn after_a_failure_it_waits_before_it_asks_again() {
    let mut stage = Stage::with_pace(Pace { first: LONG, longest: LONG, absent: LONG });
    let _feed = stage.start(WATCH, [unreachable(), Act::Rows(list(&["a"]))]);
    let wait = stage.next_try(false).await;
    assert!((LONG.mul_f64(0.75)..=LONG).contains(&wait), "{wait:?}");
    // meanwhile another feed is asked many times
    let other = Arc::new(AtomicUsize::new(0));
    let acts = std::iter::repeat_with(|| Act::Rows(list(&["b"]))).take(20).collect();
    let polls = Cadence::Poll { every: Duration::from_millis(1), timeout: LONG };
    let feed = Scripted { cadence: polls, acts, asked: Arc::clone(&other), reconnected: Arc::default() };
    let _other = stage.feeds.open(Ticket(1), PODS, Opened::Rows(Box::new(feed)));
    comes_true("the other is asked", || other.load(Ordering::SeqCst) > 20).await;
    assert_eq!(stage.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn after_a_success_the_waits_begin_anew() {
    let (first, long) = (Duration::from_millis(4), LONG);
    let mut stage = Stage::with_pace(Pace { first, longest: long, absent: long });
    let _feed = stage
        .start(WATCH, [unreachable(), unreachable(), unreachable(), Act::Rows(list(&["a"])), unreachable(), Act::Hang]);
    let wait = stage.next_try(true).await;
    assert!((first.mul_f64(0.75)..=first).contains(&wait), "{wait:?}");
}

#[tokio::test]
async fn what_is_not_installed_is_looked_for_at_its_own_pace() {
    let short = Duration::from_millis(2);
    let mut stage = Stage::with_pace(Pace { first: short, longest: short, absent: LONG });
    let _feed = stage.start(POLL, [Act::Fail(Error::Absent { what: "KServe".into() })]);
    assert_eq!(stage.next_try(false).await, LONG);
}

#[tokio::test]
async fn a_poll_that_nobody_looks_at_goes_slower_and_a_failure_waits_as_long_as_ever() {
    let stage = Stage::new();
    let lengths = |focus| {
        let supervisor = Supervisor {
            feed: stage.feed(POLL, []),
            sources: vec![],
            board: Arc::clone(&stage.feeds.board),
            control: watch::Sender::new(Control { focus, refresh: 0, busy: None }),
            pace: Pace::default(),
            owner: 1,
        };
        let second = Duration::from_secs(1);
        [Rest::Poll(second), Rest::For(second), Rest::Obey(second), Rest::UntilAsked]
            .map(|rest| supervisor.length(&rest).map(|length| length.as_secs()))
    };
    assert_eq!(lengths(true), [Some(1), Some(1), Some(1), None]);
    assert_eq!(lengths(false), [Some(4), Some(1), Some(1), None]);
}

#[tokio::test]
async fn transitions_come_in_order_though_the_rows_are_merged() {
    let mut stage = Stage::new();
    let flips: Vec<Change> =
        (0..3000_u16).map(|at| row("a", if at % 2 == 0 { Health::Bad } else { Health::Good })).collect();
    let _feed =
        stage.start(WATCH, [Act::Rows(list(&["a"])), Act::Rows(flips), Act::Rows(vec![row("end", Health::Good)])]);
    for at in 0..3000_u16 {
        let seen = in_time("a transition", stage.incoming.transitions.recv()).await.unwrap();
        let to = seen.to.map(|to| to.health);
        assert_eq!(to, Some(if at % 2 == 0 { Health::Bad } else { Health::Good }));
    }
    stage.until(|batches, _| keys(batches).contains(&"end")).await;
}

#[tokio::test]
async fn a_full_queue_of_transitions_makes_the_feed_wait() {
    let mut stage = Stage::new();
    let flips: Vec<Change> =
        (0..3000_u16).map(|at| row("a", if at % 2 == 0 { Health::Bad } else { Health::Good })).collect();
    let _feed = stage.start(WATCH, [Act::Rows(list(&["a"])), Act::Rows(flips), Act::Rows(vec![])]);
    comes_true("the queue is full", || stage.incoming.transitions.len() == TRANSITIONS).await;
    assert_eq!(stage.asked.load(Ordering::SeqCst), 2, "it is not asked for more");
    while stage.asked.load(Ordering::SeqCst) < 3 {
        in_time("a transition", stage.incoming.transitions.recv()).await.unwrap();
    }
}

#[tokio::test]
async fn rows_of_what_was_closed_land_nowhere() {
    let stage = Stage::new();
    let opened = Opened::Rows(stage.feed(WATCH, [Act::Rows(list(&["a"]))]));
    let handle = stage.feeds.open(Ticket(7), PODS, opened);
    stage.idle().await;
    assert_eq!(handle.sources(), [Source::Detail(Ticket(7), PODS)]);
    drop(handle);
    comes_true("the feed is gone", || Arc::strong_count(&stage.asked) == 1).await;
    assert!(stage.feeds.take_batches().is_empty() && stage.feeds.take_freshness().is_empty());
}

#[tokio::test]
async fn one_feed_that_hangs_stops_no_other() {
    let mut stage = Stage::new();
    let _hangs = stage.feeds.open(Ticket(1), PODS, Opened::Rows(stage.feed(POLL, [Act::Hang])));
    let _works = stage.start(POLL, [Act::Rows(list(&["a"]))]);
    stage.until(|batches, _| keys(batches) == ["a"]).await;
    assert_eq!(stage.feeds.activity().count(), 2, "its first load and its question");
}

/// Lines and errors, in turn.
struct Script(Mutex<VecDeque<Result<Vec<&'static str>, Error>>>);

impl Lines for Script {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Vec<Line>>, Error>> {
        let next = self.0.get_mut().unwrap().pop_front();
        let line = |text: &str| Line { at: None, text: text.into(), notice: false };
        Box::pin(async move { next.transpose().map(|lines| lines.map(|lines| lines.into_iter().map(line).collect())) })
    }
}

async fn said(
    stage: &mut Stage,
    script: impl Into<VecDeque<Result<Vec<&'static str>, Error>>>,
) -> (Vec<String>, Result<(), Error>) {
    let lines = Opened::Lines(Box::new(Script(Mutex::new(script.into()))));
    let _handle = stage.feeds.open(Ticket(1), PODS, lines);
    let mut texts = Vec::new();
    loop {
        let said = in_time("a line", stage.incoming.lines.recv()).await.unwrap();
        let text = |line: &Line| if line.notice { format!("({})", line.text) } else { line.text.to_string() };
        texts.extend(said.lines.iter().map(text));
        if let Some(end) = said.end {
            return (texts, end);
        }
    }
}

#[tokio::test]
async fn lines_arrive_in_order_with_one_notice_for_each_loss() {
    let mut stage = Stage::new();
    let lost = || Err(Error::Unreachable { what: "it".into(), why: "reset".into() });
    let (texts, end) =
        said(&mut stage, [Ok(vec!["1", "2"]), lost(), lost(), Ok(vec!["3"]), lost(), Ok(vec!["4"])]).await;
    let notice = "(connection lost (can't reach it: reset), going on as soon as it can be reached)";
    assert_eq!(texts, ["1", "2", notice, "3", notice, "4"]);
    assert_eq!(end, Ok(()));
}

#[tokio::test]
async fn a_long_portion_comes_in_several_and_a_lasting_error_ends_the_stream() {
    let mut stage = Stage::new();
    let gone = Error::Gone { what: "pod a".into() };
    let (texts, end) = said(&mut stage, [Ok(vec!["x"; 1234]), Err(gone.clone())]).await;
    assert_eq!((texts.len(), end), (1234, Err(gone)));
}
