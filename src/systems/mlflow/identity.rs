//! How a version is named: `name@7`. Names may hold anything, also `@` and `/`; the last `@` is the one that counts,
//! since versions are digits. What could act on a terminal is written as `\u{1b}`, and `\` as `\\`.

use crate::model::health::Error;
use crate::model::id::{Key, PaneId, Ref, SystemId, ViewId};
use crate::model::text::clean;

/// This system.
pub const SYSTEM: SystemId = SystemId("mlflow");
/// Registered models × versions.
pub const MODELS: PaneId = PaneId("models");
/// Facts of an opened version.
pub const FACTS: PaneId = PaneId("version_facts");
/// Parameters of its run.
pub const PARAMS: PaneId = PaneId("version_params");
/// Metrics of its run.
pub const METRICS: PaneId = PaneId("version_metrics");
/// Tags of the version and its run.
pub const TAGS: PaneId = PaneId("version_tags");
/// Metrics over time.
pub const HISTORY: PaneId = PaneId("metric_history");
/// Inputs and outputs of the model.
pub const SIGNATURE: PaneId = PaneId("signature");
/// Runs, in whichever system shows them.
pub const RUNS: PaneId = PaneId("runs");
/// Commits, in whichever system shows them.
pub const COMMITS: PaneId = PaneId("commits");
/// Images by digest, in whichever system shows them.
pub const IMAGES: PaneId = PaneId("images");
/// The view of an opened version.
pub const VERSION_VIEW: ViewId = ViewId("version");

/// The key of a version's row.
#[must_use]
pub fn key(name: &str, version: &str) -> Key {
    let mut text = String::with_capacity(name.len() + version.len() + 1);
    for char in name.chars() {
        match char {
            '\\' => text.push_str("\\\\"),
            char if clean(char.encode_utf8(&mut [0; 4])) == char.to_string() => text.push(char),
            hostile => text.extend(hostile.escape_unicode()),
        }
    }
    text.push('@');
    text.push_str(version);
    Key::new(text)
}

/// Name and version of a key.
#[must_use]
pub fn split(key: &Key) -> Option<(String, String)> {
    let (written, version) = key.as_str().rsplit_once('@')?;
    if version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (mut name, mut rest) = (String::with_capacity(written.len()), written);
    while let Some((plain, escaped)) = rest.split_once('\\') {
        name.push_str(plain);
        if let Some(after) = escaped.strip_prefix('\\') {
            name.push('\\');
            rest = after;
        } else {
            let (code, after) = escaped.strip_prefix("u{")?.split_once('}')?;
            name.push(char::from_u32(u32::from_str_radix(code, 16).ok()?)?);
            rest = after;
        }
    }
    name.push_str(rest);
    Some((name, version.to_owned()))
}

/// Name and version of a reference to a row of [`MODELS`].
pub fn of(what: &Ref) -> Result<(String, String), Error> {
    if what.pane != MODELS {
        return Err(Error::Gone { what: format!("a model version called {what}") });
    }
    split(&what.key)
        .ok_or_else(|| Error::Refused { why: format!("{} is no model version: expected NAME@VERSION", what.key) })
}

/// A name as it is shown: harmless, spaces at its ends visible.
#[must_use]
pub fn shown(name: &str) -> String {
    let name = clean(name);
    let inner = name.trim_matches(' ');
    if inner.len() == name.len() {
        return name;
    }
    let leading = name.len() - name.trim_start_matches(' ').len();
    let trailing = name.len() - name.trim_end_matches(' ').len();
    format!("{}{inner}{}", "␣".repeat(leading), "␣".repeat(if inner.is_empty() { 0 } else { trailing }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_that_were_legal_once_keep_their_identity() {
        let names = [
            "fraud",
            "fraud ",
            " fraud",
            "m%6fdel-1",
            "model-1",
            "o'hara \"x\"",
            "team/fraud",
            "a@7",
            "a\\b",
            "\u{1b}[31m",
            "\\u{1b}[31m",
            "é",
        ];
        let keys: BTreeSet<Key> = names.iter().map(|name| key(name, "2")).collect();
        assert_eq!(keys.len(), names.len());
        for name in names {
            assert_eq!(split(&key(name, "12")), Some((name.to_owned(), "12".to_owned())));
            assert!(!key(name, "12").as_str().contains('\u{1b}'));
        }
        assert_eq!(key("fraud-detection", "3").as_str(), "fraud-detection@3");
    }

    #[test]
    fn what_is_no_version_is_not_taken_for_one() {
        for text in ["fraud", "fraud@", "fraud@x", "a\\x@1", "a\\u{zz}@1"] {
            assert_eq!(split(&Key::from(text)), None, "{text}");
        }
    }

    #[test]
    fn spaces_at_the_ends_are_visible() {
        assert_eq!(shown("fraud "), "fraud␣");
        assert_eq!(shown("  a b"), "␣␣a b");
        assert_eq!(shown("  "), "␣␣");
        assert_eq!(shown("a\u{1b}[2Jb"), "ab");
    }
}
