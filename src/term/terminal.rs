//! Screen, painter and capabilities together: what the one who joins view and terminal holds.

use std::io;
use std::process::{Command, ExitStatus};

use ratatui::buffer::Buffer;
use ratatui::layout::{Position, Size};

use super::capability::Capabilities;
use super::clipboard::{self, Refused, Sent};
use super::painter::Painter;
use super::screen::{Device, Restorer, Screen, Tty};
use super::suspend::{self, Suspension};

/// The terminal while the console has it.
#[derive(Debug)]
pub struct Terminal<D: Device = Tty> {
    screen: Screen<D>,
    painter: Painter,
    capabilities: Capabilities,
}

impl Terminal {
    /// Takes the terminal; the mouse only where it is asked for.
    pub fn open(capabilities: Capabilities, mouse: bool) -> io::Result<Self> {
        Self::over(Tty::open()?, capabilities, mouse)
    }
}

impl<D: Device> Terminal<D> {
    /// Takes the terminal behind a device.
    pub fn over(device: D, capabilities: Capabilities, mouse: bool) -> io::Result<Self> {
        let screen = Screen::enter(device, mouse)?;
        Ok(Self { screen, painter: Painter::new(capabilities), capabilities })
    }

    /// Shows a frame with the cursor there or hidden; gives the bytes that it took, 0 when nothing changed.
    ///
    /// An error means that the terminal is gone, or was left after a panic: the program ends then.
    pub fn draw(&mut self, frame: &Buffer, cursor: Option<Position>) -> io::Result<usize> {
        let bytes = self.painter.paint(frame, cursor);
        if !bytes.is_empty() {
            self.screen.write(bytes)?;
        }
        Ok(bytes.len())
    }

    /// Cells across and down; either may be 0.
    pub fn size(&self) -> io::Result<Size> {
        self.screen.size()
    }

    /// What the terminal can do.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// Draws the next frame whole (Ctrl-L, or after something else wrote to the terminal).
    pub fn redraw(&mut self) {
        self.painter.forget();
    }

    /// Gives the terminal back and stops until continued; then takes it again. The next frame is drawn whole.
    pub fn suspend(&mut self) -> io::Result<Suspension> {
        if suspend::is_orphaned() {
            return Ok(Suspension::Orphaned);
        }
        self.screen.leave()?;
        suspend::stop()?;
        self.resume()?;
        Ok(Suspension::Continued)
    }

    /// Takes every mode again after a stop that came from outside; the next frame is drawn whole.
    pub fn resume(&mut self) -> io::Result<()> {
        self.painter.forget();
        self.screen.enter_again()
    }

    /// Gives the terminal to a program and waits for its end; the next frame is drawn whole.
    ///
    /// It blocks this thread, so that nobody else reads the keys meanwhile. The error of starting it comes after the
    /// terminal was taken again.
    pub fn run(&mut self, command: &mut Command) -> io::Result<ExitStatus> {
        self.screen.leave()?;
        let ended = command.status();
        self.resume()?;
        ended
    }

    /// Sends a text to the user's clipboard.
    pub fn copy(&mut self, text: &str) -> Result<Sent, Refused> {
        let copying = clipboard::copying(text, self.capabilities.clipboard)?;
        match self.screen.write(&copying.bytes) {
            Ok(()) => Ok(copying.sent),
            Err(_) => Err(Refused::Gone),
        }
    }

    /// Gives the terminal back; later frames are errors.
    pub fn leave(&self) -> io::Result<()> {
        self.screen.leave()
    }

    /// What gives the terminal back from a panic hook ([`super::panic::restore_on_panic`]).
    #[must_use]
    pub fn restorer(&self) -> Restorer
    where
        D: 'static,
    {
        self.screen.restorer()
    }
}

#[cfg(test)]
mod tests {
    use ratatui::style::Style;

    use super::super::capability::{Capabilities, Overrides};
    use super::super::screen::tests::Recorder;
    use super::*;

    fn terminal() -> (Recorder, Terminal<Recorder>) {
        let device = Recorder::default();
        let look_up = |name: &str| (name == "TERM").then(|| "xterm-256color".to_owned());
        let terminal =
            Terminal::over(device.clone(), Capabilities::detect(look_up, Overrides::default()), false).unwrap();
        device.taken();
        (device, terminal)
    }

    fn frame(text: &str) -> Buffer {
        let mut frame = Buffer::empty(ratatui::layout::Rect::new(0, 0, 20, 4));
        frame.set_string(0, 0, text, Style::new());
        frame
    }

    #[test]
    fn a_frame_is_one_write_and_an_equal_one_none() {
        let (device, mut terminal) = terminal();
        let bytes = terminal.draw(&frame("hello"), None).unwrap();
        let log = device.taken();
        assert_eq!((log.len(), log[0].len()), (1, bytes));
        assert_eq!(terminal.draw(&frame("hello"), None).unwrap(), 0);
        assert!(device.taken().is_empty());
    }

    #[test]
    fn a_program_gets_the_terminal_as_it_was_and_the_next_frame_is_whole() {
        let (device, mut terminal) = terminal();
        let whole = terminal.draw(&frame("hello"), None).unwrap();
        device.taken();
        assert!(terminal.run(&mut Command::new("true")).unwrap().success());
        let log = device.taken();
        assert!(log[0].ends_with("\x1b[?1049l") && log[1] == "cooked");
        assert_eq!(&log[2..4], ["typed dropped", "raw"]);
        assert!(log[4].starts_with("\x1b[?1049h"));
        assert_eq!(terminal.draw(&frame("hello"), None).unwrap(), whole);
    }

    #[test]
    fn a_program_that_can_t_be_started_leaves_the_screen_as_it_was() {
        let (device, mut terminal) = terminal();
        assert!(terminal.run(&mut Command::new("/nowhere/at-all")).is_err());
        assert!(device.taken().last().unwrap().starts_with("\x1b[?1049h"));
        assert!(terminal.draw(&frame("on"), None).unwrap() > 0);
    }

    #[test]
    fn a_copy_that_is_refused_writes_nothing() {
        let (device, mut terminal) = terminal();
        assert!(terminal.copy(&"x".repeat(200_000)).is_err());
        assert!(device.taken().is_empty());
        terminal.copy("hi").unwrap();
        assert_eq!(device.taken(), ["\x1b]52;c;aGk=\x07"]);
        terminal.leave().unwrap();
        assert_eq!(terminal.copy("hi"), Err(Refused::Gone));
    }
}
