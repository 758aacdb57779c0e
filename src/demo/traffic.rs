//! Load and its effects: how many requests each revision gets, how fast it answers, and how often it fails.
//!
//! Everything is a function of the time and of the recorded changes, so that a range query about the past gives the
//! same numbers whenever it is asked. Nothing here knows Kubernetes or Prometheus.

use std::collections::BTreeMap;
use std::f64::consts::TAU;

use chrono::{DateTime, TimeDelta, Utc};

use super::random::{fraction, hash, mix};
use super::story::Mode;

/// A service by namespace and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceKey {
    /// Namespace.
    pub namespace: String,
    /// Name of the InferenceService.
    pub name: String,
}

/// What one revision does at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Metrics {
    /// Requests a second.
    pub rps: f64,
    /// The share of requests that fail (5xx), 0 to 1.
    pub error_ratio: f64,
    /// Median latency in seconds.
    pub p50: f64,
    /// 95th percentile of the latency in seconds.
    pub p95: f64,
    /// 99th percentile of the latency in seconds.
    pub p99: f64,
}

/// One revision's facts, for whoever joins metrics with objects.
#[derive(Debug, Clone, PartialEq)]
pub struct Revision {
    /// The revision's name (Knative), or the predictor's Deployment (Standard).
    pub name: String,
    /// The registered model.
    pub model: String,
    /// The registered model's version.
    pub version: u32,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// Median latency in seconds when all is well.
    pub p50: f64,
    /// Share of failed requests when all is well.
    pub errors: f64,
    /// Since when it fails whenever it has traffic; `None` for a good one.
    pub faulty_since: Option<DateTime<Utc>>,
}

/// From when on which share (0 to 1) went to which revision.
pub type Split = (DateTime<Utc>, Vec<(String, f64)>);

/// A service: its load, its revisions, and every split of traffic that it had.
#[derive(Debug, Clone)]
pub struct Service {
    /// How it is deployed.
    pub mode: Mode,
    /// Requests a second on average.
    pub rps: f64,
    /// Its revisions, oldest first; never removed, for the past keeps its metrics.
    pub revisions: Vec<Revision>,
    splits: Vec<Split>,
}

/// All services' load.
#[derive(Debug, Clone)]
pub struct Traffic {
    seed: u64,
    start: DateTime<Utc>,
    services: BTreeMap<ServiceKey, Service>,
}

impl Traffic {
    /// No services yet; `start` is when the world's clock was started.
    #[must_use]
    pub fn new(seed: u64, start: DateTime<Utc>) -> Self {
        Self { seed, start, services: BTreeMap::new() }
    }

    /// All services by key.
    #[must_use]
    pub fn services(&self) -> &BTreeMap<ServiceKey, Service> {
        &self.services
    }

    /// The load of one service alone.
    #[must_use]
    pub fn only(&self, key: &ServiceKey) -> Self {
        let services = self.services.get(key).map(|service| (key.clone(), service.clone())).into_iter().collect();
        Self { seed: self.seed, start: self.start, services }
    }

    /// Adds a service without traffic.
    pub fn add_service(&mut self, key: ServiceKey, mode: Mode, rps: f64) {
        self.services.insert(key, Service { mode, rps, revisions: Vec::new(), splits: Vec::new() });
    }

    /// Adds a revision, or replaces the facts of one with the same name.
    pub fn add_revision(&mut self, key: &ServiceKey, revision: Revision) {
        if let Some(service) = self.services.get_mut(key) {
            service.revisions.retain(|known| known.name != revision.name);
            service.revisions.push(revision);
        }
    }

    /// Records the split of traffic that holds from `at` on: shares from 0 to 1 by revision.
    pub fn set_split(&mut self, key: &ServiceKey, at: DateTime<Utc>, shares: Vec<(String, f64)>) {
        if let Some(service) = self.services.get_mut(key)
            && service.splits.last().is_none_or(|(_, known)| *known != shares)
        {
            service.splits.push((at, shares));
        }
    }

    /// The share of traffic that a revision has at a time, 0 to 1.
    #[must_use]
    pub fn share(&self, key: &ServiceKey, revision: &str, at: DateTime<Utc>) -> f64 {
        self.services.get(key).map_or(0.0, |service| service.share(revision, at))
    }

    /// What a revision does at a time; `None` where there was no such revision yet.
    #[must_use]
    pub fn metrics(&self, key: &ServiceKey, revision: &str, at: DateTime<Utc>) -> Option<Metrics> {
        let service = self.services.get(key)?;
        let facts = service.revisions.iter().find(|known| known.name == revision)?;
        if at < facts.created {
            return None;
        }
        let share = service.share(revision, at);
        let trouble = service.trouble(facts, self.start, at);
        let wobble = |what: &str, spread: f64| 1.0 + spread * (2.0 * self.noise(revision, what, at) - 1.0);
        let p50 = facts.p50 * wobble("p50", 0.08) * (1.0 + 0.9 * trouble);
        Some(Metrics {
            rps: self.load(key, service.rps, at) * share,
            error_ratio: ((facts.errors * wobble("errors", 0.3)) + 0.041 * trouble * wobble("trouble", 0.15)).min(1.0),
            p50,
            p95: p50 * (2.3 + 0.8 * trouble) * wobble("p95", 0.06),
            p99: p50 * (4.1 + 1.2 * trouble) * wobble("p99", 0.07),
        })
    }

