//! Counts of messages and of each kind of fault. Plain numbers; the counts of all threads are added up.

use std::collections::BTreeMap;

use serde::Serialize;

macro_rules! tally {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counts of all messages of a run by their fate, including the warm-up.
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
        pub struct MessageTally {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl std::ops::AddAssign for MessageTally {
            fn add_assign(&mut self, other: Self) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

tally! {
    /// Announces sent, without answers.
    announces_sent,
    /// Announces with a reply.
    replies,
    /// Announces without a reply in time.
    replies_lost,
    /// Replies that match no waiting request.
    replies_duplicated,
    /// Replies to answers, which some trackers send.
    replies_to_answers,
    /// `stopped` announces without a reply; some trackers send none.
    stops_unreplied,
    /// Replies with a wrong number of members.
    counts_off,
    /// Offers sent.
    offers_sent,
    /// Offers that reached another member of the swarm.
    offers_relayed,
    /// Offers that reached no member although the swarm had members for them.
    offers_lost,
    /// Offers that reached no member while members joined or left.
    offers_excused,
    /// Offers that arrived again, at the same member or another.
    offers_duplicated,
    /// Offers that were returned to their sender.
    offers_to_sender,
    /// Offers that reached a member of another swarm, or of none.
    offers_wrong_swarm,
    /// Received offers that no member sent.
    offers_unknown,
    /// Offers with changed content.
    offers_altered,
    /// Offers that reached a member with another offer of the same announce.
    offers_repeated_receiver,
    /// Answers sent.
    answers_sent,
    /// Answers that reached the offering member.
    answers_received,
    /// Answers that did not arrive in time.
    answers_lost,
    /// Answers that did not arrive because one of the two members had left.
    answers_excused,
    /// Answers that arrived again.
    answers_duplicated,
    /// Answers that reached a member other than the offering one.
    answers_wrong_member,
    /// Received answers that no member sent.
    answers_unknown,
    /// Answers with changed content.
    answers_altered,
    /// Scrapes sent.
    scrapes_sent,
    /// Scrapes with a reply.
    scrapes_replied,
    /// Scrapes without a reply in time.
    scrapes_lost,
    /// Scrape replies that lack the requested swarm or match no waiting request.
    scrapes_wrong,
    /// Messages that are not valid messages of a tracker.
    messages_invalid,
    /// Failure messages of the tracker.
    failures,
    /// Connections that the tracker closed.
    connections_ended,
}

impl MessageTally {
    /// Returns the number of announces and scrapes without a reply in time.
    pub(super) const fn requests_lost(&self) -> u64 {
        self.replies_lost + self.scrapes_lost
    }

    /// Returns all faults that occurred: their count and a text.
    #[must_use]
    pub fn faults(&self) -> Vec<(u64, &'static str)> {
        let all = [
            (self.replies_lost, "announces got no reply in time"),
            (
                self.replies_duplicated,
                "replies matched no waiting request",
            ),
            (
                self.offers_lost,
                "offers reached no member although the swarm had members for them",
            ),
            (self.offers_duplicated, "offers arrived more than once"),
            (
                self.offers_to_sender,
                "offers were returned to their sender",
            ),
            (
                self.offers_wrong_swarm,
                "offers reached members of another swarm",
            ),
            (
                self.offers_unknown,
                "received offers were sent by no member",
            ),
            (self.offers_altered, "offers arrived with changed content"),
            (self.answers_lost, "answers did not arrive in time"),
            (self.answers_duplicated, "answers arrived more than once"),
            (
                self.answers_wrong_member,
                "answers reached a member other than the offering one",
            ),
            (
                self.answers_unknown,
                "received answers were sent by no member",
            ),
            (self.answers_altered, "answers arrived with changed content"),
            (self.scrapes_lost, "scrapes got no reply in time"),
            (
                self.scrapes_wrong,
                "scrape replies lacked the requested swarm or matched no waiting request",
            ),
            (
                self.messages_invalid,
                "messages were not valid messages of a tracker",
            ),
            (self.failures, "requests were refused"),
            (
                self.connections_ended,
                "connections were closed by the tracker",
            ),
        ];
        all.into_iter().filter(|(count, _)| *count > 0).collect()
    }

    /// Returns remarks that are not faults by the protocol: their count and a text.
    #[must_use]
    pub fn remarks(&self) -> Vec<(u64, &'static str)> {
        let all = [
            (
                self.replies_to_answers,
                "answers got a reply, which costs one message each",
            ),
            (self.stops_unreplied, "stopped announces got no reply"),
            (self.counts_off, "replies had a wrong number of members"),
            (
                self.offers_repeated_receiver,
                "offers reached a member with another offer of the same announce",
            ),
            (
                self.offers_excused,
                "offers reached no member while members joined or left",
            ),
            (
                self.answers_excused,
                "answers did not arrive because one of the two members had left",
            ),
        ];
        all.into_iter().filter(|(count, _)| *count > 0).collect()
    }
}

/// Number of different error texts; further ones are counted together.
const ERROR_TEXTS_MAX: usize = 20;
const TEXT_CHARACTERS_MAX: usize = 160;
const OTHER_ERRORS: &str = "others";

/// Error texts with their counts.
#[derive(Debug, Clone, Default)]
pub(super) struct ErrorCounts(BTreeMap<String, u64>);

impl ErrorCounts {
    /// Counts one error.
    pub(super) fn add(&mut self, text: &str) {
        self.add_many(text, 1);
    }

    fn add_many(&mut self, text: &str, count: u64) {
        if let Some(known) = self.0.get_mut(text) {
            *known += count;
            return;
        }
        let readable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        let text = if self.0.len() < ERROR_TEXTS_MAX {
            text.chars()
                .take(TEXT_CHARACTERS_MAX)
                .map(readable)
                .collect()
        } else {
            OTHER_ERRORS.to_owned()
        };
        *self.0.entry(text).or_default() += count;
    }

    /// Adds the errors of another thread.
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
    fn faults_are_listed_apart_from_allowed_behaviour() {
        let fine = MessageTally {
            replies: 5,
            offers_relayed: 9,
            counts_off: 1,
            replies_to_answers: 2,
            ..MessageTally::default()
        };
        assert_eq!(fine.faults(), []);
        assert_eq!(fine.remarks().len(), 2);
        let mut both = fine;
        both += MessageTally {
            offers_lost: 2,
            replies: 1,
            ..MessageTally::default()
        };
        assert_eq!(both.replies, 6);
        assert_eq!(both.faults().len(), 1);
        assert_eq!(both.faults()[0].0, 2);
    }

    #[test]
    fn many_different_errors_do_not_grow_the_report() {
        let mut errors = ErrorCounts::default();
        for number in 0..1000 {
            errors.add(&format!("{number}\n{}", "x".repeat(1000)));
        }
        let map = errors.into_map();
        assert_eq!(map.len(), ERROR_TEXTS_MAX + 1);
        assert_eq!(map.values().sum::<u64>(), 1000);
        assert!(
            map.keys()
                .all(|text| text.chars().count() <= TEXT_CHARACTERS_MAX && !text.contains('\n'))
        );
    }
}
