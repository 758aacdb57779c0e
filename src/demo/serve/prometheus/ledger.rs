//! Counters of every revision: what its load adds up to, in steps of the scrape interval.
//!
//! A counter is the integral of a rate that is known for all times, past ones too. The integral is kept for each
//! scrape, so that a query reads sums instead of working them out.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::DateTime;

use crate::demo::story::SERVICES;
use crate::demo::traffic::{Metrics, ServiceKey, Traffic};

/// Milliseconds between two scrapes.
pub(super) const INTERVAL: i64 = 15_000;

/// How far back the records of services outside the story go, in milliseconds.
const SHORT: i64 = 40 * 60 * 1000;

/// Upper bounds of all histograms' buckets together, in seconds.
pub(super) const BOUNDS: [f64; 32] = [
    0.005, 0.01, 0.02, 0.025, 0.04, 0.05, 0.06, 0.075, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7,
    0.75, 0.8, 0.9, 1.0, 2.0, 2.5, 5.0, 7.5, 10.0, 20.0, 50.0, 100.0,
];

/// What a revision has done since the beginning of the records.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Totals {
    pub(super) good: Outcome,
    pub(super) failed: Outcome,
}

/// Requests with one outcome.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outcome {
    /// How many.
    pub(super) count: f64,
    /// Their latencies together, in seconds.
    pub(super) seconds: f64,
    /// How many were not slower than each of [`BOUNDS`].
    pub(super) buckets: [f64; BOUNDS.len()],
}

impl Outcome {
    const NONE: Self = Self { count: 0.0, seconds: 0.0, buckets: [0.0; BOUNDS.len()] };

    fn plus(&self, more: f64, mean: f64, shares: &[f64; BOUNDS.len()]) -> Self {
        let mut next = *self;
        next.count += more;
        next.seconds += more * mean;
        for (bucket, share) in next.buckets.iter_mut().zip(shares) {
            *bucket += more * share;
        }
        next
    }
}

/// One revision's records.
#[derive(Debug, Clone)]
pub(super) struct Account {
    /// The scrape of the first total.
    pub(super) from: usize,
    /// Totals at each scrape since then.
    pub(super) totals: Arc<Vec<Totals>>,
    /// Which pods there were, and which share of the load each had.
    pub(super) spans: Arc<Vec<Span>>,
}

/// A pod's time with a constant share of its revision's load, in scrapes since the beginning.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Span {
    pub(super) pod: String,
    pub(super) from: usize,
    /// `None` while it lasts.
    pub(super) to: Option<usize>,
    pub(super) share: f64,
}

/// A revision's place.
pub(super) type Place = (ServiceKey, String);

/// All records.
#[derive(Debug)]
pub(super) struct Ledger {
    begin: i64,
    accounts: BTreeMap<Place, Account>,
}

impl Ledger {
    /// Empty records that begin at this time (milliseconds, a multiple of the interval).
    pub(super) fn new(begin: i64) -> Self {
        Self { begin, accounts: BTreeMap::new() }
    }

    /// When the records begin.
    pub(super) fn begin(&self) -> i64 {
        self.begin
    }

    /// The records by revision.
    pub(super) fn accounts(&self) -> &BTreeMap<Place, Account> {
        &self.accounts
    }

    /// Writes the records up to `now`; `pods` tells which pods a revision has at present.
    pub(super) fn extend(&mut self, traffic: &Traffic, now: i64, pods: &dyn Fn(&ServiceKey, &str) -> Vec<String>) {
        // Thousands of services would fill the memory: those beyond the story's have a short past.
        let short = usize::try_from(SHORT / INTERVAL).unwrap_or(0);
        let scrapes = usize::try_from((now - self.begin).div_euclid(INTERVAL) + 1).unwrap_or(0);
        for (key, service) in traffic.services() {
            for revision in &service.revisions {
                let place = (key.clone(), revision.name.clone());
                let present = pods(key, &revision.name);
                if present.is_empty() && !self.accounts.contains_key(&place) {
                    continue;
                }
                let made = revision.created.timestamp_millis();
                let first = usize::try_from((made - self.begin).div_euclid(INTERVAL) + 1).unwrap_or(0);
                let told = SERVICES.iter().any(|story| story.name == key.name);
                let first = if told { first } else { first.max(scrapes.saturating_sub(short)) };
                let account = self.accounts.entry(place).or_insert_with(|| Account {
                    from: first,
                    totals: Arc::new(vec![Totals { good: Outcome::NONE, failed: Outcome::NONE }]),
                    spans: Arc::new(vec![]),
                });
                share_out(account, &present, first);
                fill(account, scrapes, |scrape| {
                    let middle = self.begin + INTERVAL * i64::try_from(scrape).unwrap_or(0) - INTERVAL / 2;
                    traffic.metrics(key, &revision.name, DateTime::from_timestamp_millis(middle)?)
                });
            }
        }
    }
}

/// Notes a change of the pods; the first ones are taken to have been there since `first`.
fn share_out(account: &mut Account, present: &[String], first: usize) {
    let open = account.spans.iter().filter(|span| span.to.is_none());
    if open.map(|span| &span.pod).eq(present) {
        return;
    }
    let written = account.from + account.totals.len() - 1;
    let from = if account.spans.is_empty() { first } else { written };
    let spans = Arc::make_mut(&mut account.spans);
    for span in spans.iter_mut().filter(|span| span.to.is_none()) {
        span.to = Some(written);
    }
    let share = 1.0 / present.len().max(1) as f64;
    spans.extend(present.iter().map(|pod| Span { pod: pod.clone(), from, to: None, share }));
}

