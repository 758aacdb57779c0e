//! Sends test predictions for the screen and for `predict` alike.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value as Json;

use crate::actions::PredictPermit;
use crate::app::driver::Predict;
use crate::model::health::Error;
use crate::model::prediction::{Answer, Ask};
use crate::model::serving::Serving;
use crate::predict::{Means, example, send};
use crate::systems::Cx;

/// Sends test predictions.
pub(super) struct Predictor {
    means: Means,
}

impl Predictor {
    /// A predictor that reaches the cluster as `cx` says, and its ingress at this address.
    pub(super) fn new(cx: &Cx, ingress: Option<String>) -> Self {
        Self { means: Means { ingress, env: Arc::clone(&cx.env), ..Means::new(cx.kube.clone(), cx.clock.clone()) } }
    }
}

impl Predict for Predictor {
    fn send<'a>(&'a self, permit: &'a PredictPermit, ask: &'a Ask) -> BoxFuture<'a, Result<Answer, Error>> {
        Box::pin(send(permit, ask, &self.means))
    }

    fn example<'a>(&'a self, serving: &'a Serving) -> BoxFuture<'a, Result<Json, Error>> {
        Box::pin(example(serving, &self.means))
    }
}
