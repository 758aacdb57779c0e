//! The ways in to an endpoint.

use serde_json::json;

use super::super::ways::service;
use super::{board, fixture, knative};
use crate::model::serving::{Protocol, Role, Serving};

fn of(object: &serde_json::Value, pods: Option<&str>) -> Serving {
    let text = |name: &str| object["metadata"][name].as_str().unwrap().to_owned();
    service(&board(object, Some("state-ready-httproutes"), pods), &(text("namespace"), text("name"))).unwrap()
}

#[test]
fn a_standard_endpoint_is_reached_by_its_predictors_service() {
    let serving = of(&fixture("state-ready"), Some("state-ready-pods"));
    let way = serving.with_role(Role::Stable).unwrap();
    assert_eq!((way.service.as_ref().unwrap().name.as_str(), way.port), ("roll-predictor", 8080));
    assert_eq!(way.selector, "app=isvc.roll-predictor");
    assert_eq!((serving.protocol, serving.obstacle), (Some(Protocol::V1), None));
}

#[test]
fn the_entry_is_the_transformer_where_there_is_one_whatever_the_address_says() {
    let mut service = fixture("state-with-transformer");
    service["status"]["address"]["url"] = json!("http://trans.rec.svc.cluster.local/v2/models/iris/infer");
    let serving = of(&service, None);
    let way = serving.with_role(Role::Stable).unwrap();
    assert_eq!(way.service.as_ref().unwrap().name, "trans-transformer");
    assert_eq!(way.selector, "serving.kserve.io/inferenceservice=trans,component=transformer");
}

#[test]
fn a_canary_in_standard_mode_has_a_service_of_its_own() {
    let serving = of(&fixture("canary-1-isvc"), None);
    let way = serving.with_role(Role::Canary).unwrap();
    assert_eq!((way.name.as_str(), way.service.as_ref().unwrap().name.as_str()), ("v2", "can-v2-predictor"));
}

#[test]
fn a_knative_revision_is_reached_by_its_private_service() {
    let serving = of(&knative(), None);
    let way = serving.with_role(Role::Canary).unwrap();
    assert_eq!(way.service.as_ref().unwrap().name, "fraud-detector-predictor-00003-private");
    assert_eq!(
        (way.percent, way.selector.as_str()),
        (Some(10.0), "serving.knative.dev/revision=fraud-detector-predictor-00003")
    );
    assert_eq!(serving.protocol, Some(Protocol::V2));
}

#[test]
fn a_stopped_endpoint_and_one_without_ready_pods_say_so_beforehand() {
    assert!(of(&fixture("state-stopped"), None).obstacle.unwrap().contains("stopped on purpose"));
    let failing = of(&fixture("state-failed-to-load"), Some("state-failed-to-load-pods"));
    assert_eq!(failing.obstacle.as_deref(), Some("no pod of failing is ready"));
}

#[test]
fn a_model_that_has_another_name_on_the_server_is_known_by_it() {
    let mut service = fixture("state-ready");
    service["spec"]["predictor"]["model"]["args"] = json!(["--model_name=mnist"]);
    assert_eq!(of(&service, None).model.as_deref(), Some("mnist"));
    assert_eq!(of(&fixture("state-ready"), None).model, None);
}
