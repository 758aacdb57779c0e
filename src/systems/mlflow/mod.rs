//! MLflow: registered models × versions, their runs, and the aliases that say which one is served.
//!
//! Speaks the REST API of MLflow 2 and 3. Does not belong here: what an alias means to an endpoint (rows meet by
//! reference).

mod api;
mod details;
mod feed;
pub mod identity;
mod known;
mod plans;
mod record;
mod settings;
mod signature;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use serde_json::{Value as Json, json};

use self::api::{ASKS, Api};
use self::details::{DetailFeed, Shared};
use self::feed::ModelsFeed;
use self::identity::{FACTS, HISTORY, METRICS, MODELS, PARAMS, SIGNATURE, SYSTEM, TAGS, VERSION_VIEW};
use self::settings::Place;
use super::http::{Http, Options};
use super::{Cx, Feed, Link, Opened, Parameters, Settings, System};
use crate::actions::Permit;
use crate::model::clock::Clock;
use crate::model::health::{Error, Reason};
use crate::model::id::{PaneId, Ref, SystemId, ViewId};
use crate::model::plan::{Op, Outputs, PlanRequest, Planned, Probe};
use crate::model::record::{Head, Row};
use crate::model::text::clean;
use crate::model::value::Value;
use crate::model::verb::{Kind, Pane, Rights, Risk, Section, Verb, View};

/// The right that moving an alias of a model needs; known only from refusals, since MLflow has no way to ask. MLflow
/// gives it for each model by itself.
fn set_aliases(name: &str) -> String {
    format!("set aliases of {}", clean(name))
}

fn may_set_aliases(row: &Row, rights: &Rights) -> Result<(), Reason> {
    identity::split(&row.key).map_or(Ok(()), |(name, _)| rights.check(&set_aliases(&name)))
}

/// Where the cell `status` stands in a row.
const STATUS: usize = 3;

/// MLflow as a system.
#[derive(Debug, Clone, Copy)]
pub struct Mlflow;

impl System for Mlflow {
    fn id(&self) -> SystemId {
        SYSTEM
    }

    fn lamp(&self) -> &'static str {
        "ML"
    }

    fn title(&self) -> &'static str {
        "MLflow"
    }

    fn panes(&self) -> &'static [Pane] {
        PANES
    }

    fn views(&self) -> &'static [View] {
        VIEWS
    }

    fn check(&self, settings: &Settings) -> Result<(), Error> {
        settings::check(settings)
    }

    fn connect<'a>(&'a self, settings: &'a Settings, cx: &'a Cx) -> BoxFuture<'a, Result<Arc<dyn Link>, Error>> {
        Box::pin(async move {
            let resolved = settings::resolve(settings, &cx.env)?;
            let http = client(resolved, cx)?;
            Ok(Arc::new(MlflowLink::new(Api::new(http), cx.clock.clone())) as Arc<dyn Link>)
        })
    }
}

fn client(resolved: settings::Resolved, cx: &Cx) -> Result<Http, Error> {
    let options = |base| Options {
        login: resolved.login,
        env: Arc::clone(&cx.env),
        clock: cx.clock.clone(),
        ca_file: resolved.ca_file,
        insecure: resolved.insecure,
        asks: ASKS,
        ..Options::new("MLflow", "an MLflow API", base)
    };
    match resolved.place {
        Place::Address(url) => Http::new(options(url)),
        Place::Service(target, prefix) => {
            Http::through_service(&cx.kube, target, &prefix, options(super::http::base_address("http://service")?))
        }
    }
}

const VERBS: &[Verb] = &[
    Verb {
        id: "promote",
        label: "promote",
        help: "point an alias, champion by default, to this version",
        keys: &["p"],
        risk: Risk::Medium,
        ready: can_be_promoted,
    },
    Verb {
        id: "rollback",
        label: "roll back",
        help: "point the alias back to the version that held it before",
        keys: &["b"],
        risk: Risk::Medium,
        ready: may_set_aliases,
    },
    Verb {
        id: "unalias",
        label: "take alias away",
        help: "take an alias away from this version",
        keys: &[],
        risk: Risk::Medium,
        ready: may_set_aliases,
    },
];

fn can_be_promoted(row: &Row, rights: &Rights) -> Result<(), Reason> {
    may_set_aliases(row, rights)?;
    match row.cell(STATUS) {
        Value::State(state) if &*state.word != "ready" => {
            Err(Reason(format!("the version is not ready ({})", state.word)))
        }
        _ => Ok(()),
    }
}

const MODELS_PANE: Pane = Pane {
    id: MODELS,
    system: SYSTEM,
    title: "Models",
    noun: "model version",
    heads: || record::heads(&[]),
    joins: Vec::new,
    verbs: VERBS,
    detail: Some(VERSION_VIEW),
    // champions first
    sort: Some(("aliases", false)),
    standing: true,
};

const fn section_pane(id: PaneId, title: &'static str, noun: &'static str, heads: fn() -> Arc<[Head]>) -> Pane {
    Pane { id, title, noun, heads, verbs: &[], detail: None, sort: None, standing: false, ..MODELS_PANE }
}

