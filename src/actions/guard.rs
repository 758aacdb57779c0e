//! The one place that permits a change: read-only profiles, arming, typed confirmation.

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::Predictions;
use crate::model::plan::{Consent, Plan};
use crate::model::verb::Risk;

/// The right to send the changes of one confirmed plan. Only the guard makes one, and it can't be copied: one consent,
/// one run.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    plan: String,
    consent: Consent,
}

impl Permit {
    /// The plan that it was given for.
    #[must_use]
    pub fn plan(&self) -> &str {
        &self.plan
    }

    /// What the operator gave with it.
    #[must_use]
    pub fn consent(&self) -> &Consent {
        &self.consent
    }
}

/// The right to send test predictions once. Only the guard makes one.
#[derive(Debug, PartialEq, Eq)]
pub struct PredictPermit {
    _private: (),
}

/// What the profile says about changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The profile's name, which has to be typed to arm it.
    pub profile: String,
    /// Whether it is production; an environment that is not known counts as that.
    pub production: bool,
    /// Whether it refuses every change, whatever is typed.
    pub read_only: bool,
    /// For how long it stays armed.
    pub armed_for: TimeDelta,
    /// Whether test predictions are allowed.
    pub predictions: Predictions,
}

/// What has to be given before a plan may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Requirements {
    /// The object's name, typed.
    pub name: bool,
    /// A reason.
    pub reason: bool,
}

/// Why the guard refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// The profile says so.
    #[error("profile {0} is read-only")]
    ReadOnly(String),
    /// A production profile that is not armed now.
    #[error("profile {0} is production and not armed: press A and type its name")]
    NotArmed(String),
    /// The typed name is missing or another one.
    #[error("type the name {0} to confirm")]
    Name(String),
    /// There is no reason.
    #[error("production needs a reason")]
    Reason,
    /// The profile allows no test predictions, or they have to be confirmed first.
    #[error("profile {0} {1}")]
    Predictions(String, &'static str),
}

impl Denied {
    /// What the operator can do about it.
    #[must_use]
    pub fn advice(&self) -> String {
        match self {
            Self::ReadOnly(profile) => format!("set read_only = false in profile {profile}, or leave --read-only away"),
            Self::NotArmed(_) => "A arms it for a while; from a script: --yes --reason TEXT --confirm NAME".into(),
            Self::Name(name) => format!("type {name} exactly; from a script: --confirm {name}"),
            Self::Reason => "say why in a few words; from a script: --reason TEXT".into(),
            Self::Predictions(..) => "see `predictions` in the profile".into(),
        }
    }
}

/// Decides about every effect. Plain data: it is told the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    policy: Policy,
    armed_until: Option<DateTime<Utc>>,
}

