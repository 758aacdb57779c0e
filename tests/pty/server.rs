//! A little API server with pods, which says exactly what a test wants it to say.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::sync::watch;

/// A running server. It ends with this.
pub(crate) struct Server {
    address: String,
    watches: watch::Sender<u32>,
    asked: Arc<Mutex<Vec<String>>>,
    _runtime: Runtime,
}

#[derive(Clone)]
struct World {
    pods: Vec<Value>,
    log: Bytes,
    watches: watch::Receiver<u32>,
}

impl Server {
    /// Serves these pods, and this log for each of them.
    pub(crate) fn start(pods: Vec<Value>, log: &[u8]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (watches, receiver) = watch::channel(0);
        let world = World { pods, log: Bytes::copy_from_slice(log), watches: receiver };
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&asked);
        let app = Router::new().fallback(move |request: Request| {
            let world = world.clone();
            seen.lock().unwrap().push(request.uri().to_string());
            async move { answer(&request, world) }
        });
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self { address, watches, asked, _runtime: runtime }
    }

    /// Ends the watches that are open.
    pub(crate) fn end_watches(&self) {
        self.watches.send_modify(|turn| *turn += 1);
    }

    /// How often a path was asked for.
    pub(crate) fn asked(&self, part: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|path| path.contains(part)).count()
    }

    /// A kubeconfig that leads here; `user` is the YAML of its user.
    pub(crate) fn kubeconfig(&self, user: &str) -> String {
        kubeconfig(&self.address, user)
    }
}

/// A kubeconfig that leads to `address`.
pub(crate) fn kubeconfig(address: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: k, cluster: {{server: '{address}'}}}}]\ncontexts: [{{name: c, context: {{cluster: k, user: u}}}}]\nusers: [{{name: u, user: {user}}}]\n"
    )
}

/// A pod that runs.
pub(crate) fn pod(name: &str, node: &str) -> Value {
    json!({
        "metadata": {"name": name, "namespace": "ml", "uid": name, "resourceVersion": "7", "creationTimestamp": "2024-01-01T00:00:00Z"},
        "spec": {"nodeName": node, "containers": [{"name": "main", "image": "i:1"}]},
        "status": {
            "phase": "Running",
            "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "main", "ready": true, "restartCount": 0, "state": {"running": {"startedAt": "2024-01-01T00:00:00Z"}}}],
        },
    })
}

fn answer(request: &Request, world: World) -> Response {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    let named = path.strip_prefix("/api/v1/namespaces/ml/pods/").map(|rest| rest.trim_end_matches("/log").to_owned());
    if path.ends_with("/log") {
        // it is followed: there may be more
        let said = stream::once(async move { Ok::<_, std::io::Error>(world.log) }).chain(stream::pending());
        return respond(200, "text/plain", Body::from_stream(said));
    }
    if path.ends_with("/pods") && query.contains("watch=") {
        let mut watches = world.watches;
        watches.mark_unchanged();
        let end = stream::once(async move {
            let _ = watches.changed().await;
            Ok::<_, std::io::Error>(Bytes::new())
        });
        return respond(200, "application/json", Body::from_stream(end));
    }
    if path.ends_with("/pods") {
        let list =
            json!({"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": world.pods});
        return respond(200, "application/json", Body::from(list.to_string()));
    }
    if let Some(name) = named {
        let found = world.pods.iter().find(|pod| {
            pod["metadata"]["name"].as_str().is_some_and(|known| name == known || name.starts_with("evil"))
        });
        if let Some(found) = found {
            let mut whole = found.clone();
            whole["kind"] = json!("Pod");
            whole["apiVersion"] = json!("v1");
            return respond(200, "application/json", Body::from(whole.to_string()));
        }
    }
    if path.ends_with("/events") {
        let end: stream::Once<_> = stream::once(std::future::pending::<Result<Bytes, std::io::Error>>());
        if query.contains("watch=") {
            return respond(200, "application/json", Body::from_stream(end.boxed()));
        }
        let list = json!({"kind": "EventList", "apiVersion": "v1", "metadata": {"resourceVersion": "7"}, "items": []});
        return respond(200, "application/json", Body::from(list.to_string()));
    }
    if path == "/version" || path == "/livez" || path == "/readyz" || path == "/healthz" {
        return respond(
            200,
            "application/json",
            Body::from("{\"major\":\"1\",\"minor\":\"34\",\"gitVersion\":\"v1.34.0\"}"),
        );
    }
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "message": "not here", "code": 404});
    respond(404, "application/json", Body::from(status.to_string()))
}

fn respond(code: u16, typed: &str, body: Body) -> Response {
    Response::builder().status(code).header("content-type", typed).body(body).unwrap()
}
