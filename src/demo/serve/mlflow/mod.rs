//! MLflow's REST API over the world's registry, as MLflow 3.17 speaks it.
//!
//! Here belong routes, checks and the shapes of answers. The data and their story are [`crate::demo::registry`]'s affair.

mod artifacts;
mod experiments;
mod fields;
mod filter;
mod models;
mod runs;
mod search;
mod shape;
mod versions;

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use serde_json::{Value as Json, json};

use self::fields::{Fields, Wrong};
use super::query::decode;
use super::{Answer, Server, html, json as answer_json, text};
use crate::demo::world::{System, World};

/// The server.
pub struct Mlflow {
    world: Arc<World>,
}

impl Mlflow {
    /// An MLflow with this world's registry.
    #[must_use]
    pub fn new(world: Arc<World>) -> Self {
        Self { world }
    }
}

impl Server for Mlflow {
    fn system(&self) -> System {
        System::Mlflow
    }

    fn answer(self: Arc<Self>, request: Request<Bytes>) -> BoxFuture<'static, Answer> {
        Box::pin(async move {
            let mut answer = answer(&self.world, &request);
            let headers = answer.headers_mut();
            headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
            headers.insert("x-frame-options", HeaderValue::from_static("SAMEORIGIN"));
            headers.insert(header::VARY, HeaderValue::from_static("Origin"));
            answer
        })
    }
}

type Handler = fn(&World, &Fields) -> Result<Json, Wrong>;

/// Paths under `…/mlflow/` with their methods.
const ROUTES: &[(&str, Method, Handler)] = &[
    ("experiments/search", Method::GET, experiments::search),
    ("experiments/search", Method::POST, experiments::search),
    ("experiments/get", Method::GET, experiments::by_id),
    ("experiments/get-by-name", Method::GET, experiments::by_name),
    ("runs/search", Method::POST, runs::search),
    ("runs/get", Method::GET, runs::by_id),
    ("runs/create", Method::POST, runs::create),
    ("runs/update", Method::POST, runs::update),
    ("runs/delete", Method::POST, runs::delete),
    ("runs/restore", Method::POST, runs::restore),
    ("runs/log-metric", Method::POST, runs::log_metric),
    ("runs/log-parameter", Method::POST, runs::log_parameter),
    ("runs/log-batch", Method::POST, runs::log_batch),
    ("runs/set-tag", Method::POST, runs::set_tag),
    ("runs/delete-tag", Method::POST, runs::delete_tag),
    ("metrics/get-history", Method::GET, runs::history),
    ("metrics/get-history-bulk-interval", Method::GET, runs::history_interval),
    ("artifacts/list", Method::GET, artifacts::of_run),
    ("registered-models/search", Method::GET, models::search),
    ("registered-models/get", Method::GET, models::by_name),
    ("registered-models/create", Method::POST, models::create),
    ("registered-models/update", Method::PATCH, models::update),
    ("registered-models/rename", Method::POST, models::rename),
    ("registered-models/delete", Method::DELETE, models::delete),
    ("registered-models/set-tag", Method::POST, models::set_tag),
    ("registered-models/delete-tag", Method::DELETE, models::delete_tag),
    ("registered-models/get-latest-versions", Method::GET, models::latest_versions),
    ("registered-models/get-latest-versions", Method::POST, models::latest_versions),
    ("registered-models/alias", Method::GET, models::alias),
    ("registered-models/alias", Method::POST, models::set_alias),
    ("registered-models/alias", Method::DELETE, models::delete_alias),
    ("model-versions/search", Method::GET, versions::search),
    ("model-versions/get", Method::GET, versions::by_number),
    ("model-versions/get-download-uri", Method::GET, versions::download_uri),
    ("model-versions/create", Method::POST, versions::create),
    ("model-versions/update", Method::PATCH, versions::update),
    ("model-versions/delete", Method::DELETE, versions::delete),
    ("model-versions/set-tag", Method::POST, versions::set_tag),
    ("model-versions/delete-tag", Method::DELETE, versions::delete_tag),
    ("model-versions/transition-stage", Method::POST, versions::transition),
    ("logged-models/search", Method::POST, artifacts::search_models),
    ("webhooks", Method::GET, |_, _| Ok(json!({}))),
];

fn answer(world: &World, request: &Request<Bytes>) -> Answer {
    if let Some(refused) = refused(request) {
        return refused;
    }
    let path = request.uri().path();
    if path == "/health" || path == "/version" {
        let body = if path == "/health" { "OK" } else { "3.17.2" };
        return text(StatusCode::OK, "text/html; charset=utf-8", body);
    }
    if path == "/api/3.0/mlflow/server-info" || path == "/ajax-api/3.0/mlflow/server-info" {
        return answer_json(StatusCode::OK, &server_info());
    }
    let fields = Fields::of(request);
    let answered = match files(world, path, &fields) {
        Some(answered) => answered,
        None => match handler(path, request.method()) {
            Ok(handler) => {
                fields.and_then(|fields| handler(world, &fields)).map(|body| answer_json(StatusCode::OK, &body))
            }
            Err(unknown) => return *unknown,
        },
    };
    answered.unwrap_or_else(|wrong| {
        let (status, body) = wrong.answer();
        answer_json(status, &body)
    })
}

