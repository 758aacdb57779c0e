//! Where there is no Prometheus: reads the pages of the model servers themselves, through the API server.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use serde::Deserialize;

use crate::model::clock::Clock;
use crate::model::health::Error;
use crate::model::id::PaneId;
use crate::model::record::Record;
use crate::systems::kube::{Access, Cluster};
use crate::systems::{Cadence, Feed, Fetched};

use super::families::Subject;
use super::feed::whole;
use super::local::{self, Between, LocalRates};
use super::metrics::{Measured, QUANTILES};
use super::{ENDPOINT_METRICS, REVISION_METRICS};

const EVERY: Duration = Duration::from_secs(15);
/// Half an hour of readings.
const KEPT: usize = 120;
/// How many pods are read; beyond that it would be a burden.
const MOST_PODS: usize = 100;
const AT_ONCE: usize = 4;
const PAGE_LIMIT: usize = 2 << 20;
const SOURCE: &str = "KServe's model server, read here";
const PODS: &str =
    "pods?labelSelector=serving.kserve.io%2Finferenceservice&fieldSelector=status.phase%3DRunning&limit=500";

/// Rates and latencies made from what the model servers say of themselves.
pub(super) struct Scraping {
    access: Access,
    clock: Clock,
    rates: LocalRates,
    history: BTreeMap<Subject, VecDeque<(DateTime<Utc>, Between)>>,
}

impl Scraping {
    /// Begins with nothing: the first rates come with the second reading.
    pub(super) fn new(access: Access, clock: Clock) -> Self {
        Self { access, clock, rates: LocalRates::default(), history: BTreeMap::new() }
    }

    /// Adds what happened since the last reading and gives the records of all that were read now.
    fn keep(&mut self, now: DateTime<Utc>, read: Vec<(Pod, local::Page)>) -> (Vec<Measured>, Vec<Measured>) {
        let mut sums: BTreeMap<Subject, Between> = BTreeMap::new();
        for (pod, page) in read {
            let Some(between) = self.rates.observe(&pod.identity(), now, page) else { continue };
            let Some(subject) = pod.subject() else { continue };
            if subject.revision.is_some() {
                sums.entry(Subject { revision: None, ..subject.clone() }).or_default().add(&between);
            }
            sums.entry(subject).or_default().add(&between);
        }
        self.rates.forget(now);
        self.history.retain(|subject, _| sums.contains_key(subject));
        for (subject, between) in sums {
            let history = self.history.entry(subject).or_default();
            history.push_back((now, between));
            if history.len() > KEPT {
                history.pop_front();
            }
        }
        self.history
            .iter()
            .map(|(subject, history)| record(subject, history))
            .partition(|record| record.subject.revision.is_none())
    }
}

fn record(subject: &Subject, history: &VecDeque<(DateTime<Utc>, Between)>) -> Measured {
    let line = |value: &dyn Fn(&Between) -> f64| {
        history.iter().map(|(at, between)| (at.timestamp_millis(), value(between))).collect::<Vec<_>>()
    };
    Measured {
        subject: subject.clone(),
        source: SOURCE,
        requests: line(&|between| between.rate),
        errors: None,
        latencies: QUANTILES.map(|quantile| line(&|between| between.quantile(quantile))),
    }
}

impl Feed for Scraping {
    fn panes(&self) -> Vec<PaneId> {
        vec![ENDPOINT_METRICS, REVISION_METRICS]
    }

    fn cadence(&self) -> Cadence {
        Cadence::Poll { every: EVERY, timeout: Duration::from_secs(40) }
    }

    fn next(&mut self) -> BoxFuture<'_, Result<Fetched, Error>> {
        Box::pin(async move {
            let cluster = self.access.cluster().await?;
            let pods = pods(&cluster).await?;
            let asked = pods.into_iter().take(MOST_PODS).map(|pod| {
                let cluster = &cluster;
                async move {
                    let page = cluster.get_text(&pod.metrics_path(), PAGE_LIMIT).await;
                    (pod, page)
                }
            });
            let answers: Vec<_> = stream::iter(asked).buffered(AT_ONCE).collect().await;
            let now = self.clock.now();
            let mut failed = None;
            let mut read = Vec::new();
            for (pod, answer) in answers {
                match answer.and_then(|text| local::page(&text, now)) {
                    // another kind of server counts nothing that we know: that is no rate of nought
                    Ok(page) if page.is_empty() => {}
                    Ok(page) => read.push((pod, page)),
                    Err(error) => failed = Some(error),
                }
            }
            if let (true, Some(error)) = (read.is_empty(), failed) {
                return Err(error);
            }
            let (endpoints, revisions) = self.keep(now, read);
            let note = "no Prometheus: rates are made here from the model servers' own pages, errors are unknown";
            let mut changes = whole(ENDPOINT_METRICS, endpoints.iter().map(Record::row).collect(), note);
            changes.extend(whole(REVISION_METRICS, revisions.iter().map(Record::row).collect(), ""));
            Ok(Fetched { changes, over: true })
        })
    }
}

