//! The one executor: require, write down, send, verify, write down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::mpsc;

use super::guard::Permit;
use super::inverse::inverse;
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

/// What the executor works with.
#[derive(Clone)]
pub struct Executor {
    /// The systems.
    pub links: Arc<dyn Links>,
    /// Where each step is written down.
    pub journal: Journal,
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
        Self { links, journal, clock, profile, look: LOOK }
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
        let mut done = 0;
        let outcome = if permit.plan() == plan.id {
            let begun = Entry::Begun {
                plan: Box::new(plan.clone()),
                consent: permit.consent().clone(),
                profile: self.profile.clone(),
            };
            match self.journal.append(begun) {
                Ok(()) => {
                    let _ = progress.send(Progress::Begun).await;
                    let (outcome, sent) = self.steps(&permit, plan, &progress, &stop).await;
                    done = sent;
                    let ended = Entry::Ended { plan: plan.id.clone(), result: outcome.clone() };
                    match self.journal.append(ended) {
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
        let undo = inverse(plan, done).map(Box::new);
        let _ = progress.send(Progress::Ended { outcome: outcome.clone(), undo }).await;
        outcome
    }

    /// The outcome, and how many steps were sent.
    async fn steps(
        &self,
        permit: &Permit,
        plan: &Plan,
        progress: &mpsc::Sender<Progress>,
        stop: &AtomicBool,
    ) -> (Outcome, usize) {
        let mut done = 0;
        let mut outputs = Outputs::new();
        for (at, step) in plan.steps.iter().enumerate() {
            if stop.load(Ordering::SeqCst) {
                return (Outcome::Stopped, done);
            }
            let run = StepRun { executor: self, permit, plan, at, step, progress };
            let outcome = run.run(&mut outputs).await;
            let sent = matches!(
                outcome,
                Outcome::Done | Outcome::Pending { .. } | Outcome::Failed { .. } | Outcome::Unknown { .. }
            );
            let _ = progress.send(Progress::Step { at, outcome: outcome.clone() }).await;
            if sent {
                done = at + 1;
                let entry = Entry::Step { plan: plan.id.clone(), step: at, result: outcome.clone() };
                if let Err(error) = self.journal.append(entry) {
                    let why = format!("step {} was sent, but not written down: {error}", at + 1);
                    return (Outcome::Failed { why }, done);
                }
            }
            if outcome != Outcome::Done {
                return (outcome, done);
            }
        }
        (Outcome::Done, done)
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
        if let Err(error) = self.executor.journal.append(Entry::Intent { plan: self.plan.id.clone(), step: at }) {
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
                let _ = self.write_refusal(&error);
                return Outcome::Refused { why: error.to_string() };
            }
            Err(error) => return Outcome::Failed { why: error.to_string() },
        }
        self.verify(outputs).await
    }

    /// The intent was written, so that it was refused is written too.
    fn write_refusal(&self, error: &Error) -> Result<(), Error> {
        let result = Outcome::Refused { why: error.to_string() };
        self.executor.journal.append(Entry::Step { plan: self.plan.id.clone(), step: self.at, result })
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
mod tests;
