//! Answers from outside. One whose question nobody waits for any more is dropped.

use super::super::effect::Effects;
use super::super::event::Reply;
use super::super::state::{State, Waiting};
use super::{bench, confirm};
use crate::model::health::Health;
use crate::model::id::Ticket;

pub(super) fn reply(state: &mut State, ticket: Ticket, body: Reply, effects: &mut Effects) {
    let Some(waiting) = state.waiting.remove(&ticket) else { return };
    match (waiting, body) {
        (Waiting::Plan, Reply::Planned(result)) => confirm::planned(state, ticket, result, effects),
        (Waiting::Check, Reply::Checked(results)) => confirm::checked(state, ticket, results),
        (Waiting::Bench(what), Reply::Bench(reply)) => bench::known(state, &what, *reply),
        (Waiting::Prediction, Reply::Predicted(answer)) => bench::predicted(state, ticket, *answer),
        (Waiting::Undo, Reply::Undo(plan)) => confirm::undone(state, plan.as_deref(), effects),
        (Waiting::Said, Reply::Said(result)) => match result {
            Ok(said) => state.say(Health::Good, said),
            Err(why) => state.say(Health::Bad, why),
        },
        (Waiting::Unfinished, Reply::Unfinished(plans)) => {
            if let Some((told, now)) = plans.first() {
                let more = if plans.len() > 1 { format!(" (and {} more)", plans.len() - 1) } else { String::new() };
                let now = now.as_deref().unwrap_or("what it was to bring about is true now");
                state.say(Health::Warn, format!("left unfinished: {}{more}; {now}; :audit shows it", told.plan.title));
            }
        }
        _ => {}
    }
}
