//! Carries lines that must all arrive and in order, such as a log's: bounded, and through lost connections.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::backoff::{Backoff, Pace};
use super::board::{Board, Busy};
use super::supervisor::panic_text;
use crate::model::health::Error;
use crate::model::transition::Source;
use crate::systems::{Line, Lines};

/// At most so many lines come at once, so that a long log does not hold up a frame.
const CHUNK: usize = 500;
/// A log may stay silent: after so long it no longer counts as something that is being loaded.
const SILENT: Duration = Duration::from_secs(1);

/// Lines for the screen.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// What was opened.
    pub source: Source,
    /// The lines, in order.
    pub lines: Vec<Line>,
    /// Set with the last lines: there are no more, or there can't be.
    pub end: Option<Result<(), Error>>,
}

pub(super) struct Stream {
    pub(super) lines: Box<dyn Lines>,
    pub(super) source: Source,
    pub(super) to: mpsc::Sender<Said>,
    pub(super) board: Arc<Board>,
    pub(super) pace: Pace,
    pub(super) seed: u64,
}

impl Stream {
    /// Runs until the lines end or nobody wants them. A full channel makes the sender wait.
    pub(super) async fn run(mut self, first: Busy) {
        let mut backoff = Backoff::new(self.pace, self.seed);
        let mut first = Some(first);
        let mut lost = false;
        loop {
            let end = match self.next(&mut first).await {
                Ok(Some(lines)) => {
                    backoff.reset();
                    lost = false;
                    if send(&self.to, self.source, lines).await.is_err() {
                        return;
                    }
                    None
                }
                Ok(None) => Some(Ok(())),
                Err(error) if error.is_transient() => {
                    let notice = self.notice(&error);
                    // one notice for each loss, however many tries it takes
                    if !lost && send(&self.to, self.source, vec![notice]).await.is_err() {
                        return;
                    }
                    lost = true;
                    sleep_until(Instant::now() + backoff.next()).await;
                    None
                }
                Err(error) => Some(Err(error)),
            };
            drop(first.take());
            if end.is_some() {
                let _ = self.to.send(Said { source: self.source, lines: Vec::new(), end }).await;
                return;
            }
        }
    }

    async fn next(&mut self, first: &mut Option<Busy>) -> Result<Option<Vec<Line>>, Error> {
        let pane = self.source.pane();
        let mut next = pin!(AssertUnwindSafe(async { self.lines.next().await }).catch_unwind());
        let answer = if first.is_some() {
            tokio::select! {
                answer = &mut next => answer,
                () = sleep_until(Instant::now() + SILENT) => {
                    drop(first.take());
                    next.await
                }
            }
        } else {
            next.await
        };
        answer.unwrap_or_else(|panic| {
            Err(Error::Refused { why: format!("{pane} stopped working: {}", panic_text(panic.as_ref())) })
        })
    }

    fn notice(&self, error: &Error) -> Line {
        let text = format!("connection lost ({error}), going on as soon as it can be reached");
        Line { at: Some(self.board.clock.now()), text: text.into(), notice: true }
    }
}

async fn send(to: &mpsc::Sender<Said>, source: Source, lines: Vec<Line>) -> Result<(), mpsc::error::SendError<Said>> {
    let mut rest = lines;
    while !rest.is_empty() {
        let later = rest.split_off(rest.len().min(CHUNK));
        to.send(Said { source, lines: rest, end: None }).await?;
        rest = later;
    }
    Ok(())
}
