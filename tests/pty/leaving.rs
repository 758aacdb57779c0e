//! The terminal is given back, whatever ends the program.

use rustix::process::Signal;

use super::console::{PROGRAM, Start};
use super::server::kubeconfig;

#[test]
fn the_demo_shows_endpoints_and_q_gives_the_terminal_back() {
    let mut console = Start::quarterdeck(&["demo"]).go();
    console.wait_for("fraud-detection");
    console.wait("modes", |screen| screen.alternate_screen() && screen.hide_cursor() && screen.bracketed_paste());
    console.type_("q");
    assert!(console.wait_end().success());
    console.check_restored();
}

#[test]
fn signals_that_ask_it_to_end_give_the_terminal_back() {
    for signal in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut console = Start::quarterdeck(&["demo"]).go();
        console.wait_for("fraud-detection");
        console.signal(signal);
        assert!(console.wait_end().success(), "{signal:?}");
        console.check_restored();
    }
}

#[test]
fn it_ends_by_itself_when_the_terminal_is_gone() {
    let mut console = Start::quarterdeck(&["demo"]).go();
    console.wait_for("fraud-detection");
    console.hang_up();
    console.signal(Signal::HUP);
    assert!(console.wait_end().success());
    assert!(!console.log().contains("panicked") && !console.log().contains("stopped working"), "{}", console.log());
}

#[test]
fn it_ends_by_itself_when_the_terminal_is_gone_and_nobody_says_so() {
    // only the leader of the session is told, and this one ignores it
    let script = format!("trap '' HUP; '{PROGRAM}' demo; echo $? > ended");
    let mut console = Start::program("sh", &["-c", &script]).go();
    console.wait_for("fraud-detection");
    // in the middle of a plan's dialog
    console.type_("a");
    console.hang_up();
    console.wait_end();
    assert_eq!(std::fs::read_to_string(console.folder().join("ended")).unwrap().trim(), "0");
    assert!(!console.log().contains("panicked") && !console.log().contains("stopped working"), "{}", console.log());
}

#[test]
fn an_api_server_that_can_t_be_reached_or_hangs_holds_up_neither_screen_nor_quitting() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let hangs = format!("http://{}", silent.local_addr().unwrap());
    for (address, view) in [("https://127.0.0.1:1", "endpoints"), (&hangs, "endpoints"), (&hangs, "pods")] {
        let mut console = Start::quarterdeck(&["--view", view]).kubeconfig(&kubeconfig(address, "{token: t}")).go();
        console.wait_for("Endpoints");
        console.type_("?");
        console.wait_for("Everywhere");
        console.type_("\x1b");
        console.wait_gone("Everywhere");
        console.type_("q");
        assert!(console.wait_end().success());
        console.check_restored();
    }
}

#[test]
fn without_a_terminal_it_says_so_and_touches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = std::process::Command::new("setsid")
        .args([PROGRAM, "demo"])
        .env("QUARTERDECK_STATE", folder.path())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert!(String::from_utf8_lossy(&output.stderr).contains("needs a terminal"));
}
