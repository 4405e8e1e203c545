//! Random numbers of a simulation: the same seed, the same run.

use std::time::Duration;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// The characters of identifiers that clients write as text.
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// A source of random numbers for one purpose.
pub(crate) struct Random(SmallRng);

impl Random {
    /// Creates the source for a purpose, such as the plan of a scenario. Sources of different purposes are independent.
    pub(crate) fn new(purpose: &str, seed: u64) -> Self {
        Self(SmallRng::seed_from_u64(hash(purpose.as_bytes(), seed)))
    }

    /// Returns the plain generator, for the tracker.
    pub(crate) fn into_rng(self) -> SmallRng {
        self.0
    }

    /// Returns a time of a range, each equally likely.
    pub(crate) fn between(&mut self, low: Duration, high: Duration) -> Duration {
        low + high.saturating_sub(low).mul_f64(self.fraction())
    }

    /// Returns a time of a range, spread evenly over the orders of magnitude: most are short.
    pub(crate) fn log_between(&mut self, low: Duration, high: Duration) -> Duration {
        low.mul_f64(high.div_duration_f64(low).powf(self.fraction()))
    }

    /// Returns a time with an exponential distribution, as between independent events.
    pub(crate) fn exponential(&mut self, mean: Duration) -> Duration {
        mean.mul_f64(-(1.0 - self.fraction()).ln())
    }

    /// Returns a factor of a range.
    pub(crate) fn factor(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.fraction()
    }

    /// Returns true with this probability.
    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.fraction() < probability
    }

    /// Returns 20 letters and digits that begin with `prefix`.
    pub(crate) fn identifier(&mut self, prefix: &str) -> [u8; 20] {
        let mut bytes = [0; 20];
        for (index, byte) in bytes.iter_mut().enumerate() {
            let letter = LETTERS[self.0.random_range(0..LETTERS.len())];
            *byte = prefix.as_bytes().get(index).copied().unwrap_or(letter);
        }
        bytes
    }

    fn fraction(&mut self) -> f64 {
        self.0.random()
    }
}

/// Returns whether something with this probability holds for two identifiers: always the same result for a pair and a
/// seed, in either order.
pub(crate) fn holds_for_pair(pair: [&[u8; 20]; 2], seed: u64, probability: f64) -> bool {
    let [first, second] = pair.map(|id| hash(id, seed));
    let mut random = Random(SmallRng::seed_from_u64(first ^ second));
    random.chance(probability)
}

/// FNV-1a, started with a seed.
fn hash(bytes: &[u8], seed: u64) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bytes.iter().fold(start, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
