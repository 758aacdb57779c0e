//! How long to wait before the next try.

use std::time::Duration;

/// The waits between tries. A test has shorter ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// After the first failure.
    pub first: Duration,
    /// At most, however often it fails.
    pub longest: Duration,
    /// Until it is looked again for a system that is not installed.
    pub absent: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { first: Duration::from_millis(800), longest: Duration::from_secs(30), absent: Duration::from_mins(1) }
    }
}

/// Doubles the wait with each failure in a row; a jitter keeps many feeds of one server from coming all at once.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    pace: Pace,
    failures: u32,
    random: u64,
}

impl Backoff {
    pub(super) fn new(pace: Pace, seed: u64) -> Self {
        Self { pace, failures: 0, random: seed }
    }

    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// The next wait: three quarters to all of the full one.
    pub(super) fn next(&mut self) -> Duration {
        let doubled = self.pace.first.saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX));
        self.failures = (self.failures + 1).min(31);
        doubled.min(self.pace.longest).mul_f64(0.75 + 0.25 * self.fraction())
    }

    /// A number from 0 to 1 (splitmix64).
    fn fraction(&mut self) -> f64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) as f64 / u64::MAX as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_half_a_minute_and_begin_anew_after_a_success() {
        let mut backoff = Backoff::new(Pace::default(), 1);
        for full in [0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0] {
            let wait = backoff.next().as_secs_f64();
            assert!((full * 0.75..=full).contains(&wait), "{wait} of {full}");
        }
        for _ in 0..100 {
            assert!(backoff.next().as_secs_f64() <= 30.0);
        }
        backoff.reset();
        assert!(backoff.next().as_secs_f64() <= 0.8);
    }

    #[test]
    fn two_feeds_do_not_come_at_the_same_moment() {
        assert_ne!(Backoff::new(Pace::default(), 1).next(), Backoff::new(Pace::default(), 2).next());
    }
}
