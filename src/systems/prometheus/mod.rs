//! Prometheus, and what speaks like it: rates, latencies and errors of endpoints, panels, charts.
//!
//! The rows of the panes [`ENDPOINT_METRICS`] and [`REVISION_METRICS`] have the keys of the endpoints and revisions that
//! they are about, so that those show them as joined columns. Alerts do not belong here.

mod chart;
mod client;
mod endpoint;
mod families;
mod feed;
mod local;
mod metrics;
mod panels;
mod scraping;
mod settings;
mod span;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value as Json;

use crate::actions::Permit;
use crate::model::clock::Clock;
use crate::model::health::Error;
use crate::model::id::{PaneId, Ref, SystemId, ViewId};
use crate::model::plan::{Op, Outputs, PlanRequest, Planned, Probe};
use crate::model::record::Record;
use crate::model::verb::{Kind, Pane, Rights, Section, View};
use crate::systems::kube::Access;
use crate::systems::{Cadence, Cx, Feed, Fetched, Link, Opened, Parameters, Settings, System};

use chart::{Charted, Line};
use client::Client;
use metrics::Measured;
use panels::Panel;

/// This system's name.
pub const ID: SystemId = SystemId("prometheus");
/// What endpoints get, a row each with the endpoint's key; columns `rps`, `p50`, `p95`, `p99`, `errors`.
pub const ENDPOINT_METRICS: PaneId = PaneId("endpoint_metrics");
/// What revisions get, a row each with the revision's key (`namespace/revision`); the same columns.
pub const REVISION_METRICS: PaneId = PaneId("revision_metrics");
/// The panels of the view Metrics, a row for each series.
pub const PANELS: PaneId = PaneId("panels");
/// One panel over a range, a row for each series; opened on a row of [`PANELS`].
pub const CHART: PaneId = PaneId("chart");
/// One endpoint over a range, a row for each statistic and revision; opened on a row of `endpoints`.
pub const ENDPOINT_CHART: PaneId = PaneId("endpoint_chart");

const PANE_LIST: &[Pane] = &[
    pane(ENDPOINT_METRICS, "Endpoint metrics", "endpoint", Measured::heads),
    pane(REVISION_METRICS, "Revision metrics", "revision", Measured::heads),
    Pane { detail: Some(ViewId("chart")), ..pane(PANELS, "Panels", "series", Line::heads) },
    Pane { standing: false, sort: None, ..pane(CHART, "Chart", "series", Charted::heads) },
    Pane { standing: false, sort: None, ..pane(ENDPOINT_CHART, "Endpoint over time", "series", Charted::heads) },
];

const fn pane(
    id: PaneId,
    title: &'static str,
    noun: &'static str,
    heads: fn() -> Arc<[crate::model::record::Head]>,
) -> Pane {
    Pane { id, system: ID, title, noun, heads, joins: Vec::new, verbs: &[], detail: None, sort: None, standing: true }
}

const fn series(pane: PaneId) -> Section {
    Section { pane, kind: Kind::Series, weight: 1 }
}

const VIEWS: &[View] = &[
    View { id: ViewId("metrics"), title: "Metrics", key: Some('8'), sections: &[series(PANELS)] },
    View { id: ViewId("chart"), title: "Chart", key: None, sections: &[series(CHART)] },
    View { id: ViewId("endpoint_chart"), title: "Metrics", key: None, sections: &[series(ENDPOINT_CHART)] },
];

/// How far back a chart reaches, in seconds, and how many points it has, where nobody says.
const CHART_RANGE: (u32, u16) = (60 * 60, 120);

/// The system.
#[derive(Debug, Clone, Copy)]
pub struct Prometheus;

impl System for Prometheus {
    fn id(&self) -> SystemId {
        ID
    }

