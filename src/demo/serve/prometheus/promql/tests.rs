//! The evaluator against values worked out by hand.

use std::sync::Arc;

use promql_parser::label::Matchers;

use super::{Fault, Labels, Sample, Samples, Series, Source, Steps, Value, evaluate, matches, parse};

struct Fixed {
    labels: Labels,
    samples: Vec<Sample>,
}

impl Source for Fixed {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn samples(&self, after: i64, until: i64) -> Vec<Sample> {
        self.samples.iter().filter(|sample| sample.at > after && sample.at <= until).copied().collect()
    }
}

struct Shelf(Vec<Arc<Fixed>>);

impl Samples for Shelf {
    fn select(&self, matchers: &Matchers, name: Option<&str>) -> Vec<Arc<dyn Source>> {
        let fits = self.0.iter().filter(|one| matches(one.labels(), matchers, name));
        fits.map(|one| -> Arc<dyn Source> { Arc::<Fixed>::clone(one) }).collect()
    }
}

/// Samples every 15 s from 0.
fn series(metric: &str, labels: &[(&str, &str)], values: &[f64]) -> Arc<Fixed> {
    let samples = (0..).zip(values).map(|(index, value)| Sample { at: index * 15_000, value: *value });
    Arc::new(Fixed { labels: Labels::of(metric, labels), samples: samples.collect() })
}

fn shelf() -> Shelf {
    let counter: Vec<f64> = (0..41).map(|index| f64::from(index) * 30.0).collect();
    let reset: Vec<f64> =
        (0..41).map(|index| if index < 20 { f64::from(index) * 30.0 } else { f64::from(index - 20) * 30.0 }).collect();
    let bucket = |le: &str, count: f64| {
        series("lat_bucket", &[("le", le)], &(0..41).map(|i| f64::from(i) * count).collect::<Vec<_>>())
    };
    Shelf(vec![
        series("requests_total", &[("pod", "a"), ("code", "200")], &counter),
        series("requests_total", &[("pod", "b"), ("code", "200")], &reset),
        series(
            "requests_total",
            &[("pod", "a"), ("code", "500")],
            &counter.iter().map(|v| v / 10.0).collect::<Vec<_>>(),
        ),
        series("load", &[("pod", "a")], &[1.0, 3.0, 2.0, 5.0, 4.0]),
        series("load", &[("pod", "b")], &[2.0, 2.0, 2.0, 2.0, f64::NAN]),
        series("info", &[("pod", "a"), ("team", "risk")], &[1.0; 41]),
        series("info", &[("pod", "b"), ("team", "growth")], &[1.0; 41]),
        bucket("0.1", 10.0),
        bucket("0.5", 18.0),
        bucket("1", 20.0),
        bucket("+Inf", 20.0),
    ])
}

fn at(query: &str, seconds: i64) -> Result<Value, Fault> {
    let expression = parse(query).map_err(Fault)?;
    evaluate(&shelf(), &expression, Steps::instant(seconds * 1000))
}

/// Labels without the braces, and the value.
fn vector(query: &str, seconds: i64) -> Vec<(String, f64)> {
    match at(query, seconds).unwrap_or_else(|fault| panic!("{query}: {fault:?}")) {
        Value::Vector(rows) => rows
            .iter()
            .filter_map(|row: &Series| {
                Some((row.labels.to_string().trim_matches(['{', '}']).to_owned(), row.values[0]?))
            })
            .collect(),
        other => panic!("{query}: {other:?}"),
    }
}

fn one(query: &str, seconds: i64) -> f64 {
    match at(query, seconds).unwrap_or_else(|fault| panic!("{query}: {fault:?}")) {
        Value::Scalar(values) => values[0],
        Value::Vector(rows) if rows.len() == 1 => rows[0].values[0].unwrap(),
        other => panic!("{query}: {other:?}"),
    }
}

fn fault(query: &str) -> String {
    match at(query, 600) {
        Err(Fault(text)) => text,
        Ok(value) => panic!("{query}: {value:?}"),
    }
}

