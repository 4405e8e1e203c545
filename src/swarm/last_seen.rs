//! The last sign of life of a member and its flags, packed because there is one for each member.
//!
//! It counts whole seconds and does not wrap around: it stops after 34 years. A [`WrappingTime`](crate::timing::WrappingTime)
//! would leave no bits for the flags.

/// The second of the last announce or answer, for 34 years, and flags, in four bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct LastSeen(u32);

impl LastSeen {
    /// Its output is blocked.
    pub(super) const BLOCKED: u32 = 1 << 31;
    /// It has reported a completed download.
    pub(super) const COMPLETED: u32 = 1 << 30;
    const SECONDS: u32 = Self::COMPLETED - 1;

    pub(super) fn second(self) -> u32 {
        self.0 & Self::SECONDS
    }

    pub(super) fn touch(&mut self, second: u32) {
        self.0 = self.0 & !Self::SECONDS | second.min(Self::SECONDS);
    }

    pub(super) fn has_flag(self, flag: u32) -> bool {
        self.0 & flag != 0
    }

    pub(super) fn set_flag(&mut self, flag: u32, on: bool) {
        self.0 = if on { self.0 | flag } else { self.0 & !flag };
    }
}
