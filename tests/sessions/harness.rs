//! The program without a terminal: the driver over a buffer, the embedded world, a virtual clock.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use quarterdeck::actions::journal::{Journal, Who};
use quarterdeck::actions::{Guard, Policy, PredictPermit};
use quarterdeck::app::catalogue::Catalogue;
use quarterdeck::app::driver::{Driver, Payloads, Predict, Setup, Surface};
use quarterdeck::app::event::{Event, Size};
use quarterdeck::app::keymap::Keymap;
use quarterdeck::app::own;
use quarterdeck::app::state::{Header, State};
use quarterdeck::config::Predictions;
use quarterdeck::demo::{Demo, Fault, Options, Scenario, System};
use quarterdeck::feeds::Pace;
use quarterdeck::model::clock::{Clock, VirtualClock};
use quarterdeck::model::health::Error;
use quarterdeck::model::input::{Input, Key};
use quarterdeck::model::prediction::{Answer, Ask};
use quarterdeck::predict::{Means, send};
use quarterdeck::systems::kube::{Access, Source};
use quarterdeck::systems::{Cx, Environment};
use quarterdeck::view::theme::Theme;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// How long the outside may take to come to rest, in real time.
const PATIENCE: Duration = Duration::from_secs(40);

/// All servers of the world.
const SERVERS: [System; 5] =
    [System::Kubernetes, System::ModelServer, System::Ingress, System::Mlflow, System::Prometheus];

/// The program over the embedded world.
pub(crate) struct Harness {
    driver: Driver<Paper>,
    /// The world, to break things in it.
    pub(crate) demo: Demo,
    hands: VirtualClock,
    folder: Arc<tempfile::TempDir>,
}

/// How a session is to be.
pub(crate) struct Stage {
    pub(crate) scenario: Scenario,
    pub(crate) production: bool,
    pub(crate) read_only: bool,
    pub(crate) size: Size,
    pub(crate) theme: &'static str,
    /// What is behind the texts that servers send at paths with this part.
    pub(crate) poison: Option<(&'static str, String)>,
}

impl Default for Stage {
    fn default() -> Self {
        Self {
            scenario: Scenario::CanaryRegression,
            production: false,
            read_only: false,
            size: Size { columns: 140, rows: 40 },
            theme: "dark",
            poison: None,
        }
    }
}

/// A surface that draws into a buffer and keeps what is copied.
struct Paper {
    theme: Theme,
    buffer: Buffer,
    copied: Vec<String>,
}

impl Surface for Paper {
    fn draw(&mut self, state: &State) -> io::Result<()> {
        self.buffer = Buffer::empty(Rect::new(0, 0, state.size.columns, state.size.rows));
        quarterdeck::view::draw(state, &self.theme, &mut self.buffer);
        Ok(())
    }

    fn redraw(&mut self) {}

    fn copy(&mut self, text: &str) -> Result<String, String> {
        self.copied.push(text.to_owned());
        Ok("copied".into())
    }

    fn suspend(&mut self) -> Result<(), String> {
        Ok(())
    }
}

struct Sender(Means);

impl Predict for Sender {
    fn send<'a>(&'a self, permit: &'a PredictPermit, ask: &'a Ask) -> BoxFuture<'a, Result<Answer, Error>> {
        Box::pin(send(permit, ask, &self.0))
    }

    fn example<'a>(
        &'a self,
        serving: &'a quarterdeck::model::serving::Serving,
    ) -> BoxFuture<'a, Result<serde_json::Value, Error>> {
        Box::pin(quarterdeck::predict::example(serving, &self.0))
    }
}

/// The date of every session.
pub(crate) fn monday() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-03-02T03:00:00Z").unwrap().to_utc()
}

impl Harness {
    /// The program on the usual stage.
    pub(crate) async fn demo() -> Self {
        Self::on(Stage::default()).await
    }

    /// The program on this stage, come to rest.
    pub(crate) async fn on(stage: Stage) -> Self {
        Self::again(stage, Arc::new(tempfile::tempdir().unwrap())).await
    }

