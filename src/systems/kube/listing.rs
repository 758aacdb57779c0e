//! One list, decoded while it arrives, on a thread of its own: the first rows are there before the last has come, and
//! no more of it is in memory than what is being read.

use std::io::{BufReader, Read};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method};
use http_body_util::BodyExt;
use kube::client::Body;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use super::cluster::{Cluster, LIMIT, request, within};
use super::errors::{self, Whom};
use super::object::{Meta, Object, or_default};
use super::pool::Pool;
use crate::model::clock::Clock;
use crate::model::health::Error;

/// How large a list may be, in bytes.
const SIZE_LIMIT: usize = 1 << 30;
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
    Items { items: Vec<T>, unread: usize, of: Option<usize> },
    /// All of it has come; the version that a watch goes on from.
    End { version: String },
    /// It is over before its end.
    Failed(Error),
}

/// A list on its way.
pub(super) struct Listing<T> {
    pump: Pin<Box<dyn Future<Output = ()> + Send>>,
    pumped: bool,
    parts: mpsc::Receiver<Part<T>>,
}

impl<T: Object> Listing<T> {
    /// Asks for the list at `path`.
    pub(super) async fn open(cluster: &Cluster, path: &str, pool: Arc<Mutex<Pool>>) -> Result<Self, Error> {
        let answer = cluster.open(request(Method::GET, path, Vec::new())?, LIMIT * 2).await?;
        let (head, body) = answer.into_parts();
        let (chunks, arriving) = mpsc::channel(32);
        let (out, parts) = mpsc::channel(2);
        let whom = cluster.whom();
        let decoder = Decoder {
            out: Batches::new(out, cluster.clock().clone()),
            pool,
            server: whom.server.to_owned(),
            headers: head.headers,
        };
        std::thread::Builder::new()
            .name("list".into())
            .spawn(move || decoder.run(arriving))
            .map_err(|error| Error::Unreachable { what: "a thread to read with".into(), why: error.to_string() })?;
        Ok(Self { pump: Box::pin(pump(body, chunks, whom.server.to_owned())), pumped: false, parts })
    }

    /// The next piece; cancel-safe. `None` only if the decoder has died.
    pub(super) async fn next(&mut self) -> Option<Part<T>> {
        while !self.pumped {
            tokio::select! {
                biased;
                part = self.parts.recv() => return part,
                () = &mut self.pump => self.pumped = true,
            }
        }
        self.parts.recv().await
    }
}

/// Carries the body's chunks to the decoder.
async fn pump(mut body: Body, chunks: mpsc::Sender<Result<Bytes, Error>>, server: String) {
    let mut size = 0;
    loop {
        let chunk = match within(STALL, &server, body.frame()).await {
            Ok(None) => return,
            Ok(Some(Ok(frame))) => match frame.into_data() {
                Ok(chunk) => Ok(chunk),
                Err(_trailers) => continue,
            },
            Ok(Some(Err(error))) => Err(Error::Unreachable {
                what: server.clone(),
                why: format!("the list was cut off: {}", errors::root_cause(&error)),
            }),
            Err(late) => Err(late),
        };
        size += chunk.as_ref().map_or(0, Bytes::len);
        let chunk = if size > SIZE_LIMIT {
            Err(Error::Protocol { what: format!("the list of {server} is larger than {} GiB", SIZE_LIMIT >> 30) })
        } else {
            chunk
        };
        let last = chunk.is_err();
        if chunks.send(chunk).await.is_err() || last {
            return;
        }
    }
}

/// The chunks as a reader, on the decoder's thread.
struct Arriving {
    chunks: mpsc::Receiver<Result<Bytes, Error>>,
    current: Bytes,
    seen: Arc<Mutex<Seen>>,
}

/// What the decoder has to know of the body after it failed.
#[derive(Default)]
struct Seen {
    start: Vec<u8>,
    error: Option<Error>,
}

impl Read for Arriving {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.current.is_empty() {
            match self.chunks.blocking_recv() {
                None => return Ok(0),
                Some(Ok(chunk)) => self.current = chunk,
                Some(Err(error)) => {
                    let words = error.to_string();
                    self.seen.lock().unwrap_or_else(PoisonError::into_inner).error = Some(error);
                    return Err(std::io::Error::other(words));
                }
            }
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if seen.start.len() < 512 {
                seen.start.extend(self.current.iter().take(512));
            }
        }
        let taken = self.current.split_to(buffer.len().min(self.current.len()));
        if let Some(room) = buffer.get_mut(..taken.len()) {
            room.copy_from_slice(&taken);
        }
        Ok(taken.len())
    }
}

struct Decoder<T> {
    out: Batches<T>,
    pool: Arc<Mutex<Pool>>,
    server: String,
    headers: HeaderMap,
}