#[track_caller]
fn close(left: f64, right: f64) {
    assert!((left - right).abs() < 1e-9, "{left} is not {right}");
}

#[test]
fn rate_extrapolates_to_the_windows_edges() {
    // Window (300, 360]: samples at 315, 330, 345, 360; 90 in 45 s; 15 s to the start are under 1.1 intervals.
    close(one("rate(requests_total{pod=\"a\",code=\"200\"}[1m])", 360), 2.0);
    // Asked at 367: samples at 315..360, 8 s before the start and 7 s after the end are both extrapolated.
    close(one("increase(requests_total{pod=\"a\",code=\"200\"}[1m])", 367), 120.0);
    // A window of 20 s holds one sample: no rate.
    assert_eq!(vector("rate(requests_total{pod=\"a\"}[10s])", 360), []);
}

#[test]
fn a_counter_is_not_extrapolated_below_zero() {
    // Window (-240, 60]: samples 0, 30, 60, 90, 120 at 0..60; the counter began at 0, so nothing is added before it.
    close(one("increase(requests_total{pod=\"a\",code=\"200\"}[5m])", 60), 120.0);
}

#[test]
fn a_reset_of_a_counter_does_not_make_its_rate_negative() {
    // pod b: 570 at 285 s, then 0 at 300 s. Window (270, 330]: 570, 0, 30, 60 → 60 - 570 + 570 = 60 over 45 s, with
    // 15 s more at the start: 60 * 60 / 45 = 80.
    close(one("increase(requests_total{pod=\"b\"}[1m])", 330), 80.0);
    close(one("resets(requests_total{pod=\"b\"}[1m])", 330), 1.0);
    close(one("irate(requests_total{pod=\"b\"}[1m])", 330), 2.0);
    close(one("irate(requests_total{pod=\"b\"}[1m])", 300), 0.0);
    close(one("delta(requests_total{pod=\"b\"}[1m])", 330), -510.0 * 60.0 / 45.0);
}

#[test]
fn a_sample_counts_for_five_minutes_and_a_window_is_open_at_its_start() {
    close(one("load{pod=\"a\"}", 60 + 299), 4.0);
    assert_eq!(vector("load{pod=\"a\"}", 60 + 300), []);
    close(one("count_over_time(load{pod=\"a\"}[30s])", 60), 2.0);
    close(one("load{pod=\"a\"} offset 30s", 60), 2.0);
    close(one("load{pod=\"a\"} @ 15", 600), 3.0);
    close(one("timestamp(load{pod=\"a\"})", 70), 60.0);
}

#[test]
fn functions_over_time_use_the_windows_samples() {
    let cases = [
        ("avg_over_time", 3.5),
        ("sum_over_time", 14.0),
        ("min_over_time", 2.0),
        ("max_over_time", 5.0),
        ("count_over_time", 4.0),
        ("last_over_time", 4.0),
        ("changes", 3.0),
        ("stddev_over_time", 1.25_f64.sqrt()),
    ];
    for (function, value) in cases {
        close(one(&format!("{function}(load{{pod=\"a\"}}[1m])"), 60), value);
    }
    close(one("quantile_over_time(0.5, load{pod=\"a\"}[1m])", 60), 3.5);
    close(one("deriv(requests_total{pod=\"a\",code=\"200\"}[1m])", 360), 2.0);
    close(one("predict_linear(requests_total{pod=\"a\",code=\"200\"}[1m], 60)", 360), 720.0 + 120.0);
    assert_eq!(vector("last_over_time(load{pod=\"a\"}[1m])", 60)[0].0, "__name__=\"load\", pod=\"a\"");
}

#[test]
fn a_subquery_is_evaluated_at_multiples_of_its_step() {
    close(one("max_over_time(rate(requests_total{pod=\"a\",code=\"200\"}[1m])[2m:30s])", 361), 2.0);
    close(one("count_over_time(vector(1)[2m:30s])", 361), 4.0);
    close(one("count_over_time(vector(1)[2m:30s] offset 1m)", 361), 4.0);
}

