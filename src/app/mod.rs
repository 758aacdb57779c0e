//! The core: what is on the screen as data, and what each event does to it. Knows no terminal and no HTTP.
//!
//! `update` is synchronous and asks neither the clock nor the outside; the driver carries out the effects it returns.

pub mod bench;
pub mod catalogue;
pub mod command;
pub mod confirm;
pub mod dialog;
pub mod driver;
pub mod effect;
pub mod event;
pub mod field;
mod join;
pub mod keymap;
pub mod layout;
pub mod lines;
pub mod own;
pub mod pane;
pub mod place;
pub mod state;
pub mod update;
