//! The gateway in front of the model servers: it chooses the endpoint by the Host header and the revision by weight.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use http::{Request, StatusCode, header};

use super::model_server::ModelServer;
use super::{Answer, Server, call, text};
use crate::demo::cluster::endpoint::Endpoint;
use crate::demo::cluster::status::host;
use crate::demo::random::{fraction, hash};
use crate::demo::story::Mode;
use crate::demo::world::{State, System, World};

/// The gateway.
#[derive(Debug)]
pub struct Ingress {
    world: Arc<World>,
}

impl Ingress {
    /// The gateway of a world.
    #[must_use]
    pub fn new(world: Arc<World>) -> Self {
        Self { world }
    }

    async fn respond(self: Arc<Self>, request: Request<Bytes>) -> Answer {
        let named = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
        let named = named.or_else(|| request.uri().host()).unwrap_or_default();
        let named = named.split(':').next().unwrap_or_default().to_ascii_lowercase();
        let chosen = self.world.enter(|state, now| {
            let (key, tag) = state
                .endpoints
                .values()
                .find_map(|endpoint| Some((endpoint.key.clone(), named_host(endpoint, &named)?)))?;
            let revision = choose(state, &key, tag);
            state.present = now;
            Some((key, revision))
        });
        match chosen {
            None => text(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", ""),
            Some((_, None)) => {
                text(StatusCode::SERVICE_UNAVAILABLE, "text/plain; charset=utf-8", "no healthy upstream")
            }
            Some((key, Some(revision))) => {
                let server = Arc::new(ModelServer::new(Arc::clone(&self.world), key, revision));
                call(&self.world, server, request).await
            }
        }
    }
}

/// Which of an endpoint's hosts was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Named {
    /// The endpoint's own: by weight.
    Whole,
    /// `latest-…`.
    Latest,
    /// `prev-…`.
    Previous,
}

fn named_host(endpoint: &Endpoint, named: &str) -> Option<Named> {
    let (name, namespace) = (endpoint.key.name.as_str(), endpoint.key.namespace.as_str());
    let predictor = host(endpoint.mode, &format!("{name}-predictor"), namespace);
    if named == host(endpoint.mode, name, namespace) || named == predictor {
        return Some(Named::Whole);
    }
    let tagged = named.strip_suffix(predictor.as_str()).filter(|_| endpoint.mode == Mode::Knative)?;
    match tagged {
        "latest-" => Some(Named::Latest),
        "prev-" => Some(Named::Previous),
        _ => None,
    }
}

/// The revision for one request: by its tag, or by weight; deterministic by seed and count.
fn choose(state: &mut State, key: &crate::demo::traffic::ServiceKey, tag: Named) -> Option<String> {
    let endpoint = state.endpoints.get(key).filter(|endpoint| !endpoint.stopped)?;
    match tag {
        Named::Latest => return endpoint.latest_ready().map(|revision| revision.name.clone()),
        Named::Previous => return endpoint.rolled_out.clone(),
        Named::Whole => {}
    }
    let splits = state.traffic.services().get(key)?.splits();
    let shares = splits.last().map(|(_, shares)| shares.clone()).unwrap_or_default();
    let usable = shares.into_iter().filter(|(name, _)| endpoint.revision(name).is_some_and(|revision| revision.ready));
    let usable: Vec<(String, f64)> = usable.collect();
    let count = state.calls.entry((key.clone(), String::new())).or_default();
    *count += 1;
    let whole: f64 = usable.iter().map(|(_, share)| share).sum();
    let mut rest = whole * fraction(hash(state.seed, &format!("{}#{count}", key.name)));
    let chosen = usable.iter().find(|(_, share)| {
        rest -= share;
        rest < 0.0
    });
    chosen.or(usable.last()).map(|(name, _)| name.clone())
}

impl Server for Ingress {
    fn system(&self) -> System {
        System::Ingress
    }

    fn answer(self: Arc<Self>, request: Request<Bytes>) -> BoxFuture<'static, Answer> {
        self.respond(request).boxed()
    }
}
