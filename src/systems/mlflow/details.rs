//! What an opened version shows: facts, parameters, metrics, tags, signature, metrics over time.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tokio::sync::Mutex;

use super::api::Api;
use super::identity::{self, COMMITS, FACTS, HISTORY, METRICS, MODELS, PARAMS, RUNS, SIGNATURE, TAGS};
use super::record::{run_state, short};
use super::signature;
use super::wire::{Metric, Run, Version};
use crate::model::clock::Clock;
use crate::model::health::{Error, Health};
use crate::model::id::{Key, PaneId, Ref};
use crate::model::record::{Change, Head, Row};
use crate::model::value::{Series, Unit, Value};
use crate::systems::{Cadence, Feed, Fetched};

/// How long what was read serves all sections of a view, in seconds.
const SHARED_SECONDS: i64 = 5;
/// How many metrics are charted at once.
const CHARTS: usize = 24;
/// How many histories are asked for at the same time.
const AT_ONCE: usize = 4;

/// A version with its model's aliases, its run and its logged model.
#[derive(Debug, Clone)]
pub(super) struct Details {
    pub(super) version: Version,
    pub(super) aliases: Vec<String>,
    pub(super) run: Option<Run>,
    /// Why there is no run although the version names one.
    pub(super) run_error: Option<Error>,
    pub(super) logged: Option<Run>,
}

impl Details {
    /// Reads a version and what belongs to it.
    pub(super) async fn read(api: &Api, name: &str, version: &str) -> Result<Self, Error> {
        let version = api.version(name, version).await?;
        let logged = match version.logged_model() {
            Some(id) => api.logged_model(id).await.ok(),
            None => None,
        };
        let source = logged.as_ref().map(|logged| logged.made_by.clone()).unwrap_or_default();
        let id = if version.run_id.is_empty() { source } else { version.run_id.clone() };
        let (run, run_error) = match id.as_str() {
            "" => (None, None),
            id => match api.run(id).await {
                Ok(run) => (Some(run), None),
                Err(error @ (Error::Gone { .. } | Error::Refused { .. } | Error::Forbidden { .. })) => {
                    (None, Some(error))
                }
                Err(error) => return Err(error),
            },
        };
        let aliases = version.aliases.clone();
        Ok(Self { version, aliases, run, run_error, logged })
    }

    /// The metrics of the logged model, and those of the run that it has not.
    fn metrics(&self) -> Vec<&Metric> {
        let mut metrics: Vec<&Metric> = self.logged.iter().flat_map(|logged| &logged.metrics).collect();
        let own: Vec<&Metric> = self
            .run
            .iter()
            .flat_map(|run| &run.metrics)
            .filter(|metric| metrics.iter().all(|known| known.key != metric.key))
            .collect();
        metrics.extend(own);
        metrics
    }

    fn params(&self) -> impl Iterator<Item = &(String, String)> {
        let logged = self.logged.iter().flat_map(|logged| &logged.params);
        let known: Vec<&String> = logged.clone().map(|(key, _)| key).collect();
        let own = self.run.iter().flat_map(|run| &run.params).filter(move |(key, _)| !known.contains(&key));
        logged.chain(own)
    }
}

/// Details that the sections of one view share, so that opening it does not ask five times.
#[derive(Clone)]
pub(super) struct Shared {
    api: Api,
    clock: Clock,
    last: Arc<Mutex<Option<Read>>>,
}

struct Read {
    at: chrono::DateTime<chrono::Utc>,
    key: Key,
    details: Arc<Details>,
}

impl Shared {
    pub(super) fn new(api: Api, clock: Clock) -> Self {
        Self { api, clock, last: Arc::default() }
    }

    async fn read(&self, key: &Key, name: &str, version: &str) -> Result<Arc<Details>, Error> {
        let mut last = self.last.lock().await;
        let now = self.clock.now();
        let fresh = |read: &&Read| read.key == *key && now - read.at < TimeDelta::seconds(SHARED_SECONDS);
        if let Some(read) = last.as_ref().filter(fresh) {
            return Ok(Arc::clone(&read.details));
        }
        let details = Arc::new(Details::read(&self.api, name, version).await?);
        *last = Some(Read { at: now, key: key.clone(), details: Arc::clone(&details) });
        Ok(details)
    }
}

/// Feeds one section of an opened version.
pub(super) struct DetailFeed {
    pub(super) shared: Shared,
    pub(super) pane: PaneId,
    pub(super) key: Key,
    pub(super) name: String,
    pub(super) version: String,
    pub(super) points: u16,
    pub(super) which: Option<String>,
}

