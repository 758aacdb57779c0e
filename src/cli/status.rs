//! `quarterdeck status`: how every system does.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::Instant;

use super::args::StatusArgs;
use super::connect::Reading;
use super::print::pretty;
use super::session::Session;
use super::{Failure, advice, exit_status, out};
use crate::model::health::{Error, Health};
use crate::model::record::Rows;
use crate::systems::System;

/// What was found of one system.
struct Found {
    id: &'static str,
    title: &'static str,
    /// How it went: what there is, or why not.
    result: Result<Counted, Error>,
    seconds: f64,
}

/// What there is in one system.
struct Counted {
    /// Each list with its rows and how many of them are bad.
    panes: Vec<(&'static str, usize, usize)>,
    /// What there is to say about them, such as that they are not all.
    notes: Vec<String>,
}

/// Asks all systems at the same time and prints how each does. The exit status is that of the system that is worst off:
/// 3 if it can't be reached or is not permitted, 2 if its settings are wrong, 1 if something in it is bad.
pub(super) async fn run(session: &Session, args: &StatusArgs) -> Result<ExitCode, Failure> {
    let systems = crate::systems::all();
    let limit = Duration::from_secs(args.timeout.clamp(1, 3600));
    out::progress(&format!("asking {} systems", systems.len()));
    let found = join_all(systems.iter().map(|system| async move {
        let begun = Instant::now();
        let result = ask(session, *system, limit).await;
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
            Err(error) => exit_status(error),
            Ok(counted) => u8::from(counted.panes.iter().any(|(_, _, bad)| *bad > 0)),
        }
    }
}

async fn ask(session: &Session, system: &'static dyn System, limit: Duration) -> Result<Counted, Error> {
    let as_error = |failure: Failure| failure.error.unwrap_or(Error::Protocol { what: failure.what });
    let mut reading = Reading::of_system(session, system, limit);
    reading.first().await.map_err(as_error)?;
    let empty = Rows::default();
    let lists = system.panes().iter().filter(|pane| pane.is_list());
    let panes = lists.map(|pane| {
        let rows = reading.panes.rows(pane.id).unwrap_or(&empty);
        let state = reading.panes.heads(pane.id).iter().position(|head| head.state);
        let bad = rows.iter().filter(|row| state.is_some_and(|at| row.cell(at).health() == Some(Health::Bad))).count();
        (pane.id.0, rows.len(), bad)
    });
    let notes = reading.notes().map(|(_, note)| note.to_owned()).collect();
    Ok(Counted { panes: panes.collect(), notes })
}

/// A further line of a system, below the first.
const BELOW: &str = "\n                       ";

fn as_text(found: &[Found]) -> String {
    let mut text = String::new();
    for one in found {
        let (word, rest) = match &one.result {
            Ok(counted) => {
                let counts = counted.panes.iter().map(|(pane, rows, bad)| {
                    if *bad > 0 { format!("{rows} {pane} ({bad} bad)") } else { format!("{rows} {pane}") }
                });
                let mut lines = vec![counts.collect::<Vec<_>>().join(", ")];
                lines.extend(counted.notes.iter().cloned());
                ("ok", lines.join(BELOW))
            }
            Err(error) if error.is_absent() => ("absent", error.to_string()),
            Err(error) => ("failing", format!("{error}{BELOW}{}", advice(error))),
        };
        let _ = writeln!(text, "{:12}  {word:7}  {rest}", one.title);
    }
    text
}

fn as_json(session: &Session, found: &[Found]) -> Result<String, Failure> {
    let systems: Vec<_> = found
        .iter()
        .map(|one| match &one.result {
            Ok(counted) => {
                let panes = counted.panes.iter();
                let panes: serde_json::Map<_, _> =
                    panes.map(|(pane, rows, bad)| ((*pane).to_owned(), json!({"rows": rows, "bad": bad}))).collect();
                json!({"id": one.id, "state": "ok", "panes": panes, "notes": counted.notes, "seconds": one.seconds})
            }
            Err(error) => {
                let state = if error.is_absent() { "absent" } else { "failing" };
                json!({"id": one.id, "state": state, "error": error, "message": error.to_string(), "advice": advice(error), "seconds": one.seconds})
            }
        })
        .collect();
    let header = session.header();
    pretty(
        &json!({"profile": header.profile, "cluster": header.cluster, "environment": header.environment, "systems": systems}),
    )
}
