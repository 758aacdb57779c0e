//! The prediction bench: what is to be sent, how, and what came back.

use chrono::{DateTime, Utc};

use super::field::Field;
use crate::model::export::compact;
use crate::model::health::Error;
use crate::model::id::{Ref, Ticket};
use crate::model::prediction::{Answer, Wanted, Way};
use crate::model::serving::{Protocol, Role, Serving};

/// A payload that was saved for an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Its name.
    pub name: String,
    /// The payload.
    pub body: String,
}

/// One line of the bench's history.
#[derive(Debug, Clone, PartialEq)]
pub struct Tried {
    /// When it was sent.
    pub at: DateTime<Utc>,
    /// The revision that was asked for.
    pub wanted: String,
    /// What came back.
    pub answer: Result<Answer, Error>,
}

/// Which part of the bench has the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BenchFocus {
    /// The payload editor.
    #[default]
    Request,
    /// The answer.
    Response,
    /// What was sent before.
    History,
}

/// The bench for one endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Bench {
    /// The endpoint.
    pub what: Ref,
    /// Its name.
    pub title: String,
    /// The payload editor.
    pub editor: Field,
    /// Where the payload comes from.
    pub origin: String,
    /// Whether the operator has changed it.
    pub edited: bool,
    /// The ways in, when they are known.
    pub serving: Option<Result<Serving, Error>>,
    /// The revision to ask.
    pub wanted: Wanted,
    /// The way in, if one is insisted on.
    pub via: Option<Way>,
    /// The protocol, if one is insisted on.
    pub protocol: Option<Protocol>,
    /// Payloads that were saved.
    pub saved: Vec<Saved>,
    /// What waits for an answer: its ticket and since when.
    pub waiting: Option<(Ticket, DateTime<Utc>)>,
    /// What was sent before, newest first.
    pub history: Vec<Tried>,
    /// The entry of the history that is shown.
    pub shown: usize,
    /// How far the answer is scrolled.
    pub scroll: usize,
    /// Which part has the focus.
    pub focus: BenchFocus,
    /// Whether the profile asks to confirm, and the key that sends was pressed once.
    pub asked: bool,
    /// What is wrong with the payload, if anything.
    pub fault: Option<String>,
}

/// As many entries of the history are kept.
pub const HISTORY: usize = 50;

impl Bench {
    /// A bench for this endpoint, before anything is known of it.
    #[must_use]
    pub fn new(what: Ref, title: String) -> Self {
        Self {
            what,
            title,
            editor: Field::editor("{\n  \"instances\": []\n}"),
            origin: "empty request".into(),
            edited: false,
            serving: None,
            wanted: Wanted::Stable,
            via: None,
            protocol: None,
            saved: Vec::new(),
            waiting: None,
            history: Vec::new(),
            shown: 0,
            scroll: 0,
            focus: BenchFocus::Request,
            asked: false,
            fault: None,
        }
    }

    /// Puts a payload into the editor, pretty-printed where it is JSON.
    pub fn load(&mut self, body: &str, origin: &str) {
        let pretty =
            serde_json::from_str::<serde_json::Value>(body).ok().map_or_else(|| body.to_owned(), |json| compact(&json));
        self.editor = Field::editor(&pretty);
        origin.clone_into(&mut self.origin);
        self.edited = false;
        self.fault = None;
        self.asked = false;
    }

    /// Checks that the payload is JSON; says where it is not.
    pub fn check(&mut self) -> bool {
        self.fault = serde_json::from_str::<serde_json::Value>(self.editor.text())
            .err()
            .map(|error| format!("not JSON: line {}, column {}: {}", error.line(), error.column(), words(&error)));
        self.fault.is_none()
    }

    /// The revisions that can be asked, in the order in which the key goes through them.
    #[must_use]
    pub fn choices(&self) -> Vec<Wanted> {
        let mut choices = vec![Wanted::Stable];
        if let Some(Ok(serving)) = &self.serving {
            if serving.with_role(Role::Canary).is_some() {
                choices.push(Wanted::Canary);
            }
            choices.extend(
                serving
                    .revisions
                    .iter()
                    .filter(|revision| revision.role == Role::Old)
                    .map(|revision| Wanted::Named(revision.name.clone())),
            );
        }
        choices.push(Wanted::Any);
        choices
    }

    /// Goes to the next revision.
    pub fn next_wanted(&mut self) {
        let choices = self.choices();
        let at = choices.iter().position(|choice| *choice == self.wanted).map_or(0, |at| at + 1);
        self.wanted = choices.get(at).or_else(|| choices.first()).cloned().unwrap_or_default();
    }

    /// Goes to the next way in, the last being: whichever works.
    pub fn next_via(&mut self) {
        self.via = match self.via {
            None => Way::ALL.first().copied(),
            Some(way) => Way::ALL.iter().skip_while(|other| **other != way).nth(1).copied(),
        };
    }

    /// Goes to the next protocol, the last being: whichever the server speaks.
    pub fn next_protocol(&mut self) {
        self.protocol = match self.protocol {
            None => Some(Protocol::V1),
            Some(Protocol::V1) => Some(Protocol::V2),
            Some(Protocol::V2) => None,
        };
    }

    /// Keeps an answer.
    pub fn keep(&mut self, tried: Tried) {
        self.waiting = None;
        self.history.insert(0, tried);
        self.history.truncate(HISTORY);
        self.shown = 0;
        self.scroll = 0;
    }
}

fn words(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::id::PaneId;

    #[test]
    fn a_payload_that_is_not_json_says_where() {
        let mut bench = Bench::new(Ref::new(PaneId("endpoints"), "a/b"), "b".into());
        bench.editor = Field::editor("{\"instances\": [1,\n 2,,]}");
        assert!(!bench.check());
        assert!(bench.fault.unwrap().contains("line 2, column 4"), "the place is named");
    }
}
