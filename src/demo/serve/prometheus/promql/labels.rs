//! Label sets and matching.

use std::collections::BTreeMap;
use std::fmt;

use promql_parser::label::{METRIC_NAME, Matcher, Matchers};

/// Labels of a series, by name; compared as Prometheus sorts series.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Labels(BTreeMap<String, String>);

impl Labels {
    /// Labels of a metric with this name.
    pub(crate) fn of(metric: &str, labels: &[(&str, &str)]) -> Self {
        let mut all = Self::default();
        all.set(METRIC_NAME, metric);
        for (name, value) in labels {
            all.set(name, value);
        }
        all
    }

    /// The value of a label; an absent one is empty.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Sets a label; an empty value takes it away.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            self.0.remove(name);
        } else {
            self.0.insert(name.to_owned(), value.to_owned());
        }
    }

    /// The same without the metric's name.
    pub(crate) fn nameless(mut self) -> Self {
        self.0.remove(METRIC_NAME);
        self
    }

    /// Only those named.
    pub(crate) fn only(&self, names: &[String]) -> Self {
        Self(self.0.iter().filter(|(name, _)| names.contains(name)).map(|(n, v)| (n.clone(), v.clone())).collect())
    }

    /// All but those named, and without the metric's name.
    pub(crate) fn without(&self, names: &[String]) -> Self {
        let kept = self.0.iter().filter(|(name, _)| *name != METRIC_NAME && !names.contains(name));
        Self(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// All labels, sorted by name.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl fmt::Display for Labels {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("{")?;
        for (index, (name, value)) in self.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(out, "{comma}{name}={value:?}")?;
        }
        out.write_str("}")
    }
}

/// Whether a selector's matchers and name fit these labels.
pub(crate) fn matches(labels: &Labels, matchers: &Matchers, name: Option<&str>) -> bool {
    let fits = |all: &[Matcher]| all.iter().all(|matcher| matcher.is_match(labels.get(&matcher.name)));
    name.is_none_or(|name| labels.get(METRIC_NAME) == name)
        && fits(&matchers.matchers)
        && (matchers.or_matchers.is_empty() || matchers.or_matchers.iter().any(|all| fits(all)))
}
