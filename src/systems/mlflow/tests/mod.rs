//! The whole system against a server on a socket of our own that answers as the tests say.

mod field_cases;
mod plans;
mod recordings;
mod secrets;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value as Json, json};

use super::{Mlflow, identity};
use crate::model::clock::Clock;
use crate::model::health::Error;
use crate::model::id::{Key, PaneId, Ref};
use crate::model::record::{Change, Head, Row};
use crate::model::value::Value;
use crate::systems::{Cx, Feed, Link, Opened, Parameters, Settings, System, kube};

/// A request as the server got it.
#[derive(Debug, Clone, PartialEq)]
struct Asked {
    method: Method,
    path: String,
    query: BTreeMap<String, String>,
    body: Json,
}

/// An answer: status, content type, text.
struct Reply(u16, &'static str, String);

fn good(json: &Json) -> Reply {
    Reply(200, "application/json", json.to_string())
}

fn missing(what: &str) -> Reply {
    Reply(404, "application/json", json!({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": what}).to_string())
}

fn html(status: u16) -> Reply {
    Reply(status, "text/html; charset=utf-8", "<!doctype html>\n<title>404 Not Found</title>".into())
}

/// A server, and what it was asked.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    async fn new(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let asked: Arc<Mutex<Vec<Asked>>> = Arc::default();
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        let handler = move |method: Method, uri: Uri, body: Bytes| {
            let query = axum::extract::Query::<BTreeMap<String, String>>::try_from_uri(&uri).unwrap().0;
            let body = serde_json::from_slice(&body).unwrap_or(Json::Null);
            let one = Asked { method, path: uri.path().to_owned(), query, body };
            let Reply(status, kind, text) = answer(&one);
            log.lock().unwrap().push(one);
            let response: Response =
                (StatusCode::from_u16(status).unwrap(), [(header::CONTENT_TYPE, kind)], text).into_response();
            std::future::ready(response)
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        #[expect(clippy::disallowed_methods, reason = "a test's server")]
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(handler)).await });
        Self { url, asked }
    }

    async fn link(&self) -> Arc<dyn Link> {
        link_to(&self.url).await
    }

    fn count(&self, call: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.path.ends_with(call)).count()
    }
}

async fn link_to(url: &str) -> Arc<dyn Link> {
    let table = toml::Table::from_iter([("url".to_owned(), url.into())]);
    let settings = Settings { table, file: None };
    let cx =
        Cx { clock: Clock::System, kube: kube::Access::default(), env: Arc::new(|_| None), namespaces: Vec::new() };
    Mlflow.connect(&settings, &cx).await.unwrap()
}

/// The rows of a pane as changes make them.
#[derive(Default)]
struct Shown {
    rows: BTreeMap<Key, Arc<Row>>,
    arriving: Vec<Key>,
    heads: Vec<Head>,
    note: String,
    complete: usize,
}

impl Shown {
    fn take(&mut self, changes: Vec<(PaneId, Change)>) {
        for (_, change) in changes {
            match change {
                Change::Begin => self.arriving.clear(),
                Change::Upsert(row) => {
                    self.arriving.push(row.key.clone());
                    self.rows.insert(row.key.clone(), row);
                }
                Change::Remove(key) => drop(self.rows.remove(&key)),
                Change::Complete => {
                    self.complete += 1;
                    self.rows.retain(|key, _| self.arriving.contains(key));
                }
                Change::Heads(heads) => self.heads = heads.to_vec(),
                Change::Note(note) => self.note = note.to_string(),
                Change::More { .. } | Change::Beat => {}
            }
        }
    }

    /// Polls once, to the end.
    async fn poll(&mut self, feed: &mut dyn Feed) -> Result<(), Error> {
        loop {
            let fetched = feed.next().await?;
            self.take(fetched.changes);
            if fetched.over {
                return Ok(());
            }
        }
    }

    fn cell(&self, key: &str, column: &str) -> Value {
        let heads = if self.heads.is_empty() { super::record::heads(&[]).to_vec() } else { self.heads.clone() };
        let at = heads.iter().position(|head| head.id == column).unwrap_or_else(|| panic!("no column {column}"));
        self.rows.get(&Key::from(key)).unwrap_or_else(|| panic!("no row {key}")).cell(at).clone()
    }

    fn keys(&self) -> Vec<&str> {
        self.rows.keys().map(Key::as_str).collect()
    }
}

/// Polls the models of a link once.
async fn models(link: &dyn Link) -> (Shown, Box<dyn Feed>) {
    let mut feed = link.feeds().pop().unwrap();
    let mut shown = Shown::default();
    shown.poll(&mut *feed).await.unwrap();
    (shown, feed)
}

/// Opens a section of a version and polls it once.
async fn section(link: &dyn Link, key: &str, pane: PaneId) -> Result<Shown, Error> {
    let what = Ref::new(identity::MODELS, key);
    let Some(Opened::Rows(mut feed)) = link.open(&what, pane, &Parameters::default()) else { panic!("not opened") };
    let mut shown = Shown { heads: super::details::heads(pane).to_vec(), ..Shown::default() };
    shown.poll(&mut *feed).await?;
    Ok(shown)
}

fn version(name: &str, number: &str, run: &str) -> Json {
    json!({"name": name, "version": number, "run_id": run, "status": "READY", "creation_timestamp": 1_795_414_642_800_i64})
}

fn run(id: &str, metrics: &Json) -> Json {
    json!({"info": {"run_id": id, "status": "FINISHED", "lifecycle_stage": "active"}, "data": {"metrics": metrics}})
}
