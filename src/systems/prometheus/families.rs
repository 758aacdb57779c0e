//! Which metrics count the requests of endpoints, and how their labels name the endpoint: a table, not code.
//!
//! What exists is found by the names that the server knows; a place with several of them uses the first that has data
//! for an endpoint, in the order of this table.

use std::collections::BTreeSet;

use super::wire::Labels;

/// Metrics of one origin that count the requests of endpoints.
#[derive(Debug)]
pub(super) struct Family {
    /// Where they come from, in words for the operator.
    pub(super) title: &'static str,
    /// The counter of requests, without what makes it a part of a histogram.
    pub(super) count: &'static str,
    /// A selector that holds for all its queries, without braces; may be empty.
    pub(super) selector: &'static str,
    /// The label with the status (`500`, `5xx`, `5`), if requests are counted by status.
    pub(super) code: Option<&'static str>,
    /// The histogram of latencies without `_bucket`.
    pub(super) latency: &'static str,
    /// Seconds in a unit of the histogram.
    pub(super) unit: f64,
    /// Labels that may hold the namespace, the best first.
    pub(super) namespace: &'static [&'static str],
    /// Labels that may hold the endpoint's name, the best first.
    pub(super) service: &'static [&'static str],
    /// Labels that may hold the revision, the best first.
    pub(super) revision: &'static [&'static str],
    /// How the label's text becomes the endpoint's name.
    pub(super) spelling: Spelling,
    /// A metric that has the labels above, to be joined on `job` and `instance`, where its own series lack them.
    pub(super) join: Option<&'static str>,
}

/// How an endpoint is spelt in a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// By its own name.
    Plain,
    /// By its Knative service or Kubernetes Service: `NAME-predictor`; those of other components are left out, as
    /// their requests are the predictor's once more.
    Component,
    /// By the name of an Envoy cluster, which also has the namespace.
    Cluster,
}

/// The table, the most telling first.
pub(super) const FAMILIES: &[Family] = &[
    Family {
        title: "Knative's queue proxy",
        count: "revision_request_count",
        selector: "",
        code: Some("response_code_class"),
        latency: "revision_request_latencies",
        unit: 0.001,
        namespace: &["namespace_name"],
        service: &["configuration_name", "service_name"],
        revision: &["revision_name"],
        spelling: Spelling::Component,
        join: None,
    },
    Family {
        title: "Knative's queue proxy",
        count: "kn_serving_invocation_duration_seconds_count",
        selector: "",
        code: Some("http_response_status_code"),
        latency: "kn_serving_invocation_duration_seconds",
        unit: 1.0,
        namespace: &["k8s_namespace_name"],
        service: &["kn_configuration_name", "kn_service_name"],
        revision: &["kn_revision_name"],
        spelling: Spelling::Component,
        join: Some("target_info"),
    },
    Family {
        title: "Istio",
        count: "istio_requests_total",
        selector: "reporter=\"destination\"",
        code: Some("response_code"),
        latency: "istio_request_duration_milliseconds",
        unit: 0.001,
        namespace: &["destination_service_namespace", "destination_workload_namespace"],
        service: &["destination_canonical_service", "destination_service_name"],
        revision: &["destination_canonical_revision"],
        spelling: Spelling::Component,
        join: None,
    },
    Family {
        title: "Istio's gateway",
        count: "istio_requests_total",
        selector: "reporter=\"source\"",
        code: Some("response_code"),
        latency: "istio_request_duration_milliseconds",
        unit: 0.001,
        namespace: &["destination_service_namespace", "destination_workload_namespace"],
        service: &["destination_canonical_service", "destination_service_name"],
        revision: &["destination_canonical_revision"],
        spelling: Spelling::Component,
        join: None,
    },
    Family {
        title: "Envoy",
        count: "envoy_cluster_upstream_rq",
        selector: "",
        code: Some("envoy_response_code"),
        latency: "envoy_cluster_upstream_rq_time",
        unit: 0.001,
        namespace: &[],
        service: &["envoy_cluster_name"],
        revision: &[],
        spelling: Spelling::Cluster,
        join: None,
    },
    Family {
        title: "the nginx ingress",
        count: "nginx_ingress_controller_requests",
        selector: "",
        code: Some("status"),
        latency: "nginx_ingress_controller_request_duration_seconds",
        unit: 1.0,
        namespace: &["exported_namespace", "namespace"],
        service: &["ingress"],
        revision: &["exported_service", "service"],
        spelling: Spelling::Component,
        join: None,
    },
    Family {
        title: "KServe's model server",
        count: "request_predict_seconds_count",
        selector: "",
        code: None,
        latency: "request_predict_seconds",
        unit: 1.0,
        namespace: &["exported_namespace", "namespace", "kubernetes_namespace"],
        service: &[
            "inferenceservice",
            "serving_kserve_io_inferenceservice",
            "label_serving_kserve_io_inferenceservice",
            "model_name",
        ],
        revision: &["revision_name", "serving_knative_dev_revision", "label_serving_knative_dev_revision"],
        spelling: Spelling::Plain,
        join: None,
    },
];

