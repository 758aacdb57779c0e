//! MLflow's calls: where the API is (some servers have it only under `/ajax-api`), pages, and reading by name.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::Method;
use serde_json::{Value as Json, json};

use super::wire::{self, Metric, Model, Run, Version};
use crate::actions::Permit;
use crate::model::health::Error;
use crate::systems::http::{Answer, Http, segment};

/// Where the API may be, in the order of trying: behind a prefix, old servers have it only under the second.
const ROOTS: [&str; 2] = ["/api/2.0/mlflow", "/ajax-api/2.0/mlflow"];
/// Not found out yet.
const UNKNOWN: usize = usize::MAX;

/// POSTs that change nothing.
pub(super) const ASKS: &[&str] = &[
    "/api/2.0/mlflow/runs/search",
    "/ajax-api/2.0/mlflow/runs/search",
    "/api/2.0/mlflow/logged-models/search",
    "/ajax-api/2.0/mlflow/logged-models/search",
];

/// No more pages than this are followed, whatever the server says.
const PAGES: usize = 500;
/// How many ids one question names.
pub(super) const BATCH: usize = 100;

/// A page of a list.
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    /// How many items could not be read.
    pub(super) unread: usize,
    /// The token of the next page.
    pub(super) next: Option<String>,
}

/// The calls that are needed, on one server.
#[derive(Clone)]
pub(super) struct Api {
    http: Http,
    root: Arc<AtomicUsize>,
}

impl Api {
    pub(super) fn new(http: Http) -> Self {
        Self { http, root: Arc::new(AtomicUsize::new(UNKNOWN)) }
    }

    /// Where the server is, for messages.
    pub(super) fn address(&self) -> String {
        self.http.address("")
    }

