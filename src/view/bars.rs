//! Header, tabs, breadcrumbs, footer and the line for prompts and messages.

use ratatui::layout::{Position, Rect};

use super::canvas::{Canvas, columns, cut};
use super::theme::Role;
use crate::app::command::Command;
use crate::app::confirm::Stage;
use crate::app::layout::Areas;
use crate::app::place::{Place, SectionState};
use crate::app::state::{Mode, State};
use crate::model::health::Health;
use crate::model::text::age;
use crate::model::verb::Kind;

/// Width from which the header says everything.
const WIDE: u16 = 110;

/// Name, environment, cluster, lamps, armed or not, clock.
pub(super) fn header(canvas: &mut Canvas<'_>, state: &State, area: Rect) {
    canvas.fill(area, Role::Surface);
    let wide = area.width >= WIDE;
    let mut x = canvas.text(area.x + 1, area.y, "quarterdeck", Role::Strong, area.width) + 1;
    x = badge(canvas, state, x, area.y) + 1;
    let right = clock(canvas, state, area);
    let room = right.saturating_sub(x + 1);
    let name = if state.header.profile.is_empty() { &state.header.cluster } else { &state.header.profile };
    let name = cut(name, if wide { 28 } else { 14 }.min(room), canvas.theme);
    x = canvas.text(x, area.y, &name, Role::Text, room) + 2;
    if wide && state.header.cluster != state.header.profile && !state.header.cluster.is_empty() {
        // of an ARN the name at its end is what tells clusters apart
        let name = state.header.cluster.rsplit('/').next().unwrap_or(&state.header.cluster);
        let cluster = cut(name, 24, canvas.theme);
        x = canvas.text(x, area.y, &cluster, Role::Dim, right.saturating_sub(x + 1)) + 2;
    }
    lamps(canvas, state, Rect { x: x + 1, width: right.saturating_sub(x + 2), ..area }, wide);
}

/// The environment; production stands out.
fn badge(canvas: &mut Canvas<'_>, state: &State, x: u16, y: u16) -> u16 {
    let policy = state.guard.policy();
    let environment = state.header.environment.to_uppercase();
    let (text, role) = if policy.production {
        (
            if environment == "PRODUCTION" { " PROD ".to_owned() } else { format!(" {} ", short(&environment)) },
            Role::Production,
        )
    } else {
        (format!(" {} ", short(&environment)), Role::Environment)
    };
    canvas.text(x, y, &text, role, columns(&text))
}

fn short(environment: &str) -> String {
    environment.chars().take(10).collect()
}

fn clock(canvas: &mut Canvas<'_>, state: &State, area: Rect) -> u16 {
    let seconds = area.width >= WIDE && state.running.as_ref().is_some_and(|running| running.outcome.is_none());
    let time = state.now.format(if seconds { "%H:%M:%SZ" } else { "%H:%MZ" }).to_string();
    let mut x = canvas.right(area.right() - 1, area.y, &time, Role::Text);
    let policy = state.guard.policy();
    let armed = match state.guard.armed(state.now) {
        Some(left) if policy.production => Some((format!("armed {}", countdown(left)), Role::Warn)),
        _ if policy.read_only || policy.production => Some(("read-only".to_owned(), Role::Dim)),
        _ => None,
    };
    if let Some((text, role)) = armed {
        x = canvas.right(x.saturating_sub(2), area.y, &text, role);
    }
    x
}

/// Time that is left: in minutes while there are several, so that a quiet screen sends nothing.
fn countdown(left: chrono::TimeDelta) -> String {
    match left.num_seconds() {
        seconds @ 0..=119 => format!("{}:{:02}", seconds / 60, seconds % 60),
        seconds => format!("{}m", seconds / 60),
    }
}

