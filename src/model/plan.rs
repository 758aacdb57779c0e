//! Actions as data: a plan is what the dialog shows, `--dry-run` prints, the journal keeps and the executor runs.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::id::{Ref, SystemId};
use super::verb::Risk;

/// Something done, or to be done, to the outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Unique over all journals of this user: made from the time and a random part.
    pub id: String,
    /// The verb's name.
    pub verb: String,
    /// A sentence: `Roll back the canary of fraud-detection`.
    pub title: String,
    /// The name that has to be typed where confirmation asks for one.
    pub name: String,
    /// How much harm it can do.
    pub risk: Risk,
    /// The objects and the version that each had when the plan was made.
    pub targets: Vec<Target>,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// What speaks against it, as sentences.
    pub warnings: Vec<String>,
    /// What is affected, as sentences: `1 service, 10 % of its requests`.
    pub touches: Vec<String>,
}

/// An object that a plan changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The row.
    pub object: Ref,
    /// What the object is called to a person: `InferenceService ml-prod/fraud-detection`.
    pub title: String,
    /// Its version when the plan was made (`resourceVersion`, alias → version), where the system has one.
    pub seen: Option<String>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The system that applies it.
    pub system: SystemId,
    /// The operation with its arguments, understood by that system alone.
    pub op: Op,
    /// What changes.
    pub shows: Vec<Difference>,
    /// What a person would have typed.
    pub command: String,
    /// What has to be true before.
    pub require: Vec<Check>,
    /// What has to become true.
    pub verify: Vec<Check>,
    /// For how long `verify` has to stay true, in seconds.
    pub hold_seconds: u32,
    /// How long it may take to become true, in seconds.
    pub within_seconds: u32,
    /// How it is taken back, where it can be.
    pub undo: Option<Undo>,
}

/// An operation of a system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Op {
    /// Its name within the system: `set_alias`, `patch`.
    pub name: String,
    /// Its arguments.
    pub arguments: Json,
}

/// One thing that changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// The object, so that history can be asked for it.
    pub object: Ref,
    /// What changes: `alias champion`, `spec.predictor.canaryTrafficPercent`.
    pub what: String,
    /// The value before, as the system had it.
    pub before: Json,
    /// The value after.
    pub after: Json,
}

/// A question to a system whose answer has to match.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What is checked, as a sentence that is true when it holds: `nobody changed it since 14:02:07`.
    pub what: String,
    /// The question.
    pub probe: Probe,
    /// The answer that is expected.
    pub expect: Expect,
}

/// A question to a system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// The system that answers it.
    pub system: SystemId,
    /// Its name within the system.
    pub name: String,
    /// Its arguments.
    pub arguments: Json,
}

/// What an answer has to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// Equal to this; an answer with more keys than an expected object matches.
    Equals(Json),
    /// Different from this.
    Differs(Json),
    /// A number of at most this.
    AtMost(f64),
    /// A number of at least this.
    AtLeast(f64),
}

impl Expect {
    /// Whether the answer is as expected.
    #[must_use]
    pub fn matches(&self, answer: &Json) -> bool {
        match self {
            Self::Equals(expected) => contains(answer, expected),
            Self::Differs(other) => !contains(answer, other),
            Self::AtMost(limit) => answer.as_f64().is_some_and(|number| number <= *limit),
            Self::AtLeast(limit) => answer.as_f64().is_some_and(|number| number >= *limit),
        }
    }
}

/// Whether `answer` equals `expected`, further keys of objects left aside.
fn contains(answer: &Json, expected: &Json) -> bool {
    match (answer, expected) {
        (Json::Object(answer), Json::Object(expected)) => {
            expected.iter().all(|(key, value)| contains(answer.get(key).unwrap_or(&Json::Null), value))
        }
        (Json::Number(a), Json::Number(b)) => a.as_f64() == b.as_f64(),
        _ => answer == expected,
    }
}

/// How a step is taken back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Undo {
    /// The operation that takes it back.
    pub op: Op,
    /// What a person would have typed.
    pub command: String,
    /// What has to be true for it: that everything is still as the step left it.
    pub require: Vec<Check>,
    /// What has to become true.
    pub verify: Vec<Check>,
}

/// What the steps of a plan gave so far, by name.
pub type Outputs = BTreeMap<String, Json>;

/// How a plan, or a step of it, ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// Done, and seen to be true.
    Done,
    /// Not done, nothing changed.
    Refused {
        /// Why.
        why: String,
    },
    /// Sent, and the system did not do it, or only in part.
    Failed {
        /// What is not as it should be.
        why: String,
    },
    /// Sent, accepted, and not yet seen to be true when the time was over.
    Pending {
        /// What is still missing.
        why: String,
    },
    /// Sent, and no answer says whether it happened.
    Unknown {
        /// What was lost.
        why: String,
    },
    /// Ended by the operator between two steps.
    Stopped,
}

/// What the operator gave with the confirmation.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Consent {
    /// The object's name as it was typed, where asked for.
    pub name: Option<String>,
    /// Why it is done.
    pub reason: Option<String>,
}

/// A question that has to be answered before there is a plan, such as which version or which percentage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// The answer's name in [`PlanRequest::answers`], and its flag on the command line.
    pub id: String,
    /// The question: `Roll back to which version?`
    pub prompt: String,
    /// The answer that is there to begin with.
    pub default: String,
    /// What may be chosen: answer and what it means; empty if anything may be typed.
    pub choices: Vec<(String, String)>,
}

/// What a verb gives: a plan, or a question first.
#[derive(Debug, Clone, PartialEq)]
pub enum Planned {
    /// This would be done.
    Plan(Box<Plan>),
    /// This has to be known first.
    Ask(Question),
}

/// What a system gets to make a plan from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PlanRequest {
    /// The verb's name.
    pub verb: String,
    /// The rows it is to act on.
    pub targets: Vec<Ref>,
    /// Answers to questions that were asked before, by their names.
    pub answers: BTreeMap<String, String>,
    /// What the journal knows of earlier changes of these objects, oldest first.
    pub past: Vec<Past>,
}

/// A change that the journal remembers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Past {
    /// When it was done.
    pub at: DateTime<Utc>,
    /// What changed.
    pub difference: Difference,
}

/// What the executor says while a plan runs.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// The plan has been accepted and written to the journal.
    Begun,
    /// Step `at` checks what it requires.
    Checking {
        /// The step, from 0.
        at: usize,
    },
    /// Step `at` was sent.
    Sent {
        /// The step, from 0.
        at: usize,
    },
    /// Step `at` waits until reality matches.
    Waiting {
        /// The step, from 0.
        at: usize,
        /// What is not yet true.
        missing: String,
    },
    /// Step `at` has ended.
    Step {
        /// The step, from 0.
        at: usize,
        /// How.
        outcome: Outcome,
    },
    /// The plan has ended.
    Ended {
        /// How.
        outcome: Outcome,
        /// A plan that takes it back, where that is possible.
        undo: Option<Box<Plan>>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_with_more_keys_than_expected_matches() {
        assert!(Expect::Equals(json!({"a": 1})).matches(&json!({"a": 1.0, "b": 2})));
        assert!(!Expect::Equals(json!({"a": 1})).matches(&json!({"b": 2})));
        assert!(!Expect::AtMost(1.0).matches(&json!("1")));
    }
}
