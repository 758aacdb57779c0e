//! The one executor: require, write down, send, verify, write down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::mpsc;

use super::guard::Permit;
use super::inverse::{inverse, may_have_changed, reached};
use super::journal::{Entry, Journal};
use crate::model::clock::Clock;
use crate::model::health::Error;
use crate::model::id::SystemId;
use crate::model::plan::{Check, Outcome, Outputs, Plan, Progress, Step};
use crate::systems::Link;

/// How long the executor waits between two looks at reality.
const LOOK: Duration = Duration::from_millis(400);

/// Finds the link to a system.
pub trait Links: Send + Sync {
    /// The link, if the system is connected.
    fn link(&self, system: SystemId) -> Option<Arc<dyn Link>>;
}

/// Where the executor writes down what it does.
pub trait Recorder: Send + Sync {
    /// Writes it through to the disk; may wait for it.
    fn append(&self, entry: Entry) -> Result<(), Error>;
}

impl Recorder for Journal {
    fn append(&self, entry: Entry) -> Result<(), Error> {
        Self::append(self, entry)
    }
}

/// What the executor works with.
#[derive(Clone)]
pub struct Executor {
    /// The systems.
    pub links: Arc<dyn Links>,
    /// Where each step is written down.
    pub journal: Arc<dyn Recorder>,
    /// The time, for deadlines.
    pub clock: Clock,
    /// The profile's name, for the journal.
    pub profile: String,
    /// How often reality is looked at while a step is verified, in tests shorter.
    pub look: Duration,
}

impl Executor {
    /// An executor over these links.
    #[must_use]
    pub fn new(links: Arc<dyn Links>, journal: Journal, clock: Clock, profile: String) -> Self {
        Self { links, journal: Arc::new(journal), clock, profile, look: LOOK }
    }

    /// Runs a plan to its end, or until `stop` is set between two steps. Every step is written to the journal before and
    /// after it; a journal that can't be written stops the plan before it changes anything more.
    pub async fn run(
        &self,
        permit: Permit,
        plan: &Plan,
        progress: mpsc::Sender<Progress>,
        stop: Arc<AtomicBool>,
    ) -> Outcome {
        let mut ended = Vec::new();
        let outcome = if permit.plan() == plan.id {
            let begun = Entry::Begun {
                plan: Box::new(plan.clone()),
                consent: permit.consent().clone(),
                profile: self.profile.clone(),
            };
            match self.append(begun).await {
                Ok(()) => {
                    let _ = progress.send(Progress::Begun).await;
                    let outcome = self.steps(&permit, plan, (&progress, &stop), &mut ended).await;
                    let entry = Entry::Ended { plan: plan.id.clone(), result: outcome.clone() };
                    match self.append(entry).await {
                        Err(error) if outcome == Outcome::Done => {
                            Outcome::Failed { why: format!("done, but not written down: {error}") }
                        }
                        _ => outcome,
                    }
                }
                Err(error) => Outcome::Refused { why: error.to_string() },
            }
        } else {
            Outcome::Refused { why: "the confirmation was for another plan".into() }
        };
        let undo = self.undo(plan, &ended).await.map(Box::new);
        let _ = progress.send(Progress::Ended { outcome: outcome.clone(), undo }).await;
        outcome
    }

    /// The outcome; `ended` gets how each step ended that was begun.
    async fn steps(
        &self,
        permit: &Permit,
        plan: &Plan,
        (progress, stop): (&mpsc::Sender<Progress>, &AtomicBool),
        ended: &mut Vec<(usize, Option<Outcome>)>,
    ) -> Outcome {
        let mut outputs = Outputs::new();
        for (at, step) in plan.steps.iter().enumerate() {
            if stop.load(Ordering::SeqCst) {
                return Outcome::Stopped;
            }
            let run = StepRun { executor: self, permit, plan, at, step, progress };
            let outcome = run.run(&mut outputs).await;
            let _ = progress.send(Progress::Step { at, outcome: outcome.clone() }).await;
            ended.push((at, Some(outcome.clone())));
            if may_have_changed(Some(&outcome)) {
                let entry = Entry::Step { plan: plan.id.clone(), step: at, result: outcome.clone() };
                if let Err(error) = self.append(entry).await {
                    let why = format!("step {} was sent, but not written down: {error}", at + 1);
                    return Outcome::Failed { why };
                }
            }
            if outcome != Outcome::Done {
                return outcome;
            }
        }
        Outcome::Done
    }

    /// The plan that takes back what these steps of `plan` did, or may have done. Where it is not known of the last one,
    /// and its undo says now that there is nothing to take back, it does not stand in the way of those before it.
    pub async fn undo(&self, plan: &Plan, ended: &[(usize, Option<Outcome>)]) -> Option<Plan> {
        let last = reached(ended);
        let accepted = |outcome: &_| matches!(outcome, Some(Outcome::Done | Outcome::Pending { .. }));
        let sure = ended.iter().any(|(at, outcome)| at + 1 == last && accepted(outcome));
        if let Some(before @ 1..) = last.checked_sub(1)
            && !sure
            && let Some(undo) = plan.steps.get(before).and_then(|step| step.undo.as_ref())
            && let Ok(Some(_)) = self.missing(&undo.require, &Outputs::new()).await
        {
            return inverse(plan, before);
        }
        inverse(plan, last)
    }

