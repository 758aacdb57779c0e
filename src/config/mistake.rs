//! What is wrong with a config file, and where.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::model::health::Error;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The file, where it is in one.
    pub file: Option<PathBuf>,
    /// Line and column, from 1, where known.
    pub at: Option<(usize, usize)>,
    /// What is wrong, and what would be right.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}:", file.display())?;
            if let Some((line, column)) = self.at {
                write!(f, "{line}:{column}:")?;
            }
            f.write_str(" ")?;
        }
        f.write_str(&self.what)
    }
}

/// Everything that is wrong, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// At least one.
    pub mistakes: Vec<Mistake>,
}

impl ConfigError {
    /// A single thing that is wrong, outside of any file's lines.
    #[must_use]
    pub fn one(file: Option<&Path>, what: impl Into<String>) -> Self {
        Self { mistakes: vec![Mistake { file: file.map(Path::to_owned), at: None, what: what.into() }] }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, mistake) in self.mistakes.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            mistake.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        Self::Config { what: error.to_string() }
    }
}

/// Line and column, from 1 and in characters, of a byte of a text.
pub(super) fn place(text: &str, span: &Range<usize>) -> (usize, usize) {
    let before = text.get(..span.start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        assert_eq!(place("é = 1\nab", &(7..8)), (2, 1));
        assert_eq!(place("éé", &(2..3)), (1, 2));
        assert_eq!(place("", &(0..0)), (1, 1));
    }
}
