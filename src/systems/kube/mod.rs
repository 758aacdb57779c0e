//! One client for each cluster: credentials, lists and watches, the service proxy, port-forwards, access reviews.
//!
//! Reading is free; whatever changes the cluster takes a [`crate::actions::Permit`]. What the objects mean does not
//! belong here: that is the business of the systems that live in the cluster.

mod access;
mod asked;
mod cluster;
mod credential;
mod errors;
mod exec;
mod follow;
mod forward;
mod framing;
mod listing;
mod object;
mod objects;
mod pool;
mod proxies;
mod review;
mod service;
mod source;
mod streaming;
#[cfg(test)]
pub(crate) mod tests;
mod watching;

pub use access::Access;
pub use cluster::{Cluster, PatchKind};
pub use forward::Forwarded;
pub use listing::read_list;
pub use object::{Meta, Object, Resource, or_default};
pub use objects::{ListWatch, Objects, Told};
pub use pool::Pool;
pub use proxies::named_for;
pub use review::Review;
pub use service::{Scheme, ServiceTarget};
pub use source::{Described, Source};
pub use streaming::Streaming;
