//! Plans: asked for, shown, confirmed, run, taken back.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::confirm::{Confirm, Focus, Request, Stage};
use super::super::effect::{Effect, Effects};
use super::super::field::Field;
use super::super::own;
use super::super::place::Place;
use super::super::state::{Mode, Running, State, Waiting};
use super::go;
use crate::model::health::{Error, Health};
use crate::model::id::{Ref, Ticket};
use crate::model::input::{Key, KeyCode};
use crate::model::plan::{Consent, Outcome, Plan, PlanRequest, Planned, Progress};

/// Asks for a plan of this verb for the rows that are chosen.
pub(super) fn ask(state: &mut State, verb: &'static str, effects: &mut Effects) {
    let Some(place) = state.place() else { return };
    let Some(what) = go::acting(place) else { return go::explain(state) };
    let Some(pane) = state.catalogue.pane(what.pane).copied() else { return };
    let Some(verb) = pane.verbs.iter().find(|known| known.id == verb).copied() else {
        return state.say(Health::Idle, format!("a {} can't be told to {verb}", pane.noun));
    };
    let targets: Vec<Ref> = match (&place.object, place.focused().and_then(|section| section.table())) {
        (None, Some(table)) => table.targets().into_iter().map(|key| Ref { pane: pane.id, key }).collect(),
        _ => vec![what],
    };
    if targets.is_empty() {
        return go::explain(state);
    }
    for target in &targets {
        let Some(row) = state.row(target) else {
            return state.say(Health::Warn, format!("{} is gone; nothing was planned", target.key));
        };
        if let Err(reason) = (verb.ready)(row, &state.rights) {
            return state.say(Health::Warn, format!("{}: {reason}", verb.label));
        }
    }
    let request = PlanRequest { verb: verb.id.to_owned(), targets, answers: BTreeMap::new(), past: Vec::new() };
    let request = Request { system: pane.system, request };
    state.modes.push(Mode::Confirm(Box::new(Confirm::new(request.clone(), verb.label))));
    plan(state, request, effects);
}

fn plan(state: &mut State, request: Request, effects: &mut Effects) {
    let ticket = state.ask(Waiting::Plan);
    if let Some(confirm) = dialog(state) {
        confirm.waits = Some(ticket);
    }
    effects.push(Effect::Plan { system: request.system, request: request.request, ticket });
}

/// The dialog that is open, if it is one of a plan.
fn dialog(state: &mut State) -> Option<&mut Confirm> {
    state.modes.iter_mut().rev().find_map(|mode| match mode {
        Mode::Confirm(confirm) => Some(&mut **confirm),
        _ => None,
    })
}

/// The dialog that waits for this answer; it waits no longer.
fn awaiting(state: &mut State, ticket: Ticket) -> Option<&mut Confirm> {
    let confirm = dialog(state)?;
    confirm.waits.take_if(|waits| *waits == ticket)?;
    Some(confirm)
}

/// A plan, or a question, has come.
pub(super) fn planned(state: &mut State, ticket: Ticket, result: Result<Planned, Error>, effects: &mut Effects) {
    let Some(confirm) = awaiting(state, ticket) else { return };
    match result {
        Err(error) => confirm.stage = Stage::Failed(error),
        Ok(Planned::Ask(question)) => {
            let chosen = question.choices.iter().position(|(answer, _)| *answer == question.default).unwrap_or(0);
            confirm.stage = Stage::Asking { field: Field::new(&question.default), question, chosen };
        }
        Ok(Planned::Plan(plan)) => show(state, *plan, effects),
    }
}

/// Shows a plan and has what it requires looked at.
pub(super) fn show(state: &mut State, mut plan: Plan, effects: &mut Effects) {
    state.plans += 1;
    plan.id = format!("{:x}-{:x}-{:x}", state.now.timestamp_millis(), std::process::id(), state.plans);
    let plan = Arc::new(plan);
    let needs = state.guard.requirements(&plan);
    let denied = state.guard.open(state.now).err().map(|denied| (denied.to_string(), denied.advice()));
    let ticket = state.ask(Waiting::Check);
    let Some(confirm) = dialog(state) else { return };
    confirm.waits = Some(ticket);
    confirm.needs = needs;
    confirm.denied = denied;
    confirm.stage = Stage::Shown { plan: Arc::clone(&plan), checks: Vec::new(), checked: false };
    confirm.first_focus();
    effects.push(Effect::Check { plan, ticket });
}

/// What the plan requires was looked at.
pub(super) fn checked(state: &mut State, ticket: Ticket, results: Vec<Vec<Result<bool, Error>>>) {
    if let Some(confirm) = awaiting(state, ticket)
        && let Stage::Shown { checks, checked, .. } = &mut confirm.stage
    {
        *checks = results;
        *checked = true;
        // whoever types already goes on where they are
        if confirm.field().is_none() {
            confirm.first_focus();
        }
    }
}

