//! The filter language: which rows a table shows.
//!
//! | written | means |
//! |---|---|
//! | `fraud prod` | both words, anywhere in the row, whatever their case |
//! | `-canary`, `!canary` | not this word |
//! | `"two words"` | with the space |
//! | `owner:ml`, `-owner:ml` | the column has (has not) this text; `owner:` has anything at all |
//! | `owner=ml`, `owner!=ml` | the column is (is not) exactly this |
//! | `status:bad` | a state by its health (`bad`, `warn`, `busy`, `good`, `idle`) or its word |
//! | `p99>150ms`, `errors>=1%`, `size<2GiB` | numbers with units; without one, as the column shows them |
//! | `age<2h`, `age>2026-01-31` | how long ago, or when |
//!
//! Anything else that looks like an operator is an error; in quotes it is a word. A column is named by its id or by an
//! unambiguous beginning of it. Words with a digit also match numbers and ages.
//! Does not belong here: what is done with the rows that match (`table`).

mod amount;
mod find;
mod parse;

use std::ops::Range;

use chrono::{DateTime, Utc};

pub use self::parse::QueryError;

use self::amount::Amount;
use self::find::Needle;
use super::record::{Head, Row};
use super::value::Value;

/// A filter, ready to be used on rows of the heads that it was parsed for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Query {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq)]
struct Term {
    negated: bool,
    test: Test,
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    Word(Needle),
    Contains(usize, Needle),
    Equals(usize, Needle, Option<Amount>),
    Compares(usize, Comparison, Amount),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Above,
    AtLeast,
    Below,
    AtMost,
}

impl Comparison {
    fn sign(self) -> &'static str {
        match self {
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
        }
    }

    fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Self::Above => order.is_gt(),
            Self::AtLeast => order.is_ge(),
            Self::Below => order.is_lt(),
            Self::AtMost => order.is_le(),
        }
    }
}

impl Query {
    /// Reads a filter for rows with these heads.
    pub fn parse(text: &str, heads: &[Head]) -> Result<Self, QueryError> {
        parse::terms(text, heads).map(|terms| Self { terms })
    }

    /// Whether it lets every row pass.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Whether the row matches at the time `now`.
    #[must_use]
    pub fn matches(&self, row: &Row, now: DateTime<Utc>) -> bool {
        self.terms.iter().all(|term| term.test.holds(row, now) != term.negated)
    }

    /// Whether a row may begin or cease to match as time passes.
    #[must_use]
    pub fn is_time_dependent(&self) -> bool {
        self.terms.iter().any(|term| match &term.test {
            Test::Word(needle) | Test::Contains(_, needle) | Test::Equals(_, needle, None) => needle.may_be_age(),
            Test::Equals(_, needle, Some(amount)) => amount.is_age() || needle.may_be_age(),
            Test::Compares(_, _, amount) => amount.is_age(),
        })
    }

    /// The parts of a shown text that match a word, as byte ranges in order that do not overlap.
    #[must_use]
    pub fn highlights(&self, text: &str) -> Vec<Range<usize>> {
        self.ranges(text, None)
    }

    /// The parts of the shown text of column `column` that match a word or what is asked of this column.
    #[must_use]
    pub fn highlights_in(&self, column: usize, text: &str) -> Vec<Range<usize>> {
        self.ranges(text, Some(column))
    }

    fn ranges(&self, text: &str, column: Option<usize>) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        for term in self.terms.iter().filter(|term| !term.negated) {
            let needle = match &term.test {
                Test::Word(needle) => needle,
                Test::Contains(at, needle) | Test::Equals(at, needle, _) if column == Some(*at) => needle,
                _ => continue,
            };
            let mut from = 0;
            while let Some(range) = needle.find(text, from).filter(|range| !range.is_empty()) {
                from = range.end;
                ranges.push(range);
            }
        }
        merge(ranges)
    }
}

/// Sorts the ranges and joins those that touch.
fn merge(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

impl Test {
    fn holds(&self, row: &Row, now: DateTime<Utc>) -> bool {
        match self {
            // words first: they are cheap to look at, and most searches are for them
            Self::Word(needle) => {
                row.cells.iter().any(|cell| words_contain(cell, needle))
                    || needle.may_be_number() && row.cells.iter().any(|cell| number_contains(cell, needle, now))
            }
            Self::Contains(at, needle) => {
                let cell = row.cell(*at);
                if needle.is_empty() {
                    return !cell.is_none();
                }
                cell.health().is_some_and(|health| needle.equals(health.word()))
                    || words_contain(cell, needle)
                    || number_contains(cell, needle, now)
            }
            Self::Equals(at, needle, amount) => {
                let cell = row.cell(*at);
                cell.health().is_some_and(|health| needle.equals(health.word()))
                    || equals(cell, needle, now)
                    || amount.is_some_and(|amount| amount.compare(cell, now).is_some_and(std::cmp::Ordering::is_eq))
            }
            Self::Compares(at, comparison, amount) => {
                amount.compare(row.cell(*at), now).is_some_and(|order| comparison.holds(order))
            }
        }
    }
}

/// Whether the words of a cell have the needle; numbers are not written out for it.
fn words_contain(cell: &Value, needle: &Needle) -> bool {
    match cell {
        Value::Text(text) => needle.is_in(text),
        Value::Link(link) => needle.is_in(&link.words),
        Value::State(state) => needle.is_in(&state.word),
        Value::Bool(yes) => needle.is_in(bool_word(*yes)),
        Value::Share(parts) => parts.iter().any(|part| needle.is_in(&part.label)),
        Value::Pair(pair) => {
            words_contain(&pair.0, needle)
                || words_contain(&pair.1, needle)
                || needle.has_space() && needle.is_in(&cell.show(DateTime::UNIX_EPOCH))
        }
        Value::None | Value::Int(_) | Value::Number(..) | Value::Time(_) | Value::Spark(_) => needle.is_empty(),
    }
}

/// Whether a number, an age or a share, written as it is shown, has the needle.
fn number_contains(cell: &Value, needle: &Needle, now: DateTime<Utc>) -> bool {
    match cell {
        Value::Time(_) => needle.may_be_age() && needle.is_in(&cell.show(now)),
        Value::Int(_) | Value::Number(..) | Value::Spark(_) | Value::Share(_) => {
            needle.may_be_number() && needle.is_in(&cell.show(now))
        }
        Value::Pair(pair) => number_contains(&pair.0, needle, now) || number_contains(&pair.1, needle, now),
        Value::None | Value::Text(_) | Value::Bool(_) | Value::State(_) | Value::Link(_) => false,
    }
}

fn equals(cell: &Value, needle: &Needle, now: DateTime<Utc>) -> bool {
    match cell {
        Value::None => needle.is_empty(),
        Value::Text(text) => needle.equals(text),
        Value::Link(link) => needle.equals(&link.words),
        Value::State(state) => needle.equals(&state.word),
        Value::Bool(yes) => needle.equals(bool_word(*yes)) || needle.equals(if *yes { "true" } else { "false" }),
        Value::Pair(pair) => equals(&pair.0, needle, now) || needle.equals(&cell.show(now)),
        _ => needle.equals(&cell.show(now)),
    }
}

fn bool_word(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

#[cfg(test)]
mod tests;
