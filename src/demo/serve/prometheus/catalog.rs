//! Which series there are at the moment of a query, and the samples behind them.

use std::collections::BTreeMap;
use std::sync::Arc;

use promql_parser::label::{METRIC_NAME, Matchers};

use super::families::{self, FAMILIES};
use super::ledger::{Account, INTERVAL, Ledger, Place};
use super::promql::{Labels, Sample, Samples, Source, matches};
use super::rules;
use crate::demo::traffic::{ServiceKey, Traffic};
use crate::demo::world::World;

/// All that series are made of, as it is at one moment.
pub(super) struct Catalog {
    pub(super) world: Arc<World>,
    pub(super) traffic: Traffic,
    pub(super) accounts: BTreeMap<Place, Account>,
    /// Milliseconds at which the records begin.
    pub(super) begin: i64,
    /// Milliseconds: the world's present.
    pub(super) now: i64,
}

/// Series whose samples were worked out already.
pub(super) struct Stored {
    pub(super) labels: Labels,
    pub(super) samples: Vec<Sample>,
}

/// Series that are a function of the scrape's number.
pub(super) struct Computed {
    pub(super) labels: Labels,
    pub(super) begin: i64,
    pub(super) now: i64,
    pub(super) value: Box<dyn Fn(usize) -> Option<f64> + Send + Sync>,
}

impl Source for Stored {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn samples(&self, after: i64, until: i64) -> Vec<Sample> {
        self.samples.iter().filter(|sample| sample.at > after && sample.at <= until).copied().collect()
    }
}

impl Source for Computed {
    fn labels(&self) -> &Labels {
        &self.labels
    }

    fn samples(&self, after: i64, until: i64) -> Vec<Sample> {
        let (first, last) = self.scrapes(after, until);
        let value = |scrape: i64| self.at(scrape);
        let mut there = value(first - 1).is_some();
        let mut samples = vec![];
        for scrape in first..=last {
            let (at, value) = (self.begin + scrape * INTERVAL, value(scrape));
            match value {
                Some(value) => samples.push(Sample { at, value }),
                None if there => samples.push(Sample::stale(at)),
                None => {}
            }
            there = value.is_some();
        }
        samples
    }

    fn lives(&self, after: i64, until: i64) -> bool {
        let (first, last) = self.scrapes(after, until);
        (first..=last).rev().any(|scrape| self.at(scrape).is_some())
    }
}

impl Computed {
    /// The first and the last scrape in a time.
    fn scrapes(&self, after: i64, until: i64) -> (i64, i64) {
        let scrape = |time: i64| (time - self.begin).div_euclid(INTERVAL);
        ((scrape(after) + 1).max(0), scrape(until.min(self.now)))
    }

    fn at(&self, scrape: i64) -> Option<f64> {
        (self.value)(usize::try_from(scrape).ok()?)
    }
}

impl Catalog {
    /// The catalogue of the world's present; brings the ledger up to it.
    pub(super) fn at_present(world: &Arc<World>, ledger: &mut Ledger) -> Self {
        let traffic = world.traffic();
        let now = world.now().timestamp_millis();
        let pods = |key: &ServiceKey, revision: &str| families::pods_of(world, key, revision);
        ledger.extend(&traffic, now, &pods);
        Self { world: Arc::clone(world), traffic, accounts: ledger.accounts().clone(), begin: ledger.begin(), now }
    }

    /// The number of the present scrape.
    pub(super) fn scrape(&self) -> i64 {
        (self.now - self.begin).div_euclid(INTERVAL)
    }

    /// Every series, of every metric.
    pub(super) fn all(&self) -> Vec<Arc<dyn Source>> {
        self.select(&Matchers::empty(), None)
    }

    /// A series of this catalogue that is a function of the scrape's number.
    pub(super) fn computed(
        &self,
        labels: Labels,
        value: impl Fn(usize) -> Option<f64> + Send + Sync + 'static,
    ) -> Arc<dyn Source> {
        Arc::new(Computed { labels, begin: self.begin, now: self.now, value: Box::new(value) })
    }
}

impl Samples for Catalog {
    fn select(&self, matchers: &Matchers, name: Option<&str>) -> Vec<Arc<dyn Source>> {
        let scraped = FAMILIES
            .iter()
            .filter(|family| may_be(family.name, matchers, name))
            .flat_map(|family| (family.series)(self, family));
        let derived = rules::series(self, &|metric| may_be(metric, matchers, name));
        let mut found: Vec<Arc<dyn Source>> =
            scraped.chain(derived).filter(|source| matches(source.labels(), matchers, name)).collect();
        found.sort_by(|a, b| a.labels().cmp(b.labels()));
        found
    }
}

/// Whether a metric's name passes a selector.
fn may_be(metric: &str, matchers: &Matchers, name: Option<&str>) -> bool {
    let on_name = matchers.matchers.iter().filter(|matcher| matcher.name == METRIC_NAME);
    name.is_none_or(|name| name == metric) && on_name.into_iter().all(|matcher| matcher.is_match(metric))
}
