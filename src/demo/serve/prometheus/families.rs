//! The metrics that are scraped: their names, help texts, labels, and how each follows from the world.

use std::sync::Arc;

use super::catalog::Catalog;
use super::gauges;
use super::ledger::{Account, BOUNDS, Outcome, Place, Totals};
use super::promql::{Labels, Source};
use crate::demo::cluster::status::host;
use crate::demo::store::ObjectKey;
use crate::demo::story::Mode;
use crate::demo::traffic::ServiceKey;
use crate::demo::world::{Scenario, World};

/// One metric name.
pub(super) struct Family {
    pub(super) name: &'static str,
    /// The name under which its type and help are known, its type, its help.
    pub(super) about: (&'static str, &'static str, &'static str),
    pub(super) series: fn(&Catalog, &Self) -> Vec<Arc<dyn Source>>,
}

const QUEUE_LATENCY: &str = "revision_request_latencies";
const QUEUE_HELP: &str = "The response time in millisecond";
const PREDICT: &str = "request_predict_seconds";
const PREDICT_HELP: &str = "predict request latency";
const NGINX: &str = "nginx_ingress_controller_request_duration_seconds";
const NGINX_HELP: &str = "The request processing time in seconds";

/// All metrics that are scraped.
pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "revision_request_count",
        about: ("revision_request_count", "counter", "The number of requests that are routed to queue-proxy"),
        series: |catalog, family| queue(catalog, family, Part::Count),
    },
    Family {
        name: "revision_request_latencies_bucket",
        about: (QUEUE_LATENCY, "histogram", QUEUE_HELP),
        series: |catalog, family| queue(catalog, family, Part::Buckets),
    },
    Family {
        name: "revision_request_latencies_count",
        about: (QUEUE_LATENCY, "histogram", QUEUE_HELP),
        series: |catalog, family| queue(catalog, family, Part::Count),
    },
    Family {
        name: "revision_request_latencies_sum",
        about: (QUEUE_LATENCY, "histogram", QUEUE_HELP),
        series: |catalog, family| queue(catalog, family, Part::Sum),
    },
    Family {
        name: "request_predict_seconds_bucket",
        about: (PREDICT, "histogram", PREDICT_HELP),
        series: |catalog, family| predict(catalog, family, Part::Buckets),
    },
    Family {
        name: "request_predict_seconds_count",
        about: (PREDICT, "histogram", PREDICT_HELP),
        series: |catalog, family| predict(catalog, family, Part::Count),
    },
    Family {
        name: "request_predict_seconds_sum",
        about: (PREDICT, "histogram", PREDICT_HELP),
        series: |catalog, family| predict(catalog, family, Part::Sum),
    },
    Family {
        name: "nginx_ingress_controller_requests",
        about: ("nginx_ingress_controller_requests", "counter", "The total number of client requests"),
        series: |catalog, family| nginx(catalog, family, Part::Count),
    },
    Family {
        name: "nginx_ingress_controller_request_duration_seconds_bucket",
        about: (NGINX, "histogram", NGINX_HELP),
        series: |catalog, family| nginx(catalog, family, Part::Buckets),
    },
    Family {
        name: "nginx_ingress_controller_request_duration_seconds_count",
        about: (NGINX, "histogram", NGINX_HELP),
        series: |catalog, family| nginx(catalog, family, Part::Count),
    },
    Family {
        name: "nginx_ingress_controller_request_duration_seconds_sum",
        about: (NGINX, "histogram", NGINX_HELP),
        series: |catalog, family| nginx(catalog, family, Part::Sum),
    },
    Family { name: "up", about: ("up", "gauge", "1 if the target was scraped"), series: up },
    Family {
        name: "kube_pod_container_status_restarts_total",
        about: (
            "kube_pod_container_status_restarts_total",
            "counter",
            "The number of container restarts per container.",
        ),
        series: gauges::restarts,
    },
    Family { name: "node_load1", about: ("node_load1", "gauge", "1m load average."), series: gauges::node },
    Family {
        name: "node_memory_MemAvailable_bytes",
        about: ("node_memory_MemAvailable_bytes", "gauge", "Memory information field MemAvailable_bytes."),
        series: gauges::node,
    },
    Family {
        name: "node_memory_MemTotal_bytes",
        about: ("node_memory_MemTotal_bytes", "gauge", "Memory information field MemTotal_bytes."),
        series: gauges::node,
    },
    Family {
        name: "model_feature_drift_psi",
        about: (
            "model_feature_drift_psi",
            "gauge",
            "Population stability index of the inputs against the training data",
        ),
        series: gauges::drift,
    },
];

