use std::time::Duration;

use http::Request;
use serde_json::Value as Json;

use super::server::{End, Reply, Server};
use crate::model::health::Error;
use crate::systems::kube::{Review, Scheme, ServiceTarget};

#[tokio::test]
async fn a_login_page_with_200_is_told_from_an_api_server() {
    let server =
        Server::start(|_, _| Reply::json("<!DOCTYPE html><title>Sign in</title>").typed(200, "text/html")).await;
    let cluster = server.access().cluster().await.unwrap();
    let error = cluster.get_json::<Json>("/api/v1/pods").await.unwrap_err();
    assert!(matches!(&error, Error::Protocol { what } if what.contains("HTML page (Sign in)")), "{error:?}");
}

#[tokio::test]
async fn an_answer_that_ends_in_the_middle_is_an_error() {
    let server = Server::start(|path, _| match path {
        "/broken" => Reply::json(r#"{"a": [1,"#).ending(End::Broken),
        _ => Reply::json(r#"{"a": [1,"#),
    })
    .await;
    let cluster = server.access().cluster().await.unwrap();
    let broken = cluster.get_json::<Json>("/broken").await.unwrap_err();
    assert!(matches!(broken, Error::Unreachable { .. }), "{broken:?}");
    let short = cluster.get_json::<Json>("/short").await.unwrap_err();
    assert!(matches!(&short, Error::Protocol { what } if what.contains("ends in the middle")), "{short:?}");
}

#[tokio::test]
async fn nobody_there_is_said_with_the_address() {
    let server = Server::start(|_, _| Reply::json("{}")).await;
    let config = server.kubeconfig("{}");
    let text = std::fs::read_to_string(&config).unwrap().replace(&server.address, "http://127.0.0.1:1");
    std::fs::write(&config, text).unwrap();
    let source = crate::systems::kube::Source { kubeconfig: vec![config], context: None };
    let access =
        crate::systems::kube::Access::new(source, std::sync::Arc::new(|_| None), crate::model::clock::Clock::System);
    let error = access.cluster().await.unwrap().get_json::<Json>("/version").await.unwrap_err();
    assert_eq!(error, Error::Unreachable { what: "http://127.0.0.1:1".into(), why: "Connection refused".into() });
}

#[tokio::test]
async fn the_service_proxy_tells_its_own_errors_from_those_of_the_back_end() {
    let server = Server::start(|path, _| {
        if path.contains("/proxy/down") {
            Reply::status(503, "error trying to reach service: dial tcp 10.0.0.1:80: connect: connection refused")
        } else {
            Reply::json(r#"{"error_code": "RESOURCE_DOES_NOT_EXIST"}"#).typed(404, "application/json")
        }
    })
    .await;
    let cluster = server.access().cluster().await.unwrap();
    let target =
        ServiceTarget { namespace: "mlflow".into(), name: "mlflow".into(), port: "80".into(), scheme: Scheme::Http };
    let request = |path: &str| Request::get(path).body(Vec::new()).unwrap();
    let limit = Duration::from_secs(5);
    let answer = cluster.proxy(&target, request("/api/2.0/x?y=1"), limit).await.unwrap();
    assert_eq!(answer.status(), 404);
    assert!(answer.body().starts_with(b"{\"error_code\""));
    let error = cluster.proxy(&target, request("/down"), limit).await.unwrap_err();
    assert!(
        matches!(&error, Error::Unreachable { what, why } if what == "service mlflow/mlflow:80" && why.contains("refused"))
    );
    assert_eq!(server.asked()[0], "GET /api/v1/namespaces/mlflow/services/mlflow:80/proxy/api/2.0/x?y=1");
}

#[tokio::test]
async fn a_review_without_the_word_allowed_is_a_no() {
    let server = Server::start(|_, before| {
        Reply::json(if before == 0 { r#"{"status":{"reason":"no rule"}}"# } else { r#"{"status":{"allowed":true}}"# })
    })
    .await;
    let cluster = server.access().cluster().await.unwrap();
    let review =
        Review { verb: "patch", group: "serving.kserve.io", resource: "inferenceservices", ..Review::default() };
    assert_eq!(cluster.review(&review).await.unwrap(), Err("no rule".into()));
    assert_eq!(cluster.review(&review).await.unwrap(), Ok(()));
}
