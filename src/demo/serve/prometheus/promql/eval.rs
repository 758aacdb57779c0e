//! The walk over an expression.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use promql_parser::parser::{AtModifier, Expr, MatrixSelector, Offset, SubqueryExpr, VectorSelector};

use super::{Fault, Labels, Sample, Samples, Series, Source, Steps, Value, aggregate, binary, calls};

/// How far back a sample still counts: Prometheus' default.
const LOOKBACK: i64 = 5 * 60 * 1000;
/// The step of a subquery that names none: Prometheus' default evaluation interval.
const SUBQUERY_STEP: i64 = 60 * 1000;
/// As many samples as one query may load.
const MAX_SAMPLES: usize = 20_000_000;

/// Evaluates an expression at all steps.
pub(crate) fn evaluate(samples: &dyn Samples, expression: &Expr, steps: Steps) -> Result<Value, Fault> {
    let loaded = Cell::new(0);
    let evaluation = Evaluation { samples, steps, bounds: (steps.start, steps.end), loaded: &loaded };
    match expression {
        Expr::MatrixSelector(_) | Expr::Subquery(_) => raw(&evaluation, expression),
        Expr::Paren(inner) if matches!(*inner.expr, Expr::MatrixSelector(_) | Expr::Subquery(_)) => {
            raw(&evaluation, &inner.expr)
        }
        other => evaluation.value(other),
    }
}

/// The plain selectors of an expression, for `series` and `labels`.
pub(crate) fn selectors(expression: &Expr) -> Option<&VectorSelector> {
    match expression {
        Expr::VectorSelector(selector) => Some(selector),
        Expr::Paren(inner) => selectors(&inner.expr),
        _ => None,
    }
}

fn raw(evaluation: &Evaluation<'_>, expression: &Expr) -> Result<Value, Fault> {
    let windows = evaluation.windows(expression)?;
    let rows = windows.series.into_iter().filter(|(_, samples)| !samples.is_empty());
    let (after, until) = (windows.times.first().map_or(0, |time| time - windows.range), windows.times.first().copied());
    let rows = rows.map(|(labels, samples)| {
        let kept = samples.into_iter().filter(|sample| sample.at > after && Some(sample.at) <= until).collect();
        (labels, kept)
    });
    Ok(Value::Matrix(rows.filter(|(_, samples): &(Labels, Vec<Sample>)| !samples.is_empty()).collect()))
}

/// Series with all samples that any of the windows needs; window `i` is `(times[i] - range, times[i]]`.
pub(super) struct Windows {
    pub(super) series: Vec<(Labels, Vec<Sample>)>,
    pub(super) times: Vec<i64>,
    pub(super) range: i64,
}

/// One query under evaluation.
pub(super) struct Evaluation<'a> {
    samples: &'a dyn Samples,
    pub(super) steps: Steps,
    /// What `start()` and `end()` mean: those of the whole query, in subqueries too.
    bounds: (i64, i64),
    loaded: &'a Cell<usize>,
}