/// A lamp for each system; those that are well shrink to a count where it is narrow.
fn lamps(canvas: &mut Canvas<'_>, state: &State, area: Rect, wide: bool) {
    let lamps: Vec<(&'static str, Health, Option<String>)> = state
        .catalogue
        .lamps()
        .into_iter()
        .map(|lamp| {
            let (health, seen) = state.lamp(&lamp.systems);
            let old = seen.filter(|_| matches!(health, Health::Warn | Health::Bad)).map(|seen| age(state.now - seen));
            (lamp.name, health, old)
        })
        .collect();
    let mut x = area.x;
    let limit = area.right();
    let lamp = |canvas: &mut Canvas<'_>, x: u16, name: &str, health: Health, old: Option<&str>| {
        let style = canvas.theme.health(health);
        let mut at = canvas.put(x, area.y, canvas.theme.glyph(health), style, limit.saturating_sub(x)) + 1;
        let role = if matches!(health, Health::Good | Health::Idle) { Role::Dim } else { Role::Text };
        at = canvas.text(at, area.y, name, role, limit.saturating_sub(at)) + 1;
        if let Some(old) = old {
            at = canvas.put(at, area.y, old, style, limit.saturating_sub(at)) + 1;
        }
        at + 1
    };
    if wide {
        for (name, health, old) in &lamps {
            x = lamp(canvas, x, name, *health, old.as_deref());
        }
        return;
    }
    let well = lamps.iter().filter(|(_, health, _)| *health == Health::Good).count();
    if well > 0 {
        x = lamp(canvas, x, &well.to_string(), Health::Good, None);
    }
    for (name, health, old) in lamps.iter().filter(|(_, health, _)| !matches!(health, Health::Good | Health::Idle)) {
        x = lamp(canvas, x, name, *health, old.as_deref());
    }
}

/// The views that there are, with their own numbers.
pub(super) fn tabs(canvas: &mut Canvas<'_>, state: &State, area: Rect) {
    let mut x = area.x + 1;
    let digits = area.width >= 100;
    let tabs: Vec<_> = state.catalogue.tabs().collect();
    let own = state.catalogue.view(state.tab).filter(|view| view.key.is_none());
    for view in tabs.into_iter().chain(own) {
        let active = view.id == state.tab;
        let key = view.key.map(|key| format!("{key} ")).unwrap_or_default();
        let text = if active || digits { format!(" {key}{} ", view.title) } else { format!(" {} ", view.title) };
        let width = columns(&text);
        if x + width + 2 > area.right() {
            canvas.text(x, area.y, canvas.theme.pick(" …", " ~"), Role::Dim, 2);
            break;
        }
        if active {
            x = canvas.text(x, area.y, &text, Role::TabActive, width) + 1;
        } else {
            let split = if digits { columns(&key) + 1 } else { 1 };
            canvas.text(x, area.y, &text, Role::Dim, width);
            canvas.text(x, area.y, &text, Role::Faint, split);
            x += width + 1;
        }
    }
    if let Some(text) = frozen(state) {
        canvas.right(area.right() - 1, area.y, &text, Role::Warn);
    }
}

fn frozen(state: &State) -> Option<String> {
    let table = state.place()?.focused()?.table()?;
    table.is_frozen().then(|| match table.held_back() {
        0 => "frozen".to_owned(),
        held => format!("frozen, {held} changes held back"),
    })
}

/// Where we are.
pub(super) fn crumbs(canvas: &mut Canvas<'_>, state: &State, area: Rect) {
    let mut x = area.x + 2;
    let stack = state.stack();
    let last = stack.len().saturating_sub(1);
    let arrow = canvas.theme.pick(" › ", " > ");
    for (at, place) in stack.iter().enumerate() {
        let role = if at == last { Role::Strong } else { Role::Dim };
        x = canvas.text(x, area.y, &place.title, role, area.right().saturating_sub(x + 1));
        if at < last {
            x = canvas.text(x, area.y, arrow, Role::Faint, area.right().saturating_sub(x + 1));
        }
    }
    let Some(what) = stack.last().and_then(|place| place.object.as_ref()) else { return };
    if let Some((namespace, name)) = what.key.split_namespace()
        && !name.starts_with('{')
    {
        x = canvas.text(x + 2, area.y, namespace, Role::Dim, area.right().saturating_sub(x + 3));
    }
    if let Some(url) = cell(state, what, "url") {
        let room = area.right().saturating_sub(x + 6);
        if columns(&url) <= room {
            canvas.right(area.right() - 2, area.y, &url, Role::Link);
        }
    }
}

