//! Sends one test prediction by the first way that works, and says which that was and why the others were none.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, header};
use http_body_util::Full;
use serde_json::Value as Json;

use super::body;
use super::choose::{Base, Candidate, Choice, Target, choose};
use super::pods;
use super::protocol;
use super::reply::{Taken, prefix, sent_on};
use super::skeleton;
use super::transport::{Dial, Failed, Raw, within};
use crate::actions::PredictPermit;
use crate::model::clock::Clock;
use crate::model::health::Error;
use crate::model::prediction::{Answer, Ask, Wanted, Way};
use crate::model::serving::{Protocol, Serving};
use crate::systems::Environment;
use crate::systems::kube::{Access, Cluster, ServiceTarget, named_for};

/// How often a server may send a request on to another path.
const REDIRECTS: usize = 3;

/// How long opening a port-forward may take.
const FORWARD_LIMIT: Duration = Duration::from_secs(15);

/// What sending needs besides the request.
#[derive(Clone)]
pub struct Means {
    /// The way to the cluster.
    pub kube: Access,
    /// The time, for what is measured.
    pub clock: Clock,
    /// Looks up the variables that name proxies.
    pub env: Environment,
    /// The ingress's address (`http://10.0.0.9`), where it is known.
    pub ingress: Option<String>,
    /// Certificates (PEM) to trust besides the machine's own.
    pub ca_file: Option<PathBuf>,
    /// How long an answer may take.
    pub limit: Duration,
    /// How long the first answer of an endpoint that is scaled to zero may take.
    pub cold_limit: Duration,
}

impl Means {
    /// The usual limits: a minute, and five for an endpoint that has to start first.
    #[must_use]
    pub fn new(kube: Access, clock: Clock) -> Self {
        let (limit, cold_limit) = (Duration::from_mins(1), Duration::from_mins(5));
        Self { kube, clock, env: Arc::new(|_| None), ingress: None, ca_file: None, limit, cold_limit }
    }
}

/// Whether what is in the way goes away by asking: the endpoint has scaled to zero.
#[must_use]
pub fn starts_on_demand(obstacle: &str) -> bool {
    let text = obstacle.to_lowercase();
    text.contains("scaled to zero") || text.contains("scale to zero") || text.contains("no pods")
}

/// Sends a test prediction.
///
/// An answer of any status is an [`Answer`]; an error is that there was none.
pub async fn send(permit: &PredictPermit, ask: &Ask, means: &Means) -> Result<Answer, Error> {
    let mut choice = choose(&ask.serving, &ask.wanted, ask.via, means.ingress.as_deref())?;
    let mut notes = Vec::new();
    let mut limit = means.limit;
    if let Some(obstacle) = &ask.serving.obstacle {
        if !starts_on_demand(obstacle) {
            return Err(Error::Refused { why: obstacle.clone() });
        }
        // only what goes by the front door wakes it up
        let (front, back) = std::mem::take(&mut choice.candidates)
            .into_iter()
            .partition::<Vec<_>, _>(|candidate| matches!(candidate.way, Way::Url | Way::Ingress));
        choice.candidates = front;
        choice.refused.extend(back.into_iter().map(|candidate| (candidate.way, obstacle.clone())));
        notes.push(format!("{obstacle}: the first answer can take minutes"));
        limit = means.cold_limit;
    }
    let dial = Dial { clock: &means.clock, limit, ca_file: means.ca_file.as_ref() };
    let trip = Trip { permit: Some(permit), ask, means, dial, cold: ask.serving.obstacle.is_some() };
    trip.try_all(choice, notes).await
}

/// A payload to begin with, made from what the server says of the model (V2 metadata) by the first way that works: one
/// row of zeros in the shape of its inputs. Wakes nothing that has scaled to zero.
pub async fn example(serving: &Serving, means: &Means) -> Result<Json, Error> {
    if let Some(obstacle) = &serving.obstacle {
        return Err(Error::Refused { why: obstacle.clone() });
    }
    let ask = Ask {
        serving: serving.clone(),
        wanted: Wanted::Stable,
        via: None,
        protocol: Some(Protocol::V2),
        body: String::new(),
    };
    let dial = Dial { clock: &means.clock, limit: means.limit, ca_file: means.ca_file.as_ref() };
    let choice = choose(serving, &ask.wanted, None, means.ingress.as_deref())?;
    Trip { permit: None, ask: &ask, means, dial, cold: false }.metadata(&choice).await
}

/// A request before it is sent a certain way.
#[derive(Debug, Clone)]
struct Outgoing {
    method: Method,
    path: String,
    body: String,
}

