//! The `/metrics` page of KServe's python model server: histograms of latency by model, no count by status.

use std::fmt::Write;

use chrono::{DateTime, TimeDelta, Utc};

use crate::demo::traffic::{ServiceKey, Traffic};
use crate::demo::world::World;

const BOUNDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// The steps in which requests are added up, in milliseconds.
const STEP: i64 = 5_000;
/// How long before the world's start the counters began.
const BEFORE: TimeDelta = TimeDelta::minutes(15);

#[derive(Debug, Default, Clone)]
struct Histogram {
    buckets: Vec<f64>,
    count: f64,
    sum: f64,
}

/// The page of one revision's server.
#[must_use]
pub fn page(world: &World, service: &ServiceKey, revision: &str, model: &str) -> String {
    let traffic = world.traffic();
    let (start, now) = (world.start() - BEFORE, world.now());
    let asked = world.enter(|state, _| state.calls.get(&(service.clone(), revision.to_owned())).copied().unwrap_or(0));
    let predict = histogram(&traffic, (service, revision), (start, now), asked);
    let mut page = String::from(HEAD);
    let began = start.timestamp_millis() as f64 / 1000.0;
    let _ = writeln!(page, "process_start_time_seconds {began:?}");
    let parts =
        [("preprocess", "pre-process", 0.001), ("predict", "predict", 0.92), ("postprocess", "post-process", 0.001)];
    for (name, words, share) in parts {
        write_histogram(&mut page, (name, words, model), &scaled(&predict, share));
    }
    let _ = writeln!(
        page,
        "# HELP request_explain_seconds explain request latency\n# TYPE request_explain_seconds histogram"
    );
    page
}

fn scaled(of: &Histogram, share: f64) -> Histogram {
    let quick = share < 0.1;
    let buckets = of.buckets.iter().map(|count| if quick { of.count } else { *count }).collect();
    Histogram { buckets, count: of.count, sum: of.sum * share }
}

fn histogram(
    traffic: &Traffic,
    of: (&ServiceKey, &str),
    between: (DateTime<Utc>, DateTime<Utc>),
    asked: u64,
) -> Histogram {
    let (start, now) = between;
    let mut total = Histogram { buckets: vec![0.0; BOUNDS.len()], ..Histogram::default() };
    let mut at = start;
    while at < now {
        let step = (now - at).min(TimeDelta::milliseconds(STEP)).num_milliseconds() as f64 / 1000.0;
        if let Some(metrics) = traffic.metrics(of.0, of.1, at) {
            let requests = metrics.rps * step;
            for (bucket, bound) in total.buckets.iter_mut().zip(BOUNDS) {
                *bucket += requests * below(*bound, metrics.p50, metrics.p99);
            }
            total.count += requests;
            total.sum += requests * metrics.p50 * 1.15;
        }
        at += TimeDelta::milliseconds(STEP);
    }
    total.count += asked as f64;
    total.buckets.iter_mut().for_each(|bucket| *bucket += asked as f64);
    total
}

/// The share of requests faster than a bound, for a log-logistic distribution through its median and 99th percentile.
#[must_use]
pub fn below(bound: f64, p50: f64, p99: f64) -> f64 {
    if p50 <= 0.0 || p99 <= p50 {
        return 1.0;
    }
    let shape = 99.0_f64.ln() / (p99 / p50).ln();
    1.0 / (1.0 + (bound / p50).powf(-shape))
}

fn write_histogram(page: &mut String, of: (&str, &str, &str), histogram: &Histogram) {
    let (name, words, model) = of;
    let metric = format!("request_{name}_seconds");
    let _ = writeln!(page, "# HELP {metric} {words} request latency\n# TYPE {metric} histogram");
    for (bound, count) in BOUNDS.iter().zip(&histogram.buckets) {
        let _ = writeln!(page, "{metric}_bucket{{le=\"{bound:?}\",model_name=\"{model}\"}} {:?}", count.floor());
    }
    let _ = writeln!(page, "{metric}_bucket{{le=\"+Inf\",model_name=\"{model}\"}} {:?}", histogram.count.floor());
    let _ = writeln!(page, "{metric}_count{{model_name=\"{model}\"}} {:?}", histogram.count.floor());
    let _ = writeln!(page, "{metric}_sum{{model_name=\"{model}\"}} {:?}", histogram.sum);
}

const HEAD: &str = "# HELP python_info Python platform information\n# TYPE python_info gauge\n\
python_info{implementation=\"CPython\",major=\"3\",minor=\"11\",patchlevel=\"7\",version=\"3.11.7\"} 1.0\n\
# HELP process_resident_memory_bytes Resident memory size in bytes.\n# TYPE process_resident_memory_bytes gauge\n\
process_resident_memory_bytes 1.56299264e+08\n\
# HELP process_start_time_seconds Start time of the process since unix epoch in seconds.\n\
# TYPE process_start_time_seconds gauge\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_requests_are_faster_than_the_median_and_99_of_100_than_p99() {
        assert!((below(0.02, 0.02, 0.09) - 0.5).abs() < 1e-9);
        assert!((below(0.09, 0.02, 0.09) - 0.99).abs() < 1e-9);
    }
}
