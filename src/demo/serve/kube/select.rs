//! Label and field selectors.

use std::collections::BTreeMap;

use super::failure::Failure;
use crate::demo::serve::query::Query;
use crate::demo::store::Object;

/// What a list or a watch is limited to.
#[derive(Debug, Clone, Default)]
pub struct Selector {
    labels: Vec<Requirement>,
    fields: Vec<(String, String, bool)>,
}

#[derive(Debug, Clone)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    In(Vec<String>),
    NotIn(Vec<String>),
    Exists,
    Missing,
}

impl Selector {
    /// Reads both selectors of a request.
    pub fn read(query: &Query) -> Result<Self, Failure> {
        let labels = query.get("labelSelector").unwrap_or_default();
        let fields = query.get("fieldSelector").unwrap_or_default();
        let fields = fields.split(',').filter(|part| !part.is_empty()).map(|part| {
            let (key, value, equal) = if let Some((key, value)) = part.split_once("!=") {
                (key, value, false)
            } else {
                let (key, value) = part.split_once("==").or_else(|| part.split_once('=')).ok_or_else(|| {
                    Failure::bad_request(format!("unable to parse field selector: invalid field selector: {part}"))
                })?;
                (key, value, true)
            };
            if key.starts_with("metadata.") || KNOWN.contains(&key) {
                Ok((key.to_owned(), value.to_owned(), equal))
            } else {
                Err(Failure::bad_request(format!("field label not supported: {key}")))
            }
        });
        Ok(Self { labels: requirements(labels)?, fields: fields.collect::<Result<_, _>>()? })
    }

    /// Whether everything matches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    /// Whether an object is selected.
    #[must_use]
    pub fn matches(&self, object: &Object) -> bool {
        let field = |(key, value, equal): &(String, String, bool)| {
            let found = object.fields.get(key.as_str()).map_or("", String::as_str);
            (found == value) == *equal
        };
        self.labels.iter().all(|one| one.holds(&object.labels)) && self.fields.iter().all(field)
    }
}

const KNOWN: &[&str] = &[
    "status.phase",
    "spec.nodeName",
    "type",
    "reason",
    "involvedObject.kind",
    "involvedObject.name",
    "involvedObject.namespace",
    "involvedObject.uid",
];

impl Requirement {
    fn holds(&self, labels: &BTreeMap<String, String>) -> bool {
        let found = labels.get(&self.key);
        match &self.test {
            Test::In(values) => found.is_some_and(|value| values.contains(value)),
            Test::NotIn(values) => found.is_none_or(|value| !values.contains(value)),
            Test::Exists => found.is_some(),
            Test::Missing => found.is_none(),
        }
    }
}

fn requirements(text: &str) -> Result<Vec<Requirement>, Failure> {
    let bad = || Failure::bad_request(format!("unable to parse requirement: found '{text}'"));
    let mut found = Vec::new();
    for part in outside_brackets(text) {
        let part = part.trim();
        if part.is_empty() {
            continue;
        }
        let (key, required) = if let Some((key, rest)) = part.split_once(" notin ") {
            (key, Test::NotIn(bracketed(rest).ok_or_else(bad)?))
        } else if let Some((key, rest)) = part.split_once(" in ") {
            (key, Test::In(bracketed(rest).ok_or_else(bad)?))
        } else if let Some((key, value)) = part.split_once("!=") {
            (key, Test::NotIn(vec![value.trim().to_owned()]))
        } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
            (key, Test::In(vec![value.trim().to_owned()]))
        } else if let Some(key) = part.strip_prefix('!') {
            (key, Test::Missing)
        } else {
            (part, Test::Exists)
        };
        let key = key.trim();
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(bad());
        }
        found.push(Requirement { key: key.to_owned(), test: required });
    }
    Ok(found)
}

fn bracketed(text: &str) -> Option<Vec<String>> {
    let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?;
    Some(inner.split(',').map(|value| value.trim().to_owned()).collect())
}

fn outside_brackets(text: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0_i32);
    for letter in text.chars() {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        if letter == ',' && depth == 0 {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(letter);
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        requirements(selector).unwrap().iter().all(|one| one.holds(&labels))
    }

    #[test]
    fn every_form_of_a_label_selector_is_understood() {
        let labels = [("app", "web"), ("tier", "1")];
        assert!(selects("app=web,tier in (1, 2),!old,app", &labels));
        assert!(selects("app!=db,tier notin (3)", &labels));
        assert!(!selects("app==db", &labels));
        assert!(!selects("!app", &labels));
        assert!(requirements("app in 1").is_err());
    }
}
