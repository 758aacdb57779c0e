//! Whole journeys: keys in, screens out, over the embedded world on a clock that stands still until it is moved.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "helpers of tests may fail like tests, and wait for the outside"
)]

mod harness;
mod hostile;
mod journeys;
mod manners;
mod screens;
