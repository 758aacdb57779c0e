//! From the text of a filter to its terms, with errors that say where and what.

use std::ops::Range;

use super::amount::Amount;
use super::find::Needle;
use super::{Comparison, Term, Test};
use crate::model::record::Head;

/// What is wrong with a filter, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    /// The part of the text that is meant, in bytes.
    pub at: Range<usize>,
    /// What is wrong, as a sentence.
    pub message: String,
}

/// A term as it is written: `-name>=value`.
struct Token<'a> {
    at: Range<usize>,
    negated: bool,
    column: Option<(&'a str, Range<usize>, Operator)>,
    value: String,
    /// Where the value begins, in bytes.
    value_at: usize,
}

/// What can be written, for those who wrote something else.
const WRITTEN: &str = "there are : = != > >= < <=";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Contains,
    Equals,
    Differs,
    Compares(Comparison),
}

impl Operator {
    /// The operator at the beginning of `text` and its length.
    fn read(text: &str) -> Option<(Self, usize)> {
        const ALL: [(&str, Operator); 7] = [
            ("!=", Operator::Differs),
            (">=", Operator::Compares(Comparison::AtLeast)),
            ("<=", Operator::Compares(Comparison::AtMost)),
            (">", Operator::Compares(Comparison::Above)),
            ("<", Operator::Compares(Comparison::Below)),
            ("=", Operator::Equals),
            (":", Operator::Contains),
        ];
        ALL.iter().find(|(sign, _)| text.starts_with(sign)).map(|(sign, operator)| (*operator, sign.len()))
    }
}

pub(super) fn terms(text: &str, heads: &[Head]) -> Result<Vec<Term>, QueryError> {
    let mut terms = Vec::new();
    let mut at = 0;
    while let Some(token) = token(text, &mut at, heads) {
        terms.push(term(text, token, heads)?);
    }
    Ok(terms)
}

fn token<'a>(text: &'a str, at: &mut usize, heads: &[Head]) -> Option<Token<'a>> {
    let rest = text.get(*at..)?;
    let begin = *at + (rest.len() - rest.trim_start().len());
    let body = text.get(begin..).filter(|body| !body.is_empty())?;
    let unsigned = body.strip_prefix(['-', '!']);
    let negated = unsigned.is_some();
    let body = unsigned.unwrap_or(body);
    let start = begin + usize::from(negated);
    let name = body.find(|char: char| char.is_whitespace() || "\"!:=<>".contains(char)).unwrap_or(body.len());
    let (name, behind) = body.split_at_checked(name)?;
    let column = Operator::read(behind)
        .filter(|_| looks_like_a_column(name) || heads.iter().any(|head| head.id.eq_ignore_ascii_case(name)))
        .map(|(operator, length)| ((name, start..start + name.len(), operator), length));
    let value_at = start + column.as_ref().map_or(0, |(_, length)| name.len() + length);
    let (value, length) = value(text.get(value_at..)?);
    *at = value_at + length;
    Some(Token { at: begin..*at, negated, column: column.map(|(column, _)| column), value, value_at })
}

/// Whether a name is meant as a column even if there is none: `stauts:bad`, but not `registry/app:v1` or `10:30`.
fn looks_like_a_column(name: &str) -> bool {
    name.starts_with(char::is_alphabetic) && name.chars().all(|char| char.is_alphanumeric() || char == '_')
}

/// The text up to the next space outside quotes, without its quotes, and its length. A quote that is still open
/// reaches to the end: the filter is used while it is typed.
fn value(text: &str) -> (String, usize) {
    let mut value = String::new();
    let mut quoted = false;
    for (at, char) in text.char_indices() {
        match char {
            '"' => quoted = !quoted,
            space if space.is_whitespace() && !quoted => return (value, at),
            other => value.push(other),
        }
    }
    (value, text.len())
}

