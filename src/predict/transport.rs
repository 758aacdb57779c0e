//! One request over one fresh connection, with its times: TCP, TLS, or a stream that somebody else opened.

use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio_rustls::rustls::{ClientConfig, crypto};

use super::body;
use super::choose::Base;
use crate::model::clock::Clock;
use crate::model::health::Error;

/// How long a connection may take to come about, name and TLS included.
const CONNECT_LIMIT: Duration = Duration::from_secs(8);

/// An answer with the times that it took, in seconds.
#[derive(Debug, Clone)]
pub(super) struct Raw {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether the body was larger than what is kept.
    pub(super) cut: bool,
    /// From the beginning to a usable connection.
    pub(super) connect: Option<f64>,
    /// From the beginning to the head of the answer.
    pub(super) first_byte: Option<f64>,
    /// From the beginning to the end of the body.
    pub(super) total: f64,
}

/// A request that did not lead to an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failed {
    /// Before anything was sent: another way may be tried.
    Before(Error),
    /// After it was sent.
    After(Error),
}

/// What connections need.
#[derive(Debug, Clone)]
pub(super) struct Dial<'a> {
    pub(super) clock: &'a Clock,
    /// How long an answer may take, in all.
    pub(super) limit: Duration,
    /// Certificates (PEM) to trust besides the machine's own.
    pub(super) ca_file: Option<&'a PathBuf>,
}

fn seconds(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).as_seconds_f64().max(0.0)
}

impl Dial<'_> {
    /// Connects to a server and asks it.
    pub(super) async fn server(&self, base: &Base, request: Request<Full<Bytes>>) -> Result<Raw, Failed> {
        let start = self.clock.now();
        let what = format!("{}:{}", base.connect, base.port);
        let stream = within(CONNECT_LIMIT, &what, connect(base)).await.map_err(Failed::Before)?;
        if !base.tls {
            return self.over(stream, request, &what, start).await;
        }
        let secured = within(CONNECT_LIMIT, &what, self.secure(base, stream));
        let stream = secured.await.map_err(Failed::Before)?;
        self.over(stream, request, &what, start).await
    }

    /// Asks over a stream that is open since `start`.
    pub(super) async fn over<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        request: Request<Full<Bytes>>,
        what: &str,
        start: DateTime<Utc>,
    ) -> Result<Raw, Failed> {
        let connected = self.clock.now();
        let broken = |error: &hyper::Error| Failed::After(lost(what, error));
        let handshake = hyper::client::conn::http1::handshake::<_, Full<Bytes>>(TokioIo::new(stream));
        let (mut sender, connection) = handshake.await.map_err(|error| broken(&error))?;
        let asked = async {
            let answer = sender.send_request(request).await.map_err(|error| broken(&error))?;
            let first = self.clock.now();
            let (head, mut incoming) = answer.into_parts();
            let mut body = BytesMut::new();
            let mut cut = false;
            while let Some(frame) = incoming.frame().await {
                let frame = frame.map_err(|error| broken(&error))?;
                if let Ok(data) = frame.into_data() {
                    body.extend_from_slice(&data);
                }
                if body.len() > body::LIMIT {
                    body.truncate(body::LIMIT);
                    cut = true;
                    break;
                }
            }
            Ok(Raw {
                status: head.status,
                headers: head.headers,
                body: body.freeze(),
                cut,
                connect: Some(seconds(start, connected)),
                first_byte: Some(seconds(start, first)),
                total: seconds(start, self.clock.now()),
            })
        };
        let both = async {
            let (mut asked, mut connection) = (pin!(asked), pin!(connection));
            tokio::select! {
                biased;
                answer = &mut asked => answer,
                // it may end as soon as the whole answer has come
                _ = &mut connection => asked.await,
            }
        };
        tokio::time::timeout(self.limit, both).await.unwrap_or_else(|_| Err(Failed::After(self.too_long(what))))
    }

    /// Our own limit, named as ours.
    pub(super) fn too_long(&self, what: &str) -> Error {
        Error::Timeout { what: format!("{what} (our own limit)"), seconds: self.limit.as_secs() }
    }

    async fn secure(
        &self,
        base: &Base,
        stream: TcpStream,
    ) -> Result<impl AsyncRead + AsyncWrite + Unpin + use<>, Error> {
        let what = format!("{}:{}", base.connect, base.port);
        let name = base.host.rsplit_once(':').map_or(base.host.as_str(), |(name, _)| name).to_owned();
        let server = ServerName::try_from(name.trim_matches(['[', ']']).to_owned()).map_err(|error| Error::Config {
            what: format!("{name} is no name that a certificate can have: {error}"),
        })?;
        let config = tls_config(self.ca_file)?;
        TlsConnector::from(Arc::new(config)).connect(server, stream).await.map_err(|error| {
            let reset = matches!(error.kind(), std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::UnexpectedEof);
            let hint =
                if reset { format!(" (gateways choose by the TLS name, SNI; it was {name})") } else { String::new() };
            Error::Unreachable { what, why: format!("TLS failed: {error}{hint}") }
        })
    }
}

/// The machine's own certificates, and those of the file.
fn tls_config(ca_file: Option<&PathBuf>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(crypto::ring::default_provider());
    let extra = match ca_file {
        None => Vec::new(),
        Some(file) => {
            let wrong = |why: String| Error::Config { what: format!("the certificates in {}: {why}", file.display()) };
            let pem = std::fs::read(file).map_err(|error| wrong(error.to_string()))?;
            CertificateDer::pem_slice_iter(&pem)
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| wrong(error.to_string()))?
        }
    };
    let failed = |error: tokio_rustls::rustls::Error| Error::Config { what: format!("no TLS: {error}") };
    let verifier =
        rustls_platform_verifier::Verifier::new_with_extra_roots(extra, Arc::clone(&provider)).map_err(failed)?;
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(failed)?;
    Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
}

async fn connect(base: &Base) -> Result<TcpStream, Error> {
    let what = format!("{}:{}", base.connect, base.port);
    let unreachable = |why: String| Error::Unreachable { what: what.clone(), why };
    let addresses: Vec<_> = tokio::net::lookup_host((base.connect.as_str(), base.port))
        .await
        .map_err(|error| unreachable(format!("the name {} doesn't resolve: {error}", base.connect)))?
        .collect();
    let stream = TcpStream::connect(addresses.as_slice()).await.map_err(|error| unreachable(error.to_string()))?;
    // small requests go out at once; where that can't be set they go out later
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

pub(super) async fn within<T>(
    limit: Duration,
    what: &str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::time::timeout(limit, work).await.unwrap_or_else(|_| {
        Err(Error::Timeout { what: format!("{what} (our own limit to connect)"), seconds: limit.as_secs() })
    })
}

/// The connection ended before the answer was whole.
fn lost(what: &str, error: &hyper::Error) -> Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let why = if error.is_incomplete_message() {
        "the connection ended before the answer was whole".to_owned()
    } else {
        crate::model::text::clean(&cause.to_string())
    };
    if error.is_parse() {
        return Error::Protocol { what: format!("{what} does not speak HTTP: {why}") };
    }
    Error::Unreachable { what: what.to_owned(), why }
}
