//! Secrets that never show themselves, and where they are kept: an environment variable, a file, or a command's output.
//!
//! A config file holds references only; a secret written there is refused, and the message does not repeat it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::model::health::Error;
use crate::model::text::clean;

/// How long a command may take to print a secret.
const COMMAND_LIMIT: Duration = Duration::from_secs(20);
/// More than this is no secret.
const SIZE_LIMIT: u64 = 64 * 1024;

/// A password or token. Neither `Debug` nor `Display` shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes a secret in.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The secret itself, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `text` with every occurrence of the secret taken out.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        if self.0.is_empty() { text.to_owned() } else { text.replace(&*self.0, "***") }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a secret is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// In this variable of the environment: `{ env = "NAME" }`.
    Env(String),
    /// In this file: `{ file = "PATH" }`.
    File(PathBuf),
    /// Printed by this program: `{ command = ["PROGRAM", "ARGUMENT"] }`.
    Command(Vec<String>),
    /// Known already; never from a config file.
    Given(Secret),
}

/// Looks up a variable of the environment.
pub type Lookup<'a> = &'a (dyn Fn(&str) -> Option<String> + Send + Sync);

impl Credential {
    /// Fetches the secret. Waits for a command at most 20 s; its standard input is empty and its error output is kept
    /// for the message.
    pub async fn resolve(&self, env: Lookup<'_>) -> Result<Secret, Error> {
        let text = match self {
            Self::Given(secret) => return Ok(secret.clone()),
            Self::Env(name) => env(name)
                .ok_or_else(|| Error::Config { what: format!("the environment variable {name} is not set") })?,
            Self::File(path) => read_file(path).await?,
            Self::Command(words) => run(words).await?,
        };
        let text = text.trim_end_matches(['\r', '\n']);
        if text.is_empty() {
            return Err(Error::Config { what: format!("{self} is empty") });
        }
        if text.chars().any(char::is_control) {
            return Err(Error::Config { what: format!("{self} holds more than one line, or control characters") });
        }
        Ok(Secret::new(text))
    }

    /// Whether asking again may give another secret.
    #[must_use]
    pub fn may_change(&self) -> bool {
        matches!(self, Self::File(_) | Self::Command(_))
    }

    /// The same reference with a relative file path counted from `folder`.
    #[must_use]
    pub fn relative_to(self, folder: &Path) -> Self {
        match self {
            Self::File(path) if path.is_relative() => Self::File(folder.join(path)),
            other => other,
        }
    }
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "the environment variable {name}"),
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Command(words) => {
                write!(f, "the output of {}", words.first().map_or("a command", String::as_str))
            }
            Self::Given(_) => f.write_str("the given secret"),
        }
    }
}

async fn read_file(path: &Path) -> Result<String, Error> {
    let wrong = |why: String| Error::Config { what: format!("can't read the secret in {}: {why}", path.display()) };
    let file = tokio::fs::File::open(path).await.map_err(|error| wrong(error.to_string()))?;
    let mut text = String::new();
    file.take(SIZE_LIMIT + 1).read_to_string(&mut text).await.map_err(|error| wrong(error.to_string()))?;
    if text.len() as u64 > SIZE_LIMIT { Err(wrong("it is too large".into())) } else { Ok(text) }
}

async fn run(words: &[String]) -> Result<String, Error> {
    let Some((program, arguments)) = words.split_first() else {
        return Err(Error::Config { what: "the command of a credential is empty".into() });
    };
    let failed = |why: String| Error::Unauthorized { what: format!("the command {program}"), why };
    // a process group of its own: it can't read the terminal, and whatever it starts ends with it
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| failed(format!("can't be started: {error}")))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let group = child.id();
    let work = async {
        let (out, err) = tokio::join!(read_pipe(stdout), read_pipe(stderr));
        (out, err, child.wait().await)
    };
    let Ok((out, err, status)) = tokio::time::timeout(COMMAND_LIMIT, work).await else {
        end_group(group);
        return Err(failed(format!("did not end within {} s", COMMAND_LIMIT.as_secs())));
    };
    match status {
        Ok(status) if status.success() => Ok(out),
        Ok(status) => {
            let last = err.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no message");
            Err(failed(format!("{status}: {}", clean(last))))
        }
        Err(error) => Err(failed(error.to_string())),
    }
}

