//! Reads tables of a config file, collecting every mistake with its place instead of stopping at the first.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::mistake::{Mistake, place};
use super::profile::{Layer, Predictions};

/// The fields of a profile, in the order of the documentation.
pub(super) const FIELDS: [&str; 8] =
    ["environment", "kubeconfig", "context", "namespaces", "ingress", "read_only", "armed_minutes", "predictions"];
/// A profile may be armed for a day, not longer.
const ARMED_MINUTES: std::ops::RangeInclusive<i64> = 1..=1440;

/// A text with the mistakes that were found in it.
pub(super) struct Decoder<'a> {
    pub(super) file: &'a Path,
    pub(super) text: &'a str,
    /// The home folder, for `~/`.
    pub(super) home: Option<PathBuf>,
    pub(super) mistakes: Vec<Mistake>,
}

type Node<'a> = Spanned<DeValue<'a>>;

impl Decoder<'_> {
    /// Notes a mistake.
    pub(super) fn mistake(&mut self, span: &Range<usize>, what: impl Into<String>) {
        let at = Some(place(self.text, span));
        self.mistakes.push(Mistake { file: Some(self.file.to_owned()), at, what: what.into() });
    }

    /// Notes that a value has another type than it should have. The value is not repeated: it might be a secret.
    fn mismatch(&mut self, name: &str, node: &Node<'_>, expected: &str) {
        let found = node.get_ref().type_str();
        self.mistake(&node.span(), format!("{name}: expected {expected}, found a value of type {found}"));
    }

    /// A profile's own fields and the names of its sections.
    pub(super) fn layer(&mut self, table: &DeTable<'_>) -> (Layer, Vec<String>) {
        let (mut layer, mut sections) = (Layer::default(), Vec::new());
        for (key, node) in table {
            match key.get_ref().as_ref() {
                "environment" => layer.environment = self.word("environment", node),
                "kubeconfig" => layer.kubeconfig = self.files("kubeconfig", node),
                "context" => layer.context = self.word("context", node),
                "namespaces" => layer.namespaces = self.words("namespaces", node),
                "ingress" => layer.ingress = self.word("ingress", node),
                "read_only" => layer.read_only = self.yes_no("read_only", node),
                "armed_minutes" => layer.armed_minutes = self.minutes(node),
                "predictions" => layer.predictions = self.predictions(node),
                section if node.get_ref().is_table() => sections.push(section.to_owned()),
                other => {
                    let what =
                        format!("unknown field `{other}`, expected one of {}, or a system's section", listed(&FIELDS));
                    self.mistake(&key.span(), what);
                }
            }
        }
        (layer, sections)
    }

    pub(super) fn word(&mut self, name: &str, node: &Node<'_>) -> Option<String> {
        match node.get_ref().as_str() {
            Some(text) if !text.trim().is_empty() => Some(text.to_owned()),
            Some(_) => {
                self.mistake(&node.span(), format!("{name} is empty"));
                None
            }
            None => {
                self.mismatch(name, node, "a text");
                None
            }
        }
    }

    fn words(&mut self, name: &str, node: &Node<'_>) -> Option<Vec<String>> {
        let Some(items) = node.get_ref().as_array() else {
            self.mismatch(name, node, "a list of texts");
            return None;
        };
        Some(items.iter().filter_map(|item| self.word(name, item)).collect())
    }

    fn files(&mut self, name: &str, node: &Node<'_>) -> Option<Vec<PathBuf>> {
        let words =
            if node.get_ref().is_str() { self.word(name, node).into_iter().collect() } else { self.words(name, node)? };
        Some(words.iter().map(|word| self.path(word)).collect())
    }

    /// A path of the file: `~/` is the home folder, and what is relative counts from the file's folder.
    fn path(&self, word: &str) -> PathBuf {
        match (word.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => self.file.parent().unwrap_or(Path::new("")).join(word),
        }
    }

    fn yes_no(&mut self, name: &str, node: &Node<'_>) -> Option<bool> {
        let found = node.get_ref().as_bool();
        if found.is_none() {
            self.mismatch(name, node, "true or false");
        }
        found
    }

    fn minutes(&mut self, node: &Node<'_>) -> Option<u32> {
        let found =
            node.get_ref().as_integer().and_then(|number| i64::from_str_radix(number.as_str(), number.radix()).ok());
        let found =
            found.filter(|minutes| ARMED_MINUTES.contains(minutes)).and_then(|minutes| u32::try_from(minutes).ok());
        if found.is_none() {
            self.mistake(&node.span(), "armed_minutes: expected a whole number from 1 to 1440");
        }
        found
    }

    fn predictions(&mut self, node: &Node<'_>) -> Option<Predictions> {
        let found = node.get_ref().as_str().and_then(Predictions::named);
        if found.is_none() {
            self.mistake(&node.span(), format!("predictions: expected one of {}", listed(&Predictions::WORDS)));
        }
        found
    }

    /// The table at `node`; a mistake if it is something else.
    pub(super) fn table<'t, 'i>(&mut self, name: &str, node: &'t Node<'i>) -> Option<&'t DeTable<'i>> {
        let found = node.get_ref().as_table();
        if found.is_none() {
            self.mismatch(name, node, &format!("a section [{name}]"));
        }
        found
    }
}

/// Names as the messages list them.
pub(super) fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
