//! Carries out what the state wants.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::Value as Json;
use tokio::sync::mpsc;

use super::Surface;
use super::audit;
use super::links::{Connections, looked_at};
use super::outside::{Opened, Outside};
use crate::actions::journal::Journal;
use crate::actions::run::{Executor, Links};
use crate::actions::{Permit, PredictPermit};
use crate::app::catalogue::Catalogue;
use crate::app::effect::Effect;
use crate::app::event::{BenchReply, Event, Reply};
use crate::app::own;
use crate::app::state::State;
use crate::model::export::compact;
use crate::model::health::Error;
use crate::model::id::{PaneId, Ref, SystemId, Ticket};
use crate::model::plan::{Outputs, Plan, PlanRequest};
use crate::model::prediction::{Answer, Ask};
use crate::model::serving::{Protocol, Serving};
use crate::predict::skeleton;
use crate::systems::{Link, Parameters};

/// How long a plan's making may take.
const PLANNING: Duration = Duration::from_secs(20);
/// How long a look at one check may take.
const LOOKING: Duration = Duration::from_secs(15);
/// How long the bench waits for a model's own description before it begins with an empty request.
const DESCRIBING: Duration = Duration::from_secs(4);

/// Sends test predictions.
pub trait Predict: Send + Sync {
    /// Sends one and brings the answer.
    fn send<'a>(&'a self, permit: &'a PredictPermit, ask: &'a Ask) -> BoxFuture<'a, Result<Answer, Error>>;
    /// A payload to begin with, as the endpoint's server describes its model; reads only.
    fn example<'a>(&'a self, serving: &'a Serving) -> BoxFuture<'a, Result<Json, Error>>;
}

impl Outside {
    /// Carries out one effect.
    pub(super) fn carry_out<S: Surface>(&mut self, effect: Effect, state: &State, surface: &mut S) {
        match effect {
            Effect::Open { what, pane, how, ticket } => self.open(&what, (pane, &how), ticket),
            Effect::Close(ticket) => {
                self.opened.remove(&ticket);
            }
            Effect::Plan { system, request, ticket } => self.plan(system, request, ticket),
            Effect::Check { plan, ticket } => self.check(plan, ticket),
            Effect::Apply { permit, plan } => self.apply(permit, plan),
            Effect::Undo { plan, ticket } => self.undo(plan, ticket),
            Effect::Unfinished(ticket) => self.unfinished(ticket),
            Effect::StopAfterStep => self.stop.store(true, Ordering::SeqCst),
            Effect::Bench { what, ticket } => self.bench(what, state, ticket),
            Effect::Predict { what: _, ask, permit, ticket } => self.predict(ask, permit, ticket),
            Effect::SavePayload { what, name, body, ticket } => {
                let saved = self.setup.payloads.save(&what, &name, &body);
                self.reply(ticket, Reply::Said(saved.map(|path| format!("saved as {}", path.display()))));
            }
            Effect::Focus(panes) => self.set_focus(panes),
            Effect::Refresh(panes) => self.refresh(&panes),
            Effect::Rights(systems) => self.rights(&systems),
            Effect::Copy(text, ticket) => self.reply(ticket, Reply::Said(surface.copy(&text))),
            Effect::Export { name, text, ticket } => {
                let path = self.setup.exports.join(name);
                let written = std::fs::create_dir_all(&self.setup.exports).and_then(|()| std::fs::write(&path, text));
                let said = written.map(|()| format!("written to {}", path.display()));
                self.reply(
                    ticket,
                    Reply::Said(said.map_err(|error| format!("can't write {}: {error}", path.display()))),
                );
            }
            Effect::Redraw => surface.redraw(),
            Effect::Suspend => self.tell(surface.suspend().map_or_else(Event::Trouble, |()| Event::Resumed)),
            Effect::Resume => match surface.resume() {
                Ok(size) => size.into_iter().for_each(|size| self.tell(Event::Resize(size))),
                Err(error) => self.tell(Event::Trouble(format!("can't take the terminal again: {error}"))),
            },
            Effect::Quit => {}
        }
    }

    /// Answers a question at once.
    fn reply(&self, ticket: Ticket, body: Reply) {
        self.tell(Event::Reply { ticket, body });
    }

    /// Passes something on to the loop.
    fn tell(&self, event: Event) {
        let events = self.events.clone();
        let _ = self.spawn(async move {
            let _ = events.send(event).await;
        });
    }

