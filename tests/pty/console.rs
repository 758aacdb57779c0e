//! A program in a pseudo-terminal of its own, and an emulator that shows what it draws.

use std::io::{Read, Write};
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, native_pty_system};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

/// The program.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_quarterdeck");
/// The longest wait for something that comes at once; only a broken program takes it. Ten tests may share two cores.
const PATIENCE: Duration = Duration::from_secs(40);

/// How a console is started.
pub(crate) struct Start {
    command: CommandBuilder,
    pub(crate) folder: tempfile::TempDir,
    columns: u16,
    rows: u16,
}

impl Start {
    /// The program with these arguments, with folders of its own and nothing of this environment.
    pub(crate) fn quarterdeck(arguments: &[&str]) -> Self {
        Self::program(PROGRAM, arguments)
    }

    /// Any program, in the same environment.
    pub(crate) fn program(program: &str, arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut command = CommandBuilder::new(program);
        command.args(arguments);
        command.env_clear();
        command.cwd(folder.path());
        std::fs::write(folder.path().join("config.toml"), "").unwrap();
        let home = folder.path().display().to_string();
        let path = std::env::var("PATH").unwrap_or_default();
        for (name, value) in [
            ("HOME", home.as_str()),
            ("PATH", &path),
            ("TERM", "xterm-256color"),
            ("COLORTERM", "truecolor"),
            ("LANG", "C.UTF-8"),
            ("QUARTERDECK_STATE", &format!("{home}/state")),
            ("QUARTERDECK_CONFIG", &format!("{home}/config.toml")),
        ] {
            command.env(name, value);
        }
        Self { command, folder, columns: 120, rows: 40 }
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// A kubeconfig in the console's folder, which it then works on.
    pub(crate) fn kubeconfig(self, text: &str) -> Self {
        let path = self.folder.path().join("kubeconfig");
        std::fs::write(&path, text).unwrap();
        self.env("KUBECONFIG", &path.display().to_string())
    }

    pub(crate) fn go(self) -> Console {
        let size = PtySize { rows: self.rows, cols: self.columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let before = format!("{:?}", pair.master.get_termios());
        let child = pair.slave.spawn_command(self.command).unwrap();
        drop(pair.slave);
        let shared: Arc<(Mutex<Seen>, Condvar)> = Arc::new((
            Mutex::new(Seen {
                bytes: Vec::new(),
                screen: vt100::Parser::new(cells(self.rows), cells(self.columns), 0),
                closed: false,
                leaving: false,
            }),
            Condvar::new(),
        ));
        let reader = pair.master.try_clone_reader().unwrap();
        let reading = std::thread::spawn({
            let shared = Arc::clone(&shared);
            move || read(reader, &shared)
        });
        let writer = pair.master.take_writer().unwrap();
        Console {
            child,
            terminal: Some((pair.master, writer)),
            shared,
            reading: Some(reading),
            before,
            folder: self.folder,
        }
    }
}

/// What came out.
struct Seen {
    bytes: Vec<u8>,
    screen: vt100::Parser,
    closed: bool,
    /// The thread that reads is to let the terminal go.
    leaving: bool,
}

fn read(mut reader: Box<dyn Read + Send>, shared: &(Mutex<Seen>, Condvar)) {
    let mut buffer = [0; 8192];
    loop {
        let count = reader.read(&mut buffer).unwrap_or(0);
        let mut seen = shared.0.lock().unwrap();
        seen.bytes.extend_from_slice(&buffer[..count]);
        seen.screen.process(&buffer[..count]);
        seen.closed = count == 0;
        shared.1.notify_all();
        if count == 0 || seen.leaving {
            return;
        }
    }
}

/// A running program and its terminal.
pub(crate) struct Console {
    child: Box<dyn Child + Send + Sync>,
    terminal: Option<(Box<dyn MasterPty + Send>, Box<dyn Write + Send>)>,
    shared: Arc<(Mutex<Seen>, Condvar)>,
    reading: Option<JoinHandle<()>>,
    before: String,
    folder: tempfile::TempDir,
}

impl Console {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.shared.0.lock().unwrap()
    }

    /// Types bytes.
    pub(crate) fn type_(&mut self, bytes: impl AsRef<[u8]>) {
        let (_, writer) = self.terminal.as_mut().unwrap();
        writer.write_all(bytes.as_ref()).unwrap();
        writer.flush().unwrap();
    }

    /// Waits until the screen is as it should be.
    pub(crate) fn wait(&self, what: &str, holds: impl Fn(&vt100::Screen) -> bool) {
        let seen = self.seen();
        let (seen, late) = self
            .shared
            .1
            .wait_timeout_while(seen, PATIENCE, |seen| !holds(seen.screen.screen()) && !seen.closed)
            .unwrap();
        let (screen, closed) = (seen.screen.screen(), seen.closed);
        assert!(holds(screen), "never seen: {what} (late: {}, closed: {closed})\n{}", late.timed_out(), text(screen));
    }

    /// Waits until a text is on the screen.
    pub(crate) fn wait_for(&self, wanted: &str) {
        self.wait(wanted, |screen| text(screen).contains(wanted));
    }

    /// Waits until a text is no longer on the screen.
    pub(crate) fn wait_gone(&self, unwanted: &str) {
        self.wait(&format!("no {unwanted}"), |screen| !text(screen).contains(unwanted));
    }

    /// Looks at the screen as it is now.
    pub(crate) fn look<T>(&self, at: impl Fn(&vt100::Screen) -> T) -> T {
        at(self.seen().screen.screen())
    }

    /// What is on the screen.
    pub(crate) fn text(&self) -> String {
        self.look(text)
    }

    /// All bytes since the start.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.seen().bytes.clone()
    }

