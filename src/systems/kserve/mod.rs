//! KServe: InferenceServices, InferenceGraphs and LLMInferenceServices as endpoints, and the verbs of a canary.
//!
//! Everything that knows KServe's objects is here. The way to the cluster is [`super::kube`]'s; pods, logs and events
//! as such belong to [`super::kubernetes`].

mod board;
mod detail;
mod feed;
mod fresh;
mod link;
mod mask;
mod mode;
mod ops;
mod owner;
mod panes;
mod plans;
mod revisions;
mod rows;
mod source;
#[cfg(test)]
mod tests;
mod ways;
mod why;
mod wire;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Deserialize;

use crate::model::health::Error;
use crate::model::id::{PaneId, SystemId};
use crate::model::verb::{Pane, View};

use super::{Cx, Link, Settings, System};

/// The system's name.
const KSERVE: &str = "kserve";
/// The right that the verbs need.
const PATCH: &str = "patch inferenceservices";
/// Name and value of what matters of an endpoint.
const FACTS: PaneId = PaneId("endpoint_facts");
/// Its revisions.
const REVISIONS: PaneId = PaneId("revisions");
/// Its conditions.
const CONDITIONS: PaneId = PaneId("conditions");
/// Its pods.
const PODS: PaneId = PaneId("endpoint_pods");

/// KServe.
#[derive(Debug, Clone, Copy, Default)]
pub struct KServe;

/// The section `[kserve]` of the config file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Section {
    /// Where to look, instead of the profile's namespaces.
    namespaces: Vec<String>,
}

fn section(settings: &Settings) -> Result<Section, Error> {
    Section::deserialize(toml::Value::Table(settings.table.clone())).map_err(|error| {
        let file = settings.file.as_ref().map_or(String::new(), |file| format!("{}: ", file.display()));
        Error::Config { what: format!("{file}[{KSERVE}]: {}", error.message()) }
    })
}

impl System for KServe {
    fn id(&self) -> SystemId {
        SystemId(KSERVE)
    }

    fn lamp(&self) -> &'static str {
        "K8S"
    }

    fn title(&self) -> &'static str {
        "KServe"
    }

    fn panes(&self) -> &'static [Pane] {
        &panes::PANES
    }

    fn views(&self) -> &'static [View] {
        &panes::VIEWS
    }

    fn check(&self, settings: &Settings) -> Result<(), Error> {
        section(settings).map(|_| ())
    }

    fn connect<'a>(&'a self, settings: &'a Settings, cx: &'a Cx) -> BoxFuture<'a, Result<Arc<dyn Link>, Error>> {
        Box::pin(async move {
            let section = section(settings)?;
            Ok(link::connect(cx.kube.clone(), cx.clock.clone(), cx.namespaces(section.namespaces)))
        })
    }
}