fn term(source: &str, token: Token<'_>, heads: &[Head]) -> Result<Term, QueryError> {
    let Some((name, name_at, operator)) = token.column else {
        return word(source, token);
    };
    let column = column(name, name_at.clone(), heads)?;
    let written = source.get(token.value_at..token.at.end).unwrap_or_default();
    if !signs(written).is_empty() {
        let sign = source.get(name_at.end..token.value_at).unwrap_or_default();
        let message = format!("there is no operator `{sign}{}`; {WRITTEN}", signs(written));
        return Err(QueryError { at: token.at, message });
    }
    if written.is_empty() && matches!(operator, Operator::Equals | Operator::Differs) {
        let message = format!("`{name}` is to be what? `{name}:` is anything at all, `{name}=\"\"` nothing; {WRITTEN}");
        return Err(QueryError { at: token.at, message });
    }
    let mut negated = token.negated;
    let test = match operator {
        Operator::Contains => Test::Contains(column, Needle::new(&token.value)),
        Operator::Equals => Test::Equals(column, Needle::new(&token.value), Amount::parse(&token.value)),
        Operator::Differs => {
            negated = !negated;
            Test::Equals(column, Needle::new(&token.value), Amount::parse(&token.value))
        }
        Operator::Compares(comparison) => {
            let sign = comparison.sign();
            let message = if token.value.is_empty() {
                format!("`{sign}` needs a number after it")
            } else {
                format!("`{}` is not a number: write 3, 1.5, 10%, 150ms, 2h, 2GiB or 2026-01-31", token.value)
            };
            let amount = Amount::parse(&token.value).ok_or(QueryError { at: token.at, message })?;
            Test::Compares(column, comparison, amount)
        }
    };
    Ok(Term { negated, test })
}

/// The operator signs at the beginning of a text.
fn signs(text: &str) -> &str {
    text.get(..text.len() - text.trim_start_matches(['!', ':', '=', '<', '>']).len()).unwrap_or_default()
}

/// A word without a column. One that begins as a comparison, or is nothing but signs, would find nothing and not say so.
fn word(source: &str, token: Token<'_>) -> Result<Term, QueryError> {
    let whole = source.get(token.at.clone()).unwrap_or_default();
    let written = source.get(token.value_at..token.at.end).unwrap_or_default();
    let signs = signs(written);
    if token.negated && written.is_empty() {
        let message = format!("`{whole}` needs a word after it");
        return Err(QueryError { at: token.at, message });
    }
    if signs.starts_with(['=', '<', '>']) || !signs.is_empty() && signs == written {
        let message = format!("`{whole}` has no column before it; {WRITTEN}; in quotes it is a word");
        return Err(QueryError { at: token.at, message });
    }
    Ok(Term { negated: token.negated, test: Test::Word(Needle::new(&token.value)) })
}

/// The column of this name: by its whole id, by an unambiguous beginning of it, or the row's state by its usual names.
fn column(name: &str, at: Range<usize>, heads: &[Head]) -> Result<usize, QueryError> {
    if let Some(found) = heads.iter().position(|head| head.id.eq_ignore_ascii_case(name)) {
        return Ok(found);
    }
    let means_state = ["status", "state", "health"].iter().any(|usual| usual.eq_ignore_ascii_case(name));
    if let Some(found) = heads.iter().position(|head| means_state && head.state) {
        return Ok(found);
    }
    let begins = |head: &Head| head.id.get(..name.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(name));
    let found: Vec<usize> = heads.iter().enumerate().filter(|(_, head)| begins(head)).map(|(index, _)| index).collect();
    if let [only] = found.as_slice() {
        return Ok(*only);
    }
    let ids = |wanted: &dyn Fn(usize) -> bool| {
        heads
            .iter()
            .enumerate()
            .filter(|(index, _)| wanted(*index))
            .map(|(_, head)| head.id.as_ref())
            .collect::<Vec<_>>()
    };
    let message = if found.is_empty() {
        format!("no column `{name}`; there are: {}", ids(&|_| true).join(", "))
    } else {
        format!("`{name}` could be {}", ids(&|index| found.contains(&index)).join(" or "))
    };
    Err(QueryError { at, message })
}
