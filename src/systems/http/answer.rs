//! An answer as it came: status, headers and a bounded body; what an error says, and JSON as servers really write it.

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::Value as Json;

use crate::model::health::Error;
use crate::model::text::clean;

/// How much of a server's message is kept, in characters.
const MESSAGE_LIMIT: usize = 200;

/// What was asked, for messages: no secrets in it.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// The system's name: `MLflow`.
    pub(super) name: String,
    /// What should answer, with its article: `an MLflow API`.
    pub(super) api: &'static str,
    /// The method.
    pub(super) method: Method,
    /// The address without login and query.
    pub(super) address: String,
}

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    pub(super) asked: Asked,
    /// When it came, for `Retry-After`.
    pub(super) at: DateTime<Utc>,
}

impl Answer {
    /// The answer if its status is 2xx, else the error that it stands for.
    pub fn success(self) -> Result<Self, Error> {
        if self.status.is_success() { Ok(self) } else { Err(self.error()) }
    }

    /// The body as JSON, if the status is 2xx.
    pub fn json(self) -> Result<Json, Error> {
        let answer = self.success()?;
        if answer.body.iter().all(u8::is_ascii_whitespace) {
            return Err(answer.wrong("an empty answer"));
        }
        parse(&answer.body).map_err(|error| {
            if answer.is_html() {
                answer.not_the_api()
            } else {
                answer.wrong(&format!("no JSON ({error}): {}", excerpt(&answer.body)))
            }
        })
    }

    /// Whether the body is a web page.
    #[must_use]
    pub fn is_html(&self) -> bool {
        let typed = self.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let start = self.body.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
        self.body.get(start) == Some(&b'<')
            && (typed.is_some_and(|kind| kind.contains("html"))
                || starts_like_html(self.body.get(start..).unwrap_or_default()))
    }

    /// The error of a web page where the API should be.
    #[must_use]
    pub fn not_the_api(&self) -> Error {
        Error::Protocol { what: format!("not {} at {} (HTML; a login page?)", self.asked.api, self.asked.address) }
    }

    /// The first words of what the server said about an error, made harmless.
    #[must_use]
    pub fn message(&self) -> String {
        message_of(&self.body, self.is_html())
    }

    /// What the server's own error code is (`error_code`, `errorType`), where the body has one.
    #[must_use]
    pub fn code(&self) -> Option<String> {
        let body: Json = serde_json::from_slice(&self.body).ok()?;
        ["error_code", "errorType"].iter().find_map(|key| body.get(key)?.as_str().map(str::to_owned))
    }

    /// The error that a status outside 2xx stands for.
    #[must_use]
    pub fn error(&self) -> Error {
        let name = self.asked.name.clone();
        let said = self.message();
        let with_status = || {
            if said.is_empty() { self.status.to_string() } else { format!("{}: {said}", self.status.as_u16()) }
        };
        match self.status.as_u16() {
            300..=399 => self.redirect_error(),
            401 => Error::Unauthorized { what: name, why: with_status() },
            403 => Error::Forbidden { verb: self.asked.method.to_string(), what: self.with_message(&said) },
            404 | 410 if self.is_html() => {
                Error::Gone { what: format!("{} at {}", self.asked.api, self.asked.address) }
            }
            404 | 410 => Error::Gone { what: if said.is_empty() { self.asked.address.clone() } else { said } },
            407 => Error::Unreachable { what: name, why: format!("the proxy wants a login ({})", with_status()) },
            408 | 502..=504 => Error::Unreachable { what: name, why: with_status() },
            409 | 412 => Error::Conflict { what: if said.is_empty() { with_status() } else { said } },
            405 | 406 => Error::Protocol { what: format!("{} answers {}", self.asked.address, with_status()) },
            429 => Error::RateLimited { what: name, until: self.retry_after() },
            400..=499 => Error::Refused { why: if said.is_empty() { with_status() } else { said } },
            _ => Error::Protocol { what: format!("{name} answers {}", with_status()) },
        }
    }

    fn redirect_error(&self) -> Error {
        let to = self.headers.get(header::LOCATION).and_then(|value| value.to_str().ok()).unwrap_or("nowhere");
        let to = without_secrets(to);
        let what = format!("{} sends on to {} (a login page?)", self.asked.address, cut(&clean(&to)));
        // a change that was sent on has not been made; a question may be answered another time
        if self.asked.method == Method::GET { Error::Protocol { what } } else { Error::Refused { why: what } }
    }

    fn with_message(&self, said: &str) -> String {
        let address = &self.asked.address;
        if said.is_empty() { address.clone() } else { format!("{address} ({said})") }
    }

    fn wrong(&self, what: &str) -> Error {
        Error::Protocol { what: format!("{} gives {what}", self.asked.address) }
    }

