//! What will happen and when: the world's work that is not due yet.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::demo::store::ObjectKey;
use crate::demo::traffic::ServiceKey;

/// A piece of work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// KServe's controller looks at an InferenceService.
    Reconcile(ServiceKey),
    /// A revision without traffic has been scaled to nothing.
    ScaleToZero(ServiceKey, String),
    /// The kubelet looks at a pod: the next phase of its life.
    Pod(ObjectKey),
    /// The failing canary runs out of memory, if it has traffic.
    OutOfMemory(ServiceKey, String),
    /// The back-off of what can't start: counts of events grow.
    BackOff,
    /// A `ReplicaSet` replaces a pod that is gone.
    Replace(ServiceKey, String),
}

/// Work by the time at which it is due; equal times keep their order.
#[derive(Debug, Clone, Default)]
pub struct Agenda {
    jobs: BTreeMap<(DateTime<Utc>, u64), Job>,
    next: u64,
}

impl Agenda {
    /// Adds work for a time.
    pub fn add(&mut self, at: DateTime<Utc>, job: Job) {
        self.next += 1;
        self.jobs.insert((at, self.next), job);
    }

    /// Takes the first piece of work that is due by `now`.
    pub fn due(&mut self, now: DateTime<Utc>) -> Option<(DateTime<Utc>, Job)> {
        let entry = self.jobs.first_entry()?;
        (entry.key().0 <= now).then(|| {
            let ((at, _), job) = entry.remove_entry();
            (at, job)
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn work_comes_when_it_is_due_and_in_the_order_of_its_times() {
        let start = DateTime::UNIX_EPOCH;
        let mut agenda = Agenda::default();
        let key = |name: &str| Job::Pod(ObjectKey::new("ns", name));
        agenda.add(start + TimeDelta::seconds(2), key("later"));
        agenda.add(start + TimeDelta::seconds(1), key("first"));
        agenda.add(start + TimeDelta::seconds(1), key("second"));
        let now = start + TimeDelta::seconds(1);
        assert_eq!(agenda.due(now).map(|(_, job)| job), Some(key("first")));
        assert_eq!(agenda.due(now).map(|(_, job)| job), Some(key("second")));
        assert_eq!(agenda.due(now), None);
    }
}