impl Evaluation<'_> {
    /// What an expression comes to.
    pub(super) fn value(&self, expression: &Expr) -> Result<Value, Fault> {
        match expression {
            Expr::NumberLiteral(number) => Ok(Value::Scalar(vec![number.val; self.steps.count()])),
            Expr::StringLiteral(text) => Ok(Value::Text(text.val.clone())),
            Expr::Paren(inner) => self.value(&inner.expr),
            Expr::Unary(inner) => self.value(&inner.expr).map(negated),
            Expr::VectorSelector(selector) => Ok(Value::Vector(self.instant(selector)?.0)),
            Expr::Aggregate(inner) => aggregate::evaluate(self, inner),
            Expr::Binary(inner) => binary::evaluate(self, inner),
            Expr::Call(inner) => calls::evaluate(self, inner),
            Expr::MatrixSelector(_) | Expr::Subquery(_) => Err(Fault::execution("unexpected range vector")),
            Expr::Extension(_) => Err(Fault::execution("unsupported expression")),
        }
    }

    /// A vector, or a fault that names what was expected.
    pub(super) fn vector(&self, expression: &Expr) -> Result<Vec<Series>, Fault> {
        match self.value(expression)? {
            Value::Vector(series) => Ok(series),
            _ => Err(Fault::execution("expected an instant vector")),
        }
    }

    /// A number for each step.
    pub(super) fn scalar(&self, expression: &Expr) -> Result<Vec<f64>, Fault> {
        match self.value(expression)? {
            Value::Scalar(values) => Ok(values),
            _ => Err(Fault::execution("expected a scalar")),
        }
    }

    /// An instant selector's series, and the times of the samples it took (in seconds).
    pub(super) fn instant(&self, selector: &VectorSelector) -> Result<(Vec<Series>, Vec<Series>), Fault> {
        let times = self.times(selector.at.as_ref(), selector.offset.as_ref());
        let Some((first, last)) = span(&times) else { return Ok((vec![], vec![])) };
        let (mut values, mut stamps) = (vec![], vec![]);
        for source in self.select(selector) {
            let samples = source.samples(first - LOOKBACK, last);
            self.count(samples.len().max(times.len()))?;
            let taken: Vec<Option<Sample>> = times.iter().map(|time| newest(&samples, *time)).collect();
            if taken.iter().any(Option::is_some) {
                let labels = source.labels().clone();
                let seconds = |sample: Sample| sample.at as f64 / 1000.0;
                stamps.push(Series { labels: labels.clone(), values: taken.iter().map(|s| s.map(seconds)).collect() });
                values.push(Series { labels, values: taken.iter().map(|s| s.map(|s| s.value)).collect() });
            }
        }
        Ok((values, stamps))
    }

    /// A range selector's or subquery's windows.
    pub(super) fn windows(&self, expression: &Expr) -> Result<Windows, Fault> {
        match expression {
            Expr::Paren(inner) => self.windows(&inner.expr),
            Expr::MatrixSelector(selector) => self.matrix(selector),
            Expr::Subquery(subquery) => self.subquery(subquery),
            _ => Err(Fault::execution("expected a range vector")),
        }
    }

    fn matrix(&self, selector: &MatrixSelector) -> Result<Windows, Fault> {
        let times = self.times(selector.vs.at.as_ref(), selector.vs.offset.as_ref());
        let range = millis(selector.range);
        let Some((first, last)) = span(&times) else { return Ok(Windows { series: vec![], times, range }) };
        let mut series = vec![];
        for source in self.select(&selector.vs) {
            let mut samples = source.samples(first - range, last);
            self.count(samples.len())?;
            samples.retain(|sample| !sample.is_stale());
            series.push((source.labels().clone(), samples));
        }
        Ok(Windows { series, times, range })
    }

    fn subquery(&self, subquery: &SubqueryExpr) -> Result<Windows, Fault> {
        let times = self.times(subquery.at.as_ref(), subquery.offset.as_ref());
        let range = millis(subquery.range);
        let Some((first, last)) = span(&times) else { return Ok(Windows { series: vec![], times, range }) };
        let step = subquery.step.map_or(SUBQUERY_STEP, millis).max(1);
        let start = ((first - range).div_euclid(step) + 1) * step;
        let steps = Steps { start, end: last.max(start), step };
        let inner = Evaluation { steps, ..*self };
        self.count(steps.count())?;
        let rows = match inner.value(&subquery.expr)? {
            Value::Vector(rows) => rows,
            Value::Scalar(values) => {
                vec![Series { labels: Labels::default(), values: values.into_iter().map(Some).collect() }]
            }
            _ => return Err(Fault::execution("subquery is only allowed on instant vector")),
        };
        let series = rows.into_iter().map(|row| {
            let pairs = steps.times().zip(row.values);
            let samples = pairs.filter_map(|(at, value)| value.map(|value| Sample { at, value })).collect();
            (row.labels, samples)
        });
        Ok(Windows { series: series.collect(), times, range })
    }

    fn select(&self, selector: &VectorSelector) -> Vec<Arc<dyn Source>> {
        self.samples.select(&selector.matchers, selector.name.as_deref())
    }

    /// The times that a selector looks at: one for each step.
    fn times(&self, at: Option<&AtModifier>, offset: Option<&Offset>) -> Vec<i64> {
        let back = match offset {
            Some(Offset::Pos(by)) => millis(*by),
            Some(Offset::Neg(by)) => -millis(*by),
            None => 0,
        };
        let fixed = at.map(|at| match at {
            AtModifier::Start => self.bounds.0,
            AtModifier::End => self.bounds.1,
            AtModifier::At(time) => since_epoch(*time),
        });
        self.steps.times().map(|time| fixed.unwrap_or(time) - back).collect()
    }

    fn count(&self, more: usize) -> Result<(), Fault> {
        self.loaded.set(self.loaded.get() + more);
        if self.loaded.get() > MAX_SAMPLES {
            return Err(Fault::execution(
                "query processing would load too many samples into memory in query execution",
            ));
        }
        Ok(())
    }
}

fn negated(value: Value) -> Value {
    match value {
        Value::Scalar(values) => Value::Scalar(values.into_iter().map(|value| -value).collect()),
        Value::Vector(series) => Value::Vector(
            series
                .into_iter()
                .map(|one| Series {
                    labels: one.labels.nameless(),
                    values: one.values.into_iter().map(|value| value.map(|value| -value)).collect(),
                })
                .collect(),
        ),
        other => other,
    }
}

/// The newest sample that still counts at `time`.
fn newest(samples: &[Sample], time: i64) -> Option<Sample> {
    let after = samples.partition_point(|sample| sample.at <= time);
    let last = after.checked_sub(1).and_then(|index| samples.get(index)).copied()?;
    (last.at > time - LOOKBACK && !last.is_stale()).then_some(last)
}

fn span(times: &[i64]) -> Option<(i64, i64)> {
    Some((*times.iter().min()?, *times.iter().max()?))
}

pub(super) fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4)
}

fn since_epoch(time: SystemTime) -> i64 {
    match time.duration_since(UNIX_EPOCH) {
        Ok(after) => millis(after),
        Err(before) => -millis(before.duration()),
    }
}
