//! Looking for a word in a text, whatever its case, without allocating: this runs for each cell at each key typed.

use std::ops::Range;

/// A word to look for, kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Needle {
    lower: Box<str>,
    ascii: bool,
    digit: bool,
}

impl Needle {
    pub(super) fn new(word: &str) -> Self {
        let lower = word.to_lowercase().into_boxed_str();
        let digit = lower.chars().any(|char| char.is_ascii_digit() || char == '∞') || &*lower == "nan";
        Self { ascii: lower.is_ascii(), digit, lower }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lower.is_empty()
    }

    /// Whether it may be a part of a written number: it has a digit, or is the word for what is none.
    pub(super) fn may_be_number(&self) -> bool {
        self.digit
    }

    /// Whether it may be a part of a written age: digits, and perhaps their unit.
    pub(super) fn may_be_age(&self) -> bool {
        let digits = self.lower.trim_end_matches(['s', 'm', 'h', 'd']);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) && self.lower.len() - digits.len() <= 1
    }

    /// Whether it consists of several words, so that it may match over the border of two parts of a cell.
    pub(super) fn has_space(&self) -> bool {
        self.lower.contains(' ')
    }

    /// Where it stands in `text`, from the byte `from` on.
    pub(super) fn find(&self, text: &str, from: usize) -> Option<Range<usize>> {
        let rest = text.get(from..)?;
        let found = if self.ascii {
            let at = find_ascii(rest.as_bytes(), self.lower.as_bytes())?;
            at..at + self.lower.len()
        } else {
            rest.char_indices().find_map(|(at, _)| {
                let length = prefix(rest.get(at..)?, &self.lower)?;
                Some(at..at + length)
            })?
        };
        Some(from + found.start..from + found.end)
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        self.find(text, 0).is_some()
    }

    pub(super) fn equals(&self, text: &str) -> bool {
        if self.ascii { self.lower.eq_ignore_ascii_case(text) } else { prefix(text, &self.lower) == Some(text.len()) }
    }
}

fn find_ascii(text: &[u8], lower: &[u8]) -> Option<usize> {
    let Some(first) = lower.first() else { return Some(0) };
    text.windows(lower.len()).position(|window| {
        window.first().is_some_and(|byte| byte.to_ascii_lowercase() == *first) && window.eq_ignore_ascii_case(lower)
    })
}

/// How many bytes of `text`, in lower case, make up `lower`.
fn prefix(text: &str, lower: &str) -> Option<usize> {
    let mut wanted = lower.chars();
    let mut length = 0;
    for char in text.chars() {
        if wanted.as_str().is_empty() {
            break;
        }
        for small in char.to_lowercase() {
            if wanted.next() != Some(small) {
                return None;
            }
        }
        length += char.len_utf8();
    }
    wanted.as_str().is_empty().then_some(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter_beyond_ascii_either() {
        assert_eq!(Needle::new("FRAUD").find("the-Fraud-model", 0), Some(4..9));
        assert_eq!(Needle::new("größe").find("GRÖSSE und GRÖẞE", 0), Some(12..20));
        assert!(Needle::new("ÄRGER").equals("ärger"));
        assert!(!Needle::new("ä").is_in("a"));
    }

    #[test]
    fn a_search_goes_on_behind_the_last_place() {
        let needle = Needle::new("aa");
        assert_eq!(needle.find("aAaa", 0), Some(0..2));
        assert_eq!(needle.find("aAaa", 2), Some(2..4));
        assert_eq!(needle.find("aAaa", 3), None);
    }

    #[test]
    fn an_age_is_digits_with_one_unit() {
        for (word, is) in [("14m", true), ("14", true), ("m", false), ("14mm", false), ("v12", false), ("1x", false)] {
            assert_eq!(Needle::new(word).may_be_age(), is, "{word}");
        }
    }
}