/// The text of a cell of an object's row.
fn cell(state: &State, what: &crate::model::id::Ref, column: &str) -> Option<String> {
    let at = state.rows.heads(what.pane).iter().position(|head| head.id == column)?;
    Some(state.row(what)?.cell(at).show(state.now)).filter(|text| !text.is_empty())
}

/// The keys that work here now, the most likely first, and a message at the right where there is room.
pub(super) fn footer(canvas: &mut Canvas<'_>, state: &State, areas: &Areas) {
    let area = areas.footer;
    canvas.fill(area, Role::Surface);
    let mut limit = area.right().saturating_sub(1);
    if areas.line.is_none()
        && let Some(message) = &state.message
    {
        let room = area.width * 3 / 5;
        let text = cut(&message.text, room, canvas.theme);
        limit = canvas.right(limit, area.y, &text, message_role(message.health)).saturating_sub(2);
    }
    if !state.pending.is_empty() {
        let keys: Vec<String> = state.pending.iter().map(ToString::to_string).collect();
        let next = state.keymap.continuations(&state.pending, &crate::app::update::scopes(state));
        let hints = next.into_iter().map(|(keys, command)| Hint::new(keys, command.info().label));
        let x = canvas.text(area.x + 1, area.y, &format!("{} …", keys.join(" ")), Role::Key, area.width) + 2;
        return hints_at(canvas, x, area.y, limit, hints.collect());
    }
    hints_at(canvas, area.x + 1, area.y, limit, hints(state));
}

fn message_role(health: Health) -> Role {
    match health {
        Health::Idle | Health::Good => Role::Text,
        other => other.into(),
    }
}

/// A key of the footer.
struct Hint {
    key: String,
    label: String,
    /// It can't run now.
    off: bool,
    /// It is there however narrow the screen is: who sees nothing else can still find everything.
    stays: bool,
}

impl Hint {
    /// A key that can be pressed, and gives way where it gets narrow.
    fn new(key: impl Into<String>, label: &str) -> Self {
        Self { key: key.into(), label: label.to_owned(), off: false, stays: false }
    }

    fn width(&self, unicode: bool) -> u16 {
        columns(&glyph(&self.key, unicode)) + 1 + columns(&self.label)
    }
}

/// Blanks between two keys of the footer.
const APART: u16 = 3;

/// Draws what fits; where it gets narrow the others give way to those that stay.
fn hints_at(canvas: &mut Canvas<'_>, mut x: u16, y: u16, limit: u16, hints: Vec<Hint>) {
    let unicode = canvas.theme.unicode;
    let mut kept: u16 = hints.iter().filter(|hint| hint.stays).map(|hint| hint.width(unicode) + APART).sum();
    let mut full = false;
    for hint in hints {
        let width = hint.width(unicode);
        if hint.stays {
            kept = kept.saturating_sub(width + APART);
        }
        full |= !hint.stays && x + width + kept > limit;
        if x + width > limit || full && !hint.stays {
            continue;
        }
        let (key_role, role) = if hint.off { (Role::Faint, Role::Faint) } else { (Role::Key, Role::Dim) };
        let key = glyph(&hint.key, unicode);
        let at = canvas.text(x, y, &key, key_role, limit.saturating_sub(x)) + 1;
        x = canvas.text(at, y, &hint.label, role, limit.saturating_sub(at)) + APART;
    }
}

fn glyph(key: &str, unicode: bool) -> String {
    match key {
        "enter" if unicode => "↵".into(),
        "left" if unicode => "←".into(),
        "right" if unicode => "→".into(),
        "left right" if unicode => "← →".into(),
        other => other.to_owned(),
    }
}

