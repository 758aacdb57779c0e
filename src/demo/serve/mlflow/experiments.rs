//! Experiments.

use serde_json::{Value as Json, json};

use super::fields::{Fields, Wrong};
use super::filter::{Cell, Entity, Filter, Grammar, Searched};
use super::search::{found, orders, page};
use super::shape;
use crate::demo::registry::{Experiment, get};
use crate::demo::world::World;

const GRAMMAR: Grammar = Grammar {
    attributes: &["name", "experiment_id", "creation_time", "last_update_time"],
    numeric: &["creation_time", "last_update_time"],
    run: false,
};

impl Searched for &Experiment {
    fn cell(&self, entity: Entity, key: &str) -> Option<Cell> {
        match (entity, key) {
            (Entity::Tag, key) => get(&self.tags, key).map(|value| Cell::Text(value.to_owned())),
            (Entity::Attribute, "name") => Some(Cell::Text(self.name.clone())),
            (Entity::Attribute, "experiment_id") => Some(Cell::Text(self.id.clone())),
            (Entity::Attribute, _) => Some(Cell::Number(self.created as f64)),
            _ => None,
        }
    }
}

/// `experiments/search`.
pub(super) fn search(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let limit = match fields.integer("max_results")?.unwrap_or(0) {
        asked if asked < 1 => {
            return Err(Wrong::invalid(format!(
                "Invalid value {asked} for parameter 'max_results' supplied. It must be a positive integer"
            )));
        }
        asked if asked > 50_000 => {
            return Err(Wrong::invalid(format!(
                "Invalid value {asked} for parameter 'max_results' supplied. It must be at most 50000"
            )));
        }
        asked => usize::try_from(asked).unwrap_or(1),
    };
    let filter = Filter::read(fields.text("filter")?.unwrap_or(""), &GRAMMAR)?;
    let orders = orders(fields, &GRAMMAR)?;
    let deleted_only = fields.text("view_type")? == Some("DELETED_ONLY");
    world.registry(|registry| {
        let all = registry.experiments.iter().filter(|_| !deleted_only);
        let rows = found(all, &filter, &orders, |a, b| b.created.cmp(&a.created));
        page((fields, limit), "experiments", rows, shape::experiment)
    })
}

/// `experiments/get`.
pub(super) fn by_id(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let id = fields.required("experiment_id")?;
    let found = world.registry(|registry| registry.experiments.iter().find(|one| one.id == id).map(shape::experiment));
    let found = found.ok_or_else(|| Wrong::missing(format!("No Experiment with id={id} exists")))?;
    Ok(json!({ "experiment": found }))
}

/// `experiments/get-by-name`.
pub(super) fn by_name(world: &World, fields: &Fields) -> Result<Json, Wrong> {
    let name = fields.required("experiment_name")?;
    let found =
        world.registry(|registry| registry.experiments.iter().find(|one| one.name == name).map(shape::experiment));
    let found = found.ok_or_else(|| Wrong::missing(format!("Could not find experiment with name '{name}'")))?;
    Ok(json!({ "experiment": found }))
}
