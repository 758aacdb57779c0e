//! The outside systems, one folder each, and the traits through which everything else knows them.
//!
//! A folder is literally everything that a system owns: its wire format, its rows, its verbs. A new one is a folder and
//! a line in [`all`]. No system knows another: rows meet by [`crate::model::id::Ref`].

pub mod http;
pub mod kserve;
pub mod kube;
pub mod kubernetes;
pub mod mlflow;
pub mod prometheus;
#[cfg(test)]
pub(crate) mod tests;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value as Json;

use crate::actions::Permit;
use crate::model::clock::Clock;
use crate::model::health::Error;
use crate::model::id::{PaneId, Ref, SystemId};
use crate::model::plan::{Op, Outputs, PlanRequest, Planned, Probe};
use crate::model::record::Change;
use crate::model::serving::Serving;
use crate::model::verb::{Pane, Rights, View};

/// Every system, in the order of the line.
#[must_use]
pub fn all() -> &'static [&'static dyn System] {
    &[&kubernetes::Kubernetes, &mlflow::Mlflow, &kserve::KServe, &prometheus::Prometheus]
}

/// An outside system: what it offers, as data, and how it is reached.
pub trait System: Send + Sync {
    /// Its name; also its section in the config file.
    fn id(&self) -> SystemId;
    /// What its lamp in the header says: `K8S`, `ML`, `PROM`.
    fn lamp(&self) -> &'static str;
    /// Its title in words: `MLflow`.
    fn title(&self) -> &'static str;
    /// Its panes.
    fn panes(&self) -> &'static [Pane];
    /// Its views: those of the tabs (with a key) and the details of its rows (without).
    fn views(&self) -> &'static [View];
    /// Checks its section of the config file without touching the network.
    fn check(&self, settings: &Settings) -> Result<(), Error>;
    /// Makes a link to it. May wait for credentials; runs beside the screen.
    fn connect<'a>(&'a self, settings: &'a Settings, cx: &'a Cx) -> BoxFuture<'a, Result<Arc<dyn Link>, Error>>;
}

/// A system's section of the config file as it stands there; empty where there is none.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The table, decoded by the system with unknown fields denied.
    pub table: toml::Table,
    /// The file it comes from, for messages.
    pub file: Option<PathBuf>,
}

/// Looks up a variable of the environment.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What a system may use to connect.
#[derive(Clone)]
pub struct Cx {
    /// The time.
    pub clock: Clock,
    /// The way to the cluster; shared, so that there is one client for each context.
    pub kube: kube::Access,
    /// Looks up a variable of the environment (tests give their own).
    pub env: Environment,
    /// The profile's namespaces; all that are permitted if there are none. A system's section may name its own.
    pub namespaces: Vec<String>,
}

impl Cx {
    /// The namespaces to look into: those of a system's section, else the profile's.
    #[must_use]
    pub fn namespaces(&self, own: Vec<String>) -> Vec<String> {
        if own.is_empty() { self.namespaces.clone() } else { own }
    }
}

/// A connected system.
pub trait Link: Send + Sync {
    /// The feeds of its standing panes.
    fn feeds(&self) -> Vec<Box<dyn Feed>>;

    /// What is needed to show `pane` for the object `what`, such as an endpoint's events; `None` if it has no such thing.
    fn open(&self, what: &Ref, pane: PaneId, how: &Parameters) -> Option<Opened>;

    /// What this login may do.
    fn rights(&self) -> BoxFuture<'_, Result<Rights, Error>>;

    /// Reads what it needs and makes a plan, changing nothing.
    fn plan(&self, request: PlanRequest) -> BoxFuture<'_, Result<Planned, Error>>;

