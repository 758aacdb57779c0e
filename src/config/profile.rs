//! A profile, and how it is merged from layers: flags, the environment, its section, the defaults.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::decode::listed;
use super::mistake::ConfigError;
use super::secret::Lookup;

/// For how long a profile stays armed unless it says so, in minutes.
const ARMED_MINUTES: u32 = 15;

/// Whether test predictions are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Predictions {
    /// They are.
    #[default]
    Allow,
    /// Each has to be confirmed.
    Confirm,
    /// They are not.
    Deny,
}

impl Predictions {
    /// The words that stand for them.
    pub const WORDS: [&str; 3] = ["allow", "confirm", "deny"];

    /// The one with this word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        match word {
            "allow" => Some(Self::Allow),
            "confirm" => Some(Self::Confirm),
            "deny" => Some(Self::Deny),
            _ => None,
        }
    }

    /// Its word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Confirm => "confirm",
            Self::Deny => "deny",
        }
    }
}

/// What one source says of a profile; what it does not say, the next one may.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Layer {
    /// `production`, `staging`, `development`, …
    pub environment: Option<String>,
    /// The kubeconfig files.
    pub kubeconfig: Option<Vec<PathBuf>>,
    /// The context.
    pub context: Option<String>,
    /// The namespaces to look at; all that are permitted if none is named.
    pub namespaces: Option<Vec<String>>,
    /// The ingress's address, such as `http://10.0.0.9`, for test predictions.
    pub ingress: Option<String>,
    /// Whether every change is refused.
    pub read_only: Option<bool>,
    /// For how long the profile stays armed.
    pub armed_minutes: Option<u32>,
    /// Whether test predictions are allowed.
    pub predictions: Option<Predictions>,
}

impl Layer {
    /// What the environment says: `QUARTERDECK_CONTEXT`, `QUARTERDECK_NAMESPACES` (with commas) and
    /// `QUARTERDECK_READ_ONLY` (`1` or `true`, `0` or `false`).
    pub fn from_environment(env: Lookup<'_>) -> Result<Self, ConfigError> {
        let variable = |name: &str| env(name).filter(|value| !value.is_empty());
        let read_only = match variable("QUARTERDECK_READ_ONLY").as_deref() {
            None => None,
            Some("1" | "true") => Some(true),
            Some("0" | "false") => Some(false),
            Some(_) => {
                let what = format!("QUARTERDECK_READ_ONLY: expected one of {}", listed(&["1", "true", "0", "false"]));
                return Err(ConfigError::one(None, what));
            }
        };
        let split =
            |text: String| text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Ok(Self {
            context: variable("QUARTERDECK_CONTEXT"),
            namespaces: variable("QUARTERDECK_NAMESPACES").map(split),
            read_only,
            ..Self::default()
        })
    }
}

/// Where to work, and what may be done there.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Profile {
    /// Its name; `default` where there is no config file.
    pub name: String,
    /// Its environment; empty where nobody says.
    pub environment: String,
    /// The kubeconfig files; if empty, those of `KUBECONFIG`, else the usual one.
    pub kubeconfig: Vec<PathBuf>,
    /// The context; the current one if none is named.
    pub context: Option<String>,
    /// The namespaces to look at; all that are permitted if empty.
    pub namespaces: Vec<String>,
    /// The ingress's address, such as `http://10.0.0.9`, for test predictions.
    pub ingress: Option<String>,
    /// Whether every change is refused.
    pub read_only: bool,
    /// For how long it stays armed, in minutes.
    pub armed_minutes: u32,
    /// Whether test predictions are allowed.
    pub predictions: Predictions,
    /// The sections of systems, by their ids, as they stand in the file.
    pub systems: BTreeMap<String, toml::Table>,
    /// The config file, where there is one.
    pub file: Option<PathBuf>,
    origins: BTreeMap<&'static str, String>,
}

impl Profile {
    /// Whether it counts as production; so does an environment that is not known.
    #[must_use]
    pub fn is_production(&self) -> bool {
        is_production(&self.environment)
    }

