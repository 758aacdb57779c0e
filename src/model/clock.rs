//! The only file that asks the time. It never waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};

/// Where the time comes from: the machine, or a test's or the demo world's own clock.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The machine's clock.
    System,
    /// A clock that runs `speed` times as fast as the machine's, from `base`.
    Scaled {
        /// What the clock shows at `start`.
        base: DateTime<Utc>,
        /// The machine's time at which the clock was started.
        start: DateTime<Utc>,
        /// Seconds of this clock for each second of the machine's.
        speed: f64,
    },
    /// A clock that stands still until it is moved.
    Virtual(VirtualClock),
}

/// A clock that moves only when told to; clones share one time.
#[derive(Debug, Clone)]
pub struct VirtualClock {
    micros: Arc<AtomicI64>,
}

impl VirtualClock {
    /// A clock that stands at `at`.
    #[must_use]
    pub fn new(at: DateTime<Utc>) -> Self {
        Self { micros: Arc::new(AtomicI64::new(at.timestamp_micros())) }
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: TimeDelta) {
        self.micros.fetch_add(by.num_microseconds().unwrap_or(0), Ordering::SeqCst);
    }

    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.micros.load(Ordering::SeqCst)).unwrap_or_default()
    }
}

impl Clock {
    /// A clock that starts at `base` now and runs `speed` times as fast as the machine's.
    #[must_use]
    pub fn scaled(base: DateTime<Utc>, speed: f64) -> Self {
        Self::Scaled { base, start: Self::System.now(), speed }
    }

    /// The time now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks")]
    pub fn now(&self) -> DateTime<Utc> {
        match self {
            Self::System => Utc::now(),
            Self::Scaled { base, start, speed } => {
                let passed = (Utc::now() - *start).num_microseconds().unwrap_or(0) as f64 * speed;
                #[expect(clippy::cast_possible_truncation, reason = "microseconds of a process's life fit")]
                let passed = TimeDelta::microseconds(passed as i64);
                *base + passed
            }
            Self::Virtual(clock) => clock.now(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_virtual_clock_stands_still_until_it_is_moved() {
        let hands = VirtualClock::new(DateTime::UNIX_EPOCH);
        let clock = Clock::Virtual(hands.clone());
        assert_eq!(clock.now(), DateTime::UNIX_EPOCH);
        hands.advance(TimeDelta::seconds(40));
        assert_eq!(clock.now().timestamp(), 40);
    }
}
