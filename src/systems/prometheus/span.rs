//! The arithmetic of time ranges: which step fits a chart, over which window a rate is taken, and where gaps are.

use chrono::{DateTime, Utc};

/// The most steps that a range may have; more is refused with `exceeded maximum resolution of 11,000 points`.
const MOST_STEPS: u64 = 11_000;

/// Steps that are easily read, in seconds; above the last one, whole days.
const STEPS: [u64; 18] = [1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200];

/// A time range with its step, all in seconds; start and end are multiples of the step, so that points stay where they
/// are from one refresh to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// The first point, seconds since the epoch.
    pub(super) start: i64,
    /// The last point.
    pub(super) end: i64,
    /// The distance of two points.
    pub(super) step: i64,
}

impl Span {
    /// The range of `seconds` that ends at `now`, for a chart of `columns` points.
    pub(super) fn ending(now: DateTime<Utc>, seconds: u32, columns: u16) -> Self {
        let seconds = u64::from(seconds.max(60));
        let step = i64::try_from(step(seconds, columns)).unwrap_or(i64::MAX);
        let end = now.timestamp().div_euclid(step) * step;
        let range = i64::try_from(seconds).unwrap_or(i64::MAX);
        Self { start: (end - range).div_euclid(step) * step, end, step }
    }

    /// The points at every step of the range, a gap (NaN) where the series has none.
    pub(super) fn fill(self, points: &[(i64, f64)]) -> Vec<(i64, f64)> {
        let mut rest = points.iter().peekable();
        let mut filled = Vec::with_capacity(self.len());
        let mut at = self.start;
        while at <= self.end {
            let from = at * 1000 - self.step * 500;
            while rest.next_if(|(time, _)| *time < from).is_some() {}
            let found = rest.next_if(|(time, _)| *time < from + self.step * 1000);
            filled.push((at * 1000, found.map_or(f64::NAN, |(_, value)| *value)));
            at += self.step;
        }
        filled
    }

    /// How many points there are.
    pub(super) fn len(self) -> usize {
        usize::try_from((self.end - self.start) / self.step.max(1) + 1).unwrap_or(0)
    }
}

/// The step in seconds for a range of `seconds` on `columns` columns: the next one that is easily read, never so small
/// that the server refuses.
fn step(seconds: u64, columns: u16) -> u64 {
    let wanted = seconds.div_ceil(u64::from(columns.max(1))).max(1);
    // start is rounded down to a multiple of the step, which may add one
    let least = seconds.div_ceil(MOST_STEPS - 1).max(1);
    let wanted = wanted.max(least);
    STEPS.iter().copied().find(|step| *step >= wanted).unwrap_or_else(|| wanted.div_ceil(86_400) * 86_400)
}

/// The window of a rate, in seconds, as Grafana's `$__rate_interval` has it: at least four scrapes, and a scrape more
/// than the step, so that no increase between two points is lost.
pub(super) fn rate_window(step: i64, scrape: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "saturates")]
    let scrape = scrape.max(1.0).ceil() as i64;
    (step + scrape).max(4 * scrape)
}

/// A duration as Prometheus writes it (`1m30s`, `15s`, `500ms`, or a number of seconds), in seconds.
pub(super) fn duration(text: &str) -> Option<f64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Some(seconds).filter(|seconds| seconds.is_finite() && *seconds > 0.0);
    }
    let (mut total, mut digits, mut unit) = (0.0, String::new(), String::new());
    let mut add = |digits: &mut String, unit: &mut String| {
        let size = match unit.as_str() {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            "w" => 604_800.0,
            "y" => 31_536_000.0,
            _ => return None,
        };
        total += digits.parse::<f64>().ok()? * size;
        digits.clear();
        unit.clear();
        Some(())
    };
    for char in text.chars() {
        if char.is_ascii_digit() {
            if !unit.is_empty() {
                add(&mut digits, &mut unit)?;
            }
            digits.push(char);
        } else {
            unit.push(char);
        }
    }
    add(&mut digits, &mut unit)?;
    Some(total).filter(|seconds| *seconds > 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    #[test]
    fn no_range_on_any_chart_has_more_steps_than_the_server_takes() {
        for seconds in [60, 3600, 172_743, 604_800, 31_536_000, u32::MAX] {
            for columns in [0, 1, 40, 180, 5000, u16::MAX] {
                let span = Span::ending(at(1_795_415_004), seconds, columns);
                assert!((span.end - span.start) / span.step <= 11_000, "{seconds} on {columns}: {span:?}");
            }
        }
        let two_days = Span::ending(at(1_795_415_004), 172_743, 180);
        assert_eq!(two_days.step, 1800);
    }

    #[test]
    fn points_stay_where_they_are_from_one_refresh_to_the_next() {
        let (a, b) = (Span::ending(at(1_000_003), 1800, 40), Span::ending(at(1_000_018), 1800, 40));
        assert_eq!(a.step, 60);
        assert_eq!((a.start % 60, a.end % 60), (0, 0));
        assert_eq!(a.end, b.end);
    }

    #[test]
    fn a_point_that_is_missing_is_a_gap_and_not_bridged() {
        let span = Span { start: 100, end: 140, step: 10 };
        let filled = span.fill(&[(100_000, 1.0), (110_004, 2.0), (140_000, 5.0)]);
        let seen: Vec<_> = filled.iter().map(|(at, value)| (*at / 1000, value.is_nan())).collect();
        assert_eq!(seen, [(100, false), (110, false), (120, true), (130, true), (140, false)]);
    }

    #[test]
    fn the_rate_window_is_as_measured_with_grafana() {
        // field case P1: step and scrape interval in seconds to the window
        for (step, scrape, window) in
            [(300, 15.0, 315), (30, 15.0, 60), (15, 15.0, 60), (60, 15.0, 75), (60, 60.0, 240)]
        {
            assert_eq!(rate_window(step, scrape), window);
        }
    }

    #[test]
    fn durations_are_read_in_all_their_units() {
        assert_eq!(duration("15s"), Some(15.0));
        assert_eq!(duration("1m30s"), Some(90.0));
        assert_eq!(duration("500ms"), Some(0.5));
        assert_eq!(duration("2.5"), Some(2.5));
        assert_eq!((duration("soon"), duration(""), duration("0s"), duration("5")), (None, None, None, Some(5.0)));
    }
}
