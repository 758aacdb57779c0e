//! Files of runs and of logged models: few, small, and made from the registry.

use http::{HeaderValue, StatusCode, header};
use serde_json::{Value as Json, json};

use super::fields::{Fields, Wrong};
use super::filter::{Cell, Entity, Filter, Grammar, Searched};
use super::runs::run_id;
use super::search::{found, page};
use super::shape::artifact_root;
use crate::demo::registry::{Registry, Run, input_example, mlmodel};
use crate::demo::serve::{Answer, text};
use crate::demo::world::World;

/// Path and text of each file of the model that a run logged.
fn model_files(run: &Run) -> Vec<(String, String)> {
    let files = [
        ("MLmodel", mlmodel(run)),
        ("python_env.yaml", "python: 3.12.8\ndependencies:\n- -r requirements.txt\n".to_owned()),
        ("requirements.txt", "mlflow==3.17.2\nscikit-learn==1.9.0\n".to_owned()),
    ];
    let example = input_example(&run.logged).into_iter().flat_map(|rows| {
        [("input_example.json", rows.to_owned()), ("serving_input_example.json", format!("{{\"inputs\": {rows}}}"))]
    });
    files.into_iter().chain(example).map(|(path, text)| (path.to_owned(), text)).collect()
}

/// Path and text of each file of a run; a logged model's files are not among them.
fn files(run: &Run) -> Vec<(String, String)> {
    if run.logged.is_empty() {
        return vec![];
    }
    let model = if run.model_id.is_empty() { model_files(run) } else { vec![] };
    let model = model.into_iter().map(|(path, text)| (format!("model/{path}"), text));
    model.chain([("report/summary.txt".to_owned(), format!("Run {} of {}.\n", run.name, run.user))]).collect()
}

/// The direct members of a folder, as MLflow lists them; paths begin at the root.
fn listing(files: &[(String, usize)], folder: &str) -> Vec<Json> {
    let prefix = if folder.is_empty() { String::new() } else { format!("{}/", folder.trim_end_matches('/')) };
    let mut folders: Vec<String> = vec![];
    let mut out = vec![];
    for (path, size) in files {
        let Some(rest) = path.strip_prefix(&prefix) else { continue };
        match rest.split_once('/') {
            None => out.push(json!({ "path": path, "is_dir": false, "file_size": size })),
            Some((name, _)) => {
                let path = format!("{prefix}{name}");
                if !folders.contains(&path) {
                    out.push(json!({ "path": path, "is_dir": true }));
                    folders.push(path);
                }
            }
        }
    }
    out
}

fn safe(path: &str) -> Result<&str, Wrong> {
    if path.starts_with('/') || path.split('/').any(|part| part == "..") {
        return Err(Wrong::invalid("Invalid path"));
    }
    Ok(path)
}

fn sizes(run: &Run) -> Vec<(String, usize)> {
    files(run).into_iter().map(|(path, text)| (path, text.len())).collect()
}

/// `artifacts/list`.
pub(super) fn of_run(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let id = run_id(fields)?;
    let folder = safe(fields.text("path")?.unwrap_or(""))?;
    world.registry(|registry| {
        let run = registry.runs.get(id).ok_or_else(|| Wrong::missing(format!("Run with id={id} not found")))?;
        let files = listing(&sizes(run), folder);
        let mut out = json!({ "root_uri": artifact_root(run) });
        if let (Json::Object(out), false) = (&mut out, files.is_empty()) {
            out.insert("files".to_owned(), Json::Array(files));
        }
        Ok(out)
    })
}

/// `/get-artifact?run_uuid=&path=`.
pub(super) fn download(world: &World, fields: &Fields) -> Result<Answer, Wrong> {
    let id = run_id(fields)?;
    let path = safe(fields.required("path")?)?;
    let found = world.registry(|registry| {
        let run = registry.runs.get(id).ok_or_else(|| Wrong::missing(format!("Run with id={id} not found")))?;
        Ok::<_, Wrong>(files(run).into_iter().find(|(known, _)| *known == path))
    })?;
    let (_, body) = found.ok_or_else(|| no_file(path))?;
    Ok(attachment(path, body))
}

/// `/model-versions/get-artifact?name=&version=&path=`: a file of a version, by its path within the version's folder.
pub(super) fn of_version(world: &World, fields: &Fields) -> Result<Answer, Wrong> {
    let (name, number) = (fields.required("name")?, fields.required("version")?);
    let path = safe(fields.required("path")?)?;
    let missing = || Wrong::missing(format!("Model Version (name={name}, version={number}) not found"));
    let found = world.registry(|registry| {
        let version = number.parse().ok().and_then(|number| registry.version(name, number)).ok_or_else(missing)?;
        let run = registry.runs.get(&version.run).ok_or_else(|| no_file(path))?;
        Ok::<_, Wrong>(model_files(run).into_iter().find(|(known, _)| *known == path))
    })?;
    let (_, body) = found.ok_or_else(|| no_file(path))?;
    Ok(attachment(path, body))
}

fn no_file(path: &str) -> Wrong {
    Wrong::missing(format!("No such artifact: '{path}'"))
}

fn attachment(path: &str, body: String) -> Answer {
    let mut answer = text(StatusCode::OK, "text/plain", body);
    let name = path.rsplit('/').next().unwrap_or(path);
    if let Ok(value) = HeaderValue::from_str(&format!("attachment; filename={name}")) {
        answer.headers_mut().insert(header::CONTENT_DISPOSITION, value);
    }
    answer
}

