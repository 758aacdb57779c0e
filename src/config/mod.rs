//! Files, profiles and credentials by reference.
//!
//! Does not belong here: what a system's own section means (the system decodes it).

pub mod secret;
