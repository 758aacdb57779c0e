//! What ends objects, and what scales them: DELETE, eviction, the scale subresource.

use std::sync::Arc;

use bytes::Bytes;
use chrono::TimeDelta;
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::failure::Failure;
use super::path::Place;
use crate::demo::cluster::agenda::Job;
use crate::demo::cluster::kserve::SERVICES;
use crate::demo::cluster::metadata::stamp;
use crate::demo::json::Json;
use crate::demo::serve::query::Query;
use crate::demo::serve::{Answer, json as send};
use crate::demo::store::ObjectKey;
use crate::demo::traffic::ServiceKey;
use crate::demo::world::World;

/// Answers DELETE of an object.
pub fn delete(world: &Arc<World>, place: &Place, query: &Query, request: &Request<Bytes>) -> Answer {
    let name = place.name.as_deref().unwrap_or_default();
    let key = ObjectKey::new(place.namespace.as_deref().unwrap_or_default(), name);
    let options: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    let dry = query.get("dryRun").is_some() || !options.at("/dryRun").is_null();
    world.enter(|state, now| {
        let Some(object) = state.store.get(place.kind.shelf, &key).cloned() else {
            return Failure::not_found(place.kind, name).answer();
        };
        let mut value = object.value();
        let wanted = &options.at("/preconditions");
        let other = |part: &str| {
            wanted
                .at(&format!("/{part}"))
                .as_str()
                .is_some_and(|wanted| Some(wanted) != value.at("/metadata").at(&format!("/{part}")).as_str())
        };
        if other("uid") || other("resourceVersion") {
            return Failure::conflict(place.kind, name).answer();
        }
        if !dry {
            match place.kind.shelf {
                "pods" => state.pod_gone(&key, now),
                SERVICES => {
                    state.store.remove(SERVICES, &key);
                    let key = ServiceKey { namespace: key.namespace.clone(), name: key.name.clone() };
                    state.agenda.add(now + TimeDelta::milliseconds(100), Job::Reconcile(key));
                }
                shelf => drop(state.store.remove(shelf, &key)),
            }
        }
        if matches!(place.kind.shelf, "pods" | SERVICES) {
            value.set("/metadata/deletionTimestamp", stamp(now));
            value.set("/metadata/deletionGracePeriodSeconds", 30);
            return send(StatusCode::OK, &value);
        }
        let details = json!({ "name": name, "kind": place.kind.plural, "uid": value.at("/metadata/uid") });
        send(
            StatusCode::OK,
            &json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details }),
        )
    })
}

/// Answers POST of an eviction.
pub fn evict(world: &Arc<World>, place: &Place, query: &Query) -> Answer {
    let name = place.name.as_deref().unwrap_or_default();
    let key = ObjectKey::new(place.namespace.as_deref().unwrap_or_default(), name);
    world.enter(|state, now| {
        if state.store.get("pods", &key).is_none() {
            return Failure::not_found(place.kind, name).answer();
        }
        if query.get("dryRun").is_none() {
            state.pod_gone(&key, now);
        }
        send(
            StatusCode::CREATED,
            &json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201 }),
        )
    })
}

/// Answers GET, PATCH and PUT of `…/scale`.
pub fn scale(world: &Arc<World>, place: &Place, query: &Query, request: &Request<Bytes>) -> Answer {
    let name = place.name.as_deref().unwrap_or_default();
    let key = ObjectKey::new(place.namespace.as_deref().unwrap_or_default(), name);
    let wanted: Value = serde_json::from_slice(request.body()).unwrap_or_default();
    world.enter(|state, now| {
        let Some(object) = state.store.get(place.kind.shelf, &key).cloned() else {
            return Failure::not_found(place.kind, name).answer();
        };
        let mut value = object.value();
        if request.method() != Method::GET {
            let Some(replicas) = wanted.at("/spec/replicas").as_u64() else {
                return Failure::bad_request("spec.replicas must be a number").answer();
            };
            let version = wanted.at("/metadata/resourceVersion").as_str();
            if version.is_some_and(|version| version != object.version.to_string()) {
                return Failure::conflict(place.kind, name).answer();
            }
            value.set("/spec/replicas", replicas);
            if query.get("dryRun").is_none() {
                value = state.store.put(place.kind.shelf, value).value();
                // The owner (KServe) takes it back.
                if let Some(owner) = value.at("/metadata/ownerReferences/0/name").as_str() {
                    let key = ServiceKey { namespace: key.namespace.clone(), name: owner.to_owned() };
                    state.agenda.add(now + TimeDelta::milliseconds(300), Job::Reconcile(key));
                }
            }
        }
        let metadata = &value.at("/metadata");
        send(
            StatusCode::OK,
            &json!({ "kind": "Scale", "apiVersion": "autoscaling/v1",
            "metadata": { "name": metadata.at("/name"), "namespace": metadata.at("/namespace"), "uid": metadata.at("/uid"),
                "resourceVersion": metadata.at("/resourceVersion"), "creationTimestamp": metadata.at("/creationTimestamp") },
            "spec": { "replicas": value.at("/spec/replicas") }, "status": { "replicas": value.at("/status/replicas") } }),
        )
    })
}