    /// Requests a second to a service: a day's wave, a short wave, and some noise that changes every ten seconds.
    fn load(&self, key: &ServiceKey, rps: f64, at: DateTime<Utc>) -> f64 {
        let seconds = at.timestamp_millis() as f64 / 1000.0;
        let phase = fraction(hash(self.seed, &key.name));
        let day = 0.18 * (TAU * (seconds / 86_400.0 - 0.33)).sin();
        let swell = 0.05 * (TAU * (seconds / 420.0 + phase)).sin();
        let noise = 0.06 * (self.noise(&key.name, "rps", at) - 0.5);
        rps * (1.0 + day + swell + noise)
    }

    /// Noise from 0 to 1 that moves smoothly between values ten seconds apart.
    fn noise(&self, of: &str, what: &str, at: DateTime<Utc>) -> f64 {
        let millis = at.timestamp_millis();
        let slot = millis.div_euclid(10_000);
        let within = millis.rem_euclid(10_000) as f64 / 10_000.0;
        let base = hash(self.seed, of) ^ hash(self.seed, what);
        let value = |slot: i64| fraction(mix(base ^ slot.unsigned_abs()));
        value(slot) * (1.0 - within) + value(slot + 1) * within
    }
}

impl Service {
    /// The revision with this name.
    #[must_use]
    pub fn revision(&self, name: &str) -> Option<&Revision> {
        self.revisions.iter().find(|revision| revision.name == name)
    }

    /// Every split that it had, with the time from which it held, oldest first.
    #[must_use]
    pub fn splits(&self) -> &[Split] {
        &self.splits
    }

    fn share(&self, revision: &str, at: DateTime<Utc>) -> f64 {
        let split = self.splits.iter().rev().find(|(since, _)| *since <= at);
        let shares = split.map(|(_, shares)| shares.as_slice()).unwrap_or_default();
        shares.iter().filter(|(name, _)| name == revision).map(|(_, share)| share).sum()
    }

    /// Since when the revision has had traffic without a pause; `None` where it has none.
    fn exposed_since(&self, revision: &str, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let before = self.splits.iter().rev().filter(|(since, _)| *since <= at);
        let shares =
            before.map(|(since, shares)| (since, shares.iter().any(|(name, share)| name == revision && *share > 0.0)));
        shares.take_while(|(_, exposed)| *exposed).last().map(|(since, _)| *since)
    }

    /// How badly a faulty revision fares: 0 not at all, 1 as at the world's start, up to 3 later.
    ///
    /// It needs traffic to fail: without it, it heals, and needs some time to fail again.
    fn trouble(&self, facts: &Revision, start: DateTime<Utc>, at: DateTime<Utc>) -> f64 {
        let Some((faulty, exposed)) = facts.faulty_since.zip(self.exposed_since(&facts.name, at)) else { return 0.0 };
        let begun = if exposed <= faulty { faulty } else { exposed + TimeDelta::seconds(20) };
        let worse = begun.max(start) + TimeDelta::seconds(20);
        ramp(at - begun, 90.0) + 2.0 * ramp(at - worse, 60.0)
    }
}

/// From 0 to 1 over `seconds`.
fn ramp(passed: TimeDelta, seconds: f64) -> f64 {
    (passed.num_milliseconds() as f64 / 1000.0 / seconds).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> (Traffic, ServiceKey, DateTime<Utc>) {
        let start = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let key = ServiceKey { namespace: "ml-prod".into(), name: "fraud".into() };
        let mut traffic = Traffic::new(7, start);
        traffic.add_service(key.clone(), Mode::Knative, 400.0);
        for (name, faulty_since) in [("good", None), ("bad", Some(start - TimeDelta::minutes(10)))] {
            let revision = Revision {
                name: name.into(),
                model: "fraud".into(),
                version: 1,
                created: start - TimeDelta::hours(1),
                p50: 0.02,
                errors: 0.004,
                faulty_since,
            };
            traffic.add_revision(&key, revision);
        }
        traffic.set_split(&key, start - TimeDelta::hours(1), vec![("good".into(), 0.9), ("bad".into(), 0.1)]);
        (traffic, key, start)
    }

    #[test]
    fn the_bad_revision_fails_before_the_start_and_worse_after_it() {
        let (traffic, key, start) = world();
        let errors = |seconds| traffic.metrics(&key, "bad", start + TimeDelta::seconds(seconds)).unwrap().error_ratio;
        assert!(errors(-900) < 0.01);
        assert!(errors(0) > 0.02);
        assert!(errors(120) > 2.0 * errors(0));
    }

    #[test]
    fn without_traffic_it_heals_and_the_past_keeps_its_values() {
        let (mut traffic, key, start) = world();
        let then = start + TimeDelta::seconds(60);
        let before = traffic.metrics(&key, "bad", then).unwrap();
        traffic.set_split(&key, start + TimeDelta::seconds(120), vec![("good".into(), 1.0)]);
        let healed = traffic.metrics(&key, "bad", start + TimeDelta::seconds(121)).unwrap();
        assert!(healed.rps.abs() < f64::EPSILON);
        assert!(healed.error_ratio < 0.01);
        assert_eq!(traffic.metrics(&key, "bad", then).unwrap(), before);
    }

    #[test]
    fn a_revision_has_no_metrics_before_it_was_made() {
        let (traffic, key, start) = world();
        assert_eq!(traffic.metrics(&key, "bad", start - TimeDelta::hours(2)), None);
    }
}
