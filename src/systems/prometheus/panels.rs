//! The panels of the view Metrics: queries that stand in a file, with titles, units and limits.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::model::health::Error;
use crate::model::value::Unit;

use super::span::{Span, rate_window};
use super::wire::Labels;

/// A query with what it takes to show it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Panel {
    /// Its title.
    pub(super) title: String,
    /// What its values count.
    #[serde(default, deserialize_with = "unit", rename = "unit")]
    pub(super) unit: PanelUnit,
    /// PromQL with variables.
    pub(super) query: String,
    /// The name of a series, with `{{label}}`; empty for its labels.
    #[serde(default)]
    pub(super) legend: String,
    /// Above this a value is trouble.
    pub(super) limit: Option<f64>,
    /// A metric that has to exist.
    pub(super) needs: Option<String>,
}

/// A unit that can be read from a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PanelUnit(pub(super) Unit);

impl Default for PanelUnit {
    fn default() -> Self {
        Self(Unit::None)
    }
}

const UNITS: [(&str, Unit); 5] = [
    ("none", Unit::None),
    ("ratio", Unit::Ratio),
    ("seconds", Unit::Seconds),
    ("per_second", Unit::PerSecond),
    ("bytes", Unit::Bytes),
];

fn unit<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<PanelUnit, D::Error> {
    let word = String::deserialize(deserializer)?;
    UNITS.iter().find(|(name, _)| *name == word).map(|(_, unit)| PanelUnit(*unit)).ok_or_else(|| {
        let known: Vec<_> = UNITS.iter().map(|(name, _)| *name).collect();
        serde::de::Error::custom(format!("the unit {word:?} is none of {}", known.join(", ")))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    panel: Vec<Panel>,
}

const BUILT_IN: &str = include_str!("panels.toml");

/// The panels for those who give none.
pub(super) fn built_in() -> Vec<Panel> {
    // a test reads them
    read(BUILT_IN, "panels.toml").unwrap_or_default()
}

/// Reads a file of panels and checks each query.
pub(super) fn read(text: &str, file: &str) -> Result<Vec<Panel>, Error> {
    let wrong = |what: String| Error::Config { what };
    let read: File = toml::from_str(text).map_err(|error: toml::de::Error| {
        let line = error.span().map(|span| text.get(..span.start).unwrap_or_default().matches('\n').count() + 1);
        let at = line.map_or_else(String::new, |line| format!(":{line}"));
        wrong(format!("{file}{at}: {}", error.message()))
    })?;
    let sample = Span { start: 0, end: 3600, step: 60 };
    for panel in &read.panel {
        promql_parser::parser::parse(&panel.filled(sample, 15.0))
            .map_err(|error| wrong(format!("{file}: the query of panel {:?}: {error}", panel.title)))?;
    }
    Ok(read.panel)
}

/// The panels whose metric exists; of several with one title the first.
pub(super) fn shown<'a>(panels: &'a [Panel], names: &BTreeSet<String>) -> Vec<&'a Panel> {
    let mut titles = BTreeSet::new();
    panels
        .iter()
        .filter(|panel| panel.needs.as_ref().is_none_or(|needs| names.contains(needs)))
        .filter(|panel| titles.insert(panel.title.as_str()))
        .collect()
}

impl Panel {
    /// The query with its variables filled in, for this range and this scrape interval in seconds.
    pub(super) fn filled(&self, span: Span, scrape: f64) -> String {
        let values = [
            ("$__rate_interval", rate_window(span.step, scrape)),
            ("$__interval", span.step),
            ("$__range", span.end - span.start),
        ];
        values.iter().fold(self.query.clone(), |query, (name, seconds)| query.replace(name, &format!("{seconds}s")))
    }

    /// The name of a series in the legend.
    pub(super) fn name(&self, labels: &Labels) -> String {
        legend(&self.legend, labels)
    }
}

/// A legend with its `{{label}}` filled in; without one the labels themselves.
fn legend(pattern: &str, labels: &Labels) -> String {
    if pattern.is_empty() {
        return series(labels);
    }
    let mut out = String::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((name, tail)) = after.split_once("}}") else {
            rest = after;
            break;
        };
        out.push_str(labels.get(name.trim()).map_or("", String::as_str));
        rest = tail;
    }
    out.push_str(rest);
    if out.trim().is_empty() { series(labels) } else { out }
}

/// A series as PromQL writes it; one label alone is its value.
pub(super) fn series(labels: &Labels) -> String {
    let name = labels.get("__name__").map_or("", String::as_str);
    let others: Vec<_> = labels.iter().filter(|(label, _)| *label != "__name__").collect();
    match (name, others.as_slice()) {
        ("", [(_, value)]) => (*value).clone(),
        ("", []) => "all".into(),
        (name, []) => name.into(),
        (name, others) => {
            let inner: Vec<_> = others.iter().map(|(label, value)| format!("{label}={value:?}")).collect();
            format!("{name}{{{}}}", inner.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_panels_that_come_with_it_are_proper() {
        assert!(read(BUILT_IN, "panels.toml").unwrap().len() > 10);
    }

    #[test]
    fn of_alternatives_the_first_whose_metric_exists_is_shown() {
        let names = ["request_predict_seconds_count", "istio_requests_total", "up"].map(str::to_owned).into();
        let panels = built_in();
        let shown: Vec<_> = shown(&panels, &names)
            .iter()
            .map(|panel| (panel.title.as_str(), panel.needs.as_deref().unwrap()))
            .collect();
        assert_eq!(
            shown,
            [("requests", "istio_requests_total"), ("error ratio", "istio_requests_total"), ("targets down", "up")]
        );
    }

    #[test]
    fn variables_are_filled_in_with_grafanas_values() {
        let text = "[[panel]]\ntitle = 'a'\nquery = 'sum(rate(x[$__rate_interval])) / sum(increase(y[$__range])) + sum(rate(z[$__interval]))'";
        let panel = read(text, "f").unwrap().remove(0);
        let span = Span { start: 0, end: 3600, step: 60 };
        assert_eq!(panel.filled(span, 15.0), "sum(rate(x[75s])) / sum(increase(y[3600s])) + sum(rate(z[60s]))");
    }

    #[test]
    fn mistakes_in_a_file_say_where_they_are() {
        let error = |text: &str| read(text, "p.toml").unwrap_err().to_string();
        assert!(error("[[panel]]\ntitle = 'a'\nquery = 'sum(up'\n").contains("panel \"a\""));
        assert!(error("[[panel]]\ntitle = 'a'\nquery = 'up'\ncolour = 'red'\n").starts_with("p.toml:"));
        assert!(error("[[panel]]\ntitle = 'a'\nquery = 'up'\nunit = 'miles'\n").contains("none, ratio, seconds"));
    }

    #[test]
    fn a_legend_names_the_series_by_its_labels() {
        let of = labels(&[("__name__", "up"), ("job", "kserve"), ("instance", "a")]);
        assert_eq!(legend("{{job}} on {{ instance }}", &of), "kserve on a");
        assert_eq!(legend("", &of), "up{instance=\"a\", job=\"kserve\"}");
        assert_eq!(legend("{{nothing}}", &labels(&[("job", "x")])), "x");
        assert_eq!(legend("a {{job", &of), "a job");
    }
}
