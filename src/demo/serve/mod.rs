//! The servers of the embedded world, one module a system, and what they share: listening, faults, counting.
//!
//! A server is a function from a whole request to an answer, so that the API server's proxy can call it without a
//! socket. Whoever calls one does it through [`call`], where faults are met and requests are counted.

pub mod ingress;
pub mod kube;
pub mod listen;
pub mod mlflow;
pub mod model;
pub mod model_metrics;
pub mod model_server;
pub mod poison;
pub mod prometheus;
pub mod query;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use http::{HeaderValue, Request, Response, StatusCode, header};
use serde_json::Value;

use super::world::{Fault, System, World};

/// What a server answers.
pub type Answer = Response<Body>;

/// One system's server.
pub trait Server: Send + Sync + 'static {
    /// The system, for faults and counts.
    fn system(&self) -> System;

    /// What the request is counted as, e.g. `GET pods`.
    fn kind(&self, request: &Request<Bytes>) -> String {
        format!("{} {}", request.method(), request.uri().path())
    }

    /// Answers one request. Its body has been read; the extensions hold hyper's upgrade, where there is one.
    fn answer(self: Arc<Self>, request: Request<Bytes>) -> BoxFuture<'static, Answer>;
}

/// Counts a request, meets the system's fault where there is one, and lets the server answer.
pub async fn call(world: &World, server: Arc<dyn Server>, request: Request<Bytes>) -> Answer {
    let system = server.system();
    world.count(system, &server.kind(&request));
    let path = request.uri().path_and_query().map_or_else(String::new, ToString::to_string);
    match world.fault(system, &path) {
        None => server.answer(request).await,
        Some(Fault::Status(status, retry_after)) => failing(system, status, retry_after),
        Some(Fault::Delay(millis)) => {
            pause(Duration::from_millis(millis)).await;
            server.answer(request).await
        }
        Some(Fault::Hang) => std::future::pending().await,
        Some(Fault::Cut) => cut(server.answer(request).await),
        Some(Fault::Poison(text)) => poison::poisoned(server.answer(request).await, &text),
        Some(Fault::Html) => {
            html(StatusCode::OK, "<!doctype html><title>Sign in</title><form action=\"/login\"></form>")
        }
    }
}

/// A JSON answer.
#[must_use]
pub fn json(status: StatusCode, value: &Value) -> Answer {
    text(status, "application/json", value.to_string())
}

/// An answer of a content type.
#[must_use]
pub fn text(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

/// An HTML page.
#[must_use]
pub fn html(status: StatusCode, page: &'static str) -> Answer {
    text(status, "text/html; charset=utf-8", page)
}

#[expect(clippy::disallowed_methods, reason = "a slow server is real time by its nature")]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}

fn failing(system: System, status: u16, retry_after: Option<u32>) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let reason = status.canonical_reason().unwrap_or("Failed");
    let mut answer = match system {
        System::Kubernetes => json(status, &kubernetes_failure(status)),
        System::ModelServer => json(status, &serde_json::json!({ "error": reason })),
        System::Mlflow => {
            json(status, &serde_json::json!({ "error_code": "TEMPORARILY_UNAVAILABLE", "message": reason }))
        }
        System::Ingress | System::Prometheus => text(status, "text/plain; charset=utf-8", reason),
    };
    if let Some(seconds) = retry_after {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    answer
}

fn kubernetes_failure(status: StatusCode) -> Value {
    let reason = match status {
        StatusCode::UNAUTHORIZED => "Unauthorized",
        StatusCode::FORBIDDEN => "Forbidden",
        StatusCode::TOO_MANY_REQUESTS => "TooManyRequests",
        StatusCode::SERVICE_UNAVAILABLE => "ServiceUnavailable",
        StatusCode::GATEWAY_TIMEOUT => "Timeout",
        _ => "InternalError",
    };
    let message = status.canonical_reason().unwrap_or("failed");
    serde_json::json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message,
        "reason": reason, "code": status.as_u16() })
}

/// The answer with half of its first piece, then a broken connection.
fn cut(answer: Answer) -> Answer {
    let (mut parts, body) = answer.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let pieces = body.into_data_stream().take(1).map(|piece| piece.map(|bytes| bytes.slice(..bytes.len() / 2)));
    let broken = stream::once(std::future::ready(Err(axum::Error::new(std::io::Error::other("cut")))));
    Response::from_parts(parts, Body::from_stream(pieces.chain(broken)))
}
