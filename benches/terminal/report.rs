//! The table.

use std::time::Duration;

use crate::arguments::Arguments;
use crate::measure::{Keys, Measured};
use crate::yardstick::Bare;

pub(crate) struct Report {
    pods: usize,
    columns: u16,
    rows: u16,
    rounds: usize,
    seconds: u64,
    pub(crate) bare: Vec<Bare>,
}

type Figure = fn(&Measured) -> String;

/// Each line of the table.
const LINES: [(&str, Figure); 18] = [
    ("first byte", |one| times(&one.first_byte)),
    ("first frame", |one| times(&one.first_frame)),
    ("first rows", |one| times(&one.first_rows)),
    ("all rows counted", |one| times(&one.all_rows)),
    ("resident, peak until all rows", |one| mebibytes(one.peak.iter().max().copied())),
    ("resident, at rest", |one| mebibytes(one.resting)),
    ("resident, peak after all", |one| mebibytes(one.last_peak)),
    ("CPU at rest", |one| share(one.rest_cpu)),
    ("bytes a second at rest", |one| rate(one.rest_bytes)),
    ("key `j`", |one| keys(&one.row)),
    ("page down", |one| keys(&one.page)),
    ("a filter's letter, typed or taken back", |one| keys(&one.filter)),
    ("CPU under churn", |one| share(one.churn_cpu)),
    ("bytes a second under churn", |one| rate(one.churn_bytes)),
    ("key `k` under churn", |one| keys(&one.churn_row)),
    ("key `j` while the API server hangs", |one| keys(&one.hung_row)),
    ("API requests until all is there", |one| one.asked_first.map_or_else(absent, |asked| asked.to_string())),
    ("API requests a second at rest", |one| one.asked_rate.map_or_else(absent, |rate| format!("{rate:.2}"))),
];

impl Report {
    pub(crate) fn new(pods: usize, arguments: &Arguments) -> Self {
        let &Arguments { columns, rows, rounds, seconds, .. } = arguments;
        Self { pods, columns, rows, rounds, seconds, bare: Vec::new() }
    }

    /// Prints everything as Markdown.
    pub(crate) fn print(&self, measured: &[Measured]) {
        let bare: Vec<Duration> = self.bare.iter().map(|bare| bare.time).collect();
        println!(
            "\n{} pods · {}×{} · {} rounds: median (least–most) · rest and churn over {} s · one bare list: {}, {:.1} MB\n",
            self.pods,
            self.columns,
            self.rows,
            self.rounds,
            self.seconds,
            times(&bare),
            self.bare.last().map_or(0.0, |bare| f64::from(u32::try_from(bare.bytes).unwrap_or(u32::MAX)) / 1e6),
        );
        let names: Vec<&str> = measured.iter().map(|one| one.name.as_str()).collect();
        println!("| what | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
        for (what, figure) in LINES {
            let figures: Vec<String> = measured.iter().map(figure).collect();
            println!("| {what} | {} |", figures.join(" | "));
        }
        let Some(bare) = percentile(&bare, 50) else { return };
        let times = |one: &Measured| {
            let all = percentile(&one.all_rows, 50)?;
            Some(format!("{:.2}", all.as_secs_f64() / bare.as_secs_f64()))
        };
        let figures: Vec<String> = measured.iter().map(|one| times(one).unwrap_or_else(absent)).collect();
        println!("| all rows, in bare lists | {} |", figures.join(" | "));
    }
}

fn absent() -> String {
    "–".to_owned()
}

fn percentile<T: Copy + Ord>(of: &[T], percent: usize) -> Option<T> {
    let mut sorted = of.to_vec();
    sorted.sort();
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied()
}

fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    if millis < 10.0 { format!("{millis:.1} ms") } else { format!("{millis:.0} ms") }
}

/// The median, and the range in parentheses.
fn times(of: &[Duration]) -> String {
    match (percentile(of, 50), of.iter().min(), of.iter().max()) {
        (Some(middle), Some(least), Some(most)) if of.len() > 1 => {
            format!("{} ({}–{})", millis(middle), millis(*least), millis(*most))
        }
        (Some(only), ..) => millis(only),
        _ => absent(),
    }
}

fn mebibytes(kib: Option<u64>) -> String {
    kib.map_or_else(absent, |kib| format!("{:.1} MiB", f64::from(u32::try_from(kib).unwrap_or(u32::MAX)) / 1024.0))
}

fn share(of: Option<f64>) -> String {
    of.map_or_else(absent, |share| format!("{:.1} %", share * 100.0))
}

fn rate(of: Option<f64>) -> String {
    of.map_or_else(absent, |bytes| format!("{bytes:.0}"))
}

/// Median and 95th percentile of the latency, and the median of the bytes.
fn keys(pressed: &Keys) -> String {
    let (Some(middle), Some(late), Some(bytes)) =
        (percentile(&pressed.latencies, 50), percentile(&pressed.latencies, 95), percentile(&pressed.bytes, 50))
    else {
        return absent();
    };
    let silent = if pressed.unanswered > 0 { format!(", {} without any", pressed.unanswered) } else { String::new() };
    format!("{} / {}, {bytes} B{silent}", millis(middle), millis(late))
}
