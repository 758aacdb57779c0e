//! KServe's controller in Knative mode: revisions, and `canaryTrafficPercent`.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::agenda::Job;
use super::endpoint::Endpoint;
use super::kserve::{annotation, fresh_revision, replicas_of, template};
use super::status::{self, Target};
use super::workload::Workloads;
use crate::demo::json::Json;
use crate::demo::world::State;

impl State {
    /// Makes revisions, traffic and status of a Knative endpoint as its spec asks.
    pub fn reconcile_knative(&mut self, endpoint: &mut Endpoint, service: &Value, at: DateTime<Utc>) {
        endpoint.tagged = annotation(service, "serving.kserve.io/enable-tag-routing") == Some("true");
        self.ensure_revision(endpoint, service, at);
        let percent = service.at("/spec/predictor/canaryTrafficPercent").as_u64();
        let targets = targets(endpoint, percent.map(|percent| u32::try_from(percent.min(100)).unwrap_or(100)));
        let again = book(endpoint, &targets);
        self.scale_revisions(endpoint, service, &targets, at);
        let uid = service.at("/metadata/uid").as_str().unwrap_or_default().to_owned();
        for revision in endpoint.revisions.clone() {
            self.write_workload(endpoint, &revision, &uid);
        }
        self.write_aliases(endpoint, &targets, &uid);
        let shares = targets.iter().map(|target| (target.revision.clone(), f64::from(target.percent) / 100.0));
        self.traffic.set_split(&endpoint.key, at, summed(shares));
        let generation = service.at("/metadata/generation").as_u64().unwrap_or(1);
        let status = status::knative(endpoint, &targets, generation, service.at("/status"), at);
        self.write_status(service, status);
        if again {
            self.agenda.add(at + TimeDelta::milliseconds(900), Job::Reconcile(endpoint.key.clone()));
        }
    }

    fn ensure_revision(&mut self, endpoint: &mut Endpoint, service: &Value, at: DateTime<Utc>) {
        let wanted = template(service, &["canaryTrafficPercent"]);
        if endpoint.template == wanted && !endpoint.revisions.is_empty() {
            return;
        }
        endpoint.template = wanted;
        let number = endpoint.latest().map_or(1, |latest| latest.number + 1);
        let name = format!("{}-predictor-{number:05}", endpoint.key.name);
        let storage = service.at("/spec/predictor/model/storageUri").as_str().unwrap_or_default();
        let revision = fresh_revision(name, number, storage, at);
        self.introduce(endpoint, &revision, at);
        endpoint.revisions.push(revision);
    }

    /// Revisions with a target, and the newest, have their pods; others lose them after a while.
    fn scale_revisions(&mut self, endpoint: &mut Endpoint, service: &Value, targets: &[Target], at: DateTime<Utc>) {
        let most = replicas_of(service.at("/spec/predictor"));
        let newest = endpoint.latest().map(|latest| latest.name.clone());
        for name in endpoint.revisions.iter().map(|revision| revision.name.clone()).collect::<Vec<_>>() {
            let percent: u32 =
                targets.iter().filter(|target| target.revision == name).map(|target| target.percent).sum();
            let routed = percent > 0 || newest.as_deref() == Some(&name);
            let idle = most == 0 && endpoint.rps <= 0.0;
            let Some(revision) = endpoint.revision_mut(&name) else { continue };
            if routed && !idle {
                revision.replicas = if percent > 50 { most.max(1) } else { 1 };
                self.arrange_pods(endpoint, &name, at);
            } else if !revision.pods.is_empty() {
                self.agenda.add(at + TimeDelta::seconds(60), Job::ScaleToZero(endpoint.key.clone(), name));
            } else {
                revision.replicas = 0;
            }
        }
    }

    fn write_aliases(&mut self, endpoint: &Endpoint, targets: &[Target], uid: &str) {
        let created = endpoint.revisions.first().map_or(endpoint.since, |revision| revision.created);
        let make = Workloads { seed: self.seed, endpoint, uid };
        self.store.put_changed("services", make.alias(&endpoint.key.name, created));
        self.store.put_changed("services", make.alias(&format!("{}-predictor", endpoint.key.name), created));
        self.store.put_changed("services.serving.knative.dev", make.knative_service(targets, created));
    }

