//! What an answer is expected to be: `predictions[0] == 0.92 ± 0.01`, `status == 200`, `outputs[0].data[0] < 1`. Pure.

use std::fmt;

use jsonpath_rust::JsonPath;
use serde_json::Value as Json;

use crate::model::health::Error;
use crate::model::prediction::Answer;
use crate::model::text::clean;

/// An expectation that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// As it was written.
    pub text: String,
    subject: Subject,
    condition: Test,
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq)]
enum Subject {
    /// The HTTP status.
    Status,
    /// A place in the body, as `JSONPath`.
    Body(String),
}

#[derive(Debug, Clone, PartialEq)]
enum Test {
    /// It is there.
    Exists,
    /// It compares so.
    Compares(Comparison, Json, f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    AtLeast,
    AtMost,
    Above,
    Below,
}

const COMPARISONS: [(&str, Comparison); 6] = [
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    (">", Comparison::Above),
    ("<", Comparison::Below),
];

/// What became of an expectation.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The expectation as it was written.
    pub expectation: String,
    /// Whether it held.
    pub held: bool,
    /// What was found; empty if nothing was there.
    pub found: Vec<Json>,
    /// What was expected of it: `== 0.92 ± 0.01`.
    pub expected: String,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found: Vec<_> = self.found.iter().map(|json| clean(&json.to_string())).collect();
        let found = if found.is_empty() { "nothing there".to_owned() } else { format!("found {}", found.join(", ")) };
        write!(f, "{}: {found}{}", self.expectation, if self.held { "" } else { ", not as expected" })
    }
}

impl Expectation {
    /// Reads an expectation. Its mistakes are named in words.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let wrong = |why: &str| Error::Refused { why: format!("the expectation `{}`: {why}", clean(text)) };
        let (subject, condition) = match split(text) {
            None => (text, Test::Exists),
            Some((subject, comparison, right)) => {
                let (value, tolerance) = value(right).map_err(|why| wrong(&why))?;
                if !matches!(comparison, Comparison::Equal | Comparison::Unequal) && !value.is_number() {
                    return Err(wrong("only numbers are greater or smaller"));
                }
                (subject.trim(), Test::Compares(comparison, value, tolerance))
            }
        };
        if subject.is_empty() {
            return Err(wrong("it says nothing of what to look at; try predictions[0] == 0.92 ± 0.01"));
        }
        if text.contains('=') && matches!(condition, Test::Exists) && !subject.contains('[') {
            return Err(wrong("write == to compare"));
        }
        let subject = if subject == "status" { Subject::Status } else { Subject::Body(rooted(subject)) };
        if let Subject::Body(path) = &subject {
            Json::Null
                .query(path)
                .map_err(|error| wrong(&format!("{path} is no JSONPath: {}", clean(&error.to_string()))))?;
        }
        Ok(Self { text: text.to_owned(), subject, condition })
    }

    /// Checks an answer.
    #[must_use]
    pub fn check(&self, answer: &Answer) -> Verdict {
        let body: Json = serde_json::from_str(&answer.body).unwrap_or(Json::Null);
        self.check_parts(answer.status, &body)
    }

    /// Checks a status and a body.
    #[must_use]
    pub fn check_parts(&self, status: u16, body: &Json) -> Verdict {
        let found: Vec<Json> = match &self.subject {
            Subject::Status => vec![status.into()],
            // it was checked when it was read
            Subject::Body(path) => body.query(path).unwrap_or_default().into_iter().cloned().collect(),
        };
        let held = !found.is_empty()
            && match &self.condition {
                Test::Exists => true,
                Test::Compares(comparison, value, tolerance) => {
                    found.iter().all(|found| holds(*comparison, found, value, *tolerance))
                }
            };
        let expected = match &self.condition {
            Test::Exists => "to be there".to_owned(),
            Test::Compares(comparison, value, tolerance) => {
                let sign = COMPARISONS.iter().find(|(_, other)| other == comparison).map_or("", |(sign, _)| sign);
                let tolerance = if *tolerance > 0.0 { format!(" ± {tolerance}") } else { String::new() };
                format!("{sign} {value}{tolerance}")
            }
        };
        Verdict { expectation: self.text.clone(), held, found, expected }
    }
}

/// A path from the root of the body.
fn rooted(path: &str) -> String {
    match path.chars().next() {
        Some('$') => path.to_owned(),
        Some('[') => format!("${path}"),
        _ => format!("$.{path}"),
    }
}

/// Finds the comparison outside brackets and quotes, where a `JSONPath` may have its own.
fn split(text: &str) -> Option<(&str, Comparison, &str)> {
    let (mut depth, mut quote) = (0_usize, None);
    for (at, char) in text.char_indices() {
        match (quote, char) {
            (Some(open), char) if char == open => quote = None,
            (None, '"' | '\'') => quote = Some(char),
            (None, '[' | '(') => depth += 1,
            (None, ']' | ')') => depth = depth.saturating_sub(1),
            (None, _) if depth == 0 => {
                let rest = text.get(at..)?;
                if let Some((sign, comparison)) = COMPARISONS.iter().find(|(sign, _)| rest.starts_with(sign)) {
                    return Some((text.get(..at)?, *comparison, rest.get(sign.len()..)?));
                }
            }
            _ => {}
        }
    }
    None
}

