//! Tests over a small server on loopback that answers as a script says.

mod follow;
mod login;
mod requests;
pub(crate) mod server;
