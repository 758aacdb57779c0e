//! What is measured of one program.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::arguments::{Arguments, Program};
use crate::counting::Counting;
use crate::program::{Running, text};
use crate::proxy::Proxy;
use crate::yardstick::Pods;

/// As long as all rows are waited for.
const PATIENCE: Duration = Duration::from_mins(1);
/// As long as a key's answer is waited for.
const ANSWER: Duration = Duration::from_secs(2);
/// Keys for one figure.
const KEYS: usize = 60;

/// Latencies and bytes of one key pressed again and again.
#[derive(Default, Clone)]
pub(crate) struct Keys {
    pub(crate) latencies: Vec<Duration>,
    pub(crate) bytes: Vec<usize>,
    /// Without any output.
    pub(crate) unanswered: usize,
}

impl Keys {
    fn add(&mut self, (latency, bytes): (Option<Duration>, usize)) {
        match latency {
            Some(latency) => {
                self.latencies.push(latency);
                self.bytes.push(bytes);
            }
            None => self.unanswered += 1,
        }
    }
}

/// The figures of one program.
#[derive(Default)]
pub(crate) struct Measured {
    pub(crate) name: String,
    pub(crate) first_byte: Vec<Duration>,
    pub(crate) first_frame: Vec<Duration>,
    pub(crate) first_rows: Vec<Duration>,
    pub(crate) all_rows: Vec<Duration>,
    /// KiB, until all rows were there.
    pub(crate) peak: Vec<u64>,
    /// KiB.
    pub(crate) resting: Option<u64>,
    /// KiB, after everything else.
    pub(crate) last_peak: Option<u64>,
    /// A share of one core.
    pub(crate) rest_cpu: Option<f64>,
    pub(crate) rest_bytes: Option<f64>,
    pub(crate) row: Keys,
    pub(crate) page: Keys,
    pub(crate) filter: Keys,
    pub(crate) churn_cpu: Option<f64>,
    pub(crate) churn_bytes: Option<f64>,
    pub(crate) churn_row: Keys,
    pub(crate) hung_row: Keys,
    /// Requests to the API server until a few seconds after all rows were there.
    pub(crate) asked_first: Option<usize>,
    /// Requests a second after that.
    pub(crate) asked_rate: Option<f64>,
}

impl Measured {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}

/// Starts a program on a kubeconfig and follows it until all rows are counted on its screen.
pub(crate) fn start(
    program: &Program,
    arguments: &Arguments,
    (kubeconfig, pods): (&Path, &Pods),
    measured: &mut Measured,
) -> Running {
    let running = Running::start(program, arguments, kubeconfig);
    let frame = running.until(PATIENCE, |screen| text(screen).chars().filter(|c| !c.is_whitespace()).count() > 40);
    let rows = running.until(PATIENCE, |screen| pods.rows(screen) >= 5);
    let all = running.until(PATIENCE, |screen| pods.counted(screen));
    if all.is_none() {
        eprintln!("{} never counted {} rows:\n{}", program.name, pods.names.len(), running.text());
    }
    measured.first_byte.extend(running.first_byte());
    measured.first_frame.extend(frame);
    measured.first_rows.extend(rows);
    measured.all_rows.extend(all);
    measured.peak.push(running.memory("VmHWM"));
    running
}

/// What it costs while nothing happens, and per key.
pub(crate) fn rest_and_keys(running: &Running, arguments: &Arguments, measured: &mut Measured) {
    // what comes after the rows (other kinds, joins) is over by then
    std::thread::sleep(Duration::from_secs(4));
    let (cpu, bytes) = over(running, Duration::from_secs(arguments.seconds));
    (measured.rest_cpu, measured.rest_bytes) = (Some(cpu), Some(bytes));
    measured.resting = Some(running.memory("VmRSS"));
    measured.row = keys(running, b"j", KEYS, Duration::from_millis(60));
    measured.page = keys(running, b"\x1b[6~", KEYS / 3, Duration::from_millis(60));
    // a filter that is typed, applied, and cleared again: `o` is in most names
    running.press(b"/", ANSWER);
    for _ in 0..KEYS / 2 {
        for key in [&b"o"[..], b"\x7f"] {
            measured.filter.add(running.press(key, ANSWER));
            std::thread::sleep(Duration::from_millis(60));
        }
    }
    running.press(b"\x1b", ANSWER);
    measured.last_peak = Some(running.memory("VmHWM"));
}

/// What it costs while rows change.
pub(crate) fn churn(running: &Running, arguments: &Arguments, measured: &mut Measured) {
    let Some(command) = &arguments.churn else { return };
    let mut churning =
        Command::new("sh").args(["-c", command]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("churn");
    std::thread::sleep(Duration::from_secs(3));
    let (cpu, bytes) = over(running, Duration::from_secs(arguments.seconds));
    (measured.churn_cpu, measured.churn_bytes) = (Some(cpu), Some(bytes));
    measured.churn_row = keys(running, b"k", KEYS, Duration::from_millis(97));
    let _ = churning.wait();
    measured.last_peak = Some(running.memory("VmHWM"));
}

/// How soon keys are answered while the API server says nothing any more.
pub(crate) fn hung(program: &Program, arguments: &Arguments, pods: &Pods, measured: &mut Measured) {
    let proxy = Proxy::before(&arguments.kubeconfig);
    let running = start(program, arguments, (&proxy.kubeconfig, pods), &mut Measured::default());
    proxy.hang();
    std::thread::sleep(Duration::from_secs(3));
    measured.hung_row = keys(&running, b"j", KEYS, Duration::from_millis(60));
}

/// How much is asked of the API server, at the start and at rest.
pub(crate) fn requests(
    program: &Program,
    arguments: &Arguments,
    (counting, pods): (&Counting, &Pods),
    measured: &mut Measured,
) {
    let running = start(program, arguments, (&counting.kubeconfig, pods), &mut Measured::default());
    std::thread::sleep(Duration::from_secs(4));
    let first = counting.asked();
    std::thread::sleep(Duration::from_secs(arguments.seconds));
    let later = f64::from(u32::try_from(counting.asked() - first).unwrap_or(u32::MAX));
    drop(running);
    (measured.asked_first, measured.asked_rate) =
        (Some(first), Some(later / Duration::from_secs(arguments.seconds).as_secs_f64()));
}

/// Share of a core and bytes a second, over a while.
fn over(running: &Running, length: Duration) -> (f64, f64) {
    let (began, cpu, bytes) = (Instant::now(), running.cpu(), running.bytes());
    std::thread::sleep(length);
    let seconds = began.elapsed().as_secs_f64();
    let used = running.cpu().saturating_sub(cpu).as_secs_f64() / seconds;
    let sent = f64::from(u32::try_from(running.bytes() - bytes).unwrap_or(u32::MAX)) / seconds;
    (used, sent)
}

fn keys(running: &Running, key: &[u8], count: usize, pause: Duration) -> Keys {
    let mut pressed = Keys::default();
    for _ in 0..count {
        pressed.add(running.press(key, ANSWER));
        std::thread::sleep(pause);
    }
    pressed
}
