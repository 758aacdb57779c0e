//! The command line: the console, and the same data and plans without a screen.
//!
//! Data go to standard output, words to standard error. Exit status: 0 done, 1 a check or a prediction failed, 2 usage or
//! config or standard output can't be written, 3 unreachable or not permitted.

mod act;
mod args;
mod audit;
mod config;
mod connect;
mod console;
mod demo;
mod docs;
mod get;
mod log;
mod look;
mod out;
mod predict;
mod predictor;
mod print;
mod session;
mod status;

use std::process::ExitCode;

use clap::Parser;
use tokio::runtime::Runtime;

pub use args::Args;
use args::{Command, Global};
use session::Session;

use crate::actions::Denied;
use crate::config::ConfigError;
use crate::model::health::Error;

/// Why a command ends without success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    what: String,
    advice: String,
    code: u8,
    /// The kind, where a system gave it.
    error: Option<Error>,
}

impl Failure {
    /// The command line, the config or a file is wrong.
    fn usage(what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { what: what.into(), advice: advice.into(), code: 2, error: None }
    }

    /// Says it and gives the exit status.
    fn end(&self) -> ExitCode {
        out::words(&format!("quarterdeck: {}", self.what));
        if !self.advice.is_empty() {
            out::words(&format!("  {}", self.advice.replace('\n', "\n  ")));
        }
        ExitCode::from(self.code)
    }

    /// A file or the terminal can't be had.
    #[expect(clippy::needless_pass_by_value, reason = "as map_err gives it")]
    fn io(error: std::io::Error) -> Self {
        Self::usage(error.to_string(), "")
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::usage(error.to_string(), "mend it; `quarterdeck config check` shows all mistakes")
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { what: error.to_string(), advice: advice(&error), code: exit_status(&error), error: Some(error) }
    }
}

impl From<Denied> for Failure {
    fn from(denied: Denied) -> Self {
        Self { what: denied.to_string(), advice: denied.advice(), code: 3, error: None }
    }
}

/// The exit status that an error of a system ends with.
fn exit_status(error: &Error) -> u8 {
    match error {
        Error::Config { .. } | Error::Storage { .. } | Error::Unreadable { .. } => 2,
        Error::Conflict { .. } | Error::Refused { .. } | Error::Gone { .. } => 1,
        _ => 3,
    }
}

/// What can be done about an error where there is no screen: nothing is tried again by itself, and no key is pressed.
fn advice(error: &Error) -> String {
    match error {
        Error::Absent { .. } => "install it, or say in the config where it is: `quarterdeck config init`".into(),
        Error::Unreachable { .. } => "check the address, the VPN and the proxy settings".into(),
        Error::Timeout { .. } => "the server is busy or something swallows packets".into(),
        Error::Unauthorized { .. } => "log in again with the tool that made these credentials".into(),
        Error::RateLimited { until: None, .. } => "try again later".into(),
        Error::Gone { .. } => "look at what is there now".into(),
        Error::Config { .. } => "mend it; `quarterdeck config check` shows all mistakes of the config file".into(),
        Error::Conflict { .. }
        | Error::Forbidden { .. }
        | Error::NotSetUp { .. }
        | Error::Protocol { .. }
        | Error::RateLimited { .. }
        | Error::Refused { .. }
        | Error::Storage { .. }
        | Error::Unreadable { .. } => error.advice(),
    }
}

/// Runs the command line and says how it ended.
#[must_use]
pub fn main() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // help and version are data, mistakes are words; clap knows which
            let code = if error.use_stderr() { 2 } else { 0 };
            return match out::printed(error.print()) {
                Err(failure) => failure.end(),
                Ok(_) => ExitCode::from(code),
            };
        }
    };
    match run(args) {
        Ok(code) => code,
        Err(failure) => failure.end(),
    }
}

fn run(args: Args) -> Result<ExitCode, Failure> {
    // two workers: a feed that decodes a long list holds up no other
    let outside =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(Failure::io)?;
    let screen = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::io)?;
    let result = screen.block_on(dispatch(args, &outside));
    // what still waits for a server is not waited for
    outside.shutdown_background();
    result
}

async fn dispatch(args: Args, outside: &Runtime) -> Result<ExitCode, Failure> {
    let Args { mut global, command } = args;
    match command {
        Some(Command::Demo(demo)) => {
            demo::flags(&demo, &mut global);
            if demo.serve {
                return demo::serve(&global, demo.dir.as_deref()).await;
            }
            open_console(&global, outside).await
        }
        None => open_console(&global, outside).await,
        Some(Command::Status(args)) => status::run(&session(&global, outside).await?, &args).await,
        Some(Command::Get(args)) => get::run(&session(&global, outside).await?, &args).await,
        Some(Command::Predict(args)) => predict::run(&session(&global, outside).await?, &args).await,
        Some(Command::Promote(args)) => act::run(&session(&global, outside).await?, "promote", &args).await,
        Some(Command::Rollback(args)) => act::run(&session(&global, outside).await?, "rollback", &args).await,
        Some(Command::Canary(args)) => act::canary(&session(&global, outside).await?, args).await,
        Some(Command::Audit(args)) => audit::run(&session(&global, outside).await?, &args),
        Some(Command::Config(args)) => config::run(&global, &args),
        Some(Command::Keys) => docs::keys(&global),
        Some(Command::Themes) => docs::themes(),
        Some(Command::Completions { shell }) => docs::completions(shell),
        Some(Command::Man) => docs::man(),
    }
}

async fn open_console(global: &Global, outside: &Runtime) -> Result<ExitCode, Failure> {
    let session = session(global, outside).await?;
    let log = log::start(&session.paths.state.join("logs"), session.clock().clone());
    console::run(session, global, log).await?;
    Ok(ExitCode::SUCCESS)
}

/// The session that the flags ask for.
async fn session(global: &Global, outside: &Runtime) -> Result<Session, Failure> {
    let handle = outside.handle().clone();
    if global.demo {
        return Session::demo(global, handle).await;
    }
    Session::real(global, handle)
}
