//! What the console costs at 10,000 rows, without network and terminal: decoding a list, a change, a sort, a filter,
//! settling, a key with its frame.

#![expect(clippy::panic, clippy::indexing_slicing, reason = "a measurement that can't go on stops")]

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use divan::{Bencher, black_box};
use quarterdeck::actions::{Guard, Policy};
use quarterdeck::app::catalogue::Catalogue;
use quarterdeck::app::event::{Event, Size};
use quarterdeck::app::keymap::Keymap;
use quarterdeck::app::own;
use quarterdeck::app::state::{Header, State};
use quarterdeck::app::update::{start, update};
use quarterdeck::config::Predictions;
use quarterdeck::feeds::Slot;
use quarterdeck::model::health::Health;
use quarterdeck::model::id::{Key, PaneId, ViewId};
use quarterdeck::model::input::{Input, Key as InputKey, KeyCode};
use quarterdeck::model::query::Query;
use quarterdeck::model::record::{Batch, Change, Head, Row};
use quarterdeck::model::table::{Move, Sort, TableModel};
use quarterdeck::model::transition::Source;
use quarterdeck::model::value::{Unit, Value};
use quarterdeck::systems::{self, kubernetes};
use quarterdeck::view::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::Value as Json;

const ROWS: usize = 10_000;

fn main() {
    divan::main();
}

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap_or_default()
}

fn heads() -> Arc<[Head]> {
    Arc::new([
        Head::text("name", "name", 40),
        Head::text("namespace", "namespace", 20),
        Head::text("ready", "ready", 12).as_state(),
        Head::text("node", "node", 20),
        Head::text("image", "image", 40),
        Head::number("restarts", "restarts", 5),
        Head::number("cpu", "cpu", 8),
        Head::number("memory", "memory", 8),
        Head::number("age", "age", 5),
        Head::text("owner", "owner", 20),
    ])
}

/// A pod as row `at`, in its `turn`-th version.
fn pod(at: usize, turn: usize) -> Arc<Row> {
    let number = |of: usize| f64::from(u32::try_from(of % 1000).unwrap_or(0));
    let health = if (at + turn).is_multiple_of(50) { Health::Bad } else { Health::Good };
    let name = format!("fraud-detection-predictor-{:05}-deployment-{at:05}", at / 10);
    Arc::new(Row {
        key: Key::namespaced(&format!("ml-{}", at % 12), &name),
        cells: [
            Value::text(&name),
            Value::text(&format!("ml-{}", at % 12)),
            Value::state(health, if health == Health::Bad { "CrashLoop" } else { "Running" }),
            Value::text(&format!("node-{}", at * 7 % 200)),
            Value::text("registry.example/models/fraud:v12"),
            Value::Int(i64::try_from((at + turn) % 5).unwrap_or(0)),
            Value::Number(number(at * 31 + turn) / 1000.0, Unit::None),
            Value::Number(number(at * 17) * 1024.0 * 1024.0, Unit::Bytes),
            Value::Time(now() - TimeDelta::seconds(i64::try_from(at * 13).unwrap_or(0))),
            Value::text("ReplicaSet"),
        ]
        .into(),
        refs: [].into(),
    })
}

fn batch(turn: usize) -> Batch {
    Batch { rows: (0..ROWS).map(|at| pod(at, turn)).collect(), complete: true, ..Batch::default() }
}

fn table() -> TableModel {
    let mut table = TableModel::new(heads(), None);
    table.resize(50);
    table.apply(&batch(0), now());
    table.go(Move::To(ROWS / 2));
    table
}

#[divan::bench]
fn first_load(bencher: Bencher<'_, '_>) {
    let batch = batch(0);
    bencher.with_inputs(|| TableModel::new(heads(), None)).bench_local_refs(|table| table.apply(&batch, now()));
}

/// One change of a row that moves it within the sort, with `settle`.
#[divan::bench]
fn change(bencher: Bencher<'_, '_>) {
    let mut table = table();
    table.set_sort(Some(Sort::by("cpu", true)));
    let mut turn = 0;
    bencher
        .with_inputs(|| {
            turn += 1;
            Batch { rows: vec![pod(turn * 37 % ROWS, turn)], ..Batch::default() }
        })
        .bench_local_refs(|batch| table.apply(batch, now()));
}

/// Settling alone, by a change of size.
#[divan::bench]
fn settle(bencher: Bencher<'_, '_>) {
    let mut table = table();
    let mut page = 50;
    bencher.bench_local(|| {
        page = 100 - page + usize::from(page == 50);
        table.resize(black_box(page));
    });
}

