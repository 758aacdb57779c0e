//! All that is on the screen, as data.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::bench::Bench;
use super::catalogue::Catalogue;
use super::confirm::Confirm;
use super::dialog::{ArmDialog, Menu, PaletteDialog, SaveDialog};
use super::event::Size;
use super::field::Field;
use super::keymap::Keymap;
use super::pane::PaneData;
use super::place::Place;
use crate::actions::Guard;
use crate::model::health::{Error, Health};
use crate::model::id::{PaneId, Ref, SystemId, Ticket, ViewId};
use crate::model::input::Key;
use crate::model::join::Panes;
use crate::model::plan::{Outcome, Plan, Progress};
use crate::model::record::Row;
use crate::model::transition::Transition;
use crate::model::verb::Rights;
use crate::systems::Line;

/// What the header says of where we are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    /// The profile's name.
    pub profile: String,
    /// The cluster, or its context.
    pub cluster: String,
    /// The environment: `production`, `staging`, `demo`.
    pub environment: String,
}

/// A message at the bottom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// How bad it is.
    pub health: Health,
    /// The text.
    pub text: String,
    /// When it was said.
    pub at: DateTime<Utc>,
}

/// What lies over the view; the last one has the keys.
#[derive(Debug, Clone, PartialEq)]
pub enum Mode {
    /// A filter or a search is typed.
    Filter(Field),
    /// Any command, view or object is looked for.
    Palette(PaletteDialog),
    /// A plan is shown and confirmed.
    Confirm(Box<Confirm>),
    /// The keys of this place.
    Help {
        /// What is looked for in it.
        search: Field,
        /// The first line shown.
        top: usize,
    },
    /// A choice.
    Menu(Menu),
    /// A production profile is armed by its name.
    Arm(ArmDialog),
    /// A payload gets its name.
    Save(SaveDialog),
    /// The prediction bench.
    Bench(Box<Bench>),
}

/// A plan that runs, or has run last.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    /// The plan.
    pub plan: Arc<Plan>,
    /// Since when.
    pub since: DateTime<Utc>,
    /// How far each step has come.
    pub steps: Vec<StepState>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// The plan that takes it back.
    pub undo: Option<Arc<Plan>>,
    /// Whether it is to stop after the step that runs.
    pub stopping: bool,
    /// The panes that show what it changes.
    pub panes: BTreeSet<PaneId>,
}

/// How far a step has come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum StepState {
    /// Not begun.
    #[default]
    Ahead,
    /// What it requires is checked.
    Checking,
    /// It was sent.
    Sent,
    /// It waits for reality.
    Waiting(String),
    /// It has ended.
    Ended(Outcome),
}

impl Running {
    /// A plan that begins now.
    #[must_use]
    pub fn new(plan: Arc<Plan>, now: DateTime<Utc>) -> Self {
        let steps = vec![StepState::Ahead; plan.steps.len()];
        let changed = plan.steps.iter().flat_map(|step| &step.shows).map(|shown| shown.object.pane);
        let panes = plan.targets.iter().map(|target| target.object.pane).chain(changed).collect();
        Self { plan, since: now, steps, outcome: None, undo: None, stopping: false, panes }
    }

    /// The systems that it changes.
    #[must_use]
    pub fn systems(&self) -> Vec<SystemId> {
        let systems: BTreeSet<SystemId> = self.plan.steps.iter().map(|step| step.system).collect();
        systems.into_iter().collect()
    }

    /// Takes over what the executor says.
    pub fn advance(&mut self, progress: Progress) {
        let (at, state) = match progress {
            Progress::Begun => return,
            Progress::Checking { at } => (at, StepState::Checking),
            Progress::Sent { at } => (at, StepState::Sent),
            Progress::Waiting { at, missing } => (at, StepState::Waiting(missing)),
            Progress::Step { at, outcome } => (at, StepState::Ended(outcome)),
            Progress::Ended { outcome, undo } => {
                self.outcome = Some(outcome);
                self.undo = undo.map(|plan| Arc::new(*plan));
                return;
            }
        };
        if let Some(step) = self.steps.get_mut(at) {
            *step = state;
        }
    }
}

