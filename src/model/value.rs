//! A typed cell: what a table sorts, filters, shows and exports.

use std::cmp::Ordering;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::health::Health;
use super::id::Ref;

/// What a number counts; decides how it is written and how it is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// A plain number.
    None,
    /// A ratio, 1.0 being 100 %.
    Ratio,
    /// Seconds; shown as `9.8 ms`, `2.1 s`, `6m41s`.
    Seconds,
    /// Per second.
    PerSecond,
    /// Bytes; shown as `1.9 GiB`.
    Bytes,
}

/// A state: its glyph and colour come from the health, the word is the system's or ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// How well it is.
    pub health: Health,
    /// A word or two.
    pub word: Arc<str>,
}

/// One part of a whole, such as a revision's share of the traffic.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Short name of the part: `v12`, `00002`.
    pub label: Arc<str>,
    /// Its share in percent.
    pub percent: f64,
    /// How well the part is.
    pub health: Health,
}

/// Points of a line over time. NaN is a gap.
#[derive(Debug, Clone)]
pub struct Series {
    /// What the values count.
    pub unit: Unit,
    /// The limit above which a value is trouble.
    pub limit: Option<f64>,
    /// Time (milliseconds since the epoch, or a step) and value, in order of time.
    pub points: Vec<(i64, f64)>,
}

/// A place on the axis below this is a step, not a time: it would be a moment of the first days of 1970s.
const STEPS_BELOW: i64 = 100_000_000_000;

impl Series {
    /// Whether its points stand by step (of a training run) and not by time.
    #[must_use]
    pub fn is_by_step(&self) -> bool {
        self.points.last().is_some_and(|(at, _)| *at < STEPS_BELOW)
    }

    /// The last value that is a number.
    #[must_use]
    pub fn last(&self) -> Option<f64> {
        self.points.iter().rev().map(|(_, value)| *value).find(|value| value.is_finite())
    }
}

impl PartialEq for Series {
    fn eq(&self, other: &Self) -> bool {
        self.unit == other.unit
            && self.limit.map(f64::to_bits) == other.limit.map(f64::to_bits)
            && self.points.len() == other.points.len()
            && self.points.iter().zip(&other.points).all(|(a, b)| a.0 == b.0 && a.1.total_cmp(&b.1).is_eq())
    }
}

/// Words that lead to another row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The words.
    pub words: Arc<str>,
    /// The row.
    pub to: Ref,
}

/// A typed cell. Small, as there are a hundred thousand of them: what is rare or large stands behind a pointer.
#[derive(Debug, Clone)]
pub enum Value {
    /// Nothing there; sorts last, whichever way the column is sorted.
    None,
    /// Words.
    Text(Arc<str>),
    /// A whole number.
    Int(i64),
    /// A measured number with its unit.
    Number(f64, Unit),
    /// Yes or no.
    Bool(bool),
    /// A moment, shown as its age.
    Time(DateTime<Utc>),
    /// A state with its health.
    State(State),
    /// Words that lead to another row.
    Link(Arc<Link>),
    /// Shares of a whole.
    Share(Arc<[Part]>),
    /// A line over time, shown small.
    Spark(Arc<Series>),
    /// A value and, dim behind it, a second one.
    Pair(Arc<(Self, Self)>),
}

