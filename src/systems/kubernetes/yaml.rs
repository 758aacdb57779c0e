//! An object as text, without what only machines read and without secrets.

use futures_util::future::BoxFuture;
use serde_json::Value as Json;

use super::Target;
use crate::model::health::Error;
use crate::model::text::clean;
use crate::systems::kube::{Access, Resource};
use crate::systems::{Line, Lines};

/// Reads the object, without `managedFields` and with secrets masked.
pub(super) async fn object(access: &Access, target: &Target) -> Result<Json, Error> {
    let cluster = access.cluster().await?;
    let mut object: Json = match target {
        Target::Pod { namespace, name } => {
            cluster.get_json(&Resource::new("/api/v1", "pods").object_path(namespace, name)?).await?
        }
        Target::Endpoint { kind, namespace, name } => {
            let mut found = Err(Error::Gone { what: format!("{namespace}/{name}") });
            for (prefix, plural) in kind.places() {
                found = cluster.get_json(&Resource::new(prefix, plural).object_path(namespace, name)?).await;
                if !matches!(found, Err(Error::Gone { .. } | Error::Absent { .. })) {
                    break;
                }
            }
            found.map_err(|error| match error {
                Error::Gone { .. } | Error::Absent { .. } => {
                    Error::Gone { what: format!("endpoint {namespace}/{name}") }
                }
                other => other,
            })?
        }
    };
    tidy(&mut object);
    Ok(object)
}

/// Takes out what only machines read, and masks what is secret.
pub(super) fn tidy(object: &mut Json) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Json::as_object_mut) {
        metadata.remove("managedFields");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Json::as_object_mut) {
            // a copy of the object, with everything that is masked below
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
    }
    if object.get("kind").and_then(Json::as_str) == Some("Secret") {
        for part in ["data", "stringData"] {
            for value in
                object.get_mut(part).and_then(Json::as_object_mut).into_iter().flat_map(serde_json::Map::values_mut)
            {
                *value = Json::from("***");
            }
        }
    }
    mask(object);
}

/// Masks the values of environment variables whose names say that they are secret.
fn mask(value: &mut Json) {
    match value {
        Json::Array(items) => items.iter_mut().for_each(mask),
        Json::Object(fields) => {
            let secret = fields.get("name").and_then(Json::as_str).is_some_and(is_secret);
            if secret && let Some(value) = fields.get_mut("value").filter(|value| value.is_string()) {
                *value = Json::from("***");
            }
            fields.values_mut().for_each(mask);
        }
        _ => {}
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["PASSWORD", "SECRET", "TOKEN", "API_KEY", "APIKEY", "PRIVATE_KEY", "CREDENTIAL", "ACCESS_KEY"]
        .iter()
        .any(|word| name.contains(word))
}

/// An object as YAML: all lines at once, then the end.
pub(super) struct Yaml {
    access: Access,
    target: Target,
    done: bool,
}

impl Yaml {
    pub(super) fn new(access: Access, target: Target) -> Self {
        Self { access, target, done: false }
    }
}

impl Lines for Yaml {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Vec<Line>>, Error>> {
        Box::pin(async move {
            if self.done {
                return Ok(None);
            }
            let object = object(&self.access, &self.target).await?;
            let text = serde_saphyr::to_string(&object)
                .map_err(|error| Error::Protocol { what: format!("the object can't be written as YAML: {error}") })?;
            self.done = true;
            Ok(Some(text.lines().map(line).collect()))
        })
    }
}

fn line(text: &str) -> Line {
    Line { at: None, text: clean(text).into(), notice: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_what_only_machines_read_are_not_shown() {
        let mut object = serde_json::json!({
            "kind": "Pod",
            "metadata": {"name": "a", "managedFields": [1], "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"}},
            "spec": {"containers": [{"name": "c", "env": [{"name": "MLFLOW_TRACKING_PASSWORD", "value": "hunter2"}, {"name": "MODE", "value": "x"}]}]},
        });
        tidy(&mut object);
        let text = object.to_string();
        assert!(
            !text.contains("hunter2") && !text.contains("managedFields") && !text.contains("last-applied"),
            "{text}"
        );
        assert!(text.contains(r#""value":"x""#));
        let mut secret = serde_json::json!({"kind": "Secret", "data": {"key": "aHVudGVyMg=="}});
        tidy(&mut secret);
        assert_eq!(secret["data"]["key"], "***");
    }
}
