//! Where our files are.

use std::path::{Path, PathBuf};

use super::mistake::ConfigError;
use super::secret::Lookup;

/// Where our files are: as the platform wants it, or beside the file that `QUARTERDECK_CONFIG` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The config file; need not exist unless it was named.
    pub config: PathBuf,
    /// Whether the operator named the file, so that it has to exist.
    pub named: bool,
    /// The user's keymap; need not exist.
    pub keymap: PathBuf,
    /// A folder with the user's themes, `NAME.toml`; need not exist.
    pub themes: PathBuf,
    /// A folder with saved payloads; need not exist.
    pub payloads: PathBuf,
    /// The folder for the journal, histories and logs; need not exist.
    pub state: PathBuf,
}

impl Paths {
    /// Finds them. `named` is a config file given by a flag; it wins over `QUARTERDECK_CONFIG`. `QUARTERDECK_STATE`
    /// names the folder of the journal.
    pub fn find(named: Option<&Path>, env: Lookup<'_>) -> Result<Self, ConfigError> {
        let variable = |name: &str| env(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let named = named.map(Path::to_owned).or_else(|| variable("QUARTERDECK_CONFIG"));
        let platform = directories::ProjectDirs::from("", "", "quarterdeck");
        let nowhere =
            || ConfigError::one(None, "no home folder: set HOME, or QUARTERDECK_CONFIG and QUARTERDECK_STATE");
        let state = match (variable("QUARTERDECK_STATE"), &platform) {
            (Some(state), _) => state,
            (None, Some(platform)) => platform.state_dir().unwrap_or_else(|| platform.data_local_dir()).to_owned(),
            (None, None) => return Err(nowhere()),
        };
        let (config, named) = match (named, &platform) {
            (Some(file), _) => (file, true),
            (None, Some(platform)) => (platform.config_dir().join("config.toml"), false),
            (None, None) => return Err(nowhere()),
        };
        let folder = config.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self {
            keymap: folder.join("keymap.toml"),
            themes: folder.join("themes"),
            payloads: folder.join("payloads"),
            state,
            config,
            named,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_file_brings_its_folder_and_wins_over_the_variable() {
        let env = |name: &str| match name {
            "QUARTERDECK_CONFIG" => Some("/a/config.toml".to_owned()),
            "QUARTERDECK_STATE" => Some("/s".to_owned()),
            _ => None,
        };
        let paths = Paths::find(None, &env).unwrap();
        assert_eq!((paths.config.as_path(), paths.named), (Path::new("/a/config.toml"), true));
        assert_eq!((paths.keymap.as_path(), paths.state.as_path()), (Path::new("/a/keymap.toml"), Path::new("/s")));
        let paths = Paths::find(Some(Path::new("/b/c.toml")), &env).unwrap();
        assert_eq!(paths.payloads, Path::new("/b/payloads"));
    }
}
