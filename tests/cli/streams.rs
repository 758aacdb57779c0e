//! Data on standard output, words on standard error; what cannot be written is an error, a reader that left is none.

use std::fs::File;
use std::io::BufRead;
use std::process::Stdio;

use crate::harness::{Program, demo, folder};

const PREDICT: [&str; 4] = ["predict", "fraud-detection", "--data", "{\"instances\": [1000, 45, 0.67]}"];

/// Commands that print data, and the status with which each ends.
const PRINTING: [(&[&str], i32); 14] = [
    (&["status"], 1),
    (&["get", "pods"], 0),
    (&["get", "endpoints", "-o", "json"], 0),
    (&["get", "endpoint", "fraud-detection", "-o", "yaml"], 0),
    (&["get", "audit"], 0),
    (&PREDICT, 0),
    (&["canary", "fraud-detection", "20", "--dry-run"], 0),
    (&["audit"], 0),
    (&["config", "path"], 0),
    (&["keys"], 0),
    (&["themes"], 0),
    (&["completions", "bash"], 0),
    (&["man"], 0),
    (&["--help"], 0),
];

#[test]
fn output_that_can_not_be_written_ends_with_2_and_says_so() {
    let home = folder();
    for (command, _) in PRINTING {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let ended = Program::at(home.path(), &[&["--demo"], command].concat()).output(full).run();
        assert_eq!(ended.code, Some(2), "{command:?}: {ended:?}");
        assert!(ended.words.contains("can't write to standard output"), "{command:?}: {ended:?}");
    }
}

#[test]
fn a_reader_that_left_is_no_error() {
    let home = folder();
    for (command, code) in PRINTING {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = Program::at(home.path(), &[&["--demo"], command].concat()).output(writer).run();
        assert_eq!(ended.code, Some(code), "{command:?}: {ended:?}");
        assert!(!ended.words.contains("write"), "{command:?}: {ended:?}");
    }
}

#[test]
fn a_reader_that_takes_one_line_of_many_is_no_error() {
    let home = folder();
    let mut running = Program::at(home.path(), &["--demo", "get", "models", "-o", "json"]).start();
    let mut first = String::new();
    running.lines().read_line(&mut first).unwrap();
    assert_eq!(first, "[\n");
    running.end().with(0).says_nothing();
}

#[test]
fn nothing_in_a_pipe_has_colours_or_progress() {
    let home = folder();
    for (command, _) in PRINTING {
        let program = Program::at(home.path(), &[&["--demo"], command].concat());
        let ended = program.env("CLICOLOR", "1").env("TERM", "xterm-256color").env("COLORTERM", "truecolor").run();
        assert!(!ended.data.is_empty(), "{command:?}");
        for text in [&ended.data, &ended.words] {
            assert!(!text.contains(['\u{1b}', '\r']), "{command:?}: {ended:?}");
        }
    }
    let mistake = demo(&["get", "--nothing"]).with(2).shows_nothing();
    assert!(!mistake.words.contains('\u{1b}'), "{mistake:?}");
}

#[test]
fn an_error_is_on_standard_error_alone_also_where_that_is_closed() {
    let home = folder();
    let ended = Program::at(home.path(), &["--demo", "get", "podz"]).output(Stdio::piped()).run();
    ended.with(2).shows_nothing().says("quarterdeck: no pane `podz`\n");
}
