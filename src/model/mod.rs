//! The domain, pure: no terminal, no network, no waiting. Everything here can be cloned and printed.
//!
//! Belongs here: what every system's data become (cells, rows, tables), what is done to them (verbs, plans), and the
//! clock. Does not belong here: anything that only one system knows.

pub mod clock;
pub mod columns;
pub mod export;
pub mod facts;
pub mod health;
pub mod id;
pub mod input;
pub mod join;
pub mod plan;
pub mod prediction;
pub mod query;
pub mod record;
pub mod serving;
pub mod table;
pub mod text;
pub mod transition;
pub mod value;
pub mod verb;
