use std::io::BufRead;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value as Json;

use super::super::exec::Plugin;
use super::server::{Reply, Server};
use crate::model::clock::Clock;
use crate::model::health::Error;
use crate::systems::kube::{Access, Source};

fn plugin(folder: &Path, body: &str) -> PathBuf {
    let path = folder.join("tok.sh");
    std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

const TOKEN: &str =
    r#"printf '{"status": {"token": "secret-%s", "expirationTimestamp": "2020-01-01T00:00:00Z"}}' "$(wc -l <calls)""#;

fn sent(server: &Server, at: usize) -> String {
    server.headers()[at].get("authorization").map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn a_plugin_is_asked_again_when_its_token_has_ended_and_its_last_line_is_the_reason_when_it_fails() {
    let server = Server::start(|_, _| Reply::json("{}")).await;
    let script = format!(
        "cd \"$(dirname \"$0\")\"; echo x >>calls\nif [ $(wc -l <calls) -gt 2 ]; then printf 'first\\n\\033[2Jreauth needed\\n\\n' >&2; exit 1; fi\n{TOKEN}"
    );
    plugin(server.folder(), &script);
    // relative to the kubeconfig, as kubectl takes it
    let cluster = server.access_as("{exec: {apiVersion: v1, command: ./tok.sh}}").cluster().await.unwrap();
    cluster.get_json::<Json>("/version").await.unwrap();
    // the first call connects, the second renews: it gives a token that has ended already
    assert_eq!(sent(&server, 0), "Bearer secret-2");
    let error = cluster.get_json::<Json>("/version").await.unwrap_err();
    assert_eq!(
        error,
        Error::Unauthorized { what: "u".into(), why: "the credential plugin tok.sh failed: reauth needed".into() }
    );
}

#[tokio::test]
async fn a_token_that_the_server_refuses_is_renewed_once() {
    let server =
        Server::start(|_, before| if before == 0 { Reply::status(401, "Unauthorized") } else { Reply::json("{}") })
            .await;
    plugin(
        server.folder(),
        r#"cd "$(dirname "$0")"; echo x >>calls; printf '{"status": {"token": "secret-%s"}}' "$(wc -l <calls)""#,
    );
    let cluster = server.access_as("{exec: {apiVersion: v1, command: ./tok.sh}}").cluster().await.unwrap();
    cluster.get_json::<Json>("/version").await.unwrap();
    assert_eq!([sent(&server, 0), sent(&server, 1)], ["Bearer secret-1", "Bearer secret-2"]);
}

#[tokio::test]
async fn a_plugin_that_wants_the_terminal_is_refused_without_being_run() {
    let server = Server::start(|_, _| Reply::json("{}")).await;
    plugin(server.folder(), "cd \"$(dirname \"$0\")\"; touch ran");
    let access = server.access_as("{exec: {apiVersion: v1, command: ./tok.sh, interactiveMode: Always}}");
    let error = access.cluster().await.err().unwrap();
    assert!(error.to_string().contains("tok.sh wants the terminal"), "{error}");
    assert!(!server.folder().join("ran").exists());
}

#[tokio::test]
async fn a_plugin_reads_nothing_of_ours_and_writes_nothing_to_our_terminal() {
    let server = Server::start(|_, _| Reply::json("{}")).await;
    plugin(
        server.folder(),
        r#"cat >/dev/null; echo "$KUBERNETES_EXEC_INFO" | grep -q '"interactive":false' || exit 3; printf '{"status": {"token": "t"}}'"#,
    );
    server.access_as("{exec: {apiVersion: v1, command: ./tok.sh}}").cluster().await.unwrap();
}

#[tokio::test]
async fn a_plugin_that_hangs_is_ended_with_all_that_it_started_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    // what it started holds the output, too, and speaks up if it is left alive
    let script = "exec 3>\"$(dirname \"$0\")/fifo\"; (sleep 2; echo alive >&3) & echo began >&3; wait";
    let command = plugin(folder.path(), script);
    let config = serde_json::json!({"apiVersion": "client.authentication.k8s.io/v1", "command": command});
    let plugin =
        Plugin::new(serde_json::from_value(config).unwrap(), &kube::config::Cluster::default(), "dana").unwrap();
    let (began, late) = tokio::sync::oneshot::channel();
    let reading = std::thread::spawn(move || {
        let mut lines = std::io::BufReader::new(std::fs::File::open(fifo).unwrap()).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "began");
        began.send(()).unwrap();
        lines.map(Result::unwrap).collect::<Vec<_>>()
    });
    let error = plugin.run_until(async { late.await.unwrap() }).await.err().unwrap();
    let why = "the credential plugin tok.sh said nothing for 15 s and was ended".to_owned();
    assert_eq!(error, Error::Unauthorized { what: "dana".into(), why });
    assert_eq!(reading.join().unwrap(), [""; 0]);
}

