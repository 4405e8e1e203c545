//! The HTTP settings that a reload may change, in the form that requests need.

use std::time::Duration;

use hyper::header::HeaderValue;

use super::http_tracker::settings::HttpTrackerSettings;
use super::own_origin;
use crate::config::{Config, Ice, IceServer, Secret};
use crate::net::forwarded::TrustedProxies;

/// The TURN servers for which this server makes credentials.
#[derive(Debug)]
pub(super) enum TurnServers {
    /// The built-in relay.
    BuiltIn,
    /// The URLs of external servers; mostly none.
    External(Vec<String>),
}

impl TurnServers {
    fn new(ice: &Ice) -> Self {
        if ice.turn {
            return Self::BuiltIn;
        }
        let urls = ice
            .turn_server
            .iter()
            .map(|server| server.as_str().to_owned());
        Self::External(urls.collect())
    }
}

/// The HTTP settings that a reload may change.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent settings")]
pub(super) struct HttpSettings {
    /// `ice_server`
    pub(super) ice_servers: Vec<IceServer>,
    /// `ice.turn` or `ice.turn_server`
    pub(super) turn: TurnServers,
    /// `ice.credentials_lifetime`
    pub(super) credentials_lifetime: Duration,
    /// Whether browsers may trust the certificates: not if the only one is that of `tls.self_signed`.
    pub(super) has_trusted_certificates: bool,
    /// `ice.public_address`
    pub(super) stun_addresses: Vec<String>,
    /// `connection.response_bytes_max`
    pub(super) response_bytes_max: usize,
    /// `base_path`
    pub(super) base_path: Option<String>,
    /// Origins whose pages may use the tracker; empty for all.
    origins: Vec<String>,
    /// Origins whose pages may not use the tracker.
    origins_denied: Vec<String>,
    /// The proxies whose headers are trusted.
    pub(super) proxies: TrustedProxies,
    /// The origin of `alerts.external_url`, an address of the built-in pages.
    own_origin: Option<String>,
    /// `cluster.ready_when_alone`
    pub(super) ready_when_alone: bool,
    /// `public_stats`
    pub(super) public_stats: bool,
    /// `metrics.public`
    pub(super) metrics_public: bool,
    /// `admin_token`
    pub(super) admin_token: Option<Secret>,
    /// `metrics.token`
    pub(super) metrics_token: Option<Secret>,
    /// The settings of the HTTP tracker; `None` unless `tracker.http` is set.
    pub(super) http_tracker: Option<HttpTrackerSettings>,
    /// The value of `Strict-Transport-Security` under TLS (`tls.hsts_max_age`).
    transport_security: HeaderValue,
    /// Whether the header is sent. It is withheld where it would make the server unreachable.
    sends_transport_security: bool,
}

impl HttpSettings {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            ice_servers: config.ice_servers(),
            turn: TurnServers::new(&config.ice),
            credentials_lifetime: config.ice.credentials_lifetime,
            has_trusted_certificates: config.tls.has_trusted_certificates(),
            stun_addresses: config.ice.public_address.clone(),
            response_bytes_max: config.connection.response_bytes_max,
            ready_when_alone: config.cluster.ready_when_alone,
            base_path: config.base_path.clone(),
            origins: config.origin.clone(),
            origins_denied: config.origin_denied.clone(),
            proxies: TrustedProxies::new(&config.proxies),
            own_origin: config
                .alerts
                .external_url
                .as_deref()
                .and_then(own_origin::origin_of_url),
            public_stats: config.public_stats,
            metrics_public: config.metrics.public,
            admin_token: config.admin_token.clone(),
            metrics_token: config.metrics.token.clone(),
            http_tracker: HttpTrackerSettings::new(&config.tracker),
            transport_security: hsts_value(config.tls.hsts_max_age),
            sends_transport_security: config.hsts_max_age().is_some(),
        }
    }

    /// Returns the value of `Strict-Transport-Security` for responses under TLS, if the header is sent.
    pub(super) fn transport_security(&self) -> Option<&HeaderValue> {
        let policy = &self.transport_security;
        self.sends_transport_security.then_some(policy)
    }

    /// Returns whether pages of an origin may use the tracker. The built-in pages (`is_own`, `alerts.external_url`)
    /// need not be listed; `origin_denied` takes precedence.
    pub(super) fn allows_origin(
        &self,
        origin: &HeaderValue,
        is_own: impl FnOnce() -> bool,
    ) -> bool {
        let contains = |list: &[String]| list.iter().any(|known| origin == known.as_str());
        if contains(&self.origins_denied) {
            return false;
        }
        self.origins.is_empty()
            || contains(&self.origins)
            || self.own_origin.as_deref().is_some_and(|own| origin == own)
            || is_own()
    }
}

/// Returns the value of `Strict-Transport-Security`.
fn hsts_value(age: Duration) -> HeaderValue {
    let policy = HeaderValue::try_from(format!("max-age={}", age.as_secs()));
    policy.unwrap_or(HeaderValue::from_static("max-age=0"))
}
