//! KServe's python model server (0.21), as recorded: protocols V1 and V2, its errors in its own words, its metrics.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{Method, Request, StatusCode, header};
use serde_json::{Value, json};

use super::model::{self, Refusal};
use super::{Answer, Server, json as send, text};
use crate::demo::cluster::endpoint::Phase;
use crate::demo::random::{fraction, hash};
use crate::demo::serve::model_metrics;
use crate::demo::traffic::ServiceKey;
use crate::demo::world::{System, World};

/// The server in the pods of one revision.
#[derive(Debug, Clone)]
pub struct ModelServer {
    world: Arc<World>,
    service: ServiceKey,
    revision: String,
}

/// What the server is at this moment.
struct Present {
    model: String,
    format: String,
    version: u32,
    loaded: bool,
    fails: bool,
}

impl ModelServer {
    /// The server of a revision (Knative) or of a predictor's Deployment (Standard).
    #[must_use]
    pub fn new(world: Arc<World>, service: ServiceKey, revision: String) -> Self {
        Self { world, service, revision }
    }

    /// What it is now; asking for a prediction counts, and may meet the revision's trouble.
    fn present(&self, predicts: bool) -> Option<Present> {
        self.world.enter(|state, now| {
            let endpoint = state.endpoints.get(&self.service)?;
            let revision = endpoint.revision(&self.revision)?;
            let sick = revision.pods.iter().any(|pod| matches!(pod.phase, Phase::OutOfMemory | Phase::Loading));
            let metrics = state.traffic.metrics(&self.service, &self.revision, now).unwrap_or_default();
            let mut fails = false;
            if predicts {
                let calls = state.calls.entry((self.service.clone(), self.revision.clone())).or_default();
                *calls += 1;
                let chance = fraction(hash(state.seed, &format!("{}#{calls}", self.revision)));
                // Only a revision in trouble fails those who ask by hand; the good ones' rare failures are in the metrics.
                fails = metrics.error_ratio > 0.01 && chance < metrics.error_ratio;
            }
            Some(Present {
                model: endpoint.model.clone(),
                format: endpoint.format.clone(),
                version: revision.version,
                loaded: revision.ready && !(sick && endpoint.serving(&self.revision) == 0),
                fails,
            })
        })
    }