/// The profile was armed: a plan that waits for that may run now.
pub(super) fn armed(state: &mut State) {
    let denied = state.guard.open(state.now).err().map(|denied| (denied.to_string(), denied.advice()));
    if let Some(confirm) = dialog(state) {
        confirm.denied = denied;
        confirm.first_focus();
    }
}

/// A key in the dialog.
pub(super) fn press(state: &mut State, key: Key, effects: &mut Effects) {
    let Some(Mode::Confirm(confirm)) = state.modes.last_mut() else { return };
    match (key.code, key.ctrl) {
        (KeyCode::Esc, _) | (KeyCode::Char('c'), true) => return leave(state),
        (KeyCode::Char('y'), true) => return copy(state, effects),
        (KeyCode::Char('x'), true) => return stop(state, effects),
        (KeyCode::PageDown, _) => confirm.top += 5,
        (KeyCode::PageUp, _) => confirm.top = confirm.top.saturating_sub(5),
        (KeyCode::Enter, _) => return enter(state, effects),
        _ => {}
    }
    if let Stage::Asking { question, chosen, .. } = &mut confirm.stage
        && !question.choices.is_empty()
    {
        let last = question.choices.len() - 1;
        match key.code {
            KeyCode::Down | KeyCode::Tab | KeyCode::Char('j') => *chosen = (*chosen + 1).min(last),
            KeyCode::Up | KeyCode::BackTab | KeyCode::Char('k') => *chosen = chosen.saturating_sub(1),
            KeyCode::Home => *chosen = 0,
            KeyCode::End => *chosen = last,
            _ => {}
        }
        return;
    }
    match key.code {
        KeyCode::Tab | KeyCode::Down => confirm.move_focus(true),
        KeyCode::BackTab | KeyCode::Up => confirm.move_focus(false),
        KeyCode::Char('A') if confirm.field().is_none() => super::arm_open(state),
        KeyCode::Char('q') if confirm.field().is_none() => leave(state),
        KeyCode::Char('u') if matches!(confirm.stage, Stage::Running) => take_back(state, effects),
        KeyCode::Char('r') if matches!(confirm.stage, Stage::Failed(_)) => {
            confirm.stage = Stage::Planning;
            let request = confirm.request.clone();
            plan(state, request, effects);
        }
        _ => {
            if let Some(field) = confirm.field() {
                field.press(key);
            }
        }
    }
}

/// Leaves the dialog. A plan that has begun goes on.
fn leave(state: &mut State) {
    let running = state.running.as_ref().is_some_and(|running| running.outcome.is_none());
    let shown = matches!(state.modes.last(), Some(Mode::Confirm(confirm)) if matches!(confirm.stage, Stage::Running));
    state.modes.pop();
    if running && shown {
        state.say(Health::Busy, "the plan goes on; :audit shows how it ends");
    }
}

fn enter(state: &mut State, effects: &mut Effects) {
    let Some(Mode::Confirm(confirm)) = state.modes.last_mut() else { return };
    match &confirm.stage {
        Stage::Planning => {}
        Stage::Failed(_) => leave(state),
        Stage::Running => {
            if state.running.as_ref().is_some_and(|running| running.outcome.is_some()) {
                leave(state);
            }
        }
        Stage::Asking { question, field, chosen } => {
            let answer = question
                .choices
                .get(*chosen)
                .map_or_else(|| field.text().trim().to_owned(), |(answer, _)| answer.clone());
            if answer.is_empty() {
                return;
            }
            let id = question.id.clone();
            confirm.request.request.answers.insert(id, answer);
            confirm.stage = Stage::Planning;
            let request = confirm.request.clone();
            plan(state, request, effects);
        }
        Stage::Shown { .. } => match confirm.focus {
            Focus::Leave => leave(state),
            Focus::Reason | Focus::Name => {
                let parts = confirm.parts();
                let at = parts.iter().position(|part| *part == confirm.focus).unwrap_or(0);
                // on to the next field; from the last one to running, if it may
                let next = parts.iter().skip(at + 1).find(|part| **part != Focus::Leave).or_else(|| parts.get(at + 1));
                confirm.focus = next.copied().unwrap_or_default();
            }
            Focus::Run => run(state, effects),
        },
    }
}

