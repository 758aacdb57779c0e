//! What the driver asks of a system for the effects of `update`: over a made-up system, without a terminal or a network.

#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "helpers of tests may fail and wait like tests")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::BoxFuture;
use quarterdeck::actions::journal::{Journal, Who};
use quarterdeck::actions::{Guard, Permit, Policy, PredictPermit};
use quarterdeck::app::catalogue::Catalogue;
use quarterdeck::app::driver::{Driver, Payloads, Predict, Setup, Surface};
use quarterdeck::app::event::{Event, Size};
use quarterdeck::app::keymap::Keymap;
use quarterdeck::app::own;
use quarterdeck::app::state::{Header, State};
use quarterdeck::config::Predictions;
use quarterdeck::feeds::Pace;
use quarterdeck::model::clock::Clock;
use quarterdeck::model::health::Error;
use quarterdeck::model::id::{Key, PaneId, Ref, SystemId, ViewId};
use quarterdeck::model::input::Input;
use quarterdeck::model::plan::{Op, Outputs, Plan, PlanRequest, Planned, Probe, Step};
use quarterdeck::model::prediction::{Answer, Ask};
use quarterdeck::model::record::{Change, Head, Row};
use quarterdeck::model::serving::Serving;
use quarterdeck::model::value::Value;
use quarterdeck::model::verb::{Kind, Pane, Rights, Risk, Section, Verb, View};
use quarterdeck::systems::kube::Access;
use quarterdeck::systems::{Cadence, Cx, Feed, Fetched, Link, Opened, Parameters, Settings, System};
use serde_json::Value as Json;

const SHIPYARD: SystemId = SystemId("shipyard");
const BOATS: PaneId = PaneId("boats");
const CREW: PaneId = PaneId("crew");
const BOAT_VIEW: ViewId = ViewId("boat");
/// Far longer than any test.
const LONG: Duration = Duration::from_mins(30);

const VERBS: &[Verb] =
    &[Verb { id: "launch", label: "launch", help: "", keys: &["b"], risk: Risk::Medium, ready: |_, _| Ok(()) }];

const PANES: &[Pane] = &[
    Pane {
        id: BOATS,
        system: SHIPYARD,
        title: "Boats",
        noun: "boat",
        heads: || Arc::new([Head::text("name", "name", 20)]),
        joins: Vec::new,
        verbs: VERBS,
        detail: Some(BOAT_VIEW),
        sort: None,
        standing: true,
    },
    Pane {
        id: CREW,
        system: SHIPYARD,
        title: "Crew",
        noun: "sailor",
        heads: || Arc::new([Head::text("name", "name", 20)]),
        joins: Vec::new,
        verbs: &[],
        detail: None,
        sort: None,
        standing: false,
    },
];

const VIEWS: &[View] = &[
    View {
        id: ViewId("boats"),
        title: "Boats",
        key: Some('1'),
        sections: &[Section { pane: BOATS, kind: Kind::Table, weight: 1 }],
    },
    View { id: BOAT_VIEW, title: "Boat", key: None, sections: &[Section { pane: CREW, kind: Kind::Table, weight: 1 }] },
];

/// A shipyard that writes down what it is asked.
#[derive(Clone, Default)]
struct Shipyard(Arc<Mutex<Vec<&'static str>>>);

impl Shipyard {
    fn write(&self, what: &'static str) {
        self.0.lock().unwrap().push(what);
    }

    /// What was asked since the last time, in the order of the alphabet.
    fn asked(&self) -> Vec<&'static str> {
        let mut asked = std::mem::take(&mut *self.0.lock().unwrap());
        asked.sort_unstable();
        asked
    }
}

impl System for Shipyard {
    fn id(&self) -> SystemId {
        SHIPYARD
    }
    fn lamp(&self) -> &'static str {
        "YARD"
    }
    fn title(&self) -> &'static str {
        "Shipyard"
    }
    fn panes(&self) -> &'static [Pane] {
        PANES
    }
    fn views(&self) -> &'static [View] {
        VIEWS
    }
    fn check(&self, _: &Settings) -> Result<(), Error> {
        Ok(())
    }
    fn connect<'a>(&'a self, _: &'a Settings, _: &'a Cx) -> BoxFuture<'a, Result<Arc<dyn Link>, Error>> {
        Box::pin(async { Ok(Arc::new(self.clone()) as Arc<dyn Link>) })
    }
}

impl Link for Shipyard {
    fn feeds(&self) -> Vec<Box<dyn Feed>> {
        vec![Box::new(List { yard: self.clone(), pane: BOATS, cadence: Cadence::Poll { every: LONG, timeout: LONG } })]
    }
    fn open(&self, _: &Ref, pane: PaneId, _: &Parameters) -> Option<Opened> {
        Some(Opened::Rows(Box::new(List { yard: self.clone(), pane, cadence: Cadence::Once { timeout: LONG } })))
    }
    fn rights(&self) -> BoxFuture<'_, Result<Rights, Error>> {
        self.write("rights");
        Box::pin(async { Ok(Rights::default()) })
    }
    fn plan(&self, request: PlanRequest) -> BoxFuture<'_, Result<Planned, Error>> {
        let step = Step {
            system: SHIPYARD,
            op: Op { name: request.verb.clone(), arguments: Json::Null },
            shows: vec![],
            command: "launch".into(),
            require: vec![],
            verify: vec![],
            hold_seconds: 0,
            within_seconds: 0,
            undo: None,
        };
        let plan = Plan {
            id: String::new(),
            verb: request.verb,
            title: "Launch it".into(),
            name: "amity".into(),
            risk: Risk::Medium,
            targets: vec![],
            steps: vec![step],
            warnings: vec![],
            touches: vec![],
        };
        Box::pin(async { Ok(Planned::Plan(Box::new(plan))) })
    }
    fn apply<'a>(&'a self, _: &'a Permit, _: &'a Op, _: &'a Outputs) -> BoxFuture<'a, Result<Outputs, Error>> {
        self.write("apply");
        Box::pin(async { Ok(Outputs::new()) })
    }
    fn observe<'a>(&'a self, _: &'a Probe, _: &'a Outputs) -> BoxFuture<'a, Result<Json, Error>> {
        Box::pin(async { Ok(Json::Null) })
    }
    fn object<'a>(&'a self, _: &'a Ref) -> BoxFuture<'a, Result<Json, Error>> {
        Box::pin(async { Ok(Json::Null) })
    }
}

