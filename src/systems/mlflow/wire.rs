//! MLflow's REST objects as they come: keys may be missing, numbers may be texts, and unknown keys are left aside.
//!
//! Source: the REST API of MLflow 2.22 and 3.17 (protobuf as JSON, snake case, times in milliseconds since the epoch).

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use crate::model::text::clean;

/// A registered model and who has which alias.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Model {
    /// Its name, exactly.
    pub(super) name: Arc<str>,
    /// Alias and version.
    pub(super) aliases: Vec<(String, String)>,
}

/// A version of a registered model.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Version {
    /// The model's name, exactly.
    pub(super) name: Arc<str>,
    /// The version: digits.
    pub(super) number: String,
    /// When it was registered.
    pub(super) created: Option<DateTime<Utc>>,
    /// When it was changed last.
    pub(super) updated: Option<DateTime<Utc>>,
    /// Who registered it.
    pub(super) user: String,
    /// The legacy stage; empty for `None`.
    pub(super) stage: String,
    /// Free text.
    pub(super) description: String,
    /// Where its files are.
    pub(super) source: String,
    /// The run that made it; empty if there is none.
    pub(super) run_id: String,
    /// The logged model behind it (3.x); empty if there is none.
    pub(super) model_id: String,
    /// `READY`, `PENDING_REGISTRATION`, `FAILED_REGISTRATION`.
    pub(super) status: String,
    /// Why it is in that status.
    pub(super) status_message: String,
    /// Its tags.
    pub(super) tags: Vec<(String, String)>,
    /// Its aliases; only some calls say them.
    pub(super) aliases: Vec<String>,
}

/// The last value of a metric.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Metric {
    /// Its name.
    pub(super) key: Arc<str>,
    /// Its value; may be NaN or infinite.
    pub(super) value: f64,
    /// When it was logged.
    pub(super) at: Option<DateTime<Utc>>,
    /// At which step.
    pub(super) step: i64,
}

/// A run, or a logged model of 3.x, which has the same parts.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Run {
    /// Its id.
    pub(super) id: String,
    /// Its name.
    pub(super) name: String,
    /// `RUNNING`, `FINISHED`, `FAILED`, `KILLED`, `SCHEDULED`.
    pub(super) status: String,
    /// Whether it was deleted.
    pub(super) deleted: bool,
    /// The experiment that it belongs to.
    pub(super) experiment: String,
    /// Who started it.
    pub(super) user: String,
    /// When it began.
    pub(super) start: Option<DateTime<Utc>>,
    /// When it ended.
    pub(super) end: Option<DateTime<Utc>>,
    /// The last value of each metric.
    pub(super) metrics: Vec<Metric>,
    /// Its parameters.
    pub(super) params: Vec<(String, String)>,
    /// Its tags.
    pub(super) tags: Vec<(String, String)>,
    /// For a logged model: the run that made it.
    pub(super) made_by: String,
}

impl Model {
    /// Reads one; nothing without a name.
    #[must_use]
    pub(super) fn read(json: &Json) -> Option<Self> {
        let aliases = list(json, "aliases").map(|pair| (text(pair, "alias"), text(pair, "version")));
        Some(Self { name: name(json)?, aliases: aliases.collect() })
    }

    /// The version that `alias` points to.
    #[must_use]
    pub(super) fn version_of(&self, alias: &str) -> Option<&str> {
        self.aliases.iter().find(|(known, _)| known == alias).map(|(_, version)| version.as_str())
    }
}

impl Version {
    /// Reads one; nothing without a name and a version.
    #[must_use]
    pub(super) fn read(json: &Json) -> Option<Self> {
        let number = text(json, "version");
        let stage = text(json, "current_stage");
        (!number.is_empty()).then_some(())?;
        Some(Self {
            name: name(json)?,
            number,
            created: time(json, "creation_timestamp"),
            updated: time(json, "last_updated_timestamp"),
            user: text(json, "user_id"),
            stage: if stage == "None" { String::new() } else { stage },
            description: text(json, "description"),
            source: text(json, "source"),
            run_id: text(json, "run_id"),
            model_id: text(json, "model_id"),
            status: text(json, "status"),
            status_message: text(json, "status_message"),
            tags: pairs(json, "tags"),
            aliases: list(json, "aliases").filter_map(|alias| alias.as_str().map(clean)).collect(),
        })
    }

    /// The logged model's id: said, or read from the source `models:/m-…`.
    #[must_use]
    pub(super) fn logged_model(&self) -> Option<&str> {
        if !self.model_id.is_empty() {
            return Some(&self.model_id);
        }
        self.source.strip_prefix("models:/").filter(|id| id.starts_with("m-") && !id.contains('/'))
    }

    /// The value of a tag.
    #[must_use]
    pub(super) fn tag(&self, key: &str) -> Option<&str> {
        find(&self.tags, key)
    }
}

