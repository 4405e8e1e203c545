//! Turns requests, their outcomes and pauses into counters.

use std::time::Duration;

use super::Hub;
use crate::limits::{ConnectionRate, ReadPause};
use crate::protocol::{Announce, Event, Request, Scrape};
use crate::tracker::{AnswerFate, LimitHits, MatchCounts, Outcome, RelayKind};

impl Hub {
    /// Counts a request, after which reading pauses for `wait` because of its origin. Returns its number of offers that
    /// may be relayed.
    pub(super) fn count_request(&self, request: &Request<'_>, wait: Duration) -> u64 {
        let counters = self.counters();
        if !wait.is_zero() {
            counters.paused_origin_announces_per_second.add(1);
        }
        match request {
            Request::Announce(announce) => return self.count_announce(announce),
            Request::Scrape(scrape) => {
                counters.scrapes.add(1);
                let max = self.hot_settings.get().bounds.scrape_hashes_max;
                let is_full = matches!(scrape, Scrape::Swarms(hashes) if hashes.len() >= max);
                counters.scrapes_full.add(u64::from(is_full));
            }
            Request::Subscribe(_) => counters.scrapes.add(1),
            Request::Answer(_) | Request::InvalidAnswer => counters.answers_received.add(1),
        }
        0
    }

    fn count_announce(&self, announce: &Announce<'_>) -> u64 {
        let counters = self.counters();
        counters.announces.add(1);
        let by_event = match announce.event {
            Event::Started => &counters.announces_started,
            Event::Completed => &counters.announces_completed,
            Event::Stopped => &counters.announces_stopped,
            Event::Paused => &counters.announces_paused,
            Event::Update => &counters.announces_regular,
        };
        by_event.add(1);
        let offers = announce.offers.len() as u64;
        let bad = u64::from(announce.invalid_offers);
        let surplus = u64::from(announce.surplus_offers);
        counters.offers_received.add(offers + bad + surplus);
        counters.offers_malformed.add(bad);
        counters.offers_surplus.add(surplus);
        offers
    }

    /// Counts the outcome of a request with `offered` offers, except a failure. Returns the number of relayed offers.
    pub(super) fn count_outcome(&self, outcome: &Outcome<'_>, offered: u64) -> usize {
        let counters = self.counters();
        match outcome.answer_fate {
            Some(AnswerFate::Relayed) => {
                counters.answers_relayed.add(1);
                self.gauges().answer_time.record(outcome.offer_age);
            }
            // The other node knows how long the offer was pending.
            Some(AnswerFate::RelayedToNode) => counters.answers_relayed.add(1),
            Some(AnswerFate::Unmatched) => counters.answers_unwanted.add(1),
            Some(AnswerFate::Malformed) => counters.answers_malformed.add(1),
            None => {}
        }
        let relays = outcome.relays.iter();
        let relayed = relays
            .filter(|relay| relay.kind == RelayKind::Offer)
            .count();
        let remote = outcome.remote.as_ref();
        let relayed = relayed + remote.map_or(0, |remote| remote.count());
        counters.offers_relayed.add(relayed as u64);
        let LimitHits {
            dropped_pending_offers,
            ended_memberships,
            duplicate_offers,
            skipped_receivers,
            skipped_by_reserve,
        } = outcome.limit_hits;
        self.count_matches(&outcome.matches);
        let given = relayed as u64 + u64::from(duplicate_offers);
        for (counter, count) in [
            (&counters.offers_forgotten, dropped_pending_offers),
            (&counters.memberships_replaced, ended_memberships),
            (&counters.offers_copied, duplicate_offers),
            (
                &counters.passed_over_offers_received_per_second,
                skipped_receivers,
            ),
            (
                &counters.passed_over_offers_received_reserved_percent,
                skipped_by_reserve,
            ),
        ] {
            counter.add(count.into());
        }
        counters
            .offers_without_receiver
            .add(offered.saturating_sub(given));
        relayed
    }

    /// Counts what matchmaking did and learned.
    fn count_matches(&self, matches: &MatchCounts) {
        if *matches == MatchCounts::default() {
            return;
        }
        let counters = self.counters();
        let MatchCounts {
            crossing,
            acquainted,
            silent,
            repeated_answers,
            first_answers,
            fast_first_answers,
        } = *matches;
        for (counter, count) in [
            (&counters.passed_over_crossing, crossing),
            (&counters.offers_to_acquainted, acquainted),
            (&counters.offers_to_silent, silent),
            (&counters.answers_repeated, repeated_answers),
            (&counters.first_answers, first_answers),
            (&counters.first_answers_fast, fast_first_answers),
        ] {
            counter.add(count.into());
        }
    }

    /// Counts a pause in reading.
    pub(super) fn count_pause(&self, pause: ReadPause) {
        let counters = self.counters();
        let by_rate = match pause.rate {
            ConnectionRate::Messages => &counters.paused_messages_per_second,
            ConnectionRate::Offers => &counters.paused_offers_per_second,
            ConnectionRate::Bytes => &counters.paused_bytes_per_second,
        };
        by_rate.add(1);
    }
}
