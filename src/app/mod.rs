//! The core: what is on the screen as data, and what each event does to it. Knows no terminal and no HTTP.
//!
//! `update` is synchronous and asks neither the clock nor the outside; the driver carries out the effects it returns.

pub mod bench;
pub mod catalogue;
pub mod command;
pub mod field;
pub mod keymap;
pub mod lines;
