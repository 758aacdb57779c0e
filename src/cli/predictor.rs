//! Sends test predictions for the screen and for `predict` alike.

use futures_util::future::BoxFuture;

use crate::actions::PredictPermit;
use crate::app::driver::Predict;
use crate::model::health::Error;
use crate::model::prediction::{Answer, Ask};
use crate::predict::{Means, send};
use crate::systems::Cx;

/// Sends test predictions.
pub(super) struct Predictor {
    means: Means,
}

impl Predictor {
    /// A predictor that reaches the cluster as `cx` says, and its ingress at this address.
    pub(super) fn new(cx: &Cx, ingress: Option<String>) -> Self {
        Self { means: Means { ingress, ..Means::new(cx.kube.clone(), cx.clock.clone()) } }
    }
}

impl Predict for Predictor {
    fn send<'a>(&'a self, permit: &'a PredictPermit, ask: &'a Ask) -> BoxFuture<'a, Result<Answer, Error>> {
        Box::pin(send(permit, ask, &self.means))
    }
}
