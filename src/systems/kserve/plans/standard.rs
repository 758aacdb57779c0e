//! Standard mode: `spec.canary[]`, since KServe 0.20; `canaryTrafficPercent` is ignored here.
//!
//! Whether the list splits any traffic depends on version and gateway and can't be seen in the status, so what is in
//! force is read from the HTTPRoutes.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::model::health::{Error, Health};
use crate::model::plan::{Question, Step};
use crate::model::serving::Role;

use super::super::board::Reach;
use super::super::mode::Mode;
use super::super::ops::PatchForm;
use super::super::revisions::Revision;
use super::parts::Change;
use super::{Draft, Subject, Verb, asked_percent, refuse};

/// The canary that is meant.
struct Chosen<'a> {
    subject: &'a Subject,
    /// Its place in `spec.canary`.
    at: usize,
    revision: &'a Revision,
    stable: &'a Revision,
    percent: i64,
}

/// The plan for an InferenceService in Standard mode.
pub(super) fn draft(verb: Verb, subject: &Subject, answers: &BTreeMap<String, String>) -> Result<Draft, Error> {
    if subject.service.spec.canary.is_empty() {
        return refuse(no_canary(verb, subject));
    }
    if verb == Verb::Rollback {
        return rollback(subject);
    }
    let chosen = match choose(subject, answers)? {
        Ok(chosen) => chosen,
        Err(question) => return Ok(Draft::Ask(question)),
    };
    if verb == Verb::Canary { canary(&chosen, answers) } else { promote(&chosen) }
}

fn no_canary(verb: Verb, subject: &Subject) -> String {
    let name = subject.name();
    if subject.service.spec.predictor.canary_traffic_percent.is_some() {
        return format!(
            "Standard mode ignores canaryTrafficPercent: all traffic of {name} goes to the newest model. A canary here is \
             an entry in spec.canary (KServe 0.20 with a Gateway)"
        );
    }
    match verb {
        Verb::Rollback => format!(
            "Standard mode keeps no earlier revision of {name} to go back to: restore the earlier model's storageUri in \
             its spec (in Git, if that is where it comes from)"
        ),
        Verb::Canary | Verb::Promote => {
            format!(
                "{name} has no canary: in Standard mode one is an entry in spec.canary (KServe 0.20 with a Gateway)"
            )
        }
    }
}

fn choose<'a>(subject: &'a Subject, answers: &BTreeMap<String, String>) -> Result<Result<Chosen<'a>, Question>, Error> {
    let canaries = &subject.service.spec.canary;
    let names: Vec<&str> = canaries.iter().map(|canary| &*canary.predictor.name).collect();
    let at = match (names.as_slice(), answers.get("which")) {
        ([_], None) => 0,
        (_, Some(which)) => match names.iter().position(|name| name == which) {
            Some(at) => at,
            None => return refuse(format!("{} has no canary {which}: it has {}", subject.name(), names.join(", "))),
        },
        (_, None) => {
            return Ok(Err(Question {
                id: "which".into(),
                prompt: format!("Which canary of {}?", subject.name()),
                default: names.first().map_or(String::new(), |name| (*name).to_owned()),
                choices: names.iter().map(|name| ((*name).to_owned(), String::new())).collect(),
            }));
        }
    };
    let mut found = subject.revisions.iter().filter(|revision| revision.role == Role::Canary);
    match (canaries.get(at), found.nth(at), subject.with_role(Role::Stable)) {
        (Some(canary), Some(revision), Some(stable)) => {
            Ok(Ok(Chosen { subject, at, revision, stable, percent: canary.traffic_percent }))
        }
        _ => refuse(format!("{}: its canaries can't be told apart", subject.name())),
    }
}

