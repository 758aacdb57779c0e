//! Against real servers that this project did not write: a Kubernetes control plane with the real `KServe` controller,
//! `MLflow`, Prometheus and `KServe`'s model server. Ignored by default; `.ci/run` starts the servers and runs them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "helpers of tests may fail like tests, and wait for real servers"
)]

#[expect(dead_code, reason = "the terminal of the other tests can do more")]
#[path = "../pty/console.rs"]
mod console;
mod kserve;
mod kubernetes;
mod levers;
mod many;
mod mlflow;
mod nodes;
mod outages;
mod plugins;
mod predict;
mod prometheus;
mod screen;
mod watched;
