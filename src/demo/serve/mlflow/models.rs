//! Registered models and their aliases.

use serde_json::{Value as Json, json};

use super::fields::{Fields, Wrong};
use super::filter::{Cell, Entity, Filter, Grammar, Searched};
use super::search::{found, orders, page};
use super::shape;
use super::versions::{number, version_missing};
use crate::demo::registry::{RegisteredModel, Registry, get, set, unset};
use crate::demo::world::World;

const GRAMMAR: Grammar = Grammar {
    attributes: &["name", "creation_timestamp", "last_updated_timestamp"],
    numeric: &["creation_timestamp", "last_updated_timestamp"],
    run: false,
};

/// The tag that marks prompts.
pub(super) const PROMPT: &str = "mlflow.prompt.is_prompt";

impl Searched for &RegisteredModel {
    fn cell(&self, entity: Entity, key: &str) -> Option<Cell> {
        match (entity, key) {
            // A client that asks for what is no prompt means what has no such tag, too.
            (Entity::Tag, PROMPT) if !self.is_prompt() => Some(Cell::Text("false".to_owned())),
            (Entity::Tag, key) => get(&self.tags, key).map(|value| Cell::Text(value.to_owned())),
            (Entity::Attribute, "name") => Some(Cell::Text(self.name.clone())),
            (Entity::Attribute, "creation_timestamp") => Some(Cell::Number(self.created as f64)),
            (Entity::Attribute, _) => Some(Cell::Number(self.updated as f64)),
            _ => None,
        }
    }
}

/// The fault of a model that is not there.
pub(super) fn model_missing(name: &str) -> Wrong {
    Wrong::missing(format!("Registered Model with name={name} not found"))
}

fn model<'a>(registry: &'a mut Registry, name: &str) -> Result<&'a mut RegisteredModel, Wrong> {
    registry.models.get_mut(name).ok_or_else(|| model_missing(name))
}

/// `registered-models/search`.
pub(super) fn search(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let limit = fields.limit(100, 1000)?;
    let filter = Filter::read(fields.text("filter")?.unwrap_or(""), &GRAMMAR)?;
    let orders = orders(fields, &GRAMMAR)?;
    world.registry(|registry| {
        let all = registry.models.values().filter(|model| filter.names_tag(PROMPT) || !model.is_prompt());
        let rows = found(all, &filter, &orders, |a, b| a.name.cmp(&b.name));
        page((fields, limit), "registered_models", rows, shape::model)
    })
}

/// `registered-models/get`.
pub(super) fn by_name(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let name = fields.required("name")?;
    let found = world.registry(|registry| registry.models.get(name).map(shape::model));
    Ok(json!({ "registered_model": found.ok_or_else(|| model_missing(name))? }))
}

/// `registered-models/create`.
pub(super) fn create(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let name = fields.required("name")?;
    let (description, tags) = (fields.text("description")?.unwrap_or(""), fields.pairs("tags")?);
    world.change_registry(|registry, now| {
        if registry.models.contains_key(name) {
            return Err(Wrong::exists(format!("Registered Model (name={name}) already exists.")));
        }
        let model = RegisteredModel {
            name: name.to_owned(),
            created: now.timestamp_millis(),
            updated: now.timestamp_millis(),
            description: description.to_owned(),
            tags,
            ..RegisteredModel::default()
        };
        let shown = shape::model(&model);
        registry.models.insert(name.to_owned(), model);
        registry.note(now, format!("create model {name}"));
        Ok(json!({ "registered_model": shown }))
    })
}

/// `registered-models/update`.
pub(super) fn update(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let name = fields.required("name")?;
    let description = fields.text("description")?.unwrap_or("");
    world.change_registry(|registry, now| {
        let model = model(registry, name)?;
        description.clone_into(&mut model.description);
        model.updated = now.timestamp_millis();
        let shown = shape::model(model);
        registry.note(now, format!("describe model {name}"));
        Ok(json!({ "registered_model": shown }))
    })
}

/// `registered-models/rename`.
pub(super) fn rename(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let (name, new) = (fields.required("name")?, fields.required("new_name")?);
    world.change_registry(|registry, now| {
        if registry.models.contains_key(new) {
            return Err(Wrong::exists(format!("Registered Model (name={new}) already exists.")));
        }
        let mut model = registry.models.remove(name).ok_or_else(|| model_missing(name))?;
        new.clone_into(&mut model.name);
        model.updated = now.timestamp_millis();
        let shown = shape::model(&model);
        registry.models.insert(new.to_owned(), model);
        registry.note(now, format!("rename model {name} to {new}"));
        Ok(json!({ "registered_model": shown }))
    })
}

