//! Signals as typed events. Changes of the size come with the keys ([`super::input`]).

use std::io;

use rustix::process::Signal;
use tokio::signal::unix::{Signal as Listener, SignalKind, signal};

/// What the system or another process asks of this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To end (SIGTERM, SIGINT, SIGHUP, SIGQUIT); the name is for the log.
    Terminate(&'static str),
    /// To stop until continued (SIGTSTP from outside; Ctrl-Z is a key while the screen is held).
    Suspend,
    /// It goes on after a stop: modes and size may have changed meanwhile.
    Continue,
}

/// Listens to the signals that a console must answer.
#[derive(Debug)]
pub struct Signals {
    terminate: Listener,
    interrupt: Listener,
    hang_up: Listener,
    quit: Listener,
    suspend: Listener,
    go_on: Listener,
}

impl Signals {
    /// Starts to listen; from now on none of them ends or stops the process by itself.
    ///
    /// Errors: no runtime with signals, or the system refuses.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
            suspend: signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?,
            go_on: signal(SignalKind::from_raw(Signal::CONT.as_raw()))?,
        })
    }

    /// The next one. Dropping the future loses none.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Terminate("SIGTERM"),
            _ = self.interrupt.recv() => Asked::Terminate("SIGINT"),
            _ = self.hang_up.recv() => Asked::Terminate("SIGHUP"),
            _ = self.quit.recv() => Asked::Terminate("SIGQUIT"),
            _ = self.suspend.recv() => Asked::Suspend,
            _ = self.go_on.recv() => Asked::Continue,
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{getpid, kill_process};

    use super::*;

    #[tokio::test]
    async fn signals_arrive_as_what_they_ask() {
        let mut signals = Signals::listen().unwrap();
        for (sent, asked) in [
            (Signal::TERM, Asked::Terminate("SIGTERM")),
            (Signal::HUP, Asked::Terminate("SIGHUP")),
            (Signal::TSTP, Asked::Suspend),
            (Signal::CONT, Asked::Continue),
        ] {
            kill_process(getpid(), sent).unwrap();
            assert_eq!(signals.next().await, asked);
        }
    }
}
