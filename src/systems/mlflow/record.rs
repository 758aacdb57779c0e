//! A version of a model as a row.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::identity::{self, COMMITS, IMAGES, RUNS};
use super::wire::{Run, Version};
use crate::model::health::Health;
use crate::model::id::{Key, Ref};
use crate::model::record::{Align, Column, Head, Record, Row, Width};
use crate::model::text::clean;
use crate::model::value::{Unit, Value};

/// How many metrics get a column.
const METRIC_COLUMNS: usize = 3;

/// Metrics that say more about a model than others, the best first.
const TELLING: [&str; 16] = [
    "auc",
    "roc_auc",
    "f1",
    "f1_score",
    "accuracy",
    "precision",
    "recall",
    "r2",
    "rmse",
    "mae",
    "mape",
    "logloss",
    "log_loss",
    "val_loss",
    "loss",
    "score",
];

/// What is known of a version's run.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) enum Origin {
    /// It names none.
    #[default]
    None,
    /// Not asked for yet.
    Waiting,
    /// This one.
    Run(Arc<Run>),
    /// It was deleted.
    Deleted,
    /// The server does not show it.
    Hidden,
}

/// A version with what belongs to it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// The version.
    pub(super) version: Arc<Version>,
    /// Its aliases; `None` as long as the aliases of its model are not known.
    pub(super) aliases: Option<Vec<String>>,
    /// Its run.
    pub(super) origin: Origin,
    /// Its logged model, in 3.x.
    pub(super) logged: Option<Arc<Run>>,
    /// The metrics that have a column.
    pub(super) metrics: Arc<[Arc<str>]>,
}

impl Entry {
    /// The run's id: the version's own, or the logged model's.
    #[must_use]
    pub(super) fn run_id(&self) -> Option<&str> {
        let own = Some(self.version.run_id.as_str()).filter(|id| !id.is_empty());
        own.or_else(|| self.logged.as_ref().map(|logged| logged.made_by.as_str()).filter(|id| !id.is_empty()))
    }

    /// The last value of a metric: of the logged model, else of the run.
    #[must_use]
    pub(super) fn metric(&self, key: &str) -> Option<f64> {
        let run = if let Origin::Run(run) = &self.origin { Some(run) } else { None };
        let sources = [self.logged.as_ref(), run];
        sources
            .into_iter()
            .flatten()
            .find_map(|run| run.metrics.iter().find(|metric| &*metric.key == key))
            .map(|metric| metric.value)
    }

    /// The commit that it was made from.
    #[must_use]
    pub(super) fn commit(&self) -> Option<&str> {
        let own = ["git_sha", "git_commit", "commit", "mlflow.source.git.commit"]
            .iter()
            .find_map(|key| self.version.tag(key));
        own.or_else(|| if let Origin::Run(run) = &self.origin { run.tag("mlflow.source.git.commit") } else { None })
    }

    fn alias_cell(&self) -> Value {
        match &self.aliases {
            None => Value::state(Health::Idle, "not loaded"),
            Some(aliases) if aliases.is_empty() => Value::None,
            Some(aliases) => {
                let champion = aliases.iter().any(|alias| alias == "champion");
                Value::state(if champion { Health::Good } else { Health::Idle }, &aliases.join(", "))
            }
        }
    }

    fn run_cell(&self) -> Value {
        let link = |id: &str, word: &str| Value::link(word, Ref::new(RUNS, id));
        match (&self.origin, self.run_id()) {
            (Origin::Deleted, _) => Value::state(Health::Warn, "run deleted"),
            (Origin::Hidden, _) => Value::state(Health::Idle, "run not shown"),
            (Origin::Run(run), _) if run.status != "FINISHED" && !run.status.is_empty() => {
                Value::pair(link(&run.id, short(&run.id)), run_state(&run.status))
            }
            (_, Some(id)) => link(id, short(id)),
            (_, None) => Value::None,
        }
    }

    fn status_cell(&self) -> Value {
        match self.version.status.as_str() {
            "READY" => Value::state(Health::Good, "ready"),
            "PENDING_REGISTRATION" => Value::state(Health::Busy, "pending"),
            "FAILED_REGISTRATION" => Value::state(Health::Bad, "failed"),
            "" => Value::None,
            other => Value::state(Health::Idle, &other.to_lowercase()),
        }
    }

    fn commit_cell(&self) -> Value {
        self.commit().map_or(Value::None, |sha| Value::link(short(sha), Ref::new(COMMITS, sha)))
    }

    fn user_cell(&self) -> Value {
        match &self.origin {
            _ if !self.version.user.is_empty() => Value::text(&self.version.user),
            Origin::Run(run) => Value::text(&run.user),
            _ => Value::None,
        }
    }
}

/// How a run's status reads.
pub(super) fn run_state(status: &str) -> Value {
    let health = match status {
        "FINISHED" => Health::Good,
        "RUNNING" | "SCHEDULED" => Health::Busy,
        "FAILED" => Health::Bad,
        "KILLED" => Health::Warn,
        _ => Health::Idle,
    };
    Value::state(health, &status.to_lowercase())
}

