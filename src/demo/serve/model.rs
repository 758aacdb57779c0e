//! The models themselves: what is read from a request, what is answered, and what is wrong with it in Python's words.

use crate::demo::json::Json;
use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

/// The most values that a tensor may hold.
const MOST: u64 = 1_000_000;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// The text of `error`.
    pub message: String,
}

impl Refusal {
    /// A refusal.
    #[must_use]
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }
}

/// The instances of a V1 request; a flat list is one instance.
pub fn v1_rows(body: &Bytes) -> Result<Vec<Value>, Refusal> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        Refusal::bad(format!(
            "Unrecognized request format: unexpected character, expected a string key: line {} column {} (char {})",
            error.line(),
            error.column(),
            error.column().saturating_sub(1)
        ))
    })?;
    let instances = value.get("instances").ok_or_else(|| Refusal::bad("Expected key \"instances\" in request body"))?;
    let instances = instances.as_array().ok_or_else(|| Refusal::bad("Expected \"instances\" to be a list"))?;
    Ok(rows(instances))
}

fn rows(instances: &[Value]) -> Vec<Value> {
    match instances.first() {
        Some(first) if !first.is_array() => vec![instances.into()],
        _ => instances.to_vec(),
    }
}

/// The scores of rows `[amount, age, risk]` by a model's version.
///
/// The formula gives 0.92 for `[1000, 45, 0.67]`; the challenger of `fraud-detection` (version 13) is 0.03 below.
pub fn scores(rows: &[Value], version: u32, _format: &str) -> Result<Vec<f64>, Refusal> {
    let shift = if version == 13 { -0.03 } else { 0.0 };
    let bad = |why: String| Refusal::bad(format!("each instance must be [amount, age, risk]: {why}"));
    let score = |row: &Value| {
        let cells = row.as_array().map_or(&[][..], Vec::as_slice);
        let numbers = cells.iter().take(3).map(|cell| number(cell).ok_or_else(|| bad(no_number(cell))));
        match numbers.collect::<Result<Vec<f64>, _>>()?.as_slice() {
            [amount, age, risk] => {
                let z = 0.4 * amount.max(-0.99).ln_1p() - 0.02 * age + 2.4 * risk - 1.0287;
                let probability = (1.0 / (1.0 + (-z).exp()) + shift).clamp(0.0, 1.0);
                Ok((probability * 100.0).round() / 100.0)
            }
            few => Err(bad(format!("not enough values to unpack (expected 3, got {})", few.len()))),
        }
    };
    rows.iter().map(score).collect()
}

fn number(cell: &Value) -> Option<f64> {
    cell.as_f64().or_else(|| cell.as_str()?.trim().parse().ok())
}

fn no_number(cell: &Value) -> String {
    match cell {
        Value::String(text) => format!("could not convert string to float: '{text}'"),
        Value::Null => "float() argument must be a string or a real number, not 'NoneType'".into(),
        Value::Array(_) => "float() argument must be a string or a real number, not 'list'".into(),
        _ => "float() argument must be a string or a real number, not 'dict'".into(),
    }
}

/// A V2 request's body, or the `detail` of `FastAPI`.
pub fn v2_body(body: &Bytes) -> Result<Value, Value> {
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        json!([{ "type": "json_invalid", "loc": ["body", error.column().saturating_sub(1)], "msg": "JSON decode error",
            "input": {}, "ctx": { "error": "Expecting property name enclosed in double quotes" } }])
    })?;
    let missing =
        |loc: Value, input: &Value| json!({ "type": "missing", "loc": loc, "msg": "Field required", "input": input });
    let mut detail = Vec::new();
    match value.get("inputs").and_then(Value::as_array) {
        None => detail.push(missing(json!(["body", "InferenceRequest", "inputs"]), &value)),
        Some(inputs) => {
            for (at, input) in inputs.iter().enumerate() {
                for field in ["name", "shape", "datatype", "data"] {
                    if input.get(field).is_none() {
                        detail.push(missing(json!(["body", "InferenceRequest", "inputs", at, field]), input));
                    }
                }
            }
        }
    }
    if detail.is_empty() {
        return Ok(value);
    }
    detail.push(json!({ "type": "bytes_type", "loc": ["body", "bytes"], "msg": "Input should be a valid bytes", "input": value }));
    Err(detail.into())
}

/// The rows of a V2 request's first input.
pub fn v2_rows(body: &Value) -> Result<Vec<Value>, Refusal> {
    const TYPES: &[&str] = &[
        "BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64", "FP16", "FP32", "FP64",
        "BYTES",
    ];
    let Some(input) = body.at("/inputs").get(0) else {
        return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "IndexError : list index out of range"));
    };
    if !input.at("/datatype").as_str().is_some_and(|name| TYPES.contains(&name)) {
        return Err(Refusal::bad("invalid datatype None in the input"));
    }
    let shape: Vec<u64> = input.at("/shape").as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
    let mut flat = Vec::new();
    flatten(input.at("/data"), &mut flat);
    let wanted = shape.iter().fold(1_u64, |product, part| product.saturating_mul(*part));
    if wanted != flat.len() as u64 || wanted > MOST {
        let shape = shape.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let message = format!("ValueError : cannot reshape array of size {} into shape ({shape})", flat.len());
        return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, message));
    }
    let width = usize::try_from(shape.last().copied().unwrap_or(1)).unwrap_or(1).max(1);
    Ok(if shape.len() < 2 { vec![flat.into()] } else { flat.chunks(width).map(|row| row.to_vec().into()).collect() })
}

fn flatten(value: &Value, into: &mut Vec<Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| flatten(item, into)),
        other => into.push(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predict(body: &str, version: u32) -> Result<Vec<f64>, Refusal> {
        scores(&v1_rows(&Bytes::from(body.to_owned()))?, version, "sklearn")
    }

    #[test]
    fn stable_answers_092_and_the_challenger_089_in_both_forms() {
        for body in [r#"{"instances":[1000,45,0.67]}"#, r#"{"instances":[[1000,45,0.67]]}"#] {
            assert_eq!(predict(body, 12), Ok(vec![0.92]));
            assert_eq!(predict(body, 13), Ok(vec![0.89]));
        }
        assert_eq!(predict(r#"{"instances":[[1000,45,0.67],[12.5,30,0.02]]}"#, 12), Ok(vec![0.92, 0.37]));
        assert_eq!(predict(r#"{"instances":[]}"#, 12), Ok(vec![]));
    }

    #[test]
    fn a_bad_row_is_refused_in_the_words_that_were_recorded() {
        let refused = |body| predict(body, 12).unwrap_err().message;
        let row = "each instance must be [amount, age, risk]: ";
        assert_eq!(refused(r#"{"instances":[["a","b","c"]]}"#), format!("{row}could not convert string to float: 'a'"));
        assert_eq!(refused(r#"{"instances":[[1]]}"#), format!("{row}not enough values to unpack (expected 3, got 1)"));
        assert_eq!(refused(r#"{"rows":[]}"#), "Expected key \"instances\" in request body");
        assert_eq!(refused(r#"{"instances":3}"#), "Expected \"instances\" to be a list");
    }
}
