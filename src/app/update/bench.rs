//! The prediction bench.

use super::super::bench::{Bench, BenchFocus, Tried};
use super::super::command::{Command, Scope};
use super::super::dialog::{Menu, MenuAction, MenuItem, SaveDialog};
use super::super::effect::{Effect, Effects};
use super::super::event::BenchReply;
use super::super::field::Field;
use super::super::keymap::Bound;
use super::super::state::{Mode, State, Waiting};
use super::go;
use crate::config::Predictions;
use crate::model::health::{Error, Health};
use crate::model::id::{Ref, Ticket};
use crate::model::input::{Key, KeyCode};
use crate::model::prediction::{Answer, Ask};

/// Opens the bench for the endpoint under the cursor, as it was left.
pub(super) fn open(state: &mut State, effects: &mut Effects) {
    let what = state.place().and_then(|place| match &place.object {
        Some(object) => Some(object.clone()),
        None => place.target(&state.catalogue),
    });
    let Some(what) = what else { return go::explain(state) };
    let serves = state.catalogue.pane(what.pane).is_some_and(|pane| pane.noun == "endpoint");
    if !serves {
        return state.say(Health::Idle, "test predictions go to endpoints: open one with 7");
    }
    let title = what.key.split_namespace().map_or(what.key.as_str(), |(_, name)| name).to_owned();
    let bench = state.benches.remove(&what).unwrap_or_else(|| Bench::new(what.clone(), title));
    state.modes.push(Mode::Bench(Box::new(bench)));
    let ticket = state.ask(Waiting::Bench(what.clone()));
    effects.push(Effect::Bench { what, ticket });
}

impl Bench {
    /// A paste goes into the editor.
    pub(super) fn paste(&mut self, text: &str) {
        self.asked = false;
        if self.focus == BenchFocus::Request {
            self.editor.insert(text);
            self.edited = true;
            self.fault = None;
        }
    }
}

fn current(state: &mut State) -> Option<&mut Bench> {
    state.modes.iter_mut().rev().find_map(|mode| match mode {
        Mode::Bench(bench) => Some(&mut **bench),
        _ => None,
    })
}

/// What is known of an endpoint has come; it says nothing of another one, whose bench may be open by now.
pub(super) fn known(state: &mut State, what: &Ref, reply: BenchReply) {
    let Some(bench) = current(state).filter(|bench| bench.what == *what) else { return };
    bench.serving = Some(reply.serving);
    bench.saved = reply.saved;
    if bench.edited || !bench.history.is_empty() {
        return;
    }
    if let Some(saved) = bench.saved.first().cloned() {
        bench.load(&saved.body, &saved.name);
    } else if let Some((body, origin)) = reply.example {
        bench.load(&body, &origin);
    }
}

/// A key on the bench.
pub(super) fn press(state: &mut State, key: Key, effects: &mut Effects) {
    let bound = state.keymap.find(&[key], &[Scope::Try], None);
    let Some(bench) = current(state) else { return };
    if bound == Some(Bound::Command(Command::Send)) {
        return send(state, effects);
    }
    // whatever else is pressed may make another request of it than the one that was asked about
    bench.asked = false;
    if let Some(Bound::Command(command)) = bound {
        match command {
            Command::Payloads => return payloads(state),
            Command::Revision => return bench.next_wanted(),
            Command::Via => return bench.next_via(),
            Command::Protocol => return bench.next_protocol(),
            _ => {}
        }
    }
    match (key.code, key.ctrl) {
        (KeyCode::Esc, _) | (KeyCode::Char('c'), true) => return leave(state, effects),
        (KeyCode::Tab, _) => return focus(bench, true),
        (KeyCode::BackTab, _) => return focus(bench, false),
        _ => {}
    }
    match bench.focus {
        BenchFocus::Request => {
            if bench.editor.press(key) {
                bench.edited = true;
                bench.fault = None;
            }
        }
        BenchFocus::Response => match key.code {
            KeyCode::Down | KeyCode::Char('j') => bench.scroll += 1,
            KeyCode::Up | KeyCode::Char('k') => bench.scroll = bench.scroll.saturating_sub(1),
            KeyCode::PageDown => bench.scroll += 10,
            KeyCode::PageUp => bench.scroll = bench.scroll.saturating_sub(10),
            KeyCode::Char('x') => copy_answer(state, effects),
            KeyCode::Char('q') => leave(state, effects),
            _ => {}
        },
        BenchFocus::History => match key.code {
            KeyCode::Down | KeyCode::Char('j') => {
                bench.shown = (bench.shown + 1).min(bench.history.len().saturating_sub(1));
            }
            KeyCode::Up | KeyCode::Char('k') => bench.shown = bench.shown.saturating_sub(1),
            KeyCode::Char('q') => leave(state, effects),
            _ => {}
        },
    }
}

fn focus(bench: &mut Bench, forward: bool) {
    bench.focus = match (bench.focus, forward) {
        (BenchFocus::Request, true) | (BenchFocus::History, false) => BenchFocus::Response,
        (BenchFocus::Response, true) | (BenchFocus::Request, false) => BenchFocus::History,
        (BenchFocus::History, true) | (BenchFocus::Response, false) => BenchFocus::Request,
    };
}

/// Leaves the bench; what was typed stays for the next time. A prediction that waits is given up.
fn leave(state: &mut State, effects: &mut Effects) {
    if let Some(Mode::Bench(mut bench)) = state.modes.pop() {
        if let Some((ticket, _)) = bench.waiting.take() {
            state.waiting.remove(&ticket);
            effects.push(Effect::Close(ticket));
        }
        state.benches.insert(bench.what.clone(), *bench);
    }
}

