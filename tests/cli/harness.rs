//! The program as a process of its own, and worlds that it is led to.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use quarterdeck::demo::{Demo, Options, Scenario, World};
use quarterdeck::model::clock::Clock;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value as Json;
use tokio::runtime::Runtime;

/// The longest that the program may take; only a broken one takes it. Many tests may share two cores.
const PATIENCE: Duration = Duration::from_mins(1);

/// How the program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    /// Standard output.
    pub(crate) data: String,
    /// Standard error.
    pub(crate) words: String,
}

impl Ended {
    /// It has ended with this status; the whole is shown where it has not.
    #[track_caller]
    pub(crate) fn with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }

    /// Standard error says this.
    #[track_caller]
    pub(crate) fn says(self, words: &str) -> Self {
        assert!(self.words.contains(words), "not said: {words}\n{self:#?}");
        self
    }

    /// Standard output has this.
    #[track_caller]
    pub(crate) fn shows(self, data: &str) -> Self {
        assert!(self.data.contains(data), "not shown: {data}\n{self:#?}");
        self
    }

    /// Nothing is on standard output.
    #[track_caller]
    pub(crate) fn shows_nothing(self) -> Self {
        assert_eq!(self.data, "", "{self:#?}");
        self
    }

    /// Nothing is on standard error.
    #[track_caller]
    pub(crate) fn says_nothing(self) -> Self {
        assert_eq!(self.words, "", "{self:#?}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.data).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// The program with arguments, with folders of its own and nothing of this environment.
pub(crate) struct Program {
    command: Command,
    input: Vec<u8>,
}

/// A folder for the program's files.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

impl Program {
    /// The program whose files are in `home`.
    pub(crate) fn at(home: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quarterdeck"));
        command.args(arguments).env_clear().current_dir(home);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", home).env("USER", "ada").env("QUARTERDECK_STATE", home.join("state"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { command, input: Vec::new() }
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn input(mut self, text: &str) -> Self {
        text.as_bytes().clone_into(&mut self.input);
        self
    }

    /// Sends standard output somewhere else.
    pub(crate) fn output(mut self, to: impl Into<Stdio>) -> Self {
        self.command.stdout(to);
        self
    }

    /// Starts it.
    pub(crate) fn start(mut self) -> Running {
        let mut child = self.command.spawn().unwrap();
        // one that does not read may end before all is written
        let _ = child.stdin.take().unwrap().write_all(&self.input);
        let id = Pid::from_child(&child);
        Running { process: Ending(Some(child)), watchdog: Watchdog::of(id) }
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Ended {
        self.start().end()
    }
}

/// The program over the embedded world that it starts itself.
pub(crate) fn demo(arguments: &[&str]) -> Ended {
    let home = folder();
    Program::at(home.path(), &[&["--demo"], arguments].concat()).run()
}

/// Ends a program that takes too long, unless it is called off before.
struct Watchdog {
    over: Sender<()>,
    watch: JoinHandle<bool>,
}

impl Watchdog {
    fn of(id: Pid) -> Self {
        let (over, called_off) = channel();
        let watch = std::thread::spawn(move || {
            let late = called_off.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout);
            if late {
                let _ = kill_process(id, Signal::KILL);
            }
            late
        });
        Self { over, watch }
    }

    /// Calls it off; whether it was too late for that.
    fn was_late(self) -> bool {
        drop(self.over);
        self.watch.join().unwrap()
    }
}

/// A program that runs; it is ended when this is dropped.
pub(crate) struct Running {
    process: Ending,
    watchdog: Watchdog,
}

impl Running {
    fn child(&mut self) -> &mut Child {
        self.process.0.as_mut().unwrap()
    }

    /// What it prints, to be read while it runs.
    pub(crate) fn lines(&mut self) -> BufReader<ChildStdout> {
        BufReader::new(self.child().stdout.take().unwrap())
    }

    /// What it says, to be read while it runs.
    pub(crate) fn words(&mut self) -> BufReader<ChildStderr> {
        BufReader::new(self.child().stderr.take().unwrap())
    }

    pub(crate) fn signal(&mut self, signal: Signal) {
        kill_process(Pid::from_child(self.child()), signal).unwrap();
    }

    /// Waits for its end.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ended {
        let output = self.process.0.take().unwrap().wait_with_output().unwrap();
        let ended = Ended {
            code: output.status.code(),
            data: String::from_utf8(output.stdout).unwrap(),
            words: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(!self.watchdog.was_late(), "it never ended: {ended:#?}");
        ended
    }
}

/// A process that is ended when this is dropped.
struct Ending(Option<Child>);

impl Drop for Ending {
    fn drop(&mut self) {
        if let Some(child) = &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Reads lines until one holds `wanted`, and gives all that were read.
#[track_caller]
pub(crate) fn until(lines: &mut impl BufRead, wanted: impl Fn(&str) -> bool) -> String {
    let mut all = String::new();
    loop {
        let begin = all.len();
        assert!(lines.read_line(&mut all).unwrap() > 0, "it ended before that: {all}");
        if wanted(all.get(begin..).unwrap_or_default()) {
            return all;
        }
    }
}

/// An embedded world of this test's own, to break things in, and a home for the programs that are led to it.
pub(crate) struct Place {
    demo: Demo,
    home: tempfile::TempDir,
    // ends after the servers that run on it
    _runtime: Runtime,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self::with(Options::default())
    }

    /// A world whose controllers take a twentieth of the time, for plans that wait for them.
    pub(crate) fn hurried() -> Self {
        Self::with(Options { clock: Clock::scaled(Clock::System.now(), 20.0), ..Options::default() })
    }

    pub(crate) fn quiet() -> Self {
        Self::with(Options { scenario: Scenario::Quiet, ..Options::default() })
    }

    fn with(options: Options) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let demo = runtime.block_on(Demo::start(options)).unwrap();
        let place = Self { demo, home: folder(), _runtime: runtime };
        place.write("kubeconfig", &place.demo.kubeconfig());
        place.write("config.toml", &place.config(""));
        place
    }

    /// A config whose one profile leads to this world, with more settings of the profile.
    pub(crate) fn config(&self, settings: &str) -> String {
        let (mlflow, prometheus) = (self.url("MLFLOW_TRACKING_URI"), self.url("PROMETHEUS_URL"));
        format!(
            "[profiles.demo]\nenvironment = \"demo\"\nkubeconfig = \"kubeconfig\"\n{settings}\n\
             [profiles.demo.mlflow]\nurl = \"{mlflow}\"\n[profiles.demo.prometheus]\nurl = \"{prometheus}\"\n"
        )
    }

    pub(crate) fn url(&self, name: &str) -> String {
        self.demo.urls().into_iter().find(|(known, _)| *known == name).unwrap().1
    }

    /// Gives the cluster another address.
    pub(crate) fn lead_to(&self, server: &str) {
        let kubeconfig = self.demo.kubeconfig().replace(&self.demo.kubernetes_url(), server);
        self.write("kubeconfig", &kubeconfig);
    }

    pub(crate) fn world(&self) -> &World {
        self.demo.world()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// The program led to this world.
    pub(crate) fn program(&self, arguments: &[&str]) -> Program {
        Program::at(self.home.path(), arguments).env("QUARTERDECK_CONFIG", self.path("config.toml"))
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.program(arguments).run()
    }
}

/// A server that gives each request the same answer, but not before `may` has let it.
pub(crate) fn server(answer: &'static str, may: impl Fn() + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let may = std::sync::Arc::new(may);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let may = std::sync::Arc::clone(&may);
            std::thread::spawn(move || {
                let mut stream: TcpStream = stream.unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request);
                may();
                let _ = stream.write_all(answer.as_bytes());
            });
        }
    });
    url
}
