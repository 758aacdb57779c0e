//! The one JSON client over HTTP: base address, login, limits, redirects, errors, redaction.
//!
//! `get` is free; `ask`, a POST that changes nothing, is free for the paths that a system lists as such; `send` takes a
//! [`crate::actions::Permit`].

mod answer;
mod part;
mod service;
mod transport;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, StatusCode};
use reqwest::Url;
use serde_json::Value as Json;
use tokio::sync::Mutex;

pub use answer::{Answer, parse, without_secrets};
pub use part::{encoded, segment};
pub use service::ServiceSettings;
pub use transport::{Body, Carrier, Transport};

use crate::actions::Permit;
use crate::config::secret::{Credential, Secret};
use crate::model::clock::Clock;
use crate::model::health::Error;
use crate::systems::Environment;

/// How many redirects of one question are followed.
const REDIRECTS: usize = 4;

/// How to log in.
#[derive(Debug, Clone, Default)]
pub enum Login {
    /// Not at all.
    #[default]
    None,
    /// With a user's name and password.
    Basic {
        /// The name.
        username: String,
        /// Where the password is.
        password: Credential,
    },
    /// With a token.
    Bearer(Credential),
}

/// What a client needs to know.
#[derive(Clone)]
pub struct Options {
    /// The system's name for messages: `MLflow`.
    pub name: &'static str,
    /// What should answer, with its article: `an MLflow API`.
    pub api: &'static str,
    /// The base address; its path is a prefix of all paths.
    pub base: Url,
    /// How to log in.
    pub login: Login,
    /// Looks up variables that the login refers to.
    pub env: Environment,
    /// The time, for `Retry-After`.
    pub clock: Clock,
    /// How long making a connection may take.
    pub connect_timeout: Duration,
    /// How long a request may take, its answer's body included.
    pub timeout: Duration,
    /// How large an answer may be, unpacked, in bytes.
    pub body_limit: usize,
    /// Certificates (PEM) to trust besides the machine's own.
    pub ca_file: Option<PathBuf>,
    /// Whether any certificate is taken.
    pub insecure: bool,
    /// The paths, without the base address's own, whose POST changes nothing.
    pub asks: &'static [&'static str],
}

impl Options {
    /// The usual limits for the server at `base`: 5 s to connect, 20 s a request, 64 MB an answer.
    #[must_use]
    pub fn new(name: &'static str, api: &'static str, base: Url) -> Self {
        Self {
            name,
            api,
            base,
            login: Login::None,
            env: Arc::new(|name| std::env::var(name).ok()),
            clock: Clock::System,
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(20),
            body_limit: 64_000_000,
            ca_file: None,
            insecure: false,
            asks: &[],
        }
    }
}

/// Reads the address of a server: http or https, with a host. A login in it is refused, since addresses are shown.
pub fn base_address(text: &str) -> Result<Url, Error> {
    let shown = without_secrets(text);
    let wrong = |why: &str| Error::Config { what: format!("the address {shown}: {why}") };
    let expected = "expected http://HOST… or https://HOST…";
    let url = Url::parse(text.trim()).map_err(|error| wrong(&format!("{error}; {expected}")))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(wrong(expected));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("a login has no place in it; give username and password (by reference) instead"));
    }
    Ok(url)
}

/// A client of one server. Clones share connections, login and counters.
#[derive(Clone)]
pub struct Http {
    inner: Arc<Inner>,
}

struct Inner {
    options: Options,
    transport: Transport,
    login: Mutex<Option<Ticket>>,
    requests: AtomicU64,
}

/// A login as it is sent.
#[derive(Clone)]
struct Ticket {
    header: HeaderValue,
    secret: Secret,
}

/// A request before it is sent.
struct Ask<'a> {
    method: Method,
    path: &'a str,
    query: &'a [(&'a str, &'a str)],
    body: Content<'a>,
}

