//! Operators between two expressions, with Prometheus' rules of matching.

use std::collections::BTreeMap;

use promql_parser::parser::{BinModifier, BinaryExpr, LabelModifier, VectorMatchCardinality};

use super::eval::Evaluation;
use super::{Fault, Labels, Series, Value};

/// Evaluates a binary expression.
pub(super) fn evaluate(evaluation: &Evaluation<'_>, expression: &BinaryExpr) -> Result<Value, Fault> {
    let operator = Operator { text: expression.op.to_string(), bool: expression.return_bool() };
    let (left, right) = (evaluation.value(&expression.lhs)?, evaluation.value(&expression.rhs)?);
    match (left, right) {
        (Value::Scalar(left), Value::Scalar(right)) => {
            let pairs = left.into_iter().zip(right);
            Ok(Value::Scalar(pairs.map(|(left, right)| operator.number(left, right)).collect::<Result<_, _>>()?))
        }
        (Value::Vector(left), Value::Scalar(right)) => operator.with_scalar(left, &right, false).map(Value::Vector),
        (Value::Scalar(left), Value::Vector(right)) => operator.with_scalar(right, &left, true).map(Value::Vector),
        (Value::Vector(left), Value::Vector(right)) => {
            let modifier = expression.modifier.clone().unwrap_or_default();
            let rows = match operator.text.as_str() {
                "and" | "or" | "unless" => set(&operator.text, left, right, &modifier),
                _ => operator.matched(left, right, &modifier)?,
            };
            Ok(Value::Vector(rows))
        }
        _ => Err(Fault::execution("binary expression must contain only scalar and instant vector types")),
    }
}

struct Operator {
    text: String,
    bool: bool,
}

impl Operator {
    fn compares(&self) -> bool {
        matches!(self.text.as_str(), "==" | "!=" | ">" | "<" | ">=" | "<=")
    }

    /// The value, and whether a comparison without `bool` keeps it.
    #[expect(clippy::float_cmp, reason = "PromQL compares exactly")]
    fn apply(&self, left: f64, right: f64) -> Result<(f64, bool), Fault> {
        let arithmetic = |value| Ok((value, true));
        let holds = match self.text.as_str() {
            "+" => return arithmetic(left + right),
            "-" => return arithmetic(left - right),
            "*" => return arithmetic(left * right),
            "/" => return arithmetic(left / right),
            "%" => return arithmetic(left % right),
            "^" => return arithmetic(left.powf(right)),
            "atan2" => return arithmetic(left.atan2(right)),
            "==" => left == right,
            "!=" => left != right,
            ">" => left > right,
            "<" => left < right,
            ">=" => left >= right,
            "<=" => left <= right,
            other => return Err(Fault::execution(format!("operator {other:?} is not supported by this server"))),
        };
        Ok(if self.bool { (f64::from(u8::from(holds)), true) } else { (left, holds) })
    }

    fn number(&self, left: f64, right: f64) -> Result<f64, Fault> {
        self.apply(left, right).map(|(value, _)| value)
    }

    fn keeps_name(&self) -> bool {
        self.compares() && !self.bool
    }

    fn with_scalar(&self, rows: Vec<Series>, scalar: &[f64], swapped: bool) -> Result<Vec<Series>, Fault> {
        let mut out = vec![];
        for row in rows {
            let mut values = Vec::with_capacity(row.values.len());
            for (value, scalar) in row.values.into_iter().zip(scalar) {
                values.push(match value {
                    None => None,
                    Some(value) => {
                        let (result, kept) =
                            if swapped { self.apply(*scalar, value)? } else { self.apply(value, *scalar)? };
                        // a comparison keeps the vector's value, on whichever side it stands
                        kept.then_some(if self.keeps_name() { value } else { result })
                    }
                });
            }
            if values.iter().any(Option::is_some) {
                let labels = if self.keeps_name() { row.labels } else { row.labels.nameless() };
                out.push(Series { labels, values });
            }
        }
        Ok(out)
    }

    fn matched(&self, left: Vec<Series>, right: Vec<Series>, modifier: &BinModifier) -> Result<Vec<Series>, Fault> {
        let swapped = matches!(modifier.card, VectorMatchCardinality::OneToMany(_));
        let (many, one) = if swapped { (right, left) } else { (left, right) };
        let partners = partners(&one, modifier, swapped)?;
        let mut out: BTreeMap<Labels, Vec<Option<f64>>> = BTreeMap::new();
        for row in &many {
            for other in partners.get(&signature(&row.labels, modifier)).into_iter().flatten() {
                let values = self.pairs(row, other, swapped)?;
                if values.iter().any(Option::is_some) {
                    insert(&mut out, self.labels(&row.labels, &other.labels, modifier), values, modifier)?;
                }
            }
        }
        Ok(out.into_iter().map(|(labels, values)| Series { labels, values }).collect())
    }

