//! Port-forward over a websocket, as kube clients speak it (`v4.channel.k8s.io`): each port leads to the pod's server.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Message, Role};

use super::failure::Failure;
use super::path::Place;
use super::proxy::{Apps, server_of_pod};
use crate::demo::serve::listen::serve_stream;
use crate::demo::serve::query::Query;
use crate::demo::serve::{Answer, Server};
use crate::demo::store::ObjectKey;
use crate::demo::world::World;

const PROTOCOL: &str = "v4.channel.k8s.io";

/// Answers a request to `…/portforward` and, when it can be upgraded, serves the ports until either side leaves.
pub fn answer(world: &Arc<World>, apps: &Apps, place: &Place, mut request: Request<Bytes>) -> Answer {
    let query = Query::read(request.uri().query().unwrap_or_default());
    let ports =
        query.all("ports").flat_map(|ports| ports.split(',')).map(str::parse::<u16>).collect::<Result<Vec<_>, _>>();
    let Some(ports) = ports.ok().filter(|ports| !ports.is_empty()) else {
        return Failure::bad_request("query parameter \"ports\" is required").answer();
    };
    let key = request.headers().get(header::SEC_WEBSOCKET_KEY).cloned();
    let offered =
        request.headers().get(header::SEC_WEBSOCKET_PROTOCOL).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let known = offered.split(',').any(|protocol| protocol.trim() == PROTOCOL);
    let upgrade = request.extensions_mut().remove::<OnUpgrade>();
    let (Some(key), Some(upgrade), true) = (key, upgrade, known) else {
        return Failure::bad_request("Upgrade request required").answer();
    };
    let pod = ObjectKey::new(place.namespace.as_deref().unwrap_or_default(), place.name.as_deref().unwrap_or_default());
    let exists = world.enter(|state, _| state.store.get("pods", &pod).is_some());
    if !exists {
        return Failure::not_found(place.kind, &pod.name).answer();
    }
    let servers = ports
        .iter()
        .map(|port| (*port, server_of_pod(world, apps, &pod, &port.to_string()).map_err(|failure| failure.message)));
    let servers: Vec<_> = servers.collect();
    let world = Arc::clone(world);
    #[expect(clippy::disallowed_methods, reason = "an upgraded connection outlives its request")]
    tokio::spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            let socket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
            forward(world, socket, servers).await;
        }
    });
    let mut answer = Response::new(axum::body::Body::empty());
    *answer.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = answer.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    if let Ok(accept) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    }
    answer
}

type Ports = Vec<(u16, Result<Arc<dyn Server>, String>)>;

async fn forward<S>(world: Arc<World>, socket: WebSocketStream<S>, ports: Ports)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let (mut sink, mut stream) = socket.split();
    let (send, mut outgoing) = tokio::sync::mpsc::channel::<Vec<u8>>(64);
    let mut writers = Vec::new();
    let mut tasks = tokio::task::JoinSet::new();
    for (at, (port, server)) in ports.into_iter().enumerate() {
        let channel = u8::try_from(at * 2).unwrap_or(u8::MAX);
        let [low, high] = port.to_le_bytes();
        for frame in [vec![channel, low, high], vec![channel + 1, low, high]] {
            let _ = send.send(frame).await;
        }
        match server {
            Ok(server) => {
                let (ours, theirs) = tokio::io::duplex(64 * 1024);
                let (reader, writer) = tokio::io::split(ours);
                tasks.spawn(serve_stream(theirs, Arc::clone(&world), server));
                tasks.spawn(pump(channel, reader, send.clone()));
                writers.push(Some(writer));
            }
            Err(message) => {
                let text = format!("an error occurred forwarding {port}: {message}");
                let _ = send.send([&[channel + 1], text.as_bytes()].concat()).await;
                writers.push(None);
            }
        }
    }
    loop {
        tokio::select! {
            frame = outgoing.recv() => match frame {
                Some(frame) => if sink.send(Message::binary(frame)).await.is_err() { break },
                None => break,
            },
            message = stream.next() => match message {
                Some(Ok(Message::Binary(frame))) => deliver(&frame, &mut writers).await,
                Some(Ok(Message::Close(_)) | Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
        }
    }
}

/// Passes a frame on to its port.
async fn deliver(frame: &[u8], writers: &mut [Option<WriteHalf<DuplexStream>>]) {
    if let Some((channel, bytes)) = frame.split_first()
        && channel % 2 == 0
        && let Some(Some(writer)) = writers.get_mut(usize::from(channel / 2))
    {
        let _ = writer.write_all(bytes).await;
    }
}

/// Sends what a port's server says.
async fn pump(channel: u8, mut reader: ReadHalf<DuplexStream>, send: tokio::sync::mpsc::Sender<Vec<u8>>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = reader.read(&mut buffer).await {
        let mut frame = vec![channel];
        frame.extend(buffer.iter().take(length));
        if send.send(frame).await.is_err() {
            return;
        }
    }
}
