//! Draws a state into a buffer. Pure: nothing here changes anything, asks the time, or knows a terminal.

pub mod theme;