async fn read_pipe(pipe: Option<impl AsyncRead + Unpin>) -> String {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        // what could be read before an error is still worth showing
        let _ = pipe.take(SIZE_LIMIT).read_to_end(&mut bytes).await;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn end_group(group: Option<u32>) {
    let group = group.and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
}

const EXPECTED: &str = "a reference: { env = \"NAME\" }, { file = \"PATH\" } or { command = [\"PROGRAM\", …] }";

impl<'de> Deserialize<'de> for Credential {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ReferenceVisitor)
    }
}

struct ReferenceVisitor;

impl<'de> Visitor<'de> for ReferenceVisitor {
    type Value = Credential;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(EXPECTED)
    }

    fn visit_str<E: de::Error>(self, _secret: &str) -> Result<Credential, E> {
        Err(E::custom(format!("secrets are not written here; expected {EXPECTED}")))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Credential, A::Error> {
        let mut found = None;
        while let Some(key) = map.next_key::<String>()? {
            if found.is_some() {
                return Err(de::Error::custom("only one of env, file and command may be given"));
            }
            found = Some(match key.as_str() {
                "env" => Credential::Env(map.next_value()?),
                "file" => Credential::File(map.next_value()?),
                "command" => Credential::Command(map.next_value()?),
                other => return Err(de::Error::unknown_field(other, &["env", "file", "command"])),
            });
        }
        match found {
            Some(Credential::Command(words)) if words.is_empty() => {
                Err(de::Error::custom("the command of a credential is empty"))
            }
            Some(found) => Ok(found),
            None => Err(de::Error::custom(format!("expected {EXPECTED}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Table {
        token: Credential,
    }

    fn nothing(_: &str) -> Option<String> {
        None
    }

    fn shell(script: &str) -> Credential {
        Credential::Command(vec!["sh".into(), "-c".into(), script.into()])
    }

    #[test]
    fn a_secret_shows_itself_neither_in_debug_nor_in_display() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {secret}"), "*** ***");
        assert_eq!(secret.redact("wrong password hunter2!"), "wrong password ***!");
    }

    #[test]
    fn a_secret_written_into_the_config_is_refused_without_being_repeated() {
        let error = toml::from_str::<Table>("token = \"hunter2\"").unwrap_err();
        assert!(error.message().contains("secrets are not written here"));
        assert!(!error.message().contains("hunter2"));
    }

    #[test]
    fn references_are_read_and_unknown_ones_named() {
        let read = |text: &str| toml::from_str::<Table>(text).map(|table| table.token);
        assert_eq!(read("token = { env = \"T\" }").unwrap(), Credential::Env("T".into()));
        assert_eq!(read("token = { command = [\"pass\", \"x\"] }").unwrap().to_string(), "the output of pass");
        assert!(read("token = { value = \"x\" }").unwrap_err().message().contains("expected one of `env`"));
        assert!(read("token = { env = \"T\", file = \"x\" }").is_err());
    }

    #[tokio::test]
    async fn a_command_gets_no_input_and_its_last_words_are_the_message() {
        let secret = shell("read line; printf 'tok%s\\n' \"$line\"").resolve(&nothing).await.unwrap();
        assert_eq!(secret.expose(), "tok");
        let error =
            shell("echo first >&2; printf '\\033[2Jreauth needed\\n' >&2; exit 3").resolve(&nothing).await.unwrap_err();
        assert_eq!(error.to_string(), "not logged in to the command sh: exit status: 3: reauth needed");
    }

    #[tokio::test]
    async fn a_missing_variable_file_or_program_is_named() {
        let words = |error: Error| error.to_string();
        assert!(words(Credential::Env("NOPE".into()).resolve(&nothing).await.unwrap_err()).contains("NOPE"));
        assert!(words(Credential::File("/no/such".into()).resolve(&nothing).await.unwrap_err()).contains("/no/such"));
        let absent = Credential::Command(vec!["no-such-program".into()]);
        assert!(words(absent.resolve(&nothing).await.unwrap_err()).contains("no-such-program"));
    }
}
