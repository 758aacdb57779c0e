//! The kubelets and the clock of the cluster: pods start, serve, are killed and replaced; work is done when it is due.

use chrono::{DateTime, TimeDelta, Utc};

use super::agenda::Job;
use super::endpoint::{Endpoint, Phase, PodState, RevisionState};
use super::event::Note;
use super::node::NODES;
use super::pod;
use crate::demo::random::{hash, suffix};
use crate::demo::store::ObjectKey;
use crate::demo::story::Condition;
use crate::demo::traffic::ServiceKey;
use crate::demo::world::State;

impl State {
    /// Does all work that is due by now, in the order of its times.
    pub fn settle(&mut self, now: DateTime<Utc>) {
        while let Some((at, job)) = self.agenda.due(now) {
            self.present = at;
            self.work(job, at);
        }
        self.present = now;
    }

    fn work(&mut self, job: Job, at: DateTime<Utc>) {
        match job {
            Job::Reconcile(key) => self.reconcile(&key, at),
            Job::ScaleToZero(key, revision) => self.scale_to_zero(&key, &revision, at),
            Job::Pod(key) => self.live(&key, at),
            Job::OutOfMemory(key, revision) => {
                self.run_out_of_memory(&key, &revision, at);
                self.agenda.add(at + TimeDelta::minutes(4), Job::OutOfMemory(key, revision));
            }
            Job::BackOff => {
                self.back_off(at);
                self.forget_events(at);
                self.agenda.add(at + TimeDelta::seconds(30), Job::BackOff);
            }
            Job::Replace(key, revision) => {
                self.with_endpoint(&key, |state, endpoint| state.arrange_pods(endpoint, &revision, at));
                self.reconcile(&key, at);
            }
        }
    }

    /// Works on an endpoint while the state can be changed too.
    pub fn with_endpoint(&mut self, key: &ServiceKey, work: impl FnOnce(&mut Self, &mut Endpoint)) {
        if let Some(mut endpoint) = self.endpoints.remove(key) {
            work(self, &mut endpoint);
            self.endpoints.insert(key.clone(), endpoint);
        }
    }

    /// Makes or removes pods until a revision has as many as it should.
    pub fn arrange_pods(&mut self, endpoint: &mut Endpoint, name: &str, at: DateTime<Utc>) {
        let Some(mut revision) = endpoint.revision(name).cloned() else { return };
        while revision.pods.len() > revision.replicas as usize {
            if let Some(gone) = revision.pods.pop() {
                self.store.remove("pods", &ObjectKey::new(&endpoint.key.namespace, &gone.name));
            }
        }
        while revision.pods.len() < revision.replicas as usize {
            let pod = self.new_pod(endpoint, &revision, at);
            self.store.put("pods", pod::object(self.seed, endpoint, &revision, &pod));
            self.note_start(endpoint, &pod, at);
            self.agenda.add(at + TimeDelta::seconds(3), Job::Pod(ObjectKey::new(&endpoint.key.namespace, &pod.name)));
            revision.pods.push(pod);
        }
        if let Some(kept) = endpoint.revision_mut(name) {
            *kept = revision;
        }
    }

    /// A pod that has just been scheduled.
    pub fn new_pod(&mut self, endpoint: &Endpoint, revision: &RevisionState, at: DateTime<Utc>) -> PodState {
        self.made += 1;
        let base = format!("{}-{}", revision.deployment(endpoint.mode), revision.template_hash(self.seed));
        let chance = hash(self.seed, &format!("{base}#{}", self.made));
        let nodes: Vec<&str> = NODES.iter().filter(|node| !node.gpu && !node.dead).map(|node| node.name).collect();
        let at_node = usize::try_from(chance % nodes.len().max(1) as u64).unwrap_or(0);
        let phase = match revision.condition {
            Condition::ImageMissing => Phase::ImageMissing,
            Condition::ModelMissing => Phase::ModelMissing,
            _ => Phase::Initialising,
        };
        PodState {
            name: format!("{base}-{}", suffix(self.seed, &format!("{base}#{}", self.made), 5)),
            node: nodes.get(at_node).map_or_else(String::new, |name| (*name).to_owned()),
            address: format!("10.0.{}.{}", 64 + chance % 60, 2 + (chance >> 8) % 250),
            created: at,
            since: at,
            phase,
            restarts: 0,
            killed: None,
        }
    }

    /// The next phase of a pod's life.
    fn live(&mut self, key: &ObjectKey, at: DateTime<Utc>) {
        let Some((service, revision)) = self.owner_of(key) else { return };
        self.with_endpoint(&service, |state, endpoint| {
            let next = endpoint.revision_mut(&revision).and_then(|revision| {
                let pod = revision.pods.iter_mut().find(|pod| pod.name == key.name)?;
                let (phase, after) = match pod.phase {
                    Phase::Initialising => (Phase::Loading, Some(3)),
                    Phase::OutOfMemory => (Phase::Loading, Some(5)),
                    Phase::Loading => (Phase::Ready, None),
                    Phase::Ready | Phase::ImageMissing | Phase::ModelMissing => return None,
                };
                pod.phase = phase;
                pod.since = at;
                revision.ready |= phase == Phase::Ready;
                Some(after)
            });
            if let Some(Some(seconds)) = next {
                state.agenda.add(at + TimeDelta::seconds(seconds), Job::Pod(key.clone()));
            }
            state.write_pod(endpoint, &revision, &key.name);
        });
        self.reconcile(&service, at);
    }

