//! Bytes of others never reach the terminal as they are.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use super::console::{Start, text};
use super::server::{Server, pod};

const LOG: &[u8] = b"cluster [YELLOW] to [GREEN]\n{\"foo\":[\"bar\"]} match[]\n\x1b[30mdark\x1b[0m\n\x1b]0;pwned\x07title\n\x1b[2Jcleared\x1b[66;66H\n 10%\r 50%\r100% loaded\nbad \xff\xfe byte\n\xe2\x80\xaebidi\xe2\x80\xac\n";

/// None of these was made by the console.
fn check_clean(console: &super::console::Console) {
    for hostile in [
        &b"\x1b]0;pwned"[..],
        b"\x1b[30mdark",
        b"\x1b[2Jcleared",
        b"\x1b[66;66H",
        b"\x1b[2Jreauth",
        b"\xff",
        "\u{202e}".as_bytes(),
        b"\x1b[2Jpod",
    ] {
        assert!(!console.has_sent(hostile), "{:?} was sent", String::from_utf8_lossy(hostile));
    }
    for byte in console.bytes() {
        assert!(byte != 0x7f && !(0x0e..0x1b).contains(&byte), "byte {byte:#x} was sent");
    }
}

#[test]
fn names_and_logs_are_shown_without_their_escapes() {
    let mut evil = pod("evil", "node\u{1b}[66;66H-1\u{7}");
    evil["metadata"]["name"] = json!("evil\u{1b}[2Jpod\u{202e}\u{1b}]0;pwned\u{7}");
    let server = Server::start(vec![evil, pod("plain", "node-1")], LOG);
    let mut console = Start::quarterdeck(&["--view", "pods"]).kubeconfig(&server.kubeconfig("{token: t}")).go();
    console.wait_for("plain");
    console.wait_for("evil");
    console.type_("/plain\n");
    console.wait_gone("evil");
    console.type_("\n");
    for wanted in [
        "cluster [YELLOW] to [GREEN]",
        "{\"foo\":[\"bar\"]} match[]",
        "dark",
        "title",
        "cleared",
        "100% loaded",
        "bad ",
    ] {
        console.wait_for(wanted);
    }
    let shown = console.text();
    assert!(!shown.contains("pwned") && !shown.contains(" 50%"), "{shown}");
    check_clean(&console);
    console.type_("qqq");
    assert!(console.wait_end().success());
    console.check_restored();
}

#[test]
fn a_credential_plugin_that_fails_later_is_named_and_never_smears_the_frame() {
    let server = Server::start(vec![pod("first", "node-1")], b"");
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("tok.sh");
    let script = "#!/bin/sh\ncd \"$(dirname \"$0\")\"\nif [ -e called ]; then printf '\\033[2Jreauth needed\\n\\033[0m' >&2; exit 1; fi\ntouch called\nend=$(date -u -d '+2 seconds' +%Y-%m-%dT%H:%M:%SZ)\nprintf '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1\",\"status\":{\"token\":\"t\",\"expirationTimestamp\":\"%s\"}}' \"$end\"\n";
    std::fs::write(&plugin, script).unwrap();
    std::fs::set_permissions(&plugin, PermissionsExt::from_mode(0o755)).unwrap();
    let user = format!(
        "{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: '{}', interactiveMode: IfAvailable}}}}",
        plugin.display()
    );
    let mut console = Start::quarterdeck(&["--view", "pods"]).kubeconfig(&server.kubeconfig(&user)).go();
    console.wait_for("first");
    // the laptop wakes up: the connections are gone and the token is over
    console.wait("what the plugin said", |screen| {
        server.end_watches();
        text(screen).contains("tok.sh")
    });
    console.wait_for("reauth needed");
    console.wait_for("first");
    check_clean(&console);
    assert!(server.asked("watch=") > 0);
    console.type_("q");
    assert!(console.wait_end().success());
    console.check_restored();
}

#[test]
fn a_credential_plugin_that_opens_the_terminal_itself_writes_nothing_to_it() {
    let server = Server::start(vec![pod("first", "node-1")], b"");
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("asks.sh");
    let script = "#!/bin/sh\ntouch \"$0.began\"\nprintf '\\033[2Jreauth' >/dev/tty\ntouch \"$0.wrote\"\nexit 1\n";
    std::fs::write(&plugin, script).unwrap();
    std::fs::set_permissions(&plugin, PermissionsExt::from_mode(0o755)).unwrap();
    let user = format!("{{exec: {{apiVersion: client.authentication.k8s.io/v1, command: '{}'}}}}", plugin.display());
    let mut console = Start::quarterdeck(&["--view", "pods"]).kubeconfig(&server.kubeconfig(&user)).go();
    console.wait("what the plugin said", |screen| text(screen).contains("asks.sh"));
    assert!(plugin.with_extension("sh.began").exists() && !plugin.with_extension("sh.wrote").exists());
    check_clean(&console);
    console.type_("q");
    assert!(console.wait_end().success());
    console.check_restored();
}
