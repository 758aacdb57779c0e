//! The one place that prints: data on standard output, words on standard error.

use std::io::{ErrorKind, IsTerminal, Write};

use super::Failure;

/// Prints data. A reader that went away (a broken pipe) is no error; it says `false` so that a watch can end. Anything
/// else that keeps data from being written is: a script must not take a cut list for a whole one.
pub(super) fn data(text: &str) -> Result<bool, Failure> {
    let mut out = std::io::stdout().lock();
    printed(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// What became of printing.
pub(super) fn printed(result: std::io::Result<()>) -> Result<bool, Failure> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => {
            Err(Failure::usage(format!("can't write to standard output: {error}"), "is the disk that it goes to full?"))
        }
    }
}

/// Prints data with a line's end.
pub(super) fn line(text: &str) -> Result<bool, Failure> {
    data(&format!("{text}\n"))
}

/// Prints words.
pub(super) fn words(text: &str) {
    let mut err = std::io::stderr().lock();
    // where standard error is gone there is nobody to tell
    let _ = writeln!(err, "{text}");
}

/// Prints progress over the last line of a terminal; silent in a pipe.
pub(super) fn progress(text: &str) {
    let mut err = std::io::stderr().lock();
    if err.is_terminal() {
        let _ = write!(err, "\r\u{1b}[K{text}").and_then(|()| err.flush());
    }
}

/// Takes the last progress away.
pub(super) fn progress_done() {
    progress("");
}

/// Whether both ends are a terminal, so that a person can be asked.
pub(super) fn is_interactive() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}
