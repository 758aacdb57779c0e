//! The embedded world: one simulated organisation and the servers that show it over real wire formats on 127.0.0.1.
//!
//! Here belong the state of that organisation (a function of the seed, the clock and what was changed), the rules by
//! which it reacts (the controllers), and the HTTP servers. Not here: anything that Quarterdeck itself uses to talk to
//! a system; the world must be checked by those clients, so it shares nothing with them.

pub mod cluster;
pub mod json;
pub mod random;
pub mod registry;
pub mod serve;
pub mod start;
pub mod store;
pub mod story;
pub mod traffic;
pub mod world;

pub use start::{Demo, Options};
pub use world::{Fault, Scenario, System, World};
