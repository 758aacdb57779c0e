//! Sizes of every kind, and being stopped and continued.

use rustix::process::Signal;

use super::console::{Console, PROGRAM, Start};

/// Storms of sizes, ending with one at which everything is shown again.
fn storm(console: &Console) {
    for (columns, rows) in [(120, 40), (1, 1), (0, 0), (46, 9), (80, 24), (3, 50), (200, 2), (49, 40), (0, 30)] {
        console.resize(columns, rows);
    }
    console.resize(46, 9);
    console.resize(120, 40);
}

#[test]
fn any_size_is_survived_with_any_dialog_open() {
    let mut console = Start::quarterdeck(&["demo"]).go();
    console.wait_for("fraud-detection");
    for (keys, dialog) in [
        ("", "assistant"),
        ("?", "Everywhere"),
        (":", "Own log"),
        ("a", "Actions on"),
        ("C", "Columns"),
        ("x", "Copy"),
        ("/zzz", "zzz"),
        ("t", "payloads"),
    ] {
        console.type_(keys);
        console.wait_for(dialog);
        storm(&console);
        console.wait_for(dialog);
        if !keys.is_empty() {
            console.type_("\x1b");
        }
        console.wait("the endpoints alone", |screen| {
            let text = super::console::text(screen);
            text.contains("assistant") && (keys.is_empty() || !text.contains(dialog))
        });
    }
    console.resize(20, 5);
    console.wait("that there is no room", |screen| super::console::text(screen).contains("needs 40x8"));
    console.resize(120, 40);
    console.wait_for("assistant");
    console.type_("q");
    assert!(console.wait_end().success());
    console.check_restored();
    assert!(!console.log().contains("stopped working"), "{}", console.log());
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_takes_it_again_at_its_new_size() {
    let mut console =
        Start::program("bash", &["--norc", "--noprofile", "--noediting", "-i"]).env("PS1", "shell> ").go();
    console.wait_for("shell>");
    console.type_(format!("'{PROGRAM}' demo\n"));
    console.wait_for("fraud-detection");
    for _ in 0..2 {
        console.type_(b"\x1a");
        console.wait("the shell", |screen| {
            !screen.alternate_screen() && !screen.hide_cursor() && !screen.bracketed_paste()
        });
        console.wait_for("Stopped");
        // the line discipline is the shell's: what is typed is echoed and comes by the line
        console.type_("echo so''undly\n");
        console.wait_for("soundly");
        console.resize(100, 30);
        console.type_("fg\n");
        console.wait("the console at its new size", |screen| {
            let text = super::console::text(screen);
            let lowest = text.lines().nth(29).unwrap_or_default();
            screen.alternate_screen()
                && screen.hide_cursor()
                && screen.bracketed_paste()
                && text.contains("fraud-detection")
                && lowest.contains(": command")
        });
    }
    console.type_("q");
    console.wait("the shell again", |screen| !screen.alternate_screen());
    console.type_("exit\n");
    assert!(console.wait_end().success());
}

#[test]
fn a_stop_from_outside_is_the_same() {
    let script = format!("'{PROGRAM}' demo & echo $! > id; fg");
    let mut console =
        Start::program("bash", &["--norc", "--noprofile", "--noediting", "-i"]).env("PS1", "shell> ").go();
    console.wait_for("shell>");
    console.type_(script + "\n");
    console.wait_for("fraud-detection");
    let id: i32 = std::fs::read_to_string(console.folder().join("id")).unwrap().trim().parse().unwrap();
    let id = rustix::process::Pid::from_raw(id).unwrap();
    for signal in [Signal::TSTP, Signal::STOP] {
        rustix::process::kill_process(id, signal).unwrap();
        if signal == Signal::TSTP {
            console.wait("the shell", |screen| !screen.alternate_screen() && !screen.hide_cursor());
        }
        console.wait_for("Stopped");
        console.resize(100, 30);
        console.type_("fg\n");
        console.wait("the console at its new size", |screen| {
            let text = super::console::text(screen);
            screen.alternate_screen()
                && screen.hide_cursor()
                && text.lines().nth(29).unwrap_or_default().contains(": command")
        });
    }
    console.type_("q");
    console.wait("the shell again", |screen| !screen.alternate_screen());
}

#[test]
fn where_nobody_could_continue_it_it_does_not_stop_and_says_so() {
    let mut console = Start::quarterdeck(&["demo"]).go();
    console.wait_for("fraud-detection");
    console.type_(b"\x1a");
    console.wait_for("can't suspend");
    console.type_("q");
    assert!(console.wait_end().success());
    console.check_restored();
}
