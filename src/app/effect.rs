//! What the console wants from outside; carried out by the driver.

use std::sync::Arc;

use crate::actions::{Permit, PredictPermit};
use crate::model::id::{PaneId, Ref, SystemId, Ticket};
use crate::model::plan::{Plan, PlanRequest};
use crate::model::prediction::Ask;
use crate::systems::Parameters;

/// What one update wants from outside, in order.
pub type Effects = Vec<Effect>;

/// One thing that the console wants from outside.
#[derive(Debug, PartialEq)]
pub enum Effect {
    /// Bring the rows or lines of `pane` for the object `what`.
    Open {
        /// The object.
        what: Ref,
        /// The pane.
        pane: PaneId,
        /// How.
        how: Parameters,
        /// Whose answers these are.
        ticket: Ticket,
    },
    /// Nobody looks at it any more.
    Close(Ticket),
    /// Make a plan.
    Plan {
        /// The system that the verb belongs to.
        system: SystemId,
        /// What it is to do.
        request: PlanRequest,
        /// Whose answer this is.
        ticket: Ticket,
    },
    /// Look whether what a plan requires is true now.
    Check {
        /// The plan.
        plan: Arc<Plan>,
        /// Whose answer this is.
        ticket: Ticket,
    },
    /// Run a confirmed plan.
    Apply {
        /// The guard's permission.
        permit: Permit,
        /// The plan.
        plan: Arc<Plan>,
    },
    /// Make the plan that takes back an earlier one of the journal.
    Undo {
        /// The plan's id.
        plan: String,
        /// Whose answer this is.
        ticket: Ticket,
    },
    /// Find plans that were begun and never ended.
    Unfinished(Ticket),
    /// Stop the plan that runs before its next step.
    StopAfterStep,
    /// Get what the prediction bench needs to know of an endpoint.
    Bench {
        /// The endpoint.
        what: Ref,
        /// Whose answer this is.
        ticket: Ticket,
    },
    /// Send a test prediction.
    Predict {
        /// The endpoint.
        what: Ref,
        /// What to send, and how.
        ask: Box<Ask>,
        /// The guard's permission.
        permit: PredictPermit,
        /// Whose answer this is.
        ticket: Ticket,
    },
    /// Save a payload for an endpoint.
    SavePayload {
        /// The endpoint.
        what: Ref,
        /// The payload's name.
        name: String,
        /// The payload.
        body: String,
        /// Whose answer this is.
        ticket: Ticket,
    },
    /// These panes are looked at now; the others may be asked less often.
    Focus(Vec<PaneId>),
    /// Ask these panes again now.
    Refresh(Vec<PaneId>),
    /// Ask these systems again what their logins may do.
    Rights(Vec<SystemId>),
    /// Put a text on the clipboard.
    Copy(String, Ticket),
    /// Write a text to a file of this name in the folder for exports.
    Export {
        /// The file's name.
        name: String,
        /// Its text.
        text: String,
        /// Whose answer this is.
        ticket: Ticket,
    },
    /// Draw everything anew.
    Redraw,
    /// Suspend to the shell.
    Suspend,
    /// Take the terminal again after a stop: its modes and its size.
    Resume,
    /// End.
    Quit,
}
