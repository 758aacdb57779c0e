//! Changes of objects: the kinds of patch, their preconditions, dry runs, and what each subresource may touch.

use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderValue, Request, StatusCode, header};
use serde_json::{Value, json};

use super::admission;
use super::failure::Failure;
use super::kinds::Kind;
use super::path::Place;
use crate::demo::cluster::agenda::Job;
use crate::demo::cluster::kserve::SERVICES;
use crate::demo::cluster::metadata::managed;
use crate::demo::json::Json;
use crate::demo::serve::query::Query;
use crate::demo::serve::{Answer, json as send};
use crate::demo::store::{Object, ObjectKey};
use crate::demo::traffic::ServiceKey;
use crate::demo::world::{State, World};

/// How long KServe's controller takes to look at a change, in the world's time.
const REACTION: TimeDelta = TimeDelta::milliseconds(1_200);

/// The outcome of a write.
pub type Written = Result<(StatusCode, Value, Vec<String>), Failure>;

/// Answers with the written object and the warnings that go with it.
#[must_use]
pub fn show(written: Written) -> Answer {
    match written {
        Err(failure) => failure.answer(),
        Ok((status, object, warnings)) => {
            let mut answer = send(status, &object);
            for warning in warnings {
                let text = format!("299 - \"{}\"", warning.replace('"', "\\\""));
                if let Ok(value) = HeaderValue::from_str(&text) {
                    answer.headers_mut().append(header::WARNING, value);
                }
            }
            answer
        }
    }
}

/// Answers PATCH and PUT of an object or of its status.
pub fn answer(world: &Arc<World>, place: &Place, query: &Query, request: &Request<Bytes>) -> Answer {
    show(world.enter(|state, now| change(state, place, (query, request), now)))
}

fn change(state: &mut State, place: &Place, of: (&Query, &Request<Bytes>), now: DateTime<Utc>) -> Written {
    let (query, request) = of;
    let (kind, name) = (place.kind, place.name.as_deref().unwrap_or_default());
    let key = ObjectKey::new(place.namespace.as_deref().unwrap_or_default(), name);
    let body = Body::read(kind, request)?;
    let Some(known) = state.store.get(kind.shelf, &key).cloned() else {
        return match body {
            Body::Apply(value) => create_from(state, place, (query, value), now),
            _ => Err(Failure::not_found(kind, name)),
        };
    };
    let before = known.value();
    let mut after = body.applied(&before)?;
    preconditions(kind, name, (&known, &before), &after)?;
    if let Body::Apply(wanted) = &body {
        conflicts(query, &before, wanted)?;
    }
    keep_parts(place, &before, &mut after);
    let manager = query.get("fieldManager").unwrap_or("unknown");
    let warnings = admit(kind, (query, &before), &mut after)?;
    if after.at("/spec") != before.at("/spec") && !before.at("/metadata/generation").is_null() {
        let generation = before.at("/metadata/generation").as_u64().unwrap_or(1) + 1;
        after.set("/metadata/generation", generation);
    }
    if after == before {
        return Ok((StatusCode::OK, before, warnings));
    }
    sign(kind, &mut after, (manager, &body.written()), now);
    if query.get("dryRun").is_some() {
        return Ok((StatusCode::OK, after, warnings));
    }
    let stored = state.store.put(kind.shelf, after).value();
    react(state, kind, &key, now);
    Ok((StatusCode::OK, stored, warnings))
}

/// What a request's body says.
enum Body {
    Merge(Value),
    Json(Value),
    Apply(Value),
    Whole(Value),
}

