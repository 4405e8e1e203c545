//! What speaks for and against a candidate, as numbers: the lowest is chosen first. All is order, because a client that seems
//! to ignore offers may only be slow.

/// All eight stored introductions of the candidate are under way.
pub(super) const CROWDED: u32 = 50;
/// The two are acquainted, so most likely connected. Less the seconds since their last offer: the oldest first, as its
/// connection may have ended.
pub(super) const ACQUAINTED: u32 = 100_000;
/// The age of an acquaintance that only a bit remembers.
pub(super) const OLD_ACQUAINTANCE_SECONDS: u32 = 3_600;
/// Both are seeders, which have nothing for each other.
pub(super) const BOTH_SEEDERS: u32 = 10_000;
/// The candidate ignores the offer: of two clients like trystero only the one with the lower id offers.
pub(super) const WRONG_WAY: u32 = 20_000;
/// An offer to this candidate is under way already.
pub(super) const UNDER_WAY: u32 = 1_000;
/// For each member of the same address group that was chosen for this announce: one address is one voice. More than any number
/// of introductions, less than a member costs that is surely asleep.
pub(super) const GROUP_TURN: u32 = 150;
/// For each unanswered offer in a row between the two: their networks may not allow it.
pub(super) const UNANSWERED_TRY: u32 = 30;
/// For each unanswered offer in a row to the candidate, from two on: it may be asleep.
pub(super) const MISSED: u32 = 20;
pub(super) const MISSED_MAX: u8 = 10;
/// A seeder is worth more than this many introductions to a leecher that has met fewer than two.
pub(super) const SEEDER_BONUS: u32 = 50;
pub(super) const SEEDERS_WANTED: u8 = 2;
/// A member of the same site, and of the same address if `tracker.nearest` is on.
pub(super) const NEAR_BONUS: u32 = 1_000;
/// From here on a candidate is a last resort, which no bonus brings forward.
pub(super) const LAST_RESORT: u32 = BOTH_SEEDERS / 2;
/// Added to all costs so that a bonus makes none negative.
pub(super) const BASE: u32 = SEEDER_BONUS + NEAR_BONUS;

/// Why a candidate comes earlier than its introductions alone would allow. An announce gives only so many of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bonus {
    None,
    /// A seeder for a leecher that knows too few.
    Seeder,
    /// The same site.
    Site,
    /// The same address.
    Address,
}

impl Bonus {
    pub(super) fn value(self) -> u32 {
        match self {
            Self::None => 0,
            Self::Seeder => SEEDER_BONUS,
            Self::Site | Self::Address => NEAR_BONUS,
        }
    }
}

/// What speaks for and against a candidate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// Without the bonus.
    pub(super) value: u32,
    /// The part of it that says how little the candidate needs introductions.
    pub(super) need: u32,
    pub(super) bonus: Bonus,
    pub(super) is_acquainted: bool,
    /// The candidate ignores the offer, so nothing follows from its silence.
    pub(super) is_wrong_way: bool,
}
