//! What the tests of several systems need.

use chrono::{DateTime, TimeDelta};

use crate::actions::{Guard, Permit, Policy};
use crate::config::Predictions;
use crate::model::plan::{Consent, Plan};

/// The permit for a plan, from a profile that allows everything and an operator who typed all that may be asked for.
pub(crate) fn permit(plan: &Plan) -> Permit {
    let policy = Policy {
        profile: "test".into(),
        production: false,
        read_only: false,
        armed_for: TimeDelta::minutes(15),
        predictions: Predictions::Allow,
    };
    let consent = Consent { name: Some(plan.name.clone()), reason: Some("a test".into()) };
    Guard::new(policy).permit(plan, &consent, DateTime::UNIX_EPOCH).unwrap()
}
