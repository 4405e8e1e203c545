//! Numbers the members of a swarm, so that an introduction stores its other member in twelve bits.

/// Bits for older answered introductions. In swarms that never had more members, each member has a bit of its own.
pub(in crate::swarm) const BITS: usize = 128;

/// The number of a member in its swarm, in the order of joining. It wraps around after 4,095: two members of a larger swarm
/// may share one, and are then taken for each other now and then. Never 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::swarm) struct Serial(u16);

impl Serial {
    /// The bits that a serial uses.
    pub(super) const MASK: u16 = 0xfff;

    pub(in crate::swarm) const fn new(number: u16) -> Self {
        let number = number & Self::MASK;
        Self(if number == 0 { 1 } else { number })
    }

    pub(super) const fn get(self) -> u16 {
        self.0
    }

    pub(in crate::swarm) const fn next(self) -> Self {
        Self::new(self.0 + 1)
    }

    /// Returns whether the bit that stands for the member is set.
    #[inline]
    pub(super) fn is_in(self, bits: u128) -> bool {
        let place = usize::from(self.0) % BITS;
        let byte = bits.to_le_bytes().get(place / 8).copied();
        byte.is_some_and(|byte| byte >> (place % 8) & 1 != 0)
    }

    /// Returns the bit that stands for the member.
    pub(in crate::swarm) const fn bit(self) -> u128 {
        1 << (self.0 as usize % BITS)
    }
}
