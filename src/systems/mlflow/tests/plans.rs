//! Plans against a registry that remembers its aliases.

use super::*;
use crate::model::plan::{Difference, Outputs, Past, Plan, PlanRequest, Planned, Step};
use crate::systems::mlflow::identity::MODELS;
use crate::systems::tests::permit;

type Aliases = Arc<Mutex<BTreeMap<String, String>>>;

/// A registry with the model `team/o'hara`: versions 1 to 4, the third not ready, the fourth's run failed.
async fn registry(aliases: &[(&str, &str)]) -> (Server, Aliases) {
    let aliases: Aliases =
        Arc::new(Mutex::new(aliases.iter().map(|(alias, at)| ((*alias).into(), (*at).into())).collect()));
    let kept = Arc::clone(&aliases);
    let server = Server::new(move |asked| answer(asked, &mut kept.lock().unwrap())).await;
    (server, aliases)
}

const NAME: &str = "team/o'hara";

fn answer(asked: &Asked, aliases: &mut BTreeMap<String, String>) -> Reply {
    let argument = |key: &str| {
        let body = asked.body.get(key).and_then(Json::as_str).map(str::to_owned);
        body.or_else(|| asked.query.get(key).cloned()).unwrap_or_default()
    };
    let status = |number: &str| if number == "3" { "PENDING_REGISTRATION" } else { "READY" };
    let one = |number: &str| {
        json!({"name": NAME, "version": number, "status": status(number), "run_id": format!("r{number}"),
            "tags": [{"key": "validation_status", "value": if number == "4" { "failed" } else { "passed" }}]})
    };
    match (asked.path.rsplit("/mlflow/").next().unwrap_or_default(), asked.method.as_str()) {
        ("registered-models/get", _) => {
            let list: Vec<Json> = aliases.iter().map(|(alias, at)| json!({"alias": alias, "version": at})).collect();
            good(&json!({"registered_model": {"name": NAME, "aliases": list}}))
        }
        ("registered-models/alias", "GET") => match aliases.get(&argument("alias")) {
            Some(at) => good(&json!({"model_version": one(at)})),
            None => Reply(
                400,
                "application/json",
                json!({"error_code": "INVALID_PARAMETER_VALUE", "message": "Registered model alias not found."})
                    .to_string(),
            ),
        },
        ("registered-models/alias", "POST") => {
            aliases.insert(argument("alias"), argument("version"));
            good(&json!({}))
        }
        ("registered-models/alias", "DELETE") => {
            aliases.remove(&argument("alias"));
            good(&json!({}))
        }
        ("model-versions/search", _) => good(&json!({"model_versions": [one("1"), one("2"), one("3"), one("4")]})),
        ("model-versions/get", _) if ["1", "2", "3", "4"].contains(&argument("version").as_str()) => {
            good(&json!({"model_version": one(&argument("version"))}))
        }
        ("runs/get", _) => {
            let status = if argument("run_id") == "r4" { "FAILED" } else { "FINISHED" };
            good(&json!({"run": {"info": {"run_id": argument("run_id"), "status": status}}}))
        }
        _ => missing("nothing here"),
    }
}

fn request(verb: &str, version: &str, answers: &[(&str, &str)]) -> PlanRequest {
    PlanRequest {
        verb: verb.into(),
        targets: vec![Ref::new(MODELS, identity::key(NAME, version))],
        answers: answers.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect(),
        past: Vec::new(),
    }
}

async fn plan(link: &dyn Link, request: PlanRequest) -> Plan {
    match link.plan(request).await.unwrap() {
        Planned::Plan(plan) => *plan,
        Planned::Ask(question) => panic!("asked {question:?}"),
    }
}

async fn refusal(link: &dyn Link, request: PlanRequest) -> String {
    link.plan(request).await.unwrap_err().to_string()
}

async fn holds(link: &dyn Link, checks: &[crate::model::plan::Check]) -> bool {
    for check in checks {
        if !check.expect.matches(&link.observe(&check.probe, &Outputs::new()).await.unwrap()) {
            return false;
        }
    }
    true
}

fn only(plan: &Plan) -> &Step {
    plan.steps.first().unwrap()
}

#[tokio::test]
async fn promote_asks_for_the_alias_with_champion_as_the_default() {
    let (server, _) = registry(&[]).await;
    let Planned::Ask(question) = server.link().await.plan(request("promote", "2", &[])).await.unwrap() else {
        panic!("no question")
    };
    assert_eq!((question.id.as_str(), question.default.as_str()), ("alias", "champion"));
}

