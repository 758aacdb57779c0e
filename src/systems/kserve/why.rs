//! Whether an endpoint is ready and, when it is not, why, as a sentence with the reason behind it.
//!
//! `Ready` alone says too little: it stays true while a new model fails, goes false for a second at each scale-up, and
//! is unknown for ever when the spec can't be reconciled.

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::health::Health;
use crate::model::serving::Role;
use crate::model::text::age;

use super::mode::Mode;
use super::revisions::{Revision, component, differs};
use super::wire::{Condition, Failure, InferenceService, Metadata, OtherStatus, Pod, ServiceStatus, condition};

/// How ready an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Verdict {
    /// How well it is.
    pub(super) health: Health,
    /// A word or two: `yes`, `yes, canary failing`, `no`, `stopped`.
    pub(super) word: &'static str,
    /// Why, as a sentence; empty when all is well.
    pub(super) why: String,
    /// Whether time alone changes it: then it has to be looked at again.
    pub(super) unsettled: bool,
}

impl Verdict {
    fn new(health: Health, word: &'static str, why: impl Into<String>) -> Self {
        Self { health, word, why: why.into(), unsettled: false }
    }

    fn unsettled(mut self) -> Self {
        self.unsettled = true;
        self
    }
}

/// What the verdict on an InferenceService rests on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Evidence<'a> {
    /// The object.
    pub(super) service: &'a InferenceService,
    /// The mode that it obeys.
    pub(super) mode: Mode,
    /// Its revisions.
    pub(super) revisions: &'a [Revision],
    /// Its pods, where they are known.
    pub(super) pods: Option<&'a [&'a Pod]>,
    /// The time.
    pub(super) now: DateTime<Utc>,
}

/// How long conditions may be unknown before the spec counts as one that can't be reconciled.
const UNKNOWN_FOR: TimeDelta = TimeDelta::seconds(30);
/// How long pods may be missing while they are being made, before it counts as trouble.
const STARTING_FOR: TimeDelta = TimeDelta::seconds(600);
/// How long a larger scale-up may leave `Ready` false.
const SCALING_FOR: TimeDelta = TimeDelta::seconds(15);

/// The annotation that makes the controller leave a ready endpoint alone.
pub(super) const DISABLE_AUTO_UPDATE: &str = "serving.kserve.io/disable-auto-update";
/// The annotation that stops an endpoint.
pub(super) const STOP: &str = "serving.kserve.io/stop";

/// Whether an endpoint is ready, and why not.
pub(super) fn judge(evidence: Evidence<'_>) -> Verdict {
    let Evidence { service, now, .. } = evidence;
    if let Some(at) = service.metadata.deletion_timestamp {
        return Verdict::new(Health::Busy, "deleting", format!("being deleted for {}", age(now - at))).unsettled();
    }
    let Some(status) = service.status.as_ref().filter(|status| !status.conditions.is_empty()) else {
        return no_status(&service.metadata, now);
    };
    if stopped(&service.metadata, &status.conditions) {
        return Verdict::new(Health::Idle, "stopped", "stopped on purpose");
    }
    let mut verdict = match condition(&status.conditions, "Ready") {
        Some(ready) if ready.is_true() => while_ready(evidence, status),
        _ => not_ready(evidence, status),
    };
    if service.metadata.annotation(DISABLE_AUTO_UPDATE) == "true" {
        let note = "the controller ignores changes while it is ready (disable-auto-update)";
        verdict.why = if verdict.why.is_empty() { note.into() } else { format!("{}; {note}", verdict.why) };
    }
    verdict
}

/// Whether it was stopped by annotation and the controller has followed.
pub(super) fn stopped(metadata: &Metadata, conditions: &[Condition]) -> bool {
    // False is the healthy value of this one
    condition(conditions, "Stopped").is_some_and(Condition::is_true)
        || metadata.annotation(STOP) == "true" && !condition(conditions, "Ready").is_some_and(Condition::is_true)
}

fn no_status(metadata: &Metadata, now: DateTime<Utc>) -> Verdict {
    let since = metadata.creation_timestamp.map_or(TimeDelta::zero(), |at| now - at);
    let health = if since > TimeDelta::seconds(180) { Health::Warn } else { Health::Busy };
    let why = format!("the controller has written no status for {}", age(since));
    Verdict::new(health, "no status yet", why).unsettled()
}

