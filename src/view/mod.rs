//! Draws a state into a buffer. Pure: nothing here changes anything, asks the time, or knows a terminal.

mod bars;
mod bench;
mod canvas;
mod cell;
mod chart;
mod confirm;
mod dialog;
mod lines;
mod plot;
mod section;
mod table;
pub mod theme;
mod words;

use ratatui::buffer::Buffer;
use ratatui::layout::Position;

use crate::app::layout::{SMALLEST, layout, too_small};
use crate::app::state::{Mode, State};
use canvas::Canvas;
use theme::{Role, Theme};

/// Draws everything; returns where the terminal's cursor is to stand, if anywhere.
pub fn draw(state: &State, theme: &Theme, buffer: &mut Buffer) -> Option<Position> {
    let mut canvas = Canvas { buffer, theme };
    let canvas = &mut canvas;
    if too_small(state.size) {
        let text = format!("needs {}x{}", SMALLEST.columns, SMALLEST.rows);
        let area = canvas.buffer.area;
        canvas.text(0, area.height / 2, &text, Role::Text, area.width);
        return None;
    }
    let areas = layout(state);
    bars::header(canvas, state, areas.header);
    bars::tabs(canvas, state, areas.tabs);
    if let Some(area) = areas.crumbs {
        bars::crumbs(canvas, state, area);
    }
    if let Some(place) = state.place() {
        for area in &areas.sections {
            section::draw(canvas, state, place, area);
        }
        if let Some(area) = areas.beside {
            section::beside(canvas, state, place, area);
        }
    }
    let mut cursor = None;
    for mode in &state.modes {
        cursor = match mode {
            Mode::Filter(_) => None,
            Mode::Palette(palette) => Some(dialog::palette(canvas, palette)),
            Mode::Confirm(confirm) => confirm::draw(canvas, state, confirm),
            Mode::Help { search, top } => Some(dialog::help(canvas, state, search, *top)),
            Mode::Menu(menu) => {
                dialog::menu(canvas, menu);
                None
            }
            Mode::Arm(arm) => Some(dialog::arm(canvas, state, arm)),
            Mode::Save(save) => Some(dialog::save(canvas, save)),
            Mode::Bench(bench) => bench::draw(canvas, state, bench, areas.body),
        };
    }
    bars::footer(canvas, state, &areas);
    if let Some(area) = areas.line {
        cursor = bars::line(canvas, state, area).or(cursor);
    }
    cursor
}