fn fill(account: &mut Account, scrapes: usize, metrics: impl Fn(usize) -> Option<Metrics>) {
    if account.from + account.totals.len() >= scrapes {
        return;
    }
    let seconds = INTERVAL as f64 / 1000.0;
    let totals = Arc::make_mut(&mut account.totals);
    while account.from + totals.len() < scrapes {
        let Some(last) = totals.last().copied() else { return };
        let next = match metrics(account.from + totals.len()) {
            Some(metrics) if metrics.rps > 0.0 => {
                let (shares, mean) = (shares(&metrics), mean(&metrics));
                let requests = metrics.rps * seconds;
                let failed = requests * metrics.error_ratio;
                Totals {
                    good: last.good.plus(requests - failed, mean, &shares),
                    failed: last.failed.plus(failed, mean, &shares),
                }
            }
            _ => last,
        };
        totals.push(next);
    }
}

/// The share of requests that are not slower than each bound.
///
/// Latencies are spread so that their logarithm is normal in pieces, through the three quantiles that are known.
fn shares(metrics: &Metrics) -> [f64; BOUNDS.len()] {
    BOUNDS.map(|bound| {
        let (low, middle, high) = (metrics.p50.ln(), metrics.p95.ln(), metrics.p99.ln());
        let at = bound.ln();
        let deviations = if at <= middle {
            1.645 * (at - low) / (middle - low)
        } else {
            1.645 + (2.326 - 1.645) * (at - middle) / (high - middle)
        };
        normal(deviations)
    })
}

/// The mean latency of that spread, nearly.
fn mean(metrics: &Metrics) -> f64 {
    let spread = (metrics.p95 / metrics.p50).ln() / 1.645;
    metrics.p50 * (spread * spread / 2.0).exp()
}

/// The normal distribution's share below so many deviations (Abramowitz and Stegun 7.1.26).
fn normal(deviations: f64) -> f64 {
    let x = deviations.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let series = [0.254_829_592, -0.284_496_736, 1.421_413_741, -1.453_152_027, 1.061_405_429];
    let folded = series.iter().rev().fold(0.0, |sum, factor| (sum + factor) * t);
    let error = 1.0 - folded * (-x * x).exp();
    0.5 * (1.0 + error.copysign(deviations))
}

impl Account {
    /// What a pod's share of a total comes to at a scrape; `None` where the pod has no sample.
    pub(super) fn pod(&self, pod: &str, scrape: usize, total: impl Fn(&Totals) -> f64) -> Option<f64> {
        let mut sum = 0.0;
        let mut there = false;
        for span in self.spans.iter().filter(|span| span.pod == pod && span.from <= scrape) {
            let until = span.to.map_or(scrape, |to| to.min(scrape));
            let at = |scrape: usize| self.at(scrape).map(&total);
            sum += span.share * (at(until)? - at(span.from)?);
            there |= span.to.is_none_or(|to| scrape <= to);
        }
        there.then_some(sum)
    }

    /// The totals at a scrape.
    pub(super) fn at(&self, scrape: usize) -> Option<&Totals> {
        self.totals.get(scrape.checked_sub(self.from)?)
    }

    /// The pods that there were at any time.
    pub(super) fn pods(&self) -> Vec<String> {
        let mut pods: Vec<String> = self.spans.iter().map(|span| span.pod.clone()).collect();
        pods.sort();
        pods.dedup();
        pods
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_distribution_is_close() {
        for (deviations, share) in [(0.0, 0.5), (1.645, 0.95), (2.326, 0.99), (-1.0, 0.158_655)] {
            assert!((normal(deviations) - share).abs() < 1e-4, "{deviations}");
        }
    }

    #[test]
    fn the_buckets_hold_the_quantiles_that_they_are_made_of() {
        let metrics = Metrics { rps: 1.0, error_ratio: 0.0, p50: 0.02, p95: 0.05, p99: 0.1 };
        let shares = shares(&metrics);
        let at = |bound: f64| BOUNDS.iter().position(|known| (known - bound).abs() < 1e-9).unwrap();
        assert!((shares[at(0.02)] - 0.5).abs() < 1e-3);
        assert!((shares[at(0.05)] - 0.95).abs() < 1e-3);
        assert!((shares[at(0.1)] - 0.99).abs() < 1e-3);
    }

    #[test]
    fn pods_that_come_later_take_over_from_then_on() {
        let mut account = Account {
            from: 0,
            totals: Arc::new(vec![Totals { good: Outcome::NONE, failed: Outcome::NONE }]),
            spans: Arc::default(),
        };
        let rate = |_| Some(Metrics { rps: 2.0, error_ratio: 0.0, p50: 0.02, p95: 0.05, p99: 0.1 });
        share_out(&mut account, &["a".into()], 0);
        fill(&mut account, 3, rate);
        share_out(&mut account, &["a".into(), "b".into()], 0);
        fill(&mut account, 5, rate);
        let count = |pod: &str, scrape| account.pod(pod, scrape, |totals| totals.good.count);
        assert_eq!(count("a", 2), Some(60.0));
        assert_eq!(count("a", 4), Some(90.0));
        assert_eq!(count("b", 1), None);
        assert_eq!(count("b", 4), Some(30.0));
    }
}
