//! Recording and alerting rules, and the states of alerts: found by evaluating the rules over the past.

use std::sync::Arc;

use super::catalog::{Catalog, Stored};
use super::json::number;
use super::ledger::INTERVAL;
use super::promql::{Labels, Sample, Series, Source, Steps, Value, evaluate, parse};

/// One rule.
pub(super) struct Rule {
    /// The name of the alert or of the recorded metric.
    pub(super) name: &'static str,
    pub(super) expression: &'static str,
    /// For an alert: how long it must hold (ms), and what it says.
    pub(super) alert: Option<Alert>,
}

/// What an alerting rule adds.
pub(super) struct Alert {
    pub(super) hold: i64,
    pub(super) labels: &'static [(&'static str, &'static str)],
    pub(super) annotations: &'static [(&'static str, &'static str)],
}

/// All rules, by group.
pub(super) const GROUPS: &[(&str, &[Rule])] = &[("serving.recording", RECORDING), ("serving.alerts", ALERTING)];

const RECORDING: &[Rule] = &[
    Rule {
        name: "revision:requests:rate1m",
        expression: "sum by (namespace_name, configuration_name, revision_name) (rate(revision_request_count[1m]))",
        alert: None,
    },
    Rule {
        name: "revision:errors:ratio1m",
        expression: "sum by (namespace_name, configuration_name, revision_name) \
                     (rate(revision_request_count{response_code_class=\"5xx\"}[1m])) \
                     / sum by (namespace_name, configuration_name, revision_name) (rate(revision_request_count[1m]))",
        alert: None,
    },
];

const ALERTING: &[Rule] = &[
    Rule {
        name: "RevisionFails",
        expression: "sum by (namespace_name, configuration_name, revision_name) \
                     (rate(revision_request_count{response_code_class=\"5xx\"}[2m])) \
                     / sum by (namespace_name, configuration_name, revision_name) (rate(revision_request_count[2m])) > 0.02",
        alert: Some(Alert {
            hold: 60_000,
            labels: &[("severity", "critical"), ("team", "risk-platform")],
            annotations: &[
                ("summary", "{{ $labels.revision_name }}: {{ $value | humanizePercentage }} of requests fail"),
                ("runbook_url", "https://runbooks.example/revision-fails"),
            ],
        }),
    },
    Rule {
        name: "RevisionSlow",
        expression: "histogram_quantile(0.95, sum by (namespace_name, configuration_name, revision_name, le) \
                     (rate(revision_request_latencies_bucket[2m]))) > 90",
        alert: Some(Alert {
            hold: 120_000,
            labels: &[("severity", "warning")],
            annotations: &[("summary", "{{ $labels.revision_name }}: p95 is {{ $value }} ms")],
        }),
    },
    Rule {
        name: "TargetDown",
        expression: "up == 0",
        alert: Some(Alert {
            hold: 30_000,
            labels: &[("severity", "warning")],
            annotations: &[("summary", "{{ $labels.job }} can't be scraped at {{ $labels.instance }}")],
        }),
    },
    Rule {
        name: "Watchdog",
        expression: "vector(1)",
        alert: Some(Alert {
            hold: 0,
            labels: &[("severity", "none")],
            annotations: &[("summary", "always fires, to show that alerts arrive")],
        }),
    },
];

