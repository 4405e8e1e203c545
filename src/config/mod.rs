//! Defines all settings ([`Config`]) and loads them from their layers.
//! This module reads only the named configuration file and, on request, the list files. Environment and flags
//! are arguments.
//! It uses no other module of this crate, and the modules above it may use it. Its files import each other without a
//! circle.

mod access_lists;
mod acme;
mod alert_receiver;
mod builder;
pub(crate) mod chat_template;
mod cluster;
mod contradictions;
mod declare;
mod error;
mod file;
mod history_storage;
mod hsts;
mod ice;
mod ip_address;
mod layers;
mod list_file;
mod listen;
mod lists;
mod log_format;
mod matchmaking;
mod nats_url;
mod network;
mod print;
mod private_receivers;
mod public_address;
mod reload;
mod scalar;
mod secret;
mod setting_list;
mod settings;
mod site_networks;
mod suggest;
mod tls;
mod udp_address;
mod update;
mod validators;
mod value;

use std::{num::NonZeroUsize, thread, time::Duration};

pub use access_lists::AccessLists;
pub use alert_receiver::AlertReceiver;
pub use declare::{ReloadPolicy, Section, SettingOf, SettingUnit};
pub use error::{InvalidConfig, ValueSource};
pub use history_storage::HistoryStorage;
pub use ice::{IceServer, IceUrl, TurnUrl};
pub use layers::{Layers, load, load_with};
pub use listen::{ListenSpec, ListenTarget, ListenerRole};
pub use lists::{ListFiles, Lists};
pub use log_format::LogFormat;
pub use matchmaking::MatchmakingSetting;
pub use network::Network;
pub use print::EffectiveConfig;
pub(crate) use public_address::is_public_address;
pub use reload::ChangedSetting;
pub use secret::Secret;
pub use setting_list::Setting;
pub use settings::{
    Access, Alerts, Bans, Cluster, Config, Connection, Drain, Ice, Limits, Memory, Metrics, Tls,
    Tracker, TrustedProxies,
};
pub use site_networks::SiteNetworks;
pub use suggest::nearest_setting;
pub use udp_address::UdpAddress;
pub use value::{Choices, ValueSyntax};

/// Minimum membership lifetime, however short the announce interval is.
const MEMBERSHIP_TTL_MIN: Duration = Duration::from_mins(3);

impl Limits {
    /// Returns [`Limits::address_accepts_per_second`], or twice the WebSocket rate: pages need connections too.
    #[must_use]
    pub fn address_accepts_per_second(&self) -> u32 {
        let websockets = self.address_connections_per_second;
        self.address_accepts_per_second
            .unwrap_or(websockets.saturating_mul(2))
    }

    /// Returns [`Limits::address_accepts_burst`], or seven times the WebSocket burst: a browser opens six for the page.
    #[must_use]
    pub fn address_accepts_burst(&self) -> u32 {
        let websockets = self.address_connections_burst;
        self.address_accepts_burst
            .unwrap_or(websockets.saturating_mul(7))
    }
}

impl Config {
    /// Returns the number of worker threads to start: [`workers`](Config::workers), or one per core.
    #[must_use]
    pub fn worker_count(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.workers)
            .or_else(|| thread::available_parallelism().ok())
            .unwrap_or(NonZeroUsize::MIN)
    }

    /// Returns the longest announce interval that this server sends.
    #[must_use]
    pub fn longest_interval(&self) -> Duration {
        self.interval.unwrap_or(self.tracker.interval_max)
    }

    /// Returns the time after which a peer without an announce is removed: [`Tracker::membership_ttl`], or three times
    /// the longest interval and at least 180 s, so that two lost announces do not end a membership.
    #[must_use]
    pub fn membership_ttl(&self) -> Duration {
        self.tracker
            .membership_ttl
            .unwrap_or_else(|| (self.longest_interval() * 3).max(MEMBERSHIP_TTL_MIN))
    }

    /// Returns the time after which an HTTP peer without an announce is removed: [`Tracker::http_membership_ttl`], or
    /// three times the interval.
    #[must_use]
    pub fn http_membership_ttl(&self) -> Duration {
        self.tracker
            .http_membership_ttl
            .unwrap_or_else(|| self.tracker.http_interval * 3)
    }

    /// Returns the [`ice_server`](Config::ice_server)s in the format of browsers, with separate user and password.
    #[must_use]
    pub fn ice_servers(&self) -> Vec<IceServer> {
        self.ice_server.iter().filter_map(IceUrl::server).collect()
    }
}

#[cfg(test)]
mod tests;