/// A family that the server has, and in which form its latencies are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    /// The family.
    pub(super) family: &'static Family,
    /// Whether latencies are a native histogram: no buckets by label.
    pub(super) native: bool,
    /// Whether there are latencies at all.
    pub(super) latency: bool,
}

/// The families whose counter is among the names of metrics.
pub(super) fn found(names: &BTreeSet<String>) -> Vec<Found> {
    FAMILIES
        .iter()
        .filter_map(|family| {
            let classic = names.contains(&format!("{}_bucket", family.latency));
            let native = !classic && names.contains(family.latency);
            // the count of a native histogram is inside it
            let counted = names.contains(family.count) || native && family.count == format!("{}_count", family.latency);
            counted.then_some(Found { family, native, latency: classic || native })
        })
        .collect()
}

/// What the labels of a series say.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Subject {
    /// The endpoint's namespace.
    pub(super) namespace: String,
    /// The endpoint's name.
    pub(super) endpoint: String,
    /// The revision, where the labels tell it.
    pub(super) revision: Option<String>,
}

/// The endings of a component's name, and whether it is the one that counts.
const COMPONENTS: [(&str, bool); 6] = [
    ("-predictor-default", true),
    ("-predictor", true),
    ("-transformer-default", false),
    ("-transformer", false),
    ("-explainer-default", false),
    ("-explainer", false),
];

impl Family {
    /// Which endpoint and revision a series is about; `None` if it is about none.
    pub(super) fn subject(&self, labels: &Labels) -> Option<Subject> {
        let first = |candidates: &[&str]| {
            candidates
                .iter()
                .find_map(|name| labels.get(*name))
                .filter(|text| !text.is_empty() && *text != "unknown")
                .cloned()
        };
        let (namespace, name) = match self.spelling {
            Spelling::Cluster => cluster_name(&first(self.service)?)?,
            Spelling::Plain | Spelling::Component => (first(self.namespace)?, first(self.service)?),
        };
        let endpoint = match self.spelling {
            Spelling::Plain => name,
            Spelling::Component | Spelling::Cluster => endpoint_name(&name)?,
        };
        Some(Subject { namespace, endpoint, revision: first(self.revision) })
    }

    /// The labels that all queries group by; the server leaves out those that a series lacks.
    fn labels(&self, revisions: bool) -> Vec<&'static str> {
        let revision: &[&str] = if revisions { self.revision } else { &[] };
        self.namespace.iter().chain(self.service).chain(revision).copied().collect()
    }

    fn rate(&self, metric: &str, window: i64) -> String {
        let selector = if self.selector.is_empty() { String::new() } else { format!("{{{}}}", self.selector) };
        let rate = format!("rate({metric}{selector}[{window}s])");
        match self.join {
            None => rate,
            Some(joined) => {
                let labels = self.labels(true).join(", ");
                format!("{rate} * on (job, instance) group_left ({labels}) {joined}")
            }
        }
    }
}

impl Found {
    /// Requests per second, by subject and status.
    pub(super) fn requests(&self, window: i64) -> String {
        let family = self.family;
        let mut labels = family.labels(true);
        labels.extend(family.code);
        let labels = labels.join(", ");
        if self.native && family.count.strip_suffix("_count") == Some(family.latency) {
            return format!("sum by ({labels}) (histogram_count({}))", family.rate(family.latency, window));
        }
        format!("sum by ({labels}) ({})", family.rate(family.count, window))
    }

    /// A quantile of the latencies, by endpoint or also by revision.
    pub(super) fn quantile(&self, quantile: f64, window: i64, revisions: bool) -> String {
        let family = self.family;
        let mut labels = family.labels(revisions);
        let metric = if self.native {
            family.latency.to_owned()
        } else {
            labels.push("le");
            format!("{}_bucket", family.latency)
        };
        let labels = labels.join(", ");
        format!("histogram_quantile({quantile}, sum by ({labels}) ({}))", family.rate(&metric, window))
    }

    /// How many samples of the counter the fullest series has within the window.
    pub(super) fn samples(&self, window: i64) -> String {
        format!("max(count_over_time({}[{window}s]))", self.family.count)
    }
}

/// Whether a status is a failure of the serving side: 5xx, or 0 for a connection that was cut.
pub(super) fn is_failure(code: &str) -> bool {
    code.starts_with('5') || code == "0"
}

/// The endpoint behind the name of a service.
fn endpoint_name(service: &str) -> Option<String> {
    // a mesh may count for the Service of a single revision
    let service = service.strip_suffix("-private").unwrap_or(service);
    let service = match service.rsplit_once('-') {
        Some((rest, digits)) if digits.len() == 5 && digits.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => service,
    };
    match COMPONENTS.iter().find_map(|(ending, counts)| Some((service.strip_suffix(ending)?, *counts))) {
        Some((name, true)) if !name.is_empty() => Some(name.to_owned()),
        Some(_) => None,
        None => Some(service.to_owned()),
    }
}

