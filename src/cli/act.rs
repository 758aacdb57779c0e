//! `promote`, `rollback`, `canary`: the same plans as on the screen, confirmed by flags.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::mpsc;

use super::args::{ActArgs, CanaryArgs, Confirmation};
use super::connect::{Reading, link, pane};
use super::get::find;
use super::print::pretty;
use super::session::Session;
use super::{Failure, out};
use crate::actions::run::{Executor, Links};
use crate::app::own;
use crate::model::health::Error;
use crate::model::id::{Ref, SystemId};
use crate::model::plan::{Consent, Outcome, Outputs, Plan, PlanRequest, Planned, Progress, Question};
use crate::model::record::Rows;
use crate::model::verb::Rights;
use crate::systems::Link;

/// How long finding the object may take.
const LIMIT: Duration = Duration::from_secs(20);

/// One system's link, for the executor.
struct One(SystemId, Arc<dyn Link>);

impl Links for One {
    fn link(&self, system: SystemId) -> Option<Arc<dyn Link>> {
        (system == self.0).then(|| Arc::clone(&self.1))
    }
}

/// Plans and, if confirmed, runs a verb on one row.
pub(super) async fn run(session: &Session, verb: &'static str, args: &ActArgs) -> Result<ExitCode, Failure> {
    let mut answers = BTreeMap::new();
    for answer in &args.answer {
        let (name, value) = answer
            .split_once('=')
            .ok_or_else(|| Failure::usage(format!("--answer {answer}"), "write it like NAME=VALUE"))?;
        answers.insert(name.to_owned(), value.to_owned());
    }
    let flags = [("alias", &args.alias), ("version", &args.to), ("to", &args.to)];
    answers.extend(flags.into_iter().filter_map(|(name, value)| value.clone().map(|value| (name.to_owned(), value))));
    let request = Request { verb, pane: args.pane.clone(), name: args.name.clone(), answers };
    act(session, request, &args.confirmation).await
}

/// Sets the percentage of a canary.
pub(super) async fn canary(session: &Session, args: CanaryArgs) -> Result<ExitCode, Failure> {
    let answers = BTreeMap::from([("percent".to_owned(), args.percent.to_string())]);
    let request = Request { verb: "canary", pane: "endpoints".into(), name: args.endpoint, answers };
    act(session, request, &args.confirmation).await
}

struct Request {
    verb: &'static str,
    pane: String,
    name: String,
    answers: BTreeMap<String, String>,
}

async fn act(session: &Session, request: Request, confirmation: &Confirmation) -> Result<ExitCode, Failure> {
    let pane = pane(session, &request.pane)?;
    let Some(verb) = pane.verbs.iter().find(|verb| verb.id == request.verb) else {
        let known: Vec<&str> = pane.verbs.iter().map(|verb| verb.id).collect();
        return Err(Failure::usage(
            format!("a {} can't be told to {}", pane.noun, request.verb),
            format!("there are: {}", known.join(", ")),
        ));
    };
    // a change waits for nobody's cells
    let mut reading = Reading::alone(session, pane, LIMIT);
    reading.first().await?;
    let empty = Rows::default();
    let row =
        find(reading.panes.rows(pane.id).unwrap_or(&empty), &request.name, (&pane, session.namespace().as_deref()))?;
    let link = link(session, pane.system, LIMIT).await?;
    let rights = link.rights().await.unwrap_or_default();
    (verb.ready)(row, &rights).map_err(|reason| {
        // what is not said where every right is there is said of a missing right
        let otherwise = (verb.ready)(row, &Rights::default()).err().map(|other| other.to_string());
        let not_permitted = otherwise.is_none_or(|other| other != reason.to_string());
        Failure {
            what: format!("{}: {reason}", verb.label),
            advice: if not_permitted { "ask for it, or use a profile that has it".into() } else { String::new() },
            code: if not_permitted { 3 } else { 1 },
            error: None,
        }
    })?;
    let target = Ref { pane: pane.id, key: row.key.clone() };
    let past = session.journal().past(std::slice::from_ref(&target))?;
    let mut asked = PlanRequest { verb: verb.id.to_owned(), targets: vec![target], answers: request.answers, past };
    let mut plan = loop {
        match link.plan(asked.clone()).await? {
            Planned::Plan(plan) => break *plan,
            // what is meant where no alias is named
            Planned::Ask(question) if question.id == "alias" && !asked.answers.contains_key("alias") => {
                asked.answers.insert("alias".to_owned(), "champion".to_owned());
            }
            Planned::Ask(question) => return Err(unanswered(&question)),
        }
    };
    let now = session.clock().now();
    plan.id = format!("{:x}-{:x}-1", now.timestamp_millis(), std::process::id());
    let executor = Executor::new(
        Arc::new(One(pane.system, link)),
        session.journal().clone(),
        session.clock().clone(),
        session.header().profile,
    );
    confirm(session, &executor, plan, confirmation).await
}

fn unanswered(question: &Question) -> Failure {
    // those that have a flag of their own
    let flag = match question.id.as_str() {
        "alias" => "--alias VALUE".to_owned(),
        "to" | "version" => "--to VALUE".to_owned(),
        other => format!("--answer {other}=VALUE"),
    };
    let mut advice = format!("give it with {flag}");
    for (answer, meaning) in question.choices.iter().take(12) {
        let _ = write!(advice, "\n    {answer}  {meaning}");
    }
    Failure::usage(question.prompt.clone(), advice)
}