/// What a request carries.
#[derive(Clone, Copy)]
enum Content<'a> {
    Nothing,
    Json(&'a Json),
    Form(&'a [(&'a str, &'a str)]),
}

impl Http {
    /// A client with connections of its own.
    pub fn new(options: Options) -> Result<Self, Error> {
        let transport = Transport::direct(&options)?;
        Ok(Self::over(transport, options))
    }

    /// A client whose requests go the way `transport`; of the base address then only the path counts.
    #[must_use]
    pub fn over(transport: Transport, options: Options) -> Self {
        let inner = Inner { options, transport, login: Mutex::new(None), requests: AtomicU64::new(0) };
        Self { inner: Arc::new(inner) }
    }

    /// How many requests were sent so far.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.inner.requests.load(Ordering::Relaxed)
    }

    /// The address of `path`, for messages.
    #[must_use]
    pub fn address(&self, path: &str) -> String {
        match &self.inner.transport {
            Transport::Direct(_) => without_secrets(self.url(path, &[]).as_str()),
            Transport::Carried(carrier) => format!("{}{}", carrier.what(), self.url(path, &[]).path()),
        }
    }

    /// Gets `path` as JSON.
    pub async fn get_json(&self, path: &str, query: &[(&str, &str)]) -> Result<Json, Error> {
        self.get(path, query).await?.json()
    }

    /// Gets `path`; the answer's status is left to the caller.
    pub async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Answer, Error> {
        self.answer(&Ask { method: Method::GET, path, query, body: Content::Nothing }).await
    }

    /// Sends a POST that changes nothing; the path has to be one of [`Options::asks`].
    pub async fn ask(&self, path: &str, body: &Json) -> Result<Answer, Error> {
        self.question(path, Content::Json(body)).await
    }

    /// Sends a form by a POST that changes nothing, for questions too long for an address; the path has to be one of
    /// [`Options::asks`].
    pub async fn ask_form(&self, path: &str, form: &[(&str, &str)]) -> Result<Answer, Error> {
        self.question(path, Content::Form(form)).await
    }

    async fn question(&self, path: &str, body: Content<'_>) -> Result<Answer, Error> {
        if !self.inner.options.asks.contains(&path) {
            return Err(Error::Refused { why: format!("{path} is not known to change nothing") });
        }
        self.answer(&Ask { method: Method::POST, path, query: &[], body }).await
    }

    /// Sends a change.
    pub async fn send(&self, _permit: &Permit, method: Method, path: &str, body: &Json) -> Result<Answer, Error> {
        self.answer(&Ask { method, path, query: &[], body: Content::Json(body) }).await
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> Url {
        let mut url = self.inner.options.base.clone();
        let path = format!("{}{path}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        url
    }

    async fn answer(&self, ask: &Ask<'_>) -> Result<Answer, Error> {
        let options = &self.inner.options;
        let limit = options.timeout;
        let Ok(answer) = tokio::time::timeout(limit, self.logged_in(ask)).await else {
            return Err(Error::Timeout { what: self.address(ask.path), seconds: limit.as_secs() });
        };
        answer
    }

    /// Sends it; once more with a fresh login if the login was refused and may have changed.
    async fn logged_in(&self, ask: &Ask<'_>) -> Result<Answer, Error> {
        let (ticket, fresh) = self.ticket().await?;
        let answer = self.follow(ask, ticket.as_ref()).await?;
        if answer.status != StatusCode::UNAUTHORIZED || ticket.is_none() {
            return Ok(answer);
        }
        self.inner.login.lock().await.take();
        if fresh || !self.credential().is_some_and(Credential::may_change) {
            return Ok(answer);
        }
        let (ticket, _) = self.ticket().await?;
        self.follow(ask, ticket.as_ref()).await
    }

    /// Sends it and follows redirects of questions within the same host.
    async fn follow(&self, ask: &Ask<'_>, ticket: Option<&Ticket>) -> Result<Answer, Error> {
        let mut url = self.url(ask.path, ask.query);
        for _ in 0..REDIRECTS {
            let answer = self.once(ask, &url, ticket).await?;
            let Some(next) = next_address(&answer, &url) else { return Ok(answer) };
            url = next;
        }
        Err(Error::Protocol { what: format!("{} sends in circles", self.address(ask.path)) })
    }

    async fn once(&self, ask: &Ask<'_>, url: &Url, ticket: Option<&Ticket>) -> Result<Answer, Error> {
        let options = &self.inner.options;
        let request = self.request(ask, url, ticket)?;
        let asked = answer::Asked {
            name: options.name.to_owned(),
            api: options.api,
            method: ask.method.clone(),
            address: self.address(ask.path),
        };
        self.inner.requests.fetch_add(1, Ordering::Relaxed);
        let mut response = self.inner.transport.carry(request, options.name).await?;
        let body = transport::read(&mut response, options.body_limit, &asked.address).await?;
        let (head, _) = response.into_parts();
        let body = ticket.map_or(body.clone(), |ticket| redacted(&body, &head, ticket));
        Ok(Answer { status: head.status, headers: head.headers, body, asked, at: options.clock.now() })
    }

    fn request(&self, ask: &Ask<'_>, url: &Url, ticket: Option<&Ticket>) -> Result<http::Request<Bytes>, Error> {
        let target = match (&self.inner.transport, url.query()) {
            (Transport::Direct(_), _) => url.to_string(),
            (Transport::Carried(_), Some(query)) => format!("{}?{query}", url.path()),
            (Transport::Carried(_), None) => url.path().to_owned(),
        };
        let mut request = http::Request::builder()
            .method(ask.method.clone())
            .uri(target)
            .header(header::ACCEPT, "application/json, */*;q=0.5");
        let (kind, bytes) = match ask.body {
            Content::Nothing => ("", String::new()),
            Content::Json(json) => ("application/json", json.to_string()),
            Content::Form(pairs) => ("application/x-www-form-urlencoded", form_encoded(pairs)),
        };
        if !kind.is_empty() {
            request = request.header(header::CONTENT_TYPE, kind);
        }
        if let Some(ticket) = ticket {
            request = request.header(header::AUTHORIZATION, ticket.header.clone());
        }
        request
            .body(bytes.into())
            .map_err(|error| Error::Config { what: format!("{}: {error}", self.address(ask.path)) })
    }

    fn credential(&self) -> Option<&Credential> {
        match &self.inner.options.login {
            Login::None => None,
            Login::Basic { password, .. } => Some(password),
            Login::Bearer(token) => Some(token),
        }
    }

    /// The login as it is sent, and whether it was fetched just now.
    async fn ticket(&self) -> Result<(Option<Ticket>, bool), Error> {
        let Some(credential) = self.credential() else { return Ok((None, false)) };
        let mut kept = self.inner.login.lock().await;
        if let Some(ticket) = &*kept {
            return Ok((Some(ticket.clone()), false));
        }
        let options = &self.inner.options;
        let secret = credential.resolve(&*options.env).await?;
        let text = match &options.login {
            Login::Basic { username, .. } => {
                use base64::Engine;
                let pair = format!("{username}:{}", secret.expose());
                format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
            }
            Login::Bearer(_) | Login::None => format!("Bearer {}", secret.expose()),
        };
        // the reason would quote the secret
        let mut header = HeaderValue::from_str(&text).map_err(|_reason| Error::Config {
            what: format!("{credential} holds characters that no login can have"),
        })?;
        header.set_sensitive(true);
        let ticket = Ticket { header, secret };
        *kept = Some(ticket.clone());
        Ok((Some(ticket), true))
    }
}

fn form_encoded(pairs: &[(&str, &str)]) -> String {
    let Ok(mut url) = Url::parse("http://form") else { return String::new() };
    url.query_pairs_mut().extend_pairs(pairs);
    url.query().unwrap_or_default().to_owned()
}

/// Takes the login out of a message about an error, should the server repeat it.
fn redacted(body: &Bytes, head: &http::response::Parts, ticket: &Ticket) -> Bytes {
    match std::str::from_utf8(body) {
        Ok(text) if !head.status.is_success() => {
            ticket.secret.redact(&Secret::new(ticket.header.to_str().unwrap_or_default()).redact(text)).into()
        }
        _ => body.clone(),
    }
}

/// Where a question is sent on to, if that may be followed: the same host, and never from https to http.
fn next_address(answer: &Answer, from: &Url) -> Option<Url> {
    if answer.asked.method != Method::GET || !matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let next = from.join(answer.headers.get(header::LOCATION)?.to_str().ok()?).ok()?;
    let same_host = next.host_str() == from.host_str();
    let same_port = next.port_or_known_default() == from.port_or_known_default();
    let upgrade = from.scheme() == "http" && next.scheme() == "https" && from.port().is_none() && next.port().is_none();
    let clean = next.username().is_empty() && next.password().is_none();
    (same_host && clean && (same_port && next.scheme() == from.scheme() || upgrade)).then_some(next)
}

#[cfg(test)]
mod tests;
