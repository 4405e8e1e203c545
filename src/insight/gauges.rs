//! What goes up and down, as it was at one moment.

use super::series::{Kind, Series, Unit};

macro_rules! gauges {
    ($($(#[doc = $doc:literal])+ $name:ident: $unit:ident,)+) => {
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
            }),+];

            /// The value of each gauge.
            pub(super) fn values(&self) -> impl Iterator<Item = f64> {
                [$(self.$name),+].into_iter()
            }
        }
    };
}

gauges! {
    /// WebSocket connections open.
    connections: Count,
    /// Connections that may be open: the smaller of `limits.connections_max` and what open files allow.
    connections_max: Count,
    /// Swarms with at least one member.
    swarms: Count,
    /// Members that have everything.
    seeders: Count,
    /// Members that have not.
    leechers: Count,
    /// Bans in force.
    bans_in_force: Count,
    /// Addresses and networks that are counted for `limits.address_*`.
    addresses_known: Count,
    /// Connections from the address or network that has most, of those that `limits.address_*` count.
    largest_address_connections: Count,
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
    /// File descriptors that are sockets, about.
    open_sockets: Count,
    /// How late the loop of a worker was at worst in the last second.
    loop_lag: Seconds,
    /// The announce interval that is told at the moment, the longest of all workers.
    announce_interval: Seconds,
    /// Until the first certificate ends.
    certificate_left: Seconds,
    /// Whether history is kept: 1, or 0 while it cannot be; not known where it is off.
    history_works: Count,
    /// What history takes, on disk or in memory.
    history_size: Bytes,
    /// Since the process began to serve.
    uptime: Seconds,
}
