//! Says in one sentence why a peer is alone in its swarm: why it never had an answered introduction.

use std::time::Duration;

use crate::swarm::MemberIntroductions;

/// A younger connection has only just come: clients gather addresses for up to five seconds before they offer.
const JUST_CONNECTED: Duration = Duration::from_secs(10);

/// What is known of a peer over WebSockets.
#[derive(Debug, Clone, Copy)]
pub(super) struct PeerFacts {
    pub(super) introductions: MemberIntroductions,
    /// Other members of its swarm over WebSockets.
    pub(super) others: usize,
    /// Since its connection was opened.
    pub(super) age: Duration,
    pub(super) is_blocked: bool,
    /// Relayed offers of its connection.
    pub(super) offers: u32,
}

/// Why a peer is alone. In the order in which the causes are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AloneReason {
    NobodyElse,
    JustConnected,
    Blocked,
    AnswerPending,
    DoesNotAnswer,
    NotAnswered,
    NoOffers,
    NotIntroduced,
}

impl AloneReason {
    /// Returns why a peer is alone; `None` if it is not.
    pub(super) fn of(peer: &PeerFacts) -> Option<Self> {
        let known = peer.introductions;
        if !known.is_alone {
            return None;
        }
        Some(if peer.others == 0 {
            Self::NobodyElse
        } else if peer.age < JUST_CONNECTED {
            Self::JustConnected
        } else if peer.is_blocked {
            Self::Blocked
        } else if known.under_way > 0 {
            Self::AnswerPending
        } else if known.missed > 0 {
            Self::DoesNotAnswer
        } else if known.was_introduced {
            Self::NotAnswered
        } else if peer.offers == 0 {
            Self::NoOffers
        } else {
            Self::NotIntroduced
        })
    }

    /// Returns the sentence.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::NobodyElse => "Nobody else is here over WebSockets.",
            Self::JustConnected => "It has only just connected.",
            Self::Blocked => "It does not read what it is sent, so it gets no offers.",
            Self::AnswerPending => "It was introduced a moment ago; the answer may still come.",
            Self::DoesNotAnswer => "It does not answer offers; perhaps its page is asleep.",
            Self::NotAnswered => "Its offers were not answered.",
            Self::NoOffers => "It makes no offers, and nobody has offered to it yet.",
            Self::NotIntroduced => {
                "None of its offers was relayed here, and nobody has offered to it yet."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(change: impl FnOnce(&mut PeerFacts)) -> PeerFacts {
        let mut facts = PeerFacts {
            introductions: MemberIntroductions {
                answered: 0,
                under_way: 0,
                missed: 0,
                was_introduced: true,
                is_alone: true,
            },
            others: 3,
            age: Duration::from_mins(1),
            is_blocked: false,
            offers: 5,
        };
        change(&mut facts);
        facts
    }

    #[test]
    fn each_cause_has_its_sentence() {
        type Change = fn(&mut PeerFacts);
        let causes: [(Change, AloneReason); 8] = [
            (|peer| peer.others = 0, AloneReason::NobodyElse),
            (
                |peer| peer.age = Duration::from_secs(9),
                AloneReason::JustConnected,
            ),
            (|peer| peer.is_blocked = true, AloneReason::Blocked),
            (
                |peer| peer.introductions.under_way = 1,
                AloneReason::AnswerPending,
            ),
            (
                |peer| peer.introductions.missed = 1,
                AloneReason::DoesNotAnswer,
            ),
            (|_| {}, AloneReason::NotAnswered),
            (
                |peer| (peer.introductions.was_introduced, peer.offers) = (false, 0),
                AloneReason::NoOffers,
            ),
            (
                |peer| peer.introductions.was_introduced = false,
                AloneReason::NotIntroduced,
            ),
        ];
        for (change, reason) in causes {
            assert_eq!(AloneReason::of(&facts(change)), Some(reason));
            assert!(reason.text().ends_with('.'), "{reason:?}");
        }
        let met = facts(|peer| peer.introductions.is_alone = false);
        assert_eq!(AloneReason::of(&met), None);
    }

    #[test]
    fn the_first_cause_counts() {
        let new_and_silent = facts(|peer| {
            peer.age = Duration::from_secs(1);
            peer.introductions.missed = 2;
        });
        assert_eq!(
            AloneReason::of(&new_and_silent),
            Some(AloneReason::JustConnected)
        );
    }
}
