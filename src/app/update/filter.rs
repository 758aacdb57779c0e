//! Typing a filter over a table, or a search in a text.

use super::super::field::Field;
use super::super::place::{Body, Place};
use super::super::state::{Mode, State};
use crate::model::health::Health;
use crate::model::input::{Key, KeyCode};
use crate::model::table::Move;

/// Opens the prompt with what is filtered by now.
pub(super) fn open(state: &mut State) {
    let Some(section) = state.place().and_then(Place::focused) else { return };
    let text = match &section.body {
        Body::Rows(table) => table.filter().text().to_owned(),
        Body::Lines(lines) => lines.search.clone(),
    };
    state.modes.push(Mode::Filter(Field::new(&text)));
}

/// A key in the prompt. Enter keeps the filter, Esc takes it away.
pub(super) fn press(state: &mut State, key: Key) {
    let Some(Mode::Filter(field)) = state.modes.last_mut() else { return };
    match key.code {
        KeyCode::Enter => {
            state.modes.pop();
            search(state, true);
        }
        KeyCode::Esc => {
            state.modes.pop();
            set(state, "");
        }
        KeyCode::Char('c') if key.ctrl => {
            state.modes.pop();
            set(state, "");
        }
        KeyCode::Up | KeyCode::Down => {
            let by = if key.code == KeyCode::Up { -1 } else { 1 };
            if let Some(table) = state.place_mut().and_then(Place::focused_mut).and_then(|section| section.table_mut())
            {
                table.go(Move::By(by));
            }
        }
        _ => {
            if field.press(key) {
                changed(state);
            }
        }
    }
}

/// What is typed has changed.
pub(super) fn changed(state: &mut State) {
    if let Some(Mode::Filter(field)) = state.mode() {
        let text = field.text().to_owned();
        set(state, &text);
    }
}

/// Filters by this, or searches for it.
pub(super) fn set(state: &mut State, text: &str) {
    let now = state.now;
    let Some(section) = state.place_mut().and_then(Place::focused_mut) else { return };
    match &mut section.body {
        Body::Rows(table) => table.set_filter(text, now),
        Body::Lines(lines) => lines.search = text.to_lowercase(),
    }
}

/// Goes to the next match: in a text to its line, in a table (where only matches are shown) to the next row.
pub(super) fn search(state: &mut State, forward: bool) {
    let page = super::browse::page(state);
    let Some(section) = state.place_mut().and_then(Place::focused_mut) else { return };
    if let Body::Lines(lines) = &mut section.body
        && !lines.search.is_empty()
        && !lines.find(forward, page)
    {
        let text = format!("`{}` is not in the {} lines that are here", lines.search, lines.len());
        state.say(Health::Warn, text);
    }
}
