use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::detail::{containers, facts};
use super::events::Event;
use super::pods::Pod;
use super::wire::PodWire;
use super::*;
use crate::model::health::Health;
use crate::model::record::{Change, Row};
use crate::model::value::Value;
use crate::systems::Lines;
use crate::systems::kube::tests::server::{End, Reply, Server};
use crate::systems::kube::{Object, Pool};

const RECORDED: &str = include_str!("../../../tests/fixtures/kubernetes/pods.json");
const EVENTS_RECORDED: &str = include_str!("../../../tests/fixtures/kubernetes/events.json");

fn items(list: &str) -> Vec<Json> {
    serde_json::from_str::<Json>(list).unwrap()["items"].as_array().unwrap().clone()
}

fn row(pod: &Json) -> Arc<Row> {
    Pod::read(pod.to_string().as_bytes(), &mut Pool::default()).unwrap().row()
}

fn cell<'a>(row: &'a Row, heads: &[Head], id: &str) -> &'a Value {
    row.cell(heads.iter().position(|head| head.id == id).unwrap())
}

fn words(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        Value::State(state) => format!("{:?} {}", state.health, state.word),
        Value::Pair(pair) => words(&pair.0),
        other => format!("{other:?}"),
    }
}

fn pod(name: &str) -> Json {
    items(RECORDED).into_iter().find(|pod| pod["metadata"]["name"].as_str().unwrap().starts_with(name)).unwrap()
}

fn status_of(pod: &Json) -> String {
    words(cell(&row(pod), &Pod::heads(), "status"))
}