    /// Asks something of the outside; the answer comes with the ticket. Closing the ticket gives it up.
    fn ask<F>(&mut self, ticket: Ticket, question: F)
    where
        F: Future<Output = Reply> + Send + 'static,
    {
        let events = self.events.clone();
        let task = self.spawn(async move {
            let body = question.await;
            let _ = events.send(Event::Reply { ticket, body }).await;
        });
        self.opened.retain(|_, opened| !matches!(opened, Opened::Task(task) if task.is_finished()));
        self.opened.insert(ticket, Opened::Task(task));
    }

    /// Opens a pane for an object, through the first system that has it.
    fn open(&mut self, what: &Ref, (pane, how): (PaneId, &Parameters), ticket: Ticket) {
        if pane == own::AUDIT_PLAN {
            return self.open_audit(what.key.as_str().to_owned(), ticket);
        }
        let owner = self.setup.catalogue.pane(pane).map(|pane| pane.system);
        let Some(link) = owner.and_then(|system| self.connections.link(system)) else {
            let name = owner.map_or(pane.0, |system| self.setup.catalogue.title(system));
            let error = Error::Unreachable { what: name.to_owned(), why: "it is not connected yet".into() };
            return self.cannot_open(ticket, pane, error);
        };
        if let Some(opened) = link.open(what, pane, how) {
            let handle = self.feeds.open(ticket, pane, opened);
            self.opened.insert(ticket, Opened::Feed(handle));
        } else {
            let events = self.events.clone();
            let _ = self.spawn(async move {
                let _ = events.send(Event::NotOffered(ticket)).await;
            });
        }
    }

    fn cannot_open(&self, ticket: Ticket, pane: PaneId, error: Error) {
        use crate::model::health::Freshness;
        use crate::model::transition::Source;
        let events = self.events.clone();
        let _ = self.spawn(async move {
            let fresh = Freshness { error: Some(error.clone()), ..Freshness::default() };
            let _ = events.send(Event::Fresh(Source::Detail(ticket, pane), fresh)).await;
            let _ = events.send(Event::LinesFailed(ticket, error)).await;
            let _ = events.send(Event::LinesEnded(ticket)).await;
        });
    }

    fn plan(&mut self, system: SystemId, mut request: PlanRequest, ticket: Ticket) {
        let connections = Arc::clone(&self.connections);
        let journal = self.setup.journal.clone();
        let title = self.setup.catalogue.title(system);
        self.ask(ticket, async move {
            let targets = request.targets.clone();
            request.past = match journal.beside(move |journal| journal.past(&targets)).await {
                Ok(past) => past,
                Err(error) => return Reply::Planned(Err(error)),
            };
            let Some(link) = connections.link(system) else {
                let why = "it is not connected yet".to_owned();
                return Reply::Planned(Err(Error::Unreachable { what: title.to_owned(), why }));
            };
            Reply::Planned(limited(title, PLANNING, link.plan(request)).await)
        });
    }

    fn check(&mut self, plan: Arc<Plan>, ticket: Ticket) {
        let connections = Arc::clone(&self.connections);
        self.ask(ticket, async move {
            let mut results = Vec::with_capacity(plan.steps.len());
            // a later step may require what an earlier one brings about: looked at when it is its turn
            for (at, step) in plan.steps.iter().enumerate() {
                let mut held = Vec::with_capacity(step.require.len());
                for check in step.require.iter().filter(|_| at == 0) {
                    held.push(look(&connections, check).await);
                }
                results.push(held);
            }
            Reply::Checked(results)
        });
    }

    fn apply(&self, permit: Permit, plan: Arc<Plan>) {
        self.stop.store(false, Ordering::SeqCst);
        let (executor, stop, events) = (self.executor.clone(), Arc::clone(&self.stop), self.events.clone());
        let (sender, mut progress) = mpsc::channel(16);
        let forward = self.events.clone();
        let _ = self.spawn(async move {
            while let Some(item) = progress.recv().await {
                let _ = forward.send(Event::Progress(item)).await;
            }
        });
        let journal = self.setup.journal.clone();
        let clock = self.setup.clock.clone();
        // never aborted: closing the dialog leaves it running
        let _ = self.spawn(async move {
            let _ = executor.run(permit, &plan, sender, stop).await;
            for event in audit::rows(&journal, clock.now()).await {
                let _ = events.send(event).await;
            }
        });
    }

    /// Asks again for these panes, also where they were opened for an object.
    fn refresh(&self, panes: &[PaneId]) {
        self.connections.refresh(panes);
        for opened in self.opened.values() {
            if let Opened::Feed(feed) = opened
                && looked_at(feed, panes)
            {
                feed.refresh();
            }
        }
    }

    /// Asks again what the logins may do: some systems tell it only by refusing.
    fn rights(&self, systems: &[SystemId]) {
        for link in systems.iter().filter_map(|system| self.connections.link(*system)) {
            let events = self.events.clone();
            let _ = self.spawn(async move {
                if let Ok(rights) = limited("the login's rights", LOOKING, link.rights()).await {
                    let _ = events.send(Event::Rights(rights)).await;
                }
            });
        }
    }

