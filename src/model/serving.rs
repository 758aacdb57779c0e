//! What is known of an endpoint that answers predictions: enough to find a way in to each of its revisions.

use serde::{Deserialize, Serialize};

/// The protocol of the data plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// `POST /v1/models/NAME:predict` with `instances`.
    V1,
    /// Open Inference Protocol, `POST /v2/models/NAME/infer` with `inputs`.
    V2,
}

/// What a revision is to the customers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// It has served before and gets what the canary does not.
    Stable,
    /// It is being tried on a part of the traffic.
    Canary,
    /// It gets nothing.
    Old,
}

/// A port of a Service, reachable through the API server's service proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePort {
    /// The Service's name.
    pub name: String,
    /// Its port, by number or name; empty for the only one.
    pub port: String,
}

/// One revision of an endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revision {
    /// Its name, `fraud-detection-predictor-00002`, or the canary's name in Standard mode.
    pub name: String,
    /// What it is to the customers.
    pub role: Role,
    /// The share of the traffic that is in force, in percent, where known.
    pub percent: Option<f64>,
    /// A label selector that finds its pods.
    pub selector: String,
    /// The port of the model server in its pods.
    pub port: u16,
    /// A Service that leads to this revision alone, where there is one that the API server can reach.
    pub service: Option<ServicePort>,
    /// Whether it is ready.
    pub ready: bool,
}

/// An endpoint and its ways in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Serving {
    /// The object's namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The model's name on the server, if it is known to differ from the object's.
    pub model: Option<String>,
    /// The protocol that it says it speaks, where it says so.
    pub protocol: Option<Protocol>,
    /// The public address (`status.url`), if there is one.
    pub url: Option<String>,
    /// Its revisions, the stable one first.
    pub revisions: Vec<Revision>,
    /// Why no prediction can succeed now (stopped, scaled to zero), as a sentence.
    pub obstacle: Option<String>,
}

impl Serving {
    /// The revision with this role.
    #[must_use]
    pub fn with_role(&self, role: Role) -> Option<&Revision> {
        self.revisions.iter().find(|revision| revision.role == role)
    }
}
