//! The command line from outside: the built program over the embedded world, what it prints where, and how it ends.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests may fail like tests")]

mod acting;
mod harness;
mod looking;
mod mistakes;
mod own;
mod predicting;
mod streams;
mod watching;
