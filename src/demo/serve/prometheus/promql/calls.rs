//! Functions by name.

use promql_parser::parser::{Call, Expr};

use super::eval::Evaluation;
use super::range::{self, Extrapolation};
use super::vectors::{self, mapped};
use super::{Fault, Labels, Series, Value, histogram};

/// Evaluates a function call.
pub(super) fn evaluate(evaluation: &Evaluation<'_>, call: &Call) -> Result<Value, Fault> {
    let name = call.func.name;
    if let Some(rows) = over_windows(evaluation, call)? {
        return Ok(Value::Vector(rows));
    }
    if let Some(function) = vectors::plain(name) {
        return Ok(Value::Vector(mapped(evaluation.vector(argument(call, 0)?)?, |_, value| Some(function(value)))));
    }
    match name {
        "time" => Ok(Value::Scalar(evaluation.steps.times().map(|time| time as f64 / 1000.0).collect())),
        "pi" => Ok(Value::Scalar(vec![std::f64::consts::PI; evaluation.steps.count()])),
        "scalar" => scalar(evaluation, call),
        "vector" => {
            let values = evaluation.scalar(argument(call, 0)?)?;
            Ok(Value::Vector(vec![Series {
                labels: Labels::default(),
                values: values.into_iter().map(Some).collect(),
            }]))
        }
        "timestamp" => timestamp(evaluation, call),
        "absent" => absent(evaluation, call),
        "histogram_quantile" => {
            let wanted = evaluation.scalar(argument(call, 0)?)?;
            Ok(Value::Vector(histogram::quantiles(&wanted, evaluation.vector(argument(call, 1)?)?)))
        }
        "sort" | "sort_desc" => {
            Ok(Value::Vector(vectors::sorted(evaluation.vector(argument(call, 0)?)?, name == "sort_desc")))
        }
        "clamp" | "clamp_min" | "clamp_max" | "round" => clamped(evaluation, call),
        "label_replace" => {
            let rows = evaluation.vector(argument(call, 0)?)?;
            let texts = texts(evaluation, call)?;
            vectors::label_replace(rows, &texts).map(Value::Vector)
        }
        "label_join" => {
            let rows = evaluation.vector(argument(call, 0)?)?;
            let texts = texts(evaluation, call)?;
            vectors::label_join(rows, &texts).map(Value::Vector)
        }
        "minute" | "hour" | "day_of_week" | "day_of_month" | "month" | "year" => dates(evaluation, call),
        other => Err(Fault::execution(format!("function {other:?} is not supported by this server"))),
    }
}

fn argument(call: &Call, index: usize) -> Result<&Expr, Fault> {
    let missing = || Fault::execution(format!("function {:?} lacks an argument", call.func.name));
    call.args.args.get(index).map(AsRef::as_ref).ok_or_else(missing)
}

/// The string arguments after the first one.
fn texts(evaluation: &Evaluation<'_>, call: &Call) -> Result<Vec<String>, Fault> {
    let mut texts = vec![];
    for argument in call.args.args.iter().skip(1) {
        match evaluation.value(argument)? {
            Value::Text(text) => texts.push(text),
            _ => return Err(Fault::execution(format!("function {:?} needs strings", call.func.name))),
        }
    }
    Ok(texts)
}

/// The functions whose argument is a range vector; `None` when the call is not one of them.
fn over_windows(evaluation: &Evaluation<'_>, call: &Call) -> Result<Option<Vec<Series>>, Fault> {
    let name = call.func.name;
    let windows = |index| evaluation.windows(argument(call, index)?);
    let how = |counter, per_second| Extrapolation { counter, per_second };
    let rows = match name {
        "rate" => range::apply(windows(0)?, false, &|_, window| range::extrapolated(window, how(true, true))),
        "increase" => range::apply(windows(0)?, false, &|_, window| range::extrapolated(window, how(true, false))),
        "delta" => range::apply(windows(0)?, false, &|_, window| range::extrapolated(window, how(false, false))),
        "irate" => range::apply(windows(0)?, false, &|_, window| range::last_two(window, true)),
        "idelta" => range::apply(windows(0)?, false, &|_, window| range::last_two(window, false)),
        "deriv" => range::apply(windows(0)?, false, &|_, window| range::regression(window).map(|(slope, _)| slope)),
        "predict_linear" => {
            let ahead = evaluation.scalar(argument(call, 1)?)?;
            let ahead = |step: usize| ahead.get(step).copied().unwrap_or(f64::NAN);
            range::apply(windows(0)?, false, &|step, window| {
                range::regression(window).map(|(slope, now)| now + slope * ahead(step))
            })
        }
        "quantile_over_time" => {
            let wanted = evaluation.scalar(argument(call, 0)?)?;
            range::apply(windows(1)?, false, &|step, window| {
                let mut values: Vec<f64> = window.samples.iter().map(|sample| sample.value).collect();
                Some(range::quantile(wanted.get(step).copied().unwrap_or(f64::NAN), &mut values))
            })
        }
        "absent_over_time" => absent_over_time(evaluation, call)?,
        _ => {
            let Some(function) = range::plain(name) else { return Ok(None) };
            range::apply(windows(0)?, name == "last_over_time", &|_, window| {
                let values: Vec<f64> = window.samples.iter().map(|sample| sample.value).collect();
                Some(function(&values))
            })
        }
    };
    Ok(Some(rows))
}

