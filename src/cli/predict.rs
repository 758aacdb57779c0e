//! `quarterdeck predict`: one test prediction, from a script.

use std::io::Read;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::{Value as Json, json};

use super::args::PredictArgs;
use super::connect::{Reading, link, pane};
use super::get::find;
use super::print::pretty;
use super::session::Session;
use super::{Failure, out};
use crate::app::driver::Predict;
use crate::model::health::Error;
use crate::model::id::Ref;
use crate::model::prediction::{Answer, Ask, Wanted, Way};
use crate::model::record::Rows;
use crate::model::serving::Protocol;
use crate::model::text::number;
use crate::model::value::Unit;
use crate::predict::expect::Expectation;

/// How long finding the endpoint may take.
const LIMIT: Duration = Duration::from_secs(20);
/// How an expectation is written.
const EXPECTED: &str = "write it like 'predictions[0] == 0.92', 'predictions[0] > 0.9' or 'status == 200'";
/// As large a payload is read.
const LARGEST: u64 = 64 * 1024 * 1024;

/// Sends a prediction and checks the answer.
pub(super) async fn run(session: &Session, args: &PredictArgs) -> Result<ExitCode, Failure> {
    let expectations = args
        .expect
        .iter()
        .map(|text| Expectation::parse(text))
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| Failure::usage(format!("--expect: {}", reason(&error)), EXPECTED))?;
    let limit = args.max_latency.as_deref().map(seconds).transpose()?;
    let permit = session.guard().predict(true).map_err(Failure::from)?;
    let body = args.data.as_deref().map(read).transpose()?;
    let what = endpoint(session, &args.endpoint).await?;
    let system = pane(session, what.pane.0)?.system;
    let link = link(session, system, LIMIT).await?;
    let serving = link.serving(&what).await?;
    let body = match body {
        Some(body) => body,
        None => saved(session, &what)?,
    };
    let ask = Ask {
        serving,
        wanted: wanted(&args.revision),
        via: way(args.via.as_deref()),
        protocol: protocol(args.protocol.as_deref()),
        body,
    };
    let answer = session.predictor().send(&permit, &ask).await?;
    report(args, &answer, (&expectations, limit))
}

/// What is wrong, without the word that it is refused: nothing was asked yet.
fn reason(error: &Error) -> String {
    match error {
        Error::Refused { why } => why.clone(),
        other => other.to_string(),
    }
}

/// The endpoint with this name.
pub(super) async fn endpoint(session: &Session, name: &str) -> Result<Ref, Failure> {
    let pane = pane(session, "endpoints")?;
    let mut reading = Reading::alone(session, pane, LIMIT);
    reading.first().await?;
    let empty = Rows::default();
    let row = find(reading.panes.rows(pane.id).unwrap_or(&empty), name, (&pane, session.namespace().as_deref()))?;
    Ok(Ref { pane: pane.id, key: row.key.clone() })
}

/// The payload that was saved for the endpoint.
fn saved(session: &Session, what: &Ref) -> Result<String, Failure> {
    let saved = session.payloads().read(what);
    saved.into_iter().next().map(|saved| saved.body).ok_or_else(|| {
        Failure::usage(
            "there is no payload",
            "give one with --data '{\"instances\": [[1, 2, 3]]}' or --data @FILE, or save one on the bench (t)",
        )
    })
}

/// JSON as given, `@FILE`, or `@-` for standard input.
fn read(data: &str) -> Result<String, Failure> {
    let Some(file) = data.strip_prefix('@') else { return check(data.to_owned(), "--data") };
    let mut text = String::new();
    let result = if file == "-" {
        std::io::stdin().lock().take(LARGEST).read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|opened| opened.take(LARGEST).read_to_string(&mut text))
    };
    result.map_err(|error| Failure::usage(format!("{file}: {error}"), "give a file with the payload as JSON"))?;
    check(text, file)
}

fn check(text: String, from: &str) -> Result<String, Failure> {
    match serde_json::from_str::<serde::de::IgnoredAny>(&text) {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::usage(
            format!("{from} is not JSON: {error}"),
            "quote it for the shell: --data '{\"instances\": [[1, 2]]}'",
        )),
    }
}