/// Which part of a histogram (or a counter's only one).
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Buckets,
    Count,
    Sum,
}

/// The running pods of a revision (Knative) or Deployment (Standard) that the cluster has now.
pub(super) fn pods_of(world: &World, key: &ServiceKey, revision: &str) -> Vec<String> {
    let prefix = format!("{revision}-");
    let from = ObjectKey::new(&key.namespace, &prefix);
    world.enter(|state, _| {
        let Some(shelf) = state.store.shelf("pods") else { return vec![] };
        let pods = shelf.objects.range(from..);
        let pods = pods.take_while(|(pod, _)| pod.namespace == key.namespace && pod.name.starts_with(&prefix));
        let running =
            pods.filter(|(_, object)| object.fields.get("status.phase").is_none_or(|phase| phase == "Running"));
        running.map(|(pod, _)| pod.name.clone()).collect()
    })
}

/// A part's series for one outcome: the label `le` (empty for none) and how it reads a total.
type Reading = (String, Box<dyn Fn(&Outcome) -> f64 + Send + Sync>);

/// The readings of a part; `bounds` are a histogram's own, in seconds, `unit` seconds to its unit.
fn readings(part: Part, bounds: &[f64], unit: f64, bound_text: fn(f64) -> String) -> Vec<Reading> {
    match part {
        Part::Count => vec![(String::new(), Box::new(|outcome| outcome.count.floor()))],
        Part::Sum => vec![(String::new(), Box::new(move |outcome| outcome.seconds * unit))],
        Part::Buckets => {
            let mut readings: Vec<Reading> = vec![];
            for bound in bounds {
                let index = BOUNDS.iter().position(|known| (known - bound).abs() < 1e-9);
                readings.push((
                    bound_text(bound * unit),
                    Box::new(move |outcome| {
                        index.and_then(|index| outcome.buckets.get(index)).copied().unwrap_or(0.0).floor()
                    }),
                ));
            }
            readings.push(("+Inf".to_owned(), Box::new(|outcome| outcome.count.floor())));
            readings
        }
    }
}

/// Places and records of the services in one mode, or in both.
pub(super) fn accounts(catalog: &Catalog, mode: Option<Mode>) -> impl Iterator<Item = (&Place, &Account)> {
    catalog.accounts.iter().filter(move |((key, _), _)| {
        let service = catalog.traffic.services().get(key);
        service.is_some_and(|service| mode.is_none_or(|mode| service.mode == mode))
    })
}

/// The queue proxy of Knative's revisions: by pod and status, latencies in milliseconds.
fn queue(catalog: &Catalog, family: &Family, part: Part) -> Vec<Arc<dyn Source>> {
    const BUCKETS: [f64; 26] = [
        0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0,
        2.0, 5.0, 10.0, 20.0, 50.0, 100.0,
    ];
    let mut out = vec![];
    for ((key, revision), account) in accounts(catalog, Some(Mode::Knative)) {
        let configuration = format!("{}-predictor", key.name);
        for pod in account.pods() {
            for (code, class) in [("200", "2xx"), ("500", "5xx")] {
                let labels = Labels::of(
                    family.name,
                    &[
                        ("job", "queue-proxy"),
                        ("namespace_name", &key.namespace),
                        ("service_name", &configuration),
                        ("configuration_name", &configuration),
                        ("revision_name", revision),
                        ("pod_name", &pod),
                        ("container_name", "queue-proxy"),
                        ("response_code", code),
                        ("response_code_class", class),
                    ],
                );
                for (le, read) in readings(part, &BUCKETS, 1000.0, go_bound) {
                    let read = move |totals: &Totals| read(if code == "200" { &totals.good } else { &totals.failed });
                    out.push(of_pod(catalog, account, &pod, (labels.clone(), le), read));
                }
            }
        }
    }
    out
}

