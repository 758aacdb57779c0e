//! The way through the API server to pods: service proxy and pod proxy, by the rules of the real one.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, HeaderValue, LOCATION};
use http::{HeaderName, Request, StatusCode, Uri};
use serde_json::Value;

use super::failure::Failure;
use super::path::Place;
use crate::demo::cluster::kserve::is_ready;
use crate::demo::json::Json;
use crate::demo::serve::model_server::ModelServer;
use crate::demo::serve::query::Query;
use crate::demo::serve::{Answer, Server, call, text};
use crate::demo::store::ObjectKey;
use crate::demo::world::{State, World};

/// The servers of the platform's own apps, by the label `app` of their pods.
pub type Apps = Arc<Vec<(&'static str, Arc<dyn Server>)>>;

/// `[scheme:]name[:port]`.
#[derive(Debug, PartialEq, Eq)]
struct Target<'a> {
    name: &'a str,
    port: &'a str,
}

/// Answers a request to `…/proxy/…`.
pub async fn answer(world: &Arc<World>, apps: &Apps, place: &Place, request: Request<Bytes>) -> Answer {
    match prepare(world, apps, place, &request) {
        Ok(server) => call(world, server, passed_on(place, request)).await,
        Err(Refused::Failure(failure)) => failure.answer(),
        Err(Refused::Moved(location)) => {
            let mut answer = text(StatusCode::MOVED_PERMANENTLY, "text/html; charset=utf-8", "");
            if let Ok(location) = HeaderValue::from_str(&location) {
                answer.headers_mut().insert(LOCATION, location);
            }
            answer
        }
    }
}

enum Refused {
    Failure(Failure),
    Moved(String),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

fn prepare(
    world: &Arc<World>,
    apps: &Apps,
    place: &Place,
    request: &Request<Bytes>,
) -> Result<Arc<dyn Server>, Refused> {
    let query = Query::read(request.uri().query().unwrap_or_default());
    if query.get("dryRun").is_some() {
        return Err(Failure::bad_request(
            "the dryRun option is not supported for this request: dryRun is not supported",
        )
        .into());
    }
    let id = place.name.as_deref().unwrap_or_default();
    let target =
        target(id).ok_or_else(|| Failure::bad_request(format!("invalid {} request \"{id}\"", place.kind.singular)))?;
    if place.rest.is_empty() {
        return Err(Refused::Moved(format!("{}/", request.uri().path())));
    }
    let namespace = place.namespace.as_deref().unwrap_or_default();
    let pod = if place.kind.shelf == "pods" {
        ObjectKey::new(namespace, target.name)
    } else {
        world.enter(|state, _| pod_behind(state, place, (namespace, &target)))?
    };
    Ok(server_of_pod(world, apps, &pod, target.port)?)
}

fn target(id: &str) -> Option<Target<'_>> {
    let parts: Vec<&str> = id.split(':').collect();
    match parts.as_slice() {
        [name] => Some(Target { name, port: "" }),
        [name, port] | ["" | "http" | "https", name, port] => Some(Target { name, port }),
        _ => None,
    }
}

/// A ready pod of a Service, the first by name.
fn pod_behind(state: &State, place: &Place, of: (&str, &Target<'_>)) -> Result<ObjectKey, Failure> {
    let (namespace, target) = of;
    let service = state.store.value("services", namespace, target.name);
    let service = service.ok_or_else(|| Failure::not_found(place.kind, target.name))?;
    let unavailable = |message: String| Failure::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message);
    let none = || unavailable(format!("no endpoints available for service \"{}\"", target.name));
    let ports = service.at("/spec/ports").as_array().cloned().unwrap_or_default();
    let known = |port: &Value| port.at("/name") == target.port || port.at("/port").as_u64() == target.port.parse().ok();
    if service.at("/spec/type") == "ExternalName" {
        return Err(none());
    }
    if !target.port.is_empty() && !ports.iter().any(known) {
        return Err(unavailable(format!("no service port \"{}\" found for service \"{}\"", target.port, target.name)));
    }
    let selector = service.at("/spec/selector").as_object().cloned().ok_or_else(none)?;
    let pods = state.store.shelf("pods").into_iter().flat_map(|shelf| &shelf.objects);
    let chosen = pods.filter(|(key, _)| key.namespace == namespace).find(|(_, pod)| {
        let selected = selector.iter().all(|(key, value)| pod.labels.get(key).map(String::as_str) == value.as_str());
        selected && is_ready(&pod.value())
    });
    chosen.map(|(key, _)| key.clone()).ok_or_else(none)
}

/// The server in a pod, at a port by number or name; empty for the first.
pub fn server_of_pod(world: &Arc<World>, apps: &Apps, pod: &ObjectKey, port: &str) -> Result<Arc<dyn Server>, Failure> {
    let found = world.enter(|state, _| {
        let object = state.store.get("pods", pod).cloned()?;
        Some((object, state.owner_of(pod)))
    });
    let Some((object, owner)) = found else {
        let message = format!("pods \"{}\" not found", pod.name);
        return Err(Failure::new(StatusCode::NOT_FOUND, "NotFound", message));
    };
    let value = object.value();
    let refused = || {
        let address = value.at("/status/podIP").as_str().unwrap_or("10.0.0.0");
        let port = if port.is_empty() { "80" } else { port };
        let message = format!("error trying to reach service: dial tcp {address}:{port}: connect: connection refused");
        Failure::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailable", message)
    };
    let serving = is_ready(&value);
    if let (Some((service, revision)), true) = (owner, serving) {
        let listens = matches!(port, "" | "80" | "8080" | "8012" | "http" | "http1" | "user-port" | "queue-port")
            || port == revision;
        let server: Arc<dyn Server> = Arc::new(ModelServer::new(Arc::clone(world), service, revision));
        return listens.then_some(server).ok_or_else(refused);
    }
    let app = object.labels.get("app").map(String::as_str);
    let server = apps.iter().find(|(name, _)| Some(*name) == app).map(|(_, server)| Arc::clone(server));
    server.ok_or_else(refused)
}

/// The request as the backend gets it: its own path, no Authorization, and who was asked first.
fn passed_on(place: &Place, request: Request<Bytes>) -> Request<Bytes> {
    let (mut parts, body) = request.into_parts();
    let query = parts.uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let original = HeaderValue::from_str(parts.uri.path());
    if let Ok(uri) = format!("{}{query}", place.rest).parse::<Uri>() {
        parts.uri = uri;
    }
    parts.headers.remove(AUTHORIZATION);
    parts.headers.insert(HeaderName::from_static("x-forwarded-for"), HeaderValue::from_static("127.0.0.1"));
    parts.headers.insert(HeaderName::from_static("x-forwarded-proto"), HeaderValue::from_static("https"));
    if let Some(host) = parts.headers.get(http::header::HOST).cloned() {
        parts.headers.insert(HeaderName::from_static("x-forwarded-host"), host);
    }
    if let Ok(original) = original {
        parts.headers.insert(HeaderName::from_static("x-forwarded-uri"), original);
    }
    Request::from_parts(parts, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_id_may_name_the_scheme_and_the_port() {
        assert_eq!(target("mlflow"), Some(Target { name: "mlflow", port: "" }));
        assert_eq!(target("mlflow:80"), Some(Target { name: "mlflow", port: "80" }));
        assert_eq!(target("https:argocd-server:"), Some(Target { name: "argocd-server", port: "" }));
        assert_eq!(target("ftp:mlflow:80"), None);
    }
}