/// A list of one row.
struct List {
    yard: Shipyard,
    pane: PaneId,
    cadence: Cadence,
}

impl Feed for List {
    fn panes(&self) -> Vec<PaneId> {
        vec![self.pane]
    }
    fn cadence(&self) -> Cadence {
        self.cadence
    }
    fn next(&mut self) -> BoxFuture<'_, Result<Fetched, Error>> {
        self.yard.write(self.pane.0);
        let row = Row { key: Key::new("amity"), cells: Box::new([Value::text("amity")]), refs: Box::new([]) };
        let changes = [Change::Begin, Change::Upsert(Arc::new(row)), Change::Complete];
        let changes = changes.into_iter().map(|change| (self.pane, change)).collect();
        Box::pin(async { Ok(Fetched { changes, over: true }) })
    }
    fn reconnect(&mut self) {}
}

/// Nothing is drawn.
struct Nowhere;

impl Surface for Nowhere {
    fn draw(&mut self, _: &State) -> std::io::Result<()> {
        Ok(())
    }
    fn redraw(&mut self) {}
    fn copy(&mut self, _: &str) -> Result<String, String> {
        Ok(String::new())
    }
    fn suspend(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// Nothing is sent.
struct Silent;

impl Predict for Silent {
    fn send<'a>(&'a self, _: &'a PredictPermit, _: &'a Ask) -> BoxFuture<'a, Result<Answer, Error>> {
        Box::pin(async { Err(Error::Absent { what: "a model".into() }) })
    }
    fn example<'a>(&'a self, _: &'a Serving) -> BoxFuture<'a, Result<Json, Error>> {
        Box::pin(async { Err(Error::Absent { what: "a model".into() }) })
    }
}

/// The driver at work, with a folder for what it writes.
struct Work {
    driver: Driver<Nowhere>,
    yard: Shipyard,
    _folder: tempfile::TempDir,
}

impl Work {
    async fn begin() -> Self {
        let (yard, folder) = (Shipyard::default(), tempfile::tempdir().unwrap());
        // the catalogue wants what lives as long as the program
        let system: &'static dyn System = Box::leak(Box::new(yard.clone()));
        let catalogue = Arc::new(Catalogue::new(Box::leak(Box::new([system])), own::PANES, own::VIEWS));
        let kube = Access::default();
        let setup = Setup {
            runtime: tokio::runtime::Handle::current(),
            catalogue: Arc::clone(&catalogue),
            settings: BTreeMap::new(),
            cx: Cx { clock: Clock::System, kube, env: Arc::new(|_| None), namespaces: Vec::new() },
            clock: Clock::System,
            journal: Journal::open(&folder.path().join("state"), Who::default(), Clock::System).unwrap(),
            profile: "harbour".into(),
            predictor: Arc::new(Silent),
            payloads: Payloads { folders: vec![] },
            exports: folder.path().join("exports"),
            pace: Pace::default(),
            view: None,
        };
        let guard = Guard::new(Policy {
            profile: "harbour".into(),
            production: false,
            read_only: false,
            armed_for: TimeDelta::minutes(15),
            predictions: Predictions::Allow,
        });
        let keymap = Arc::new(Keymap::load(None).unwrap());
        let at = (Clock::System.now(), Size { columns: 100, rows: 30 });
        let state = State::new(catalogue, keymap, guard, Header::default(), at);
        let mut work = Self { driver: Driver::new(state, Nowhere, setup), yard, _folder: folder };
        work.driver.begin();
        work.settle().await;
        work
    }

    /// Keys with spaces between, and all that comes of them.
    async fn keys(&mut self, keys: &str) {
        for key in keys.split(' ') {
            self.driver.turn(vec![Event::Input(vec![Input::Key(key.parse().unwrap())])]);
            self.settle().await;
        }
    }

    async fn settle(&mut self) {
        let mut quiet = 0;
        let rested = tokio::time::timeout(Duration::from_secs(30), async {
            while quiet < 3 {
                self.driver.turn(vec![]);
                quiet = if self.driver.settled().is_settled() { quiet + 1 } else { 0 };
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        });
        assert!(rested.await.is_ok(), "it does not come to rest: {:?}", self.driver.settled());
    }
}

#[tokio::test]
async fn a_refresh_asks_again_for_the_rows_and_for_what_was_opened() {
    let mut work = Work::begin().await;
    assert_eq!(work.yard.asked(), ["boats", "rights"]);
    work.keys("enter").await;
    assert_eq!(work.yard.asked(), ["crew"]);
    work.keys("f5").await;
    assert_eq!(work.yard.asked(), ["boats", "crew"]);
    work.keys("esc f5").await;
    assert_eq!(work.yard.asked(), ["boats"], "what was left is not asked for");
}

#[tokio::test]
async fn after_a_plan_its_row_what_is_opened_and_the_rights_are_asked_for() {
    let mut work = Work::begin().await;
    work.keys("enter b").await;
    work.yard.asked();
    work.keys("tab enter").await;
    assert_eq!(work.yard.asked(), ["apply", "boats", "crew", "rights"]);
}
