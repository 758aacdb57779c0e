//! Port-forwards: a stream to a port of a pod, over a websocket to the API server.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::BoxFuture;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, Portforwarder};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::asked::Asked;
use super::cluster::{Cluster, within};
use super::errors;
use crate::model::health::Error;

/// How long it may take to come about.
const LIMIT: Duration = Duration::from_secs(10);

/// A stream to a port of a pod. One connection's worth: ask for another one for the next.
pub struct Forwarded {
    stream: DuplexStream,
    /// The words of the kubelet when it can't reach the port.
    refused: Option<BoxFuture<'static, Option<String>>>,
    // ends the forward when dropped
    forwarder: Portforwarder,
}

impl Cluster {
    /// Opens a stream to `port` of the pod. That nobody listens there shows only when it is used: then reading ends
    /// with an error that has the kubelet's words. What is sent over it is the caller's business.
    pub async fn forward(&self, namespace: &str, pod: &str, port: u16) -> Result<Forwarded, Error> {
        let pods: Api<Pod> = Api::namespaced(self.client().clone(), namespace);
        let what = format!("port {port} of pod {namespace}/{pod}");
        let opened = within(LIMIT, &what, pods.portforward(pod, &[port])).await?;
        let mut forwarder = opened.map_err(|error| self.no_forward(error, namespace, pod))?;
        let stream = forwarder
            .take_stream(port)
            .ok_or_else(|| Error::Protocol { what: format!("{what}: no stream came about") })?;
        let refused = forwarder.take_error(port).map(|error| -> BoxFuture<'static, Option<String>> { Box::pin(error) });
        Ok(Forwarded { stream, refused, forwarder })
    }

    fn no_forward(&self, error: kube::Error, namespace: &str, pod: &str) -> Error {
        let kube::Error::Api(status) = error else { return errors::no_answer(error, self.server()) };
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/portforward");
        let Ok(uri) = path.parse() else { return Error::Protocol { what: errors::shorten(&status.message) } };
        let asked = Asked::of(&http::Method::GET, &uri);
        match status.code {
            401 => Error::Unauthorized { what: self.server().to_owned(), why: errors::shorten(&status.message) },
            403 => Error::Forbidden { verb: "get".into(), what: asked.place() },
            404 => Error::Gone { what: format!("pod {namespace}/{pod}") },
            400..=499 => Error::Refused { why: errors::shorten(&status.message) },
            _ => Error::Unreachable { what: format!("pod {namespace}/{pod}"), why: errors::shorten(&status.message) },
        }
    }
}

impl Forwarded {
    /// The kubelet's words, if it has said that the port can't be reached.
    fn words(&mut self, cx: &mut Context<'_>) -> Option<String> {
        match self.refused.as_mut()?.as_mut().poll(cx) {
            Poll::Ready(words) => {
                self.refused = None;
                words
            }
            Poll::Pending => None,
        }
    }
}

impl AsyncRead for Forwarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        if let Some(words) = self.words(cx) {
            let words = crate::model::text::clean(&words);
            return Poll::Ready(Err(std::io::Error::new(std::io::ErrorKind::ConnectionRefused, words)));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Forwarded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buffer)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl Drop for Forwarded {
    fn drop(&mut self) {
        self.forwarder.abort();
    }
}