    fn roots(&self) -> &'static [&'static str] {
        let known = self.root.load(Ordering::Relaxed);
        ROOTS.get(known..=known).unwrap_or(&ROOTS)
    }

    /// Gets a call as JSON, at the place where the API is.
    async fn get(&self, call: &str, query: &[(&str, &str)]) -> Result<Json, Error> {
        for root in self.roots() {
            let answer = self.http.get(&format!("{root}/{call}"), query).await?;
            if self.is_here(root, &answer) {
                return answer.json();
            }
        }
        Err(self.nowhere())
    }

    /// Asks a question by POST, at the place where the API is.
    async fn ask(&self, call: &str, body: &Json) -> Result<Json, Error> {
        for root in self.roots() {
            let answer = self.http.ask(&format!("{root}/{call}"), body).await?;
            if self.is_here(root, &answer) {
                return answer.json();
            }
        }
        Err(self.nowhere())
    }

    /// Sends a change; the answer says nothing that could be believed, so it is read back elsewhere.
    pub(super) async fn send(&self, permit: &Permit, method: Method, call: &str, body: &Json) -> Result<(), Error> {
        let root = self.roots().first().copied().unwrap_or_default();
        let answer = self.http.send(permit, method, &format!("{root}/{call}"), body).await?.success()?;
        if answer.is_html() { Err(answer.not_the_api()) } else { Ok(()) }
    }

    /// Whether an answer comes from the API; if so, its place is remembered.
    fn is_here(&self, root: &str, answer: &Answer) -> bool {
        let elsewhere = answer.is_html() && matches!(answer.status.as_u16(), 200..=299 | 404 | 405);
        // what was found once stays: a web page is then an answer to be complained about
        let known = self.root.load(Ordering::Relaxed) != UNKNOWN;
        if !elsewhere && (answer.status.is_success() || answer.code().is_some()) {
            self.root.store(ROOTS.iter().position(|known| *known == root).unwrap_or(UNKNOWN), Ordering::Relaxed);
        }
        known || !elsewhere
    }

    fn nowhere(&self) -> Error {
        let [first, second] = ROOTS;
        Error::Protocol { what: format!("not an MLflow API at {} (HTML at {first} and {second})", self.address()) }
    }

    /// A page of registered models with their aliases.
    pub(super) async fn models(&self, token: Option<&str>) -> Result<Page<Model>, Error> {
        let mut query = vec![("max_results", "500")];
        query.extend(token.map(|token| ("page_token", token)));
        page(&self.get("registered-models/search", &query).await?, "registered_models", Model::read)
    }

    /// A page of versions of all models, those changed last first.
    pub(super) async fn versions(&self, token: Option<&str>) -> Result<Page<Version>, Error> {
        let mut query = vec![("max_results", "1000")];
        query.extend(token.map(|token| ("page_token", token)));
        page(&self.get("model-versions/search", &query).await?, "model_versions", Version::read)
    }

    /// All versions of one model.
    pub(super) async fn versions_of(&self, name: &str) -> Result<Vec<Version>, Error> {
        // a name that the filter language can't say is picked out of all
        let filter = quoted(name).ok().map(|name| format!("name = {name}"));
        let (mut seen, mut token, mut all) = (HashSet::new(), None::<String>, Vec::new());
        for _ in 0..PAGES {
            let mut query = vec![("max_results", "1000")];
            query.extend(filter.as_deref().map(|filter| ("filter", filter)));
            query.extend(token.as_deref().map(|token| ("page_token", token)));
            let found = page(&self.get("model-versions/search", &query).await?, "model_versions", Version::read)?;
            all.extend(found.items.into_iter().filter(|version| &*version.name == name));
            match found.next {
                Some(next) if seen.insert(next.clone()) => token = Some(next),
                _ => break,
            }
        }
        Ok(all)
    }

    /// One registered model.
    pub(super) async fn model(&self, name: &str) -> Result<Model, Error> {
        let json = self.get("registered-models/get", &[("name", name)]).await?;
        json.get("registered_model").and_then(Model::read).ok_or_else(|| self.shape("registered_model"))
    }

    /// One version, as the server has it.
    pub(super) async fn version_json(&self, name: &str, version: &str) -> Result<Json, Error> {
        let mut json = self.get("model-versions/get", &[("name", name), ("version", version)]).await?;
        json.get_mut("model_version").map(Json::take).ok_or_else(|| self.shape("model_version"))
    }

    /// One version.
    pub(super) async fn version(&self, name: &str, version: &str) -> Result<Version, Error> {
        let json = self.version_json(name, version).await?;
        Version::read(&json).ok_or_else(|| self.shape("model_version"))
    }

    /// The version that has an alias; none if the alias is not there.
    pub(super) async fn alias(&self, name: &str, alias: &str) -> Result<Option<String>, Error> {
        match self.get("registered-models/alias", &[("name", name), ("alias", alias)]).await {
            Ok(json) => Ok(json.get("model_version").map(|version| wire::text(version, "version"))),
            // a missing alias is a wrong parameter to the server
            Err(Error::Refused { .. }) => Ok(self.model(name).await?.version_of(alias).map(str::to_owned)),
            Err(error) => Err(error),
        }
    }

    /// One run, as the server has it.
    pub(super) async fn run_json(&self, id: &str) -> Result<Json, Error> {
        let mut json = self.get("runs/get", &[("run_id", id)]).await?;
        json.get_mut("run").map(Json::take).ok_or_else(|| self.shape("run"))
    }

    /// One run.
    pub(super) async fn run(&self, id: &str) -> Result<Run, Error> {
        Run::read(&self.run_json(id).await?).ok_or_else(|| self.shape("run"))
    }

    /// One logged model of 3.x.
    pub(super) async fn logged_model(&self, id: &str) -> Result<Run, Error> {
        let json = self.get(&format!("logged-models/{}", segment(id)?), &[]).await?;
        json.get("model").and_then(Run::read_logged_model).ok_or_else(|| self.shape("model"))
    }

    /// The ids of all experiments.
    pub(super) async fn experiments(&self) -> Result<Vec<String>, Error> {
        let (mut ids, mut seen, mut token) = (Vec::new(), HashSet::new(), None::<String>);
        for _ in 0..PAGES {
            let mut query = vec![("max_results", "1000"), ("view_type", "ALL")];
            query.extend(token.as_deref().map(|token| ("page_token", token)));
            let json = self.get("experiments/search", &query).await?;
            ids.extend(wire::list(&json, "experiments").map(|one| wire::text(one, "experiment_id")));
            match next_token(&json) {
                Some(next) if seen.insert(next.clone()) => token = Some(next),
                _ => break,
            }
        }
        Ok(ids)
    }

    /// The runs with these ids, at most [`BATCH`], wherever they are, deleted ones too.
    pub(super) async fn runs(&self, experiments: &[String], ids: &[String]) -> Result<Vec<Run>, Error> {
        let body = json!({
            "experiment_ids": experiments,
            "filter": format!("attributes.run_id IN ({})", quoted_list(ids)?),
            "run_view_type": "ALL",
            "max_results": BATCH,
        });
        Ok(page(&self.ask("runs/search", &body).await?, "runs", Run::read)?.items)
    }

    /// The logged models with these ids, at most [`BATCH`]. Servers before 3 have none.
    pub(super) async fn logged_models(&self, experiments: &[String], ids: &[String]) -> Result<Vec<Run>, Error> {
        let body = json!({
            "experiment_ids": experiments,
            "filter": format!("model_id IN ({})", quoted_list(ids)?),
            "max_results": BATCH,
        });
        Ok(page(&self.ask("logged-models/search", &body).await?, "models", Run::read_logged_model)?.items)
    }

    /// A metric's values over time, thinned out by the server to at most `points`.
    pub(super) async fn history(&self, run: &str, key: &str, points: u16) -> Result<Vec<Metric>, Error> {
        let points = points.clamp(2, 2500).to_string();
        // this call exists only under the second root, since 2.11
        let path = format!("{}/metrics/get-history-bulk-interval", ROOTS[1]);
        let sampled = [("run_ids", run), ("metric_key", key), ("max_results", points.as_str())];
        let answer = self.http.get(&path, &sampled).await?;
        let json = if answer.status.as_u16() == 404 || answer.is_html() {
            self.get("metrics/get-history", &[("run_id", run), ("metric_key", key)]).await?
        } else {
            answer.json()?
        };
        Ok(wire::list(&json, "metrics").filter_map(Metric::read).collect())
    }

    /// A file of a version: its bytes.
    pub(super) async fn artifact(&self, name: &str, version: &str, path: &str) -> Result<bytes::Bytes, Error> {
        let query = [("name", name), ("version", version), ("path", path)];
        let answer = self.http.get("/model-versions/get-artifact", &query).await?.success()?;
        if answer.is_html() { Err(answer.not_the_api()) } else { Ok(answer.body) }
    }

    fn shape(&self, key: &str) -> Error {
        Error::Protocol { what: format!("not an MLflow API at {}: the answer has no {key}", self.address()) }
    }
}