impl<T: Object> Decoder<T> {
    fn run(mut self, chunks: mpsc::Receiver<Result<Bytes, Error>>) {
        let seen = Arc::new(Mutex::new(Seen::default()));
        let reader = Arriving { chunks, current: Bytes::new(), seen: Arc::clone(&seen) };
        let mut json = serde_json::Deserializer::from_reader(BufReader::with_capacity(1 << 16, reader));
        let read = ListSeed { out: &mut self.out, pool: &self.pool }.deserialize(&mut json);
        let end = match read {
            Ok(list) if list.is_list => Part::End { version: list.version },
            Ok(_) => Part::Failed(Error::Protocol { what: format!("the answer of {} is not a list", self.server) }),
            Err(error) => {
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                let whom = Whom { server: &self.server, user: "", now: DateTime::UNIX_EPOCH };
                let own = seen.error.take();
                Part::Failed(own.unwrap_or_else(|| errors::not_json(&self.headers, &seen.start, &whom, &error)))
            }
        };
        self.out.flush();
        self.out.send(end);
    }
}

/// Gathers objects into parts.
struct Batches<T> {
    to: mpsc::Sender<Part<T>>,
    clock: Clock,
    since: DateTime<Utc>,
    first: bool,
    items: Vec<T>,
    unread: usize,
    done: usize,
    remaining: Option<usize>,
    closed: bool,
}

impl<T> Batches<T> {
    fn new(to: mpsc::Sender<Part<T>>, clock: Clock) -> Self {
        let since = clock.now();
        Self { to, clock, since, first: true, items: Vec::new(), unread: 0, done: 0, remaining: None, closed: false }
    }

    fn push(&mut self, item: T, whole: bool) {
        self.items.push(item);
        self.unread += usize::from(!whole);
        let full = if self.first {
            self.items.len() >= FIRST || self.clock.now() - self.since >= TimeDelta::milliseconds(FIRST_MILLIS)
        } else {
            self.items.len() >= LATER
        };
        if full {
            self.flush();
        }
    }

    fn flush(&mut self) {
        if self.items.is_empty() {
            return;
        }
        self.first = false;
        let items = std::mem::take(&mut self.items);
        self.done += items.len();
        let unread = std::mem::take(&mut self.unread);
        self.send(Part::Items { items, unread, of: self.remaining });
    }

    fn send(&mut self, part: Part<T>) {
        self.closed |= self.to.blocking_send(part).is_err();
    }
}

/// What stands around the items.
#[derive(Default)]
struct List {
    version: String,
    is_list: bool,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct ListMeta {
    #[serde(deserialize_with = "or_default")]
    resource_version: String,
}

struct ListSeed<'a, T> {
    out: &'a mut Batches<T>,
    pool: &'a Mutex<Pool>,
}

impl<'de, T: Object> DeserializeSeed<'de> for ListSeed<'_, T> {
    type Value = List;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<List, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, T: Object> Visitor<'de> for ListSeed<'_, T> {
    type Value = List;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a list of objects")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<List, A::Error> {
        let mut list = List::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "kind" => {
                    let kind: Option<String> = map.next_value()?;
                    list.is_list |= kind.is_some_and(|kind| kind.ends_with("List"));
                }
                "metadata" => {
                    let meta: Option<ListMeta> = map.next_value()?;
                    list.version = meta.unwrap_or_default().resource_version;
                    list.is_list |= !list.version.is_empty();
                }
                "items" => {
                    map.next_value_seed(ItemsSeed { out: &mut *self.out, pool: self.pool })?;
                    list.is_list = true;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(list)
    }
}

struct ItemsSeed<'a, T> {
    out: &'a mut Batches<T>,
    pool: &'a Mutex<Pool>,
}

impl<'de, T: Object> DeserializeSeed<'de> for ItemsSeed<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_option(self)
    }
}

impl<'de, T: Object> Visitor<'de> for ItemsSeed<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the list's items")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(item) = seq.next_element::<Box<RawValue>>()? {
            if self.out.closed {
                return Err(serde::de::Error::custom("nobody waits for it any more"));
            }
            let (item, whole) = read_one(item.get(), self.pool);
            self.out.push(item, whole);
        }
        Ok(())
    }
}

/// Reads one object; one that is odd stands for itself all the same. Says whether it was read whole.
pub(super) fn read_one<T: Object>(json: &str, pool: &Mutex<Pool>) -> (T, bool) {
    let mut pool = pool.lock().unwrap_or_else(PoisonError::into_inner);
    match T::read(json, &mut pool) {
        Ok(item) => (item, true),
        Err(error) => (T::unread(&Meta::of(json), &errors::shorten(&error.to_string())), false),
    }
}

/// What is done with a list or a watch that is being opened.
pub(super) type Opening<T> = BoxFuture<'static, Result<T, Error>>;
