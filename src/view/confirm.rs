//! The dialog of a plan: the action as a sentence, its steps, the checks, what has to be typed, how it goes.

use ratatui::layout::{Position, Rect};

use super::canvas::{Canvas, columns, cut, wrap};
use super::dialog::{field, float, ghost};
use super::theme::Role;
use crate::app::confirm::{Confirm, Focus, Stage};
use crate::app::own;
use crate::app::state::{Running, State, StepState};
use crate::model::plan::{Outcome, Plan, Question, Step};

/// A line of the dialog: parts in their roles.
type Parts = Vec<(String, Role)>;

/// What is collected before it is drawn, so that a dialog that is longer than the screen can be scrolled.
#[derive(Default)]
struct Sheet {
    lines: Vec<Parts>,
}

impl Sheet {
    fn line(&mut self, parts: &[(&str, Role)]) {
        self.lines.push(parts.iter().map(|(text, role)| ((*text).to_owned(), *role)).collect());
    }

    fn blank(&mut self) {
        self.lines.push(Vec::new());
    }

    /// A text over several lines, the first with a lead, the others below it.
    fn wrapped(&mut self, lead: (&str, Role), text: &str, role: Role, width: u16) {
        let indent = columns(lead.0);
        for (at, piece) in wrap(text, width.saturating_sub(indent)).into_iter().enumerate() {
            let lead =
                if at == 0 { (lead.0.to_owned(), lead.1) } else { (" ".repeat(usize::from(indent)), Role::Text) };
            self.lines.push(vec![lead, (piece, role)]);
        }
    }
}

/// Draws the dialog; returns the cursor's place where something is typed.
pub(super) fn draw(canvas: &mut Canvas<'_>, state: &State, confirm: &Confirm) -> Option<Position> {
    let screen = canvas.buffer.area;
    let width = screen.width.saturating_sub(8).clamp(36, 100);
    let inner_width = width.saturating_sub(6);
    let mut sheet = Sheet::default();
    let mut bottom = 0;
    match &confirm.stage {
        Stage::Planning => {
            sheet.line(&[(&format!("{} …", capital(&confirm.label)), Role::Strong)]);
            sheet.blank();
            sheet.line(&[("making the plan: reading what is there now; esc leaves it", Role::Dim)]);
        }
        Stage::Failed(error) => {
            sheet.line(&[(&format!("{}: there is no plan", capital(&confirm.label)), Role::Strong)]);
            sheet.blank();
            sheet.wrapped(
                (&format!("{}  ", canvas.theme.glyph(crate::model::health::Health::Bad)), Role::Bad),
                &error.to_string(),
                Role::Text,
                inner_width,
            );
            sheet.wrapped(("   ", Role::Dim), &error.advice(), Role::Dim, inner_width);
            sheet.blank();
            sheet.line(&[("esc", Role::Key), (" leave it   ", Role::Dim), ("r", Role::Key), (" try again", Role::Dim)]);
        }
        Stage::Asking { question, chosen, .. } => asking(&mut sheet, canvas, question, *chosen),
        Stage::Shown { plan, checks, checked } => {
            shown(&mut sheet, canvas, state, confirm, inner_width);
            self::checks(&mut sheet, canvas, plan, (checks, *checked), inner_width);
            bottom = 2 + u16::from(confirm.needs.reason) + u16::from(confirm.needs.name);
        }
        Stage::Running => {
            if let Some(running) = &state.running {
                self::running(&mut sheet, canvas, state, running, inner_width);
            }
        }
    }
    if matches!(&confirm.stage, Stage::Asking { question, .. } if question.choices.is_empty()) {
        bottom = 2;
    }
    let wanted = u16::try_from(sheet.lines.len()).unwrap_or(u16::MAX).saturating_add(bottom + 4);
    let inner = float(canvas, width, wanted);
    let room = inner.height.saturating_sub(bottom + 1);
    let top = confirm.top.min(sheet.lines.len().saturating_sub(usize::from(room)));
    for (y, parts) in (inner.y + 1..inner.y + 1 + room).zip(sheet.lines.iter().skip(top)) {
        let borrowed: Vec<(&str, Role)> = parts.iter().map(|(text, role)| (text.as_str(), *role)).collect();
        canvas.spans(inner.x, y, &borrowed, inner.width);
    }
    if sheet.lines.len() > usize::from(room) {
        canvas.right(inner.right(), inner.y, "pgdn pgup", Role::Faint);
    }
    if let Stage::Shown { .. } | Stage::Running = confirm.stage {
        environment(canvas, state, inner);
    }
    let below = Rect { y: inner.bottom().saturating_sub(bottom), height: bottom, ..inner };
    match &confirm.stage {
        Stage::Shown { plan, .. } => fields(canvas, confirm, plan, below),
        Stage::Asking { question, field: typed, .. } if question.choices.is_empty() => {
            canvas.text(below.x, below.y, "answer", Role::Dim, 8);
            Some(field(canvas, typed, Rect::new(below.x + 9, below.y, below.width.saturating_sub(9), 1), Role::Strong))
        }
        _ => None,
    }
}

