//! The simulated cluster: what its controllers and kubelets make of the objects that people write.

pub mod agenda;
pub mod bulk;
pub mod endpoint;
pub mod event;
pub mod knative;
pub mod kserve;
pub mod life;
pub mod log;
pub mod metadata;
pub mod node;
pub mod plain_pod;
pub mod platform;
pub mod pod;
pub mod pod_status;
pub mod seed;
pub mod standard;
pub mod status;
pub mod workload;