#[test]
fn aggregations_group_by_labels() {
    let by_pod = vector("sum by (pod) (rate(requests_total[1m]))", 360);
    assert_eq!(by_pod.iter().map(|(labels, _)| labels.as_str()).collect::<Vec<_>>(), ["pod=\"a\"", "pod=\"b\""]);
    close(by_pod[0].1, 2.2);
    assert_eq!(vector("count without (pod, code) (requests_total)", 360), [(String::new(), 3.0)]);
    close(one("max(load)", 45), 5.0);
    close(one("min(load)", 60), 4.0);
    close(one("avg(load)", 45), 3.5);
    close(one("stddev(load)", 45), 1.5);
    close(one("quantile(0.25, load)", 45), 2.75);
    close(one("group(load)", 45), 1.0);
    assert_eq!(vector("topk(1, load)", 45), [("__name__=\"load\", pod=\"a\"".to_owned(), 5.0)]);
    assert_eq!(vector("bottomk(1, load)", 60), [("__name__=\"load\", pod=\"a\"".to_owned(), 4.0)]);
    assert_eq!(vector("count_values(\"v\", info)", 45), [("v=\"1\"".to_owned(), 2.0)]);
}

#[test]
fn histogram_quantile_is_linear_inside_a_bucket() {
    // Of 20 in 0.1: 10, 0.5: 18, 1: 20 → rank of 0.5 is 10: the whole first bucket; of 0.95 is 19: half of the third.
    close(one("histogram_quantile(0.5, lat_bucket)", 300), 0.1);
    close(one("histogram_quantile(0.95, rate(lat_bucket[1m]))", 300), 0.75);
    close(one("histogram_quantile(0.7, lat_bucket)", 300), 0.1 + 0.4 * (14.0 - 10.0) / 8.0);
    close(one("histogram_quantile(1, lat_bucket)", 300), 1.0);
    assert!(one("histogram_quantile(0.5, lat_bucket{le!=\"+Inf\"})", 300).is_nan());
    assert!(one("histogram_quantile(0.5, rate(lat_bucket[1m]) * 0)", 300).is_nan());
    assert!(one("histogram_quantile(2, lat_bucket)", 300).is_infinite());
}

#[test]
fn operators_match_by_labels() {
    let ratio = "sum by (pod) (rate(requests_total{code=\"500\"}[1m])) / sum by (pod) (rate(requests_total[1m]))";
    let ratio = vector(ratio, 360);
    assert_eq!(ratio.len(), 1);
    close(ratio[0].1, 0.2 / 2.2);
    let joined = vector("load * on (pod) group_left (team) info", 45);
    assert_eq!(joined[0], ("pod=\"a\", team=\"risk\"".to_owned(), 5.0));
    let swapped = vector("info * on (pod) group_right (team) load", 45);
    assert_eq!(swapped[0], ("pod=\"a\", team=\"risk\"".to_owned(), 5.0));
    assert_eq!(vector("load > 3", 45), [("__name__=\"load\", pod=\"a\"".to_owned(), 5.0)]);
    assert_eq!(vector("3 < load", 45), [("__name__=\"load\", pod=\"a\"".to_owned(), 5.0)]);
    assert_eq!(vector("load > bool 3", 45), [("pod=\"a\"".to_owned(), 1.0), ("pod=\"b\"".to_owned(), 0.0)]);
    assert_eq!(vector("load and on (pod) info{team=\"growth\"}", 45).len(), 1);
    assert_eq!(vector("load unless on (pod) info{team=\"growth\"}", 45)[0].0, "__name__=\"load\", pod=\"a\"");
    assert_eq!(vector("load{pod=\"a\"} or info", 45).len(), 2 + 1);
    close(one("2 ^ 3 % 5", 0), 3.0);
    close(one("1 / 3", 0), 1.0 / 3.0);
    close(one("-load{pod=\"a\"}", 45), -5.0);
    assert!(one("0 / 0", 0).is_nan());
}

