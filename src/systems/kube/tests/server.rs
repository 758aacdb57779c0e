//! A server that answers as a script says, and an [`Access`] that leads to it.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};

use crate::model::clock::Clock;
use crate::systems::kube::{Access, Source};

/// How an answer's body ends.
#[derive(Clone, Copy)]
pub(crate) enum End {
    /// As it should.
    Whole,
    /// It goes on for ever without another word.
    Hangs,
    /// The connection breaks.
    Broken,
}

/// An answer.
pub(crate) struct Reply {
    code: u16,
    typed: &'static str,
    chunks: Vec<String>,
    end: End,
}

impl Reply {
    pub(crate) fn json(body: impl Into<String>) -> Self {
        Self { code: 200, typed: "application/json", chunks: vec![body.into()], end: End::Whole }
    }

    pub(crate) fn status(code: u16, message: &str) -> Self {
        let body = serde_json::json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code});
        Self { code, ..Self::json(body.to_string()) }
    }

    pub(crate) fn lines(lines: &[&str], end: End) -> Self {
        Self { chunks: lines.iter().map(|line| format!("{line}\n")).collect(), end, ..Self::json("") }
    }

    pub(crate) fn typed(self, code: u16, typed: &'static str) -> Self {
        Self { code, typed, ..self }
    }

    pub(crate) fn ending(self, end: End) -> Self {
        Self { end, ..self }
    }
}

type Script = dyn Fn(&str, usize) -> Reply + Send + Sync;

/// A running server.
pub(crate) struct Server {
    pub(crate) address: String,
    asked: Arc<Mutex<Vec<String>>>,
    headers: Arc<Mutex<Vec<http::HeaderMap>>>,
    folder: tempfile::TempDir,
}

impl Server {
    /// Answers each request with what `script` gives for its path (with query) and how often it was asked for before.
    #[expect(clippy::disallowed_methods, reason = "a server of a test")]
    pub(crate) async fn start(script: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Self {
        let script: Arc<Script> = Arc::new(script);
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let headers: Arc<Mutex<Vec<http::HeaderMap>>> = Arc::default();
        let times: Arc<Mutex<HashMap<String, usize>>> = Arc::default();
        let (log, seen) = (Arc::clone(&asked), Arc::clone(&headers));
        let app = Router::new().fallback(move |request: Request| {
            let (script, log, seen, times) =
                (Arc::clone(&script), Arc::clone(&log), Arc::clone(&seen), Arc::clone(&times));
            async move {
                let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
                log.lock().unwrap().push(format!("{} {path}", request.method()));
                seen.lock().unwrap().push(request.headers().clone());
                let before = {
                    let mut times = times.lock().unwrap();
                    let count = times
                        .entry(
                            path.split('?').next().unwrap_or_default().to_owned()
                                + if path.contains("watch=1") { "#watch" } else { "" },
                        )
                        .or_insert(0);
                    *count += 1;
                    *count - 1
                };
                answer(script(&path, before))
            }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, asked, headers, folder: tempfile::tempdir().unwrap() }
    }

    /// What was asked for so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The headers of what was asked for so far.
    pub(crate) fn headers(&self) -> Vec<http::HeaderMap> {
        self.headers.lock().unwrap().clone()
    }

    /// A kubeconfig that leads here; `user` is the YAML of its user.
    pub(crate) fn kubeconfig(&self, user: &str) -> PathBuf {
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: k, cluster: {{server: '{}'}}}}]\ncontexts: [{{name: c, context: {{cluster: k, user: u, namespace: mine}}}}]\nusers: [{{name: u, user: {user}}}]\n",
            self.address
        );
        let path = self.folder.path().join("config");
        std::fs::write(&path, text).unwrap();
        path
    }

    /// A folder that lives as long as the server.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    pub(crate) fn access(&self) -> Access {
        self.access_as("{token: t}")
    }

    pub(crate) fn access_as(&self, user: &str) -> Access {
        let source = Source { kubeconfig: vec![self.kubeconfig(user)], context: None };
        Access::new(source, Arc::new(|_| None), Clock::System)
    }
}

fn answer(reply: Reply) -> Response {
    let chunks = stream::iter(reply.chunks).map(|chunk| Ok::<_, std::io::Error>(Bytes::from(chunk)));
    let body = match reply.end {
        End::Whole => Body::from_stream(chunks),
        End::Hangs => Body::from_stream(chunks.chain(stream::pending())),
        End::Broken => Body::from_stream(chunks.chain(stream::once(async {
            // what was said before is on its way by then
            tokio::task::yield_now().await;
            Err(std::io::Error::other("broken"))
        }))),
    };
    Response::builder().status(reply.code).header("content-type", reply.typed).body(body).unwrap()
}
