//! The operation and the questions of plans, as they are sent: patches that change only what was planned.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::actions::Permit;
use crate::model::health::Error;
use crate::systems::kube::{Cluster, PatchKind, Resource};

/// How a patch is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum PatchForm {
    /// RFC 7396.
    Merge,
    /// RFC 6902.
    Json,
}

/// What has to be true of the object for the patch to be what was planned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Expected {
    /// It is the same object and not another one with its name.
    pub(super) uid: String,
    /// Nobody changed its spec.
    pub(super) generation: Option<i64>,
    /// These fields, by JSON pointer, have these values; `null` where they are missing.
    pub(super) fields: BTreeMap<String, Json>,
}

/// A patch of an InferenceService.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Patch {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) form: PatchForm,
    #[serde(rename = "patch")]
    pub(super) body: Json,
    pub(super) expected: Expected,
}

/// InferenceServices in the API.
pub(super) fn services() -> Resource {
    Resource::new("/apis/serving.kserve.io/v1beta1", "inferenceservices")
}

impl Patch {
    /// As the arguments of an operation or a question.
    pub(super) fn arguments(&self) -> Json {
        serde_json::to_value(self).unwrap_or(Json::Null)
    }

    /// From the arguments of an operation or a question.
    pub(super) fn from_arguments(arguments: &Json) -> Result<Self, Error> {
        Self::deserialize(arguments)
            .map_err(|error| Error::Protocol { what: format!("the plan's operation can't be read: {error}") })
    }

    fn path(&self) -> Result<String, Error> {
        services().object_path(&self.namespace, &self.name)
    }

    fn kind(&self) -> PatchKind {
        match self.form {
            PatchForm::Merge => PatchKind::Merge,
            PatchForm::Json => PatchKind::Json,
        }
    }

    /// What is sent, for the object as it is now: a merge patch carries the version that was read, a JSON patch tests
    /// what was planned on.
    pub(super) fn for_object(&self, object: &Json) -> Json {
        match (&self.body, self.form) {
            (Json::Array(operations), PatchForm::Json) => {
                let mut tests = vec![test("/metadata/uid", &json!(self.expected.uid))];
                if let Some(generation) = self.expected.generation {
                    tests.push(test("/metadata/generation", &json!(generation)));
                }
                // of whole lists and objects the server may drop what is empty
                let fields = self.expected.fields.iter().filter(|(_, value)| is_plain(value));
                tests.extend(fields.map(|(path, value)| test(path, value)));
                Json::Array(tests.into_iter().chain(operations.iter().cloned()).collect())
            }
            (patch, _) => {
                let mut patch = patch.clone();
                let version = object.pointer("/metadata/resourceVersion").cloned().unwrap_or(Json::Null);
                json_patch::merge(&mut patch, &json!({"metadata": {"resourceVersion": version}}));
                patch
            }
        }
    }

    /// Whether the object is still what was planned on; if not, what is different.
    pub(super) fn conflict(&self, object: &Json) -> Option<String> {
        let of = |pointer: &str| object.pointer(pointer).cloned().unwrap_or(Json::Null);
        if of("/metadata/uid") != json!(self.expected.uid) {
            return Some(format!("{} was deleted and made anew", self.name));
        }
        if self.expected.generation.is_some_and(|generation| of("/metadata/generation") != json!(generation)) {
            return Some(format!("somebody changed the spec of {} meanwhile", self.name));
        }
        let other = self.expected.fields.iter().find(|(path, value)| normal(of(path)) != normal((*value).clone()));
        other.map(|(path, _)| {
            format!("somebody changed {} of {} meanwhile", path.trim_start_matches('/').replace('/', "."), self.name)
        })
    }

    /// Sends it, if the object is still what was planned on. When only the status has moved meanwhile, once more.
    pub(super) async fn send(&self, cluster: &Cluster, permit: &Permit) -> Result<Json, Error> {
        let path = format!("{}?fieldManager=quarterdeck&fieldValidation=Strict", self.path()?);
        let sent = cluster.patch(permit, &path, self.kind(), &self.checked(cluster).await?).await;
        match sent {
            // told for certain that it did not happen, so it is no blind second try
            Err(Error::Conflict { .. }) if self.form == PatchForm::Merge => {
                cluster.patch(permit, &path, self.kind(), &self.checked(cluster).await?).await
            }
            Err(Error::Refused { why }) if is_failed_test(&why) => {
                Err(Error::Conflict { what: format!("somebody changed {} meanwhile", self.name) })
            }
            other => other,
        }
    }

