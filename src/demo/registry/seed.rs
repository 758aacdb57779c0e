//! The registry at the world's start: the models behind the story's services, how they came to be, and odd neighbours.

use std::collections::BTreeMap;

use super::models::{MODELS, ModelStory};
use super::{Experiment, Metric, Pairs, RegisteredModel, Registry, Run, Version, set, signature};
use crate::demo::random::{fraction, hash, hex, mix};
use crate::demo::story::SERVICES;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;

const SUBJECTS: [&str; 8] = [
    "train: first model",
    "features: add merchant risk",
    "train: class weights for rare cases",
    "features: velocity window 24h",
    "train: drop leaking column",
    "serving: batch predict endpoint",
    "train: longer history",
    "features: fill missing ages",
];
const PEOPLE: [&str; 4] = ["dana", "lee", "sam", "mira"];

/// The commit from which a model's version was trained; its image carries it as a label.
#[must_use]
pub fn commit(seed: u64, model: &str, version: u32) -> String {
    hex(seed, &format!("commit {model} {version}"), 40)
}

/// The digest of the image that serves a model's version.
#[must_use]
pub fn image_digest(seed: u64, model: &str, version: u32) -> String {
    format!("sha256:{}", hex(seed, &format!("image {model} {version}"), 64))
}

/// The whole registry; `start` is in milliseconds.
pub(super) fn registry(seed: u64, start: i64, scale: usize) -> Registry {
    let mut registry = Registry::default();
    let mut experiments: Vec<&str> = vec!["Default"];
    experiments.extend(MODELS.iter().map(|model| model.experiment));
    experiments.dedup();
    experiments.extend(["empty-experiment", "load-test"]);
    for (number, name) in experiments.iter().enumerate() {
        let team = MODELS.iter().find(|model| model.experiment == *name).map(|model| model.team);
        registry.experiments.push(Experiment {
            id: number.to_string(),
            name: (*name).to_owned(),
            created: start - 200 * DAY + i64::try_from(number).unwrap_or(0) * DAY,
            tags: team.map(|team| ("team".to_owned(), team.to_owned())).into_iter().collect(),
        });
    }
    for story in MODELS {
        let model = model(&mut registry, seed, start, story);
        registry.models.insert(story.name.to_owned(), model);
    }
    registry.models.insert("support-reply".to_owned(), prompt(start));
    odd_runs(&mut registry, seed, start);
    scaled(&mut registry, seed, start, scale);
    registry
}

fn experiment(registry: &Registry, name: &str) -> String {
    registry.experiments.iter().find(|one| one.name == name).map_or_else(|| "0".to_owned(), |one| one.id.clone())
}

/// How long before the start a version was registered, in minutes: half an hour before it was deployed, or some days
/// before the next one.
fn age(story: &ModelStory, version: u32) -> i64 {
    let deployed = SERVICES.iter().filter(|service| service.model == story.name).flat_map(|service| service.revisions);
    let first = deployed.filter(|revision| revision.version == version).map(|revision| revision.age_minutes).max();
    match first {
        Some(minutes) => minutes + 31,
        None if version >= story.newest => 3 * 24 * 60,
        None => age(story, version + 1) + 5 * 24 * 60 + i64::from(version % 3) * 700,
    }
}

fn model(registry: &mut Registry, seed: u64, start: i64, story: &ModelStory) -> RegisteredModel {
    let experiment = experiment(registry, story.experiment);
    let mut model = RegisteredModel {
        name: story.name.to_owned(),
        description: story.description.to_owned(),
        tags: pairs(&[("team", story.team), ("tier", "1")]),
        aliases: story.aliases.iter().map(|(alias, version)| ((*alias).to_owned(), *version)).collect(),
        ..RegisteredModel::default()
    };
    for number in 1..=story.newest {
        let created = start - age(story, number) * MINUTE;
        let run = training(seed, story, number, (&experiment, created));
        let mut version = version(seed, story, number, &run);
        version.created = created;
        version.updated = created + 90_000;
        model.versions.insert(number, version);
        registry.runs.insert(run.id.clone(), run);
    }
    model.created = model.versions.values().next().map_or(start, |first| first.created - MINUTE);
    model.updated = model.versions.values().map(|version| version.updated).max().unwrap_or(start);
    model
}

