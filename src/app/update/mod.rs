//! What each event does to the state. Synchronous; asks neither the clock nor the outside.

mod bench;
mod browse;
mod confirm;
mod data;
mod filter;
mod go;
mod menu;
mod palette;
mod reply;

use super::command::{Command, Scope};
use super::dialog::ArmDialog;
use super::effect::{Effect, Effects};
use super::event::Event;
use super::keymap::Bound;
use super::layout::layout;
use super::place::{Body, Place};
use super::state::{Mode, State};
use crate::model::health::Health;
use crate::model::id::ViewId;
use crate::model::input::{Input, Key, KeyCode};
use crate::model::verb::Kind;

pub use go::start;

/// Does what the event says. The effects are to be carried out in order.
pub fn update(state: &mut State, event: Event) -> Effects {
    let mut effects = Effects::new();
    match event {
        Event::Now(now) => tick(state, now),
        Event::Input(burst) => input(state, burst, &mut effects),
        Event::Resize(size) => state.size = size,
        Event::Fed(source, batch) => data::fed(state, source, &batch),
        Event::Fresh(source, freshness) => data::fresh(state, source, freshness),
        Event::Moved(transition) => data::moved(state, transition),
        Event::Rights(rights) => state.rights.merge(rights),
        Event::Linked(system, result) => data::linked(state, system, result),
        Event::Lines(ticket, lines) => data::lines(state, ticket, lines),
        Event::LinesEnded(ticket) => data::lines_ended(state, ticket),
        Event::LinesFailed(ticket, error) => data::lines_failed(state, ticket, error),
        Event::NotOffered(ticket) => data::not_offered(state, ticket),
        Event::Reply { ticket, body } => reply::reply(state, ticket, body, &mut effects),
        Event::Progress(progress) => confirm::progress(state, progress, &mut effects),
        Event::OwnLog(lines) => data::own_log(state, &lines),
        Event::Trouble(text) => state.say(Health::Bad, text),
        Event::Suspend => effects.push(Effect::Suspend),
        Event::Resumed => effects.push(Effect::Resume),
        Event::Terminate => {
            state.leaving = true;
            quit(state, &mut effects);
        }
    }
    resize(state);
    effects
}

/// Lets time pass.
fn tick(state: &mut State, now: chrono::DateTime<chrono::Utc>) {
    state.now = now;
    if state.message.as_ref().is_some_and(|message| message.is_over(now)) {
        state.message = None;
    }
    for section in state.places.values_mut().flatten().flat_map(|place| &mut place.sections) {
        if let Body::Rows(table) = &mut section.body {
            table.tick(now);
        }
    }
}

/// Tells each table how many rows of it are on the screen.
fn resize(state: &mut State) {
    let areas = layout(state);
    let now = state.now;
    let Some(place) = state.place_mut() else { return };
    for area in &areas.sections {
        if let Some(table) = place.sections.get_mut(area.index).and_then(|section| section.table_mut()) {
            table.resize(usize::from(area.rows.height).max(1));
            table.measure(now);
        }
    }
}

/// Keys and pastes that arrived together. What follows a key that opened a dialog was typed before the dialog could be
/// read, so it never answers it.
fn input(state: &mut State, burst: Vec<Input>, effects: &mut Effects) {
    let confirming = is_confirming(state);
    for input in burst {
        if !confirming && is_confirming(state) {
            state.say(Health::Warn, "keys typed before the dialog was there were dropped");
            return;
        }
        match input {
            Input::Key(key) => {
                let now = state.now;
                let read = state.message.take_if(|message| message.yields(now));
                press(state, key, effects);
                // half a sequence does nothing yet
                if !state.pending.is_empty() && state.message.is_none() {
                    state.message = read;
                }
            }
            Input::Paste(text) => paste(state, &text),
            Input::Mouse(_) | Input::Focus(_) => {}
            Input::Resize { columns, rows } => {
                state.size = super::event::Size { columns, rows };
                // the same size again may be the end of several changes: the terminal has cut what it showed
                effects.push(Effect::Redraw);
            }
        }
    }
}

