//! Makes the plan that takes another one back.

use crate::model::plan::{Difference, Outcome, Plan, Step};

/// Whether a step that ended so may have changed something. `None` is one that was begun and whose end nobody wrote down:
/// it may have been sent.
#[must_use]
pub fn may_have_changed(outcome: Option<&Outcome>) -> bool {
    !matches!(outcome, Some(Outcome::Refused { .. } | Outcome::Stopped))
}

/// How many steps, from the first, have to be taken back; the checks of the undo decide about those that only may have
/// changed something.
#[must_use]
pub fn reached(ended: &[(usize, Option<Outcome>)]) -> usize {
    let changed = ended.iter().filter(|(_, outcome)| may_have_changed(outcome.as_ref()));
    changed.map(|(at, _)| at.saturating_add(1)).max().unwrap_or(0)
}

/// The plan that takes back the first `done` steps of `plan`, last first; `None` where one of them can't be.
#[must_use]
pub fn inverse(plan: &Plan, done: usize) -> Option<Plan> {
    let steps = plan.steps.iter().take(done).rev().map(inverse_step).collect::<Option<Vec<_>>>()?;
    if steps.is_empty() {
        return None;
    }
    Some(Plan {
        id: String::new(),
        verb: format!("undo {}", plan.verb),
        title: format!("Take back: {}", lower_first(&plan.title)),
        steps,
        // what these say is true of the way there, not of the way back
        warnings: Vec::new(),
        touches: Vec::new(),
        ..plan.clone()
    })
}

fn inverse_step(step: &Step) -> Option<Step> {
    let undo = step.undo.clone()?;
    Some(Step {
        system: step.system,
        op: undo.op,
        shows: step
            .shows
            .iter()
            .map(|shown| Difference { before: shown.after.clone(), after: shown.before.clone(), ..shown.clone() })
            .collect(),
        command: undo.command,
        require: undo.require,
        verify: undo.verify,
        hold_seconds: step.hold_seconds,
        within_seconds: step.within_seconds,
        undo: None,
    })
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests;