/// `registered-models/delete`.
pub(super) fn delete(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let name = fields.required("name")?;
    world.change_registry(|registry, now| {
        registry.models.remove(name).ok_or_else(|| model_missing(name))?;
        registry.note(now, format!("delete model {name}"));
        Ok(json!({}))
    })
}

/// `registered-models/set-tag`.
pub(super) fn set_tag(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let (name, key) = (fields.required("name")?, fields.required("key")?);
    let value = fields.text("value")?.unwrap_or("");
    world.change_registry(|registry, now| {
        set(&mut model(registry, name)?.tags, key, value);
        registry.note(now, format!("tag model {name} {key}={value}"));
        Ok(json!({}))
    })
}

/// `registered-models/delete-tag`.
pub(super) fn delete_tag(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let (name, key) = (fields.required("name")?, fields.required("key")?);
    world.change_registry(|registry, now| {
        unset(&mut model(registry, name)?.tags, key);
        registry.note(now, format!("untag model {name} {key}"));
        Ok(json!({}))
    })
}

/// `registered-models/get-latest-versions`.
pub(super) fn latest_versions(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let name = fields.required("name")?;
    let stages = fields.texts("stages");
    world.registry(|registry| {
        let model = registry.models.get(name).ok_or_else(|| model_missing(name))?;
        let wanted = |stage: &str| stages.is_empty() || stages.iter().any(|wanted| wanted.eq_ignore_ascii_case(stage));
        let latest = model.latest().into_iter().filter(|version| wanted(&version.stage));
        let shown: Vec<Json> = latest.map(|version| shape::version(model, version, true)).collect();
        Ok(if shown.is_empty() { json!({}) } else { json!({ "model_versions": shown }) })
    })
}

/// `registered-models/alias`, GET.
pub(super) fn alias(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let (name, alias) = (fields.required("name")?, fields.required("alias")?);
    world.registry(|registry| {
        let model = registry.models.get(name).ok_or_else(|| model_missing(name))?;
        let missing = || Wrong::invalid(format!("Registered model alias {alias} not found."));
        let number = model.aliases.get(alias).ok_or_else(missing)?;
        let version = model.versions.get(number).ok_or_else(|| version_missing(name, &number.to_string()))?;
        Ok(json!({ "model_version": shape::version(model, version, true) }))
    })
}

/// `registered-models/alias`, POST.
pub(super) fn set_alias(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let (name, alias) = (fields.required("name")?, fields.required("alias")?);
    let version = fields.required("version")?;
    check_alias(alias)?;
    let number = number(version)?;
    world.change_registry(|registry, now| {
        let missing = || version_missing(name, version);
        let model = registry.models.get_mut(name).ok_or_else(missing)?;
        if !model.versions.contains_key(&number) {
            return Err(missing());
        }
        model.aliases.insert(alias.to_owned(), number);
        registry.note(now, format!("alias {name} {alias}={number}"));
        Ok(json!({}))
    })
}

/// `registered-models/alias`, DELETE.
pub(super) fn delete_alias(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let (name, alias) = (fields.required("name")?, fields.required("alias")?);
    world.change_registry(|registry, now| {
        model(registry, name)?.aliases.remove(alias);
        registry.note(now, format!("unalias {name} {alias}"));
        Ok(json!({}))
    })
}

fn check_alias(alias: &str) -> Result<(), Wrong> {
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !alias.chars().all(letter) {
        return Err(Wrong::invalid(format!(
            "Invalid alias name: '{alias}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
        )));
    }
    if alias.len() > 255 {
        return Err(Wrong::invalid(format!(
            "Registered model alias name '{alias}' had length {}, which exceeded length limit of 255",
            alias.len()
        )));
    }
    if alias.eq_ignore_ascii_case("latest") {
        return Err(Wrong::invalid("'latest' alias name (case insensitive) is reserved."));
    }
    let digits = alias.strip_prefix(['v', 'V']).filter(|rest| !rest.is_empty());
    if digits.is_some_and(|digits| digits.chars().all(|c| c.is_ascii_digit())) {
        return Err(Wrong::invalid(format!("Version alias name '{alias}' is reserved.")));
    }
    Ok(())
}