/// Namespace and service in the name of an Envoy cluster: `outbound|80||SERVICE.NAMESPACE.svc.cluster.local` (Istio),
/// `httproute/NAMESPACE/ROUTE/rule/0` (Envoy Gateway), `NAMESPACE/SERVICE/…` (Contour, Kourier).
fn cluster_name(name: &str) -> Option<(String, String)> {
    if let Some(host) = name.strip_prefix("outbound|").and_then(|rest| rest.rsplit('|').next()) {
        let mut parts = host.split('.');
        let (service, namespace) = (parts.next()?, parts.next()?);
        return Some((namespace.to_owned(), service.to_owned()));
    }
    let mut parts = name.strip_prefix("httproute/").unwrap_or(name).split('/');
    let (namespace, service) = (parts.next()?, parts.next()?);
    (!namespace.is_empty() && !service.is_empty()).then(|| (namespace.to_owned(), service.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn names(list: &[&str]) -> BTreeSet<String> {
        list.iter().map(|name| (*name).to_owned()).collect()
    }

    fn subject(count: &str, pairs: &[(&str, &str)]) -> Option<(String, String, Option<String>)> {
        let family = FAMILIES.iter().find(|family| family.count == count).unwrap();
        family.subject(&labels(pairs)).map(|subject| (subject.namespace, subject.endpoint, subject.revision))
    }

    #[test]
    fn every_query_of_every_family_is_proper_promql() {
        for family in FAMILIES {
            for native in [false, true] {
                let found = Found { family, native, latency: true };
                for query in [
                    found.requests(60),
                    found.quantile(0.95, 60, true),
                    found.quantile(0.5, 75, false),
                    found.samples(60),
                ] {
                    promql_parser::parser::parse(&query).unwrap_or_else(|error| panic!("{query}: {error}"));
                }
            }
        }
    }

    #[test]
    fn only_the_families_whose_counter_exists_are_used() {
        let found = found(&names(&[
            "revision_request_count",
            "revision_request_latencies_bucket",
            "request_predict_seconds_count",
            "up",
        ]));
        let seen: Vec<_> = found.iter().map(|found| (found.family.count, found.latency)).collect();
        assert_eq!(seen, [("revision_request_count", true), ("request_predict_seconds_count", false)]);
    }

    #[test]
    fn a_native_histogram_is_asked_without_buckets() {
        let found = found(&names(&["kn_serving_invocation_duration_seconds"]));
        assert!(found[0].native);
        let query = found[0].quantile(0.95, 60, false);
        assert!(
            query.starts_with("histogram_quantile(0.95, ") && !query.contains("_bucket") && !query.contains("le)"),
            "{query}"
        );
        assert!(found[0].requests(60).contains("histogram_count("));
    }

    #[test]
    fn the_labels_of_each_family_name_the_endpoint() {
        let some = |namespace: &str, name: &str, revision: Option<&str>| {
            Some((namespace.to_owned(), name.to_owned(), revision.map(str::to_owned)))
        };
        let queue = [
            ("namespace_name", "prod"),
            ("configuration_name", "fraud-predictor"),
            ("revision_name", "fraud-predictor-00002"),
        ];
        assert_eq!(subject("revision_request_count", &queue), some("prod", "fraud", Some("fraud-predictor-00002")));
        let istio =
            [("destination_service_namespace", "prod"), ("destination_service_name", "fraud-predictor-00002-private")];
        assert_eq!(subject("istio_requests_total", &istio), some("prod", "fraud", None));
        let envoy = [("envoy_cluster_name", "outbound|80||fraud-predictor.prod.svc.cluster.local")];
        assert_eq!(subject("envoy_cluster_upstream_rq", &envoy), some("prod", "fraud", None));
        let gateway = [("envoy_cluster_name", "httproute/prod/fraud/rule/0")];
        assert_eq!(subject("envoy_cluster_upstream_rq", &gateway), some("prod", "fraud", None));
        let nginx = [("namespace", "ingress-nginx"), ("exported_namespace", "prod"), ("ingress", "fraud")];
        assert_eq!(subject("nginx_ingress_controller_requests", &nginx), some("prod", "fraud", None));
        let kserve = [("namespace", "prod"), ("inferenceservice", "fraud"), ("model_name", "other")];
        assert_eq!(subject("request_predict_seconds_count", &kserve), some("prod", "fraud", None));
        assert_eq!(subject("request_predict_seconds_count", &[("model_name", "fraud")]), None);
    }

    #[test]
    fn a_transformers_requests_are_not_counted_beside_its_predictors() {
        let queue = [("namespace_name", "prod"), ("configuration_name", "fraud-transformer")];
        assert_eq!(subject("revision_request_count", &queue), None);
    }
}
