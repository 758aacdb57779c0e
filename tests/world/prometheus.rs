//! Against a real Prometheus with the metrics of real model servers.

use std::sync::Arc;
use std::time::Duration;

use quarterdeck::model::clock::Clock;
use quarterdeck::model::id::{PaneId, Ref};
use quarterdeck::model::record::{Change, Row};
use quarterdeck::model::value::Value;
use quarterdeck::systems::kube::Access;
use quarterdeck::systems::prometheus::{CHART, ENDPOINT_CHART, ENDPOINT_METRICS, PANELS, Prometheus};
use quarterdeck::systems::{Cx, Feed, Link, Opened, Parameters, Settings, System};
use serde_json::json;

use super::levers::{access, fault, variable};

async fn link() -> Arc<dyn Link> {
    let url = variable("WORLD_PROMETHEUS_URL");
    let settings = Settings { table: format!("url = '{url}'").parse().unwrap(), file: None };
    let cx = Cx { clock: Clock::System, kube: Access::default(), env: Arc::new(|_| None), namespaces: Vec::new() };
    Prometheus.connect(&settings, &cx).await.unwrap()
}

async fn rows(feed: &mut dyn Feed, pane: PaneId) -> (Vec<Arc<Row>>, Vec<String>) {
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    for (of, change) in feed.next().await.unwrap().changes {
        match change {
            Change::Upsert(row) if of == pane => rows.push(row),
            Change::Note(text) if of == pane => notes.push(text.to_string()),
            _ => {}
        }
    }
    (rows, notes)
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn a_real_model_servers_endpoint_has_requests_and_latencies_and_its_errors_are_unknown() {
    let link = link().await;
    let mut feeds = link.feeds();
    let feed = feeds.iter_mut().find(|feed| feed.panes().contains(&ENDPOINT_METRICS)).unwrap();
    let (rows, notes) = rows(feed.as_mut(), ENDPOINT_METRICS).await;
    let row = rows.iter().find(|row| row.key.as_str() == "production/fraud-detection").expect("the seeded endpoint");
    let lines = row.cells.iter().filter(|cell| matches!(cell, Value::Spark(_) | Value::Pair(_))).count();
    assert!(lines >= 1, "{row:?}");
    assert_eq!(row.cell(5), &Value::None, "KServe's server does not count by status");
    assert!(notes.iter().any(|note| note.contains("errors of fraud-detection are unknown")), "{notes:?}");
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn a_panel_opens_as_a_chart_over_any_range() {
    let link = link().await;
    let mut feeds = link.feeds();
    let feed = feeds.iter_mut().find(|feed| feed.panes().contains(&PANELS)).unwrap();
    let (panels, _) = rows(feed.as_mut(), PANELS).await;
    let down = panels.iter().find(|row| row.key.as_str().starts_with("targets down/")).expect("a target is down");
    // two days on a narrow chart: never more steps than the server takes, though it has not run for so long
    for (range_seconds, points) in [(172_743, 180), (3600, 600)] {
        let how = Parameters { range_seconds, points, ..Parameters::default() };
        let Some(Opened::Rows(mut chart)) = link.open(&Ref::new(PANELS, down.key.clone()), CHART, &how) else {
            panic!("no chart")
        };
        let (lines, _) = rows(chart.as_mut(), CHART).await;
        let long = |row: &Arc<Row>| matches!(row.cell(2), Value::Spark(series) if series.points.len() > 300);
        assert!(points < 600 || lines.iter().any(long), "{lines:?}");
    }
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn an_endpoints_chart_has_its_latencies() {
    let link = link().await;
    let what = Ref::new(PaneId("endpoints"), "production/fraud-detection");
    let Some(Opened::Rows(mut chart)) = link.open(&what, ENDPOINT_CHART, &Parameters::default()) else {
        panic!("no chart")
    };
    let (lines, notes) = rows(chart.as_mut(), ENDPOINT_CHART).await;
    assert!(lines.iter().any(|row| row.key.as_str() == "p95/fraud-detection"), "{lines:?}");
    assert!(notes.iter().any(|note| note.starts_with("errors are unknown")), "{notes:?}");
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn the_same_prometheus_answers_through_the_clusters_service_proxy() {
    let kube = access("WORLD_KUBECONFIG");
    let cx = Cx { clock: Clock::System, kube, env: Arc::new(|_| None), namespaces: Vec::new() };
    let service = "service = { namespace = 'monitoring', name = 'kube-prometheus-stack-prometheus', port = 9090 }";
    let settings = Settings { table: service.parse().unwrap(), file: None };
    let link = Prometheus.connect(&settings, &cx).await.unwrap();
    let mut feeds = link.feeds();
    let feed = feeds.iter_mut().find(|feed| feed.panes().contains(&ENDPOINT_METRICS)).unwrap();
    let (through, _) = rows(feed.as_mut(), ENDPOINT_METRICS).await;
    assert!(through.iter().any(|row| row.key.as_str() == "production/fraud-detection"), "{through:?}");
    // and without any Prometheus the model servers are asked themselves, twice for a rate
    let local = Prometheus.connect(&Settings::default(), &cx).await.unwrap();
    let mut feeds = local.feeds();
    let feed = feeds.iter_mut().find(|feed| feed.panes().contains(&ENDPOINT_METRICS)).unwrap();
    assert!(rows(feed.as_mut(), ENDPOINT_METRICS).await.0.is_empty(), "one reading is no rate");
    let (made, notes) = rows(feed.as_mut(), ENDPOINT_METRICS).await;
    assert!(made.iter().any(|row| row.key.as_str() == "ml-prod/fraud-detection"), "{made:?}");
    assert!(notes.iter().any(|note| note.contains("no Prometheus")), "{notes:?}");
}

/// The newest number of a line.
fn last(row: &Row, column: usize) -> f64 {
    let Value::Spark(series) = row.cell(column) else { return 0.0 };
    series.points.iter().rev().map(|(_, value)| *value).find(|value| value.is_finite()).unwrap_or_default()
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn a_model_server_that_slows_down_is_seen_in_the_latencies_of_its_endpoint() {
    let link = link().await;
    let mut feeds = link.feeds();
    let feed = feeds.iter_mut().find(|feed| feed.panes().contains(&ENDPOINT_METRICS)).unwrap();
    let heads = (Prometheus.panes().iter().find(|pane| pane.id == ENDPOINT_METRICS).unwrap().heads)();
    let p99 = heads.iter().position(|head| head.id == "p99").unwrap();
    let _slow = fault("stable", &json!({"latency_ms": 800}));
    for _ in 0..60 {
        let (rows, _) = rows(feed.as_mut(), ENDPOINT_METRICS).await;
        let row = rows.iter().find(|row| row.key.as_str() == "production/fraud-detection").unwrap();
        // each request takes 0.4 to 1.2 s now, where it took 0.02 s at most
        if last(row, p99) > 0.3 {
            return;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("the latencies stay as they were");
}
