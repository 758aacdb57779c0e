//! The feeds: what endpoints and revisions get, the panels, and charts.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::model::health::Error;
use crate::model::id::PaneId;
use crate::model::record::{Change, Record, Row};
use crate::systems::{Cadence, Feed, Fetched};

use super::chart::{self, Charted, Line};
use super::client::Client;
use super::families::{self, Found};
use super::metrics::{self, Answers, QUANTILES};
use super::panels::{self, Panel};
use super::span::{Span, rate_window};
use super::wire::{Answer, Run};
use super::{CHART, ENDPOINT_METRICS, PANELS, REVISION_METRICS};

/// How far back the lines beside endpoints reach, in seconds, and how many points they have.
pub(super) const SPARK: (u32, u16) = (30 * 60, 40);

const CADENCE: Cadence = Cadence::Poll { every: Duration::from_secs(15), timeout: Duration::from_secs(30) };

/// What endpoints and revisions get.
pub(super) struct Metrics {
    pub(super) client: Arc<Client>,
}

impl Feed for Metrics {
    fn panes(&self) -> Vec<PaneId> {
        vec![ENDPOINT_METRICS, REVISION_METRICS]
    }

    fn cadence(&self) -> Cadence {
        CADENCE
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Fetched, Error>> {
        Box::pin(async move {
            let span = Span::ending(self.client.now(), SPARK.0, SPARK.1);
            let measured = measure(&self.client, span).await?;
            let (endpoints, revisions) = metrics::measured(&measured.answers, span);
            let remark = metrics::remark(&endpoints).into_iter().chain(measured.notes).collect::<Vec<_>>().join("; ");
            let mut changes = whole(ENDPOINT_METRICS, endpoints.iter().map(Record::row).collect(), &remark);
            changes.extend(whole(REVISION_METRICS, revisions.iter().map(Record::row).collect(), ""));
            Ok(Fetched { changes, over: true })
        })
    }
}

/// What the families said, and what there is to say about that.
pub(super) struct Measure {
    pub(super) answers: Vec<Answers>,
    pub(super) notes: Vec<String>,
}

/// Asks every family that exists: seven queries each.
pub(super) async fn measure(client: &Client, span: Span) -> Result<Measure, Error> {
    let known = client.known().await?;
    let window = rate_window(span.step, known.scrape);
    let families = families::found(&known.names);
    if families.is_empty() {
        return Ok(Measure { answers: Vec::new(), notes: vec!["Prometheus has no metrics of model servers".into()] });
    }
    let queries: Vec<String> = families.iter().flat_map(|found| queries(found, window)).collect();
    let mut replies = client.ranges(queries, span).await.into_iter();
    let mut notes = Vec::new();
    let mut answers = Vec::new();
    for found in families {
        let requests = take(replies.next(), &mut notes)?;
        let mut latencies: [(Vec<Run>, Vec<Run>); 3] = Default::default();
        if found.latency {
            for both in &mut latencies {
                both.0 = take(replies.next(), &mut notes)?;
                both.1 = take(replies.next(), &mut notes)?;
            }
        }
        if requests.is_empty()
            && let Some(why) = thin(client, &found, window).await
        {
            notes.push(why);
        }
        answers.push(Answers { found, requests, latencies });
    }
    notes.dedup();
    Ok(Measure { answers, notes })
}

fn queries(found: &Found, window: i64) -> Vec<String> {
    let mut all = vec![found.requests(window)];
    if found.latency {
        for quantile in QUANTILES {
            all.push(found.quantile(quantile, window, false));
            all.push(found.quantile(quantile, window, true));
        }
    }
    all
}

/// The series of an answer; what makes it partial goes to the notes.
fn take(reply: Option<Result<Answer, Error>>, notes: &mut Vec<String>) -> Result<Vec<Run>, Error> {
    let answer = reply.ok_or_else(|| Error::Protocol { what: "an answer is missing".into() })??;
    remarks(&answer, notes);
    Ok(answer.runs())
}

fn remarks(answer: &Answer, notes: &mut Vec<String>) {
    let mut add = |text: String| {
        if !notes.contains(&text) {
            notes.push(text);
        }
    };
    if let Some(first) = answer.warnings.first() {
        add(format!("partial: {first}"));
    }
    if answer.odd > 0 {
        add(format!("partial: {} series could not be read", answer.odd));
    }
    // hints on the query are for its author, in the log
    for info in &answer.infos {
        tracing::debug!(info, "Prometheus remarks on a query");
    }
}

/// Why there are no rates although the counter exists: a window that holds less than two samples.
async fn thin(client: &Client, found: &Found, window: i64) -> Option<String> {
    let runs = client.instant(&found.samples(window)).await.ok()?.runs();
    let most = runs.first()?.points().last()?.1;
    (most < 2.0).then(|| {
        format!(
            "no rates of {}: the window of {window} s holds less than 2 samples; set scrape_interval in [prometheus]",
            found.family.count
        )
    })
}

/// The panels of the view Metrics.
pub(super) struct Panels {
    pub(super) client: Arc<Client>,
    pub(super) panels: Arc<[Panel]>,
}

impl Feed for Panels {
    fn panes(&self) -> Vec<PaneId> {
        vec![PANELS]
    }

