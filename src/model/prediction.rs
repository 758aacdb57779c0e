//! A test prediction: what is asked, of which revision, by which way, and what came back.

use super::serving::{Protocol, Serving};

/// Which revision a prediction is for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Wanted {
    /// The one that has served before: the same answer twice.
    #[default]
    Stable,
    /// The one that is being tried.
    Canary,
    /// Whichever a customer would get.
    Any,
    /// The one with this name.
    Named(String),
}

impl Wanted {
    /// What it is called on the screen and on the command line.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Stable => "stable",
            Self::Canary => "canary",
            Self::Any => "any",
            Self::Named(name) => name,
        }
    }
}

/// A way in to a model server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The public address.
    Url,
    /// The ingress's address with the endpoint's name as Host.
    Ingress,
    /// The API server's service proxy.
    Proxy,
    /// A port-forward to a pod.
    Pod,
}

impl Way {
    /// All ways, in the order in which they are tried for any revision.
    pub const ALL: [Self; 4] = [Self::Url, Self::Ingress, Self::Proxy, Self::Pod];

    /// What it is called on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Url => "url",
            Self::Ingress => "ingress",
            Self::Proxy => "proxy",
            Self::Pod => "pod",
        }
    }
}

/// A test prediction to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Ask {
    /// The endpoint and its ways in.
    pub serving: Serving,
    /// The revision.
    pub wanted: Wanted,
    /// The way in, if one is insisted on.
    pub via: Option<Way>,
    /// The protocol, if one is insisted on.
    pub protocol: Option<Protocol>,
    /// The payload as typed.
    pub body: String,
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The body, pretty-printed where it is JSON.
    pub body: String,
    /// Whether it is a prediction: a good status and no error inside.
    pub good: bool,
    /// Why it is none, in words.
    pub why: Option<String>,
    /// The way that was taken, as a sentence.
    pub way: String,
    /// The revision that was reached, where the way tells.
    pub revision: Option<String>,
    /// The request line: `POST /v1/models/fraud-detection:predict`.
    pub request: String,
    /// Seconds to connect, where it was measured.
    pub connect: Option<f64>,
    /// Seconds to the first byte.
    pub first_byte: Option<f64>,
    /// Seconds in all.
    pub total: f64,
    /// Things worth saying: other ways and why they were not taken, a wrong type of content.
    pub notes: Vec<String>,
}
