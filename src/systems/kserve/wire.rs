//! The wire format of KServe's objects (`serving.kserve.io`), as far as it is shown; serde only.
//!
//! Reading never fails because of a field that is missing or of another type than the schema says: such a field is as
//! if it were not there, and the object keeps its row. Texts are made harmless here, at the edge.
//! Source: the CRDs of KServe 0.20, <https://github.com/kserve/kserve/tree/master/config/crd/full>.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value as Json;

use crate::model::text::clean;

/// A text from outside, made harmless.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Text(Box<str>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(deserializer)?.as_str()))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(clean(text).into())
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

/// Reads a field; what has another type is as if it were not there.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(serde_json::from_value(Json::deserialize(deserializer)?).unwrap_or_default())
}

/// Reads a list; elements of another type are left out.
fn lenient_list<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(match Json::deserialize(deserializer)? {
        Json::Array(elements) => elements.into_iter().filter_map(|one| serde_json::from_value(one).ok()).collect(),
        _ => Vec::new(),
    })
}

/// Reads a map; values of another type are left out.
fn lenient_map<'de, D: Deserializer<'de>, T: DeserializeOwned>(
    deserializer: D,
) -> Result<BTreeMap<String, T>, D::Error> {
    Ok(match Json::deserialize(deserializer)? {
        Json::Object(entries) => entries
            .into_iter()
            .filter_map(|(key, value)| serde_json::from_value(value).ok().map(|value| (key, value)))
            .collect(),
        _ => BTreeMap::new(),
    })
}

/// Reads a moment; what is no time is as if it were not there.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    Ok(Json::deserialize(deserializer)?.as_str().and_then(|text| text.parse().ok()))
}

/// Declares a struct whose fields may all be missing or wrong.
macro_rules! wire {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty = $read:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        #[allow(clippy::struct_field_names, reason = "they are the wire's")]
        pub(super) struct $name {
            $($(#[$field_doc])* #[serde(deserialize_with = $read)] pub(super) $field: $type,)*
        }
    };
}

wire! {
    /// An object's metadata.
    Metadata {
        name: Text = "lenient",
        namespace: Text = "lenient",
        uid: Text = "lenient",
        generation: i64 = "lenient",
        resource_version: Text = "lenient",
        creation_timestamp: Option<DateTime<Utc>> = "moment",
        deletion_timestamp: Option<DateTime<Utc>> = "moment",
        labels: BTreeMap<String, Text> = "lenient_map",
        annotations: BTreeMap<String, Text> = "lenient_map",
        owner_references: Vec<Owner> = "lenient_list",
    }
}

impl Metadata {
    /// An annotation's text; empty if it is not there.
    pub(super) fn annotation(&self, name: &str) -> &str {
        self.annotations.get(name).map_or("", |text| text)
    }

    /// A label's text; empty if it is not there.
    pub(super) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", |text| text)
    }
}

wire! {
    /// Who owns an object.
    Owner {
        kind: Text = "lenient",
        name: Text = "lenient",
    }
}

wire! {
    /// A condition of a status.
    Condition {
        r#type: Text = "lenient",
        status: Text = "lenient",
        reason: Text = "lenient",
        message: Text = "lenient",
        severity: Text = "lenient",
        last_transition_time: Option<DateTime<Utc>> = "moment",
    }
}

/// The condition with this type.
pub(super) fn condition<'a>(conditions: &'a [Condition], name: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.r#type == *name)
}

impl Condition {
    pub(super) fn is_true(&self) -> bool {
        self.status == "True"
    }

    pub(super) fn is_false(&self) -> bool {
        self.status == "False"
    }
}

wire! {
    /// An `InferenceService` (`v1beta1`).
    InferenceService {
        metadata: Metadata = "lenient",
        spec: ServiceSpec = "lenient",
        status: Option<ServiceStatus> = "lenient",
    }
}

wire! {
    ServiceSpec {
        predictor: Predictor = "lenient",
        transformer: Option<Box<Predictor>> = "lenient",
        explainer: Option<Box<Predictor>> = "lenient",
        canary: Vec<CanarySpec> = "lenient_list",
    }
}

