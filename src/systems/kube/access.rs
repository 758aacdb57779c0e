//! The way to a cluster: made once, when it is first needed, and shared by all systems that live in it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Mutex;

use super::cluster::Cluster;
use super::source::{Described, Found, Source};
use crate::model::clock::Clock;
use crate::model::health::Error;
use crate::systems::Environment;

/// The way to a cluster. Cheap to clone; clones share one connection.
///
/// Keep this and not the [`Cluster`]: after a login that the server no longer accepts, [`Access::cluster`] reads the
/// kubeconfig again.
#[derive(Clone)]
pub struct Access {
    inner: Arc<Inner>,
}

struct Inner {
    source: Source,
    env: Environment,
    clock: Clock,
    state: Mutex<State>,
    tries: AtomicU64,
}

#[derive(Default)]
struct State {
    cluster: Option<Arc<Cluster>>,
    failed: Option<Error>,
}

impl Default for Access {
    /// Leads nowhere: [`Access::cluster`] says that there is no kubeconfig.
    fn default() -> Self {
        Self::new(Source::default(), Arc::new(|_| None), Clock::System)
    }
}

impl Access {
    /// A way that is not yet gone. `env` is asked for `KUBECONFIG`, `HOME` and the proxies' variables.
    #[must_use]
    pub fn new(source: Source, env: Environment, clock: Clock) -> Self {
        Self { inner: Arc::new(Inner { source, env, clock, state: Mutex::default(), tries: AtomicU64::new(0) }) }
    }

    /// What the kubeconfig says of the cluster. Reads files; touches no network.
    pub fn describe(&self) -> Result<Described, Error> {
        match self.inner.source.read(&self.inner.env)? {
            Found::Context(chosen) => Ok(chosen.described),
            Found::Pod => Ok(Described {
                context: "in-cluster".into(),
                cluster: "in-cluster".into(),
                login: "service account".into(),
                ..Described::default()
            }),
        }
    }

    /// The cluster, connected on the first call; may take as long as a credential plugin takes. Who calls while
    /// another is waiting shares the attempt; after a failure the next call tries again.
    pub async fn cluster(&self) -> Result<Arc<Cluster>, Error> {
        let inner = &self.inner;
        let before = inner.tries.load(Ordering::SeqCst);
        let mut state = inner.state.lock().await;
        if let Some(cluster) = state.cluster.as_ref().filter(|cluster| !cluster.is_refused()) {
            return Ok(Arc::clone(cluster));
        }
        if let Some(error) = state.failed.as_ref().filter(|_| inner.tries.load(Ordering::SeqCst) != before) {
            return Err(error.clone());
        }
        let connected = self.connect().await;
        inner.tries.fetch_add(1, Ordering::SeqCst);
        match connected {
            Ok(cluster) => {
                state.failed = None;
                state.cluster = Some(Arc::clone(&cluster));
                Ok(cluster)
            }
            Err(error) => {
                state.failed = Some(error.clone());
                Err(error)
            }
        }
    }

    async fn connect(&self) -> Result<Arc<Cluster>, Error> {
        let (source, env) = (self.inner.source.clone(), Arc::clone(&self.inner.env));
        // files may lie on a network drive
        let found = tokio::task::spawn_blocking(move || source.read(&env))
            .await
            .map_err(|error| Error::Config { what: format!("reading the kubeconfig failed: {error}") })??;
        Cluster::connect(found, self.inner.clock.clone()).await.map(Arc::new)
    }

    /// The time that this way uses.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.inner.clock
    }
}
