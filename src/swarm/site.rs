//! Defines the site of a member: a place with networks of its own, such as a school or an office.
//!
//! A plain number. This room knows neither the name of a site nor its networks; `node` gives out the numbers.

use std::num::NonZeroU16;

/// The site of a connection. Two connections with the same number are at the same place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SiteId(NonZeroU16);

// Each connection stores one.
const _: () = assert!(size_of::<Option<SiteId>>() == 2);

impl SiteId {
    /// Most sites that ids can distinguish.
    pub const SITES_MAX: usize = u16::MAX as usize;

    /// Creates the id with this number.
    #[must_use]
    pub const fn new(number: NonZeroU16) -> Self {
        Self(number)
    }

    /// Returns the number.
    #[must_use]
    pub const fn number(self) -> NonZeroU16 {
        self.0
    }
}
