//! Looking into JSON values and changing them by pointer, without a panic on either way.

use serde_json::Value;

const NULL: Value = Value::Null;

/// Access by JSON pointer.
pub trait Json {
    /// The value at a pointer; null where there is none.
    fn at(&self, pointer: &str) -> &Value;

    /// Sets a member of the object that is there; does nothing where there is no object.
    fn set(&mut self, pointer: &str, value: impl Into<Value>);
}

impl Json for Value {
    fn at(&self, pointer: &str) -> &Value {
        self.pointer(pointer).unwrap_or(&NULL)
    }

    fn set(&mut self, pointer: &str, value: impl Into<Self>) {
        let Some((parent, name)) = pointer.rsplit_once('/') else { return };
        if let Some(object) = self.pointer_mut(parent).and_then(Self::as_object_mut) {
            object.insert(name.to_owned(), value.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_there_is_null_and_is_not_made() {
        let mut value = json!({ "metadata": { "name": "churn" } });
        assert_eq!(value.at("/metadata/name"), "churn");
        assert_eq!(value.at("/spec/predictor"), &Value::Null);
        value.set("/spec/predictor", 1);
        value.set("/metadata/uid", "u");
        assert_eq!(value, json!({ "metadata": { "name": "churn", "uid": "u" } }));
    }
}