impl Run {
    /// Reads a run; nothing without an id.
    #[must_use]
    pub(super) fn read(json: &Json) -> Option<Self> {
        let info = json.get("info")?;
        let data = json.get("data").unwrap_or(&Json::Null);
        let id = [text(info, "run_id"), text(info, "run_uuid")].into_iter().find(|id| !id.is_empty())?;
        let tags = pairs(data, "tags");
        let user = text(info, "user_id");
        Some(Self {
            id,
            name: text(info, "run_name"),
            status: text(info, "status"),
            deleted: text(info, "lifecycle_stage") == "deleted",
            experiment: text(info, "experiment_id"),
            user: if user.is_empty() { find(&tags, "mlflow.user").unwrap_or_default().to_owned() } else { user },
            start: time(info, "start_time"),
            end: time(info, "end_time"),
            metrics: list(data, "metrics").filter_map(Metric::read).collect(),
            params: pairs(data, "params"),
            tags,
            made_by: String::new(),
        })
    }

    /// Reads a logged model of 3.x; nothing without an id.
    #[must_use]
    pub(super) fn read_logged_model(json: &Json) -> Option<Self> {
        let info = json.get("info")?;
        let data = json.get("data").unwrap_or(&Json::Null);
        let id = text(info, "model_id");
        (!id.is_empty()).then_some(())?;
        Some(Self {
            id,
            name: text(info, "name"),
            status: text(info, "status"),
            experiment: text(info, "experiment_id"),
            user: text(info, "creator_id"),
            start: time(info, "creation_timestamp_ms"),
            metrics: list(data, "metrics").filter_map(Metric::read).collect(),
            params: pairs(data, "params"),
            tags: pairs(info, "tags"),
            made_by: text(info, "source_run_id"),
            ..Self::default()
        })
    }

    /// The value of a tag.
    #[must_use]
    pub(super) fn tag(&self, key: &str) -> Option<&str> {
        find(&self.tags, key)
    }
}

impl Metric {
    /// Reads one; nothing without a key or a value.
    #[must_use]
    pub(super) fn read(json: &Json) -> Option<Self> {
        let key = text(json, "key");
        (!key.is_empty()).then_some(())?;
        Some(Self {
            key: key.into(),
            value: number(json.get("value")?)?,
            at: time(json, "timestamp"),
            step: whole(json, "step").unwrap_or(0),
        })
    }
}

/// The items of the list `key`; none where it is missing or something else.
pub(super) fn list<'a>(json: &'a Json, key: &str) -> impl Iterator<Item = &'a Json> {
    json.get(key).and_then(Json::as_array).into_iter().flatten()
}

/// The text `key`, made harmless; empty where it is missing. A number becomes its digits.
#[must_use]
pub(super) fn text(json: &Json, key: &str) -> String {
    match json.get(key) {
        Some(Json::String(text)) => clean(text),
        Some(Json::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

/// The name, exactly as it is: it goes back to the server and is made harmless only when shown.
fn name(json: &Json) -> Option<Arc<str>> {
    json.get("name")?.as_str().filter(|name| !name.is_empty()).map(Into::into)
}

fn whole(json: &Json, key: &str) -> Option<i64> {
    match json.get(key)? {
        Json::Number(number) => number.as_i64(),
        Json::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn time(json: &Json, key: &str) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis(whole(json, key).filter(|millis| *millis > 0)?)
}

/// A number, or one of the texts that stand for what JSON has no number for.
fn number(json: &Json) -> Option<f64> {
    match json {
        Json::Number(number) => number.as_f64(),
        // Rust reads `NaN`, `Infinity`, `-Infinity`, `+Inf` alike
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn pairs(json: &Json, key: &str) -> Vec<(String, String)> {
    list(json, key).map(|pair| (text(pair, "key"), text(pair, "value"))).filter(|(key, _)| !key.is_empty()).collect()
}

fn find<'a>(pairs: &'a [(String, String)], key: &str) -> Option<&'a str> {
    pairs.iter().find(|(known, value)| known == key && !value.is_empty()).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn metrics_that_are_no_finite_numbers_are_read() {
        let read = |value: Json| Metric::read(&json!({"key": "loss", "value": value})).map(|metric| metric.value);
        assert!(read(json!("NaN")).is_some_and(f64::is_nan));
        assert_eq!(read(json!("-Infinity")), Some(f64::NEG_INFINITY));
        assert_eq!(read(json!("+Inf")), Some(f64::INFINITY));
        assert_eq!(read(json!(1.797_693_134_862_315_7e308)), Some(f64::MAX));
        assert_eq!(read(json!("0.9")), Some(0.9));
        assert_eq!(read(json!({})), None);
    }

    #[test]
    fn whole_numbers_come_as_numbers_or_texts() {
        let read = |json: Json| Version::read(&json).unwrap();
        let one = read(json!({"name": "a", "version": "1", "creation_timestamp": 1_795_414_642_800_i64}));
        let other = read(json!({"name": "a", "version": 1, "creation_timestamp": "1795414642800"}));
        assert_eq!(one, other);
        assert!(one.created.is_some());
    }

    #[test]
    fn the_logged_model_is_said_or_read_from_the_source() {
        let read = |json: Json| Version::read(&json).unwrap().logged_model().map(str::to_owned);
        assert_eq!(read(json!({"name": "a", "version": "3", "source": "models:/m-5ced"})), Some("m-5ced".into()));
        assert_eq!(read(json!({"name": "a", "version": "3", "model_id": "m-1"})), Some("m-1".into()));
        assert_eq!(read(json!({"name": "a", "version": "3", "source": "models:/other/2"})), None);
    }
}
