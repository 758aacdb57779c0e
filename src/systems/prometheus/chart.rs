//! The rows of panels and charts: a series each, with its line and what can be said of it in numbers. Pure.

use std::sync::Arc;

use crate::model::id::Key;
use crate::model::record::{Column, Head, Record};
use crate::model::value::{Series, Unit, Value};

use super::metrics::cell;
use super::panels::{Panel, series};
use super::span::Span;
use super::wire::Run;

/// How many series of one query are shown.
pub(super) const MOST_SERIES: usize = 100;

/// A line of a panel.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Line {
    /// The panel's title, or the statistic's name.
    pub(super) group: String,
    /// The series' identity within the group.
    pub(super) id: String,
    /// The series' name in the legend, or why there is none.
    pub(super) name: String,
    /// What its values count.
    pub(super) unit: Unit,
    /// Above this a value is trouble.
    pub(super) limit: Option<f64>,
    /// The points, with gaps.
    pub(super) points: Vec<(i64, f64)>,
    /// The last native histogram's count and mean, where the series is made of such.
    pub(super) histogram: Option<(f64, f64)>,
}

/// The lines of a panel's answer, the largest last value first where there are too many; and how many are left out.
pub(super) fn lines(panel: &Panel, mut runs: Vec<Run>, span: Span) -> (Vec<Line>, usize) {
    let left_out = runs.len().saturating_sub(MOST_SERIES);
    if left_out > 0 {
        let last = |run: &Run| run.points().last().map_or(f64::NEG_INFINITY, |(_, value)| *value);
        runs.sort_by(|a, b| last(b).total_cmp(&last(a)));
        runs.truncate(MOST_SERIES);
    }
    let lines = runs
        .iter()
        .map(|run| Line {
            group: panel.title.clone(),
            id: series(&run.labels),
            name: panel.name(&run.labels),
            unit: panel.unit.0,
            limit: panel.limit,
            points: span.fill(&run.points()),
            histogram: run.last_histogram().map(|histogram| (histogram.count, histogram.mean())),
        })
        .collect();
    (lines, left_out)
}

/// A row that stands for a panel without lines, and says why.
pub(super) fn empty(title: &str, why: &str) -> Line {
    Line {
        group: title.to_owned(),
        id: String::new(),
        name: why.to_owned(),
        unit: Unit::None,
        limit: None,
        points: Vec::new(),
        histogram: None,
    }
}

impl Line {
    fn finite(&self) -> impl Iterator<Item = f64> {
        self.points.iter().map(|(_, value)| *value).filter(|value| value.is_finite())
    }

    fn number(&self, value: Option<f64>) -> Value {
        value.map_or(Value::None, |value| Value::Number(value, self.unit))
    }

    fn named(&self) -> Value {
        match self.histogram {
            Some((count, mean)) => {
                let text = format!(
                    "{} (native histogram: {} observations, mean {})",
                    self.name,
                    crate::model::text::digits(count),
                    crate::model::text::digits(mean)
                );
                Value::text(&text)
            }
            None => Value::text(&self.name),
        }
    }

    fn mean(&self) -> Option<f64> {
        let (sum, count) = self.finite().fold((0.0, 0_u32), |(sum, count), value| (sum + value, count + 1));
        (count > 0).then(|| sum / f64::from(count))
    }

    /// The whole line, also where it has ended, for a chart that shows when.
    fn whole(&self) -> Value {
        if self.points.is_empty() {
            return Value::None;
        }
        Value::Spark(Arc::new(Series { unit: self.unit, limit: self.limit, points: self.points.clone() }))
    }
}

/// The cells of a line in a chart's legend.
pub(super) struct Charted(pub(super) Line);

impl Record for Line {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<Line>] = &[
            Column { head: Head::text("panel", "panel", 30).tier(0), get: |line| Value::text(&line.group) },
            Column { head: Head::text("series", "series", 60).tier(1), get: Line::named },
            Column {
                head: Head::number("value", "value", 40).min(7).tier(0).help("the last value and the line"),
                get: |line| cell(&line.points, line.unit, line.limit),
            },
        ];
        COLUMNS
    }

    fn key(&self) -> Key {
        Key::new(format!("{}/{}", self.group, self.id))
    }
}

impl Record for Charted {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<Charted>] = &[
            Column { head: Head::text("group", "of", 24).tier(2), get: |line| Value::text(&line.0.group) },
            Column { head: Head::text("series", "series", 60).tier(0), get: |line| line.0.named() },
            Column { head: Head::number("line", "line", 60).min(10).tier(3), get: |line| line.0.whole() },
            Column {
                head: Head::number("last", "last", 10).tier(0).help("the value now; nothing where the line has ended"),
                get: |line| line.0.number(cell(&line.0.points, line.0.unit, None).number()),
            },
            Column {
                head: Head::number("min", "min", 10),
                get: |line| line.0.number(line.0.finite().reduce(f64::min)),
            },
            Column { head: Head::number("mean", "mean", 10), get: |line| line.0.number(line.0.mean()) },
            Column {
                head: Head::number("max", "max", 10),
                get: |line| line.0.number(line.0.finite().reduce(f64::max)),
            },
        ];
        COLUMNS
    }

    fn key(&self) -> Key {
        self.0.key()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::systems::prometheus::panels;
    use crate::systems::prometheus::wire::Histogram;

    const SPAN: Span = Span { start: 0, end: 40, step: 10 };

    fn panel() -> Panel {
        panels::read("[[panel]]\ntitle = 'drift'\nquery = 'x'\nlegend = '{{model}}'\nlimit = 0.2", "f")
            .unwrap()
            .remove(0)
    }

    fn run(model: &str, values: &[(i64, f64)]) -> Run {
        let labels = [("model".to_owned(), model.to_owned())].into();
        Run { labels, numbers: values.iter().map(|(at, value)| (at * 1000, *value)).collect(), histograms: Vec::new() }
    }

    #[test]
    fn a_line_says_its_last_least_mean_and_greatest_value() {
        let (lines, _) =
            lines(&panel(), vec![run("fraud", &[(0, 1.0), (10, 4.0), (30, f64::INFINITY), (40, 1.0)])], SPAN);
        let row = Charted(lines[0].clone()).row();
        let numbers: Vec<_> = (3..7).map(|at| row.cell(at).number().unwrap()).collect();
        assert_eq!(numbers, [1.0, 1.0, 2.0, 4.0]);
        assert_eq!(row.key.as_str(), "drift/fraud");
    }

    #[test]
    fn of_too_many_series_the_largest_are_kept_and_the_rest_counted() {
        let runs = (0..150).map(|at| run(&format!("m{at}"), &[(40, f64::from(at))])).collect();
        let (lines, left_out) = lines(&panel(), runs, SPAN);
        assert_eq!((lines.len(), left_out), (100, 50));
        assert_eq!(lines[0].name, "m149");
    }

    #[test]
    fn a_native_histogram_is_marked_with_its_count_and_mean() {
        let mut run = run("fraud", &[]);
        run.histograms = vec![(40_000, Histogram { count: 10.0, sum: 5.0 })];
        let (lines, _) = lines(&panel(), vec![run], SPAN);
        let Value::Text(text) = Charted(lines[0].clone()).row().cell(1).clone() else { panic!("no text") };
        assert_eq!(&*text, "fraud (native histogram: 10 observations, mean 0.5)");
    }
}
