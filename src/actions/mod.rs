//! The guard through which every effect passes, the one executor, and the journal.
//!
//! Does not belong here: what a plan says (that is the system's) and how it is shown (that is the screen's).

/// The right to send the changes of one confirmed plan. Only the guard makes one.
#[derive(Debug)]
pub struct Permit {
    plan: String,
}

impl Permit {
    /// The plan that it was given for.
    #[must_use]
    pub fn plan(&self) -> &str {
        &self.plan
    }
}

/// The right to send one test prediction. Only the guard makes one.
#[derive(Debug)]
pub struct PredictPermit {
    _private: (),
}
