//! Bytes of a log into lines: each with the time that the kubelet wrote before it, harmless, and not too long.

use chrono::{DateTime, Utc};

use crate::model::text::clean;

/// What is longer is cut, in bytes.
const LONGEST: usize = 10 << 10;

/// A line of a log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) at: Option<DateTime<Utc>>,
    pub(super) text: String,
}

/// Cuts what comes into lines.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    line: Vec<u8>,
    /// How many bytes of the line were left out.
    left_out: usize,
}

impl Splitter {
    /// The lines that `chunk` completes.
    pub(super) fn push(&mut self, chunk: &[u8]) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut parts = chunk.split(|byte| *byte == b'\n').peekable();
        while let Some(part) = parts.next() {
            let room = LONGEST.saturating_sub(self.line.len());
            let kept = part.get(..room.min(part.len())).unwrap_or_default();
            self.line.extend_from_slice(kept);
            self.left_out += part.len() - kept.len();
            if parts.peek().is_some() {
                entries.push(self.take());
            }
        }
        entries
    }

    /// What stands there without a line break, at the end.
    pub(super) fn rest(&mut self) -> Option<Entry> {
        (!self.line.is_empty()).then(|| self.take())
    }

    fn take(&mut self) -> Entry {
        let line = std::mem::take(&mut self.line);
        let left_out = std::mem::take(&mut self.left_out);
        let text = String::from_utf8_lossy(&line);
        let (at, text) = stamped(&text);
        let shown = clean(last_state(text));
        let text = if left_out > 0 { format!("{shown} … ({left_out} more bytes are not shown)") } else { shown };
        Entry { at, text }
    }
}

/// The time before a line, which the kubelet writes when it is asked to.
fn stamped(line: &str) -> (Option<DateTime<Utc>>, &str) {
    let (stamp, rest) = line.split_once(' ').unwrap_or((line, ""));
    match DateTime::parse_from_rfc3339(stamp) {
        Ok(at) => (Some(at.with_timezone(&Utc)), rest),
        Err(_) => (None, line),
    }
}

/// What a terminal would show of a line with carriage returns: the last state of a progress bar.
fn last_state(line: &str) -> &str {
    let line = line.trim_end_matches('\r');
    line.rsplit('\r').next().unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(chunks: &[&[u8]]) -> Vec<String> {
        let mut splitter = Splitter::default();
        let mut entries: Vec<Entry> = chunks.iter().flat_map(|chunk| splitter.push(chunk)).collect();
        entries.extend(splitter.rest());
        entries.into_iter().map(|entry| entry.text).collect()
    }

    #[test]
    fn what_is_shown_is_the_bytes_without_escapes() {
        let log: &[u8] = b"cluster [YELLOW] to [GREEN]\n{\"foo\":[\"bar\"]}\nmatch[]\n\x1b[30mdark\x1b[0m\n\x1b]0;title\x07x\n\x1b[2J\n 10%\r 55%\r100%\r\nbad\xffbyte\n";
        assert_eq!(
            texts(&[log]),
            [
                "cluster [YELLOW] to [GREEN]",
                "{\"foo\":[\"bar\"]}",
                "match[]",
                "dark",
                "x",
                "",
                "100%",
                "bad\u{fffd}byte"
            ]
        );
    }

    #[test]
    fn lines_are_the_same_however_the_bytes_arrive() {
        let log = "2026-07-30T09:12:44.123456789Z grün\nzwei\r\n2026-07-30T09:12:45Z end".as_bytes();
        let whole = texts(&[log]);
        assert_eq!(whole, ["grün", "zwei", "end"]);
        for cut in 0..log.len() {
            let (first, second) = log.split_at(cut);
            assert_eq!(texts(&[first, second]), whole, "cut at {cut}");
        }
    }

    #[test]
    fn a_line_of_a_megabyte_is_cut_and_says_so() {
        let long = vec![b'x'; 1 << 20];
        let lines = texts(&[&long, b"\nnext\n"]);
        assert!(
            lines[0].len() < 11_000 && lines[0].ends_with("(1038336 more bytes are not shown)"),
            "{}",
            lines[0].len()
        );
        assert_eq!(lines[1], "next");
    }

    #[test]
    fn the_time_is_taken_from_the_line() {
        let mut splitter = Splitter::default();
        let entry = splitter.push(b"2026-07-30T09:12:44.5Z a b\n").remove(0);
        assert_eq!((entry.at.unwrap().timestamp_subsec_millis(), entry.text.as_str()), (500, "a b"));
        assert_eq!(splitter.push(b"no time\n"), [Entry { at: None, text: "no time".into() }]);
    }
}
