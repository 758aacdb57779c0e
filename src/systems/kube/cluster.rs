//! A connected cluster: requests with time limits, and their answers as values or as typed errors.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine;
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::BodyExt;
use kube::client::{Body, ClientBuilder};
use kube::config::AuthInfo;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;
use tokio::sync::Mutex;

use super::asked::Asked;
use super::credential::Credential;
use super::errors::{self, Answer, Whom};
use super::exec::Plugin;
use super::source::{Chosen, Found};
use crate::actions::Permit;
use crate::model::clock::Clock;
use crate::model::health::Error;

/// How long an ordinary question may take.
pub(super) const LIMIT: Duration = Duration::from_secs(15);
/// How long a connection may take to come about.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long a new token may take: a little longer than its plugin is given.
const PLUGIN_LIMIT: Duration = Duration::from_secs(super::exec::LIMIT_SECONDS + 5);
/// Whether the server is there is asked at most this often, in seconds, and may take so long.
const PULSE_SECONDS: i64 = 8;
const PULSE_LIMIT: Duration = Duration::from_secs(5);
/// How large an answer that is collected may be, in bytes.
pub(super) const SIZE_LIMIT: usize = 64 << 20;

/// Any error, as the layers of the client pass it on.
type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How a patch is to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchKind {
    /// RFC 7396: objects are merged, lists replaced.
    Merge,
    /// RFC 6902: a list of operations.
    Json,
}

/// When the server was last asked whether it is there, and what came of it.
type Pulse = (DateTime<Utc>, Result<(), Error>);

/// A connected cluster.
pub struct Cluster {
    client: kube::Client,
    server: String,
    user: String,
    namespace: String,
    clock: Clock,
    credential: Option<Arc<Credential>>,
    refused: AtomicBool,
    /// When a certificate that a plugin gave ends.
    expires: Option<DateTime<Utc>>,
    pulse: Mutex<Option<Pulse>>,
}

impl Cluster {
    pub(super) async fn connect(found: Found, clock: Clock) -> Result<Self, Error> {
        // a second call does nothing; without one, rustls panics at the first connection
        drop(rustls::crypto::ring::default_provider().install_default());
        let (mut config, user, plugin) = match found {
            Found::Context(chosen) => configure(*chosen)?,
            Found::Pod => (pod_config()?, "service account".to_owned(), None),
        };
        let (mut credential, mut expires) = (None, None);
        if let Some(path) = config.auth_info.token_file.take().filter(|_| config.auth_info.token.is_none()) {
            credential = Some(Credential::file(PathBuf::from(path), clock.clone()));
        }
        if let Some(plugin) = plugin {
            let given = plugin.run().await?;
            if let Some((certificate, key)) = &given.identity {
                let encode = |text: &String| base64::engine::general_purpose::STANDARD.encode(text);
                config.auth_info.client_certificate_data = Some(encode(certificate));
                config.auth_info.client_key_data = Some(encode(key).into());
                expires = given.expires;
            }
            if given.token.is_some() {
                credential = Some(Credential::plugin(plugin, &given, clock.clone())?);
            }
        }
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let namespace = config.default_namespace.clone();
        let client = build(config, credential.clone(), &server).await?;
        Ok(Self {
            client,
            server,
            user,
            namespace,
            clock,
            credential,
            refused: AtomicBool::new(false),
            expires,
            pulse: Mutex::default(),
        })
    }

    /// The API server's address.
    #[must_use]
    pub fn server(&self) -> &str {
        &self.server
    }

