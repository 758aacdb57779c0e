//! Functions over instant vectors.

use chrono::{DateTime, Datelike, Timelike};
use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::token;

use super::{Fault, Series};

/// Every value through a function; the metric's name goes, and so does a series without values.
pub(super) fn mapped(rows: Vec<Series>, function: impl Fn(usize, f64) -> Option<f64>) -> Vec<Series> {
    let each = |row: Series| Series {
        labels: row.labels.nameless(),
        values: row.values.into_iter().enumerate().map(|(step, value)| function(step, value?)).collect(),
    };
    rows.into_iter().map(each).filter(|row| row.values.iter().any(Option::is_some)).collect()
}

/// A function of a single number, by its name.
pub(super) fn plain(name: &str) -> Option<fn(f64) -> f64> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "sqrt" => f64::sqrt,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sgn" => |value| {
            if value > 0.0 {
                1.0
            } else if value < 0.0 {
                -1.0
            } else {
                value
            }
        },
        _ => return None,
    })
}

/// Go's `math.Max`: NaN wins.
pub(super) fn at_least(value: f64, low: f64) -> f64 {
    if value.is_nan() || low.is_nan() { f64::NAN } else { value.max(low) }
}

/// Go's `math.Min`: NaN wins.
pub(super) fn at_most(value: f64, high: f64) -> f64 {
    if value.is_nan() || high.is_nan() { f64::NAN } else { value.min(high) }
}

/// Sorted by the value at the only step of an instant query; NaN last.
pub(super) fn sorted(mut rows: Vec<Series>, descending: bool) -> Vec<Series> {
    let key = |row: &Series| row.values.first().copied().flatten().unwrap_or(f64::NAN);
    rows.sort_by(|a, b| {
        let (a, b) = (key(a), key(b));
        let by_value = if descending { b.total_cmp(&a) } else { a.total_cmp(&b) };
        a.is_nan().cmp(&b.is_nan()).then(by_value)
    });
    rows
}

/// `label_replace(v, destination, replacement, source, regex)`, without the vector.
pub(super) fn label_replace(mut rows: Vec<Series>, texts: &[String]) -> Result<Vec<Series>, Fault> {
    let [destination, replacement, source, pattern] = texts else {
        return Err(Fault::execution("label_replace needs four strings"));
    };
    let invalid = |_| Fault::execution(format!("invalid regular expression in label_replace(): {pattern}"));
    let matcher = Matcher::new_matcher(token::T_EQL_REGEX, source.clone(), pattern.clone()).map_err(invalid)?;
    let MatchOp::Re(regex) = &matcher.op else { return Ok(rows) };
    for row in &mut rows {
        let mut text = String::new();
        let Some(found) = regex.captures(row.labels.get(source)) else { continue };
        found.expand(replacement, &mut text);
        drop(found);
        row.labels.set(destination, &text);
    }
    unique(rows)
}

/// `label_join(v, destination, separator, source…)`, without the vector.
pub(super) fn label_join(mut rows: Vec<Series>, texts: &[String]) -> Result<Vec<Series>, Fault> {
    let [destination, separator, sources @ ..] = texts else {
        return Err(Fault::execution("label_join needs a label and a separator"));
    };
    for row in &mut rows {
        let values: Vec<&str> = sources.iter().map(|source| row.labels.get(source)).collect();
        let joined = values.join(separator);
        row.labels.set(destination, &joined);
    }
    unique(rows)
}

fn unique(rows: Vec<Series>) -> Result<Vec<Series>, Fault> {
    let labels: std::collections::BTreeSet<_> = rows.iter().map(|row| &row.labels).collect();
    if labels.len() < rows.len() {
        return Err(Fault::execution("vector cannot contain metrics with the same labelset"));
    }
    Ok(rows)
}

/// A part of a UTC time given in seconds.
pub(super) fn date_part(name: &str, seconds: f64) -> Option<f64> {
    #[expect(clippy::cast_possible_truncation, reason = "seconds of a date fit")]
    let time = DateTime::from_timestamp(seconds as i64, 0)?;
    Some(match name {
        "minute" => f64::from(time.minute()),
        "hour" => f64::from(time.hour()),
        "day_of_week" => f64::from(time.weekday().num_days_from_sunday()),
        "day_of_month" => f64::from(time.day()),
        "month" => f64::from(time.month()),
        _ => f64::from(time.year()),
    })
}
