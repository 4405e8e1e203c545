//! Declares the counters. Each thread has its own set, so that cores share no counter; readers add the sets up.

use std::sync::atomic::{AtomicU64, Ordering};

use super::families::{self, FamilyLabel};
use super::series::{Series, SeriesKind, SeriesUnit};

/// A value that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `more`. Only one thread writes each counter, so a plain load and store are enough.
    pub fn add(&self, more: u64) {
        self.0.store(
            self.0.load(Ordering::Relaxed).wrapping_add(more),
            Ordering::Relaxed,
        );
    }

    /// Adds `more` where several threads may write at once. It costs more, so it is for rare events only.
    pub fn add_shared(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// Returns the value.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Expands the optional unit of a counter.
macro_rules! unit {
    () => {
        SeriesUnit::Count
    };
    ($unit:ident) => {
        SeriesUnit::$unit
    };
}

macro_rules! counters {
    // Without a unit it is a count. The marks are methods of `Series`: `public` and `retained`.
    ($($(#[doc = $doc:literal])+ $name:ident $(: $unit:ident)? $(in $($family:ident $value:literal)&+)? $(=> $($mark:ident)&+)?,)+) => {
        /// The counters of one worker, or of the server's own thread, on cache lines of their own.
        #[derive(Debug, Default)]
        #[repr(align(128))]
        pub struct Counters {
            $($(#[doc = $doc])+ pub $name: Counter,)+
        }

        /// The sums of the counters of all threads at one moment.
        #[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
        pub struct Snapshot {
            $($(#[doc = $doc])+ pub $name: u64,)+
        }

        impl Snapshot {
            /// The declaration of each counter, in the order of [`Self::values`].
            pub(super) const SERIES: &[Series] = &[$(
                Series::new(
                    (stringify!($name), concat!($($doc),+)),
                    (SeriesKind::Counter, unit!($($unit)?)),
                    &[$($(FamilyLabel { family: families::$family, value: $value }),+)?],
                )
                $($(.$mark())+)?
            ),+];

            /// Returns the value of each counter.
            pub(super) fn values(&self) -> impl Iterator<Item = u64> {
                [$(self.$name),+].into_iter()
            }

            /// Returns the sum of both.
            #[must_use]
            pub fn with(mut self, others: Self) -> Self {
                $(self.$name = self.$name.wrapping_add(others.$name);)+
                self
            }

            /// Returns the sums of the counters of all threads.
            #[must_use]
            pub fn of<'a>(threads: impl IntoIterator<Item = &'a Counters>) -> Self {
                let mut sum = Self::default();
                for counters in threads {
                    $(sum.$name = sum.$name.wrapping_add(counters.$name.get());)+
                }
                sum
            }

            /// Returns name and value of each counter.
            pub fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name)),+].into_iter()
            }
        }
    };
}

counters! {
    /// WebSocket connections opened.
    connections_opened => public & retained,
    /// WebSocket connections closed, for any reason.
    connections_closed => public & retained,
    /// Connections that the client closed with a close frame.
    connections_closed_by_client in CONNECTIONS_CLOSED "by_client",
    /// Connections whose transport ended or failed without a close frame.
    connections_lost in CONNECTIONS_CLOSED "lost",
    /// Connections closed because the server was stopping.
    connections_stopped in CONNECTIONS_CLOSED "stopping",
    /// Connections dropped without another reason, mostly at the end of a shutdown.
    connections_dropped in CONNECTIONS_CLOSED "dropped",
    /// Connections closed because nothing was received for `connection.dead_after`.
    connections_dead in CONNECTIONS_CLOSED "dead" & LIMIT_HITS "connection.dead_after" => retained,
    /// Connections closed because nothing could be written for `connection.stuck_after`.
    connections_stuck in CONNECTIONS_CLOSED "stuck" & LIMIT_HITS "connection.stuck_after" => retained,
    /// Connections closed because no valid message was received within `connection.first_message_timeout`.
    first_message_timed_out in CONNECTIONS_CLOSED "first_message_timeout" & LIMIT_HITS "connection.first_message_timeout",
    /// Connections closed because a message took longer than `connection.message_timeout`.
    message_timed_out in CONNECTIONS_CLOSED "message_timeout" & LIMIT_HITS "connection.message_timeout",
    /// Connections closed for a frame that violates the WebSocket protocol, or a message that is not UTF-8.
    connections_violating in CONNECTIONS_CLOSED "violating",
    /// Connections closed for a message or frame longer than `connection.message_bytes_max`.
    messages_too_long in CONNECTIONS_CLOSED "too_long" & LIMIT_HITS "connection.message_bytes_max",
    /// Connections closed for more malformed messages than `connection.malformed_per_minute_max`.
    connections_malformed in CONNECTIONS_CLOSED "malformed" & LIMIT_HITS "connection.malformed_per_minute_max",
    /// Connections closed because more messages were refused than `limits.refusals_per_minute_max`.
    connections_flooding in CONNECTIONS_CLOSED "flooding" & LIMIT_HITS "limits.refusals_per_minute_max",
    /// Connections closed for a total abuse score over `bans.connection_score_max`.
    connections_hostile in CONNECTIONS_CLOSED "hostile" & LIMIT_HITS "bans.connection_score_max",
    /// Connections closed because memory was short (`memory.shed_percent`).
    connections_shed in CONNECTIONS_CLOSED "shed" & LIMIT_HITS "memory.shed_percent",
    /// Connections closed by the operator.
    connections_kicked in CONNECTIONS_CLOSED "kicked",
    /// Upgrades refused: version, key, origin, a draining server, a limit, or no room for another connection.
    upgrades_refused => retained,
    /// WebSockets refused because the request was not a WebSocket handshake of this version.
    refused_handshake in CONNECTIONS_REFUSED "handshake" => retained,
    /// WebSockets refused because the handshake had no `Upgrade` header, or was HTTP/1.0: a proxy in front drops the
    /// header.
    refused_upgrade_missing in CONNECTIONS_REFUSED "upgrade_missing" => retained,
    /// WebSockets refused because the server was draining.
    refused_draining in CONNECTIONS_REFUSED "draining" => retained,
    /// WebSockets refused by a listener that serves only pages.
    refused_no_tracker in CONNECTIONS_REFUSED "no_tracker" => retained,
    /// WebSockets refused because the limit of open files was near.
    refused_open_files in CONNECTIONS_REFUSED "open_files" => retained,
    /// Connections that sent no complete request within `connection.handshake_timeout`, or a malformed one.
    handshakes_failed => retained,
    /// Connections closed because they did not become a WebSocket within `connection.http_timeout`.
    http_timed_out in LIMIT_HITS "connection.http_timeout",
    /// HTTP connections closed because the client read nothing of a response for `connection.stuck_after`.
    http_stuck in LIMIT_HITS "connection.stuck_after",
    /// HTTP connections closed because memory was short (`memory.shed_percent`).
    http_shed in LIMIT_HITS "memory.shed_percent",
    /// HTTP requests answered, including announces, scrapes and refusals.
    http_requests,
    /// HTTP requests refused because requests of their address took more than `limits.address_http_time_per_second`.
    refused_address_http_time_per_second in LIMIT_HITS "limits.address_http_time_per_second" => retained,
    /// HTTP requests refused because too many unread response bytes wait for their address
    /// (`limits.address_response_bytes_max`).
    refused_address_response_bytes_max in LIMIT_HITS "limits.address_response_bytes_max" => retained,
    /// HTTP requests refused because too many unread response bytes wait in all (`limits.response_bytes_max`).
    refused_response_bytes_max in LIMIT_HITS "limits.response_bytes_max" => retained,
    /// HTTP requests refused because the response would be longer than `connection.response_bytes_max`.
    refused_connection_response_bytes_max in LIMIT_HITS "connection.response_bytes_max" => retained,
    /// Connections closed before their first request because `connection.handshakes_max` of them were open.
    handshakes_displaced in LIMIT_HITS "connection.handshakes_max",
    /// TLS handshakes completed.
    tls_handshakes,
    /// TLS handshakes that resumed a session, which costs only a fraction.
    tls_handshakes_resumed,
    /// TLS handshakes not completed within `tls.handshake_timeout`.
    tls_handshakes_timed_out in TLS_HANDSHAKES_FAILED "timeout" & LIMIT_HITS "tls.handshake_timeout",
    /// TLS handshakes that failed because the client disconnected.
    tls_handshakes_cut in TLS_HANDSHAKES_FAILED "cut",
    /// TLS handshakes that the client aborted, mostly because it does not trust the certificate.
    tls_handshakes_refused in TLS_HANDSHAKES_FAILED "refused",
    /// TLS handshakes of clients that support no version, cipher or protocol of the server.
    tls_handshakes_incompatible in TLS_HANDSHAKES_FAILED "incompatible",
    /// TLS handshakes that were not TLS, or violated the protocol.
    tls_handshakes_malformed in TLS_HANDSHAKES_FAILED "malformed",
    /// Certificates replaced because their files changed.
    certificate_reloads,
    /// New certificate files that could not be used; the old certificate stays active.
    certificate_reloads_failed,
    /// Reloads of the files of `[access]` and `tracker.groups`.
    access_reloads,
    /// Changed files of `[access]` or `tracker.groups` that could not be used; the old lists stay active.
    access_reloads_failed,
    /// Certificates issued by the ACME directory.
    certificates_issued,
    /// Orders at the ACME directory that failed; they are retried.
    certificate_orders_failed,
    /// Connections refused because the process has `limits.connections_max` connections.
    refused_connections_max in CONNECTIONS_REFUSED "connections_max" & LIMIT_HITS "limits.connections_max" => retained,
    /// Connections refused because memory was short (`memory.refuse_percent`).
    refused_memory in CONNECTIONS_REFUSED "memory" & LIMIT_HITS "memory.refuse_percent" => retained,
    /// Connections refused because their address has `limits.address_connections_max` connections.
    refused_address_connections_max in CONNECTIONS_REFUSED "address_connections_max" & LIMIT_HITS "limits.address_connections_max" => retained,
    /// New WebSockets refused because too many came from their address (`limits.address_connections_per_second`).
    refused_address_connections_per_second in CONNECTIONS_REFUSED "address_connections_per_second" & LIMIT_HITS "limits.address_connections_per_second" => retained,
    /// New TCP connections closed before the first read because too many came from their address
    /// (`limits.address_accepts_per_second`).
    refused_address_accepts_per_second in CONNECTIONS_REFUSED "address_accepts_per_second" & LIMIT_HITS "limits.address_accepts_per_second" => retained,
    /// TLS handshakes that failed after the server had signed; each counts as `limits.failed_handshake_cost` new
    /// connections.
    charged_failed_handshake_cost in LIMIT_HITS "limits.failed_handshake_cost",
    /// WebSockets that started with the limit usage of an earlier connection of their address.
    limits_carried_over,
    /// New WebSockets delayed because many came from their address.
    delayed_address_connections_per_second in LIMIT_HITS "limits.address_connections_per_second",
    /// WebSockets refused because pages of their origin have `limits.origin_connections_max` connections.
    refused_origin_connections_max in CONNECTIONS_REFUSED "origin_connections_max" & LIMIT_HITS "limits.origin_connections_max" => retained,
    /// WebSockets refused because their address has `limits.origin_address_percent` of the connections allowed for
    /// their origin.
    refused_origin_address_percent in CONNECTIONS_REFUSED "origin_address_percent" & LIMIT_HITS "limits.origin_address_percent" => retained,
    /// WebSockets refused because pages of their origin may not use the tracker (`origin`, `origin_denied`).
    refused_origin in CONNECTIONS_REFUSED "origin" => retained,
    /// WebSockets refused because the client sent no token of `access.tokens_file`.
    refused_token in CONNECTIONS_REFUSED "token" => retained,
    /// Refused pages that were told the reason over a WebSocket.
    refusal_messages,
    /// Refused pages not told the reason because `limits.refusal_messages_max` others were being told.
    withheld_refusal_messages_max in LIMIT_HITS "limits.refusal_messages_max",
    /// Refused pages not told the reason because of `limits.refusal_messages_per_second`.
    withheld_refusal_messages_per_second in LIMIT_HITS "limits.refusal_messages_per_second",
    /// Refused pages not told the reason because their address had been told `limits.address_refusal_messages_max` times.
    withheld_address_refusal_messages_max in LIMIT_HITS "limits.address_refusal_messages_max",
    /// Connections refused because their address is banned, or their origin is banned at this address.
    refused_bans in CONNECTIONS_REFUSED "ban" => retained,
    /// Requests for the live statistics refused because `limits.followers_max` clients receive them.
    refused_followers_max in LIMIT_HITS "limits.followers_max" => retained,
    /// Requests for the live statistics refused because `limits.address_followers_max` clients of their address receive
    /// them.
    refused_address_followers_max in LIMIT_HITS "limits.address_followers_max" => retained,
    /// Bans of addresses and networks (`bans.strikes_max`).
    bans in LIMIT_HITS "bans.strikes_max",
    /// Bans of one origin, or of one domain, at one address (`bans.strikes_max`).
    page_bans in LIMIT_HITS "bans.strikes_max",
    /// Bans of addresses, networks and domains at which pages of more than `bans.origins_max` origins misbehaved.
    bans_origins_max in LIMIT_HITS "bans.origins_max",
    /// Bans removed because there were `bans.records_max`.
    forgotten_bans_records_max in LIMIT_HITS "bans.records_max",
    /// Connections not counted for their own address because `limits.addresses_max` addresses are tracked.
    uncounted_addresses_max in LIMIT_HITS "limits.addresses_max",
    /// WebSockets not counted for their own origin because `limits.origins_max` origins are tracked.
    uncounted_origins_max in LIMIT_HITS "limits.origins_max",
    /// WebSockets not counted for their own origin because their address already sent `limits.address_origins_max`
    /// others.
    uncounted_address_origins_max in LIMIT_HITS "limits.address_origins_max",
    /// Accepts that failed, mostly because no file descriptors were left.
    accepts_failed,
    /// Connections answered but not upgraded to a WebSocket, because the limit of open files was near.
    open_files_short,
    /// Connections to a `proxy+` listener without a valid, trusted PROXY header within `proxies.proxy_timeout`.
    proxy_headers_failed,
    /// Requests whose client address came from a trusted proxy (`proxies.header`).
    addresses_forwarded,
    /// Requests whose trusted proxy sent a `proxies.header` without a client address: malformed, empty, or `unknown`.
    forwarded_malformed,
    /// Requests with a `proxies.header` from an address that is not in `proxies.trusted`; the header was ignored.
    forwarded_untrusted,
    /// Pings sent to idle connections.
    pings_sent,
    /// Announces served, without answers.
    announces => public & retained,
    /// Announces without an event, or with an unknown one.
    announces_regular in ANNOUNCES "regular" => public,
    /// Announces with the event `started`.
    announces_started in ANNOUNCES "started" => public,
    /// Announces with the event `completed`.
    announces_completed in ANNOUNCES "completed" => public & retained,
    /// Announces with the event `paused`.
    announces_paused in ANNOUNCES "paused" => public,
    /// Announces with the event `stopped`.
    announces_stopped in ANNOUNCES "stopped" => public,
    /// Offers received with announces, whatever their result.
    offers_received => public & retained,
    /// Offers relayed.
    offers_relayed => public & retained,
    /// Offers dropped because they were malformed.
    offers_malformed in OFFERS_DROPPED "malformed",
    /// Valid offers dropped because an announce may have `tracker.offers_per_announce_max` of them.
    offers_surplus in OFFERS_DROPPED "surplus" & LIMIT_HITS "tracker.offers_per_announce_max",
    /// Pending offers removed because of `tracker.pending_offers_max`.
    offers_forgotten in LIMIT_HITS "tracker.pending_offers_max",
    /// Offers not relayed because the same `offer_id` under the same `peer_id` was already sent to that receiver by
    /// others.
    offers_copied in OFFERS_DROPPED "copied",
    /// Offers dropped because there was no further member to receive them, or their announce was refused.
    offers_without_receiver in OFFERS_DROPPED "no_receiver",
    /// Members skipped as receiver because they got as many offers as `limits.offers_received_per_second` allows.
    passed_over_offers_received_per_second in LIMIT_HITS "limits.offers_received_per_second",
    /// Members skipped as receiver because their remaining offers are reserved for senders whose address sent the swarm
    /// few offers lately (`limits.offers_received_reserved_percent`).
    passed_over_offers_received_reserved_percent in LIMIT_HITS "limits.offers_received_reserved_percent",
    /// Members skipped as receiver because their own offer to the sender was under way: the two would have crossed.
    passed_over_crossing => public & retained,
    /// Offers relayed to members that are acquainted with the sender.
    offers_to_acquainted => public & retained,
    /// Offers relayed to members that left at least two offers in a row unanswered.
    offers_to_silent => public & retained,
    /// Offers dropped because the output of their receiver was full (`connection.output_bytes_max`).
    offers_dropped_output_full in OFFERS_DROPPED "output_full" & LIMIT_HITS "connection.output_bytes_max" => retained,
    /// Answers received, whatever their result.
    answers_received => public & retained,
    /// Answers relayed.
    answers_relayed in ANSWERS "relayed" => public & retained,
    /// Answers relayed between members that were acquainted: their earlier introduction probably failed to connect them.
    answers_repeated => public & retained,
    /// Members that had their first answered introduction.
    first_answers => public & retained,
    /// Members that had it within three seconds of their first offer, given or received.
    first_answers_fast => public & retained,
    /// Answers dropped because no pending offer matched.
    answers_unwanted in ANSWERS "unwanted",
    /// Answers dropped because they were malformed.
    answers_malformed in ANSWERS "malformed",
    /// Answers and replies dropped because the output of their receiver was full.
    messages_dropped_output_full in LIMIT_HITS "connection.output_bytes_max",
    /// Relays dropped because too many from other workers waited (`connection.inbox_bytes_max`).
    relays_dropped_inbox_full in LIMIT_HITS "connection.inbox_bytes_max",
    /// Relays whose receiver disconnected in the meantime.
    relays_without_receiver,
    /// Scrapes served.
    scrapes => public & retained,
    /// Scrapes that reached `tracker.scrape_hashes_max`; further hashes were left out.
    scrapes_full in LIMIT_HITS "tracker.scrape_hashes_max",
    /// Messages with changed counts for connections that subscribed to them.
    counts_sent,
    /// Messages answered with a failure because they were malformed.
    failures_malformed => retained,
    /// Messages refused because they are not JSON.
    failures_not_json in FAILURES "not_json",
    /// Messages refused because they are JSON, but not an object.
    failures_not_an_object in FAILURES "not_an_object",
    /// Messages refused because they are nested deeper than `connection.json_depth_max`.
    failures_nested_too_deeply in FAILURES "nested_too_deeply" & LIMIT_HITS "connection.json_depth_max",
    /// Messages refused because their `action` is missing or unknown.
    failures_unknown_action in FAILURES "unknown_action",
    /// Messages refused because their `info_hash` is missing or invalid.
    failures_info_hash in FAILURES "info_hash",
    /// Messages refused because their `peer_id` is missing or invalid.
    failures_peer_id in FAILURES "peer_id",
    /// Scrapes refused because none of their hashes is valid.
    failures_scrape_hashes in FAILURES "scrape_hashes",
    /// Announces over WebSockets or HTTP refused because their info-hash is not allowed (`access.info_hashes_allowed`,
    /// `access.info_hashes_denied`).
    failures_info_hash_not_allowed in FAILURES "info_hash_not_allowed" => retained,
    /// Announces and scrapes over HTTP, and requests for `/ice`, refused because the client sent no token of
    /// `access.tokens_file`.
    failures_token in FAILURES "token" => retained,
    /// Announces refused because the connection is in `tracker.memberships_max` swarms.
    failures_memberships in FAILURES "memberships" & LIMIT_HITS "tracker.memberships_max" => retained,
    /// Full scrapes refused (`tracker.full_scrape`).
    failures_full_scrape in FAILURES "full_scrape" => retained,
    /// Full scrapes refused because another one was in progress.
    failures_full_scrape_busy in FAILURES "full_scrape_busy" => retained,
    /// Subscriptions refused because all or those of their address are as many as `tracker.subscriptions_max` allows.
    failures_subscriptions_max in FAILURES "subscriptions_max" & LIMIT_HITS "tracker.subscriptions_max" => retained,
    /// Announces refused because they would create a swarm and there are `limits.swarms_max`, or memory is short.
    failures_swarms_max in FAILURES "swarms_max" & LIMIT_HITS "limits.swarms_max" => retained,
    /// Announces refused because they would create a swarm and their address is in as many as
    /// `limits.address_swarms_percent` allows.
    failures_address_swarms_percent in FAILURES "address_swarms_percent" & LIMIT_HITS "limits.address_swarms_percent" => retained,
    /// Announces refused because pages of their origin announce too fast (`limits.origin_announces_per_second`).
    failures_origin_announces_per_second in FAILURES "origin_announces_per_second" & LIMIT_HITS "limits.origin_announces_per_second" => retained,
    /// Announces after which reading paused because pages of their origin announce too fast.
    paused_origin_announces_per_second in LIMIT_HITS "limits.origin_announces_per_second",
    /// Messages refused because the connection stayed over `limits.messages_per_second`.
    failures_messages_per_second in FAILURES "messages_per_second" & LIMIT_HITS "limits.messages_per_second" => retained,
    /// Messages refused because the connection stayed over `limits.offers_per_second`.
    failures_offers_per_second in FAILURES "offers_per_second" & LIMIT_HITS "limits.offers_per_second" => retained,
    /// Messages refused because the connection stayed over `limits.bytes_per_second`.
    failures_bytes_per_second in FAILURES "bytes_per_second" & LIMIT_HITS "limits.bytes_per_second" => retained,
    /// Pauses in reading from a connection over `limits.messages_per_second`.
    paused_messages_per_second in LIMIT_HITS "limits.messages_per_second",
    /// Pauses in reading from a connection over `limits.offers_per_second`.
    paused_offers_per_second in LIMIT_HITS "limits.offers_per_second",
    /// Pauses in reading from a connection over `limits.bytes_per_second`.
    paused_bytes_per_second in LIMIT_HITS "limits.bytes_per_second",
    /// Alert notifications delivered to a receiver.
    notifications_sent,
    /// Failed attempts to send a notification; most are retried.
    notification_attempts_failed,
    /// Notifications given up: refused by their receiver, or not delivered within `alerts.give_up_after`.
    notifications_given_up,
    /// Notifications dropped, oldest first, because `alerts.queue_max` others waited for the same receiver.
    notifications_dropped_queue_max in LIMIT_HITS "alerts.queue_max",
    /// Memberships removed because the connection used more peer ids in one swarm than
    /// `tracker.peer_ids_per_swarm_max`.
    memberships_replaced in LIMIT_HITS "tracker.peer_ids_per_swarm_max",
    /// Memberships expired because no announce came for `tracker.membership_ttl`.
    memberships_expired => retained,
    /// Bytes read from WebSockets: frames, without TLS and TCP.
    bytes_received: Bytes => public & retained,
    /// Bytes written to WebSockets: frames, without TLS and TCP.
    bytes_sent: Bytes => public & retained,
    /// History samples written.
    history_samples,
    /// Failures to open, write or read the history.
    history_failures,
    /// Samples, documents and journal entries dropped because the queue to the history's disk was full.
    history_queue_full,
    /// History queries refused because too many were waiting.
    history_queries_refused,
    /// History queries refused because their address had too many waiting.
    refused_address_history_queries => retained,
    /// Requests to the admin API or for `/metrics` with a wrong token.
    tokens_wrong,
    /// Requests to the admin API or for `/metrics` whose token was not checked because their address sent too many
    /// wrong ones (`limits.wrong_tokens_per_minute`).
    refused_wrong_tokens_per_minute in LIMIT_HITS "limits.wrong_tokens_per_minute" => retained,
    /// Requests to the admin API or for `/metrics` whose token was not checked because all addresses together sent too
    /// many wrong ones (`limits.all_wrong_tokens_per_minute`).
    refused_all_wrong_tokens_per_minute in LIMIT_HITS "limits.all_wrong_tokens_per_minute" => retained,
    /// Admin API queries that a worker could not queue or did not answer in time.
    questions_unanswered,
    /// Swarms no longer watched because others were opened.
    watches_given_up,
    /// STUN requests answered.
    stun_bindings => public & retained,
    /// Datagrams to the STUN server dropped because they are not STUN.
    stun_malformed in STUN_DROPPED "malformed",
    /// STUN messages dropped because they are not Binding requests.
    stun_not_binding in STUN_DROPPED "not_binding",
    /// STUN requests dropped because their address sends too many (`limits.address_stun_per_second`).
    stun_refused_address in STUN_DROPPED "address" & LIMIT_HITS "limits.address_stun_per_second" => retained,
    /// STUN requests dropped because all addresses together send too many (`limits.stun_per_second`).
    stun_refused_total in STUN_DROPPED "total" & LIMIT_HITS "limits.stun_per_second" => retained,
    /// STUN requests dropped because the system could not send the response.
    stun_unsent in STUN_DROPPED "unsent",
    /// Allocations of the TURN relay begun.
    turn_allocated => public & retained,
    /// TURN requests of clients with an allocation answered: refreshes, permissions, channels, ends.
    turn_requests,
    /// TURN requests answered with a challenge; every client begins so.
    turn_challenged,
    /// Packets relayed.
    turn_packets,
    /// Bytes relayed, with TURN headers.
    bytes_relayed: Bytes => public & retained,
    /// TURN requests refused because the credentials have expired.
    refused_turn_expired in TURN_REFUSED "expired" => retained,
    /// TURN requests refused because of a wrong username or signature.
    refused_turn_credentials in TURN_REFUSED "credentials" => retained,
    /// TURN allocations refused because of `ice.turn_user_allocations_max`.
    refused_turn_user_allocations_max in TURN_REFUSED "user" & LIMIT_HITS "ice.turn_user_allocations_max" => retained,
    /// TURN allocations refused because of `ice.turn_address_allocations_max`.
    refused_turn_address_allocations_max in TURN_REFUSED "address" & LIMIT_HITS "ice.turn_address_allocations_max" => retained,
    /// TURN allocations refused because of `ice.turn_allocations_max`.
    refused_turn_allocations_max in TURN_REFUSED "total" & LIMIT_HITS "ice.turn_allocations_max" => retained,
    /// Connections to the TURN relay refused because of `ice.turn_connections_max`.
    refused_turn_connections_max in TURN_REFUSED "connections" & LIMIT_HITS "ice.turn_connections_max" => retained,
    /// TURN requests refused for another reason: malformed, or for what the relay does not do.
    refused_turn_request in TURN_REFUSED "request" => retained,
    /// Packets to be relayed dropped because they are malformed.
    turn_dropped_malformed in TURN_DROPPED "malformed",
    /// Packets to be relayed dropped because the sender has no allocation, channel or permission.
    turn_dropped_not_permitted in TURN_DROPPED "not_permitted",
    /// Packets to be relayed dropped because the peer is no allocation of this server, or does not permit the sender.
    turn_dropped_no_peer in TURN_DROPPED "no_peer",
    /// Packets to be relayed dropped because of `ice.turn_user_bytes_per_second`.
    turn_dropped_user_rate in TURN_DROPPED "user_rate" & LIMIT_HITS "ice.turn_user_bytes_per_second" => retained,
    /// Packets to be relayed dropped because of `ice.turn_address_bytes_per_second`.
    turn_dropped_address_rate in TURN_DROPPED "address_rate" & LIMIT_HITS "ice.turn_address_bytes_per_second" => retained,
    /// Packets to be relayed dropped because of `ice.turn_bytes_per_second`.
    turn_dropped_total_rate in TURN_DROPPED "total_rate" & LIMIT_HITS "ice.turn_bytes_per_second" => retained,
    /// Packets to be relayed dropped because of `ice.turn_bytes_per_day`.
    turn_dropped_day_budget in TURN_DROPPED "day_budget" & LIMIT_HITS "ice.turn_bytes_per_day" => retained,
    /// Packets to a connection of the TURN relay dropped because of `ice.turn_output_bytes_max`.
    turn_dropped_output in TURN_DROPPED "output" & LIMIT_HITS "ice.turn_output_bytes_max" => retained,
    /// Connections to the TURN relay over TCP and TLS begun.
    turn_connections_opened,
    /// Connections to the TURN relay ended because they had no allocation.
    turn_connections_unused,
    /// Connections to the TURN relay ended because their client took nothing.
    turn_connections_stuck,
    /// Connections to the TURN relay ended because their bytes are no packets.
    turn_connections_malformed,
    /// Responses of `/ice` with new TURN credentials.
    ice_credentials => retained,
    /// Requests for TURN credentials refused because their address sends too many (`limits.address_ice_per_second`).
    refused_address_ice_per_second in LIMIT_HITS "limits.address_ice_per_second" => retained,
    /// Responses of `/ice` that named the STUN server of this process.
    ice_with_stun,
    /// Announces served over HTTP.
    http_announces => public & retained,
    /// Scrapes served over HTTP.
    http_scrapes => public & retained,
    /// Announces over HTTP that asked for more peers than `tracker.http_peers_per_reply_max`.
    http_replies_cut in LIMIT_HITS "tracker.http_peers_per_reply_max",
    /// Memberships over HTTP expired because no announce came for `tracker.http_membership_ttl`.
    http_peers_expired,
    /// Announces over HTTP for a membership that started with another `key`; they are answered and change nothing.
    http_key_mismatches,
    /// Announces and scrapes over HTTP refused because a parameter was missing or invalid.
    failures_http_malformed in FAILURES "http_malformed" => retained,
    /// Announces over HTTP refused because a browser sent them.
    failures_http_page in FAILURES "http_page" => retained,
    /// Announces over HTTP refused because peers may not be listed at their port.
    failures_http_port in FAILURES "http_port" => retained,
    /// HTTP requests refused because they do not have exactly one valid `Host`.
    failures_http_host in FAILURES "http_host" => retained,
    /// Announces over HTTP refused because the sender's address is unknown.
    failures_http_no_address in FAILURES "http_no_address" => retained,
    /// Announces and scrapes over HTTP where they are not served (`tracker.http`, a listener for pages only).
    failures_http_not_here in FAILURES "http_not_here" => retained,
    /// Announces over HTTP refused because the server is draining.
    failures_http_draining in FAILURES "http_draining" => retained,
    /// Announces, scrapes, checks (`/api/v1/check`), and requests for a protected `/ice` refused because their address sends too many
    /// (`limits.address_http_requests_per_second`).
    failures_address_http_requests_per_second in FAILURES "address_http_requests_per_second" & LIMIT_HITS "limits.address_http_requests_per_second" => retained,
    /// Announces refused because their address has `limits.address_http_peers_max` peers.
    failures_address_http_peers_max in FAILURES "address_http_peers_max" & LIMIT_HITS "limits.address_http_peers_max" => retained,
    /// Announces refused because their address has `limits.address_http_peers_per_swarm_max` peers in the swarm.
    failures_address_http_peers_per_swarm_max in FAILURES "address_http_peers_per_swarm_max" & LIMIT_HITS "limits.address_http_peers_per_swarm_max" => retained,
    /// Announces refused because there are `limits.http_peers_max` peers over HTTP.
    failures_http_peers_max in FAILURES "http_peers_max" & LIMIT_HITS "limits.http_peers_max" => retained,
}