    fn respond(&self, request: &Request<Bytes>) -> Answer {
        let path = request.uri().path();
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let predicts = path.ends_with(":predict") || path.ends_with("/infer");
        let Some(now) = self.present(predicts && request.method() == Method::POST) else {
            return text(StatusCode::SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", "no healthy upstream");
        };
        let get = matches!(*request.method(), Method::GET | Method::HEAD);
        let post = request.method() == Method::POST;
        match segments.as_slice() {
            [] if get => ok(&json!({ "status": "alive" })),
            ["metrics"] if get => {
                let page = model_metrics::page(&self.world, &self.service, &self.revision, &now.model);
                text(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", page)
            }
            ["v1" | "v2", "models"] if get => ok(&json!({ "models": [now.model] })),
            ["v1", "models", name] if get => ready(&now, name),
            ["v1", "models", verb] if post => self.v1(&now, verb, request),
            ["v2"] if get => {
                ok(&json!({ "name": "kserve", "version": "0.21.0", "extensions": ["model_repository_extension"] }))
            }
            ["v2", "health", "live"] if get => ok(&json!({ "live": true })),
            ["v2", "health", "ready"] if get => ok(&json!({ "ready": true })),
            ["v2", "models", name] if get => match check(&now, name) {
                Ok(()) => ok(&metadata(&now)),
                Err(refusal) => answer_refusal(&refusal),
            },
            ["v2", "models", name, "ready"] if get => ready(&now, name),
            ["v2", "models", name, "infer"] if post => self.v2(&now, name, request),
            ["v2", "models", _, "versions", ..] => {
                error(StatusCode::NOT_IMPLEMENTED, "Model versioning not supported yet.")
            }
            ["v2", "repository", "models", name, "load" | "unload"] if post => {
                error(StatusCode::SERVICE_UNAVAILABLE, &format!("Model with name {name} is not ready."))
            }
            _ => send(StatusCode::NOT_FOUND, &json!({ "detail": "Not Found" })),
        }
    }

    fn v1(&self, now: &Present, verb: &str, request: &Request<Bytes>) -> Answer {
        let Some((name, verb)) = verb.rsplit_once(':') else {
            return send(StatusCode::METHOD_NOT_ALLOWED, &json!({ "detail": "Method Not Allowed" }));
        };
        if let Err(refusal) = check(now, name) {
            return answer_refusal(&refusal);
        }
        if verb == "explain" {
            return error(StatusCode::NOT_IMPLEMENTED, "Could not find explainer_host.");
        }
        let typed = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .unwrap_or("application/json");
        if !typed.contains("json") {
            return error(StatusCode::INTERNAL_SERVER_ERROR, "AttributeError : 'bytes' object has no attribute 'get'");
        }
        let rows = match model::v1_rows(request.body()) {
            Ok(rows) => rows,
            Err(refusal) => return answer_refusal(&refusal),
        };
        if now.fails {
            return self.failure(now);
        }
        match model::scores(&rows, now.version, &now.format) {
            Ok(scores) => ok(&json!({ "predictions": scores })),
            Err(refusal) => answer_refusal(&refusal),
        }
    }

    fn v2(&self, now: &Present, name: &str, request: &Request<Bytes>) -> Answer {
        let body = match model::v2_body(request.body()) {
            Ok(body) => body,
            Err(detail) => return send(StatusCode::UNPROCESSABLE_ENTITY, &json!({ "detail": detail })),
        };
        let asked = check(now, name).and_then(|()| model::v2_rows(&body));
        let rows = match asked {
            Ok(rows) => rows,
            Err(refusal) => return answer_refusal(&refusal),
        };
        if now.fails {
            return self.failure(now);
        }
        match model::scores(&rows, now.version, &now.format) {
            Ok(scores) => ok(&json!({ "model_name": name, "model_version": null,
                "id": body.get("id").cloned().unwrap_or_else(|| crate::demo::random::uuid(1, &request.body().len().to_string()).into()),
                "parameters": null, "outputs": [{ "name": "predictions", "shape": [scores.len()], "datatype": "FP64",
                    "parameters": null, "data": scores }] })),
            Err(refusal) => answer_refusal(&refusal),
        }
    }

    /// How a revision in trouble fails: mostly in the model, now and then in the queue in front of it.
    fn failure(&self, now: &Present) -> Answer {
        let calls =
            self.world.enter(|state, _| state.calls.get(&(self.service.clone(), self.revision.clone())).copied());
        if calls.unwrap_or(0) % 4 == 3 {
            return error(StatusCode::SERVICE_UNAVAILABLE, &format!("Model with name {} is not ready.", now.model));
        }
        let message =
            "MemoryError : Unable to allocate 96.0 MiB for an array with shape (131072, 96) and data type float64";
        error(StatusCode::INTERNAL_SERVER_ERROR, message)
    }
}

impl Server for ModelServer {
    fn system(&self) -> System {
        System::ModelServer
    }

    fn answer(self: Arc<Self>, request: Request<Bytes>) -> BoxFuture<'static, Answer> {
        async move { self.respond(&request) }.boxed()
    }
}

fn ok(value: &Value) -> Answer {
    send(StatusCode::OK, value)
}

fn error(status: StatusCode, message: &str) -> Answer {
    send(status, &json!({ "error": message }))
}

fn answer_refusal(refusal: &Refusal) -> Answer {
    error(refusal.status, &refusal.message)
}

fn check(now: &Present, name: &str) -> Result<(), Refusal> {
    if name != now.model {
        return Err(Refusal::new(StatusCode::NOT_FOUND, format!("Model with name {name} does not exist.")));
    }
    if now.loaded {
        Ok(())
    } else {
        Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, format!("Model with name {name} is not ready.")))
    }
}

fn ready(now: &Present, name: &str) -> Answer {
    match check(now, name) {
        Ok(()) => ok(&json!({ "name": name, "ready": true })),
        Err(refusal) => answer_refusal(&refusal),
    }
}

fn metadata(now: &Present) -> Value {
    json!({ "name": now.model, "versions": null, "platform": "",
        "inputs": [{ "name": "input-0", "datatype": "FP64", "shape": [-1, 3] }],
        "outputs": [{ "name": "predictions", "datatype": "FP64", "shape": [-1] }] })
}
