//! What the API server, or something in front of it, answers instead of what was asked for.

use std::error::Error as Cause;

use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;

use super::asked::Asked;
use crate::model::health::Error;
use crate::model::text::clean;

/// `metav1.Status`, as far as it is read.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub(super) kind: Option<String>,
    #[serde(rename = "apiVersion")]
    pub(super) api_version: Option<String>,
    pub(super) message: Option<String>,
    pub(super) reason: Option<String>,
    pub(super) code: Option<u16>,
    pub(super) details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Details {
    pub(super) name: Option<String>,
    pub(super) retry_after_seconds: Option<i64>,
}

impl Status {
    /// The Status in a body, if it is one.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice::<Self>(body)
            .ok()
            .filter(|status| status.kind.as_deref() == Some("Status") && status.api_version.as_deref() == Some("v1"))
    }

    fn words(&self) -> String {
        let message = self.message.as_deref().or(self.reason.as_deref()).unwrap_or_default();
        // a strict patch is answered with the whole object before the point
        let message = message.rsplit_once("strict decoding error: ").map_or(message, |(_, point)| point);
        shorten(message)
    }
}

/// An answer that is an error.
pub(super) struct Answer<'a> {
    pub(super) code: StatusCode,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

/// Whom was asked, for messages.
pub(super) struct Whom<'a> {
    pub(super) server: &'a str,
    pub(super) user: &'a str,
    pub(super) now: DateTime<Utc>,
}

/// The error that an answer means.
pub(super) fn refusal(answer: &Answer<'_>, asked: &Asked, whom: &Whom<'_>) -> Error {
    let status = Status::read(answer.body);
    let words = status.as_ref().map_or_else(|| plain_words(answer), Status::words);
    let details = status.as_ref().and_then(|status| status.details.as_ref());
    if let Some(why) = of_admission(answer.code, &words) {
        return Error::Refused { why };
    }
    match answer.code.as_u16() {
        401 => Error::Unauthorized { what: whom.server.to_owned(), why: login_words(&words, whom.user) },
        403 if status.is_some() || is_text(answer) => {
            Error::Forbidden { verb: asked.verb.to_owned(), what: asked.place() }
        }
        404 if details.and_then(|details| details.name.as_ref()).is_some() => Error::Gone { what: asked.object() },
        404 if status.is_some() || is_text(answer) => Error::Absent { what: asked.part() },
        410 => Error::Gone { what: format!("the past of {}", asked.place()) },
        409 => Error::Conflict { what: words },
        429 => {
            Error::RateLimited { what: whom.server.to_owned(), until: retry_after(answer.headers, details, whom.now) }
        }
        400 | 405 | 406 | 413 | 415 | 422 => Error::Refused { why: words },
        300..=399 => Error::Protocol { what: redirect_words(answer, whom) },
        500..=599 => Error::Unreachable {
            what: whom.server.to_owned(),
            why: format!("it answers {}{}", answer.code, after_colon(&words)),
        },
        _ => Error::Protocol { what: format!("{} answers {}{}", whom.server, answer.code, after_colon(&words)) },
    }
}

/// What an admission webhook says against a change. It refuses with 403 as a missing right does, and one that can't be
/// reached refuses every write with 500: nothing has happened then.
fn of_admission(code: StatusCode, words: &str) -> Option<String> {
    match code.as_u16() {
        403 if words.starts_with("admission webhook ") => {
            words.split_once("denied the request: ").map(|(_, why)| why.to_owned())
        }
        500 if words.contains("failed calling webhook") => Some(words.to_owned()),
        _ => None,
    }
}

/// An answer with a good status whose body is not what the protocol says.
pub(super) fn not_json(headers: &HeaderMap, body: &[u8], whom: &Whom<'_>, cause: &serde_json::Error) -> Error {
    let start: Vec<u8> = body.iter().copied().skip_while(u8::is_ascii_whitespace).take(512).collect();
    let start = String::from_utf8_lossy(&start).into_owned();
    let html = start.to_ascii_lowercase();
    let typed = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let what = if html.starts_with("<!doctype html") || html.starts_with("<html") || typed.starts_with("text/html") {
        let title = title(&start).map(|title| format!(" ({title})")).unwrap_or_default();
        format!("{} answers with an HTML page{title} and not as an API server does", whom.server)
    } else if body.is_empty() {
        format!("{} answers with nothing", whom.server)
    } else if cause.is_eof() {
        format!("the answer of {} ends in the middle", whom.server)
    } else {
        format!("the answer of {} is not what the API promises: {}", whom.server, shorten(&cause.to_string()))
    };
    Error::Protocol { what }
}

/// A request that got no answer.
pub(super) fn no_answer(error: kube::Error, server: &str) -> Error {
    let error = match error {
        // ours, from the layer that adds the token
        kube::Error::Service(cause) => match cause.downcast::<Error>() {
            Ok(own) => return *own,
            Err(other) => kube::Error::Service(other),
        },
        other => other,
    };
    match &error {
        kube::Error::Auth(cause) => Error::Unauthorized { what: server.to_owned(), why: shorten(&cause.to_string()) },
        kube::Error::Api(status) => Error::Protocol { what: shorten(&status.message) },
        _ => Error::Unreachable { what: server.to_owned(), why: root_cause(&error) },
    }
}

