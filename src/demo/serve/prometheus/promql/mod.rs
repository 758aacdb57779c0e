//! PromQL over any [`Samples`]: what Prometheus 3 answers for the usual part of the language.
//!
//! Each expression is evaluated for all steps of a query at once, so that labels are worked out once a series rather
//! than once a step. Belongs here: values, evaluation, texts of errors. Does not: where samples come from, HTTP.

mod aggregate;
mod binary;
mod calls;
#[cfg(test)]
mod compared;
mod errors;
mod eval;
mod histogram;
mod labels;
mod range;
#[cfg(test)]
mod tests;
mod vectors;

use std::sync::Arc;

use promql_parser::label::Matchers;

pub(crate) use errors::{Fault, parse};
pub(crate) use eval::{evaluate, selectors};
pub(crate) use labels::{Labels, matches};

/// One sample: milliseconds since the epoch, and the value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    /// Milliseconds since the epoch.
    pub(crate) at: i64,
    /// The value.
    pub(crate) value: f64,
}

impl Sample {
    /// The mark that a series has ended: nothing counts from then on, until a new sample comes.
    const STALE: u64 = 0x7ff0_0000_0000_0002;

    /// The mark at a time.
    pub(crate) fn stale(at: i64) -> Self {
        Self { at, value: f64::from_bits(Self::STALE) }
    }

    /// Whether it is the mark.
    pub(crate) fn is_stale(&self) -> bool {
        self.value.to_bits() == Self::STALE
    }
}

/// One stored series.
pub(crate) trait Source: Send + Sync {
    /// All its labels, the metric's name under `__name__` among them.
    fn labels(&self) -> &Labels;
    /// Its samples with `after < at <= until`, oldest first.
    fn samples(&self, after: i64, until: i64) -> Vec<Sample>;
    /// Whether it has any sample with `after < at <= until`.
    fn lives(&self, after: i64, until: i64) -> bool {
        self.samples(after, until).iter().any(|sample| !sample.is_stale())
    }
}

/// Everything that can be queried.
pub(crate) trait Samples: Send + Sync {
    /// The series that all matchers fit.
    fn select(&self, matchers: &Matchers, name: Option<&str>) -> Vec<Arc<dyn Source>>;
}

/// The moments for which a query is evaluated.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps {
    /// The first, in milliseconds since the epoch.
    pub(crate) start: i64,
    /// Not after this one.
    pub(crate) end: i64,
    /// Milliseconds from one to the next; at least 1.
    pub(crate) step: i64,
}

impl Steps {
    /// A single moment.
    pub(crate) fn instant(at: i64) -> Self {
        Self { start: at, end: at, step: 1 }
    }

    /// How many there are.
    pub(crate) fn count(self) -> usize {
        usize::try_from((self.end - self.start) / self.step.max(1) + 1).unwrap_or(0)
    }

    /// All of them, in order.
    pub(crate) fn times(self) -> impl Iterator<Item = i64> {
        (0..).map(move |index| self.start + index * self.step.max(1)).take(self.count())
    }
}

/// A series of an answer: one value, or none, for each step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Series {
    /// Its labels.
    pub(crate) labels: Labels,
    /// As many as there are steps.
    pub(crate) values: Vec<Option<f64>>,
}

/// What an expression comes to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    /// One number for each step.
    Scalar(Vec<f64>),
    /// A string.
    Text(String),
    /// Series with a value for some of the steps.
    Vector(Vec<Series>),
    /// Raw samples: only as the whole of an instant query.
    Matrix(Vec<(Labels, Vec<Sample>)>),
}
