//! What the controllers know of one InferenceService beyond its object: revisions, their pods, what was rolled out.

use chrono::{DateTime, Utc};

use crate::demo::random::hash;
use crate::demo::story::{Condition, Mode};
use crate::demo::traffic::ServiceKey;

/// The state of one pod's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Its init container fetches the model.
    Initialising,
    /// Its server loads the model.
    Loading,
    /// It serves.
    Ready,
    /// Its container was killed for its memory and is started again.
    OutOfMemory,
    /// Its image can't be pulled.
    ImageMissing,
    /// Its storage-initializer fails again and again.
    ModelMissing,
}

/// One pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodState {
    /// Its name.
    pub name: String,
    /// The node's name.
    pub node: String,
    /// Its address in the cluster.
    pub address: String,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// Since when it has been in its phase.
    pub since: DateTime<Utc>,
    /// Where it is in its life.
    pub phase: Phase,
    /// How often its main container (or, failing, its init container) was started again.
    pub restarts: u32,
    /// When its container was last killed.
    pub killed: Option<DateTime<Utc>>,
}

/// A Knative revision, or a predictor's Deployment in Standard mode.
#[derive(Debug, Clone, PartialEq)]
pub struct RevisionState {
    /// Name of the revision (Knative) or of the Deployment (Standard).
    pub name: String,
    /// Knative: its number. Standard: how often its template changed.
    pub number: u32,
    /// Standard mode: the canary's predictor name; empty for stable.
    pub predictor: String,
    /// The registered model's version.
    pub version: u32,
    /// Where the model comes from.
    pub storage: String,
    /// When it was made.
    pub created: DateTime<Utc>,
    /// Whether it has been ready.
    pub ready: bool,
    /// How many pods it should have.
    pub replicas: u32,
    /// Its pods.
    pub pods: Vec<PodState>,
    /// What keeps its pods from starting.
    pub condition: Condition,
}

/// One InferenceService as its controllers know it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Which one.
    pub key: ServiceKey,
    /// How it is deployed.
    pub mode: Mode,
    /// The registered model.
    pub model: String,
    /// The model format.
    pub format: String,
    /// Requests a second on average.
    pub rps: f64,
    /// Median latency in seconds of a revision of which nothing else is known.
    pub p50: f64,
    /// Share of failures of such a revision.
    pub errors: f64,
    /// Revisions, oldest first.
    pub revisions: Vec<RevisionState>,
    /// Standard mode: predictors as they were before a roll-out, until the new pods serve.
    pub retiring: Vec<RevisionState>,
    /// Knative: the newest revision that had all traffic.
    pub rolled_out: Option<String>,
    /// Knative: the one before it.
    pub previous: Option<String>,
    /// What its revision template was at the last look.
    pub template: String,
    /// Knative: whether its targets have hosts of their own (`latest-…`, `prev-…`).
    pub tagged: bool,
    /// Whether it is stopped.
    pub stopped: bool,
    /// Since when it has been ready or not.
    pub since: DateTime<Utc>,
}

impl Endpoint {
    /// A revision by name.
    #[must_use]
    pub fn revision(&self, name: &str) -> Option<&RevisionState> {
        self.revisions.iter().find(|revision| revision.name == name)
    }

    /// A revision by name, to change it.
    pub fn revision_mut(&mut self, name: &str) -> Option<&mut RevisionState> {
        self.revisions.iter_mut().find(|revision| revision.name == name)
    }

    /// The predictor that is not a canary (Standard mode).
    #[must_use]
    pub fn stable(&self) -> Option<&RevisionState> {
        self.revisions.iter().find(|revision| revision.predictor.is_empty())
    }

    /// How many pods of a revision serve, those of before a roll-out included.
    #[must_use]
    pub fn serving(&self, name: &str) -> usize {
        let all = self.revisions.iter().chain(&self.retiring);
        all.filter(|revision| revision.name == name).map(RevisionState::ready_pods).sum()
    }

    /// The newest revision.
    #[must_use]
    pub fn latest(&self) -> Option<&RevisionState> {
        self.revisions.last()
    }

    /// The newest revision that has been ready.
    #[must_use]
    pub fn latest_ready(&self) -> Option<&RevisionState> {
        self.revisions.iter().rev().find(|revision| revision.ready)
    }
}

impl RevisionState {
    /// The Deployment's name: Knative adds a word to the revision's.
    #[must_use]
    pub fn deployment(&self, mode: Mode) -> String {
        match mode {
            Mode::Knative => format!("{}-deployment", self.name),
            Mode::Standard => self.name.clone(),
        }
    }

    /// The `ReplicaSet`'s hash.
    #[must_use]
    pub fn template_hash(&self, seed: u64) -> String {
        format!("{:x}", hash(seed, &format!("{}/{}/{}", self.name, self.number, self.storage)) & 0xf_ffff_ffff)
    }

    /// How many pods serve.
    #[must_use]
    pub fn ready_pods(&self) -> usize {
        self.pods.iter().filter(|pod| pod.phase == Phase::Ready).count()
    }
}

/// The registered version that a storage address ends with (`s3://acme-models/fraud-detection/12`), or 1.
#[must_use]
pub fn version_of(storage: &str) -> u32 {
    let last = storage.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    last.trim_start_matches('v').parse().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::version_of;

    #[test]
    fn the_version_is_the_last_part_of_the_storage_address() {
        assert_eq!(version_of("s3://acme-models/fraud-detection/13"), 13);
        assert_eq!(version_of("models:/fraud-detection/v4/"), 4);
        assert_eq!(version_of("s3://acme-models/fraud-detection/latest"), 1);
    }
}
