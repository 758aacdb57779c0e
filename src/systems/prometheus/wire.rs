//! The query API's answers, version 1: <https://prometheus.io/docs/prometheus/latest/querying/api/>.
//!
//! One item that can't be read never loses the others: it is counted. What the numbers mean is not decided here.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::Error as _;
use serde_json::value::RawValue;

use crate::model::health::Error;
use crate::model::text::clean;

/// Labels of a series, cleaned for the screen.
pub(super) type Labels = BTreeMap<String, String>;

/// What came back from a query.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Answer {
    /// The series or values.
    pub(super) data: Data,
    /// Why the answer may be incomplete (`warnings`), in the server's words.
    pub(super) warnings: Vec<String>,
    /// Hints on the query (`infos`, apart from the warnings since 2.54).
    pub(super) infos: Vec<String>,
    /// How many items could not be read.
    pub(super) odd: usize,
}

/// The four result types.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Data {
    /// A value for each series, at one time.
    Vector(Vec<Run>),
    /// Values over time for each series.
    Matrix(Vec<Run>),
    /// One number.
    Scalar(f64),
    /// A text.
    Text(String),
}

impl Default for Data {
    fn default() -> Self {
        Self::Vector(Vec::new())
    }
}

impl Answer {
    /// All series, whichever way they came; a scalar is a series without labels, a text is none.
    pub(super) fn runs(self) -> Vec<Run> {
        match self.data {
            Data::Vector(runs) | Data::Matrix(runs) => runs,
            Data::Scalar(number) => {
                vec![Run { numbers: vec![(0, number)], ..Run::default() }]
            }
            Data::Text(_) => Vec::new(),
        }
    }
}

/// A series: floats, native histograms, or both, one after the other.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Run {
    /// Its labels.
    pub(super) labels: Labels,
    /// Milliseconds since the epoch, and the number.
    pub(super) numbers: Vec<(i64, f64)>,
    /// Milliseconds since the epoch, and the native histogram.
    pub(super) histograms: Vec<(i64, Histogram)>,
}

impl Run {
    /// Both halves on one time axis. A native histogram stands there with its mean.
    pub(super) fn points(&self) -> Vec<(i64, f64)> {
        let means = self.histograms.iter().map(|(at, histogram)| (*at, histogram.mean()));
        let mut points: Vec<_> = self.numbers.iter().copied().chain(means).collect();
        points.sort_by_key(|(at, _)| *at);
        points.dedup_by_key(|(at, _)| *at);
        points
    }

    /// The last native histogram, if the series ends with one.
    pub(super) fn last_histogram(&self) -> Option<&Histogram> {
        let (at, last) = self.histograms.last()?;
        self.numbers.last().is_none_or(|(number, _)| number < at).then_some(last)
    }
}

/// A native histogram; after `rate()` the counts are fractions.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Histogram {
    /// Observations.
    pub(super) count: f64,
    /// Their sum.
    pub(super) sum: f64,
}

impl Histogram {
    /// The mean of the observations; NaN if there is none.
    pub(super) fn mean(&self) -> f64 {
        self.sum / self.count
    }
}

/// Decodes the answer to `query` or `query_range`.
pub(super) fn answer(body: &[u8]) -> Result<Answer, Error> {
    let (data, warnings, infos) = envelope::<RawData<'_>>(body)?;
    let (data, odd) = match data.kind.as_str() {
        "vector" => {
            let (runs, odd) = items(data.result, vector_item)?;
            (Data::Vector(runs), odd)
        }
        "matrix" => {
            let (runs, odd) = items(data.result, matrix_item)?;
            (Data::Matrix(runs), odd)
        }
        "scalar" => {
            let sample: Sample = read(data.result)?;
            (Data::Scalar(sample.1), 0)
        }
        "string" => {
            let (_, text): (f64, String) = read(data.result)?;
            (Data::Text(clean(&text)), 0)
        }
        other => return Err(wrong(&format!("a result of the unknown type {:?}", clean(other)))),
    };
    Ok(Answer { data, warnings, infos, odd })
}

/// Decodes the answer to `labels` or `label/NAME/values`.
pub(super) fn names(body: &[u8]) -> Result<Vec<String>, Error> {
    envelope::<Option<Vec<String>>>(body).map(|(names, ..)| names.unwrap_or_default())
}

/// The global scrape interval in `status/config`, in seconds. The configuration is a text in YAML.
pub(super) fn scrape_interval(body: &[u8]) -> Option<f64> {
    #[derive(Deserialize)]
    struct Config {
        yaml: String,
    }
    let (config, ..) = envelope::<Config>(body).ok()?;
    let mut lines = config.yaml.lines().skip_while(|line| line.trim_end() != "global:").skip(1);
    let mut global = lines.by_ref().take_while(|line| line.starts_with(' '));
    let text = global.find_map(|line| line.trim().strip_prefix("scrape_interval:"))?;
    super::span::duration(text.trim())
}