    async fn checked(&self, cluster: &Cluster) -> Result<Json, Error> {
        let object: Json = cluster.get_json(&self.path()?).await?;
        match self.conflict(&object) {
            Some(what) => Err(Error::Conflict { what }),
            None => Ok(self.for_object(&object)),
        }
    }

    /// Tries it without effect: `accepted`, or what admission says against it.
    pub(super) async fn try_out(&self, cluster: &Cluster) -> Result<Json, Error> {
        let path = format!("{}?fieldManager=quarterdeck&fieldValidation=Strict", self.path()?);
        // whether it is still what was planned on is another check's business
        match cluster.try_patch(&path, self.kind(), &self.body).await {
            Ok(_) => Ok(json!("accepted")),
            Err(Error::Refused { why }) => Ok(Json::String(why)),
            Err(Error::Conflict { what }) => Ok(Json::String(what)),
            Err(error) => Err(error),
        }
    }
}

fn test(path: &str, value: &Json) -> Json {
    json!({"op": "test", "path": path, "value": value})
}

/// The words of the API server for a `test` that fails: it gives no other.
fn is_failed_test(why: &str) -> bool {
    why.contains("the server rejected our request due to an error in our request")
}

fn is_plain(value: &Json) -> bool {
    matches!(value, Json::Bool(_) | Json::Number(_) | Json::String(_))
}

/// An empty list is as good as none: the server may drop it.
pub(super) fn normal(value: Json) -> Json {
    if value.as_array().is_some_and(Vec::is_empty) { Json::Null } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(form: PatchForm, patch: Json) -> Patch {
        let fields = [("/spec/predictor/canaryTrafficPercent".to_owned(), json!(10))].into();
        let expected = Expected { uid: "u".into(), generation: Some(3), fields };
        Patch { namespace: "n".into(), name: "a".into(), form, body: patch, expected }
    }

    fn object() -> Json {
        json!({"metadata": {"uid": "u", "generation": 3, "resourceVersion": "77"},
            "spec": {"predictor": {"canaryTrafficPercent": 10}}})
    }

    #[test]
    fn a_merge_patch_carries_the_version_that_was_read() {
        let sent = patch(PatchForm::Merge, json!({"spec": {"canary": []}})).for_object(&object());
        assert_eq!(sent, json!({"spec": {"canary": []}, "metadata": {"resourceVersion": "77"}}));
    }

    #[test]
    fn a_json_patch_tests_what_was_planned_on() {
        let sent = patch(PatchForm::Json, json!([{"op": "remove", "path": "/spec/x"}])).for_object(&object());
        let paths: Vec<&str> = sent.as_array().unwrap().iter().map(|it| it["path"].as_str().unwrap()).collect();
        assert_eq!(paths, ["/metadata/uid", "/metadata/generation", "/spec/predictor/canaryTrafficPercent", "/spec/x"]);
    }

    #[test]
    fn a_status_that_moved_is_no_conflict_and_a_spec_that_changed_is_one() {
        let patch = patch(PatchForm::Merge, json!({}));
        let mut moved = object();
        moved["metadata"]["resourceVersion"] = json!("99");
        assert_eq!(patch.conflict(&moved), None);
        moved["metadata"]["generation"] = json!(4);
        assert!(patch.conflict(&moved).unwrap().contains("changed the spec"));
        let mut anew = object();
        anew["metadata"]["uid"] = json!("v");
        assert!(patch.conflict(&anew).unwrap().contains("made anew"));
    }

    #[test]
    fn the_arguments_of_an_operation_come_back_as_they_were() {
        let patch = patch(PatchForm::Merge, json!({"spec": {"predictor": {"canaryTrafficPercent": null}}}));
        assert_eq!(Patch::from_arguments(&patch.arguments()).unwrap(), patch);
    }
}