/// The value to compare with and how far off it may be.
fn value(text: &str) -> Result<(Json, f64), String> {
    let (value, tolerance) =
        match text.split_once('±').or_else(|| text.split_once("+-")).or_else(|| text.split_once("+/-")) {
            None => (text.trim(), 0.0),
            Some((value, tolerance)) => {
                let read: f64 =
                    tolerance.trim().parse().map_err(|_not| format!("{} is no tolerance", clean(tolerance.trim())))?;
                if !(read.is_finite() && read >= 0.0) {
                    return Err(format!("{} is no tolerance", clean(tolerance.trim())));
                }
                (value.trim(), read)
            }
        };
    if value.is_empty() {
        return Err("there is nothing to compare with".into());
    }
    let json: Json = serde_json::from_str(value)
        .map_err(|_not| format!("{} is no JSON value (a text needs quotes: \"{}\")", clean(value), clean(value)))?;
    if tolerance > 0.0 && !json.is_number() && !json.is_array() {
        return Err("only numbers have a tolerance".into());
    }
    Ok((json, tolerance))
}

fn holds(comparison: Comparison, found: &Json, value: &Json, tolerance: f64) -> bool {
    let numbers = found.as_f64().zip(value.as_f64());
    let ordered = |test: fn(f64, f64) -> bool| numbers.is_some_and(|(found, value)| test(found, value));
    match comparison {
        Comparison::Equal => equal(found, value, tolerance),
        Comparison::Unequal => !equal(found, value, tolerance),
        Comparison::AtLeast => ordered(|found, value| found >= value),
        Comparison::AtMost => ordered(|found, value| found <= value),
        Comparison::Above => ordered(|found, value| found > value),
        Comparison::Below => ordered(|found, value| found < value),
    }
}

/// Equal as JSON, numbers by their value and within the tolerance; 1 and 1.0 are the same.
fn equal(found: &Json, value: &Json, tolerance: f64) -> bool {
    match (found, value) {
        (Json::Number(a), Json::Number(b)) => {
            // 0.9 + 0.02 is not quite 0.92: a difference in the last place is none
            let near = |a: f64, b: f64| (a - b).abs() <= tolerance + f64::EPSILON * a.abs().max(b.abs());
            a == b || a.as_f64().zip(b.as_f64()).is_some_and(|(a, b)| near(a, b))
        }
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b, tolerance)),
        (a, b) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn held(expectation: &str, body: &Json) -> bool {
        Expectation::parse(expectation).unwrap().check_parts(200, body).held
    }

    fn mistake(expectation: &str) -> String {
        Expectation::parse(expectation).unwrap_err().to_string()
    }

    #[test]
    fn numbers_are_compared_within_their_tolerance() {
        let body = json!({"predictions": [0.92], "outputs": [{"data": [0.5, 2]}]});
        for true_one in [
            "predictions[0] == 0.92",
            "predictions[0] == 0.91 ± 0.01",
            "predictions[0] == 0.91 +- 0.011",
            "predictions[0]>0.9",
            "predictions[0] <= 0.92",
            "$.predictions[0] != 0.93",
            "outputs[0].data[0] < 1",
            "outputs[0].data[1] == 2.0",
            "predictions == [0.92]",
            "predictions[*] >= 0.92",
            "status == 200",
            "predictions[0]",
        ] {
            assert!(held(true_one, &body), "{true_one}");
        }
        for false_one in [
            "predictions[0] == 0.9 ± 0.01",
            "predictions[0] > 0.92",
            "predictions[1] == 0.92",
            "outputs[0].data[*] < 1",
            "status != 200",
            "nothing",
        ] {
            assert!(!held(false_one, &body), "{false_one}");
        }
    }

    #[test]
    fn texts_and_truths_are_compared_as_they_are() {
        let body =
            json!({"model_name": "fraud", "ok": true, "rows": [{"id": "a", "score": 3}, {"id": "b", "score": 9}]});
        assert!(held("model_name == \"fraud\"", &body));
        assert!(held("ok == true", &body));
        assert!(held("$.rows[?(@.score > 5)].id == \"b\"", &body), "a comparison inside brackets is the path's own");
        assert!(!held("model_name == \"other\"", &body));
    }

    #[test]
    fn the_verdict_says_what_was_found_and_what_was_expected() {
        let verdict = Expectation::parse("predictions[0] == 0.92 ± 0.01")
            .unwrap()
            .check_parts(200, &json!({"predictions": [0.89]}));
        assert_eq!(
            (verdict.held, &verdict.found, verdict.expected.as_str()),
            (false, &vec![json!(0.89)], "== 0.92 ± 0.01")
        );
        assert_eq!(verdict.to_string(), "predictions[0] == 0.92 ± 0.01: found 0.89, not as expected");
        let missing = Expectation::parse("predictions[0] > 0").unwrap().check_parts(500, &json!({"error": "x"}));
        assert_eq!(missing.to_string(), "predictions[0] > 0: nothing there, not as expected");
    }

    #[test]
    fn a_nan_never_holds() {
        for expectation in ["p == 1", "p > 0", "p < 0"] {
            assert!(!held(expectation, &json!({"p": "NaN"})), "{expectation}");
        }
    }

    #[test]
    fn mistakes_are_named_in_words() {
        assert!(mistake("== 1").contains("nothing of what to look at"));
        assert!(mistake("").contains("nothing of what to look at"));
        assert!(mistake("a == ").contains("nothing to compare with"));
        assert!(mistake("a == fraud").contains("a text needs quotes: \"fraud\""));
        assert!(mistake("a == 1 ± wide").contains("wide is no tolerance"));
        assert!(mistake("a == \"x\" ± 1").contains("only numbers have a tolerance"));
        assert!(mistake("a > \"x\"").contains("only numbers are greater"));
        assert!(mistake("a = 1").contains("write =="));
        assert!(mistake("a[ == 1").contains("no JSONPath"));
    }
}
