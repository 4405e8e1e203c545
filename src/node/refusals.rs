//! Counts refusals for the operator, and logs at most one per kind and minute.

use std::time::SystemTime;

use super::Telemetry;
use crate::limits::Limited;
use crate::metrics::{RefusalKind, stored_name};
use crate::protocol;
use crate::protocol::http::HttpFailure;

impl Telemetry {
    /// Records a refusal, and logs it if a line about its kind is due. `name` is its subject, never an address.
    pub fn record_refusal(&self, kind: RefusalKind, name: &str) {
        let Some(count) = self.refusals.record(kind, name, SystemTime::now()) else {
            return;
        };
        let name = stored_name(name);
        let (is_operators, meaning) = (kind.is_misconfiguration(), kind.advice());
        let kind = kind.name();
        if is_operators {
            tracing::warn!(kind, count, example = name, meaning, "refused");
        } else {
            tracing::info!(kind, count, example = name, meaning, "refused");
        }
    }

    /// Records a connection that was refused.
    pub fn record_limited(&self, limited: Limited) {
        match limited {
            Limited::Banned { reason, .. } => {
                self.record_refusal(RefusalKind::Ban, reason.text());
            }
            limited => self.record_refusal(RefusalKind::Limit, limited.setting()),
        }
    }

    /// Records a refused announce, scrape or other request over HTTP.
    pub fn record_http_failure(&self, failure: HttpFailure, name: &str) {
        let (kind, own_name) = refusal_kind(failure);
        if let HttpFailure::PortBlocked(port) = failure {
            self.record_refusal(kind, &port.to_string());
        } else {
            self.record_refusal(kind, own_name.unwrap_or(name));
        }
    }

    /// Records a refused WebSocket message if a setting is the reason. Malformed messages are only counted.
    pub fn record_message_failure(&self, failure: protocol::Failure) {
        use protocol::Failure;
        let limit = match failure {
            Failure::NotAllowed => return self.record_refusal(RefusalKind::InfoHash, "announce"),
            Failure::FullScrape => return self.record_refusal(RefusalKind::FullScrape, "scrape"),
            Failure::FullScrapeBusy => "tracker.full_scrape",
            Failure::SubscriptionsMax => "tracker.subscriptions_max",
            Failure::MembershipsMax => "tracker.memberships_max",
            Failure::SwarmsMax => "limits.swarms_max",
            Failure::AddressSwarmsMax => "limits.address_swarms_percent",
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
        self.record_refusal(RefusalKind::Limit, limit);
    }
}

/// Returns the kind of a failure, and its name unless the name varies.
fn refusal_kind(failure: HttpFailure) -> (RefusalKind, Option<&'static str>) {
    use RefusalKind::{
        Draining, FullScrape, Host, InfoHash, Limit, Malformed, NoAddress, NoHttpTracker, Port,
        Token, WebPage,
    };
    match failure {
        HttpFailure::InfoHash => (Malformed, Some("info_hash")),
        HttpFailure::MultipleInfoHashes => (Malformed, Some("several info_hash")),
        HttpFailure::PeerId => (Malformed, Some("peer_id")),
        HttpFailure::Port => (Malformed, Some("port")),
        HttpFailure::Method => (Malformed, Some("method")),
        HttpFailure::PortBlocked(_) => (Port, None),
        HttpFailure::Host => (Host, None),
        HttpFailure::WebPage => (WebPage, None),
        HttpFailure::NoAddress => (NoAddress, Some("announce")),
        HttpFailure::NoHttpTracker => (NoHttpTracker, Some("announce or scrape")),
        HttpFailure::Draining => (Draining, Some("announce")),
        HttpFailure::Token => (Token, Some("HTTP")),
        HttpFailure::NotAllowed => (InfoHash, Some("announce")),
        HttpFailure::FullScrape => (FullScrape, Some("scrape")),
        HttpFailure::FullScrapeBusy => (Limit, Some("tracker.full_scrape")),
        HttpFailure::TooFast(_) => (Limit, Some("limits.address_http_requests_per_second")),
        HttpFailure::AddressSwarmPeersMax => {
            (Limit, Some("limits.address_http_peers_per_swarm_max"))
        }
        HttpFailure::AddressPeersMax => (Limit, Some("limits.address_http_peers_max")),
        HttpFailure::PeersMax => (Limit, Some("limits.http_peers_max")),
        HttpFailure::SwarmsMax => (Limit, Some("limits.swarms_max")),
        HttpFailure::AddressSwarmsMax => (Limit, Some("limits.address_swarms_percent")),
    }
}
