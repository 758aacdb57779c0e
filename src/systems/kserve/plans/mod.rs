//! Plans for the canary of an InferenceService, in the dialect that its mode really obeys. Pure: what was read comes in,
//! a plan, a question or a refusal goes out.

mod knative;
mod parts;
mod standard;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value as Json;

use crate::model::health::Error;
use crate::model::id::Ref;
use crate::model::plan::{Plan, Planned, Question, Step, Target};
use crate::model::serving::Role;
use crate::model::verb::Risk;

use super::board::{Board, Name, Reach};
use super::mode::Mode;
use super::owner::manager;
use super::revisions::Revision;
use super::rows::{ENDPOINTS, Kind};
use super::why::DISABLE_AUTO_UPDATE;
use super::wire::InferenceService;

/// What can be done to a canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    /// Give it another share of the traffic.
    Canary,
    /// Make it the stable one.
    Promote,
    /// Take its traffic, or that of what was promoted last.
    Rollback,
}

impl Verb {
    /// The verb with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "canary" => Some(Self::Canary),
            "promote" => Some(Self::Promote),
            "rollback" => Some(Self::Rollback),
            _ => None,
        }
    }

    /// Its name.
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Canary => "canary",
            Self::Promote => "promote",
            Self::Rollback => "rollback",
        }
    }
}

/// An InferenceService as it was read for a plan.
pub(super) struct Subject {
    /// The object, whole.
    pub(super) raw: Json,
    /// The same, as far as it is understood.
    pub(super) service: InferenceService,
    /// The mode that it obeys.
    pub(super) mode: Mode,
    /// Its revisions.
    pub(super) revisions: Vec<Revision>,
    /// What is known of the routes.
    pub(super) routes: Reach,
    /// Its ready pods by revision.
    pub(super) pods: BTreeMap<String, usize>,
    /// When it was read.
    pub(super) at: DateTime<Utc>,
}

impl Subject {
    /// The subject in a board that holds it.
    pub(super) fn of(board: &Board, raw: Json, at: DateTime<Utc>) -> Option<Self> {
        let service: InferenceService = serde_json::from_value(raw.clone()).ok()?;
        let name: Name = (service.metadata.namespace.to_string(), service.metadata.name.to_string());
        let mode = board.mode(&service);
        let revisions = board.revisions(&service);
        let pods = board.pods(&name);
        let count = |revision: &Revision| {
            let own = pods.iter().filter(|pod| super::detail::belongs(pod, revision, mode));
            own.filter(|pod| super::why::pod_ready(pod)).count()
        };
        let pods = revisions.iter().map(|revision| (revision.name.clone(), count(revision))).collect();
        Some(Self { raw, service, mode, revisions, routes: board.routes_reach, pods, at })
    }

    pub(super) fn name(&self) -> &str {
        &self.service.metadata.name
    }

    pub(super) fn namespace(&self) -> &str {
        &self.service.metadata.namespace
    }

    /// The row in the pane of endpoints.
    pub(super) fn object(&self) -> Ref {
        Ref { pane: ENDPOINTS, key: Kind::Service.key(self.namespace(), self.name()) }
    }

    /// The first revision with this role.
    pub(super) fn with_role(&self, role: Role) -> Option<&Revision> {
        self.revisions.iter().find(|revision| revision.role == role)
    }
}

/// What one subject gives.
#[derive(Debug)]
pub(super) enum Draft {
    /// This has to be known first.
    Ask(Question),
    /// These steps.
    Steps {
        /// What is done, as a sentence.
        title: String,
        /// What is done, in order.
        steps: Vec<Step>,
        /// What speaks against it.
        warnings: Vec<String>,
        /// What is affected.
        touches: String,
    },
}

/// A refusal with its reason.
pub(super) fn refuse<T>(why: impl Into<String>) -> Result<T, Error> {
    Err(Error::Refused { why: why.into() })
}