/// The run that trained a version; it ended shortly before the version was registered.
fn training(seed: u64, story: &ModelStory, number: u32, (experiment, registered): (&str, i64)) -> Run {
    let label = format!("{} {number}", story.name);
    let chance = hash(seed, &label);
    let start = registered - 50 * MINUTE;
    let end = registered - 2 * MINUTE;
    let user = PEOPLE.get(usize::try_from(chance % 4).unwrap_or(0)).copied().unwrap_or("dana");
    let depth = 5 + number % 6;
    let mut run = Run {
        id: hex(seed, &format!("run {label}"), 32),
        experiment: experiment.to_owned(),
        name: format!("train-{}-{number}", story.name),
        user: user.to_owned(),
        status: "FINISHED".to_owned(),
        start,
        end: Some(end),
        params: pairs(&[
            ("learning_rate", &format!("{:.5}", 0.1 / f64::from(number))),
            ("n_estimators", &(150 + 50 * (number % 8)).to_string()),
            ("max_depth", &depth.to_string()),
            ("features", "amount,age,risk,velocity_24h"),
            ("seed", "42"),
        ]),
        metrics: curves(chance, number, start, end),
        tags: pairs(&[
            ("mlflow.source.git.commit", &commit(seed, story.name, number)),
            ("mlflow.source.git.branch", "main"),
            ("mlflow.source.git.repoURL", &format!("https://github.example/acme-ml/{}.git", story.name)),
            ("mlflow.source.name", "train.py"),
            ("mlflow.source.type", "PROJECT"),
            ("mlflow.user", user),
            ("mlflow.runName", &format!("train-{}-{number}", story.name)),
        ]),
        logged: story.name.to_owned(),
        ..Run::default()
    };
    // MLflow 3 keeps models apart from runs; what was registered last is of that kind.
    if number + 1 >= story.newest && story.name != "churn" {
        run.model_id = format!("m-{}", hex(seed, &format!("model {label}"), 32));
    }
    let history = signature::history(&run);
    set(&mut run.tags, "mlflow.log-model.history", &history);
    run
}

/// Sixty steps of three metrics, and one value of a fourth.
fn curves(chance: u64, number: u32, start: i64, end: i64) -> Vec<Metric> {
    const STEPS: i64 = 60;
    let best = 0.90 + 0.004 * f64::from(number.min(18)) + 0.01 * fraction(chance);
    let mut metrics = vec![];
    for (key, from, to) in [("auc", 0.53, best), ("val_loss", 0.63, 1.1 - best), ("accuracy", 0.51, best - 0.02)] {
        for step in 0..STEPS {
            let done = 1.0 - (-(step as f64 + 1.0) / 12.0).exp();
            let noise = 0.004 * (fraction(mix(chance ^ hash(u64::from(number), key) ^ step.unsigned_abs())) - 0.5);
            let value = ((from + (to - from) * done + noise) * 1e6).round() / 1e6;
            metrics.push(Metric { key: key.to_owned(), value, at: start + (end - start) * (step + 1) / STEPS, step });
        }
    }
    let rows = 1_240_000.0 + 10_000.0 * f64::from(number);
    metrics.push(Metric { key: "train_rows".to_owned(), value: rows, at: end, step: 0 });
    metrics
}

fn version(seed: u64, story: &ModelStory, number: u32, run: &Run) -> Version {
    let sha = commit(seed, story.name, number);
    let subject = SUBJECTS.get(number as usize % SUBJECTS.len()).copied().unwrap_or("train");
    let champion = story.aliases.iter().find(|(alias, _)| *alias == "champion").map_or(0, |(_, version)| *version);
    let stage = match number {
        _ if number == champion => "Production",
        _ if number > champion => "None",
        _ if number + 2 >= champion => "Archived",
        _ => "None",
    };
    let source = if run.model_id.is_empty() {
        format!("mlflow-artifacts:/{}/{}/artifacts/model", run.experiment, run.id)
    } else {
        format!("models:/{}", run.model_id)
    };
    let validation = if number > champion { "pending" } else { "passed" };
    Version {
        number,
        stage: stage.to_owned(),
        description: format!("Trained from {} ({subject}).", sha.chars().take(7).collect::<String>()),
        source,
        run: run.id.clone(),
        model_id: run.model_id.clone(),
        tags: pairs(&[
            ("validation_status", validation),
            ("git_sha", &sha),
            ("image_digest", &image_digest(seed, story.name, number)),
            ("storage_uri", &format!("s3://acme-models/{}/{number}", story.name)),
        ]),
        ..Version::default()
    }
}

/// A prompt: in the models' table, and not among the models.
fn prompt(start: i64) -> RegisteredModel {
    let created = start - 12 * DAY;
    let version = Version {
        number: 1,
        created,
        updated: created,
        stage: "None".to_owned(),
        description: "First wording.".to_owned(),
        source: "dummy-source".to_owned(),
        tags: pairs(&[("mlflow.prompt.is_prompt", "true"), ("mlflow.prompt.text", "Answer {{ question }} kindly.")]),
        ..Version::default()
    };
    RegisteredModel {
        name: "support-reply".to_owned(),
        created,
        updated: created,
        tags: pairs(&[("mlflow.prompt.is_prompt", "true")]),
        versions: BTreeMap::from([(1, version)]),
        ..RegisteredModel::default()
    }
}

