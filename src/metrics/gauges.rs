//! Declares the gauges and their values at one moment.

use super::families::{self, FamilyLabel};
use super::series::{Series, SeriesKind, SeriesUnit};

macro_rules! gauges {
    // The marks are methods of `Series`: `public` and `retained`.
    ($($(#[doc = $doc:literal])+ $name:ident: $unit:ident $(in $family:ident $value:literal)? $(=> $($mark:ident)&+)?,)+) => {
        /// The values of all gauges at one moment; NaN where unknown.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct LoadGauges {
            $($(#[doc = $doc])+ pub $name: f64,)+
        }

        /// All values are unknown.
        impl Default for LoadGauges {
            fn default() -> Self {
                Self { $($name: f64::NAN,)+ }
            }
        }

        impl LoadGauges {
            /// The declaration of each gauge, in the order of [`Self::values`].
            pub(super) const SERIES: &[Series] = &[$(
                Series::new(
                    (stringify!($name), concat!($($doc),+)),
                    (SeriesKind::Gauge, SeriesUnit::$unit),
                    &[$(FamilyLabel { family: families::$family, value: $value })?],
                )
                $($(.$mark())+)?
            ),+];

            /// Returns gauges that all have this value, for tests.
            #[cfg(test)]
            pub(super) fn all(value: f64) -> Self {
                Self { $($name: value,)+ }
            }

            /// Returns the value of each gauge.
            pub(super) fn values(&self) -> impl Iterator<Item = f64> {
                [$(self.$name),+].into_iter()
            }
        }
    };
}

impl LoadGauges {
    /// Makes the gauges unknown that only matchmaking by introductions knows.
    pub fn clear_matchmaking(&mut self) {
        for gauge in [
            &mut self.useful_offers_answered,
            &mut self.offers_per_introduction,
            &mut self.joins_answered_fast,
            &mut self.introductions_failed,
            &mut self.members_alone,
        ] {
            *gauge = f64::NAN;
        }
    }
}

gauges! {
    /// Open WebSocket connections.
    connections: Count => public & retained,
    /// Open WebSocket connections from an IPv4 address.
    connections_ipv4: Count in CONNECTIONS_BY_FAMILY "ipv4" => public & retained,
    /// Open WebSocket connections from an IPv6 address.
    connections_ipv6: Count in CONNECTIONS_BY_FAMILY "ipv6" => public & retained,
    /// Open WebSocket connections over a socket file, without a client address from a proxy.
    connections_unix: Count in CONNECTIONS_BY_FAMILY "unix" => public,
    /// Maximum of open connections: the smaller of `limits.connections_max` and what the limit of open files allows.
    connections_max: Count,
    /// Swarms with at least one member.
    swarms: Count => public & retained,
    /// Members that have all data.
    seeders: Count => public & retained,
    /// Members that do not have all data.
    leechers: Count => public & retained,
    /// Members of all swarms: seeders and leechers.
    members: Count => public,
    /// Members that announce over HTTP.
    http_peers: Count => public & retained,
    /// Clients that receive the live statistics.
    followers: Count => public,
    /// Share of the offers relayed in the last minute that were answered; unknown without offers.
    offers_answered: Ratio => public & retained,
    /// Share of the useful offers of the last minute that were answered: those to members that were not acquainted with
    /// the sender. Unknown without such offers.
    useful_offers_answered: Ratio => public & retained,
    /// Offers relayed for each answered introduction in the last minute; unknown without answers.
    offers_per_introduction: Count => public & retained,
    /// Share of the members with a first answered introduction in the last minute that had it within three seconds of
    /// their first offer, given or received. Members that never had one are not in it.
    joins_answered_fast: Ratio => public & retained,
    /// Estimated share of the answered introductions of the last minute that led to no lasting connection: those that
    /// were answered again by the same two members.
    introductions_failed: Ratio => public & retained,
    /// Members over WebSockets that never had an answered introduction, in swarms with at least two of them; those that
    /// have just joined included.
    members_alone: Count => public & retained,
    /// Median time from relaying an offer to its answer in the last minute; at least a millisecond.
    answer_time_p50: Seconds => public & retained,
    /// 99th percentile of the time from relaying an offer to its answer in the last minute; at least a millisecond.
    answer_time_p99: Seconds => public & retained,
    /// Median time to serve one message in the last minute; one in 64 is measured.
    handle_time_p50: Seconds => retained,
    /// 99th percentile of the time to serve one message in the last minute; one in 64 is measured.
    handle_time_p99: Seconds => retained,
    /// Bytes that wait to be written to WebSockets.
    outbox: Bytes,
    /// Fill of the fullest connection output, as a share of `connection.output_bytes_max`.
    outbox_fill: Ratio => retained,
    /// Bytes of HTTP responses that wait to be read by clients.
    responses_waiting: Bytes,
    /// HTTP connections whose client currently reads nothing of what is sent.
    http_blocked: Count,
    /// Swarms whose counts are sent to connections, each as often as it is subscribed.
    subscriptions: Count,
    /// Active bans.
    bans_in_force: Count => retained,
    /// Addresses and networks tracked for `limits.address_*`.
    addresses_known: Count,
    /// Connections of the address or network with the most, among those that `limits.address_*` count.
    largest_address_connections: Count,
    /// WebSockets of the private or loopback address with the most; those of exempt private networks are not counted.
    largest_private_address_connections: Count,
    /// Members of the largest swarm.
    largest_swarm_members: Count,
    /// Alert rules that are firing.
    alerts_firing: Count,
    /// Resident memory of the process.
    memory_resident: Bytes => retained,
    /// Memory budget of the process; 0 for no limit.
    memory_budget: Bytes,
    /// Processor cores that this process uses; 1 is one full core.
    cpu_cores: Count => retained,
    /// Processor time used by this process.
    cpu_time: Seconds,
    /// File descriptors that are sockets, approximately.
    open_sockets: Count => retained,
    /// Open file descriptors; unknown where the system has no fast way to count them (Linux before 6.2).
    open_files: Count,
    /// Maximum of open file descriptors.
    open_files_max: Count,
    /// Largest event loop lag of a worker in the last second.
    loop_lag: Seconds => retained,
    /// Announce interval currently sent to clients, the longest of all workers.
    announce_interval: Seconds => public & retained,
    /// Time until the first certificate expires.
    certificate_left: Seconds,
    /// Time until a certificate expires, as a share of the time in which it must be renewed: the last quarter of its
    /// validity, at most ten days. Under 1 the renewal is late, at 0 the certificate has expired. The smallest of all.
    certificate_margin: Ratio,
    /// Whether the history is working: 1, or 0 while it fails; unknown if it is off.
    history_works: Count,
    /// Whether clients reach the STUN server: 1, or 0 while pages do not get its address; unknown if it is off.
    stun_works: Count,
    /// Allocations of the TURN relay; unknown if it is off.
    turn_allocations: Count => public & retained,
    /// Maximum of allocations of the TURN relay (`ice.turn_allocations_max`).
    turn_allocations_max: Count,
    /// Connections to the TURN relay over TCP and TLS; unknown if it is off.
    turn_connections: Count,
    /// Maximum of such connections (`ice.turn_connections_max`).
    turn_connections_max: Count,
    /// Bytes relayed since midnight UTC or the start.
    turn_bytes_today: Bytes,
    /// Maximum of bytes relayed in a day (`ice.turn_bytes_per_day`); 0 for no limit.
    turn_bytes_per_day: Bytes,
    /// Size of the history, on disk or in memory.
    history_size: Bytes,
    /// Time since the process began to serve.
    uptime: Seconds => public,
    /// Unix time at which the process began to serve.
    start_time: Seconds,
}