/// The envelope around every answer: data or an error, perhaps with warnings.
fn envelope<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<(T, Vec<String>, Vec<String>), Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope<'a> {
        status: String,
        #[serde(borrow)]
        data: Option<&'a RawValue>,
        error_type: Option<String>,
        error: Option<String>,
        warnings: Option<Vec<String>>,
        infos: Option<Vec<String>>,
    }
    let envelope: Envelope<'a> = serde_json::from_slice(body).map_err(|error| wrong(&error.to_string()))?;
    if envelope.status != "success" {
        return Err(failure(envelope.error_type.as_deref().unwrap_or(""), envelope.error.as_deref().unwrap_or("")));
    }
    let data = envelope.data.ok_or_else(|| wrong("an answer without data"))?;
    let tidy = |texts: Option<Vec<String>>| texts.unwrap_or_default().iter().map(|text| clean(text)).collect();
    Ok((read(data)?, tidy(envelope.warnings), tidy(envelope.infos)))
}

/// The error that an `errorType` stands for.
pub(super) fn failure(kind: &str, message: &str) -> Error {
    let why = if message.is_empty() { clean(kind) } else { clean(message) };
    match kind {
        "bad_data" | "execution" | "not_acceptable" => Error::Refused { why },
        "not_found" => Error::Gone { what: why },
        "too_many_requests" => Error::RateLimited { what: "Prometheus".into(), until: None },
        "timeout" | "canceled" | "unavailable" | "internal" => Error::Unreachable { what: "Prometheus".into(), why },
        _ => Error::Protocol { what: format!("Prometheus says {kind:?}: {why}") },
    }
}

#[derive(Deserialize)]
struct RawData<'a> {
    #[serde(rename = "resultType")]
    kind: String,
    #[serde(borrow)]
    result: &'a RawValue,
}

/// Reads the items of a list, each for itself.
fn items(list: &RawValue, read_item: fn(&RawValue) -> Result<Run, Error>) -> Result<(Vec<Run>, usize), Error> {
    let raw: Option<Vec<&RawValue>> = read(list)?;
    let raw = raw.unwrap_or_default();
    let all = raw.len();
    let runs: Vec<Run> = raw.into_iter().filter_map(|item| read_item(item).ok()).collect();
    let odd = all - runs.len();
    Ok((runs, odd))
}

fn vector_item(item: &RawValue) -> Result<Run, Error> {
    #[derive(Deserialize)]
    struct Item {
        #[serde(default)]
        metric: Labels,
        value: Option<Sample>,
        histogram: Option<HistogramSample>,
    }
    let item: Item = read(item)?;
    Ok(Run {
        labels: tidy(item.metric),
        numbers: item.value.map(|sample| (milliseconds(sample.0), sample.1)).into_iter().collect(),
        histograms: item.histogram.map(|sample| (milliseconds(sample.0), sample.1)).into_iter().collect(),
    })
}

fn matrix_item(item: &RawValue) -> Result<Run, Error> {
    #[derive(Deserialize)]
    struct Item {
        #[serde(default)]
        metric: Labels,
        #[serde(default)]
        values: Vec<Sample>,
        #[serde(default)]
        histograms: Vec<HistogramSample>,
    }
    let item: Item = read(item)?;
    Ok(Run {
        labels: tidy(item.metric),
        numbers: item.values.into_iter().map(|sample| (milliseconds(sample.0), sample.1)).collect(),
        histograms: item.histograms.into_iter().map(|sample| (milliseconds(sample.0), sample.1)).collect(),
    })
}

fn tidy(labels: Labels) -> Labels {
    labels.into_iter().map(|(name, value)| (clean(&name), clean(&value))).collect()
}

/// `[seconds, "number"]`.
#[derive(Deserialize)]
struct Sample(f64, #[serde(deserialize_with = "number")] f64);

/// `[seconds, {"count", "sum", "buckets"}]`; the buckets are not kept.
#[derive(Deserialize)]
struct HistogramSample(f64, #[serde(deserialize_with = "histogram")] Histogram);

fn number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
    float(&text).ok_or_else(|| D::Error::custom("not a number"))
}

fn histogram<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Histogram, D::Error> {
    #[derive(Deserialize)]
    struct Raw {
        #[serde(deserialize_with = "number")]
        count: f64,
        #[serde(deserialize_with = "number")]
        sum: f64,
    }
    Raw::deserialize(deserializer).map(|raw| Histogram { count: raw.count, sum: raw.sum })
}

/// A number as Prometheus writes it: `NaN`, `+Inf`, `-Inf`, `1e+300`.
pub(super) fn float(text: &str) -> Option<f64> {
    match text {
        "NaN" => Some(f64::NAN),
        "+Inf" | "Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        text => text.parse().ok(),
    }
}

#[expect(clippy::cast_possible_truncation, reason = "saturates; times of this era fit")]
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}

fn read<'a, T: Deserialize<'a>>(raw: &'a RawValue) -> Result<T, Error> {
    serde_json::from_str(raw.get()).map_err(|error| wrong(&error.to_string()))
}

fn wrong(what: &str) -> Error {
    Error::Protocol { what: format!("Prometheus gives no proper answer: {what}") }
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the numbers are those of the recordings")]
#[path = "wire_tests.rs"]
mod tests;
