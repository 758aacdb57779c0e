//! What is pasted, copied, and sent while nothing happens.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::console::{Console, Start};
use super::server::{Server, pod};

/// The cursor takes hold of a row once the list is complete.
fn wait_for_all(console: &Console) {
    console.wait("the complete list", |screen| {
        let text = screen.contents();
        text.contains("Endpoints  11") && !text.contains("loading")
    });
}

#[test]
fn a_paste_into_a_table_presses_no_keys_and_one_into_the_filter_is_one_line() {
    let mut console = Start::quarterdeck(&["demo"]).go();
    console.wait_for("fraud-detection");
    console.type_("\x1b[200~d\nq\ny\n\x1b[201~");
    console.wait_for("nothing here takes a paste");
    console.type_("/");
    console.type_("\x1b[200~fraud\ndetection\nzzz\x1b[201~");
    console.wait_for("fraud detection zzz");
    console.type_("\x1b");
    console.wait_gone("fraud detection zzz");
    console.type_("q");
    assert!(console.wait_end().success());
}

#[test]
fn a_burst_of_keys_never_answers_the_dialog_that_it_opened() {
    let mut console = Start::quarterdeck(&["demo"]).go();
    wait_for_all(&console);
    console.type_("/fraud-detection\n");
    console.wait_for("2/11");
    console.type_("by\n\ty\n\n");
    console.wait_for("were dropped");
    console.type_("\x1b");
    console.wait_gone("were dropped");
    console.type_("qq");
    assert!(console.wait_end().success());
    assert!(!console.folder().join("state/demo/journal.jsonl").exists(), "something was applied");
}

#[test]
fn over_ssh_a_copy_goes_to_the_terminal_and_no_tool_of_the_host_is_called() {
    let tools = tempfile::tempdir().unwrap();
    let called = tools.path().join("called");
    for tool in ["xclip", "xsel", "wl-copy", "pbcopy"] {
        let path = tools.path().join(tool);
        std::fs::write(&path, format!("#!/bin/sh\ntouch '{}'\n", called.display())).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", tools.path().display(), std::env::var("PATH").unwrap_or_default());
    let mut console = Start::quarterdeck(&["demo"])
        .env("PATH", &path)
        .env("SSH_TTY", "/dev/pts/9")
        .env("SSH_CONNECTION", "192.0.2.1 1 192.0.2.2 22")
        .env("DISPLAY", ":0")
        .go();
    wait_for_all(&console);
    console.type_("x");
    console.wait_for("row as JSON");
    console.type_("n");
    console.wait_for("sent to the terminal");
    assert!(console.has_sent(b"\x1b]52;c;"));
    assert!(!called.exists());
    console.type_("q");
    assert!(console.wait_end().success());
    console.check_restored();
}

#[test]
fn while_nothing_happens_nothing_is_sent() {
    let server = Server::start((0..30).map(|at| pod(&format!("pod-{at}"), "node-1")).collect(), b"");
    let mut console = Start::quarterdeck(&["--view", "pods"]).kubeconfig(&server.kubeconfig("{token: t}")).go();
    console.wait_for("pod-29");
    // other systems may still be looked for; then there must be a stretch without one byte. The clock shows minutes,
    // so that of two stretches at most one has a tick of it
    let quiet = (0..8).any(|_| {
        let before = console.bytes().len();
        std::thread::sleep(Duration::from_secs(3));
        console.bytes().len() == before
    });
    assert!(quiet, "{}", console.text());
    console.type_("q");
    assert!(console.wait_end().success());
}