    /// A profile of `name` from layers with their names, the first to say something wins. `read_only` is different:
    /// one that forbids is enough.
    #[must_use]
    pub fn merge(name: &str, layers: &[(&str, &Layer)]) -> Self {
        let mut profile = Self { name: name.to_owned(), armed_minutes: ARMED_MINUTES, ..Self::default() };
        profile.environment =
            profile.first("environment", layers, |layer| layer.environment.clone()).unwrap_or_default();
        profile.kubeconfig = profile.first("kubeconfig", layers, |layer| layer.kubeconfig.clone()).unwrap_or_default();
        profile.context = profile.first("context", layers, |layer| layer.context.clone());
        profile.namespaces = profile.first("namespaces", layers, |layer| layer.namespaces.clone()).unwrap_or_default();
        profile.ingress = profile.first("ingress", layers, |layer| layer.ingress.clone());
        let said = profile.first("read_only", layers, |layer| layer.read_only.filter(|forbids| *forbids));
        profile.read_only = said.unwrap_or(false);
        let armed = profile.first("armed_minutes", layers, |layer| layer.armed_minutes);
        profile.armed_minutes = armed.unwrap_or(ARMED_MINUTES);
        profile.predictions = profile.first("predictions", layers, |layer| layer.predictions).unwrap_or_default();
        profile
    }

    fn first<T>(
        &mut self,
        field: &'static str,
        layers: &[(&str, &Layer)],
        get: impl Fn(&Layer) -> Option<T>,
    ) -> Option<T> {
        let (origin, found) = layers.iter().find_map(|(origin, layer)| Some((*origin, get(layer)?)))?;
        self.origins.insert(field, origin.to_owned());
        Some(found)
    }

    /// The whole profile as a section of a config file, with where each value comes from. Holds references to
    /// credentials only; should a secret stand in the file all the same, it is not shown.
    #[must_use]
    pub fn show(&self) -> String {
        let mut table = toml::Table::new();
        table.insert("environment".into(), self.environment.as_str().into());
        let files = self.kubeconfig.iter().map(|file| file.display().to_string().into());
        table.insert("kubeconfig".into(), toml::Value::Array(files.collect()));
        table.extend(self.context.as_ref().map(|context| ("context".to_owned(), context.as_str().into())));
        let namespaces = self.namespaces.iter().map(|name| name.as_str().into());
        table.insert("namespaces".into(), toml::Value::Array(namespaces.collect()));
        table.extend(self.ingress.as_ref().map(|ingress| ("ingress".to_owned(), ingress.as_str().into())));
        table.insert("read_only".into(), self.read_only.into());
        table.insert("armed_minutes".into(), i64::from(self.armed_minutes).into());
        table.insert("predictions".into(), self.predictions.word().into());
        let name = toml::Value::from(self.name.as_str());
        let mut lines = vec![format!("[profiles.{name}]")];
        lines.extend(table.iter().map(|(key, value)| {
            let origin = self.origins.get(key.as_str()).map_or("built in", String::as_str);
            let setting = format!("{key} = {value}");
            format!("{setting:<44} # {origin}")
        }));
        if self.environment.is_empty() {
            lines.push("# an environment that is not known counts as production".into());
        }
        for (id, section) in &self.systems {
            lines.push(format!("\n[profiles.{name}.{id}]"));
            lines.extend(section.iter().map(|(key, value)| format!("{key} = {}", shown(key, value))));
        }
        lines.join("\n") + "\n"
    }

    /// The settings that a file path of its own section counts from.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.file.as_deref().and_then(Path::parent)
    }
}

/// A value of a system's section; a text where a reference belongs is a secret.
fn shown(key: &str, value: &toml::Value) -> String {
    let secret = ["password", "token", "secret", "key"].iter().any(|word| key.contains(word));
    match value {
        toml::Value::String(text) if secret && !key.ends_with("_file") && !text.is_empty() => "\"***\"".to_owned(),
        toml::Value::String(text) if text.contains('@') && text.contains("://") => {
            toml::Value::from(without_login(text)).to_string()
        }
        other => other.to_string(),
    }
}