/// `/api/2.0/mlflow-artifacts/artifacts[/<path>]`: the proxied store, where clients download from.
///
/// Paths are `<experiment>/<run>/artifacts/…`, and `<experiment>/models/<model id>/artifacts/…`.
pub(super) fn proxied(world: &World, path: &str, fields: &Fields) -> Result<Answer, Wrong> {
    let listed = path.is_empty();
    let path = safe(if listed { fields.text("path")?.unwrap_or("") } else { path })?;
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let (files, rest) = world.registry(|registry| match parts.as_slice() {
        [_, "models", id, "artifacts", rest @ ..] => Ok((of_model(registry, id)?, rest.join("/"))),
        [_, run, "artifacts", rest @ ..] => {
            let run = registry.runs.get(*run).ok_or_else(|| no_file(path))?;
            Ok((files(run), rest.join("/")))
        }
        _ => Err(no_file(path)),
    })?;
    if listed {
        let sizes: Vec<(String, usize)> = files.iter().map(|(path, text)| (path.clone(), text.len())).collect();
        let mut shown = listing(&sizes, &rest);
        // The store lists the members of a folder by their own names.
        for file in &mut shown {
            let name =
                file.get("path").and_then(Json::as_str).and_then(|path| path.rsplit('/').next()).map(str::to_owned);
            if let (Some(fields), Some(name)) = (file.as_object_mut(), name) {
                fields.insert("path".to_owned(), json!(name));
            }
        }
        return Ok(crate::demo::serve::json(StatusCode::OK, &json!({ "files": shown })));
    }
    let (path, body) = files.into_iter().find(|(known, _)| *known == rest).ok_or_else(|| no_file(path))?;
    Ok(attachment(&path, body))
}

/// The files of a logged model.
fn of_model(registry: &Registry, id: &str) -> Result<Vec<(String, String)>, Wrong> {
    run_of(registry, id).map(model_files)
}

fn run_of<'a>(registry: &'a Registry, id: &str) -> Result<&'a Run, Wrong> {
    let run = registry.runs.values().find(|run| run.model_id == id);
    run.ok_or_else(|| Wrong::missing(format!("Logged model with ID '{id}' not found.")))
}

fn logged_model(run: &Run) -> Json {
    let id = &run.model_id;
    let at = run.end.unwrap_or(run.start);
    json!({
        "info": {
            "model_id": id, "experiment_id": run.experiment, "name": "model", "creation_timestamp_ms": at,
            "last_updated_timestamp_ms": at, "artifact_uri": format!("mlflow-artifacts:/{}/models/{id}/artifacts", run.experiment),
            "status": "LOGGED_MODEL_READY", "model_type": "", "source_run_id": run.id, "tags": [],
        },
        "data": {},
    })
}

/// `logged-models/<id>`.
pub(super) fn model_by_id(world: &World, id: &str) -> Result<Json, Wrong> {
    world.registry(|registry| Ok(json!({ "model": logged_model(run_of(registry, id)?) })))
}

/// `logged-models/<id>/artifacts/directories`.
pub(super) fn model_folder(world: &World, id: &str, fields: &Fields) -> Result<Json, Wrong> {
    let folder = safe(fields.text("artifact_directory_path")?.unwrap_or(""))?;
    world.registry(|registry| {
        let run = run_of(registry, id)?;
        let sizes: Vec<(String, usize)> =
            of_model(registry, id)?.into_iter().map(|(path, text)| (path, text.len())).collect();
        let root = format!("mlflow-artifacts:/{}/models/{id}/artifacts", run.experiment);
        Ok(json!({ "root_uri": root, "files": listing(&sizes, folder) }))
    })
}

/// `logged-models/<id>/artifacts/files`.
pub(super) fn model_file(world: &World, id: &str, fields: &Fields) -> Result<Answer, Wrong> {
    let path = safe(fields.required("artifact_file_path")?)?;
    let files = world.registry(|registry| of_model(registry, id))?;
    let (_, body) = files.into_iter().find(|(known, _)| known == path).ok_or_else(|| no_file(path))?;
    Ok(attachment(path, body))
}

/// A logged model, by the run that made it.
struct Logged<'a>(&'a Run);

impl Searched for Logged<'_> {
    fn cell(&self, entity: Entity, key: &str) -> Option<Cell> {
        let text = |text: &str| Some(Cell::Text(text.to_owned()));
        match (entity, key) {
            (Entity::Attribute, "name") => text("model"),
            (Entity::Attribute, "model_id") => text(&self.0.model_id),
            (Entity::Attribute, "source_run_id") => text(&self.0.id),
            (Entity::Attribute, "status") => text("READY"),
            (Entity::Attribute, _) => Some(Cell::Number(self.0.end.unwrap_or(self.0.start) as f64)),
            _ => None,
        }
    }
}

const GRAMMAR: Grammar = Grammar {
    attributes: &["name", "model_id", "source_run_id", "status", "creation_timestamp", "last_updated_timestamp"],
    numeric: &["creation_timestamp", "last_updated_timestamp"],
    run: true,
};

/// `logged-models/search`: newest first.
pub(super) fn search_models(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let experiments = fields.texts("experiment_ids");
    let limit = fields.limit(50, 1000)?;
    let filter = Filter::read(fields.text("filter")?.unwrap_or(""), &GRAMMAR)?;
    world.registry(|registry| {
        let logged = registry.runs.values().filter(|run| !run.model_id.is_empty());
        let wanted = logged.filter(|run| experiments.contains(&run.experiment.as_str())).map(Logged);
        let rows = found(wanted, &filter, &[], |a, b| b.0.start.cmp(&a.0.start));
        page((fields, limit), "models", rows, |model| logged_model(model.0))
    })
}