impl DetailFeed {
    async fn rows(&self) -> Result<Vec<Row>, Error> {
        let api = &self.shared.api;
        if self.pane == SIGNATURE {
            let model = signature::read(api, &self.name, &self.version).await?;
            return Ok(model.signature.rows());
        }
        let details = self.shared.read(&self.key, &self.name, &self.version).await?;
        match self.pane {
            HISTORY => self.histories(&details).await,
            METRICS => Ok(details.metrics().into_iter().map(metric_row).collect()),
            PARAMS => Ok(details.params().map(|(key, value)| pair_row(key, Value::text(value))).collect()),
            TAGS => Ok(tag_rows(&details)),
            _ => Ok(facts(&details)),
        }
    }

    async fn histories(&self, details: &Details) -> Result<Vec<Row>, Error> {
        let Some(run) = &details.run else { return Ok(Vec::new()) };
        let wanted = |metric: &&Metric| self.which.as_ref().is_none_or(|which| *which == *metric.key);
        // a metric that was logged only at step 0 is a number, not a line
        let keys =
            run.metrics.iter().filter(|metric| metric.step > 0).filter(wanted).take(CHARTS).map(|metric| &metric.key);
        let points = if self.points == 0 { 240 } else { self.points };
        let asked =
            keys.map(|key| async move { (Arc::clone(key), self.shared.api.history(&run.id, key, points).await) });
        let found: Vec<_> = futures_util::stream::iter(asked.collect::<Vec<_>>()).buffered(AT_ONCE).collect().await;
        found.into_iter().map(|(key, history)| Ok(history_row(&key, &history?))).collect()
    }
}

impl Feed for DetailFeed {
    fn panes(&self) -> Vec<PaneId> {
        vec![self.pane]
    }