    /// The context's namespace, `default` if it names none.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The time.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    pub(super) fn client(&self) -> &kube::Client {
        &self.client
    }

    /// Whether the server said that it does not accept these credentials, or they have ended.
    pub(super) fn is_refused(&self) -> bool {
        self.refused.load(Ordering::SeqCst) || self.expires.is_some_and(|end| end <= self.clock.now())
    }

    pub(super) fn whom(&self) -> Whom<'_> {
        Whom { server: &self.server, user: &self.user, now: self.clock.now() }
    }

    /// Reads `path` (with its query) as `T`.
    pub async fn get_json<T: DeserializeOwned>(&self, path: &str) -> Result<T, Error> {
        let (headers, body) = self.collect(request(Method::GET, path, Vec::new())?, LIMIT).await?;
        self.decode(&headers, &body)
    }

    /// Reads `path` as text, bytes that are not UTF-8 replaced; what is longer than `most` bytes is cut.
    pub async fn get_text(&self, path: &str, most: usize) -> Result<String, Error> {
        let answer = self.open(request(Method::GET, path, Vec::new())?, LIMIT).await?;
        let (body, _) =
            within(LIMIT, &self.server, limited(answer.into_body(), most)).await?.map_err(|error| self.cut(&error))?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }

    /// Asks by POST something that changes nothing, such as an access review.
    pub(super) async fn ask<T: DeserializeOwned>(&self, path: &str, question: &Json) -> Result<T, Error> {
        let (headers, body) =
            self.collect(request(Method::POST, path, question.to_string().into_bytes())?, LIMIT).await?;
        self.decode(&headers, &body)
    }

    /// Patches the object at `path`; gives it as it is after.
    pub async fn patch(&self, _permit: &Permit, path: &str, kind: PatchKind, change: &Json) -> Result<Json, Error> {
        self.send_patch(path, kind, change).await
    }

    /// Whether a patch would be accepted, without effect (`dryRun=All`); needs no permit because nothing changes.
    pub async fn try_patch(&self, path: &str, kind: PatchKind, change: &Json) -> Result<Json, Error> {
        let joined = if path.contains('?') { '&' } else { '?' };
        self.send_patch(&format!("{path}{joined}dryRun=All"), kind, change).await
    }

    async fn send_patch(&self, path: &str, kind: PatchKind, change: &Json) -> Result<Json, Error> {
        let mut request = request(Method::PATCH, path, change.to_string().into_bytes())?;
        let typed = match kind {
            PatchKind::Merge => "application/merge-patch+json",
            PatchKind::Json => "application/json-patch+json",
        };
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(typed));
        let (headers, body) = self.collect(request, LIMIT).await?;
        self.decode(&headers, &body)
    }

    /// Creates something at `path`; gives the answer.
    pub async fn post(&self, _permit: &Permit, path: &str, body: &Json) -> Result<Json, Error> {
        let (headers, body) = self.collect(request(Method::POST, path, body.to_string().into_bytes())?, LIMIT).await?;
        self.decode(&headers, &body)
    }

    /// Deletes the object at `path`; gives the answer.
    pub async fn delete(&self, _permit: &Permit, path: &str) -> Result<Json, Error> {
        let (headers, body) = self.collect(request(Method::DELETE, path, Vec::new())?, LIMIT).await?;
        self.decode(&headers, &body)
    }

    fn decode<T: DeserializeOwned>(&self, headers: &HeaderMap, body: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(body).map_err(|error| errors::not_json(headers, body, &self.whom(), &error))
    }

    /// Asks whether the server is there, at most once in [`PULSE_SECONDS`] whoever asks; any answer will do.
    pub(super) async fn pulse(&self) -> Result<(), Error> {
        let mut last = self.pulse.lock().await;
        let now = self.clock.now();
        if let Some((_, answer)) = last.as_ref().filter(|(at, _)| now - *at < TimeDelta::seconds(PULSE_SECONDS)) {
            return answer.clone();
        }
        let answer = self.send(request(Method::GET, "/version", Vec::new())?, PULSE_LIMIT).await.map(drop);
        *last = Some((self.clock.now(), answer.clone()));
        answer
    }

    /// Sends a request and collects the answer's body; an answer that is an error becomes one.
    async fn collect(&self, request: Request<Vec<u8>>, limit: Duration) -> Result<(HeaderMap, Bytes), Error> {
        let whole = async {
            let answer = self.open(request, limit).await?;
            let (parts, body) = answer.into_parts();
            let (body, cut) = limited(body, SIZE_LIMIT).await.map_err(|error| self.cut(&error))?;
            if cut {
                return Err(Error::Protocol {
                    what: format!("the answer of {} is larger than {} MiB", self.server, SIZE_LIMIT >> 20),
                });
            }
            Ok((parts.headers, body))
        };
        within(limit, &self.server, whole).await?
    }

    /// Sends a request and gives the answer with its body yet to be read; an answer that is an error becomes one.
    pub(super) async fn open(&self, request: Request<Vec<u8>>, limit: Duration) -> Result<Response<Body>, Error> {
        let asked = Asked::of(request.method(), request.uri());
        let answer = self.send(request, limit).await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        let (parts, body) = answer.into_parts();
        // the status alone says enough if the words don't come
        let body = within(limit, &self.server, limited(body, 1 << 20)).await?.map(|(body, _)| body).unwrap_or_default();
        let answer = Answer { code: parts.status, headers: &parts.headers, body: &body };
        let error = errors::refusal(&answer, &asked, &self.whom());
        if matches!(error, Error::Unauthorized { .. }) {
            self.refused.store(true, Ordering::SeqCst);
        }
        Err(error)
    }

    /// Sends a request and gives whatever answer comes. A token that the server refuses is renewed once.
    pub(super) async fn send(&self, mut request: Request<Vec<u8>>, limit: Duration) -> Result<Response<Body>, Error> {
        let Some(credential) = &self.credential else { return self.send_once(request, limit).await };
        let token = within(PLUGIN_LIMIT, &self.server, credential.header()).await??;
        request.headers_mut().insert(header::AUTHORIZATION, token.clone());
        let mut again = request.clone();
        let answer = self.send_once(request, limit).await?;
        if answer.status() != http::StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        credential.refused(&token).await;
        let token = within(PLUGIN_LIMIT, &self.server, credential.header()).await??;
        again.headers_mut().insert(header::AUTHORIZATION, token);
        self.send_once(again, limit).await
    }

    async fn send_once(&self, request: Request<Vec<u8>>, limit: Duration) -> Result<Response<Body>, Error> {
        let sent = self.client.send(request.map(Body::from));
        within(limit, &self.server, sent).await?.map_err(|error| errors::no_answer(error, &self.server))
    }

    /// The answer ended before it was over.
    pub(super) fn cut(&self, error: &kube::Error) -> Error {
        Error::Unreachable {
            what: self.server.clone(),
            why: format!("the answer was cut off: {}", errors::root_cause(error)),
        }
    }
}

