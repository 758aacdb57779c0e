//! A running world for tests, and an ordinary HTTP client for its API server.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta};
use quarterdeck::demo::{Demo, Options, Scenario, World};
use quarterdeck::model::clock::{Clock, VirtualClock};
use serde_json::Value;

pub(crate) const FRAUD: &str = "/apis/serving.kserve.io/v1beta1/namespaces/ml-prod/inferenceservices/fraud-detection";

pub(crate) struct Cluster {
    pub(crate) demo: Demo,
    pub(crate) hands: VirtualClock,
    pub(crate) http: reqwest::Client,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        Self::start_with(Scenario::CanaryRegression, 0).await
    }

    pub(crate) async fn start_with(scenario: Scenario, scale: usize) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let hands = VirtualClock::new(DateTime::from_timestamp(1_790_000_000, 0).unwrap());
        let clock = Clock::Virtual(hands.clone());
        let demo = Demo::start(Options { scenario, seed: 7, scale, clock }).await.unwrap();
        Self { demo, hands, http: reqwest::Client::builder().no_proxy().build().unwrap() }
    }

    pub(crate) fn world(&self) -> &Arc<World> {
        self.demo.world()
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.hands.advance(TimeDelta::seconds(seconds));
        self.world().touch();
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        self.http.request(method, format!("{}{path}", self.demo.kubernetes_url())).bearer_auth(self.demo.token())
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        let response = self.request("GET", path).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }
}

impl Cluster {
    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let response = self.request("POST", path).json(&body).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// The proxy path of a ready pod of a revision.
    pub(crate) async fn pod_of(&self, revision: &str) -> String {
        let (_, pods) = self
            .get(&format!("/api/v1/namespaces/ml-prod/pods?labelSelector=serving.knative.dev%2Frevision%3D{revision}"))
            .await;
        format!("/api/v1/namespaces/ml-prod/pods/{}", pods["items"][0]["metadata"]["name"].as_str().unwrap())
    }

    pub(crate) fn url(&self, name: &str) -> String {
        self.demo.urls().into_iter().find(|(known, _)| *known == name).unwrap().1
    }
}
