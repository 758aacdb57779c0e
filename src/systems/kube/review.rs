//! What this login may do, asked of the API server: `authorization.k8s.io/v1` `SelfSubjectAccessReview`.

use serde::Deserialize;
use serde_json::json;

use super::cluster::Cluster;
use crate::model::health::Error;
use crate::model::text::clean;

/// A right that is asked about. Empty fields mean all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Review<'a> {
    /// `get`, `patch`, …
    pub verb: &'a str,
    /// The API group; empty for the core's.
    pub group: &'a str,
    /// `inferenceservices`, `pods`.
    pub resource: &'a str,
    /// `log`, `proxy`, …
    pub subresource: &'a str,
    /// One namespace.
    pub namespace: &'a str,
    /// One object.
    pub name: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    status: Status,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    allowed: bool,
    reason: String,
    evaluation_error: String,
}

impl Cluster {
    /// Whether the right is there (`Ok(Ok(()))`) or not, with the server's reason, which is often empty.
    pub async fn review(&self, review: &Review<'_>) -> Result<Result<(), String>, Error> {
        let question = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {
                "verb": review.verb, "group": review.group, "resource": review.resource,
                "subresource": review.subresource, "namespace": review.namespace, "name": review.name,
            }},
        });
        let answer: Answer = self.ask("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", &question).await?;
        if answer.status.allowed {
            return Ok(Ok(()));
        }
        let reason =
            if answer.status.reason.is_empty() { answer.status.evaluation_error } else { answer.status.reason };
        Ok(Err(clean(&reason)))
    }
}
