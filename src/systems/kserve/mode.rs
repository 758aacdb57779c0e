//! Which dialect an InferenceService obeys: its deployment mode, under all five of its names.

use super::wire::{InferenceService, condition};

/// The deployment mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Knative Services with revisions; `Serverless` until 0.15.
    Knative,
    /// Deployments and Services; `RawDeployment` until 0.15.
    Standard,
    /// Many models in a shared server.
    ModelMesh,
}

/// The annotation that sets the mode.
const ANNOTATION: &str = "serving.kserve.io/deploymentMode";

impl Mode {
    /// The mode with this name, old or new.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "Knative" | "Serverless" => Some(Self::Knative),
            "Standard" | "RawDeployment" => Some(Self::Standard),
            "ModelMesh" => Some(Self::ModelMesh),
            _ => None,
        }
    }

    /// Its name since 0.16.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Knative => "Knative",
            Self::Standard => "Standard",
            Self::ModelMesh => "ModelMesh",
        }
    }

    /// The mode that the controller takes: what its status says, the annotation, the cluster's default; where none of
    /// them can be read, what the status looks like.
    pub(super) fn of(service: &InferenceService, default: Option<Self>) -> Self {
        Self::stated(service).or(default).unwrap_or(Self::Knative)
    }

    /// The mode as far as the object itself tells it.
    pub(super) fn stated(service: &InferenceService) -> Option<Self> {
        let status = service.status.as_ref();
        status
            .and_then(|status| Self::named(&status.deployment_mode))
            .or_else(|| Self::named(service.metadata.annotation(ANNOTATION)))
            .or_else(|| Self::by_looks(service))
    }

    fn by_looks(service: &InferenceService) -> Option<Self> {
        let status = service.status.as_ref()?;
        let predictor = status.components.get("predictor");
        let revisions = predictor.is_some_and(|it| !it.latest_created_revision.is_empty() || !it.traffic.is_empty());
        if revisions || condition(&status.conditions, "LatestDeploymentReady").is_some() {
            return Some(Self::Knative);
        }
        predictor.is_some_and(|it| !it.url.is_empty()).then_some(Self::Standard)
    }
}

/// The old name of the mode, where the object still carries one.
pub(super) fn old_name(service: &InferenceService) -> Option<&str> {
    let written = [
        service.metadata.annotation(ANNOTATION),
        service.status.as_ref().map_or("", |status| &*status.deployment_mode),
    ];
    written.into_iter().find(|name| matches!(*name, "Serverless" | "RawDeployment"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mode(object: serde_json::Value, default: Option<Mode>) -> Mode {
        Mode::of(&serde_json::from_value(object).unwrap(), default)
    }

    #[test]
    fn the_status_wins_over_the_annotation_and_that_over_the_default() {
        let annotated = |name: &str| json!({"metadata": {"annotations": {ANNOTATION: name}}});
        assert_eq!(mode(annotated("RawDeployment"), Some(Mode::Knative)), Mode::Standard);
        assert_eq!(mode(annotated("Serverless"), Some(Mode::Standard)), Mode::Knative);
        let mut both = annotated("Standard");
        both["status"] = json!({"deploymentMode": "Knative"});
        assert_eq!(mode(both, None), Mode::Knative);
        assert_eq!(mode(json!({}), Some(Mode::Standard)), Mode::Standard);
        assert_eq!(mode(json!({}), None), Mode::Knative);
    }

    #[test]
    fn where_nothing_says_the_mode_the_revisions_do() {
        let knative = json!({"status": {"components": {"predictor": {"latestCreatedRevision": "a-00001"}}}});
        assert_eq!(mode(knative, Some(Mode::Standard)), Mode::Knative);
    }
}
