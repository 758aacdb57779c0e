//! What happens to the console: keys, data, answers, signals.

use chrono::{DateTime, Utc};

use super::bench::Saved;
use crate::actions::journal::Told;
use crate::model::health::{Error, Freshness};
use crate::model::id::{SystemId, Ticket};
use crate::model::input::Input;
use crate::model::plan::{Plan, Planned, Progress};
use crate::model::prediction::Answer;
use crate::model::record::Batch;
use crate::model::serving::Serving;
use crate::model::transition::{Source, Transition};
use crate::model::verb::Rights;
use crate::systems::Line;

/// Columns and rows of the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Size {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

/// One thing that happened.
#[derive(Debug)]
pub enum Event {
    /// The time; comes before every batch of events.
    Now(DateTime<Utc>),
    /// Keys and pastes that arrived together.
    Input(Vec<Input>),
    /// The terminal has another size.
    Resize(Size),
    /// Rows of a pane, changes merged.
    Fed(Source, Batch),
    /// How fresh a pane is has changed.
    Fresh(Source, Freshness),
    /// An object's state has changed.
    Moved(Transition),
    /// What a system's login may do.
    Rights(Rights),
    /// A system is connected, or could not be.
    Linked(SystemId, Result<(), Error>),
    /// Lines of an opened log or text.
    Lines(Ticket, Vec<Line>),
    /// An opened log or text has ended.
    LinesEnded(Ticket),
    /// A log or text could not be had; it is tried again unless it has ended too.
    LinesFailed(Ticket, Error),
    /// An object has no such thing as was to be opened with this ticket.
    NotOffered(Ticket),
    /// The answer to a question.
    Reply {
        /// Which question.
        ticket: Ticket,
        /// The answer.
        body: Reply,
    },
    /// How far the plan that runs has come.
    Progress(Progress),
    /// Lines of the console's own log.
    OwnLog(Vec<Line>),
    /// Something stopped working and was started again.
    Trouble(String),
    /// Somebody else stopped the program, or asked it to stop.
    Suspend,
    /// The program came back to the screen, after having been suspended.
    Resumed,
    /// Somebody asks the program to end.
    Terminate,
}

/// An answer from outside.
#[derive(Debug)]
pub enum Reply {
    /// A plan, or a question first.
    Planned(Result<Planned, Error>),
    /// Whether what a plan requires is true now: for each step, for each check.
    Checked(Vec<Vec<Result<bool, Error>>>),
    /// The ways in to an endpoint, a payload to begin with, and those that were saved.
    Bench(Box<BenchReply>),
    /// The answer to a test prediction.
    Predicted(Box<Result<Answer, Error>>),
    /// A file was written, or something was sent to the terminal's clipboard: what to say.
    Said(Result<String, String>),
    /// Plans that were begun and never ended, with what is true now.
    Unfinished(Vec<(Told, Option<String>)>),
    /// A plan that takes an earlier one back.
    Undo(Option<Box<Plan>>),
}

/// What the prediction bench needs to know of an endpoint.
#[derive(Debug)]
pub struct BenchReply {
    /// The ways in.
    pub serving: Result<Serving, Error>,
    /// A payload to begin with and where it comes from.
    pub example: Option<(String, String)>,
    /// Payloads that were saved for it.
    pub saved: Vec<Saved>,
}
