//! `quarterdeck status`: how every system does.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::args::StatusArgs;
use super::connect::{Reading, link};
use super::print::pretty;
use super::session::Session;
use super::{Failure, out};
use crate::model::health::{Error, Health};
use crate::model::record::Rows;
use crate::systems::System;

/// How long one system may take.
const LIMIT: Duration = Duration::from_secs(10);

/// What was found of one system.
struct Found {
    id: &'static str,
    title: &'static str,
    /// How it went: rows by health of each pane, or why not.
    result: Result<Vec<(String, usize, usize)>, Error>,
    seconds: f64,
}

/// Asks all systems at the same time and prints how each does; 3 if one can't be reached or is not permitted, else 1 if
/// something in one is bad.
pub(super) async fn run(session: &Session, args: &StatusArgs) -> Result<ExitCode, Failure> {
    let systems = crate::systems::all();
    out::progress(&format!("asking {} systems", systems.len()));
    let found = join_all(systems.iter().map(|system| async move {
        let begun = Instant::now();
        let result = ask(session, *system).await;
        Found { id: system.id().0, title: system.title(), result, seconds: begun.elapsed().as_secs_f64() }
    }));
    let found = found.await;
    out::progress_done();
    let text = if args.json { as_json(session, &found)? } else { as_text(&found) };
    out::data(&text)?;
    Ok(ExitCode::from(found.iter().map(Found::code).max().unwrap_or(0)))
}

impl Found {
    /// The exit status that this system by itself asks for. One that is not set up is nobody's fault.
    fn code(&self) -> u8 {
        match &self.result {
            Err(error) if error.is_absent() => 0,
            Err(_) => 3,
            Ok(counts) => u8::from(counts.iter().any(|(_, _, bad)| *bad > 0)),
        }
    }
}

async fn ask(session: &Session, system: &'static dyn System) -> Result<Vec<(String, usize, usize)>, Error> {
    let lost = || Error::Timeout { what: system.title().to_owned(), seconds: LIMIT.as_secs() };
    let as_error = |failure: Failure| failure.error.unwrap_or(Error::Protocol { what: failure.what });
    link(session, system.id(), LIMIT).await.map_err(as_error)?;
    let mut counts = Vec::new();
    for pane in system.panes().iter().filter(|pane| pane.standing && pane.detail.is_some()) {
        let mut reading = Reading::alone(session, *pane, LIMIT).await.map_err(as_error)?;
        timeout(LIMIT, reading.first()).await.map_err(|_elapsed| lost())?.map_err(as_error)?;
        let empty = Rows::default();
        let rows = reading.panes.rows(pane.id).unwrap_or(&empty);
        let state = reading.panes.heads(pane.id).iter().position(|head| head.state);
        let bad = rows.iter().filter(|row| state.is_some_and(|at| row.cell(at).health() == Some(Health::Bad))).count();
        counts.push((pane.id.0.to_owned(), rows.len(), bad));
    }
    Ok(counts)
}

fn as_text(found: &[Found]) -> String {
    let mut text = String::new();
    for one in found {
        let (word, rest) = match &one.result {
            Ok(counts) => {
                let counts: Vec<String> = counts
                    .iter()
                    .map(
                        |(pane, rows, bad)| {
                            if *bad > 0 { format!("{rows} {pane} ({bad} bad)") } else { format!("{rows} {pane}") }
                        },
                    )
                    .collect();
                ("ok", counts.join(", "))
            }
            Err(error) if error.is_absent() => ("absent", error.to_string()),
            Err(error) => ("failing", format!("{error}\n{:26}{}", "", error.advice())),
        };
        let _ = writeln!(text, "{:12}  {word:7}  {rest}", one.title);
    }
    text
}

fn as_json(session: &Session, found: &[Found]) -> Result<String, Failure> {
    let systems: Vec<_> = found
        .iter()
        .map(|one| match &one.result {
            Ok(counts) => {
                let panes: serde_json::Map<_, _> =
                    counts.iter().map(|(pane, rows, bad)| (pane.clone(), json!({"rows": rows, "bad": bad}))).collect();
                json!({"id": one.id, "state": "ok", "panes": panes, "seconds": one.seconds})
            }
            Err(error) => {
                let state = if error.is_absent() { "absent" } else { "failing" };
                json!({"id": one.id, "state": state, "error": error, "message": error.to_string(), "advice": error.advice(), "seconds": one.seconds})
            }
        })
        .collect();
    let header = session.header();
    pretty(
        &json!({"profile": header.profile, "cluster": header.cluster, "environment": header.environment, "systems": systems}),
    )
}
