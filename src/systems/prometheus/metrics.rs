//! From answers to rows: what each endpoint and each revision gets, how long it takes and how much of it fails. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::id::{Key, PaneId, Ref};
use crate::model::record::{Column, Head, Record};
use crate::model::value::{Series, Unit, Value};

use super::families::{self, Found, Subject};
use super::span::Span;
use super::wire::Run;

/// The share of failed requests above which it is trouble.
pub(super) const ERROR_LIMIT: f64 = 0.01;

/// The quantiles that are shown.
pub(super) const QUANTILES: [f64; 3] = [0.5, 0.95, 0.99];

/// The answers of one family: requests by status, and latencies by quantile.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    /// The family.
    pub(super) found: Found,
    /// Requests per second by subject and status.
    pub(super) requests: Vec<Run>,
    /// For each of [`QUANTILES`]: by endpoint, and by revision.
    pub(super) latencies: [(Vec<Run>, Vec<Run>); 3],
}

/// What is measured of one endpoint, or of one of its revisions. Every line has a point at each step of the span.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Measured {
    /// The endpoint, and the revision for a revision's record.
    pub(super) subject: Subject,
    /// Where the numbers come from.
    pub(super) source: &'static str,
    /// Requests per second.
    pub(super) requests: Vec<(i64, f64)>,
    /// The share that failed; `None` where nothing counts requests by status.
    pub(super) errors: Option<Vec<(i64, f64)>>,
    /// Latencies in seconds, by quantile.
    pub(super) latencies: [Vec<(i64, f64)>; 3],
}

/// The records of all endpoints and of all revisions. Of several families the first that knows an endpoint counts.
pub(super) fn measured(answers: &[Answers], span: Span) -> (Vec<Measured>, Vec<Measured>) {
    (collect(answers, span, false), collect(answers, span, true))
}

fn collect(answers: &[Answers], span: Span, revisions: bool) -> Vec<Measured> {
    let mut all: BTreeMap<Subject, Measured> = BTreeMap::new();
    for answer in answers {
        let mut of_family = family_records(answer, span, revisions);
        // an endpoint that an earlier family knows is told by that one alone, revisions too
        let known: BTreeSet<(String, String)> =
            all.keys().map(|subject| (subject.namespace.clone(), subject.endpoint.clone())).collect();
        of_family.retain(|subject, _| !known.contains(&(subject.namespace.clone(), subject.endpoint.clone())));
        all.extend(of_family);
    }
    all.into_values().collect()
}

/// Sums of requests at each step: all, and failed ones.
struct Tally {
    all: Vec<f64>,
    failed: Vec<f64>,
}

fn family_records(answer: &Answers, span: Span, revisions: bool) -> BTreeMap<Subject, Measured> {
    let family = answer.found.family;
    let subject_of = |run: &Run| {
        let subject = family.subject(&run.labels)?;
        match (revisions, &subject.revision) {
            (false, _) => Some(Subject { revision: None, ..subject }),
            (true, Some(_)) => Some(subject),
            (true, None) => None,
        }
    };
    let mut tallies: BTreeMap<Subject, Tally> = BTreeMap::new();
    for run in &answer.requests {
        let Some(subject) = subject_of(run) else { continue };
        let failed = family.code.and_then(|code| run.labels.get(code)).is_some_and(|code| families::is_failure(code));
        let tally = tallies
            .entry(subject)
            .or_insert_with(|| Tally { all: vec![f64::NAN; span.len()], failed: vec![f64::NAN; span.len()] });
        let points = span.fill(&run.points());
        add(&mut tally.all, &points);
        if failed {
            add(&mut tally.failed, &points);
        }
    }
    let times: Vec<i64> = span.fill(&[]).into_iter().map(|(at, _)| at).collect();
    let mut records: BTreeMap<Subject, Measured> = tallies
        .into_iter()
        .map(|(subject, tally)| {
            let errors = family.code.map(|_| ratio(&times, &tally));
            let requests = times.iter().copied().zip(tally.all).collect();
            let record = Measured {
                subject: subject.clone(),
                source: family.title,
                requests,
                errors,
                latencies: Default::default(),
            };
            (subject, record)
        })
        .collect();
    for (at, (endpoints, of_revisions)) in answer.latencies.iter().enumerate() {
        for run in if revisions { of_revisions } else { endpoints } {
            let line = subject_of(run)
                .and_then(|subject| records.get_mut(&subject))
                .and_then(|record| record.latencies.get_mut(at));
            if let Some(line) = line {
                let scaled: Vec<_> = run.points().into_iter().map(|(at, value)| (at, value * family.unit)).collect();
                *line = span.fill(&scaled);
            }
        }
    }
    records
}

