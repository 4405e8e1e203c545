//! What was counted: messages that came as they should, and each kind of fault. Plain numbers; threads' tallies add up.

use std::collections::BTreeMap;

use serde::Serialize;

macro_rules! tally {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What became of every message of a run, warm-up included.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
        pub struct Tally {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl std::ops::AddAssign for Tally {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

tally! {
    /// Announces sent, answers not counted.
    announces_sent,
    /// Announces that were replied to.
    replies,
    /// Announces without a reply in time.
    replies_lost,
    /// Replies that nobody waited for.
    replies_duplicated,
    /// Replies to answers, which some trackers send.
    replies_to_answers,
    /// `stopped` announces without a reply, which some trackers do not send.
    stops_unreplied,
    /// Replies that count another number of members than there are.
    counts_off,
    /// Offers sent.
    offers_sent,
    /// Offers that came to another member of the swarm.
    offers_relayed,
    /// Offers that came to nobody although there was somebody.
    offers_lost,
    /// Offers that came to nobody while members were coming or going.
    offers_excused,
    /// Offers that came again, to the same member or another.
    offers_duplicated,
    /// Offers that came back to their sender.
    offers_to_sender,
    /// Offers that came to a member of another swarm, or of none.
    offers_wrong_swarm,
    /// Offers that nobody sent.
    offers_unknown,
    /// Offers that did not say what was sent.
    offers_altered,
    /// Offers that came to a member that had got one of the same announce.
    offers_repeated_receiver,
    /// Answers sent.
    answers_sent,
    /// Answers that came to the member that had offered.
    answers_received,
    /// Answers that did not come in time.
    answers_lost,
    /// Answers that did not come because one of the two had gone.
    answers_excused,
    /// Answers that came again.
    answers_duplicated,
    /// Answers that came to another member than the one that offered.
    answers_wrong_member,
    /// Answers that nobody sent.
    answers_unknown,
    /// Answers that did not say what was sent.
    answers_altered,
    /// Scrapes sent.
    scrapes_sent,
    /// Scrapes that were replied to.
    scrapes_replied,
    /// Scrapes without a reply in time.
    scrapes_lost,
    /// Replies to scrapes that lack the swarm asked for, or that nobody waited for.
    scrapes_wrong,
    /// Messages that no tracker should send.
    messages_invalid,
    /// Failures that the tracker answered with.
    failures,
    /// Connections that the tracker ended.
    connections_ended,
}

impl Tally {
    /// Announces and scrapes that got no reply in time.
    pub(super) const fn requests_lost(&self) -> u64 {
        self.replies_lost + self.scrapes_lost
    }

    /// What went wrong, in words, with how often.
    #[must_use]
    pub fn faults(&self) -> Vec<(u64, &'static str)> {
        let all = [
            (self.replies_lost, "announces got no reply in time"),
            (
                self.replies_duplicated,
                "replies came that nobody waited for",
            ),
            (
                self.offers_lost,
                "offers came to nobody although the swarm had members for them",
            ),
            (self.offers_duplicated, "offers came more than once"),
            (self.offers_to_sender, "offers came back to their sender"),
            (
                self.offers_wrong_swarm,
                "offers came to members of another swarm",
            ),
            (self.offers_unknown, "offers came that nobody sent"),
            (
                self.offers_altered,
                "offers came with other contents than were sent",
            ),
            (self.answers_lost, "answers did not come back in time"),
            (self.answers_duplicated, "answers came more than once"),
            (
                self.answers_wrong_member,
                "answers came to a member that had not offered",
            ),
            (self.answers_unknown, "answers came that nobody sent"),
            (
                self.answers_altered,
                "answers came with other contents than were sent",
            ),
            (self.scrapes_lost, "scrapes got no reply in time"),
            (
                self.scrapes_wrong,
                "replies to scrapes lacked the swarm asked for, or came unasked",
            ),
            (
                self.messages_invalid,
                "messages were none that a tracker sends",
            ),
            (self.failures, "requests were refused"),
            (
                self.connections_ended,
                "connections were ended by the tracker",
            ),
        ];
        all.into_iter().filter(|(count, _)| *count > 0).collect()
    }

    /// What is worth knowing, but no fault by the protocol.
    #[must_use]
    pub fn remarks(&self) -> Vec<(u64, &'static str)> {
        let all = [
            (
                self.replies_to_answers,
                "answers were replied to, which costs a message each",
            ),
            (self.stops_unreplied, "stopped announces got no reply"),
            (
                self.counts_off,
                "replies counted another number of members than there were",
            ),
            (
                self.offers_repeated_receiver,
                "offers went to a member that had got one of the same announce",
            ),
            (
                self.offers_excused,
                "offers came to nobody while members came or went",
            ),
            (
                self.answers_excused,
                "answers did not come because one of the two had gone",
            ),
        ];
        all.into_iter().filter(|(count, _)| *count > 0).collect()
    }
}

/// Texts of different errors that are kept apart; what comes later is counted together.
const KINDS_MAX: usize = 20;
const TEXT_CHARACTERS_MAX: usize = 160;
const OTHERS: &str = "others";

/// Errors in their own words, with how often each came.
#[derive(Debug, Clone, Default)]
pub(super) struct Errors(BTreeMap<String, u64>);

impl Errors {
    /// Counts one.
    pub(super) fn add(&mut self, text: &str) {
        self.add_many(text, 1);
    }

    fn add_many(&mut self, text: &str, count: u64) {
        if let Some(known) = self.0.get_mut(text) {
            *known += count;
            return;
        }
        let readable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        let text = if self.0.len() < KINDS_MAX {
            text.chars()
                .take(TEXT_CHARACTERS_MAX)
                .map(readable)
                .collect()
        } else {
            OTHERS.to_owned()
        };
        *self.0.entry(text).or_default() += count;
    }

    /// Takes in those of another thread.
    pub(super) fn merge(&mut self, other: Self) {
        for (text, count) in other.0 {
            self.add_many(&text, count);
        }
    }

    pub(super) fn into_map(self) -> BTreeMap<String, u64> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_called_out_and_what_is_allowed_is_not() {
        let fine = Tally {
            replies: 5,
            offers_relayed: 9,
            counts_off: 1,
            replies_to_answers: 2,
            ..Tally::default()
        };
        assert_eq!(fine.faults(), []);
        assert_eq!(fine.remarks().len(), 2);
        let mut both = fine;
        both += Tally {
            offers_lost: 2,
            replies: 1,
            ..Tally::default()
        };
        assert_eq!(both.replies, 6);
        assert_eq!(both.faults().len(), 1);
        assert_eq!(both.faults()[0].0, 2);
    }

    #[test]
    fn a_tracker_that_invents_reasons_does_not_grow_the_report() {
        let mut errors = Errors::default();
        for number in 0..1000 {
            errors.add(&format!("{number}\n{}", "x".repeat(1000)));
        }
        let map = errors.into_map();
        assert_eq!(map.len(), KINDS_MAX + 1);
        assert_eq!(map.values().sum::<u64>(), 1000);
        assert!(
            map.keys()
                .all(|text| text.chars().count() <= TEXT_CHARACTERS_MAX && !text.contains('\n'))
        );
    }
}
