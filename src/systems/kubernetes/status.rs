//! A pod's state in a word, as `kubectl get pods` has it, and how well that is. Only where all containers are said to be
//! ready and the pod is not, as on a dead node, the word is another one.

use chrono::{DateTime, Utc};

use super::wire::{ContainerStatus, PodWire, Terminated};
use crate::model::health::Health;

/// The word for a pod whose node no longer answers, after the reason of the event that it gets.
const NODE_NOT_READY: &str = "NodeNotReady";

/// What a pod's many statuses come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) word: String,
    pub(super) health: Health,
    pub(super) ready: usize,
    pub(super) of: usize,
    pub(super) restarts: i64,
    pub(super) last_restart: Option<DateTime<Utc>>,
}

/// Containers counted so far.
#[derive(Default)]
struct Count {
    ready: usize,
    restarts: i64,
    last_restart: Option<DateTime<Utc>>,
}

impl Count {
    fn add(&mut self, container: &ContainerStatus) {
        self.restarts += container.restart_count;
        let ended = container.last_state.terminated.as_ref().and_then(|ended| ended.finished_at);
        self.last_restart = self.last_restart.max(ended);
    }
}

/// The summary of a pod.
pub(super) fn summary(pod: &PodWire) -> Summary {
    let status = &pod.status;
    let mut word = if status.reason.is_empty() { status.phase.clone() } else { status.reason.clone() };
    if status.condition("PodScheduled").is_some_and(|condition| condition.reason == "SchedulingGated") {
        word = "SchedulingGated".into();
    }
    let sidecars = pod.spec.init_containers.iter().filter(|container| container.is_sidecar()).count();
    let of = pod.spec.containers.as_ref().map_or(status.container_statuses.len(), Vec::len) + sidecars;
    let (mut count, stuck) = initial(pod);
    let initialized = status.condition("Initialized").is_some_and(|condition| condition.status == "True");
    match stuck {
        Some(stuck) if !initialized => word = stuck,
        _ => word = main(pod, word, &mut count),
    }
    if word == "Running" && count.ready == of && status.condition("Ready").is_some_and(|it| it.status == "False") {
        // kubectl goes on saying Running
        word = if status.has_lost_node() { NODE_NOT_READY } else { "NotReady" }.into();
    }
    if pod.metadata.deletion_timestamp.is_some() {
        if status.reason == "NodeLost" {
            word = "Unknown".into();
        } else if !matches!(status.phase.as_str(), "Succeeded" | "Failed") {
            word = "Terminating".into();
        }
    }
    if word.is_empty() {
        word = "Unknown".into();
    }
    let health = health(pod, &word, count.ready == of);
    Summary { word, health, ready: count.ready, of, restarts: count.restarts, last_restart: count.last_restart }
}

/// The init containers, and the word for the one that is not done.
fn initial(pod: &PodWire) -> (Count, Option<String>) {
    let (mut all, mut sidecars) = (Count::default(), Count::default());
    for (at, container) in pod.status.init_container_statuses.iter().enumerate() {
        let sidecar = pod.spec.init_containers.iter().any(|spec| spec.name == container.name && spec.is_sidecar());
        all.add(container);
        if sidecar {
            sidecars.add(container);
        }
        let state = &container.state;
        if state.terminated.as_ref().is_some_and(|ended| ended.exit_code == 0) {
            continue;
        }
        if sidecar && container.started == Some(true) {
            sidecars.ready += usize::from(container.ready);
            continue;
        }
        let word = match (&state.terminated, &state.waiting) {
            (Some(ended), _) => format!("Init:{}", ended_word(ended)),
            (_, Some(waiting)) if !waiting.reason.is_empty() && waiting.reason != "PodInitializing" => {
                format!("Init:{}", waiting.reason)
            }
            _ => format!("Init:{at}/{}", pod.spec.init_containers.len()),
        };
        all.ready = sidecars.ready;
        let initialized = pod.status.condition("Initialized").is_some_and(|condition| condition.status == "True");
        return (if initialized { sidecars } else { all }, Some(word));
    }
    (sidecars, None)
}

/// The containers proper; the first one that has something to say gives the word.
fn main(pod: &PodWire, mut word: String, count: &mut Count) -> String {
    let mut running = false;
    for container in pod.status.container_statuses.iter().rev() {
        count.add(container);
        let state = &container.state;
        match (&state.waiting, &state.terminated) {
            (Some(waiting), _) if !waiting.reason.is_empty() => word.clone_from(&waiting.reason),
            (_, Some(ended)) => word = ended_word(ended),
            _ if container.ready && state.running.is_some() => {
                running = true;
                count.ready += 1;
            }
            _ => {}
        }
    }
    if word == "Completed" && running {
        let ready = pod.status.condition("Ready").is_some_and(|condition| condition.status == "True");
        return if ready { "Running".into() } else { "NotReady".into() };
    }
    word
}

pub(super) fn ended_word(ended: &Terminated) -> String {
    if !ended.reason.is_empty() {
        ended.reason.clone()
    } else if ended.signal != 0 {
        format!("Signal:{}", ended.signal)
    } else {
        format!("ExitCode:{}", ended.exit_code)
    }
}

fn health(pod: &PodWire, word: &str, all_ready: bool) -> Health {
    match word {
        "Running" if all_ready => Health::Good,
        "Completed" | "Succeeded" => Health::Idle,
        "Running" | "NotReady" => Health::Warn,
        "Pending" if pod.status.condition("PodScheduled").is_some_and(|condition| condition.status == "False") => {
            Health::Warn
        }
        "Pending" | "ContainerCreating" | "PodInitializing" | "Terminating" | "SchedulingGated" => Health::Busy,
        _ if word.strip_prefix("Init:").and_then(|rest| rest.split_once('/')).is_some() => Health::Busy,
        _ => Health::Bad,
    }
}