    fn cadence(&self) -> Cadence {
        CADENCE
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Fetched, Error>> {
        Box::pin(async move {
            let known = self.client.known().await?;
            let span = Span::ending(self.client.now(), SPARK.0, SPARK.1);
            let shown = panels::shown(&self.panels, &known.names);
            let queries = shown.iter().map(|panel| panel.filled(span, known.scrape)).collect();
            let replies = self.client.ranges(queries, span).await;
            let mut notes = Vec::new();
            let mut rows = Vec::new();
            for (panel, reply) in shown.iter().zip(replies) {
                rows.extend(panel_lines(panel, reply, span, &mut notes)?.iter().map(Record::row));
            }
            Ok(Fetched { changes: whole(PANELS, rows, &notes.join("; ")), over: true })
        })
    }
}

/// The lines of one panel. Only the server's refusal of the query is the panel's own; everything else concerns all.
fn panel_lines(
    panel: &Panel,
    reply: Result<Answer, Error>,
    span: Span,
    notes: &mut Vec<String>,
) -> Result<Vec<Line>, Error> {
    let answer = match reply {
        Err(Error::Refused { why }) => return Ok(vec![chart::empty(&panel.title, &format!("refused: {why}"))]),
        other => other?,
    };
    remarks(&answer, notes);
    let (lines, left_out) = chart::lines(panel, answer.runs(), span);
    if left_out > 0 {
        notes.push(format!("{}: {left_out} more series are not shown", panel.title));
    }
    Ok(if lines.is_empty() { vec![chart::empty(&panel.title, "no data")] } else { lines })
}

/// One panel as a chart.
pub(super) struct PanelChart {
    pub(super) client: Arc<Client>,
    pub(super) panels: Arc<[Panel]>,
    /// The panel's title.
    pub(super) title: String,
    /// How far back, in seconds, and how many points.
    pub(super) range: (u32, u16),
}

impl Feed for PanelChart {
    fn panes(&self) -> Vec<PaneId> {
        vec![CHART]
    }

    fn cadence(&self) -> Cadence {
        CADENCE
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Fetched, Error>> {
        Box::pin(async move {
            let known = self.client.known().await?;
            let span = Span::ending(self.client.now(), self.range.0, self.range.1);
            let shown = panels::shown(&self.panels, &known.names);
            let Some(panel) = shown.into_iter().find(|panel| panel.title == self.title) else {
                return Err(Error::Gone { what: format!("the panel {}", self.title) });
            };
            let mut notes = Vec::new();
            let reply = self.client.range(&panel.filled(span, known.scrape), span).await;
            let lines = panel_lines(panel, reply, span, &mut notes)?;
            let rows = lines.into_iter().map(|line| Charted(line).row()).collect();
            Ok(Fetched { changes: whole(CHART, rows, &notes.join("; ")), over: true })
        })
    }
}

/// The changes that replace all rows of a pane.
pub(super) fn whole(pane: PaneId, rows: Vec<Arc<Row>>, note: &str) -> Vec<(PaneId, Change)> {
    let rows = rows.into_iter().map(Change::Upsert);
    let end = [Change::Complete, Change::Note(note.into())];
    std::iter::once(Change::Begin).chain(rows).chain(end).map(|change| (pane, change)).collect()
}
