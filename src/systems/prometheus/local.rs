//! Rates and latencies without a Prometheus: made from two readings of a model server's own `/metrics` page. Pure.
//!
//! KServe's server counts no requests by status, so errors stay unknown here.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use prometheus_parse::{Scrape, Value};

use crate::model::health::Error;

/// The histogram of KServe's model server.
const LATENCY: &str = "request_predict_seconds";

/// What a page said: for each model, observations at most as long as each bound, in seconds.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Page {
    models: BTreeMap<String, Vec<(f64, f64)>>,
}

impl Page {
    /// Whether it has nothing of what KServe's server counts.
    pub(super) fn is_empty(&self) -> bool {
        self.models.is_empty()
    }
}

/// Reads a page in the text format of Prometheus. An error if it is none.
pub(super) fn page(text: &str, at: DateTime<Utc>) -> Result<Page, Error> {
    let wrong = |why: &str| Error::Protocol { what: format!("the page /metrics is {why}") };
    if text.trim_start().starts_with('<') {
        return Err(wrong("a web page"));
    }
    let lines = text.lines().map(|line| Ok(line.to_owned()));
    let scrape = Scrape::parse_at(lines, at).map_err(|error| wrong(&format!("no metrics: {error}")))?;
    if scrape.samples.is_empty() && !text.trim().is_empty() {
        return Err(wrong("no metrics"));
    }
    let mut models = BTreeMap::new();
    for sample in scrape.samples {
        let (true, Value::Histogram(counts)) = (sample.metric == LATENCY, sample.value) else { continue };
        let mut buckets: Vec<(f64, f64)> = counts.iter().map(|count| (count.less_than, count.count)).collect();
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        let model = sample.labels.get("model_name").unwrap_or_default();
        models.insert(crate::model::text::clean(model), buckets);
    }
    Ok(Page { models })
}

/// What happened between two readings.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Between {
    /// Requests per second.
    pub(super) rate: f64,
    /// Requests at most as long as each bound, per second.
    buckets: Vec<(f64, f64)>,
}

impl Between {
    /// Adds what another server of the same endpoint did.
    pub(super) fn add(&mut self, other: &Self) {
        self.rate += other.rate;
        if self.buckets.is_empty() {
            self.buckets.clone_from(&other.buckets);
            return;
        }
        for (bound, count) in &mut self.buckets {
            *count += at_most(&other.buckets, *bound);
        }
    }

    /// A quantile of the latencies in seconds, by the rule of `histogram_quantile`: evenly spread within a bucket,
    /// and the greatest finite bound for what is longer. NaN without requests.
    pub(super) fn quantile(&self, quantile: f64) -> f64 {
        let Some((_, all)) = self.buckets.last().copied().filter(|(_, all)| *all > 0.0) else { return f64::NAN };
        let rank = quantile * all;
        let (mut lower, mut below) = (0.0, 0.0);
        for (upper, count) in &self.buckets {
            if *count >= rank {
                if upper.is_infinite() {
                    return lower;
                }
                let within = count - below;
                return if within > 0.0 { lower + (upper - lower) * (rank - below) / within } else { *upper };
            }
            (lower, below) = (*upper, *count);
        }
        lower
    }
}

/// The last reading of each server.
#[derive(Debug, Default)]
pub(super) struct LocalRates {
    last: BTreeMap<String, (DateTime<Utc>, Page)>,
}

impl LocalRates {
    /// Takes a reading of `server` and gives what happened since the one before, for all its models together.
    /// `None` for the first reading, or one that is not later than the last.
    pub(super) fn observe(&mut self, server: &str, at: DateTime<Utc>, page: Page) -> Option<Between> {
        let between = self.last.get(server).and_then(|(before, last)| {
            let seconds = (at - *before).as_seconds_f64();
            (seconds > 0.0).then(|| increase(last, &page, seconds))
        });
        self.last.insert(server.to_owned(), (at, page));
        between
    }

    /// Forgets servers that were not read for long.
    pub(super) fn forget(&mut self, now: DateTime<Utc>) {
        self.last.retain(|_, (at, _)| now - *at < TimeDelta::minutes(5));
    }
}

fn increase(before: &Page, now: &Page, seconds: f64) -> Between {
    let mut sum = Between::default();
    for (model, buckets) in &now.models {
        let old = before.models.get(model);
        // a counter that fell was set back to nothing: all that it counts is new
        let fell = old.is_some_and(|old| last(old) > last(buckets));
        let old = old.filter(|_| !fell);
        let counts = buckets.iter().map(|(bound, count)| {
            let before = old.map_or(0.0, |old| at_most(old, *bound));
            (*bound, (count - before).max(0.0) / seconds)
        });
        let buckets: Vec<_> = counts.collect();
        sum.add(&Between { rate: last(&buckets), buckets });
    }
    sum
}

