//! The revisions of an InferenceService and the traffic of each: what its spec declares and what is in force.
//!
//! In Knative mode the status says what is in force. In Standard mode it does not (KServe 0.20 writes `trafficPercent:
//! 20` while nothing is split), so the weights of the HTTPRoutes are read.

use std::sync::Arc;

use crate::model::health::Health;
use crate::model::serving::Role;
use crate::model::value::Part;

use super::mode::Mode;
use super::source::Source;
use super::wire::{Component, HttpRoute, InferenceService};

/// What is known of the routes of an InferenceService in Standard mode.
#[derive(Debug, Clone, Copy)]
pub(super) enum Routes<'a> {
    /// The cluster has no Gateway API: KServe makes an Ingress, which splits nothing.
    None,
    /// They can't be read.
    Unknown,
    /// Those of its namespace with its name: `<isvc>` and `<isvc>-predictor`.
    Known(&'a [&'a HttpRoute]),
}

/// One revision.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Revision {
    /// Unique in its namespace: the Knative revision, or the Deployment in Standard mode.
    pub(super) name: String,
    /// Short name: `00003`, the canary's name, `stable`.
    pub(super) label: String,
    /// What it is to the customers.
    pub(super) role: Role,
    /// The share that the spec asks for, in percent; `None` for a revision that the spec says nothing of.
    pub(super) declared: Option<f64>,
    /// The share in force, where known.
    pub(super) effective: Option<f64>,
    /// How well it is, as far as the InferenceService says.
    pub(super) health: Health,
    /// The word for it.
    pub(super) word: &'static str,
    /// What it serves, where the spec still says it.
    pub(super) model: String,
}

impl Revision {
    fn part(&self, percent: f64) -> Part {
        Part { label: Arc::from(&*self.label), percent, health: self.health }
    }

    /// A label selector that finds its pods.
    pub(super) fn selector(&self, mode: Mode) -> String {
        match mode {
            Mode::Knative => format!("serving.knative.dev/revision={}", self.name),
            Mode::Standard | Mode::ModelMesh => format!("app=isvc.{}", self.name),
        }
    }
}

/// The revisions of `service`, the stable one first.
pub(super) fn revisions(service: &InferenceService, mode: Mode, routes: Routes<'_>) -> Vec<Revision> {
    match mode {
        Mode::Knative => knative(service),
        Mode::Standard => standard(service, routes),
        Mode::ModelMesh => Vec::new(),
    }
}

/// The shares in force; empty where they aren't known.
pub(super) fn effective(revisions: &[Revision]) -> Arc<[Part]> {
    let shown =
        revisions.iter().filter(|it| it.effective.is_some_and(|percent| percent > 0.0) || it.role == Role::Canary);
    shown.filter_map(|revision| revision.effective.map(|percent| revision.part(percent))).collect()
}

/// The shares that the spec asks for.
pub(super) fn declared(revisions: &[Revision]) -> Arc<[Part]> {
    revisions.iter().filter_map(|revision| revision.declared.map(|percent| revision.part(percent))).collect()
}

/// Whether what is in force is known and is not what the spec asks for.
pub(super) fn differs(revisions: &[Revision]) -> bool {
    revisions.iter().any(|it| match (it.declared, it.effective) {
        (Some(declared), Some(effective)) => (declared - effective).abs() > 0.5,
        _ => false,
    })
}

/// The status of a component; an empty one where there is none.
pub(super) fn component<'a>(service: &'a InferenceService, name: &str) -> Option<&'a Component> {
    service.status.as_ref().and_then(|status| status.components.get(name))
}

/// Sums the traffic of a revision: tags and splits of 0 and 100 name one revision several times.
fn in_force(predictor: &Component, revision: &str) -> f64 {
    let of_it = predictor.traffic.iter().filter(|entry| {
        entry.revision_name == *revision
            || (entry.revision_name.is_empty() && entry.latest_revision && predictor.latest_ready_revision == *revision)
    });
    of_it.map(|entry| entry.percent.unwrap_or(0) as f64).fold(0.0, |sum, share| sum + share)
}

