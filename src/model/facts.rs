//! Facts of one object: names and values, the most important first, as the rows of a pane.

use std::sync::Arc;

use super::id::Key;
use super::record::{Head, Row};
use super::value::Value;

/// The headings of a pane of facts.
#[must_use]
pub fn heads() -> Arc<[Head]> {
    Arc::new([Head::text("name", "name", 24).tier(0), Head::text("value", "value", 200).tier(0)])
}

/// The rows in the order of `facts`, which their keys keep; what is not there is left out.
pub fn rows<N: AsRef<str>>(facts: impl IntoIterator<Item = (N, Value)>) -> Vec<Arc<Row>> {
    let there = facts.into_iter().enumerate().filter(|(_, (_, value))| !value.is_none());
    there
        .map(|(at, (name, value))| {
            let name = name.as_ref();
            Arc::new(Row {
                key: Key::new(format!("{at:03} {name}")),
                cells: [Value::text(name), value].into(),
                refs: [].into(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_keep_their_order_when_one_of_them_is_missing() {
        let rows = rows([("ready", Value::text("yes")), ("why", Value::None), ("age", Value::Int(1))]);
        let keys: Vec<&str> = rows.iter().map(|row| row.key.as_str()).collect();
        assert_eq!(keys, ["000 ready", "002 age"]);
    }
}
