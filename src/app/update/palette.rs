//! The palette: any command, view or object by its name.

use super::super::dialog::{EntryAction, PaletteDialog};
use super::super::effect::Effects;
use super::super::state::{Mode, State};
use super::{command_do, confirm, go};
use crate::model::input::{Key, KeyCode};

pub(super) fn open(state: &mut State) {
    let palette = PaletteDialog::new(state);
    state.modes.push(Mode::Palette(palette));
}

/// What is typed has changed.
pub(super) fn changed(state: &mut State) {
    let Some(Mode::Palette(mut palette)) = state.modes.pop() else { return };
    palette.find(state);
    state.modes.push(Mode::Palette(palette));
}

pub(super) fn press(state: &mut State, key: Key, effects: &mut Effects) {
    let Some(Mode::Palette(palette)) = state.modes.last_mut() else { return };
    let last = palette.found.len().saturating_sub(1);
    match (key.code, key.ctrl) {
        (KeyCode::Esc, _) | (KeyCode::Char('c'), true) => {
            state.modes.pop();
        }
        (KeyCode::Down | KeyCode::Tab, _) | (KeyCode::Char('n'), true) => palette.at = (palette.at + 1).min(last),
        (KeyCode::Up | KeyCode::BackTab, _) | (KeyCode::Char('p'), true) => palette.at = palette.at.saturating_sub(1),
        (KeyCode::PageDown, _) => palette.at = (palette.at + 10).min(last),
        (KeyCode::PageUp, _) => palette.at = palette.at.saturating_sub(10),
        (KeyCode::Enter, _) => {
            let chosen = palette.found.get(palette.at).map(|entry| entry.does.clone());
            state.modes.pop();
            match chosen {
                Some(EntryAction::Command(command)) => command_do(state, command, effects),
                Some(EntryAction::Verb(verb)) => confirm::ask(state, verb, effects),
                Some(EntryAction::View(view)) => go::view(state, view, effects),
                Some(EntryAction::Object(what)) => go::object(state, &what, effects),
                None => {}
            }
        }
        _ => {
            if palette.field.press(key) {
                changed(state);
            }
        }
    }
}
