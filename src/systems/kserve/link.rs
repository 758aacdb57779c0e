//! The link to KServe: feeds, opened endpoints, rights, plans and the questions of their checks.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Value as Json, json};

use crate::actions::Permit;
use crate::model::clock::Clock;
use crate::model::health::Error;
use crate::model::id::{PaneId, Ref};
use crate::model::plan::{Op, Outputs, PlanRequest, Planned, Probe};
use crate::model::serving::Serving;
use crate::model::verb::Rights;
use crate::systems::kube::{Access, Cluster, Resource, Review};
use crate::systems::{Feed, Link, Opened, Parameters};

use super::PATCH;
use super::board::Name;
use super::feed::{EndpointsFeed, OpenedFeed};
use super::fresh;
use super::ops::{Patch, normal, services};
use super::plans::{self, Subject, Verb};
use super::revisions::Revision;
use super::rows::{ENDPOINTS, Kind};
use super::why::judge;
use super::wire::{Graph, Llm};
use super::{mask, ways};

/// KServe in a cluster.
pub(super) struct Connection {
    pub(super) access: Access,
    pub(super) clock: Clock,
    /// Where to look when the list over all namespaces is not permitted.
    pub(super) namespaces: Vec<String>,
}

/// The name of an InferenceService among the arguments of a question.
#[derive(Deserialize)]
struct Asked {
    namespace: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    fields: Vec<String>,
    #[serde(default)]
    revisions: Vec<String>,
    #[serde(default)]
    selector: String,
}

/// Kind, namespace and name of the endpoint that is meant.
fn endpoint(what: &Ref) -> Result<(Kind, Name), Error> {
    let found = Kind::split(&what.key).filter(|_| what.pane == ENDPOINTS);
    let Some((kind, namespace, name)) = found else {
        return Err(Error::Gone { what: what.to_string() });
    };
    Ok((kind, (namespace.to_owned(), name.to_owned())))
}

/// Where an object of this kind is.
fn resource(kind: Kind, version: &str) -> Resource {
    Resource::new(&format!("/apis/serving.kserve.io/{version}"), kind.plural())
}

impl Connection {
    /// Reads an object of the kind, by the first of its versions that the cluster has.
    async fn get<T: serde::de::DeserializeOwned>(&self, kind: Kind, at: &Name) -> Result<T, Error> {
        let cluster = self.access.cluster().await?;
        let mut missing = Error::Absent { what: "KServe".into() };
        for version in kind.versions() {
            match cluster.get_json(&resource(kind, version).object_path(&at.0, &at.1)?).await {
                Err(error @ Error::Absent { .. }) => missing = error,
                other => return other,
            }
        }
        Err(missing)
    }

    async fn subject(&self, what: &Ref) -> Result<Subject, Error> {
        let (kind, at) = endpoint(what)?;
        match kind {
            Kind::Service => {}
            Kind::Graph => {
                let why = "the weights of an InferenceGraph belong to its spec: change them there, step by step";
                return Err(Error::Refused { why: why.into() });
            }
            Kind::Llm => {
                let why = "an LLMInferenceService has no canary of its own: the weights of a group stand in each of its members";
                return Err(Error::Refused { why: why.into() });
            }
        }
        let cluster = self.access.cluster().await?;
        let (raw, board) = fresh::read(&cluster, &at.0, &at.1).await?;
        Subject::of(&board, raw, self.clock.now())
            .ok_or_else(|| Error::Protocol { what: format!("{}/{} can't be read", at.0, at.1) })
    }

    async fn rights(&self) -> Result<Rights, Error> {
        let cluster = self.access.cluster().await?;
        let mut places = vec![""];
        places.extend(self.namespaces.iter().map(String::as_str));
        if self.namespaces.is_empty() {
            places.push(cluster.namespace());
        }
        let mut given = Ok(());
        for namespace in places {
            given = cluster.review(&review(namespace, "")).await?;
            if given.is_ok() {
                break;
            }
        }
        let mut rights = Rights::default();
        rights.set(PATCH, given);
        Ok(rights)
    }

    async fn observe(&self, probe: &Probe) -> Result<Json, Error> {
        let cluster = self.access.cluster().await?;
        if probe.name == "admission" {
            return Patch::from_arguments(&probe.arguments)?.try_out(&cluster).await;
        }
        let asked = Asked::deserialize(&probe.arguments)
            .map_err(|error| Error::Protocol { what: format!("the plan's question can't be read: {error}") })?;
        match probe.name.as_str() {
            "can" => Ok(match cluster.review(&review(&asked.namespace, &asked.name)).await? {
                Ok(()) => json!("yes"),
                Err(why) if why.is_empty() => json!("no"),
                Err(why) => json!(why),
            }),
            "pods" => Ok(json!(fresh::ready_pods(&cluster, &asked.namespace, &asked.selector).await?)),
            "object" => self.object_now(&cluster, &asked).await,
            "ready" => self.ready_now(&cluster, &asked).await,
            "traffic" => traffic_now(&cluster, &asked).await,
            other => Err(Error::Protocol { what: format!("KServe knows no question {other}") }),
        }
    }

    async fn object_now(&self, cluster: &Cluster, asked: &Asked) -> Result<Json, Error> {
        let raw: Json = cluster.get_json(&services().object_path(&asked.namespace, &asked.name)?).await?;
        let service = serde_json::from_value(raw.clone()).unwrap_or_default();
        let of = |pointer: &str| normal(raw.pointer(pointer).cloned().unwrap_or(Json::Null));
        let fields: BTreeMap<&String, Json> = asked.fields.iter().map(|path| (path, of(path))).collect();
        Ok(json!({
            "uid": of("/metadata/uid"),
            "generation": of("/metadata/generation"),
            "mode": super::mode::Mode::of(&service, None).word(),
            "fields": fields,
        }))
    }

