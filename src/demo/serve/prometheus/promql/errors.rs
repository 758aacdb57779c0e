//! Why a query cannot be answered, in Prometheus' words.

use promql_parser::parser::{self, Expr};

/// Why a query cannot be evaluated on this data (`execution`, 422); what is wrong with the query itself, [`parse`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault(pub(crate) String);

impl Fault {
    /// A fault while evaluating.
    pub(crate) fn execution(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

/// Parses a query; the error is a text such as `1:7: parse error: unclosed left parenthesis`.
pub(crate) fn parse(query: &str) -> Result<Expr, String> {
    if query.trim().is_empty() {
        return Err("1:1: parse error: no expression found in input".to_owned());
    }
    parser::parse(query).map_err(|error| {
        let text = wording(&error);
        let (line, column) = place(query, offset_of(query, &error));
        format!("{line}:{column}: parse error: {text}")
    })
}

/// The parser's words made those of Prometheus: other names of types, double quotes for single ones.
fn wording(error: &str) -> String {
    let types = [("matrix", "range vector"), ("vector", "instant vector")];
    let mut text = error.to_owned();
    for (ours, theirs) in types {
        let pairs = [("expected type ", " in "), ("got ", "")];
        for (before, after) in pairs {
            text = text.replace(&format!("{before}{ours}{after}"), &format!("{before}{theirs}{after}"));
        }
    }
    if text.starts_with("expected type") || text.starts_with("unknown function") {
        text = text.replace('\'', "\"");
    }
    text
}

/// Where in the query the error is, as far as its text tells.
fn offset_of(query: &str, error: &str) -> usize {
    if error.contains("unclosed") || error.contains("end of input") || error.contains("unterminated") {
        return query.len();
    }
    let quoted = error.split('\'').nth(1).filter(|quoted| !quoted.is_empty());
    let found = quoted.and_then(|quoted| query.find(quoted).map(|at| (at, quoted.len())));
    match found {
        Some((at, length)) if error.contains("call to function") => (at + length + 1).min(query.len()),
        Some((at, _)) => at,
        None => 0,
    }
}

/// Line and column, both from 1.
fn place(query: &str, offset: usize) -> (usize, usize) {
    let before = query.get(..offset).unwrap_or(query);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    (line, column)
}