    fn pairs(&self, row: &Series, other: &Series, swapped: bool) -> Result<Vec<Option<f64>>, Fault> {
        let pair = |(value, other): (&Option<f64>, &Option<f64>)| match (value, other) {
            (Some(value), Some(other)) => {
                let (left, right) = if swapped { (*other, *value) } else { (*value, *other) };
                self.apply(left, right).map(|(value, kept)| kept.then_some(value))
            }
            _ => Ok(None),
        };
        row.values.iter().zip(&other.values).map(pair).collect()
    }

    fn labels(&self, many: &Labels, one: &Labels, modifier: &BinModifier) -> Labels {
        let mut labels = if self.keeps_name() { many.clone() } else { many.clone().nameless() };
        match (&modifier.card, &modifier.matching) {
            (VectorMatchCardinality::OneToOne, Some(LabelModifier::Include(names))) => labels.only(&names.labels),
            (VectorMatchCardinality::OneToOne, Some(LabelModifier::Exclude(names))) => {
                for name in &names.labels {
                    labels.set(name, "");
                }
                labels
            }
            (card, _) => {
                for name in card.labels().map(|names| names.labels.clone()).unwrap_or_default() {
                    labels.set(&name, one.get(&name));
                }
                labels
            }
        }
    }
}

/// The labels by which two sides are matched.
fn signature(labels: &Labels, modifier: &BinModifier) -> Labels {
    match &modifier.matching {
        Some(LabelModifier::Include(names)) => labels.only(&names.labels),
        Some(LabelModifier::Exclude(names)) => labels.without(&names.labels),
        None => labels.without(&[]),
    }
}

/// The side that must be unique, by signature; two with values at the same step are a fault.
fn partners<'a>(
    one: &'a [Series],
    modifier: &BinModifier,
    swapped: bool,
) -> Result<BTreeMap<Labels, Vec<&'a Series>>, Fault> {
    let mut by_signature: BTreeMap<Labels, Vec<&Series>> = BTreeMap::new();
    for row in one {
        let signature = signature(&row.labels, modifier);
        let others = by_signature.entry(signature.clone()).or_default();
        let clash = |other: &&&Series| row.values.iter().zip(&other.values).any(|(a, b)| a.is_some() && b.is_some());
        if let Some(other) = others.iter().find(clash) {
            let side = if swapped { "left" } else { "right" };
            return Err(Fault::execution(format!(
                "found duplicate series for the match group {signature} on the {side} hand-side of the operation: \
                 [{}, {}];many-to-many matching not allowed: matching labels must be unique on one side",
                row.labels, other.labels
            )));
        }
        others.push(row);
    }
    Ok(by_signature)
}

fn insert(
    out: &mut BTreeMap<Labels, Vec<Option<f64>>>,
    labels: Labels,
    values: Vec<Option<f64>>,
    modifier: &BinModifier,
) -> Result<(), Fault> {
    let Some(row) = out.get_mut(&labels) else {
        out.insert(labels, values);
        return Ok(());
    };
    for (slot, value) in row.iter_mut().zip(values) {
        match (&slot, value) {
            (Some(_), Some(_)) if modifier.card == VectorMatchCardinality::OneToOne => {
                return Err(Fault::execution(
                    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)",
                ));
            }
            (Some(_), Some(_)) => {
                return Err(Fault::execution(
                    "multiple matches for labels: grouping labels must ensure unique matches",
                ));
            }
            (None, Some(value)) => *slot = Some(value),
            (_, None) => {}
        }
    }
    Ok(())
}

/// `and`, `or`, `unless`.
fn set(operator: &str, left: Vec<Series>, right: Vec<Series>, modifier: &BinModifier) -> Vec<Series> {
    if operator == "or" {
        let present = presence(&left, modifier);
        let rest = masked(right, &present, modifier, false);
        return left.into_iter().chain(rest).collect();
    }
    let present = presence(&right, modifier);
    masked(left, &present, modifier, operator == "and")
}

/// At which steps there is a value, by signature.
fn presence(rows: &[Series], modifier: &BinModifier) -> BTreeMap<Labels, Vec<bool>> {
    let mut present: BTreeMap<Labels, Vec<bool>> = BTreeMap::new();
    for row in rows {
        let steps = present.entry(signature(&row.labels, modifier)).or_insert_with(|| vec![false; row.values.len()]);
        for (there, value) in steps.iter_mut().zip(&row.values) {
            *there |= value.is_some();
        }
    }
    present
}

fn masked(
    rows: Vec<Series>,
    present: &BTreeMap<Labels, Vec<bool>>,
    modifier: &BinModifier,
    wanted: bool,
) -> Vec<Series> {
    let mask = |mut row: Series| {
        let there = present.get(&signature(&row.labels, modifier));
        for (step, value) in row.values.iter_mut().enumerate() {
            let there = there.and_then(|there| there.get(step)).copied().unwrap_or(false);
            if there != wanted {
                *value = None;
            }
        }
        row
    };
    rows.into_iter().map(mask).filter(|row| row.values.iter().any(Option::is_some)).collect()
}