/// The innermost cause that says something: the outer ones only say that the connection failed.
pub(super) fn root_cause(error: &(dyn Cause + 'static)) -> String {
    let mut current = error;
    // causes that name themselves would go round for ever
    for _ in 0..16 {
        match current.source() {
            Some(next) => current = next,
            None => break,
        }
    }
    let words = shorten(&current.to_string());
    match words.split_once(" (os error") {
        Some((cause, _)) => cause.to_owned(),
        None => words,
    }
}

fn retry_after(headers: &HeaderMap, details: Option<&Details>, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let value = headers.get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let seconds = value.and_then(|value| value.trim().parse().ok()).or_else(|| details?.retry_after_seconds);
    if let Some(seconds) = seconds {
        return Some(now + TimeDelta::seconds(i64::clamp(seconds, 0, 86_400)));
    }
    value.and_then(|value| DateTime::parse_from_rfc2822(value).ok()).map(|at| at.with_timezone(&Utc))
}

fn login_words(words: &str, user: &str) -> String {
    let said = if words.is_empty() || words == "Unauthorized" {
        "the server does not accept these credentials"
    } else {
        words
    };
    if user.is_empty() { said.to_owned() } else { format!("{said} (user {user})") }
}

fn redirect_words(answer: &Answer<'_>, whom: &Whom<'_>) -> String {
    let to = answer.headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).map(shorten);
    format!("{} sends us elsewhere{}", whom.server, to.map(|to| format!(", to {to}")).unwrap_or_default())
}

/// Whether it is words for a person, as the API server's own short answers are, and not a page.
fn is_text(answer: &Answer<'_>) -> bool {
    let typed = answer.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    !typed.starts_with("text/html")
}

fn plain_words(answer: &Answer<'_>) -> String {
    let text = String::from_utf8_lossy(answer.body.get(..2048).unwrap_or(answer.body)).into_owned();
    if is_text(answer) { shorten(&text) } else { title(&text).unwrap_or_else(|| "an HTML page".into()) }
}

fn title(html: &str) -> Option<String> {
    let (_, rest) = html.split_once("<title>")?;
    let (title, _) = rest.split_once("</title>")?;
    Some(shorten(title.trim())).filter(|title| !title.is_empty())
}

fn after_colon(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!(": {words}") }
}

/// A message of somebody else, harmless and short enough for a line or two.
pub(super) fn shorten(message: &str) -> String {
    let clean = clean(message.trim());
    if clean.chars().count() <= 400 {
        return clean;
    }
    clean.chars().take(399).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;

    fn meant(code: u16, typed: &str, body: &str, path: &str) -> Error {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, typed.parse().unwrap());
        headers.insert(header::RETRY_AFTER, "7".parse().unwrap());
        let answer = Answer { code: StatusCode::from_u16(code).unwrap(), headers: &headers, body: body.as_bytes() };
        let whom = Whom { server: "https://api", user: "dana", now: DateTime::UNIX_EPOCH };
        refusal(&answer, &Asked::of(&Method::GET, &path.parse().unwrap()), &whom)
    }

    fn status(code: u16, more: &str) -> String {
        format!(r#"{{"kind":"Status","apiVersion":"v1","status":"Failure","message":"m","code":{code}{more}}}"#)
    }

    #[test]
    fn what_admission_refuses_is_no_missing_right_and_no_lost_answer() {
        let path = "/apis/serving.kserve.io/v1beta1/namespaces/a/inferenceservices/b";
        let said = |code: u16, message: &str| {
            let body = format!(r#"{{"kind":"Status","apiVersion":"v1","message":"{message}","code":{code}}}"#);
            meant(code, "application/json", &body, path)
        };
        assert_eq!(
            said(403, r#"admission webhook \"v\" denied the request: the sum is over 100"#),
            Error::Refused { why: "the sum is over 100".into() }
        );
        let down = said(500, r#"Internal error occurred: failed calling webhook \"v\": connection refused"#);
        assert!(matches!(down, Error::Refused { .. }), "{down:?}");
    }

    #[test]
    fn each_status_becomes_the_kind_that_the_screen_acts_on() {
        let json = "application/json";
        let pods = "/api/v1/namespaces/a/pods";
        assert_eq!(
            meant(403, json, &status(403, ""), pods),
            Error::Forbidden { verb: "list".into(), what: "pods in a".into() }
        );
        assert_eq!(
            meant(404, json, &status(404, r#","details":{"name":"x"}"#), "/api/v1/namespaces/a/pods/x"),
            Error::Gone { what: "pods a/x".into() }
        );
        assert_eq!(
            meant(404, "text/plain", "404 page not found", "/apis/serving.kserve.io/v1beta1/inferenceservices"),
            Error::Absent { what: "inferenceservices (serving.kserve.io)".into() }
        );
        assert_eq!(
            meant(429, json, &status(429, ""), pods),
            Error::RateLimited { what: "https://api".into(), until: DateTime::from_timestamp(7, 0) }
        );
        assert!(matches!(meant(401, json, &status(401, ""), pods), Error::Unauthorized { .. }));
        assert!(matches!(meant(410, json, &status(410, ""), pods), Error::Gone { .. }));
        assert!(matches!(meant(503, "text/plain", "no", pods), Error::Unreachable { .. }));
    }

    #[test]
    fn a_page_of_a_proxy_is_no_missing_right_and_no_missing_resource() {
        for code in [403, 404] {
            let error = meant(code, "text/html", "<html><title>Sign in\u{1b}[2J</title></html>", "/api/v1/pods");
            assert!(matches!(&error, Error::Protocol { what } if what.ends_with(": Sign in")), "{error:?}");
        }
    }

    #[test]
    fn of_a_strict_refusal_the_point_is_said_and_not_the_object() {
        let long = format!(
            "InferenceService in version {} strict decoding error: unknown field \\\"spec.x\\\"",
            "v".repeat(900)
        );
        let body = format!(r#"{{"kind":"Status","apiVersion":"v1","message":"{long}","code":422}}"#);
        assert_eq!(
            meant(422, "application/json", &body, "/api/v1/pods"),
            Error::Refused { why: "unknown field \"spec.x\"".into() }
        );
    }
}