impl Record for Entry {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<Entry>] = &[
            Column {
                head: Head::text("model", "model", 34)
                    .tier(0)
                    .min(8)
                    .help("the registered model; ␣ is a space at its end"),
                get: |entry| Value::text(&identity::shown(&entry.version.name)),
            },
            Column {
                head: Head::text("version", "version", 8).tier(0).help("the version, as v and its number"),
                get: |entry| Value::text(&format!("v{}", entry.version.number)),
            },
            Column {
                head: Head::text("aliases", "aliases", 28)
                    .tier(0)
                    .min(8)
                    .help("who points to it; promote moves champion"),
                get: Entry::alias_cell,
            },
            Column {
                head: Head::text("status", "status", 10).tier(4).as_state().help("whether it is registered"),
                get: Entry::status_cell,
            },
            Column {
                head: Head::text("stage", "stage", 11).tier(6).help("the legacy stage, where one is set"),
                get: |entry| Value::text(&entry.version.stage),
            },
            Column {
                head: Head::text("run", "run", 18).tier(3).min(7).help("the run that made it"),
                get: Entry::run_cell,
            },
            Column {
                head: Head::number("age", "age", 5).tier(1).help("since it was registered"),
                get: |entry| Value::time(entry.version.created),
            },
            Column {
                head: Head::text("source", "source", 30).tier(7).help("where its files are, shortened"),
                get: |entry| Value::text(&short_source(&entry.version.source)),
            },
            Column {
                head: Head::text("user", "user", 16).tier(9).help("who registered it, else who ran its run"),
                get: Entry::user_cell,
            },
            Column {
                head: Head::text("commit", "commit", 8).tier(9).min(7).help("the commit that it was made from"),
                get: Entry::commit_cell,
            },
        ];
        COLUMNS
    }

    fn key(&self) -> Key {
        identity::key(&self.version.name, &self.version.number)
    }

    fn refs(&self) -> Vec<Ref> {
        let mut refs: Vec<Ref> = self.run_id().map(|id| Ref::new(RUNS, id)).into_iter().collect();
        refs.extend(self.commit().map(|sha| Ref::new(COMMITS, sha)));
        refs.extend(
            self.version.tags.iter().filter_map(|(_, value)| digest(value)).map(|digest| Ref::new(IMAGES, digest)),
        );
        refs
    }

    /// The columns' cells, then those of the metrics that have a column.
    fn row(&self) -> Arc<Row> {
        let metrics = self
            .metrics
            .iter()
            .map(|key| self.metric(key).map_or(Value::None, |value| Value::Number(value, Unit::None)));
        let cells = Self::columns().iter().map(|column| (column.get)(self)).chain(metrics).collect();
        Arc::new(Row { key: self.key(), cells, refs: self.refs().into() })
    }
}

/// The headings with those of the metrics at the end, so that the places of the others never change.
#[must_use]
pub(super) fn heads(metrics: &[Arc<str>]) -> Arc<[Head]> {
    let metrics = metrics.iter().map(|key| Head {
        id: Cow::Owned(format!("metric_{}", column_id(key))),
        title: Cow::Owned(key.to_string()),
        width: Width { min: 5, max: 12 },
        tier: 2,
        align: Align::Right,
        state: false,
        help: "the last value that the run logged",
    });
    Entry::columns().iter().map(|column| column.head.clone()).chain(metrics).collect()
}

fn column_id(key: &str) -> String {
    key.chars().map(|char| if char.is_ascii_alphanumeric() { char.to_ascii_lowercase() } else { '_' }).collect()
}

/// The metrics that get a column: those that most versions have, the telling ones first.
pub(super) fn choose_metrics<'a>(entries: impl Iterator<Item = &'a Entry>) -> Arc<[Arc<str>]> {
    let mut counts: HashMap<Arc<str>, usize> = HashMap::new();
    for entry in entries {
        let run = if let Origin::Run(run) = &entry.origin { Some(run) } else { None };
        let mut keys: Vec<&Arc<str>> = [entry.logged.as_ref(), run]
            .into_iter()
            .flatten()
            .flat_map(|run| run.metrics.iter().map(|metric| &metric.key))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            *counts.entry(Arc::clone(key)).or_default() += 1;
        }
    }
    let most = counts.values().copied().max().unwrap_or(0);
    let mut keys: Vec<(bool, usize, usize, Arc<str>)> = counts
        .into_iter()
        .map(|(key, count)| {
            let telling = TELLING.iter().position(|known| key.eq_ignore_ascii_case(known)).unwrap_or(TELLING.len());
            // a metric that only a few have goes behind those that most have
            (count * 2 < most, telling, most - count, key)
        })
        .collect();
    keys.sort();
    keys.into_iter().take(METRIC_COLUMNS).map(|(.., key)| key).collect()
}

