//! Chooses connections to close when memory is short: those of addresses that hold most in sum, until no address holds
//! more than others.
//!
//! By address, because a client with many connections can hold any amount with little in each. Plain values: the hub
//! measures connections and closes the chosen ones.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::num::NonZeroU64;
use std::time::Duration;

/// The memory that one connection holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionMemory {
    /// The address group of the connection; `None` for one that counts alone.
    pub group: Option<NonZeroU64>,
    /// Bytes that are freed when it closes, including those that every connection takes.
    pub bytes: usize,
    /// How long nothing was received.
    pub silence: Duration,
}

/// Chooses connections to close, as indices into `holdings`. Address groups that hold most are cut down to a common
/// level at which they free `surplus` bytes, but not below `usual`. In one group, connections that hold most close
/// first, then those that are silent for longest.
#[must_use]
pub fn choose_to_shed(holdings: &[ConnectionMemory], surplus: usize, usual: usize) -> Vec<usize> {
    let mut sums = HashMap::<NonZeroU64, usize>::new();
    for holding in holdings {
        if let Some(group) = holding.group {
            *sums.entry(group).or_default() += holding.bytes;
        }
    }
    let single = holdings.iter().filter(|holding| holding.group.is_none());
    let single = single.map(|holding| holding.bytes);
    let level = common_level(sums.values().copied().chain(single), surplus).max(usual);
    let is_over = |holding: &ConnectionMemory| {
        let sum = holding.group.and_then(|group| sums.get(&group));
        *sum.unwrap_or(&holding.bytes) > level
    };
    let candidates = holdings.iter().enumerate();
    let mut candidates: Vec<_> = candidates.filter(|(_, holding)| is_over(holding)).collect();
    candidates.sort_unstable_by_key(|(_, holding)| Reverse((holding.bytes, holding.silence)));
    let (mut chosen, mut freed) = (Vec::new(), 0);
    for (index, holding) in candidates {
        if freed >= surplus {
            break;
        }
        if let Some(sum) = holding.group.and_then(|group| sums.get_mut(&group)) {
            if *sum <= level {
                continue;
            }
            *sum -= holding.bytes;
        }
        freed += holding.bytes;
        chosen.push(index);
    }
    chosen
}

/// Returns the level above which these sums have `surplus` bytes in total; 0 if they have fewer.
fn common_level(sums: impl Iterator<Item = usize>, surplus: usize) -> usize {
    let mut sums: Vec<_> = sums.collect();
    sums.sort_unstable_by_key(|sum| Reverse(*sum));
    let next = sums.iter().skip(1).copied().chain([0]);
    let mut total = 0;
    for (number, (sum, next)) in (1..).zip(sums.iter().zip(next)) {
        total += sum;
        if total - number * next >= surplus {
            return total.saturating_sub(surplus) / number;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(group: u64, bytes: usize) -> ConnectionMemory {
        ConnectionMemory {
            group: NonZeroU64::new(group),
            bytes,
            silence: Duration::ZERO,
        }
    }

    #[test]
    fn small_connections_of_a_large_address_close_first() {
        let mut holdings: Vec<_> = (0..1000).map(|_| of(1, 8)).collect();
        holdings.extend((2..100).map(|group| of(group, 30)));
        holdings.extend((0..100).map(|_| of(0, 30)));
        let chosen = choose_to_shed(&holdings, 4000, 20);
        assert_eq!(chosen.len(), 500);
        assert!(chosen.iter().all(|place| *place < 1000));
    }

    #[test]
    fn the_largest_addresses_are_cut_down_to_one_level() {
        let part = |group, number| (0..number).map(move |_| of(group, 10));
        let holdings: Vec<_> = part(1, 100).chain(part(2, 60)).chain(part(3, 40)).collect();
        let freed = |surplus| {
            let chosen = choose_to_shed(&holdings, surplus, 0);
            [0..100, 100..160, 160..200].map(|part| {
                let of_part = chosen.iter().filter(|place| part.contains(*place));
                of_part.count()
            })
        };
        assert_eq!(freed(400), [40, 0, 0]);
        assert_eq!(freed(600), [50, 10, 0]);
        assert_eq!(freed(0), [0, 0, 0]);
        assert_eq!(freed(usize::MAX), [100, 60, 40]);
    }

    #[test]
    fn within_an_address_the_largest_close_first_then_the_silent() {
        let mut holdings = [of(1, 10), of(1, 10), of(1, 50), of(2, 10)];
        holdings[1].silence = Duration::from_secs(5);
        assert_eq!(choose_to_shed(&holdings, 50, 0), [2]);
        assert_eq!(choose_to_shed(&holdings, 55, 0), [2, 1]);
        assert_eq!(
            choose_to_shed(&holdings, 1000, 20),
            [2],
            "what is usual stays"
        );
    }
}