/// The running pods of endpoints: of all namespaces, or of the context's own where that is not permitted.
async fn pods(cluster: &Cluster) -> Result<Vec<Pod>, Error> {
    let list = match cluster.get_json::<PodList>(&format!("/api/v1/{PODS}")).await {
        Err(Error::Forbidden { .. }) => {
            cluster.get_json(&format!("/api/v1/namespaces/{}/{PODS}", cluster.namespace())).await?
        }
        other => other?,
    };
    Ok(list.items.unwrap_or_default())
}

#[derive(Deserialize)]
struct PodList {
    items: Option<Vec<Pod>>,
}

#[derive(Deserialize)]
struct Pod {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    name: String,
    #[serde(default)]
    namespace: String,
    #[serde(default)]
    uid: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

impl Pod {
    fn subject(&self) -> Option<Subject> {
        let labels = &self.metadata.labels;
        // a transformer's requests are its predictor's once more
        if labels.get("component").is_some_and(|component| component != "predictor") {
            return None;
        }
        Some(Subject {
            namespace: self.metadata.namespace.clone(),
            endpoint: labels.get("serving.kserve.io/inferenceservice")?.clone(),
            revision: labels.get("serving.knative.dev/revision").cloned(),
        })
    }

    fn identity(&self) -> String {
        format!("{}/{}/{}", self.metadata.namespace, self.metadata.name, self.metadata.uid)
    }

    /// Where its page is, through the API server.
    fn metrics_path(&self) -> String {
        let Metadata { name, namespace, annotations, .. } = &self.metadata;
        let port = annotations.get("prometheus.kserve.io/port").and_then(|port| port.parse().ok()).unwrap_or(8080_u16);
        format!("/api/v1/namespaces/{namespace}/pods/{name}:{port}/proxy/metrics")
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn pod(name: &str, revision: &str) -> Pod {
        let labels = serde_json::json!({
            "serving.kserve.io/inferenceservice": "fraud", "serving.knative.dev/revision": revision, "component": "predictor"
        });
        serde_json::from_value(serde_json::json!({"metadata": {"name": name, "namespace": "prod", "labels": labels}}))
            .unwrap()
    }

    fn page(count: u32) -> local::Page {
        let text = format!(
            "# TYPE request_predict_seconds histogram\nrequest_predict_seconds_bucket{{le=\"0.1\",model_name=\"f\"}} {count}\n\
             request_predict_seconds_bucket{{le=\"+Inf\",model_name=\"f\"}} {count}\n"
        );
        local::page(&text, DateTime::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn pods_add_up_to_their_revision_and_their_endpoint() {
        let access = Access::default();
        let mut scraping = Scraping::new(access, Clock::System);
        let now = DateTime::UNIX_EPOCH;
        let reading = |counts: [u32; 3]| {
            [("a", "r1"), ("b", "r1"), ("c", "r2")]
                .iter()
                .zip(counts)
                .map(|((name, revision), count)| (pod(name, revision), page(count)))
                .collect()
        };
        let (first, _) = scraping.keep(now, reading([0, 0, 0]));
        assert!(first.is_empty(), "one reading is no rate");
        let (endpoints, revisions) = scraping.keep(now + TimeDelta::seconds(10), reading([10, 20, 30]));
        assert_eq!(endpoints[0].requests, [(10_000, 6.0)]);
        assert_eq!(endpoints[0].errors, None);
        let rates: Vec<_> = revisions.iter().map(|record| (record.key().to_string(), record.requests[0].1)).collect();
        assert_eq!(rates, [("prod/r1".to_owned(), 3.0), ("prod/r2".to_owned(), 3.0)]);
    }

    #[test]
    fn the_page_is_read_where_the_pod_says() {
        let mut pod = pod("a", "r1");
        assert_eq!(pod.metrics_path(), "/api/v1/namespaces/prod/pods/a:8080/proxy/metrics");
        pod.metadata.annotations.insert("prometheus.kserve.io/port".into(), "9088".into());
        assert!(pod.metrics_path().contains("a:9088"));
    }
}
