//! What the API server takes by itself: one bare list of all pods, read and not decoded.

use std::path::Path;
use std::time::{Duration, Instant};

use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use serde::Deserialize;
use tokio::runtime::Runtime;

/// The bare list: its time from the connection's beginning to the last byte, and its size.
#[derive(Clone, Copy)]
pub(crate) struct Bare {
    pub(crate) time: Duration,
    pub(crate) bytes: usize,
}

/// The pods that there are.
pub(crate) struct Pods {
    /// In order.
    pub(crate) names: Vec<String>,
}

/// Of a list no more than the names: a program is started by a fork of this one, which takes the longer the more this
/// one has in memory.
#[derive(Deserialize)]
struct List {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}

pub(crate) struct Yardstick {
    runtime: Runtime,
    kubeconfig: Kubeconfig,
}

impl Yardstick {
    pub(crate) fn new(kubeconfig: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { runtime, kubeconfig: Kubeconfig::read_from(kubeconfig).expect("a kubeconfig") }
    }

    async fn client(&self) -> Client {
        let options = KubeConfigOptions::default();
        let config = Config::from_custom_kubeconfig(self.kubeconfig.clone(), &options).await.unwrap();
        Client::try_from(config).unwrap()
    }

    /// A client with connections of its own.
    pub(crate) fn fresh_client(&self) -> Client {
        self.runtime.block_on(self.client())
    }

    /// One list on a connection of its own.
    pub(crate) fn bare_list(&self) -> Bare {
        self.runtime.block_on(async {
            let client = self.client().await;
            let began = Instant::now();
            let request = http::Request::get("/api/v1/pods").body(Body::empty()).unwrap();
            let mut body = client.send(request).await.expect("the list").into_body();
            let mut bytes = 0;
            while let Some(frame) = body.frame().await {
                bytes += frame.expect("the whole list").data_ref().map_or(0, bytes::Bytes::len);
            }
            Bare { time: began.elapsed(), bytes }
        })
    }

    /// Their names, so that rows are known when they are seen.
    pub(crate) fn pods(&self) -> Pods {
        self.runtime.block_on(async {
            let client = self.client().await;
            let request = http::Request::get("/api/v1/pods")
                .header("accept", "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1")
                .body(Vec::new())
                .unwrap();
            let list: List = client.request(request).await.expect("the names");
            let mut names: Vec<String> = list.items.into_iter().map(|item| item.metadata.name).collect();
            names.sort();
            Pods { names }
        })
    }
}

impl Pods {
    /// How many lines of the screen have a pod's name, perhaps cut.
    pub(crate) fn rows(&self, screen: &vt100::Screen) -> usize {
        let text = crate::program::text(screen);
        text.lines().filter(|line| line.split_whitespace().any(|word| self.is_name(word))).count()
    }

    fn is_name(&self, word: &str) -> bool {
        let start = word.split('…').next().unwrap_or_default();
        let at = self.names.partition_point(|name| name.as_str() < start);
        start.len() >= 5 && self.names.get(at).is_some_and(|name| name.starts_with(start))
    }

    /// Whether the screen says how many there are (and not only how many are to come).
    pub(crate) fn counted(&self, screen: &vt100::Screen) -> bool {
        let count = self.names.len().to_string();
        let text = crate::program::text(screen);
        let head: Vec<&str> = text.lines().take(12).collect();
        let head = head.join(" ");
        let words = head.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        let before = std::iter::once("").chain(words.clone());
        words.zip(before).any(|(word, before)| word == count && before != "of")
    }
}
