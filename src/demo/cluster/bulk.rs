//! More pods (and endpoints, one to twenty) than anybody can look at.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::plain_pod::{Mold, PlainPod};
use crate::demo::random::{fraction, hash};
use crate::demo::story::{Condition, Mode, RevisionStory, ServiceStory};
use crate::demo::world::State;

const APPS: &[&str] = &["feature-sync", "stream-join", "drift-check", "batch-score", "embedding-cache"];
const HOMES: &[&str] = &["ml-prod", "ml-staging", "models", "mlflow", "monitoring"];

impl State {
    /// Adds `scale` pods; the first of twenty belongs to an endpoint that is added with it.
    pub fn seed_bulk(&mut self, start: DateTime<Utc>, scale: usize) {
        let endpoints = scale / 20;
        for number in 0..endpoints {
            self.seed_bulk_endpoint(number, start);
        }
        let mut molds: BTreeMap<(&str, &str), Mold> = BTreeMap::new();
        for number in endpoints..scale {
            let app = APPS.get(number % APPS.len()).copied().unwrap_or_default();
            let namespace = HOMES.get(number / APPS.len() % HOMES.len()).copied().unwrap_or_default();
            let age = i64::try_from(hash(self.seed, &format!("age-{number}")) % 86_400).unwrap_or(0);
            let pod = PlainPod {
                namespace,
                app,
                image: "registry.acme.example/acme-ml/batch:2.14.0",
                port: ("http", 8080),
                number,
                created: start - TimeDelta::seconds(age),
            };
            let mold = molds.entry((app, namespace)).or_insert_with(|| Mold::new(&pod, self.seed));
            self.store.put_like("pods", &mold.cast(&pod, self.seed), pod.index(self.seed));
        }
    }

    fn seed_bulk_endpoint(&mut self, number: usize, start: DateTime<Utc>) {
        let name = format!("bulk-model-{number:04}");
        let chance = hash(self.seed, &name);
        let revision = RevisionStory {
            number: 1,
            version: 1,
            age_minutes: 60 + i64::try_from(chance % 40_000).unwrap_or(0),
            percent: 100,
            pods: 1,
            p50: 0.01 + 0.1 * fraction(chance),
            errors: 0.002 * fraction(chance),
        };
        let service = ServiceStory {
            namespace: if number.is_multiple_of(2) { "ml-staging" } else { "models" },
            name: &name,
            model: &name,
            mode: Mode::Standard,
            format: "sklearn",
            rps: 20.0 * fraction(chance),
            team: "bulk",
            condition: Condition::Serving,
            revisions: &[revision],
        };
        self.seed_service(&service, start);
    }
}