wire! {
    /// A predictor, transformer or explainer. Frameworks of the old form (`sklearn: {…}`) land in `rest`.
    Predictor {
        name: Text = "lenient",
        min_replicas: Option<i64> = "lenient",
        max_replicas: Option<i64> = "lenient",
        scale_target: Option<i64> = "lenient",
        scale_metric: Text = "lenient",
        canary_traffic_percent: Option<i64> = "lenient",
        model: Option<Box<Model>> = "lenient",
        storage_uris: Vec<StorageUri> = "lenient_list",
        containers: Vec<Container> = "lenient_list",
        sklearn: Option<Box<Model>> = "lenient",
        xgboost: Option<Box<Model>> = "lenient",
        pytorch: Option<Box<Model>> = "lenient",
        tensorflow: Option<Box<Model>> = "lenient",
        triton: Option<Box<Model>> = "lenient",
        onnx: Option<Box<Model>> = "lenient",
        huggingface: Option<Box<Model>> = "lenient",
        lightgbm: Option<Box<Model>> = "lenient",
        paddle: Option<Box<Model>> = "lenient",
        pmml: Option<Box<Model>> = "lenient",
    }
}

wire! {
    StorageUri {
        uri: Text = "lenient",
    }
}

wire! {
    /// What a predictor serves; also a container.
    Model {
        model_format: Format = "lenient",
        storage_uri: Text = "lenient",
        storage: Option<Storage> = "lenient",
        runtime: Text = "lenient",
        protocol_version: Text = "lenient",
        args: Vec<Text> = "lenient_list",
        ports: Vec<Port> = "lenient_list",
        image: Text = "lenient",
    }
}

wire! {
    Format {
        name: Text = "lenient",
        version: Text = "lenient",
    }
}

wire! {
    Storage {
        key: Text = "lenient",
        path: Text = "lenient",
    }
}

wire! {
    Container {
        name: Text = "lenient",
        image: Text = "lenient",
        args: Vec<Text> = "lenient_list",
        ports: Vec<Port> = "lenient_list",
        env: Vec<Variable> = "lenient_list",
    }
}

wire! {
    Variable {
        name: Text = "lenient",
        value: Text = "lenient",
    }
}

wire! {
    Port {
        container_port: u16 = "lenient",
        name: Text = "lenient",
    }
}

wire! {
    CanarySpec {
        predictor: Predictor = "lenient",
        traffic_percent: i64 = "lenient",
    }
}

wire! {
    ServiceStatus {
        observed_generation: Option<i64> = "lenient",
        deployment_mode: Text = "lenient",
        serving_runtime_name: Text = "lenient",
        cluster_serving_runtime_name: Text = "lenient",
        url: Text = "lenient",
        address: Address = "lenient",
        conditions: Vec<Condition> = "lenient_list",
        components: BTreeMap<String, Component> = "lenient_map",
        canary_statuses: Vec<CanaryStatus> = "lenient_list",
        model_status: ModelStatus = "lenient",
    }
}

wire! {
    Address {
        url: Text = "lenient",
    }
}

wire! {
    Component {
        url: Text = "lenient",
        latest_created_revision: Text = "lenient",
        latest_ready_revision: Text = "lenient",
        latest_rolledout_revision: Text = "lenient",
        previous_rolledout_revision: Text = "lenient",
        traffic: Vec<Traffic> = "lenient_list",
    }
}

wire! {
    /// Knative's `TrafficTarget`.
    Traffic {
        latest_revision: bool = "lenient",
        percent: Option<i64> = "lenient",
        revision_name: Text = "lenient",
        tag: Text = "lenient",
    }
}

wire! {
    CanaryStatus {
        name: Text = "lenient",
        ready: bool = "lenient",
        traffic_percent: i64 = "lenient",
    }
}

wire! {
    ModelStatus {
        transition_status: Text = "lenient",
        states: ModelStates = "lenient",
        copies: Copies = "lenient",
        last_failure_info: Option<Failure> = "lenient",
    }
}

wire! {
    ModelStates {
        active_model_state: Text = "lenient",
        target_model_state: Text = "lenient",
    }
}

wire! {
    Copies {
        total_copies: Option<i64> = "lenient",
    }
}

wire! {
    Failure {
        reason: Text = "lenient",
        message: Text = "lenient",
        exit_code: Option<i64> = "lenient",
        model_revision_name: Text = "lenient",
    }
}

wire! {
    /// An `InferenceGraph` (`v1alpha1`).
    Graph {
        metadata: Metadata = "lenient",
        spec: GraphSpec = "lenient",
        status: Option<OtherStatus> = "lenient",
    }
}