impl Chosen<'_> {
    fn path(&self, rest: &str) -> String {
        format!("/spec/canary/{}/{rest}", self.at)
    }

    /// The shares in force now, as far as they are known.
    fn now(&self) -> Vec<(String, f64)> {
        let known = self.subject.revisions.iter();
        known.filter_map(|revision| revision.effective.map(|share| (revision.name.clone(), share))).collect()
    }

    /// The shares after this canary gets `percent`.
    fn shares(&self, percent: f64) -> Vec<(String, f64)> {
        let others: f64 = self
            .subject
            .revisions
            .iter()
            .filter(|it| it.role == Role::Canary && it.name != self.revision.name)
            .filter_map(|it| it.effective)
            .sum();
        vec![(self.stable.name.clone(), 100.0 - percent - others), (self.revision.name.clone(), percent)]
    }

    /// Whether the declared share is in force: whether anything splits the traffic.
    fn is_split(&self) -> bool {
        self.revision.effective.is_some_and(|share| share > 0.0) || self.percent == 0
    }

    /// Why another share would not reach anybody.
    fn obstacle(&self) -> Option<String> {
        let (label, name) = (&self.revision.label, self.subject.name());
        if self.revision.health != Health::Good {
            return Some(format!(
                "canary {label} is not ready, so it gets no traffic whatever its share: look at its pods first"
            ));
        }
        match self.subject.routes {
            Reach::Absent => Some(format!(
                "nothing splits the traffic of {name}: this cluster has no Gateway API, and an Ingress knows no weights"
            )),
            Reach::Unknown => Some(format!(
                "whether anything splits the traffic of {name} can't be told: its HTTPRoutes can't be read"
            )),
            Reach::Known if !self.is_split() => Some(format!(
                "nothing splits the traffic of {name}: {} % is declared for {label}, but its HTTPRoute leads to {} alone \
                 (KServe 0.20.0 routes no canary, later versions do with a Gateway)",
                self.percent, self.stable.name
            )),
            Reach::Known => None,
        }
    }

    fn selector(&self) -> String {
        self.revision.selector(Mode::Standard)
    }

    /// The change of this canary's share, by a patch that touches nothing else.
    fn raise(&self, percent: i64, more: Vec<Json>, more_back: Vec<Json>) -> (Json, Json) {
        let test = json!({"op": "test", "path": self.path("predictor/name"), "value": self.revision.label});
        let set = |value: i64| json!({"op": "replace", "path": self.path("trafficPercent"), "value": value});
        let list =
            |value: i64, more: Vec<Json>| Json::Array([test.clone(), set(value)].into_iter().chain(more).collect());
        (list(percent, more), list(self.percent, more_back))
    }

    /// What is shown of a change of this canary's share.
    fn shows(&self, percent: i64) -> Vec<(String, Json, Json)> {
        vec![(format!("spec.canary {} trafficPercent", self.revision.label), json!(self.percent), json!(percent))]
    }

    /// What stands where while this canary has `percent`.
    fn at_share(&self, percent: i64) -> Vec<(String, Json)> {
        let name = json!(self.revision.label);
        vec![(self.path("predictor/name"), name), (self.path("trafficPercent"), json!(percent))]
    }

    /// `spec.canary` with this canary at `percent`.
    fn list_with(&self, percent: i64, min_replicas: Option<i64>) -> Json {
        let mut list = raw(self.subject, "/spec/canary");
        if let Some(entry) = list.get_mut(self.at) {
            if let Some(entry) = entry.as_object_mut() {
                entry.insert("trafficPercent".into(), percent.into());
            }
            if let (Some(min), Some(predictor)) =
                (min_replicas, entry.get_mut("predictor").and_then(Json::as_object_mut))
            {
                predictor.insert("minReplicas".into(), min.into());
            }
        }
        list
    }

    fn pods(&self) -> usize {
        self.subject.pods.values().sum()
    }
}

fn raw(subject: &Subject, pointer: &str) -> Json {
    subject.raw.pointer(pointer).cloned().unwrap_or(Json::Null)
}

