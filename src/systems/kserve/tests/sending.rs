//! How a patch is sent: only onto the object that was planned on, and never blindly twice.

use std::sync::Mutex;

use serde_json::{Value as Json, json};

use super::super::ops::{Patch, PatchForm};
use super::super::plans::Verb;
use super::knative;
use super::plans::{made, patch, plain};
use crate::model::health::Error;
use crate::model::plan::Plan;
use crate::systems::kube::tests::server::{Reply, Server};
use crate::systems::tests::permit;

fn planned() -> Plan {
    let service = knative();
    made(Verb::Rollback, &service, &plain(&service), &[])
}

/// Sends it to a server that shows these objects, one after the other, and answers each patch with the next of these;
/// gives what came of it and the methods that were used.
async fn send(patch: &Patch, seen: Vec<Json>, answers: Vec<Reply>) -> (Result<Json, Error>, Vec<String>) {
    let (seen, answers) = (Mutex::new(seen.into_iter()), Mutex::new(answers.into_iter()));
    let server = Server::start(move |path, _| {
        if path.contains("fieldManager") {
            answers.lock().unwrap().next().unwrap_or_else(|| Reply::status(500, "one patch too many"))
        } else {
            Reply::json(seen.lock().unwrap().next().unwrap_or_default().to_string())
        }
    })
    .await;
    let cluster = server.access().cluster().await.unwrap();
    let result = patch.send(&cluster, &permit(&planned())).await;
    let methods = server.asked().iter().filter_map(|line| line.split(' ').next().map(str::to_owned)).collect();
    (result, methods)
}

fn conflict() -> Reply {
    Reply::status(409, "the object has been modified")
}

fn roll_back() -> Patch {
    patch(&planned().steps[0])
}

/// The object of the plan with another value at `pointer`.
fn changed(pointer: &str, value: Json) -> Json {
    let mut service = knative();
    *service.pointer_mut(pointer).unwrap() = value;
    service
}

#[tokio::test]
async fn a_patch_is_sent_onto_the_object_that_was_planned_on() {
    let (result, methods) = send(&roll_back(), vec![knative()], vec![Reply::json("{}")]).await;
    assert_eq!((result, methods), (Ok(json!({})), vec!["GET".to_owned(), "PATCH".to_owned()]));
}

#[tokio::test]
async fn nothing_is_sent_onto_an_object_that_somebody_changed() {
    for (pointer, value, said) in [
        ("/metadata/uid", json!("u-2"), "made anew"),
        ("/metadata/generation", json!(8), "changed the spec"),
        ("/spec/predictor/canaryTrafficPercent", json!(25), "changed spec.predictor.canaryTrafficPercent"),
    ] {
        let (result, methods) = send(&roll_back(), vec![changed(pointer, value)], vec![Reply::json("{}")]).await;
        assert!(matches!(&result, Err(Error::Conflict { what }) if what.contains(said)), "{pointer}: {result:?}");
        assert_eq!(methods, ["GET"], "{pointer}");
    }
}

#[tokio::test]
async fn where_only_the_status_has_moved_a_merge_patch_is_sent_once_more() {
    let moved = changed("/metadata/resourceVersion", json!("99121"));
    let answers = vec![conflict(), Reply::json("{}")];
    let (result, methods) = send(&roll_back(), vec![knative(), moved.clone()], answers).await;
    assert_eq!((result, methods.join(" ")), (Ok(json!({})), "GET PATCH GET PATCH".to_owned()));
    let answers = vec![conflict(), conflict(), Reply::json("{}")];
    let (result, methods) = send(&roll_back(), vec![knative(), moved.clone(), moved], answers).await;
    assert!(matches!(result, Err(Error::Conflict { .. })), "{result:?}");
    assert_eq!(methods.join(" "), "GET PATCH GET PATCH", "and not for ever");
}

#[tokio::test]
async fn what_somebody_changed_between_two_tries_is_left_alone() {
    let other = changed("/metadata/generation", json!(8));
    let (result, methods) = send(&roll_back(), vec![knative(), other], vec![conflict(), Reply::json("{}")]).await;
    assert!(matches!(result, Err(Error::Conflict { .. })), "{result:?}");
    assert_eq!(methods.join(" "), "GET PATCH GET");
}

#[tokio::test]
async fn a_json_patch_whose_tests_failed_is_not_sent_again() {
    let patch = Patch { form: PatchForm::Json, body: json!([]), ..roll_back() };
    let (result, methods) = send(&patch, vec![knative(), knative()], vec![conflict(), Reply::json("{}")]).await;
    assert!(matches!(result, Err(Error::Conflict { .. })), "{result:?}");
    assert_eq!(methods.join(" "), "GET PATCH");
}
