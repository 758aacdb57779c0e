//! Golden screens: what the operator sees, whole. `.config/insta.yaml` says how they are renewed.
//!
//! Only what no lower test can say belongs here: that the parts of a screen go together, in each size.

use std::fmt::Write;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use quarterdeck::actions::{Guard, Policy};
use quarterdeck::app::catalogue::Catalogue;
use quarterdeck::app::event::{Event, Size};
use quarterdeck::app::keymap::Keymap;
use quarterdeck::app::own;
use quarterdeck::app::place::{Place, SectionState};
use quarterdeck::app::state::{Header, State};
use quarterdeck::app::update::{start, update};
use quarterdeck::config::Predictions;
use quarterdeck::model::health::{Error, Freshness};
use quarterdeck::model::id::{PaneId, SystemId};
use quarterdeck::model::input::Input;
use quarterdeck::model::record::{Batch, Row, Rows};
use quarterdeck::model::transition::Source;
use quarterdeck::view::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::harness::{Harness, Stage, text};

const ENDPOINTS: PaneId = PaneId("endpoints");
const KSERVE: SystemId = SystemId("kserve");

const SMALL: Size = Size { columns: 80, rows: 24 };
const USUAL: Size = Size { columns: 140, rows: 40 };
const LARGE: Size = Size { columns: 200, rows: 50 };

/// A port is another one each time; its digits become nines, so that nothing moves.
fn steady(screen: &str) -> String {
    let mut parts = screen.split("127.0.0.1:");
    let mut steady = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.chars().take_while(char::is_ascii_digit).count();
        steady.push_str("127.0.0.1:");
        steady.push_str(&"9".repeat(digits));
        steady.push_str(part.get(digits..).unwrap_or_default());
    }
    steady
}

/// Compares the screen with the golden one of this name.
fn golden(name: &str, session: &mut Harness) {
    insta::assert_snapshot!(name, steady(&session.screen()));
}

/// The text, and below each line that has one a line of letters: which style each cell has.
fn styled(buffer: &Buffer) -> String {
    let mut styles = Vec::new();
    let mut out = String::new();
    let plain = text(buffer);
    let width = usize::from(buffer.area.width).max(1);
    for (line, cells) in plain.lines().zip(buffer.content.chunks(width)) {
        let letters: String = cells
            .iter()
            .map(|cell| {
                let style = (cell.fg, cell.bg, cell.modifier);
                let at = styles.iter().position(|known| *known == style).unwrap_or_else(|| {
                    styles.push(style);
                    styles.len() - 1
                });
                char::from_u32('a' as u32 + u32::try_from(at).unwrap()).unwrap()
            })
            .collect();
        writeln!(out, "{line}\n{letters}").unwrap();
    }
    for (at, (fg, bg, modifier)) in (0..).zip(styles) {
        let letter = char::from_u32('a' as u32 + at).unwrap();
        writeln!(out, "{letter} = {fg} on {bg} {modifier:?}").unwrap();
    }
    out
}

fn failing(now: DateTime<Utc>) -> Freshness {
    let error = Error::Unreachable { what: "the cluster demo".into(), why: "connection refused".into() };
    let ago = |seconds| now - chrono::TimeDelta::seconds(seconds);
    Freshness { seen: Some(ago(840)), error: Some(error), next: Some(ago(-20)), patience: 60 }
}

/// A console at its start, of which nothing is true but what is told to it.
fn fresh(size: Size, events: Vec<Event>) -> String {
    let catalogue = Arc::new(Catalogue::new(quarterdeck::systems::all(), own::PANES, own::VIEWS));
    let guard = Guard::new(Policy {
        profile: "demo".into(),
        production: false,
        read_only: false,
        armed_for: chrono::TimeDelta::minutes(15),
        predictions: Predictions::Allow,
    });
    let header = Header { profile: "demo".into(), cluster: "embedded".into(), environment: "demo".into() };
    let keymap = Arc::new(Keymap::load(None).unwrap());
    let mut state = State::new(catalogue, keymap, guard, header, (crate::harness::monday(), size));
    start(&mut state, None);
    for event in events {
        update(&mut state, event);
    }
    let mut buffer = Buffer::empty(Rect::new(0, 0, size.columns, size.rows));
    quarterdeck::view::draw(&state, &Theme::shipped("dark").unwrap(), &mut buffer);
    text(&buffer)
}

fn endpoints(batch: Batch) -> Event {
    Event::Fed(Source::Pane(ENDPOINTS), batch)
}