fn while_ready(evidence: Evidence<'_>, status: &ServiceStatus) -> Verdict {
    let Evidence { service, mode, revisions, pods, .. } = evidence;
    if let Some(verdict) = pods.and_then(|pods| contradicted(pods, status)) {
        return verdict;
    }
    let trouble = match mode {
        Mode::Knative => ready_knative(service, status, revisions),
        Mode::Standard => ready_standard(service, status, revisions, pods),
        Mode::ModelMesh => None,
    };
    trouble.unwrap_or_else(|| Verdict::new(Health::Good, "yes", ""))
}

/// `Ready` is true by an old transition, and no pod is ready: believe the pods.
fn contradicted(pods: &[&Pod], status: &ServiceStatus) -> Option<Verdict> {
    let of_predictor: Vec<&&Pod> = pods.iter().filter(|pod| is_predictor(pod)).collect();
    let ready = of_predictor.iter().filter(|pod| pod_ready(pod)).count();
    let broken = of_predictor.iter().find_map(|pod| pod_failure(pod))?;
    // a revision that fails beside another that serves is told elsewhere
    (ready == 0 && !of_predictor.is_empty()).then(|| {
        let scaled = status.model_status.copies.total_copies.unwrap_or(0);
        let stale = if scaled > 0 { ", whatever its status says" } else { "" };
        let why = format!("Ready says the controller, but 0 of {} pods are ready{stale}: {broken}", of_predictor.len());
        Verdict::new(Health::Bad, "no pods", why)
    })
}

fn ready_knative(service: &InferenceService, status: &ServiceStatus, revisions: &[Revision]) -> Option<Verdict> {
    let predictor = component(service, "predictor")?;
    let newest = revisions.iter().find(|it| predictor.latest_created_revision == *it.name)?;
    if predictor.latest_created_revision == *predictor.latest_ready_revision {
        return None;
    }
    let canary = service.spec.predictor.canary_traffic_percent.is_some();
    if super::revisions::failed(service) {
        let word = if canary { "yes, canary failing" } else { "yes, new revision failing" };
        let cause = failure(status).unwrap_or_else(|| reason_of(status, "LatestDeploymentReady"));
        return Some(Verdict::new(Health::Warn, word, format!("{} does not get ready: {cause}", newest.label)));
    }
    Some(Verdict::new(Health::Busy, "rolling out", format!("{} is not ready yet; older ones serve", newest.label)))
}

fn ready_standard(
    service: &InferenceService,
    status: &ServiceStatus,
    revisions: &[Revision],
    pods: Option<&[&Pod]>,
) -> Option<Verdict> {
    let rolling =
        condition(&status.conditions, "PredictorReady").is_some_and(|it| it.reason == "MinimumReplicasAvailable");
    // `BlockedByFailedLoad` can stay for good after a roll back: it counts only while a roll-out is under way
    if rolling && status.model_status.transition_status == "BlockedByFailedLoad" {
        let cause = failure(status).unwrap_or_else(|| "it failed to load".into());
        return Some(Verdict::new(
            Health::Warn,
            "yes, new model failing",
            format!("the new model does not load, the old pods go on serving: {cause}"),
        ));
    }
    if let Some(canary) = revisions.iter().find(|it| it.role == Role::Canary && it.health != Health::Good) {
        let broken = pods.and_then(|pods| {
            let app = format!("isvc.{}", canary.name);
            pods.iter().filter(|pod| pod.metadata.label("app") == app).find_map(|pod| pod_failure(pod))
        });
        return Some(match (broken, canary.health) {
            (Some(cause), _) => Verdict::new(
                Health::Warn,
                "yes, canary failing",
                format!("canary {} does not get ready: {cause}", canary.label),
            ),
            (None, Health::Busy) => {
                Verdict::new(Health::Busy, "yes, canary starting", format!("canary {} is being made", canary.label))
            }
            (None, _) => Verdict::new(
                Health::Warn,
                "yes, canary not ready",
                format!("canary {} is not ready and gets no traffic (its pods say why)", canary.label),
            ),
        });
    }
    let idle =
        revisions.iter().find(|it| it.role == Role::Canary && it.effective == Some(0.0) && it.declared > Some(0.0));
    if let Some(canary) = idle {
        let share = canary.declared.unwrap_or(0.0);
        let why = format!(
            "{share:.0} % is declared for canary {}, but nothing splits the traffic: it gets none",
            canary.label
        );
        return Some(Verdict::new(Health::Warn, "yes, canary unrouted", why));
    }
    if let Some(percent) = service.spec.predictor.canary_traffic_percent {
        let why =
            format!("canaryTrafficPercent {percent} has no effect in Standard mode: all traffic goes to the new model");
        return Some(Verdict::new(Health::Warn, "yes, canary ignored", why));
    }
    if rolling {
        return Some(Verdict::new(Health::Busy, "rolling out", "new pods replace the old ones, which go on serving"));
    }
    differs(revisions)
        .then(|| Verdict::new(Health::Warn, "yes, split differs", "the traffic in force is not what is declared"))
}