    /// Whether these bytes ever came, as they are.
    pub(crate) fn has_sent(&self, bytes: &[u8]) -> bool {
        self.seen().bytes.windows(bytes.len()).any(|window| window == bytes)
    }

    /// Gives the terminal another size; the emulator never gets less than one cell.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.seen().screen.screen_mut().set_size(cells(rows), cells(columns));
        let (master, _) = self.terminal.as_ref().unwrap();
        master.resize(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.process(), signal).unwrap();
    }

    fn process(&self) -> Pid {
        let id = i32::try_from(self.child.process_id().unwrap()).unwrap();
        Pid::from_raw(id).unwrap()
    }

    /// Hangs up: the terminal's other end is gone.
    pub(crate) fn hang_up(&mut self) {
        self.seen().leaving = true;
        // another size makes the program draw, and the reading thread wake up and let go
        self.resize(90, 30);
        if let Some(reading) = self.reading.take() {
            reading.join().unwrap();
        }
        self.terminal = None;
    }

    /// Waits for the end of the program.
    pub(crate) fn wait_end(&mut self) -> ExitStatus {
        // the terminal closes when nobody has it open any more
        let status = std::thread::scope(|scope| {
            let process = self.process();
            let (done, late) = std::sync::mpsc::channel::<()>();
            scope.spawn(move || {
                if late.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                    // with all that it started, whatever they ignore
                    let _ = kill_process_group(process, Signal::KILL);
                }
            });
            let status = self.child.wait().unwrap();
            drop(done);
            status
        });
        let seen = self.seen();
        let _ = self.shared.1.wait_timeout_while(seen, Duration::from_secs(5), |seen| !seen.closed).unwrap();
        status
    }

    /// The program has ended well and the terminal is exactly as it was.
    pub(crate) fn check_restored(&self) {
        let seen = self.seen();
        let screen = seen.screen.screen();
        assert!(!screen.alternate_screen(), "the alternate screen was not left");
        assert!(!screen.hide_cursor(), "the cursor is hidden");
        assert!(!screen.bracketed_paste(), "bracketed paste is on");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        for mode in ["?1004", "?2004", "?1049", "?1000", "?1006", "?2026"] {
            let last = String::from_utf8_lossy(&seen.bytes);
            let last = last.rsplit_once(mode).map(|(_, rest)| rest.chars().next());
            assert!(matches!(last, None | Some(Some('l'))), "mode {mode} is on");
        }
        let (master, _) = self.terminal.as_ref().unwrap();
        assert_eq!(format!("{:?}", master.get_termios()), self.before, "the line discipline is another");
        assert_eq!(text(screen).trim(), "", "something was left on the main screen");
    }

    /// Where its files are.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All that it logged.
    pub(crate) fn log(&self) -> String {
        let mut all = String::new();
        let mut folders = vec![self.folder().join("state")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path: PathBuf = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|ending| ending == "log") {
                    all.push_str(&std::fs::read_to_string(path).unwrap_or_default());
                }
            }
        }
        all
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        if let (Ok(None), Some(process)) = (self.child.try_wait(), self.child.process_id()) {
            if let Some(process) = i32::try_from(process).ok().and_then(Pid::from_raw) {
                let _ = kill_process_group(process, Signal::KILL);
            }
            let _ = self.child.wait();
        }
    }
}

/// The emulator has at least one cell.
fn cells(count: u16) -> NonZero<u16> {
    NonZero::new(count).unwrap_or(NonZero::<u16>::MIN)
}

/// The text of a screen, row by row.
pub(crate) fn text(screen: &vt100::Screen) -> String {
    let (_, columns) = screen.size();
    screen.rows(0, columns.get()).map(|row| row.trim_end().to_owned() + "\n").collect()
}