/// A question that waits for its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// A plan is being made.
    Plan,
    /// What a plan requires is being checked.
    Check,
    /// What the bench needs to know of this endpoint.
    Bench(Ref),
    /// A prediction.
    Prediction,
    /// Something was written or copied.
    Said,
    /// Plans left unfinished, at the start.
    Unfinished,
    /// A plan that takes an earlier one back.
    Undo,
}

/// A place that was visited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The tab.
    pub tab: ViewId,
    /// The objects opened within it, outermost first.
    pub opened: Vec<(ViewId, Ref)>,
}

/// All that is on the screen.
#[derive(Debug)]
pub struct State {
    /// The time of the last event.
    pub now: DateTime<Utc>,
    /// The terminal's size.
    pub size: Size,
    /// What the systems offer.
    pub catalogue: Arc<Catalogue>,
    /// Which key does what.
    pub keymap: Arc<Keymap>,
    /// Decides about effects.
    pub guard: Guard,
    /// Where we are.
    pub header: Header,
    /// Whether each system is connected, or why not; missing while it is being tried.
    pub links: BTreeMap<SystemId, Result<(), Error>>,
    /// What is known of the standing panes beside their rows.
    pub panes: BTreeMap<PaneId, PaneData>,
    /// The rows of the standing panes, with the cells of others joined to them.
    pub rows: Panes,
    /// What the logins may do.
    pub rights: Rights,
    /// The open tab.
    pub tab: ViewId,
    /// For each tab, its view and what is opened over it, outermost first.
    pub places: BTreeMap<ViewId, Vec<Place>>,
    /// What lies over the view.
    pub modes: Vec<Mode>,
    /// Keys of a sequence that is not complete.
    pub pending: Vec<Key>,
    /// The message at the bottom.
    pub message: Option<Message>,
    /// The plan that runs, or has run last.
    pub running: Option<Running>,
    /// Questions that wait for their answers.
    pub waiting: BTreeMap<Ticket, Waiting>,
    /// Places that were visited, and where in them we are.
    pub history: Vec<Visit>,
    /// Which of them is open.
    pub visited: usize,
    /// Whether sections fill the screen alone.
    pub zoomed: bool,
    /// The console's own log.
    pub own_log: Vec<Line>,
    /// Transitions since the start, newest last.
    pub transitions: Vec<Transition>,
    /// Benches that were used, by endpoint: what was typed is not lost.
    pub benches: BTreeMap<Ref, Bench>,
    /// The last ticket given.
    pub last_ticket: u64,
    /// Whether the program is about to end.
    pub quitting: bool,
    /// The system asked the program to end: it does so as soon as the plan that runs has stopped.
    pub leaving: bool,
    /// Number of plans made, to give each an identity.
    pub plans: u64,
}

/// For how long a message that only informs stays.
const PLAIN: TimeDelta = TimeDelta::seconds(4);
/// For how long one stays that tells of trouble.
const TROUBLE: TimeDelta = TimeDelta::seconds(12);
/// So long a message of trouble can't be taken away by a key: that key was on its way before it could be read.
const UNREAD: TimeDelta = TimeDelta::seconds(1);

impl Message {
    fn is_plain(&self) -> bool {
        !matches!(self.health, Health::Warn | Health::Bad)
    }

    /// Whether it has been there long enough.
    #[must_use]
    pub fn is_over(&self, now: DateTime<Utc>) -> bool {
        now - self.at > if self.is_plain() { PLAIN } else { TROUBLE }
    }

    /// Whether the next key takes it away.
    #[must_use]
    pub fn yields(&self, now: DateTime<Utc>) -> bool {
        self.is_plain() || now - self.at >= UNREAD
    }
}

