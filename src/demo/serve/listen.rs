//! Listening on 127.0.0.1 and ending with everything when dropped.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use super::{Answer, Server, call, text};
use crate::demo::world::World;

/// The longest request body that is read, in bytes.
const BODY_LIMIT: usize = 16 * 1024 * 1024;

/// A server that listens until this is dropped; its open connections end with it.
#[derive(Debug)]
pub struct Listening {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Listening {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base address, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts a server on a free port of 127.0.0.1.
///
/// # Errors
/// When no port can be had.
pub async fn listen(world: Arc<World>, server: Arc<dyn Server>) -> io::Result<Listening> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    #[expect(clippy::disallowed_methods, reason = "a demo server's own task; it ends with its handle")]
    let task = tokio::spawn(accept(listener, world, server));
    Ok(Listening { address, task })
}

async fn accept(listener: TcpListener, world: Arc<World>, server: Arc<dyn Server>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, Arc::clone(&world), Arc::clone(&server)));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, world: Arc<World>, server: Arc<dyn Server>) {
    let _ = stream.set_nodelay(true);
    serve_stream(stream, world, server).await;
}

/// Serves one connection until its end, whatever it runs over.
pub async fn serve_stream<S>(stream: S, world: Arc<World>, server: Arc<dyn Server>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: Request<Incoming>| {
        let (world, server) = (Arc::clone(&world), Arc::clone(&server));
        async move { Ok::<_, Infallible>(whole(request, &world, server).await) }
    });
    let connection = http1::Builder::new().timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service);
    // A client that goes away is no event here.
    let _ = connection.with_upgrades().await;
}

async fn whole(request: Request<Incoming>, world: &World, server: Arc<dyn Server>) -> Answer {
    let (parts, body) = request.into_parts();
    match Limited::new(body, BODY_LIMIT).collect().await {
        Ok(body) => {
            let body: Bytes = body.to_bytes();
            call(world, server, Request::from_parts(parts, body)).await
        }
        Err(_) => text(StatusCode::PAYLOAD_TOO_LARGE, "text/plain; charset=utf-8", "the body is too long"),
    }
}
