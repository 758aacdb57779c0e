//! .
pub mod clock;
pub mod input;
