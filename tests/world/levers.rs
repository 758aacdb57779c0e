//! The levers of the test world, and what its tests have in common. Each lever puts things right again when it is
//! dropped, so that a test that fails leaves the world to the next one as it found it.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use quarterdeck::model::clock::Clock;
use quarterdeck::systems::kube::{Access, Cluster, PatchKind, Source};
use quarterdeck::systems::{Cx, Link, Settings, System};
use serde_json::{Value as Json, json};

use super::kserve::own;

/// A variable of the world, as its start script gave it.
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: start the world and read its world.env"))
}

/// The way to the cluster with the kubeconfig that a variable names.
pub(crate) fn access(variable: &str) -> Access {
    let source = Source { kubeconfig: vec![PathBuf::from(self::variable(variable))], context: None };
    Access::new(source, Arc::new(|name| std::env::var(name).ok()), Clock::System)
}

/// A system on the cluster, with the kubeconfig that a variable names.
pub(crate) async fn link(system: &dyn System, variable: &str) -> Arc<dyn Link> {
    let cx = Cx { clock: Clock::System, kube: access(variable), env: Arc::new(|_| None), namespaces: Vec::new() };
    system.connect(&Settings::default(), &cx).await.unwrap()
}

/// The administrator's cluster.
pub(crate) async fn admin() -> Arc<Cluster> {
    access("WORLD_KUBECONFIG").cluster().await.unwrap()
}

/// Runs a script of the world.
fn script(name: &str, arguments: &[&str]) {
    let folder = std::env::var("WORLD_FOLDER")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/world").to_owned());
    let output = Command::new(PathBuf::from(folder).join(name)).args(arguments).output().unwrap();
    assert!(output.status.success(), "{name} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// One of the levers of the cluster.
pub(crate) fn lever(arguments: &[&str]) {
    script("kube/lever", arguments);
}

/// What is done when this is dropped.
#[must_use = "it is put right when this is dropped"]
pub(crate) struct Restore(Option<Box<dyn FnOnce() + Send>>);

impl Restore {
    pub(crate) fn by(what: impl FnOnce() + Send + 'static) -> Self {
        Self(Some(Box::new(what)))
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        let Some(what) = self.0.take() else { return };
        // on a thread of its own: it may wait, and a test that panics must not panic a second time
        let done = std::thread::spawn(what).join();
        assert!(done.is_ok() || std::thread::panicking(), "the world could not be put right");
    }
}

/// The API server keeps its connections and answers nothing.
pub(crate) fn pause() -> Restore {
    lever(&["pause"]);
    Restore::by(|| lever(&["resume"]))
}

/// The API server is gone at once; dropping it starts it anew with the same data.
pub(crate) fn kill() -> Restore {
    lever(&["kill"]);
    Restore::by(|| script("up", &["kube"]))
}

/// The credential plugin is `expired` or `slow`.
pub(crate) fn plugin(how: &str) -> Restore {
    lever(&["exec", how]);
    Restore::by(|| lever(&["exec", "ok"]))
}

/// A model server has a fault; gives the guard.
pub(crate) fn fault(server: &str, fault: &Json) -> Restore {
    let path = PathBuf::from(variable("WORLD_KSERVE_FAULTS")).join(format!("{server}.json"));
    // never half a file
    let whole = path.with_extension("new");
    std::fs::write(&whole, fault.to_string()).unwrap();
    std::fs::rename(&whole, &path).unwrap();
    Restore::by(move || std::fs::remove_file(path).unwrap())
}

/// A node's kubelet stops. When it comes back, it looks at each of its pods again, as a real one does by itself.
pub(crate) fn kill_node(name: &str) -> Restore {
    lever(&["node", name, "dead"]);
    let name = name.to_owned();
    Restore::by(move || {
        lever(&["node", &name, "alive"]);
        wait_for(async move {
            let cluster = admin().await;
            let path = format!("/api/v1/pods?fieldSelector=spec.nodeName={name}");
            let pods: Json = cluster.get_json(&path).await.unwrap();
            for pod in pods["items"].as_array().unwrap() {
                let meta = |field: &str| pod["metadata"][field].as_str().unwrap();
                let path = format!("/api/v1/namespaces/{}/pods/{}", meta("namespace"), meta("name"));
                let touch = json!({"metadata": {"annotations": {"quarterdeck/node-came-back": "true"}}});
                // one that is gone needs no look
                drop(cluster.patch(&own(), &path, PatchKind::Merge, &touch).await);
                let back = json!({"metadata": {"annotations": {"quarterdeck/node-came-back": null}}});
                drop(cluster.patch(&own(), &path, PatchKind::Merge, &back).await);
            }
        });
    })
}

/// Runs a future to its end on a thread that has no runtime.
pub(crate) fn wait_for<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}
