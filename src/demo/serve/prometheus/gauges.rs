//! Metrics of the cluster and of jobs: restarts, nodes, drift.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

use super::catalog::Catalog;
use super::families::{Family, accounts};
use super::promql::{Labels, Source};
use crate::demo::random::{fraction, hash, mix};
use crate::demo::store::ObjectKey;

/// What a pod's object says about restarts.
#[derive(Deserialize)]
struct PodFacts {
    status: Option<PodStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodStatus {
    #[serde(default)]
    container_statuses: Vec<ContainerFacts>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerFacts {
    name: String,
    #[serde(default)]
    restart_count: u32,
}

pub(super) fn restarts(catalog: &Catalog, family: &Family) -> Vec<Arc<dyn Source>> {
    // The objects are shared bytes: reading them needs no lock.
    let pods: Vec<(ObjectKey, Bytes)> = catalog.world.enter(|state, _| {
        let shelf = state.store.shelf("pods").into_iter().flat_map(|shelf| &shelf.objects);
        shelf.map(|(key, object)| (key.clone(), object.text.clone())).collect()
    });
    let mut out = vec![];
    for (key, text) in pods {
        let facts: Option<PodFacts> = serde_json::from_slice(&text).ok();
        let containers = facts.and_then(|facts| facts.status).map_or_else(Vec::new, |status| status.container_statuses);
        for container in containers {
            let labels = [
                ("job", "kube-state-metrics"),
                ("namespace", key.namespace.as_str()),
                ("pod", &key.name),
                ("container", &container.name),
            ];
            let count = f64::from(container.restart_count);
            out.push(catalog.computed(Labels::of(family.name, &labels), move |_| Some(count)));
        }
    }
    out
}

pub(super) fn node(catalog: &Catalog, family: &Family) -> Vec<Arc<dyn Source>> {
    const GIB: f64 = 1024.0 * 1024.0 * 1024.0;
    let names: Vec<String> = catalog.world.enter(|state, _| {
        state
            .store
            .shelf("nodes")
            .map_or_else(Vec::new, |shelf| shelf.objects.keys().map(|key| key.name.clone()).collect())
    });
    let metric = family.name;
    let series = |name: String| {
        let noise = hash(catalog.world.seed(), &name);
        let labels = Labels::of(metric, &[("job", "node-exporter"), ("instance", &name)]);
        catalog.computed(labels, move |scrape| {
            let chance = fraction(mix(noise ^ mix(scrape as u64 / 4)));
            Some(match metric {
                "node_load1" => ((2.0 + 3.0 * chance) * 100.0).round() / 100.0,
                "node_memory_MemTotal_bytes" => 64.0 * GIB,
                _ => ((24.0 + 6.0 * chance) * GIB / 4096.0).round() * 4096.0,
            })
        })
    };
    names.into_iter().map(series).collect()
}

/// A gauge that a nightly job writes: it has gaps where the job did not run, and is NaN where it had no data.
pub(super) fn drift(catalog: &Catalog, family: &Family) -> Vec<Arc<dyn Source>> {
    let mut models: Vec<(String, String)> =
        accounts(catalog, None).map(|((key, _), _)| (key.namespace.clone(), key.name.clone())).collect();
    models.dedup();
    let series = |(namespace, model): (String, String)| {
        let noise = hash(catalog.world.seed(), &model);
        let labels = [("job", "drift"), ("namespace", namespace.as_str()), ("model_name", &model)];
        catalog.computed(Labels::of(family.name, &labels), move |scrape| {
            let of_day = scrape % 720;
            match of_day {
                300..=348 => None,
                500..=504 => Some(f64::NAN),
                _ => Some(((0.05 + 0.03 * fraction(mix(noise ^ mix(scrape as u64 / 20)))) * 1e4).round() / 1e4),
            }
        })
    };
    models.into_iter().map(series).collect()
}
