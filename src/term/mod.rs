//! The terminal: what it can do, the painter, the modes and their restoring, input, signals, the clipboard.
//!
//! Nothing here knows what is shown or what a key means: frames come in as ratatui buffers, keys go out as
//! [`crate::model::input`] says.

pub mod capability;
pub mod clipboard;
mod ink;
pub mod input;
mod keys;
pub mod painter;
pub mod panic;
pub mod screen;
pub mod signals;
pub mod suspend;
mod terminal;

pub use terminal::Terminal;
