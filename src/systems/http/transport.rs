//! How a request gets to the server: directly, or carried by something else, such as a cluster's service proxy.

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};
use http::header;

use super::Options;
use crate::model::health::Error;

/// A body that arrives in pieces.
pub type Body = BoxStream<'static, Result<Bytes, Error>>;

/// Carries requests to one server; the address of each is only a path with its query.
pub trait Carrier: Send + Sync {
    /// What it goes through, for messages: `service ml-system/mlflow`.
    fn what(&self) -> String;
    /// Sends a request and gives the answer's head with its body still to come.
    fn carry(&self, request: http::Request<Bytes>) -> BoxFuture<'_, Result<http::Response<Body>, Error>>;
}

/// The way to a server.
pub enum Transport {
    /// A connection of our own.
    Direct(reqwest::Client),
    /// Through something that carries requests.
    Carried(Box<dyn Carrier>),
}

impl Transport {
    /// A connection of our own with the limits and certificates of `options`; proxies as the environment says.
    pub(super) fn direct(options: &Options) -> Result<Self, Error> {
        // somebody else may have installed it already, which is as good
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = builder(options);
        if let Some(file) = &options.ca_file {
            let wrong = |why: String| Error::Config { what: format!("the certificates in {}: {why}", file.display()) };
            let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| wrong(error.to_string()))?;
            if certificates.is_empty() {
                return Err(wrong("there are none".into()));
            }
            builder = builder.tls_certs_merge(certificates);
        }
        let client = builder.tls_danger_accept_invalid_certs(options.insecure).build().or_else(|error| {
            // a machine without any root certificates can still speak plain http
            if options.base.scheme() == "http" { self::builder(options).tls_certs_only([]).build() } else { Err(error) }
        });
        client.map(Self::Direct).map_err(|error| Error::Config { what: format!("no HTTP client: {}", causes(&error)) })
    }

    pub(super) async fn carry(&self, request: http::Request<Bytes>, name: &str) -> Result<http::Response<Body>, Error> {
        match self {
            Self::Carried(carrier) => carrier.carry(request).await,
            Self::Direct(client) => {
                let address = super::answer::without_secrets(&request.uri().to_string());
                let request = reqwest::Request::try_from(request)
                    .map_err(|error| Error::Config { what: format!("{name}: {}", causes(&error)) })?;
                let answer = client.execute(request).await.map_err(|error| broken(&error, &address))?;
                let answer: http::Response<reqwest::Body> = answer.into();
                let (head, body) = answer.into_parts();
                let stream = http_body_util::BodyDataStream::new(body)
                    .map_err(move |error| broken_body(&error, &address))
                    .boxed();
                Ok(http::Response::from_parts(head, stream))
            }
        }
    }
}

fn builder(options: &Options) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("quarterdeck/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(options.connect_timeout)
        .referer(false)
}

/// Reads a body up to `limit` bytes.
pub(super) async fn read(response: &mut http::Response<Body>, limit: usize, address: &str) -> Result<Bytes, Error> {
    let too_large = |size: String| Error::Protocol {
        what: format!("{address} gives {size}, more than the limit of {} MB", limit / 1_000_000),
    };
    let announced = response.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if let Some(size) = announced.filter(|size: &usize| *size > limit) {
        return Err(too_large(format!("{} MB", size / 1_000_000)));
    }
    let mut bytes = BytesMut::new();
    while let Some(piece) = response.body_mut().next().await {
        let piece = piece?;
        if bytes.len() + piece.len() > limit {
            return Err(too_large("an answer without an end in sight".into()));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes.freeze())
}

fn broken(error: &reqwest::Error, address: &str) -> Error {
    let what = address.to_owned();
    if error.is_builder() || error.is_request() && error.url().is_none() {
        return Error::Config { what: format!("{what}: {}", causes(error)) };
    }
    Error::Unreachable { what, why: if error.is_timeout() { "no connection in time".into() } else { causes(error) } }
}

fn broken_body(error: &reqwest::Error, address: &str) -> Error {
    Error::Protocol { what: format!("the answer of {address} broke off: {}", causes(error)) }
}

/// The innermost cause of an error, which is the one that helps; addresses left out.
fn causes(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    crate::model::text::clean(&innermost.to_string())
}
