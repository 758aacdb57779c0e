//! Test predictions to real KServe model servers, by every way in.

use std::path::PathBuf;

use chrono::TimeDelta;
use quarterdeck::actions::{Guard, Policy, PredictPermit};
use quarterdeck::config::Predictions;
use quarterdeck::model::clock::Clock;
use quarterdeck::model::health::Error;
use quarterdeck::model::prediction::{Answer, Ask, Wanted, Way};
use quarterdeck::model::serving::{Protocol, Revision, Role, ServicePort, Serving};
use quarterdeck::predict::expect::Expectation;
use quarterdeck::predict::{Means, send};
use serde_json::json;

use super::levers::{access, fault, variable};

fn permit() -> PredictPermit {
    let policy = Policy {
        profile: "world".into(),
        production: false,
        read_only: true,
        armed_for: TimeDelta::minutes(15),
        predictions: Predictions::Allow,
    };
    Guard::new(policy).predict(false).unwrap()
}

fn means() -> Means {
    Means { ingress: Some(variable("WORLD_INGRESS_URL")), ..Means::new(access("WORLD_KUBECONFIG"), Clock::System) }
}

fn revision(number: &str, role: Role, percent: f64) -> Revision {
    let name = format!("fraud-detection-predictor-{number}");
    Revision {
        selector: format!("serving.knative.dev/revision={name}"),
        service: Some(ServicePort { name: format!("{name}-private"), port: "80".into() }),
        name,
        role,
        percent: Some(percent),
        port: 8080,
        ready: true,
    }
}

/// 0.92 says the stable revision, 0.89 the canary.
fn ask(wanted: Wanted, via: Way) -> Ask {
    let serving = Serving {
        namespace: "ml-prod".into(),
        name: "fraud-detection".into(),
        model: None,
        protocol: Some(Protocol::V1),
        url: Some("http://fraud-detection.ml-prod.example.com".into()),
        revisions: vec![revision("00002", Role::Stable, 90.0), revision("00003", Role::Canary, 10.0)],
        obstacle: None,
    };
    let body = r#"{"instances": [1000, 45, 0.67]}"#.into();
    Ask { serving, wanted, via: Some(via), protocol: None, body }
}

async fn answer(ask: &Ask, means: &Means) -> Answer {
    send(&permit(), ask, means).await.unwrap()
}

