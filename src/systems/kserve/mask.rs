//! Takes secrets and noise out of an object that is shown whole.

use serde_json::Value as Json;

/// What stands in the place of a secret.
const MASK: &str = "••••••";

/// The object without managed fields, its secrets masked.
pub(super) fn masked(mut object: Json) -> Json {
    if let Some(metadata) = object.get_mut("metadata").and_then(Json::as_object_mut) {
        metadata.remove("managedFields");
        // holds the whole object once more, with whatever secrets it has
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Json::as_object_mut) {
            annotations.remove("kubectl.kubernetes.io/last-applied-configuration");
        }
    }
    mask(&mut object);
    object
}

fn mask(value: &mut Json) {
    match value {
        Json::Array(elements) => elements.iter_mut().for_each(mask),
        Json::Object(entries) => {
            let secret = entries.get("name").and_then(Json::as_str).is_some_and(is_secret);
            if let Some(value) = entries.get_mut("value").filter(|value| secret && value.is_string()) {
                *value = MASK.into();
            }
            entries.values_mut().for_each(mask);
        }
        _ => {}
    }
}

/// Whether a variable with this name holds a secret.
fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "ACCESS_KEY", "API_KEY", "PRIVATE_KEY", "CREDENTIAL"]
        .iter()
        .any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_in_a_variable_is_not_shown() {
        let shown = masked(json!({
            "metadata": {"managedFields": [1], "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "…"}},
            "spec": {"containers": [{"env": [{"name": "HF_TOKEN", "value": "hf_x"}, {"name": "LEVEL", "value": "INFO"}]}]}
        }));
        assert_eq!(shown["spec"]["containers"][0]["env"][0]["value"], MASK);
        assert_eq!(shown["spec"]["containers"][0]["env"][1]["value"], "INFO");
        assert_eq!(shown["metadata"], json!({"annotations": {}}));
    }
}