impl Outgoing {
    fn get(path: &str) -> Self {
        Self { method: Method::GET, path: path.to_owned(), body: String::new() }
    }
}

struct Trip<'a> {
    /// Without one it only reads.
    permit: Option<&'a PredictPermit>,
    ask: &'a Ask,
    means: &'a Means,
    dial: Dial<'a>,
    /// Whether it has to start first.
    cold: bool,
}

/// A candidate that is ready to be used: its pod, if it needs one, is known.
struct Ready<'a> {
    candidate: &'a Candidate,
    pod: Option<String>,
}

impl Trip<'_> {
    async fn try_all(mut self, choice: Choice, mut notes: Vec<String>) -> Result<Answer, Error> {
        let mut last = None;
        let mut missing = Vec::new();
        for candidate in &choice.candidates {
            if last.as_ref().is_some_and(pods::is_asleep)
                && !self.cold
                && matches!(candidate.way, Way::Url | Way::Ingress)
            {
                // the front door wakes it up
                notes.push("it has no pod: the first answer can take minutes".into());
                let dial = Dial { limit: self.means.cold_limit, ..self.dial.clone() };
                self = Self { cold: true, dial, ..self };
            }
            match self.predict(candidate, &mut notes).await {
                Ok(mut answer) => {
                    if let Target::Server(base) = &candidate.target {
                        notes.extend(self.unused_proxy(base));
                    }
                    let refused = choice.refused.iter().filter(|(way, _)| comes_before(*way, candidate.way, &choice));
                    notes.extend(refused.map(|(way, why)| format!("not by {}: {why}", way.name())));
                    answer.notes.splice(0..0, notes);
                    return Ok(answer);
                }
                Err(Failed::After(error)) => return Err(error),
                Err(Failed::Before(error)) => {
                    notes.push(format!("not by {}: {error}", candidate.way.name()));
                    if let Error::Forbidden { verb, what } = &error {
                        missing.push((verb.clone(), what.clone()));
                    }
                    last = Some(error);
                }
            }
        }
        let reasons: Vec<String> = choice.refused.iter().map(|(way, why)| format!("{}: {why}", way.name())).collect();
        match last {
            // one way was tried: its error says most
            Some(error) if choice.candidates.len() == 1 => Err(error),
            Some(_) if missing.len() == choice.candidates.len() => Err(all_forbidden(missing)),
            Some(_) => Err(Error::Unreachable { what: self.ask.serving.name.clone(), why: notes.join("; ") }),
            None => Err(Error::Refused {
                why: format!(
                    "no way in reaches {} of {}: {}",
                    self.ask.wanted.name(),
                    self.ask.serving.name,
                    reasons.join("; ")
                ),
            }),
        }
    }

    /// A payload made from the model's own words.
    async fn metadata(&self, choice: &Choice) -> Result<Json, Error> {
        let model = self.ask.serving.model.as_deref().unwrap_or(&self.ask.serving.name);
        let outgoing = Outgoing::get(&protocol::metadata_path(model)?);
        let written = self.ask.serving.protocol.unwrap_or(Protocol::V1);
        for candidate in &choice.candidates {
            let Ok(ready) = self.ready(candidate).await else { continue };
            let Ok(raw) = self.carry(&ready, &outgoing, &mut Vec::new()).await else { continue };
            let json = Some(&raw.body).filter(|_| raw.status.is_success());
            let json: Option<Json> = json.and_then(|body| serde_json::from_slice(body).ok());
            if let Some(payload) = json.and_then(|json| skeleton::from_metadata(written, &json)) {
                return Ok(payload);
            }
        }
        Err(Error::Absent { what: format!("the metadata of {model}") })
    }

    async fn predict(&self, candidate: &Candidate, notes: &mut Vec<String>) -> Result<Answer, Failed> {
        let ready = self.ready(candidate).await?;
        let protocol = self.protocol(&ready, notes).await?;
        let payload = protocol::payload(protocol, &self.ask.body).map_err(Failed::After)?;
        let mut said = payload.notes;
        let model = self.ask.serving.model.as_deref().unwrap_or(&self.ask.serving.name);
        let path = protocol::path(protocol, model).map_err(Failed::After)?;
        let mut outgoing = Outgoing { method: Method::POST, path, body: payload.body };
        let mut raw = self.carry(&ready, &outgoing, &mut said).await?;
        if protocol::is_cold_start(raw.status, &text_of(&raw)) && (self.cold || raw.status == 400) {
            said.push(format!(
                "the first try ended with {} after {:.1} s while it started; sent once more",
                raw.status.as_u16(),
                raw.total
            ));
            raw = self.carry(&ready, &outgoing, &mut said).await?;
        }
        if protocol::is_unknown_model(raw.status, &text_of(&raw)) {
            match self.listed(&ready, protocol).await.as_slice() {
                [only] if only != model => {
                    said.push(format!("the server knows one model only, {only}: it was asked instead of {model}"));
                    outgoing.path = protocol::path(protocol, only).map_err(Failed::After)?;
                    raw = self.carry(&ready, &outgoing, &mut said).await?;
                }
                [] => said.push("the server lists no models".into()),
                several => said.push(format!("the server knows {}", several.join(", "))),
            }
        }
        let taken = Taken { candidate, pod: ready.pod.as_deref(), protocol };
        let line = format!("{} {}{}", outgoing.method, prefix(&candidate.target), outgoing.path);
        Ok(taken.answer(line, &raw, said))
    }

    /// The protocol that was insisted on, or that the payload shows, or that the object says, or that the server has.
    async fn protocol(&self, ready: &Ready<'_>, notes: &mut Vec<String>) -> Result<Protocol, Failed> {
        // a payload that is plainly written for one protocol goes by that one: servers speak both
        let known = self.ask.protocol.or_else(|| protocol::protocol_of(&self.ask.body)).or(self.ask.serving.protocol);
        if let Some(protocol) = known {
            return Ok(protocol);
        }
        for protocol in [Protocol::V1, Protocol::V2] {
            let raw = self.carry(ready, &Outgoing::get(protocol::list_path(protocol)), &mut Vec::new()).await?;
            if raw.status.is_success() {
                notes.push(format!("the server answers {}", protocol::list_path(protocol)));
                return Ok(protocol);
            }
        }
        notes.push("neither the endpoint nor the server tells its protocol: V1 was tried".into());
        Ok(Protocol::V1)
    }

    /// The models that the server lists; none if it does not.
    async fn listed(&self, ready: &Ready<'_>, protocol: Protocol) -> Vec<String> {
        let list = Outgoing::get(protocol::list_path(protocol));
        let raw = self.carry(ready, &list, &mut Vec::new()).await;
        let json =
            raw.ok().filter(|raw| raw.status.is_success()).and_then(|raw| serde_json::from_slice(&raw.body).ok());
        json.map(|json: Json| protocol::listed(&json)).unwrap_or_default()
    }

    /// Finds the pod for those ways that need one.
    async fn ready<'c>(&self, candidate: &'c Candidate) -> Result<Ready<'c>, Failed> {
        let Target::Pod { namespace, selector, .. } = &candidate.target else {
            return Ok(Ready { candidate, pod: None });
        };
        let cluster = self.cluster().await?;
        let revision = candidate.revision.as_deref().unwrap_or("the revision");
        let pod = pods::ready(&cluster, namespace, selector, revision).await.map_err(Failed::Before)?;
        Ok(Ready { candidate, pod: Some(pod) })
    }

    async fn cluster(&self) -> Result<std::sync::Arc<Cluster>, Failed> {
        self.means.kube.cluster().await.map_err(Failed::Before)
    }

    /// Sends a request and follows redirects that keep method, body and address.
    async fn carry(&self, ready: &Ready<'_>, outgoing: &Outgoing, notes: &mut Vec<String>) -> Result<Raw, Failed> {
        let mut outgoing = outgoing.clone();
        for _ in 0..REDIRECTS {
            let raw = self.once(ready, &outgoing).await?;
            let Some(path) = sent_on(ready.candidate, &raw) else { return Ok(raw) };
            notes.push(format!("the server sent it on from {} to {path}", outgoing.path));
            outgoing.path = path;
        }
        Err(Failed::After(Error::Protocol { what: format!("{} sends in circles", outgoing.path) }))
    }

    async fn once(&self, ready: &Ready<'_>, outgoing: &Outgoing) -> Result<Raw, Failed> {
        match &ready.candidate.target {
            Target::Server(base) => {
                let path = format!("{}{}", base.prefix, outgoing.path);
                let sent = self.dial.server(base, request(outgoing, &path, &base.host)?).await;
                sent.map_err(|failed| match (failed, self.unused_proxy(base)) {
                    (Failed::Before(Error::Unreachable { what, why }), Some(proxy)) => {
                        Failed::Before(Error::Unreachable { what, why: format!("{why}; {proxy}") })
                    }
                    (failed, _) => failed,
                })
            }
            Target::Pod { namespace, port, .. } => {
                let pod = ready.pod.as_deref().unwrap_or_default();
                let start = self.means.clock.now();
                let what = format!("pod {namespace}/{pod}");
                let cluster = self.cluster().await?;
                let opened = within(FORWARD_LIMIT, &what, cluster.forward(namespace, pod, *port));
                let stream = opened.await.map_err(Failed::Before)?;
                let request = request(outgoing, &outgoing.path, &format!("localhost:{port}"))?;
                let sent = self.dial.over(Box::pin(stream), request, &what, start).await;
                sent.map_err(|failed| not_listening(failed, &format!("port {port} of {what}")))
            }
            Target::Service(target) => self.through_proxy(target, outgoing).await,
        }
    }

    /// Says of a proxy in the environment that it is not used: times are measured on a connection of our own.
    fn unused_proxy(&self, base: &Base) -> Option<String> {
        let address =
            format!("{}://{}:{}", if base.tls { "https" } else { "http" }, bracketed(&base.connect), base.port);
        let proxy = named_for(&address, &self.means.env)?;
        Some(format!("the proxy {proxy} is not used for test predictions"))
    }

    async fn through_proxy(&self, target: &ServiceTarget, outgoing: &Outgoing) -> Result<Raw, Failed> {
        let cluster = self.cluster().await?;
        let start = self.means.clock.now();
        let answer = if outgoing.method == Method::GET {
            cluster.proxy_get(target, &outgoing.path, self.dial.limit).await
        } else {
            let request = Request::builder()
                .method(outgoing.method.clone())
                .uri(outgoing.path.as_str())
                .header(header::CONTENT_TYPE, "application/json")
                .header(header::ACCEPT, "application/json")
                .body(outgoing.body.clone().into_bytes())
                .map_err(|error| Failed::Before(Error::Refused { why: error.to_string() }))?;
            let Some(permit) = self.permit else {
                return Err(Failed::Before(Error::Refused { why: "a prediction needs a permit".into() }));
            };
            cluster.proxy_prediction(permit, target, request, self.dial.limit).await
        };
        // it is the API server that says these: nothing reached the model
        let answer = answer.map_err(|error| match error {
            Error::Timeout { .. } => Failed::After(error),
            error => Failed::Before(error),
        })?;
        let total = (self.means.clock.now() - start).as_seconds_f64().max(0.0);
        let (head, body) = answer.into_parts();
        let cut = body.len() > body::LIMIT;
        let body = body.slice(..body.len().min(body::LIMIT));
        Ok(Raw { status: head.status, headers: head.headers, body, cut, connect: None, first_byte: None, total })
    }
}

