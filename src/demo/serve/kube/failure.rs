//! Errors as the API server writes them: objects of kind Status.

use axum::body::Body;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::kinds::Kind;
use crate::demo::json::Json;
use crate::demo::serve::{Answer, text};

/// A refusal, to be sent as a Status.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The HTTP status.
    pub code: StatusCode,
    /// The machine's word for it; empty where the API server gives none.
    pub reason: &'static str,
    /// The sentence.
    pub message: String,
    /// The details, or null.
    pub details: Value,
}

impl Failure {
    /// A refusal without details.
    #[must_use]
    pub fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self { code, reason, message: message.into(), details: Value::Null }
    }

    /// There is no such object.
    #[must_use]
    pub fn not_found(kind: &Kind, name: &str) -> Self {
        let message = format!("{} \"{name}\" not found", kind.qualified());
        Self { details: details(kind, name), ..Self::new(StatusCode::NOT_FOUND, "NotFound", message) }
    }

    /// There is no such path.
    #[must_use]
    pub fn no_path() -> Self {
        let message = "the server could not find the requested resource";
        Self { details: json!({}), ..Self::new(StatusCode::NOT_FOUND, "NotFound", message) }
    }

    /// The object is another than the one that the change was meant for.
    #[must_use]
    pub fn conflict(kind: &Kind, name: &str) -> Self {
        let message = format!(
            "Operation cannot be fulfilled on {} \"{name}\": the object has been modified; please apply your changes to \
             the latest version and try again",
            kind.qualified()
        );
        Self { details: details(kind, name), ..Self::new(StatusCode::CONFLICT, "Conflict", message) }
    }

    /// The request makes no sense.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// The version asked for is no longer known.
    #[must_use]
    pub fn expired(asked: u64, oldest: u64) -> Self {
        Self::new(StatusCode::GONE, "Expired", format!("too old resource version: {asked} ({oldest})"))
    }

    /// The continue token is too old.
    #[must_use]
    pub fn expired_continue() -> Self {
        let message = "The provided continue parameter is too old to display a consistent list result. You can start a new \
                       list without the continue parameter, or use the continue token in this response to retrieve the \
                       remainder of the results. Continuing with the provided token results in an inconsistent list - \
                       objects that were created, modified, or deleted between the time the first chunk was returned and \
                       now may show up in the list.";
        Self::new(StatusCode::GONE, "Expired", message)
    }

    /// The Status object.
    #[must_use]
    pub fn status(&self) -> Value {
        let mut status = json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message });
        if !self.reason.is_empty() {
            status.set("/reason", self.reason);
        }
        if !self.details.is_null() {
            status.set("/details", self.details.clone());
        }
        status.set("/code", self.code.as_u16());
        status
    }

    /// The answer.
    #[must_use]
    pub fn answer(&self) -> Answer {
        let mut answer = text(self.code, "application/json", Body::from(self.status().to_string() + "\n"));
        if self.code == StatusCode::TOO_MANY_REQUESTS {
            answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        answer
    }
}

fn details(kind: &Kind, name: &str) -> Value {
    if kind.group.is_empty() {
        json!({ "name": name, "kind": kind.plural })
    } else {
        json!({ "name": name, "group": kind.group, "kind": kind.plural })
    }
}
