//! Answers whose texts carry something hostile, to see that none of it reaches a screen.
//!
//! Of a list the first object is poisoned in every text that it has, the others stay as they are; an object alone is
//! poisoned in every text but what says which kind of answer it is. Of a text the lines are poisoned, every other one.

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http::header;
use serde_json::Value;

use super::Answer;

/// What an object alone keeps: without it nobody would read on.
const KEPT: [&str; 6] = ["kind", "apiVersion", "status", "resultType", "next_page_token", "type"];

/// A longer text is put into one line only, and into few texts of an answer, which has its own limit.
const LONG: usize = 4096;
/// How many.
const FEW: usize = 2;

/// The answer with `text` in it.
pub(super) fn poisoned(answer: Answer, text: &str) -> Answer {
    let (mut parts, body) = answer.into_parts();
    let json = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().ends_with(b"json"));
    let plain = parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !(json || parts.status.is_success() && plain) {
        return Answer::from_parts(parts, body);
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    let poison = Poison { json, text: text.to_owned(), lines: 0, rest: Vec::new() };
    let pieces = stream::unfold((body.into_data_stream(), Some(poison)), |(mut body, poison)| async move {
        let mut poison = poison?;
        match body.next().await {
            Some(Ok(piece)) => {
                let out = poison.take(&piece);
                Some((Ok(out), (body, Some(poison))))
            }
            Some(Err(error)) => Some((Err(error), (body, None))),
            None => Some((Ok(poison.end()), (body, None))),
        }
    });
    Answer::from_parts(parts, Body::from_stream(pieces))
}

struct Poison {
    json: bool,
    text: String,
    /// Lines or texts so far.
    lines: usize,
    /// What does not make a whole yet.
    rest: Vec<u8>,
}

impl Poison {
    /// Takes a piece, gives what is whole by now.
    fn take(&mut self, piece: &[u8]) -> Bytes {
        self.rest.extend_from_slice(piece);
        let mut out = Vec::new();
        if self.json {
            if let Ok(value) = serde_json::from_slice(&self.rest) {
                out = self.object(value);
                self.rest.clear();
            }
            return out.into();
        }
        while let Some(at) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=at).collect();
            self.line(&line, &mut out);
        }
        out.into()
    }

    /// What is left at the end.
    fn end(mut self) -> Bytes {
        let rest = std::mem::take(&mut self.rest);
        match serde_json::from_slice(&rest) {
            Ok(value) if self.json => self.object(value).into(),
            _ => rest.into(),
        }
    }

    fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let (text, end) = line.split_at(line.len().saturating_sub(1));
        out.extend_from_slice(text);
        let poisons = if self.text.len() > LONG { self.lines == 0 } else { self.lines.is_multiple_of(2) };
        if poisons {
            out.extend_from_slice(self.text.replace('\n', " ").as_bytes());
        }
        out.extend_from_slice(end);
        self.lines += 1;
    }

    fn object(&mut self, mut value: Value) -> Vec<u8> {
        let event = value.get("type").is_some() && value.get("object").is_some();
        let single = value.pointer("/metadata/name").is_some();
        match first_of_several(&mut value).filter(|_| !single) {
            _ if event => {}
            Some(first) => self.everywhere(first),
            None => self.alone(&mut value),
        }
        value.to_string().into_bytes()
    }

    fn alone(&mut self, value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    if !KEPT.contains(&name.as_str()) {
                        self.alone(field);
                    }
                }
            }
            other => self.everywhere(other),
        }
    }

    fn everywhere(&mut self, value: &mut Value) {
        match value {
            // a number that is sent as a text says nothing to anybody
            Value::String(text) if text.parse::<f64>().is_ok() => {}
            Value::String(text) if self.text.len() <= LONG || self.lines < FEW => {
                text.push_str(&self.text);
                self.lines += 1;
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.everywhere(item)),
            Value::Object(fields) => fields.values_mut().for_each(|field| self.everywhere(field)),
            _ => {}
        }
    }
}

/// The first object or text of the outermost list that has several.
fn first_of_several(value: &mut Value) -> Option<&mut Value> {
    match value {
        Value::Array(items) if items.len() > 1 && items.iter().all(|it| it.is_object() || it.is_string()) => {
            items.first_mut()
        }
        Value::Object(fields) => fields.values_mut().find_map(first_of_several),
        _ => None,
    }
}