impl Guard {
    /// A guard by this policy, not armed.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self { policy, armed_until: None }
    }

    /// The policy.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Arms a production profile, if `typed` is its name.
    pub fn arm(&mut self, typed: &str, now: DateTime<Utc>) -> Result<(), Denied> {
        if self.policy.read_only {
            return Err(Denied::ReadOnly(self.policy.profile.clone()));
        }
        if typed != self.policy.profile {
            return Err(Denied::Name(self.policy.profile.clone()));
        }
        self.armed_until = Some(now + self.policy.armed_for);
        Ok(())
    }

    /// Takes the arming back.
    pub fn disarm(&mut self) {
        self.armed_until = None;
    }

    /// For how long it is still armed; `None` if it is not.
    #[must_use]
    pub fn armed(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        self.armed_until.map(|until| until - now).filter(|left| *left > TimeDelta::zero())
    }

    /// Whether changes are refused now, and why.
    pub fn open(&self, now: DateTime<Utc>) -> Result<(), Denied> {
        if self.policy.read_only {
            return Err(Denied::ReadOnly(self.policy.profile.clone()));
        }
        if self.policy.production && self.armed(now).is_none() {
            return Err(Denied::NotArmed(self.policy.profile.clone()));
        }
        Ok(())
    }

    /// What has to be given before this plan may run.
    #[must_use]
    pub fn requirements(&self, plan: &Plan) -> Requirements {
        Requirements { name: self.policy.production || plan.risk == Risk::Danger, reason: self.policy.production }
    }

    /// Permits one run of a plan that was confirmed on the screen.
    pub fn permit(&self, plan: &Plan, consent: &Consent, now: DateTime<Utc>) -> Result<Permit, Denied> {
        self.open(now)?;
        self.confirmed(plan, consent)
    }

    /// Permits one run of a plan that a script confirms with `--yes`: the typed name and the reason arm that one plan.
    pub fn permit_script(&self, plan: &Plan, consent: &Consent) -> Result<Permit, Denied> {
        if self.policy.read_only {
            return Err(Denied::ReadOnly(self.policy.profile.clone()));
        }
        self.confirmed(plan, consent)
    }

    fn confirmed(&self, plan: &Plan, consent: &Consent) -> Result<Permit, Denied> {
        let needs = self.requirements(plan);
        if needs.name && consent.name.as_deref() != Some(plan.name.as_str()) {
            return Err(Denied::Name(plan.name.clone()));
        }
        if needs.reason && consent.reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
            return Err(Denied::Reason);
        }
        Ok(Permit { plan: plan.id.clone(), consent: consent.clone() })
    }

    /// Permits a test prediction; `confirmed` if the operator was asked.
    pub fn predict(&self, confirmed: bool) -> Result<PredictPermit, Denied> {
        match self.policy.predictions {
            Predictions::Deny => Err(Denied::Predictions(self.policy.profile.clone(), "allows no test predictions")),
            Predictions::Confirm if !confirmed => {
                Err(Denied::Predictions(self.policy.profile.clone(), "asks to confirm each test prediction"))
            }
            Predictions::Allow | Predictions::Confirm => Ok(PredictPermit { _private: () }),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn plan() -> Plan {
        Plan {
            id: "p1".into(),
            verb: "promote".into(),
            title: "Promote fraud-detection v13".into(),
            name: "fraud-detection".into(),
            risk: Risk::Medium,
            targets: vec![],
            steps: vec![],
            warnings: vec![],
            touches: vec![],
        }
    }

    fn guard(production: bool, read_only: bool) -> Guard {
        Guard::new(Policy {
            profile: "prod".into(),
            production,
            read_only,
            armed_for: TimeDelta::minutes(15),
            predictions: Predictions::Allow,
        })
    }

    fn consent(name: &str, reason: &str) -> Consent {
        Consent { name: Some(name.into()), reason: Some(reason.into()) }
    }

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    #[test]
    fn a_read_only_profile_refuses_everything_even_from_a_script() {
        let guard = guard(false, true);
        assert_eq!(guard.permit(&plan(), &Consent::default(), NOW), Err(Denied::ReadOnly("prod".into())));
        assert!(guard.permit_script(&plan(), &consent("fraud-detection", "why")).is_err());
    }

    #[test]
    fn production_needs_arming_the_name_and_a_reason() {
        let mut guard = guard(true, false);
        let good = consent("fraud-detection", "INC-1");
        assert_eq!(guard.permit(&plan(), &good, NOW), Err(Denied::NotArmed("prod".into())));
        assert!(guard.arm("prd", NOW).is_err());
        guard.arm("prod", NOW).unwrap();
        assert!(guard.permit(&plan(), &good, NOW).is_ok());
        assert_eq!(guard.permit(&plan(), &consent("fraud", "INC-1"), NOW), Err(Denied::Name("fraud-detection".into())));
        assert_eq!(guard.permit(&plan(), &consent("fraud-detection", "  "), NOW), Err(Denied::Reason));
        let late = NOW + TimeDelta::minutes(15);
        assert_eq!(guard.permit(&plan(), &good, late), Err(Denied::NotArmed("prod".into())));
    }

    #[test]
    fn a_script_arms_one_plan_by_its_name_and_reason() {
        let guard = guard(true, false);
        assert!(guard.permit_script(&plan(), &consent("fraud-detection", "nightly")).is_ok());
        assert!(guard.permit_script(&plan(), &Consent::default()).is_err());
    }

    #[test]
    fn elsewhere_a_key_is_enough_unless_it_is_dangerous() {
        let guard = guard(false, false);
        assert!(guard.permit(&plan(), &Consent::default(), NOW).is_ok());
        let dangerous = Plan { risk: Risk::Danger, ..plan() };
        assert!(guard.permit(&dangerous, &Consent::default(), NOW).is_err());
    }

    #[test]
    fn a_read_only_profile_is_not_armed_by_its_name() {
        let mut guard = guard(true, true);
        assert_eq!(guard.arm("prod", NOW), Err(Denied::ReadOnly("prod".into())));
        assert_eq!(guard.armed(NOW), None);
    }

    #[test]
    fn a_profile_that_is_disarmed_changes_nothing_any_more() {
        let mut guard = guard(true, false);
        guard.arm("prod", NOW).unwrap();
        assert_eq!(guard.armed(NOW), Some(TimeDelta::minutes(15)));
        guard.disarm();
        assert_eq!(guard.armed(NOW), None);
        let good = consent("fraud-detection", "INC-1");
        assert_eq!(guard.permit(&plan(), &good, NOW), Err(Denied::NotArmed("prod".into())));
    }

    #[test]
    fn test_predictions_are_denied_asked_for_or_allowed_as_the_profile_says() {
        let guard = |predictions| Guard::new(Policy { predictions, ..guard(false, false).policy });
        let deny = guard(Predictions::Deny);
        assert!(deny.predict(false).is_err() && deny.predict(true).is_err());
        let confirm = guard(Predictions::Confirm);
        assert!(confirm.predict(false).is_err() && confirm.predict(true).is_ok());
        assert!(guard(Predictions::Allow).predict(false).is_ok());
    }
}
