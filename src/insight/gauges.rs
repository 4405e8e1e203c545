//! What goes up and down, as it was at one moment.

use super::families::{self, Place};
use super::series::{Kind, Series, Unit, is_public};

macro_rules! gauges {
    // `public`: strangers may be told (see `Series::is_public`).
    ($($(#[doc = $doc:literal])+ $name:ident: $unit:ident $(in $family:ident $value:literal)? $(=> $public:ident)?,)+) => {
        /// What goes up and down, as it was at one moment. What is not known is not a number (NaN).
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct Gauges {
            $($(#[doc = $doc])+ pub $name: f64,)+
        }

        /// Nothing is known.
        impl Default for Gauges {
            fn default() -> Self {
                Self { $($name: f64::NAN,)+ }
            }
        }

        impl Gauges {
            /// What each gauge means, in the order of [`Self::values`].
            pub(super) const SERIES: &[Series] = &[$(Series {
                name: stringify!($name),
                kind: Kind::Gauge,
                unit: Unit::$unit,
                doc: concat!($($doc),+),
                places: &[$(Place { family: families::$family, value: $value })?],
                is_public: is_public!($($public)?),
            }),+];

            /// All the same, for tests.
            #[cfg(test)]
            pub(super) fn all(value: f64) -> Self {
                Self { $($name: value,)+ }
            }

            /// The value of each gauge.
            pub(super) fn values(&self) -> impl Iterator<Item = f64> {
                [$(self.$name),+].into_iter()
            }
        }
    };
}

gauges! {
    /// WebSocket connections open.
    connections: Count => public,
    /// Those of them that come from an IPv4 address.
    connections_ipv4: Count in CONNECTIONS_BY_FAMILY "ipv4" => public,
    /// Those of them that come from an IPv6 address.
    connections_ipv6: Count in CONNECTIONS_BY_FAMILY "ipv6" => public,
    /// Those of them that come over a socket file, and whose address nobody has told.
    connections_unix: Count in CONNECTIONS_BY_FAMILY "unix" => public,
    /// Connections that may be open: the smaller of `limits.connections_max` and what open files allow.
    connections_max: Count,
    /// Swarms with at least one member.
    swarms: Count => public,
    /// Members that have everything.
    seeders: Count => public,
    /// Members that have not.
    leechers: Count => public,
    /// Members, those that have everything and those that have not.
    members: Count => public,
    /// Those of them that announce over HTTP.
    http_peers: Count => public,
    /// Pages and programs that follow the live statistics.
    followers: Count => public,
    /// Share of the offers relayed in the last minute that were answered; unknown while there are none.
    offers_answered: Ratio => public,
    /// Time from relaying an offer to its answer in the last minute: half of them took less; at least a millisecond.
    answer_time_p50: Seconds => public,
    /// Time from relaying an offer to its answer in the last minute: 99 of 100 took less; at least a millisecond.
    answer_time_p99: Seconds => public,
    /// Time to serve one message in the last minute: half of them took less. One in 64 is measured.
    handle_time_p50: Seconds,
    /// Time to serve one message in the last minute: 99 of 100 took less. One in 64 is measured.
    handle_time_p99: Seconds,
    /// Bytes that wait to be written to WebSockets.
    outbox: Bytes,
    /// How full the fullest output of a connection is, as a part of `connection.output_bytes_max`.
    outbox_fill: Ratio,
    /// Bytes of HTTP responses that wait to be taken.
    responses_waiting: Bytes,
    /// HTTP connections that take nothing at the moment of what is sent to them.
    http_blocked: Count,
    /// Bans in force.
    bans_in_force: Count,
    /// Addresses and networks that are counted for `limits.address_*`.
    addresses_known: Count,
    /// Connections from the address or network that has most, of those that `limits.address_*` count.
    largest_address_connections: Count,
    /// WebSockets from the private or loopback address that has most; those of exempt private networks are not counted.
    largest_private_address_connections: Count,
    /// Members of the largest swarm.
    largest_swarm_members: Count,
    /// Rules that fire.
    alerts_firing: Count,
    /// Memory of the process.
    memory_resident: Bytes,
    /// Memory that it may have; 0 for any.
    memory_budget: Bytes,
    /// Processor cores busy with this process, 1 for one whole core.
    cpu_cores: Count,
    /// Processor time that this process has used.
    cpu_time: Seconds,
    /// File descriptors that are sockets, about.
    open_sockets: Count,
    /// File descriptors in use; unknown where the system does not tell at once (Linux before 6.2).
    open_files: Count,
    /// File descriptors that may be in use.
    open_files_max: Count,
    /// How late the loop of a worker was at worst in the last second.
    loop_lag: Seconds,
    /// The announce interval that is told at the moment, the longest of all workers.
    announce_interval: Seconds => public,
    /// Until the first certificate ends.
    certificate_left: Seconds,
    /// Whether history is kept: 1, or 0 while it cannot be; not known where it is off.
    history_works: Count,
    /// What history takes, on disk or in memory.
    history_size: Bytes,
    /// Since the process began to serve.
    uptime: Seconds => public,
    /// When the process began to serve, since 1970.
    start_time: Seconds,
}
