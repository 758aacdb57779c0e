//! Menus: what to copy, which columns, which container, all actions, related objects.

use serde_json::json;

use super::super::dialog::{Menu, MenuAction, MenuItem};
use super::super::effect::{Effect, Effects};
use super::super::place::{Body, Place, SectionState};
use super::super::state::{Mode, State, Waiting};
use super::{bench, command_do, confirm, go};
use crate::model::export;
use crate::model::health::Health;
use crate::model::input::{Key, KeyCode};
use crate::model::record::Rows;
use crate::model::value::natural;
use crate::systems::Parameters;

fn item(key: &str, label: &str, note: &str, does: MenuAction) -> MenuItem {
    MenuItem { key: key.to_owned(), label: label.to_owned(), note: note.to_owned(), enabled: true, does }
}

fn open(state: &mut State, title: &str, items: Vec<MenuItem>) {
    state.modes.push(Mode::Menu(Menu { title: title.to_owned(), items, at: 0, stays: false }));
}

/// A key in a menu.
pub(super) fn press(state: &mut State, key: Key, effects: &mut Effects) {
    let Some(Mode::Menu(menu)) = state.modes.last_mut() else { return };
    let last = menu.items.len().saturating_sub(1);
    match key.code {
        KeyCode::Esc | KeyCode::Char('q') => {
            state.modes.pop();
        }
        KeyCode::Down | KeyCode::Tab => menu.at = (menu.at + 1).min(last),
        KeyCode::Up | KeyCode::BackTab => menu.at = menu.at.saturating_sub(1),
        KeyCode::Enter | KeyCode::Char(' ') => choose(state, effects),
        _ => {
            let typed = key.to_string();
            if let Some(at) = menu.items.iter().position(|item| item.key == typed) {
                menu.at = at;
                choose(state, effects);
            } else if key.code == KeyCode::Char('j') {
                menu.at = (menu.at + 1).min(last);
            } else if key.code == KeyCode::Char('k') {
                menu.at = menu.at.saturating_sub(1);
            }
        }
    }
}

fn choose(state: &mut State, effects: &mut Effects) {
    let Some(Mode::Menu(menu)) = state.modes.last() else { return };
    let Some(chosen) = menu.items.get(menu.at).cloned() else { return };
    if !chosen.enabled {
        return state.say(Health::Warn, format!("{}: {}", chosen.label, chosen.note));
    }
    if menu.stays {
        if let MenuAction::ToggleColumn(index) = chosen.does {
            toggle_column(state, index);
        }
        return;
    }
    state.modes.pop();
    match chosen.does {
        MenuAction::Copy(text) => {
            let ticket = state.ask(Waiting::Said);
            effects.push(Effect::Copy(text, ticket));
        }
        MenuAction::Export { name, text } => {
            let ticket = state.ask(Waiting::Said);
            effects.push(Effect::Export { name, text, ticket });
        }
        MenuAction::Verb(verb) => confirm::ask(state, verb, effects),
        MenuAction::Command(command) => command_do(state, command, effects),
        MenuAction::ToggleColumn(index) => toggle_column(state, index),
        MenuAction::Go(what) => go::object(state, &what, effects),
        MenuAction::Reopen(how) => go::reopen(state, how, effects),
        MenuAction::Payload(name) => bench::load(state, &name),
        MenuAction::SavePayload => bench::save(state),
    }
}

fn toggle_column(state: &mut State, index: usize) {
    let Some(table) = state.place_mut().and_then(Place::focused_mut).and_then(SectionState::table_mut) else { return };
    table.columns_mut().toggle(index);
    let items = column_items(state);
    if let Some(Mode::Menu(menu)) = state.modes.last_mut() {
        menu.items = items;
    }
}

fn column_items(state: &State) -> Vec<MenuItem> {
    let Some(table) = state.place().and_then(Place::focused).and_then(SectionState::table) else { return Vec::new() };
    let heads = table.columns().heads();
    table
        .columns()
        .all()
        .filter_map(|(index, hidden)| {
            let head = heads.get(index)?;
            let label = format!("{} {}", if hidden { "[ ]" } else { "[x]" }, head.title);
            Some(item("", &label, head.help, MenuAction::ToggleColumn(index)))
        })
        .collect()
}

/// Which columns are shown.
pub(super) fn columns(state: &mut State) {
    let items = column_items(state);
    if items.is_empty() {
        return state.say(Health::Idle, "there are no columns here");
    }
    state.modes.push(Mode::Menu(Menu { title: "Columns".into(), items, at: 0, stays: true }));
}