async fn on(size: Size) -> Harness {
    Harness::on(Stage { size, ..Stage::default() }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endpoints_complete_in_each_size() {
    let mut session = on(USUAL).await;
    golden("endpoints_140", &mut session);
    golden("endpoints_80", session.resize(SMALL.columns, SMALL.rows));
    golden("endpoints_200_detail_beside", session.resize(LARGE.columns, LARGE.rows));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_before_it_is_complete_when_it_is_empty_and_when_it_may_not_be_read() {
    let session = on(USUAL).await;
    let heads = session.state().rows.heads(ENDPOINTS);
    let mut rows: Vec<Arc<Row>> =
        session.state().rows.rows(ENDPOINTS).into_iter().flat_map(Rows::iter).cloned().collect();
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    rows.truncate(4);
    let now = crate::harness::monday();
    let linked = || Event::Linked(KSERVE, Ok(()));
    let heads = || Some(Arc::clone(&heads));
    let part = Batch { rows, progress: Some((4, Some(11))), heads: heads(), ..Batch::default() };
    insta::assert_snapshot!("endpoints_80_connecting", fresh(SMALL, vec![]));
    insta::assert_snapshot!("endpoints_140_loading", fresh(USUAL, vec![linked(), endpoints(part)]));
    let none = Batch { complete: true, heads: heads(), ..Batch::default() };
    insta::assert_snapshot!("endpoints_80_empty", fresh(SMALL, vec![linked(), endpoints(none)]));
    let lines = "[profiles.NAME.mlflow]\nurl = \"https://mlflow.example.com\"\nor set MLFLOW_TRACKING_URI";
    let nowhere = Error::NotSetUp { what: "MLflow".into(), lines: lines.into() };
    let models = Event::Input(vec![Input::Key("4".parse().unwrap())]);
    let nowhere = vec![Event::Linked(SystemId("mlflow"), Err(nowhere)), models];
    insta::assert_snapshot!("models_80_not_set_up", fresh(SMALL, nowhere));
    let refused = Error::Forbidden { verb: "list".into(), what: "inferenceservices in ml-prod".into() };
    let refused = Freshness { error: Some(refused), next: Some(now), ..Freshness::default() };
    let refused = Event::Fresh(Source::Pane(ENDPOINTS), refused);
    insta::assert_snapshot!("endpoints_80_not_permitted", fresh(SMALL, vec![linked(), refused]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_list_that_fails_keeps_its_rows_dim_with_their_age() {
    let mut session = on(USUAL).await;
    let now = crate::harness::monday();
    session.event(Event::Fresh(Source::Pane(ENDPOINTS), failing(now)));
    golden("endpoints_140_failing", &mut session);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weights_and_marks_without_a_colour() {
    let mut session = Harness::on(Stage { size: SMALL, theme: "mono", ..Stage::default() }).await;
    session.keys("j j<space><space>k/fraud<enter>");
    insta::assert_snapshot!("styles_80_marked_and_matched", styled(session.buffer()));
    session.keys("<esc>").event(Event::Fresh(Source::Pane(ENDPOINTS), failing(crate::harness::monday())));
    insta::assert_snapshot!("styles_80_failing", styled(session.buffer()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_detail_its_logs_and_its_charts() {
    let mut session = on(USUAL).await;
    session.keys("/fraud namespace:prod<enter>");
    // columns are as wide as the widest row that was ever shown: here all of them were, whatever came first
    session.resize(USUAL.columns, 120).keys("<enter>").settle().await;
    golden("detail_140", session.resize(USUAL.columns, USUAL.rows));
    golden("detail_80", session.resize(SMALL.columns, SMALL.rows));
    session.resize(USUAL.columns, USUAL.rows).keys("m").settle().await;
    golden("chart_140_of_an_endpoint", &mut session);
    session.keys("<esc>").keys("l").settle().await;
    golden("logs_140", &mut session);
    golden("logs_80", session.resize(SMALL.columns, SMALL.rows));
    let ticket = session.state().place().and_then(Place::focused).and_then(SectionState::ticket).unwrap();
    let why = "http2 error: stream error received: unexpected internal error encountered while reading the body";
    let error = Error::Unreachable { what: "the log of fraud-detection-predictor-00003".into(), why: why.into() };
    session.event(Event::LinesFailed(ticket, error)).keys("w");
    golden("logs_80_failing_and_wrapped", &mut session);
    session.resize(LARGE.columns, LARGE.rows).keys("<esc><esc>8").settle().await;
    golden("metrics_200", &mut session);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_of_a_chart_without_a_colour() {
    let mut session = Harness::on(Stage { size: SMALL, theme: "mono", ..Stage::default() }).await;
    session.keys("/fraud namespace:prod<enter>m").settle().await;
    golden("chart_80_mono", &mut session);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_before_and_after_it_has_run_and_the_audit() {
    let mut session = on(USUAL).await;
    session.keys("/fraud namespace:prod<enter>b").settle().await;
    golden("plan_140", &mut session);
    golden("plan_80", session.resize(SMALL.columns, SMALL.rows));
    session.resize(USUAL.columns, USUAL.rows).keys("<tab><enter>").until("done and verified", 90).await;
    session.keys("<esc>:audit<enter>").settle().await;
    // how long a plan takes is not the same each time, where we stand then is
    let left = crate::harness::monday() + chrono::TimeDelta::seconds(150) - session.state().now;
    session.advance(left.num_seconds()).await.settle().await;
    golden("audit_140", &mut session);
    let mut session = Harness::on(Stage { production: true, ..Stage::default() }).await;
    session.keys("/fraud namespace:prod<enter>b").settle().await;
    golden("plan_140_production", &mut session);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_prediction_bench() {
    let mut session = on(USUAL).await;
    session.keys("/fraud namespace:prod<enter>t").settle().await.keys("<f5>").settle().await;
    golden("bench_140", &mut session);
    golden("bench_80", session.resize(SMALL.columns, SMALL.rows));
    golden("bench_140_of_another_revision", session.resize(USUAL.columns, USUAL.rows).keys("<ctrl-t>"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn help_palette_and_a_filter_that_can_not_be_read() {
    let mut session = on(USUAL).await;
    golden("help_140", session.keys("?"));
    golden("palette_140", session.keys("<esc>:fra"));
    golden("palette_80", session.resize(SMALL.columns, SMALL.rows));
    golden("filter_80_with_an_error", session.keys("<esc>/stauts:bad"));
    session.resize(LARGE.columns, LARGE.rows).keys("<esc>4").settle().await;
    golden("models_200", &mut session);
}
