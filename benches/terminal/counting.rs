//! A way to the API server that counts what is asked of it: plain HTTP on this host, sent on with the kubeconfig's own
//! credentials.

use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

pub(crate) struct Counting {
    /// A kubeconfig that leads through it.
    pub(crate) kubeconfig: PathBuf,
    asked: Arc<AtomicUsize>,
    _runtime: Runtime,
    _folder: tempfile::TempDir,
}

impl Counting {
    /// Stands before the server that the client speaks to.
    pub(crate) fn before(client: Client) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let kubeconfig = folder.path().join("kubeconfig");
        let server = format!("http://{}", listener.local_addr().unwrap());
        let text = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "counted",
            "clusters": [{"name": "counted", "cluster": {"server": server}}],
            "users": [{"name": "counted", "user": {}}],
            "contexts": [{"name": "counted", "context": {"cluster": "counted", "user": "counted"}}],
        });
        std::fs::write(&kubeconfig, text.to_string()).unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        runtime.spawn(serve(listener, client, Arc::clone(&asked)));
        Self { kubeconfig, asked, _runtime: runtime, _folder: folder }
    }

    /// How many requests there were so far.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn serve(listener: TcpListener, client: Client, asked: Arc<AtomicUsize>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (client, asked) = (client.clone(), Arc::clone(&asked));
        let service = service_fn(move |request| {
            asked.fetch_add(1, Ordering::SeqCst);
            pass_on(client.clone(), request)
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn pass_on(client: Client, request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    let (head, body) = request.into_parts();
    let mut onward = Request::builder().method(head.method).uri(head.uri);
    for (name, value) in head.headers.iter().filter(|(name, _)| !["host", "connection"].contains(&name.as_str())) {
        onward = onward.header(name, value);
    }
    let bytes = body.collect().await.map(|body| body.to_bytes().to_vec()).unwrap_or_default();
    let answer = match onward.body(Body::from(bytes)) {
        Ok(request) => client.send(request).await.ok(),
        Err(_) => None,
    };
    Ok(answer.unwrap_or_else(|| {
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = StatusCode::BAD_GATEWAY;
        answer
    }))
}
