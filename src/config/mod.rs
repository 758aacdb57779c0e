//! Files, profiles and credentials by reference.
//!
//! A profile is merged from flags, the environment, its section of the file, and `[defaults]`, in this order. Does not
//! belong here: what a system's own section means (the system decodes it).

mod decode;
mod file;
mod mistake;
mod paths;
mod profile;
pub mod secret;
mod template;

pub use file::Config;
pub use mistake::{ConfigError, Mistake};
pub use paths::Paths;
pub use profile::{Layer, Predictions, Profile, is_production};
pub use template::TEMPLATE;
