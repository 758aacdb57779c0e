//! What all searches share: filter, order, page.

use std::cmp::Ordering;

use serde_json::{Map, Value as Json, json};

use super::fields::{Fields, Wrong, token};
use super::filter::{Filter, Grammar, Order, Searched};

/// The orders asked for.
pub(super) fn orders(fields: &Fields, grammar: &Grammar) -> Result<Vec<Order>, Wrong> {
    fields.texts("order_by").into_iter().map(|text| Order::read(text, grammar)).collect()
}

/// The rows that pass, in the order asked for, else in the usual one.
pub(super) fn found<T: Searched>(
    rows: impl Iterator<Item = T>,
    filter: &Filter,
    orders: &[Order],
    usual: impl Fn(&T, &T) -> Ordering,
) -> Vec<T> {
    let mut rows: Vec<T> = rows.filter(|row| filter.passes(row)).collect();
    rows.sort_by(|a, b| {
        let asked = orders.iter().map(|order| order.compare(a, b)).find(|ordering| ordering.is_ne());
        asked.unwrap_or_else(|| usual(a, b))
    });
    rows
}

/// One page under `name`, with a token when there is more; an empty list is left out.
pub(super) fn page<T>(
    (fields, limit): (&Fields, usize),
    name: &str,
    rows: Vec<T>,
    shape: impl Fn(T) -> Json,
) -> Result<Json, Wrong> {
    let offset = fields.offset()?;
    let more = rows.len() > offset.saturating_add(limit);
    let shown: Vec<Json> = rows.into_iter().skip(offset).take(limit).map(shape).collect();
    let mut out = Map::new();
    if !shown.is_empty() {
        out.insert(name.to_owned(), Json::Array(shown));
    }
    if more {
        out.insert("next_page_token".to_owned(), json!(token(offset + limit)));
    }
    Ok(Json::Object(out))
}
