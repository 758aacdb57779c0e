//! What goes into a model and comes out of it, from its `MLmodel` file; and a payload to begin with.
//!
//! Source: MLflow's model format: `signature` holds JSON in texts; `saved_input_example_info` names the logged example.

use serde_json::{Map, Value as Json, json};

use super::api::Api;
use super::wire::{list, text};
use crate::model::health::Error;
use crate::model::id::Key;
use crate::model::record::Row;
use crate::model::value::Value;

/// The parts of an `MLmodel` file that matter here.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct ModelFile {
    pub(super) signature: Signature,
    /// The example as the model's own server takes it.
    serving_example: Option<String>,
    /// The example as it was logged.
    example: Option<String>,
}

/// Inputs, outputs and parameters.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Signature {
    inputs: Vec<Spec>,
    outputs: Vec<Spec>,
    params: Vec<Spec>,
}

/// A column, a tensor or a parameter.
#[derive(Debug, Clone, PartialEq)]
struct Spec {
    name: String,
    kind: String,
    /// For tensors: the sizes, -1 being any.
    shape: Option<Vec<i64>>,
    required: Option<bool>,
    default: Json,
}

/// Reads a version's `MLmodel` file.
pub(super) async fn read(api: &Api, name: &str, version: &str) -> Result<ModelFile, Error> {
    let bytes = match api.artifact(name, version, "MLmodel").await {
        Err(Error::Gone { .. }) => return Err(Error::Absent { what: "MLmodel file in the version's folder".into() }),
        other => other?,
    };
    parse(&String::from_utf8_lossy(&bytes))
}

fn parse(yaml: &str) -> Result<ModelFile, Error> {
    let file: Json = serde_saphyr::from_str(yaml).map_err(|error| Error::Protocol {
        what: format!("the MLmodel file: {}", crate::model::text::clean(&error.to_string())),
    })?;
    let specs = |key: &str| file.pointer(&format!("/signature/{key}")).map(specs).unwrap_or_default();
    let example =
        |key: &str| file.pointer(&format!("/saved_input_example_info/{key}")).and_then(Json::as_str).map(str::to_owned);
    Ok(ModelFile {
        signature: Signature { inputs: specs("inputs"), outputs: specs("outputs"), params: specs("params") },
        serving_example: example("serving_input_path"),
        example: example("artifact_path"),
    })
}

/// The list in a text of JSON (or, in hand-written files, as YAML).
fn specs(written: &Json) -> Vec<Spec> {
    let parsed = written.as_str().and_then(|text| serde_json::from_str(text).ok());
    let wrapped = json!({"list": parsed.as_ref().unwrap_or(written)});
    list(&wrapped, "list").map(spec).collect()
}

fn spec(json: &Json) -> Spec {
    let tensor = json.get("tensor-spec");
    let shape = tensor.or(Some(json)).and_then(|holder| holder.get("shape")).and_then(Json::as_array);
    Spec {
        name: text(json, "name"),
        kind: tensor.map_or_else(|| text(json, "type"), |tensor| text(tensor, "dtype")),
        shape: shape.map(|sizes| sizes.iter().filter_map(Json::as_i64).collect()),
        required: json.get("required").and_then(Json::as_bool),
        default: json.get("default").cloned().unwrap_or(Json::Null),
    }
}

impl Signature {
    pub(super) fn is_empty(&self) -> bool {
        self.inputs.is_empty() && self.outputs.is_empty()
    }

    /// A row for each part.
    pub(super) fn rows(&self) -> Vec<Row> {
        let parts = [("input", &self.inputs), ("output", &self.outputs), ("param", &self.params)];
        parts
            .into_iter()
            .flat_map(|(part, specs)| specs.iter().enumerate().map(move |(at, spec)| spec.row(part, at)))
            .collect()
    }

    /// A request of one row with a neutral value for each input.
    fn example(&self) -> Option<Json> {
        let first = self.inputs.first()?;
        if first.shape.is_none() {
            let row: Vec<Json> = self.inputs.iter().map(|spec| neutral(&spec.kind)).collect();
            return Some(json!({"instances": [row]}));
        }
        if self.inputs.len() == 1 {
            return Some(json!({"instances": [first.tensor()]}));
        }
        let named: Map<String, Json> = self.inputs.iter().map(|spec| (spec.name.clone(), spec.tensor())).collect();
        Some(json!({"instances": [named]}))
    }
}

impl Spec {
    fn row(&self, part: &str, at: usize) -> Row {
        let shape = self.shape.as_ref().map(|sizes| {
            let sizes: Vec<String> =
                sizes.iter().map(|size| if *size < 0 { "any".into() } else { size.to_string() }).collect();
            sizes.join(" × ")
        });
        let name = if self.name.is_empty() { (at + 1).to_string() } else { self.name.clone() };
        let cells = [
            Value::text(part),
            Value::text(&name),
            Value::text(&self.kind),
            Value::text(&shape.unwrap_or_default()),
            self.required.map_or(Value::None, Value::Bool),
        ];
        Row { key: Key::new(format!("{part}/{at}/{name}")), cells: cells.into(), refs: [].into() }
    }

