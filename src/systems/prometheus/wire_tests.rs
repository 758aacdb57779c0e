use std::fs;

use super::*;

struct Recorded {
    name: String,
    status: u64,
    body: String,
}

/// Every answer that was recorded from a real server.
fn recorded() -> Vec<Recorded> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/prometheus");
    let mut all: Vec<Recorded> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let json: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
            Recorded {
                name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
                status: json["status"].as_u64().unwrap(),
                body: json["body"].as_str().unwrap().to_owned(),
            }
        })
        .collect();
    all.sort_by(|a, b| a.name.cmp(&b.name));
    all
}

fn body(name: &str) -> String {
    recorded().into_iter().find(|recorded| recorded.name == name).unwrap().body
}

fn runs(name: &str) -> Vec<Run> {
    answer(body(name).as_bytes()).unwrap().runs()
}

#[test]
fn every_recorded_answer_is_read_whole_or_is_the_error_that_it_says() {
    let all = recorded();
    assert!(all.len() > 40);
    for recorded in &all {
        let bytes = recorded.body.as_bytes();
        if recorded.status == 200 && recorded.name.starts_with("query") {
            let answer = answer(bytes).unwrap_or_else(|error| panic!("{}: {error}", recorded.name));
            assert_eq!(answer.odd, 0, "{}", recorded.name);
        } else if recorded.status == 200 && recorded.name.starts_with("label") {
            assert!(!names(bytes).unwrap().is_empty(), "{}", recorded.name);
        } else if recorded.status != 200 {
            let error = answer(bytes).unwrap_err();
            let words = error.to_string();
            assert!(matches!(error, Error::Refused { .. } | Error::Unreachable { .. }), "{}: {words}", recorded.name);
        }
    }
}

#[test]
fn mutated_answers_never_panic() {
    for recorded in recorded() {
        let bytes = recorded.body.as_bytes();
        for step in 1..=40 {
            let at = bytes.len() * step / 41;
            let _ = answer(&bytes[..at]);
            let mut flipped = bytes.to_vec();
            for (offset, value) in [(0, b'"'), (1, b'['), (2, 0xff), (3, b'-'), (4, b'}')] {
                if let Some(byte) = flipped.get_mut(at + offset) {
                    *byte = value;
                }
                let _ = answer(&flipped);
                let _ = names(&flipped);
                let _ = scrape_interval(&flipped);
            }
        }
    }
}

#[test]
fn one_odd_series_does_not_lose_the_others() {
    let text = r#"{"status":"success","data":{"resultType":"vector","result":[
        {"metric":{"a":"1"},"value":[1,"2"]},
        {"metric":{"a":7},"value":[1,"2"]},
        {"metric":{"a":"3"},"value":[1,true]},
        {"metric":{"a":"4"},"value":[1,"4"]}]}}"#;
    let read = answer(text.as_bytes()).unwrap();
    assert_eq!(read.odd, 2);
    let labels: Vec<_> = read.runs().into_iter().map(|run| run.labels["a"].clone()).collect();
    assert_eq!(labels, ["1", "4"]);
}

#[test]
fn nan_and_the_infinities_are_numbers() {
    assert_eq!(float("1e+300"), Some(1e300));
    assert_eq!(float("-Inf"), Some(f64::NEG_INFINITY));
    assert!(float("NaN").is_some_and(f64::is_nan));
    assert_eq!(float("nope"), None);
    let numbers: Vec<f64> = runs("query-nan-inf").iter().map(|run| run.numbers[0].1).collect();
    assert!(numbers.iter().any(|number| number.is_nan()));
    assert!(numbers.contains(&f64::INFINITY) && numbers.contains(&f64::NEG_INFINITY));
    assert_eq!(answer(body("query-scalar-inf").as_bytes()).unwrap().data, Data::Scalar(f64::NEG_INFINITY));
}

#[test]
fn a_step_without_a_sample_stays_a_gap() {
    let run = runs("query-range-gaps").remove(0);
    let distances: Vec<i64> = run.numbers.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert!(distances.iter().any(|distance| *distance > 300_000), "the recording has gaps");
    let span = super::super::span::Span { start: 1_795_397_004, end: 1_795_415_004, step: 300 };
    let filled = span.fill(&run.numbers);
    assert_eq!(filled.len(), 61);
    assert_eq!(filled.iter().filter(|(_, value)| !value.is_nan()).count(), run.numbers.len());
}

#[test]
fn a_native_histogram_is_a_count_and_a_mean() {
    let text = r#"{"status":"success","data":{"resultType":"vector","result":[
        {"metric":{"__name__":"m"},"histogram":[12.5,{"count":"10","sum":"5","buckets":[]}]}]}}"#;
    let run = answer(text.as_bytes()).unwrap().runs().remove(0);
    let histogram = run.last_histogram().unwrap();
    assert_eq!((histogram.count, histogram.mean()), (10.0, 0.5));
    assert_eq!(run.points(), [(12_500, 0.5)]);
    assert_eq!(runs("query-native-histogram")[0].last_histogram().unwrap().count, 720.0);
}

#[test]
fn both_halves_of_a_mixed_series_stand_on_one_time_axis() {
    let text = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{},
        "values":[[1,"3"],[3,"4"]],
        "histograms":[[2,{"count":"4","sum":"2"}],[4,{"count":"0","sum":"0"}]]}]}}"#;
    let points = answer(text.as_bytes()).unwrap().runs()[0].points();
    assert_eq!(points[..3], [(1000, 3.0), (2000, 0.5), (3000, 4.0)]);
    assert!(points[3].1.is_nan(), "no observation has no mean");
}

#[test]
fn a_partial_answer_keeps_its_values_and_says_why_it_is_partial() {
    let text = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"0.92"]}]},
        "warnings":["store eu-2 \u001b[31munavailable"],"infos":["PromQL info: monotonicity"]}"#;
    let read = answer(text.as_bytes()).unwrap();
    assert_eq!(read.warnings, ["store eu-2 unavailable"]);
    assert_eq!(read.infos, ["PromQL info: monotonicity"]);
    assert_eq!(read.runs()[0].numbers, [(1000, 0.92)]);
}

#[test]
fn a_mistake_in_a_query_keeps_its_place() {
    let error = answer(body("query-bad-syntax").as_bytes()).unwrap_err();
    assert_eq!(
        error,
        Error::Refused { why: "invalid parameter \"query\": 1:7: parse error: unclosed left parenthesis".into() }
    );
    assert!(matches!(answer(body("query-timeout").as_bytes()), Err(Error::Unreachable { .. })));
}

#[test]
fn the_scrape_interval_is_read_from_the_servers_configuration() {
    let typical = br#"{"status":"success","data":{"yaml":"global:\n  scrape_interval: 1s\n  scrape_timeout: 900ms\nscrape_configs:\n- scrape_interval: 9s\n"}}"#;
    assert_eq!(scrape_interval(typical), Some(1.0));
    assert_eq!(
        scrape_interval(br#"{"status":"success","data":{"yaml":"global:\n  scrape_interval: 1m\n"}}"#),
        Some(60.0)
    );
    assert_eq!(scrape_interval(br#"{"status":"success","data":{"yaml":"scrape_configs: []\n"}}"#), None);
}
