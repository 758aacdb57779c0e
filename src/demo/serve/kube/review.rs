//! Reviews of one's own rights; everything is permitted but what the world forbids.

use bytes::Bytes;
use http::{Request, StatusCode};
use serde_json::{Value, json};

use super::failure::Failure;
use super::protobuf;
use crate::demo::json::Json;
use crate::demo::serve::{Answer, json as send};
use crate::demo::world::World;

/// Answers POST of a review.
#[must_use]
pub fn answer(world: &World, which: &str, request: &Request<Bytes>) -> Answer {
    let read = serde_json::from_slice::<Value>(request.body()).ok().or_else(|| protobuf::review(request.body()));
    let Some(mut review) = read else {
        return Failure::bad_request("the object provided is unrecognized").answer();
    };
    let status = match which {
        "selfsubjectaccessreviews" => {
            let asked = &review.at("/spec/resourceAttributes");
            let verb = asked.at("/verb").as_str().unwrap_or_default();
            let resource = asked.at("/resource").as_str().unwrap_or_default();
            let part = asked.at("/subresource").as_str().filter(|part| !part.is_empty());
            let resource = part.map_or_else(|| resource.to_owned(), |part| format!("{resource}/{part}"));
            if world.forbids(verb, &resource) {
                json!({ "allowed": false })
            } else {
                json!({ "allowed": true, "reason": "RBAC: allowed by ClusterRoleBinding \"operators\" of ClusterRole \
                    \"operator\" to Group \"operators\"" })
            }
        }
        "selfsubjectrulesreviews" => json!({
            "resourceRules": [{ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] }],
            "nonResourceRules": [{ "verbs": ["get"], "nonResourceURLs": ["*"] }],
            "incomplete": world.forbids_anything() }),
        _ => return Failure::no_path().answer(),
    };
    review.set("/metadata", json!({ "creationTimestamp": null }));
    review.set("/status", status);
    send(StatusCode::CREATED, &review)
}
