//! Texts as parts of addresses: one value of a query, one segment of a path.

use std::fmt::Write;

use crate::model::health::Error;

/// A text as one value of a query: what could mean something in an address is escaped.
#[must_use]
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // writing into a text can't fail
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// A text as one segment of a path. `.` and `..` are refused, and so is nothing at all: however they are written, the
/// client or a proxy takes them for steps within the path and asks for something else.
pub fn segment(text: &str) -> Result<String, Error> {
    if matches!(text, "" | "." | "..") {
        return Err(Error::Refused { why: format!("the name `{text}` can't stand in an address") });
    }
    Ok(encoded(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_one_segment_whatever_it_holds() {
        assert_eq!(segment("team/fraud v2").unwrap(), "team%2Ffraud%20v2");
        assert_eq!(segment("a.b-c_d~é%?#").unwrap(), "a.b-c_d~%C3%A9%25%3F%23");
        assert_eq!(segment("...").unwrap(), "...");
    }

    #[test]
    fn a_name_that_would_be_a_step_within_the_path_is_refused() {
        for name in ["", ".", ".."] {
            assert!(matches!(segment(name), Err(Error::Refused { .. })), "`{name}`");
        }
        // why: an address forgets it, and so it would if it were escaped
        let escaped = reqwest::Url::parse("http://h/models/%2E%2E/x").unwrap();
        assert_eq!(escaped.path(), "/x");
    }
}
