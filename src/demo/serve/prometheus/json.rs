//! Prometheus' way of writing values, times and answers.

use chrono::{DateTime, SecondsFormat, Utc};
use http::StatusCode;
use serde_json::{Value as Json, json};

use super::promql::{Fault, Labels, Sample, Series, Steps, Value};
use crate::demo::serve::{Answer, json as answer, text};

/// A sample's value as text: the shortest that reads back the same, exponent form only when very small or large.
pub(crate) fn number(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let text = format!("{value:e}");
        return if text.contains("e-") { text } else { text.replace('e', "e+") };
    }
    value.to_string()
}

/// An alert's value: always in exponent form, with two digits at least.
pub(super) fn scientific(value: f64) -> String {
    if !value.is_finite() {
        return number(value);
    }
    let text = format!("{value:e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, digits) = exponent.strip_prefix('-').map_or(('+', exponent), |digits| ('-', digits));
    format!("{mantissa}e{sign}{digits:0>2}")
}

/// A time in RFC 3339 with nanoseconds.
pub(super) fn rfc3339(millis: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(millis).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Seconds as a number, whole where they are.
fn seconds(millis: i64) -> Json {
    if millis % 1000 == 0 { json!(millis / 1000) } else { json!(millis as f64 / 1000.0) }
}

/// A label set as an object.
pub(super) fn labels(labels: &Labels) -> Json {
    Json::Object(labels.iter().map(|(name, value)| (name.to_owned(), json!(value))).collect())
}

fn pair(at: i64, value: f64) -> Json {
    json!([seconds(at), number(value)])
}

/// `data` of an instant query.
pub(super) fn instant(at: i64, value: &Value) -> Json {
    match value {
        Value::Scalar(values) => {
            json!({ "resultType": "scalar", "result": pair(at, values.first().copied().unwrap_or(f64::NAN)) })
        }
        Value::Text(text) => json!({ "resultType": "string", "result": [seconds(at), text] }),
        Value::Vector(rows) => {
            let row = |row: &Series| {
                let value = row.values.first().copied().flatten()?;
                Some(json!({ "metric": labels(&row.labels), "value": pair(at, value) }))
            };
            json!({ "resultType": "vector", "result": rows.iter().filter_map(row).collect::<Vec<_>>() })
        }
        Value::Matrix(rows) => {
            let row = |(of, samples): &(Labels, Vec<Sample>)| {
                let values: Vec<Json> = samples.iter().map(|sample| pair(sample.at, sample.value)).collect();
                json!({ "metric": labels(of), "values": values })
            };
            json!({ "resultType": "matrix", "result": rows.iter().map(row).collect::<Vec<_>>() })
        }
    }
}

/// `data` of a range query; a matrix is sorted by labels.
pub(super) fn range(steps: Steps, value: Value) -> Json {
    let mut rows = match value {
        Value::Scalar(values) => {
            vec![Series { labels: Labels::default(), values: values.into_iter().map(Some).collect() }]
        }
        Value::Vector(rows) => rows,
        Value::Text(_) | Value::Matrix(_) => vec![],
    };
    rows.sort_by(|a, b| a.labels.cmp(&b.labels));
    let row = |row: &Series| {
        let values = steps.times().zip(&row.values).filter_map(|(at, value)| value.map(|value| pair(at, value)));
        let values: Vec<Json> = values.collect();
        (!values.is_empty()).then(|| json!({ "metric": labels(&row.labels), "values": values }))
    };
    json!({ "resultType": "matrix", "result": rows.iter().filter_map(row).collect::<Vec<_>>() })
}

/// A success.
pub(super) fn success(data: &Json) -> Answer {
    answer(StatusCode::OK, &json!({ "status": "success", "data": data }))
}

/// A `bad_data` error.
pub(super) fn bad(error: &str) -> Answer {
    failure(StatusCode::BAD_REQUEST, "bad_data", error)
}

/// A query's fault.
pub(super) fn fault(fault: &Fault) -> Answer {
    failure(StatusCode::UNPROCESSABLE_ENTITY, "execution", &fault.0)
}

fn failure(status: StatusCode, kind: &str, error: &str) -> Answer {
    answer(status, &json!({ "status": "error", "errorType": kind, "error": error }))
}

/// A plain text.
pub(super) fn plain(status: StatusCode, body: &'static str) -> Answer {
    text(status, "text/plain; charset=utf-8", body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_go_writes_them() {
        let cases = [
            (0.333_333_333_333_333_3, "0.3333333333333333"),
            (1e300, "1e+300"),
            (5e-324, "5e-324"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (0.0, "0"),
            (1373.0, "1373"),
            (1e-7, "1e-7"),
            (123_456_789.0, "123456789"),
        ];
        for (value, text) in cases {
            assert_eq!(number(value), text);
        }
        assert_eq!(scientific(0.072_380_952_380_952_38), "7.238095238095238e-02");
        assert_eq!(scientific(0.0), "0e+00");
        assert_eq!(scientific(12.0), "1.2e+01");
    }

    #[test]
    fn times_are_whole_numbers_where_they_can_be() {
        assert_eq!(seconds(1_795_414_994_000).to_string(), "1795414994");
        assert_eq!(seconds(1_795_414_999_250).to_string(), "1795414999.25");
    }
}