fn not_ready(evidence: Evidence<'_>, status: &ServiceStatus) -> Verdict {
    let Evidence { service, mode, now, pods, .. } = evidence;
    if status.model_status.transition_status == "InvalidSpec" {
        return Verdict::new(Health::Bad, "no", invalid(service, status));
    }
    if status.conditions.iter().all(|it| !it.is_true() && !it.is_false()) && status.observed_generation.is_none() {
        return unknown(service, mode, (since(&status.conditions, now), pods));
    }
    if let Some(failed) = status.conditions.iter().find(|it| it.reason == "ReconcileFailed" && it.is_false()) {
        return Verdict::new(
            Health::Bad,
            "no",
            format!("it can't be set up: {} (ReconcileFailed)", sentence(&failed.message)),
        );
    }
    if super::revisions::failed(service) {
        let broken = || pods.and_then(|pods| pods.iter().find_map(|pod| pod_failure(pod)));
        let cause = failure(status).or_else(broken).unwrap_or_else(|| reason_of(status, "LatestDeploymentReady"));
        return Verdict::new(Health::Bad, "no", format!("the model does not load: {cause}"));
    }
    part_missing(evidence, status)
}

/// No condition was ever decided.
fn unknown(service: &InferenceService, mode: Mode, (for_long, pods): (TimeDelta, Option<&[&Pod]>)) -> Verdict {
    if for_long <= UNKNOWN_FOR {
        return Verdict::new(Health::Busy, "starting", "the controller has just begun with it").unsettled();
    }
    if let Some(broken) = pods.and_then(|pods| pods.iter().find_map(|pod| pod_failure(pod))) {
        return Verdict::new(Health::Bad, "no", format!("its pods do not get ready: {broken}"));
    }
    let or = if mode == Mode::Knative { ", or Knative is missing" } else { "" };
    let name = &service.metadata.name;
    let why = format!(
        "nothing has happened for {}: the controller can't act on this spec{or}; the events of {name} say why",
        age(for_long)
    );
    Verdict::new(Health::Bad, "no", why).unsettled()
}

fn since(conditions: &[Condition], now: DateTime<Utc>) -> TimeDelta {
    conditions.iter().filter_map(|it| it.last_transition_time).max().map_or(TimeDelta::zero(), |at| now - at)
}