#[tokio::test]
async fn what_a_plugin_prints_is_never_quoted() {
    let server = Server::start(|_, _| Reply::json("{}")).await;
    plugin(server.folder(), "echo 'status: {token: [secret-token]}'");
    let error = server.access_as("{exec: {apiVersion: v1, command: ./tok.sh}}").cluster().await.err().unwrap();
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[tokio::test]
async fn callers_at_the_same_time_share_one_attempt() {
    let server = Server::start(|_, _| Reply::json("{}")).await;
    plugin(server.folder(), "cd \"$(dirname \"$0\")\"; echo x >>calls; sleep 0.2; exit 1");
    let access = server.access_as("{exec: {apiVersion: v1, command: ./tok.sh}}");
    let (first, second) = futures_util::future::join(access.cluster(), access.cluster()).await;
    assert_eq!(first.err(), second.err());
    assert_eq!(std::fs::read_to_string(server.folder().join("calls")).unwrap().lines().count(), 1);
    assert!(access.cluster().await.is_err());
    assert_eq!(std::fs::read_to_string(server.folder().join("calls")).unwrap().lines().count(), 2);
}

fn two_files(folder: &Path) -> Vec<PathBuf> {
    let text = |server: &str, context: &str| {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: ''\nclusters: [{{name: k0s, cluster: {{server: '{server}', certificate-authority: ca.pem}}}}]\nusers: [{{name: root, user: {{token: x}}}}]\ncontexts: [{{name: {context}, context: {{cluster: k0s, user: root}}}}]\n"
        )
    };
    let mut paths = Vec::new();
    for (place, server, context) in [("a", "https://a:6443", "radxa"), ("b", "https://b:6443", "zz-dev")] {
        let folder = folder.join(place);
        std::fs::create_dir(&folder).unwrap();
        paths.push(folder.join("c"));
        std::fs::write(folder.join("c"), text(server, context)).unwrap();
    }
    paths
}

fn listed(paths: &[PathBuf], context: Option<&str>) -> Access {
    let list = std::env::join_paths(paths).unwrap().into_string().unwrap();
    let env = move |name: &str| (name == "KUBECONFIG").then(|| list.clone());
    Access::new(Source { kubeconfig: Vec::new(), context: context.map(str::to_owned) }, Arc::new(env), Clock::System)
}

#[tokio::test]
async fn of_two_files_the_first_to_set_a_name_wins_whole_and_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = two_files(folder.path());
    // kubectl passes over files of the list that are not there
    paths.push(folder.path().join("missing"));
    let access = listed(&paths, Some("zz-dev"));
    let described = access.describe().unwrap();
    assert_eq!(described.server, "https://a:6443");
    assert_eq!(described.warnings.len(), 1);
    assert!(described.warnings[0].starts_with("the cluster k0s and the user root of "), "{:?}", described.warnings);
    let error = access.cluster().await.err().unwrap().to_string();
    assert!(error.contains("a/ca.pem") && error.contains("No such file"), "{error}");
}

#[tokio::test]
async fn a_missing_authority_fails_only_the_contexts_that_use_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = two_files(folder.path());
    let other = folder.path().join("other");
    std::fs::write(&other, "clusters: [{name: plain, cluster: {server: 'http://127.0.0.1:1'}}]\ncontexts: [{name: plain, context: {cluster: plain}}]\n").unwrap();
    paths.push(other);
    assert!(listed(&paths, Some("radxa")).cluster().await.is_err());
    assert!(listed(&paths, Some("plain")).cluster().await.is_ok());
}

#[tokio::test]
async fn mistakes_in_a_kubeconfig_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let paths = two_files(folder.path());
    let unknown = listed(&paths, Some("prod\u{1b}[2J")).describe().unwrap_err().to_string();
    assert_eq!(unknown, "the kubeconfig has no context prod; it has radxa, zz-dev");
    let none = listed(&paths, None).describe().unwrap_err().to_string();
    assert_eq!(none, "the kubeconfig has no current context; it has radxa, zz-dev");
    let bad = folder.path().join("bad");
    std::fs::write(&bad, "clusters:\n  - name: a\n   cluster: {\n").unwrap();
    let malformed = listed(std::slice::from_ref(&bad), None).describe().unwrap_err().to_string();
    assert!(malformed.starts_with(&format!("{}:", bad.display())), "{malformed}");
    assert!(malformed.split(':').nth(1).unwrap().parse::<u32>().is_ok(), "{malformed}");
    let absent = listed(&[folder.path().join("nowhere")], None).describe().unwrap_err().to_string();
    assert!(absent.starts_with("no kubeconfig: ") && absent.ends_with("nowhere does not exist"), "{absent}");
}