/// A digest in a tag's value, also at the end of an image's name.
fn digest(value: &str) -> Option<&str> {
    let at = value.find("sha256:")?;
    let digest = value.get(at..)?;
    let hex = digest.strip_prefix("sha256:")?;
    (hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(digest)
}

/// The first eight characters of an id.
pub(super) fn short(id: &str) -> &str {
    id.char_indices().nth(8).map_or(id, |(at, _)| id.get(..at).unwrap_or(id))
}

/// Scheme and bucket, then the last part: `s3://models/…/model`.
fn short_source(source: &str) -> String {
    let source = clean(source);
    let parts: Vec<&str> = source.split('/').collect();
    match (source.split_once("://"), parts.as_slice()) {
        (Some((scheme, rest)), [.., last]) if parts.len() > 4 => {
            format!("{scheme}://{}/…/{last}", rest.split('/').next().unwrap_or_default())
        }
        (None, [first, _, .., last]) if parts.len() > 3 => format!("{first}/…/{last}"),
        _ => source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::mlflow::wire::Metric;

    fn entry(name: &str, version: &str) -> Entry {
        let version =
            Version { name: name.into(), number: version.into(), status: "READY".into(), ..Version::default() };
        Entry {
            version: Arc::new(version),
            aliases: Some(Vec::new()),
            origin: Origin::None,
            logged: None,
            metrics: [].into(),
        }
    }

    fn run(id: &str, metrics: &[(&str, f64)]) -> Arc<Run> {
        let metrics = metrics
            .iter()
            .map(|(key, value)| Metric { key: (*key).into(), value: *value, at: None, step: 0 })
            .collect();
        Arc::new(Run { id: id.into(), status: "FINISHED".into(), metrics, ..Run::default() })
    }

    fn cell(entry: &Entry, column: &str) -> Value {
        let at = Entry::columns().iter().position(|known| known.head.id == column).unwrap();
        entry.row().cell(at).clone()
    }

    #[test]
    fn aliases_that_are_not_known_yet_are_not_shown_as_none() {
        let mut one = entry("fraud", "7");
        one.aliases = None;
        assert_eq!(cell(&one, "aliases"), Value::state(Health::Idle, "not loaded"));
        one.aliases = Some(vec!["champion".into(), "shadow".into()]);
        assert_eq!(cell(&one, "aliases"), Value::state(Health::Good, "champion, shadow"));
        one.aliases = Some(Vec::new());
        assert!(cell(&one, "aliases").is_none());
    }

    #[test]
    fn a_logged_model_leads_to_its_run_and_has_the_metrics() {
        let mut one = entry("fraud", "3");
        one.logged = Some(Arc::new(Run { made_by: "r1".into(), ..(*run("m-5ced", &[("auc", 0.91)])).clone() }));
        one.origin = Origin::Run(run("r1", &[("auc", 0.5), ("loss", 1.0)]));
        assert_eq!((one.metric("auc"), one.metric("loss")), (Some(0.91), Some(1.0)));
        assert_eq!(one.refs(), vec![Ref::new(RUNS, "r1")]);
        one.origin = Origin::Deleted;
        assert_eq!(cell(&one, "run"), Value::state(Health::Warn, "run deleted"));
    }

    #[test]
    fn the_metrics_that_most_have_get_the_columns_telling_ones_first() {
        let with = |metrics| Entry { origin: Origin::Run(run("r", metrics)), ..entry("a", "1") };
        let entries = [
            with(&[("train_rows", 9.0), ("auc", 0.9), ("val_loss", 0.1), ("zeta", 1.0)]),
            with(&[("train_rows", 9.0), ("auc", f64::NAN), ("val_loss", 0.1)]),
            with(&[("train_rows", 9.0), ("rare", 1.0), ("auc", 0.9)]),
        ];
        let chosen = choose_metrics(entries.iter());
        assert_eq!(chosen.iter().map(|key| &**key).collect::<Vec<_>>(), ["auc", "val_loss", "train_rows"]);
        assert_eq!(heads(&chosen).last().unwrap().id, "metric_train_rows");
    }

    #[test]
    fn digests_and_commits_in_tags_become_references() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let mut one = entry("a", "1");
        let tags = vec![("git_sha".into(), "b675db0c".into()), ("image".into(), format!("registry/x@{digest}"))];
        one.version = Arc::new(Version { tags, ..(*one.version).clone() });
        assert_eq!(one.refs(), vec![Ref::new(COMMITS, "b675db0c"), Ref::new(IMAGES, digest.as_str())]);
    }

    #[test]
    fn sources_are_shortened_in_the_middle() {
        assert_eq!(short_source("mlflow-artifacts:/1/abc/artifacts/model"), "mlflow-artifacts:/…/model");
        assert_eq!(short_source("s3://models/1/abc/artifacts/model"), "s3://models/…/model");
        assert_eq!(short_source("models:/m-5ced"), "models:/m-5ced");
    }
}