    fn undo(&mut self, plan: String, ticket: Ticket) {
        let (journal, executor) = (self.setup.journal.clone(), self.executor.clone());
        self.ask(ticket, async move {
            let undo = match audit::find(&journal, &plan).await {
                Ok(told) => executor.undo(&told.plan, &told.steps).await,
                Err(_) => None,
            };
            Reply::Undo(undo.map(Box::new))
        });
    }

    /// Plans that were begun and never ended, with what of the step that was last begun is not true now.
    fn unfinished(&mut self, ticket: Ticket) {
        let (journal, executor) = (self.setup.journal.clone(), self.executor.clone());
        let connections = Arc::clone(&self.connections);
        self.ask(ticket, async move {
            let told = journal.beside(Journal::told).await.unwrap_or_default();
            let mut found = Vec::new();
            for told in told.into_iter().filter(|told| told.result.is_none()) {
                let step =
                    told.steps.last().and_then(|(at, _)| told.plan.steps.get(*at)).or_else(|| told.plan.steps.first());
                let now = match step {
                    Some(step) => {
                        connected(&connections, step.system).await;
                        executor
                            .missing(&step.verify, &Outputs::new())
                            .await
                            .unwrap_or_else(|error| Some(error.to_string()))
                    }
                    None => None,
                };
                found.push((told, now));
            }
            Reply::Unfinished(found)
        });
    }

    fn bench(&mut self, what: Ref, state: &State, ticket: Ticket) {
        let connections = Arc::clone(&self.connections);
        let catalogue = Arc::clone(&self.setup.catalogue);
        let refs = state.row(&what).map(|row| row.refs.to_vec()).unwrap_or_default();
        let payloads = self.setup.payloads.clone();
        let predictor = Arc::clone(&self.setup.predictor);
        self.ask(ticket, async move {
            let saved = payloads.read(&what);
            let serving = match link_of(&connections, &catalogue, what.pane) {
                Some(link) => limited("the endpoint", LOOKING, link.serving(&what)).await,
                None => Err(Error::Unreachable {
                    what: "the endpoint".into(),
                    why: "its system is not connected yet".into(),
                }),
            };
            let mut example = None;
            for to in &refs {
                if let Some(link) = link_of(&connections, &catalogue, to.pane)
                    && let Ok(json) = limited("the model", LOOKING, link.example(to)).await
                {
                    let protocol = serving.as_ref().ok().and_then(|serving| serving.protocol).unwrap_or(Protocol::V1);
                    let payload = skeleton::from_example(protocol, &json);
                    example = Some((compact(&payload), format!("from {}", to.key)));
                    break;
                }
            }
            if let (Ok(serving), None, true) = (&serving, &example, saved.is_empty())
                && let Ok(payload) = limited("the model", DESCRIBING, predictor.example(serving)).await
            {
                example = Some((compact(&payload), "zeros in the shape that the server tells".into()));
            }
            Reply::Bench(Box::new(BenchReply { serving, example, saved }))
        });
    }

    fn predict(&mut self, ask: Box<Ask>, permit: PredictPermit, ticket: Ticket) {
        let predictor = Arc::clone(&self.setup.predictor);
        self.ask(ticket, async move { Reply::Predicted(Box::new(predictor.send(&permit, &ask).await)) });
    }
}

fn link_of(connections: &Connections, catalogue: &Catalogue, pane: PaneId) -> Option<Arc<dyn Link>> {
    connections.link(catalogue.pane(pane)?.system)
}

async fn look(connections: &Connections, check: &crate::model::plan::Check) -> Result<bool, Error> {
    let system = check.probe.system;
    let Some(link) = connections.link(system) else {
        return Err(Error::Unreachable { what: system.to_string(), why: "it is not connected".into() });
    };
    let answer = limited(&check.what, LOOKING, link.observe(&check.probe, &Outputs::new())).await?;
    Ok(check.expect.matches(&answer))
}

/// Bounds a question that a system may answer late or never.
async fn limited<T>(what: &str, limit: Duration, question: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(limit, question)
        .await
        .unwrap_or_else(|_elapsed| Err(Error::Timeout { what: what.to_owned(), seconds: limit.as_secs() }))
}

/// Waits a while for a system to be connected.
#[expect(clippy::disallowed_methods, reason = "looks a few times a second whether a system is connected by now")]
async fn connected(connections: &Connections, system: SystemId) {
    for _ in 0..50 {
        if connections.link(system).is_some() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor").field("profile", &self.profile).finish_non_exhaustive()
    }
}
