//! How long to wait after a failed order.

use std::time::Duration;

use super::order::OrderError;

/// The delay after a failed order; it doubles after each further one. Let's Encrypt allows five failures an hour.
const MIN: Duration = Duration::from_mins(4);
const MAX: Duration = Duration::from_hours(6);
/// The delay if only a nonce was refused. That is no failed validation, so it counts towards no limit of a directory.
const AFTER_BAD_NONCE: Duration = Duration::from_secs(5);
/// How often in a row it is so short.
const BAD_NONCES_MAX: u32 = 5;

/// The delays between failed orders in a row.
#[derive(Debug)]
pub(super) struct RetryDelay {
    next: Duration,
    bad_nonces: u32,
}

impl Default for RetryDelay {
    fn default() -> Self {
        Self {
            next: MIN,
            bad_nonces: 0,
        }
    }
}

impl RetryDelay {
    /// Returns the delay after one more failure.
    pub(super) fn after(&mut self, error: &OrderError) -> Duration {
        if error.is_bad_nonce() && self.bad_nonces < BAD_NONCES_MAX {
            self.bad_nonces += 1;
            return AFTER_BAD_NONCE;
        }
        let delay = self.next;
        self.next = (delay * 2).min(MAX);
        delay
    }
}

#[cfg(test)]
mod tests {
    use instant_acme::{Error, Problem};

    use super::*;

    fn refusal(kind: &str) -> OrderError {
        let problem = format!(r#"{{"type":"urn:ietf:params:acme:error:{kind}","status":400}}"#);
        let problem: Problem = serde_json::from_str(&problem).expect("a problem document");
        OrderError::Directory(Error::Api(problem))
    }

    #[test]
    fn the_delay_doubles_up_to_six_hours() {
        let mut delay = RetryDelay::default();
        let minutes: Vec<_> = (0..9)
            .map(|_| delay.after(&refusal("rateLimited")).as_secs() / 60)
            .collect();
        assert_eq!(minutes, [4, 8, 16, 32, 64, 128, 256, 360, 360]);
    }

    #[test]
    fn a_bad_nonce_is_retried_soon_but_not_for_ever() {
        let mut delay = RetryDelay::default();
        let seconds: Vec<_> = (0..7)
            .map(|_| delay.after(&refusal("badNonce")).as_secs())
            .collect();
        assert_eq!(seconds, [5, 5, 5, 5, 5, 240, 480]);
        assert!(!OrderError::TimedOut(MIN).is_bad_nonce());
    }
}