#[tokio::test]
async fn promote_shows_what_changes_sends_it_and_takes_it_back() {
    let (server, aliases) = registry(&[("champion", "1")]).await;
    let link = server.link().await;
    let plan = plan(&*link, request("promote", "2", &[("alias", "champion")])).await;
    let step = only(&plan);
    let shown = step.shows.first().unwrap();
    assert_eq!((shown.what.as_str(), &shown.before, &shown.after), ("alias champion", &json!("1"), &json!("2")));
    assert_eq!(plan.name, NAME);
    assert!(plan.touches.iter().any(|touch| touch.contains("models:/team/o'hara@champion")));
    assert!(holds(&*link, &step.require).await && !holds(&*link, &step.verify).await);
    link.apply(&permit(&plan), &step.op, &Outputs::new()).await.unwrap();
    assert_eq!(aliases.lock().unwrap().get("champion").map(String::as_str), Some("2"));
    assert!(!holds(&*link, &step.require).await && holds(&*link, &step.verify).await);
    let undo = step.undo.as_ref().unwrap();
    assert!(holds(&*link, &undo.require).await);
    link.apply(&permit(&plan), &undo.op, &Outputs::new()).await.unwrap();
    assert!(holds(&*link, &undo.verify).await);
}

#[tokio::test]
async fn an_alias_that_was_not_there_is_deleted_by_the_undo() {
    let (server, aliases) = registry(&[]).await;
    let link = server.link().await;
    let plan = plan(&*link, request("promote", "1", &[("alias", "shadow")])).await;
    let step = only(&plan);
    assert!(holds(&*link, &step.require).await);
    link.apply(&permit(&plan), &step.op, &Outputs::new()).await.unwrap();
    assert!(holds(&*link, &step.verify).await);
    link.apply(&permit(&plan), &step.undo.as_ref().unwrap().op, &Outputs::new()).await.unwrap();
    assert!(aliases.lock().unwrap().is_empty());
}

#[tokio::test]
async fn an_alias_that_somebody_moved_in_between_stops_the_plan() {
    let (server, aliases) = registry(&[("champion", "1")]).await;
    let link = server.link().await;
    let plan = plan(&*link, request("promote", "2", &[("alias", "champion")])).await;
    aliases.lock().unwrap().insert("champion".into(), "4".into());
    assert!(!holds(&*link, &only(&plan).require).await);
}

#[tokio::test]
async fn a_version_that_is_not_ready_any_more_stops_the_plan_and_its_undo() {
    let broken: Arc<Mutex<&str>> = Arc::default();
    let now = Arc::clone(&broken);
    let aliases = Mutex::new(BTreeMap::from([("champion".to_owned(), "1".to_owned())]));
    let server = Server::new(move |asked| {
        let Reply(status, kind, text) = answer(asked, &mut aliases.lock().unwrap());
        let is_broken = asked.query.get("version").is_some_and(|version| version == *now.lock().unwrap());
        Reply(status, kind, if is_broken { text.replace("READY", "FAILED_REGISTRATION") } else { text })
    })
    .await;
    let link = server.link().await;
    let plan = plan(&*link, request("promote", "2", &[("alias", "champion")])).await;
    let step = only(&plan);
    assert!(holds(&*link, &step.require).await);
    *broken.lock().unwrap() = "2";
    assert!(!holds(&*link, &step.require).await, "the new one");
    link.apply(&permit(&plan), &step.op, &Outputs::new()).await.unwrap();
    let undo = step.undo.as_ref().unwrap();
    assert!(holds(&*link, &undo.require).await);
    *broken.lock().unwrap() = "1";
    assert!(!holds(&*link, &undo.require).await, "the old one");
}

#[tokio::test]
async fn what_can_not_work_is_refused_before_it_is_planned() {
    let (server, _) = registry(&[("champion", "1")]).await;
    let link = server.link().await;
    let promote = |version: &str, alias: &str| request("promote", version, &[("alias", alias)]);
    assert!(refusal(&*link, promote("1", "champion")).await.contains("already points to v1"));
    assert!(refusal(&*link, promote("3", "champion")).await.contains("not ready (pending registration)"));
    assert!(refusal(&*link, promote("2", "latest")).await.contains("reserves"));
    assert!(matches!(link.plan(promote("9", "champion")).await, Err(Error::Gone { .. })));
    assert!(refusal(&*link, request("rollback", "1", &[("alias", "nobody")])).await.contains("no alias nobody"));
    assert!(refusal(&*link, request("unalias", "2", &[])).await.contains("has no alias"));
}

