//! The embedded world's servers, through ordinary HTTP clients.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests may fail like tests")]

mod cluster;
mod kube;
mod kube_writes;
mod mlflow;
mod prometheus;