/// The items of a page; an answer without the list is an empty page only if it is `{}` or has a token.
fn page<T>(json: &Json, key: &str, read: fn(&Json) -> Option<T>) -> Result<Page<T>, Error> {
    let Some(object) = json.as_object() else {
        return Err(Error::Protocol { what: format!("not an MLflow API: no object with {key}") });
    };
    let next = next_token(json);
    if !object.is_empty() && next.is_none() && !object.get(key).is_some_and(Json::is_array) {
        return Err(Error::Protocol { what: format!("not an MLflow API: an answer without {key}") });
    }
    let mut unread = 0;
    let items = wire::list(json, key).filter_map(|item| {
        let item = read(item);
        unread += usize::from(item.is_none());
        item
    });
    let items = items.collect();
    Ok(Page { items, unread, next })
}

fn next_token(json: &Json) -> Option<String> {
    json.get("next_page_token").and_then(Json::as_str).filter(|token| !token.is_empty()).map(str::to_owned)
}

/// A text in the filter language, which knows two quotes and no escape.
pub(super) fn quoted(text: &str) -> Result<String, Error> {
    match (text.contains('\''), text.contains('"')) {
        (false, _) => Ok(format!("'{text}'")),
        (true, false) => Ok(format!("\"{text}\"")),
        (true, true) => Err(Error::Refused {
            why: format!("MLflow can't search for {}: it holds both kinds of quotes", crate::model::text::clean(text)),
        }),
    }
}

fn quoted_list(ids: &[String]) -> Result<String, Error> {
    Ok(ids.iter().map(|id| quoted(id)).collect::<Result<Vec<_>, _>>()?.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::http::{Options, base_address};

    #[tokio::test]
    async fn a_logged_model_whose_id_is_a_step_within_the_path_is_not_asked_for() {
        let http = Http::new(Options::new("MLflow", "an MLflow API", base_address("http://127.0.0.1:9").unwrap()));
        let api = Api::new(http.unwrap());
        assert!(matches!(api.logged_model("..").await, Err(Error::Refused { .. })));
        assert_eq!(api.http.requests(), 0);
    }

    #[test]
    fn filters_switch_the_quote_and_refuse_what_has_no_way() {
        assert_eq!(quoted("team/fraud ").unwrap(), "'team/fraud '");
        assert_eq!(quoted("o'hara").unwrap(), "\"o'hara\"");
        assert!(quoted("o'hara \"x\"").is_err());
    }

    #[test]
    fn an_answer_of_another_service_is_not_an_empty_list() {
        let read =
            |json: Json| page(&json, "model_versions", Version::read).map(|page| (page.items.len(), page.unread));
        assert_eq!(read(json!({})), Ok((0, 0)));
        assert_eq!(read(json!({"next_page_token": "x"})), Ok((0, 0)));
        assert_eq!(read(json!({"model_versions": [{"name": "a", "version": "1"}, 7, {"name": "a"}]})), Ok((1, 2)));
        assert!(read(json!({"status": "ok"})).is_err());
        assert!(read(json!([])).is_err());
    }
}
