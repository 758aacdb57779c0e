//! The registered models, their versions and runs: the data that the MLflow server shows.
//!
//! Here belong the state and what changes it. How requests and answers look is [`crate::demo::serve::mlflow`]'s affair.

mod models;
mod seed;
mod signature;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

pub use seed::{commit, image_digest};
pub use signature::{input_example, mlmodel};

/// Keys and values in the order in which they were set.
pub type Pairs = Vec<(String, String)>;

/// The model registry and the tracking store.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// Experiments, oldest first.
    pub experiments: Vec<Experiment>,
    /// Runs by id.
    pub runs: BTreeMap<String, Run>,
    /// Registered models (and prompts) by name.
    pub models: BTreeMap<String, RegisteredModel>,
    /// What was changed since the start, and when: for tests that ask whether a write arrived.
    pub changes: Vec<(DateTime<Utc>, String)>,
}

/// One experiment. Times are milliseconds since the epoch.
#[derive(Debug, Clone, Default)]
pub struct Experiment {
    /// Its id: a number as text.
    pub id: String,
    /// Its name.
    pub name: String,
    /// When it was made and changed.
    pub created: i64,
    /// Its tags.
    pub tags: Pairs,
}

/// One run. Times are milliseconds since the epoch.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// Its id, 32 hexadecimal digits.
    pub id: String,
    /// Its experiment's id.
    pub experiment: String,
    /// Its name.
    pub name: String,
    /// Who started it.
    pub user: String,
    /// `RUNNING`, `SCHEDULED`, `FINISHED`, `FAILED` or `KILLED`.
    pub status: String,
    /// When it began.
    pub start: i64,
    /// When it ended.
    pub end: Option<i64>,
    /// Whether it was deleted.
    pub deleted: bool,
    /// Its parameters.
    pub params: Pairs,
    /// Every value of every metric, in the order in which they were logged.
    pub metrics: Vec<Metric>,
    /// Its tags.
    pub tags: Pairs,
    /// The registered model whose kind of model it logged; empty for none.
    pub logged: String,
    /// The logged model's id (MLflow 3); empty where the model is the run's own artifact (`model/`).
    pub model_id: String,
}

/// One value of a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// The metric's name.
    pub key: String,
    /// Its value; may be NaN.
    pub value: f64,
    /// When it was logged, in milliseconds since the epoch.
    pub at: i64,
    /// At which step.
    pub step: i64,
}

/// One registered model. Times are milliseconds since the epoch.
#[derive(Debug, Clone, Default)]
pub struct RegisteredModel {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created: i64,
    /// When it was changed last.
    pub updated: i64,
    /// May be empty.
    pub description: String,
    /// Its tags.
    pub tags: Pairs,
    /// Alias to version.
    pub aliases: BTreeMap<String, u32>,
    /// Its versions by number.
    pub versions: BTreeMap<u32, Version>,
}

/// One version of a registered model. Times are milliseconds since the epoch.
#[derive(Debug, Clone, Default)]
pub struct Version {
    /// Its number.
    pub number: u32,
    /// When it was made.
    pub created: i64,
    /// When it was changed last.
    pub updated: i64,
    /// `None`, `Staging`, `Production` or `Archived`.
    pub stage: String,
    /// May be empty.
    pub description: String,
    /// Where its files are.
    pub source: String,
    /// The run that made it; may be empty.
    pub run: String,
    /// A link to that run; may be empty.
    pub run_link: String,
    /// The logged model's id (MLflow 3); empty for a model that a run logged as its artifact.
    pub model_id: String,
    /// Its tags.
    pub tags: Pairs,
}

impl RegisteredModel {
    /// Whether it is a prompt, which lives in the same table and is shown only when asked for.
    #[must_use]
    pub fn is_prompt(&self) -> bool {
        get(&self.tags, "mlflow.prompt.is_prompt").is_some_and(|value| value == "true")
    }

    /// The aliases of one version, sorted.
    #[must_use]
    pub fn aliases_of(&self, version: u32) -> Vec<&str> {
        self.aliases.iter().filter(|(_, of)| **of == version).map(|(alias, _)| alias.as_str()).collect()
    }

