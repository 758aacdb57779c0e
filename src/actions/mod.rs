//! The guard through which every effect passes, the one executor, and the journal.
//!
//! Does not belong here: what a plan says (that is the system's) and how it is shown (that is the screen's).

pub mod guard;
pub mod inverse;
pub mod journal;
pub mod run;

pub use guard::{Denied, Guard, Permit, Policy, PredictPermit, Requirements};