wire! {
    GraphSpec {
        nodes: BTreeMap<String, Node> = "lenient_map",
        min_replicas: Option<i64> = "lenient",
        max_replicas: Option<i64> = "lenient",
    }
}

wire! {
    Node {
        router_type: Text = "lenient",
        steps: Vec<GraphStep> = "lenient_list",
    }
}

wire! {
    GraphStep {
        name: Text = "lenient",
        service_name: Text = "lenient",
        node_name: Text = "lenient",
        service_url: Text = "lenient",
        weight: Option<i64> = "lenient",
    }
}

wire! {
    /// The status of an `InferenceGraph` or an `LLMInferenceService`.
    OtherStatus {
        url: Text = "lenient",
        addresses: Vec<Address> = "lenient_list",
        deployment_mode: Text = "lenient",
        conditions: Vec<Condition> = "lenient_list",
    }
}

wire! {
    /// An `LLMInferenceService` (`v1alpha2`, before it `v1alpha1`).
    Llm {
        metadata: Metadata = "lenient",
        spec: LlmSpec = "lenient",
        status: Option<OtherStatus> = "lenient",
    }
}

wire! {
    LlmSpec {
        model: LlmModel = "lenient",
        replicas: Option<i64> = "lenient",
        router: Router = "lenient",
    }
}

wire! {
    LlmModel {
        uri: Text = "lenient",
        name: Text = "lenient",
    }
}

wire! {
    Router {
        route: LlmRoute = "lenient",
    }
}

wire! {
    LlmRoute {
        group: Text = "lenient",
        weight: Option<i64> = "lenient",
    }
}

wire! {
    /// A Gateway API `HTTPRoute`, as far as the split of traffic is concerned.
    HttpRoute {
        metadata: Metadata = "lenient",
        spec: RouteSpec = "lenient",
    }
}

wire! {
    RouteSpec {
        rules: Vec<RouteRule> = "lenient_list",
    }
}

wire! {
    RouteRule {
        backend_refs: Vec<Backend> = "lenient_list",
    }
}

wire! {
    /// A backend; a missing weight is 1.
    Backend {
        name: Text = "lenient",
        weight: Option<i64> = "lenient",
    }
}

wire! {
    /// A pod of a model server.
    Pod {
        metadata: Metadata = "lenient",
        spec: PodSpec = "lenient",
        status: PodStatus = "lenient",
    }
}

wire! {
    PodSpec {
        containers: Vec<Container> = "lenient_list",
        node_name: Text = "lenient",
    }
}

wire! {
    PodStatus {
        phase: Text = "lenient",
        reason: Text = "lenient",
        conditions: Vec<Condition> = "lenient_list",
        init_container_statuses: Vec<ContainerStatus> = "lenient_list",
        container_statuses: Vec<ContainerStatus> = "lenient_list",
    }
}

wire! {
    ContainerStatus {
        name: Text = "lenient",
        ready: bool = "lenient",
        restart_count: i64 = "lenient",
        state: ContainerState = "lenient",
        last_state: ContainerState = "lenient",
    }
}

wire! {
    ContainerState {
        waiting: Option<StateDetail> = "lenient",
        terminated: Option<StateDetail> = "lenient",
    }
}

wire! {
    StateDetail {
        reason: Text = "lenient",
        message: Text = "lenient",
        exit_code: Option<i64> = "lenient",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_of_another_type_costs_nothing_but_itself() {
        let read: InferenceService = serde_json::from_value(json!({
            "metadata": {"name": "a\u{1b}[31m", "namespace": 7, "labels": {"x": 1, "y": "z"}, "creationTimestamp": "?"},
            "spec": {"predictor": {"minReplicas": "two", "maxReplicas": 3, "model": []}, "canary": [7, {"trafficPercent": 20}]},
            "status": {"conditions": {"no": "list"}, "components": {"predictor": {"traffic": [{"percent": 1.5}, null]}}}
        }))
        .unwrap();
        assert_eq!(&*read.metadata.name, "a");
        assert_eq!(read.metadata.label("y"), "z");
        assert_eq!((read.spec.predictor.min_replicas, read.spec.predictor.max_replicas), (None, Some(3)));
        assert_eq!(read.spec.canary.len(), 1);
        assert_eq!(read.status.unwrap().components["predictor"].traffic.len(), 1);
    }
}