impl State {
    /// A state in which nothing is known yet, at this time and on a terminal of this size.
    #[must_use]
    pub fn new(
        catalogue: Arc<Catalogue>,
        keymap: Arc<Keymap>,
        guard: Guard,
        header: Header,
        (now, size): (DateTime<Utc>, Size),
    ) -> Self {
        Self {
            now,
            size,
            catalogue,
            keymap,
            guard,
            header,
            links: BTreeMap::new(),
            panes: BTreeMap::new(),
            rows: Panes::default(),
            rights: Rights::default(),
            tab: super::own::LOG_VIEW,
            places: BTreeMap::new(),
            modes: Vec::new(),
            pending: Vec::new(),
            message: None,
            running: None,
            waiting: BTreeMap::new(),
            history: Vec::new(),
            visited: 0,
            zoomed: false,
            own_log: Vec::new(),
            transitions: Vec::new(),
            benches: BTreeMap::new(),
            last_ticket: 0,
            quitting: false,
            leaving: false,
            plans: 0,
        }
    }

    /// A new ticket.
    pub fn ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        Ticket(self.last_ticket)
    }

    /// A ticket for a question, which is remembered.
    pub fn ask(&mut self, waiting: Waiting) -> Ticket {
        let ticket = self.ticket();
        self.waiting.insert(ticket, waiting);
        ticket
    }

    /// The row of an object, if its pane is a standing one and the row is there.
    #[must_use]
    pub fn row(&self, what: &Ref) -> Option<&Arc<Row>> {
        self.rows.rows(what.pane)?.get(&what.key)
    }

    /// The innermost open place.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.places.get(&self.tab).and_then(|stack| stack.last())
    }

    /// The innermost open place.
    pub fn place_mut(&mut self) -> Option<&mut Place> {
        self.places.get_mut(&self.tab).and_then(|stack| stack.last_mut())
    }

    /// The places of the open tab, outermost first.
    #[must_use]
    pub fn stack(&self) -> &[Place] {
        self.places.get(&self.tab).map_or(&[], Vec::as_slice)
    }

    /// What has the keys.
    #[must_use]
    pub fn mode(&self) -> Option<&Mode> {
        self.modes.last()
    }

    /// Says something at the bottom.
    pub fn say(&mut self, health: Health, text: impl Into<String>) {
        self.message = Some(Message { health, text: text.into(), at: self.now });
    }

    /// How well a system does, and the age of its data where that matters.
    #[must_use]
    pub fn lamp(&self, systems: &[SystemId]) -> (Health, Option<DateTime<Utc>>) {
        let mut worst = (Health::Idle, None);
        for system in systems {
            let health = match self.links.get(system) {
                None => (Health::Busy, None),
                Some(Err(error)) if error.is_absent() => (Health::Idle, None),
                Some(Err(_)) => (Health::Bad, None),
                Some(Ok(())) => self
                    .panes
                    .values()
                    .filter(|data| data.pane.system == *system && data.fresh.is_some())
                    .map(|data| {
                        let fresh = data.fresh.clone().unwrap_or_default();
                        (fresh.health(self.now), fresh.seen)
                    })
                    .min_by_key(|(health, _)| urgency(*health))
                    .unwrap_or((Health::Busy, None)),
            };
            if urgency(health.0) < urgency(worst.0) {
                worst = health;
            }
        }
        worst
    }
}

/// Order of urgency for lamps: what is being tried counts less than what is stale.
fn urgency(health: Health) -> u8 {
    match health {
        Health::Bad => 0,
        Health::Warn => 1,
        Health::Busy => 2,
        Health::Good => 3,
        Health::Idle => 4,
    }
}

/// A step's state in words.
#[must_use]
pub fn step_words(step: &StepState) -> String {
    match step {
        StepState::Ahead => String::new(),
        StepState::Checking => "checking what it requires".into(),
        StepState::Sent => "sent; looking whether it is true".into(),
        StepState::Waiting(missing) => missing.clone(),
        StepState::Ended(outcome) => super::own::words(Some(outcome)),
    }
}
