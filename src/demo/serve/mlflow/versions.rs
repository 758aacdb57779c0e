//! Versions of registered models.

use serde_json::{Value as Json, json};

use super::fields::{Fields, Wrong};
use super::filter::{Cell, Entity, Filter, Grammar, Searched};
use super::models::{PROMPT, model_missing};
use super::search::{found, orders, page};
use super::shape;
use crate::demo::registry::{RegisteredModel, Version, get, set, unset};
use crate::demo::world::World;

const GRAMMAR: Grammar = Grammar {
    attributes: &[
        "name",
        "version",
        "version_number",
        "run_id",
        "source_path",
        "current_stage",
        "creation_timestamp",
        "last_updated_timestamp",
    ],
    numeric: &["version_number", "creation_timestamp", "last_updated_timestamp"],
    run: false,
};

/// A version with its model.
type Row<'a> = (&'a RegisteredModel, &'a Version);

impl Searched for Row<'_> {
    fn cell(&self, entity: Entity, key: &str) -> Option<Cell> {
        let (model, version) = self;
        let text = |text: &str| Some(Cell::Text(text.to_owned()));
        match (entity, key) {
            (Entity::Tag, PROMPT) if !model.is_prompt() => text("false"),
            (Entity::Tag, key) => get(&version.tags, key).and_then(text),
            (Entity::Attribute, "name") => text(&model.name),
            (Entity::Attribute, "version_number") => Some(Cell::Number(f64::from(version.number))),
            (Entity::Attribute, "version") => text(&version.number.to_string()),
            (Entity::Attribute, "run_id") => text(&version.run),
            (Entity::Attribute, "source_path") => text(&version.source),
            (Entity::Attribute, "current_stage") => text(&version.stage),
            (Entity::Attribute, "creation_timestamp") => Some(Cell::Number(version.created as f64)),
            (Entity::Attribute, "last_updated_timestamp") => Some(Cell::Number(version.updated as f64)),
            _ => None,
        }
    }
}

/// The fault of a version that is not there.
pub(super) fn version_missing(name: &str, version: &str) -> Wrong {
    Wrong::missing(format!("Model Version (name={name}, version={version}) not found"))
}

/// A version's number.
pub(super) fn number(version: &str) -> Result<u32, Wrong> {
    let invalid = |_| Wrong::invalid(format!("Parameter 'version' must be an integer, got '{version}'."));
    version.parse().map_err(invalid)
}

/// `model-versions/search`: newest update first; without aliases, as MLflow has it.
pub(super) fn search(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let limit = fields.limit(200_000, 200_000)?;
    let filter = Filter::read(fields.text("filter")?.unwrap_or(""), &GRAMMAR)?;
    let orders = orders(fields, &GRAMMAR)?;
    world.registry(|registry| {
        let models = registry.models.values().filter(|model| filter.names_tag(PROMPT) || !model.is_prompt());
        let all = models.flat_map(|model| model.versions.values().map(move |version| (model, version)));
        let rows = found(all, &filter, &orders, |(a_model, a), (b_model, b)| {
            b.updated.cmp(&a.updated).then_with(|| a_model.name.cmp(&b_model.name)).then(b.number.cmp(&a.number))
        });
        page((fields, limit), "model_versions", rows, |(model, version)| shape::version(model, version, false))
    })
}

/// `model-versions/get`.
pub(super) fn by_number(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    read(world, fields, |model, version| json!({ "model_version": shape::version(model, version, true) }))
}

/// `model-versions/get-download-uri`.
pub(super) fn download_uri(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    read(world, fields, |_, version| json!({ "artifact_uri": version.source }))
}

fn read(world: &World, fields: &Fields, shape: impl Fn(&RegisteredModel, &Version) -> Json) -> Result<Json, Wrong> {
    let (name, version) = (fields.required("name")?, fields.required("version")?);
    let number = number(version)?;
    world.registry(|registry| {
        let model = registry.models.get(name);
        let found = model.and_then(|model| Some((model, model.versions.get(&number)?)));
        found.map(|(model, version)| shape(model, version)).ok_or_else(|| version_missing(name, version))
    })
}