impl Body {
    fn read(kind: &Kind, request: &Request<Bytes>) -> Result<Self, Failure> {
        let typed =
            request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let typed = typed.split(';').next().unwrap_or_default().trim();
        let parse = || -> Result<Value, Failure> {
            let error = |error: String| Failure::bad_request(format!("error decoding patch: {error}"));
            if typed.ends_with("yaml") {
                let text = std::str::from_utf8(request.body()).map_err(|problem| error(problem.to_string()))?;
                return serde_saphyr::from_str(text).map_err(|problem| error(problem.to_string()));
            }
            serde_json::from_slice(request.body()).map_err(|problem| error(problem.to_string()))
        };
        match (request.method().as_str(), typed) {
            ("PUT", _) => Ok(Self::Whole(parse()?)),
            (_, "application/merge-patch+json") => Ok(Self::Merge(parse()?)),
            (_, "application/strategic-merge-patch+json") if !kind.custom => Ok(Self::Merge(parse()?)),
            (_, "application/json-patch+json") => Ok(Self::Json(parse()?)),
            (_, "application/apply-patch+yaml") => Ok(Self::Apply(parse()?)),
            _ => {
                let message = "the body of the request was in an unknown format - accepted media types include: \
                               application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";
                Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message))
            }
        }
    }

    fn applied(&self, before: &Value) -> Result<Value, Failure> {
        let mut after = before.clone();
        match self {
            Self::Merge(patch) | Self::Apply(patch) => json_patch::merge(&mut after, patch),
            Self::Whole(value) => after = value.clone(),
            Self::Json(patch) => {
                let patch: json_patch::Patch = serde_json::from_value(patch.clone())
                    .map_err(|error| Failure::bad_request(format!("error decoding patch: {error}")))?;
                json_patch::patch(&mut after, &patch).map_err(|_refused| {
                    let message = "the server rejected our request due to an error in our request";
                    Failure { details: json!({}), ..Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", message) }
                })?;
            }
        }
        Ok(after)
    }

    fn written(&self) -> Value {
        let value = match self {
            Self::Merge(value) | Self::Apply(value) | Self::Whole(value) => value,
            Self::Json(_) => return json!({ "spec": {} }),
        };
        let parts =
            ["spec", "status", "data"].iter().filter_map(|part| Some(((*part).to_owned(), value.get(*part)?.clone())));
        Value::Object(parts.collect())
    }
}

fn preconditions(kind: &Kind, name: &str, known: (&Object, &Value), after: &Value) -> Result<(), Failure> {
    let (object, before) = known;
    if after
        .at("/metadata/resourceVersion")
        .as_str()
        .is_some_and(|version| !version.is_empty() && version != object.version.to_string())
    {
        return Err(Failure::conflict(kind, name));
    }
    let uid = after.at("/metadata/uid").as_str();
    if uid.is_some_and(|uid| Some(uid) != before.at("/metadata/uid").as_str()) {
        let why = format!("Invalid value: \"{}\": field is immutable", uid.unwrap_or_default());
        return Err(admission::invalid(name, "metadata.uid", &why));
    }
    if after.at("/metadata/name") != before.at("/metadata/name") {
        return Err(Failure::bad_request("the name of the object does not match the name on the URL"));
    }
    Ok(())
}

/// Server-side apply: a field that somebody else has set to another value is a conflict, unless forced.
fn conflicts(query: &Query, before: &Value, wanted: &Value) -> Result<(), Failure> {
    if query.is_on("force") {
        return Ok(());
    }
    let owner = before.at("/metadata/managedFields/0/manager").as_str().unwrap_or("unknown");
    let mut fields = Vec::new();
    differing(wanted.at("/spec"), before.at("/spec"), ".spec", &mut fields);
    if fields.is_empty() || query.get("fieldManager") == Some(owner) {
        return Ok(());
    }
    let version = before.at("/apiVersion").as_str().unwrap_or_default();
    let conflict = format!("conflict with \"{owner}\" using {version}");
    let word = if fields.len() == 1 { "conflict" } else { "conflicts" };
    let message = format!("Apply failed with {} {word}: {conflict}: {}", fields.len(), fields.join(", "));
    let causes: Vec<Value> = fields
        .iter()
        .map(|field| json!({ "reason": "FieldManagerConflict", "message": conflict, "field": field }))
        .collect();
    Err(Failure { details: json!({ "causes": causes }), ..Failure::new(StatusCode::CONFLICT, "Conflict", message) })
}

fn differing(wanted: &Value, known: &Value, path: &str, fields: &mut Vec<String>) {
    match (wanted, known) {
        (Value::Object(wanted), Value::Object(known)) => {
            for (name, value) in wanted {
                if let Some(known) = known.get(name) {
                    differing(value, known, &format!("{path}.{name}"), fields);
                }
            }
        }
        (wanted, known) if wanted != known && !wanted.is_null() => fields.push(path.to_owned()),
        _ => {}
    }
}

/// A write of the whole leaves the status alone, a write of the status all else, and nobody writes the rest.
fn keep_parts(place: &Place, before: &Value, after: &mut Value) {
    if place.subresource == "status" {
        let status = after.at("/status").clone();
        *after = before.clone();
        after.set("/status", status);
    } else {
        match (before.get("status"), after.as_object_mut()) {
            (Some(status), Some(after)) => drop(after.insert("status".into(), status.clone())),
            (None, Some(after)) => drop(after.shift_remove("status")),
            _ => {}
        }
    }
    for part in ["uid", "resourceVersion", "creationTimestamp", "generation", "managedFields"] {
        if let Some(known) = before.at("/metadata").get(part) {
            after.set(&format!("/metadata/{part}"), known.clone());
        }
    }
}