/// The count of the bucket with this very bound.
fn at_most(buckets: &[(f64, f64)], bound: f64) -> f64 {
    buckets.iter().find(|(other, _)| other.total_cmp(&bound).is_eq()).map_or(0.0, |(_, count)| *count)
}

/// The count of the bucket that holds all.
fn last(buckets: &[(f64, f64)]) -> f64 {
    buckets.last().map_or(0.0, |(_, count)| *count)
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "the numbers are exact in binary")]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_000_000 + seconds, 0).unwrap()
    }

    fn text(counts: [u32; 3]) -> String {
        let [fast, middle, all] = counts;
        format!(
            "# HELP request_predict_seconds predict request latency\n# TYPE request_predict_seconds histogram\n\
             request_predict_seconds_bucket{{le=\"0.01\",model_name=\"fraud\"}} {fast}\n\
             request_predict_seconds_bucket{{le=\"0.1\",model_name=\"fraud\"}} {middle}\n\
             request_predict_seconds_bucket{{le=\"+Inf\",model_name=\"fraud\"}} {all}\n\
             request_predict_seconds_count{{model_name=\"fraud\"}} {all}\n"
        )
    }

    fn read(counts: [u32; 3]) -> Page {
        page(&text(counts), at(0)).unwrap()
    }

    #[test]
    fn a_rate_needs_two_readings_and_quantiles_come_from_what_happened_in_between() {
        let mut rates = LocalRates::default();
        assert_eq!(rates.observe("pod", at(0), read([100, 100, 100])), None);
        // in 10 s: 50 within 10 ms, 40 within 100 ms, 10 longer
        let between = rates.observe("pod", at(10), read([150, 190, 200])).unwrap();
        assert!((between.rate - 10.0).abs() < 1e-9);
        assert!((between.quantile(0.5) - 0.01).abs() < 1e-9);
        // rank 70 of 100: 20 of the 40 between 10 and 100 ms
        assert!((between.quantile(0.7) - 0.055).abs() < 1e-9);
        assert!((between.quantile(0.99) - 0.1).abs() < 1e-9, "the greatest finite bound");
    }

    #[test]
    fn a_counter_that_was_set_back_counts_from_nothing() {
        let mut rates = LocalRates::default();
        rates.observe("pod", at(0), read([100, 100, 100]));
        let between = rates.observe("pod", at(10), read([20, 20, 20])).unwrap();
        assert!((between.rate - 2.0).abs() < 1e-9);
    }

    #[test]
    fn no_requests_are_a_rate_of_nought_and_no_latency() {
        let mut rates = LocalRates::default();
        rates.observe("pod", at(0), read([5, 5, 5]));
        assert_eq!(rates.observe("pod", at(0), read([6, 6, 6])), None, "no time has passed");
        let between = rates.observe("pod", at(15), read([6, 6, 6])).unwrap();
        assert_eq!(between.rate, 0.0);
        assert!(between.quantile(0.5).is_nan());
    }

    #[test]
    fn servers_of_one_endpoint_add_up() {
        let mut sum = Between { rate: 1.0, buckets: vec![(0.1, 1.0), (f64::INFINITY, 1.0)] };
        sum.add(&Between { rate: 3.0, buckets: vec![(0.1, 0.0), (f64::INFINITY, 3.0)] });
        assert_eq!(sum, Between { rate: 4.0, buckets: vec![(0.1, 1.0), (f64::INFINITY, 4.0)] });
    }

    #[test]
    fn the_page_of_a_real_model_server_is_read_and_a_login_page_is_not() {
        let recorded = include_str!("../../../tests/fixtures/prometheus/metrics-page.txt");
        let page = page(recorded, at(0)).unwrap();
        assert!(page.models["fraud-detection"].len() > 10);
        assert!(page.models["fraud-detection"].last().unwrap().0.is_infinite());
        assert!(super::page("<html>log in</html>", at(0)).is_err());
        assert!(super::page("what is this?\nno idea", at(0)).is_err());
        assert_eq!(super::page("", at(0)), Ok(Page::default()));
    }

    #[test]
    fn pages_that_were_cut_or_spoiled_never_panic() {
        let recorded = include_str!("../../../tests/fixtures/prometheus/metrics-page.txt");
        for at_byte in (0..recorded.len()).step_by(recorded.len() / 50) {
            let _ = page(recorded.get(..at_byte).unwrap_or_default(), at(0));
            let mut spoiled = recorded.as_bytes().to_vec();
            spoiled[at_byte] = b'}';
            let _ = page(&String::from_utf8_lossy(&spoiled), at(0));
        }
    }
}
