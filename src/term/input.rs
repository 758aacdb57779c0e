//! A task that reads the terminal and fills a bounded channel with bursts of input.
//!
//! A burst is what arrived together: a dialog that opens because of one key of a burst must not be answered by
//! another of the same burst (terminals without bracketed paste replay a pasted text as keys). When the terminal is
//! gone, the channel closes.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::OFlags;
use tokio::io::unix::AsyncFd;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::time::timeout;

use super::keys::Parser;
use crate::model::input::Input;

/// Bursts that may wait for the screen; then the terminal's own queue fills.
const QUEUE: usize = 64;
/// How long the rest of a sequence may take; after that a lone escape is the Escape key.
const SEQUENCE_WAIT: Duration = Duration::from_millis(40);
/// How long a paste may stall before what came of it counts as all.
const PASTE_WAIT: Duration = Duration::from_secs(2);
/// How long a burst of several keys is waited on for more: it is no typing.
const BURST_WAIT: Duration = Duration::from_millis(8);
/// Keys that together are more than a quick finger or a held key gives.
const BURST_FROM: usize = 3;
/// Inputs from which a burst is passed on however much more comes.
const BURST_LIMIT: usize = 4096;

/// Opens the terminal for reading keys, apart from stdin, so that not waiting for bytes is nobody else's matter.
pub fn open() -> io::Result<OwnedFd> {
    let stdin = io::stdin();
    let named = rustix::termios::ttyname(&stdin, Vec::new()).ok();
    let paths = named.map(|name| PathBuf::from(std::ffi::OsStr::from_bytes(name.as_bytes()).to_owned()));
    let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap_or_default();
    let mut last = io::Error::new(io::ErrorKind::NotFound, "there is no terminal to read keys from");
    for path in paths.into_iter().chain([PathBuf::from("/dev/tty")]) {
        match File::options().read(true).custom_flags(flags).open(path) {
            Ok(file) => return Ok(file.into()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Starts the task that reads `terminal`, which must not block; the channel closes at its end.
///
/// It reads on the runtime that this is called on: on a current-thread runtime nothing is read while its thread
/// waits for a child that has the terminal. Changes of the terminal's size come as [`Input::Resize`].
pub fn listen(terminal: OwnedFd) -> io::Result<Receiver<Vec<Input>>> {
    let (sender, receiver) = mpsc::channel(QUEUE);
    #[expect(deprecated, reason = "its successor is unsafe; an owned descriptor stays open and the same, as that asks")]
    let terminal = AsyncFd::new(terminal)?;
    let reader = Reader { terminal, parser: Parser::default(), found: Vec::new(), buffer: vec![0; 4096] };
    let sizes = signal(SignalKind::window_change())?;
    #[expect(clippy::disallowed_methods, reason = "the one task of the terminal; it ends with its channel")]
    tokio::spawn(reader.run(sender, sizes));
    Ok(receiver)
}

struct Reader {
    terminal: AsyncFd<OwnedFd>,
    parser: Parser,
    found: Vec<Input>,
    buffer: Vec<u8>,
}

impl Reader {
    async fn run(mut self, sender: Sender<Vec<Input>>, mut sizes: Signal) {
        loop {
            let burst = tokio::select! {
                burst = self.burst() => burst,
                Some(()) = sizes.recv() => Ok(self.size().into_iter().collect()),
                () = sender.closed() => return,
            };
            match burst {
                Ok(burst) if burst.is_empty() => {}
                Ok(burst) => {
                    if sender.send(burst).await.is_err() {
                        return;
                    }
                }
                Err(error) => {
                    tracing::info!(%error, "the terminal is gone");
                    return;
                }
            }
        }
    }

    fn size(&self) -> Option<Input> {
        let size = rustix::termios::tcgetwinsize(self.terminal.get_ref()).ok()?;
        Some(Input::Resize { columns: size.ws_col, rows: size.ws_row })
    }

    /// The next burst; dropping the future loses nothing, what was found stays for the next call.
    async fn burst(&mut self) -> io::Result<Vec<Input>> {
        if self.found.is_empty() {
            let wait = match (self.parser.is_pasting(), self.parser.is_waiting()) {
                (true, _) => Some(PASTE_WAIT),
                (_, true) => Some(SEQUENCE_WAIT),
                _ => None,
            };
            let bytes = match wait {
                None => self.read().await?,
                Some(wait) => match timeout(wait, self.read()).await {
                    Ok(bytes) => bytes?,
                    Err(_) => return Ok(self.parser.give_up()),
                },
            };
            self.found = self.parser.feed(&bytes);
        }
        while (BURST_FROM..BURST_LIMIT).contains(&self.found.len()) {
            match timeout(BURST_WAIT, self.read()).await {
                Ok(Ok(bytes)) => self.found.extend(self.parser.feed(&bytes)),
                // What came before the end is still given; the next call finds the end again.
                Ok(Err(_)) | Err(_) => break,
            }
        }
        Ok(std::mem::take(&mut self.found))
    }

    async fn read(&mut self) -> io::Result<Vec<u8>> {
        loop {
            let mut ready = self.terminal.readable().await?;
            let buffer = &mut self.buffer;
            match ready.try_io(|fd| Ok(rustix::io::read(fd.get_ref().as_fd(), &mut *buffer)?)) {
                Ok(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(Ok(count)) => return Ok(buffer.get(..count).unwrap_or_default().to_vec()),
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(Err(error)) => return Err(error),
                // Not ready after all.
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::model::input::{Key, KeyCode};

    fn ends() -> (UnixStream, Receiver<Vec<Input>>) {
        let (far, near) = UnixStream::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        (far, listen(near.into()).unwrap())
    }

    fn key(typed: char) -> Input {
        Input::Key(Key::from(typed))
    }

    #[tokio::test]
    async fn keys_that_arrive_together_are_one_burst() {
        let (mut far, mut bursts) = ends();
        far.write_all(b"d\ny\n").unwrap();
        let enter = Input::Key(Key::from(KeyCode::Enter));
        assert_eq!(bursts.recv().await.unwrap(), [key('d'), enter.clone(), key('y'), enter]);
        far.write_all(b"j").unwrap();
        assert_eq!(bursts.recv().await.unwrap(), [key('j')]);
    }

    #[tokio::test]
    async fn a_lone_escape_is_the_key_after_a_moment_and_a_cut_sequence_is_none() {
        let (mut far, mut bursts) = ends();
        far.write_all(b"\x1b").unwrap();
        assert_eq!(bursts.recv().await.unwrap(), [Input::Key(Key::from(KeyCode::Esc))]);
        far.write_all(b"\x1b").unwrap();
        tokio::task::yield_now().await;
        far.write_all(b"[A").unwrap();
        assert_eq!(bursts.recv().await.unwrap(), [Input::Key(Key::from(KeyCode::Up))]);
    }

    #[tokio::test]
    async fn the_channel_closes_when_the_terminal_is_gone_and_gives_what_came_before() {
        let (mut far, mut bursts) = ends();
        far.write_all(b"abc").unwrap();
        drop(far);
        assert_eq!(bursts.recv().await.unwrap(), [key('a'), key('b'), key('c')]);
        assert_eq!(bursts.recv().await, None);
    }

    #[tokio::test]
    async fn the_channel_closes_when_a_pseudo_terminal_hangs_up() {
        let pair = portable_pty::native_pty_system().openpty(portable_pty::PtySize::default()).unwrap();
        let path = pair.master.tty_name().unwrap();
        let flags = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).unwrap();
        let terminal = File::options().read(true).custom_flags(flags).open(path).unwrap();
        let mut bursts = listen(terminal.into()).unwrap();
        tokio::task::yield_now().await;
        drop(pair);
        assert_eq!(bursts.recv().await, None);
    }
}
