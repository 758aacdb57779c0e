//! Against real MLflow servers: rows equal to what the REST API says, and aliases really moved, in models of our own.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use chrono::TimeDelta;
use quarterdeck::actions::journal::{Journal, Who};
use quarterdeck::actions::run::{Executor, Links};
use quarterdeck::actions::{Guard, Policy};
use quarterdeck::config::Predictions;
use quarterdeck::model::clock::Clock;
use quarterdeck::model::health::Error;
use quarterdeck::model::id::{Key, Ref, SystemId};
use quarterdeck::model::plan::{Consent, Outcome, Plan, PlanRequest, Planned};
use quarterdeck::model::record::{Change, Head, Row};
use quarterdeck::model::value::Value;
use quarterdeck::systems::kube::Access;
use quarterdeck::systems::mlflow::{Mlflow, identity};
use quarterdeck::systems::{Cx, Link, Opened, Parameters, Settings, System};
use serde_json::{Value as Json, json};

use super::levers::variable;

/// The servers of both lines that there are: 3.x and 2.22.
fn servers() -> [String; 2] {
    [variable("WORLD_MLFLOW_URL"), variable("WORLD_MLFLOW2_URL")]
}

async fn link(table: &str, env: &'static [(&'static str, String)]) -> Arc<dyn Link> {
    let settings = Settings { table: table.parse().unwrap(), file: None };
    let find = |name: &str| env.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone());
    Mlflow
        .connect(
            &settings,
            &Cx { clock: Clock::System, kube: Access::default(), env: Arc::new(find), namespaces: Vec::new() },
        )
        .await
        .unwrap()
}

async fn plain(server: &str) -> Arc<dyn Link> {
    link(&format!("url = '{server}'"), &[]).await
}

/// What the server itself says, by a client that shares nothing with ours.
struct Rest {
    base: String,
    client: reqwest::Client,
}

impl Rest {
    fn new(server: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Self { base: format!("{server}/api/2.0/mlflow"), client: reqwest::Client::new() }
    }

    async fn call(&self, method: reqwest::Method, path: &str, body: Option<Json>) -> Json {
        let request = self.client.request(method, format!("{}/{path}", self.base));
        let request = if let Some(body) = body { request.json(&body) } else { request };
        let answer = request.send().await.unwrap();
        let (status, text) = (answer.status(), answer.text().await.unwrap());
        assert!(status.is_success(), "{path}: {status} {text}");
        serde_json::from_str(&text).unwrap()
    }

    async fn get(&self, path: &str) -> Json {
        self.call(reqwest::Method::GET, path, None).await
    }

    async fn alias(&self, model: &str, alias: &str) -> Option<String> {
        let model = self.get(&format!("registered-models/get?name={model}")).await;
        let aliases = model["registered_model"]["aliases"].as_array().cloned().unwrap_or_default();
        aliases.iter().find(|one| one["alias"] == alias).map(|one| one["version"].as_str().unwrap().to_owned())
    }

    /// A model with two versions; it is deleted by [`Rest::delete`].
    async fn model(&self, name: &str) {
        let post = reqwest::Method::POST;
        let _ = self
            .client
            .delete(format!("{}/registered-models/delete", self.base))
            .json(&json!({"name": name}))
            .send()
            .await;
        self.call(post.clone(), "registered-models/create", Some(json!({"name": name}))).await;
        let made = self.get("model-versions/search?max_results=1").await["model_versions"][0].clone();
        for _ in 0..2 {
            let body = json!({"name": name, "source": made["source"], "run_id": made["run_id"]});
            self.call(post.clone(), "model-versions/create", Some(body)).await;
        }
    }

    async fn point(&self, name: &str, alias: &str, version: &str) {
        let body = json!({"name": name, "alias": alias, "version": version});
        self.call(reqwest::Method::POST, "registered-models/alias", Some(body)).await;
    }

    async fn delete(&self, name: &str) {
        self.call(reqwest::Method::DELETE, "registered-models/delete", Some(json!({"name": name}))).await;
    }
}

