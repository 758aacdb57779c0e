//! Parameters of a request: query string and form, times and durations.

use bytes::Bytes;
use chrono::DateTime;
use http::{Method, Request, header};
use promql_parser::util::parse_duration;

use crate::demo::serve::query::Query;

/// All parameters in order; a form's come before those of the URL, as Go reads them.
pub(super) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads those of a request.
    pub(super) fn of(request: &Request<Bytes>) -> Self {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let form = request.method() == Method::POST && kind.starts_with("application/x-www-form-urlencoded");
        let body = if form { String::from_utf8_lossy(request.body()).into_owned() } else { String::new() };
        let query = request.uri().query().unwrap_or("");
        Self([body.as_str(), query].iter().flat_map(|text| Query::read(text).into_pairs()).collect())
    }

    /// The first value of a name, empty when there is none.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// All values of a name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// A time in milliseconds; `absent` where it isn't given.
    pub(super) fn time(&self, name: &str, absent: Option<i64>) -> Result<i64, String> {
        let text = self.get(name);
        match (text.is_empty(), absent) {
            (true, Some(absent)) => Ok(absent),
            _ => time(text).ok_or_else(|| {
                let shown = format!("cannot parse {text:?} to a valid timestamp");
                match absent {
                    Some(_) => format!("invalid parameter {name:?}: Invalid time value for '{name}': {shown}"),
                    None => format!("invalid parameter {name:?}: {shown}"),
                }
            }),
        }
    }

    /// A duration in milliseconds.
    pub(super) fn duration(&self, name: &str) -> Result<i64, String> {
        let text = self.get(name);
        let invalid = || format!("invalid parameter {name:?}: cannot parse {text:?} to a valid duration");
        duration(text).ok_or_else(invalid)
    }
}

fn time(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return rounded(seconds * 1000.0);
    }
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_millis())
}

fn duration(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return rounded(seconds * 1000.0);
    }
    let duration = parse_duration(text).ok()?;
    i64::try_from(duration.as_millis()).ok()
}

#[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
fn rounded(millis: f64) -> Option<i64> {
    (millis.abs() < 9e15).then(|| millis.round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_rfc_3339() {
        assert_eq!(time("1795414999.25"), Some(1_795_414_999_250));
        assert_eq!(time("2026-11-23T06:23:14Z"), Some(1_795_414_994_000));
        assert_eq!(time("yesterday"), None);
        assert_eq!(duration("1m30s"), Some(90_000));
        assert_eq!(duration("0.5"), Some(500));
    }
}
