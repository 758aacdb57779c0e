//! How well something is, how fresh what we know of it is, and what went wrong.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// How well an object is. The order is the order of urgency: what is worst comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Health {
    /// Broken.
    Bad,
    /// Works, but somebody should look at it.
    Warn,
    /// On its way to something else.
    Busy,
    /// As it should be.
    Good,
    /// Nothing there, stopped on purpose, or not known.
    Idle,
}

impl Health {
    /// The word that a filter uses for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Warn => "warn",
            Self::Busy => "busy",
            Self::Good => "good",
            Self::Idle => "idle",
        }
    }
}

/// What went wrong with an outside system, as a kind that the screen acts on: lamp, back-off and advice depend on it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Error {
    /// The system, or this part of it, is not installed.
    #[error("{what} is not installed")]
    Absent {
        /// What was looked for.
        what: String,
    },
    /// The operator has not said where the system is.
    #[error("{what} is not set up")]
    NotSetUp {
        /// The system.
        what: String,
        /// Lines of the config file that would set it up.
        lines: String,
    },
    /// No connection.
    #[error("can't reach {what}: {why}")]
    Unreachable {
        /// The server's address or name.
        what: String,
        /// The cause in words.
        why: String,
    },
    /// No answer in time.
    #[error("{what} did not answer within {seconds} s")]
    Timeout {
        /// What was asked.
        what: String,
        /// The limit, in seconds.
        seconds: u64,
    },
    /// The credentials are missing, wrong or expired.
    #[error("not logged in to {what}: {why}")]
    Unauthorized {
        /// The system.
        what: String,
        /// What the server or the credential plugin said.
        why: String,
    },
    /// The credentials are good but lack a right.
    #[error("not permitted: {verb} {what}")]
    Forbidden {
        /// The right that is missing, such as `list` or `patch`.
        verb: String,
        /// The resource it is missing on.
        what: String,
    },
    /// Asked too often.
    #[error("{what} limits the rate of requests")]
    RateLimited {
        /// The system.
        what: String,
        /// When the next request may be sent, where the server said so.
        until: Option<DateTime<Utc>>,
    },
    /// Somebody changed it in between, or a rule of the system refuses the change.
    #[error("{what}")]
    Conflict {
        /// What is in the way.
        what: String,
    },
    /// The object is gone.
    #[error("{what} is gone")]
    Gone {
        /// The object.
        what: String,
    },
    /// The request is refused as it stands, with the system's reason.
    #[error("refused: {why}")]
    Refused {
        /// The system's reason.
        why: String,
    },
    /// The answer is not what the protocol says.
    #[error("{what}")]
    Protocol {
        /// What is wrong with it.
        what: String,
    },
    /// A setting or a file is wrong.
    #[error("{what}")]
    Config {
        /// What is wrong, with file, line and column where known.
        what: String,
    },
    /// The place where we keep our own records can't be written.
    #[error("can't write {what}: {why}")]
    Storage {
        /// The file or folder.
        what: String,
        /// The cause.
        why: String,
    },
    /// Our own records can't be read.
    #[error("can't read {what}: {why}")]
    Unreadable {
        /// The file or folder.
        what: String,
        /// The cause.
        why: String,
    },
}

impl Error {
    /// What the operator can do about it, as a sentence.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::Absent { .. } => "install it, or leave this view: everything else works without it".into(),
            Self::NotSetUp { lines, .. } => {
                format!(
                    "everything else works without it; to set it up, write into the config file (NAME is your profile):\n{lines}"
                )
            }
            Self::Unreachable { .. } => {
                "check the address, the VPN and the proxy settings; it is tried again by itself".into()
            }
            Self::Timeout { .. } => {
                "the server is busy or something swallows packets; it is tried again by itself".into()
            }
            Self::Unauthorized { .. } => "log in again with the tool that made these credentials, then press F5".into(),
            Self::Forbidden { verb, what } => {
                format!("ask for the right to {verb} {what}, or use a profile that has it")
            }
            Self::RateLimited { until: Some(until), .. } => format!("the next try is at {}", until.format("%H:%M:%SZ")),
            Self::RateLimited { until: None, .. } => "it is tried again later by itself".into(),
            Self::Conflict { .. } => "look at what is there now, then plan it again".into(),
            Self::Gone { .. } => "press F5 to see what is there now".into(),
            Self::Refused { .. } => "change the request as the reason says".into(),
            Self::Protocol { .. } => {
                "check that the address leads to this system and not to a login page or another service".into()
            }
            Self::Config { .. } => "mend it and start again; `quarterdeck config check` shows all mistakes".into(),
            Self::Storage { .. } => "make room or give yourself the right to write there; no action runs before".into(),
            Self::Unreadable { .. } => "give yourself the right to read it; no action is planned before".into(),
        }
    }

    /// Whether there is no such system here: nobody's fault, and nothing to be mended.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent { .. } | Self::NotSetUp { .. })
    }

    /// Whether it may go away by itself, so that trying again makes sense.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Timeout { .. } | Self::RateLimited { .. } | Self::Protocol { .. }
        )
    }

    /// Whether a change that ended with it may have happened all the same.
    #[must_use]
    pub fn leaves_outcome_unknown(&self) -> bool {
        matches!(self, Self::Timeout { .. } | Self::Unreachable { .. } | Self::Protocol { .. })
    }
}

/// Why a verb can't run, as a sentence with its facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(pub String);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How fresh a pane's rows are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Freshness {
    /// When the system last said something, even if it was that nothing changed.
    pub seen: Option<DateTime<Utc>>,
    /// The error of the last try, when it failed.
    pub error: Option<Error>,
    /// When the next try is due, after an error.
    pub next: Option<DateTime<Utc>>,
    /// For how long this pane may be silent before it counts as stale, in seconds.
    pub patience: u32,
}

impl Freshness {
    /// How a lamp shows it at the time `now`.
    #[must_use]
    pub fn health(&self, now: DateTime<Utc>) -> Health {
        match (&self.error, self.seen) {
            (Some(error), _) if error.is_absent() => Health::Idle,
            (Some(_), _) => Health::Bad,
            (None, None) => Health::Busy,
            (None, Some(seen)) if (now - seen).num_seconds() > i64::from(self.patience.max(1)) => Health::Warn,
            (None, Some(_)) => Health::Good,
        }
    }
}
