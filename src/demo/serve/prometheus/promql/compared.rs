//! The evaluator against a real Prometheus: raw series read from it, and what it made of them.
//!
//! Recorded from Prometheus 2.42.0 at times at which no sample lies on a window's edge, as only there 2 and 3 differ.

use std::sync::Arc;

use promql_parser::label::Matchers;
use serde_json::Value as Json;

use super::{Labels, Sample, Samples, Source, Steps, evaluate, matches, parse};
use crate::demo::serve::prometheus::json::{instant, range};

struct Recorded {
    labels: Labels,
    samples: Vec<Sample>,
}

impl Source for Recorded {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn samples(&self, after: i64, until: i64) -> Vec<Sample> {
        self.samples.iter().filter(|sample| sample.at > after && sample.at <= until).copied().collect()
    }
}

struct Store(Vec<Arc<Recorded>>);

impl Samples for Store {
    fn select(&self, matchers: &Matchers, name: Option<&str>) -> Vec<Arc<dyn Source>> {
        let fits = self.0.iter().filter(|one| matches(one.labels(), matchers, name));
        fits.map(|one| -> Arc<dyn Source> { Arc::<Recorded>::clone(one) }).collect()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "times of this century fit")]
fn millis(seconds: &Json) -> i64 {
    (seconds.as_f64().unwrap() * 1000.0).round() as i64
}

fn labels(metric: &Json) -> Labels {
    let mut labels = Labels::default();
    for (name, value) in metric.as_object().unwrap() {
        labels.set(name, value.as_str().unwrap());
    }
    labels
}

fn store(series: &Json) -> Store {
    let one = |row: &Json| {
        let values = row["values"].as_array().unwrap().iter();
        let sample = |pair: &Json| Sample { at: millis(&pair[0]), value: pair[1].as_str().unwrap().parse().unwrap() };
        Arc::new(Recorded { labels: labels(&row["metric"]), samples: values.map(sample).collect() })
    };
    Store(series.as_array().unwrap().iter().map(one).collect())
}

/// Rows by labels; each with its numbers.
fn rows(data: &Json, ordered: bool) -> Vec<(Labels, Vec<(i64, f64)>)> {
    let pair = |pair: &Json| (millis(&pair[0]), pair[1].as_str().unwrap().parse().unwrap());
    let result = data["result"].as_array().unwrap();
    if data["resultType"] == "scalar" {
        return vec![(Labels::default(), vec![pair(&data["result"])])];
    }
    let row = |row: &Json| {
        let values = match row.get("values") {
            Some(values) => values.as_array().unwrap().iter().map(pair).collect(),
            None => vec![pair(&row["value"])],
        };
        (labels(&row["metric"]), values)
    };
    let mut rows: Vec<_> = result.iter().map(row).collect();
    if !ordered {
        rows.sort_by(|a, b| a.0.cmp(&b.0));
    }
    rows
}

fn same(a: f64, b: f64) -> bool {
    a.total_cmp(&b).is_eq() || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-6)
}

#[test]
fn answers_are_those_of_the_real_server() {
    let text = std::fs::read_to_string("tests/fixtures/demo/prometheus/evaluations.json").unwrap();
    let groups: Vec<Json> = serde_json::from_str(&text).unwrap();
    let mut different = vec![];
    for group in &groups {
        let store = store(&group["series"]);
        for case in group["cases"].as_array().unwrap() {
            let query = case["query"].as_str().unwrap();
            let ranged = case.get("start").is_some();
            let steps = if ranged {
                Steps { start: millis(&case["start"]), end: millis(&case["end"]), step: millis(&case["step"]) }
            } else {
                Steps::instant(millis(&group["time"]))
            };
            let ours = parse(query).map_err(super::Fault).and_then(|expression| evaluate(&store, &expression, steps));
            let theirs = &case["answer"];
            let verdict = match ours {
                Err(fault) => {
                    let error = theirs["error"].as_str().unwrap_or("(an answer)");
                    (fault.0 != error).then(|| format!("{} instead of {error}", fault.0))
                }
                Ok(_) if theirs["status"] == "error" => Some(format!("an answer instead of {}", theirs["error"])),
                Ok(value) => {
                    let ours = if ranged { range(steps, value) } else { instant(steps.start, &value) };
                    let ordered = query.starts_with("sort") || query.starts_with("topk");
                    let (a, b) = (rows(&ours, ordered), rows(&theirs["data"], ordered));
                    let fits = a.len() == b.len()
                        && a.iter().zip(&b).all(|((a, x), (b, y))| {
                            a == b && x.len() == y.len() && x.iter().zip(y).all(|(x, y)| x.0 == y.0 && same(x.1, y.1))
                        });
                    (!fits).then(|| format!("{a:?}\n  instead of {b:?}"))
                }
            };
            different.extend(verdict.map(|verdict| format!("{query}: {verdict}")));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}
