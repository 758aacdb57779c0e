//! Logs of containers: made up from the time, so that the same second always has the same lines; followed as time passes.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use futures_util::stream;
use http::StatusCode;
use serde_json::Value;
use tokio::sync::watch;

use super::failure::Failure;
use super::path::Place;
use crate::demo::cluster::log::{Line, Voice};
use crate::demo::json::Json;
use crate::demo::serve::query::Query;
use crate::demo::serve::{Answer, text};
use crate::demo::store::ObjectKey;
use crate::demo::world::{State, World};

/// How far back logs reach.
const KEPT: TimeDelta = TimeDelta::minutes(60);

/// Answers GET of `…/log`.
pub fn answer(world: &Arc<World>, place: &Place, query: &Query) -> Answer {
    let pod = ObjectKey::new(place.namespace.as_deref().unwrap_or_default(), place.name.as_deref().unwrap_or_default());
    let began = world.enter(|state, now| begin(state, place, (&pod, query), now));
    let (voice, from, until) = match began {
        Ok(began) => began,
        Err(failure) => return failure.answer(),
    };
    let now = world.now();
    let stamps = query.is_on("timestamps");
    let ends = until.is_some();
    let mut lines = voice.lines(from, until.unwrap_or(now));
    if let Some(tail) = query.number("tailLines").and_then(|tail| usize::try_from(tail).ok()) {
        lines.drain(..lines.len().saturating_sub(tail));
    }
    let mut page: String = lines.iter().map(|line| show(line, stamps)).collect();
    if let Some(limit) = query.number("limitBytes").and_then(|limit| usize::try_from(limit).ok()) {
        let cut = (0..=limit.min(page.len())).rev().find(|at| page.is_char_boundary(*at)).unwrap_or(0);
        page.truncate(cut);
    }
    if !query.is_on("follow") || ends {
        return text(StatusCode::OK, "text/plain", page);
    }
    let follow =
        Follow { world: Arc::clone(world), pod, voice, seen: now, stamps, first: Some(page), ticks: world.ticks() };
    let pieces = stream::unfold(follow, |mut follow| async move {
        let piece = follow.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(piece)), follow))
    });
    text(StatusCode::OK, "text/plain", Body::from_stream(pieces))
}

type Begun = (Voice, DateTime<Utc>, Option<DateTime<Utc>>);

/// Whose log it is, from when, and until when where it has ended.
fn begin(state: &State, place: &Place, of: (&ObjectKey, &Query), now: DateTime<Utc>) -> Result<Begun, Failure> {
    let (key, query) = of;
    let pod = state
        .store
        .value("pods", &key.namespace, &key.name)
        .ok_or_else(|| Failure::not_found(place.kind, &key.name))?;
    let names = |list: &str| {
        pod.at("/spec")
            .at(&format!("/{list}"))
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| one.at("/name").as_str().map(ToOwned::to_owned))
            .collect::<Vec<_>>()
    };
    let (main, init) = (names("containers"), names("initContainers"));
    let container = match query.get("container").filter(|name| !name.is_empty()) {
        Some(name) => name.to_owned(),
        None => match main.as_slice() {
            [only] => only.clone(),
            several => {
                let several = several.join(" ");
                let init = if init.is_empty() {
                    String::new()
                } else {
                    format!(" or one of the init containers: [{}]", init.join(" "))
                };
                return Err(Failure::bad_request(format!(
                    "a container name must be specified for pod {}, choose one of: [{several}]{init}",
                    key.name
                )));
            }
        },
    };
    if !main.contains(&container) && !init.contains(&container) {
        return Err(Failure::bad_request(format!("container {container} is not valid for pod {}", key.name)));
    }
    let lists = ["containerStatuses", "initContainerStatuses"]
        .iter()
        .filter_map(|list| pod.at("/status").at(&format!("/{list}")).as_array());
    let status = lists.flatten().find(|one| one.at("/name") == container.as_str()).cloned().unwrap_or_default();
    span(state, (key, &container), (query, &status), now)
}

fn span(state: &State, of: (&ObjectKey, &str), asked: (&Query, &Value), now: DateTime<Utc>) -> Result<Begun, Failure> {
    let ((key, container), (query, status)) = (of, asked);
    let time =
        |value: &Value| value.as_str().and_then(|text| DateTime::parse_from_rfc3339(text).ok()).map(|at| at.to_utc());
    let ended = &status.at("/state/terminated");
    let last = &status.at("/lastState/terminated");
    let (from, until) = if query.is_on("previous") {
        let until = time(last.at("/finishedAt")).ok_or_else(|| {
            Failure::bad_request(format!(
                "previous terminated container \"{container}\" in pod \"{}\" not found",
                key.name
            ))
        })?;
        (time(last.at("/startedAt")).unwrap_or(until), Some(until))
    } else if let Some(reason) = status.at("/state/waiting/reason").as_str() {
        let until = time(last.at("/finishedAt")).ok_or_else(|| {
            let why = if reason == "ImagePullBackOff" {
                "trying and failing to pull image".to_owned()
            } else {
                reason.to_owned()
            };
            Failure::bad_request(format!(
                "container \"{container}\" in pod \"{}\" is waiting to start: {why}",
                key.name
            ))
        })?;
        (time(last.at("/startedAt")).unwrap_or(until), Some(until))
    } else if !ended.is_null() {
        let until = time(ended.at("/finishedAt")).unwrap_or(now);
        (time(ended.at("/startedAt")).unwrap_or(until), Some(until))
    } else {
        (time(status.at("/state/running/startedAt")).unwrap_or(now - KEPT), None)
    };
    let mut begin = from.max(now - KEPT.max(now - until.unwrap_or(now) + TimeDelta::minutes(10)));
    if let Some(seconds) = query.number("sinceSeconds").and_then(|seconds| i64::try_from(seconds).ok()) {
        begin = begin.max(now - TimeDelta::seconds(seconds));
    }
    if let Some(since) = query.get("sinceTime") {
        let since = DateTime::parse_from_rfc3339(since)
            .map_err(|error| Failure::bad_request(format!("invalid sinceTime: {error}")))?;
        begin = begin.max(since.to_utc());
    }
    let killed = last.at("/reason") == "OOMKilled" && query.is_on("previous");
    Ok((state.voice(key, container, (from, killed)), begin, until))
}

fn show(line: &Line, stamps: bool) -> String {
    if stamps {
        format!("{} {}\n", line.at.to_rfc3339_opts(SecondsFormat::Nanos, true), line.text)
    } else {
        format!("{}\n", line.text)
    }
}

struct Follow {
    world: Arc<World>,
    pod: ObjectKey,
    voice: Voice,
    seen: DateTime<Utc>,
    stamps: bool,
    first: Option<String>,
    ticks: watch::Receiver<DateTime<Utc>>,
}

impl Follow {
    /// The next lines; `None` when the container has ended.
    async fn next(&mut self) -> Option<String> {
        if let Some(first) = self.first.take().filter(|first| !first.is_empty()) {
            return Some(first);
        }
        loop {
            self.ticks.changed().await.ok()?;
            let now = self.world.now();
            let alive =
                self.world.enter(|state, _| state.is_running(&self.pod, self.voice.container(), self.voice.began()));
            let lines: String = self.voice.lines(self.seen, now).iter().map(|line| show(line, self.stamps)).collect();
            self.seen = now;
            if !lines.is_empty() {
                return Some(lines);
            }
            if !alive {
                return None;
            }
        }
    }
}