async fn models(link: &dyn Link) -> Result<(Vec<Head>, BTreeMap<Key, Arc<Row>>), Error> {
    let mut feed = link.feeds().pop().unwrap();
    let (mut heads, mut rows) = (Vec::new(), BTreeMap::new());
    loop {
        let fetched = feed.next().await?;
        for (_, change) in fetched.changes {
            match change {
                Change::Upsert(row) => drop(rows.insert(row.key.clone(), row)),
                Change::Heads(new) => heads = new.to_vec(),
                _ => {}
            }
        }
        if fetched.over {
            return Ok((heads, rows));
        }
    }
}

struct One(Arc<dyn Link>);

impl Links for One {
    fn link(&self, system: SystemId) -> Option<Arc<dyn Link>> {
        (system == identity::SYSTEM).then(|| Arc::clone(&self.0))
    }
}

/// Plans, confirms and runs; the journal of earlier runs is the plan's past.
struct Operator {
    link: Arc<dyn Link>,
    journal: Journal,
    _folder: tempfile::TempDir,
}

impl Operator {
    async fn new(server: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let who = Who { user: "test".into(), host: "test".into(), from: None };
        let journal = Journal::open(folder.path(), who, Clock::System).unwrap();
        Self { link: plain(server).await, journal, _folder: folder }
    }

    async fn plan(&self, verb: &str, row: Key, answers: &[(&str, &str)]) -> Plan {
        let targets = vec![Ref::new(identity::MODELS, row)];
        let past = self.journal.past(&targets).unwrap();
        let answers = answers.iter().map(|(id, answer)| ((*id).to_owned(), (*answer).to_owned())).collect();
        match self.link.plan(PlanRequest { verb: verb.into(), targets, answers, past }).await.unwrap() {
            Planned::Plan(plan) => Plan { id: format!("{verb}-{}", plan.title), ..*plan },
            Planned::Ask(question) => panic!("asked {question:?}"),
        }
    }