    fn lamp(&self) -> &'static str {
        "PROM"
    }

    fn title(&self) -> &'static str {
        "Prometheus"
    }

    fn panes(&self) -> &'static [Pane] {
        PANE_LIST
    }

    fn views(&self) -> &'static [View] {
        VIEWS
    }

    fn check(&self, settings: &Settings) -> Result<(), Error> {
        let nothing: crate::systems::Environment = Arc::new(|_| None);
        settings::resolve(settings, &nothing).map(|_| ())
    }

    fn connect<'a>(&'a self, settings: &'a Settings, cx: &'a Cx) -> BoxFuture<'a, Result<Arc<dyn Link>, Error>> {
        Box::pin(async move {
            let (settings, cx) = (settings.clone(), cx.clone());
            let link = tokio::task::spawn_blocking(move || connect(&settings, &cx)).await;
            link.map_err(|error| Error::Config { what: format!("reading the settings failed: {error}") })?
        })
    }
}

/// Reads files, so it runs where it may block.
fn connect(settings: &Settings, cx: &Cx) -> Result<Arc<dyn Link>, Error> {
    let resolved = settings::resolve(settings, &cx.env)?;
    let panels = resolved.panels.as_slice().into();
    match Client::new(&resolved, cx)? {
        Some(client) => Ok(Arc::new(Connected { client: Arc::new(client), panels })),
        // with a cluster the model servers can still be asked themselves
        None if cx.kube.describe().is_ok() => Ok(Arc::new(Local { access: cx.kube.clone(), clock: cx.clock.clone() })),
        None => Err(nowhere()),
    }
}

fn nowhere() -> Error {
    Error::NotSetUp {
        what: "Prometheus".into(),
        lines: "[profiles.NAME.prometheus]\nurl = \"https://prometheus.example.com\"\nor set PROMETHEUS_URL".into(),
    }
}

/// A link to a Prometheus.
struct Connected {
    client: Arc<Client>,
    panels: Arc<[Panel]>,
}

impl Link for Connected {
    fn feeds(&self) -> Vec<Box<dyn Feed>> {
        let client = || Arc::clone(&self.client);
        vec![
            Box::new(feed::Metrics { client: client() }),
            Box::new(feed::Panels { client: client(), panels: Arc::clone(&self.panels) }),
        ]
    }

    fn open(&self, what: &Ref, pane: PaneId, how: &Parameters) -> Option<Opened> {
        let range = match (how.range_seconds, how.points) {
            (0, points) => (CHART_RANGE.0, if points == 0 { CHART_RANGE.1 } else { points }),
            (seconds, 0) => (seconds, CHART_RANGE.1),
            given => given,
        };
        let client = Arc::clone(&self.client);
        if pane == CHART && what.pane == PANELS {
            let title = title_of(&self.panels, what.key.as_str())?;
            let chart = feed::PanelChart { client, panels: Arc::clone(&self.panels), title, range };
            return Some(Opened::Rows(Box::new(chart)));
        }
        if pane == ENDPOINT_CHART && matches!(what.pane.0, "endpoints" | "endpoint_metrics") {
            let which = how.which.clone().filter(|which| !which.is_empty());
            let chart = endpoint::EndpointChart { client, key: what.key.clone(), which, range };
            return Some(Opened::Rows(Box::new(chart)));
        }
        None
    }

    fn rights(&self) -> BoxFuture<'_, Result<Rights, Error>> {
        Box::pin(async { Ok(Rights::default()) })
    }

    fn plan(&self, request: PlanRequest) -> BoxFuture<'_, Result<Planned, Error>> {
        no_verbs(&request)
    }

    fn apply<'a>(&'a self, _: &'a Permit, op: &'a Op, _: &'a Outputs) -> BoxFuture<'a, Result<Outputs, Error>> {
        Box::pin(async move { Err(Error::Refused { why: format!("Prometheus knows no operation {}", op.name) }) })
    }

    fn observe<'a>(&'a self, probe: &'a Probe, _: &'a Outputs) -> BoxFuture<'a, Result<Json, Error>> {
        Box::pin(async move { Err(Error::Refused { why: format!("Prometheus knows no probe {}", probe.name) }) })
    }

    fn object<'a>(&'a self, what: &'a Ref) -> BoxFuture<'a, Result<Json, Error>> {
        no_object(what)
    }
}