fn scalar(evaluation: &Evaluation<'_>, call: &Call) -> Result<Value, Fault> {
    let rows = evaluation.vector(argument(call, 0)?)?;
    let value = |step: usize| {
        let mut present = rows.iter().filter_map(|row| row.values.get(step).copied().flatten());
        match (present.next(), present.next()) {
            (Some(value), None) => value,
            _ => f64::NAN,
        }
    };
    Ok(Value::Scalar((0..evaluation.steps.count()).map(value).collect()))
}

fn timestamp(evaluation: &Evaluation<'_>, call: &Call) -> Result<Value, Fault> {
    let argument = argument(call, 0)?;
    let rows = match argument {
        Expr::VectorSelector(selector) => evaluation.instant(selector)?.1,
        other => {
            let times: Vec<f64> = evaluation.steps.times().map(|time| time as f64 / 1000.0).collect();
            mapped(evaluation.vector(other)?, |step, _| times.get(step).copied())
        }
    };
    Ok(Value::Vector(mapped(rows, |_, value| Some(value))))
}

fn absent(evaluation: &Evaluation<'_>, call: &Call) -> Result<Value, Fault> {
    let argument = argument(call, 0)?;
    let rows = evaluation.vector(argument)?;
    Ok(Value::Vector(missing(evaluation, &rows, selector_labels(argument))))
}

fn absent_over_time(evaluation: &Evaluation<'_>, call: &Call) -> Result<Vec<Series>, Fault> {
    let argument = argument(call, 0)?;
    let rows = range::apply(evaluation.windows(argument)?, false, &|_, _| Some(1.0));
    Ok(missing(evaluation, &rows, selector_labels(argument)))
}

/// One series with 1 wherever none of the rows has a value.
fn missing(evaluation: &Evaluation<'_>, rows: &[Series], labels: Labels) -> Vec<Series> {
    let there = |step: usize| rows.iter().any(|row| row.values.get(step).copied().flatten().is_some());
    let values: Vec<Option<f64>> = (0..evaluation.steps.count()).map(|step| (!there(step)).then_some(1.0)).collect();
    if values.iter().any(Option::is_some) { vec![Series { labels, values }] } else { vec![] }
}

/// The labels that a selector fixes by `=`: those of `absent`'s answer.
fn selector_labels(expression: &Expr) -> Labels {
    let selector = match expression {
        Expr::VectorSelector(selector) => selector,
        Expr::MatrixSelector(selector) => &selector.vs,
        _ => return Labels::default(),
    };
    let mut labels = Labels::default();
    for matcher in &selector.matchers.matchers {
        if matcher.op.to_string() == "=" && matcher.name != "__name__" {
            labels.set(&matcher.name, &matcher.value);
        }
    }
    labels
}

fn clamped(evaluation: &Evaluation<'_>, call: &Call) -> Result<Value, Fault> {
    let rows = evaluation.vector(argument(call, 0)?)?;
    let optional = |index: usize| match call.args.args.get(index) {
        Some(argument) => evaluation.scalar(argument).map(Some),
        None => Ok(None),
    };
    let (first, second) = (optional(1)?, optional(2)?);
    let at = |values: &Option<Vec<f64>>, step: usize, without: f64| {
        values.as_ref().map_or(without, |values| values.get(step).copied().unwrap_or(f64::NAN))
    };
    let rows = mapped(rows, |step, value| match call.func.name {
        "clamp" => {
            let (low, high) = (at(&first, step, f64::NAN), at(&second, step, f64::NAN));
            (low <= high).then(|| vectors::at_least(vectors::at_most(value, high), low))
        }
        "clamp_min" => Some(vectors::at_least(value, at(&first, step, f64::NAN))),
        "clamp_max" => Some(vectors::at_most(value, at(&first, step, f64::NAN))),
        _ => {
            let inverse = 1.0 / at(&first, step, 1.0);
            Some((value * inverse + 0.5).floor() / inverse)
        }
    });
    Ok(Value::Vector(rows))
}

fn dates(evaluation: &Evaluation<'_>, call: &Call) -> Result<Value, Fault> {
    let rows = match call.args.args.first() {
        Some(argument) => evaluation.vector(argument)?,
        None => vec![Series {
            labels: Labels::default(),
            values: evaluation.steps.times().map(|time| Some(time as f64 / 1000.0)).collect(),
        }],
    };
    Ok(Value::Vector(mapped(rows, |_, value| vectors::date_part(call.func.name, value))))
}