    /// The program started over the state folder of another session.
    pub(crate) async fn again(stage: Stage, folder: Arc<tempfile::TempDir>) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let hands = VirtualClock::new(monday());
        let clock = Clock::Virtual(hands.clone());
        let options = Options { scenario: stage.scenario, seed: 7, scale: 0, clock: clock.clone() };
        let demo = Demo::start(options).await.unwrap();
        for system in SERVERS {
            if let Some((part, text)) = &stage.poison {
                demo.world().fail_at(system, part, Fault::Poison(text.clone()));
            }
        }
        let kubeconfig = folder.path().join("kubeconfig");
        std::fs::write(&kubeconfig, demo.kubeconfig()).unwrap();
        let urls: BTreeMap<&'static str, String> = demo.urls().into_iter().collect();
        let ingress = urls.get("QUARTERDECK_DEMO_INGRESS").cloned();
        let env: Environment = Arc::new(move |name| urls.get(name).cloned());
        let source = Source { kubeconfig: vec![kubeconfig], ..Source::default() };
        let kube = Access::new(source, Arc::clone(&env), clock.clone());
        let journal = Journal::open(&folder.path().join("state"), Who::default(), clock.clone()).unwrap();
        let catalogue = Arc::new(Catalogue::new(quarterdeck::systems::all(), own::PANES, own::VIEWS));
        let means = Means { ingress, ..Means::new(kube.clone(), clock.clone()) };
        let setup = Setup {
            runtime: tokio::runtime::Handle::current(),
            catalogue: Arc::clone(&catalogue),
            settings: BTreeMap::new(),
            cx: Cx { clock: clock.clone(), kube, env, namespaces: Vec::new() },
            clock: clock.clone(),
            journal,
            profile: "demo".into(),
            predictor: Arc::new(Sender(means)),
            payloads: Payloads { folders: vec![folder.path().join("payloads")] },
            exports: folder.path().join("exports"),
            pace: Pace::default(),
            view: None,
        };
        let guard = Guard::new(Policy {
            profile: "demo".into(),
            production: stage.production,
            read_only: stage.read_only,
            armed_for: TimeDelta::minutes(15),
            predictions: Predictions::Allow,
        });
        let environment = if stage.production { "production" } else { "demo" };
        let header = Header { profile: "demo".into(), cluster: "embedded".into(), environment: environment.into() };
        let keymap = Arc::new(Keymap::load(None).unwrap());
        let state = State::new(catalogue, keymap, guard, header, (clock.now(), stage.size));
        let theme = Theme::shipped(stage.theme).unwrap();
        let mut driver = Driver::new(state, Paper { theme, buffer: Buffer::default(), copied: Vec::new() }, setup);
        driver.begin();
        let mut harness = Self { driver, demo, hands, folder };
        harness.settle().await;
        harness
    }

    /// The state folder, for a second session.
    pub(crate) fn folder(&self) -> Arc<tempfile::TempDir> {
        Arc::clone(&self.folder)
    }

    /// Types keys, each by itself: characters as they are, others as `<enter>`, `<esc>`, `<tab>`, `<ctrl-t>`, `<f5>`.
    pub(crate) fn keys(&mut self, keys: &str) -> &mut Self {
        for key in parse(keys) {
            self.driver.turn(vec![Event::Input(vec![Input::Key(key)])]);
        }
        self
    }

    /// Types keys that arrive in one portion.
    pub(crate) fn burst(&mut self, keys: &str) -> &mut Self {
        let burst = parse(keys).into_iter().map(Input::Key).collect();
        self.driver.turn(vec![Event::Input(burst)]);
        self
    }

    /// Pastes a text.
    pub(crate) fn paste(&mut self, text: &str) -> &mut Self {
        self.driver.turn(vec![Event::Input(vec![Input::Paste(text.to_owned())])]);
        self
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) -> &mut Self {
        self.driver.turn(vec![Event::Resize(Size { columns, rows })]);
        self
    }

    /// Lets something happen that the world would not do by itself.
    pub(crate) fn event(&mut self, event: Event) -> &mut Self {
        self.driver.turn(vec![event]);
        self
    }

    /// Waits until nothing is under way.
    pub(crate) async fn settle(&mut self) -> &mut Self {
        let mut quiet = 0;
        let waited = tokio::time::timeout(PATIENCE, async {
            while quiet < 3 {
                self.driver.turn(vec![]);
                quiet = if self.driver.settled().is_settled() { quiet + 1 } else { 0 };
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        let rested = waited.await.is_ok();
        assert!(rested, "the outside does not come to rest: {:?}\n{}", self.driver.settled(), self.screen());
        self
    }

    /// Lets time pass, second by second, until the screen shows `text`; at most `seconds`.
    pub(crate) async fn until(&mut self, text: &str, seconds: u32) -> &mut Self {
        for _ in 0..seconds {
            if self.screen().contains(text) {
                return self;
            }
            self.advance(1).await;
        }
        panic!("`{text}` was never shown:\n{}", self.screen());
    }

    /// Lets time pass, and the outside take notice.
    pub(crate) async fn advance(&mut self, seconds: i64) -> &mut Self {
        self.hands.advance(TimeDelta::seconds(seconds));
        self.demo.world().touch();
        for _ in 0..6 {
            tokio::time::sleep(Duration::from_millis(15)).await;
            self.driver.turn(vec![]);
        }
        self
    }

    /// The screen as text.
    pub(crate) fn screen(&mut self) -> String {
        text(self.buffer())
    }

    /// The screen, drawn anew.
    pub(crate) fn buffer(&mut self) -> &Buffer {
        self.driver.draw().unwrap();
        &self.driver.surface().buffer
    }

    /// Fails with the screen unless it shows all of these.
    pub(crate) fn shows(&mut self, texts: &[&str]) -> &mut Self {
        let screen = self.screen();
        for text in texts {
            assert!(screen.contains(text), "`{text}` is not shown:\n{screen}");
        }
        self
    }

    /// Fails with the screen if it shows this.
    pub(crate) fn hides(&mut self, text: &str) -> &mut Self {
        let screen = self.screen();
        assert!(!screen.contains(text), "`{text}` is shown:\n{screen}");
        self
    }

    /// The texts that were copied.
    pub(crate) fn copied(&mut self) -> Vec<String> {
        self.driver.surface().copied.clone()
    }

    /// The state.
    pub(crate) fn state(&self) -> &State {
        &self.driver.state
    }
}

/// A buffer as text, without the blanks at the ends of lines.
pub(crate) fn text(buffer: &Buffer) -> String {
    let width = usize::from(buffer.area.width).max(1);
    let lines = buffer.content.chunks(width).map(|row| {
        let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        line.trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Keys in the notation of [`Harness::keys`].
fn parse(keys: &str) -> Vec<Key> {
    let mut parsed = Vec::new();
    let mut chars = keys.chars();
    while let Some(char) = chars.next() {
        let name =
            if char == '<' { chars.by_ref().take_while(|char| *char != '>').collect() } else { char.to_string() };
        let name = if name == " " { "space".into() } else { name };
        parsed.push(name.parse().unwrap_or_else(|error| panic!("{name}: {error}")));
    }
    parsed
}
