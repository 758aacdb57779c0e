//! Runs and their metrics.

use serde_json::{Map, Value as Json, json};

use super::fields::{Fields, Wrong, token};
use super::filter::{Cell, Entity, Filter, Grammar, Searched};
use super::search::{found, orders, page};
use super::shape;
use crate::demo::random::hex;
use crate::demo::registry::{Metric, Run, get, set, unset};
use crate::demo::world::World;

const GRAMMAR: Grammar = Grammar {
    attributes: &[
        "run_name",
        "created",
        "Created",
        "end_time",
        "status",
        "artifact_uri",
        "start_time",
        "user_id",
        "run_id",
    ],
    numeric: &["created", "Created", "start_time", "end_time"],
    run: true,
};

impl Searched for &Run {
    fn cell(&self, entity: Entity, key: &str) -> Option<Cell> {
        let text = |text: &str| Some(Cell::Text(text.to_owned()));
        match (entity, key) {
            (Entity::Metric, key) => self.last_metric(key).map(Cell::Number),
            (Entity::Param, key) => get(&self.params, key).and_then(text),
            (Entity::Tag, key) => get(&self.tags, key).and_then(text),
            (Entity::Attribute, "run_name") => text(&self.name),
            (Entity::Attribute, "run_id") => text(&self.id),
            (Entity::Attribute, "status") => text(&self.status),
            (Entity::Attribute, "user_id") => text(&self.user),
            (Entity::Attribute, "artifact_uri") => text(&shape::artifact_root(self)),
            (Entity::Attribute, "end_time") => self.end.map(|end| Cell::Number(end as f64)),
            (Entity::Attribute, _) => Some(Cell::Number(self.start as f64)),
        }
    }
}

fn run_missing(id: &str) -> Wrong {
    Wrong::missing(format!("Run with id={id} not found"))
}

/// `runs/search`: newest first; no or unknown experiments give nothing.
pub(super) fn search(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let limit = fields.limit(1000, 50_000)?;
    let filter = Filter::read(fields.text("filter")?.unwrap_or(""), &GRAMMAR)?;
    let orders = orders(fields, &GRAMMAR)?;
    let experiments = fields.texts("experiment_ids");
    let view = fields.text("run_view_type")?.unwrap_or("ACTIVE_ONLY");
    world.registry(|registry| {
        let seen = |run: &&Run| match view {
            "ALL" => true,
            "DELETED_ONLY" => run.deleted,
            _ => !run.deleted,
        };
        let all = registry.runs.values().filter(seen).filter(|run| experiments.contains(&run.experiment.as_str()));
        let rows = found(all, &filter, &orders, |a, b| b.start.cmp(&a.start).then_with(|| a.id.cmp(&b.id)));
        page((fields, limit), "runs", rows, shape::run)
    })
}

/// The run's id under either of its names.
pub(super) fn run_id(fields: &Fields) -> Result<&str, Wrong> {
    match fields.text("run_id")?.or(fields.text("run_uuid")?) {
        Some(id) if !id.is_empty() => Ok(id),
        _ => fields.required("run_id"),
    }
}

/// `runs/get`.
pub(super) fn by_id(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let id = run_id(fields)?;
    let run = world.registry(|registry| registry.runs.get(id).map(shape::run));
    Ok(json!({ "run": run.ok_or_else(|| run_missing(id))? }))
}

