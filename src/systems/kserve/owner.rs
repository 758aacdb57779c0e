//! Who else manages an object and would undo a change made by hand.

use super::rows::Kind;
use super::wire::Metadata;

/// A manager of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manager {
    /// In words: `Argo CD, application fraud-serving`.
    pub(super) title: String,
    /// What becomes of a change made by hand, as a sentence.
    pub(super) warning: String,
}

/// The manager that the object's labels and annotations name.
pub(super) fn manager(kind: Kind, metadata: &Metadata) -> Option<Manager> {
    if let Some(application) = argo(kind, metadata) {
        return Some(Manager {
            warning: format!(
                "Argo CD manages it (application {application}): with self-heal this change is undone at once, \
                 otherwise at the next sync; change it in Git as well"
            ),
            title: format!("Argo CD, application {application}"),
        });
    }
    let flux = ["kustomize.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io"].into_iter().find_map(|group| {
        let name = metadata.label(&format!("{group}/name"));
        (!name.is_empty()).then(|| format!("{}/{name}", metadata.label(&format!("{group}/namespace"))))
    });
    if let Some(name) = flux {
        return Some(Manager {
            warning: format!(
                "Flux manages it ({name}): this change is undone at its next run; change it in Git as well"
            ),
            title: format!("Flux, {name}"),
        });
    }
    let release = metadata.annotation("meta.helm.sh/release-name");
    let helm = metadata.label("app.kubernetes.io/managed-by") == "Helm" && !release.is_empty();
    helm.then(|| Manager {
        warning: format!("Helm installed it (release {release}): the next upgrade may undo this change"),
        title: format!("Helm, release {release}"),
    })
}

/// The Argo CD application whose tracking id names this very object: a copied annotation names another one.
fn argo(kind: Kind, metadata: &Metadata) -> Option<String> {
    let id = metadata.annotation("argocd.argoproj.io/tracking-id");
    if let Some((application, object)) = id.split_once(':') {
        let this = format!("serving.kserve.io/{}:{}/{}", kind.word(), metadata.namespace, metadata.name);
        return (object == this).then(|| application.replacen('_', "/", 1));
    }
    let label = metadata.label("argocd.argoproj.io/instance");
    (!label.is_empty()).then(|| label.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn title(metadata: serde_json::Value) -> Option<String> {
        manager(Kind::Service, &serde_json::from_value(metadata).unwrap()).map(|found| found.title)
    }

    #[test]
    fn a_tracking_id_counts_only_on_the_object_that_it_names() {
        let id = "fraud-serving:serving.kserve.io/InferenceService:models/fraud";
        let of = |name: &str| json!({"name": name, "namespace": "models", "annotations": {"argocd.argoproj.io/tracking-id": id}});
        assert_eq!(title(of("fraud")).as_deref(), Some("Argo CD, application fraud-serving"));
        assert_eq!(title(of("copied")), None);
    }

    #[test]
    fn flux_and_helm_are_named_and_a_bare_instance_label_is_not() {
        let flux = json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "ml", "kustomize.toolkit.fluxcd.io/namespace": "flux"}});
        assert_eq!(title(flux).as_deref(), Some("Flux, flux/ml"));
        let helm = json!({"labels": {"app.kubernetes.io/managed-by": "Helm"}, "annotations": {"meta.helm.sh/release-name": "r"}});
        assert_eq!(title(helm).as_deref(), Some("Helm, release r"));
        assert_eq!(title(json!({"labels": {"app.kubernetes.io/instance": "x"}})), None);
    }
}
