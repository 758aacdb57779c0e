//! In which shape objects are wanted: whole, as rows of a Table, or only their metadata.

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};

use super::kinds::Kind;
use crate::demo::json::Json;

/// A shape of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// As they are.
    Whole,
    /// Rows for people, as `kubectl get` asks for.
    Table,
    /// `PartialObjectMetadata`.
    Metadata,
}

impl Shape {
    /// What an Accept header asks for.
    #[must_use]
    pub fn wanted(accept: &str) -> Self {
        let first = accept.split(',').next().unwrap_or_default();
        if first.contains("as=Table") {
            Self::Table
        } else if first.contains("as=PartialObjectMetadata") {
            Self::Metadata
        } else {
            Self::Whole
        }
    }

    /// Writes an object as an item of a list.
    pub fn write(self, kind: &Kind, item: &Bytes, out: &mut BytesMut) {
        if self == Self::Metadata {
            out.extend_from_slice(metadata_only(item).to_string().as_bytes());
            return;
        }
        // Lists of built-in kinds do not repeat kind and version in each item.
        let prefix = format!("{{\"kind\":\"{}\",\"apiVersion\":\"{}\",", kind.kind, kind.api_version());
        match item.strip_prefix(prefix.as_bytes()) {
            Some(rest) if !kind.custom => {
                out.extend_from_slice(b"{");
                out.extend_from_slice(rest);
            }
            _ => out.extend_from_slice(item),
        }
    }

    /// An object as the body of an answer or the object of a watch event.
    #[must_use]
    pub fn single(self, item: &Bytes) -> Bytes {
        match self {
            Self::Whole | Self::Table => item.clone(),
            Self::Metadata => Bytes::from(metadata_only(item).to_string()),
        }
    }
}

fn metadata_only(item: &Bytes) -> Value {
    let object: Value = serde_json::from_slice(item).unwrap_or_default();
    json!({ "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object.at("/metadata") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_wish_of_the_accept_header_decides() {
        assert_eq!(Shape::wanted("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"), Shape::Table);
        assert_eq!(Shape::wanted("application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"), Shape::Metadata);
        assert_eq!(Shape::wanted("application/json"), Shape::Whole);
    }
}
