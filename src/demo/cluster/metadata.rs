//! Parts that many objects share: metadata, times, owners, managed fields.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::demo::random::uuid;

/// A time as Kubernetes writes it.
#[must_use]
pub fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Who an object is, and since when.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    /// The world's seed, for the uid.
    pub seed: u64,
    /// Kind, for the uid.
    pub kind: &'a str,
    /// Namespace, or empty.
    pub namespace: &'a str,
    /// Name.
    pub name: &'a str,
    /// When it was made.
    pub created: DateTime<Utc>,
}

impl Identity<'_> {
    /// Its uid: the same name made at another time is another object.
    #[must_use]
    pub fn uid(&self) -> String {
        uuid(self.seed, &format!("{}/{}/{}@{}", self.kind, self.namespace, self.name, self.created.timestamp_millis()))
    }

    /// Its metadata with these labels.
    #[must_use]
    pub fn metadata(&self, labels: Value) -> Value {
        let mut metadata = Map::new();
        metadata.insert("name".into(), self.name.into());
        if !self.namespace.is_empty() {
            metadata.insert("namespace".into(), self.namespace.into());
        }
        metadata.insert("uid".into(), self.uid().into());
        metadata.insert("resourceVersion".into(), "".into());
        metadata.insert("generation".into(), 1.into());
        metadata.insert("creationTimestamp".into(), stamp(self.created).into());
        if labels.as_object().is_some_and(|labels| !labels.is_empty()) {
            metadata.insert("labels".into(), labels);
        }
        Value::Object(metadata)
    }
}

/// One owner reference to a controller.
#[must_use]
pub fn owner(api_version: &str, kind: &str, name: &str, uid: &str) -> Value {
    json!([{ "apiVersion": api_version, "kind": kind, "name": name, "uid": uid, "controller": true,
        "blockOwnerDeletion": true }])
}

/// One managedFields entry over the paths that the value has.
#[must_use]
pub fn managed(manager: &str, api_version: &str, at: DateTime<Utc>, of: &Value) -> Value {
    json!({ "manager": manager, "operation": "Update", "apiVersion": api_version, "time": stamp(at),
        "fieldsType": "FieldsV1", "fieldsV1": fields(of) })
}

fn fields(of: &Value) -> Value {
    match of {
        Value::Object(map) => {
            let inner = map.iter().map(|(key, value)| (format!("f:{key}"), fields(value)));
            Value::Object(std::iter::once((".".to_owned(), json!({}))).chain(inner).collect())
        }
        Value::Array(items) => {
            let named = items.iter().filter_map(|item| {
                let (key, name) = ["name", "type", "containerPort", "mountPath"]
                    .iter()
                    .find_map(|key| Some((*key, item.get(*key)?)))?;
                Some((format!("k:{{\"{key}\":{name}}}"), fields(item)))
            });
            Value::Object(named.collect())
        }
        _ => json!({}),
    }
}

/// Merges `more` into an object, key by key, without going deeper.
pub fn extend(object: &mut Value, more: Value) {
    if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
        object.extend(more);
    }
}