/// `runs/create`.
pub(super) fn create(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let experiment = fields.text("experiment_id")?.filter(|id| !id.is_empty()).unwrap_or("0");
    let (user, mut tags) = (fields.text("user_id")?.unwrap_or(""), fields.pairs("tags")?);
    let (name, start) = (fields.text("run_name")?.unwrap_or(""), fields.integer("start_time")?);
    world.change_registry(|registry, now| {
        if !registry.experiments.iter().any(|one| one.id == experiment) {
            return Err(Wrong::missing(format!("No Experiment with id={experiment} exists")));
        }
        let id = hex(world.seed(), &format!("new run {} {}", registry.runs.len(), now.timestamp_millis()), 32);
        let named = get(&tags, "mlflow.runName").map(str::to_owned).filter(|_| name.is_empty());
        let name = named.unwrap_or_else(|| {
            if name.is_empty() { format!("run-{}", id.get(..6).unwrap_or("")) } else { name.to_owned() }
        });
        set(&mut tags, "mlflow.runName", &name);
        let run = Run {
            id: id.clone(),
            experiment: experiment.to_owned(),
            name,
            user: user.to_owned(),
            status: "RUNNING".to_owned(),
            start: start.unwrap_or_else(|| now.timestamp_millis()),
            tags,
            ..Run::default()
        };
        let shown = shape::run(&run);
        registry.runs.insert(id.clone(), run);
        registry.note(now, format!("create run {id}"));
        Ok(json!({ "run": shown }))
    })
}

fn change(
    world: &World,
    fields: &Fields,
    what: &str,
    work: impl FnOnce(&mut Run, i64) -> Result<Json, Wrong>,
) -> Result<Json, Wrong> {
    let id = run_id(fields)?;
    world.change_registry(|registry, now| {
        let answer = work(registry.runs.get_mut(id).ok_or_else(|| run_missing(id))?, now.timestamp_millis())?;
        registry.note(now, format!("{what} {id}"));
        Ok(answer)
    })
}

/// `runs/update`; a status that MLflow does not know changes nothing.
pub(super) fn update(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    const STATUSES: [&str; 5] = ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"];
    let status = fields.text("status")?.filter(|status| STATUSES.contains(status)).map(str::to_owned);
    let (end, name) = (fields.integer("end_time")?, fields.text("run_name")?.unwrap_or("").to_owned());
    change(world, fields, "update run", |run, _| {
        run.status = status.unwrap_or_else(|| run.status.clone());
        run.end = end.or(run.end);
        if !name.is_empty() {
            set(&mut run.tags, "mlflow.runName", &name);
            run.name = name;
        }
        Ok(json!({ "run_info": shape::run_info(run) }))
    })
}

/// `runs/delete`.
pub(super) fn delete(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    change(world, fields, "delete run", |run, _| {
        run.deleted = true;
        Ok(json!({}))
    })
}

/// `runs/restore`.
pub(super) fn restore(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    change(world, fields, "restore run", |run, _| {
        run.deleted = false;
        Ok(json!({}))
    })
}

/// `runs/set-tag`.
pub(super) fn set_tag(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let (key, value) = (fields.required("key")?, fields.text("value")?.unwrap_or(""));
    change(world, fields, &format!("tag {key}={value}"), |run, _| {
        set(&mut run.tags, key, value);
        Ok(json!({}))
    })
}

/// `runs/delete-tag`.
pub(super) fn delete_tag(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let key = fields.required("key")?;
    change(world, fields, &format!("untag {key}"), |run, _| {
        if get(&run.tags, key).is_none() {
            return Err(Wrong::missing(format!("No tag with name: {key} in run with id {}", run.id)));
        }
        unset(&mut run.tags, key);
        Ok(json!({}))
    })
}

fn param(run: &mut Run, key: &str, value: &str) -> Result<(), Wrong> {
    match get(&run.params, key) {
        Some(known) if known != value => Err(Wrong::invalid(format!(
            "Changing param values is not allowed. Param with key='{key}' was already logged with value='{known}' for run \
             ID='{}'. Attempted logging new value '{value}'.",
            run.id
        ))),
        _ => {
            set(&mut run.params, key, value);
            Ok(())
        }
    }
}

/// `runs/log-parameter`.
pub(super) fn log_parameter(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let (key, value) = (fields.required("key")?, fields.text("value")?.unwrap_or(""));
    change(world, fields, "log parameter", |run, _| param(run, key, value).map(|()| json!({})))
}

fn metric(fields: &Fields) -> Result<Metric, Wrong> {
    Ok(Metric {
        key: fields.required("key")?.to_owned(),
        value: fields.number("value")?,
        at: fields.integer("timestamp")?.unwrap_or(0),
        step: fields.integer("step")?.unwrap_or(0),
    })
}