/// An address with the login between `://` and `@` taken out.
fn without_login(address: &str) -> String {
    match address.split_once("://") {
        Some((scheme, rest)) => {
            let (host, path) =
                rest.split_once('/').map_or((rest, String::new()), |(host, path)| (host, format!("/{path}")));
            format!("{scheme}://{}{path}", host.rsplit('@').next().unwrap_or(host))
        }
        None => address.to_owned(),
    }
}

/// Whether an environment counts as production: all do, except those whose names say otherwise.
#[must_use]
pub fn is_production(environment: &str) -> bool {
    const OTHERS: [&str; 12] = [
        "staging",
        "stage",
        "development",
        "develop",
        "dev",
        "test",
        "testing",
        "qa",
        "integration",
        "sandbox",
        "local",
        "demo",
    ];
    !OTHERS.contains(&environment.trim().to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_that_is_not_known_counts_as_production() {
        for environment in ["production", "prod", "", "eu-1", "Produktion"] {
            assert!(is_production(environment), "{environment}");
        }
        assert!(!is_production("Staging") && !is_production("dev"));
    }

    #[test]
    fn flags_win_over_the_environment_over_the_profile_over_the_defaults() {
        let layer = |context: Option<&str>, minutes| Layer {
            context: context.map(str::to_owned),
            armed_minutes: minutes,
            ..Layer::default()
        };
        let (flags, env) = (layer(None, None), layer(Some("from-env"), None));
        let (section, defaults) = (layer(Some("from-profile"), Some(5)), layer(None, Some(30)));
        let layers = [("flag", &flags), ("environment", &env), ("profile", &section), ("[defaults]", &defaults)];
        let profile = Profile::merge("p", &layers);
        assert_eq!((profile.context.as_deref(), profile.armed_minutes), (Some("from-env"), 5));
        assert!(profile.show().contains("context = \"from-env\""));
        assert!(profile.show().lines().any(|line| line.starts_with("context") && line.ends_with("# environment")));
    }

    #[test]
    fn read_only_anywhere_is_read_only() {
        let (open, closed) =
            (Layer { read_only: Some(false), ..Layer::default() }, Layer { read_only: Some(true), ..Layer::default() });
        assert!(Profile::merge("p", &[("flag", &open), ("profile", &closed)]).read_only);
        assert!(!Profile::merge("p", &[("flag", &open)]).read_only);
    }

    #[test]
    fn a_secret_that_stands_in_the_file_is_not_shown() {
        let section: toml::Table =
            "token = \"hunter2\"\nurl = \"https://me:hunter2@h/x\"\npassword = { env = \"P\" }\nca_file = \"ca.pem\""
                .parse()
                .unwrap();
        let profile =
            Profile { name: "p".into(), systems: [("mlflow".to_owned(), section)].into(), ..Profile::default() };
        let shown = profile.show();
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(shown.contains("https://h/x") && shown.contains("env = \"P\"") && shown.contains("ca.pem"), "{shown}");
    }

    #[test]
    fn what_is_shown_can_be_read_again() {
        let section: toml::Table = "service = { namespace = \"ml\", port = 80 }".parse().unwrap();
        let profile =
            Profile { name: "eu west".into(), systems: [("mlflow".to_owned(), section)].into(), ..Profile::default() };
        assert!(profile.show().parse::<toml::Table>().is_ok(), "{}", profile.show());
    }

    #[test]
    fn the_environment_is_read_and_its_mistakes_named() {
        let env = |name: &str| match name {
            "QUARTERDECK_NAMESPACES" => Some("a, b,".to_owned()),
            "QUARTERDECK_READ_ONLY" => Some("1".to_owned()),
            _ => None,
        };
        let layer = Layer::from_environment(&env).unwrap();
        assert_eq!(layer.namespaces, Some(vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(layer.read_only, Some(true));
        let wrong = |name: &str| (name == "QUARTERDECK_READ_ONLY").then(|| "yes".to_owned());
        assert!(Layer::from_environment(&wrong).is_err());
    }
}