    /// One instance of a tensor: the first size, the batch, is left out.
    fn tensor(&self) -> Json {
        let sizes = self.shape.as_deref().unwrap_or_default();
        // more than this is no example to edit
        let mut left = 4096_i64;
        let sizes = sizes.iter().skip(1).rev();
        sizes.fold(neutral(&self.kind), |inner, size| {
            let size = if *size < 0 { 1 } else { (*size).min(left.max(1)) };
            left /= size.max(1);
            Json::Array((0..size).map(|_| inner.clone()).collect())
        })
    }
}

fn neutral(kind: &str) -> Json {
    match kind.to_lowercase().as_str() {
        "boolean" | "bool" => json!(false),
        "string" | "str" | "object" | "binary" => json!(""),
        "datetime" => json!("2026-01-01T00:00:00"),
        kind if kind.starts_with("int") || kind.starts_with("uint") || kind == "long" || kind == "integer" => json!(0),
        _ => json!(0.0),
    }
}

/// A V1 request to begin with: the logged example, else one made from the signature.
pub(super) async fn example(api: &Api, name: &str, version: &str) -> Result<Json, Error> {
    let file = read(api, name, version).await?;
    for path in [&file.serving_example, &file.example].into_iter().flatten() {
        let bytes = match api.artifact(name, version, path).await {
            Err(Error::Gone { .. }) => continue,
            other => other?,
        };
        if let Ok(logged) = crate::systems::http::parse(&bytes) {
            return Ok(instances(logged));
        }
    }
    file.signature
        .example()
        .ok_or_else(|| Error::Absent { what: format!("an example or a signature of {name} v{version}") })
}

/// The usual forms of an example as a V1 request.
fn instances(logged: Json) -> Json {
    if logged.get("instances").is_some() {
        return logged;
    }
    let split = logged.get("dataframe_split").unwrap_or(&logged);
    if let Some(rows) = split.get("data").filter(|rows| rows.is_array()) {
        return json!({"instances": rows});
    }
    if let Some(rows) = logged.get("dataframe_records").or_else(|| logged.get("inputs")) {
        return if rows.is_array() { json!({"instances": rows}) } else { json!({"instances": [rows]}) };
    }
    match logged {
        Json::Array(rows) => json!({"instances": rows}),
        single => json!({"instances": [single]}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: &str = r#"
artifact_path: model
signature:
  inputs: '[{"type": "double", "name": "amount", "required": true}, {"type": "long", "name": "age", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}]'
  params: '[{"name": "threshold", "type": "double", "default": 0.5, "shape": null}]'
saved_input_example_info:
  artifact_path: input_example.json
  serving_input_path: serving_input_example.json
"#;

    #[test]
    fn a_signature_of_columns_is_read_and_gives_a_row_of_neutral_values() {
        let file = parse(COLUMNS).unwrap();
        assert_eq!(file.serving_example.as_deref(), Some("serving_input_example.json"));
        assert_eq!(file.signature.example(), Some(json!({"instances": [[0.0, 0]]})));
        let rows = file.signature.rows();
        assert_eq!(rows.len(), 4);
        assert_eq!(rows.get(2).unwrap().cells.get(3), Some(&Value::text("any × 2")));
    }

    #[test]
    fn a_tensor_gives_one_instance_of_its_shape() {
        let yaml = "signature:\n  inputs: '[{\"type\":\"tensor\",\"tensor-spec\":{\"dtype\":\"int64\",\"shape\":[-1,2,-1]}}]'\n";
        assert_eq!(parse(yaml).unwrap().signature.example(), Some(json!({"instances": [[[0], [0]]]})));
        let huge = "signature:\n  inputs: '[{\"type\":\"tensor\",\"tensor-spec\":{\"dtype\":\"int64\",\"shape\":[-1,999999999,9999999]}}]'\n";
        assert!(parse(huge).unwrap().signature.example().is_some());
    }

    #[test]
    fn logged_examples_of_every_form_become_instances() {
        assert_eq!(
            instances(json!({"dataframe_split": {"columns": ["a"], "data": [[1]]}})),
            json!({"instances": [[1]]})
        );
        assert_eq!(instances(json!({"columns": ["a"], "data": [[1]]})), json!({"instances": [[1]]}));
        assert_eq!(instances(json!({"inputs": [[1]]})), json!({"instances": [[1]]}));
        assert_eq!(instances(json!({"inputs": {"x": [1]}})), json!({"instances": [{"x": [1]}]}));
        assert_eq!(instances(json!([[1]])), json!({"instances": [[1]]}));
        assert_eq!(instances(json!({"text": "hi"})), json!({"instances": [{"text": "hi"}]}));
    }

    #[test]
    fn a_file_without_a_signature_has_none() {
        assert!(parse("flavors: {}\n").unwrap().signature.is_empty());
        assert!(parse(": : :").is_err());
    }
}