#[divan::bench(args = ["name", "restarts", "cpu", "age"])]
fn sort(bencher: Bencher<'_, '_>, column: &str) {
    let table = table();
    bencher.with_inputs(|| table.clone()).bench_local_refs(|table| table.set_sort(Some(Sort::by(column, true))));
}

#[divan::bench(args = ["f", "fraud", "nothing", "12", "-fraud", "ready:bad", "memory>100MiB", "age<2h"])]
fn filter(bencher: Bencher<'_, '_>, text: &str) {
    let table = table();
    bencher.with_inputs(|| table.clone()).bench_local_refs(|table| table.set_filter(text, now()));
}

#[divan::bench(args = ["nothing", "12"])]
fn query_alone(bencher: Bencher<'_, '_>, text: &str) {
    let rows: Vec<_> = (0..ROWS).map(|at| pod(at, 0)).collect();
    let query = Query::parse(text, &heads()).unwrap_or_default();
    bencher.bench_local(|| rows.iter().filter(|row| query.matches(row, now())).count());
}

/// A slot that gets a full list of which nothing has changed.
#[divan::bench]
fn relist_of_equal_rows(bencher: Bencher<'_, '_>) {
    let list = |slot: &mut Slot| {
        slot.merge(Change::Begin, now());
        for at in 0..ROWS {
            slot.merge(Change::Upsert(pod(at, 0)), now());
        }
        slot.merge(Change::Complete, now());
        slot.take()
    };
    let mut slot = Slot::new(PaneId("pods"), &heads());
    list(&mut slot);
    bencher.bench_local(|| list(&mut slot));
}

/// A list of pods in JSON, as an API server sends it: recorded ones under names of their own.
fn list() -> Vec<u8> {
    let recorded = include_str!("../tests/fixtures/kubernetes/pods.json");
    let mut list: Json = serde_json::from_str(recorded).unwrap_or_default();
    let pods = list["items"].as_array().cloned().unwrap_or_default();
    let named = |(number, pod): (usize, &Json)| {
        let mut pod = pod.clone();
        pod["metadata"]["name"] = format!("pod-{number:05}").into();
        pod
    };
    list["items"] = pods.iter().cycle().take(ROWS).enumerate().map(named).collect();
    serde_json::to_vec(&list).unwrap_or_default()
}

/// From JSON to rows.
#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    let list = list();
    let bytes = divan::counter::BytesCount::new(list.len());
    bencher.counter(bytes).bench_local(|| {
        let rows = kubernetes::rows_of_pods(black_box(&list));
        assert_eq!(rows.len(), ROWS);
        rows
    });
}

/// The console with the pods on its screen.
fn console() -> State {
    let policy = Policy {
        profile: "bench".into(),
        production: false,
        read_only: true,
        armed_for: TimeDelta::minutes(15),
        predictions: Predictions::Allow,
    };
    let catalogue = Arc::new(Catalogue::new(systems::all(), own::PANES, own::VIEWS));
    let keymap = Arc::new(Keymap::load(None).unwrap_or_else(|error| panic!("{error}")));
    let size = Size { columns: 180, rows: 50 };
    let mut state = State::new(catalogue, keymap, Guard::new(policy), Header::default(), (now(), size));
    start(&mut state, Some(ViewId("pods")));
    let batch = Batch { rows: kubernetes::rows_of_pods(&list()), complete: true, ..Batch::default() };
    update(&mut state, Event::Fed(Source::Pane(kubernetes::PODS), batch));
    state
}

/// A whole frame of 180 by 50.
#[divan::bench]
fn frame(bencher: Bencher<'_, '_>) {
    let state = console();
    let theme = Theme::shipped("dark").unwrap_or_else(|error| panic!("{error}"));
    let mut buffer = Buffer::empty(Rect::new(0, 0, 180, 50));
    bencher.bench_local(|| {
        buffer.reset();
        quarterdeck::view::draw(&state, &theme, &mut buffer)
    });
}

/// A key that moves the cursor.
#[divan::bench]
fn key(bencher: Bencher<'_, '_>) {
    let mut state = console();
    let [down, up] = [KeyCode::Down, KeyCode::Up].map(|code| Input::Key(InputKey::plain(code)));
    let mut back = true;
    bencher.bench_local(|| {
        back = !back;
        let key = if back { up.clone() } else { down.clone() };
        update(&mut state, Event::Input(vec![key]))
    });
}
