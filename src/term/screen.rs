//! The guard of the terminal's modes: enters them, and gives every one of them back, whatever happens.
//!
//! All that goes to the terminal goes through here, each frame as one write. What a frame holds is the painter's.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use ratatui::layout::Size;
use rustix::termios::{LocalModes, OptionalActions, QueueSelector, Termios};

/// What is below the screen: bytes to the terminal, and its line discipline.
pub trait Device: Write + Send {
    /// Keys come at once and unechoed; gives up nothing of what was set before.
    fn raw(&mut self) -> io::Result<()>;
    /// As it was before [`Device::raw`]; nothing if that was not called.
    fn cooked(&mut self) -> io::Result<()>;
    /// Cells across and down; either may be 0.
    fn size(&self) -> io::Result<Size>;
    /// Drops what was typed and not yet read.
    fn drop_typed(&mut self) -> io::Result<()>;
}

/// The terminal itself.
#[derive(Debug)]
pub struct Tty {
    file: File,
    before: Option<Termios>,
}

impl Tty {
    /// Opens the terminal: stdout where it is one, else the one that controls this process.
    pub fn open() -> io::Result<Self> {
        let stdout = io::stdout();
        let file = if rustix::termios::isatty(&stdout) {
            File::from(stdout.as_fd().try_clone_to_owned()?)
        } else {
            File::options().read(true).write(true).open("/dev/tty")?
        };
        Ok(Self::from(file))
    }
}

impl From<File> for Tty {
    fn from(file: File) -> Self {
        Self { file, before: None }
    }
}

impl Write for Tty {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            match self.file.write(bytes) {
                // Another process that shares the terminal may have made it non-blocking.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                done => return done,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Device for Tty {
    fn raw(&mut self) -> io::Result<()> {
        let before = rustix::termios::tcgetattr(&self.file)?;
        let mut raw = before.clone();
        raw.make_raw();
        // a program in the background (a login plugin) that writes to the terminal is stopped instead of smearing it
        raw.local_modes |= LocalModes::TOSTOP;
        rustix::termios::tcsetattr(&self.file, OptionalActions::Now, &raw)?;
        self.before.get_or_insert(before);
        Ok(())
    }

    fn cooked(&mut self) -> io::Result<()> {
        match self.before.take() {
            Some(before) => Ok(rustix::termios::tcsetattr(&self.file, OptionalActions::Now, &before)?),
            None => Ok(()),
        }
    }

    fn size(&self) -> io::Result<Size> {
        let size = rustix::termios::tcgetwinsize(&self.file)?;
        Ok(Size::new(size.ws_col, size.ws_row))
    }

    fn drop_typed(&mut self) -> io::Result<()> {
        Ok(rustix::termios::tcflush(&self.file, QueueSelector::IFlush)?)
    }
}

/// Alternate screen, bracketed paste, focus reports, no cursor.
const ENTER: &[u8] = b"\x1b[?1049h\x1b[?2004h\x1b[?1004h\x1b[?25l";
/// Mouse: presses, drags, the wheel, told by cell.
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1002h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1002l\x1b[?1000l";
/// Everything that a frame, whole or cut, may have left, then the modes in reverse.
const LEAVE: &[u8] = b"\x1b[?2026l\x1b[r\x1b[m\x1b[?25h\x1b[?1004l\x1b[?2004l\x1b[?1049l";

#[derive(Debug)]
struct Inner<D> {
    device: D,
    entered: bool,
    mouse: bool,
}

impl<D: Device> Inner<D> {
    fn enter(&mut self) -> io::Result<()> {
        // Whatever fails half-way is undone by leaving.
        self.entered = true;
        self.device.raw()?;
        let mut modes = ENTER.to_vec();
        modes.extend_from_slice(if self.mouse { MOUSE_ON } else { b"" });
        self.device.write_all(&modes)?;
        self.device.flush()
    }

    fn leave(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.entered) {
            return Ok(());
        }
        let mut modes = if self.mouse { MOUSE_OFF.to_vec() } else { Vec::new() };
        modes.extend_from_slice(LEAVE);
        let written = self.device.write_all(&modes).and_then(|()| self.device.flush());
        let cooked = self.device.cooked();
        written.and(cooked)
    }
}

/// Holds the terminal's modes; dropping it gives them back.
#[derive(Debug)]
pub struct Screen<D: Device> {
    shared: Arc<Mutex<Inner<D>>>,
}

impl<D: Device> Screen<D> {
    /// Enters the screen; with `mouse`, the terminal's own selection of text needs a modifier key.
    pub fn enter(device: D, mouse: bool) -> io::Result<Self> {
        let screen = Self { shared: Arc::new(Mutex::new(Inner { device, entered: false, mouse })) };
        let entered = screen.lock().enter();
        if entered.is_err() {
            // The reason is the first failure, not what the way back says.
            let _ = screen.leave();
        }
        entered.map(|()| screen)
    }

    fn lock(&self) -> MutexGuard<'_, Inner<D>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives back every mode; does nothing when that was done.
    pub fn leave(&self) -> io::Result<()> {
        self.lock().leave()
    }

    /// Enters again what was left, or what another program may have changed.
    pub fn enter_again(&self) -> io::Result<()> {
        let mut inner = self.lock();
        if !inner.entered {
            // typed for somebody else, or blindly
            inner.device.drop_typed()?;
        }
        inner.enter()
    }

    /// Writes bytes in one go. After the screen was left (a panic elsewhere does that) this is an error.
    pub fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.lock();
        if !inner.entered {
            return Err(io::Error::new(io::ErrorKind::NotConnected, "the screen was left"));
        }
        inner.device.write_all(bytes)?;
        inner.device.flush()
    }