fn wanted(name: &str) -> Wanted {
    match name {
        "stable" => Wanted::Stable,
        "canary" => Wanted::Canary,
        "any" => Wanted::Any,
        other => Wanted::Named(other.to_owned()),
    }
}

fn way(name: Option<&str>) -> Option<Way> {
    Way::ALL.into_iter().find(|way| Some(way.name()) == name)
}

fn protocol(name: Option<&str>) -> Option<Protocol> {
    match name {
        Some("v1") => Some(Protocol::V1),
        Some("v2") => Some(Protocol::V2),
        _ => None,
    }
}

/// A length of time such as `250ms`, `2s`, `1m`, in seconds.
fn seconds(text: &str) -> Result<f64, Failure> {
    let split = text.find(|char: char| char.is_alphabetic()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(split).unwrap_or((text, ""));
    let factor = match unit {
        "ms" => Some(0.001),
        "s" | "" => Some(1.0),
        "m" => Some(60.0),
        _ => None,
    };
    let number: Option<f64> = digits.parse().ok();
    number.zip(factor).map(|(number, factor)| number * factor).filter(|seconds| *seconds > 0.0).ok_or_else(|| {
        Failure::usage(format!("--max-latency: `{text}` is no length of time"), "write it like 250ms, 2s or 1m")
    })
}

/// Prints the answer; 1 if it is no prediction or not what was expected.
fn report(
    args: &PredictArgs,
    answer: &Answer,
    (expectations, limit): (&[Expectation], Option<f64>),
) -> Result<ExitCode, Failure> {
    let verdicts: Vec<_> = expectations.iter().map(|expectation| expectation.check(answer)).collect();
    let late = limit.filter(|limit| answer.total > *limit);
    let held = verdicts.iter().all(|verdict| verdict.held);
    // a failure that was expected is what was asked for
    let good = (answer.good || !expectations.is_empty()) && held && late.is_none();
    if args.json {
        let body: Json = serde_json::from_str(&answer.body).unwrap_or_else(|_not_json| json!(answer.body));
        let checks: Vec<_> = args
            .expect
            .iter()
            .zip(&verdicts)
            .map(|(text, verdict)| json!({"expect": text, "held": verdict.held, "found": verdict.found}))
            .collect();
        out::data(&pretty(&json!({
            "ok": good, "status": answer.status, "body": body, "why": answer.why, "way": answer.way, "request": answer.request,
            "revision": answer.revision, "connect_seconds": answer.connect, "first_byte_seconds": answer.first_byte,
            "total_seconds": answer.total, "max_latency_seconds": limit, "checks": checks, "notes": answer.notes,
        }))?)?;
    } else {
        out::line(&answer.body)?;
        let (digits, unit) = number(answer.total, Unit::Seconds);
        let revision = answer.revision.as_deref().map(|revision| format!(", {revision}")).unwrap_or_default();
        out::words(&format!("{} in {digits} {unit}{revision}, {}", answer.status, answer.way));
        for note in &answer.notes {
            out::words(&format!("note: {note}"));
        }
    }
    if let Some(why) = answer.why.as_ref().filter(|_| !answer.good) {
        out::words(&format!("failed: {why}"));
    }
    for (text, verdict) in args.expect.iter().zip(&verdicts).filter(|(_, verdict)| !verdict.held) {
        out::words(&format!("not as expected: {text}, found {}", json!(verdict.found)));
    }
    if let Some(limit) = late {
        out::words(&format!("too slow: {} s, at most {limit} s", crate::model::text::digits(answer.total)));
    }
    Ok(ExitCode::from(u8::from(!good)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_units() {
        assert!((seconds("250ms").unwrap() - 0.25).abs() < 1e-9);
        assert!((seconds("2s").unwrap() - 2.0).abs() < 1e-9);
        assert!(seconds("soon").is_err());
        assert!(seconds("-1s").is_err());
    }

    #[test]
    fn a_payload_that_is_not_json_is_refused_before_anything_is_sent() {
        assert!(read("{\"instances\": [1]}").is_ok());
        assert_eq!(read("{instances: 1}").unwrap_err().code, 2);
        assert_eq!(read("@/does/not/exist").unwrap_err().code, 2);
    }
}
