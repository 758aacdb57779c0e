//! The registered models, their versions and runs: the data that the MLflow server shows.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

/// The model registry and the tracking store.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    /// Registered models by name.
    pub models: BTreeMap<String, RegisteredModel>,
}

/// One registered model.
#[derive(Debug, Clone, Default)]
pub struct RegisteredModel {
    /// Alias to version.
    pub aliases: BTreeMap<String, u32>,
}

impl Registry {
    /// The registry as the story has it at `start`; `scale` adds that many versions.
    #[must_use]
    pub fn seeded(_seed: u64, _start: DateTime<Utc>, _scale: usize) -> Self {
        Self::default()
    }
}