/// A run that failed with NaN, one that runs, one that was deleted, and a sweep of eight.
fn odd_runs(registry: &mut Registry, seed: u64, start: i64) {
    let experiment = experiment(registry, "fraud-detection-training");
    let run = |name: &str, user: &str, status: &str, begin: i64| Run {
        id: hex(seed, &format!("run {name}"), 32),
        experiment: experiment.clone(),
        name: name.to_owned(),
        user: user.to_owned(),
        status: status.to_owned(),
        start: begin,
        tags: pairs(&[
            ("mlflow.source.git.commit", &commit(seed, "fraud-detection", 13)),
            ("mlflow.user", user),
            ("mlflow.source.name", "train.py"),
            ("mlflow.runName", name),
        ]),
        ..Run::default()
    };
    let metric = |key: &str, value: f64, at: i64, step: i64| Metric { key: key.to_owned(), value, at, step };

    let begin = start - 3 * 60 * MINUTE;
    let mut failed = run("train-fraud-detection-oom", "lee", "FAILED", begin);
    failed.end = Some(begin + 4000);
    failed.params = pairs(&[("learning_rate", "5")]);
    failed.metrics = [0.9, 2.4, f64::NAN]
        .into_iter()
        .zip(0..)
        .map(|(value, step)| metric("val_loss", value, begin + 1000 * (step + 1), step))
        .collect();
    // The SQL store keeps infinities as the largest numbers.
    failed.metrics.push(metric("grad_norm", f64::MAX, begin + 3000, 2));
    failed.metrics.push(metric("grad_floor", f64::MIN, begin + 3000, 2));
    set(&mut failed.tags, "mlflow.note.content", "Killed: out of memory at epoch 3");
    set(&mut failed.tags, "failure", "oom");

    let begin = start - 9 * MINUTE;
    let mut running = run("train-fraud-detection-live", "sam", "RUNNING", begin);
    running.metrics =
        (0..20).map(|step| metric("val_loss", 0.63 - 0.012 * step as f64, begin + 25_000 * (step + 1), step)).collect();

    let begin = start - 30 * DAY;
    let mut deleted = run("mistake", "sam", "FINISHED", begin);
    deleted.end = Some(begin + 1000);
    deleted.deleted = true;

    let begin = start - 2 * DAY;
    let mut parent = run("sweep-depth", "dana", "FINISHED", begin);
    parent.end = Some(begin + 10 * MINUTE);
    let children: Vec<Run> = (0..8_i64)
        .map(|index| {
            let mut child = run(
                &format!("sweep-depth-{index}"),
                "dana",
                if index == 7 { "KILLED" } else { "FINISHED" },
                begin + MINUTE * index,
            );
            child.end = Some(child.start + MINUTE);
            child.params = pairs(&[("max_depth", &(3 + index).to_string())]);
            child.metrics = vec![metric("auc", 0.9 + 0.001 * index as f64, child.start, 0)];
            set(&mut child.tags, "mlflow.parentRunId", &parent.id);
            child
        })
        .collect();
    for run in [failed, running, deleted, parent].into_iter().chain(children) {
        registry.runs.insert(run.id.clone(), run);
    }
}

/// Many models of up to 50 versions each.
fn scaled(registry: &mut Registry, seed: u64, start: i64, scale: usize) {
    let experiment = experiment(registry, "load-test");
    for index in 0..scale {
        let (of, number) = (index / 50, u32::try_from(index % 50).unwrap_or(0) + 1);
        let name = format!("load-{of:04}");
        let created = start - 90 * DAY + i64::try_from(index % 100_000).unwrap_or(0) * MINUTE;
        let sha = commit(seed, &name, number);
        let run = Run {
            id: hex(seed, &format!("run {name} {number}"), 32),
            experiment: experiment.clone(),
            name: format!("train-{name}-{number}"),
            user: "load".to_owned(),
            status: "FINISHED".to_owned(),
            start: created - 10 * MINUTE,
            end: Some(created - MINUTE),
            params: pairs(&[("max_depth", "6")]),
            metrics: vec![Metric { key: "auc".to_owned(), value: 0.9, at: created - MINUTE, step: 0 }],
            tags: pairs(&[("mlflow.source.git.commit", &sha), ("mlflow.user", "load")]),
            logged: name.clone(),
            ..Run::default()
        };
        let version = Version {
            number,
            created,
            updated: created,
            stage: "None".to_owned(),
            source: format!("mlflow-artifacts:/{experiment}/{}/artifacts/model", run.id),
            run: run.id.clone(),
            tags: pairs(&[("git_sha", &sha)]),
            ..Version::default()
        };
        let model = registry.models.entry(name.clone()).or_insert_with(|| RegisteredModel {
            name,
            created,
            aliases: BTreeMap::from([("champion".to_owned(), 1)]),
            ..RegisteredModel::default()
        });
        model.updated = created;
        model.versions.insert(number, version);
        registry.runs.insert(run.id.clone(), run);
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Pairs {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}
