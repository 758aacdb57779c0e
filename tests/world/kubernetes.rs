//! Against a real Kubernetes control plane (`WORLD_KUBECONFIG` and its like).

use std::sync::Arc;
use std::time::Duration;

use quarterdeck::model::health::Error;
use quarterdeck::model::id::{PaneId, Ref};
use quarterdeck::model::record::{Change, Row};
use quarterdeck::systems::kube::{Scheme, ServiceTarget};
use quarterdeck::systems::kubernetes::{CONTAINERS, EVENTS, Kubernetes, LOGS, PODS, YAML};
use quarterdeck::systems::{Feed, Link, Opened, Parameters};

use super::levers::{access, plugin};

async fn link(variable: &str) -> Arc<dyn Link> {
    super::levers::link(&Kubernetes, variable).await
}

async fn rows(feed: &mut dyn Feed) -> Result<Vec<Arc<Row>>, Error> {
    let mut rows = Vec::new();
    loop {
        for (_, change) in feed.next().await?.changes {
            match change {
                Change::Upsert(row) => rows.push(row),
                Change::Complete => return Ok(rows),
                _ => {}
            }
        }
    }
}

/// The fifth column.
fn restarts(row: &Row) -> f64 {
    row.cell(4).number().unwrap_or_default()
}

async fn opened(link: &dyn Link, what: &Ref, pane: PaneId) -> Vec<Arc<Row>> {
    let Some(Opened::Rows(mut feed)) = link.open(what, pane, &Parameters::default()) else { panic!("no {pane}") };
    rows(&mut *feed).await.unwrap()
}

async fn pods(link: &dyn Link) -> Vec<Arc<Row>> {
    rows(&mut *link.feeds().remove(0)).await.unwrap()
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn pods_their_containers_events_logs_and_yaml_come_from_a_real_control_plane() {
    let link = link("WORLD_KUBECONFIG").await;
    let rows = pods(&*link).await;
    let bad = rows.iter().find(|row| restarts(row) >= 1.0).unwrap();
    let what = Ref::new(PODS, bad.key.clone());
    assert!(opened(&*link, &what, CONTAINERS).await.len() >= 2);
    drop(opened(&*link, &what, EVENTS).await);
    let endpoint = Ref::new(PaneId("endpoints"), "ml-prod/fraud-detection");
    assert!(!opened(&*link, &endpoint, PODS).await.is_empty());
    for (what, pane) in [(&endpoint, LOGS), (&what, YAML)] {
        let Some(Opened::Lines(mut lines)) = link.open(what, pane, &Parameters::default()) else { panic!() };
        let first = lines.next().await.unwrap().unwrap();
        assert!(!first.is_empty(), "{pane}");
    }
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn each_login_may_do_what_it_may_and_says_what_it_may_not() {
    let viewer = link("WORLD_KUBECONFIG_VIEWER").await;
    assert!(!pods(&*viewer).await.is_empty());
    assert!(viewer.rights().await.unwrap().check("create services/proxy").is_err());
    let operator = link("WORLD_KUBECONFIG_OPERATOR").await;
    assert!(operator.rights().await.unwrap().check("create services/proxy").is_ok());
    let nobody = link("WORLD_KUBECONFIG_NOBODY").await;
    let error = rows(&mut *nobody.feeds().remove(0)).await.unwrap_err();
    assert_eq!(error, Error::Forbidden { verb: "list".into(), what: "pods".into() });
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn a_plugin_that_fails_is_named_with_its_last_line_and_works_again_afterwards() {
    let access = access("WORLD_KUBECONFIG_EXEC");
    let expired = plugin("expired");
    let failed = access.cluster().await.err();
    drop(expired);
    let why =
        "the credential plugin aws failed: Error when retrieving token from sso: Token has expired and refresh failed";
    assert_eq!(failed, Some(Error::Unauthorized { what: "exec".into(), why: why.into() }));
    let cluster = access.cluster().await.unwrap();
    cluster.get_json::<serde_json::Value>("/api/v1/namespaces/ml-prod/pods?limit=1").await.unwrap();
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn a_service_and_a_pod_are_reached_through_the_api_server() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let cluster = access("WORLD_KUBECONFIG_OPERATOR").cluster().await.unwrap();
    let target =
        ServiceTarget { namespace: "mlflow".into(), name: "mlflow".into(), port: "http".into(), scheme: Scheme::Http };
    let answer = cluster.proxy_get(&target, "/health", Duration::from_secs(20)).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.body().as_ref()), (200, b"OK".as_ref()));
    let absent = ServiceTarget { name: "nothing".into(), ..target };
    let error = cluster.proxy_get(&absent, "/", Duration::from_secs(20)).await.unwrap_err();
    assert_eq!(error, Error::Absent { what: "service mlflow/nothing:http".into() });
    let rows = pods(&*link("WORLD_KUBECONFIG").await).await;
    let pod = rows.iter().find(|row| row.key.as_str().starts_with("ml-prod/churn-predictor")).unwrap();
    let (_, name) = pod.key.split_namespace().unwrap();
    let mut stream = cluster.forward("ml-prod", name, 8080).await.unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").await.unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/");
}
