//! Counts refusals for the operator, and logs at most one per kind and minute.

use std::time::SystemTime;

use super::Node;
use crate::insight::{RefusalKind, Refusals};
use crate::limits::Limited;
use crate::protocol;
use crate::protocol::http::Failure;

impl Node {
    /// Returns all refusals so far.
    #[must_use]
    pub fn refusals(&self) -> &Refusals {
        &self.refusals
    }

    /// Records a refusal, and logs it if a line about its kind is due. `name` is its subject, never an address.
    pub fn note_refusal(&self, kind: RefusalKind, name: &str) {
        let Some(count) = self.refusals.note(kind, name, SystemTime::now()) else {
            return;
        };
        let (is_operators, meaning) = (kind.is_operators(), kind.text());
        let kind = kind.name();
        if is_operators {
            tracing::warn!(kind, count, example = name, meaning, "refused");
        } else {
            tracing::info!(kind, count, example = name, meaning, "refused");
        }
    }

    /// Records a connection that was refused.
    pub fn note_limited(&self, limited: Limited) {
        match limited {
            Limited::Banned { offence, .. } => {
                self.note_refusal(RefusalKind::Ban, offence.text());
            }
            limited => self.note_refusal(RefusalKind::Limit, limited.setting()),
        }
    }

    /// Records a refused announce, scrape or other request over HTTP.
    pub(in crate::hub) fn note_failure(&self, failure: Failure, name: &str) {
        let (kind, own_name) = kind_of(failure);
        if let Failure::PortRefused(port) = failure {
            self.note_refusal(kind, &port.to_string());
        } else {
            self.note_refusal(kind, own_name.unwrap_or(name));
        }
    }
}

impl Node {
    /// Records a refused WebSocket message if a setting is the reason. Malformed messages are only counted.
    pub(in crate::hub) fn note_message_failure(&self, failure: protocol::Failure) {
        use protocol::Failure;
        let limit = match failure {
            Failure::NotAllowed => return self.note_refusal(RefusalKind::InfoHash, "announce"),
            Failure::FullScrape => return self.note_refusal(RefusalKind::FullScrape, "scrape"),
            Failure::FullScrapeBusy => "tracker.full_scrape",
            Failure::Memberships => "tracker.memberships_max",
            Failure::Swarms => "limits.swarms_max",
            Failure::AddressSwarms => "limits.address_swarms_percent",
            Failure::OriginTooFast => "limits.origin_announces_per_second",
            Failure::MessagesTooFast => "limits.messages_per_second",
            Failure::OffersTooFast => "limits.offers_per_second",
            Failure::BytesTooFast => "limits.bytes_per_second",
            Failure::NotJson
            | Failure::NotAnObject
            | Failure::NestedTooDeeply
            | Failure::UnknownAction
            | Failure::InfoHash(_)
            | Failure::PeerId(_)
            | Failure::ScrapeHashes => return,
        };
        self.note_refusal(RefusalKind::Limit, limit);
    }
}

/// Returns the kind of a failure, and its name unless the name varies.
fn kind_of(failure: Failure) -> (RefusalKind, Option<&'static str>) {
    use RefusalKind::{
        Draining, FullScrape, Host, InfoHash, Limit, Malformed, NoAddress, NotHere, Page, Port,
        Token,
    };
    match failure {
        Failure::InfoHash => (Malformed, Some("info_hash")),
        Failure::InfoHashes => (Malformed, Some("several info_hash")),
        Failure::PeerId => (Malformed, Some("peer_id")),
        Failure::Port => (Malformed, Some("port")),
        Failure::Method => (Malformed, Some("method")),
        Failure::PortRefused(_) => (Port, None),
        Failure::Host => (Host, None),
        Failure::Page => (Page, None),
        Failure::NoAddress => (NoAddress, Some("announce")),
        Failure::NotHere => (NotHere, Some("announce or scrape")),
        Failure::Leaving => (Draining, Some("announce")),
        Failure::Token => (Token, Some("HTTP")),
        Failure::NotAllowed => (InfoHash, Some("announce")),
        Failure::FullScrape => (FullScrape, Some("scrape")),
        Failure::FullScrapeBusy => (Limit, Some("tracker.full_scrape")),
        Failure::TooFast(_) => (Limit, Some("limits.address_http_requests_per_second")),
        Failure::AddressSwarmPeers => (Limit, Some("limits.address_http_peers_per_swarm_max")),
        Failure::AddressPeers => (Limit, Some("limits.address_http_peers_max")),
        Failure::Peers => (Limit, Some("limits.http_peers_max")),
        Failure::Swarms => (Limit, Some("limits.swarms_max")),
        Failure::AddressSwarms => (Limit, Some("limits.address_swarms_percent")),
    }
}
