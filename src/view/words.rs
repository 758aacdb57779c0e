//! States in words: loading, empty, failing, not installed, not set up, not permitted; each with what to do.

use chrono::{DateTime, Utc};

use crate::app::pane::PaneData;
use crate::model::health::{Error, Health};
use crate::model::record::Rows;
use crate::model::text::age;

/// A state in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Words {
    /// How bad it is.
    pub(super) health: Health,
    /// What is so.
    pub(super) what: String,
    /// What to do about it, or what to expect.
    pub(super) advice: String,
}

fn words(health: Health, what: impl Into<String>, advice: impl Into<String>) -> Words {
    Words { health, what: what.into(), advice: advice.into() }
}

/// What an empty section says.
#[must_use]
pub(super) fn empty(
    data: &PaneData,
    rows: &Rows,
    filtered: bool,
    link: Option<&Result<(), Error>>,
    now: DateTime<Utc>,
) -> Words {
    let title = data.pane.title.to_lowercase();
    if filtered {
        return words(Health::Idle, "nothing matches the filter", "esc takes it away");
    }
    if let Some(error) = data.error() {
        let said = failing(error);
        let next = data.fresh.as_ref().and_then(|fresh| fresh.next);
        let next = next.map_or(String::new(), |next| format!("; {}", next_try(next, now)));
        return Words { advice: said.advice + &next, ..said };
    }
    match (rows.loaded, link) {
        (true, _) => {
            words(Health::Idle, format!("no {title}"), format!("a new {} shows up here by itself", data.pane.noun))
        }
        (false, None) if data.pane.standing => words(Health::Busy, "connecting", "the screen works meanwhile"),
        (false, _) => words(Health::Busy, progress(rows.progress, &title), "the screen works meanwhile"),
    }
}

/// How much of a list has come.
#[must_use]
pub(super) fn progress(progress: Option<(usize, Option<usize>)>, title: &str) -> String {
    match progress {
        None => format!("loading {title}"),
        Some((done, Some(of))) => format!("loading {title}: {done} of {of}"),
        Some((done, None)) => format!("loading {title}: {done} so far"),
    }
}

/// An error, in the words of its kind.
#[must_use]
pub(super) fn failing(error: &Error) -> Words {
    let health = match error {
        _ if error.is_absent() => Health::Idle,
        Error::Forbidden { .. } => Health::Warn,
        _ => Health::Bad,
    };
    words(health, error.to_string(), error.advice())
}

/// What is said over rows that are not fresh: why, how old they are, when it is tried again.
#[must_use]
pub(super) fn stale(data: &PaneData, now: DateTime<Utc>) -> Option<Words> {
    let fresh = data.fresh.as_ref()?;
    let health = fresh.health(now);
    if matches!(health, Health::Good | Health::Busy) {
        return None;
    }
    let old = fresh.seen.map_or(String::new(), |seen| format!("data {} old", age(now - seen)));
    match &fresh.error {
        Some(error) => {
            let next = fresh.next.map_or(String::new(), |next| next_try(next, now));
            let advice = [old, next].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" · ");
            Some(words(failing(error).health, error.to_string(), advice))
        }
        None => Some(words(Health::Warn, old, "nothing was heard since; it is connected anew by itself")),
    }
}

/// When the next try is due, or that it is under way: it may hang for as long as it is given.
fn next_try(next: DateTime<Utc>, now: DateTime<Utc>) -> String {
    if next > now { format!("next try {}", next.format("%H:%M:%SZ")) } else { "trying now".into() }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::model::health::Freshness;
    use crate::model::id::{PaneId, SystemId};
    use crate::model::verb::Pane;

    const PODS: Pane = Pane {
        id: PaneId("pods"),
        system: SystemId("kubernetes"),
        title: "Pods",
        noun: "pod",
        heads: || [].into(),
        joins: Vec::new,
        verbs: &[],
        detail: None,
        sort: None,
        standing: true,
    };

    #[test]
    fn a_try_that_is_under_way_is_not_announced_for_a_time_that_is_over() {
        let mut data = PaneData::new(PODS);
        let at = DateTime::UNIX_EPOCH + TimeDelta::seconds(30);
        let error = Error::Timeout { what: "https://api".into(), seconds: 15 };
        let fresh = Freshness { seen: Some(DateTime::UNIX_EPOCH), error: Some(error), next: Some(at), patience: 45 };
        data.fresh = Some(fresh);
        let advice = |now| stale(&data, now).unwrap().advice;
        let empty = |now| empty(&data, &Rows::default(), false, None, now).advice;
        assert_eq!(advice(at - TimeDelta::seconds(1)), "data 29s old · next try 00:00:30Z");
        assert_eq!(advice(at + TimeDelta::seconds(9)), "data 39s old · trying now");
        assert!(empty(at - TimeDelta::seconds(1)).ends_with("; next try 00:00:30Z"));
        assert!(empty(at + TimeDelta::seconds(9)).ends_with("; trying now"));
    }
}