fn is_confirming(state: &State) -> bool {
    state.modes.iter().any(|mode| matches!(mode, Mode::Confirm(_)))
}

/// A paste goes into the field that is open; anywhere else it does nothing and says so.
fn paste(state: &mut State, text: &str) {
    match state.modes.last_mut() {
        Some(Mode::Filter(field)) => {
            field.insert(text);
            filter::changed(state);
        }
        Some(Mode::Palette(palette)) => {
            palette.field.insert(text);
            palette::changed(state);
        }
        Some(Mode::Confirm(confirm)) => {
            if let Some(field) = confirm.field() {
                field.insert(text);
            }
        }
        Some(Mode::Arm(dialog)) => dialog.field.insert(text),
        Some(Mode::Save(dialog)) => dialog.field.insert(text),
        Some(Mode::Help { search, .. }) => search.insert(text),
        Some(Mode::Bench(bench)) => bench.paste(text),
        Some(Mode::Menu(_)) | None => state.say(Health::Idle, "nothing here takes a paste"),
    }
}

/// One key.
fn press(state: &mut State, key: Key, effects: &mut Effects) {
    match state.mode() {
        None => {
            let (tab, depth) = (state.tab, state.stack().len());
            browse(state, key, effects);
            stay(state, tab, depth);
        }
        Some(Mode::Filter(_)) => filter::press(state, key),
        Some(Mode::Palette(_)) => palette::press(state, key, effects),
        Some(Mode::Confirm(_)) => confirm::press(state, key, effects),
        Some(Mode::Menu(_)) => menu::press(state, key, effects),
        Some(Mode::Help { .. }) => help(state, key),
        Some(Mode::Arm(_)) => arm(state, key),
        Some(Mode::Save(_)) => bench::name(state, key, effects),
        Some(Mode::Bench(_)) => bench::press(state, key, effects),
    }
}

/// Keeps the cursor on a row that was opened, tried or planned on, whatever becomes of the filter that led to it.
fn stay(state: &mut State, tab: ViewId, depth: usize) {
    let acts = state.tab == tab && state.stack().len() > depth
        || matches!(state.modes.last(), Some(Mode::Confirm(_) | Mode::Bench(_)));
    let place = state.places.get_mut(&tab).and_then(|stack| stack.get_mut(depth.checked_sub(1)?));
    if let Some(place) = place.filter(|_| acts)
        && let Some(table) = place.focused_mut().and_then(|section| section.table_mut())
    {
        table.stay();
    }
}

/// The scopes of the place that has the focus, the innermost first.
#[must_use]
pub fn scopes(state: &State) -> Vec<Scope> {
    match state.place().and_then(Place::focused).map(|section| section.section.kind) {
        Some(Kind::Log | Kind::Text) => vec![Scope::Lines, Scope::Global],
        Some(Kind::Series) => vec![Scope::Chart, Scope::Global],
        Some(Kind::Table | Kind::Facts) | None => vec![Scope::Table, Scope::Global],
    }
}

/// A key over the view itself.
fn browse(state: &mut State, key: Key, effects: &mut Effects) {
    if let (KeyCode::Char(digit @ '0'..='9'), false, false) = (key.code, key.ctrl, key.alt)
        && state.pending.is_empty()
    {
        return go::tab(state, digit, effects);
    }
    state.pending.push(key);
    let pane = state.place().and_then(go::acting_pane).and_then(|id| state.catalogue.pane(id).copied());
    let bound = state.keymap.find(&state.pending, &scopes(state), pane.as_ref());
    match bound {
        Some(Bound::Prefix) => {}
        Some(Bound::Command(command)) => {
            state.pending.clear();
            command_do(state, command, effects);
        }
        Some(Bound::Verb(verb)) => {
            state.pending.clear();
            confirm::ask(state, verb, effects);
        }
        None => {
            let keys: Vec<String> = state.pending.iter().map(ToString::to_string).collect();
            state.pending.clear();
            state.say(Health::Idle, format!("{} does nothing here; ? shows the keys", keys.join(" ")));
        }
    }
}