const PANES: &[Pane] = &[
    MODELS_PANE,
    section_pane(FACTS, "Version", "fact", || details::heads(FACTS)),
    section_pane(PARAMS, "Parameters", "parameter", || details::heads(PARAMS)),
    section_pane(METRICS, "Metrics", "metric", || details::heads(METRICS)),
    section_pane(TAGS, "Tags", "tag", || details::heads(TAGS)),
    section_pane(HISTORY, "Metrics over time", "metric", || details::heads(HISTORY)),
    section_pane(SIGNATURE, "Signature", "input or output", || details::heads(SIGNATURE)),
];

const VIEWS: &[View] = &[
    View {
        id: ViewId("models"),
        title: "Models",
        key: Some('4'),
        sections: &[Section { pane: MODELS, kind: Kind::Table, weight: 1 }],
    },
    View {
        id: VERSION_VIEW,
        title: "Model version",
        key: None,
        sections: &[
            Section { pane: FACTS, kind: Kind::Facts, weight: 0 },
            Section { pane: HISTORY, kind: Kind::Series, weight: 3 },
            Section { pane: METRICS, kind: Kind::Table, weight: 2 },
            Section { pane: PARAMS, kind: Kind::Facts, weight: 0 },
            Section { pane: SIGNATURE, kind: Kind::Table, weight: 2 },
            Section { pane: TAGS, kind: Kind::Table, weight: 2 },
        ],
    },
];

/// A connection to one MLflow server.
struct MlflowLink {
    api: Api,
    clock: Clock,
    shared: Shared,
    rights: Mutex<Rights>,
}

impl MlflowLink {
    fn new(api: Api, clock: Clock) -> Self {
        let shared = Shared::new(api.clone(), clock.clone());
        Self { api, clock, shared, rights: Mutex::default() }
    }

    /// Remembers whether a change of this model was refused.
    fn learn(&self, op: &Op, result: &Result<Outputs, Error>) {
        let given = match result {
            Ok(_) => Ok(()),
            Err(Error::Forbidden { what, .. }) => Err(format!("refused at {what}")),
            Err(_) => return,
        };
        if let Some(name) = op.arguments.get("name").and_then(Json::as_str) {
            self.rights.lock().unwrap_or_else(PoisonError::into_inner).set(&set_aliases(name), given);
        }
    }
}

impl Link for MlflowLink {
    fn feeds(&self) -> Vec<Box<dyn Feed>> {
        vec![Box::new(ModelsFeed::new(self.api.clone()))]
    }

    fn open(&self, what: &Ref, pane: PaneId, how: &Parameters) -> Option<Opened> {
        if what.pane != details::OF || !details::is_section(pane) {
            return None;
        }
        let (name, version) = identity::split(&what.key)?;
        let (key, which) = (what.key.clone(), how.which.clone());
        let feed = DetailFeed { shared: self.shared.clone(), pane, key, name, version, points: how.points, which };
        Some(Opened::Rows(Box::new(feed)))
    }

    fn rights(&self) -> BoxFuture<'_, Result<Rights, Error>> {
        let known = self.rights.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async { Ok(known) })
    }

    fn plan(&self, request: PlanRequest) -> BoxFuture<'_, Result<Planned, Error>> {
        Box::pin(async move { plans::plan(&self.api, &request, self.clock.now()).await })
    }

    fn apply<'a>(
        &'a self,
        permit: &'a Permit,
        op: &'a Op,
        _earlier: &'a Outputs,
    ) -> BoxFuture<'a, Result<Outputs, Error>> {
        Box::pin(async move {
            let result = plans::apply(&self.api, permit, op).await;
            self.learn(op, &result);
            result
        })
    }

    fn observe<'a>(&'a self, probe: &'a Probe, _earlier: &'a Outputs) -> BoxFuture<'a, Result<Json, Error>> {
        Box::pin(plans::observe(&self.api, probe))
    }

    fn example<'a>(&'a self, what: &'a Ref) -> BoxFuture<'a, Result<Json, Error>> {
        Box::pin(async move {
            let (name, version) = identity::of(what)?;
            signature::example(&self.api, &name, &version).await
        })
    }

    fn object<'a>(&'a self, what: &'a Ref) -> BoxFuture<'a, Result<Json, Error>> {
        Box::pin(async move {
            let (name, version) = identity::of(what)?;
            let mut object = json!({"model_version": self.api.version_json(&name, &version).await?});
            let run = object.pointer("/model_version/run_id").and_then(Json::as_str).unwrap_or_default();
            if !run.is_empty()
                && let Ok(run) = self.api.run_json(run).await
                && let Some(map) = object.as_object_mut()
            {
                map.insert("run".into(), run);
            }
            mask(&mut object);
            Ok(object)
        })
    }
}

/// A tag's or parameter's value; hidden where its key says that it is a secret.
fn masked(key: &str, value: &str) -> String {
    const SECRET: [&str; 6] = ["password", "secret", "token", "api_key", "apikey", "credential"];
    let key = key.to_lowercase();
    if SECRET.iter().any(|word| key.contains(word)) { "***".into() } else { value.to_owned() }
}

/// Hides the values of all pairs in an object whose keys say that they are secrets.
fn mask(json: &mut Json) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(mask),
        Json::Object(map) => {
            if let (Some(Json::String(key)), Some(Json::String(value))) = (map.get("key"), map.get("value")) {
                let hidden = masked(key, value);
                map.insert("value".into(), Json::String(hidden));
            }
            map.values_mut().for_each(mask);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