fn hint(state: &State, command: Command) -> Option<Hint> {
    state.keymap.hint(command).map(|key| Hint::new(key, command.info().label))
}

/// Two keys that belong together.
fn pair(state: &State, (one, other): (Command, Command), label: &str) -> Option<Hint> {
    let key = format!("{} {}", state.keymap.hint(one)?, state.keymap.hint(other)?);
    Some(Hint::new(key, label))
}

/// What is most likely wanted here.
fn hints(state: &State) -> Vec<Hint> {
    let plain = |key: &str, label: &str| Hint::new(key, label);
    match state.mode() {
        Some(Mode::Filter(_)) => {
            return vec![
                plain("enter", "keep"),
                plain("esc", "take it away"),
                plain("col:value col>3 age<2h -word", "also"),
            ];
        }
        Some(Mode::Palette(_)) => return vec![plain("enter", "go"), plain("esc", "leave"), plain("up down", "choose")],
        Some(Mode::Help { .. }) => return vec![plain("esc", "leave"), plain("type", "to search")],
        Some(Mode::Menu(_)) => return vec![plain("enter", "choose"), plain("esc", "leave")],
        Some(Mode::Arm(_)) => return vec![plain("enter", "arm"), plain("esc", "leave")],
        Some(Mode::Save(_)) => return vec![plain("enter", "save"), plain("esc", "leave")],
        Some(Mode::Confirm(confirm)) if matches!(confirm.stage, Stage::Running) => {
            return match state.running.as_ref().and_then(|running| running.outcome.as_ref()) {
                None => vec![plain("esc", "leave it running"), plain("ctrl-x", "stop after this step")],
                Some(_) if state.running.as_ref().is_some_and(|running| running.undo.is_some()) => {
                    vec![plain("esc", "leave"), plain("u", "take it back"), plain("ctrl-y", "copy commands")]
                }
                Some(_) => vec![plain("esc", "leave"), plain("ctrl-y", "copy commands")],
            };
        }
        Some(Mode::Confirm(_)) => {
            return vec![plain("esc", "leave it"), plain("tab", "next field"), plain("ctrl-y", "copy commands")];
        }
        Some(Mode::Bench(_)) => {
            let commands = [Command::Send, Command::Payloads, Command::Revision, Command::Via, Command::Protocol];
            let mut hints: Vec<Hint> = commands.into_iter().filter_map(|command| hint(state, command)).collect();
            hints.extend([plain("tab", "next section"), Hint { stays: true, ..plain("esc", "back") }]);
            return hints;
        }
        None => {}
    }
    let Some(place) = state.place() else { return Vec::new() };
    let kind = place.focused().map(|section| section.section.kind);
    let mut hints = Vec::new();
    let add = |hints: &mut Vec<Hint>, command: Command| hints.extend(hint(state, command));
    match kind {
        Some(Kind::Log) => {
            for command in [
                Command::Follow,
                Command::Wrap,
                Command::Timestamps,
                Command::Previous,
                Command::Container,
                Command::Filter,
                Command::MatchNext,
                Command::Copy,
                Command::Export,
            ] {
                add(&mut hints, command);
            }
        }
        Some(Kind::Text) => {
            for command in [Command::Wrap, Command::Filter, Command::MatchNext, Command::Copy, Command::Export] {
                add(&mut hints, command);
            }
        }
        Some(Kind::Series) => {
            if place.focused().is_some_and(|section| section.ticket().is_none()) {
                add(&mut hints, Command::Open);
            } else {
                hints.extend(pair(state, (Command::Left, Command::Right), "cursor"));
                hints.extend(pair(state, (Command::RangeLonger, Command::RangeShorter), "range"));
                hints.extend(hint(state, Command::SeriesToggle));
                hints.extend(hint(state, Command::Export));
            }
        }
        Some(Kind::Table | Kind::Facts) | None => {
            add(&mut hints, Command::Open);
            hints.extend(verb_hints(state, place));
            let more = place_hints(state, place);
            hints.extend(more.into_iter().filter_map(|command| hint(state, command)));
        }
    }
    let back = if state.stack().len() > 1 { Some(Command::Back) } else { None };
    hints.extend(back.and_then(|command| hint(state, command)));
    let always = [Command::Palette, Command::Help].into_iter().filter_map(|command| hint(state, command));
    hints.extend(always.map(|hint| Hint { stays: true, ..hint }));
    hints
}