/// The plan for one InferenceService.
pub(super) fn draft(verb: Verb, subject: &Subject, answers: &BTreeMap<String, String>) -> Result<Draft, Error> {
    let metadata = &subject.service.metadata;
    let name = subject.name();
    if metadata.deletion_timestamp.is_some() {
        return refuse(format!("{name} is being deleted"));
    }
    let conditions = subject.service.status.as_ref().map_or(&[][..], |status| &status.conditions);
    if super::why::stopped(metadata, conditions) {
        return refuse(format!("{name} is stopped: nothing serves, so there is no traffic to move"));
    }
    if metadata.annotation(DISABLE_AUTO_UPDATE) == "true" {
        return refuse(format!("{name} has {DISABLE_AUTO_UPDATE}: its controller would ignore the change"));
    }
    let mut draft = match subject.mode {
        Mode::Knative => knative::draft(verb, subject, answers),
        Mode::Standard => standard::draft(verb, subject, answers),
        Mode::ModelMesh => refuse("ModelMesh splits no traffic between revisions"),
    }?;
    if let (Draft::Steps { warnings, .. }, Some(manager)) = (&mut draft, manager(Kind::Service, metadata)) {
        warnings.insert(0, manager.warning);
    }
    Ok(draft)
}

/// The share that was answered, or the question for it.
fn asked_percent(answers: &BTreeMap<String, String>, whom: &str, now: f64) -> Result<Result<u8, Question>, Error> {
    if let Some(answer) = answers.get("percent") {
        let number = answer.trim().trim_end_matches('%').trim();
        return match number.parse::<u8>() {
            Ok(percent) if percent <= 100 => Ok(Ok(percent)),
            _ => refuse(format!("{answer:?} is no percentage: a whole number from 0 to 100 is")),
        };
    }
    let steps = [0_u8, 5, 10, 25, 50, 100];
    let next = steps.into_iter().find(|step| f64::from(*step) > now).unwrap_or(100);
    let meaning = |step: u8| match step {
        0 => "take its traffic away".to_owned(),
        100 => "everything".to_owned(),
        _ if (f64::from(step) - now).abs() < 0.5 => "as it is now".to_owned(),
        _ => String::new(),
    };
    Ok(Err(Question {
        id: "percent".into(),
        prompt: format!("What share of the traffic goes to {whom}, in percent? Now it is {now:.0}"),
        default: next.to_string(),
        choices: steps.into_iter().map(|step| (step.to_string(), meaning(step))).collect(),
    }))
}

/// Puts the drafts of several subjects together to one plan.
pub(super) fn plan(verb: Verb, subjects: &[Subject], answers: &BTreeMap<String, String>) -> Result<Planned, Error> {
    let (mut titles, mut steps, mut warnings, mut touches) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for subject in subjects {
        match draft(verb, subject, answers)? {
            Draft::Ask(question) => return Ok(Planned::Ask(question)),
            Draft::Steps { title, steps: more, warnings: against, touches: affected } => {
                titles.push(title);
                steps.extend(more);
                warnings.extend(against.into_iter().filter(|warning| !warnings.contains(warning)).collect::<Vec<_>>());
                touches.push(affected);
            }
        }
    }
    let title = match titles.as_slice() {
        [] => return refuse("nothing is chosen"),
        [one] => one.clone(),
        [first, rest @ ..] => format!("{first}, and {} more", rest.len()),
    };
    let target = |subject: &Subject| Target {
        object: subject.object(),
        title: format!("InferenceService {}/{}", subject.namespace(), subject.name()),
        seen: Some(subject.service.metadata.resource_version.to_string()),
    };
    Ok(Planned::Plan(Box::new(Plan {
        // given when the plan is confirmed
        id: String::new(),
        verb: verb.id().into(),
        title,
        name: subjects.first().map_or(String::new(), |subject| subject.name().to_owned()),
        risk: Risk::Medium,
        targets: subjects.iter().map(target).collect(),
        steps,
        warnings,
        touches,
    })))
}
