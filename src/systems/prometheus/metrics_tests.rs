use super::super::families::FAMILIES;
use super::super::wire::Labels;
use super::*;

const SPAN: Span = Span { start: 100, end: 140, step: 10 };

fn run(labels: &[(&str, &str)], values: &[(i64, f64)]) -> Run {
    let labels: Labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let numbers = values.iter().map(|(at, value)| (at * 1000, *value)).collect();
    Run { labels, numbers, histograms: Vec::new() }
}

fn found(count: &str) -> Found {
    let family = FAMILIES.iter().find(|family| family.count == count).unwrap();
    Found { family, native: false, latency: true }
}

/// Two revisions of one endpoint, with 8 and 2 requests a second, of which 1 fails at the end.
fn queue_proxy() -> Answers {
    let of = |revision, class| {
        [
            ("namespace_name", "prod"),
            ("configuration_name", "fraud-predictor"),
            ("revision_name", revision),
            ("response_code_class", class),
        ]
    };
    let steady = |value: f64| SPAN.fill(&[]).into_iter().map(|(at, _)| (at / 1000, value)).collect::<Vec<_>>();
    let (old, new) = ("fraud-predictor-00001", "fraud-predictor-00002");
    let latency = [("namespace_name", "prod"), ("configuration_name", "fraud-predictor")];
    Answers {
        found: found("revision_request_count"),
        requests: vec![
            run(&of(old, "2xx"), &steady(8.0)),
            run(&of(new, "2xx"), &[(100, 2.0), (110, 2.0), (120, 2.0), (130, 2.0), (140, 1.0)]),
            run(&of(new, "5xx"), &[(140, 1.0)]),
        ],
        latencies: [
            (vec![run(&latency, &steady(12.0))], vec![run(&of(new, "2xx")[..3], &[(140, 30.0)])]),
            (Vec::new(), Vec::new()),
            (Vec::new(), Vec::new()),
        ],
    }
}

fn last(points: &[(i64, f64)]) -> f64 {
    points.last().unwrap().1
}

#[test]
fn requests_of_all_revisions_and_statuses_add_up_and_failed_ones_are_a_share_of_them() {
    let (endpoints, revisions) = measured(&[queue_proxy()], SPAN);
    assert_eq!(endpoints.len(), 1);
    assert_eq!(last(&endpoints[0].requests), 10.0);
    assert_eq!(last(endpoints[0].errors.as_ref().unwrap()), 0.1);
    assert_eq!(endpoints[0].errors.as_ref().unwrap()[0].1, 0.0);
    let names: Vec<_> = revisions.iter().map(|record| record.key().to_string()).collect();
    assert_eq!(names, ["prod/fraud-predictor-00001", "prod/fraud-predictor-00002"]);
    assert_eq!(last(revisions[1].errors.as_ref().unwrap()), 0.5);
    assert_eq!(endpoints[0].row().refs[..], [Ref::new(PaneId("endpoints"), "prod/fraud")]);
}

#[test]
fn milliseconds_become_seconds() {
    let (endpoints, revisions) = measured(&[queue_proxy()], SPAN);
    assert_eq!(last(&endpoints[0].latencies[0]), 0.012);
    assert_eq!(last(&revisions[1].latencies[0]), 0.03);
    assert!(revisions[1].latencies[0][0].1.is_nan(), "before that there was nothing");
}

#[test]
fn errors_that_nobody_counts_are_unknown_and_not_none() {
    let labels = [("namespace", "prod"), ("inferenceservice", "fraud")];
    let answers = Answers {
        found: found("request_predict_seconds_count"),
        requests: vec![run(&labels, &[(130, 3.0), (140, 4.0)])],
        latencies: Default::default(),
    };
    let (endpoints, _) = measured(&[answers], SPAN);
    assert_eq!(endpoints[0].errors, None);
    let row = endpoints[0].row();
    assert_eq!(row.cell(1).number(), Some(4.0));
    assert_eq!(row.cell(5), &Value::None);
    assert_eq!(
        remark(&endpoints).unwrap(),
        "errors of fraud are unknown: KServe's model server has no count by status"
    );
}

#[test]
fn of_two_families_the_more_telling_one_counts_and_nothing_is_counted_twice() {
    let labels = [("namespace", "prod"), ("inferenceservice", "fraud")];
    let others = [("namespace", "prod"), ("inferenceservice", "churn")];
    let python = Answers {
        found: found("request_predict_seconds_count"),
        requests: vec![run(&labels, &[(140, 99.0)]), run(&others, &[(140, 5.0)])],
        latencies: Default::default(),
    };
    let (endpoints, _) = measured(&[queue_proxy(), python], SPAN);
    let seen: Vec<_> =
        endpoints.iter().map(|record| (record.subject.endpoint.as_str(), last(&record.requests))).collect();
    assert_eq!(seen, [("churn", 5.0), ("fraud", 10.0)]);
}

#[test]
fn a_line_that_ended_shows_no_number_as_if_it_were_true_now() {
    let ended = SPAN.fill(&[(100_000, 7.0), (110_000, 7.0), (120_000, 7.0)]);
    let value = cell(&ended, Unit::PerSecond, None);
    assert_eq!(value.number(), None);
    assert!(value.is_none());
    let late = SPAN.fill(&[(100_000, 7.0), (110_000, 7.0), (120_000, 7.0), (130_000, 7.0)]);
    assert_eq!(cell(&late, Unit::PerSecond, None).number(), Some(7.0));
    assert_eq!(cell(&SPAN.fill(&[]), Unit::PerSecond, None), Value::None);
}

#[test]
fn without_requests_there_is_no_share_of_failed_ones() {
    let labels = [("namespace_name", "p"), ("configuration_name", "f-predictor"), ("response_code_class", "2xx")];
    let answers = Answers {
        found: found("revision_request_count"),
        requests: vec![run(&labels, &[(130, 0.0), (140, 0.0)])],
        latencies: Default::default(),
    };
    let (endpoints, _) = measured(&[answers], SPAN);
    assert_eq!(endpoints[0].row().cell(1).number(), Some(0.0));
    assert_eq!(endpoints[0].row().cell(5), &Value::None);
}
