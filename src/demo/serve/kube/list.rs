//! Lists: one namespace or all, selected, in pages, and streamed out in large pieces.

use axum::body::Body;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::StatusCode;
use serde_json::{Value, json};

use super::failure::Failure;
use super::kinds::Kind;
use super::select::Selector;
use super::shape::Shape;
use super::table;
use crate::demo::json::Json;
use crate::demo::serve::query::Query;
use crate::demo::serve::{Answer, text};
use crate::demo::store::{Object, ObjectKey};
use crate::demo::world::{State, World};

/// How large the pieces of a streamed list are, in bytes.
const PIECE: usize = 64 * 1024;

/// A page of a list.
#[derive(Debug)]
pub struct Page {
    /// The list's resourceVersion.
    pub version: u64,
    /// Its objects.
    pub items: Vec<Bytes>,
    /// The token for the rest, or empty.
    pub next: String,
    /// How many more there are (not known where a selector is used).
    pub remaining: Option<usize>,
}

/// The objects of a kind in one namespace or in all.
pub fn objects<'a>(
    state: &'a State,
    kind: &Kind,
    namespace: Option<&'a str>,
) -> impl Iterator<Item = (&'a ObjectKey, &'a Object)> + use<'a> {
    let shelf = state.store.shelf(kind.shelf);
    let from = ObjectKey::new(namespace.unwrap_or_default(), "");
    let range = shelf.into_iter().flat_map(move |shelf| shelf.objects.range(from.clone()..));
    range.take_while(move |(key, _)| namespace.is_none_or(|namespace| key.namespace == namespace))
}

/// Answers a list request.
pub fn answer(world: &World, kind: &'static Kind, namespace: Option<&str>, query: &Query, shape: Shape) -> Answer {
    let page = Selector::read(query).and_then(|selector| page(world, kind, namespace, (query, &selector)));
    match page {
        Ok(page) if shape == Shape::Table => table::answer(kind, &page, world.now()),
        Ok(page) => stream_out(kind, page, shape),
        Err(failure) => failure.answer(),
    }
}

/// Collects one page.
pub fn page(world: &World, kind: &Kind, namespace: Option<&str>, of: (&Query, &Selector)) -> Result<Page, Failure> {
    let (query, selector) = of;
    let limit = query.number("limit").filter(|limit| *limit > 0).and_then(|limit| usize::try_from(limit).ok());
    let token = query.get("continue").filter(|token| !token.is_empty()).map(read_token).transpose()?;
    world.enter(|state, _| {
        let version = token.as_ref().map_or(state.store.version(), |(version, _)| *version);
        let known = state.store.shelf(kind.shelf).is_none_or(|shelf| shelf.since(version).is_some());
        if token.is_some() && !known {
            return Err(Failure::expired_continue());
        }
        let after = token.map(|(_, key)| key);
        let found = objects(state, kind, namespace).filter(|(key, _)| after.as_ref().is_none_or(|after| *key > after));
        let mut found = found.filter(|(_, object)| selector.matches(object));
        let (mut items, mut last) = (Vec::new(), None);
        while limit.is_none_or(|limit| items.len() < limit) {
            let Some((key, object)) = found.next() else { break };
            items.push(object.text.clone());
            last = Some(key.clone());
        }
        let rest = found.count();
        let next = last.filter(|_| rest > 0).map(|key| token_for(version, &key)).unwrap_or_default();
        let remaining = (rest > 0 && selector.is_empty()).then_some(rest);
        Ok(Page { version, items, next, remaining })
    })
}

fn token_for(version: u64, key: &ObjectKey) -> String {
    let start = format!("{}/{}\0", key.namespace, key.name);
    BASE64_URL_SAFE_NO_PAD.encode(json!({ "v": "meta.k8s.io/v1", "rv": version, "start": start }).to_string())
}

fn read_token(token: &str) -> Result<(u64, ObjectKey), Failure> {
    let read = || {
        let value: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
        let (namespace, name) = value.at("/start").as_str()?.trim_end_matches('\0').split_once('/')?;
        Some((value.at("/rv").as_u64()?, ObjectKey::new(namespace, name)))
    };
    read().ok_or_else(|| Failure::bad_request("continue key is not valid: invalid format"))
}

/// The list's metadata.
#[must_use]
pub fn metadata(page: &Page) -> Value {
    let mut metadata = json!({ "resourceVersion": page.version.to_string() });
    if !page.next.is_empty() {
        metadata.set("/continue", page.next.as_str());
    }
    if let Some(remaining) = page.remaining {
        metadata.set("/remainingItemCount", remaining);
    }
    metadata
}

fn stream_out(kind: &'static Kind, page: Page, shape: Shape) -> Answer {
    let (name, version) = match shape {
        Shape::Metadata => ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1".to_owned()),
        _ => (format!("{}List", kind.kind), kind.api_version()),
    };
    let head = json!({ "kind": name, "apiVersion": version, "metadata": metadata(&page) }).to_string();
    let mut piece = BytesMut::from(head.trim_end_matches('}'));
    piece.extend_from_slice(b"},\"items\":[");
    let state = (piece, page.items.into_iter(), true, false);
    let pieces = stream::unfold(state, move |(mut piece, mut items, mut first, over)| async move {
        if over {
            return None;
        }
        let mut over = false;
        while piece.len() < PIECE {
            let Some(item) = items.next() else {
                piece.extend_from_slice(b"]}\n");
                over = true;
                break;
            };
            if !std::mem::replace(&mut first, false) {
                piece.extend_from_slice(b",");
            }
            shape.write(kind, &item, &mut piece);
        }
        let sent = piece.split().freeze();
        Some((Ok::<_, std::convert::Infallible>(sent), (piece, items, first, over)))
    });
    text(StatusCode::OK, "application/json", Body::from_stream(pieces))
}