/// What handles a path and method, or the page that says that nothing does.
fn handler(path: &str, method: &Method) -> Result<Handler, Box<Answer>> {
    let route = ["/api/2.0/mlflow/", "/ajax-api/2.0/mlflow/"].iter().find_map(|base| path.strip_prefix(base));
    let known: Vec<_> = ROUTES.iter().filter(|(known, ..)| Some(*known) == route).collect();
    if known.is_empty() {
        return Err(Box::new(html(StatusCode::NOT_FOUND, NOT_FOUND)));
    }
    let methods = || known.iter().map(|(_, method, _)| method.clone()).collect::<Vec<_>>();
    let found = known.iter().find(|(_, known, _)| known == method).map(|(_, _, handler)| *handler);
    found.ok_or_else(|| Box::new(wrong_method(&methods())))
}

/// The routes that give files, and those of one logged model; `None` where the path is none of them.
fn files(world: &World, path: &str, fields: &Result<Fields, Wrong>) -> Option<Result<Answer, Wrong>> {
    let with =
        |work: &dyn Fn(&Fields) -> Result<Answer, Wrong>| Some(fields.as_ref().map_err(Clone::clone).and_then(work));
    let shown = |body: Json| answer_json(StatusCode::OK, &body);
    let bare = path.strip_prefix("/ajax-api").or(path.strip_prefix("/api")).unwrap_or(path);
    if path == "/get-artifact" || bare == "/2.0/mlflow/get-artifact" {
        return with(&|fields| artifacts::download(world, fields));
    }
    if path == "/model-versions/get-artifact" {
        return with(&|fields| artifacts::of_version(world, fields));
    }
    if let Some(rest) = bare.strip_prefix("/2.0/mlflow-artifacts/artifacts") {
        let file = decode(&rest.trim_start_matches('/').replace('+', "%2B"));
        return with(&|fields| artifacts::proxied(world, &file, fields));
    }
    let logged = bare.strip_prefix("/2.0/mlflow/logged-models/").filter(|rest| rest.starts_with("m-"))?;
    match logged.split_once('/') {
        None => Some(artifacts::model_by_id(world, logged).map(shown)),
        Some((id, "artifacts/directories")) => with(&|fields| artifacts::model_folder(world, id, fields).map(shown)),
        Some((id, "artifacts/files")) => with(&|fields| artifacts::model_file(world, id, fields)),
        Some(_) => None,
    }
}

fn server_info() -> Json {
    json!({ "store_type": "SqlStore", "workspaces_enabled": false, "trace_archival_enabled": false,
        "multipart_uploads_enabled": false, "multipart_downloads_enabled": false, "presigned_upload_run_id_supported": true,
        "presigned_upload_model_id_supported": true, "features_enabled": { "gateway": true } })
}

const NOT_FOUND: &str = "<!doctype html>\n<html lang=en>\n<title>404 Not Found</title>\n<h1>Not Found</h1>\n<p>The requested \
    URL was not found on the server. If you entered the URL manually please check your spelling and try again.</p>\n";
const WRONG_METHOD: &str = "<!doctype html>\n<html lang=en>\n<title>405 Method Not Allowed</title>\n<h1>Method Not \
    Allowed</h1>\n<p>The method is not allowed for the requested URL.</p>\n";

fn wrong_method(known: &[Method]) -> Answer {
    let mut answer = html(StatusCode::METHOD_NOT_ALLOWED, WRONG_METHOD);
    let mut allowed: Vec<&str> = known.iter().map(Method::as_str).chain(["OPTIONS"]).collect();
    if allowed.contains(&"GET") {
        allowed.push("HEAD");
    }
    if let Ok(value) = HeaderValue::from_str(&allowed.join(", ")) {
        answer.headers_mut().insert(header::ALLOW, value);
    }
    answer
}

/// What MLflow 3 refuses before it looks at the path: foreign hosts, and foreign origins of writes.
fn refused(request: &Request<Bytes>) -> Option<Answer> {
    let plain = |body: &'static str| Some(text(StatusCode::FORBIDDEN, "text/plain", body));
    let host = header_text(request.headers(), "host");
    if !host.is_empty() && !is_local(host) {
        return plain("Invalid Host header - possible DNS rebinding attack detected");
    }
    let origin = header_text(request.headers(), "origin");
    let origin = origin.split_once("://").map_or(origin, |(_, host)| host);
    let writes = request.method() != Method::GET && request.method() != Method::HEAD;
    if writes && !origin.is_empty() && !is_local(origin) {
        return plain("Cross-origin request blocked");
    }
    None
}

fn header_text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}

/// An address, this machine, or a name inside the cluster (which its operator has allowed).
fn is_local(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let in_cluster = !name.contains('.') || name.ends_with("svc") || name.ends_with("cluster.local");
    name == "localhost" || in_cluster || name.parse::<IpAddr>().is_ok()
}