    fn cadence(&self) -> Cadence {
        Cadence::Poll { every: Duration::from_secs(20), timeout: Duration::from_secs(45) }
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Fetched, Error>> {
        Box::pin(async {
            let mut changes = vec![(self.pane, Change::Begin)];
            let note = match self.rows().await {
                Ok(rows) => {
                    changes.extend(rows.into_iter().map(|row| (self.pane, Change::Upsert(Arc::new(row)))));
                    String::new()
                }
                // a part that this version has not is no fault of the server
                Err(Error::Absent { what }) if self.pane == SIGNATURE => format!("no {what}"),
                Err(error) => return Err(error),
            };
            changes.push((self.pane, Change::Complete));
            changes.push((self.pane, Change::Note(note.into())));
            Ok(Fetched { changes, over: true })
        })
    }
}

/// The headings of a section.
pub(super) fn heads(pane: PaneId) -> Arc<[Head]> {
    let name = Head::text("name", "name", 40).tier(0);
    match pane {
        METRICS => [
            Head::text("name", "metric", 40).tier(0),
            Head::number("value", "value", 12).tier(0),
            Head::number("step", "step", 9).tier(3),
            Head::number("age", "age", 5).tier(4).help("since it was logged"),
        ]
        .into(),
        TAGS => [name, Head::text("value", "value", 80).tier(0), Head::text("of", "of", 8).tier(3)].into(),
        HISTORY => [
            Head::text("name", "metric", 28).tier(0),
            Head::text("history", "history", 400).tier(0).help("its values by step"),
            Head::number("last", "last", 12).tier(1),
            Head::number("least", "least", 12).tier(3),
            Head::number("most", "most", 12).tier(3),
        ]
        .into(),
        SIGNATURE => [
            Head::text("part", "part", 7).tier(1).help("input, output or parameter"),
            name,
            Head::text("type", "type", 24).tier(0),
            Head::text("shape", "shape", 20).tier(2),
            Head::text("required", "required", 8).tier(3).help("whether it has to be given"),
        ]
        .into(),
        _ => [name, Head::text("value", "value", 120).tier(0)].into(),
    }
}

fn pair_row(name: &str, value: Value) -> Row {
    Row { key: Key::new(name), cells: [Value::text(name), value].into(), refs: [].into() }
}

fn metric_row(metric: &Metric) -> Row {
    let cells = [
        Value::text(&metric.key),
        Value::Number(metric.value, Unit::None),
        Value::Int(metric.step),
        Value::time(metric.at),
    ];
    Row { key: Key::new(&*metric.key), cells: cells.into(), refs: [].into() }
}

fn tag_rows(details: &Details) -> Vec<Row> {
    let run = details.run.iter().flat_map(|run| &run.tags).map(|tag| (tag, "run"));
    let tags = details.version.tags.iter().map(|tag| (tag, "version")).chain(run);
    tags.map(|((key, value), of)| Row {
        key: Key::new(format!("{of}/{key}")),
        cells: [Value::text(key), Value::text(&super::masked(key, value)), Value::text(of)].into(),
        refs: [].into(),
    })
    .collect()
}

fn history_row(key: &str, history: &[Metric]) -> Row {
    let mut points: Vec<(i64, f64)> = history.iter().map(|metric| (metric.step, drawn(metric.value))).collect();
    points.sort_by_key(|(step, _)| *step);
    let finite = || points.iter().map(|(_, value)| *value).filter(|value| value.is_finite());
    let edge = |found: Option<f64>| found.map_or(Value::None, |value| Value::Number(value, Unit::None));
    let (least, most) = (edge(finite().reduce(f64::min)), edge(finite().reduce(f64::max)));
    let newest = edge(history.iter().max_by_key(|metric| (metric.step, metric.at)).map(|metric| metric.value));
    let series = Value::Spark(Arc::new(Series { unit: Unit::None, limit: None, points }));
    Row { key: Key::new(key), cells: [Value::text(key), series, newest, least, most].into(), refs: [].into() }
}

/// A value as a chart can draw it: what SQL stores keep for infinity would flatten everything else.
fn drawn(value: f64) -> f64 {
    if value.is_finite() && value.abs() < f64::MAX { value } else { f64::NAN }
}

fn facts(details: &Details) -> Vec<Row> {
    let version = &details.version;
    let mut facts: Vec<(&str, Value)> = vec![
        ("model", Value::text(&identity::shown(&version.name))),
        ("version", Value::text(&format!("v{}", version.number))),
        ("aliases", Value::text(&details.aliases.join(", "))),
        ("stage", Value::text(&version.stage)),
        ("status", status(version)),
        ("description", Value::text(&version.description)),
        ("registered", Value::time(version.created)),
        ("changed", Value::time(version.updated)),
        ("registered by", Value::text(&version.user)),
        ("source", Value::text(&version.source)),
        ("logged model", Value::text(version.logged_model().unwrap_or_default())),
    ];
    match (&details.run, &details.run_error) {
        (Some(run), _) => facts.extend(run_facts(run)),
        (None, Some(Error::Forbidden { .. })) => facts.push(("run", Value::state(Health::Idle, "run not shown"))),
        (None, Some(_)) => facts.push(("run", Value::state(Health::Warn, "run deleted"))),
        (None, None) => facts.push(("run", Value::text("none"))),
    }
    crate::model::facts::rows(facts).into_iter().map(|row| (*row).clone()).collect()
}

fn status(version: &Version) -> Value {
    let health = match version.status.as_str() {
        "READY" => Health::Good,
        "FAILED_REGISTRATION" => Health::Bad,
        _ => Health::Busy,
    };
    let word = version.status.to_lowercase().replace("_registration", "");
    let state = if word.is_empty() { Value::None } else { Value::state(health, &word) };
    if version.status_message.is_empty() { state } else { Value::pair(state, Value::text(&version.status_message)) }
}

fn run_facts(run: &Run) -> Vec<(&'static str, Value)> {
    let id = Value::link(short(&run.id), Ref::new(RUNS, run.id.as_str()));
    let state = if run.deleted { Value::state(Health::Warn, "run deleted") } else { run_state(&run.status) };
    let took = match (run.start, run.end) {
        (Some(start), Some(end)) => Value::Number((end - start).num_milliseconds() as f64 / 1000.0, Unit::Seconds),
        _ => Value::None,
    };
    let commit = run.tag("mlflow.source.git.commit");
    vec![
        ("run", Value::pair(id, state)),
        ("run name", Value::text(&run.name)),
        ("experiment", Value::text(&run.experiment)),
        ("started by", Value::text(&run.user)),
        ("started", Value::time(run.start)),
        ("took", took),
        ("commit", commit.map_or(Value::None, |sha| Value::link(short(sha), Ref::new(COMMITS, sha)))),
        ("branch", Value::text(run.tag("mlflow.source.git.branch").unwrap_or_default())),
        ("repository", Value::text(run.tag("mlflow.source.git.repoURL").unwrap_or_default())),
        ("program", Value::text(run.tag("mlflow.source.name").unwrap_or_default())),
        ("note", Value::text(run.tag("mlflow.note.content").unwrap_or_default())),
    ]
}

/// Whether `pane` is a section of an opened version.
pub(super) fn is_section(pane: PaneId) -> bool {
    [FACTS, PARAMS, METRICS, TAGS, HISTORY, SIGNATURE].contains(&pane)
}

/// The pane whose rows these sections open.
pub(super) const OF: PaneId = MODELS;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_is_not_flattened_by_infinity_and_keeps_its_gaps() {
        let metric = |step, value| Metric { key: "gap".into(), value, at: None, step };
        let row = history_row("gap", &[metric(2, f64::MAX), metric(0, 0.5), metric(1, f64::NAN), metric(3, 0.25)]);
        let Some(Value::Spark(series)) = row.cells.get(1) else { panic!("no spark") };
        assert_eq!(series.points.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert_eq!(series.points.iter().filter(|(_, value)| value.is_nan()).count(), 2);
        assert_eq!(row.cells.get(4), Some(&Value::Number(0.5, Unit::None)));
        assert_eq!(row.cells.get(2), Some(&Value::Number(0.25, Unit::None)));
    }
}
