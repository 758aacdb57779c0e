//! Functions over windows of samples: `rate`, `…_over_time` and their like.

use super::aggregate::variance;
use super::{Sample, Series};
use crate::demo::serve::prometheus::promql::eval::Windows;

/// What a window's function is given: the samples, where the window begins and ends (ms).
pub(super) struct Window<'a> {
    pub(super) samples: &'a [Sample],
    pub(super) start: i64,
    pub(super) end: i64,
}

/// Applies a function to every window that has samples; `name` keeps the metric's name.
pub(super) fn apply(windows: Windows, name: bool, function: &dyn Fn(usize, &Window<'_>) -> Option<f64>) -> Vec<Series> {
    let mut out = vec![];
    for (labels, samples) in windows.series {
        let values: Vec<Option<f64>> = windows
            .times
            .iter()
            .enumerate()
            .map(|(step, end)| {
                let start = end - windows.range;
                let from = samples.partition_point(|sample| sample.at <= start);
                let to = samples.partition_point(|sample| sample.at <= *end);
                let inside = samples.get(from..to).filter(|inside| !inside.is_empty())?;
                function(step, &Window { samples: inside, start, end: *end })
            })
            .collect();
        if values.iter().any(Option::is_some) {
            out.push(Series { labels: if name { labels } else { labels.nameless() }, values });
        }
    }
    out
}

/// How `rate`, `increase` and `delta` differ.
#[derive(Clone, Copy)]
pub(super) struct Extrapolation {
    pub(super) counter: bool,
    pub(super) per_second: bool,
}

/// Prometheus' `extrapolatedRate`.
pub(super) fn extrapolated(window: &Window<'_>, how: Extrapolation) -> Option<f64> {
    let (first, last) = (window.samples.first()?, window.samples.last()?);
    if window.samples.len() < 2 {
        return None;
    }
    let mut change = last.value - first.value;
    if how.counter {
        let resets = window.samples.windows(2).filter_map(|pair| match pair {
            [before, after] if after.value < before.value => Some(before.value),
            _ => None,
        });
        change += resets.sum::<f64>();
    }
    let seconds = |from: i64, to: i64| (to - from) as f64 / 1000.0;
    let sampled = seconds(first.at, last.at);
    let between = sampled / (window.samples.len() - 1) as f64;
    let threshold = between * 1.1;
    let shortened = |gap: f64| if gap >= threshold { between / 2.0 } else { gap };
    let mut to_start = shortened(seconds(window.start, first.at));
    if how.counter && change > 0.0 && first.value >= 0.0 {
        to_start = to_start.min(sampled * (first.value / change));
    }
    let to_end = shortened(seconds(last.at, window.end));
    let mut factor = (sampled + to_start + to_end) / sampled;
    if how.per_second {
        factor /= seconds(window.start, window.end);
    }
    Some(change * factor)
}

/// `irate` and `idelta`: the last two samples.
pub(super) fn last_two(window: &Window<'_>, per_second: bool) -> Option<f64> {
    let [.., before, after] = window.samples else { return None };
    let change = if per_second && after.value < before.value { after.value } else { after.value - before.value };
    let seconds = (after.at - before.at) as f64 / 1000.0;
    if seconds == 0.0 {
        return None;
    }
    Some(if per_second { change / seconds } else { change })
}

/// Slope a second and value at `window.end`, by least squares.
pub(super) fn regression(window: &Window<'_>) -> Option<(f64, f64)> {
    if window.samples.len() < 2 {
        return None;
    }
    let count = window.samples.len() as f64;
    let points = || window.samples.iter().map(|sample| ((sample.at - window.end) as f64 / 1000.0, sample.value));
    let (mean_x, mean_y) =
        (points().map(|(x, _)| x).sum::<f64>() / count, points().map(|(_, y)| y).sum::<f64>() / count);
    let covariance: f64 = points().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let spread: f64 = points().map(|(x, _)| (x - mean_x).powi(2)).sum();
    let slope = covariance / spread;
    Some((slope, mean_y - slope * mean_x))
}

/// A function of the values alone, by its name; `None` when there is no such function.
pub(super) fn plain(name: &str) -> Option<fn(&[f64]) -> f64> {
    Some(match name {
        "avg_over_time" => |values| values.iter().sum::<f64>() / values.len() as f64,
        "sum_over_time" => |values| values.iter().sum(),
        "count_over_time" => |values| values.len() as f64,
        "present_over_time" => |_| 1.0,
        "last_over_time" => |values| values.last().copied().unwrap_or(f64::NAN),
        "min_over_time" => |values| values.iter().copied().fold(f64::NAN, f64::min),
        "max_over_time" => |values| values.iter().copied().fold(f64::NAN, f64::max),
        "stddev_over_time" => |values| variance(values).sqrt(),
        "stdvar_over_time" => variance,
        "changes" => |values| {
            pairs(values, |a, b| !(a.is_nan() && b.is_nan()) && a.partial_cmp(&b) != Some(std::cmp::Ordering::Equal))
        },
        "resets" => |values| pairs(values, |a, b| b < a),
        _ => return None,
    })
}

fn pairs(values: &[f64], counts: fn(f64, f64) -> bool) -> f64 {
    values.windows(2).filter(|pair| matches!(pair, [a, b] if counts(*a, *b))).count() as f64
}

/// Prometheus' `quantile`: linear between the two nearest; sorts the values.
pub(super) fn quantile(wanted: f64, values: &mut [f64]) -> f64 {
    if values.is_empty() || wanted.is_nan() {
        return f64::NAN;
    }
    if wanted < 0.0 {
        return f64::NEG_INFINITY;
    }
    if wanted > 1.0 {
        return f64::INFINITY;
    }
    values.sort_by(f64::total_cmp);
    let rank = wanted * (values.len() - 1) as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 <= rank < len")]
    let lower = rank.floor() as usize;
    let upper = (lower + 1).min(values.len() - 1);
    let weight = rank - rank.floor();
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    at(lower) * (1.0 - weight) + at(upper) * weight
}