/// An alert that is pending or firing now.
pub(super) struct Active {
    pub(super) rule: &'static str,
    /// With `alertname` and the rule's own labels.
    pub(super) labels: Labels,
    pub(super) annotations: Vec<(&'static str, String)>,
    pub(super) firing: bool,
    /// Since when it holds, in milliseconds.
    pub(super) since: i64,
    pub(super) value: f64,
}

/// How far back alerts are followed.
const PAST: i64 = 2 * 60 * 60 * 1000;

/// The scrapes at which rules are evaluated.
fn steps(catalog: &Catalog, past: i64) -> Steps {
    let end = catalog.begin + catalog.scrape() * INTERVAL;
    let start = (end - past / INTERVAL * INTERVAL).max(catalog.begin).min(end);
    Steps { start, end, step: INTERVAL }
}

fn rows(catalog: &Catalog, rule: &Rule, steps: Steps) -> Vec<Series> {
    let Ok(expression) = parse(rule.expression) else { return vec![] };
    match evaluate(catalog, &expression, steps) {
        Ok(Value::Vector(rows)) => rows,
        _ => vec![],
    }
}

/// Since when each step's value holds without a break.
fn since(row: &Series, steps: Steps) -> Vec<Option<i64>> {
    let mut since = None;
    let each = |(at, value): (i64, &Option<f64>)| {
        since = value.map(|_| since.unwrap_or(at));
        since
    };
    steps.times().zip(&row.values).map(each).collect()
}

/// The alerts that are pending or firing now.
pub(super) fn active(catalog: &Catalog) -> Vec<Active> {
    let steps = steps(catalog, PAST);
    let mut out = vec![];
    for rule in ALERTING {
        let Some(alert) = &rule.alert else { continue };
        for row in rows(catalog, rule, steps) {
            let now = since(&row, steps).last().copied().flatten().zip(row.values.last().copied().flatten());
            let Some((since, value)) = now else { continue };
            let expanded = |(name, text): &(&'static str, &str)| (*name, expand(text, &row.labels, value));
            out.push(Active {
                rule: rule.name,
                labels: labelled(rule, alert, row.labels.clone()),
                annotations: alert.annotations.iter().map(expanded).collect(),
                firing: steps.end - since >= alert.hold,
                since,
                value,
            });
        }
    }
    out
}

fn labelled(rule: &Rule, alert: &Alert, labels: Labels) -> Labels {
    let mut labels = labels.nameless();
    for (name, value) in alert.labels {
        labels.set(name, value);
    }
    labels.set("alertname", rule.name);
    labels
}

/// The series that rules make: recorded ones and `ALERTS`.
pub(super) fn series(catalog: &Catalog, wanted: &dyn Fn(&str) -> bool) -> Vec<Arc<dyn Source>> {
    let mut out: Vec<Arc<dyn Source>> = vec![];
    for rule in RECORDING.iter().filter(|rule| wanted(rule.name)) {
        let steps = steps(catalog, i64::MAX / 4);
        for row in rows(catalog, rule, steps) {
            let mut labels = row.labels.clone();
            labels.set("__name__", rule.name);
            let samples = samples(steps.times().zip(row.values.iter().copied()));
            out.push(Arc::new(Stored { labels, samples }));
        }
    }
    if wanted("ALERTS") {
        let steps = steps(catalog, PAST);
        for rule in ALERTING {
            let Some(alert) = &rule.alert else { continue };
            for row in rows(catalog, rule, steps) {
                out.extend(states(rule, alert, &row, steps));
            }
        }
    }
    out
}

/// `ALERTS` of one alert: a series for each state that it had.
fn states(rule: &Rule, alert: &Alert, row: &Series, steps: Steps) -> Vec<Arc<dyn Source>> {
    let since = since(row, steps);
    let state = |name: &str, firing: bool| -> Option<Arc<dyn Source>> {
        let mut labels = labelled(rule, alert, row.labels.clone());
        labels.set("__name__", "ALERTS");
        labels.set("alertstate", name);
        let in_state = |at: i64, since: &Option<i64>| since.filter(|since| (at - since >= alert.hold) == firing);
        let values = steps.times().zip(&since).map(|(at, since)| (at, in_state(at, since).map(|_| 1.0)));
        let samples = samples(values);
        if samples.is_empty() { None } else { Some(Arc::new(Stored { labels, samples })) }
    };
    [state("pending", false), state("firing", true)].into_iter().flatten().collect()
}

/// Samples of what there is, and a mark where it ends.
fn samples(values: impl Iterator<Item = (i64, Option<f64>)>) -> Vec<Sample> {
    let mut there = false;
    let mut samples = vec![];
    for (at, value) in values {
        match value {
            Some(value) => samples.push(Sample { at, value }),
            None if there => samples.push(Sample::stale(at)),
            None => {}
        }
        there = value.is_some();
    }
    samples
}

/// An annotation's template filled in: labels, and the value with two of its formats.
fn expand(template: &str, labels: &Labels, value: f64) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let (inside, after) = after.split_once("}}").unwrap_or((after, ""));
        let inside = inside.trim();
        let text = match inside {
            "$value" => number((value * 100.0).round() / 100.0),
            "$value | humanizePercentage" => format!("{}%", (value * 1e4).round() / 100.0),
            _ => inside.strip_prefix("$labels.").map_or_else(String::new, |name| labels.get(name).to_owned()),
        };
        out.push_str(&text);
        rest = after;
    }
    out.push_str(rest);
    out
}
