//! `sum by (…)` and the other aggregations.

use std::collections::BTreeMap;

use promql_parser::parser::{AggregateExpr, LabelModifier};

use super::eval::Evaluation;
use super::range::quantile;
use super::{Fault, Labels, Series, Value};

/// Evaluates an aggregation.
pub(super) fn evaluate(evaluation: &Evaluation<'_>, expression: &AggregateExpr) -> Result<Value, Fault> {
    let operation = expression.op.to_string();
    let rows = evaluation.vector(&expression.expr)?;
    let mut groups: BTreeMap<Labels, Vec<Series>> = BTreeMap::new();
    for row in rows {
        groups.entry(group(&row.labels, expression.modifier.as_ref())).or_default().push(row);
    }
    let number = || match &expression.param {
        Some(parameter) => evaluation.scalar(parameter),
        None => Err(Fault::execution(format!("{operation} needs a parameter"))),
    };
    let folded = |fold: &dyn Fn(usize, &mut Vec<f64>) -> f64| fold_groups(&groups, fold);
    let rows = match operation.as_str() {
        "sum" => folded(&|_, values| values.iter().sum()),
        "avg" => folded(&|_, values| values.iter().sum::<f64>() / values.len() as f64),
        "count" => folded(&|_, values| values.len() as f64),
        "group" => folded(&|_, _| 1.0),
        "min" => folded(&|_, values| extreme(values, |a, b| a < b)),
        "max" => folded(&|_, values| extreme(values, |a, b| a > b)),
        "stddev" => folded(&|_, values| variance(values).sqrt()),
        "stdvar" => folded(&|_, values| variance(values)),
        "quantile" => {
            let wanted = number()?;
            folded(&|step, values| quantile(wanted.get(step).copied().unwrap_or(f64::NAN), values))
        }
        "topk" => ranked(groups, &number()?, true),
        "bottomk" => ranked(groups, &number()?, false),
        "count_values" => counted(evaluation, expression, &groups)?,
        other => return Err(Fault::execution(format!("aggregation {other:?} is not supported by this server"))),
    };
    Ok(Value::Vector(rows))
}

fn group(labels: &Labels, modifier: Option<&LabelModifier>) -> Labels {
    match modifier {
        None => Labels::default(),
        Some(LabelModifier::Include(names)) => labels.only(&names.labels),
        Some(LabelModifier::Exclude(names)) => labels.without(&names.labels),
    }
}

fn fold_groups(groups: &BTreeMap<Labels, Vec<Series>>, fold: &dyn Fn(usize, &mut Vec<f64>) -> f64) -> Vec<Series> {
    let row = |(labels, members): (&Labels, &Vec<Series>)| {
        let count = members.first().map_or(0, |member| member.values.len());
        let mut present = Vec::with_capacity(members.len());
        let values = (0..count).map(|step| {
            present.clear();
            present.extend(members.iter().filter_map(|member| member.values.get(step).copied().flatten()));
            if present.is_empty() { None } else { Some(fold(step, &mut present)) }
        });
        Series { labels: labels.clone(), values: values.collect() }
    };
    groups.iter().map(row).collect()
}

/// The smallest or largest; NaN only when there is nothing else.
fn extreme(values: &[f64], better: fn(f64, f64) -> bool) -> f64 {
    values
        .iter()
        .copied()
        .reduce(|kept, value| if kept.is_nan() || better(value, kept) { value } else { kept })
        .unwrap_or(f64::NAN)
}

pub(super) fn variance(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64
}

/// Of each group the k largest or smallest at each step; NaN ranks last.
fn ranked(groups: BTreeMap<Labels, Vec<Series>>, wanted: &[f64], largest: bool) -> Vec<Series> {
    let mut out = vec![];
    for members in groups.into_values() {
        let mut kept: Vec<Series> = members
            .iter()
            .map(|member| Series { labels: member.labels.clone(), values: vec![None; member.values.len()] })
            .collect();
        let mut order = vec![];
        for (step, wanted) in wanted.iter().enumerate() {
            let mut present: Vec<(usize, f64)> = members
                .iter()
                .enumerate()
                .filter_map(|(index, member)| member.values.get(step).copied().flatten().map(|value| (index, value)))
                .collect();
            present.sort_by(|(_, a), (_, b)| {
                let by_value = if largest { b.total_cmp(a) } else { a.total_cmp(b) };
                a.is_nan().cmp(&b.is_nan()).then(by_value)
            });
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "clamped to the rows there are"
            )]
            let wanted = wanted.clamp(0.0, present.len() as f64) as usize;
            present.truncate(wanted);
            for (index, value) in &present {
                if let Some(slot) = kept.get_mut(*index).and_then(|row| row.values.get_mut(step)) {
                    *slot = Some(*value);
                }
            }
            order = present;
        }
        if wanted.len() == 1 {
            // an instant answer comes in the order of rank
            out.extend(order.iter().filter_map(|(index, _)| kept.get(*index).cloned()));
        } else {
            out.extend(kept.into_iter().filter(|row| row.values.iter().any(Option::is_some)));
        }
    }
    out
}

fn counted(
    evaluation: &Evaluation<'_>,
    expression: &AggregateExpr,
    groups: &BTreeMap<Labels, Vec<Series>>,
) -> Result<Vec<Series>, Fault> {
    let parameter = expression.param.as_ref().map(|parameter| evaluation.value(parameter)).transpose()?;
    let Some(Value::Text(label)) = parameter else {
        return Err(Fault::execution("count_values needs a label name"));
    };
    let steps = evaluation.steps.count();
    let mut out: BTreeMap<Labels, Vec<Option<f64>>> = BTreeMap::new();
    for (labels, members) in groups {
        for member in members {
            for (step, value) in member.values.iter().enumerate() {
                let Some(value) = value else { continue };
                let mut labels = labels.clone();
                labels.set(&label, &super::super::json::number(*value));
                let row = out.entry(labels).or_insert_with(|| vec![None; steps]);
                if let Some(slot) = row.get_mut(step) {
                    *slot = Some(slot.unwrap_or(0.0) + 1.0);
                }
            }
        }
    }
    Ok(out.into_iter().map(|(labels, values)| Series { labels, values }).collect())
}