    async fn ready_now(&self, cluster: &Cluster, asked: &Asked) -> Result<Json, Error> {
        let (raw, board) = fresh::read(cluster, &asked.namespace, &asked.name).await?;
        let Some(subject) = Subject::of(&board, raw, self.clock.now()) else { return Ok(json!("no")) };
        let conditions = subject.service.status.as_ref().map_or(&[][..], |status| &status.conditions);
        if super::wire::condition(conditions, "Ready").is_some_and(super::wire::Condition::is_true) {
            return Ok(json!("yes"));
        }
        let verdict = judge(super::why::Evidence {
            service: &subject.service,
            mode: subject.mode,
            revisions: &subject.revisions,
            pods: None,
            now: self.clock.now(),
        });
        Ok(json!(format!("{}: {}", verdict.word, verdict.why)))
    }

    async fn serving(&self, what: &Ref) -> Result<Serving, Error> {
        let (kind, at) = endpoint(what)?;
        match kind {
            Kind::Graph => self.get::<Graph>(kind, &at).await.map(|graph| ways::graph(&graph)),
            Kind::Llm => self.get::<Llm>(kind, &at).await.map(|llm| ways::llm(&llm)),
            Kind::Service => {
                let cluster = self.access.cluster().await?;
                let (_, board) = fresh::read(&cluster, &at.0, &at.1).await?;
                ways::service(&board, &at).ok_or_else(|| Error::Gone { what: what.to_string() })
            }
        }
    }
}

fn review<'a>(namespace: &'a str, name: &'a str) -> Review<'a> {
    Review {
        verb: "patch",
        group: "serving.kserve.io",
        resource: "inferenceservices",
        namespace,
        name,
        ..Review::default()
    }
}

/// The shares in force of the revisions that are asked for; one that is not there gets nothing.
async fn traffic_now(cluster: &Cluster, asked: &Asked) -> Result<Json, Error> {
    let (raw, board) = fresh::read(cluster, &asked.namespace, &asked.name).await?;
    let service = serde_json::from_value(raw).unwrap_or_default();
    let revisions = board.revisions(&service);
    let share = |name: &String| match revisions.iter().find(|revision: &&Revision| revision.name == *name) {
        Some(revision) => revision.effective.map_or(Json::Null, |share| json!((share * 100.0).round() / 100.0)),
        None => json!(0.0),
    };
    Ok(asked.revisions.iter().map(|name| (name.clone(), share(name))).collect())
}

impl Link for Connection {
    fn feeds(&self) -> Vec<Box<dyn Feed>> {
        vec![Box::new(EndpointsFeed::new(&self.access, &self.clock, &self.namespaces))]
    }

    fn open(&self, what: &Ref, pane: PaneId, _how: &Parameters) -> Option<Opened> {
        let (kind, at) = endpoint(what).ok()?;
        let feed = OpenedFeed::new(&self.access, &self.clock, (kind, &at), pane)?;
        Some(Opened::Rows(Box::new(feed)))
    }

    fn rights(&self) -> BoxFuture<'_, Result<Rights, Error>> {
        Box::pin(self.rights())
    }

    fn plan(&self, request: PlanRequest) -> BoxFuture<'_, Result<Planned, Error>> {
        Box::pin(async move {
            let Some(verb) = Verb::named(&request.verb) else {
                return Err(Error::Refused { why: format!("an endpoint can't be told to {}", request.verb) });
            };
            let mut subjects = Vec::with_capacity(request.targets.len());
            for target in &request.targets {
                subjects.push(self.subject(target).await?);
            }
            plans::plan(verb, &subjects, &request.answers)
        })
    }

    fn apply<'a>(
        &'a self,
        permit: &'a Permit,
        op: &'a Op,
        _earlier: &'a Outputs,
    ) -> BoxFuture<'a, Result<Outputs, Error>> {
        Box::pin(async move {
            if op.name != "patch" {
                return Err(Error::Refused { why: format!("KServe knows no operation {}", op.name) });
            }
            let patch = Patch::from_arguments(&op.arguments)?;
            let cluster = self.access.cluster().await?;
            let object = patch.send(&cluster, permit).await?;
            let generation = object.pointer("/metadata/generation").cloned().unwrap_or(Json::Null);
            Ok([(format!("generation of {}/{}", patch.namespace, patch.name), generation)].into())
        })
    }

    fn observe<'a>(&'a self, probe: &'a Probe, _earlier: &'a Outputs) -> BoxFuture<'a, Result<Json, Error>> {
        Box::pin(self.observe(probe))
    }

    fn serving<'a>(&'a self, what: &'a Ref) -> BoxFuture<'a, Result<Serving, Error>> {
        Box::pin(self.serving(what))
    }

    fn object<'a>(&'a self, what: &'a Ref) -> BoxFuture<'a, Result<Json, Error>> {
        Box::pin(async move {
            let (kind, at) = endpoint(what)?;
            self.get::<Json>(kind, &at).await.map(mask::masked)
        })
    }
}

/// The link as the screen holds it.
pub(super) fn connect(access: Access, clock: Clock, namespaces: Vec<String>) -> Arc<dyn Link> {
    Arc::new(Connection { access, clock, namespaces })
}
