//! MLflow's section of the config file, and what stands in the environment for it.

use std::path::PathBuf;

use reqwest::Url;
use serde::Deserialize;

use crate::config::secret::Credential;
use crate::model::health::Error;
use crate::systems::http::{Login, ServiceSettings, base_address};
use crate::systems::kube::ServiceTarget;
use crate::systems::{Environment, Settings};

/// The section `mlflow` as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    url: Option<String>,
    username: Option<String>,
    password: Option<Credential>,
    token: Option<Credential>,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    insecure: bool,
    service: Option<ServiceSettings>,
}

/// Where the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// At an address.
    Address(Url),
    /// Behind a Service of the cluster, under a prefix.
    Service(ServiceTarget, String),
}

/// The settings, complete.
#[derive(Debug, Clone)]
pub(super) struct Resolved {
    pub(super) place: Place,
    pub(super) login: Login,
    pub(super) ca_file: Option<PathBuf>,
    pub(super) insecure: bool,
}

/// The settings of the config file, the gaps filled from the environment; an error if no server is named.
pub(super) fn resolve(settings: &Settings, env: &Environment) -> Result<Resolved, Error> {
    let table = read(settings)?;
    let uri = env("MLFLOW_TRACKING_URI").filter(|uri| !uri.trim().is_empty());
    // a login of the environment belongs to the server of the environment, and is never sent to another
    let same = table.service.is_none() && (table.url.is_none() || uri.is_none() || table.url == uri);
    let place = match (&table.service, &table.url, uri) {
        (Some(service), ..) => Place::Service(service.target()?, service.prefix()),
        (None, Some(url), _) => Place::Address(base_address(url)?),
        (None, None, Some(uri)) => Place::Address(tracking_uri(&uri)?),
        (None, None, None) => {
            return Err(Error::NotSetUp {
                what: "MLflow".into(),
                lines: "[profiles.NAME.mlflow]\nurl = \"https://mlflow.example.com\"\nor set MLFLOW_TRACKING_URI"
                    .into(),
            });
        }
    };
    let login = login(&table, if same { Some(env) } else { None })?;
    if matches!(place, Place::Service(..)) && !matches!(login, Login::None) {
        return Err(wrong(
            settings,
            "a login can't be sent through the cluster's service proxy; give url instead of service",
        ));
    }
    let folder = settings.file.as_deref().and_then(std::path::Path::parent);
    let ca_file = table.ca_file.clone().map(|file| folder.map_or(file.clone(), |folder| folder.join(&file)));
    let ca_file = ca_file.or_else(|| env("MLFLOW_TRACKING_SERVER_CERT_PATH").filter(|_| same).map(PathBuf::from));
    let insecure = table.insecure || same && env("MLFLOW_TRACKING_INSECURE_TLS").is_some_and(|word| word == "true");
    Ok(Resolved { place, login, ca_file, insecure })
}

/// Checks what can be checked without asking anybody.
pub(super) fn check(settings: &Settings) -> Result<(), Error> {
    let table = read(settings)?;
    if let Some(url) = &table.url {
        base_address(url)?;
    }
    if table.url.is_some() && table.service.is_some() {
        return Err(wrong(settings, "give url or service, not both"));
    }
    if let Some(service) = &table.service {
        service.target()?;
    }
    login(&table, None).map(|_| ())
}

fn read(settings: &Settings) -> Result<Table, Error> {
    let table: Table =
        settings.table.clone().try_into().map_err(|error: toml::de::Error| wrong(settings, error.message()))?;
    let folder = settings.file.as_deref().and_then(std::path::Path::parent);
    let anchored = |credential: Option<Credential>| match folder {
        Some(folder) => credential.map(|credential| credential.relative_to(folder)),
        None => credential,
    };
    Ok(Table { password: anchored(table.password.clone()), token: anchored(table.token.clone()), ..table })
}

fn wrong(settings: &Settings, why: &str) -> Error {
    let file = settings.file.as_ref().map(|file| format!("{}: ", file.display())).unwrap_or_default();
    Error::Config { what: format!("{file}mlflow: {why}") }
}