    /// Writes it down on a thread that may wait for the disk.
    async fn append(&self, entry: Entry) -> Result<(), Error> {
        let journal = Arc::clone(&self.journal);
        let written = tokio::task::spawn_blocking(move || journal.append(entry)).await;
        written.unwrap_or_else(|lost| Err(Error::Storage { what: "the journal".into(), why: lost.to_string() }))
    }

    /// Whether `checks` hold now; the first that does not, in words.
    pub async fn missing(&self, checks: &[Check], outputs: &Outputs) -> Result<Option<String>, Error> {
        for check in checks {
            let Some(link) = self.links.link(check.probe.system) else {
                return Err(Error::Absent { what: format!("{} is not connected, so it", check.probe.system) });
            };
            let answer = link.observe(&check.probe, outputs).await?;
            if !check.expect.matches(&answer) {
                return Ok(Some(format!("not yet true: {} (now {})", check.what, short(&answer))));
            }
        }
        Ok(None)
    }
}

/// An answer as a few words.
fn short(answer: &serde_json::Value) -> String {
    let text = match answer {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.chars().count() <= 120 { text } else { text.chars().take(119).chain(['…']).collect() }
}

struct StepRun<'a> {
    executor: &'a Executor,
    permit: &'a Permit,
    plan: &'a Plan,
    at: usize,
    step: &'a Step,
    progress: &'a mpsc::Sender<Progress>,
}

impl StepRun<'_> {
    async fn run(&self, outputs: &mut Outputs) -> Outcome {
        let at = self.at;
        let _ = self.progress.send(Progress::Checking { at }).await;
        match self.executor.missing(&self.step.require, outputs).await {
            Ok(None) => {}
            Ok(Some(missing)) => {
                return Outcome::Refused { why: missing.replacen("not yet true", "no longer true", 1) };
            }
            Err(error) => return Outcome::Refused { why: error.to_string() },
        }
        let Some(link) = self.executor.links.link(self.step.system) else {
            return Outcome::Refused { why: format!("{} is not connected", self.step.system) };
        };
        let intent = Entry::Intent { plan: self.plan.id.clone(), step: at };
        if let Err(error) = self.executor.append(intent).await {
            return Outcome::Refused { why: error.to_string() };
        }
        let _ = self.progress.send(Progress::Sent { at }).await;
        match link.apply(self.permit, &self.step.op, outputs).await {
            Ok(given) => outputs.extend(given),
            // never sent twice: what is there now tells whether it happened
            Err(error) if error.leaves_outcome_unknown() => {
                return match self.verify(outputs).await {
                    Outcome::Done => Outcome::Done,
                    _ => Outcome::Unknown { why: format!("{error}; what is there now does not tell") },
                };
            }
            Err(
                error @ (Error::Conflict { .. }
                | Error::Refused { .. }
                | Error::Forbidden { .. }
                | Error::Unauthorized { .. }
                | Error::RateLimited { .. }),
            ) => {
                let _ = self.write_refusal(&error).await;
                return Outcome::Refused { why: error.to_string() };
            }
            Err(error) => return Outcome::Failed { why: error.to_string() },
        }
        self.verify(outputs).await
    }

    /// The intent was written, so that it was refused is written too.
    async fn write_refusal(&self, error: &Error) -> Result<(), Error> {
        let result = Outcome::Refused { why: error.to_string() };
        self.executor.append(Entry::Step { plan: self.plan.id.clone(), step: self.at, result }).await
    }

    /// Looks at reality until it matches for as long as it has to, or the time is over.
    async fn verify(&self, outputs: &Outputs) -> Outcome {
        let clock = &self.executor.clock;
        let deadline = clock.now() + TimeDelta::seconds(i64::from(self.step.within_seconds));
        let hold = TimeDelta::seconds(i64::from(self.step.hold_seconds));
        let mut since: Option<DateTime<Utc>> = None;
        let mut said = String::new();
        loop {
            let missing = match self.executor.missing(&self.step.verify, outputs).await {
                Ok(missing) => missing,
                Err(error) => Some(error.to_string()),
            };
            let now = clock.now();
            match missing {
                None => {
                    let since = *since.get_or_insert(now);
                    if now - since >= hold {
                        return Outcome::Done;
                    }
                    said.clear();
                }
                Some(missing) => {
                    since = None;
                    if now >= deadline {
                        return Outcome::Pending { why: missing };
                    }
                    if missing != said {
                        said.clone_from(&missing);
                        let _ = self.progress.send(Progress::Waiting { at: self.at, missing }).await;
                    }
                }
            }
            self.wait().await;
        }
    }

    #[expect(clippy::disallowed_methods, reason = "waits belong to the executor")]
    async fn wait(&self) {
        tokio::time::sleep(self.executor.look).await;
    }
}

#[cfg(test)]
pub(super) mod tests;