    /// Takes the pods of a revision away that still has no traffic.
    pub fn scale_to_zero(&mut self, key: &crate::demo::traffic::ServiceKey, name: &str, at: DateTime<Utc>) {
        let routed = self.traffic.share(key, name, at) > 0.0;
        let Some(mut endpoint) = self.endpoints.remove(key) else { return };
        let newest = endpoint.latest().is_some_and(|latest| latest.name == name);
        if let (false, false, Some(revision)) = (routed, newest, endpoint.revision_mut(name)) {
            revision.replicas = 0;
            self.arrange_pods(&mut endpoint, name, at);
        }
        self.endpoints.insert(key.clone(), endpoint);
        self.reconcile(key, at);
    }
}

/// Where the traffic should go: KServe's rule for `canaryTrafficPercent`.
fn targets(endpoint: &Endpoint, percent: Option<u32>) -> Vec<Target> {
    let Some(latest) = endpoint.latest_ready() else { return Vec::new() };
    let target = |revision: &str, latest, percent| Target { revision: revision.to_owned(), latest, percent };
    match (percent, &endpoint.rolled_out) {
        (Some(percent), Some(stable)) => {
            let mut targets = vec![target(&latest.name, true, percent)];
            if percent < 100 {
                targets.push(target(stable, false, 100 - percent));
            }
            targets
        }
        _ => vec![target(&latest.name, true, 100)],
    }
}

/// Notes what is rolled out; true when the controller has to look again (the second step of a roll back).
fn book(endpoint: &mut Endpoint, targets: &[Target]) -> bool {
    let Some(latest) = endpoint.latest_ready().map(|latest| latest.name.clone()) else { return false };
    let percent = |latest: bool| targets.iter().filter(|one| one.latest == latest).map(|one| one.percent).sum::<u32>();
    let rolled_out = endpoint.rolled_out.as_deref() == Some(latest.as_str());
    if percent(true) == 100 && !rolled_out {
        endpoint.previous = endpoint.rolled_out.replace(latest);
    } else if percent(true) == 0
        && rolled_out
        && let Some(previous) = endpoint.previous.clone()
        && previous != latest
    {
        endpoint.rolled_out = Some(previous);
        return true;
    }
    false
}

fn summed(shares: impl Iterator<Item = (String, f64)>) -> Vec<(String, f64)> {
    let mut sums: Vec<(String, f64)> = Vec::new();
    for (name, share) in shares {
        match sums.iter_mut().find(|(known, _)| *known == name) {
            Some((_, sum)) => *sum += share,
            None => sums.push((name, share)),
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::super::endpoint::RevisionState;
    use super::*;
    use crate::demo::story::Mode;
    use crate::demo::traffic::ServiceKey;

    fn endpoint(rolled_out: &str, previous: Option<&str>) -> Endpoint {
        let revision = |number| RevisionState {
            ready: true,
            ..fresh_revision(format!("r{number}"), number, "", DateTime::UNIX_EPOCH)
        };
        Endpoint {
            key: ServiceKey { namespace: "ns".into(), name: "r".into() },
            mode: Mode::Knative,
            model: String::new(),
            format: String::new(),
            rps: 1.0,
            p50: 0.1,
            errors: 0.0,
            revisions: vec![revision(1), revision(2), revision(3)],
            retiring: Vec::new(),
            rolled_out: Some(rolled_out.into()),
            previous: previous.map(Into::into),
            template: String::new(),
            stopped: false,
            tagged: false,
            since: DateTime::UNIX_EPOCH,
        }
    }

    fn shown(targets: &[Target]) -> Vec<(&str, u32)> {
        targets.iter().map(|target| (target.revision.as_str(), target.percent)).collect()
    }

    #[test]
    fn a_percentage_splits_between_the_latest_and_what_was_rolled_out() {
        assert_eq!(shown(&targets(&endpoint("r2", None), Some(10))), [("r3", 10), ("r2", 90)]);
        assert_eq!(shown(&targets(&endpoint("r2", None), None)), [("r3", 100)]);
    }

    #[test]
    fn a_roll_back_after_the_promotion_takes_two_looks_and_goes_one_step_only() {
        let mut endpoint = endpoint("r3", Some("r2"));
        let first = targets(&endpoint, Some(0));
        assert_eq!(shown(&first), [("r3", 0), ("r3", 100)]);
        assert!(book(&mut endpoint, &first));
        let second = targets(&endpoint, Some(0));
        assert_eq!(shown(&second), [("r3", 0), ("r2", 100)]);
        assert!(!book(&mut endpoint, &second));
    }

    #[test]
    fn a_promotion_remembers_what_was_there_before() {
        let mut endpoint = endpoint("r2", Some("r1"));
        let all = targets(&endpoint, None);
        assert!(!book(&mut endpoint, &all));
        assert_eq!((endpoint.rolled_out.as_deref(), endpoint.previous.as_deref()), (Some("r3"), Some("r2")));
    }
}
