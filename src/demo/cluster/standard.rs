//! KServe's controller in Standard mode: Deployments, roll-outs, and `spec.canary` with weights in `HTTPRoutes`.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::endpoint::{Endpoint, RevisionState, version_of};
use super::kserve::{fresh_revision, replicas_of, template};
use super::status;
use super::workload::Workloads;
use crate::demo::json::Json;
use crate::demo::store::ObjectKey;
use crate::demo::world::State;

impl State {
    /// Makes Deployments, routes and status of an endpoint in Standard mode as its spec asks.
    pub fn reconcile_standard(&mut self, endpoint: &mut Endpoint, service: &Value, at: DateTime<Utc>) {
        self.ensure_stable(endpoint, service, at);
        let percents = self.ensure_canaries(endpoint, service, at);
        let uid = service.at("/metadata/uid").as_str().unwrap_or_default().to_owned();
        for name in endpoint.revisions.iter().map(|revision| revision.name.clone()).collect::<Vec<_>>() {
            self.arrange_pods(endpoint, &name, at);
        }
        self.retire(endpoint);
        for revision in endpoint.revisions.clone() {
            self.write_workload(endpoint, &revision, &uid);
        }
        self.write_routes(endpoint, &percents, (&uid, at));
        let status = status::standard(endpoint, &percents, service.at("/status"), at);
        self.write_status(service, status);
    }

    fn ensure_stable(&mut self, endpoint: &mut Endpoint, service: &Value, at: DateTime<Utc>) {
        let predictor = service.at("/spec/predictor");
        let canary = predictor.at("/name").as_str().filter(|name| !name.is_empty());
        let name = deployment_name(&endpoint.key.name, canary.unwrap_or_default());
        let wanted = template(service, &["canaryTrafficPercent", "minReplicas", "maxReplicas", "name"]);
        let storage = predictor.at("/model/storageUri").as_str().unwrap_or_default().to_owned();
        let replaced = endpoint.stable().filter(|stable| stable.name != name).cloned();
        if let Some(replaced) = replaced {
            self.remove_workload(endpoint, &replaced);
            endpoint.revisions.retain(|revision| revision.name != replaced.name);
        }
        match endpoint.revision(&name).cloned() {
            None => {
                let revision = fresh_revision(name.clone(), 1, &storage, at);
                self.introduce(endpoint, &revision, at);
                endpoint.revisions.insert(0, revision);
            }
            Some(known) if known.predictor.is_empty() && endpoint.template != wanted && !known.pods.is_empty() => {
                self.roll(endpoint, &known, &storage, at);
            }
            Some(_) => {}
        }
        endpoint.template = wanted;
        if let Some(stable) = endpoint.revision_mut(&name) {
            stable.predictor = String::new();
            stable.replicas = replicas_of(predictor).max(1);
        }
    }

    /// Starts a rolling update: new pods first, the old ones go when the new ones serve.
    fn roll(&mut self, endpoint: &mut Endpoint, known: &RevisionState, storage: &str, at: DateTime<Utc>) {
        endpoint.retiring.push(known.clone());
        let mut next = fresh_revision(known.name.clone(), known.number + 1, storage, at);
        next.predictor.clone_from(&known.predictor);
        next.replicas = known.replicas;
        self.introduce(endpoint, &next, at);
        if let Some(revision) = endpoint.revision_mut(&known.name) {
            *revision = next;
        }
    }

