//! The console: joins the driver, the view and the terminal.

use std::io;
use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use tokio::sync::mpsc;

use super::args::Global;
use super::log::Log;
use super::session::Session;
use super::{Failure, look};
use crate::app::driver::{Driver, Surface, Terminal as Wires};
use crate::app::event::{Event, Size};
use crate::app::keymap::Keymap;
use crate::app::own;
use crate::app::state::State;
use crate::model::id::ViewId;
use crate::model::verb::View;
use crate::term::capability::Capabilities;
use crate::term::panic::restore_on_panic;
use crate::term::signals::{Asked, Signals};
use crate::term::{Terminal, input};
use crate::view::theme::Theme;

/// The terminal with a theme to draw in.
struct Screen {
    terminal: Terminal,
    theme: Theme,
    buffer: Buffer,
}

impl Surface for Screen {
    fn draw(&mut self, state: &State) -> io::Result<()> {
        let area = Rect::new(0, 0, state.size.columns, state.size.rows);
        if self.buffer.area == area {
            self.buffer.reset();
        } else {
            self.buffer = Buffer::empty(area);
        }
        if area.is_empty() {
            return Ok(());
        }
        let cursor = crate::view::draw(state, &self.theme, &mut self.buffer);
        self.terminal.draw(&self.buffer, cursor).map(|_bytes| ())
    }

    fn redraw(&mut self) {
        self.terminal.redraw();
    }

    fn copy(&mut self, text: &str) -> Result<String, String> {
        match self.terminal.copy(text) {
            Ok(sent) => {
                let hint = sent.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
                Ok(format!("sent to the terminal's clipboard: {} bytes{hint}", text.len()))
            }
            Err(refused) => Err(format!("not copied: {refused}; X writes it to a file")),
        }
    }

    fn resume(&mut self) -> io::Result<Option<Size>> {
        self.terminal.resume()?;
        let size = self.terminal.size()?;
        Ok(Some(Size { columns: size.width, rows: size.height }))
    }

    fn suspend(&mut self) -> Result<(), String> {
        match self.terminal.suspend() {
            Ok(suspension) => suspension.notice().map_or(Ok(()), |notice| Err(notice.to_owned())),
            Err(error) => Err(format!("can't suspend: {error}")),
        }
    }
}

/// Opens the console and runs it until it is quit.
pub(super) async fn run(session: Session, global: &Global, log: Log) -> Result<(), Failure> {
    let capabilities = look::capabilities(global)?;
    let theme = look::theme(global, capabilities)?;
    let keymap = Arc::new(look::keymap(global)?);
    let view = global.view.as_deref().map(|name| view(&session, name)).transpose()?;
    let (terminal, wires) = open(capabilities, log).map_err(|error| {
        Failure::usage(
            format!("the console needs a terminal: {error}"),
            "without one use `quarterdeck status`, `get` or `predict`",
        )
    })?;
    let size = terminal.size().map_err(Failure::io)?;
    let state = state(&session, keymap, Size { columns: size.width, rows: size.height });
    let screen = Screen { terminal, theme, buffer: Buffer::empty(Rect::ZERO) };
    let setup = session.setup(view);
    let driver = Driver::new(state, screen, setup);
    let ended = driver.run(wires).await;
    drop(session);
    match ended {
        Ok(driver) => {
            drop(driver);
            Ok(())
        }
        // the terminal is gone: there is nobody to tell
        Err(error) => {
            tracing::warn!(%error, "the terminal is gone");
            Ok(())
        }
    }
}

/// The view with this name, where it needs no object to be opened for.
fn view(session: &Session, name: &str) -> Result<ViewId, Failure> {
    let catalogue = session.catalogue();
    let stands = |view: &&View| {
        let mut panes = view.sections.iter().map(|section| section.pane);
        panes.all(|id| id == own::LOG || catalogue.pane(id).is_some_and(|pane| pane.standing))
    };
    let found = catalogue.views().iter().filter(stands).find(|view| view.id.0 == name).map(|view| view.id);
    found.ok_or_else(|| {
        let known: Vec<&str> = catalogue.views().iter().filter(stands).map(|view| view.id.0).collect();
        Failure::usage(format!("no view `{name}` to begin with"), format!("there are: {}", known.join(", ")))
    })
}

/// The state before anything is known.
pub(super) fn state(session: &Session, keymap: Arc<Keymap>, size: Size) -> State {
    State::new(session.catalogue(), keymap, session.guard(), session.header(), (session.clock().now(), size))
}

fn open(capabilities: Capabilities, mut log: Log) -> io::Result<(Terminal, Wires)> {
    let keys = input::open()?;
    let terminal = Terminal::open(capabilities, false)?;
    restore_on_panic(terminal.restorer());
    let input = input::listen(keys)?;
    let mut signals = Signals::listen()?;
    let (sender, events) = mpsc::channel(64);
    #[expect(clippy::disallowed_methods, reason = "signals and the own log, as long as the screen is there")]
    tokio::spawn(async move {
        // moved in whole: the log's file stays open as long as this task
        let log = &mut log;
        loop {
            let event = tokio::select! {
                asked = signals.next() => match asked {
                    Asked::Terminate(name) => {
                        tracing::info!(name, "asked to end");
                        Event::Terminate
                    }
                    Asked::Suspend => Event::Suspend,
                    Asked::Continue => Event::Resumed,
                },
                Some(line) = log.lines.recv() => Event::OwnLog(vec![line]),
            };
            if sender.send(event).await.is_err() {
                return;
            }
        }
    });
    Ok((terminal, Wires { input, events }))
}
