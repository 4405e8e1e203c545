//! Derives what became of the introductions of a watched swarm, for the operator.

use std::collections::HashMap;
use std::time::Duration;

use super::Introduction;
use crate::protocol::PeerId;

/// An offer without an answer for so long counts as never answered: the longest time that matchmaking waits for one. A later
/// answer is still relayed and shown.
const ANSWER_EXPECTED_WITHIN: Duration = Duration::from_secs(10);
/// Offers in both directions within this time have crossed: clients need about as long to gather addresses for an answer.
const CROSSED_WITHIN: Duration = Duration::from_secs(5);

/// What became of one introduction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntroductionProgress {
    /// Whether it was answered.
    pub answer: AnswerProgress,
    /// The other peer offered to this one at about the same time, so their two offers have crossed.
    pub is_crossed: bool,
    /// An earlier introduction of the two peers was answered, so it led to no lasting connection.
    pub is_repeated: bool,
}

/// Whether an offer was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerProgress {
    /// Not yet; its receiver still has time.
    Waiting,
    /// It was never answered.
    Unanswered,
    /// It was answered.
    Answered,
}

impl AnswerProgress {
    /// Returns its name in the API.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Unanswered => "unanswered",
            Self::Answered => "answered",
        }
    }
}

/// Returns the progress of each introduction of one swarm, in their order. `now` is the time since the process started.
#[must_use]
pub fn progress_of(introductions: &[Introduction], now: Duration) -> Vec<IntroductionProgress> {
    let mut of_pair: HashMap<(PeerId, PeerId), Vec<&Introduction>> = HashMap::new();
    for one in introductions {
        of_pair.entry(pair(one)).or_default().push(one);
    }
    let progress = introductions.iter().map(|one| {
        let others = of_pair.get(&pair(one)).map_or(&[][..], Vec::as_slice);
        IntroductionProgress {
            answer: answer(one, now),
            is_crossed: others.iter().any(|other| have_crossed(one, other)),
            is_repeated: others.iter().any(|other| was_answered_before(other, one)),
        }
    });
    progress.collect()
}

/// Returns the two peers, whoever offered.
fn pair(one: &Introduction) -> (PeerId, PeerId) {
    if one.from.as_bytes() < one.to.as_bytes() {
        (one.from, one.to)
    } else {
        (one.to, one.from)
    }
}

fn answer(one: &Introduction, now: Duration) -> AnswerProgress {
    let is_young = now.saturating_sub(one.offered_at) < ANSWER_EXPECTED_WITHIN;
    match one.answered_at {
        Some(_) => AnswerProgress::Answered,
        None if is_young => AnswerProgress::Waiting,
        None => AnswerProgress::Unanswered,
    }
}

/// Returns whether two introductions of a pair have opposite directions, and the later one began while the other was young
/// and without answer.
fn have_crossed(one: &Introduction, other: &Introduction) -> bool {
    let (first, second) = if one.offered_at <= other.offered_at {
        (one, other)
    } else {
        (other, one)
    };
    one.from == other.to
        && second.offered_at.saturating_sub(first.offered_at) <= CROSSED_WITHIN
        && !was_answered_before(first, second)
}

fn was_answered_before(earlier: &Introduction, later: &Introduction) -> bool {
    earlier
        .answered_at
        .is_some_and(|answered_at| answered_at <= later.offered_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1000);

    /// Creates an introduction: the peers, the seconds of offer and answer before [`NOW`].
    fn introduction([from, to]: [u8; 2], offered: u64, answered: Option<u64>) -> Introduction {
        let at = |seconds| NOW.saturating_sub(Duration::from_secs(seconds));
        Introduction::example([from, to], at(offered), answered.map(at))
    }

    #[test]
    fn an_unanswered_offer_waits_for_ten_seconds() {
        let answers = [(9, None), (11, None), (90, Some(80))].map(|(offered, answered)| {
            progress_of(&[introduction([1, 2], offered, answered)], NOW)[0].answer
        });
        let wanted = [
            AnswerProgress::Waiting,
            AnswerProgress::Unanswered,
            AnswerProgress::Answered,
        ];
        assert_eq!(answers, wanted);
        assert_eq!(
            wanted.map(AnswerProgress::label),
            ["waiting", "unanswered", "answered"]
        );
    }

    #[test]
    fn only_opposite_offers_at_the_same_time_cross() {
        let crossed = |list: &[Introduction]| {
            let progress = progress_of(list, NOW);
            progress
                .iter()
                .map(|one| one.is_crossed)
                .collect::<Vec<_>>()
        };
        let first = introduction([1, 2], 60, None);
        assert_eq!(
            crossed(&[first, introduction([2, 1], 56, Some(50))]),
            [true, true]
        );
        assert_eq!(
            crossed(&[first, introduction([2, 1], 54, None)]),
            [false, false]
        );
        assert_eq!(
            crossed(&[first, introduction([1, 2], 60, None)]),
            [false, false]
        );
        assert_eq!(
            crossed(&[first, introduction([3, 1], 60, None)]),
            [false, false]
        );
        let answered = introduction([1, 2], 60, Some(59));
        assert_eq!(
            crossed(&[answered, introduction([2, 1], 58, None)]),
            [false, false]
        );
    }

    #[test]
    fn an_introduction_after_an_answer_is_repeated() {
        let list = [
            introduction([1, 2], 300, Some(299)),
            introduction([1, 3], 200, None),
            introduction([2, 1], 100, None),
            introduction([1, 3], 90, None),
        ];
        let repeated = progress_of(&list, NOW);
        let repeated: Vec<_> = repeated.iter().map(|one| one.is_repeated).collect();
        assert_eq!(repeated, [false, false, true, false]);
    }
}
