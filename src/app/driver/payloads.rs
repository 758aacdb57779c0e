//! Payloads that were saved for endpoints: one file each, in a folder for each endpoint.

use std::path::{Path, PathBuf};

use crate::app::bench::Saved;
use crate::model::id::Ref;

/// As large a payload is read.
const LARGEST: u64 = 4 * 1024 * 1024;

/// The folders with payloads: the first is written to, all are read.
#[derive(Debug, Clone, Default)]
pub struct Payloads {
    /// The folders: that of the config first, then that of the project.
    pub folders: Vec<PathBuf>,
}

impl Payloads {
    /// All payloads saved for an endpoint, by name.
    #[must_use]
    pub fn read(&self, what: &Ref) -> Vec<Saved> {
        let mut saved: Vec<Saved> =
            self.folders.iter().flat_map(|folder| read_folder(&folder.join(folder_name(what)))).collect();
        saved.sort_by(|a, b| a.name.cmp(&b.name));
        saved.dedup_by(|a, b| a.name == b.name);
        saved
    }

    /// Saves a payload; returns where.
    pub fn save(&self, what: &Ref, name: &str, body: &str) -> Result<PathBuf, String> {
        let Some(folder) = self.folders.first() else {
            return Err("there is no folder for payloads".into());
        };
        let folder = folder.join(folder_name(what));
        let path = folder.join(name);
        std::fs::create_dir_all(&folder)
            .and_then(|()| std::fs::write(&path, body))
            .map_err(|error| format!("can't save {}: {error}", path.display()))?;
        Ok(path)
    }
}

/// A folder's name for an endpoint: `ml-prod.fraud-detection`.
fn folder_name(what: &Ref) -> String {
    what.key.as_str().chars().map(|char| if char.is_ascii_alphanumeric() || char == '-' { char } else { '.' }).collect()
}

fn read_folder(folder: &Path) -> Vec<Saved> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|ending| ending == "json"))
        .filter(|entry| entry.metadata().is_ok_and(|data| data.is_file() && data.len() <= LARGEST))
        .filter_map(|entry| {
            let body = std::fs::read_to_string(entry.path()).ok()?;
            Some(Saved { name: entry.file_name().to_string_lossy().into_owned(), body })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::PaneId;

    #[test]
    fn a_payload_that_was_saved_is_found_for_its_endpoint_alone() {
        let folder = tempfile::tempdir().unwrap();
        let payloads = Payloads { folders: vec![folder.path().to_owned()] };
        let fraud = Ref::new(PaneId("endpoints"), "ml-prod/fraud");
        payloads.save(&fraud, "one.json", "{}").unwrap();
        assert_eq!(payloads.read(&fraud), vec![Saved { name: "one.json".into(), body: "{}".into() }]);
        assert!(payloads.read(&Ref::new(PaneId("endpoints"), "ml-prod/churn")).is_empty());
    }
}