/// Adds where there is something: a gap stays one only if nobody has a number there.
fn add(sums: &mut [f64], points: &[(i64, f64)]) {
    for (sum, (_, value)) in sums.iter_mut().zip(points) {
        if value.is_finite() {
            *sum = if sum.is_nan() { *value } else { *sum + value };
        }
    }
}

/// Failed of all; without requests there is no share.
fn ratio(times: &[i64], tally: &Tally) -> Vec<(i64, f64)> {
    let shares = tally.all.iter().zip(&tally.failed).map(|(all, failed)| match (*all > 0.0, failed.is_nan()) {
        (false, _) => f64::NAN,
        (true, true) => 0.0,
        (true, false) => failed / all,
    });
    times.iter().copied().zip(shares).collect()
}

/// A line as a cell. Where the line has ended, the number is missing and only the line is shown: its last value is not
/// what is true now.
pub(super) fn cell(points: &[(i64, f64)], unit: Unit, limit: Option<f64>) -> Value {
    if points.iter().all(|(_, value)| !value.is_finite()) {
        return Value::None;
    }
    let line = Value::Spark(Arc::new(Series { unit, limit, points: points.to_vec() }));
    // the newest point may lack samples that are still being scraped
    let ended = points.iter().rev().take(2).all(|(_, value)| !value.is_finite());
    if ended { Value::pair(Value::None, line) } else { line }
}

impl Measured {
    fn latency(&self, at: usize) -> Value {
        self.latencies.get(at).map_or(Value::None, |points| cell(points, Unit::Seconds, None))
    }

    fn share(&self) -> Value {
        self.errors.as_deref().map_or(Value::None, |points| cell(points, Unit::Ratio, Some(ERROR_LIMIT)))
    }
}

const fn line(id: &'static str, title: &'static str, help: &'static str) -> Head {
    Head::number(id, title, 22).min(7).help(help)
}

impl Record for Measured {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<Measured>] = &[
            Column {
                head: Head::text("name", "name", 40).tier(0).help("endpoint or revision"),
                get: |record| Value::text(record.subject.revision.as_deref().unwrap_or(&record.subject.endpoint)),
            },
            Column {
                head: line("rps", "req/s", "requests per second"),
                get: |record| cell(&record.requests, Unit::PerSecond, None),
            },
            Column {
                head: line("p50", "p50", "half of the requests take no longer, in seconds"),
                get: |record| record.latency(0),
            },
            Column {
                head: line("p95", "p95", "95 % of the requests take no longer, in seconds"),
                get: |record| record.latency(1),
            },
            Column {
                head: line("p99", "p99", "99 % of the requests take no longer, in seconds"),
                get: |record| record.latency(2),
            },
            Column {
                head: line(
                    "errors",
                    "errors",
                    "share of requests answered 5xx; nothing where no metric counts by status",
                ),
                get: Measured::share,
            },
            Column {
                head: Head::text("source", "source", 24).tier(8).help("whose metrics these are"),
                get: |record| Value::text(record.source),
            },
        ];
        COLUMNS
    }

    fn key(&self) -> Key {
        Key::namespaced(&self.subject.namespace, self.subject.revision.as_deref().unwrap_or(&self.subject.endpoint))
    }

    fn refs(&self) -> Vec<Ref> {
        let endpoint = Ref::new(PaneId("endpoints"), Key::namespaced(&self.subject.namespace, &self.subject.endpoint));
        let revision = self.subject.revision.as_ref().map(|_| Ref::new(PaneId("revisions"), self.key()));
        std::iter::once(endpoint).chain(revision).collect()
    }
}

/// What there is to say about all of them: that for some nobody counts errors.
pub(super) fn remark(endpoints: &[Measured]) -> Option<String> {
    let unknown: Vec<_> = endpoints.iter().filter(|record| record.errors.is_none()).collect();
    let first = unknown.first()?;
    let name = &first.subject.endpoint;
    Some(match unknown.len() {
        1 => format!("errors of {name} are unknown: {} has no count by status", first.source),
        more => format!("errors of {more} endpoints ({name}, …) are unknown: {} has no count by status", first.source),
    })
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "computed by hand, from numbers that are exact")]
#[path = "metrics_tests.rs"]
mod tests;
