//! What containers write: lines that follow from the time, the revision's load and its trouble.

use chrono::{DateTime, TimeDelta, Utc};

use super::endpoint::Phase;
use super::pod_status::NO_MODEL;
use crate::demo::json::Json;
use crate::demo::random::{fraction, hash, mix};
use crate::demo::store::ObjectKey;
use crate::demo::traffic::{Metrics, ServiceKey, Traffic};
use crate::demo::world::State;

/// The milliseconds between two lines at most.
const STEP: i64 = 700;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When it was written.
    pub at: DateTime<Utc>,
    /// Its text, without the end of line.
    pub text: String,
}

/// One container's way of writing.
#[derive(Debug, Clone)]
pub struct Voice {
    seed: u64,
    pod: String,
    container: String,
    began: DateTime<Utc>,
    killed: bool,
    missing: bool,
    model: String,
    speaks: Option<(ServiceKey, String, Box<Traffic>)>,
}

impl State {
    /// The voice of a pod's container that was started at `began` (and killed for its memory, or not).
    #[must_use]
    pub fn voice(&self, pod: &ObjectKey, container: &str, since: (DateTime<Utc>, bool)) -> Voice {
        let (began, killed) = since;
        let owner = self.owner_of(pod);
        let model =
            owner.as_ref().and_then(|(service, _)| self.endpoints.get(service)).map(|endpoint| endpoint.model.clone());
        Voice {
            seed: self.seed,
            pod: pod.name.clone(),
            container: container.to_owned(),
            began,
            killed,
            missing: owner.as_ref().is_some_and(|owner| self.lacks_model(owner, &pod.name)),
            model: model.unwrap_or_default(),
            speaks: owner.map(|(service, revision)| (service.clone(), revision, Box::new(self.traffic.only(&service)))),
        }
    }

    fn lacks_model(&self, owner: &(ServiceKey, String), pod: &str) -> bool {
        let revision = self.endpoints.get(&owner.0).and_then(|endpoint| endpoint.revision(&owner.1));
        revision
            .is_some_and(|revision| revision.pods.iter().any(|one| one.name == pod && one.phase == Phase::ModelMissing))
    }

    /// Whether a container still runs, and is the one that was started at `began`.
    #[must_use]
    pub fn is_running(&self, pod: &ObjectKey, container: &str, began: DateTime<Utc>) -> bool {
        let Some(value) = self.store.value("pods", &pod.namespace, &pod.name) else { return false };
        let statuses = value.at("/status/containerStatuses").as_array().into_iter().flatten();
        let mut running = statuses
            .filter(|one| one.at("/name") == container)
            .filter_map(|one| one.at("/state/running/startedAt").as_str());
        let sick = self.owner_of(pod).is_some_and(|(service, revision)| {
            let revision = self.endpoints.get(&service).and_then(|endpoint| endpoint.revision(&revision));
            revision.is_some_and(|revision| {
                revision.pods.iter().any(|one| one.name == pod.name && one.phase == Phase::OutOfMemory)
            })
        });
        let same = running
            .any(|at| DateTime::parse_from_rfc3339(at).is_ok_and(|at| (at.to_utc() - began).num_seconds().abs() < 2));
        same && !(sick && container == "kserve-container")
    }
}

impl Voice {
    /// The container.
    #[must_use]
    pub fn container(&self) -> &str {
        &self.container
    }

    /// When it was started.
    #[must_use]
    pub fn began(&self) -> DateTime<Utc> {
        self.began
    }

