//! `histogram_quantile` over classic histograms.

use std::collections::BTreeMap;

use super::{Labels, Series};

/// The quantile of each histogram among these bucket series.
pub(super) fn quantiles(wanted: &[f64], rows: Vec<Series>) -> Vec<Series> {
    let mut groups: BTreeMap<Labels, Vec<(f64, Series)>> = BTreeMap::new();
    for row in rows {
        let Ok(bound) = row.labels.get("le").parse::<f64>() else { continue };
        groups.entry(row.labels.without(&["le".to_owned()])).or_default().push((bound, row));
    }
    let answer = |(labels, mut members): (Labels, Vec<(f64, Series)>)| {
        members.sort_by(|a, b| a.0.total_cmp(&b.0));
        let values = wanted.iter().enumerate().map(|(step, wanted)| {
            let buckets: Vec<(f64, f64)> = members
                .iter()
                .filter_map(|(bound, row)| row.values.get(step).copied().flatten().map(|count| (*bound, count)))
                .collect();
            (!buckets.is_empty()).then(|| quantile(*wanted, &buckets))
        });
        Series { labels, values: values.collect() }
    };
    groups.into_iter().map(answer).collect()
}

/// Prometheus' `bucketQuantile`: buckets are (upper bound, cumulative count), sorted.
pub(super) fn quantile(wanted: f64, buckets: &[(f64, f64)]) -> f64 {
    if wanted.is_nan() {
        return f64::NAN;
    }
    if wanted < 0.0 {
        return f64::NEG_INFINITY;
    }
    if wanted > 1.0 {
        return f64::INFINITY;
    }
    if buckets.last().is_none_or(|(bound, _)| *bound != f64::INFINITY) {
        return f64::NAN;
    }
    let buckets = monotonic(buckets);
    let observations = buckets.last().map_or(0.0, |(_, count)| *count);
    if buckets.len() < 2 || observations == 0.0 || observations.is_nan() {
        return f64::NAN;
    }
    let rank = wanted * observations;
    let index = buckets.iter().take(buckets.len() - 1).position(|(_, count)| *count >= rank);
    let Some(index) = index else { return buckets.iter().rev().nth(1).map_or(f64::NAN, |(bound, _)| *bound) };
    let Some((end, count)) = buckets.get(index).copied() else { return f64::NAN };
    let before = index.checked_sub(1).and_then(|index| buckets.get(index)).copied();
    match before {
        None if end <= 0.0 => end,
        None => end * (rank / count),
        Some((start, below)) => start + (end - start) * ((rank - below) / (count - below)),
    }
}

/// Equal bounds joined, and no count below the one before it.
fn monotonic(buckets: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut out: Vec<(f64, f64)> = vec![];
    for (bound, count) in buckets {
        match out.last_mut() {
            Some(last) if last.0.total_cmp(bound).is_eq() => last.1 += count,
            Some(last) => {
                let count = count.max(last.1);
                out.push((*bound, count));
            }
            None => out.push((*bound, *count)),
        }
    }
    out
}