#[test]
fn many_to_many_is_a_fault_with_both_series() {
    let text =
        fault("info * on (code) group_left () requests_total{pod=\"a\"} * 0 + on () group_left () requests_total");
    assert!(
        text.starts_with("found duplicate series for the match group {} on the right hand-side of the operation: ["),
        "{text}"
    );
    assert!(
        text.ends_with("];many-to-many matching not allowed: matching labels must be unique on one side"),
        "{text}"
    );
}

#[test]
fn the_other_functions() {
    close(one("time()", 45), 45.0);
    close(one("vector(2)", 45), 2.0);
    close(one("scalar(load{pod=\"a\"})", 45), 5.0);
    assert!(one("scalar(load)", 45).is_nan());
    close(one("clamp(load{pod=\"a\"}, 0, 4)", 45), 4.0);
    close(one("clamp_min(load{pod=\"a\"}, 6)", 45), 6.0);
    close(one("clamp_max(load{pod=\"a\"}, 3)", 45), 3.0);
    close(one("round(load{pod=\"a\"} / 3, 0.5)", 45), 1.5);
    close(one("log2(vector(8))", 0), 3.0);
    close(one("absent(nothing{pod=\"x\"})", 0), 1.0);
    assert_eq!(vector("absent(load)", 45), []);
    let sorted: Vec<f64> = vector("sort_desc(load)", 45).iter().map(|(_, value)| *value).collect();
    assert_eq!(sorted, [5.0, 2.0]);
    let replaced = vector("label_replace(info, \"t\", \"team-$1\", \"team\", \"(ri.*)\")", 45);
    assert_eq!(replaced[0].0, "__name__=\"info\", pod=\"a\", t=\"team-risk\", team=\"risk\"");
    assert_eq!(replaced[1].0, "__name__=\"info\", pod=\"b\", team=\"growth\"");
    let joined = vector("label_join(info, \"both\", \"/\", \"pod\", \"team\")", 45);
    assert!(joined[0].0.contains("both=\"a/risk\""));
    close(one("hour(vector(7200))", 0), 2.0);
}

#[test]
fn matchers_are_anchored_and_an_absent_label_is_empty() {
    assert_eq!(vector("load{pod=~\"a|b\"}", 45).len(), 2);
    assert_eq!(vector("requests_total{code=~\"5..\"}", 45).len(), 1);
    assert_eq!(vector("requests_total{code=~\"5\"}", 45).len(), 0);
    assert_eq!(vector("load{pod!~\"a\"}", 45).len(), 1);
    assert_eq!(vector("load{team=\"\"}", 45).len(), 2);
    assert_eq!(vector("{__name__=~\"lo.*\",pod!=\"a\"}", 45).len(), 1);
}

#[test]
fn what_cannot_be_parsed_says_where() {
    let cases = [
        ("sum(up", "1:7: parse error: unclosed left parenthesis"),
        ("nope(up)", "1:1: parse error: unknown function with name \"nope\""),
        ("rate(up)", "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector"),
        ("up{", "1:4: parse error: unexpected end of input inside braces"),
        ("", "1:1: parse error: no expression found in input"),
    ];
    for (query, text) in cases {
        assert_eq!(fault(query), text);
    }
    assert!(fault("holt_winters(load[1m], 0.5, 0.5)").contains("holt_winters"));
    assert!(fault("histogram_stddev(load)").contains("histogram_stddev"));
}

#[test]
fn a_range_query_has_a_value_for_each_step_or_a_gap() {
    let expression = parse("load{pod=\"a\"} > 2").unwrap();
    let steps = Steps { start: 0, end: 60_000, step: 15_000 };
    let Value::Vector(rows) = evaluate(&shelf(), &expression, steps).unwrap() else { panic!("no vector") };
    assert_eq!(rows[0].values, [None, Some(3.0), None, Some(5.0), Some(4.0)]);
}

#[test]
fn an_instant_query_of_a_range_gives_its_raw_samples() {
    let Value::Matrix(rows) = at("load{pod=\"a\"}[30s]", 60).unwrap() else { panic!("no matrix") };
    assert_eq!(rows[0].1, [Sample { at: 45_000, value: 5.0 }, Sample { at: 60_000, value: 4.0 }]);
}
