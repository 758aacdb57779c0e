//! The cluster's objects as the API server keeps them: bytes by key, each with its resourceVersion, and what happened.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use serde_json::Value;

/// An object's place: namespace (empty for cluster-wide kinds) and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectKey {
    /// Namespace, or empty.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectKey {
    /// A key from its parts.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.to_owned(), name: name.to_owned() }
    }
}

/// An object as it is served.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its resourceVersion.
    pub version: u64,
    /// Its JSON text, resourceVersion included.
    pub text: Bytes,
    /// Its labels, for selectors.
    pub labels: BTreeMap<String, String>,
    /// The fields that field selectors may name, by path.
    pub fields: BTreeMap<&'static str, String>,
}

impl Object {
    /// The object as a JSON value.
    #[must_use]
    pub fn value(&self) -> Value {
        serde_json::from_slice(&self.text).unwrap_or_default()
    }
}

/// What the store keeps of an object beside its text.
#[derive(Debug, Clone)]
pub struct Index {
    /// Its place.
    pub key: ObjectKey,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The fields that field selectors may name.
    pub fields: BTreeMap<&'static str, String>,
}

/// What happened to an object, in the words of a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// It is new.
    Added,
    /// It is another now.
    Modified,
    /// It is gone.
    Deleted,
}

impl Happened {
    /// The `type` of a watch event.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
        }
    }
}

/// One entry of the history that watches read.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What happened.
    pub happened: Happened,
    /// To which object.
    pub key: ObjectKey,
    /// The object after it (before it, when deleted); its `version` is the entry's.
    pub object: Object,
    /// The labels and fields that it had before, so that a selector's watch sees it leave.
    pub before: Option<Object>,
}

/// The objects of one kind.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    /// Objects by key, in the order in which lists show them.
    pub objects: BTreeMap<ObjectKey, Object>,
    history: VecDeque<Entry>,
    forgotten: u64,
}

impl Shelf {
    /// What happened after `version`, oldest first; `None` where that is no longer known (410 Gone).
    #[must_use]
    pub fn since(&self, version: u64) -> Option<impl Iterator<Item = &Entry>> {
        (version >= self.forgotten).then(|| {
            let from = self.history.partition_point(|entry| entry.object.version <= version);
            self.history.range(from..)
        })
    }

    fn remember(&mut self, entry: Entry) {
        self.history.push_back(entry);
        while self.history.len() > Store::HISTORY {
            self.forgotten = self.history.pop_front().map_or(self.forgotten, |old| old.object.version);
        }
    }
}

/// All objects, by plural name and group (`pods`, `inferenceservices.serving.kserve.io`).
#[derive(Debug, Clone, Default)]
pub struct Store {
    shelves: BTreeMap<&'static str, Shelf>,
    version: u64,
}

impl Store {
    /// How many changes of a kind a watch may be behind.
    pub const HISTORY: usize = 4096;

    /// An empty store whose next resourceVersion follows `version`.
    #[must_use]
    pub fn starting_at(version: u64) -> Self {
        Self { shelves: BTreeMap::new(), version }
    }

    /// The newest resourceVersion.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Moves the resourceVersion on without a change of an object, and returns it.
    pub fn advance(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    /// The objects of one kind.
    #[must_use]
    pub fn shelf(&self, kind: &str) -> Option<&Shelf> {
        self.shelves.get(kind)
    }

    /// One object.
    #[must_use]
    pub fn get(&self, kind: &str, key: &ObjectKey) -> Option<&Object> {
        self.shelves.get(kind)?.objects.get(key)
    }

    /// One object as a value.
    #[must_use]
    pub fn value(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        self.get(kind, &ObjectKey::new(namespace, name)).map(Object::value)
    }

    /// Stores an object under its own name and gives it the next resourceVersion.
    pub fn put(&mut self, kind: &'static str, mut value: Value) -> Object {
        let version = self.advance();
        let text = |path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let key = ObjectKey { namespace: text("/metadata/namespace"), name: text("/metadata/name") };
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("resourceVersion".into(), version.to_string().into());
        }
        let object = object(version, &value);
        let kept = self.shelves.entry(kind).or_default();
        let before = kept.objects.insert(key.clone(), object.clone());
        let happened = if before.is_some() { Happened::Modified } else { Happened::Added };
        kept.remember(Entry { happened, key, object: object.clone(), before });
        object
    }

    /// Stores a text as it is, with what is known of it: for many objects at once. Its resourceVersion is put in where
    /// the text has an empty one.
    pub fn put_like(&mut self, kind: &'static str, text: &str, index: Index) {
        let version = self.advance();
        let text = text.replacen("\"resourceVersion\":\"\"", &format!("\"resourceVersion\":\"{version}\""), 1);
        let object = Object { version, text: Bytes::from(text), labels: index.labels, fields: index.fields };
        let kept = self.shelves.entry(kind).or_default();
        let before = kept.objects.insert(index.key.clone(), object.clone());
        kept.remember(Entry { happened: Happened::Added, key: index.key, object, before });
    }

    /// Stores an object unless it is as it was.
    pub fn put_changed(&mut self, kind: &'static str, mut value: Value) {
        let text = |path: &str| value.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let key = ObjectKey { namespace: text("/metadata/namespace"), name: text("/metadata/name") };
        if let Some(known) = self.get(kind, &key) {
            if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.insert("resourceVersion".into(), known.version.to_string().into());
            }
            if value.to_string().as_bytes() == known.text.as_ref() {
                return;
            }
        }
        self.put(kind, value);
    }

    /// Removes an object; returns it as it was, with the resourceVersion of its end.
    pub fn remove(&mut self, kind: &str, key: &ObjectKey) -> Option<Object> {
        let version = self.version + 1;
        let kept = self.shelves.get_mut(kind)?;
        let before = kept.objects.remove(key)?;
        self.version = version;
        let mut value = before.value();
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("resourceVersion".into(), version.to_string().into());
        }
        let object = object(version, &value);
        kept.remember(Entry {
            happened: Happened::Deleted,
            key: key.clone(),
            object: object.clone(),
            before: Some(before),
        });
        Some(object)
    }

    /// Forgets the history up to now, as a compaction of etcd does: older watches get 410 Gone.
    pub fn compact(&mut self) {
        for shelf in self.shelves.values_mut() {
            shelf.history.clear();
            shelf.forgotten = self.version;
        }
    }
}

const FIELDS: &[(&str, &str)] = &[
    ("metadata.name", "/metadata/name"),
    ("metadata.namespace", "/metadata/namespace"),
    ("status.phase", "/status/phase"),
    ("spec.nodeName", "/spec/nodeName"),
    ("type", "/type"),
    ("reason", "/reason"),
    ("involvedObject.kind", "/involvedObject/kind"),
    ("involvedObject.name", "/involvedObject/name"),
    ("involvedObject.namespace", "/involvedObject/namespace"),
    ("involvedObject.uid", "/involvedObject/uid"),
];

fn object(version: u64, value: &Value) -> Object {
    let labels = value.pointer("/metadata/labels").and_then(Value::as_object).into_iter().flatten();
    let fields = FIELDS.iter().filter_map(|(name, path)| Some((*name, value.pointer(path)?.as_str()?.to_owned())));
    Object {
        version,
        text: Bytes::from(value.to_string()),
        labels: labels.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect(),
        fields: fields.collect(),
    }
}
