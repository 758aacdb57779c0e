//! Prometheus' section of the config file, and the variable of the environment that stands in for it.

use std::path::PathBuf;

use reqwest::Url;
use serde::Deserialize;

use crate::config::secret::Credential;
use crate::model::health::Error;
use crate::systems::http::{Login, ServiceSettings, base_address};
use crate::systems::kube::ServiceTarget;
use crate::systems::{Environment, Settings};

use super::panels::{self, Panel};
use super::span;

/// How often Prometheus is taken to scrape where nobody says, in seconds; Grafana takes the same.
pub(super) const USUAL_SCRAPE: f64 = 15.0;

/// The section `prometheus` as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// The address, with the path prefix if it has one.
    url: Option<String>,
    /// A Service in the cluster, instead of an address.
    service: Option<ServiceSettings>,
    username: Option<String>,
    password: Option<Credential>,
    token: Option<Credential>,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    insecure: bool,
    /// A file with the panels of the view Metrics, relative to the config file.
    panels: Option<PathBuf>,
    /// How often it scrapes (`15s`), where it does not tell itself.
    scrape_interval: Option<String>,
}

/// Where Prometheus is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// At an address.
    Address(Url),
    /// Behind a Service of the cluster, under a prefix.
    Service(ServiceTarget, String),
    /// Nowhere that we know of.
    Nowhere,
}

/// The settings, complete.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    /// Where it is.
    pub(super) place: Place,
    /// How to log in.
    pub(super) login: Login,
    /// Certificates to trust.
    pub(super) ca_file: Option<PathBuf>,
    /// Whether any certificate is taken.
    pub(super) insecure: bool,
    /// The panels.
    pub(super) panels: Vec<Panel>,
    /// The scrape interval in seconds, if the operator gave one.
    pub(super) scrape: Option<f64>,
}

/// The settings of the config file, the address of the environment where there is none.
pub(super) fn resolve(settings: &Settings, env: &Environment) -> Result<Resolved, Error> {
    let table = read(settings)?;
    let login = login(settings, &table)?;
    let place = match (&table.service, &table.url) {
        (Some(_), Some(_)) => return Err(wrong(settings, "give url or service, not both")),
        (Some(_), None) if !matches!(login, Login::None) => {
            return Err(wrong(
                settings,
                "a login can't be sent through the cluster's service proxy; give url instead of service",
            ));
        }
        (Some(service), None) => Place::Service(target(settings, service)?, service.prefix()),
        (None, Some(url)) => Place::Address(base_address(url)?),
        (None, None) => match env("PROMETHEUS_URL").filter(|url| !url.trim().is_empty()) {
            Some(url) => Place::Address(base_address(&url)?),
            None => Place::Nowhere,
        },
    };
    let folder = settings.file.as_deref().and_then(std::path::Path::parent);
    let beside = |file: &PathBuf| folder.map_or_else(|| file.clone(), |folder| folder.join(file));
    let panels = match table.panels.as_ref().map(beside) {
        None => panels::built_in(),
        Some(file) => {
            let text = std::fs::read_to_string(&file)
                .map_err(|error| wrong(settings, &format!("can't read the panels in {}: {error}", file.display())))?;
            panels::read(&text, &file.display().to_string())?
        }
    };
    let scrape = match &table.scrape_interval {
        None => None,
        Some(text) => Some(span::duration(text).ok_or_else(|| {
            wrong(settings, &format!("scrape_interval: {text:?} is no duration; write it as 15s or 1m"))
        })?),
    };
    let ca_file = table.ca_file.as_ref().map(beside);
    Ok(Resolved { place, login, ca_file, insecure: table.insecure, panels, scrape })
}

fn read(settings: &Settings) -> Result<Table, Error> {
    settings.table.clone().try_into().map_err(|error: toml::de::Error| wrong(settings, error.message()))
}

fn login(settings: &Settings, table: &Table) -> Result<Login, Error> {
    match (&table.username, &table.password, &table.token) {
        (None, None, None) => Ok(Login::None),
        (None, None, Some(token)) => Ok(Login::Bearer(token.clone())),
        (Some(username), Some(password), None) => {
            Ok(Login::Basic { username: username.clone(), password: password.clone() })
        }
        (_, _, Some(_)) => Err(wrong(settings, "give token, or username and password, not both")),
        _ => Err(wrong(settings, "username and password belong together")),
    }
}

fn target(settings: &Settings, service: &ServiceSettings) -> Result<ServiceTarget, Error> {
    service.target().map_err(|error| match error {
        Error::Config { what } => wrong(settings, &what),
        other => other,
    })
}

fn wrong(settings: &Settings, why: &str) -> Error {
    let file = settings.file.as_ref().map(|file| format!("{}: ", file.display())).unwrap_or_default();
    Error::Config { what: format!("{file}[prometheus]: {why}") }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn resolved(text: &str, url: Option<&'static str>) -> Result<Resolved, Error> {
        let settings = Settings { table: text.parse().unwrap(), file: Some("/etc/q/config.toml".into()) };
        let env: Environment =
            Arc::new(move |name| (name == "PROMETHEUS_URL").then(|| url.map(str::to_owned)).flatten());
        resolve(&settings, &env)
    }

    #[test]
    fn the_file_beats_the_environment_and_neither_is_nowhere() {
        let file = resolved("url = 'http://a:9090/prom'", Some("http://b")).unwrap();
        assert_eq!(file.place, Place::Address("http://a:9090/prom".parse().unwrap()));
        assert_eq!(resolved("", Some("http://b")).unwrap().place, Place::Address("http://b".parse().unwrap()));
        assert_eq!(resolved("", None).unwrap().place, Place::Nowhere);
    }

    #[test]
    fn a_service_is_reached_by_name_and_port_under_its_prefix() {
        let text = "service = { namespace = 'monitoring', name = 'prometheus', port = 9090, path = 'prom/' }";
        let Place::Service(target, prefix) = resolved(text, None).unwrap().place else { panic!("not a service") };
        assert_eq!((target.to_string().as_str(), prefix.as_str()), ("service monitoring/prometheus:9090", "/prom"));
    }

    #[test]
    fn mistakes_are_named_with_their_file() {
        for (text, words) in [
            ("urll = 'x'", "unknown field `urll`"),
            ("url = 'http://a'\nservice = { namespace = 'a', name = 'b', port = 'web' }", "not both"),
            ("url = 'http://a'\nusername = 'x'", "belong together"),
            ("scrape_interval = 'often'", "no duration"),
            ("panels = 'nowhere.toml'", "/etc/q/nowhere.toml"),
            ("service = { namespace = 'a', name = 'b', port = 1 }\ntoken = { env = 'T' }", "service proxy"),
        ] {
            let error = resolved(text, None).unwrap_err().to_string();
            assert!(error.contains("/etc/q/config.toml: [prometheus]") && error.contains(words), "{error}");
        }
    }
}
