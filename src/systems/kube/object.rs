//! Objects of the API as far as they are shown, and where they are listed.

use serde::{Deserialize, Deserializer};

use super::pool::Pool;
use crate::model::health::Error;
use crate::model::id::Key;
use crate::model::record::Record;
use crate::model::text::clean;
use crate::systems::http::{encoded, segment};

/// A record that is read from an object of the API.
pub trait Object: Record {
    /// Reads it from its JSON. Should be lenient: what is missing or `null` counts as empty, what is not known is
    /// passed over.
    fn read(json: &[u8], pool: &mut Pool) -> Result<Self, serde_json::Error>;

    /// What is left of an object that can't be read, for the reason `why`: never a row less.
    fn unread(meta: &Meta, why: &str) -> Self;
}

/// What identifies an object.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Meta {
    /// Its namespace; empty for objects of the whole cluster.
    #[serde(deserialize_with = "or_default")]
    pub namespace: String,
    /// Its name.
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    /// Which object of this name it is.
    #[serde(deserialize_with = "or_default")]
    pub uid: String,
    /// Its version.
    #[serde(deserialize_with = "or_default")]
    pub resource_version: String,
}

impl Meta {
    /// The key of its row: `namespace/name`, or `name` for objects of the whole cluster.
    #[must_use]
    pub fn key(&self) -> Key {
        let name = clean(&self.name);
        if self.namespace.is_empty() {
            Key::from(name.as_str())
        } else {
            Key::namespaced(&clean(&self.namespace), &name)
        }
    }

    /// The metadata in an object's JSON, as far as they can be read.
    #[must_use]
    pub fn of(json: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Object {
            metadata: serde_json::Value,
        }
        let Ok(object) = serde_json::from_slice::<Object>(json) else { return Self::default() };
        let text =
            |name: &str| object.metadata.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        Self {
            namespace: text("namespace"),
            name: text("name"),
            uid: text("uid"),
            resource_version: text("resourceVersion"),
        }
    }
}

/// For `#[serde(deserialize_with)]`: `null` counts as empty, as servers and their clients disagree on it.
pub fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// Where objects of a kind are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// `/api/v1`, `/apis/serving.kserve.io/v1beta1`.
    pub prefix: String,
    /// `pods`, `inferenceservices`.
    pub plural: String,
    /// A label selector; empty for all.
    pub labels: String,
    /// A field selector; empty for all.
    pub fields: String,
}

impl Resource {
    /// All objects of a kind: `Resource::new("/api/v1", "pods")`.
    #[must_use]
    pub fn new(prefix: &str, plural: &str) -> Self {
        Self { prefix: prefix.into(), plural: plural.into(), labels: String::new(), fields: String::new() }
    }

    /// Only those with these labels.
    #[must_use]
    pub fn labelled(mut self, selector: &str) -> Self {
        selector.clone_into(&mut self.labels);
        self
    }

    /// Only those with these fields.
    #[must_use]
    pub fn with_fields(mut self, selector: &str) -> Self {
        selector.clone_into(&mut self.fields);
        self
    }

    /// The path of their list, over all namespaces or in one; ends with its query, so that `&…` can follow.
    #[must_use]
    pub fn list_path(&self, namespace: Option<&str>) -> String {
        let within = namespace.map(|namespace| format!("/namespaces/{namespace}")).unwrap_or_default();
        let mut path = format!("{}{within}/{}?", self.prefix, self.plural);
        for (name, selector) in [("labelSelector", &self.labels), ("fieldSelector", &self.fields)] {
            if !selector.is_empty() {
                path.push_str(name);
                path.push('=');
                path.push_str(&encoded(selector));
                path.push('&');
            }
        }
        path
    }

    /// The path of one object; an error if its name can't stand in a path.
    pub fn object_path(&self, namespace: &str, name: &str) -> Result<String, Error> {
        let (prefix, plural, name) = (&self.prefix, &self.plural, segment(name)?);
        Ok(if namespace.is_empty() {
            format!("{prefix}/{plural}/{name}")
        } else {
            format!("{prefix}/namespaces/{}/{plural}/{name}", segment(namespace)?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_part_of_the_query() {
        let pods = Resource::new("/api/v1", "pods").labelled("app in (a,b)");
        assert_eq!(pods.list_path(Some("ml")), "/api/v1/namespaces/ml/pods?labelSelector=app%20in%20%28a%2Cb%29&");
        assert_eq!(Resource::new("/api/v1", "nodes").object_path("", "a").unwrap(), "/api/v1/nodes/a");
    }

    #[test]
    fn an_object_is_never_asked_for_by_the_path_of_another() {
        let pods = Resource::new("/api/v1", "pods");
        assert_eq!(pods.object_path("ml", "a/b").unwrap(), "/api/v1/namespaces/ml/pods/a%2Fb");
        for (namespace, name) in [("ml", ".."), ("ml", ""), ("..", "a"), (".", "a")] {
            assert!(pods.object_path(namespace, name).is_err(), "{namespace}/{name}");
        }
    }

    #[test]
    fn of_an_odd_object_the_name_is_still_read() {
        let meta = Meta::of(br#"{"metadata":{"name":"a","namespace":"ml","generation":"x","labels":7},"spec":[]}"#);
        assert_eq!(meta.key(), Key::namespaced("ml", "a"));
        assert_eq!(Meta::of(b"[1"), Meta::default());
    }
}
