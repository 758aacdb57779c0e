//! The program itself in a pseudo-terminal: what it leaves behind, what it survives, what reaches the terminal.

mod console;
mod hostile;
mod leaving;
mod server;
mod stopping;
mod typing;
