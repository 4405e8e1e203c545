//! One set of counters per thread, so that counting is never shared between cores; they are added up when read.

use std::sync::atomic::{AtomicU64, Ordering};

use super::families::{self, Place};
use super::series::{Kind, Series, Unit, is_public};

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

    /// Counts `more` where several threads may do so at once: dearer, so not for what happens often.
    pub fn add_shared(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// The number so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

macro_rules! counters {
    // `public`: strangers may be told (see `Series::is_public`).
    ($($(#[doc = $doc:literal])+ $name:ident $(in $($family:ident $value:literal)&+)? $(=> $public:ident)?,)+) => {
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
            /// What each counter means, in the order of [`Self::values`].
            pub(super) const SERIES: &[Series] = &[$(Series {
                name: stringify!($name),
                kind: Kind::Counter,
                unit: Unit::of_counter(stringify!($name)),
                doc: concat!($($doc),+),
                places: &[$($(Place { family: families::$family, value: $value }),+)?],
                is_public: is_public!($($public)?),
            }),+];

            /// The value of each counter.
            pub(super) fn values(&self) -> impl Iterator<Item = u64> {
                [$(self.$name),+].into_iter()
            }

            /// These and others together.
            #[must_use]
            pub fn with(mut self, others: Self) -> Self {
                $(self.$name = self.$name.wrapping_add(others.$name);)+
                self
            }

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
    connections_opened => public,
    /// WebSocket connections closed, for whatever reason.
    connections_closed => public,
    /// Connections that the client closed in order.
    connections_closed_by_client in CONNECTIONS_CLOSED "by_client",
    /// Connections whose transport ended or failed without a close.
    connections_lost in CONNECTIONS_CLOSED "lost",
    /// Connections closed because the server was stopping.
    connections_stopped in CONNECTIONS_CLOSED "stopping",
    /// Connections dropped without a reason of their own, mostly when the server gave up waiting at its end.
    connections_dropped in CONNECTIONS_CLOSED "dropped",
    /// Connections closed because nothing was heard for `connection.dead_after`.
    connections_dead in CONNECTIONS_CLOSED "dead" & LIMIT_HITS "connection.dead_after",
    /// Connections closed because nothing could be written for `connection.stuck_after`.
    connections_stuck in CONNECTIONS_CLOSED "stuck" & LIMIT_HITS "connection.stuck_after",
    /// Connections closed because no valid message came within `connection.first_message_timeout`.
    first_message_timed_out in CONNECTIONS_CLOSED "first_message_timeout" & LIMIT_HITS "connection.first_message_timeout",
    /// Connections closed because a message took longer than `connection.message_timeout`.
    message_timed_out in CONNECTIONS_CLOSED "message_timeout" & LIMIT_HITS "connection.message_timeout",
    /// Connections closed for a frame against the WebSocket protocol, or a message that is not UTF-8.
    connections_violating in CONNECTIONS_CLOSED "violating",
    /// Connections closed for a message or frame longer than `connection.message_bytes_max`.
    messages_too_long in CONNECTIONS_CLOSED "too_long" & LIMIT_HITS "connection.message_bytes_max",
    /// Connections closed for more malformed messages than `connection.malformed_per_minute_max`.
    connections_malformed in CONNECTIONS_CLOSED "malformed" & LIMIT_HITS "connection.malformed_per_minute_max",
    /// Connections closed for a flood: more messages were refused than `limits.refusals_per_minute_max`.
    connections_flooding in CONNECTIONS_CLOSED "flooding" & LIMIT_HITS "limits.refusals_per_minute_max",
    /// Connections closed for too much hostile behaviour in all (`bans.connection_score_max`).
    connections_hostile in CONNECTIONS_CLOSED "hostile" & LIMIT_HITS "bans.connection_score_max",
    /// Connections closed because memory was short (`memory.shed_percent`).
    connections_shed in CONNECTIONS_CLOSED "shed" & LIMIT_HITS "memory.shed_percent",
    /// Connections closed by the operator.
    connections_kicked in CONNECTIONS_CLOSED "kicked",
    /// Upgrades refused: version, key, origin, a server that drains, a limit, or no room for another connection.
    upgrades_refused,
    /// WebSockets refused because the request was no WebSocket handshake of this version.
    refused_handshake in CONNECTIONS_REFUSED "handshake",
    /// WebSockets refused because their handshake came without `Upgrade`, or as HTTP/1.0: a proxy in front drops it.
    refused_upgrade_missing in CONNECTIONS_REFUSED "upgrade_missing",
    /// WebSockets refused because the server was leaving.
    refused_draining in CONNECTIONS_REFUSED "draining",
    /// WebSockets refused where only pages are served.
    refused_no_tracker in CONNECTIONS_REFUSED "no_tracker",
    /// WebSockets refused because the limit of open files was near.
    refused_open_files in CONNECTIONS_REFUSED "open_files",
    /// Connections that ended without a whole request within `connection.handshake_timeout`, or with a bad one.
    handshakes_failed,
    /// Connections closed because they had not become a WebSocket within `connection.http_timeout`.
    http_timed_out in LIMIT_HITS "connection.http_timeout",
    /// Connections closed before they became a WebSocket because nothing of a response was taken for `connection.stuck_after`.
    http_stuck in LIMIT_HITS "connection.stuck_after",
    /// Connections closed before they became a WebSocket because memory was short (`memory.shed_percent`).
    http_shed in LIMIT_HITS "memory.shed_percent",
    /// Requests over HTTP that were answered, announces and scrapes and refusals included.
    http_requests,
    /// Requests over HTTP refused because those of their address took more than `limits.address_http_time_per_second`.
    refused_address_http_time_per_second in LIMIT_HITS "limits.address_http_time_per_second",
    /// Requests over HTTP refused because responses to their address wait (`limits.address_response_bytes_max`).
    refused_address_response_bytes_max in LIMIT_HITS "limits.address_response_bytes_max",
    /// Requests over HTTP refused because responses wait (`limits.response_bytes_max`).
    refused_response_bytes_max in LIMIT_HITS "limits.response_bytes_max",
    /// Requests over HTTP refused because the response would be longer than `connection.response_bytes_max`.
    refused_connection_response_bytes_max in LIMIT_HITS "connection.response_bytes_max",
    /// Connections that ended before their first request because there were `connection.handshakes_max` of them.
    handshakes_displaced in LIMIT_HITS "connection.handshakes_max",
    /// TLS handshakes done.
    tls_handshakes,
    /// Those of them by which a client came back, at a fraction of the price.
    tls_handshakes_resumed,
    /// TLS handshakes that were not done within `tls.handshake_timeout`.
    tls_handshakes_timed_out in TLS_HANDSHAKES_FAILED "timeout" & LIMIT_HITS "tls.handshake_timeout",
    /// TLS handshakes that ended because the client had gone.
    tls_handshakes_cut in TLS_HANDSHAKES_FAILED "cut",
    /// TLS handshakes that the client ended, mostly because it does not trust the certificate.
    tls_handshakes_refused in TLS_HANDSHAKES_FAILED "refused",
    /// TLS handshakes of clients that know no version, cipher or protocol that is served.
    tls_handshakes_incompatible in TLS_HANDSHAKES_FAILED "incompatible",
    /// TLS handshakes that were no TLS, or against its rules.
    tls_handshakes_malformed in TLS_HANDSHAKES_FAILED "malformed",
    /// Certificates replaced because their files had changed.
    certificate_reloads,
    /// New certificate files that could not be used; the old certificate stayed.
    certificate_reloads_failed,
    /// Times that the files of `[access]` were read anew.
    access_reloads,
    /// Times that files of `[access]` had changed and could not be used; the old lists stayed.
    access_reloads_failed,
    /// Certificates issued by the ACME directory.
    certificates_issued,
    /// Orders at the ACME directory that failed; they are repeated.
    certificate_orders_failed,
    /// Connections refused because the process has `limits.connections_max`.
    refused_connections_max in CONNECTIONS_REFUSED "connections_max" & LIMIT_HITS "limits.connections_max",
    /// Connections refused because memory was short (`memory.refuse_percent`).
    refused_memory in CONNECTIONS_REFUSED "memory" & LIMIT_HITS "memory.refuse_percent",
    /// Connections refused because their address has `limits.address_connections_max`.
    refused_address_connections_max in CONNECTIONS_REFUSED "address_connections_max" & LIMIT_HITS "limits.address_connections_max",
    /// New WebSockets refused because too many came from their address (`limits.address_connections_per_second`).
    refused_address_connections_per_second in CONNECTIONS_REFUSED "address_connections_per_second" & LIMIT_HITS "limits.address_connections_per_second",
    /// New TCP connections closed before a byte was read because too many came from their address (`limits.address_accepts_per_second`).
    refused_address_accepts_per_second in CONNECTIONS_REFUSED "address_accepts_per_second" & LIMIT_HITS "limits.address_accepts_per_second",
    /// TLS handshakes that counted as `limits.failed_handshake_cost` new connections, because a signature was made for them in vain.
    charged_failed_handshake_cost in LIMIT_HITS "limits.failed_handshake_cost",
    /// WebSockets that began with what an earlier connection of their address had used up of its limits.
    limits_carried_over,
    /// New WebSockets that had to wait for their turn because many came from their address.
    delayed_address_connections_per_second in LIMIT_HITS "limits.address_connections_per_second",
    /// WebSockets refused because pages of their origin have `limits.origin_connections_max`.
    refused_origin_connections_max in CONNECTIONS_REFUSED "origin_connections_max" & LIMIT_HITS "limits.origin_connections_max",
    /// WebSockets refused because their address has `limits.origin_address_percent` of what pages of their origin may have.
    refused_origin_address_percent in CONNECTIONS_REFUSED "origin_address_percent" & LIMIT_HITS "limits.origin_address_percent",
    /// WebSockets refused because pages of their origin may not use the tracker (`origin`, `origin_denied`).
    refused_origin in CONNECTIONS_REFUSED "origin",
    /// WebSockets refused because none of the tokens of `access.tokens_file` was shown.
    refused_token in CONNECTIONS_REFUSED "token",
    /// Connections refused because their address is banned, or pages of their origin are at this address.
    refused_bans in CONNECTIONS_REFUSED "ban",
    /// Requests for the live statistics refused because `limits.followers_max` follow them.
    refused_followers_max in LIMIT_HITS "limits.followers_max",
    /// Requests for the live statistics refused because `limits.address_followers_max` of their address follow them.
    refused_address_followers_max in LIMIT_HITS "limits.address_followers_max",
    /// Bans of addresses and networks (`bans.strikes_max`).
    bans in LIMIT_HITS "bans.strikes_max",
    /// Bans of the pages of one origin, or of one site, at one address (`bans.strikes_max`).
    page_bans in LIMIT_HITS "bans.strikes_max",
    /// Bans of addresses, networks and sites at which pages of more than `bans.origins_max` origins misbehaved.
    bans_origins_max in LIMIT_HITS "bans.origins_max",
    /// Bans forgotten because there were `bans.records_max`.
    forgotten_bans_records_max in LIMIT_HITS "bans.records_max",
    /// Connections not counted by themselves because `limits.addresses_max` addresses are.
    uncounted_addresses_max in LIMIT_HITS "limits.addresses_max",
    /// WebSockets not counted for their own origin because `limits.origins_max` others are.
    uncounted_origins_max in LIMIT_HITS "limits.origins_max",
    /// WebSockets not counted for their own origin because their address has named `limits.address_origins_max` others first.
    uncounted_address_origins_max in LIMIT_HITS "limits.address_origins_max",
    /// Accepts that failed, mostly for want of file descriptors.
    accepts_failed,
    /// Connections that were answered but could not become a WebSocket, because the limit of open files was near.
    open_files_short,
    /// Connections to a `proxy+` listener without a PROXY header that is believed within `proxies.proxy_timeout`.
    proxy_headers_failed,
    /// Requests whose client was named by a trusted proxy (`proxies.header`).
    addresses_forwarded,
    /// Requests whose trusted proxy sent a `proxies.header` that names no client: unreadable, empty, or `unknown`.
    forwarded_malformed,
    /// Requests with a `proxies.header` from somebody who is not in `proxies.trusted`, so that it was not looked at.
    forwarded_untrusted,
    /// Pings sent to silent connections.
    pings_sent,
    /// Announces served, answers not included.
    announces => public,
    /// Announces without an event, or with one that is unknown.
    announces_regular in ANNOUNCES "regular" => public,
    /// Announces with the event `started`.
    announces_started in ANNOUNCES "started" => public,
    /// Announces with the event `completed`.
    announces_completed in ANNOUNCES "completed" => public,
    /// Announces with the event `paused`.
    announces_paused in ANNOUNCES "paused" => public,
    /// Announces with the event `stopped`.
    announces_stopped in ANNOUNCES "stopped" => public,
    /// Offers that came with announces, whatever became of them.
    offers_received => public,
    /// Offers relayed.
    offers_relayed => public,
    /// Offers left out because something in them was wrong.
    offers_malformed in OFFERS_DROPPED "malformed",
    /// Valid offers left out because an announce may have `tracker.offers_per_announce_max` of them.
    offers_surplus in OFFERS_DROPPED "surplus" & LIMIT_HITS "tracker.offers_per_announce_max",
    /// Offers that no longer wait for their answer because of `tracker.pending_offers_max`.
    offers_forgotten in LIMIT_HITS "tracker.pending_offers_max",
    /// Offers not relayed because others had given the same `offer_id` under the same `peer_id` to the same receiver.
    offers_copied in OFFERS_DROPPED "copied",
    /// Offers left out because there was no member more to give them to, or their announce was refused.
    offers_without_receiver in OFFERS_DROPPED "no_receiver",
    /// Members passed over for another when a receiver was chosen, because they were given as many offers as
    /// `limits.offers_received_per_second` allows.
    passed_over_offers_received_per_second in LIMIT_HITS "limits.offers_received_per_second",
    /// Members passed over for another because what is left of their offers is for senders whose address has given the swarm little lately
    /// (`limits.offers_received_reserved_percent`).
    passed_over_offers_received_reserved_percent in LIMIT_HITS "limits.offers_received_reserved_percent",
    /// Offers dropped because the output of their receiver was full (`connection.output_bytes_max`).
    offers_dropped_output_full in OFFERS_DROPPED "output_full" & LIMIT_HITS "connection.output_bytes_max",
    /// Answers received, whatever became of them.
    answers_received => public,
    /// Answers relayed.
    answers_relayed in ANSWERS "relayed" => public,
    /// Answers dropped because nobody waited for them.
    answers_unwanted in ANSWERS "unwanted",
    /// Answers dropped because something in them was wrong.
    answers_malformed in ANSWERS "malformed",
    /// Answers and replies dropped because the output of their receiver was full of others.
    messages_dropped_output_full in LIMIT_HITS "connection.output_bytes_max",
    /// Relays dropped because too many waited to come over from other workers (`connection.inbox_bytes_max`).
    relays_dropped_inbox_full in LIMIT_HITS "connection.inbox_bytes_max",
    /// Relays whose receiver had gone in the meantime.
    relays_without_receiver,
    /// Scrapes served.
    scrapes => public,
    /// Scrapes that used up `tracker.scrape_hashes_max`; what they asked beyond was left out.
    scrapes_full in LIMIT_HITS "tracker.scrape_hashes_max",
    /// Messages answered with a failure because something in them was wrong.
    failures_malformed,
    /// Messages refused because they are not JSON.
    failures_not_json in FAILURES "not_json",
    /// Messages refused because they are JSON, but no object.
    failures_not_an_object in FAILURES "not_an_object",
    /// Messages refused because they are nested deeper than `connection.json_depth_max`.
    failures_nested_too_deeply in FAILURES "nested_too_deeply" & LIMIT_HITS "connection.json_depth_max",
    /// Messages refused because their `action` is missing or unknown.
    failures_unknown_action in FAILURES "unknown_action",
    /// Messages refused because their `info_hash` cannot be used.
    failures_info_hash in FAILURES "info_hash",
    /// Messages refused because their `peer_id` cannot be used.
    failures_peer_id in FAILURES "peer_id",
    /// Scrapes refused because none of their hashes can be used.
    failures_scrape_hashes in FAILURES "scrape_hashes",
    /// Announces, over WebSockets or HTTP, refused because their swarm may not be here (`access.info_hashes_allowed`,
    /// `access.info_hashes_denied`).
    failures_info_hash_not_allowed in FAILURES "info_hash_not_allowed",
    /// Announces and scrapes over HTTP, and requests for `/ice`, refused because none of the tokens of `access.tokens_file` was shown.
    failures_token in FAILURES "token",
    /// Announces refused because the connection is in `tracker.memberships_max` swarms.
    failures_memberships in FAILURES "memberships" & LIMIT_HITS "tracker.memberships_max",
    /// Scrapes of everything refused (`tracker.full_scrape`).
    failures_full_scrape in FAILURES "full_scrape",
    /// Scrapes of everything refused because somebody else was being told everything.
    failures_full_scrape_busy in FAILURES "full_scrape_busy",
    /// Announces refused because they would begin a swarm and there are `limits.swarms_max`, or memory is short.
    failures_swarms_max in FAILURES "swarms_max" & LIMIT_HITS "limits.swarms_max",
    /// Announces refused because they would begin a swarm and their address is in as many as
    /// `limits.address_swarms_percent` allows.
    failures_address_swarms_percent in FAILURES "address_swarms_percent" & LIMIT_HITS "limits.address_swarms_percent",
    /// Announces refused because pages of their origin announce too fast (`limits.origin_announces_per_second`).
    failures_origin_announces_per_second in FAILURES "origin_announces_per_second" & LIMIT_HITS "limits.origin_announces_per_second",
    /// Announces after which reading paused because pages of their origin announce too fast.
    paused_origin_announces_per_second in LIMIT_HITS "limits.origin_announces_per_second",
    /// Messages refused because the connection stayed over `limits.messages_per_second`.
    failures_messages_per_second in FAILURES "messages_per_second" & LIMIT_HITS "limits.messages_per_second",
    /// Messages refused because the connection stayed over `limits.offers_per_second`.
    failures_offers_per_second in FAILURES "offers_per_second" & LIMIT_HITS "limits.offers_per_second",
    /// Messages refused because the connection stayed over `limits.bytes_per_second`.
    failures_bytes_per_second in FAILURES "bytes_per_second" & LIMIT_HITS "limits.bytes_per_second",
    /// Pauses in reading from a connection over `limits.messages_per_second`.
    paused_messages_per_second in LIMIT_HITS "limits.messages_per_second",
    /// Pauses in reading from a connection over `limits.offers_per_second`.
    paused_offers_per_second in LIMIT_HITS "limits.offers_per_second",
    /// Pauses in reading from a connection over `limits.bytes_per_second`.
    paused_bytes_per_second in LIMIT_HITS "limits.bytes_per_second",
    /// Notifications of alerts that a receiver took.
    notifications_sent,
    /// Attempts to send a notification that failed; most are repeated.
    notification_attempts_failed,
    /// Notifications given up: refused by their receiver, or for `alerts.give_up_after` in vain.
    notifications_given_up,
    /// Notifications dropped, oldest first, because `alerts.queue_max` others waited for the same receiver.
    notifications_dropped_queue_max in LIMIT_HITS "alerts.queue_max",
    /// Memberships ended because the connection used more peer ids in one swarm than `tracker.peer_ids_per_swarm_max`.
    memberships_replaced in LIMIT_HITS "tracker.peer_ids_per_swarm_max",
    /// Memberships ended because no announce came for `tracker.membership_ttl`.
    memberships_expired,
    /// Bytes read from WebSockets: frames, without TLS and TCP.
    bytes_received => public,
    /// Bytes written to WebSockets: frames, without TLS and TCP.
    bytes_sent => public,
    /// Samples of the history written.
    history_samples,
    /// Times that history could not be opened, written or read.
    history_failures,
    /// Samples, documents and entries of journals lost because too much waited for the disk of the history.
    history_queue_full,
    /// Questions to history refused because too many waited for their answer.
    history_queries_refused,
    /// Questions to history refused because their address had too many that waited.
    refused_address_history_queries,
    /// Requests to the admin API or for `/metrics` with a wrong token.
    tokens_wrong,
    /// Requests to the admin API or for `/metrics` whose token was not looked at because too many of their address were wrong
    /// (`limits.wrong_tokens_per_minute`).
    refused_wrong_tokens_per_minute in LIMIT_HITS "limits.wrong_tokens_per_minute",
    /// Requests to the admin API or for `/metrics` whose token was not looked at because too many of all were wrong
    /// (`limits.all_wrong_tokens_per_minute`).
    refused_all_wrong_tokens_per_minute in LIMIT_HITS "limits.all_wrong_tokens_per_minute",
    /// Questions of the admin API that a worker had no room for or did not answer in time.
    questions_unanswered,
    /// Swarms no longer watched because others were looked at.
    watches_given_up,
    /// Announces served over HTTP.
    http_announces => public,
    /// Scrapes served over HTTP.
    http_scrapes => public,
    /// Announces over HTTP that asked for more peers than `tracker.http_peers_per_reply_max`.
    http_replies_cut in LIMIT_HITS "tracker.http_peers_per_reply_max",
    /// Memberships over HTTP ended because no announce came for `tracker.http_membership_ttl`.
    http_peers_expired,
    /// Announces over HTTP for a membership that was begun with another `key`: they are answered and change nothing.
    http_key_mismatches,
    /// Announces and scrapes over HTTP refused because something in them was wrong or missing.
    failures_http_malformed in FAILURES "http_malformed",
    /// Announces over HTTP refused because a browser sent them.
    failures_http_page in FAILURES "http_page",
    /// Announces over HTTP refused because no peer may be listed at their port.
    failures_http_port in FAILURES "http_port",
    /// Requests over HTTP refused because they have not exactly one valid `Host`.
    failures_http_host in FAILURES "http_host",
    /// Announces over HTTP refused because the address of their sender is not known.
    failures_http_no_address in FAILURES "http_no_address",
    /// Announces and scrapes over HTTP where that is not served (`tracker.http`, a listener for pages alone).
    failures_http_not_here in FAILURES "http_not_here",
    /// Announces over HTTP refused because the server leaves.
    failures_http_draining in FAILURES "http_draining",
    /// Announces and scrapes, and requests for `/ice` where it needs a token, refused because their address sends too many
    /// (`limits.address_http_requests_per_second`).
    failures_address_http_requests_per_second in FAILURES "address_http_requests_per_second" & LIMIT_HITS "limits.address_http_requests_per_second",
    /// Announces refused because their address has `limits.address_http_peers_max`.
    failures_address_http_peers_max in FAILURES "address_http_peers_max" & LIMIT_HITS "limits.address_http_peers_max",
    /// Announces refused because their address has `limits.address_http_peers_per_swarm_max` peers in the swarm.
    failures_address_http_peers_per_swarm_max in FAILURES "address_http_peers_per_swarm_max" & LIMIT_HITS "limits.address_http_peers_per_swarm_max",
    /// Announces refused because there are `limits.http_peers_max`.
    failures_http_peers_max in FAILURES "http_peers_max" & LIMIT_HITS "limits.http_peers_max",
}
