//! The loop: what happens comes in, `update` says what it means, effects go out, and what has changed is drawn.
//!
//! Screen and input run on the thread that calls [`Driver::run`]; everything that waits for the outside runs on another
//! runtime, so that no server can hold up a key.

mod audit;
mod effects;
mod links;
mod outside;
mod payloads;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

pub use effects::Predict;
pub use outside::{Outside, Settled, Setup};
pub use payloads::Payloads;

use super::event::{Event, Size};
use super::state::State;
use super::update::{start, update};
use crate::feeds::Incoming;
use crate::model::input::Input;

/// At least this long between two frames, unless a key was pressed.
const FRAME: Duration = Duration::from_millis(33);
/// At least this long between two takings of what feeds brought.
const TAKE: Duration = Duration::from_millis(100);
/// As often ages are looked at.
const TICK: Duration = Duration::from_secs(1);
/// As many events are handled before a frame is drawn.
const BURST: usize = 64;

/// Where the state is drawn.
pub trait Surface {
    /// Draws what has changed. An error means that the terminal is gone.
    fn draw(&mut self, state: &State) -> std::io::Result<()>;
    /// Forgets what is on the screen: the next frame is drawn whole.
    fn redraw(&mut self);
    /// Puts a text on the clipboard; what to say of it.
    fn copy(&mut self, text: &str) -> Result<String, String>;
    /// Takes the terminal again after a stop, so that the next frame is drawn whole; its size, which may have changed
    /// meanwhile without a word.
    fn resume(&mut self) -> std::io::Result<Option<Size>> {
        self.redraw();
        Ok(None)
    }
    /// Gives the terminal back, stops, and takes it again when continued.
    fn suspend(&mut self) -> Result<(), String>;
}

/// What comes from the terminal.
pub struct Terminal {
    /// Keys and pastes, in the portions in which they came; closed when the terminal is gone.
    pub input: mpsc::Receiver<Vec<Input>>,
    /// Signals and other news, already as events.
    pub events: mpsc::Receiver<Event>,
}

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Woken {
    /// A key or a signal was among it: drawn at once.
    Key,
    /// Something happened, or time passed.
    Event,
    /// Nothing that could be seen.
    Nothing,
}

/// The loop over one state, one screen, and the outside.
pub struct Driver<S> {
    /// The state.
    pub state: State,
    surface: S,
    outside: Outside,
    incoming: Incoming,
    events: mpsc::Receiver<Event>,
    took: Option<Instant>,
    bell: bool,
}

impl<S: Surface> Driver<S> {
    /// A loop that has not begun.
    pub fn new(state: State, surface: S, setup: Setup) -> Self {
        let (outside, incoming, events) = Outside::new(setup, &state);
        Self { state, surface, outside, incoming, events, took: None, bell: false }
    }

    /// Connects the systems and opens the first view.
    pub fn begin(&mut self) {
        self.handle(vec![]);
        let effects = start(&mut self.state, self.outside.setup.view);
        self.outside.connect_all(&self.state);
        self.carry_out(effects);
        self.outside.publish_audit();
    }

    /// Runs until the operator quits or the terminal is gone.
    pub async fn run(mut self, mut terminal: Terminal) -> std::io::Result<Self> {
        self.begin();
        self.surface.draw(&self.state)?;
        let mut drawn = Instant::now();
        let mut due: Option<Instant> = None;
        while !self.state.quitting {
            let woken = self.wait(&mut terminal, due).await;
            if self.state.quitting {
                break;
            }
            let next = drawn + FRAME;
            if woken == Woken::Nothing {
                continue;
            }
            if woken == Woken::Key || Instant::now() >= next {
                self.surface.draw(&self.state)?;
                drawn = Instant::now();
                due = None;
            } else {
                due = Some(next);
            }
        }
        Ok(self)
    }

    /// Waits for the next thing to happen and handles it with all that is ready beside it.
    async fn wait(&mut self, terminal: &mut Terminal, due: Option<Instant>) -> Woken {
        let mut woken = Woken::Event;
        let mut happened = Vec::new();
        let take = self.take_due();
        tokio::select! {
            biased;
            input = terminal.input.recv() => {
                woken = Woken::Key;
                happened.push(input.map_or(Event::Terminate, Event::Input));
            }
            Some(event) = terminal.events.recv() => {
                woken = Woken::Key;
                happened.push(event);
            }
            Some(event) = self.events.recv() => happened.push(event),
            Some(moved) = self.incoming.transitions.recv() => happened.push(Event::Moved(moved)),
            Some(said) = self.incoming.lines.recv() => happened.extend(outside::lines(said)),
            () = self.incoming.bell.notified() => {
                self.bell = true;
                woken = Woken::Nothing;
            }
            () = at(take) => {}
            () = at(due) => {}
            () = at(Some(Instant::now() + TICK)) => {}
        }
        while happened.len() < BURST {
            if let Ok(input) = terminal.input.try_recv() {
                woken = Woken::Key;
                happened.push(Event::Input(input));
            } else {
                break;
            }
        }
        self.gather(&mut happened);
        // a bell before its time: what feeds brought is taken with the next portion
        if woken == Woken::Nothing && happened.is_empty() {
            return woken;
        }
        self.handle(happened);
        if woken == Woken::Nothing { Woken::Event } else { woken }
    }

    /// All that is ready.
    fn gather(&mut self, happened: &mut Vec<Event>) {
        while happened.len() < BURST {
            if let Ok(event) = self.events.try_recv() {
                happened.push(event);
            } else if let Ok(moved) = self.incoming.transitions.try_recv() {
                happened.push(Event::Moved(moved));
            } else if let Ok(said) = self.incoming.lines.try_recv() {
                happened.extend(outside::lines(said));
            } else {
                break;
            }
        }
        if self.bell && self.take_due().is_none_or(|due| due <= Instant::now()) {
            self.bell = false;
            self.took = Some(Instant::now());
            happened.extend(self.outside.take());
        }
    }

    /// When what feeds brought is to be taken; `None` if nothing waits.
    fn take_due(&self) -> Option<Instant> {
        if !self.bell {
            return None;
        }
        match self.took {
            Some(took) if !self.outside.is_urgent() => Some(took + TAKE),
            _ => Some(Instant::now()),
        }
    }

    /// Lets the state know, and carries out what it wants.
    fn handle(&mut self, happened: Vec<Event>) {
        let now = self.outside.now();
        self.update(Event::Now(now));
        for event in happened {
            self.update(event);
        }
    }

    fn update(&mut self, event: Event) {
        let effects = update(&mut self.state, event);
        self.carry_out(effects);
    }

    fn carry_out(&mut self, effects: super::effect::Effects) {
        for effect in effects {
            self.outside.carry_out(effect, &self.state, &mut self.surface);
        }
    }

    /// Handles keys and all that has come of them, without a terminal: for tests and for pictures.
    pub fn turn(&mut self, events: Vec<Event>) {
        self.bell = true;
        self.took = None;
        let mut happened = events;
        self.gather(&mut happened);
        self.handle(happened);
    }

    /// Whether nothing is under way any more.
    #[must_use]
    pub fn settled(&self) -> Settled {
        self.outside.settled()
    }

    /// The screen.
    pub fn surface(&mut self) -> &mut S {
        &mut self.surface
    }

    /// Draws the state as it is.
    pub fn draw(&mut self) -> std::io::Result<()> {
        self.surface.draw(&self.state)
    }
}

async fn at(when: Option<Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}
