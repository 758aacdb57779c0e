//! .
pub mod clock;