/// The right that each way misses, as one error.
fn all_forbidden(missing: Vec<(String, String)>) -> Error {
    let mut missing = missing.into_iter();
    let (verb, first) = missing.next().unwrap_or_default();
    let what = missing.fold(first, |what, (verb, next)| format!("{what} or {verb} {next}"));
    Error::Forbidden { verb, what }
}

/// A port-forward that nobody takes in the pod: nothing reached the model, so another way may be tried.
fn not_listening(failed: Failed, what: &str) -> Failed {
    match failed {
        Failed::After(Error::Unreachable { why, .. }) if why.contains("connection refused") => {
            Failed::Before(Error::Unreachable {
                what: what.to_owned(),
                why: "nothing listens there (connection refused)".into(),
            })
        }
        other => other,
    }
}

fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// Whether a refused way would have been tried before the one that was taken.
fn comes_before(refused: Way, taken: Way, choice: &Choice) -> bool {
    let place = |way: Way| choice.candidates.iter().position(|candidate| candidate.way == way);
    place(refused).is_none()
        && Way::ALL.iter().position(|way| *way == refused) < Way::ALL.iter().position(|way| *way == taken)
}

fn request(outgoing: &Outgoing, path: &str, host: &str) -> Result<Request<Full<Bytes>>, Failed> {
    let wrong = |why: String| Failed::Before(Error::Refused { why });
    let host = HeaderValue::from_str(host).map_err(|error| wrong(format!("the name {host}: {error}")))?;
    Request::builder()
        .method(outgoing.method.clone())
        .uri(path)
        .header(header::HOST, host)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, concat!("quarterdeck/", env!("CARGO_PKG_VERSION")))
        .body(Full::new(Bytes::from(outgoing.body.clone())))
        .map_err(|error| wrong(format!("the path {path}: {error}")))
}

fn text_of(raw: &Raw) -> String {
    String::from_utf8_lossy(raw.body.get(..4096).unwrap_or(&raw.body)).into_owned()
}

#[cfg(test)]
#[path = "send_tests.rs"]
mod tests;
