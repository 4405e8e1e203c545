//! Holds the settings in force: one snapshot, derived once from the configuration and replaced as a whole.

mod rules;
mod worker;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};

use crate::config::{self, Config, Network};
use crate::ice::RelayPolicy;
use crate::limits::{
    AddressPolicy, AttemptPolicy, BanPolicy, HashedRatePolicy, HttpUsagePolicy, LivePolicy,
    OriginPolicy, RefusalMessagePolicy,
};
use crate::tracker::Rules;
use rules::tracker_rules;

pub(crate) use worker::{ConnectionDeadlines, HotSettings, WorkerSettings};

/// The settings in force. Everything reads them here at each use, except workers, which copy the few that are read for
/// every message, and the tracker, which copies its rules.
#[derive(Debug)]
pub(crate) struct CurrentSettings(ArcSwap<SettingsSnapshot>);

impl CurrentSettings {
    pub(super) fn new(config: &Config) -> Arc<Self> {
        let snapshot = SettingsSnapshot::new(config);
        Arc::new(Self(ArcSwap::from_pointee(snapshot)))
    }

    /// Returns the settings in force.
    pub(crate) fn load(&self) -> Guard<Arc<SettingsSnapshot>> {
        self.0.load()
    }

    pub(super) fn replace(&self, config: &Config) {
        self.0.store(Arc::new(SettingsSnapshot::new(config)));
    }

    /// Returns a part of the settings as the policy of a limit.
    pub(super) fn policy<T: 'static>(
        self: &Arc<Self>,
        part: fn(&SettingsSnapshot) -> T,
    ) -> LivePolicy<T> {
        let settings = Arc::clone(self);
        LivePolicy::new(move || part(&settings.load()))
    }
}

/// All settings that a reload may change, except those of HTTP responses, as derived from one configuration.
#[derive(Debug)]
pub(crate) struct SettingsSnapshot {
    config: Configuration,
    pub(super) rules: Rules,
    pub(crate) worker: WorkerSettings,
    pub(crate) accept: AcceptSettings,
    pub(super) admission: AdmissionSettings,
    pub(super) addresses: AddressPolicy,
    pub(super) origins: OriginPolicy,
    pub(super) bans: BanPolicy,
    pub(super) http_usage: HttpUsagePolicy,
    pub(super) stun: HashedRatePolicy,
    pub(super) ice_credentials: HashedRatePolicy,
    pub(crate) turn: TurnSettings,
    pub(super) token_attempts: AttemptPolicy,
    pub(super) refusal_messages: RefusalMessagePolicy,
    pub(super) memory: config::Memory,
    /// `drain.*`
    pub(crate) drain: config::Drain,
    /// `alerts.*`
    pub(crate) alerts: config::Alerts,
    /// `history_top_swarms`
    pub(crate) history_top_swarms: bool,
}

/// A configuration that debug output omits, so that a test sees whether a change reaches the derived settings.
struct Configuration(Config);

impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Configuration")
    }
}

impl SettingsSnapshot {
    /// Returns the configuration from which the settings are derived.
    pub(crate) const fn config(&self) -> &Config {
        &self.config.0
    }

    fn new(config: &Config) -> Self {
        Self {
            config: Configuration(config.clone()),
            rules: tracker_rules(config),
            worker: WorkerSettings::new(config),
            accept: AcceptSettings::new(config),
            admission: AdmissionSettings::new(config),
            addresses: AddressPolicy::new(&config.limits, &config.bans),
            origins: OriginPolicy::new(&config.limits),
            bans: BanPolicy::new(&config.bans),
            http_usage: HttpUsagePolicy::new(&config.limits),
            stun: HashedRatePolicy::stun(&config.limits),
            ice_credentials: HashedRatePolicy::ice_credentials(&config.limits),
            turn: TurnSettings::new(&config.ice),
            token_attempts: AttemptPolicy::new(&config.limits),
            refusal_messages: RefusalMessagePolicy::new(&config.limits),
            memory: config.memory.clone(),
            drain: config.drain.clone(),
            alerts: config.alerts.clone(),
            history_top_swarms: config.history_top_swarms,
        }
    }
}

/// The limits of the TURN relay.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TurnSettings {
    pub(crate) relay: RelayPolicy,
    /// `ice.turn_connections_max`
    pub(crate) connections_max: usize,
    /// `ice.turn_output_bytes_max`
    pub(crate) output_bytes_max: usize,
}

impl TurnSettings {
    fn new(ice: &config::Ice) -> Self {
        Self {
            relay: RelayPolicy::new(ice),
            connections_max: ice.turn_connections_max,
            output_bytes_max: ice.turn_output_bytes_max,
        }
    }
}

/// The settings of a new connection, until it becomes a WebSocket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AcceptSettings {
    /// `connection.handshake_timeout`
    pub(crate) handshake_timeout: Duration,
    /// `connection.http_timeout`
    pub(crate) http_timeout: Duration,
    /// `connection.stuck_after`
    pub(crate) stuck_after: Duration,
    /// `proxies.proxy_timeout`
    pub(crate) proxy_timeout: Duration,
}

impl AcceptSettings {
    const fn new(config: &Config) -> Self {
        Self {
            handshake_timeout: config.connection.handshake_timeout,
            http_timeout: config.connection.http_timeout,
            stuck_after: config.connection.stuck_after,
            proxy_timeout: config.proxies.proxy_timeout,
        }
    }
}

/// The settings of admission that belong to no single limit.
#[derive(Debug)]
pub(super) struct AdmissionSettings {
    /// False when `no_limits` is set: then addresses and origins are not counted.
    pub(super) limits_apply: bool,
    /// `limits.exempt`
    pub(super) exempt: Vec<Network>,
    /// `limits.connections_max`
    pub(super) connections_max: Option<usize>,
}

impl AdmissionSettings {
    fn new(config: &Config) -> Self {
        Self {
            limits_apply: !config.no_limits,
            exempt: config.limits.exempt.clone(),
            connections_max: config.limits.connections_max,
        }
    }
}
