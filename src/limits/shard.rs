//! Evicts entries from one shard of an address table.

use std::collections::HashMap;

use super::RateKey;

/// Maximum capacity of a shard, as a multiple of its entries.
const CAPACITY_FACTOR_MAX: usize = 4;

/// Removes entries that `is_kept` rejects, and frees excess capacity. Returns the number of removed entries.
pub(super) fn retain<V>(
    shard: &mut HashMap<RateKey, V>,
    mut is_kept: impl FnMut(&mut V) -> bool,
) -> usize {
    let before = shard.len();
    shard.retain(|_, value| is_kept(value));
    if shard.capacity() > CAPACITY_FACTOR_MAX * shard.len() {
        shard.shrink_to(2 * shard.len());
    }
    before - shard.len()
}
