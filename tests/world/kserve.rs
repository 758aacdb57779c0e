//! Against a real API server with the real KServe controller: rows, rights, and the canary's verbs to their end.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use chrono::TimeDelta;
use quarterdeck::actions::journal::{Journal, Who};
use quarterdeck::actions::run::{Executor, Links};
use quarterdeck::actions::{Guard, Permit, Policy};
use quarterdeck::config::Predictions;
use quarterdeck::model::clock::Clock;
use quarterdeck::model::health::Error;
use quarterdeck::model::id::{Key, PaneId, Ref, SystemId};
use quarterdeck::model::plan::{Consent, Outcome, Outputs, Plan, PlanRequest, Planned, Progress};
use quarterdeck::model::record::{Change, Row};
use quarterdeck::model::verb::Risk;
use quarterdeck::systems::kserve::KServe;
use quarterdeck::systems::kube::{Cluster, PatchKind};
use quarterdeck::systems::{Feed, Link, Opened, Parameters, System};
use serde_json::{Value as Json, json};

use super::levers::admin;

const ENDPOINTS: PaneId = PaneId("endpoints");

/// KServe as one of the world's identities.
async fn link(variable: &str) -> Arc<dyn Link> {
    super::levers::link(&KServe, variable).await
}

/// The rows of a pane once all of them have come and `enough` is true of them.
async fn rows(feed: &mut dyn Feed, enough: impl Fn(&[Arc<Row>]) -> bool) -> Vec<Arc<Row>> {
    let mut rows = std::collections::BTreeMap::<Key, Arc<Row>>::new();
    let mut complete = false;
    let all = async {
        loop {
            for (_, change) in feed.next().await.unwrap().changes {
                match change {
                    Change::Begin => rows.clear(),
                    Change::Upsert(row) => drop(rows.insert(row.key.clone(), row)),
                    Change::Remove(key) => drop(rows.remove(&key)),
                    Change::Complete => complete = true,
                    _ => {}
                }
            }
            let now: Vec<Arc<Row>> = rows.values().cloned().collect();
            if complete && enough(&now) {
                return now;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(90), all).await.expect("the rows come")
}

fn word(rows: &[Arc<Row>], key: &str) -> String {
    let heads = (KServe.panes()[0].heads)();
    let at = heads.iter().position(|head| head.id == "ready").unwrap();
    let row = rows.iter().find(|row| row.key.as_str() == key);
    row.map_or(String::new(), |row| row.cell(at).show(Clock::System.now()))
}

fn request(verb: &str, key: &str, answers: &[(&str, &str)]) -> PlanRequest {
    PlanRequest {
        verb: verb.into(),
        targets: vec![Ref::new(ENDPOINTS, key)],
        answers: answers.iter().map(|(id, answer)| ((*id).to_owned(), (*answer).to_owned())).collect(),
        past: Vec::new(),
    }
}

async fn plan(link: &dyn Link, verb: &str, key: &str) -> Plan {
    match link.plan(request(verb, key, &[])).await {
        Ok(Planned::Plan(plan)) => Plan { id: format!("{verb}-{key}"), ..*plan },
        other => panic!("no plan: {other:?}"),
    }
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn the_worlds_endpoints_say_what_is_wrong_with_them() {
    let link = link("WORLD_KUBECONFIG").await;
    let settled = |rows: &[Arc<Row>]| {
        word(rows, "models/fraud-detection") == "yes, canary unrouted" && word(rows, "models/pricing") == "no"
    };
    let mut feed = link.feeds().pop().unwrap();
    let rows = rows(feed.as_mut(), settled).await;
    assert!(word(&rows, "models/churn").starts_with("yes"));
    let refused = link.plan(request("canary", "models/fraud-detection", &[("percent", "50")])).await.unwrap_err();
    assert!(refused.to_string().contains("nothing splits the traffic"), "{refused}");
    for (pane, least) in [("endpoint_facts", 8), ("revisions", 2), ("conditions", 4), ("endpoint_pods", 2)] {
        let what = Ref::new(ENDPOINTS, "models/fraud-detection");
        let Some(Opened::Rows(mut feed)) = link.open(&what, PaneId(pane), &Parameters::default()) else {
            panic!("{pane}")
        };
        let found = self::rows(feed.as_mut(), |rows| rows.len() >= least).await;
        assert!(found.len() >= least, "{pane}");
    }
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn who_may_only_look_is_told_so_before_and_stopped_after() {
    let link = link("WORLD_KUBECONFIG_VIEWER").await;
    assert!(link.rights().await.unwrap().check("patch inferenceservices").is_err());
    let plan = plan(link.as_ref(), "rollback", "models/fraud-detection").await;
    let can = plan.steps[0].require.iter().find(|check| check.probe.name == "can").unwrap();
    let answer = link.observe(&can.probe, &Outputs::new()).await.unwrap();
    assert!(!can.expect.matches(&answer), "{answer}");
}

fn guard() -> Guard {
    Guard::new(Policy {
        profile: "test".into(),
        production: false,
        read_only: false,
        armed_for: TimeDelta::minutes(5),
        predictions: Predictions::Allow,
    })
}

fn permit(plan: &Plan) -> Permit {
    guard().permit(plan, &Consent::default(), Clock::System.now()).unwrap()
}

/// A permit for what the test itself sets up.
pub(crate) fn own() -> Permit {
    permit(&Plan {
        id: "set-up".into(),
        verb: "set up".into(),
        title: "Set up".into(),
        name: String::new(),
        risk: Risk::Low,
        targets: Vec::new(),
        steps: Vec::new(),
        warnings: Vec::new(),
        touches: Vec::new(),
    })
}

struct Only(Arc<dyn Link>);

impl Links for Only {
    fn link(&self, system: SystemId) -> Option<Arc<dyn Link>> {
        (system == SystemId("kserve")).then(|| Arc::clone(&self.0))
    }
}

/// Runs a plan; gives how it ended and the plan that takes it back.
async fn run(link: &Arc<dyn Link>, plan: &Plan) -> (Outcome, Option<Plan>) {
    let folder = tempfile::tempdir().unwrap();
    let who = Who { user: "test".into(), host: "test".into(), from: None };
    let journal = Journal::open(folder.path(), who, Clock::System).unwrap();
    let executor = Executor::new(Arc::new(Only(Arc::clone(link))), journal, Clock::System, "test".into());
    let (sender, mut progress) = tokio::sync::mpsc::channel(64);
    let told = tokio::spawn(async move {
        let mut undo = None;
        while let Some(said) = progress.recv().await {
            if let Progress::Ended { undo: back, .. } = said {
                undo = back;
            }
        }
        undo
    });
    let outcome = executor.run(permit(plan), plan, sender, Arc::new(AtomicBool::new(false))).await;
    let undo = told.await.unwrap().map(|undo| Plan { id: format!("undo {}", plan.id), ..*undo });
    (outcome, undo)
}

const SPACE: &str = "qd-kserve";
const SERVICES: &str = "/apis/serving.kserve.io/v1beta1/namespaces/qd-kserve/inferenceservices";

fn service(name: &str) -> Json {
    let model = |version: u8| json!({"modelFormat": {"name": "sklearn"}, "storageUri": format!("s3://acme-models/{name}/{version}")});
    json!({
        "apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService",
        "metadata": {"name": name, "namespace": SPACE, "annotations": {"serving.kserve.io/deploymentMode": "Standard"}},
        "spec": {
            "predictor": {"minReplicas": 2, "maxReplicas": 3, "model": model(1)},
            "canary": [{"trafficPercent": 20, "predictor": {"name": "v2", "minReplicas": 1, "model": model(2)}}],
        },
    })
}

/// An endpoint of our own with a canary, ready.
async fn scratch(name: &str) -> Arc<Cluster> {
    let cluster = admin().await;
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}});
    match cluster.post(&own(), "/api/v1/namespaces", &space).await {
        Ok(_) | Err(Error::Conflict { .. }) => {}
        Err(error) => panic!("{error}"),
    }
    remove(&cluster, name).await;
    cluster.post(&own(), SERVICES, &service(name)).await.unwrap();
    for _ in 0..200 {
        let object: Json = cluster.get_json(&format!("{SERVICES}/{name}")).await.unwrap();
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let is_true = |name: &str| conditions.iter().any(|it| it["type"] == name && it["status"] == "True");
        // the autoscaler has brought the stable pods to their number
        let copies = object["status"]["modelStatus"]["copies"]["totalCopies"].as_i64() >= Some(1);
        if is_true("Ready") && is_true("CanaryPredictorReady") && copies {
            return cluster;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    panic!("{name} does not get ready");
}

async fn remove(cluster: &Cluster, name: &str) {
    let path = format!("{SERVICES}/{name}");
    drop(cluster.delete(&own(), &path).await);
    while cluster.get_json::<Json>(&path).await.is_ok() {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn a_canary_is_rolled_back_for_real_and_the_roll_back_is_taken_back() {
    let cluster = scratch("back").await;
    let link = link("WORLD_KUBECONFIG").await;
    let plan = plan(link.as_ref(), "rollback", "qd-kserve/back").await;
    let (outcome, undo) = run(&link, &plan).await;
    assert_eq!(outcome, Outcome::Done);
    let now: Json = cluster.get_json(&format!("{SERVICES}/back")).await.unwrap();
    assert!(now["spec"]["canary"].as_array().is_none_or(Vec::is_empty), "{}", now["spec"]);
    let (outcome, _) = run(&link, &undo.expect("it can be taken back")).await;
    assert_eq!(outcome, Outcome::Done);
    let now: Json = cluster.get_json(&format!("{SERVICES}/back")).await.unwrap();
    assert_eq!(now["spec"]["canary"][0]["trafficPercent"], 20);
    remove(&cluster, "back").await;
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn a_canary_is_promoted_for_real_without_losing_pods() {
    let cluster = scratch("up").await;
    let link = link("WORLD_KUBECONFIG").await;
    let plan = plan(link.as_ref(), "promote", "qd-kserve/up").await;
    let (outcome, undo) = run(&link, &plan).await;
    assert_eq!(outcome, Outcome::Done);
    let now: Json = cluster.get_json(&format!("{SERVICES}/up")).await.unwrap();
    assert_eq!(now["spec"]["predictor"]["name"], "v2");
    assert_eq!(now["spec"]["predictor"]["minReplicas"], 2);
    assert_eq!(now["spec"]["predictor"]["model"]["storageUri"], "s3://acme-models/up/2");
    assert!(undo.is_some());
    remove(&cluster, "up").await;
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn a_plan_that_somebody_overtook_is_not_sent_and_one_whose_status_moved_is() {
    let cluster = scratch("race").await;
    let link = link("WORLD_KUBECONFIG").await;
    let before = plan(link.as_ref(), "rollback", "qd-kserve/race").await;
    let other = json!({"spec": {"predictor": {"maxReplicas": 4}}});
    cluster.patch(&own(), &format!("{SERVICES}/race"), PatchKind::Merge, &other).await.unwrap();
    let (outcome, _) = run(&link, &before).await;
    let Outcome::Refused { why } = outcome else { panic!("{outcome:?}") };
    assert!(why.contains("nobody changed it since"), "{why}");
    // the same asked of the operation itself, which is the last to look
    let sent = link.apply(&permit(&before), &before.steps[0].op, &Outputs::new()).await;
    assert!(matches!(sent, Err(Error::Conflict { .. })), "{sent:?}");
    let status = json!({"status": {"modelStatus": {"transitionStatus": "InProgress"}}});
    let anew = plan(link.as_ref(), "rollback", "qd-kserve/race").await;
    cluster.patch(&own(), &format!("{SERVICES}/race/status"), PatchKind::Merge, &status).await.unwrap();
    link.apply(&permit(&anew), &anew.steps[0].op, &Outputs::new()).await.unwrap();
    remove(&cluster, "race").await;
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn admission_says_in_its_own_words_what_it_has_against_a_patch() {
    let link = link("WORLD_KUBECONFIG").await;
    let plan = plan(link.as_ref(), "rollback", "models/fraud-detection").await;
    let admission = plan.steps[0].require.iter().find(|check| check.probe.name == "admission").unwrap();
    assert_eq!(link.observe(&admission.probe, &Outputs::new()).await.unwrap(), json!("accepted"));
    let mut probe = admission.probe.clone();
    probe.arguments["patch"] = json!({"spec": {"predictor": {"minReplicas": 9, "maxReplicas": 1}}});
    let said = link.observe(&probe, &Outputs::new()).await.unwrap();
    assert_eq!(said, json!("'MinReplicas' cannot be greater than MaxReplicas"));
    probe.arguments["patch"] = json!({"spec": {"predictor": {"nonsense": 1}}});
    let said = link.observe(&probe, &Outputs::new()).await.unwrap();
    assert!(said.as_str().unwrap().contains("nonsense"), "{said}");
}
