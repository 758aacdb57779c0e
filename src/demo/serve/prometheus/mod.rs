//! Prometheus' HTTP API over the world's load.
//!
//! Here belong the API, a PromQL evaluator, and the series that follow from the world. Where load comes from is
//! [`crate::demo::traffic`]'s affair.

mod api;
mod catalog;
mod families;
mod gauges;
mod json;
mod ledger;
mod parameters;
mod promql;
mod rules;

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{Request, StatusCode};

use self::catalog::Catalog;
use self::ledger::{INTERVAL, Ledger};
use super::{Answer, Server};
use crate::demo::world::{System, World};

/// How much history there is before the world's start, in milliseconds.
const HISTORY: i64 = 8 * 60 * 60 * 1000;

/// The server; it speaks as Prometheus 3 does.
pub struct Prometheus {
    world: Arc<World>,
    ledger: Mutex<Ledger>,
}

impl Prometheus {
    /// A Prometheus that scrapes this world and has done so for eight hours.
    #[must_use]
    pub fn new(world: Arc<World>) -> Self {
        let begin = (world.start().timestamp_millis() - HISTORY).div_euclid(INTERVAL) * INTERVAL;
        Self { world, ledger: Mutex::new(Ledger::new(begin)) }
    }

    fn catalog(&self) -> Catalog {
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        Catalog::at_present(&self.world, &mut ledger)
    }
}

impl Server for Prometheus {
    fn system(&self) -> System {
        System::Prometheus
    }

    fn answer(self: Arc<Self>, request: Request<Bytes>) -> BoxFuture<'static, Answer> {
        Box::pin(async move {
            // A query over hours is work for milliseconds: not on a thread that serves others.
            let answer = tokio::task::spawn_blocking(move || api::answer(&self, &request)).await;
            answer.unwrap_or_else(|_| json::plain(StatusCode::INTERNAL_SERVER_ERROR, "internal error"))
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, TimeDelta};

    use super::*;
    use crate::demo::serve::prometheus::promql::{Steps, Value, evaluate, parse};
    use crate::demo::traffic::ServiceKey;
    use crate::demo::world::{Scenario, Setup};
    use crate::model::clock::{Clock, VirtualClock};

    fn names(prometheus: &Prometheus, query: &str) -> Vec<String> {
        let catalog = prometheus.catalog();
        let steps = Steps::instant(catalog.now);
        let Value::Vector(rows) = evaluate(&catalog, &parse(query).unwrap(), steps).unwrap() else { panic!("{query}") };
        rows.iter().map(|row| row.labels.get("revision_name").to_owned()).collect()
    }

    #[test]
    fn a_canary_that_loses_its_traffic_stops_counting_and_its_alert_ends() {
        const CANARY: &str = "fraud-detection-predictor-00003";
        let hands = VirtualClock::new(DateTime::from_timestamp(1_795_420_000, 0).unwrap());
        let clock = Clock::Virtual(hands.clone());
        let world = World::new(Setup { scenario: Scenario::CanaryRegression, seed: 7, scale: 0, clock });
        let prometheus = Prometheus::new(Arc::clone(&world));
        let firing = "ALERTS{alertname=\"RevisionFails\",alertstate=\"firing\"}";
        let counting = "sum by (revision_name) (rate(revision_request_count{namespace_name=\"ml-prod\"}[1m])) > 0";
        assert_eq!(names(&prometheus, firing), [CANARY]);
        assert!(names(&prometheus, counting).contains(&CANARY.to_owned()));
        world.enter(|state, now| {
            let key = ServiceKey { namespace: "ml-prod".into(), name: "fraud-detection".into() };
            state.traffic.set_split(&key, now, vec![("fraud-detection-predictor-00002".into(), 1.0)]);
        });
        hands.advance(TimeDelta::minutes(5));
        assert_eq!(names(&prometheus, firing), Vec::<String>::new());
        assert!(!names(&prometheus, counting).contains(&CANARY.to_owned()));
    }
}