/// A request for `path`, whose body, if any, is JSON.
pub(super) fn request(method: Method, path: &str, body: Vec<u8>) -> Result<Request<Vec<u8>>, Error> {
    let mut built = Request::builder().method(method).uri(path).header(header::ACCEPT, "application/json");
    if !body.is_empty() {
        built = built.header(header::CONTENT_TYPE, "application/json");
    }
    built.body(body).map_err(|error| Error::Refused { why: format!("{path} can't be asked for: {error}") })
}

/// Waits no longer than `limit`.
pub(super) async fn within<T>(limit: Duration, what: &str, future: impl Future<Output = T>) -> Result<T, Error> {
    tokio::time::timeout(limit, future)
        .await
        .map_err(|_elapsed| Error::Timeout { what: what.to_owned(), seconds: limit.as_secs() })
}

/// Collects a body up to `most` bytes; says whether something was left.
pub(super) async fn limited(mut body: Body, most: usize) -> Result<(Bytes, bool), kube::Error> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        let Ok(chunk) = frame?.into_data() else { continue };
        let room = most.saturating_sub(whole.len());
        if chunk.len() > room {
            whole.extend_from_slice(chunk.get(..room).unwrap_or_default());
            return Ok((whole.into(), true));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok((whole.into(), false))
}