/// A component or the way to it is missing.
fn part_missing(evidence: Evidence<'_>, status: &ServiceStatus) -> Verdict {
    let now = evidence.now;
    let undecided = |name: &str| condition(&status.conditions, name).filter(|it| !it.is_true());
    for part in ["Predictor", "Transformer", "Explainer"] {
        let Some(failed) = undecided(&format!("{part}Ready")) else { continue };
        if let Some(verdict) = pods_lost(evidence.pods).filter(|_| part == "Predictor") {
            return verdict;
        }
        let for_long = failed.last_transition_time.map_or(TimeDelta::zero(), |at| now - at);
        let what = part.to_lowercase();
        let copies = status.model_status.copies.total_copies.unwrap_or(0);
        let served = status.model_status.states.active_model_state == "Loaded" && copies > 0;
        if served && for_long <= SCALING_FOR {
            return Verdict::new(Health::Busy, "scaling", format!("more {what} pods are being made")).unsettled();
        }
        let loading = match &*status.model_status.states.target_model_state {
            "Loading" => "the model is being fetched",
            "Pending" => "its pods are starting",
            _ => "its pods are being made",
        };
        if status.model_status.transition_status != "BlockedByFailedLoad" && for_long <= STARTING_FOR {
            return Verdict::new(Health::Busy, "starting", format!("{loading} ({what}, for {})", age(for_long)))
                .unsettled();
        }
        return Verdict::new(Health::Bad, "no", format!("the {what} is not available: {}", told(failed)));
    }
    if let Some(ingress) = undecided("IngressReady") {
        let fresh = ingress.last_transition_time.is_some_and(|at| now - at <= UNKNOWN_FOR);
        let waits = fresh || matches!(&*ingress.reason, "ParentStatusNotAvailable");
        return if waits && fresh {
            Verdict::new(Health::Busy, "starting", "its pods are ready, its address is being set up").unsettled()
        } else {
            Verdict::new(Health::Bad, "no", format!("its pods are ready, but its address is not: {}", told(ingress)))
        };
    }
    let blamed = status.conditions.iter().find(|it| it.is_false() && it.severity != "Info" && it.r#type != *"Ready");
    let blamed = blamed.or_else(|| condition(&status.conditions, "Ready"));
    Verdict::new(Health::Bad, "no", blamed.map_or_else(|| "no condition says why".into(), told))
}

/// Pods are missing because their nodes died, not because they are being made.
fn pods_lost(pods: Option<&[&Pod]>) -> Option<Verdict> {
    let predictors: Vec<&&Pod> = pods?.iter().filter(|pod| is_predictor(pod)).collect();
    let lost = predictors.iter().find(|pod| has_lost_node(pod)).and_then(|pod| pod_failure(pod))?;
    let ready = predictors.iter().filter(|pod| pod_ready(pod)).count();
    let (health, word) = if ready == 0 { (Health::Bad, "no") } else { (Health::Warn, "yes, pods lost") };
    Some(Verdict::new(health, word, format!("{ready} of {} pods are ready: {lost}", predictors.len())))
}

/// What a condition says: its message, with the reason behind.
fn told(condition: &Condition) -> String {
    match (condition.message.is_empty(), condition.reason.is_empty()) {
        (false, false) => format!("{} ({})", sentence(&condition.message), condition.reason),
        (false, true) => sentence(&condition.message),
        (true, false) => condition.reason.to_string(),
        (true, true) => format!("{} is {}", condition.r#type, condition.status),
    }
}

fn reason_of(status: &ServiceStatus, name: &str) -> String {
    condition(&status.conditions, name).map_or_else(|| "no cause is given".into(), told)
}

/// A message as part of a sentence: without the full stop at its end.
fn sentence(message: &str) -> String {
    message.trim().trim_end_matches('.').to_owned()
}

/// What the last failure says: the last thing of a log or a traceback, with the exit status.
fn failure(status: &ServiceStatus) -> Option<String> {
    let info = status.model_status.last_failure_info.as_ref()?;
    let message = last_words(&info.message);
    let exit = info.exit_code.filter(|code| *code != 0).map_or(String::new(), |code| format!(", exit {code}"));
    match (message.is_empty(), info.reason.is_empty()) {
        (true, true) => None,
        (true, false) => Some(format!("{}{exit}", info.reason)),
        (false, true) => Some(message),
        (false, false) => Some(format!("{message} ({}{exit})", info.reason)),
    }
}

/// The error at the end of a log: what follows the last name of an exception, where there is one.
pub(super) fn last_words(message: &str) -> String {
    let mut start = None;
    let mut at = 0;
    for word in message.split_inclusive(' ') {
        let name = word.trim_end().trim_end_matches(':');
        let is_error = word.trim_end().ends_with(':') && (name.ends_with("Error") || name.ends_with("Exception"));
        if is_error {
            start = Some(at);
        }
        at += word.len();
    }
    sentence(start.and_then(|at| message.get(at..)).unwrap_or(message))
}

fn invalid(service: &InferenceService, status: &ServiceStatus) -> String {
    let empty = Failure::default();
    let info = status.model_status.last_failure_info.as_ref().unwrap_or(&empty);
    let format = super::source::Source::of(&service.spec.predictor).format;
    let runtime = super::source::runtime(service);
    let said = match &*info.reason {
        "NoSupportingRuntime" => format!("no serving runtime supports {format}"),
        "RuntimeNotRecognized" => format!("the serving runtime {runtime} does not exist"),
        "RuntimeDisabled" => format!("the serving runtime {runtime} is disabled"),
        "InvalidPredictorSpec" => format!("the predictor's spec is not valid: {}", sentence(&info.message)),
        _ => format!("its spec is not valid: {}", sentence(&info.message)),
    };
    if info.reason.is_empty() { said } else { format!("{said} ({})", info.reason) }
}

/// The verdict on a graph or an LLM service: by its conditions alone.
pub(super) fn judge_other(metadata: &Metadata, status: Option<&OtherStatus>, now: DateTime<Utc>) -> Verdict {
    let Some(status) = status.filter(|status| !status.conditions.is_empty()) else {
        return no_status(metadata, now);
    };
    let conditions = &status.conditions;
    if stopped(metadata, conditions) {
        return Verdict::new(Health::Idle, "stopped", "stopped on purpose");
    }
    let ready = condition(conditions, "Ready");
    if ready.is_some_and(Condition::is_true) {
        return Verdict::new(Health::Good, "yes", "");
    }
    let is_part = |it: &&Condition| it.r#type != *"Ready" && it.r#type != *"Stopped";
    let blamed = ready.filter(|it| !it.reason.is_empty() || !it.message.is_empty());
    let blamed = blamed.or_else(|| conditions.iter().filter(is_part).find(|it| it.is_false())).or(ready);
    let mut why = blamed.map_or_else(|| "no condition says why".into(), told);
    // what contradicts it stands beside it: workloads that run behind a gateway that is waited for
    let well: Vec<&str> = conditions.iter().filter(is_part).filter(|it| it.is_true()).map(|it| &*it.r#type).collect();
    if !well.is_empty() {
        why = format!("{why}; yet true: {}", well.join(", "));
    }
    let waits = blamed.is_some_and(|it| it.reason.starts_with("WaitingFor") || !it.is_false());
    Verdict::new(if waits { Health::Warn } else { Health::Bad }, "no", format!("not ready: {why}"))
}

/// Whether a pod belongs to a predictor.
fn is_predictor(pod: &Pod) -> bool {
    matches!(pod.metadata.label("component"), "predictor" | "")
}

/// Whether a pod gets requests.
pub(super) fn pod_ready(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none()
        && condition(&pod.status.conditions, "Ready").is_some_and(Condition::is_true)
}

/// Whether its node no longer answers: the node controller then says that the pod is not ready, without a reason, and
/// leaves what the kubelet last said of the containers.
pub(super) fn has_lost_node(pod: &Pod) -> bool {
    let of = |name: &str| condition(&pod.status.conditions, name);
    pod.metadata.deletion_timestamp.is_none()
        && of("Ready").is_some_and(|it| it.is_false() && it.reason.is_empty())
        && of("ContainersReady").is_some_and(Condition::is_true)
}

/// Why a pod fails, where one of its containers or its node does.
pub(super) fn pod_failure(pod: &Pod) -> Option<String> {
    if has_lost_node(pod) {
        return Some(format!("the node {} no longer answers", pod.spec.node_name));
    }
    let containers = pod.status.init_container_statuses.iter().chain(&pod.status.container_statuses);
    containers.into_iter().find_map(|container| {
        let waiting = container.state.waiting.as_ref().filter(|it| is_failure(&it.reason));
        let ended = container.state.terminated.as_ref().filter(|it| it.exit_code.unwrap_or(0) != 0);
        let found = waiting.or(ended)?;
        let last = container.last_state.terminated.as_ref().or(ended);
        let words = last.map(|it| last_words(&it.message)).filter(|it| !it.is_empty());
        let cause =
            words.or_else(|| last.map(|it| it.reason.to_string()).filter(|it| !it.is_empty() && *it != *found.reason));
        let times = match container.restart_count {
            0 => String::new(),
            1 => ", restarted once".into(),
            many => format!(", restarted {many} times"),
        };
        let cause = cause.map_or(String::new(), |cause| format!(": {cause}"));
        Some(format!("{} is in {}{times}{cause}", container.name, found.reason))
    })
}

fn is_failure(reason: &str) -> bool {
    reason.ends_with("BackOff")
        || reason.starts_with("Err")
        || reason.ends_with("Error")
        || reason == "InvalidImageName"
}