fn says(answer: &Answer, expectation: &str) {
    let verdict = Expectation::parse(expectation).unwrap().check(answer);
    assert!(answer.good && verdict.held, "{verdict}: {answer:?}");
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn stable_and_canary_are_told_apart_by_proxy_and_by_port_forward() {
    let means = means();
    for via in [Way::Proxy, Way::Pod] {
        let stable = answer(&ask(Wanted::Stable, via), &means).await;
        says(&stable, "predictions == [0.92]");
        assert_eq!(stable.revision.as_deref(), Some("fraud-detection-predictor-00002"));
        says(&answer(&ask(Wanted::Canary, via), &means).await, "predictions[0] == 0.89 ± 0.001");
    }
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn the_ingress_answers_by_its_host_over_http_and_tls() {
    let mut means = means();
    let any = ask(Wanted::Any, Way::Ingress);
    says(&answer(&any, &means).await, "predictions[0] == 0.9 ± 0.03");
    means.ingress = Some(variable("WORLD_INGRESS_TLS_URL"));
    let refused = send(&permit(), &any, &means).await.unwrap_err();
    assert!(
        matches!(&refused, Error::Unreachable { why, .. } if why.contains("TLS failed")),
        "an unknown authority: {refused}"
    );
    let ca = variable("WORLD_INGRESS_CA");
    means.ca_file = Some(PathBuf::from(ca));
    says(&answer(&any, &means).await, "predictions[0] == 0.9 ± 0.03");
    means.ingress = Some(variable("WORLD_INGRESS_EXPIRED_URL"));
    let expired = send(&permit(), &any, &means).await.unwrap_err().to_string();
    assert!(expired.to_lowercase().contains("expired"), "{expired}");
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn a_host_that_the_ingress_does_not_know_and_a_login_redirect_are_explained() {
    let mut unknown = ask(Wanted::Any, Way::Ingress);
    unknown.serving.url = Some("http://nobody.ml-prod.example.com".into());
    let said = answer(&unknown, &means()).await.why.unwrap();
    assert!(said.contains("404") && said.contains("knows no such host"), "{said}");
    unknown.serving.url = Some("http://login.ml-prod.example.com".into());
    let said = answer(&unknown, &means()).await.why.unwrap();
    assert!(said.contains("302") && said.contains("login page"), "{said}");
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn the_public_address_is_timed_and_both_forms_and_both_protocols_work() {
    let mut direct = ask(Wanted::Any, Way::Url);
    direct.serving.url = Some(variable("WORLD_KSERVE_STABLE_URL"));
    let flat = answer(&direct, &means()).await;
    says(&flat, "predictions[0] == 0.92");
    let (connect, first, total) = (flat.connect.unwrap(), flat.first_byte.unwrap(), flat.total);
    assert!(connect <= first && first <= total, "{connect} {first} {total}");
    direct.body = r#"{"instances": [[1000, 45, 0.67]]}"#.into();
    says(&answer(&direct, &means()).await, "predictions[0] == 0.92");
    direct.protocol = Some(Protocol::V2);
    direct.body =
        r#"{"inputs": [{"name": "input-0", "shape": [1, 3], "datatype": "FP64", "data": [1000, 45, 0.67]}]}"#.into();
    let second = answer(&direct, &means()).await;
    says(&second, "outputs[0].data[0] == 0.92");
    assert_eq!(second.request, "POST /v2/models/fraud-detection/infer");
    direct.body = "{\"inputs\": []}".into();
    let wrong = answer(&direct, &means()).await;
    assert!(!wrong.good && wrong.why.is_some());
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn a_model_under_another_name_is_explained_with_the_names_that_there_are() {
    let mut renamed = ask(Wanted::Any, Way::Url);
    renamed.serving.url = Some(variable("WORLD_KSERVE_STABLE_URL"));
    renamed.serving.name = "first".into();
    let answer = answer(&renamed, &means()).await;
    assert!(answer.why.unwrap().contains("does not exist"));
    assert!(answer.notes.iter().any(|note| note.contains("fraud-detection")), "{:?}", answer.notes);
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn a_model_server_that_fails_is_no_prediction_whatever_the_way_and_says_why_in_the_models_words() {
    let means = means();
    let failing = fault("canary", &json!({"error_rate": 1.0}));
    for via in [Way::Proxy, Way::Pod] {
        let canary = answer(&ask(Wanted::Canary, via), &means).await;
        assert_eq!((canary.good, canary.status), (false, 500), "{canary:?}");
        let why = canary.why.unwrap();
        assert!(why.contains("feature store timed out"), "{why}");
        // the other revision goes on
        says(&answer(&ask(Wanted::Stable, via), &means).await, "predictions == [0.92]");
    }
    drop(failing);
    says(&answer(&ask(Wanted::Canary, Way::Proxy), &means).await, "predictions[0] == 0.89 ± 0.001");
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn a_model_server_that_slows_down_still_predicts_and_the_time_that_it_took_is_told() {
    let mut direct = ask(Wanted::Any, Way::Url);
    direct.serving.url = Some(variable("WORLD_KSERVE_STABLE_URL"));
    let _slow = fault("stable", &json!({"latency_ms": 1000}));
    let slow = answer(&direct, &means()).await;
    says(&slow, "predictions == [0.92]");
    // the server waits for half of it at least before it answers
    let first = slow.first_byte.unwrap();
    assert!(first >= 0.5 && slow.total >= first, "{slow:?}");
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn a_model_server_that_is_not_ready_is_explained() {
    let mut direct = ask(Wanted::Any, Way::Url);
    direct.serving.url = Some(variable("WORLD_KSERVE_STABLE_URL"));
    let _unready = fault("stable", &json!({"ready": false}));
    let unready = answer(&direct, &means()).await;
    assert!(!unready.good && unready.why.as_ref().is_some_and(|why| why.contains("not ready")), "{unready:?}");
}
