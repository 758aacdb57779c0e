//! Prometheus' HTTP API over the world's load.
//!
//! Here belong the API, a PromQL evaluator, and the series that follow from the world. Where load comes from is
//! [`crate::demo::traffic`]'s affair.

mod api;
mod catalog;
mod families;
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
