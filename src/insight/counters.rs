//! One set of counters per thread, so that counting is never shared between cores; they are added up when read.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts `more`. Each counter has one writing thread, so a plain load and store do.
    pub fn add(&self, more: u64) {
        self.0.store(
            self.0.load(Ordering::Relaxed).wrapping_add(more),
            Ordering::Relaxed,
        );
    }

    /// The number so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// The counters of one worker, or of the server's own thread, on cache lines of their own.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub struct Counters {
            $($(#[doc = $doc])+ pub $name: Counter,)+
        }

        /// The counters of all threads added up, at one moment.
        #[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
        pub struct Snapshot {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        impl Snapshot {
            /// Adds up the counters of all threads.
            #[must_use]
            pub fn of<'a>(threads: impl IntoIterator<Item = &'a Counters>) -> Self {
                let mut sum = Self::default();
                for counters in threads {
                    $(sum.$name = sum.$name.wrapping_add(counters.$name.get());)+
                }
                sum
            }

            /// Name and value of each counter.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),+].into_iter()
            }
        }
    };
}

counters! {
    /// WebSocket connections opened.
    connections_opened,
    /// WebSocket connections closed, for whatever reason.
    connections_closed,
    /// Connections closed because nothing was heard for `connection.dead_after`.
    connections_dead,
    /// Connections closed because nothing could be written for `connection.stuck_after`.
    connections_stuck,
    /// Connections closed because no valid message came within `connection.first_message_timeout`.
    first_message_timed_out,
    /// Connections closed because a message took longer than `connection.message_timeout`.
    message_timed_out,
    /// Connections closed for a frame against the WebSocket protocol, a message that is not UTF-8 or too long.
    connections_violating,
    /// Connections closed for a flood of refused or malformed messages.
    connections_flooding,
    /// Connections closed for too much hostile behaviour in all (`bans.connection_score_max`).
    connections_hostile,
    /// Connections closed because memory was short (`memory.shed_percent`).
    connections_shed,
    /// Upgrades refused: version, key, origin, a server that drains, a limit, or no room for another connection.
    upgrades_refused,
    /// Connections that ended without a whole request within `connection.handshake_timeout`, or with a bad one.
    handshakes_failed,
    /// Connections closed because they had not become a WebSocket within `connection.http_timeout`.
    http_timed_out,
    /// Connections that ended before their first request because there were `connection.handshakes_max` of them.
    handshakes_displaced,
    /// TLS handshakes done.
    tls_handshakes,
    /// Those of them by which a client came back, at a fraction of the price.
    tls_handshakes_resumed,
    /// TLS handshakes that were not done within `tls.handshake_timeout`.
    tls_handshakes_timed_out,
    /// TLS handshakes that ended because the client had gone.
    tls_handshakes_cut,
    /// TLS handshakes that the client ended, mostly because it does not trust the certificate.
    tls_handshakes_refused,
    /// TLS handshakes of clients that know no version, cipher or protocol that is served.
    tls_handshakes_incompatible,
    /// TLS handshakes that were no TLS, or against its rules.
    tls_handshakes_malformed,
    /// Certificates replaced because their files had changed.
    certificate_reloads,
    /// New certificate files that could not be used; the old certificate stayed.
    certificate_reloads_failed,
    /// Certificates issued by the ACME directory.
    certificates_issued,
    /// Orders at the ACME directory that failed; they are repeated.
    certificate_orders_failed,
    /// Connections refused because the process has `limits.connections_max`.
    refused_connections_max,
    /// Connections refused because memory was short (`memory.refuse_percent`).
    refused_memory,
    /// Connections refused because their address has `limits.address_connections_max`.
    refused_address_connections_max,
    /// New WebSockets refused because too many came from their address (`limits.address_connections_per_second`).
    refused_address_connections_per_second,
    /// New WebSockets that had to wait for their turn because many came from their address.
    delayed_address_connections_per_second,
    /// WebSockets refused because pages of their origin have `limits.origin_connections_max`.
    refused_origin_connections_max,
    /// WebSockets refused because pages of their origin may not use the tracker (`origin`, `origin_denied`).
    refused_origin,
    /// Connections refused because their address is banned.
    refused_bans,
    /// Bans of addresses and networks.
    bans,
    /// Bans forgotten because there were `bans.records_max`.
    forgotten_bans_records_max,
    /// Connections not counted by themselves because `limits.addresses_max` addresses are.
    uncounted_addresses_max,
    /// WebSockets not counted for their own origin because `limits.origins_max` others are.
    uncounted_origins_max,
    /// Accepts that failed, mostly for want of file descriptors.
    accepts_failed,
    /// Connections that were answered but could not become a WebSocket, because the limit of open files was near.
    open_files_short,
    /// Connections to a `proxy+` listener without a PROXY header that is believed within `proxies.proxy_timeout`.
    proxy_headers_failed,
    /// Requests whose client was named by a trusted proxy (`proxies.header`).
    addresses_forwarded,
    /// Requests whose trusted proxy sent a `proxies.header` that cannot be read.
    forwarded_malformed,
    /// Pings sent to silent connections.
    pings_sent,
    /// Announces served, answers not included.
    announces,
    /// Offers relayed.
    offers_relayed,
    /// Offers left out because something in them was wrong.
    offers_malformed,
    /// Valid offers left out because an announce may have `tracker.offers_per_announce_max` of them.
    offers_surplus,
    /// Offers that no longer wait for their answer because of `tracker.pending_offers_max`.
    offers_forgotten,
    /// Offers not relayed because others had given the same `offer_id` under the same `peer_id` to the same receiver.
    offers_copied,
    /// Members passed over for another when a receiver was chosen, because they were given as many offers as
    /// `limits.offers_received_per_second` allows.
    passed_over_offers_received_per_second,
    /// Offers dropped because the output of their receiver was full (`connection.output_bytes_max`).
    offers_dropped_output_full,
    /// Answers relayed.
    answers_relayed,
    /// Answers dropped because nobody waited for them.
    answers_unwanted,
    /// Answers dropped because something in them was wrong.
    answers_malformed,
    /// Answers and replies dropped because the output of their receiver was full of others.
    messages_dropped_output_full,
    /// Relays dropped because too many waited to come over from other workers (`connection.inbox_bytes_max`).
    relays_dropped_inbox_full,
    /// Relays whose receiver had gone in the meantime.
    relays_without_receiver,
    /// Scrapes served.
    scrapes,
    /// Scrapes that used up `tracker.scrape_hashes_max`; what they asked beyond was left out.
    scrapes_full,
    /// Messages answered with a failure because something in them was wrong.
    failures_malformed,
    /// Announces refused because the connection is in `tracker.memberships_max` swarms.
    failures_memberships,
    /// Scrapes of everything refused (`tracker.full_scrape`).
    failures_full_scrape,
    /// Announces refused because they would begin a swarm and there are `limits.swarms_max`, or memory is short.
    failures_swarms_max,
    /// Announces refused because they would begin a swarm and their address is in as many as
    /// `limits.address_swarms_percent` allows.
    failures_address_swarms_percent,
    /// Announces refused because pages of their origin announce too fast (`limits.origin_announces_per_second`).
    failures_origin_announces_per_second,
    /// Announces after which reading paused because pages of their origin announce too fast.
    paused_origin_announces_per_second,
    /// Messages refused because the connection stayed over `limits.messages_per_second`.
    failures_messages_per_second,
    /// Messages refused because the connection stayed over `limits.offers_per_second`.
    failures_offers_per_second,
    /// Messages refused because the connection stayed over `limits.bytes_per_second`.
    failures_bytes_per_second,
    /// Pauses in reading from a connection over `limits.messages_per_second`.
    paused_messages_per_second,
    /// Pauses in reading from a connection over `limits.offers_per_second`.
    paused_offers_per_second,
    /// Pauses in reading from a connection over `limits.bytes_per_second`.
    paused_bytes_per_second,
    /// Memberships ended because the connection used more peer ids in one swarm than `tracker.peer_ids_per_swarm_max`.
    memberships_replaced,
    /// Memberships ended because no announce came for `tracker.membership_ttl`.
    memberships_expired,
    /// Announces served over HTTP.
    http_announces,
    /// Scrapes served over HTTP.
    http_scrapes,
    /// Announces over HTTP that asked for more peers than `tracker.http_peers_per_reply_max`.
    http_replies_cut,
    /// Memberships over HTTP ended because no announce came for `tracker.http_membership_ttl`.
    http_peers_expired,
    /// Announces and scrapes over HTTP refused because something in them was wrong or missing.
    http_failures_malformed,
    /// Announces over HTTP refused because a web page sent them.
    http_failures_pages,
    /// Announces over HTTP refused because the address of their sender is not known.
    http_failures_no_address,
    /// Announces and scrapes over HTTP where that is not served (`tracker.http`, a listener for pages alone).
    http_failures_not_here,
    /// Announces and scrapes refused because their address sends too many (`limits.address_http_requests_per_second`).
    failures_address_http_requests_per_second,
    /// Announces refused because their address has `limits.address_http_peers_max`.
    failures_address_http_peers_max,
    /// Announces refused because there are `limits.http_peers_max`.
    failures_http_peers_max,
}
