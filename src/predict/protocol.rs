//! The two protocols of KServe's data plane: what is sent, and what an answer means. Pure.
//!
//! V1: <https://kserve.github.io/website/docs/concepts/architecture/data-plane/v1-protocol>; V2 is the Open Inference
//! Protocol.

use http::StatusCode;
use serde_json::Value as Json;

use crate::model::health::Error;
use crate::model::serving::Protocol;
use crate::model::text::clean;
use crate::systems::http::segment;

/// How much of a server's message is shown, in characters.
const MESSAGE_LIMIT: usize = 400;

/// The path of a prediction, below an address's own prefix. The model's name is encoded, or refused if it can't be.
pub fn path(protocol: Protocol, model: &str) -> Result<String, Error> {
    let model = segment(model)?;
    Ok(match protocol {
        Protocol::V1 => format!("/v1/models/{model}:predict"),
        Protocol::V2 => format!("/v2/models/{model}/infer"),
    })
}

/// Where a server describes a model's inputs (V2).
pub fn metadata_path(model: &str) -> Result<String, Error> {
    Ok(format!("/v2/models/{}", segment(model)?))
}

/// The path that lists the models of a server.
#[must_use]
pub fn list_path(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::V1 => "/v1/models",
        Protocol::V2 => "/v2/models",
    }
}

/// The protocol that a payload is written for, where its shape tells.
#[must_use]
pub fn protocol_of(body: &str) -> Option<Protocol> {
    match serde_json::from_str(body).ok()? {
        Json::Array(_) => Some(Protocol::V1),
        Json::Object(entries) if entries.contains_key("instances") => Some(Protocol::V1),
        Json::Object(entries) if entries.contains_key("inputs") => Some(Protocol::V2),
        _ => None,
    }
}

/// A payload as it is sent, and what was done to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    /// The body. Nothing that was typed is written anew: numbers keep their digits.
    pub body: String,
    /// What was added, as sentences.
    pub notes: Vec<String>,
}

/// Checks a payload and adds what the protocol needs and the operator left out.
pub fn payload(protocol: Protocol, typed: &str) -> Result<Payload, Error> {
    let typed = typed.trim();
    let json: Json = serde_json::from_str(typed).map_err(|error| {
        let words = error.to_string();
        let words = words.split(" at line ").next().unwrap_or_default().to_owned();
        Error::Refused {
            why: format!("the payload is not JSON: line {}, column {}: {words}", error.line(), error.column()),
        }
    })?;
    match (protocol, json) {
        (Protocol::V1, Json::Array(_)) => Ok(Payload {
            body: format!("{{\"instances\": {typed}}}"),
            notes: vec!["the list was sent as `instances`".into()],
        }),
        (Protocol::V1, Json::Object(entries)) => {
            let odd = !entries.contains_key("instances") && entries.contains_key("inputs");
            let notes = if odd { vec!["`inputs` is a payload of protocol V2, sent to V1".into()] } else { Vec::new() };
            Ok(Payload { body: typed.to_owned(), notes })
        }
        (Protocol::V2, Json::Object(entries)) => Ok(with_id(typed, &entries)),
        (_, other) => Err(Error::Refused {
            why: format!(
                "the payload is {}; {} wants an object",
                kind(&other),
                if protocol == Protocol::V1 { "V1" } else { "V2" }
            ),
        }),
    }
}

/// Some models answer 500 to a V2 request without an id.
fn with_id(typed: &str, entries: &serde_json::Map<String, Json>) -> Payload {
    let mut notes = Vec::new();
    if !entries.contains_key("inputs") && entries.contains_key("instances") {
        notes.push("`instances` is a payload of protocol V1, sent to V2".into());
    }
    let inside = typed.strip_prefix('{');
    let body = match inside {
        Some(inside) if !entries.contains_key("id") => {
            let comma = if entries.is_empty() { "" } else { ", " };
            format!("{{\"id\": \"quarterdeck\"{comma}{}", inside.trim_start())
        }
        _ => typed.to_owned(),
    };
    Payload { body, notes }
}

fn kind(json: &Json) -> &'static str {
    match json {
        Json::Null => "null",
        Json::Bool(_) => "true or false",
        Json::Number(_) => "a number",
        Json::String(_) => "a text",
        Json::Array(_) => "a list",
        Json::Object(_) => "an object",
    }
}