    /// The lines after `from`, up to and with `until`.
    #[must_use]
    pub fn lines(&self, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<Line> {
        let within = |line: &Line| line.at > from && line.at <= until;
        let mut lines: Vec<Line> =
            self.opening().into_iter().filter(|line| line.at >= from && line.at <= until).collect();
        if self.container == "storage-initializer" {
            return lines;
        }
        let first = from.max(self.began + TimeDelta::seconds(2)).timestamp_millis().div_euclid(STEP);
        let last = until.timestamp_millis().div_euclid(STEP);
        let base = hash(self.seed, &format!("{}/{}", self.pod, self.container));
        let said = (first..=last).filter_map(|slot| {
            let chance = mix(base ^ slot.unsigned_abs());
            let at = DateTime::from_timestamp_millis(slot * STEP + i64::try_from(chance % 600).unwrap_or(0))?;
            let at = at + TimeDelta::nanoseconds(i64::try_from(mix(chance) % 1_000_000).unwrap_or(0));
            (at > self.began + TimeDelta::seconds(2)).then(|| self.say(at, chance)).flatten()
        });
        lines.extend(said.filter(within));
        if self.killed {
            let text = "MemoryError: Unable to allocate 96.0 MiB for an array with shape (131072, 96)".to_owned();
            lines.push(Line { at: until, text });
        }
        lines
    }

    /// What it writes when it starts.
    fn opening(&self) -> Vec<Line> {
        let words: &[&str] = match self.container.as_str() {
            "storage-initializer" if self.missing => &[
                "INFO:root:Initializing, args: src_uri [s3://acme-models] dest_path[ [/mnt/models]",
                "INFO:root:Copying contents of s3://acme-models to local",
                "Traceback (most recent call last):",
                "  File \"/storage-initializer/scripts/initializer-entrypoint\", line 17, in <module>",
                NO_MODEL,
            ],
            "storage-initializer" => &[
                "INFO:root:Initializing, args: src_uri [s3://acme-models] dest_path[ [/mnt/models]",
                "INFO:root:Copying contents of s3://acme-models to local",
                "INFO:root:Successfully copied the model to /mnt/models",
            ],
            "kserve-container" => &[
                "INFO [model_server.py:register_model():402] Registering model",
                "INFO [model_server.py:start():298] Starting uvicorn with 1 workers",
                "INFO [server.py:serve():94] Application startup complete.",
            ],
            "queue-proxy" => {
                &["{\"severity\":\"INFO\",\"logger\":\"queueproxy\",\"message\":\"Starting queue-proxy\"}"]
            }
            _ => &["level=info msg=\"starting\"", "level=info msg=\"ready\""],
        };
        let at = |step: usize| self.began + TimeDelta::milliseconds(120 * i64::try_from(step).unwrap_or(0));
        words
            .iter()
            .enumerate()
            .map(|(step, words)| Line { at: at(step), text: self.dressed(at(step), words) })
            .collect()
    }

    fn dressed(&self, at: DateTime<Utc>, words: &str) -> String {
        match self.container.as_str() {
            "kserve-container" => format!("{} 1 kserve {words}", at.format("%Y-%m-%d %H:%M:%S%.3f")),
            _ => words.to_owned(),
        }
    }

    /// What it writes at a moment, if anything.
    fn say(&self, at: DateTime<Utc>, chance: u64) -> Option<Line> {
        let Some((service, revision, traffic)) = &self.speaks else {
            let text =
                format!("level=info ts={} msg=\"processed batch\" rows={}", at.format("%H:%M:%S%.3f"), chance % 900);
            return (chance.is_multiple_of(5)).then_some(Line { at, text });
        };
        let metrics = traffic.metrics(service, revision, at)?;
        let text = match self.container.as_str() {
            _ if metrics.rps < 0.01 => return None,
            "kserve-container" => self.request(at, &metrics, chance),
            "queue-proxy" if chance.is_multiple_of(9) => format!(
                "{{\"severity\":\"INFO\",\"timestamp\":\"{}\",\"logger\":\"queueproxy\",\"message\":\"requests in flight: {}\"}}",
                at.format("%Y-%m-%dT%H:%M:%S%.3fZ"),
                chance % 7
            ),
            _ => return None,
        };
        Some(Line { at, text })
    }

    fn request(&self, at: DateTime<Utc>, metrics: &Metrics, chance: u64) -> String {
        let draw = fraction(mix(chance));
        // A log shows more of the trouble than its share, so that it is seen.
        let fails = draw < (metrics.error_ratio * 4.0).min(0.6) && metrics.error_ratio > 0.01;
        let words = if fails && chance.is_multiple_of(3) {
            "WARNING [cache.py:put():71] feature cache at 1.9 GiB of 2 GiB".to_owned()
        } else if fails {
            format!(
                "ERROR [errors.py:generic_exception_handler():131] POST /v1/models/{}:predict 500 predict failed: MemoryError: \
                 Unable to allocate 96.0 MiB for an array with shape (131072, 96)",
                self.model
            )
        } else {
            let millis = metrics.p50 * 1000.0 * (0.6 + draw);
            format!("INFO [access.py:log():44] POST /v1/models/{}:predict 200 {millis:.0} ms", self.model)
        };
        self.dressed(at, &words)
    }
}