fn place_hints(state: &State, place: &Place) -> Vec<Command> {
    let endpoint = place.object.as_ref().map(|what| what.pane).or_else(|| place.focused_pane());
    let noun = endpoint.and_then(|pane| state.catalogue.pane(pane)).map_or("", |pane| pane.noun);
    let mut commands = match noun {
        "endpoint" => vec![Command::Try, Command::Metrics, Command::Logs],
        "pod" => vec![Command::Logs, Command::Events, Command::Yaml],
        "action" => vec![Command::Undo],
        _ => vec![],
    };
    if place.sections.len() > 1 {
        commands.push(Command::SectionNext);
    }
    commands.push(Command::Filter);
    commands
}

/// The verbs of the row, those that are off faint.
fn verb_hints(state: &State, place: &Place) -> Vec<Hint> {
    let what = match (&place.object, place.current(), place.focused_pane()) {
        (Some(object), ..) => Some(object.clone()),
        (None, Some(row), Some(pane)) => Some(crate::model::id::Ref { pane, key: row.key.clone() }),
        _ => None,
    };
    let Some(what) = what else { return Vec::new() };
    let Some(pane) = state.catalogue.pane(what.pane) else { return Vec::new() };
    let row = state.row(&what);
    pane.verbs
        .iter()
        .filter_map(|verb| {
            let key = state.keymap.verb_keys(verb).first()?.to_string();
            let off = row.is_none_or(|row| (verb.ready)(row, &state.rights).is_err());
            Some(Hint { off, ..Hint::new(key, verb.label) })
        })
        .collect()
}

/// The prompt of a filter, a filter's mistake, or a message that has no room in the footer.
pub(super) fn line(canvas: &mut Canvas<'_>, state: &State, area: Rect) -> Option<Position> {
    let section = state.place().and_then(Place::focused);
    let table = section.and_then(SectionState::table);
    if let Some(Mode::Filter(field)) = state.mode() {
        let x = canvas.text(area.x + 1, area.y, "/", Role::Key, 1);
        let end = canvas.text(x, area.y, field.text(), Role::Strong, area.right().saturating_sub(x));
        let cursor = x + columns(field.before());
        let said = match table {
            Some(table) => {
                let (shown, all) = table.counts();
                let error = table.filter().error().map(|error| (error.to_string(), Role::Bad));
                error.unwrap_or_else(|| (format!("{shown} of {all}"), Role::Dim))
            }
            None => match section.map(|section| &section.body) {
                Some(crate::app::place::Body::Lines(lines)) if !lines.search.is_empty() => {
                    (format!("{} lines", lines.found()), Role::Dim)
                }
                _ => (String::new(), Role::Dim),
            },
        };
        let room = area.right().saturating_sub(end + 4);
        canvas.text(end + 3, area.y, &cut(&said.0, room, canvas.theme), said.1, room);
        return Some(Position::new(cursor.min(area.right().saturating_sub(1)), area.y));
    }
    if let Some(message) = &state.message {
        let text = cut(&message.text, area.width.saturating_sub(2), canvas.theme);
        canvas.text(area.x + 1, area.y, &text, message_role(message.health), area.width.saturating_sub(2));
    } else if let Some(error) = table.and_then(|table| table.filter().error()) {
        let text = cut(&error.to_string(), area.width.saturating_sub(2), canvas.theme);
        canvas.text(area.x + 1, area.y, &text, Role::Bad, area.width.saturating_sub(2));
    }
    None
}
