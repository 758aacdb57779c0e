//! A container's log, followed: without loss or doubling over lost connections and restarts of the container.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;

use super::Target;
use super::detail::{Whole, follow};
use super::splitting::{Entry, Splitter};
use super::wire::PodWire;
use crate::model::health::Error;
use crate::model::text::clean;
use crate::systems::http::encoded;
use crate::systems::kube::{Access, Objects, Resource, Streaming, Told, or_default};
use crate::systems::{LOG_CONTAINERS, LOG_OF, Line, Lines, Parameters};

/// So many lines of the past come first.
const TAIL: u32 = 1000;
/// The container that serves the model, by KServe's rule.
const SERVING: &str = "kserve-container";

/// A log that is followed.
#[expect(clippy::struct_excessive_bools, reason = "each is something that happens once, in no order")]
pub(super) struct Log {
    access: Access,
    target: Target,
    container: Option<String>,
    previous: bool,
    state: State,
    splitter: Splitter,
    place: Place,
    ready: VecDeque<Line>,
    /// Whether something new has come since the log was opened.
    fresh: bool,
    over: bool,
    /// Whether it was said whose log it is.
    told: bool,
}

enum State {
    Idle,
    Opening(BoxFuture<'static, Result<Opened, Error>>),
    Reading(Streaming),
    /// The log has ended or has not begun; the pod is followed until it may go on.
    Waiting {
        pod: Box<Objects<Whole>>,
        told: bool,
        seen: bool,
    },
}

/// Which log was opened.
struct Opened {
    pod: (String, String),
    container: String,
    /// All containers of the pod.
    containers: Vec<String>,
    log: Result<Streaming, Error>,
}

/// How much of the log has been seen: lines up to the last time, and how many of that time.
#[derive(Default)]
struct Place {
    last: Option<DateTime<Utc>>,
    same: usize,
    /// Lines of the last time that come again after the connection was made anew.
    again: usize,
}

impl Place {
    /// The connection is made anew: what comes begins with the second of the last line.
    fn resume(&mut self) {
        self.again = self.same;
    }

    /// Whether the line is new.
    fn is_new(&mut self, at: Option<DateTime<Utc>>) -> bool {
        let (Some(at), Some(last)) = (at, self.last) else {
            self.last = at.or(self.last);
            self.same = usize::from(at.is_some());
            return true;
        };
        if at < last {
            return false;
        }
        if at > last {
            (self.last, self.same, self.again) = (Some(at), 1, 0);
            return true;
        }
        if self.again > 0 {
            self.again -= 1;
            return false;
        }
        self.same += 1;
        true
    }
}

impl Log {
    pub(super) fn new(access: Access, target: Target, how: &Parameters) -> Self {
        Self {
            access,
            target,
            container: how.container.clone(),
            previous: how.previous,
            state: State::Idle,
            splitter: Splitter::default(),
            place: Place::default(),
            ready: VecDeque::new(),
            fresh: false,
            over: false,
            told: false,
        }
    }

    fn open(&self) -> BoxFuture<'static, Result<Opened, Error>> {
        let (access, target, container) = (self.access.clone(), self.target.clone(), self.container.clone());
        let (previous, last) = (self.previous, self.place.last);
        Box::pin(async move {
            let cluster = access.cluster().await?;
            let (namespace, pod, wire) = find(&access, &target).await?;
            let container = container.unwrap_or_else(|| useful_container(&wire));
            let mut path = format!(
                "{}/log?timestamps=true&container={}",
                Resource::new("/api/v1", "pods").object_path(&namespace, &pod)?,
                encoded(&container)
            );
            path.push_str(if previous { "&previous=true" } else { "&follow=true" });
            let from = match last {
                Some(last) => format!("&sinceTime={}", encoded(&last.format("%Y-%m-%dT%H:%M:%SZ").to_string())),
                None => format!("&tailLines={TAIL}"),
            };
            path.push_str(&from);
            let containers = wire.spec.init_containers.iter().chain(wire.spec.containers.iter().flatten());
            let containers = containers.map(|spec| spec.name.clone()).collect();
            Ok(Opened { pod: (namespace, pod), container, containers, log: cluster.stream(&path).await })
        })
    }

    fn notice(&mut self, text: String) {
        self.ready.push_back(Line { at: Some(self.access.clock().now()), text: text.into(), notice: true });
    }