    /// When `Retry-After` (seconds or a date) allows the next request.
    fn retry_after(&self) -> Option<DateTime<Utc>> {
        let text = self.headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
        if let Ok(seconds) = text.parse::<u32>() {
            return self.at.checked_add_signed(TimeDelta::seconds(i64::from(seconds)));
        }
        DateTime::parse_from_rfc2822(text).ok().map(|at| at.with_timezone(&Utc))
    }
}

/// Parses JSON; also the bare `NaN` and `Infinity` that Python writes, which become texts.
pub fn parse(body: &[u8]) -> Result<Json, serde_json::Error> {
    serde_json::from_slice(body).or_else(|error| {
        if error.is_eof() || !contains(body, b"NaN") && !contains(body, b"Infinity") {
            return Err(error);
        }
        serde_json::from_slice(&quote_numbers_that_are_none(body))
    })
}

fn contains(body: &[u8], word: &[u8]) -> bool {
    body.windows(word.len()).any(|window| window == word)
}

fn quote_numbers_that_are_none(body: &[u8]) -> Vec<u8> {
    const WORDS: [&[u8]; 3] = [b"-Infinity", b"Infinity", b"NaN"];
    let mut out = Vec::with_capacity(body.len() + 64);
    let (mut rest, mut in_text, mut escaped) = (body, false, false);
    while let Some((first, tail)) = rest.split_first() {
        if !in_text && let Some(word) = WORDS.iter().find(|word| rest.starts_with(word)) {
            out.push(b'"');
            out.extend_from_slice(word);
            out.push(b'"');
            rest = rest.get(word.len()..).unwrap_or_default();
            continue;
        }
        in_text ^= *first == b'"' && !escaped;
        escaped = in_text && *first == b'\\' && !escaped;
        out.push(*first);
        rest = tail;
    }
    out
}

fn starts_like_html(body: &[u8]) -> bool {
    let start: Vec<u8> = body.iter().take(15).map(u8::to_ascii_lowercase).collect();
    [b"<!doctype html".as_slice(), b"<html", b"<head", b"<body", b"<title"].iter().any(|word| start.starts_with(word))
}

fn message_of(body: &[u8], html: bool) -> String {
    if let Ok(json) = serde_json::from_slice::<Json>(body)
        && let Some(found) = message_in(&json)
    {
        return cut(clean(&found).trim());
    }
    let text = String::from_utf8_lossy(body.get(..4096).unwrap_or(body));
    let text = if html { without_tags(&text) } else { text.into_owned() };
    cut(clean(&text).split_whitespace().collect::<Vec<_>>().join(" ").as_str())
}

/// The words of the usual shapes: `{message}`, `{error}`, `{error: {message}}`, `{detail}`, a bare text.
fn message_in(json: &Json) -> Option<String> {
    if let Json::String(text) = json {
        return Some(text.clone());
    }
    ["message", "error", "detail", "title"].iter().find_map(|key| match json.get(key)? {
        Json::String(text) if !text.is_empty() => Some(text.clone()),
        inner @ Json::Object(_) => message_in(inner),
        _ => None,
    })
}

fn without_tags(html: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for char in html.chars() {
        match char {
            '<' => {
                inside = true;
                out.push(' ');
            }
            '>' => inside = false,
            char if !inside => out.push(char),
            _ => {}
        }
    }
    out
}

fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..1024).unwrap_or(body));
    let text = clean(&text);
    text.chars().take(60).collect::<String>() + if text.chars().nth(60).is_some() { "…" } else { "" }
}

fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(MESSAGE_LIMIT).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// An address without user, password, query and fragment.
#[must_use]
pub fn without_secrets(address: &str) -> String {
    match reqwest::Url::parse(address) {
        Ok(mut url) => {
            // these fail only for addresses that can't have a login
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            url.set_fragment(None);
            url.to_string()
        }
        Err(_) => address.split(['?', '#']).next().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_nan_and_infinity_become_texts_and_texts_stay() {
        let read = parse(br#"{"a":NaN,"b":-Infinity,"c":[Infinity,1],"d":"NaN \"NaN"}"#).unwrap();
        assert_eq!(read, serde_json::json!({"a": "NaN", "b": "-Infinity", "c": ["Infinity", 1], "d": "NaN \"NaN"}));
        assert!(parse(b"{\"a\":NaN").is_err());
    }

    #[test]
    fn the_message_is_found_in_every_shape() {
        let said = |body: &str| message_of(body.as_bytes(), body.starts_with('<'));
        assert_eq!(said(r#"{"error_code":"X","message":"no\u001b[31m way"}"#), "no way");
        assert_eq!(said(r#"{"error":{"message":"inner"}}"#), "inner");
        assert_eq!(said("\"bare\""), "bare");
        assert_eq!(said("<html><title>404 Not Found</title>"), "404 Not Found");
        assert_eq!(said("plain\n text"), "plain text");
        assert_eq!(said(&"x".repeat(5000)).chars().count(), 201);
    }

    #[test]
    fn an_address_loses_its_login_and_query() {
        assert_eq!(without_secrets("https://u:p@h/x?token=1#f"), "https://h/x");
    }
}
