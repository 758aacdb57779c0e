//! One list, decoded while it arrives: the first rows are there before the last has come, and no more of it is in
//! memory than the object that is being read.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use kube::client::Body;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::cluster::{Cluster, LIMIT, request, within};
use super::errors::{self, Whom};
use super::framing::Framing;
use super::object::{Meta, Object, or_default};
use super::pool::Pool;
use crate::model::clock::Clock;
use crate::model::health::Error;

/// How large an object of a list, or what stands around them, may be, in bytes: etcd takes no more than 1.5 MiB.
const SIZE_LIMIT: usize = 64 << 20;
/// For how long it may stop in the middle.
const STALL: Duration = Duration::from_secs(30);
/// The first rows go on their way when there are so many, or after [`FIRST_MILLIS`].
const FIRST: usize = 50;
const FIRST_MILLIS: i64 = 20;
/// Later ones so many at a time.
const LATER: usize = 1000;

/// A piece of a list.
pub(super) enum Part<T> {
    /// Objects, and how many of them could not be read whole.
    Items { items: Vec<T>, unread: usize },
    /// All of it has come; the version that a watch goes on from.
    End { version: String },
}

/// A list on its way.
pub(super) struct Listing<T> {
    body: Body,
    headers: HeaderMap,
    server: String,
    framing: Framing,
    decoded: Decoded<T>,
    /// The body has come to its end.
    over: bool,
}

impl<T: Object> Listing<T> {
    /// Asks for the list at `path`.
    pub(super) async fn open(cluster: &Cluster, path: &str, pool: Arc<Mutex<Pool>>) -> Result<Self, Error> {
        let answer = cluster.open(request(Method::GET, path, Vec::new())?, LIMIT * 2).await?;
        let (head, body) = answer.into_parts();
        Ok(Self {
            body,
            headers: head.headers,
            server: cluster.whom().server.to_owned(),
            framing: Framing::default(),
            decoded: Decoded::new(pool, cluster.clock().clone()),
            over: false,
        })
    }

    /// The next piece; cancel-safe: what has come is kept.
    pub(super) async fn next(&mut self) -> Result<Part<T>, Error> {
        while !self.over {
            if self.decoded.is_due() {
                return Ok(self.decoded.take());
            }
            match within(STALL, &self.server, self.body.frame()).await? {
                None => self.over = true,
                Some(Ok(frame)) => {
                    if let Ok(chunk) = frame.into_data() {
                        let decoded = &mut self.decoded;
                        self.framing.push(&chunk, |item| decoded.read(item));
                        self.check_size()?;
                    }
                }
                Some(Err(error)) => {
                    let why = format!("the list was cut off: {}", errors::root_cause(&error));
                    return Err(Error::Unreachable { what: self.server.clone(), why });
                }
            }
        }
        if self.decoded.items.is_empty() { self.end() } else { Ok(self.decoded.take()) }
    }

    fn check_size(&self) -> Result<(), Error> {
        if self.framing.len() <= SIZE_LIMIT {
            return Ok(());
        }
        let what = format!("an object in the list of {} is larger than {} MiB", self.server, SIZE_LIMIT >> 20);
        Err(Error::Protocol { what })
    }

    /// Reads what stood around the objects.
    fn end(&self) -> Result<Part<T>, Error> {
        let around = self.framing.envelope();
        let list: List = serde_json::from_slice(around).map_err(|error| {
            let whom = Whom { server: &self.server, user: "", now: DateTime::UNIX_EPOCH };
            errors::not_json(&self.headers, around.get(..512).unwrap_or(around), &whom, &error)
        })?;
        if list.is_list() {
            return Ok(Part::End { version: list.metadata.resource_version });
        }
        Err(Error::Protocol { what: format!("the answer of {} is not a list", self.server) })
    }
}

/// Gathers decoded objects until there are enough for a part.
struct Decoded<T> {
    pool: Arc<Mutex<Pool>>,
    clock: Clock,
    since: DateTime<Utc>,
    first: bool,
    items: Vec<T>,
    unread: usize,
}

impl<T: Object> Decoded<T> {
    fn new(pool: Arc<Mutex<Pool>>, clock: Clock) -> Self {
        let since = clock.now();
        Self { pool, clock, since, first: true, items: Vec::new(), unread: 0 }
    }

    fn read(&mut self, json: &[u8]) {
        let (item, whole) = read_one(json, &self.pool);
        self.items.push(item);
        self.unread += usize::from(!whole);
    }

    fn is_due(&self) -> bool {
        if !self.first || self.items.is_empty() {
            return self.items.len() >= LATER;
        }
        self.items.len() >= FIRST || self.clock.now() - self.since >= TimeDelta::milliseconds(FIRST_MILLIS)
    }

    fn take(&mut self) -> Part<T> {
        self.first = false;
        Part::Items { items: std::mem::take(&mut self.items), unread: std::mem::take(&mut self.unread) }
    }
}

/// What stands around the items.
#[derive(Deserialize, Default)]
#[serde(default)]
struct List {
    #[serde(deserialize_with = "or_default")]
    kind: String,
    #[serde(deserialize_with = "or_default")]
    metadata: ListMeta,
    #[serde(deserialize_with = "present")]
    items: bool,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct ListMeta {
    #[serde(deserialize_with = "or_default")]
    resource_version: String,
}

impl List {
    fn is_list(&self) -> bool {
        self.items || self.kind.ends_with("List") || !self.metadata.resource_version.is_empty()
    }
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_any| true)
}

/// Reads a list that is there whole.
#[must_use]
pub fn read_list<T: Object>(json: &[u8]) -> Vec<T> {
    let pool = Mutex::default();
    let mut items = Vec::new();
    Framing::default().push(json, |item| items.push(read_one(item, &pool).0));
    items
}

/// Reads one object; one that is odd stands for itself all the same. Says whether it was read whole.
pub(super) fn read_one<T: Object>(json: &[u8], pool: &Mutex<Pool>) -> (T, bool) {
    let mut pool = pool.lock().unwrap_or_else(PoisonError::into_inner);
    match T::read(json, &mut pool) {
        Ok(item) => (item, true),
        Err(error) => (T::unread(&Meta::of(json), &errors::shorten(&error.to_string())), false),
    }
}

/// What is done with a list or a watch that is being opened.
pub(super) type Opening<T> = BoxFuture<'static, Result<T, Error>>;
