//! Matchmaking: remembers which members were introduced to each other and who answered, and chooses the receivers of offers
//! by that. `docs/matchmaking.md` explains the rules and what they buy.
//!
//! An introduction is an offer that was relayed, and its answer. Nothing of the offer itself is stored.

mod answer_lesson;
mod candidates;
mod choice;
mod cost;
mod introduction;
mod introduction_record;
mod pace;
mod patience;
mod queue;
mod recent_introductions;
mod rotations;
mod sender;
mod serial;

pub(super) use candidates::ALL_LOOKED_AT_MAX;
pub(super) use choice::{choose, choose_for_remote};
pub(super) use introduction::{MatchClock, Progress};
pub(super) use introduction_record::IntroductionRecord;
pub(super) use patience::Patience;
pub(super) use rotations::Rotations;
pub(super) use sender::{Candidate, is_wrong_way};
pub(super) use serial::{BITS, Serial};

pub use answer_lesson::AnswerLesson;
pub use choice::MatchTally;
pub use pace::Pace;

/// `tracker.matchmaking`: how the receivers of offers are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Matchmaking {
    /// By what earlier introductions have taught.
    #[default]
    Introductions,
    /// At random. Nothing is remembered.
    Random,
}

#[cfg(test)]
mod tests;