fn run(state: &mut State, effects: &mut Effects) {
    if state.running.as_ref().is_some_and(|running| running.outcome.is_none()) {
        return state.say(Health::Warn, "another plan is running: wait for it, or stop it");
    }
    let now = state.now;
    let Some(Mode::Confirm(confirm)) = state.modes.last_mut() else { return };
    let Some(plan) = confirm.plan().cloned() else { return };
    if !confirm.may_run() {
        return;
    }
    let consent = Consent {
        name: confirm.needs.name.then(|| confirm.name.text().to_owned()),
        reason: Some(confirm.reason.text().trim().to_owned()).filter(|reason| !reason.is_empty()),
    };
    match state.guard.permit(&plan, &consent, now) {
        Ok(permit) => {
            confirm.stage = Stage::Running;
            confirm.top = 0;
            let mut running = Running::new(Arc::clone(&plan), now);
            running.panes.extend(confirm.request.request.targets.iter().map(|target| target.pane));
            state.running = Some(running);
            effects.push(Effect::Apply { permit, plan });
        }
        Err(denied) => confirm.denied = Some((denied.to_string(), denied.advice())),
    }
}

fn copy(state: &mut State, effects: &mut Effects) {
    let plan = dialog(state)
        .and_then(|confirm| confirm.plan().cloned())
        .or_else(|| state.running.as_ref().map(|running| Arc::clone(&running.plan)));
    if let Some(plan) = plan {
        let commands: Vec<&str> = plan.steps.iter().map(|step| step.command.as_str()).collect();
        let ticket = state.ask(Waiting::Said);
        effects.push(Effect::Copy(commands.join("\n"), ticket));
    }
}

fn stop(state: &mut State, effects: &mut Effects) {
    if let Some(running) = state.running.as_mut().filter(|running| running.outcome.is_none()) {
        running.stopping = true;
        effects.push(Effect::StopAfterStep);
        state.say(Health::Warn, "it stops after this step");
    }
}

/// Shows the plan that takes back the one that has just ended.
fn take_back(state: &mut State, effects: &mut Effects) {
    let Some(undo) =
        state.running.as_ref().filter(|running| running.outcome.is_some()).and_then(|running| running.undo.clone())
    else {
        return state.say(Health::Warn, "this can't be taken back");
    };
    undone(state, Some(&undo), effects);
}

/// Asks for the plan that takes back the action under the cursor of the audit.
pub(super) fn undo(state: &mut State, effects: &mut Effects) {
    let place = state.place();
    let row = place.filter(|place| place.focused_pane() == Some(own::AUDIT)).and_then(Place::current).cloned();
    let Some(row) = row else {
        return state.say(Health::Idle, "u takes back an action of the audit: open it with :audit");
    };
    let ticket = state.ask(Waiting::Undo);
    effects.push(Effect::Undo { plan: row.key.as_str().to_owned(), ticket });
}

/// Shows a plan that takes an earlier one back.
pub(super) fn undone(state: &mut State, plan: Option<&Plan>, effects: &mut Effects) {
    let Some(plan) = plan.cloned() else {
        return state.say(Health::Warn, "this can't be taken back: it changed nothing, or the system has no way back");
    };
    let system = plan.steps.first().map_or(own::OWN, |step| step.system);
    let targets = plan.targets.iter().map(|target| target.object.clone()).collect();
    let request =
        Request { system, request: PlanRequest { verb: plan.verb.clone(), targets, ..PlanRequest::default() } };
    state.modes.retain(|mode| !matches!(mode, Mode::Confirm(_)));
    state.modes.push(Mode::Confirm(Box::new(Confirm::new(request, "take back"))));
    show(state, plan, effects);
}

/// How far the plan that runs has come.
pub(super) fn progress(state: &mut State, progress: Progress, effects: &mut Effects) {
    let Some(running) = state.running.as_mut() else { return };
    running.advance(progress);
    let Some(outcome) = running.outcome.clone() else { return };
    // nobody should have to wait for the next poll to see what was done, or what is refused from now on
    let (mut panes, systems) = (running.panes.clone(), running.systems());
    panes.extend(go::looked_at(state));
    effects.push(Effect::Refresh(panes.into_iter().collect()));
    effects.push(Effect::Rights(systems));
    // asked to end from outside while it ran: nobody will press a key
    state.quitting |= state.leaving;
    let title = state.running.as_ref().map(|running| running.plan.title.clone()).unwrap_or_default();
    let looking = state
        .modes
        .iter()
        .any(|mode| matches!(mode, Mode::Confirm(confirm) if matches!(confirm.stage, Stage::Running)));
    if !looking {
        let health = match outcome {
            Outcome::Done => Health::Good,
            Outcome::Refused { .. } | Outcome::Stopped => Health::Warn,
            Outcome::Failed { .. } | Outcome::Pending { .. } | Outcome::Unknown { .. } => Health::Bad,
        };
        state.say(health, format!("{title}: {}", own::words(Some(&outcome))));
    }
}
