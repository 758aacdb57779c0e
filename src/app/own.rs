//! The console's own panes and views: the audit of all actions, and its own log.

use std::sync::Arc;

use crate::actions::journal::Told;
use crate::model::health::Health;
use crate::model::id::{Key, PaneId, SystemId, ViewId};
use crate::model::plan::Outcome;
use crate::model::record::{Column, Head, Record, Row};
use crate::model::value::Value;
use crate::model::verb::{Kind, Pane, Section, View};

/// The pane of all actions.
pub const AUDIT: PaneId = PaneId("audit");
/// The plan of one action, as text.
pub const AUDIT_PLAN: PaneId = PaneId("audit_plan");
/// The console's own log.
pub const LOG: PaneId = PaneId("log");
/// A stand-in for a system, for the console's own panes.
pub const OWN: SystemId = SystemId("quarterdeck");

/// The view of all actions.
pub const AUDIT_VIEW: ViewId = ViewId("audit");
/// The view of one action.
pub const AUDIT_DETAIL: ViewId = ViewId("audit_entry");
/// The view of the own log.
pub const LOG_VIEW: ViewId = ViewId("log");

/// Whether a view is one of the console's own that can be opened without an object.
#[must_use]
pub fn is_own(view: ViewId) -> bool {
    view == AUDIT_VIEW || view == LOG_VIEW
}

/// The own panes.
pub const PANES: &[Pane] = &[
    Pane {
        id: AUDIT,
        system: OWN,
        title: "Actions",
        noun: "action",
        heads: Told::heads,
        joins: Vec::new,
        verbs: &[],
        detail: Some(AUDIT_DETAIL),
        sort: Some(("at", true)),
        standing: true,
    },
    plain(AUDIT_PLAN, "Plan"),
    plain(LOG, "Own log"),
];

const fn plain(id: PaneId, title: &'static str) -> Pane {
    Pane {
        id,
        system: OWN,
        title,
        noun: "line",
        heads: no_heads,
        joins: Vec::new,
        verbs: &[],
        detail: None,
        sort: None,
        standing: false,
    }
}

fn no_heads() -> Arc<[Head]> {
    Arc::new([])
}

/// The own views.
pub const VIEWS: &[View] = &[
    View {
        id: AUDIT_VIEW,
        title: "Audit",
        key: None,
        sections: &[Section { pane: AUDIT, kind: Kind::Table, weight: 1 }],
    },
    View {
        id: AUDIT_DETAIL,
        title: "Action",
        key: None,
        sections: &[Section { pane: AUDIT_PLAN, kind: Kind::Text, weight: 1 }],
    },
    View { id: LOG_VIEW, title: "Own log", key: None, sections: &[Section { pane: LOG, kind: Kind::Log, weight: 1 }] },
];

impl Record for Told {
    fn columns() -> &'static [Column<Self>] {
        const COLUMNS: &[Column<Told>] = &[
            Column {
                head: Head::text("outcome", "outcome", 12).as_state().tier(0).help("how it ended"),
                get: |told| outcome(told.result.as_ref()),
            },
            Column {
                head: Head::text("action", "action", 100).tier(0).min(20),
                get: |told| Value::text(&told.plan.title),
            },
            Column {
                head: Head::text("object", "object", 60).tier(1).help("what it was done to, with its namespace"),
                get: |told| {
                    let keys: Vec<&str> = told.plan.targets.iter().map(|target| target.object.key.as_str()).collect();
                    Value::text(&keys.join(", "))
                },
            },
            Column {
                head: Head::text("reason", "reason", 40).tier(3),
                get: |told| Value::text(told.consent.reason.as_deref().unwrap_or("")),
            },
            Column { head: Head::text("who", "who", 20).tier(2), get: |told| Value::text(&told.who.user) },
            Column {
                head: Head::text("from", "from", 20).tier(5),
                get: |told| Value::text(told.who.from.as_deref().unwrap_or("")),
            },
            Column { head: Head::text("profile", "profile", 20).tier(4), get: |told| Value::text(&told.profile) },
            Column {
                head: Head::number("at", "age", 6).tier(0).help("when it was begun"),
                get: |told| Value::Time(told.at),
            },
        ];
        COLUMNS
    }

    fn key(&self) -> Key {
        Key::new(self.plan.id.as_str())
    }
}

fn outcome(result: Option<&Outcome>) -> Value {
    match result {
        Some(Outcome::Done) => Value::state(Health::Good, "done"),
        Some(Outcome::Refused { .. }) => Value::state(Health::Idle, "refused"),
        Some(Outcome::Failed { .. }) => Value::state(Health::Bad, "failed"),
        Some(Outcome::Pending { .. }) => Value::state(Health::Warn, "not verified"),
        Some(Outcome::Unknown { .. }) => Value::state(Health::Warn, "unknown"),
        Some(Outcome::Stopped) => Value::state(Health::Idle, "stopped"),
        None => Value::state(Health::Warn, "unfinished"),
    }
}

/// The rows of the audit.
#[must_use]
pub fn audit_rows(told: &[Told]) -> Vec<Arc<Row>> {
    told.iter().map(Record::row).collect()
}

/// One action as text: the plan, its steps with what changed, what was typed, how it ended.
#[must_use]
pub fn audit_text(told: &Told) -> Vec<String> {
    let mut lines = vec![told.plan.title.clone(), String::new()];
    lines.push(format!("begun    {}", told.at.format("%Y-%m-%d %H:%M:%SZ")));
    let from = told.who.from.as_deref().map_or(String::new(), |from| format!(" from {from}"));
    lines.push(format!("by       {} on {}{from}", told.who.user, told.who.host));
    lines.push(format!("profile  {}", told.profile));
    if let Some(reason) = &told.consent.reason {
        lines.push(format!("reason   {reason}"));
    }
    lines.push(format!("outcome  {}", words(told.result.as_ref())));
    for (at, step) in told.plan.steps.iter().enumerate() {
        lines.push(String::new());
        lines.push(format!("step {}   {}", at + 1, step.command));
        for shown in &step.shows {
            lines.push(format!("         {}  {}: {} → {}", shown.object, shown.what, shown.before, shown.after));
        }
        let result = told.steps.iter().find(|(step, _)| *step == at).map(|(_, result)| result);
        let result = match result {
            None => "not begun".to_owned(),
            Some(None) => "begun; how it ended was not written down".to_owned(),
            Some(Some(outcome)) => words(Some(outcome)),
        };
        lines.push(format!("         {result}"));
    }
    lines
}

/// How something ended, in words.
#[must_use]
pub fn words(result: Option<&Outcome>) -> String {
    match result {
        Some(Outcome::Done) => "done and verified".into(),
        Some(Outcome::Refused { why }) => format!("refused, nothing changed: {why}"),
        Some(Outcome::Failed { why }) => format!("failed: {why}"),
        Some(Outcome::Pending { why }) => format!("sent, but not verified in time: {why}"),
        Some(Outcome::Unknown { why }) => format!("unknown: {why}"),
        Some(Outcome::Stopped) => "stopped between two steps".into(),
        None => "never ended: the program was cut off".into(),
    }
}
