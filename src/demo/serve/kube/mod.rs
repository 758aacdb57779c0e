//! The Kubernetes API server: who asks, for what, and who answers it.

pub mod admission;
pub mod discovery;
pub mod failure;
pub mod forward;
pub mod health;
pub mod kinds;
pub mod list;
pub mod logs;
pub mod patch;
pub mod path;
pub mod protobuf;
pub mod proxy;
pub mod remove;
pub mod review;
pub mod select;
pub mod shape;
pub mod table;
pub mod watch;

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, Request, StatusCode, header};

use self::failure::Failure;
use self::kinds::Kind;
use self::path::Path;
use self::shape::Shape;
use crate::demo::serve::query::Query;
use crate::demo::serve::{Answer, Server, json, text};
use crate::demo::store::ObjectKey;
use crate::demo::world::{System, World};

/// The API server.
pub struct Kubernetes {
    world: Arc<World>,
    token: String,
    apps: proxy::Apps,
}

impl Kubernetes {
    /// An API server that takes this bearer token, with the servers of the platform's own pods.
    #[must_use]
    pub fn new(world: Arc<World>, token: String, apps: proxy::Apps) -> Self {
        Self { world, token, apps }
    }

    /// Whether the request may come in: Go's clients (kubectl) send no token over plain HTTP, so none is needed; a wrong
    /// one is refused.
    fn knows(&self, headers: &HeaderMap) -> bool {
        let Some(given) = headers.get(header::AUTHORIZATION) else { return true };
        let token = given.to_str().ok().and_then(|given| given.strip_prefix("Bearer "));
        token.is_some_and(|token| token.trim() == self.token)
    }

    async fn respond(self: Arc<Self>, request: Request<Bytes>) -> Answer {
        let path = Path::read(request.uri().path());
        let query = Query::read(request.uri().query().unwrap_or_default());
        let open = matches!(path, Path::Health(..) | Path::Version);
        if !open && !self.knows(request.headers()) {
            return Failure::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized").answer();
        }
        match path {
            Path::Health(of, check) => health::answer(of, check, &query),
            Path::Version => json(StatusCode::OK, &discovery::version()),
            Path::Discovery(rest) => discovery::answer(&rest),
            Path::OpenApi(rest) => discovery::open_api(&rest),
            Path::Review(which) => review::answer(&self.world, which, &request),
            Path::Objects(place)
                if self
                    .world
                    .forbids(verb(request.method(), &place, &query), &named(place.kind, &place.subresource)) =>
            {
                forbidden(&place, verb(request.method(), &place, &query)).answer()
            }
            Path::Objects(place) if place.subresource == "proxy" && matches!(place.kind.shelf, "pods" | "services") => {
                proxy::answer(&self.world, &self.apps, &place, request).await
            }
            Path::Objects(place) if place.subresource == "portforward" && place.kind.shelf == "pods" => {
                forward::answer(&self.world, &self.apps, &place, request)
            }
            Path::Objects(place) => self.objects(&place, &query, &request),
            Path::Unknown => Failure::no_path().answer(),
        }
    }

    fn objects(&self, place: &path::Place, query: &Query, request: &Request<Bytes>) -> Answer {
        let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let shape = Shape::wanted(accept);
        match (request.method(), &place.name, place.subresource.as_str()) {
            (&Method::GET, None, _) if query.is_on("watch") => {
                watch::answer(&self.world, place.kind, place.namespace.as_deref(), query, shape)
            }
            (&Method::GET, None, _) => list::answer(&self.world, place.kind, place.namespace.as_deref(), query, shape),
            (&Method::GET, Some(name), "" | "status") => self.get(place, name, shape),
            (&Method::GET, Some(_), "log") if place.kind.shelf == "pods" => logs::answer(&self.world, place, query),
            (&Method::GET | &Method::PATCH | &Method::PUT, Some(_), "scale") if place.kind.scale => {
                remove::scale(&self.world, place, query, request)
            }
            (&Method::PATCH | &Method::PUT, Some(_), "" | "status") => {
                patch::answer(&self.world, place, query, request)
            }
            (&Method::POST, None, _) => patch::create(&self.world, place, query, request),
            (&Method::POST, Some(_), "eviction") if place.kind.shelf == "pods" => {
                remove::evict(&self.world, place, query)
            }
            (&Method::DELETE, Some(_), "") => remove::delete(&self.world, place, query, request),
            _ => Failure::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource",
            )
            .answer(),
        }
    }

    fn get(&self, place: &path::Place, name: &str, shape: Shape) -> Answer {
        let key = ObjectKey::new(place.namespace.as_deref().unwrap_or_default(), name);
        let found = self.world.enter(|state, _| state.store.get(place.kind.shelf, &key).cloned());
        match found {
            None => Failure::not_found(place.kind, name).answer(),
            Some(object) if shape == Shape::Table => {
                json(StatusCode::OK, &table::single(place.kind, &object.text, self.world.now()))
            }
            Some(object) => text(StatusCode::OK, "application/json", Body::from(shape.single(&object.text))),
        }
    }
}

impl Server for Kubernetes {
    fn system(&self) -> System {
        System::Kubernetes
    }

    fn kind(&self, request: &Request<Bytes>) -> String {
        let query = Query::read(request.uri().query().unwrap_or_default());
        match Path::read(request.uri().path()) {
            Path::Objects(place) => {
                let verb = verb(request.method(), &place, &query);
                let resource = named(place.kind, &place.subresource);
                format!("{verb} {resource}")
            }
            _ => format!("{} {}", request.method(), request.uri().path()),
        }
    }

    fn answer(self: Arc<Self>, request: Request<Bytes>) -> BoxFuture<'static, Answer> {
        self.respond(request).boxed()
    }
}

/// The verb by which a request is authorised.
#[must_use]
pub fn verb(method: &Method, place: &path::Place, query: &Query) -> &'static str {
    match (method.as_str(), place.name.is_some()) {
        ("GET", false) if query.is_on("watch") => "watch",
        ("GET", false) => "list",
        ("POST", _) => "create",
        ("PUT", _) => "update",
        ("PATCH", _) => "patch",
        ("DELETE", false) => "deletecollection",
        ("DELETE", true) => "delete",
        _ => "get",
    }
}

fn named(kind: &Kind, subresource: &str) -> String {
    if subresource.is_empty() { kind.plural.to_owned() } else { format!("{}/{subresource}", kind.plural) }
}

fn forbidden(place: &path::Place, verb: &str) -> Failure {
    let name = place.name.as_deref().unwrap_or_default();
    let resource = named(place.kind, &place.subresource);
    let of =
        if place.name.is_some() { format!("{} \"{name}\"", place.kind.qualified()) } else { place.kind.qualified() };
    let scope = match &place.namespace {
        Some(namespace) => format!("in the namespace \"{namespace}\""),
        None => "at the cluster scope".to_owned(),
    };
    let message = format!(
        "{of} is forbidden: User \"demo\" cannot {verb} resource \"{resource}\" in API group \"{}\" {scope}",
        place.kind.group
    );
    Failure::new(StatusCode::FORBIDDEN, "Forbidden", message)
}
