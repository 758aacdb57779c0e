//! The kinds that the API server knows, and what of them it serves.

/// One kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its shelf in the store.
    pub shelf: &'static str,
    /// The API group; empty for the core.
    pub group: &'static str,
    /// The served version.
    pub version: &'static str,
    /// The plural name, as in paths.
    pub plural: &'static str,
    /// The singular name.
    pub singular: &'static str,
    /// The kind's name.
    pub kind: &'static str,
    /// Short names, separated by spaces.
    pub short: &'static str,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// Whether it has a scale subresource.
    pub scale: bool,
    /// Whether a CRD defines it.
    pub custom: bool,
}

impl Kind {
    /// `v1` or `group/version`.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// The name in messages: `inferenceservices.serving.kserve.io`, `pods`.
    #[must_use]
    pub fn qualified(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }
}

type Names = (&'static str, &'static str, &'static str, &'static str);

const fn of(shelf: &'static str, api: (&'static str, &'static str), names: Names, namespaced: bool) -> Kind {
    let (group, version) = api;
    let (plural, singular, kind, short) = names;
    Kind { shelf, group, version, plural, singular, kind, short, namespaced, scale: false, custom: false }
}

const fn core(shelf: &'static str, names: Names, namespaced: bool) -> Kind {
    of(shelf, ("", "v1"), names, namespaced)
}

const fn custom(shelf: &'static str, api: (&'static str, &'static str), names: Names) -> Kind {
    let mut kind = of(shelf, api, names, true);
    kind.custom = true;
    kind
}

const fn scaled(mut kind: Kind) -> Kind {
    kind.scale = true;
    kind
}

const fn cluster_wide(mut kind: Kind) -> Kind {
    kind.namespaced = false;
    kind
}

const APPS: (&str, &str) = ("apps", "v1");
const KSERVE: (&str, &str) = ("serving.kserve.io", "v1alpha1");
const KNATIVE: (&str, &str) = ("serving.knative.dev", "v1");

/// All kinds.
pub const KINDS: &[Kind] = &[
    core("configmaps", ("configmaps", "configmap", "ConfigMap", "cm"), true),
    core("endpoints", ("endpoints", "endpoints", "Endpoints", "ep"), true),
    core("events", ("events", "event", "Event", "ev"), true),
    core("namespaces", ("namespaces", "namespace", "Namespace", "ns"), false),
    core("nodes", ("nodes", "node", "Node", "no"), false),
    core("pods", ("pods", "pod", "Pod", "po"), true),
    core("secrets", ("secrets", "secret", "Secret", ""), true),
    core("services", ("services", "service", "Service", "svc"), true),
    scaled(of("deployments.apps", APPS, ("deployments", "deployment", "Deployment", "deploy"), true)),
    scaled(of("replicasets.apps", APPS, ("replicasets", "replicaset", "ReplicaSet", "rs"), true)),
    of(
        "customresourcedefinitions.apiextensions.k8s.io",
        ("apiextensions.k8s.io", "v1"),
        ("customresourcedefinitions", "customresourcedefinition", "CustomResourceDefinition", "crd crds"),
        false,
    ),
    custom(
        "httproutes.gateway.networking.k8s.io",
        ("gateway.networking.k8s.io", "v1"),
        ("httproutes", "httproute", "HTTPRoute", ""),
    ),
    custom("revisions.serving.knative.dev", KNATIVE, ("revisions", "revision", "Revision", "rev")),
    custom("services.serving.knative.dev", KNATIVE, ("services", "service", "Service", "kservice ksvc")),
    custom(
        "inferenceservices.serving.kserve.io",
        ("serving.kserve.io", "v1beta1"),
        ("inferenceservices", "inferenceservice", "InferenceService", "isvc"),
    ),
    custom("inferencegraphs.serving.kserve.io", KSERVE, ("inferencegraphs", "inferencegraph", "InferenceGraph", "ig")),
    custom("servingruntimes.serving.kserve.io", KSERVE, ("servingruntimes", "servingruntime", "ServingRuntime", "")),
    cluster_wide(custom(
        "clusterservingruntimes.serving.kserve.io",
        KSERVE,
        ("clusterservingruntimes", "clusterservingruntime", "ClusterServingRuntime", ""),
    )),
    custom("trainedmodels.serving.kserve.io", KSERVE, ("trainedmodels", "trainedmodel", "TrainedModel", "tm")),
    custom(
        "llminferenceservices.serving.kserve.io",
        ("serving.kserve.io", "v1alpha2"),
        ("llminferenceservices", "llminferenceservice", "LLMInferenceService", "llmisvc"),
    ),
];

/// The kind behind a path's group, version and plural.
#[must_use]
pub fn find(group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.group == group && kind.version == version && kind.plural == plural)
}

/// Whether the group (with this version, where one is given) is served.
#[must_use]
pub fn has_group(group: &str, version: Option<&str>) -> bool {
    let virtual_group = matches!((group, version), ("authorization.k8s.io" | "policy", None | Some("v1")));
    virtual_group
        || KINDS.iter().any(|kind| kind.group == group && version.is_none_or(|version| kind.version == version))
}
