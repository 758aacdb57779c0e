//! What the program tells of itself: config, journal, keys, themes, completions, the manual, and the world it serves.

use rustix::process::Signal;

use crate::harness::{Place, Program, folder, until};

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

#[test]
fn who_did_it_is_told_also_where_no_variable_says_it() {
    let place = Place::hurried();
    let arguments = ["canary", "fraud-detection", "20", "--yes"];
    place.program(&arguments).without("USER").run().with(0);
    let told = place.run(&["audit", "--json"]).with(0).json();
    assert_eq!(told[0]["who"], format!("uid {}", rustix::process::getuid().as_raw()));
    place.program(&["canary", "fraud-detection", "30", "--yes"]).without("USER").env("LOGNAME", "grace").run().with(0);
    assert_eq!(place.run(&["audit", "--json"]).with(0).json()[0]["who"], "grace");
}

#[test]
fn a_journal_that_was_changed_ends_with_1() {
    let place = Place::hurried();
    place.run(&["canary", "fraud-detection", "20", "--yes"]).with(0);
    let journal = place.path("state/journal.jsonl");
    let text = std::fs::read_to_string(&journal).unwrap();
    std::fs::write(&journal, text.replacen("\"ada\"", "\"eve\"", 1)).unwrap();
    place.run(&["audit", "verify"]).with(1).shows_nothing().says("line 1: was changed");
    let json = place.run(&["audit", "verify", "--json"]).with(1).json();
    assert!(json["faults"][0].as_str().unwrap().contains("line 1"), "{json}");
}

#[test]
fn the_actions_are_a_pane_like_others() {
    let place = Place::hurried();
    place.run(&["get", "audit", "-o", "json"]).with(0).shows("[]");
    place.run(&["canary", "fraud-detection", "20", "--yes", "--reason", "load, more of it"]).with(0);
    let csv = place.run(&["get", "audit", "-o", "csv", "--columns", "outcome,object,reason"]).with(0);
    assert_eq!(csv.data, "outcome,object,reason\ndone,ml-prod/fraud-detection,\"load, more of it\"\n");
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