fn knative(service: &InferenceService) -> Vec<Revision> {
    let Some(predictor) = component(service, "predictor") else {
        return Vec::new();
    };
    let percent = service.spec.predictor.canary_traffic_percent.map(|percent| percent as f64);
    let (latest, stable) = (&*predictor.latest_ready_revision, &*predictor.latest_rolledout_revision);
    let mut names: Vec<&str> = Vec::new();
    let traffic = predictor.traffic.iter().rev().map(|entry| &*entry.revision_name);
    for name in [stable].into_iter().chain(traffic).chain([latest, &*predictor.latest_created_revision]) {
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    let stuck = failed(service);
    let mut all: Vec<Revision> = names
        .iter()
        .map(|name| {
            let share = in_force(predictor, name);
            let newest = predictor.latest_created_revision == **name;
            let waiting = newest && predictor.latest_ready_revision != **name;
            let (health, word) = match (waiting, stuck, share > 0.0) {
                (true, true, _) => (Health::Bad, "failing"),
                (true, false, _) => (Health::Busy, "starting"),
                (false, _, true) => (Health::Good, "ready"),
                (false, _, false) => (Health::Idle, "ready"),
            };
            Revision {
                name: (*name).to_owned(),
                label: short_name(service, name),
                role: if *name == stable || stable.is_empty() && *name == latest { Role::Stable } else { Role::Old },
                declared: Some(asked(percent, name, (latest, stable))),
                effective: (!predictor.traffic.is_empty()).then_some(share),
                health,
                word,
                model: if newest { Source::of(&service.spec.predictor).model } else { String::new() },
            }
        })
        .collect();
    mark_canary(&mut all, predictor);
    all.sort_by_key(|it| (it.role == Role::Old, it.role == Role::Canary));
    all
}

/// What the controller makes of `canaryTrafficPercent`: it counts only while an older revision was rolled out.
fn asked(percent: Option<f64>, name: &str, (latest, stable): (&str, &str)) -> f64 {
    let split = percent.filter(|_| !stable.is_empty() && stable != latest);
    match split {
        Some(percent) if name == latest => percent,
        Some(percent) if name == stable => 100.0 - percent,
        None if name == latest => 100.0,
        _ => 0.0,
    }
}

/// The newest revision is the canary unless it is the one that was rolled out.
fn mark_canary(all: &mut [Revision], predictor: &Component) {
    if all.len() < 2 {
        return all.iter_mut().for_each(|it| it.role = Role::Stable);
    }
    let ready = &*predictor.latest_ready_revision;
    let rolled = &*predictor.latest_rolledout_revision;
    let canary = if ready != rolled && !ready.is_empty() { ready } else { &*predictor.latest_created_revision };
    for revision in all {
        if revision.role != Role::Stable && revision.name == canary {
            revision.role = Role::Canary;
        }
    }
}

/// Whether the newest model failed to load, as far as the status says.
pub(super) fn failed(service: &InferenceService) -> bool {
    service.status.as_ref().is_some_and(|status| {
        status.model_status.transition_status == "BlockedByFailedLoad"
            || status.model_status.states.target_model_state == "FailedToLoad"
            || super::wire::condition(&status.conditions, "LatestDeploymentReady")
                .is_some_and(super::wire::Condition::is_false)
    })
}

/// Whether the controller can't act on the spec.
fn invalid(service: &InferenceService) -> bool {
    service.status.as_ref().is_some_and(|status| status.model_status.transition_status == "InvalidSpec")
}

/// `fraud-detection-predictor-00003` is `00003` to a reader who sees the endpoint's name beside it.
pub(super) fn short_name(service: &InferenceService, revision: &str) -> String {
    let start = format!("{}-predictor-", service.metadata.name);
    let rest = revision.strip_prefix(&start).unwrap_or(revision);
    rest.strip_prefix("default-").unwrap_or(rest).to_owned()
}

/// The Deployment and Service of a predictor in Standard mode.
pub(super) fn deployment(service: &InferenceService, predictor_name: &str) -> String {
    match predictor_name {
        "" => format!("{}-predictor", service.metadata.name),
        name => format!("{}-{name}-predictor", service.metadata.name),
    }
}

fn standard(service: &InferenceService, routes: Routes<'_>) -> Vec<Revision> {
    let spec = &service.spec;
    let ready = |name: &str| {
        let status = service.status.as_ref()?;
        status.canary_statuses.iter().find(|it| it.name == *name).map(|it| it.ready)
    };
    let stable = deployment(service, &spec.predictor.name);
    let predictor = service
        .status
        .as_ref()
        .and_then(|status| super::wire::condition(&status.conditions, "PredictorReady"))
        .map(|it| (it.is_true(), it.is_false()));
    let (health, word) = match predictor {
        Some((true, _)) => (Health::Good, "ready"),
        Some((_, true)) => (Health::Warn, "not ready"),
        Some(_) if invalid(service) => (Health::Bad, "not made"),
        Some(_) | None => (Health::Busy, "starting"),
    };
    let mut all = vec![Revision {
        label: if spec.predictor.name.is_empty() { "stable".into() } else { spec.predictor.name.to_string() },
        role: Role::Stable,
        declared: Some(100.0 - spec.canary.iter().map(|it| it.traffic_percent as f64).fold(0.0, |a, b| a + b)),
        effective: None,
        health,
        word,
        model: Source::of(&spec.predictor).model,
        name: stable,
    }];
    all.extend(spec.canary.iter().map(|canary| {
        let (health, word) = match ready(&canary.predictor.name) {
            Some(true) => (Health::Good, "ready"),
            Some(false) => (Health::Warn, "not ready"),
            None => (Health::Busy, "starting"),
        };
        Revision {
            name: deployment(service, &canary.predictor.name),
            label: canary.predictor.name.to_string(),
            role: Role::Canary,
            declared: Some(canary.traffic_percent as f64),
            effective: None,
            health,
            word,
            model: Source::of_canary(&canary.predictor, &spec.predictor).model,
        }
    }));
    let served = service.status.as_ref().is_some_and(|status| !status.url.is_empty() || !status.address.url.is_empty());
    if served {
        weigh(&mut all, routes);
    }
    all
}

/// Fills in the shares in force from the weights of the routes.
fn weigh(all: &mut [Revision], routes: Routes<'_>) {
    let everything_to_stable = |all: &mut [Revision]| {
        for revision in all {
            revision.effective = Some(if revision.role == Role::Stable { 100.0 } else { 0.0 });
        }
    };
    match routes {
        Routes::None => everything_to_stable(all),
        // without a canary there is nothing to split, whatever the routes are
        Routes::Unknown if all.len() == 1 => everything_to_stable(all),
        Routes::Unknown => {}
        Routes::Known(routes) => {
            let rules = routes.iter().flat_map(|route| &route.spec.rules);
            let ours = |name: &str| all.iter().any(|revision| revision.name == name);
            // with a transformer, `<isvc>` leads to it and `<isvc>-predictor` carries the split
            let rule = rules.into_iter().find(|rule| rule.backend_refs.iter().any(|backend| ours(&backend.name)));
            let Some(rule) = rule else {
                if all.len() == 1 {
                    everything_to_stable(all);
                }
                return;
            };
            let weight = |name: Option<&str>| -> f64 {
                let of_it = rule.backend_refs.iter().filter(|it| name.is_none_or(|name| it.name == *name));
                of_it.map(|it| it.weight.unwrap_or(1).max(0) as f64).fold(0.0, |sum, share| sum + share)
            };
            let total = weight(None);
            for revision in all {
                let share = weight(Some(&revision.name));
                revision.effective = Some(if total > 0.0 { share / total * 100.0 } else { 0.0 });
            }
        }
    }
}