/// The client's configuration for a context; a credential plugin is taken out of it, to be run by us.
fn configure(chosen: Chosen) -> Result<(kube::Config, String, Option<Plugin>), Error> {
    let Chosen { described, cluster, mut user, proxy } = chosen;
    let url =
        described.server.parse().map_err(|error| Error::Config { what: format!("{}: {error}", described.server) })?;
    let mut config = kube::Config::new(url);
    config.connect_timeout = Some(CONNECT_LIMIT);
    // a write that is sent twice may act twice; reads are repeated by the feeds
    config.default_retry = false;
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
    config.disable_compression = true;
    config.tls_server_name.clone_from(&cluster.tls_server_name);
    config.proxy_url = proxy;
    if let Some(namespace) = &described.namespace {
        config.default_namespace.clone_from(namespace);
    }
    config.root_cert = authority(
        cluster.certificate_authority_data.as_deref(),
        cluster.certificate_authority.as_deref(),
        &described.cluster,
    )?;
    let plugin = match user.exec.take() {
        Some(exec) if user.token.is_none() && user.token_file.is_none() && user.username.is_none() => {
            Some(Plugin::new(exec, &cluster, &described.user)?)
        }
        _ => None,
    };
    check_files(&user, &described.user)?;
    config.auth_info = user;
    Ok((config, described.user, plugin))
}

/// The certificates that the server's has to come from, DER.
fn authority(data: Option<&str>, file: Option<&str>, cluster: &str) -> Result<Option<Vec<Vec<u8>>>, Error> {
    let wrong =
        |why: String| Error::Config { what: format!("the certificate authority of the cluster {cluster}: {why}") };
    let pem = match (data.filter(|data| !data.is_empty()), file.filter(|file| !file.is_empty())) {
        (Some(data), _) => {
            let data: String = data.split_whitespace().collect();
            base64::engine::general_purpose::STANDARD
                .decode(data)
                .map_err(|error| wrong(format!("not base64: {error}")))?
        }
        (None, Some(file)) => std::fs::read(file).map_err(|error| wrong(format!("can't read {file}: {error}")))?,
        (None, None) => return Ok(None),
    };
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(&pem).map(|certificate| certificate.map(|der| der.as_ref().to_vec())).collect();
    match certificates {
        Ok(certificates) if certificates.is_empty() => Err(wrong("no certificate in it".into())),
        Ok(certificates) => Ok(Some(certificates)),
        Err(error) => Err(wrong(format!("not PEM: {error}"))),
    }
}

/// Says which file of a user is missing, before the client says only that something is.
fn check_files(user: &AuthInfo, name: &str) -> Result<(), Error> {
    let files = [
        (user.client_certificate_data.is_none()).then_some(user.client_certificate.as_deref()).flatten(),
        (user.client_key_data.is_none()).then_some(user.client_key.as_deref()).flatten(),
    ];
    for file in files.into_iter().flatten() {
        std::fs::metadata(file)
            .map_err(|error| Error::Config { what: format!("the user {name}: can't read {file}: {error}") })?;
    }
    Ok(())
}

fn pod_config() -> Result<kube::Config, Error> {
    let mut config = kube::Config::incluster()
        .map_err(|error| Error::Config { what: format!("the service account of this pod: {error}") })?;
    config.connect_timeout = Some(CONNECT_LIMIT);
    config.default_retry = false;
    Ok(config)
}

async fn build(config: kube::Config, credential: Option<Arc<Credential>>, server: &str) -> Result<kube::Client, Error> {
    // tower's buffer, which the client starts, needs the runtime; certificates may be read from files
    let runtime = tokio::runtime::Handle::current();
    let built = tokio::task::spawn_blocking(move || {
        let _entered = runtime.enter();
        ClientBuilder::try_from(config)
    })
    .await
    .map_err(|error| Error::Config { what: format!("making the client failed: {error}") })?;
    let builder = built.map_err(|error| match &error {
        kube::Error::Auth(_) => errors::no_answer(error, server),
        _ => Error::Config { what: format!("{server}: {}", errors::shorten(&errors::root_cause(&error))) },
    })?;
    let plain = builder.build();
    let Some(credential) = credential else { return Ok(plain) };
    let namespace = plain.default_namespace().to_owned();
    let service = tower::service_fn(move |mut request: Request<Body>| {
        let (plain, credential) = (plain.clone(), Arc::clone(&credential));
        async move {
            // requests that the crate itself makes, such as a port-forward's, come without
            if !request.headers().contains_key(header::AUTHORIZATION) {
                let header = credential.header().await?;
                request.headers_mut().insert(header::AUTHORIZATION, header);
            }
            Ok::<_, BoxError>(plain.send(request).await?)
        }
    });
    Ok(kube::Client::new(service, namespace))
}
