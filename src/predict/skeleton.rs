//! A payload to begin with: from what a server says of its model, or from an example that was logged. Pure.

use serde_json::{Value as Json, json};

use crate::model::serving::Protocol;

/// How many values a made-up tensor has at most.
const MOST_VALUES: usize = 64;

/// A payload of nothing.
#[must_use]
pub fn empty(protocol: Protocol) -> Json {
    match protocol {
        Protocol::V1 => json!({"instances": []}),
        Protocol::V2 => json!({"inputs": []}),
    }
}

/// A payload from a model's V2 metadata (`GET /v2/models/NAME`): one row, zeros in the shape and type of each input.
/// `None` if it names no inputs.
#[must_use]
pub fn from_metadata(protocol: Protocol, metadata: &Json) -> Option<Json> {
    let inputs = metadata.get("inputs")?.as_array().filter(|inputs| !inputs.is_empty())?;
    let tensors: Vec<Json> = inputs.iter().filter_map(tensor).collect();
    match (protocol, tensors.as_slice()) {
        (_, []) => None,
        (Protocol::V2, _) => Some(json!({"inputs": tensors})),
        // V1 names inputs only where there are several
        (Protocol::V1, [one]) => Some(json!({"instances": [one.get("data")?]})),
        (Protocol::V1, several) => {
            let named = several
                .iter()
                .filter_map(|one| Some((one.get("name")?.as_str()?.to_owned(), one.get("data")?.clone())));
            Some(json!({"instances": [Json::Object(named.collect())]}))
        }
    }
}

fn tensor(input: &Json) -> Option<Json> {
    let name = input.get("name")?.as_str()?;
    let datatype = input.get("datatype").and_then(Json::as_str).unwrap_or("FP32");
    // -1 is any size: one row
    let shape: Vec<u64> =
        input.get("shape")?.as_array()?.iter().map(|size| size.as_u64().unwrap_or(1).max(1)).collect();
    let count = shape.iter().try_fold(1_u64, |product, size| product.checked_mul(*size))?;
    let count = usize::try_from(count).ok().filter(|count| *count <= MOST_VALUES)?;
    let value = match datatype {
        "BOOL" => json!(false),
        "BYTES" => json!(""),
        "FP16" | "FP32" | "FP64" => json!(0.0),
        _ => json!(0),
    };
    Some(json!({"name": name, "shape": shape, "datatype": datatype, "data": vec![value; count]}))
}

/// A payload from an example as MLflow logs it: `{"columns", "data"}` (a table, split), `{"inputs": …}`,
/// `{"instances": …}`, `{"dataframe_split": …}`, or the bare rows.
#[must_use]
pub fn from_example(protocol: Protocol, example: &Json) -> Json {
    let split = example.get("dataframe_split").unwrap_or(example);
    let rows = split.get("data").or_else(|| example.get("instances")).or_else(|| example.get("dataframe_records"));
    // what is a request already stays one: its shape chooses the protocol
    if is_v2(example) || example.get("instances").is_some_and(Json::is_array) {
        return example.clone();
    }
    let rows = match (rows, example) {
        (Some(rows), _) => rows.clone(),
        (None, Json::Object(entries)) => entries.get("inputs").unwrap_or(example).clone(),
        (None, other) => other.clone(),
    };
    let rows = if rows.is_array() { rows } else { json!([rows]) };
    match protocol {
        Protocol::V1 => json!({"instances": rows}),
        Protocol::V2 => v2_of_rows(&rows).unwrap_or_else(|| empty(Protocol::V2)),
    }
}

fn is_v2(example: &Json) -> bool {
    example.pointer("/inputs/0/datatype").is_some()
}

/// Rows of numbers as one tensor.
fn v2_of_rows(rows: &Json) -> Option<Json> {
    let rows = rows.as_array()?;
    let width = rows.first()?.as_array().map_or(1, Vec::len);
    let flat: Vec<Json> =
        rows.iter().flat_map(|row| row.as_array().cloned().unwrap_or_else(|| vec![row.clone()])).collect();
    if flat.len() != rows.len() * width || !flat.iter().all(Json::is_number) {
        return None;
    }
    let shape = json!([rows.len(), width]);
    Some(json!({"inputs": [{"name": "input-0", "shape": shape, "datatype": "FP64", "data": flat}]}))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_models_metadata_gives_a_row_of_zeros_in_its_shape() {
        let metadata = json!({"name": "fraud", "inputs": [{"name": "input-0", "datatype": "FP64", "shape": [-1, 3]}]});
        assert_eq!(from_metadata(Protocol::V1, &metadata), Some(json!({"instances": [[0.0, 0.0, 0.0]]})));
        assert_eq!(
            from_metadata(Protocol::V2, &metadata),
            Some(
                json!({"inputs": [{"name": "input-0", "shape": [1, 3], "datatype": "FP64", "data": [0.0, 0.0, 0.0]}]})
            )
        );
    }

    #[test]
    fn several_inputs_are_named_in_v1_and_texts_are_texts() {
        let metadata = json!({"inputs": [
            {"name": "text", "datatype": "BYTES", "shape": [1]}, {"name": "age", "datatype": "INT32", "shape": [-1, 1]}]});
        assert_eq!(from_metadata(Protocol::V1, &metadata), Some(json!({"instances": [{"text": [""], "age": [0]}]})));
    }

    #[test]
    fn metadata_that_says_nothing_or_too_much_gives_no_payload() {
        assert_eq!(from_metadata(Protocol::V2, &json!({"inputs": []})), None);
        assert_eq!(from_metadata(Protocol::V2, &json!({"error": "x"})), None);
        let huge = json!({"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 9_000_000_000_u64, 9_000_000_000_u64, 9_000_000_000_u64]}]});
        assert_eq!(from_metadata(Protocol::V2, &huge), None);
    }

    #[test]
    fn an_example_that_was_logged_becomes_a_request() {
        let rows = json!([[1000, 45, 0.67]]);
        let wanted = json!({"instances": rows});
        for example in [
            json!({"columns": ["amount", "age", "risk"], "data": rows}),
            json!({"dataframe_split": {"columns": ["a", "b", "c"], "data": rows}}),
            json!({"instances": rows}),
            json!({"inputs": rows}),
            rows.clone(),
        ] {
            assert_eq!(from_example(Protocol::V1, &example), wanted, "{example}");
        }
        assert_eq!(
            from_example(Protocol::V2, &rows),
            json!({"inputs": [{"name": "input-0", "shape": [1, 3], "datatype": "FP64", "data": [1000, 45, 0.67]}]})
        );
        assert_eq!(from_example(Protocol::V2, &json!([["a"]])), json!({"inputs": []}));
    }
}
