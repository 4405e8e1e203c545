//! One of the parts that tables of addresses are divided into.

use std::collections::HashMap;

use super::Key;

/// How many times as much room as entries a part may have.
const ROOM_MAX: usize = 4;

/// Forgets what is not to be kept, and gives back room that is then too much. How many were forgotten.
pub(super) fn retain<V>(
    shard: &mut HashMap<Key, V>,
    mut is_kept: impl FnMut(&mut V) -> bool,
) -> usize {
    let before = shard.len();
    shard.retain(|_, value| is_kept(value));
    if shard.capacity() > ROOM_MAX * shard.len() {
        shard.shrink_to(2 * shard.len());
    }
    before - shard.len()
}
