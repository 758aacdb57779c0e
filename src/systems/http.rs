//! The one JSON client over HTTP: base address, login, time limits, pages, errors, redaction.
//!
//! `get` is free; `ask`, a POST that changes nothing, is free for the paths that a system lists as such; `send` takes a
//! [`crate::actions::Permit`].