    /// Makes the canaries that are asked for, removes the others, and gives the percentages by predictor name.
    fn ensure_canaries(&mut self, endpoint: &mut Endpoint, service: &Value, at: DateTime<Utc>) -> Vec<(String, u32)> {
        let stable = service.at("/spec/predictor");
        let canaries = service.at("/spec/canary").as_array().cloned().unwrap_or_default();
        let name = |canary: &Value| canary.at("/predictor/name").as_str().unwrap_or_default().to_owned();
        let gone = |one: &RevisionState| {
            !one.predictor.is_empty() && !canaries.iter().any(|canary| name(canary) == one.predictor)
        };
        for revision in endpoint.revisions.iter().filter(|one| gone(one)).cloned().collect::<Vec<_>>() {
            self.remove_workload(endpoint, &revision);
        }
        endpoint.revisions.retain(|one| !gone(one));
        let mut percents = Vec::new();
        for canary in &canaries {
            let (predictor, name) = (&canary.at("/predictor"), name(canary));
            let percent = canary.at("/trafficPercent").as_u64().unwrap_or(0);
            let storage =
                predictor.at("/model/storageUri").as_str().or_else(|| stable.at("/model/storageUri").as_str());
            let deployment = deployment_name(&endpoint.key.name, &name);
            let known = endpoint.revision(&deployment).cloned();
            match (known, storage.unwrap_or_default()) {
                (None, storage) => {
                    let mut revision = fresh_revision(deployment.clone(), 1, storage, at);
                    revision.predictor.clone_from(&name);
                    self.introduce(endpoint, &revision, at);
                    endpoint.revisions.push(revision);
                }
                (Some(known), storage) if known.storage != storage => self.roll(endpoint, &known, storage, at),
                (Some(_), _) => {}
            }
            if let Some(revision) = endpoint.revision_mut(&deployment) {
                let share = (u64::from(replicas_of(stable).max(1)) * percent).div_ceil(100).max(1);
                let fixed = predictor.at("/minReplicas").as_u64().filter(|replicas| *replicas > 0);
                revision.replicas = u32::try_from(fixed.unwrap_or(share)).unwrap_or(1);
                revision.version = version_of(&revision.storage);
            }
            percents.push((name, u32::try_from(percent).unwrap_or(100)));
        }
        percents
    }

    /// Lets the old pods of a roll-out go once the new ones serve.
    fn retire(&mut self, endpoint: &mut Endpoint) {
        for old in std::mem::take(&mut endpoint.retiring) {
            if endpoint.revision(&old.name).is_none_or(|revision| revision.ready) {
                let set = format!("{}-{}", old.name, old.template_hash(self.seed));
                for pod in &old.pods {
                    self.store.remove("pods", &ObjectKey::new(&endpoint.key.namespace, &pod.name));
                }
                self.store.remove("replicasets.apps", &ObjectKey::new(&endpoint.key.namespace, &set));
            } else {
                endpoint.retiring.push(old);
            }
        }
    }

    fn write_routes(&mut self, endpoint: &Endpoint, percents: &[(String, u32)], of: (&str, DateTime<Utc>)) {
        let (uid, at) = of;
        let Some(stable) = endpoint.stable() else { return };
        if endpoint.serving(&stable.name) == 0 {
            self.traffic.set_split(&endpoint.key, at, vec![(stable.name.clone(), 1.0)]);
            return;
        }
        let weights = weights(endpoint, stable, percents);
        let make = Workloads { seed: self.seed, endpoint, uid };
        for name in [endpoint.key.name.clone(), format!("{}-predictor", endpoint.key.name)] {
            let route = make.route(&name, stable.created, &weights);
            self.store.put_changed("httproutes.gateway.networking.k8s.io", route);
        }
        let whole = f64::from(weights.iter().map(|(_, weight)| *weight).sum::<u32>().max(1));
        let shares = weights.into_iter().map(|(name, weight)| (name, f64::from(weight) / whole));
        self.traffic.set_split(&endpoint.key, at, shares.collect());
    }
}

/// The weights of the Services: only ready canaries get any; without canaries stable has weight 1.
fn weights(endpoint: &Endpoint, stable: &RevisionState, percents: &[(String, u32)]) -> Vec<(String, u32)> {
    let ready = percents.iter().filter_map(|(name, percent)| {
        let canary = endpoint.revisions.iter().find(|revision| revision.predictor == *name)?;
        canary.ready.then(|| (canary.name.clone(), *percent))
    });
    let ready: Vec<(String, u32)> = ready.collect();
    let taken: u32 = ready.iter().map(|(_, percent)| *percent).sum();
    let rest = if ready.is_empty() { 1 } else { 100_u32.saturating_sub(taken) };
    std::iter::once((stable.name.clone(), rest)).chain(ready).collect()
}

/// The Deployment of a predictor: stable has no name of its own.
#[must_use]
pub fn deployment_name(service: &str, predictor: &str) -> String {
    if predictor.is_empty() { format!("{service}-predictor") } else { format!("{service}-{predictor}-predictor") }
}
