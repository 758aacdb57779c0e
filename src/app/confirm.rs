//! The dialog of a plan: what is asked, what is typed, what has the focus.

use std::sync::Arc;

use super::field::Field;
use crate::actions::Requirements;
use crate::model::health::Error;
use crate::model::id::{Ref, SystemId, Ticket};
use crate::model::plan::{Plan, PlanRequest, Question};

/// What a plan is asked for, so that it can be asked again with more answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The system that the verb belongs to.
    pub system: SystemId,
    /// What it is to do.
    pub request: PlanRequest,
}

impl Eq for Request {}

/// How far the dialog has come.
#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// The plan is being made.
    Planning,
    /// Something has to be known first.
    Asking {
        /// The question.
        question: Question,
        /// What is typed.
        field: Field,
        /// The choice that is lit, where there are choices.
        chosen: usize,
    },
    /// The plan is shown.
    Shown {
        /// The plan.
        plan: Arc<Plan>,
        /// Whether what it requires is true, for each step and check; empty until looked at.
        checks: Vec<Vec<Result<bool, Error>>>,
        /// Whether the looking has ended.
        checked: bool,
    },
    /// There is no plan.
    Failed(Error),
    /// It runs, or has ended; see `State::running`.
    Running,
}

/// What has the focus.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Focus {
    /// The button that leaves.
    #[default]
    Leave,
    /// The field for the reason.
    Reason,
    /// The field for the name.
    Name,
    /// The button that runs.
    Run,
}

/// The dialog of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Confirm {
    /// What is asked for.
    pub request: Request,
    /// What the verb is called.
    pub label: String,
    /// The rows it acts on, as shown.
    pub targets: Vec<Ref>,
    /// How far it has come.
    pub stage: Stage,
    /// The answer that it waits for: a late one to an earlier question must not pass for it.
    pub waits: Option<Ticket>,
    /// What has to be typed.
    pub needs: Requirements,
    /// Why it may not run now, such as a profile that is not armed.
    pub denied: Option<(String, String)>,
    /// The reason as typed.
    pub reason: Field,
    /// The name as typed.
    pub name: Field,
    /// What has the focus.
    pub focus: Focus,
    /// The first line shown, where the dialog is longer than the screen.
    pub top: usize,
}

impl Confirm {
    /// A dialog whose plan is being made.
    #[must_use]
    pub fn new(request: Request, label: &str) -> Self {
        let targets = request.request.targets.clone();
        Self {
            request,
            label: label.to_owned(),
            targets,
            stage: Stage::Planning,
            waits: None,
            needs: Requirements::default(),
            denied: None,
            reason: Field::new(""),
            name: Field::new(""),
            focus: Focus::Leave,
            top: 0,
        }
    }

    /// The plan, once it is shown.
    #[must_use]
    pub fn plan(&self) -> Option<&Arc<Plan>> {
        match &self.stage {
            Stage::Shown { plan, .. } => Some(plan),
            _ => None,
        }
    }

    /// The parts that can have the focus, in order.
    #[must_use]
    pub fn parts(&self) -> Vec<Focus> {
        let mut parts = Vec::new();
        if self.denied.is_none() {
            if self.needs.reason {
                parts.push(Focus::Reason);
            }
            if self.needs.name {
                parts.push(Focus::Name);
            }
        }
        parts.push(Focus::Leave);
        if self.may_run() {
            parts.push(Focus::Run);
        }
        parts
    }

    /// Whether everything is there that it needs to run.
    #[must_use]
    pub fn may_run(&self) -> bool {
        let Stage::Shown { plan, checks, checked } = &self.stage else { return false };
        // every check of every step, one by one: a result that is missing is not one that holds
        let complete = checks.iter().map(Vec::len).eq(plan.steps.iter().map(|step| step.require.len()));
        let held = *checked && complete && checks.iter().flatten().all(|check| check == &Ok(true));
        let named = !self.needs.name || self.name.text() == plan.name;
        let reasoned = !self.needs.reason || !self.reason.text().trim().is_empty();
        held && named && reasoned && self.denied.is_none() && !plan.steps.is_empty()
    }

    /// Moves the focus.
    pub fn move_focus(&mut self, forward: bool) {
        let parts = self.parts();
        let at = parts.iter().position(|part| *part == self.focus).unwrap_or(0);
        let next = if forward { at + 1 } else { at + parts.len().saturating_sub(1) };
        self.focus = parts.get(next % parts.len().max(1)).copied().unwrap_or_default();
    }

    /// Puts the focus where it belongs when the plan is shown: to the first field, else to leaving.
    pub fn first_focus(&mut self) {
        self.focus = self.parts().first().copied().unwrap_or_default();
    }

    /// The field that has the focus.
    pub fn field(&mut self) -> Option<&mut Field> {
        match (&mut self.stage, self.focus) {
            (Stage::Asking { question, field, .. }, _) if question.choices.is_empty() => Some(field),
            (Stage::Shown { .. }, Focus::Reason) => Some(&mut self.reason),
            (Stage::Shown { .. }, Focus::Name) => Some(&mut self.name),
            _ => None,
        }
    }
}