    /// Kills the failing canary's container, if it has load enough to fail.
    fn run_out_of_memory(&mut self, key: &ServiceKey, name: &str, at: DateTime<Utc>) {
        let metrics = self.traffic.metrics(key, name, at);
        if metrics.is_none_or(|metrics| metrics.error_ratio < 0.02 || metrics.rps < 0.1) {
            return;
        }
        let mut killed = None;
        self.with_endpoint(key, |state, endpoint| {
            let pod = endpoint
                .revision_mut(name)
                .and_then(|revision| revision.pods.iter_mut().find(|pod| pod.phase == Phase::Ready));
            let Some(pod) = pod else { return };
            pod.phase = Phase::OutOfMemory;
            pod.since = at;
            pod.killed = Some(at);
            pod.restarts += 1;
            killed = Some(pod.name.clone());
            if let Some(pod) = &killed {
                state.write_pod(endpoint, name, pod);
                state.agenda.add(at + TimeDelta::seconds(3), Job::Pod(ObjectKey::new(&key.namespace, pod)));
            }
        });
        if let Some(pod) = killed {
            let message = "Readiness probe failed: dial tcp: connect: connection refused";
            self.note_pod(&key.namespace, &pod, at, ("Unhealthy", message));
            self.reconcile(key, at);
        }
    }

    /// What can't start is tried again: restarts and events grow.
    fn back_off(&mut self, at: DateTime<Utc>) {
        for key in self.endpoints.keys().cloned().collect::<Vec<_>>() {
            let mut notes = Vec::new();
            self.with_endpoint(&key, |state, endpoint| {
                let format = endpoint.format.clone();
                for name in endpoint.revisions.iter().map(|revision| revision.name.clone()).collect::<Vec<_>>() {
                    let Some(revision) = endpoint.revision_mut(&name) else { continue };
                    for pod in &mut revision.pods {
                        let Some(message) = pod::failure(pod.phase, pod, &format) else { continue };
                        let grows = pod.phase == Phase::ModelMissing && (at - pod.created).num_seconds() % 300 < 30;
                        pod.restarts += u32::from(grows);
                        notes.push((pod.name.clone(), message));
                    }
                    for (pod, _) in &notes {
                        state.write_pod(endpoint, &name, pod);
                    }
                }
            });
            for (pod, message) in notes {
                self.note_pod(&key.namespace, &pod, at, ("BackOff", &message));
            }
        }
    }

    /// Writes a pod's object as its state is now.
    pub fn write_pod(&mut self, endpoint: &Endpoint, revision: &str, name: &str) {
        let Some(revision) = endpoint.revision(revision) else { return };
        if let Some(state) = revision.pods.iter().find(|pod| pod.name == name) {
            let object = pod::object(self.seed, endpoint, revision, state);
            self.store.put_changed("pods", object);
        }
    }

    /// The service and the revision whose pod this is.
    #[must_use]
    pub fn owner_of(&self, pod: &ObjectKey) -> Option<(ServiceKey, String)> {
        let here = self.endpoints.values().filter(|endpoint| endpoint.key.namespace == pod.namespace);
        here.into_iter().find_map(|endpoint| {
            let revision = endpoint.revisions.iter().find(|one| one.pods.iter().any(|known| known.name == pod.name))?;
            Some((endpoint.key.clone(), revision.name.clone()))
        })
    }

    /// A pod was deleted or evicted: its `ReplicaSet` makes another one.
    pub fn pod_gone(&mut self, key: &ObjectKey, at: DateTime<Utc>) {
        self.store.remove("pods", key);
        let Some((service, revision)) = self.owner_of(key) else { return };
        self.with_endpoint(&service, |_, endpoint| {
            if let Some(revision) = endpoint.revision_mut(&revision) {
                revision.pods.retain(|pod| pod.name != key.name);
            }
        });
        self.agenda.add(at + TimeDelta::milliseconds(300), Job::Replace(service, revision));
    }

    fn note_start(&mut self, endpoint: &Endpoint, pod: &PodState, at: DateTime<Utc>) {
        let namespace = &endpoint.key.namespace;
        let message = format!("Successfully assigned {namespace}/{} to {}", pod.name, pod.node);
        let note = Note {
            warning: false,
            reason: "Scheduled",
            message: &message,
            source: "default-scheduler",
            ..about(namespace, &pod.name)
        };
        self.note(at, &note);
    }

    fn note_pod(&mut self, namespace: &str, pod: &str, at: DateTime<Utc>, what: (&str, &str)) {
        let note = Note { warning: true, reason: what.0, message: what.1, source: "kubelet", ..about(namespace, pod) };
        self.note(at, &note);
    }
}

fn about<'a>(namespace: &'a str, name: &'a str) -> Note<'a> {
    Note { shelf: "pods", namespace, name, warning: false, reason: "", message: "", source: "" }
}
