use std::sync::Arc;

use serde::Deserialize;

use super::server::{End, Reply, Server};
use crate::model::health::Error;
use crate::model::id::{Key, PaneId};
use crate::model::record::{Change, Column, Head, Record};
use crate::model::value::Value;
use crate::systems::kube::{ListWatch, Meta, Object, Objects, Pool, Resource};
use crate::systems::{Feed, Fetched};

#[derive(Deserialize)]
struct Thing {
    metadata: Meta,
    #[serde(default)]
    spec: Spec,
}

#[derive(Deserialize, Default)]
struct Spec {
    size: i64,
}

impl Record for Thing {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<Thing>] =
            &[Column { head: Head::number("size", "size", 9), get: |thing| Value::Int(thing.spec.size) }];
        COLUMNS
    }

    fn key(&self) -> Key {
        self.metadata.key()
    }
}

impl Object for Thing {
    fn read(json: &[u8], _pool: &mut Pool) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    fn unread(meta: &Meta, _why: &str) -> Self {
        Self { metadata: meta.clone(), spec: Spec { size: -1 } }
    }
}

fn thing(namespace: &str, name: &str, version: u32, size: i64) -> String {
    format!(
        r#"{{"metadata":{{"namespace":"{namespace}","name":"{name}","resourceVersion":"{version}"}},"spec":{{"size":{size}}}}}"#
    )
}

fn list(version: u32, items: &[String]) -> String {
    format!(
        r#"{{"kind":"ThingList","apiVersion":"v1","metadata":{{"resourceVersion":"{version}"}},"items":[{}]}}"#,
        items.join(",")
    )
}