/// KServe's Python model server: no status, latencies in seconds.
fn predict(catalog: &Catalog, family: &Family, part: Part) -> Vec<Arc<dyn Source>> {
    const BUCKETS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
    let mut out = vec![];
    for ((key, _), account) in accounts(catalog, None) {
        for pod in account.pods() {
            let labels = Labels::of(
                family.name,
                &[
                    ("job", "kserve"),
                    ("namespace", &key.namespace),
                    ("inferenceservice", &key.name),
                    ("model_name", &key.name),
                    ("pod", &pod),
                ],
            );
            for (le, read) in readings(part, &BUCKETS, 1.0, python_bound) {
                let read = move |totals: &Totals| read(&totals.good) + read(&totals.failed);
                out.push(of_pod(catalog, account, &pod, (labels.clone(), le), read));
            }
        }
    }
    out
}

/// ingress-nginx in front of the services in Standard mode: by backend and status, latencies in seconds.
fn nginx(catalog: &Catalog, family: &Family, part: Part) -> Vec<Arc<dyn Source>> {
    const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    let mut out = vec![];
    for ((key, revision), account) in accounts(catalog, Some(Mode::Standard)) {
        let host = host(Mode::Standard, &key.name, &key.namespace);
        for status in ["200", "500"] {
            let labels = Labels::of(
                family.name,
                &[
                    ("job", "ingress-nginx"),
                    ("namespace", &key.namespace),
                    ("ingress", &key.name),
                    ("service", revision),
                    ("host", &host),
                    ("path", "/"),
                    ("method", "POST"),
                    ("status", status),
                ],
            );
            for (le, read) in readings(part, &BUCKETS, 1.0, go_bound) {
                let mut labels = labels.clone();
                labels.set("le", &le);
                let account = account.clone();
                out.push(catalog.computed(labels, move |scrape| {
                    account.at(scrape).map(|totals| read(if status == "200" { &totals.good } else { &totals.failed }))
                }));
            }
        }
    }
    out
}

/// A series of one pod: its labels with its bucket's bound, and what it reads.
fn of_pod(
    catalog: &Catalog,
    account: &Account,
    pod: &str,
    (mut labels, le): (Labels, String),
    read: impl Fn(&Totals) -> f64 + Send + Sync + 'static,
) -> Arc<dyn Source> {
    labels.set("le", &le);
    let (account, pod) = (account.clone(), pod.to_owned());
    catalog.computed(labels, move |scrape| account.pod(&pod, scrape, &read))
}

/// A bound as Go's client writes it: `1`, `2.5`.
fn go_bound(bound: f64) -> String {
    ((bound * 1e6).round() / 1e6).to_string()
}

/// A bound as Python's client writes it: `1.0`, `2.5`.
fn python_bound(bound: f64) -> String {
    format!("{bound:?}")
}

fn up(catalog: &Catalog, family: &Family) -> Vec<Arc<dyn Source>> {
    let mut out = vec![];
    for ((key, _), account) in accounts(catalog, None) {
        for pod in account.pods() {
            let labels = [
                ("job", "kserve"),
                ("namespace", key.namespace.as_str()),
                ("inferenceservice", &key.name),
                ("pod", &pod),
            ];
            let read = |_: &Totals| 0.0;
            let account = account.clone();
            let labels = Labels::of(family.name, &labels);
            out.push(catalog.computed(labels, move |scrape| account.pod(&pod, scrape, read).map(|_| 1.0)));
        }
    }
    let outage = catalog.world.scenario() == Scenario::RegistryOutage;
    for (job, instance) in
        [("prometheus", "localhost:9090"), ("ingress-nginx", "10.0.0.20:10254"), ("mlflow", "mlflow.mlops:5000")]
    {
        let labels = Labels::of(family.name, &[("job", job), ("instance", instance)]);
        let down = outage && job == "mlflow";
        let since = usize::try_from(catalog.scrape())
            .unwrap_or(0)
            .min(scrape_of(catalog, catalog.world.start().timestamp_millis()));
        out.push(catalog.computed(labels, move |scrape| Some(if down && scrape >= since { 0.0 } else { 1.0 })));
    }
    out
}

fn scrape_of(catalog: &Catalog, time: i64) -> usize {
    usize::try_from((time - catalog.begin).div_euclid(super::ledger::INTERVAL)).unwrap_or(0)
}
