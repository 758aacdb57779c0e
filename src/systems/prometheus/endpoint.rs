//! The chart of one endpoint: its requests, latencies and errors, by revision.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::model::health::Error;
use crate::model::id::{Key, PaneId};
use crate::model::record::Record;
use crate::model::value::Unit;
use crate::systems::{Cadence, Feed, Fetched};

use super::ENDPOINT_CHART;
use super::chart::{Charted, Line};
use super::client::Client;
use super::feed::{self, whole};
use super::metrics::{self, ERROR_LIMIT, Measured};
use super::span::Span;

/// The statistics of an endpoint, in the order in which they are shown.
pub(super) const STATISTICS: [&str; 5] = ["p99", "p95", "p50", "rps", "errors"];

/// One endpoint's chart.
pub(super) struct EndpointChart {
    pub(super) client: Arc<Client>,
    /// The endpoint: `namespace/name`.
    pub(super) key: Key,
    /// One of [`STATISTICS`], or all.
    pub(super) which: Option<String>,
    /// How far back, in seconds, and how many points.
    pub(super) range: (u32, u16),
}

impl Feed for EndpointChart {
    fn panes(&self) -> Vec<PaneId> {
        vec![ENDPOINT_CHART]
    }

    fn cadence(&self) -> Cadence {
        Cadence::Poll { every: Duration::from_secs(15), timeout: Duration::from_secs(30) }
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Fetched, Error>> {
        Box::pin(async move {
            let span = Span::ending(self.client.now(), self.range.0, self.range.1);
            let measured = feed::measure(&self.client, span).await?;
            let (endpoints, revisions) = metrics::measured(&measured.answers, span);
            let (lines, note) = lines(&self.key, self.which.as_deref(), &endpoints, &revisions);
            let notes: Vec<String> = note.into_iter().chain(measured.notes).collect();
            let rows = lines.into_iter().map(|line| Charted(line).row()).collect();
            Ok(Fetched { changes: whole(ENDPOINT_CHART, rows, &notes.join("; ")), over: true })
        })
    }
}

/// The lines of an endpoint: those of its revisions, or its own where the metrics don't tell revisions apart.
fn lines(
    key: &Key,
    which: Option<&str>,
    endpoints: &[Measured],
    revisions: &[Measured],
) -> (Vec<Line>, Option<String>) {
    let belongs = |record: &&Measured| Key::namespaced(&record.subject.namespace, &record.subject.endpoint) == *key;
    let mut shown: Vec<&Measured> = revisions.iter().filter(belongs).collect();
    if shown.is_empty() {
        shown = endpoints.iter().filter(belongs).collect();
    }
    let Some(first) = shown.first() else { return (Vec::new(), Some("no metrics of this endpoint".into())) };
    let note = first.errors.is_none().then(|| format!("errors are unknown: {} has no count by status", first.source));
    let statistics = STATISTICS.iter().copied().filter(|name| which.is_none_or(|which| which == *name));
    let lines = statistics.flat_map(|name| shown.iter().filter_map(move |record| line(name, record))).collect();
    (lines, note)
}

fn line(statistic: &str, record: &Measured) -> Option<Line> {
    let (points, unit, limit) = match statistic {
        "rps" => (&record.requests, Unit::PerSecond, None),
        "errors" => (record.errors.as_ref()?, Unit::Ratio, Some(ERROR_LIMIT)),
        quantile => {
            let at = ["p50", "p95", "p99"].iter().position(|name| *name == quantile)?;
            (record.latencies.get(at)?, Unit::Seconds, None)
        }
    };
    let name = record.subject.revision.as_ref().unwrap_or(&record.subject.endpoint);
    (!points.is_empty()).then(|| Line {
        group: statistic.to_owned(),
        id: name.clone(),
        name: name.clone(),
        unit,
        limit,
        points: points.clone(),
        histogram: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::prometheus::families::Subject;

    fn measured(endpoint: &str, revision: Option<&str>, errors: bool) -> Measured {
        let points = vec![(0, 1.0), (1000, 2.0)];
        Measured {
            subject: Subject {
                namespace: "prod".into(),
                endpoint: endpoint.into(),
                revision: revision.map(str::to_owned),
            },
            source: "Knative's queue proxy",
            requests: points.clone(),
            errors: errors.then(|| points.clone()),
            latencies: [points.clone(), points.clone(), Vec::new()],
        }
    }

    #[test]
    fn a_chart_has_a_line_for_each_statistic_and_revision_of_this_endpoint() {
        let endpoints = [measured("fraud", None, true), measured("churn", None, true)];
        let revisions = [
            measured("fraud", Some("r1"), true),
            measured("fraud", Some("r2"), true),
            measured("churn", Some("r1"), true),
        ];
        let (all, _) = lines(&"prod/fraud".into(), None, &endpoints, &revisions);
        let names: Vec<_> = all.iter().map(|line| format!("{} {}", line.group, line.name)).collect();
        assert_eq!(names, ["p95 r1", "p95 r2", "p50 r1", "p50 r2", "rps r1", "rps r2", "errors r1", "errors r2"]);
        let (one, _) = lines(&"prod/fraud".into(), Some("rps"), &endpoints, &revisions);
        assert_eq!(one.len(), 2);
    }

    #[test]
    fn where_revisions_are_not_told_apart_the_endpoint_has_one_line_and_unknown_errors_are_said() {
        let (all, note) = lines(&"prod/fraud".into(), None, &[measured("fraud", None, false)], &[]);
        assert!(all.iter().all(|line| line.name == "fraud" && line.group != "errors"));
        assert!(note.unwrap().starts_with("errors are unknown"));
        assert_eq!(lines(&"prod/gone".into(), None, &[], &[]).1.unwrap(), "no metrics of this endpoint");
    }
}
