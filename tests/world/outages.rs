//! An API server that hangs, dies and forgets its past, under the feeds that the console has.

use std::collections::BTreeSet;
use std::time::Duration;

use quarterdeck::feeds::Slot;
use quarterdeck::model::clock::Clock;
use quarterdeck::model::health::{Error, Health};
use quarterdeck::model::id::Key;
use quarterdeck::model::record::Change;
use quarterdeck::systems::System;
use quarterdeck::systems::kube::Cluster;
use quarterdeck::systems::kubernetes::{Kubernetes, PODS};
use serde_json::{Value as Json, json};

use super::kserve::own;
use super::levers::{Restore, admin, kill, lever, link, pause, wait_for};
use super::watched::{Watched, keys_of};

const SPACE: &str = "/api/v1/namespaces/ml-staging/pods";

async fn watched() -> Watched {
    let link = link(&Kubernetes, "WORLD_KUBECONFIG").await;
    Watched::start(&Kubernetes, link.feeds().remove(0), PODS)
}

async fn create(cluster: &Cluster, name: &str) {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
        "spec": {"containers": [{"name": "main", "image": "registry.example.com/qd:1"}]}});
    cluster.post(&own(), SPACE, &pod).await.unwrap();
}

async fn remove(cluster: &Cluster, name: &str) {
    cluster.delete(&own(), &format!("{SPACE}/{name}?gracePeriodSeconds=0")).await.unwrap();
}

/// Two pods of a test, one of them there already. Neither stays.
async fn two_pods(cluster: &Cluster, names: [&'static str; 2]) -> Restore {
    let guard = Restore::by(move || {
        wait_for(async {
            let cluster = admin().await;
            for name in names {
                drop(cluster.delete(&own(), &format!("{SPACE}/{name}?gracePeriodSeconds=0")).await);
            }
        });
    });
    create(cluster, names[0]).await;
    guard
}

/// What the server has now, by a plain list.
async fn plain(cluster: &Cluster) -> Vec<String> {
    keys_of(&cluster.get_json::<Json>("/api/v1/pods").await.unwrap())
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn while_the_api_server_hangs_the_last_rows_stay_with_the_error_and_their_age_and_are_fresh_again_after() {
    let mut pods = watched().await;
    pods.until_fresh().await;
    let before = pods.rows.clone();
    let paused = pause();
    let since = Clock::System.now();
    pods.until("an error", |it| it.error().is_some()).await;
    assert!(matches!(pods.error(), Some(Error::Timeout { .. })), "{:?}", pods.error());
    assert_eq!(pods.health(), Health::Bad);
    assert_eq!(pods.keys(), before.keys().map(Key::to_string).collect::<Vec<_>>());
    // nothing has come since, whatever was tried: the age of the rows counts from there
    let seen = pods.fresh.seen.unwrap();
    assert!(seen <= since, "{seen} {since}");
    assert!(pods.fresh.next.is_some());
    drop(paused);
    pods.until("fresh rows", |it| it.health() == Health::Good && it.fresh.seen > Some(since)).await;
    assert_eq!(pods.keys(), plain(&*admin().await).await);
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn after_the_api_server_died_and_came_back_what_happened_meanwhile_is_there_and_the_deleted_row_is_not() {
    let cluster = admin().await;
    let _pods = two_pods(&cluster, ["qd-died", "qd-came"]).await;
    let mut pods = watched().await;
    pods.until("the first pod", |it| it.rows.contains_key(&Key::from("ml-staging/qd-died"))).await;
    let killed = kill();
    pods.until("an error", |it| it.error().is_some()).await;
    assert!(matches!(pods.error(), Some(Error::Unreachable { .. })), "{:?}", pods.error());
    assert!(pods.rows.contains_key(&Key::from("ml-staging/qd-died")), "the last rows stay");
    drop(killed);
    remove(&cluster, "qd-died").await;
    create(&cluster, "qd-came").await;
    let there = |it: &Watched, name: &str| it.rows.contains_key(&Key::namespaced("ml-staging", name));
    pods.until("the changes", |it| it.health() == Health::Good && there(it, "qd-came") && !there(it, "qd-died")).await;
    let expected = plain(&cluster).await;
    pods.until("the rows of a plain list", |it| it.keys() == expected).await;
}

#[tokio::test]
#[ignore = "needs the real servers of a test world: started by .ci/run"]
async fn a_past_that_etcd_has_forgotten_means_one_new_list_and_no_row_is_lost_or_doubled() {
    let cluster = admin().await;
    let _pods = two_pods(&cluster, ["qd-old", "qd-new"]).await;
    let mut feed = link(&Kubernetes, "WORLD_KUBECONFIG").await.feeds().remove(0);
    let mut slot = Slot::new(PODS, &(Kubernetes.panes()[0].heads)());
    let mut complete = false;
    while !complete {
        for (_, change) in feed.next().await.unwrap().changes {
            complete |= matches!(change, Change::Complete);
            slot.merge(change, Clock::System.now());
        }
    }
    let mut rows: BTreeSet<Key> = slot.take().unwrap().rows.iter().map(|row| row.key.clone()).collect();
    assert!(rows.contains(&Key::from("ml-staging/qd-old")));
    // nobody asks the feed meanwhile: what happens now lies in the past that is forgotten
    drop(kill());
    remove(&cluster, "qd-old").await;
    create(&cluster, "qd-new").await;
    lever(&["compact"]);
    drop(kill());
    let (mut lists, mut listed) = (0, Vec::new());
    let caught_up = async {
        loop {
            let fetched = match feed.next().await {
                Ok(fetched) => fetched,
                Err(error) => {
                    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
                    feed.reconnect();
                    continue;
                }
            };
            for (_, change) in fetched.changes {
                match &change {
                    Change::Begin => lists += 1,
                    Change::Upsert(row) if lists == 1 => listed.push(row.key.clone()),
                    _ => {}
                }
                let ends = matches!(change, Change::Complete);
                slot.merge(change, Clock::System.now());
                if ends {
                    return;
                }
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), caught_up).await.expect("a new list");
    assert_eq!(lists, 1, "the watch ended with 410 Gone, and one list came");
    let once: BTreeSet<&Key> = listed.iter().collect();
    assert_eq!(once.len(), listed.len(), "no row twice");
    let batch = slot.take().unwrap();
    assert!(batch.removed.contains(&Key::from("ml-staging/qd-old")), "{:?}", batch.removed);
    for key in &batch.removed {
        rows.remove(key);
    }
    rows.extend(batch.rows.iter().map(|row| row.key.clone()));
    let shown: Vec<String> = rows.iter().map(Key::to_string).collect();
    assert_eq!(shown, plain(&cluster).await);
}
