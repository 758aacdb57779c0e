//! Credential plugins: programs that print a token, such as `aws eks get-token`.
//!
//! They are run here and not by the kube crate, which would give them our terminal, could not end one that hangs, and
//! says nothing of what it wrote. Format: `client.authentication.k8s.io/v1` and `v1beta1`, `ExecCredential`.

use std::process::Stdio;
use std::time::Duration;

use chrono::{DateTime, Utc};
use kube::config::{Cluster as ClusterEntry, ExecAuthCluster, ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use tokio::process::Command;
use tokio::time::{Instant, sleep_until};

use crate::model::health::Error;
use crate::model::text::clean;

/// How long a plugin may take, in seconds.
pub(super) const LIMIT_SECONDS: u64 = 15;

/// What a plugin printed.
#[derive(Deserialize)]
struct ExecCredential {
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    expiration_timestamp: Option<DateTime<Utc>>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

/// What a plugin gave. Has no `Debug`: it is secret.
pub(super) struct Given {
    pub(super) token: Option<String>,
    /// Certificate and key, PEM.
    pub(super) identity: Option<(String, String)>,
    pub(super) expires: Option<DateTime<Utc>>,
}

/// A credential plugin and how it is run.
pub(super) struct Plugin {
    config: ExecConfig,
    information: String,
    user: String,
}

/// The plugin's name without its folder.
pub(super) fn short_name(config: &ExecConfig) -> String {
    let command = config.command.as_deref().unwrap_or("without a command");
    clean(command.rsplit('/').next().unwrap_or(command))
}

impl Plugin {
    /// Checks that the plugin can run without a terminal.
    pub(super) fn new(config: ExecConfig, cluster: &ClusterEntry, user: &str) -> Result<Self, Error> {
        let name = short_name(&config);
        if config.interactive_mode == Some(ExecInteractiveMode::Always) {
            return Err(Error::Unauthorized {
                what: user.to_owned(),
                why: format!(
                    "its credential plugin {name} wants the terminal for itself (interactiveMode: Always), which this program can't give"
                ),
            });
        }
        if config.command.as_deref().unwrap_or_default().is_empty() {
            return Err(Error::Config { what: format!("the user {user} has an exec plugin without a command") });
        }
        let cluster_information = if config.provide_cluster_info {
            let known = ExecAuthCluster::try_from(cluster).map_err(|error| Error::Config {
                what: format!("the cluster's data for the plugin {name}: {error}"),
            })?;
            serde_json::to_value(known).unwrap_or_default()
        } else {
            serde_json::Value::Null
        };
        let mut spec = serde_json::json!({ "interactive": false });
        if let (Some(spec), false) = (spec.as_object_mut(), cluster_information.is_null()) {
            spec.insert("cluster".into(), cluster_information);
        }
        let information =
            serde_json::json!({ "kind": "ExecCredential", "apiVersion": config.api_version, "spec": spec });
        Ok(Self { config, information: information.to_string(), user: user.to_owned() })
    }

    /// Runs it. It gets neither our terminal nor more than [`LIMIT_SECONDS`].
    pub(super) async fn run(&self) -> Result<Given, Error> {
        self.run_until(sleep_until(Instant::now() + Duration::from_secs(LIMIT_SECONDS))).await
    }

    /// The same until `late`.
    pub(super) async fn run_until(&self, late: impl Future<Output = ()>) -> Result<Given, Error> {
        let name = short_name(&self.config);
        let mut command = Command::new(self.config.command.as_deref().unwrap_or_default());
        command
            .args(self.config.args.iter().flatten())
            .envs(self.config.env.iter().flatten().filter_map(|pair| Some((pair.get("name")?, pair.get("value")?))))
            .env("KUBERNETES_EXEC_INFO", &self.information)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // its own group, so that what it started can be ended with it
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn().map_err(|error| self.not_started(&name, &error))?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        let ended = tokio::select! {
            ended = child.wait_with_output() => Some(ended),
            () = late => None,
        };
        let Some(ended) = ended else {
            if let Some(group) = group {
                // one that has just ended by itself is no trouble
                rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap_or_default();
            }
            return Err(
                self.refused(format!("the credential plugin {name} said nothing for {LIMIT_SECONDS} s and was ended"))
            );
        };
        let output = ended.map_err(|error| self.not_started(&name, &error))?;
        let said = last_line(&output.stderr);
        if !output.status.success() {
            let why = if said.is_empty() { output.status.to_string() } else { said };
            return Err(self.refused(format!("the credential plugin {name} failed: {why}")));
        }
        self.read(&name, &output.stdout)
    }

    fn read(&self, name: &str, printed: &[u8]) -> Result<Given, Error> {
        // never with the parser's words: they may quote the token
        let odd = |what: &str| self.refused(format!("the credential plugin {name} printed {what}"));
        let text = std::str::from_utf8(printed).map_err(|_error| odd("something that is not text"))?;
        let credential: ExecCredential =
            serde_saphyr::from_str(text).map_err(|_error| odd("something that is not an ExecCredential"))?;
        let status = credential.status.ok_or_else(|| odd("an ExecCredential without a status"))?;
        let identity = status.client_certificate_data.zip(status.client_key_data);
        let token = status.token.filter(|token| !token.is_empty());
        if token.is_none() && identity.is_none() {
            return Err(odd("neither a token nor a certificate"));
        }
        Ok(Given { token, identity, expires: status.expiration_timestamp })
    }

    fn not_started(&self, name: &str, error: &std::io::Error) -> Error {
        let hint =
            self.config.install_hint.as_deref().and_then(|hint| hint.lines().find(|line| !line.trim().is_empty()));
        let why = if error.kind() == std::io::ErrorKind::NotFound { "not found".to_owned() } else { error.to_string() };
        let hint = hint.map(|hint| format!(" ({})", clean(hint.trim()))).unwrap_or_default();
        self.refused(format!("the credential plugin {name} can't be started: {why}{hint}"))
    }

    fn refused(&self, why: String) -> Error {
        Error::Unauthorized { what: self.user.clone(), why }
    }
}

/// The last line that says something, made harmless and not too long.
fn last_line(written: &[u8]) -> String {
    let text = String::from_utf8_lossy(written);
    text.lines()
        .rev()
        .map(|line| clean(line).trim().chars().take(300).collect::<String>())
        .find(|line| !line.is_empty())
        .unwrap_or_default()
}