fn canary(chosen: &Chosen<'_>, answers: &BTreeMap<String, String>) -> Result<Draft, Error> {
    if let Some(obstacle) = chosen.obstacle() {
        return refuse(obstacle);
    }
    let (name, label) = (chosen.subject.name(), &chosen.revision.label);
    let percent = match asked_percent(answers, label, chosen.percent as f64)? {
        Ok(percent) => i64::from(percent),
        Err(question) => return Ok(Draft::Ask(question)),
    };
    if percent == chosen.percent {
        return refuse(format!("{label} is at {percent} % already"));
    }
    let others: i64 =
        chosen.subject.service.spec.canary.iter().map(|it| it.traffic_percent).sum::<i64>() - chosen.percent;
    if percent + others > 100 {
        return refuse(format!(
            "the other canaries of {name} have {others} %: {label} can get {} % at most",
            100 - others
        ));
    }
    let (patch, back) = chosen.raise(percent, Vec::new(), Vec::new());
    let change = Change {
        subject: chosen.subject,
        form: PatchForm::Json,
        patch,
        back: (PatchForm::Json, back),
        shows: chosen.shows(percent),
        before: chosen.at_share(chosen.percent),
        after: chosen.at_share(percent),
        first: true,
        shares: chosen.shares(percent as f64),
        shares_back: chosen.now(),
        pods: vec![(label.clone(), chosen.selector(), 1)],
    };
    let mut warnings = Vec::new();
    if chosen.subject.service.spec.canary.get(chosen.at).is_some_and(|it| it.predictor.min_replicas.is_none()) {
        warnings.push(format!("{label} gets pods by its share, and the stable pods become fewer by as many at once"));
    }
    Ok(Draft::Steps {
        title: format!("Give {percent} % of the traffic of {name} to {label}"),
        touches: format!("1 service, {} pods: {label} {} → {percent} %", chosen.pods(), chosen.percent),
        steps: vec![change.step()],
        warnings,
    })
}

fn rollback(subject: &Subject) -> Result<Draft, Error> {
    let Some(stable) = subject.with_role(Role::Stable) else {
        return refuse(format!("{} has no stable predictor", subject.name()));
    };
    let canaries: Vec<&Revision> = subject.revisions.iter().filter(|it| it.role == Role::Canary).collect();
    let labels: Vec<&str> = canaries.iter().map(|it| it.label.as_str()).collect();
    let before = raw(subject, "/spec/canary");
    let known = subject.routes != Reach::Unknown;
    let gone = canaries.iter().map(|it| (it.name.clone(), 0.0));
    let shares = [(stable.name.clone(), 100.0)].into_iter().chain(gone).filter(|_| known).collect();
    let change = Change {
        subject,
        form: PatchForm::Merge,
        patch: json!({"spec": {"canary": []}}),
        back: (PatchForm::Merge, json!({"spec": {"canary": before}})),
        shows: vec![("spec.canary".into(), json!(labels), json!([]))],
        before: vec![("/spec/canary".into(), before)],
        after: vec![("/spec/canary".into(), json!([]))],
        first: true,
        shares,
        // whether it gets its share again depends on its pods
        shares_back: Vec::new(),
        pods: vec![(stable.label.clone(), stable.selector(Mode::Standard), 1)],
    };
    let name = subject.name();
    let mut warnings = vec!["KServe leaves the canary's HorizontalPodAutoscaler behind (a known fault)".to_owned()];
    if canaries.len() > 1 {
        warnings.push(format!("all canaries go: {}", labels.join(", ")));
    }
    Ok(Draft::Steps {
        title: format!("Roll back the canary of {name}: {} gets everything", stable.label),
        touches: format!(
            "1 service, the pods of {} are ended: {}",
            labels.join(", "),
            subject.pods.values().sum::<usize>()
        ),
        steps: vec![change.step()],
        warnings,
    })
}

