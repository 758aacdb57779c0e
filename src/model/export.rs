//! Rows as data for other programs: JSON with typed values, CSV.

use std::sync::Arc;

use chrono::SecondsFormat;
use serde_json::{Map, Value as Json, json};

use super::record::{Head, Row};
use super::value::Value;

/// A cell as JSON: numbers as numbers (ratios as ratios, durations in seconds), moments as RFC 3339, states as words.
/// NaN and infinities, which JSON has not, are texts.
#[must_use]
pub fn json_cell(value: &Value) -> Json {
    match value {
        Value::None => Json::Null,
        Value::Text(text) => json!(text),
        Value::Link(link) => json!(link.words),
        Value::Int(number) => json!(number),
        Value::Number(number, _) => json_number(*number),
        Value::Bool(yes) => json!(yes),
        Value::Time(at) => json!(at.to_rfc3339_opts(SecondsFormat::Secs, true)),
        Value::State(state) => json!(state.word),
        Value::Share(parts) => Json::Array(
            parts.iter().map(|part| json!({"name": part.label, "percent": json_number(part.percent)})).collect(),
        ),
        Value::Spark(series) => series.last().map_or(Json::Null, json_number),
        Value::Pair(pair) => match (json_cell(&pair.0), json_cell(&pair.1)) {
            (first, Json::Null) => first,
            (first, second) => json!([first, second]),
        },
    }
}

fn json_number(number: f64) -> Json {
    if number.is_finite() { json!(number) } else { json!(super::text::digits(number)) }
}

/// A row as a JSON object: its key as `key`, then the columns by their stable ids. Where a cell has a second value behind
/// the first, that one stands beside it as `ID_note`, so that a column has always the same type.
#[must_use]
pub fn json_row(heads: &[Head], row: &Row) -> Json {
    let mut object = Map::with_capacity(heads.len() + 1);
    object.insert("key".into(), json!(row.key));
    for (at, head) in heads.iter().enumerate() {
        match row.cell(at) {
            Value::Pair(pair) => {
                object.insert(head.id.to_string(), json_cell(&pair.0));
                if !pair.1.is_none() {
                    object.insert(format!("{}_note", head.id), json_cell(&pair.1));
                }
            }
            cell => {
                object.insert(head.id.to_string(), json_cell(cell));
            }
        }
    }
    Json::Object(object)
}

/// A cell as a field of CSV: as in JSON, without the quotes of texts. Of two values that share a cell both stand there
/// with a blank between; shares of a whole as `v12 90%; v13 10%`.
#[must_use]
pub fn csv_cell(value: &Value) -> String {
    match value {
        Value::Pair(pair) => {
            let (first, second) = (csv_cell(&pair.0), csv_cell(&pair.1));
            return [first, second].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
        }
        Value::Share(parts) => {
            let parts = parts.iter().map(|part| format!("{} {}%", part.label, super::text::digits(part.percent)));
            return parts.collect::<Vec<_>>().join("; ");
        }
        _ => {}
    }
    match json_cell(value) {
        Json::Null => String::new(),
        Json::String(text) => text,
        other => other.to_string(),
    }
}

/// Rows as CSV (RFC 4180) with a line of column ids.
#[must_use]
pub fn csv(heads: &[Head], rows: &[Arc<Row>]) -> String {
    let mut out = csv::Writer::from_writer(Vec::new());
    // writing into memory can't fail
    let _ = out.write_record(heads.iter().map(|head| head.id.as_bytes()));
    for row in rows {
        let _ = out.write_record((0..heads.len()).map(|at| csv_cell(row.cell(at))));
    }
    out.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// JSON over several lines, but a list of plain values on one.
#[must_use]
pub fn compact(json: &Json) -> String {
    fn write(json: &Json, indent: usize, out: &mut String) {
        let pad = "  ".repeat(indent + 1);
        let end = "  ".repeat(indent);
        match json {
            Json::Array(items) if items.iter().any(|item| item.is_array() || item.is_object()) => {
                out.push_str("[\n");
                for (at, item) in items.iter().enumerate() {
                    out.push_str(&pad);
                    write(item, indent + 1, out);
                    out.push_str(if at + 1 < items.len() { ",\n" } else { "\n" });
                }
                out.push_str(&end);
                out.push(']');
            }
            Json::Array(items) => {
                out.push('[');
                out.push_str(&items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
                out.push(']');
            }
            Json::Object(entries) if !entries.is_empty() => {
                out.push_str("{\n");
                for (at, (key, value)) in entries.iter().enumerate() {
                    out.push_str(&pad);
                    out.push_str(&Json::String(key.clone()).to_string());
                    out.push_str(": ");
                    write(value, indent + 1, out);
                    out.push_str(if at + 1 < entries.len() { ",\n" } else { "\n" });
                }
                out.push_str(&end);
                out.push('}');
            }
            other => out.push_str(&other.to_string()),
        }
    }
    let mut out = String::new();
    write(json, 0, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::value::Unit;

    #[test]
    fn json_stays_valid_with_nan_and_infinity() {
        assert_eq!(json_cell(&Value::Number(f64::NAN, Unit::None)), json!("NaN"));
        assert_eq!(json_cell(&Value::Number(f64::INFINITY, Unit::None)), json!("∞"));
        assert_eq!(json_cell(&Value::Number(0.041, Unit::Ratio)), json!(0.041));
    }

    #[test]
    fn a_column_has_the_same_type_in_every_row() {
        let heads = [Head::number("restarts", "restarts", 9)];
        let of = |cell: Value| json_row(&heads, &Row { key: "a".into(), cells: [cell].into(), refs: [].into() });
        let at = Value::Time(chrono::DateTime::UNIX_EPOCH);
        assert_eq!(of(Value::Int(0)), json!({"key": "a", "restarts": 0}));
        let twice = json!({"key": "a", "restarts": 3, "restarts_note": "1970-01-01T00:00:00Z"});
        assert_eq!(of(Value::pair(Value::Int(3), at)), twice);
        assert_eq!(of(Value::pair(Value::Int(3), Value::None)), json!({"key": "a", "restarts": 3}));
    }

    #[test]
    fn csv_quotes_what_has_to_be_quoted() {
        let heads = [Head::text("name", "name", 9), Head::number("n", "n", 9)];
        let row = Row { key: "a".into(), cells: [Value::text("x, \"y\""), Value::Int(3)].into(), refs: [].into() };
        assert_eq!(csv(&heads, &[Arc::new(row)]), "name,n\n\"x, \"\"y\"\"\",3\n");
    }

    #[test]
    fn csv_has_no_json_in_its_cells() {
        use crate::model::health::Health;
        use crate::model::value::Part;
        let part = |label: &str, percent| Part { label: label.into(), percent, health: Health::Good };
        assert_eq!(csv_cell(&Value::pair(Value::text("Running"), Value::Int(3))), "Running 3");
        assert_eq!(csv_cell(&Value::pair(Value::None, Value::Int(3))), "3");
        assert_eq!(csv_cell(&Value::Share([part("v12", 90.0), part("v13", 10.0)].into())), "v12 90%; v13 10%");
    }

    #[test]
    fn a_list_of_numbers_stays_on_its_line() {
        let json = serde_json::json!({"instances": [[1000, 45, 0.67]]});
        assert_eq!(compact(&json), "{\n  \"instances\": [\n    [1000, 45, 0.67]\n  ]\n}");
    }
}
