//! How runs, models, versions and experiments are written in JSON: fields in MLflow's order, empty ones left out.

use serde_json::{Map, Value as Json, json};

use crate::demo::registry::{Experiment, Metric, Pairs, RegisteredModel, Run, Version};

/// An object without the fields that are null.
fn object(fields: Vec<(&str, Json)>) -> Json {
    let there = fields.into_iter().filter(|(_, value)| !value.is_null());
    Json::Object(there.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}

fn text(text: &str) -> Json {
    if text.is_empty() { Json::Null } else { json!(text) }
}

/// A list, or null when it is empty.
pub(super) fn list(values: Vec<Json>) -> Json {
    if values.is_empty() { Json::Null } else { Json::Array(values) }
}

fn pairs(pairs: &Pairs) -> Json {
    list(pairs.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect())
}

fn number(value: f64) -> Json {
    if value.is_nan() { json!("NaN") } else { json!(value) }
}

/// One value of a metric.
pub(super) fn metric(metric: &Metric) -> Json {
    json!({ "key": metric.key, "value": number(metric.value), "timestamp": metric.at, "step": metric.step })
}

/// An experiment.
pub(super) fn experiment(one: &Experiment) -> Json {
    object(vec![
        ("experiment_id", json!(one.id)),
        ("name", json!(one.name)),
        ("artifact_location", json!(format!("mlflow-artifacts:/{}", one.id))),
        ("lifecycle_stage", json!("active")),
        ("last_update_time", json!(one.created)),
        ("creation_time", json!(one.created)),
        ("tags", pairs(&one.tags)),
        ("workspace", json!("default")),
    ])
}

/// `info` of a run.
pub(super) fn run_info(run: &Run) -> Json {
    object(vec![
        ("run_uuid", json!(run.id)),
        ("experiment_id", json!(run.experiment)),
        ("run_name", json!(run.name)),
        ("user_id", json!(run.user)),
        ("status", json!(run.status)),
        ("start_time", json!(run.start)),
        ("end_time", run.end.map_or(Json::Null, |end| json!(end))),
        ("artifact_uri", json!(artifact_root(run))),
        ("lifecycle_stage", json!(if run.deleted { "deleted" } else { "active" })),
        ("run_id", json!(run.id)),
    ])
}

/// Where a run's files are.
pub(super) fn artifact_root(run: &Run) -> String {
    format!("mlflow-artifacts:/{}/{}/artifacts", run.experiment, run.id)
}

/// A whole run.
pub(super) fn run(run: &Run) -> Json {
    let data = object(vec![
        ("metrics", list(run.last_metrics().into_iter().map(metric).collect())),
        ("params", pairs(&run.params)),
        ("tags", pairs(&run.tags)),
    ]);
    json!({ "info": run_info(run), "data": data, "inputs": {}, "outputs": {} })
}

/// A version; the aliases are shown only where MLflow shows them.
pub(super) fn version(model: &RegisteredModel, version: &Version, aliases: bool) -> Json {
    let named = if aliases { model.aliases_of(version.number) } else { vec![] };
    object(vec![
        ("name", json!(model.name)),
        ("version", json!(version.number.to_string())),
        ("creation_timestamp", json!(version.created)),
        ("last_updated_timestamp", json!(version.updated)),
        ("current_stage", json!(version.stage)),
        ("description", text(&version.description)),
        ("source", json!(version.source)),
        ("run_id", json!(version.run)),
        ("status", json!("READY")),
        ("tags", pairs(&version.tags)),
        ("run_link", json!(version.run_link)),
        ("aliases", list(named.into_iter().map(|alias| json!(alias)).collect())),
        ("model_id", text(&version.model_id)),
    ])
}

/// A registered model; `whole` with its latest versions, tags and aliases.
pub(super) fn model(model: &RegisteredModel) -> Json {
    let aliases = model.aliases.iter().map(|(alias, of)| json!({ "alias": alias, "version": of.to_string() }));
    object(vec![
        ("name", json!(model.name)),
        ("creation_timestamp", json!(model.created)),
        ("last_updated_timestamp", json!(model.updated)),
        ("description", text(&model.description)),
        ("latest_versions", list(model.latest().into_iter().map(|one| version(model, one, false)).collect())),
        ("tags", pairs(&model.tags)),
        ("aliases", list(aliases.collect())),
    ])
}