/// What to copy.
pub(super) fn copy(state: &mut State) {
    let now = state.now;
    let Some(section) = state.place().and_then(Place::focused) else { return };
    let items = match &section.body {
        Body::Lines(lines) => {
            let page = super::browse::page(state);
            let visible: Vec<&str> = lines.visible(page).map(|(_, line)| &*line.text).collect();
            let all: Vec<&str> = lines.iter().map(|line| &*line.text).collect();
            vec![
                item("v", "what is shown", &format!("{} lines", visible.len()), MenuAction::Copy(visible.join("\n"))),
                item("a", "all lines", &format!("{} lines", all.len()), MenuAction::Copy(all.join("\n"))),
            ]
        }
        Body::Rows(table) => {
            let Some(row) = table.current() else { return go::explain(state) };
            let heads = table.columns().heads();
            let selected = table.columns().selected();
            let cell = row.cell(selected).show(now);
            let line: Vec<String> =
                row.cells.iter().map(|cell| cell.show(now)).filter(|cell| !cell.is_empty()).collect();
            let title = heads.get(selected).map_or("cell", |head| &*head.title).to_owned();
            let mut items = vec![
                item("c", "cell", &format!("{title}: {cell}"), MenuAction::Copy(cell)),
                item("n", "name", row.key.as_str(), MenuAction::Copy(row.key.as_str().to_owned())),
                item("r", "row", "", MenuAction::Copy(line.join("  "))),
                item("j", "row as JSON", "", MenuAction::Copy(export::json_row(heads, row).to_string())),
            ];
            if let Some(url) = heads.iter().position(|head| head.id == "url") {
                let url = row.cell(url).show(now);
                if !url.is_empty() {
                    items.push(item("u", "URL", &url, MenuAction::Copy(url.clone())));
                }
            }
            items
        }
    };
    open(state, "Copy", items);
}

/// In which form to write what is shown to a file.
pub(super) fn export(state: &mut State) {
    let now = state.now;
    let Some(section) = state.place().and_then(Place::focused) else { return };
    let stamp = now.format("%Y%m%d-%H%M%SZ");
    let name = |ending: &str| format!("{}-{stamp}.{ending}", section.section.pane);
    let items = match &section.body {
        Body::Lines(lines) => {
            let text: String = lines.iter().flat_map(|line| [&*line.text, "\n"]).collect();
            vec![item("t", "text", &name("txt"), MenuAction::Export { name: name("txt"), text })]
        }
        Body::Rows(table) => {
            let heads = table.columns().heads();
            let rows = table.order();
            let json = serde_json::to_string_pretty(&json!(
                rows.iter().map(|row| export::json_row(heads, row)).collect::<Vec<_>>()
            ));
            let csv = export::csv(heads, rows);
            vec![
                item("c", "CSV", &name("csv"), MenuAction::Export { name: name("csv"), text: csv }),
                item(
                    "j",
                    "JSON",
                    &name("json"),
                    MenuAction::Export { name: name("json"), text: json.unwrap_or_default() },
                ),
            ]
        }
    };
    open(state, "Export what is shown", items);
}

/// All actions of this row, with their keys and, for those that are off, the reason.
pub(super) fn actions(state: &mut State) {
    let Some(what) = state.place().and_then(go::acting) else { return go::explain(state) };
    let Some(pane) = state.catalogue.pane(what.pane).copied() else { return };
    let row = state.row(&what).cloned();
    let items: Vec<MenuItem> = pane
        .verbs
        .iter()
        .map(|verb| {
            let key = state.keymap.verb_keys(verb).first().map_or(String::new(), ToString::to_string);
            let ready = row.as_ref().map_or_else(
                || Err(crate::model::health::Reason(format!("there is no {} under the cursor", pane.noun))),
                |row| (verb.ready)(row, &state.rights),
            );
            let note = ready.as_ref().map_or_else(ToString::to_string, |()| verb.help.to_owned());
            MenuItem {
                key,
                label: verb.label.to_owned(),
                note,
                enabled: ready.is_ok(),
                does: MenuAction::Verb(verb.id),
            }
        })
        .collect();
    if items.is_empty() {
        return state.say(Health::Idle, format!("nothing can be done to a {} from here yet", pane.noun));
    }
    open(state, &format!("Actions on {}", what.key), items);
}

/// Which container's log.
pub(super) fn containers(state: &mut State) {
    let Some(place) = state.place() else { return };
    let Some(section) = place.focused() else { return };
    if section.section.pane.0 != "logs" {
        return state.say(Health::Idle, "only logs have containers");
    }
    let how = section.how.clone();
    let names = match &section.body {
        Body::Lines(lines) => lines.containers.clone(),
        Body::Rows(_) => Vec::new(),
    };
    if names.is_empty() {
        return state.say(Health::Idle, "there is only one container");
    }
    let items = names
        .into_iter()
        .map(|name| {
            item("", &name, "", MenuAction::Reopen(Parameters { container: Some(name.clone()), ..how.clone() }))
        })
        .collect();
    open(state, "Container", items);
}

/// The objects that this row refers to, and those that refer to it.
pub(super) fn related(state: &mut State) {
    let Some(place) = state.place() else { return };
    let Some(what) = place.target(&state.catalogue) else { return go::explain(state) };
    let mut items = Vec::new();
    if let Some(row) = place.current() {
        for to in &row.refs {
            if let Some(pane) = state.catalogue.pane(to.pane) {
                items.push(item("", to.key.as_str(), pane.noun, MenuAction::Go(to.clone())));
            }
        }
    }
    for data in state.panes.values().filter(|data| data.pane.detail.is_some() && data.pane.id != what.pane) {
        for row in state.rows.rows(data.pane.id).into_iter().flat_map(Rows::iter).filter(|row| row.refs.contains(&what))
        {
            let to = crate::model::id::Ref { pane: data.pane.id, key: row.key.clone() };
            items.push(item("", row.key.as_str(), data.pane.noun, MenuAction::Go(to)));
        }
    }
    items.sort_by(|a, b| a.note.cmp(&b.note).then_with(|| natural(&a.label, &b.label)));
    items.dedup_by(|a, b| a.label == b.label && a.note == b.note);
    if items.is_empty() {
        return state.say(Health::Idle, format!("nothing that is known here is related to {}", what.key));
    }
    open(state, &format!("Related to {}", what.key), items);
}
