//! Test predictions: the protocols (V1, V2), and the ways in to a revision.
//!
//! What is asked and what comes back are [`crate::model::prediction::Ask`] and [`crate::model::prediction::Answer`], and
//! what is known of an endpoint is [`crate::model::serving::Serving`]: the screen and the command line know only these.
//! Where the payloads are kept does not belong here.

pub mod body;
pub mod choose;
pub mod expect;
mod pods;
pub mod protocol;
mod reply;
mod send;
pub mod skeleton;
mod transport;

pub use send::{Means, example, send, starts_on_demand};