/// Changes a version; `what` goes into the journal.
fn change(
    world: &World,
    fields: &Fields,
    what: &str,
    work: impl FnOnce(&mut RegisteredModel, u32, i64) -> Result<Json, Wrong>,
) -> Result<Json, Wrong> {
    let (name, version) = (fields.required("name")?, fields.required("version")?);
    let number = number(version)?;
    world.change_registry(|registry, now| {
        let model = registry.models.get_mut(name).filter(|model| model.versions.contains_key(&number));
        let answer = work(model.ok_or_else(|| version_missing(name, version))?, number, now.timestamp_millis())?;
        registry.note(now, format!("{what} {name} {number}"));
        Ok(answer)
    })
}

fn shown(model: &RegisteredModel, number: u32) -> Json {
    let version = model.versions.get(&number).map(|version| shape::version(model, version, true));
    json!({ "model_version": version })
}

/// `model-versions/create`.
pub(super) fn create(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let name = fields.required("name")?;
    let source = fields.required("source")?;
    let text = |field: &str| Ok::<_, Wrong>(fields.text(field)?.unwrap_or("").to_owned());
    let (description, run, run_link, model_id) =
        (text("description")?, text("run_id")?, text("run_link")?, text("model_id")?);
    let tags = fields.pairs("tags")?;
    world.change_registry(|registry, now| {
        let model = registry.models.get_mut(name).ok_or_else(|| model_missing(name))?;
        let number = model.versions.keys().next_back().copied().unwrap_or(0) + 1;
        let at = now.timestamp_millis();
        let (source, stage) = (source.to_owned(), "None".to_owned());
        let version =
            Version { number, created: at, updated: at, stage, description, source, run, run_link, model_id, tags };
        model.versions.insert(number, version);
        model.updated = at;
        let answer = shown(model, number);
        registry.note(now, format!("create version {name} {number}"));
        Ok(answer)
    })
}

/// `model-versions/update`.
pub(super) fn update(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let description = fields.text("description")?.unwrap_or("").to_owned();
    change(world, fields, "describe version", |model, number, now| {
        if let Some(version) = model.versions.get_mut(&number) {
            version.description = description;
            version.updated = now;
        }
        Ok(shown(model, number))
    })
}

/// `model-versions/delete`: its aliases go with it.
pub(super) fn delete(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    change(world, fields, "delete version", |model, number, now| {
        model.versions.remove(&number);
        model.aliases.retain(|_, of| *of != number);
        model.updated = now;
        Ok(json!({}))
    })
}

/// `model-versions/set-tag`.
pub(super) fn set_tag(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let (key, value) = (fields.required("key")?, fields.text("value")?.unwrap_or(""));
    change(world, fields, &format!("tag {key}={value}"), |model, number, _| {
        if let Some(version) = model.versions.get_mut(&number) {
            set(&mut version.tags, key, value);
        }
        Ok(json!({}))
    })
}

/// `model-versions/delete-tag`.
pub(super) fn delete_tag(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let key = fields.required("key")?;
    change(world, fields, &format!("untag {key}"), |model, number, _| {
        if let Some(version) = model.versions.get_mut(&number) {
            unset(&mut version.tags, key);
        }
        Ok(json!({}))
    })
}

/// `model-versions/transition-stage`.
pub(super) fn transition(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    const STAGES: [&str; 4] = ["None", "Staging", "Production", "Archived"];
    let asked = fields.required("stage")?;
    let stage = STAGES.into_iter().find(|stage| stage.eq_ignore_ascii_case(asked)).ok_or_else(|| {
        Wrong::invalid(format!(
            "Invalid Model Version stage: {asked}. Value must be one of None, Staging, Production, Archived."
        ))
    })?;
    let archive = fields.flag("archive_existing_versions");
    change(world, fields, &format!("stage {stage}"), |model, number, now| {
        for version in model.versions.values_mut() {
            let moved = if version.number == number { stage } else { "Archived" };
            if version.number == number || (archive && version.stage == stage) {
                moved.clone_into(&mut version.stage);
                version.updated = now;
            }
        }
        model.updated = now;
        Ok(shown(model, number))
    })
}