fn login(table: &Table, env: Option<&Environment>) -> Result<Login, Error> {
    let refused = |why: &str| Err(Error::Config { what: format!("mlflow: {why}") });
    match (&table.username, &table.password, &table.token) {
        (Some(username), Some(password), None) => {
            return Ok(Login::Basic { username: username.clone(), password: password.clone() });
        }
        (None, None, Some(token)) => return Ok(Login::Bearer(token.clone())),
        (None, None, None) => {}
        (_, _, Some(_)) => return refused("give username and password, or token, not both"),
        _ => return refused("username and password belong together"),
    }
    let Some(env) = env else { return Ok(Login::None) };
    let set = |name: &str| env(name).filter(|value| !value.is_empty());
    // the order of MLflow's own client
    if let Some(username) = set("MLFLOW_TRACKING_USERNAME") {
        let password = Credential::Env("MLFLOW_TRACKING_PASSWORD".into());
        return Ok(Login::Basic { username, password });
    }
    let token = "MLFLOW_TRACKING_TOKEN";
    Ok(set(token).map_or(Login::None, |_| Login::Bearer(Credential::Env(token.into()))))
}

/// The tracking address of the environment, which may also be something that is no server.
fn tracking_uri(uri: &str) -> Result<Url, Error> {
    if uri.starts_with("http://") || uri.starts_with("https://") {
        return base_address(uri);
    }
    let scheme = uri.split(':').next().unwrap_or_default();
    Err(Error::Config { what: format!("MLFLOW_TRACKING_URI is no http address ({scheme}…): set url in the profile") })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn env(pairs: &'static [(&'static str, &'static str)]) -> Environment {
        Arc::new(move |name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    fn settings(text: &str) -> Settings {
        Settings { table: text.parse().unwrap(), file: Some("/etc/q/config.toml".into()) }
    }

    const LOGGED_IN: &[(&str, &str)] = &[
        ("MLFLOW_TRACKING_URI", "https://ml.example.com/mlflow"),
        ("MLFLOW_TRACKING_USERNAME", "me"),
        ("MLFLOW_TRACKING_TOKEN", "t"),
    ];

    #[test]
    fn the_environment_alone_is_enough() {
        let resolved = resolve(&Settings::default(), &env(LOGGED_IN)).unwrap();
        assert!(matches!(resolved.place, Place::Address(url) if url.as_str() == "https://ml.example.com/mlflow"));
        assert!(matches!(resolved.login, Login::Basic { username, .. } if username == "me"));
        let error = resolve(&Settings::default(), &env(&[])).err().unwrap();
        assert_eq!(error.to_string(), "MLflow is not set up");
        assert!(error.advice().contains("[profiles.NAME.mlflow]\nurl = "), "{}", error.advice());
    }

    #[test]
    fn the_login_of_the_environment_is_not_sent_to_another_server() {
        let resolved = resolve(&settings("url = \"https://other.example.com\""), &env(LOGGED_IN)).unwrap();
        assert!(matches!(resolved.login, Login::None));
    }

    #[test]
    fn a_wrong_section_names_the_field() {
        let words = |text: &str| check(&settings(text)).unwrap_err().to_string();
        assert!(words("ulr = \"http://x\"").contains("unknown field `ulr`"));
        assert!(words("ulr = \"http://x\"").starts_with("/etc/q/config.toml: mlflow:"));
        assert!(words("url = \"x\"").contains("http://HOST"));
        assert!(words("username = \"me\"").contains("belong together"));
    }

    #[test]
    fn a_service_is_taken_without_a_login_only() {
        let service = "service = { namespace = \"ml\", name = \"mlflow\", port = 80, path = \"/m/\" }\n";
        let resolved = resolve(&settings(service), &env(LOGGED_IN)).unwrap();
        assert!(matches!(&resolved.place, Place::Service(target, prefix) if target.name == "mlflow" && prefix == "/m"));
        assert!(matches!(resolved.login, Login::None));
        let error = resolve(&settings(&format!("{service}token = {{ env = \"T\" }}")), &env(&[])).unwrap_err();
        assert!(error.to_string().contains("can't be sent"));
    }

    #[test]
    fn files_count_from_the_config_files_folder() {
        let text = "url = \"https://h\"\ntoken = { file = \"token\" }\nca_file = \"ca.pem\"";
        let resolved = resolve(&settings(text), &env(&[])).unwrap();
        assert!(
            matches!(resolved.login, Login::Bearer(Credential::File(file)) if file == std::path::Path::new("/etc/q/token"))
        );
        assert_eq!(resolved.ca_file.as_deref(), Some(std::path::Path::new("/etc/q/ca.pem")));
    }

    #[test]
    fn a_tracking_uri_that_is_no_server_says_so() {
        let error = resolve(&Settings::default(), &env(&[("MLFLOW_TRACKING_URI", "sqlite:///x.db")])).unwrap_err();
        assert!(error.to_string().contains("no http address (sqlite…)"));
    }
}