    fn take(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            if self.place.is_new(entry.at) {
                self.fresh = true;
                self.ready.push_back(Line { at: entry.at, text: entry.text.into(), notice: false });
            }
        }
    }

    /// One step; lines that came are in `ready`.
    async fn step(&mut self) -> Result<(), Error> {
        match &mut self.state {
            State::Idle => {
                self.place.resume();
                self.state = State::Opening(self.open());
            }
            State::Opening(opening) => {
                let opened = opening.as_mut().await;
                self.state = State::Idle;
                self.opened(opened?)?;
            }
            State::Reading(streaming) => match streaming.next().await {
                Ok(Some(chunk)) => {
                    let entries = self.splitter.push(&chunk);
                    self.take(entries);
                }
                Ok(None) => self.ended(),
                Err(error) => {
                    // half a line comes again whole
                    self.splitter = Splitter::default();
                    self.state = State::Idle;
                    return Err(error);
                }
            },
            State::Waiting { .. } => self.wait().await?,
        }
        Ok(())
    }

    fn opened(&mut self, opened: Opened) -> Result<(), Error> {
        let Opened { pod: (namespace, pod), container, containers, log } = opened;
        if !std::mem::replace(&mut self.told, true) {
            let choice =
                if containers.len() > 1 { LOG_CONTAINERS.to_owned() + &containers.join(", ") } else { String::new() };
            self.notice(format!("{LOG_OF}{pod} container {container}{choice}"));
        }
        // from now on it is this one, whatever is chosen by a label later
        self.target = Target::Pod { namespace: namespace.clone(), name: pod.clone() };
        self.container = Some(container.clone());
        match log {
            Ok(streaming) => {
                self.fresh = false;
                self.state = State::Reading(streaming);
            }
            Err(Error::Refused { why }) if self.previous => {
                self.over = true;
                self.notice(format!("no previous run of {container}: {why}"));
            }
            Err(Error::Refused { why }) => {
                self.notice(format!("{why}; waiting for it"));
                self.state = State::Waiting {
                    pod: Box::new(follow(self.access.clone(), &namespace, &pod)),
                    told: true,
                    seen: false,
                };
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn ended(&mut self) {
        let rest: Vec<Entry> = self.splitter.rest().into_iter().collect();
        self.take(rest);
        self.state = State::Idle;
        if self.previous {
            self.over = true;
            self.notice("the end of the previous run's log".into());
        } else if let Target::Pod { namespace, name } = &self.target {
            // servers end it now and then; whether there is more to come the pod says
            let pod = Box::new(follow(self.access.clone(), namespace, name));
            self.state = State::Waiting { pod, told: false, seen: false };
        }
    }

    /// Waits until the container runs, or is sure not to run again.
    async fn wait(&mut self) -> Result<(), Error> {
        let State::Waiting { pod, told, seen } = &mut self.state else { return Ok(()) };
        let container = self.container.as_deref().unwrap_or_default();
        let (heard, _) = pod.next().await?;
        for heard in heard {
            match heard {
                Told::Seen(pod) => {
                    *seen = true;
                    match outlook(&pod.wire, container) {
                        Outlook::Runs if self.fresh || *told => {
                            self.state = State::Idle;
                            return Ok(());
                        }
                        // an error is tried again with ever longer waits
                        Outlook::Runs => {
                            let why = "it ends at once although the container runs".into();
                            let what = format!("the log of {container}");
                            self.state = State::Idle;
                            return Err(Error::Unreachable { what, why });
                        }
                        Outlook::Over(why) => {
                            self.over = true;
                            self.notice(why);
                            return Ok(());
                        }
                        Outlook::MayCome(why) if !*told => {
                            *told = true;
                            self.ready.push_back(Line {
                                at: Some(self.access.clock().now()),
                                text: why.into(),
                                notice: true,
                            });
                        }
                        Outlook::MayCome(_) => {}
                    }
                }
                Told::Gone(_) => self.over = true,
                Told::Complete if !*seen => self.over = true,
                _ => {}
            }
        }
        if self.over {
            self.notice("the pod is gone; its log went with it: look at the pod that took its place".into());
        }
        Ok(())
    }
}

impl Lines for Log {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Vec<Line>>, Error>> {
        Box::pin(async move {
            while self.ready.is_empty() && !self.over {
                if let Err(error) = self.step().await {
                    let Error::Gone { what } = error else { return Err(error) };
                    self.over = true;
                    self.notice(format!("{what} is gone: look at what took its place"));
                }
            }
            let lines: Vec<Line> = self.ready.drain(..).collect();
            Ok((!lines.is_empty()).then_some(lines))
        })
    }
}

/// What is to be expected of a container whose log has ended.
enum Outlook {
    Runs,
    MayCome(String),
    Over(String),
}

fn outlook(wire: &PodWire, container: &str) -> Outlook {
    let statuses = wire.status.init_container_statuses.iter().chain(&wire.status.container_statuses);
    let state = statuses.into_iter().find(|status| status.name == container).map(|status| &status.state);
    let finished = matches!(wire.status.phase.as_str(), "Succeeded" | "Failed");
    match state {
        Some(state) if state.running.is_some() => Outlook::Runs,
        Some(state) if state.terminated.is_some() => {
            let ended = state.terminated.as_ref();
            let code = ended.map_or(0, |ended| ended.exit_code);
            let reason = clean(ended.map_or("", |ended| &ended.reason));
            let text = format!("{container} has ended: {reason} (exit status {code})");
            let init = wire.spec.init_containers.iter().any(|spec| spec.name == container);
            if finished || (init && code == 0) { Outlook::Over(text) } else { Outlook::MayCome(text) }
        }
        Some(state) => {
            let why = state.waiting.as_ref().map_or(String::new(), |waiting| clean(&waiting.reason));
            Outlook::MayCome(format!("{container} waits to start: {why}"))
        }
        None if finished => Outlook::Over(format!("{container} never ran")),
        None => Outlook::MayCome(format!("{container} has not begun")),
    }
}

/// The container whose log is most likely wanted: the one that does not get on, else the one that serves.
fn useful_container(wire: &PodWire) -> String {
    let statuses = &wire.status.init_container_statuses;
    let stuck = statuses.iter().find(|status| {
        let sidecar = wire.spec.init_containers.iter().any(|spec| spec.name == status.name && spec.is_sidecar());
        !sidecar && status.state.terminated.as_ref().is_none_or(|ended| ended.exit_code != 0)
    });
    if let Some(stuck) = stuck {
        return stuck.name.clone();
    }
    let containers = wire.spec.containers.as_deref().unwrap_or_default();
    let chosen = containers.iter().find(|spec| spec.name == SERVING).or(containers.first());
    chosen.map(|spec| spec.name.clone()).unwrap_or_default()
}

/// The pod to read: the one that was asked for, or the endpoint's that needs looking at most.
async fn find(access: &Access, target: &Target) -> Result<(String, String, PodWire), Error> {
    #[derive(serde::Deserialize)]
    struct List {
        #[serde(default, deserialize_with = "or_default")]
        items: Vec<PodWire>,
    }
    let cluster = access.cluster().await?;
    let pods = Resource::new("/api/v1", "pods");
    match target {
        Target::Pod { namespace, name } => {
            let wire = cluster.get_json(&pods.object_path(namespace, name)?).await?;
            Ok((namespace.clone(), name.clone(), wire))
        }
        Target::Endpoint { kind, namespace, name } => {
            let path = pods.labelled(&format!("{}={name}", kind.label())).list_path(Some(namespace));
            let list: List = cluster.get_json(&path).await?;
            let chosen = list.items.into_iter().min_by_key(|pod| {
                let sum = super::status::summary(pod);
                (sum.health, std::cmp::Reverse(pod.metadata.creation_timestamp))
            });
            let wire = chosen.ok_or_else(|| Error::Gone { what: format!("every pod of {namespace}/{name}") })?;
            Ok((namespace.clone(), wire.metadata.name.clone(), wire))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_come_again_are_passed_over_also_those_of_the_same_moment() {
        let at = |second: i64| DateTime::from_timestamp(second, 5);
        let mut place = Place::default();
        let first: Vec<bool> = [1, 2, 2, 3, 3].map(|second| place.is_new(at(second))).into();
        assert_eq!(first, [true; 5]);
        place.resume();
        let again: Vec<bool> = [2, 2, 3, 3, 3, 4].map(|second| place.is_new(at(second))).into();
        assert_eq!(again, [false, false, false, false, true, true]);
    }
}
