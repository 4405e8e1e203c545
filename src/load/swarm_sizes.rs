//! Swarm sizes: draws them from the chosen distribution, so that they add up to the number of connections.

use std::fmt;
use std::str::FromStr;

use rand::{Rng, RngExt};

/// The distribution of swarm sizes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SwarmSize {
    /// All swarms of one size; the last may be smaller.
    Fixed(usize),
    /// Uniformly distributed sizes from the first to the second.
    Uniform(usize, usize),
    /// A few large swarms and many small ones: the swarm of rank `r` has `largest / r^exponent` members.
    Zipf {
        /// Members of the largest swarm.
        largest: usize,
        /// How fast the sizes decrease.
        exponent: f64,
    },
    /// All members in one swarm.
    One,
}

impl SwarmSize {
    /// Returns the sizes of all swarms; they add up to `members`, and none is 0.
    pub(super) fn sizes(self, members: usize, rng: &mut impl Rng) -> Vec<usize> {
        let (mut sizes, mut left) = (Vec::new(), members);
        while left > 0 {
            let wanted = match self {
                Self::Fixed(size) => size,
                Self::Uniform(least, most) => rng.random_range(least..=most),
                Self::Zipf { largest, exponent } => zipf(largest, exponent, sizes.len() + 1),
                Self::One => members,
            };
            let size = wanted.clamp(1, left);
            sizes.push(size);
            left -= size;
        }
        sizes
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "sizes are far below 2^52, and a quotient of positive numbers is positive"
)]
fn zipf(largest: usize, exponent: f64, rank: usize) -> usize {
    (largest as f64 / (rank as f64).powf(exponent)).round() as usize
}

impl FromStr for SwarmSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let usage = || {
            "give a number such as 50, a range such as 10-100, zipf:LARGEST such as zipf:1000, or one".to_owned()
        };
        let size = |text: &str| match text.parse() {
            Ok(0) | Err(_) => Err(usage()),
            Ok(size) => Ok(size),
        };
        if text == "one" {
            return Ok(Self::One);
        }
        if let Some(rest) = text.strip_prefix("zipf:") {
            let (largest, exponent) = rest.split_once(':').unwrap_or((rest, "1"));
            let exponent = exponent.parse().map_err(|_| usage())?;
            if !(0.0..=10.0).contains(&exponent) {
                return Err("the exponent of zipf must be from 0 to 10".to_owned());
            }
            return Ok(Self::Zipf {
                largest: size(largest)?,
                exponent,
            });
        }
        match text.split_once('-') {
            None => Ok(Self::Fixed(size(text)?)),
            Some((least, most)) => {
                let (least, most) = (size(least)?, size(most)?);
                if least > most {
                    return Err("write the smaller size first".to_owned());
                }
                Ok(Self::Uniform(least, most))
            }
        }
    }
}

impl fmt::Display for SwarmSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => write!(f, "{size}"),
            Self::Uniform(least, most) => write!(f, "{least}-{most}"),
            Self::Zipf { largest, exponent } => write!(f, "zipf:{largest}:{exponent}"),
            Self::One => f.write_str("one"),
        }
    }
}

/// Divides the swarms among threads. A swarm stays on one thread, which checks all its messages against the sent ones.
pub(super) fn split_among_threads(mut sizes: Vec<usize>, threads: usize) -> Vec<Vec<usize>> {
    let mut shares = vec![(0, Vec::new()); threads.clamp(1, sizes.len().max(1))];
    sizes.sort_unstable_by(|a, b| b.cmp(a));
    for size in sizes {
        // The sum is stored beside the share: adding up a million swarms for each of them would take minutes.
        if let Some((members, share)) = shares.iter_mut().min_by_key(|(members, _)| *members) {
            *members += size;
            share.push(size);
        }
    }
    shares.into_iter().map(|(_, share)| share).collect()
}

/// Divides a number into parts by their weights. The parts add up exactly; each is its share rounded up or down.
pub(super) fn split_by_weight(whole: u64, weights: &[u64]) -> Vec<u64> {
    let weight_sum = weights.iter().copied().map(u128::from).sum::<u128>().max(1);
    let mut sum = 0;
    let mut assigned = 0;
    let mut part = |&weight: &u64| {
        sum += u128::from(weight);
        let until = u64::try_from(u128::from(whole) * sum / weight_sum).unwrap_or(whole);
        until - std::mem::replace(&mut assigned, until)
    };
    weights.iter().map(&mut part).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    fn drawn(spec: &str, members: usize) -> Vec<usize> {
        let size: SwarmSize = spec.parse().unwrap();
        let sizes = size.sizes(members, &mut SmallRng::seed_from_u64(1));
        assert_eq!(sizes.iter().sum::<usize>(), members, "{spec}");
        assert!(sizes.iter().all(|&size| size > 0), "{spec}");
        sizes
    }

    #[test]
    fn sizes_follow_the_distribution_and_add_up() {
        assert_eq!(drawn("50", 120), [50, 50, 20]);
        assert_eq!(drawn("one", 7), [7]);
        assert_eq!(drawn("zipf:100", 208)[..4], [100, 50, 33, 25]);
        let uniform = drawn("10-20", 10_000);
        let all_but_last = &uniform[..uniform.len() - 1];
        assert!(all_but_last.iter().all(|size| (10..=20).contains(size)));
        for size in 10..=20 {
            assert!(all_but_last.contains(&size), "{size} is missing");
        }
    }

    #[test]
    fn a_wrong_distribution_is_refused() {
        for text in ["0", "x", "20-10", "zipf:0", "zipf:9:x", "zipf:9:-1", ""] {
            assert!(text.parse::<SwarmSize>().is_err(), "{text}");
        }
        for text in ["50", "10-20", "zipf:100:1.5", "one"] {
            let size: SwarmSize = text.parse().unwrap();
            assert_eq!(size.to_string(), text);
        }
    }

    #[test]
    fn swarms_are_divided_evenly_and_stay_whole() {
        let shares = split_among_threads(vec![10; 9], 4);
        let mut members: Vec<usize> = shares.iter().map(|share| share.iter().sum()).collect();
        members.sort_unstable();
        assert_eq!(members, [20, 20, 20, 30]);
        assert_eq!(
            split_among_threads(vec![5], 8).len(),
            1,
            "a swarm is never divided"
        );
    }

    #[test]
    fn a_number_is_divided_exactly_in_proportion_to_the_weights() {
        for (whole, weights) in [
            (64, &[20, 30, 30, 20][..]),
            (8, &[20, 10]),
            (1, &[7, 7, 7]),
            (0, &[3, 4]),
            (100, &[1, 98, 1]),
            (u64::MAX, &[1, 1, 1]),
        ] {
            let parts = split_by_weight(whole, weights);
            assert_eq!(parts.iter().sum::<u64>(), whole, "{weights:?}");
            let all: u64 = weights.iter().sum();
            for (&part, &weight) in parts.iter().zip(weights) {
                let down = u128::from(whole) * u128::from(weight) / u128::from(all);
                assert!((down..=down + 1).contains(&u128::from(part)), "{parts:?}");
                assert!(whole > all || part <= weight, "{parts:?}");
            }
        }
        assert_eq!(split_by_weight(10, &[0, 5, 0]), [0, 10, 0]);
        assert!(split_by_weight(10, &[]).is_empty());
    }

    #[test]
    fn a_million_swarms_are_divided_without_delay() {
        let shares = split_among_threads(vec![1; 1_000_000], 4);
        let swarms: Vec<usize> = shares.iter().map(Vec::len).collect();
        assert_eq!(swarms, [250_000; 4]);
    }
}