/// The panel that a row's key begins with; titles may have slashes too.
fn title_of(panels: &[Panel], key: &str) -> Option<String> {
    let titles = panels.iter().map(|panel| panel.title.as_str());
    let begins = |title: &&str| key.strip_prefix(*title).is_some_and(|rest| rest.starts_with('/'));
    titles.filter(begins).max_by_key(|title| title.len()).map(str::to_owned)
}

fn no_verbs(request: &PlanRequest) -> BoxFuture<'static, Result<Planned, Error>> {
    let why = format!("nothing can be done to metrics, not even {}", request.verb);
    Box::pin(async move { Err(Error::Refused { why }) })
}

fn no_object(what: &Ref) -> BoxFuture<'static, Result<Json, Error>> {
    let why = Error::Absent { what: format!("an object behind {what}") };
    Box::pin(async move { Err(why) })
}

/// No Prometheus, but model servers that can be asked themselves.
struct Local {
    access: Access,
    clock: Clock,
}

impl Link for Local {
    fn feeds(&self) -> Vec<Box<dyn Feed>> {
        vec![Box::new(scraping::Scraping::new(self.access.clone(), self.clock.clone())), Box::new(NoPanels)]
    }

    fn open(&self, _: &Ref, _: PaneId, _: &Parameters) -> Option<Opened> {
        None
    }

    fn rights(&self) -> BoxFuture<'_, Result<Rights, Error>> {
        Box::pin(async { Ok(Rights::default()) })
    }

    fn plan(&self, request: PlanRequest) -> BoxFuture<'_, Result<Planned, Error>> {
        no_verbs(&request)
    }

    fn apply<'a>(&'a self, _: &'a Permit, _: &'a Op, _: &'a Outputs) -> BoxFuture<'a, Result<Outputs, Error>> {
        Box::pin(async { Err(nowhere()) })
    }

    fn observe<'a>(&'a self, _: &'a Probe, _: &'a Outputs) -> BoxFuture<'a, Result<Json, Error>> {
        Box::pin(async { Err(nowhere()) })
    }

    fn object<'a>(&'a self, what: &'a Ref) -> BoxFuture<'a, Result<Json, Error>> {
        no_object(what)
    }
}

/// Says that there are no panels without a Prometheus.
struct NoPanels;

impl Feed for NoPanels {
    fn panes(&self) -> Vec<PaneId> {
        vec![PANELS]
    }

    fn cadence(&self) -> Cadence {
        Cadence::Once { timeout: Duration::from_secs(1) }
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Fetched, Error>> {
        Box::pin(async { Err(nowhere()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rows_key_names_its_panel_also_where_the_title_has_slashes() {
        let text = "[[panel]]\ntitle = 'a'\nquery = 'x'\n[[panel]]\ntitle = 'a/s'\nquery = 'x'";
        let panels = panels::read(text, "f").unwrap();
        assert_eq!(title_of(&panels, "a/s/job").as_deref(), Some("a/s"));
        assert_eq!(title_of(&panels, "a/x").as_deref(), Some("a"));
        assert_eq!(title_of(&panels, "b/x"), None);
    }

    #[test]
    fn every_view_shows_panes_that_there_are() {
        let ids: Vec<PaneId> = PANE_LIST.iter().map(|pane| pane.id).collect();
        assert!(VIEWS.iter().flat_map(|view| view.sections).all(|section| ids.contains(&section.pane)));
        for column in ["rps", "p50", "p95", "p99", "errors"] {
            assert!(Measured::heads().iter().any(|head| head.id == column), "{column}");
        }
    }
}