/// Schema, defaulter and validator; gives the warnings about unknown fields.
fn admit(kind: &Kind, of: (&Query, &Value), after: &mut Value) -> Result<Vec<String>, Failure> {
    let (query, before) = of;
    if kind.shelf != SERVICES {
        return Ok(Vec::new());
    }
    let whole = after.to_string();
    let unknown: Vec<String> =
        admission::prune(after).iter().map(|field| format!("unknown field \"{field}\"")).collect();
    if !unknown.is_empty() && query.get("fieldValidation") == Some("Strict") {
        let why = format!("Invalid value: {}: strict decoding error: {}", Value::String(whole), unknown.join(", "));
        return Err(Failure {
            details: json!({ "causes": [{ "reason": "FieldValueInvalid", "message": why, "field": "patch" }] }),
            ..Failure::new(StatusCode::UNPROCESSABLE_ENTITY, "Invalid", format!(" \"\" is invalid: patch: {why}"))
        });
    }
    admission::default(after)?;
    admission::validate(after, Some(before).filter(|before| !before.is_null()))?;
    let quiet = query.get("fieldValidation") == Some("Ignore");
    Ok(if quiet { Vec::new() } else { unknown })
}

/// Notes who wrote last what.
fn sign(kind: &Kind, object: &mut Value, of: (&str, &Value), now: DateTime<Utc>) {
    let (manager, written) = of;
    let entry = managed(manager, &kind.api_version(), now, written);
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let list = metadata.entry("managedFields").or_insert_with(|| json!([]));
    if let Some(list) = list.as_array_mut() {
        list.retain(|known| known.at("/manager") != manager);
        list.push(entry);
    }
}

/// What a write sets in motion.
fn react(state: &mut State, kind: &Kind, key: &ObjectKey, now: DateTime<Utc>) {
    let service = match kind.shelf {
        SERVICES => Some((key.name.clone(), REACTION)),
        // KServe's controller puts back at once what others change in its objects.
        "deployments.apps" => state.store.value(kind.shelf, &key.namespace, &key.name).and_then(|object| {
            let owner = object.at("/metadata/ownerReferences/0/name").as_str()?;
            Some((owner.to_owned(), TimeDelta::milliseconds(100)))
        }),
        _ => None,
    };
    if let Some((name, after)) = service {
        let key = ServiceKey { namespace: key.namespace.clone(), name };
        state.agenda.add(now + after, Job::Reconcile(key));
    }
}

/// Answers POST of a new object.
pub fn create(world: &Arc<World>, place: &Place, query: &Query, request: &Request<Bytes>) -> Answer {
    show(world.enter(|state, now| {
        let value: Value = serde_json::from_slice(request.body())
            .map_err(|error| Failure::bad_request(format!("couldn't get version/kind; json parse error: {error}")))?;
        create_from(state, place, (query, value), now)
    }))
}

fn create_from(state: &mut State, place: &Place, of: (&Query, Value), now: DateTime<Utc>) -> Written {
    let (query, mut value) = of;
    let kind = place.kind;
    let namespace = place.namespace.clone().unwrap_or_default();
    let base = value.at("/metadata/generateName").as_str().unwrap_or_default().to_owned();
    let named = value.at("/metadata/name").as_str().map(ToOwned::to_owned).or_else(|| place.name.clone());
    let name = named.filter(|name| !name.is_empty()).unwrap_or_else(|| {
        state.made += 1;
        format!("{base}{}", crate::demo::random::suffix(state.seed, &state.made.to_string(), 5))
    });
    let key = ObjectKey::new(&namespace, &name);
    if state.store.get(kind.shelf, &key).is_some() {
        let message = format!("{} \"{name}\" already exists", kind.qualified());
        return Err(Failure::new(StatusCode::CONFLICT, "AlreadyExists", message));
    }
    let identity = crate::demo::cluster::metadata::Identity {
        seed: state.seed,
        kind: kind.kind,
        namespace: &namespace,
        name: &name,
        created: now,
    };
    let mut metadata = identity.metadata(json!({}));
    for part in ["labels", "annotations", "finalizers", "ownerReferences", "generateName"] {
        if let Some(given) = value.at("/metadata").get(part) {
            metadata.set(&format!("/{part}"), given.clone());
        }
    }
    value.set("/metadata", metadata);
    value.set("/apiVersion", kind.api_version());
    value.set("/kind", kind.kind);
    let warnings = admit(kind, (query, &Value::Null), &mut value)?;
    if let Some(value) = value.as_object_mut().filter(|_| kind.custom) {
        value.shift_remove("status");
    }
    if query.get("dryRun").is_some() {
        return Ok((StatusCode::CREATED, value, warnings));
    }
    let stored = state.store.put(kind.shelf, value).value();
    react(state, kind, &key, now);
    Ok((StatusCode::CREATED, stored, warnings))
}
