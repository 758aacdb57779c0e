//! What the program tells of itself: config, journal, keys, themes, completions, the manual, and the world it serves.

use std::path::Path;

use rustix::process::Signal;

use crate::harness::{Ended, Program, folder, until};

#[test]
fn a_config_is_written_once_and_is_right() {
    let home = folder();
    let config = |arguments: &[&str]| {
        let arguments = [&["config"], arguments].concat();
        Program::at(home.path(), &arguments).env("QUARTERDECK_CONFIG", "new/config.toml").run()
    };
    config(&["check"]).with(2).says("new/config.toml");
    config(&["init"]).with(0).shows_nothing().says("written: ");
    config(&["check"]).with(0).shows_nothing().says("no mistakes");
    config(&["init"]).with(2).says("is there already");
    config(&["path"]).with(0).shows("new/config.toml").shows("payloads").says_nothing();
    config(&["show"]).with(0).says_nothing();
}

/// An action in an embedded world where time runs fast; what is left of it is the journal.
fn acts(home: &Path) -> Program {
    Program::at(
        home,
        &["--demo", "--speed", "50", "canary", "fraud-detection", "20", "--yes", "--reason", "load, more"],
    )
}

fn demo_at(home: &Path, arguments: &[&str]) -> Ended {
    Program::at(home, &[&["--demo"], arguments].concat()).run()
}

#[test]
fn who_did_it_is_told_also_where_no_variable_says_it() {
    let home = folder();
    acts(home.path()).without("USER").run().with(0);
    acts(home.path()).without("USER").env("LOGNAME", "grace").run().with(0);
    let told = demo_at(home.path(), &["audit", "--json"]).with(0).json();
    assert_eq!(told[0]["who"], "grace");
    assert_eq!(told[1]["who"], format!("uid {}", rustix::process::getuid().as_raw()));
}

#[test]
fn a_journal_that_was_changed_ends_with_1() {
    let home = folder();
    acts(home.path()).run().with(0);
    let journal = home.path().join("state/demo/journal.jsonl");
    let text = std::fs::read_to_string(&journal).unwrap();
    std::fs::write(&journal, text.replacen("\"ada\"", "\"eve\"", 1)).unwrap();
    demo_at(home.path(), &["audit", "verify"]).with(1).shows_nothing().says("line 1: was changed");
    let json = demo_at(home.path(), &["audit", "verify", "--json"]).with(1).json();
    assert!(json["faults"][0].as_str().unwrap().contains("line 1"), "{json}");
}

#[test]
fn the_actions_are_a_pane_like_others() {
    let home = folder();
    demo_at(home.path(), &["get", "audit", "-o", "json"]).with(0).shows("[]");
    acts(home.path()).run().with(0);
    let csv = demo_at(home.path(), &["get", "audit", "-o", "csv", "--columns", "outcome,object,reason"]).with(0);
    assert_eq!(csv.data, "outcome,object,reason\ndone,ml-prod/fraud-detection,\"load, more\"\n");
}

#[test]
fn what_is_printed_of_the_program_itself_needs_no_server_and_no_config() {
    let home = folder();
    let run = |arguments: &[&str]| Program::at(home.path(), arguments).run().with(0).says_nothing();
    run(&["keys"]).shows("| `enter` | open |");
    run(&["themes"]).shows("themes:\n  dark\n");
    for shell in ["bash", "zsh", "fish"] {
        run(&["completions", shell]).shows("rollback");
    }
    run(&["man"]).shows(".TH quarterdeck").shows("Exit status");
    // wherever its lines are broken
    let help = |command: &[&str]| run(command).data.split_whitespace().collect::<Vec<_>>().join(" ");
    for command in [&["--help"][..], &["predict", "--help"], &["canary", "--help"], &["status", "--help"]] {
        let help = help(command);
        for part in ["Exit status", ", 1 ", ", 2 ", ", 3 ", "unreachable or not permitted"] {
            assert!(help.contains(part), "{command:?}: {part}: {help}");
        }
    }
    assert!(help(&["--help"]).contains("2 usage or config (or standard output can't be written)"));
    assert!(help(&["status", "--help"]).contains("1 something is bad"));
    run(&["--version"]).shows("quarterdeck ");
}

#[test]
fn the_world_that_is_served_is_reached_by_the_files_that_it_writes() {
    let home = folder();
    let mut server = Program::at(home.path(), &["demo", "--serve", "--dir", "files"]).start();
    let mut lines = server.lines();
    let told = until(&mut lines, |line| line.starts_with("QUARTERDECK_DEMO_INGRESS="));
    let value = |name: &str| told.lines().find_map(|line| line.strip_prefix(name)).unwrap().to_owned();
    // from another folder: the paths must not count from where it was started
    let other = folder();
    let run = |arguments: &[&str]| {
        Program::at(other.path(), arguments).env("QUARTERDECK_CONFIG", value("QUARTERDECK_CONFIG=")).run()
    };
    run(&["get", "endpoints", "-o", "name"]).with(0).shows("ml-prod/fraud-detection\n").says_nothing();
    run(&[
        "predict",
        "fraud-detection",
        "--data",
        "{\"instances\": [1000, 45, 0.67]}",
        "--via",
        "ingress",
        "--revision",
        "any",
    ])
    .with(0);
    let alone = Program::at(other.path(), &["get", "pods", "-o", "name"]).env("KUBECONFIG", value("KUBECONFIG=")).run();
    alone.with(0).shows("ml-prod/fraud-detection");
    server.signal(Signal::TERM);
    server.end().with(0);
}