    /// Cells across and down; either may be 0.
    pub fn size(&self) -> io::Result<Size> {
        self.lock().device.size()
    }

    /// What gives the modes back from anywhere else, such as a panic hook.
    #[must_use]
    pub fn restorer(&self) -> Restorer
    where
        D: 'static,
    {
        let shared = Arc::downgrade(&self.shared);
        Restorer(Arc::new(move || {
            let Some(shared) = shared.upgrade() else { return };
            // Not for ever: a frame may be stuck on its way to a terminal that takes nothing.
            for _ in 0..50 {
                match shared.try_lock() {
                    Ok(mut inner) => return drop(inner.leave()),
                    Err(TryLockError::Poisoned(inner)) => return drop(inner.into_inner().leave()),
                    Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(4)),
                }
            }
        }))
    }
}

impl<D: Device> Drop for Screen<D> {
    fn drop(&mut self) {
        // Nobody is left to be told.
        let _ = self.leave();
    }
}

/// Gives a screen's modes back, once, from any thread.
#[derive(Clone)]
pub struct Restorer(Arc<dyn Fn() + Send + Sync>);

impl Restorer {
    /// Gives the modes back if they are held.
    pub fn restore(&self) {
        (self.0)();
    }
}

impl std::fmt::Debug for Restorer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Restorer")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A device that keeps what was done to it.
    #[derive(Debug, Clone, Default)]
    pub(in crate::term) struct Recorder {
        pub(in crate::term) log: Arc<Mutex<Vec<String>>>,
        pub(in crate::term) gone: bool,
        pub(in crate::term) size: Size,
    }

    impl Recorder {
        fn note(&self, what: String) {
            self.log.lock().unwrap_or_else(PoisonError::into_inner).push(what);
        }

        pub(in crate::term) fn taken(&self) -> Vec<String> {
            std::mem::take(&mut self.log.lock().unwrap_or_else(PoisonError::into_inner))
        }
    }

    impl Write for Recorder {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.gone {
                return Err(io::Error::from_raw_os_error(5));
            }
            self.note(String::from_utf8_lossy(bytes).into_owned());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Device for Recorder {
        fn raw(&mut self) -> io::Result<()> {
            self.note("raw".to_owned());
            Ok(())
        }

        fn cooked(&mut self) -> io::Result<()> {
            self.note("cooked".to_owned());
            Ok(())
        }

        fn size(&self) -> io::Result<Size> {
            Ok(self.size)
        }

        fn drop_typed(&mut self) -> io::Result<()> {
            self.note("typed dropped".to_owned());
            Ok(())
        }
    }

    /// The modes that a text sets (`h`) or resets (`l`), by number, in order.
    fn modes(text: &str, last: char) -> Vec<String> {
        let mut found: Vec<String> = text
            .split("\x1b[?")
            .filter_map(|part| part.split_once(last).filter(|(number, _)| number.chars().all(|c| c.is_ascii_digit())))
            .map(|(number, _)| number.to_owned())
            .collect();
        found.sort();
        found
    }

    #[test]
    fn every_mode_that_was_set_is_given_back() {
        for mouse in [false, true] {
            let device = Recorder::default();
            drop(Screen::enter(device.clone(), mouse).unwrap());
            let log = device.taken();
            let [raw, entered, left, cooked] = log.as_slice() else { panic!("{log:?}") };
            assert_eq!((raw.as_str(), cooked.as_str()), ("raw", "cooked"));
            let (set, reset) = (modes(entered, 'h'), modes(left, 'l'));
            assert!(set.iter().all(|mode| reset.contains(mode)), "{set:?} against {reset:?}");
            assert_eq!(set.contains(&"1000".to_owned()), mouse);
            assert_eq!((modes(entered, 'l'), modes(left, 'h')), (vec!["25".to_owned()], vec!["25".to_owned()]));
        }
    }

    #[test]
    fn leaving_twice_gives_back_once() {
        let device = Recorder::default();
        let screen = Screen::enter(device.clone(), false).unwrap();
        let restorer = screen.restorer();
        device.taken();
        screen.leave().unwrap();
        assert_eq!(device.taken().len(), 2);
        restorer.restore();
        screen.leave().unwrap();
        drop(screen);
        restorer.restore();
        assert!(device.taken().is_empty());
    }

    #[test]
    fn nothing_is_written_once_the_screen_was_left() {
        let device = Recorder::default();
        let screen = Screen::enter(device.clone(), false).unwrap();
        screen.restorer().restore();
        device.taken();
        assert!(screen.write(b"frame").is_err());
        assert!(device.taken().is_empty());
    }

    #[test]
    fn a_terminal_that_is_gone_is_an_error_and_its_discipline_is_still_given_back() {
        let device = Recorder { gone: true, ..Recorder::default() };
        let error = Screen::enter(device.clone(), false).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(5));
        assert_eq!(device.taken(), ["raw", "cooked"]);
    }

    #[test]
    fn a_real_pseudo_terminal_gets_its_discipline_back() {
        let pair = portable_pty::native_pty_system().openpty(portable_pty::PtySize::default()).unwrap();
        let open = || File::options().read(true).write(true).open(pair.master.tty_name().unwrap()).unwrap();
        let probe = open();
        let settings = || format!("{:?}", rustix::termios::tcgetattr(&probe).unwrap());
        let before = settings();
        let screen = Screen::enter(Tty::from(open()), false).unwrap();
        assert_ne!(settings(), before);
        screen.enter_again().unwrap();
        assert_eq!(screen.size().unwrap(), Size::new(80, 24));
        drop(screen);
        assert_eq!(settings(), before);
    }
}
