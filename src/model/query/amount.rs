//! Numbers with units as a person types them, compared with cells.

use std::cmp::Ordering;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use crate::model::value::{Unit, Value};

/// A number with the kind of unit that was typed behind it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Amount {
    /// No unit: as the column shows it; percent in a column of ratios, seconds in a column of ages.
    Plain(f64),
    /// Percent.
    Percent(f64),
    /// Seconds.
    Seconds(f64),
    /// Bytes.
    Bytes(f64),
    /// Per second.
    PerSecond(f64),
    /// A moment.
    Moment(DateTime<Utc>),
}

impl Amount {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if let Some(moment) = moment(text) {
            return Some(Self::Moment(moment));
        }
        let (number, unit) = split_number(text)?;
        let amount = match unit {
            "" => Self::Plain(number),
            "%" => Self::Percent(number),
            "/s" => Self::PerSecond(number),
            "k" => Self::Plain(number * 1e3),
            "M" => Self::Plain(number * 1e6),
            _ => match bytes(unit) {
                Some(factor) => Self::Bytes(number * factor),
                None => Self::Seconds(seconds(text)?),
            },
        };
        Some(amount)
    }

    /// Whether the passing of time may change how it compares.
    pub(super) fn is_age(self) -> bool {
        matches!(self, Self::Seconds(_))
    }

    /// How the cell compares with it; nothing if the cell has no number, or one of another kind.
    pub(super) fn compare(self, cell: &Value, now: DateTime<Utc>) -> Option<Ordering> {
        if cell.is_none() {
            return None;
        }
        match (cell, self) {
            (Value::Pair(pair), _) => self.compare(&pair.0, now),
            (Value::Time(at), Self::Moment(moment)) => Some(at.cmp(&moment)),
            (Value::Time(at), Self::Seconds(limit) | Self::Plain(limit)) => {
                order((now - *at).num_milliseconds() as f64 / 1e3, limit)
            }
            (Value::Number(number, unit), _) => self.compare_number(*number, *unit),
            (Value::Spark(series), _) => self.compare_number(series.last()?, series.unit),
            (_, Self::Plain(limit) | Self::Percent(limit)) => order(cell.number()?, limit),
            _ => None,
        }
    }

    fn compare_number(self, number: f64, unit: Unit) -> Option<Ordering> {
        match (unit, self) {
            (Unit::Ratio, Self::Plain(limit) | Self::Percent(limit)) => order(number * 100.0, limit),
            (Unit::Seconds, Self::Seconds(limit))
            | (Unit::Bytes, Self::Bytes(limit))
            | (Unit::PerSecond, Self::PerSecond(limit))
            | (Unit::None, Self::Percent(limit))
            | (_, Self::Plain(limit)) => order(number, limit),
            _ => None,
        }
    }
}

/// Compares measured numbers; what differs only by rounding (0.041 as percent) is equal.
fn order(number: f64, limit: f64) -> Option<Ordering> {
    if (number - limit).abs() <= 1e-9 * limit.abs() {
        return Some(Ordering::Equal);
    }
    number.partial_cmp(&limit)
}

/// A date, or a date and time as RFC 3339 writes it.
fn moment(text: &str) -> Option<DateTime<Utc>> {
    // the shortest form has ten characters; anything shorter is a number
    if text.len() < 10 || text.as_bytes().get(4) != Some(&b'-') {
        return None;
    }
    if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        return Some(moment.to_utc());
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.and_time(NaiveTime::MIN).and_utc())
}

/// The number at the beginning, and what follows it.
fn split_number(text: &str) -> Option<(f64, &str)> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let digits = unsigned.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(unsigned.len());
    let mut end = text.len() - unsigned.len() + digits;
    // `1e3`; but the letter alone would be a unit
    let exponent = text.get(end..)?;
    if let Some(power) = exponent.strip_prefix(['e', 'E']) {
        let unsigned = power.strip_prefix(['-', '+']).unwrap_or(power);
        let length = unsigned.find(|char: char| !char.is_ascii_digit()).unwrap_or(unsigned.len());
        if length > 0 {
            end += exponent.len() - unsigned.len() + length;
        }
    }
    let (number, unit) = text.split_at_checked(end)?;
    Some((number.parse().ok()?, unit.trim()))
}

fn bytes(unit: &str) -> Option<f64> {
    Some(match unit {
        "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        "Ki" | "KiB" => 1024.0,
        "Mi" | "MiB" => 1024.0 * 1024.0,
        "Gi" | "GiB" => 1024.0 * 1024.0 * 1024.0,
        "Ti" | "TiB" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    })
}

/// A length of time, also of several parts: `150ms`, `2h`, `1d12h`.
fn seconds(text: &str) -> Option<f64> {
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let (number, behind) = split_number(rest)?;
        let length = behind.find(|char: char| !char.is_alphabetic()).unwrap_or(behind.len());
        let (unit, next) = behind.split_at_checked(length)?;
        let factor = match unit {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            _ => return None,
        };
        total += number * factor;
        rest = next.trim_start();
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_those_that_cells_show() {
        assert_eq!(Amount::parse("150ms"), Some(Amount::Seconds(0.15)));
        assert_eq!(Amount::parse("1d12h"), Some(Amount::Seconds(129_600.0)));
        assert_eq!(Amount::parse("2GiB"), Some(Amount::Bytes(2_147_483_648.0)));
        assert_eq!(Amount::parse("1%"), Some(Amount::Percent(1.0)));
        assert_eq!(Amount::parse("3/s"), Some(Amount::PerSecond(3.0)));
        assert_eq!(Amount::parse("-1.5e3"), Some(Amount::Plain(-1500.0)));
        assert!(matches!(Amount::parse("2026-11-25"), Some(Amount::Moment(_))));
        for bad in ["", "x", "3x", "1.2.3", "-", "ms", "5é"] {
            assert_eq!(Amount::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_plain_number_means_what_the_column_shows() {
        let errors = Value::Number(0.041, Unit::Ratio);
        assert_eq!(Amount::Plain(4.0).compare(&errors, DateTime::UNIX_EPOCH), Some(Ordering::Greater));
        assert_eq!(Amount::Percent(5.0).compare(&errors, DateTime::UNIX_EPOCH), Some(Ordering::Less));
        assert_eq!(Amount::Seconds(1.0).compare(&errors, DateTime::UNIX_EPOCH), None);
    }
}