    /// Sends an operation. `earlier` holds what earlier steps gave; the result is added to it.
    fn apply<'a>(
        &'a self,
        permit: &'a Permit,
        op: &'a Op,
        earlier: &'a Outputs,
    ) -> BoxFuture<'a, Result<Outputs, Error>>;

    /// Answers a question of a plan's check.
    fn observe<'a>(&'a self, probe: &'a Probe, earlier: &'a Outputs) -> BoxFuture<'a, Result<Json, Error>>;

    /// What is known of an endpoint's ways in, for systems that serve models.
    fn serving<'a>(&'a self, _what: &'a Ref) -> BoxFuture<'a, Result<Serving, Error>> {
        Box::pin(async { Err(Error::Absent { what: "a served model".into() }) })
    }

    /// A payload to begin with for the model that `what` refers to (an example that was logged, or made from a
    /// signature), for systems that know one.
    fn example<'a>(&'a self, _what: &'a Ref) -> BoxFuture<'a, Result<Json, Error>> {
        Box::pin(async { Err(Error::Absent { what: "an example".into() }) })
    }

    /// The object as the system has it, for `-o yaml` and `-o json`; secrets masked.
    fn object<'a>(&'a self, what: &'a Ref) -> BoxFuture<'a, Result<Json, Error>>;
}

/// How an opened object is to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameters {
    /// For logs: the container; the first useful one if empty.
    pub container: Option<String>,
    /// For logs: of the container's previous run.
    pub previous: bool,
    /// For series: how far back, in seconds; 0 for the pane's own default.
    pub range_seconds: u32,
    /// For series: how many points make sense (the width of the chart).
    pub points: u16,
    /// Which of several (a metric's name), where the pane has several.
    pub which: Option<String>,
}

/// Something that was opened: rows that go on changing, or lines that go on coming.
pub enum Opened {
    /// Rows, as of a standing pane.
    Rows(Box<dyn Feed>),
    /// Lines, in order: logs, or a text such as YAML.
    Lines(Box<dyn Lines>),
}

/// Brings the changes of panes.
pub trait Feed: Send {
    /// The panes that it feeds.
    fn panes(&self) -> Vec<PaneId>;
    /// How it is kept running.
    fn cadence(&self) -> Cadence;
    /// Waits for what is new. Either cancel-safe, or its own task does the work.
    fn next(&mut self) -> BoxFuture<'_, Result<Fetched, Error>>;
    /// Called after an error or a silence: the next call of `next` begins anew.
    fn reconnect(&mut self) {}
}

/// What a feed brought.
#[derive(Debug, Default)]
pub struct Fetched {
    /// The changes, in order, with their panes.
    pub changes: Vec<(PaneId, Change)>,
    /// Whether this is all for now. If not, `next` is called again at once: a list that comes in parts.
    pub over: bool,
}

/// How a feed is kept running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cadence {
    /// `next` asks once; the supervisor waits in between.
    Poll {
        /// How long, while somebody looks; four times as long otherwise.
        every: Duration,
        /// How long one question may take.
        timeout: Duration,
    },
    /// `next` resolves when something changes, or on a bookmark.
    Watch {
        /// After this long without a word it counts as not fresh and is connected anew.
        silence: Duration,
    },
    /// Asked once, then only when the operator asks.
    Once {
        /// How long the question may take.
        timeout: Duration,
    },
}

/// Brings lines in order; ends with `None`.
pub trait Lines: Send {
    /// The next lines that are there, at least one. After an error it may be called again: it goes on where it was,
    /// without loss or doubling.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Vec<Line>>, Error>>;
}

/// How the notice begins that says whose log it is: `log of POD container CONTAINER; containers: A, B`. It is the title,
/// not a line of the log.
pub const LOG_OF: &str = "log of ";
/// What comes before the containers that may be chosen, in that notice.
pub const LOG_CONTAINERS: &str = "; containers: ";

/// A line of a log or a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was written, where known.
    pub at: Option<chrono::DateTime<chrono::Utc>>,
    /// The text; escape sequences taken out at the wire edge.
    pub text: Arc<str>,
    /// Not the system's own words but ours: `connection lost, going on`.
    pub notice: bool,
}