fn event(kind: &str, object: &str) -> String {
    format!(r#"{{"type":"{kind}","object":{object}}}"#)
}

fn feed(server: &Server) -> ListWatch<Thing> {
    ListWatch::new(PaneId("things"), Objects::new(server.access(), Resource::new("/api/v1", "things"), Vec::new()))
}

/// Changes as short words: `begin`, `+ml/a=1`, `-ml/a`, `complete`, `beat`; progress is left out.
fn words(fetched: &Fetched) -> Vec<String> {
    fetched
        .changes
        .iter()
        .filter_map(|(_, change)| match change {
            Change::Begin => Some("begin".into()),
            Change::Upsert(row) => Some(format!("+{}={}", row.key, row.cell(0).number().unwrap())),
            Change::Remove(key) => Some(format!("-{key}")),
            Change::Complete => Some("complete".into()),
            Change::Note(note) => Some(format!("note {note}")),
            Change::Beat => Some("beat".into()),
            _ => None,
        })
        .collect()
}

/// Reads until the words hold `last`; errors are words too.
async fn until(feed: &mut ListWatch<Thing>, last: &str) -> Vec<String> {
    let mut all = Vec::new();
    for _ in 0..50 {
        match feed.next().await {
            Ok(fetched) => all.extend(words(&fetched)),
            Err(error) => all.push(format!("error {error}")),
        }
        if all.iter().any(|word| word.starts_with(last)) {
            return all;
        }
    }
    panic!("no {last} in {all:?}");
}

#[tokio::test]
async fn a_list_without_items_is_empty_and_watched_from_its_version() {
    let server = Server::start(|path, _| {
        if path.contains("watch=1") {
            return Reply::lines(&[&event("ADDED", &thing("ml", "a", 530, 1))], End::Hangs);
        }
        Reply::json(r#"{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"529"}}"#)
    })
    .await;
    assert_eq!(until(&mut feed(&server), "+").await, ["begin", "complete", "beat", "+ml/a=1"]);
    assert!(
        server.asked()[1].contains("resourceVersion=529") && server.asked()[1].contains("allowWatchBookmarks=true")
    );
}

#[tokio::test]
async fn one_odd_object_costs_no_other_its_row() {
    let odd = r#"{"metadata":{"namespace":"ml","name":"odd"},"spec":[]}"#.to_owned();
    let body = list(7, &[thing("ml", "a", 1, 1), odd, thing("ml", "b", 3, 3), "null".into(), "[]".into()]);
    let server = Server::start(move |_, _| Reply::json(body.clone())).await;
    assert_eq!(
        until(&mut feed(&server), "note").await,
        ["begin", "+ml/a=1", "+ml/odd=-1", "+ml/b=3", "+=-1", "+=-1", "complete", "note 3 could be read only in part"]
    );
}

#[tokio::test]
async fn rows_are_there_before_the_list_is() {
    let first: Vec<String> = (0..200).map(|at| thing("ml", &format!("t{at}"), 1, at)).collect();
    let body = list(7, &first);
    let (start, _) = body.split_at(body.len() - 20);
    let start = start.to_owned();
    let server = Server::start(move |_, _| Reply::json(start.clone()).ending(End::Hangs)).await;
    let mut feed = feed(&server);
    let mut fetched = feed.next().await.unwrap();
    assert_eq!(words(&fetched), ["begin"]);
    fetched = feed.next().await.unwrap();
    assert!(words(&fetched).len() >= 20 && !fetched.over, "{:?}", words(&fetched));
}

#[tokio::test]
async fn a_list_that_breaks_off_is_an_error_and_begins_anew() {
    let body = list(7, &[thing("ml", "a", 1, 1), thing("ml", "b", 2, 2)]);
    let (start, _) = body.split_at(body.len() - 9);
    let start = start.to_owned();
    let server = Server::start(move |_, before| {
        if before == 0 { Reply::json(start.clone()).ending(End::Broken) } else { Reply::json(body.clone()) }
    })
    .await;
    let seen = until(&mut feed(&server), "complete").await;
    assert!(seen.iter().any(|word| word.starts_with("error can't reach")), "{seen:?}");
    assert!(seen.ends_with(&["begin".into(), "+ml/a=1".into(), "+ml/b=2".into(), "complete".into()]), "{seen:?}");
}

#[tokio::test]
async fn a_watch_goes_on_where_it_was() {
    let server = Server::start(|path, before| match (path.contains("watch=1"), before) {
        (false, _) => Reply::json(list(10, &[thing("ml", "a", 1, 1)])),
        (true, 0) => Reply::lines(
            &[
                &event("MODIFIED", &thing("ml", "a", 11, 2)),
                &event("BOOKMARK", r#"{"metadata":{"resourceVersion":"15"}}"#),
            ],
            End::Whole,
        ),
        (true, 1) => Reply::lines(&[&event("DELETED", &thing("ml", "a", 16, 2))], End::Broken),
        (true, _) => Reply::lines(&[&event("ADDED", &thing("ml", "z", 17, 9))], End::Hangs),
    })
    .await;
    let seen = until(&mut feed(&server), "+ml/z").await;
    let seen: Vec<&str> = seen.iter().map(String::as_str).filter(|word| *word != "beat").collect();
    assert_eq!(&seen[..5], ["begin", "+ml/a=1", "complete", "+ml/a=2", "-ml/a"]);
    let versions: Vec<String> =
        server.asked().iter().filter_map(|asked| asked.split("resourceVersion=").nth(1).map(str::to_owned)).collect();
    assert_eq!(versions, ["10", "15", "16"]);
}

#[tokio::test]
async fn a_past_that_is_gone_means_a_new_list_that_keeps_the_rows() {
    let server = Server::start(|path, before| match (path.contains("watch=1"), before) {
        (false, 0) => Reply::json(list(10, &[thing("ml", "a", 1, 1)])),
        (false, _) => Reply::json(list(90, &[thing("ml", "b", 80, 2)])),
        (true, 0) => Reply::lines(
            &[&event("ERROR", r#"{"kind":"Status","apiVersion":"v1","code":410,"message":"too old"}"#)],
            End::Whole,
        ),
        (true, 1) => Reply::status(410, "too old resource version"),
        (true, _) => Reply::lines(&[&event("ADDED", &thing("ml", "z", 91, 9))], End::Hangs),
    })
    .await;
    let seen = until(&mut feed(&server), "+ml/z").await;
    let seen: Vec<&str> = seen.iter().map(String::as_str).filter(|word| *word != "beat").collect();
    assert_eq!(
        seen,
        ["begin", "+ml/a=1", "complete", "begin", "+ml/b=2", "complete", "begin", "+ml/b=2", "complete", "+ml/z=9"]
    );
}

#[tokio::test]
async fn where_the_whole_is_forbidden_the_permitted_namespaces_are_listed() {
    let server = Server::start(|path, _| match path.split('?').next().unwrap() {
        "/api/v1/things" | "/api/v1/namespaces/b/things" => Reply::status(403, "no"),
        "/api/v1/namespaces" => {
            Reply::json(r#"{"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}},{"metadata":{"name":"c"}}]}"#)
        }
        _ if path.contains("watch=1") => Reply::lines(&[], End::Hangs),
        "/api/v1/namespaces/a/things" => Reply::json(list(5, &[thing("a", "x", 1, 1)])),
        _ => Reply::json(list(6, &[thing("c", "y", 1, 2)])),
    })
    .await;
    let seen = until(&mut feed(&server), "complete").await;
    assert_eq!(seen.first().map(String::as_str), Some("begin"));
    assert_eq!(seen.iter().filter(|word| word.starts_with('+')).count(), 2);
    assert!(seen.contains(&"note no right to list things in b".to_owned()), "{seen:?}");
}

#[tokio::test]
async fn a_new_list_of_one_namespace_leaves_the_others_alone() {
    let server =
        Server::start(|path, before| match (path.split('?').next().unwrap(), path.contains("watch=1"), before) {
            ("/api/v1/things", ..) => Reply::status(403, "no"),
            ("/api/v1/namespaces", ..) => {
                Reply::json(r#"{"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]}"#)
            }
            ("/api/v1/namespaces/a/things", true, 0) => Reply::status(410, "too old"),
            (_, true, _) => Reply::lines(&[], End::Hangs),
            ("/api/v1/namespaces/a/things", false, 0) => {
                Reply::json(list(5, &[thing("a", "x", 1, 1), thing("a", "z", 1, 1)]))
            }
            ("/api/v1/namespaces/a/things", ..) => Reply::json(list(9, &[thing("a", "x", 1, 1)])),
            _ => Reply::json(list(6, &[thing("b", "y", 1, 2)])),
        })
        .await;
    let seen = until(&mut feed(&server), "-").await;
    assert_eq!(seen.iter().filter(|word| *word == "begin").count(), 1, "{seen:?}");
    assert!(seen.contains(&"-a/z".to_owned()) && !seen.contains(&"-b/y".to_owned()), "{seen:?}");
}

#[tokio::test]
async fn a_row_that_went_away_while_a_new_list_of_a_namespace_broke_off_is_gone_all_the_same() {
    let server = Server::start(|path, before| {
        let whole = list(9, &[thing("a", "x", 1, 2)]);
        match (path.split('?').next().unwrap(), path.contains("watch=1"), before) {
            ("/api/v1/things", ..) => Reply::status(403, "no"),
            ("/api/v1/namespaces", ..) => Reply::json(r#"{"items":[{"metadata":{"name":"a"}}]}"#),
            (_, true, 0) => Reply::status(410, "too old"),
            (_, true, _) => Reply::lines(&[&event("ADDED", &thing("a", "last", 10, 9))], End::Hangs),
            (_, false, 0) => Reply::json(list(5, &[thing("a", "x", 1, 1), thing("a", "z", 1, 1)])),
            (_, false, 1) => Reply::json(whole.split_at(whole.len() - 9).0).ending(End::Broken),
            _ => Reply::json(whole),
        }
    })
    .await;
    let seen = until(&mut feed(&server), "+a/last").await;
    assert!(seen.iter().any(|word| word.starts_with("error")), "{seen:?}");
    assert!(seen.contains(&"-a/z".to_owned()), "{seen:?}");
}

#[tokio::test]
async fn without_any_right_the_error_says_which_is_missing() {
    let server = Server::start(|_, _| Reply::status(403, "no")).await;
    let mut feed = feed(&server);
    let error = loop {
        if let Err(error) = feed.next().await {
            break error;
        }
    };
    assert_eq!(error, Error::Forbidden { verb: "list".into(), what: "things".into() });
    // the context's own namespace was tried before
    assert!(server.asked().iter().any(|asked| asked.starts_with("GET /api/v1/namespaces/mine/things")));
}

#[tokio::test]
async fn a_kind_that_is_not_installed_is_absent() {
    let server = Server::start(|_, _| Reply::json("404 page not found").typed(404, "text/plain")).await;
    let objects: Objects<Thing> = Objects::new(
        server.access(),
        Resource::new("/apis/serving.kserve.io/v1beta1", "inferenceservices"),
        Vec::new(),
    );
    let mut feed = ListWatch::new(PaneId("things"), objects);
    let error = feed.next().await.unwrap_err();
    assert_eq!(error, Error::Absent { what: "inferenceservices (serving.kserve.io)".into() });
}

#[tokio::test]
async fn a_dropped_wait_loses_nothing() {
    let rows: Vec<String> = (0..3000).map(|at| thing("ml", &format!("t{at}"), 1, at)).collect();
    let body = Arc::new(list(7, &rows));
    let server = Server::start(move |path, _| {
        if path.contains("watch=1") { Reply::lines(&[], End::Hangs) } else { Reply::json(body.as_str()) }
    })
    .await;
    let mut feed = feed(&server);
    let mut seen = Vec::new();
    while !seen.iter().any(|word| word == "complete") {
        // polled once and dropped, over and over
        if let Some(Ok(fetched)) = futures_util::FutureExt::now_or_never(feed.next()) {
            seen.extend(words(&fetched));
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(seen.iter().filter(|word| word.starts_with('+')).count(), 3000);
}

#[tokio::test]
async fn namespaces_that_are_given_are_the_only_ones_that_are_asked() {
    let server = Server::start(|path, _| match path.split('?').next().unwrap() {
        _ if path.contains("watch=1") => Reply::lines(&[], End::Hangs),
        "/api/v1/namespaces/a/things" => Reply::json(list(5, &[thing("a", "x", 1, 1)])),
        "/api/v1/namespaces/b/things" => Reply::json(list(6, &[thing("b", "y", 1, 2)])),
        _ => Reply::status(500, "not asked for"),
    })
    .await;
    let given = vec!["a".to_owned(), "b".to_owned()];
    let objects: Objects<Thing> = Objects::new(server.access(), Resource::new("/api/v1", "things"), given);
    let mut seen = until(&mut ListWatch::new(PaneId("things"), objects), "complete").await;
    seen.retain(|word| word.starts_with('+') || word == "begin" || word == "complete");
    assert_eq!((seen.len(), seen[0].as_str(), seen[3].as_str()), (4, "begin", "complete"), "{seen:?}");
    assert!(server.asked().iter().all(|asked| asked.contains("/namespaces/")), "{:?}", server.asked());
}
