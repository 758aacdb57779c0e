//! Asks the query API: which way, how, and what an answer that is none means.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::sync::Mutex;

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::clock::Clock;
use crate::model::health::Error;
use crate::systems::Cx;
use crate::systems::http::{self, Http, Options};

use super::families::FAMILIES;
use super::panels::Panel;
use super::settings::{Place, Resolved, USUAL_SCRAPE};
use super::span::Span;
use super::wire;

/// POST to these changes nothing.
const ASKS: &[&str] = &["/api/v1/query", "/api/v1/query_range"];

/// How long it is taken for granted which metrics exist.
const NAMES_KEPT: TimeDelta = TimeDelta::minutes(3);

/// How many queries are on their way at once.
const AT_ONCE: usize = 4;

/// How long one request may take.
const LIMIT: Duration = Duration::from_secs(12);

/// A client of one Prometheus, or of what speaks like one.
pub(super) struct Client {
    http: Http,
    /// Whether queries go by POST; given up where it is refused.
    post: AtomicBool,
    clock: Clock,
    known: Mutex<Option<Known>>,
    /// All metrics that anybody here asks for.
    wanted: BTreeSet<String>,
    scrape: Option<f64>,
}

/// What the server is known to have.
#[derive(Debug, Clone)]
pub(super) struct Known {
    at: DateTime<Utc>,
    /// The metrics that exist, of those that anybody asks for.
    pub(super) names: Arc<BTreeSet<String>>,
    /// How often it scrapes, in seconds.
    pub(super) scrape: f64,
}

impl Client {
    /// A client for these settings; `None` if they name no server.
    pub(super) fn new(settings: &Resolved, cx: &Cx) -> Result<Option<Self>, Error> {
        let options = |base| Options {
            login: settings.login.clone(),
            env: Arc::clone(&cx.env),
            clock: cx.clock.clone(),
            timeout: LIMIT,
            ca_file: settings.ca_file.clone(),
            insecure: settings.insecure,
            asks: ASKS,
            ..Options::new("Prometheus", "a Prometheus API", base)
        };
        let (http, post) = match &settings.place {
            Place::Nowhere => return Ok(None),
            Place::Address(url) => (Http::new(options(url.clone()))?, true),
            Place::Service(target, prefix) => {
                let base = http::base_address("http://service")?;
                (Http::through_service(&cx.kube, target.clone(), prefix, options(base))?, false)
            }
        };
        let wanted = wanted(&settings.panels);
        Ok(Some(Self {
            http,
            post: AtomicBool::new(post),
            clock: cx.clock.clone(),
            known: Mutex::new(None),
            wanted,
            scrape: settings.scrape,
        }))
    }

    /// The time.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Which metrics there are; asked anew every few minutes.
    pub(super) async fn known(&self) -> Result<Known, Error> {
        let mut kept = self.known.lock().await;
        let now = self.clock.now();
        if let Some(known) = kept.as_ref().filter(|known| (now - known.at).abs() < NAMES_KEPT) {
            return Ok(known.clone());
        }
        let pattern = self.wanted.iter().cloned().collect::<Vec<_>>().join("|");
        let selector = format!("{{__name__=~\"{pattern}\"}}");
        // without a range old servers look through all that they ever had
        let start = (now - TimeDelta::hours(1)).timestamp().to_string();
        let query = [("match[]", selector.as_str()), ("start", start.as_str())];
        let answer = self.http.get("/api/v1/label/__name__/values", &query).await?;
        // servers before 2.24 know no match[] and give all
        let names = read(&answer, wire::names)?.into_iter().filter(|name| self.wanted.contains(name)).collect();
        let scrape = match self.scrape {
            Some(seconds) => seconds,
            None => self.scrape_interval().await,
        };
        let known = Known { at: now, names: Arc::new(names), scrape };
        *kept = Some(known.clone());
        Ok(known)
    }

    /// How often it scrapes, as it tells; many don't.
    async fn scrape_interval(&self) -> f64 {
        let told = match self.http.get("/api/v1/status/config", &[]).await {
            Ok(answer) if answer.status.is_success() => wire::scrape_interval(&answer.body),
            Ok(_) | Err(_) => None,
        };
        told.unwrap_or(USUAL_SCRAPE)
    }

    /// Asks for the values of a query over a range.
    pub(super) async fn range(&self, query: &str, span: Span) -> Result<wire::Answer, Error> {
        let (start, end, step) = (span.start.to_string(), span.end.to_string(), span.step.to_string());
        let form = [("query", query), ("start", &start), ("end", &end), ("step", &step)];
        self.ask("/api/v1/query_range", &form).await
    }

    /// Asks for many, a few at once; the answers come in the order of the queries.
    pub(super) async fn ranges(&self, queries: Vec<String>, span: Span) -> Vec<Result<wire::Answer, Error>> {
        let asked = queries.into_iter().map(|query| async move { self.range(&query, span).await });
        stream::iter(asked).buffered(AT_ONCE).collect().await
    }

    /// Asks for the value of a query now.
    pub(super) async fn instant(&self, query: &str) -> Result<wire::Answer, Error> {
        let now = self.clock.now().timestamp().to_string();
        self.ask("/api/v1/query", &[("query", query), ("time", &now)]).await
    }

    async fn ask(&self, path: &str, form: &[(&str, &str)]) -> Result<wire::Answer, Error> {
        if self.post.load(Ordering::Relaxed) {
            let answer = self.http.ask_form(path, form).await?;
            if !matches!(answer.status.as_u16(), 403 | 405 | 501) {
                return read(&answer, wire::answer);
            }
            // proxies that let only reading pass refuse every POST
            self.post.store(false, Ordering::Relaxed);
        }
        read(&self.http.get(path, form).await?, wire::answer)
    }
}

/// The metrics that families and panels ask for.
fn wanted(panels: &[Panel]) -> BTreeSet<String> {
    let families = FAMILIES
        .iter()
        .flat_map(|family| [family.count.to_owned(), family.latency.to_owned(), format!("{}_bucket", family.latency)]);
    families.chain(panels.iter().filter_map(|panel| panel.needs.clone())).collect()
}

/// Reads a body; an error in Prometheus' own words is preferred to what its status says.
fn read<T>(answer: &http::Answer, decode: fn(&[u8]) -> Result<T, Error>) -> Result<T, Error> {
    if answer.status.is_success() {
        if answer.is_html() {
            return Err(answer.not_the_api());
        }
        return decode(&answer.body);
    }
    let by_status = answer.error();
    match (answer.code(), decode(&answer.body)) {
        // a login that is missing or wrong stays one, whatever stands beside it
        (Some(_), Err(error)) if !matches!(by_status, Error::Unauthorized { .. } | Error::Forbidden { .. }) => {
            Err(error)
        }
        _ => Err(match by_status {
            Error::Gone { what } => Error::Protocol { what: format!("no Prometheus API there: {what}") },
            other => other,
        }),
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