#[test]
fn recorded_pods_have_the_words_that_kubectl_has() {
    let heads = Pod::heads();
    let shown: Vec<String> = items(RECORDED)
        .iter()
        .map(|pod| {
            let row = row(pod);
            let [ready, status] = ["ready", "status"].map(|id| words(cell(&row, &heads, id)));
            format!(
                "{} {ready} {status}",
                pod["metadata"]["name"].as_str().unwrap().chars().take(15).collect::<String>()
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "argocd-applicat 1/1 Good Running",
            "train-fraud-det 0/1 Warn Pending",
            "backfill-xg6cw 0/1 Idle Completed",
            "churn-predictor 1/1 Good Running",
            "drift-check-cxs 0/1 Bad Error",
            "fraud-detection 2/2 Good Running",
            "pricing-predict 0/1 Bad CrashLoopBackOff",
            "feature-store-7 0/1 Bad ImagePullBackOff",
            "alertmanager-ku 2/2 Good Running",
        ]
    );
}

#[test]
fn init_containers_and_deletion_have_their_words() {
    let mut pod = pod("churn-predictor");
    pod["status"]["conditions"] = json!([]);
    pod["status"]["initContainerStatuses"] = json!([{"name": "storage-initializer", "state": {"running": {}}}]);
    assert_eq!(status_of(&pod), "Busy Init:0/1");
    let ended = json!([{"name": "storage-initializer", "state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]);
    pod["status"]["initContainerStatuses"] = ended;
    assert_eq!(status_of(&pod), "Bad Init:Error");
    pod["metadata"]["deletionTimestamp"] = json!("2026-07-30T09:12:44Z");
    assert_eq!(status_of(&pod), "Busy Terminating");
}

/// A pod on a node that died, as a control plane without taint eviction has it.
fn on_a_dead_node() -> Json {
    let mut pod = pod("churn-predictor");
    pod["status"]["conditions"] =
        json!([{"type": "ContainersReady", "status": "True"}, {"type": "Ready", "status": "False"}]);
    pod
}

#[test]
fn a_pod_on_a_dead_node_is_broken_though_its_containers_were_ready_when_they_were_last_heard_of() {
    let mut pod = on_a_dead_node();
    assert_eq!(status_of(&pod), "Bad NodeNotReady");
    let said = facts(&serde_json::from_value::<PodWire>(pod.clone()).unwrap());
    let why = said.iter().any(|row| words(row.cell(1)).starts_with("its node no longer answers"));
    assert!(why, "{said:?}");
    pod["metadata"]["deletionTimestamp"] = json!("2026-07-30T09:12:44Z");
    assert_eq!(status_of(&pod), "Busy Terminating");
}

#[test]
fn a_pod_that_waits_for_a_readiness_gate_is_not_drawn_as_well() {
    let mut pod = on_a_dead_node();
    pod["status"]["conditions"][1]["reason"] = json!("ReadinessGatesNotReady");
    assert_eq!(status_of(&pod), "Warn NotReady");
}

#[test]
fn a_sidecar_counts_as_a_container() {
    let mut pod = pod("churn-predictor");
    let name = pod["spec"]["initContainers"][0]["name"].clone();
    pod["spec"]["initContainers"][0]["restartPolicy"] = json!("Always");
    pod["status"]["initContainerStatuses"] =
        json!([{"name": name, "ready": true, "started": true, "restartCount": 2, "state": {"running": {}}}]);
    let row = row(&pod);
    assert_eq!(words(cell(&row, &Pod::heads(), "ready")), "2/2");
    assert_eq!(words(cell(&row, &Pod::heads(), "restarts")), "Int(2)");
}

#[test]
fn a_pod_refers_to_its_endpoint_and_names_what_made_it() {
    let row = row(&pod("churn-predictor"));
    assert_eq!(row.ref_into(ENDPOINTS).unwrap().key.as_str(), "ml-prod/churn");
    assert_eq!(words(cell(&row, &Pod::heads(), "owner")), "Deployment/churn-predictor");
}

#[test]
fn fields_of_the_future_and_missing_ones_leave_the_row_and_mark_what_is_odd() {
    let mut newer = pod("churn-predictor");
    newer["status"]["containerStatuses"][0]["allocatedResources"] = json!({"cpu": "200m"});
    assert_eq!(status_of(&newer), "Good Running");
    let mut odd = pod("churn-predictor");
    odd["spec"]["containers"] = Json::Null;
    assert_eq!(status_of(&odd), "Warn Running, partly unread");
    odd["status"]["containerStatuses"] = Json::Null;
    odd["metadata"]["labels"] = Json::Null;
    assert!(status_of(&odd).starts_with("Warn"));
}

/// Every value of a recording replaced by something of another kind, one at a time.
fn mutated(value: &Json, change: &mut impl FnMut(&Json)) {
    fn walk(whole: &mut Json, path: &str, change: &mut impl FnMut(&Json)) {
        let here = whole.pointer(path).unwrap().clone();
        for other in [Json::Null, json!(7), json!("\u{1b}[2J"), json!([]), json!({})] {
            *whole.pointer_mut(path).unwrap() = other;
            change(whole);
        }
        *whole.pointer_mut(path).unwrap() = here.clone();
        let below: Vec<String> = match &here {
            Json::Object(fields) => fields.keys().map(|key| key.replace('~', "~0").replace('/', "~1")).collect(),
            Json::Array(items) => (0..items.len()).map(|at| at.to_string()).collect(),
            _ => Vec::new(),
        };
        for key in below {
            walk(whole, &format!("{path}/{key}"), change);
        }
    }
    walk(&mut value.clone(), "", change);
}

#[test]
fn no_mutated_recording_panics_or_loses_the_other_rows() {
    let mut pool = Pool::default();
    for name in ["pricing-predictor", "fraud-detection-predictor"] {
        let good = pod(name);
        let mut tried = 0;
        mutated(&good, &mut |pod| {
            tried += 1;
            let json = pod.to_string();
            let row = match Pod::read(json.as_bytes(), &mut pool) {
                Ok(pod) => pod.row(),
                Err(error) => Pod::unread(&crate::systems::kube::Meta::of(json.as_bytes()), &error.to_string()).row(),
            };
            let texts = row.cells.iter().map(words).chain([row.key.to_string()]);
            let texts: Vec<String> = texts.collect();
            assert!(texts.iter().all(|text| !text.contains('\u{1b}')), "{row:?}");
            if let Ok(wire) = serde_json::from_str::<PodWire>(&json) {
                drop((facts(&wire), containers(&wire)));
            }
        });
        assert!(tried > 500);
    }
    for event in items(EVENTS_RECORDED) {
        mutated(&event, &mut |event| {
            drop(Event::read(event.to_string().as_bytes(), &mut pool).map(|event| event.row()));
        });
    }
}

#[test]
fn of_an_events_many_times_the_latest_counts() {
    let event = json!({"metadata": {"name": "e"}, "type": "Warning", "reason": "BackOff", "message": "m", "lastTimestamp": null,
        "firstTimestamp": "2026-07-30T09:00:00Z", "eventTime": "2026-07-30T09:01:00Z",
        "series": {"count": 7, "lastObservedTime": "2026-07-30T09:12:44Z"}});
    let row = Event::read(event.to_string().as_bytes(), &mut Pool::default()).unwrap().row();
    assert_eq!(*row.cell(0), Value::Time("2026-07-30T09:12:44Z".parse().unwrap()));
    assert_eq!(words(row.cell(1)), "Warn BackOff");
    assert_eq!(*row.cell(3), Value::Int(7));
}

fn link(server: &Server) -> Connected {
    Connected { access: server.access(), namespaces: Vec::new() }
}

async fn lines_of(mut lines: Box<dyn Lines>, until: usize) -> Vec<String> {
    let mut all = Vec::new();
    while all.len() < until {
        match lines.next().await {
            Ok(Some(some)) => {
                // whose log it is has a test of its own
                let said = some.iter().filter(|line| !line.text.starts_with(crate::systems::LOG_OF));
                all.extend(said.map(|line| format!("{}{}", if line.notice { "! " } else { "" }, line.text)));
            }
            Ok(None) => break,
            Err(error) => all.push(format!("error {error}")),
        }
    }
    all
}

fn log(server: &Server, how: &Parameters) -> Box<dyn Lines> {
    match link(server).open(&Ref::new(PODS, "ml-prod/a"), LOGS, how) {
        Some(Opened::Lines(lines)) => lines,
        _ => panic!("no log"),
    }
}

fn running(name: &str) -> String {
    json!({"metadata": {"name": "a", "namespace": "ml-prod", "resourceVersion": "4"}, "spec": {"containers": [{"name": name}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": name, "state": {"running": {}}}]}})
    .to_string()
}

fn pod_list(pod: &str) -> String {
    format!(r#"{{"kind":"PodList","metadata":{{"resourceVersion":"5"}},"items":[{pod}]}}"#)
}

#[tokio::test]
async fn a_log_says_once_whose_it_is_and_what_other_containers_there_are() {
    let pod = running("queue-proxy").replace(r#""containers":["#, r#""containers":[{"name":"kserve-container"},"#);
    let server = Server::start(move |path, before| match path.contains("/log?") {
        true if before == 0 => Reply::lines(&["2026-07-30T09:00:01Z one"], End::Broken),
        true => Reply::lines(&["2026-07-30T09:00:02Z two"], End::Hangs),
        false => Reply::json(pod.clone()),
    })
    .await;
    let mut lines = log(&server, &Parameters::default());
    let mut all: Vec<String> = Vec::new();
    while !all.iter().any(|line| line == "two") {
        all.extend(lines.next().await.into_iter().flatten().flatten().map(|line| line.text.to_string()));
    }
    let title = "log of a container kserve-container; containers: kserve-container, queue-proxy";
    assert_eq!(all, [title, "one", "two"]);
}

#[tokio::test]
async fn a_log_goes_on_after_a_lost_connection_without_loss_or_doubling() {
    let server = Server::start(|path, before| {
        if path.contains("/log?") {
            return match before {
                0 => Reply::lines(
                    &["2026-07-30T09:00:01.1Z one", "2026-07-30T09:00:02.2Z two", "2026-07-30T09:00:02.2Z two too"],
                    End::Broken,
                ),
                1 => Reply::lines(
                    &[
                        "2026-07-30T09:00:02.2Z two",
                        "2026-07-30T09:00:02.2Z two too",
                        "2026-07-30T09:00:02.2Z and two",
                        "2026-07-30T09:00:03Z three",
                    ],
                    End::Whole,
                ),
                _ => Reply::lines(&["2026-07-30T09:00:03Z three", "2026-07-30T09:00:04Z four"], End::Hangs),
            };
        }
        if path.contains("/pods?") {
            Reply::json(pod_list(&running("kserve-container")))
        } else {
            Reply::json(running("kserve-container"))
        }
    })
    .await;
    let all = lines_of(log(&server, &Parameters::default()), 7).await;
    let lines: Vec<&str> = all.iter().map(String::as_str).filter(|line| !line.starts_with("error")).collect();
    assert_eq!(lines, ["one", "two", "two too", "and two", "three", "four"]);
    let asked: Vec<String> = server.asked().into_iter().filter(|asked| asked.contains("/log?")).collect();
    assert!(
        asked[0].contains("tailLines=") && asked[0].contains("container=kserve-container&follow=true"),
        "{asked:?}"
    );
    assert!(asked[1].contains("sinceTime=2026-07-30T09%3A00%3A02Z") && !asked[1].contains("tailLines"), "{asked:?}");
}

#[tokio::test]
async fn a_log_of_a_container_that_has_not_begun_waits_for_it() {
    let waiting = running("c").replace(r#""running":{}"#, r#""waiting":{"reason":"ContainerCreating"}"#);
    let changed = format!(r#"{{"type":"MODIFIED","object":{}}}"#, running("c"));
    let server = Server::start(move |path, before| match (path.contains("/log?"), path.contains("watch=1")) {
        (true, _) if before == 0 => {
            Reply::status(400, "container \"c\" in pod \"a\" is waiting to start: ContainerCreating")
        }
        (true, _) => Reply::lines(&["2026-07-30T09:00:01Z up"], End::Hangs),
        (_, true) => Reply::lines(&[&changed], End::Hangs),
        _ if path.contains("/pods?") => Reply::json(pod_list(&waiting)),
        _ => Reply::json(waiting.clone()),
    })
    .await;
    let all = lines_of(log(&server, &Parameters::default()), 2).await;
    assert_eq!(all, ["! container \"c\" in pod \"a\" is waiting to start: ContainerCreating; waiting for it", "up"]);
}

#[tokio::test]
async fn a_pod_that_is_gone_ends_its_log_with_words() {
    let server = Server::start(|path, _| match path {
        _ if path.contains("/log?") => Reply::lines(&["2026-07-30T09:00:01Z last"], End::Whole),
        _ if path.contains("/pods?") => Reply::json(r#"{"kind":"PodList","metadata":{"resourceVersion":"5"}}"#),
        _ => Reply::json(running("c")),
    })
    .await;
    let all = lines_of(log(&server, &Parameters::default()), 9).await;
    assert_eq!(all, ["last", "! the pod is gone; its log went with it: look at the pod that took its place"]);
}

#[tokio::test]
async fn a_previous_run_is_read_to_its_end() {
    let server = Server::start(|path, _| match path {
        _ if path.contains("previous=true") => Reply::lines(&["2026-07-30T09:00:01Z panic"], End::Whole),
        _ => Reply::json(running("c")),
    })
    .await;
    let how = Parameters { previous: true, container: Some("c".into()), ..Parameters::default() };
    assert_eq!(lines_of(log(&server, &how), 9).await, ["panic", "! the end of the previous run's log"]);
    assert!(!server.asked().iter().any(|asked| asked.contains("follow")));
}

#[tokio::test]
async fn rights_carry_the_names_that_verbs_ask_for() {
    let server = Server::start(|_, before| {
        Reply::json(if before == 0 { r#"{"status":{"reason":"no rule"}}"# } else { r#"{"status":{"allowed":true}}"# })
    })
    .await;
    let rights = link(&server).rights().await.unwrap();
    let denied = RIGHTS.iter().filter(|(name, _)| rights.check(name).is_err()).count();
    assert_eq!(denied, 1);
    assert_eq!(server.asked().len(), RIGHTS.len());
}

#[tokio::test]
async fn a_detail_is_rebuilt_when_its_pod_changes_and_says_when_it_is_gone() {
    let gone = format!(r#"{{"type":"DELETED","object":{}}}"#, running("c"));
    let server = Server::start(move |path, _| {
        if path.contains("watch=1") { Reply::lines(&[&gone], End::Hangs) } else { Reply::json(pod_list(&running("c"))) }
    })
    .await;
    let Some(Opened::Rows(mut feed)) =
        link(&server).open(&Ref::new(PODS, "ml-prod/a"), CONTAINERS, &Parameters::default())
    else {
        panic!("no rows");
    };
    let (mut rows, mut note) = (0, String::new());
    while note.is_empty() {
        for (_, change) in feed.next().await.unwrap().changes {
            match change {
                Change::Upsert(row) => {
                    rows += 1;
                    assert_eq!(row.cell(2), &Value::state(Health::Warn, "not ready"));
                }
                Change::Note(said) => note = said.to_string(),
                _ => {}
            }
        }
    }
    assert_eq!(rows, 1);
    assert!(note.starts_with("this pod is gone"), "{note}");
}

#[test]
fn an_unknown_setting_is_a_mistake() {
    let settings = Settings { table: toml::from_str("namespace = ['a']").unwrap(), file: None };
    assert!(Kubernetes.check(&settings).is_err());
    let settings = Settings { table: toml::from_str("namespaces = ['a']").unwrap(), file: None };
    assert!(Kubernetes.check(&settings).is_ok());
}

#[test]
fn the_kinds_of_endpoints_are_told_apart_by_their_keys() {
    let target = |key: &str| super::Target::of(&Ref { pane: ENDPOINTS, key: key.into() }).unwrap();
    let name = |kind| super::Target::Endpoint { kind, namespace: "ml".into(), name: "fraud".into() };
    assert_eq!(target("ml/fraud"), name(super::Serves::Service));
    assert_eq!(target("graph:ml/fraud"), name(super::Serves::Graph));
    assert_eq!(target("llm:ml/fraud"), name(super::Serves::Llm));
}
