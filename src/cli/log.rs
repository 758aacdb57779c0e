//! The console's own log: a rolling file in the state folder, and the last lines for the view.

use std::path::Path;

use tokio::sync::mpsc;
use tracing::field::{Field, Visit};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::model::clock::Clock;
use crate::model::text::clean;
use crate::systems::Line;

/// As many lines may wait for the screen; more are only in the file.
const WAITING: usize = 512;

/// As many lines may wait for the file: room for them is taken at once, and the usual 128,000 are 4 MiB.
const WRITING: usize = 4096;

/// Keeps the log's file open; what was logged is written when it is dropped.
pub(super) struct Log {
    _guard: Option<tracing_appender::non_blocking::WorkerGuard>,
    /// The lines for the view.
    pub(super) lines: mpsc::Receiver<Line>,
}

/// Starts to log into `folder`. Where that can't be written, only the view has the lines.
pub(super) fn start(folder: &Path, clock: Clock) -> Log {
    let (sender, lines) = mpsc::channel(WAITING);
    let file = std::fs::create_dir_all(folder).ok().and_then(|()| {
        tracing_appender::rolling::Builder::new()
            .rotation(tracing_appender::rolling::Rotation::DAILY)
            .filename_prefix("quarterdeck")
            .filename_suffix("log")
            .max_log_files(7)
            .build(folder)
            .ok()
    });
    let filter = std::env::var("QUARTERDECK_LOG").ok().and_then(|targets| targets.parse::<Targets>().ok());
    let filter = filter.unwrap_or_else(|| {
        Targets::new().with_default(LevelFilter::WARN).with_target("quarterdeck", LevelFilter::INFO)
    });
    let view = View { sender, clock };
    let registry = tracing_subscriber::registry().with(filter).with(view);
    let guard = if let Some(file) = file {
        let (writer, guard) =
            tracing_appender::non_blocking::NonBlockingBuilder::default().buffered_lines_limit(WRITING).finish(file);
        let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer);
        let _ = registry.with(layer).try_init();
        Some(guard)
    } else {
        let _ = registry.try_init();
        None
    };
    Log { _guard: guard, lines }
}

/// A layer that gives each event to the view as one line.
struct View {
    sender: mpsc::Sender<Line>,
    clock: Clock,
}

impl<S: tracing::Subscriber> Layer<S> for View {
    fn on_event(&self, event: &tracing::Event<'_>, _context: Context<'_, S>) {
        let mut text = Text(format!("{:5} {} ", event.metadata().level(), event.metadata().target()));
        event.record(&mut text);
        let line = Line { at: Some(self.clock.now()), text: clean(&text.0).into(), notice: false };
        // a view that is behind loses lines; the file has them
        let _ = self.sender.try_send(line);
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        use std::fmt::Write;
        let _ = if field.name() == "message" {
            write!(self.0, "{value:?} ")
        } else {
            write!(self.0, "{}={value:?} ", field.name())
        };
    }
}