fn promote(chosen: &Chosen<'_>) -> Result<Draft, Error> {
    let (subject, label, name) = (chosen.subject, &chosen.revision.label, chosen.subject.name());
    if subject.service.spec.canary.len() > 1 {
        return refuse(format!(
            "{name} has {} canaries: roll back the others first",
            subject.service.spec.canary.len()
        ));
    }
    if chosen.revision.health != Health::Good {
        return refuse(format!("canary {label} is not ready: promoting it would take the pods away that serve"));
    }
    let service = &chosen.stable.name;
    let mut warnings = vec![format!(
        "the Service {service} goes, {} takes its place: callers inside the cluster that use the old name break",
        chosen.revision.name
    )];
    if chosen.obstacle().is_some() {
        warnings.push(format!("{label} has had no traffic: nothing splits it, so nothing was tried"));
    }
    Ok(Draft::Steps {
        title: format!("Promote {label} of {name}"),
        touches: format!("1 service, {} pods: {label} becomes the stable predictor", chosen.pods()),
        steps: vec![prepare(chosen), take_over(chosen)],
        warnings,
    })
}

/// Gives the canary everything, and as many pods as the stable predictor: the promotion itself deletes the old pods at
/// once and keeps the canary's count until its autoscaler acts.
fn prepare(chosen: &Chosen<'_>) -> Step {
    let min = chosen.subject.service.spec.predictor.min_replicas.unwrap_or(1).max(1);
    let place = chosen.path("predictor/minReplicas");
    let before = chosen.subject.service.spec.canary.get(chosen.at).and_then(|it| it.predictor.min_replicas);
    let undo = match before {
        Some(count) => json!({"op": "replace", "path": place, "value": count}),
        None => json!({"op": "remove", "path": place}),
    };
    let (patch, back) = chosen.raise(100, vec![json!({"op": "add", "path": place, "value": min})], vec![undo]);
    let splits = chosen.obstacle().is_none();
    let change = Change {
        subject: chosen.subject,
        form: PatchForm::Json,
        patch,
        back: (PatchForm::Json, back),
        shows: chosen.shows(100),
        before: chosen.at_share(chosen.percent),
        after: chosen.at_share(100),
        first: true,
        shares: if splits { chosen.shares(100.0) } else { Vec::new() },
        shares_back: if splits { chosen.now() } else { Vec::new() },
        pods: vec![(chosen.revision.label.clone(), chosen.selector(), usize::try_from(min).unwrap_or(1))],
    };
    change.step()
}

/// Makes the canary's predictor the stable one.
fn take_over(chosen: &Chosen<'_>) -> Step {
    let subject = chosen.subject;
    let min = subject.service.spec.predictor.min_replicas.unwrap_or(1).max(1);
    let canary = subject.raw.pointer(&chosen.path("predictor")).cloned().unwrap_or(Json::Null);
    let mut over = canary;
    if let Some(over) = over.as_object_mut() {
        // the number of pods stays the stable predictor's
        over.remove("minReplicas");
    }
    let stable = raw(subject, "/spec/predictor");
    let (label, model) = (json!(chosen.revision.label), "model/storageUri");
    let uri = over.pointer(&format!("/{model}")).cloned();
    let with_uri = |place: String| uri.clone().map(|uri| (place, uri));
    let before = chosen.at_share(100).into_iter().chain(with_uri(chosen.path(&format!("predictor/{model}"))));
    let after = [("/spec/predictor/name".to_owned(), label.clone()), ("/spec/canary".to_owned(), json!([]))];
    let after = after.into_iter().chain(with_uri(format!("/spec/predictor/{model}")));
    let list = chosen.list_with(100, Some(min));
    let back = json!([
        {"op": "replace", "path": "/spec/predictor", "value": stable},
        {"op": "add", "path": "/spec/canary", "value": list},
    ]);
    let change = Change {
        subject,
        form: PatchForm::Merge,
        patch: json!({"spec": {"predictor": over, "canary": []}}),
        back: (PatchForm::Json, back),
        shows: vec![
            ("spec.predictor: the model".into(), json!(chosen.stable.model), json!(chosen.revision.model)),
            ("spec.canary".into(), json!([label]), json!([])),
        ],
        before: before.collect(),
        after: after.collect(),
        first: false,
        shares: if subject.routes == Reach::Unknown { Vec::new() } else { vec![(chosen.revision.name.clone(), 100.0)] },
        shares_back: Vec::new(),
        pods: vec![(chosen.revision.label.clone(), chosen.selector(), usize::try_from(min).unwrap_or(1))],
    };
    change.step()
}
