//! Assigns each slot to a node by rendezvous hashing: the owner is the node with the highest hash of node and slot.
//!
//! When a node joins or leaves, only its own slots move: about one of N.

use super::{NodeId, Slot, Slots};

/// The owner of each slot, as one node sees it.
#[derive(Debug)]
pub(super) struct Ownership {
    owners: Vec<NodeId>,
}

impl Ownership {
    /// Creates the table of a node that is alone.
    pub(super) fn new(slots: Slots, me: NodeId) -> Self {
        Self {
            owners: vec![me; usize::from(slots.count())],
        }
    }

    /// Returns the owner of a slot.
    pub(super) fn owner(&self, slot: Slot) -> Option<NodeId> {
        self.owners.get(usize::from(slot.0)).copied()
    }

    /// Assigns all slots to `nodes`, and returns those that have moved, with their previous owners.
    pub(super) fn assign(&mut self, nodes: &[NodeId]) -> Vec<(Slot, NodeId)> {
        let mut moved = Vec::new();
        for (slot, owner) in (0_u16..).map(Slot).zip(&mut self.owners) {
            let highest = nodes
                .iter()
                .max_by_key(|node| (weight(**node, slot), **node));
            if let Some(highest) = highest.filter(|highest| *highest != owner) {
                moved.push((slot, *owner));
                *owner = *highest;
            }
        }
        moved
    }
}

/// Mixes node and slot (the finalizer of `SplitMix64`). Node ids are random, so no key is needed.
fn weight(node: NodeId, slot: Slot) -> u64 {
    let mut mixed = node
        .to_bits()
        .wrapping_add(u64::from(slot.0).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ mixed >> 31
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::cluster::HashKey;

    fn slots() -> Slots {
        Slots::new(Slots::COUNT, HashKey::new([7; 2]))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]

        #[test]
        fn a_joining_or_leaving_node_moves_only_its_share(
            ids in prop::collection::btree_set(any::<u64>(), 2..20),
            fresh: u64,
        ) {
            let ids: BTreeSet<NodeId> = ids.into_iter().map(NodeId::new).collect();
            let newcomer = NodeId::new(fresh);
            prop_assume!(!ids.contains(&newcomer));
            let before: Vec<_> = ids.iter().copied().collect();
            let mut after = before.clone();
            after.push(newcomer);
            let mut table = Ownership::new(slots(), before[0]);
            table.assign(&before);

            let joined = table.assign(&after);
            for (slot, _) in &joined {
                prop_assert_eq!(table.owner(*slot), Some(newcomer));
            }
            // Within five standard deviations of 4096 / N.
            let count = |slots: usize| f64::from(u32::try_from(slots).unwrap());
            let expected = f64::from(Slots::COUNT) / count(after.len());
            let off = (count(joined.len()) - expected).abs();
            prop_assert!(off < 5.0 * expected.sqrt(), "{} instead of {expected}", joined.len());

            let left = table.assign(&before);
            prop_assert_eq!(left.len(), joined.len());
            prop_assert!(left.iter().all(|(_, owner)| *owner == newcomer));
            // The order of the list does not matter.
            let reversed: Vec<_> = before.iter().rev().copied().collect();
            prop_assert!(table.assign(&reversed).is_empty());
        }
    }

    #[test]
    fn nobody_else_changes_nothing() {
        let me = NodeId::new(5);
        let mut table = Ownership::new(slots(), me);
        assert!(table.assign(&[]).is_empty());
        assert!(table.assign(&[me]).is_empty());
        assert_eq!(table.owner(Slot(0)), Some(me));
        assert_eq!(table.owner(Slot(Slots::COUNT)), None);
    }
}
