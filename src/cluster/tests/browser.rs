//! The clients of the simulation, and what they remember of their offers.

use std::time::Duration;

use crate::cluster::{NodeId, Population};
use crate::protocol::{ConnectionId, InfoHash, PeerId};

/// A client in one swarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Browser {
    pub(super) connection: ConnectionId,
    pub(super) info_hash: InfoHash,
    pub(super) peer_id: PeerId,
    pub(super) is_seeder: bool,
    /// It announces over HTTP, so it makes no offers.
    pub(super) is_http: bool,
}

impl Browser {
    pub(super) fn population(&self) -> Population {
        let mut population = Population::default();
        *match (self.is_http, self.is_seeder) {
            (false, true) => &mut population.seeders,
            (false, false) => &mut population.leechers,
            (true, true) => &mut population.http_seeders,
            (true, false) => &mut population.http_leechers,
        } = 1;
        population
    }
}

/// Returns the population of these browsers.
pub(super) fn population<'b>(browsers: impl Iterator<Item = &'b Browser>) -> Population {
    browsers.fold(Population::default(), |sum, browser| {
        add(sum, browser.population())
    })
}

pub(super) fn add(first: Population, second: Population) -> Population {
    Population {
        seeders: first.seeders + second.seeders,
        leechers: first.leechers + second.leechers,
        http_seeders: first.http_seeders + second.http_seeders,
        http_leechers: first.http_leechers + second.http_leechers,
    }
}

/// The fate of one offer.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfferFate {
    pub(super) node: NodeId,
    pub(super) from: Browser,
    pub(super) made: Duration,
    /// Who got it.
    pub(super) receiver: Option<(NodeId, Browser)>,
    pub(super) answer: AnswerFate,
}

/// The fate of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerFate {
    None,
    /// The tracker has accepted it at this time.
    Sent(Duration),
    Delivered,
}
