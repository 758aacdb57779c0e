//! One client for each cluster: credentials, lists and watches, the service proxy, port-forwards, access reviews.
//!
//! Reading is free; whatever changes the cluster takes a [`crate::actions::Permit`].

/// The way to a cluster, shared by all systems that live in it.
#[derive(Clone, Default)]
pub struct Access {}