fn environment(canvas: &mut Canvas<'_>, state: &State, inner: Rect) {
    if state.guard.policy().production {
        canvas.right(inner.right(), inner.y + 1, " PROD ", Role::Production);
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

fn asking(sheet: &mut Sheet, canvas: &Canvas<'_>, question: &Question, chosen: usize) {
    sheet.line(&[(&question.prompt, Role::Strong)]);
    sheet.blank();
    let width = question.choices.iter().map(|(answer, _)| columns(answer)).max().unwrap_or(0).min(40);
    for (at, (answer, meaning)) in question.choices.iter().enumerate() {
        let bar = if at == chosen { canvas.theme.pick("▌ ", "> ") } else { "  " };
        let role = if at == chosen { Role::Strong } else { Role::Text };
        let answer = format!("{}{}", answer, " ".repeat(usize::from(width.saturating_sub(columns(answer)) + 3)));
        sheet.line(&[(bar, Role::Accent), (&answer, role), (meaning, Role::Dim)]);
    }
    sheet.blank();
    sheet.line(&[("enter", Role::Key), (" go on   ", Role::Dim), ("esc", Role::Key), (" leave it", Role::Dim)]);
}

/// The sentence, the steps, what speaks against it.
fn shown(sheet: &mut Sheet, canvas: &Canvas<'_>, state: &State, confirm: &Confirm, width: u16) {
    let Some(plan) = confirm.plan() else { return };
    title(sheet, plan);
    for (at, step) in plan.steps.iter().enumerate() {
        self::step(sheet, canvas, state, (at, step, plan), width);
        sheet.blank();
    }
    for warning in &plan.warnings {
        sheet.wrapped(
            (&format!("{}  ", canvas.theme.glyph(crate::model::health::Health::Warn)), Role::Warn),
            warning,
            Role::Warn,
            width,
        );
    }
    if let Some((why, advice)) = &confirm.denied {
        sheet.wrapped(
            (&format!("{}  ", canvas.theme.glyph(crate::model::health::Health::Bad)), Role::Bad),
            why,
            Role::Text,
            width,
        );
        sheet.wrapped(("   ", Role::Dim), advice, Role::Dim, width);
    }
}

/// The sentence, the object's name strong in it.
fn title(sheet: &mut Sheet, plan: &Plan) {
    match plan.title.split_once(&plan.name) {
        Some((before, after)) => sheet.line(&[(before, Role::Text), (&plan.name, Role::Strong), (after, Role::Text)]),
        None => sheet.line(&[(&plan.title, Role::Strong)]),
    }
    sheet.blank();
}

fn step(sheet: &mut Sheet, canvas: &Canvas<'_>, state: &State, (at, step, plan): (usize, &Step, &Plan), width: u16) {
    let number = format!("{} ", at + 1);
    let target = step
        .shows
        .first()
        .and_then(|shown| plan.targets.iter().find(|target| target.object == shown.object))
        .or_else(|| plan.targets.first());
    sheet.line(&[
        (&number, Role::Accent),
        (target.map_or(state.catalogue.title(step.system), |target| &target.title), Role::Text),
    ]);
    let arrow = canvas.theme.pick(" → ", " -> ");
    for shown in &step.shows {
        sheet.line(&[
            ("  ", Role::Text),
            (&format!("{}    ", shown.what), Role::Dim),
            (&plain(&shown.before), Role::Before),
            (arrow, Role::Dim),
            (&plain(&shown.after), Role::After),
        ]);
    }
    sheet.wrapped(("  ", Role::Text), &step.command, Role::Dim, width);
    let wait: Vec<&str> = step.verify.iter().map(|check| check.what.as_str()).collect();
    if !wait.is_empty() {
        let hold = if step.hold_seconds > 0 { format!(" for {}", length(step.hold_seconds)) } else { String::new() };
        let text = format!("wait until {}{hold}, at most {}", wait.join(" and "), length(step.within_seconds));
        sheet.wrapped(("  then ", Role::Dim), &text, Role::Text, width);
    }
}

fn length(seconds: u32) -> String {
    if seconds >= 60 && seconds.is_multiple_of(60) { format!("{} m", seconds / 60) } else { format!("{seconds} s") }
}

/// A JSON value as a person would write it.
fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "none".into(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn checks(
    sheet: &mut Sheet,
    canvas: &Canvas<'_>,
    plan: &Plan,
    (results, checked): (&[Vec<Result<bool, crate::model::health::Error>>], bool),
    width: u16,
) {
    sheet.blank();
    for (at, step) in plan.steps.iter().enumerate() {
        for (index, check) in step.require.iter().enumerate() {
            let result = results.get(at).and_then(|results| results.get(index));
            let (glyph, role, more) = match result {
                _ if !checked => (canvas.theme.pick("·", "."), Role::Dim, String::new()),
                Some(Ok(true)) => (canvas.theme.pick("✔", "+"), Role::Good, String::new()),
                Some(Ok(false)) => (canvas.theme.pick("✖", "x"), Role::Bad, "   not so".to_owned()),
                Some(Err(error)) => (canvas.theme.pick("✖", "x"), Role::Bad, format!("   {error}")),
                None => (canvas.theme.pick("·", "."), Role::Dim, String::new()),
            };
            sheet.wrapped((&format!("{glyph}  "), role), &format!("{}{more}", check.what), Role::Text, width);
        }
    }
    for touched in &plan.touches {
        sheet.wrapped((canvas.theme.pick("·  ", ".  "), Role::Dim), touched, Role::Dim, width);
    }
}

/// What has to be typed, and the keys.
fn fields(canvas: &mut Canvas<'_>, confirm: &Confirm, plan: &Plan, area: Rect) -> Option<Position> {
    let mut y = area.y;
    let mut cursor = None;
    let room = area.width.saturating_sub(9);
    if confirm.needs.reason {
        canvas.text(area.x, y, "reason", if confirm.focus == Focus::Reason { Role::Accent } else { Role::Dim }, 8);
        let place = field(canvas, &confirm.reason, Rect::new(area.x + 9, y, room, 1), Role::Text);
        cursor = (confirm.focus == Focus::Reason).then_some(place).or(cursor);
        y += 1;
    }
    if confirm.needs.name {
        canvas.text(area.x, y, "type", if confirm.focus == Focus::Name { Role::Accent } else { Role::Dim }, 8);
        let room = Rect::new(area.x + 9, y, room, 1);
        ghost(canvas, &confirm.name, &plan.name, room);
        let place = field(canvas, &confirm.name, room, Role::Strong);
        cursor = (confirm.focus == Focus::Name).then_some(place).or(cursor);
        y += 1;
    }
    y += 1;
    let mut x = button(canvas, area.x, y, ("esc", "leave it"), confirm.focus == Focus::Leave);
    x = canvas.spans(x, y, &[("ctrl-y", Role::Key), (" copy commands   ", Role::Dim)], area.right().saturating_sub(x));
    if confirm.denied.is_some() {
        canvas.spans(x, y, &[("A", Role::Key), (" arm", Role::Dim)], area.right().saturating_sub(x));
    }
    let run = canvas.theme.pick("↵ run", "run");
    let (role, focus) =
        if confirm.may_run() { (Role::Strong, confirm.focus == Focus::Run) } else { (Role::Faint, false) };
    let x = area.right().saturating_sub(columns(run) + 2);
    if focus {
        canvas.fill(Rect::new(x - 1, y, columns(run) + 3, 1), Role::TabActive);
        canvas.text(x, y, run, Role::TabActive, area.width);
    } else {
        canvas.text(x, y, run, role, area.width);
    }
    cursor
}

/// A button: its key and what it does; lit where it has the focus.
fn button(canvas: &mut Canvas<'_>, x: u16, y: u16, (key, label): (&str, &str), focus: bool) -> u16 {
    let width = columns(key) + columns(label) + 3;
    if focus {
        canvas.fill(Rect::new(x.saturating_sub(1), y, width, 1), Role::Cursor);
    }
    let mut at = canvas.text(x, y, key, Role::Key, width) + 1;
    at = canvas.text(at, y, label, if focus { Role::Strong } else { Role::Dim }, width);
    if focus {
        let style = canvas.theme.get(Role::Cursor);
        canvas.patch(Rect::new(x.saturating_sub(1), y, width, 1), style);
    }
    at + 3
}

/// How the plan goes, and how it ended.
fn running(sheet: &mut Sheet, canvas: &Canvas<'_>, state: &State, running: &Running, width: u16) {
    title(sheet, &running.plan);
    for ((at, step), progress) in running.plan.steps.iter().enumerate().zip(&running.steps) {
        let (glyph, role) = match progress {
            StepState::Ahead => ("·", Role::Dim),
            StepState::Checking | StepState::Sent | StepState::Waiting(_) => (canvas.theme.pick("◐", "~"), Role::Busy),
            StepState::Ended(Outcome::Done) => (canvas.theme.pick("✔", "+"), Role::Good),
            StepState::Ended(_) => (canvas.theme.pick("✖", "x"), Role::Bad),
        };
        let command = cut(&step.command, width.saturating_sub(6), canvas.theme);
        sheet.line(&[(&format!("{glyph}  "), role), (&format!("{} ", at + 1), Role::Accent), (&command, Role::Text)]);
        let words = crate::app::state::step_words(progress);
        if !words.is_empty() {
            sheet.wrapped(("     ", Role::Text), &words, Role::Dim, width);
        }
    }
    sheet.blank();
    match &running.outcome {
        None => {
            let passed = crate::model::text::age(state.now - running.since);
            let stop = if running.stopping {
                "stopping after this step"
            } else {
                "ctrl-x stops it after this step; esc leaves it running"
            };
            sheet.line(&[(&format!("running for {passed}   "), Role::Busy), (stop, Role::Dim)]);
        }
        Some(outcome) => {
            let role = if *outcome == Outcome::Done { Role::Good } else { Role::Bad };
            sheet.wrapped(("", role), &own::words(Some(outcome)), role, width);
            sheet.blank();
            let mut keys = vec![("esc", Role::Key), (" leave   ", Role::Dim)];
            if running.undo.is_some() {
                keys.extend([("u", Role::Key), (" take it back (as a new plan)", Role::Dim)]);
            }
            sheet.line(&keys);
        }
    }
}
