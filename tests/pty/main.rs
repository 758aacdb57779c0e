//! The program itself in a pseudo-terminal: what it leaves behind, what it survives, what reaches the terminal.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail like tests, and wait for a real program"
)]

mod console;
mod hostile;
mod leaving;
mod server;
mod stopping;
mod typing;
