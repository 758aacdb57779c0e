//! Names of things: panes, systems, views, rows, and what a reply belongs to.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Gives the same `'static` text for equal texts, so that an identity read from a file equals the one in the program.
///
/// Only identities of panes, systems and views pass here: a handful, never what a server sends.
fn intern(text: &str) -> &'static str {
    static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(found) = known.get(text) {
        return found;
    }
    let kept: &'static str = Box::leak(text.to_owned().into_boxed_str());
    known.insert(kept);
    kept
}

macro_rules! static_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub &'static str);

        impl $name {
            /// The identity with this name.
            #[must_use]
            pub fn named(name: &str) -> Self {
                Self(intern(name))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer).map(|name| Self::named(&name))
            }
        }
    };
}

static_id! {
    /// A kind of rows, unique over all systems: `endpoints`, `models`, `pods`. Also its name on the command line.
    PaneId
}
static_id! {
    /// An outside system: `kubernetes`, `kserve`, `mlflow`, `prometheus`. Also its section in the config file.
    SystemId
}
static_id! {
    /// A view: sections, each bound to a pane.
    ViewId
}

/// What identifies a row within its pane for as long as the object lives, for example `ml-prod/fraud-detection`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key(pub Arc<str>);

impl Key {
    /// A key with this text.
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// The key `namespace/name` of a namespaced object.
    #[must_use]
    pub fn namespaced(namespace: &str, name: &str) -> Self {
        Self(format!("{namespace}/{name}").into())
    }

    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Namespace and name of a key made by [`Key::namespaced`].
    #[must_use]
    pub fn split_namespace(&self) -> Option<(&str, &str)> {
        self.0.split_once('/')
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

/// Points to a row, possibly of another system: how rows are joined without one system knowing another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ref {
    /// The pane that has the row.
    pub pane: PaneId,
    /// The row's key there.
    pub key: Key,
}

impl Ref {
    /// A reference to the row `key` of `pane`.
    pub fn new(pane: PaneId, key: impl Into<Key>) -> Self {
        Self { pane, key: key.into() }
    }
}

impl fmt::Display for Ref {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.pane, self.key)
    }
}

/// Names one question to the outside; an answer with a ticket that nobody waits for is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_read_from_a_file_equals_the_one_in_the_program() {
        let read: PaneId = serde_json::from_str("\"endpoints\"").unwrap();
        assert_eq!(read, PaneId("endpoints"));
    }
}