/// Why an answer is no prediction; `None` if it is one.
#[must_use]
pub fn fault(status: StatusCode, json: Option<&Json>, text: &str) -> Option<String> {
    if !status.is_success() {
        let said = json.and_then(message).unwrap_or_else(|| plain(text));
        let hint = hint(status, json.is_some(), &said);
        let said = if said.is_empty() { status.canonical_reason().unwrap_or_default().to_owned() } else { said };
        return Some(format!("{}: {said}{hint}", status.as_u16()));
    }
    let Some(json) = json else {
        let page = text.trim_start().starts_with('<');
        return Some(if page {
            "a web page and no prediction (a login page?)".into()
        } else {
            "the answer is not JSON".into()
        });
    };
    let flat = json.get("object").and_then(Json::as_str) == Some("error");
    if flat || json.get("error").is_some_and(|error| !error.is_null()) {
        let code = json.get("code").or_else(|| json.pointer("/error/code")).filter(|code| !code.is_null());
        let code =
            code.map(|code| format!(" {}", code.as_str().map_or_else(|| code.to_string(), clean))).unwrap_or_default();
        return Some(format!("an error{code} inside a {}: {}", status.as_u16(), message(json).unwrap_or_default()));
    }
    None
}

/// What a good answer lacks, if it is not of the protocol's shape.
#[must_use]
pub fn oddity(protocol: Protocol, json: &Json) -> Option<&'static str> {
    match protocol {
        Protocol::V1 if json.get("predictions").is_none() => Some("the answer has no `predictions`"),
        Protocol::V2 if json.get("outputs").is_none() => Some("the answer has no `outputs`"),
        _ => None,
    }
}

/// Whether an answer says that the model is unknown by this name.
#[must_use]
pub fn is_unknown_model(status: StatusCode, text: &str) -> bool {
    let text = text.to_lowercase();
    status == StatusCode::NOT_FOUND
        && (text.contains("does not exist") || text.contains("not found") || text.contains("unknown model"))
        || status == StatusCode::BAD_REQUEST && text.contains("unknown model")
}

/// Whether an answer is one that a server gives while it starts.
#[must_use]
pub fn is_cold_start(status: StatusCode, text: &str) -> bool {
    matches!(status.as_u16(), 502 | 504) || status == StatusCode::BAD_REQUEST && text.contains("not ready yet")
}

/// The names in a list of models.
#[must_use]
pub fn listed(body: &Json) -> Vec<String> {
    let models = body.get("models").and_then(Json::as_array);
    let name = |model: &Json| model.as_str().or_else(|| model.get("name")?.as_str()).map(str::to_owned);
    models.into_iter().flatten().filter_map(name).collect()
}

/// The words of `{error}`, `{error: {message}}`, `{message}`, and of `FastAPI`'s `{detail: [{loc, msg}]}`.
fn message(json: &Json) -> Option<String> {
    let text = ["error", "message", "detail"].iter().find_map(|key| match json.get(key)? {
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        inner @ Json::Object(_) => message(inner),
        Json::Array(items) => Some(items.iter().filter_map(detail).collect::<Vec<_>>().join("; ")),
        _ => None,
    })?;
    Some(plain(&text))
}

fn detail(item: &Json) -> Option<String> {
    let what = item.get("msg")?.as_str()?;
    let place = item.get("loc").and_then(Json::as_array)?;
    let place: Vec<_> =
        place.iter().map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned)).collect();
    Some(format!("{} at {}", what, place.join(".")))
}

fn plain(text: &str) -> String {
    let text = clean(text);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = text.chars().take(MESSAGE_LIMIT).collect();
    if short.len() < text.len() { short + "…" } else { short }
}

/// The likely cause, where the words don't tell it.
fn hint(status: StatusCode, is_json: bool, said: &str) -> &'static str {
    match status.as_u16() {
        404 if !is_json => " (likely the gateway: it knows no such host)",
        404 => " (likely the model's name on the server is another one)",
        503 if said.contains("no healthy upstream") => " (the gateway has no ready pod to send it to)",
        415 => " (the server wants another content type)",
        _ => "",
    }
}

#[cfg(test)]
#[path = "protocol_tests.rs"]
mod tests;