#[tokio::test]
async fn a_doubtful_version_is_warned_about() {
    let (server, _) = registry(&[("champion", "1")]).await;
    let link = server.link().await;
    let doubtful = plan(&*link, request("promote", "4", &[("alias", "champion")])).await;
    let all = doubtful.warnings.join("; ");
    assert!(all.contains("the run of v4 is failed") && all.contains("validation_status = failed"), "{all}");
    assert!(all.contains("no MLmodel file"), "{all}");
}

#[tokio::test]
async fn roll_back_goes_to_the_version_that_the_journal_knows() {
    let (server, _) = registry(&[("champion", "4")]).await;
    let link = server.link().await;
    let object = Ref::new(MODELS, identity::key(NAME, "4"));
    let difference = Difference { object, what: "alias champion".into(), before: json!("2"), after: json!("4") };
    let past = vec![Past { at: chrono::DateTime::UNIX_EPOCH, difference }];
    let plan = plan(&*link, PlanRequest { past, ..request("rollback", "4", &[]) }).await;
    assert_eq!(only(&plan).shows.first().unwrap().after, json!("2"));
    assert!(plan.title.contains("back to v2"));
}

#[tokio::test]
async fn roll_back_without_a_journal_asks_and_offers_the_versions_that_are_ready() {
    let (server, _) = registry(&[("champion", "4")]).await;
    let link = server.link().await;
    let Planned::Ask(question) = link.plan(request("rollback", "4", &[])).await.unwrap() else { panic!("no question") };
    assert_eq!((question.id.as_str(), question.default.as_str()), ("to", "2"));
    let choices: Vec<&str> = question.choices.iter().map(|(choice, _)| choice.as_str()).collect();
    assert_eq!(choices, ["2", "1"]);
    let plan = plan(&*link, request("rollback", "4", &[("to", "v1")])).await;
    assert_eq!(only(&plan).shows.first().unwrap().after, json!("1"));
}

#[tokio::test]
async fn taking_an_alias_away_can_be_taken_back() {
    let (server, aliases) = registry(&[("shadow", "2")]).await;
    let link = server.link().await;
    let plan = plan(&*link, request("unalias", "2", &[("alias", "shadow")])).await;
    let step = only(&plan);
    link.apply(&permit(&plan), &step.op, &Outputs::new()).await.unwrap();
    assert!(aliases.lock().unwrap().is_empty() && holds(&*link, &step.verify).await);
    link.apply(&permit(&plan), &step.undo.as_ref().unwrap().op, &Outputs::new()).await.unwrap();
    assert_eq!(aliases.lock().unwrap().get("shadow").map(String::as_str), Some("2"));
}

#[tokio::test]
async fn a_refused_change_is_remembered_as_a_missing_right_to_that_model() {
    let allowed: Arc<Mutex<bool>> = Arc::default();
    let now = Arc::clone(&allowed);
    let server = Server::new(move |asked| match asked.method.as_str() {
        "POST" if !*now.lock().unwrap() => Reply(403, "text/html; charset=utf-8", "Permission denied".into()),
        _ => answer(asked, &mut BTreeMap::new()),
    })
    .await;
    let link = server.link().await;
    let plan = plan(&*link, request("promote", "2", &[("alias", "champion")])).await;
    let error = link.apply(&permit(&plan), &only(&plan).op, &Outputs::new()).await.unwrap_err();
    assert!(matches!(&error, Error::Forbidden { what, .. } if what.contains("Permission denied")), "{error}");
    let row = |name: &str| Row { key: identity::key(name, "2"), cells: Box::new([]), refs: Box::new([]) };
    let rights = link.rights().await.unwrap();
    for verb in Mlflow.panes().iter().flat_map(|pane| pane.verbs) {
        let why = (verb.ready)(&row(NAME), &rights).unwrap_err().0;
        assert!(why.starts_with("needs the right to set aliases of team/o'hara (refused at "), "{}: {why}", verb.id);
        assert!((verb.ready)(&row("churn"), &rights).is_ok(), "{}: another model is another right", verb.id);
    }
    *allowed.lock().unwrap() = true;
    link.apply(&permit(&plan), &only(&plan).op, &Outputs::new()).await.unwrap();
    let mut known = rights;
    known.merge(link.rights().await.unwrap());
    assert!(Mlflow.panes()[0].verbs.iter().all(|verb| (verb.ready)(&row(NAME), &known).is_ok()), "given meanwhile");
}