fn send(state: &mut State, effects: &mut Effects) {
    let now = state.now;
    let asked = current(state).is_some_and(|bench| std::mem::take(&mut bench.asked));
    let permit = match state.guard.predict(asked) {
        Ok(permit) => permit,
        Err(_) if state.guard.policy().predictions == Predictions::Confirm => {
            if let Some(bench) = current(state) {
                bench.asked = true;
            }
            return state
                .say(Health::Warn, "this profile asks to confirm each test prediction: the same key again sends it");
        }
        Err(denied) => return state.say(Health::Warn, format!("{denied}: {}", denied.advice())),
    };
    let ticket = state.ask(Waiting::Prediction);
    let Some(bench) = current(state) else { return };
    let refused = if !bench.check() {
        Some("the request is not JSON".to_owned())
    } else if bench.waiting.is_some() {
        Some("the one before has not been answered yet; esc gives it up".to_owned())
    } else {
        match &bench.serving {
            None => Some("looking for the ways in; a moment".to_owned()),
            Some(Err(error)) => Some(error.to_string()),
            Some(Ok(_)) => None,
        }
    };
    if let Some(why) = refused {
        state.waiting.remove(&ticket);
        return state.say(Health::Warn, why);
    }
    let Some(bench) = current(state) else { return };
    let Some(Ok(serving)) = bench.serving.clone() else { return };
    bench.waiting = Some((ticket, now));
    let ask = Ask {
        serving,
        wanted: bench.wanted.clone(),
        via: bench.via,
        protocol: bench.protocol,
        body: bench.editor.text().to_owned(),
    };
    effects.push(Effect::Predict { what: bench.what.clone(), ask: Box::new(ask), permit, ticket });
}

/// An answer has come.
pub(super) fn predicted(state: &mut State, ticket: Ticket, answer: Result<Answer, Error>) {
    let now = state.now;
    let Some(bench) = current(state) else { return };
    if bench.waiting.is_none_or(|(waiting, _)| waiting != ticket) {
        return;
    }
    let wanted = bench.wanted.name().to_owned();
    bench.keep(Tried { at: now, wanted, answer });
}

fn copy_answer(state: &mut State, effects: &mut Effects) {
    let body = current(state).and_then(|bench| match bench.history.get(bench.shown).map(|tried| &tried.answer) {
        Some(Ok(answer)) => Some(answer.body.clone()),
        _ => None,
    });
    if let Some(body) = body {
        let ticket = state.ask(Waiting::Said);
        effects.push(Effect::Copy(body, ticket));
    }
}

fn payloads(state: &mut State) {
    let Some(bench) = current(state) else { return };
    let mut items: Vec<MenuItem> = bench
        .saved
        .iter()
        .map(|saved| MenuItem {
            key: String::new(),
            label: saved.name.clone(),
            note: format!("{} bytes", saved.body.len()),
            enabled: true,
            does: MenuAction::Payload(saved.name.clone()),
        })
        .collect();
    items.push(MenuItem {
        key: "s".into(),
        label: "save this one".into(),
        note: "for this endpoint, in the folder of the config".into(),
        enabled: true,
        does: MenuAction::SavePayload,
    });
    state.modes.push(Mode::Menu(Menu { title: "Payloads".into(), items, at: 0, stays: false }));
}

/// Puts a saved payload into the editor.
pub(super) fn load(state: &mut State, name: &str) {
    if let Some(bench) = current(state)
        && let Some(saved) = bench.saved.iter().find(|saved| saved.name == name).cloned()
    {
        bench.load(&saved.body, &saved.name);
    }
}

/// Asks under which name the payload in the editor is to be saved.
pub(super) fn save(state: &mut State) {
    state.modes.push(Mode::Save(SaveDialog { field: Field::new(""), fault: None }));
}

/// A key where the name is typed.
pub(super) fn name(state: &mut State, key: Key, effects: &mut Effects) {
    let Some(Mode::Save(dialog)) = state.modes.last_mut() else { return };
    match (key.code, key.ctrl) {
        (KeyCode::Esc, _) | (KeyCode::Char('c'), true) => {
            state.modes.pop();
        }
        (KeyCode::Enter, _) => {
            let name = dialog.field.text().trim().to_owned();
            match fault(state, &name) {
                None => {
                    state.modes.pop();
                    keep(state, &name, effects);
                }
                fault => {
                    if let Some(Mode::Save(dialog)) = state.modes.last_mut() {
                        dialog.fault = fault;
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

/// The file of a payload with this name.
fn file(name: &str) -> String {
    let is_json = std::path::Path::new(name).extension().is_some_and(|ending| ending == "json");
    if is_json { name.to_owned() } else { format!("{name}.json") }
}

/// Why a payload can't have this name.
fn fault(state: &mut State, name: &str) -> Option<String> {
    let taken = current(state).is_some_and(|bench| bench.saved.iter().any(|saved| saved.name == file(name)));
    if name.is_empty() {
        Some("it needs a name".into())
    } else if name.starts_with('.') || name.contains(['/', '\\']) {
        Some("a name does not begin with a dot and has no / or \\ in it".into())
    } else if taken {
        Some(format!("there is one with the name {name} already"))
    } else {
        None
    }
}

/// Saves the payload in the editor.
fn keep(state: &mut State, name: &str, effects: &mut Effects) {
    let ticket = state.ask(Waiting::Said);
    let Some(bench) = current(state) else { return };
    let name = file(name);
    let body = bench.editor.text().to_owned();
    bench.saved.insert(0, super::super::bench::Saved { name: name.clone(), body: body.clone() });
    bench.origin.clone_from(&name);
    bench.edited = false;
    effects.push(Effect::SavePayload { what: bench.what.clone(), name, body, ticket });
}
