//! Stores the positions of members that are taken in turn: each one goes to the end.
//!
//! It does not follow members that move: a position then names another member, or nobody. The caller checks that one when
//! its turn comes, and the member that has moved is added again when it announces. So an entry takes four bytes.

/// Positions that are looked at for each one that is taken.
const TRIES_PER_MEMBER: usize = 4;

/// Places by which it grows. Doubling would waste more bytes than a member may cost.
pub(super) const GROWTH: usize = 8;

/// Positions of members in the order of their turns. Each is in it once. They are few, so that moving them all costs less than
/// a ring.
#[derive(Debug, Default)]
pub(super) struct Rotation(Vec<u32>);

impl Rotation {
    pub(super) fn contains(&self, position: u32) -> bool {
        self.0.contains(&position)
    }

    /// Adds a position that it does not contain. Of those for which `is_mate` is true only the latest stay, `mates_max` of
    /// them, and `length_max` of all.
    pub(super) fn push(
        &mut self,
        position: u32,
        (mates_max, length_max): (usize, usize),
        is_mate: impl Fn(u32) -> bool,
    ) {
        let mates = self.0.iter().filter(|known| is_mate(**known)).count();
        let mut surplus = (mates + 1).saturating_sub(mates_max);
        if surplus > 0 {
            self.0.retain(|known| {
                let is_dropped = surplus > 0 && is_mate(*known);
                surplus -= usize::from(is_dropped);
                !is_dropped
            });
        }
        self.keep_latest(length_max.saturating_sub(1));
        if self.0.len() == self.0.capacity() {
            self.0.reserve_exact(GROWTH);
        }
        self.0.push(position);
    }

    fn keep_latest(&mut self, most: usize) {
        self.0.drain(..self.0.len().saturating_sub(most));
    }

    /// Moves positions that `may_stay` to the end, and drops the others on the way. Calls `add` with each one that stays.
    pub(super) fn take(
        &mut self,
        wanted: usize,
        may_stay: impl Fn(u32) -> bool,
        mut add: impl FnMut(u32),
    ) {
        let mut taken = 0;
        for _ in 0..self.0.len().min(TRIES_PER_MEMBER * wanted) {
            let Some(position) = self.0.first().copied() else {
                return;
            };
            if !may_stay(position) {
                self.0.remove(0);
                continue;
            }
            self.0.rotate_left(1);
            add(position);
            taken += 1;
            if taken == wanted {
                return;
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many positions it has memory for.
    pub(super) fn capacity(&self) -> usize {
        self.0.capacity()
    }

    #[cfg(test)]
    pub(super) fn positions(&self) -> impl Iterator<Item = u32> {
        self.0.iter().copied()
    }

    /// Drops the oldest over `most` and those that may not stay, and their memory.
    pub(super) fn shorten(&mut self, most: usize, may_stay: impl Fn(u32) -> bool) {
        self.0.retain(|position| may_stay(*position));
        self.keep_latest(most);
        self.0.shrink_to_fit();
    }
}
