//! Decides how soon a member should announce again: soon while it has few introductions, later when it has many.

use super::introduction_record::IntroductionRecord;

/// How soon a member should announce again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pace {
    /// It has too few answered introductions. It has had so many short intervals in a row, at most seven.
    Lonely(u8),
    /// Its announces cost its page nothing, and it repeats the same offers: trystero.
    Brisk,
    /// Nothing speaks for another interval than the usual one.
    #[default]
    Usual,
    /// It has many introductions, so it waits first when the load grows.
    Sated,
}

/// Answered introductions below which a member is lonely, unless there are fewer others.
const ANSWERED_WANTED: usize = 3;
/// A member that left so many offers in a row unanswered is not asked back sooner: most such members are full, and their
/// announces would hide those that accept others.
const MISSED_MAX: u8 = 4;
/// Short intervals in a row after which a client like trystero gets the brisk one.
const LONELY_BEFORE_BRISK: u8 = 2;
/// Answered introductions from which on a member is sated.
const SATED: u8 = 20;

impl Pace {
    /// Returns the pace for the reply to a member of a swarm with so many others, and counts a short interval.
    pub(in crate::swarm) fn of_reply(record: &mut IntroductionRecord, others: usize) -> Self {
        let wanted = ANSWERED_WANTED.min(others);
        if usize::from(record.answered()) < wanted && record.missed() < MISSED_MAX {
            let before = record.count_lonely_reply();
            // After two short intervals the brisk one is shorter.
            if before < LONELY_BEFORE_BRISK || !record.cannot_cross() {
                return Self::Lonely(before);
            }
            return Self::Brisk;
        }
        record.end_lonely_replies();
        if record.cannot_cross() {
            Self::Brisk
        } else if record.answered() >= SATED {
            Self::Sated
        } else {
            Self::Usual
        }
    }
}