    /// The newest version of each stage, by number.
    #[must_use]
    pub fn latest(&self) -> Vec<&Version> {
        let mut latest: BTreeMap<&str, &Version> = BTreeMap::new();
        for version in self.versions.values() {
            latest.insert(&version.stage, version);
        }
        let mut latest: Vec<&Version> = latest.into_values().collect();
        latest.sort_by_key(|version| version.number);
        latest
    }
}

impl Run {
    /// The last value of each metric: that of the largest step, then of the newest time.
    #[must_use]
    pub fn last_metrics(&self) -> Vec<&Metric> {
        let mut last: Vec<&Metric> = vec![];
        for metric in &self.metrics {
            match last.iter_mut().find(|known| known.key == metric.key) {
                Some(known) if (metric.step, metric.at) >= (known.step, known.at) => *known = metric,
                Some(_) => {}
                None => last.push(metric),
            }
        }
        last
    }

    /// The last value of one metric.
    #[must_use]
    pub fn last_metric(&self, key: &str) -> Option<f64> {
        let of_key = self.metrics.iter().filter(|metric| metric.key == key);
        of_key.max_by_key(|metric| (metric.step, metric.at)).map(|metric| metric.value)
    }
}

impl Registry {
    /// The registry as the story has it at `start`; `scale` adds that many versions.
    #[must_use]
    pub fn seeded(seed: u64, start: DateTime<Utc>, scale: usize) -> Self {
        seed::registry(seed, start.timestamp_millis(), scale)
    }

    /// One version of a model.
    #[must_use]
    pub fn version(&self, model: &str, version: u32) -> Option<&Version> {
        self.models.get(model)?.versions.get(&version)
    }

    /// Notes a change.
    pub fn note(&mut self, at: DateTime<Utc>, what: impl Into<String>) {
        self.changes.push((at, what.into()));
    }
}

/// The value of a key.
#[must_use]
pub fn get<'a>(pairs: &'a Pairs, key: &str) -> Option<&'a str> {
    pairs.iter().find(|(known, _)| known == key).map(|(_, value)| value.as_str())
}

/// Sets a key, where it stands or at the end.
pub fn set(pairs: &mut Pairs, key: &str, value: &str) {
    match pairs.iter_mut().find(|(known, _)| known == key) {
        Some((_, known)) => value.clone_into(known),
        None => pairs.push((key.to_owned(), value.to_owned())),
    }
}

/// Takes a key away, if it is there.
pub fn unset(pairs: &mut Pairs, key: &str) {
    pairs.retain(|(known, _)| known != key);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn registry(scale: usize) -> Registry {
        Registry::seeded(1, DateTime::from_timestamp(1_790_000_000, 0).unwrap(), scale)
    }

    #[test]
    fn the_champion_of_fraud_detection_is_12_and_its_challenger_13() {
        let registry = registry(0);
        let model = &registry.models["fraud-detection"];
        assert_eq!(model.aliases["champion"], 12);
        assert_eq!(model.aliases["challenger"], 13);
        assert_eq!(model.aliases_of(12), ["champion"]);
    }

    #[test]
    fn every_version_names_a_run_that_there_is_and_its_commit() {
        let registry = registry(0);
        for model in registry.models.values().filter(|model| !model.is_prompt()) {
            for version in model.versions.values() {
                let run = &registry.runs[&version.run];
                assert_eq!(get(&run.tags, "mlflow.source.git.commit"), get(&version.tags, "git_sha"));
                assert!(run.start < version.created, "{} {}", model.name, version.number);
            }
        }
    }

    #[test]
    fn scale_adds_as_many_versions() {
        let count = |registry: &Registry| registry.models.values().map(|model| model.versions.len()).sum::<usize>();
        assert_eq!(count(&registry(250)), count(&registry(0)) + 250);
    }

    #[test]
    fn the_last_value_of_a_metric_is_that_of_the_largest_step() {
        let metric = |value, at, step| Metric { key: "auc".into(), value, at, step };
        let run = Run { metrics: vec![metric(0.1, 5, 0), metric(0.3, 3, 2), metric(0.2, 9, 1)], ..Run::default() };
        assert_eq!(run.last_metric("auc"), Some(0.3));
        assert_eq!(run.last_metrics().len(), 1);
    }
}
