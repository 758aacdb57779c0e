//! One program in a pseudo-terminal, seen from outside.

use std::io::{Read, Write};
use std::num::NonZero;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};

use crate::arguments::{Arguments, Program};

/// It is quiet when so long nothing came.
const QUIET: Duration = Duration::from_millis(25);

/// What has come of it so far.
struct Seen {
    began: Instant,
    first: Option<Instant>,
    last: Instant,
    bytes: usize,
    screen: vt100::Parser,
    over: bool,
}

type Shared = (Mutex<Seen>, Condvar);
type Keyboard = Mutex<Box<dyn Write + Send>>;

pub(crate) struct Running {
    child: Box<dyn Child + Send + Sync>,
    _master: Box<dyn MasterPty + Send>,
    keyboard: Arc<Keyboard>,
    shared: Arc<Shared>,
    _home: tempfile::TempDir,
}

impl Running {
    pub(crate) fn start(program: &Program, arguments: &Arguments, kubeconfig: &Path) -> Self {
        let home = tempfile::tempdir().unwrap();
        let command = command(program, home.path(), kubeconfig);
        let size = PtySize { rows: arguments.rows, cols: arguments.columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let cells = |count| NonZero::new(count).unwrap_or(NonZero::<u16>::MIN);
        let reader = pair.master.try_clone_reader().unwrap();
        let keyboard = Arc::new(Mutex::new(pair.master.take_writer().unwrap()));
        let began = Instant::now();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let screen = vt100::Parser::new(cells(arguments.rows), cells(arguments.columns), 0);
        let seen = Seen { began, first: None, last: began, bytes: 0, screen, over: false };
        let shared = Arc::new((Mutex::new(seen), Condvar::new()));
        std::thread::spawn({
            let (shared, keyboard) = (Arc::clone(&shared), Arc::clone(&keyboard));
            move || read(reader, &keyboard, &shared)
        });
        Self { child, _master: pair.master, keyboard, shared, _home: home }
    }

    /// Waits until the screen is as wanted; how long after the start that was.
    pub(crate) fn until(&self, limit: Duration, holds: impl Fn(&vt100::Screen) -> bool) -> Option<Duration> {
        let seen = self.shared.0.lock().unwrap();
        let waits = |seen: &mut Seen| !seen.over && !holds(seen.screen.screen());
        let (seen, _) = self.shared.1.wait_timeout_while(seen, limit, waits).unwrap();
        holds(seen.screen.screen()).then(|| seen.last - seen.began)
    }

    /// When the first byte came, after the start.
    pub(crate) fn first_byte(&self) -> Option<Duration> {
        let seen = self.shared.0.lock().unwrap();
        seen.first.map(|first| first - seen.began)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.shared.0.lock().unwrap().bytes
    }

    pub(crate) fn text(&self) -> String {
        text(self.shared.0.lock().unwrap().screen.screen())
    }

    /// Types a key; how long its first output took, if any came, and how many bytes came until it was quiet again.
    pub(crate) fn press(&self, key: &[u8], limit: Duration) -> (Option<Duration>, usize) {
        let before = self.bytes();
        let typed = Instant::now();
        self.keyboard.lock().unwrap().write_all(key).unwrap();
        let seen = self.shared.0.lock().unwrap();
        let waits = |seen: &mut Seen| !seen.over && seen.bytes == before;
        let (mut seen, late) = self.shared.1.wait_timeout_while(seen, limit, waits).unwrap();
        let latency = (!late.timed_out()).then(|| seen.last - typed);
        loop {
            let bytes = seen.bytes;
            let waits = |seen: &mut Seen| !seen.over && seen.bytes == bytes;
            let (next, quiet) = self.shared.1.wait_timeout_while(seen, QUIET, waits).unwrap();
            seen = next;
            if quiet.timed_out() || seen.over || typed.elapsed() > limit {
                return (latency, seen.bytes - before);
            }
        }
    }

    /// A figure of its memory in KiB, by the name that `/proc` gives it.
    pub(crate) fn memory(&self, name: &str) -> u64 {
        let status = self.file("status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
    }

    /// How long it had a core so far.
    pub(crate) fn cpu(&self) -> Duration {
        let stat = self.file("stat");
        let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
        let ticks: u64 = after.split(' ').skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
        // a tick is a hundredth of a second on every Linux
        Duration::from_millis(ticks * 10)
    }

    fn file(&self, name: &str) -> String {
        let id = self.child.process_id().unwrap_or(0);
        std::fs::read_to_string(format!("/proc/{id}/{name}")).unwrap_or_default()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program's command in an environment that is the same for all.
fn command(program: &Program, home: &Path, kubeconfig: &Path) -> CommandBuilder {
    let (name, arguments) = program.command.split_first().expect("a command");
    let mut command = CommandBuilder::new(name);
    command.args(arguments);
    command.env_clear();
    command.cwd(home);
    for (name, value) in [
        ("HOME", home.as_os_str()),
        ("PATH", "/usr/local/bin:/usr/bin:/bin".as_ref()),
        ("TERM", "xterm-256color".as_ref()),
        ("COLORTERM", "truecolor".as_ref()),
        ("LANG", "C.UTF-8".as_ref()),
        ("KUBECONFIG", kubeconfig.as_os_str()),
    ] {
        command.env(name, value);
    }
    command
}

fn read(mut reader: Box<dyn Read + Send>, keyboard: &Keyboard, shared: &Shared) {
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = reader.read(&mut buffer).unwrap_or(0);
        let now = Instant::now();
        let chunk = buffer.get(..count).unwrap_or_default();
        // what a terminal would answer at once
        for (question, answer) in [(&b"\x1b[c"[..], &b"\x1b[?62c"[..]), (b"\x1b[6n", b"\x1b[1;1R")] {
            if chunk.windows(question.len()).any(|window| window == question) {
                let _ = keyboard.lock().unwrap().write_all(answer);
            }
        }
        let mut seen = shared.0.lock().unwrap();
        if count > 0 {
            seen.first.get_or_insert(now);
            seen.last = now;
        }
        seen.bytes += count;
        seen.screen.process(chunk);
        seen.over = count == 0;
        shared.1.notify_all();
        if count == 0 {
            return;
        }
    }
}

/// The text of a screen, row by row.
pub(crate) fn text(screen: &vt100::Screen) -> String {
    let (_, columns) = screen.size();
    screen.rows(0, columns.get()).map(|row| row.trim_end().to_owned() + "\n").collect()
}