/// Shows the plan, and runs it if it is confirmed.
async fn confirm(
    session: &Session,
    executor: &Executor,
    plan: Plan,
    confirmation: &Confirmation,
) -> Result<ExitCode, Failure> {
    let checked = check(executor, &plan).await;
    let asks = !confirmation.yes && !out::is_interactive();
    if !confirmation.json || confirmation.dry_run || asks {
        show(&plan, &checked, confirmation.json)?;
    }
    for missing in checked.iter().filter_map(|checked| checked.missing.as_ref()) {
        out::words(&format!("it could not run now: {missing}"));
    }
    if let Some(error) = checked.iter().find_map(|checked| checked.error.clone()) {
        return Err(Failure::from(error));
    }
    if confirmation.dry_run {
        return Ok(ExitCode::from(u8::from(checked.iter().any(|checked| checked.missing.is_some()))));
    }
    let typed = if confirmation.yes { None } else { asked(&plan)? };
    let confirmed = confirmation.yes || typed.is_some();
    // a name that was typed at the question counts as one that was given
    let consent = Consent { name: confirmation.confirm.clone().or(typed), reason: confirmation.reason.clone() };
    if !confirmed {
        return Err(Failure::usage(
            "nothing was changed",
            "--yes runs it (on production with --reason TEXT --confirm NAME); --dry-run only shows it",
        ));
    }
    let permit = session.guard().permit_script(&plan, &consent).map_err(Failure::from)?;
    let (sender, mut progress) = mpsc::channel(16);
    let told = async {
        while let Some(item) = progress.recv().await {
            match item {
                Progress::Checking { at } => out::progress(&format!("step {}: checking what it requires", at + 1)),
                Progress::Sent { at } => out::progress(&format!("step {}: sent", at + 1)),
                Progress::Waiting { at, missing } => out::progress(&format!("step {}: {missing}", at + 1)),
                Progress::Begun | Progress::Step { .. } | Progress::Ended { .. } => {}
            }
        }
    };
    let (outcome, ()) = tokio::join!(executor.run(permit, &plan, sender, Arc::default()), told);
    out::progress_done();
    report(&plan, &outcome, confirmation.json)
}

/// Asks a person at a terminal for the name; nothing where there is none, or where another one was typed.
fn asked(plan: &Plan) -> Result<Option<String>, Failure> {
    if !out::is_interactive() {
        return Ok(None);
    }
    out::words(&format!("Type {} to run it, anything else leaves it:", plan.name));
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(Failure::io)?;
    let typed = line.trim().to_owned();
    Ok((typed == plan.name).then_some(typed))
}

/// How a check of a plan stands now.
#[derive(Default)]
struct Checked {
    /// What does not hold, in words; nothing if it holds.
    missing: Option<String>,
    /// Why it can't be said.
    error: Option<Error>,
}

impl Checked {
    /// The result behind the sentence that is checked.
    fn result(&self, what: &str) -> String {
        match (&self.missing, &self.error) {
            (Some(missing), _) => {
                let found = missing.split_once(what).map_or(missing.as_str(), |(_, found)| found.trim());
                format!("no {found}")
            }
            (None, Some(error)) => format!("not known, {error}"),
            (None, None) => "yes".into(),
        }
    }
}

/// How each thing that the first step requires stands: what later steps require comes about on the way.
async fn check(executor: &Executor, plan: &Plan) -> Vec<Checked> {
    let mut checked = Vec::new();
    for check in plan.steps.first().iter().flat_map(|step| &step.require) {
        checked.push(match executor.missing(std::slice::from_ref(check), &Outputs::new()).await {
            Ok(missing) => Checked { missing, error: None },
            Err(error) => Checked { missing: None, error: Some(error) },
        });
    }
    checked
}

fn show(plan: &Plan, checked: &[Checked], as_json: bool) -> Result<(), Failure> {
    if as_json {
        let mut json = serde_json::to_value(plan).map_err(|error| Failure::usage(error.to_string(), ""))?;
        let required = plan.steps.first().map(|step| step.require.as_slice()).unwrap_or_default();
        let checks: Vec<_> = required
            .iter()
            .zip(checked)
            .map(|(check, checked)| {
                let held = checked.error.is_none().then_some(checked.missing.is_none());
                json!({"check": check.what, "held": held, "missing": checked.missing, "error": checked.error})
            })
            .collect();
        if let Some(object) = json.as_object_mut() {
            object.insert("checks".into(), checks.into());
        }
        out::data(&pretty(&json)?)?;
        return Ok(());
    }
    let mut text = format!("{}\n", plan.title);
    for (at, step) in plan.steps.iter().enumerate() {
        let _ = writeln!(text, "{}  {}", at + 1, step.command);
        for shown in &step.shows {
            let _ = writeln!(text, "   {}: {} → {}", shown.what, shown.before, shown.after);
        }
        for (number, check) in step.require.iter().enumerate() {
            let result = checked.get(number).filter(|_| at == 0).map(|checked| checked.result(&check.what));
            let result = result.map_or(String::new(), |result| format!(": {result}"));
            let _ = writeln!(text, "   requires that {}{result}", check.what);
        }
        for check in &step.verify {
            let _ = writeln!(text, "   then waits until {} (at most {} s)", check.what, step.within_seconds);
        }
    }
    for warning in &plan.warnings {
        let _ = writeln!(text, "!  {warning}");
    }
    out::data(&text)?;
    Ok(())
}

fn report(plan: &Plan, outcome: &Outcome, as_json: bool) -> Result<ExitCode, Failure> {
    if as_json {
        out::data(&pretty(&json!({"plan": plan, "result": outcome}))?)?;
    }
    out::words(&own::words(Some(outcome)));
    Ok(ExitCode::from(u8::from(*outcome != Outcome::Done)))
}