/// `runs/log-metric`.
pub(super) fn log_metric(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let metric = metric(fields)?;
    change(world, fields, "log metric", |run, _| {
        run.metrics.push(metric);
        Ok(json!({}))
    })
}

/// `runs/log-batch`.
pub(super) fn log_batch(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let metrics = fields.objects("metrics").iter().map(metric).collect::<Result<Vec<_>, _>>()?;
    let (params, tags) = (fields.pairs("params")?, fields.pairs("tags")?);
    for (what, count, most) in
        [("metrics", metrics.len(), 1000), ("params", params.len(), 100), ("tags", tags.len(), 100)]
    {
        if count > most {
            return Err(Wrong::invalid(format!(
                "A batch logging request can contain at most {most} {what}. Got {count} {what}. Please split up {what} across \
                 multiple requests and try again."
            )));
        }
    }
    change(world, fields, "log batch", |run, _| {
        for (key, value) in &params {
            param(run, key, value)?;
        }
        for (key, value) in &tags {
            set(&mut run.tags, key, value);
        }
        run.metrics.extend(metrics);
        Ok(json!({}))
    })
}

/// `metrics/get-history`: all of it, unless `max_results` is given; a missing run or key gives nothing.
pub(super) fn history(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let id = run_id(fields)?;
    let key = fields.required("metric_key")?;
    let limit = fields.integer("max_results")?.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    let offset = fields.offset()?;
    let all = values(world, id, key);
    let limit = limit.unwrap_or(usize::MAX);
    let shown: Vec<Json> = all.iter().skip(offset).take(limit).map(shape::metric).collect();
    let mut out = Map::new();
    if !shown.is_empty() {
        out.insert("metrics".to_owned(), Json::Array(shown));
    }
    if all.len() > offset.saturating_add(limit) {
        out.insert("next_page_token".to_owned(), json!(token(offset + limit)));
    }
    Ok(Json::Object(out))
}

/// A metric's values by time, then by step.
fn values(world: &World, id: &str, key: &str) -> Vec<Metric> {
    world.registry(|registry| {
        let run = registry.runs.get(id);
        let of_key = run.into_iter().flat_map(|run| &run.metrics).filter(|metric| metric.key == key);
        let mut values: Vec<Metric> = of_key.cloned().collect();
        values.sort_by_key(|metric| (metric.at, metric.step));
        values
    })
}

/// `metrics/get-history-bulk-interval`: so many points of each run, evenly chosen, the last one among them.
pub(super) fn history_interval(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let key = fields.required("metric_key")?;
    let limit = fields.integer("max_results")?.unwrap_or(2500);
    if !(1..=2500).contains(&limit) {
        return Err(Wrong::invalid("max_results must be between 1 and 2500."));
    }
    let limit = usize::try_from(limit).unwrap_or(1);
    let (from, to) = (fields.integer("start_step")?, fields.integer("end_step")?);
    let runs = fields.texts("run_ids");
    if runs.is_empty() {
        return Err(Wrong::invalid("GetMetricHistoryBulkInterval request must specify at least one run_id."));
    }
    let mut out: Vec<Json> = vec![];
    for id in runs.into_iter().take(100) {
        let mut all = values(world, id, key);
        all.retain(|metric| from.is_none_or(|from| metric.step >= from) && to.is_none_or(|to| metric.step <= to));
        let last = all.len().saturating_sub(1);
        let stride = all.len().div_ceil(limit).max(1);
        let chosen = all.iter().enumerate().filter(|(index, _)| index % stride == 0 || *index == last);
        out.extend(chosen.map(|(_, metric)| {
            let mut shown = shape::metric(metric);
            if let Some(fields) = shown.as_object_mut() {
                fields.insert("run_id".to_owned(), json!(id));
            }
            shown
        }));
    }
    Ok(if out.is_empty() { json!({}) } else { json!({ "metrics": out }) })
}
