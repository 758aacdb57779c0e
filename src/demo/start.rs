//! Starts the embedded world: its state, its servers, and the beat that keeps time moving.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;

use super::random::hex;
use super::serve::Server;
use super::serve::ingress::Ingress;
use super::serve::kube::Kubernetes;
use super::serve::listen::{Listening, listen};
use super::serve::mlflow::Mlflow;
use super::serve::prometheus::Prometheus;
use super::world::{Scenario, Setup, World};
use crate::model::clock::Clock;

/// How an embedded world is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// What goes wrong.
    pub scenario: Scenario,
    /// Where all chance comes from.
    pub seed: u64,
    /// How many pods are added to the story's own (other kinds in proportion).
    pub scale: usize,
    /// The world's time; a scaled clock makes it run faster.
    pub clock: Clock,
}

impl Default for Options {
    fn default() -> Self {
        Self { scenario: Scenario::default(), seed: 1, scale: 0, clock: Clock::System }
    }
}

/// A running world; it ends when this is dropped.
#[derive(Debug)]
pub struct Demo {
    world: Arc<World>,
    token: String,
    kubernetes: Listening,
    others: Vec<(&'static str, Listening)>,
    beat: JoinHandle<()>,
}

impl Demo {
    /// Starts all servers on free ports of 127.0.0.1.
    ///
    /// # Errors
    /// When a port can't be had.
    pub async fn start(options: Options) -> io::Result<Self> {
        let Options { scenario, seed, scale, clock } = options;
        let standing = matches!(clock, Clock::Virtual(_));
        let world = World::new(Setup { scenario, seed, scale, clock });
        let token = format!("demo-{}", hex(seed, "token", 32));
        let apps = apps(&world);
        let mut others = Vec::new();
        for (_, variable, server) in &apps {
            others.push((*variable, listen(Arc::clone(&world), Arc::clone(server)).await?));
        }
        let ingress = Arc::new(Ingress::new(Arc::clone(&world)));
        others.push(("QUARTERDECK_DEMO_INGRESS", listen(Arc::clone(&world), ingress).await?));
        let apps = apps.into_iter().map(|(app, _, server)| (app, server)).collect();
        let kubernetes = Arc::new(Kubernetes::new(Arc::clone(&world), token.clone(), Arc::new(apps)));
        let kubernetes = listen(Arc::clone(&world), kubernetes).await?;
        let beating = Arc::clone(&world);
        #[expect(clippy::disallowed_methods, reason = "the world's own task; it ends with its handle")]
        let beat = tokio::spawn(async move {
            // A clock that is moved by hand says itself when it was moved.
            if !standing {
                beat(&beating).await;
            }
        });
        Ok(Self { world, token, kubernetes, others, beat })
    }

    /// The world's state.
    #[must_use]
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// The API server's address.
    #[must_use]
    pub fn kubernetes_url(&self) -> String {
        self.kubernetes.url()
    }

    /// The bearer token that the API server takes.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// A kubeconfig for the API server (JSON, which is YAML too).
    #[must_use]
    pub fn kubeconfig(&self) -> String {
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "demo", "preferences": {},
            "clusters": [{ "name": "demo", "cluster": { "server": self.kubernetes.url() } }],
            "users": [{ "name": "demo", "user": { "token": self.token } }],
            "contexts": [{ "name": "demo", "context": { "cluster": "demo", "user": "demo", "namespace": "ml-prod" } }],
        });
        format!("{config:#}\n")
    }

    /// The servers' base addresses by the names of the variables that the systems' own clients read.
    #[must_use]
    pub fn urls(&self) -> Vec<(&'static str, String)> {
        self.others.iter().map(|(name, server)| (*name, server.url())).collect()
    }
}

/// The platform's own apps: the label `app` of their pods, the variable that their clients read, the server.
fn apps(world: &Arc<World>) -> Vec<(&'static str, &'static str, Arc<dyn Server>)> {
    vec![
        ("mlflow", "MLFLOW_TRACKING_URI", Arc::new(Mlflow::new(Arc::clone(world)))),
        ("prometheus", "PROMETHEUS_URL", Arc::new(Prometheus::new(Arc::clone(world)))),
    ]
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.beat.abort();
    }
}

#[expect(clippy::disallowed_methods, reason = "the beat of a world whose clock runs by itself")]
async fn beat(world: &World) {
    loop {
        tokio::time::sleep(Duration::from_millis(100)).await;
        world.touch();
    }
}