impl Value {
    /// Words; nothing for an empty text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        if text.is_empty() { Self::None } else { Self::Text(text.into()) }
    }

    /// Words that lead to the row `to`.
    #[must_use]
    pub fn link(words: &str, to: Ref) -> Self {
        Self::Link(Arc::new(Link { words: words.into(), to }))
    }

    /// A state with its word.
    #[must_use]
    pub fn state(health: Health, word: &str) -> Self {
        Self::State(State { health, word: word.into() })
    }

    /// A value with a second one behind it.
    #[must_use]
    pub fn pair(first: Self, second: Self) -> Self {
        Self::Pair(Arc::new((first, second)))
    }

    /// The moment, or nothing.
    #[must_use]
    pub fn time(at: Option<DateTime<Utc>>) -> Self {
        at.map_or(Self::None, Self::Time)
    }

    /// The number that comparisons in a filter (`column>3`) and charts use, where the value has one.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Int(number) => Some(*number as f64),
            Self::Number(number, _) => Some(*number),
            Self::Spark(series) => series.last(),
            Self::Pair(pair) => pair.0.number(),
            Self::Share(parts) => parts.last().map(|part| part.percent),
            Self::Bool(yes) => Some(f64::from(u8::from(*yes))),
            Self::None | Self::Text(_) | Self::Time(_) | Self::State(_) | Self::Link(_) => None,
        }
    }

    /// The words of a cell that has nothing but words.
    #[must_use]
    pub fn words(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Link(link) => Some(&link.words),
            _ => None,
        }
    }

    /// How well the value says that its row is, where it says so.
    #[must_use]
    pub fn health(&self) -> Option<Health> {
        match self {
            Self::State(state) => Some(state.health),
            Self::Pair(pair) => pair.0.health().or_else(|| pair.1.health()),
            _ => None,
        }
    }

    /// Whether nothing is there.
    #[must_use]
    pub fn is_none(&self) -> bool {
        match self {
            Self::None => true,
            Self::Number(number, _) => number.is_nan(),
            Self::Pair(pair) => pair.0.is_none(),
            _ => false,
        }
    }

    /// Order within a column, ascending: a total order. `None`, NaN and lines without a point come last; a descending
    /// sort must keep them last ([`Self::sorts_last`]).
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        match (self.sorts_last(), other.sorts_last()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => {}
        }
        match (self, other) {
            (Self::Pair(a), Self::Pair(b)) => a.0.order(&b.0).then_with(|| a.1.order(&b.1)),
            // equal first halves must not be equal to all of their pairs, or the order would not be one
            (Self::Pair(a), b) => a.0.order(b).then(Ordering::Greater),
            (a, Self::Pair(b)) => a.order(&b.0).then(Ordering::Less),
            (Self::State(a), Self::State(b)) => a.health.cmp(&b.health).then_with(|| a.word.cmp(&b.word)),
            (Self::Time(a), Self::Time(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (a, b) => match (a.words(), b.words()) {
                (Some(a), Some(b)) => natural(a, b),
                _ => match (a.number(), b.number()) {
                    (Some(x), Some(y)) => x.total_cmp(&y).then_with(|| b.is_whole().cmp(&a.is_whole())),
                    _ => a.rank().cmp(&b.rank()),
                },
            },
        }
    }

    /// Whether it has nothing to sort by, so that it comes last whichever way the column is sorted.
    #[must_use]
    pub fn sorts_last(&self) -> bool {
        match self {
            Self::Share(_) | Self::Spark(_) => self.number().is_none_or(f64::is_nan),
            Self::Pair(pair) => pair.0.sorts_last(),
            _ => self.is_none(),
        }
    }

    fn is_whole(&self) -> bool {
        matches!(self, Self::Int(_))
    }

    fn rank(&self) -> u8 {
        match self {
            Self::State(_) => 0,
            Self::Int(_) | Self::Number(..) | Self::Bool(_) | Self::Share(_) | Self::Spark(_) => 1,
            Self::Time(_) => 2,
            Self::Text(_) | Self::Link(_) => 3,
            Self::Pair(_) => 4,
            Self::None => 5,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::None, Self::None) => true,
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            // total order, or a NaN would differ from itself and the row be drawn anew for ever
            (Self::Number(a, u), Self::Number(b, v)) => u == v && a.total_cmp(b).is_eq(),
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Time(a), Self::Time(b)) => a == b,
            (Self::State(a), Self::State(b)) => a == b,
            (Self::Link(a), Self::Link(b)) => a == b,
            (Self::Share(a), Self::Share(b)) => a == b,
            (Self::Spark(a), Self::Spark(b)) => a == b,
            (Self::Pair(a), Self::Pair(b)) => a == b,
            _ => false,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// Compares texts so that runs of digits count as numbers: `v9` before `v12`. Allocates nothing: it runs for each
/// comparison of a sort.
#[must_use]
pub fn natural(a: &str, b: &str) -> Ordering {
    let common = common_prefix(a, b);
    let (mut left, mut right) = (a.get(common..).unwrap_or(a), b.get(common..).unwrap_or(b));
    loop {
        let (mut lefts, mut rights) = (left.chars(), right.chars());
        let order = match (lefts.next(), rights.next()) {
            (None, None) => return a.cmp(b),
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(one), Some(other)) if one.is_ascii_digit() && other.is_ascii_digit() => {
                let ((one, left_behind), (other, right_behind)) = (digits(left), digits(right));
                (left, right) = (left_behind, right_behind);
                one.len().cmp(&other.len()).then_with(|| one.cmp(other))
            }
            (Some(one), Some(other)) => {
                (left, right) = (lefts.as_str(), rights.as_str());
                if one.is_ascii() && other.is_ascii() {
                    one.to_ascii_lowercase().cmp(&other.to_ascii_lowercase())
                } else {
                    one.to_lowercase().cmp(other.to_lowercase())
                }
            }
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// How many bytes both begin with, up to the beginning of a run of digits: names of pods share most of theirs.
fn common_prefix(a: &str, b: &str) -> usize {
    let (left, right) = (a.as_bytes(), b.as_bytes());
    // eight at a time, then one by one
    let words = left.chunks_exact(8).zip(right.chunks_exact(8)).take_while(|(x, y)| x == y).count() * 8;
    let same = words + left.iter().zip(right).skip(words).take_while(|(x, y)| x == y).count();
    let same = (0..=same).rev().find(|at| a.is_char_boundary(*at)).unwrap_or(0);
    let digits = a.as_bytes().get(..same).unwrap_or_default().iter().rev().take_while(|byte| byte.is_ascii_digit());
    same - digits.count()
}

/// The run of digits at the beginning without its leading zeros, and what follows it.
fn digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (run, behind) = text.split_at_checked(end).unwrap_or((text, ""));
    (run.trim_start_matches('0'), behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_as_numbers_and_nothing_sorts_last() {
        let mut cells = [Value::text("v12"), Value::None, Value::text("v9"), Value::Number(f64::NAN, Unit::None)];
        cells.sort_by(Value::order);
        assert_eq!(cells.first(), Some(&Value::text("v9")));
        assert_eq!(cells.get(1), Some(&Value::text("v12")));
        assert!(cells.get(2).is_some_and(Value::is_none));
    }

    #[test]
    fn a_shared_beginning_does_not_cut_a_run_of_digits() {
        for (smaller, larger) in [("pod-19", "pod-123"), ("a1é", "a12"), ("xé1", "xè1"), ("é2", "é10"), ("a", "ab")]
        {
            let expected = if smaller == "xé1" { Ordering::Greater } else { Ordering::Less };
            assert_eq!(Value::text(smaller).order(&Value::text(larger)), expected, "{smaller} {larger}");
        }
    }

    #[test]
    fn a_nan_equals_itself() {
        assert_eq!(Value::Number(f64::NAN, Unit::Ratio), Value::Number(f64::NAN, Unit::Ratio));
    }

    #[test]
    fn what_is_worst_sorts_first() {
        assert_eq!(Value::state(Health::Bad, "x").order(&Value::state(Health::Good, "a")), Ordering::Less);
    }

    #[test]
    fn the_order_of_values_is_total() {
        let pair = |a: Value, b: Value| Value::pair(a, b);
        let spark = |points| Value::Spark(Arc::new(Series { unit: Unit::None, limit: None, points }));
        let big = 1_i64 << 53;
        let values = [
            Value::None,
            Value::text("v9"),
            Value::text("v09"),
            Value::text("V10"),
            Value::text("v1x"),
            Value::text("é"),
            Value::Int(big),
            Value::Int(big + 1),
            Value::Int(1),
            Value::Number(9_007_199_254_740_992.0, Unit::None),
            Value::Number(f64::NAN, Unit::None),
            Value::Number(1.0, Unit::Ratio),
            Value::Bool(true),
            spark(vec![]),
            spark(vec![(0, 5.0)]),
            Value::Share(Arc::new([])),
            Value::Time(DateTime::UNIX_EPOCH),
            Value::state(Health::Bad, "x"),
            pair(Value::Int(1), Value::Int(2)),
            pair(Value::Int(1), Value::None),
            pair(Value::Int(big), Value::text("a")),
            pair(Value::None, Value::Int(1)),
            pair(spark(vec![]), Value::Int(1)),
        ];
        for a in &values {
            for b in &values {
                assert_eq!(a.order(b), b.order(a).reverse(), "{a:?} {b:?}");
                for c in &values {
                    if a.order(b).is_le() && b.order(c).is_le() {
                        assert!(a.order(c).is_le(), "{a:?} {b:?} {c:?}");
                        assert!(a.order(c).is_lt() || a.order(b).is_eq() && b.order(c).is_eq(), "{a:?} {b:?} {c:?}");
                    }
                }
            }
        }
    }
}