    async fn run(&self, plan: &Plan) -> Outcome {
        let policy = Policy {
            profile: "world".into(),
            production: false,
            read_only: false,
            armed_for: TimeDelta::minutes(15),
            predictions: Predictions::Allow,
        };
        let consent = Consent { name: Some(plan.name.clone()), reason: Some("a test".into()) };
        let permit = Guard::new(policy).permit(plan, &consent, Clock::System.now()).unwrap();
        let links: Arc<dyn Links> = Arc::new(One(Arc::clone(&self.link)));
        let executor = Executor::new(links, self.journal.clone(), Clock::System, "world".into());
        let (progress, _seen) = tokio::sync::mpsc::channel(1000);
        executor.run(permit, plan, progress, Arc::new(AtomicBool::new(false))).await
    }
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn rows_say_what_the_server_says_field_by_field() {
    for server in servers() {
        let rest = Rest::new(&server);
        let (heads, rows) = models(&*plain(&server).await).await.unwrap();
        let listed = rest.get("model-versions/search?max_results=1000").await;
        let listed = listed["model_versions"].as_array().unwrap().clone();
        let mut compared = 0;
        for version in listed.iter().filter(|version| !version["name"].as_str().unwrap().starts_with("quarterdeck-")) {
            let (name, number) = (version["name"].as_str().unwrap(), version["version"].as_str().unwrap());
            let row = rows.get(&identity::key(name, number)).unwrap_or_else(|| panic!("no row {name} {number}"));
            let cell = |id: &str| row.cell(heads.iter().position(|head| head.id == id).unwrap()).clone();
            assert_eq!(cell("model"), Value::text(name));
            assert_eq!(cell("version"), Value::text(&format!("v{number}")));
            let created = chrono::DateTime::from_timestamp_millis(version["creation_timestamp"].as_i64().unwrap());
            assert_eq!(cell("age"), Value::time(created));
            let stage = version["current_stage"].as_str().unwrap().replace("None", "");
            assert_eq!(cell("stage"), Value::text(&stage));
            let one = rest.get(&format!("model-versions/get?name={name}&version={number}")).await;
            let mut aliases: Vec<String> =
                serde_json::from_value(one["model_version"]["aliases"].clone()).unwrap_or_default();
            aliases.sort_by_key(|alias| (alias != "champion", alias.clone()));
            assert_eq!(cell("aliases").show(Clock::System.now()), aliases.join(", "));
            let run = rest.get(&format!("runs/get?run_id={}", version["run_id"].as_str().unwrap())).await;
            for metric in run["run"]["data"]["metrics"].as_array().unwrap() {
                let id = format!("metric_{}", metric["key"].as_str().unwrap());
                if heads.iter().any(|head| head.id == *id) {
                    assert_eq!(cell(&id).number(), metric["value"].as_f64(), "{name} {number} {id}");
                    compared += 1;
                }
            }
        }
        assert!(listed.len() >= 9 && compared >= 20, "{} versions, {compared} metrics", listed.len());
    }
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn an_opened_version_has_its_history_as_a_line() {
    for server in servers() {
        let link = plain(&server).await;
        let what = Ref::new(identity::MODELS, "fraud-detection@3");
        let how = Parameters { points: 30, ..Parameters::default() };
        let Some(Opened::Rows(mut feed)) = link.open(&what, identity::HISTORY, &how) else { panic!("not opened") };
        let changes = feed.next().await.unwrap().changes;
        let rows: Vec<_> = changes
            .iter()
            .filter_map(|(_, change)| if let Change::Upsert(row) = change { Some(row) } else { None })
            .collect();
        let auc = rows.iter().find(|row| row.key.as_str() == "auc").expect("a line for auc");
        let Value::Spark(series) = auc.cell(1) else { panic!("no line") };
        assert!((10..=40).contains(&series.points.len()), "{}", series.points.len());
        assert!(link.object(&what).await.unwrap()["run"]["info"]["run_id"].is_string());
    }
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn promote_is_verified_and_roll_back_finds_the_version_before_in_the_journal() {
    for server in servers() {
        let (rest, name) = (Rest::new(&server), "quarterdeck-promote");
        rest.model(name).await;
        rest.point(name, "champion", "1").await;
        let operator = Operator::new(&server).await;
        let promote = operator.plan("promote", identity::key(name, "2"), &[("alias", "champion")]).await;
        let promoted = operator.run(&promote).await;
        let after_promote = rest.alias(name, "champion").await;
        let back = operator.plan("rollback", identity::key(name, "2"), &[]).await;
        let rolled_back = operator.run(&back).await;
        let after_rollback = rest.alias(name, "champion").await;
        rest.delete(name).await;
        assert_eq!((promoted, after_promote.as_deref()), (Outcome::Done, Some("2")));
        assert_eq!((rolled_back, after_rollback.as_deref()), (Outcome::Done, Some("1")));
    }
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn an_alias_that_a_second_writer_moved_is_left_where_it_is() {
    for server in servers() {
        let (rest, name) = (Rest::new(&server), "quarterdeck-second-writer");
        rest.model(name).await;
        let operator = Operator::new(&server).await;
        let plan = operator.plan("promote", identity::key(name, "2"), &[("alias", "champion")]).await;
        rest.point(name, "champion", "1").await;
        let outcome = operator.run(&plan).await;
        let now = rest.alias(name, "champion").await;
        rest.delete(name).await;
        assert!(matches!(&outcome, Outcome::Refused { why } if why.contains("champion")), "{outcome:?}");
        assert_eq!(now.as_deref(), Some("1"));
    }
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn a_login_is_needed_and_a_wrong_one_is_called_wrong() {
    let url = variable("WORLD_MLFLOW_AUTH_URL");
    let none = link(&format!("url = '{url}'"), &[]).await;
    assert!(matches!(models(&*none).await, Err(Error::Unauthorized { .. })));
    let table = |name: &str| {
        let user = variable("WORLD_MLFLOW_AUTH_USER");
        format!("url = '{url}'\nusername = '{user}'\npassword = {{ env = '{name}' }}")
    };
    let env: &'static [(&'static str, String)] = Box::leak(Box::new([
        ("RIGHT", variable("WORLD_MLFLOW_AUTH_PASSWORD")),
        ("WRONG", "not-the-password".to_owned()),
    ]));
    let error = models(&*link(&table("WRONG"), env).await).await.unwrap_err();
    assert!(matches!(&error, Error::Unauthorized { .. }) && !error.to_string().contains("not-the-password"), "{error}");
    assert!(models(&*link(&table("RIGHT"), env).await).await.is_ok());
}