/// Does what a command says.
fn command_do(state: &mut State, command: Command, effects: &mut Effects) {
    match command {
        Command::Quit => quit(state, effects),
        Command::Palette => palette::open(state),
        Command::Help => state.modes.push(Mode::Help { search: super::field::Field::new(""), top: 0 }),
        Command::Filter => filter::open(state),
        Command::Arm => arm_open(state),
        Command::Try => bench::open(state, effects),
        Command::Copy => menu::copy(state),
        Command::Export => menu::export(state),
        Command::Actions => menu::actions(state),
        Command::Columns => menu::columns(state),
        Command::Container => menu::containers(state),
        Command::Related => menu::related(state),
        Command::Undo => confirm::undo(state, effects),
        Command::Redraw => effects.push(Effect::Redraw),
        Command::Suspend => effects.push(Effect::Suspend),
        other => browse::command(state, other, effects),
    }
}

/// Ends the program, unless a plan runs: then it stops between two steps first.
fn quit(state: &mut State, effects: &mut Effects) {
    if let Some(running) = state.running.as_mut().filter(|running| running.outcome.is_none() && !running.stopping) {
        running.stopping = true;
        effects.push(Effect::StopAfterStep);
        state.say(Health::Warn, "a plan is running: it stops after this step; press ctrl-c again to leave it now");
        return;
    }
    state.quitting = true;
    effects.push(Effect::Quit);
}

fn arm_open(state: &mut State) {
    if let Some(left) = state.guard.armed(state.now) {
        state.guard.disarm();
        state.say(Health::Good, format!("read-only again ({} were left)", crate::model::text::age(left)));
        return;
    }
    let policy = state.guard.policy();
    if policy.read_only {
        let text = format!(
            "profile {} is read-only: set read_only = false in its config, or leave --read-only away",
            policy.profile
        );
        return state.say(Health::Warn, text);
    }
    if !policy.production {
        return state.say(Health::Idle, "only production profiles have to be armed");
    }
    let name = policy.profile.clone();
    state.modes.push(Mode::Arm(ArmDialog { name, field: super::field::Field::new(""), fault: None }));
}

fn arm(state: &mut State, key: Key) {
    let now = state.now;
    let Some(Mode::Arm(dialog)) = state.modes.last_mut() else { return };
    match key.code {
        KeyCode::Esc => {
            state.modes.pop();
        }
        KeyCode::Enter => {
            let typed = dialog.field.text().to_owned();
            match state.guard.arm(&typed, now) {
                Ok(()) => {
                    state.modes.pop();
                    let minutes = state.guard.policy().armed_for.num_minutes();
                    state.say(Health::Warn, format!("armed for {minutes} minutes; A takes it back"));
                    confirm::armed(state);
                }
                Err(denied) => {
                    if let Some(Mode::Arm(dialog)) = state.modes.last_mut() {
                        dialog.fault = Some(denied.to_string());
                    }
                }
            }
        }
        _ => {
            dialog.fault = None;
            dialog.field.press(key);
        }
    }
}

fn help(state: &mut State, key: Key) {
    let page = usize::from(state.size.rows.saturating_sub(8));
    let Some(Mode::Help { search, top }) = state.modes.last_mut() else { return };
    match key.code {
        KeyCode::Esc => {
            state.modes.pop();
        }
        KeyCode::Down => *top += 1,
        KeyCode::Up => *top = top.saturating_sub(1),
        KeyCode::PageDown => *top += page,
        KeyCode::PageUp => *top = top.saturating_sub(page),
        KeyCode::Char('?' | 'q') if search.text().is_empty() => {
            state.modes.pop();
        }
        _ => {
            if search.press(key) {
                *top = 0;
            }
        }
    }
}
