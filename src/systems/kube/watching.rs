//! A watch: one line of JSON for each change.

use std::sync::Mutex;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::Method;
use http_body_util::BodyExt;
use kube::client::Body;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::cluster::{Cluster, LIMIT, request};
use super::errors::{self, Answer, Status, Whom};
use super::listing::read_one;
use super::object::{Meta, Object};
use super::pool::Pool;
use crate::model::health::Error;
use crate::model::id::Key;

/// A line longer than this is not read, in bytes.
const LINE_LIMIT: usize = 64 << 20;

/// What a watch says.
pub(super) enum Event<T> {
    /// There now, new or changed.
    Seen(T),
    /// Gone.
    Gone(Key),
    /// Nothing has changed up to here.
    Alive,
}

/// An open watch.
pub(super) struct Watching {
    body: Body,
    buffer: Vec<u8>,
    /// How much of the buffer is known to have no line break.
    looked: usize,
    server: String,
    /// The version that the next watch goes on from.
    pub(super) version: String,
    /// When it was opened.
    pub(super) opened: DateTime<Utc>,
    /// When it last said something.
    pub(super) heard: DateTime<Utc>,
    /// When the server was last asked whether it is there.
    pub(super) checked: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(borrow)]
    object: &'a RawValue,
}

impl Watching {
    /// Watches the list at `path` from `version`.
    pub(super) async fn open(cluster: &Cluster, path: &str, version: String) -> Result<Self, Error> {
        let opened = cluster.clock().now();
        // not all watches of all our users end in the same second
        let seconds = 240 + opened.timestamp_subsec_nanos() % 60;
        let path = format!(
            "{path}watch=1&allowWatchBookmarks=true&timeoutSeconds={seconds}&resourceVersion={}",
            crate::systems::http::encoded(&version)
        );
        let answer = cluster.open(request(Method::GET, &path, Vec::new())?, LIMIT).await?;
        let server = cluster.server().to_owned();
        Ok(Self {
            body: answer.into_body(),
            buffer: Vec::new(),
            looked: 0,
            server,
            version,
            opened,
            heard: opened,
            checked: opened,
        })
    }

    /// What has come since the last call; `None` when the server has ended the watch, as it does now and then.
    /// Cancel-safe. `Error::Gone` means that the version is too old.
    pub(super) async fn next<T: Object>(&mut self, pool: &Mutex<Pool>) -> Result<Option<Vec<Event<T>>>, Error> {
        loop {
            let events = self.lines(pool)?;
            if !events.is_empty() {
                return Ok(Some(events));
            }
            let Some(chunk) = self.chunk().await? else { return Ok(None) };
            if self.buffer.len() + chunk.len() > LINE_LIMIT {
                return Err(Error::Protocol {
                    what: format!("a change from {} is larger than {} MiB", self.server, LINE_LIMIT >> 20),
                });
            }
            self.buffer.extend_from_slice(&chunk);
        }
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(frame) = self.body.frame().await {
            match frame {
                Ok(frame) => {
                    if let Ok(chunk) = frame.into_data() {
                        return Ok(Some(chunk));
                    }
                }
                Err(error) => {
                    let why = format!("the watch was cut off: {}", errors::root_cause(&error));
                    return Err(Error::Unreachable { what: self.server.clone(), why });
                }
            }
        }
        Ok(None)
    }

    /// Decodes the lines that are whole.
    fn lines<T: Object>(&mut self, pool: &Mutex<Pool>) -> Result<Vec<Event<T>>, Error> {
        let unseen = self.buffer.get(self.looked..).unwrap_or_default();
        let Some(last) = unseen.iter().rposition(|byte| *byte == b'\n') else {
            self.looked = self.buffer.len();
            return Ok(Vec::new());
        };
        let rest = self.buffer.split_off(self.looked + last + 1);
        let whole = std::mem::replace(&mut self.buffer, rest);
        self.looked = 0;
        let mut events = Vec::new();
        for line in whole.split(|byte| *byte == b'\n').filter(|line| !line.iter().all(u8::is_ascii_whitespace)) {
            events.push(self.line(line, pool)?);
        }
        Ok(events)
    }

    fn line<T: Object>(&mut self, line: &[u8], pool: &Mutex<Pool>) -> Result<Event<T>, Error> {
        let odd = |error: &serde_json::Error| {
            let whom = Whom { server: &self.server, user: "", now: self.heard };
            errors::not_json(&http::HeaderMap::new(), line, &whom, error)
        };
        let line: Line<'_> = serde_json::from_slice(line).map_err(|error| odd(&error))?;
        let json = line.object.get().as_bytes();
        if line.kind == "ERROR" {
            return Err(self.refusal(json));
        }
        let meta = Meta::of(json);
        if !meta.resource_version.is_empty() {
            self.version = meta.resource_version;
        }
        Ok(match line.kind {
            "ADDED" | "MODIFIED" => Event::Seen(read_one(json, pool).0),
            "DELETED" => Event::Gone(read_one::<T>(json, pool).0.key()),
            // BOOKMARK, and what is not known yet
            _ => Event::Alive,
        })
    }

    fn refusal(&self, json: &[u8]) -> Error {
        let status = Status::read(json).unwrap_or_default();
        let code = status.code.and_then(|code| http::StatusCode::from_u16(code).ok());
        let asked = super::asked::Asked { verb: "watch", ..super::asked::Asked::default() };
        let answer = Answer {
            code: code.unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR),
            headers: &http::HeaderMap::new(),
            body: json,
        };
        errors::refusal(&answer, &asked, &Whom { server: &self.server, user: "", now: self.heard })
    }
}
