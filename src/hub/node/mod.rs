//! Holds the state that all workers of this process share.

mod derived_settings;
mod http_usage;
mod readings;
mod refusals;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use parking_lot::{Mutex, RwLock};
use tokio::time::Instant;
use uuid::Uuid;

use derived_settings::tracker_rules;

use super::Mailbox;
use super::abuse_log::AbuseLog;
use super::introductions::{IntroductionWatches, SwarmIntroductions};
use super::key_hasher::KeyHasher;
use crate::alerts;
use crate::census;
use crate::config::{AccessLists, Config, Network};
use crate::history::{HistoryStore, Journal};
use crate::limits::{
    Addresses, Bans, ClientTokens, ConnectionPolicy, HttpUsage, IntervalController, Origins,
    Pressure, RateKey, TokenAttempts, TooManyAttempts,
};
use crate::metrics::{Counters, RefusalKind, Refusals, StatsChannel, WorkerGauges};
use crate::protocol::{InfoHash, RequestBounds, http};
use crate::tracker::{InfoHashLists, Tracker};

/// Maximum characters of an audit entry; only a very long setting value needs more.
const AUDIT_CHARS_MAX: usize = 500;

/// What a token protects. Wrong tokens are counted separately for each, so that guessing one does not block the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenScope {
    /// The admin API (`admin_token`).
    Admin,
    /// `/metrics` (`metrics.token`).
    Metrics,
}

impl TokenScope {
    /// Returns the setting that holds the token.
    const fn setting_name(self) -> &'static str {
        match self {
            Self::Admin => "admin_token",
            Self::Metrics => "metrics.token",
        }
    }
}

/// One tracker process: its swarms, settings, and the mailbox of each worker.
#[derive(Debug)]
pub struct Node {
    /// The id of the process in logs.
    pub id: Uuid,
    pub(super) tracker: Tracker,
    /// The settings of the hubs. Each hub has a copy, which it updates when notified.
    pub(super) settings: Mutex<HubSettings>,
    pub(super) admission_settings: RwLock<AdmissionSettings>,
    pub(super) key_hasher: KeyHasher,
    pub(super) addresses: Addresses,
    http_usage: Arc<HttpUsage>,
    /// Whether a full scrape is running.
    pub(super) full_scrape_running: AtomicBool,
    pub(super) origins: Origins,
    pub(super) bans: Bans,
    pub(super) pressure: Pressure,
    /// Number of counted connections, HTTP included.
    pub(super) counted_connections: AtomicUsize,
    pub(super) mailboxes: Box<[Mailbox]>,
    /// One per worker.
    pub(super) counters: Box<[Counters]>,
    /// The counters of the server's main thread.
    server_counters: Counters,
    /// Counters that any thread may increment, with [`add_shared`](crate::metrics::Counter::add_shared).
    pub(super) shared_counters: Counters,
    /// The zero of all hub times.
    started_at: Instant,
    pub(super) introduction_watches: IntroductionWatches,
    pub(super) abuse_log: AbuseLog,
    admin_token_attempts: TokenAttempts,
    metrics_token_attempts: TokenAttempts,
    /// `None` if no token is required.
    client_tokens: ArcSwapOption<ClientTokens>,
    /// One per worker.
    gauges: Box<[WorkerGauges]>,
    /// The names of all listeners, by number.
    listener_names: Box<[String]>,
    stats_channel: StatsChannel,
    alerts: alerts::SharedAlerts,
    census: census::CensusCache,
    store: HistoryStore,
    refusals: Refusals,
    #[cfg(any(test, feature = "echo"))]
    pub(super) echoes: std::sync::atomic::AtomicBool,
}

/// The settings for the admission of connections.
#[derive(Debug, Clone)]
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

/// The settings of the hubs.
#[derive(Debug, Clone, Copy)]
pub(super) struct HubSettings {
    pub(super) hot: HotSettings,
    /// `None` when `no_limits` is set.
    pub(super) connection_policy: Option<ConnectionPolicy>,
    pub(super) interval: IntervalController,
}

/// The settings that are read for every message.
#[derive(Debug, Clone, Copy)]
pub(super) struct HotSettings {
    pub(super) bounds: RequestBounds,
    /// The intervals sent to clients over HTTP.
    pub(super) http_intervals: http::HttpIntervals,
    /// `tracker.http_peers_per_reply_max`
    pub(super) http_peers_max: usize,
    /// `connection.output_bytes_max`
    pub(super) output_bytes_max: usize,
    pub(super) deadlines: ConnectionDeadlines,
    /// Whether announces of an origin have a limit.
    pub(super) limits_origin_announces: bool,
}

/// `connection.ping_after`, `connection.dead_after`, `connection.stuck_after`, `connection.first_message_timeout` and
/// `connection.message_timeout`.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectionDeadlines {
    pub(super) ping_after: Duration,
    pub(super) dead_after: Duration,
    pub(super) stuck_after: Duration,
    pub(super) first_message_timeout: Duration,
    pub(super) message_timeout: Duration,
}

impl Node {
    /// Creates a node without connections, for `workers` workers.
    #[must_use]
    pub fn new(config: &Config, workers: usize) -> Self {
        Self::with_listeners(config, workers, Box::default())
    }

    /// Like [`Self::new`], with the names of the listeners in the order of their numbers.
    #[must_use]
    pub fn with_listeners(config: &Config, workers: usize, listener_names: Box<[String]>) -> Self {
        Self {
            id: uuid::Builder::from_random_bytes(rand::random()).into_uuid(),
            tracker: Tracker::new(tracker_rules(config)),
            settings: Mutex::new(HubSettings::new(config)),
            admission_settings: RwLock::new(AdmissionSettings::new(config)),
            key_hasher: KeyHasher::default(),
            addresses: Addresses::new(&config.limits, &config.bans),
            http_usage: HttpUsage::new(&config.limits),
            full_scrape_running: AtomicBool::new(false),
            origins: Origins::new(&config.limits),
            bans: Bans::new(&config.bans),
            pressure: Pressure::new(&config.memory),
            counted_connections: AtomicUsize::new(0),
            mailboxes: (0..workers)
                .map(|_| Mailbox::new(config.connection.inbox_bytes_max))
                .collect(),
            counters: (0..workers).map(|_| Counters::default()).collect(),
            server_counters: Counters::default(),
            shared_counters: Counters::default(),
            started_at: Instant::now(),
            introduction_watches: IntroductionWatches::default(),
            abuse_log: AbuseLog::default(),
            admin_token_attempts: TokenAttempts::new(&config.limits),
            metrics_token_attempts: TokenAttempts::new(&config.limits),
            client_tokens: ArcSwapOption::empty(),
            gauges: (0..workers)
                .map(|_| WorkerGauges::new(listener_names.len()))
                .collect(),
            listener_names,
            stats_channel: StatsChannel::default(),
            alerts: alerts::SharedAlerts::default(),
            census: census::CensusCache::default(),
            store: HistoryStore::disabled(),
            refusals: Refusals::new(SystemTime::now()),
            #[cfg(any(test, feature = "echo"))]
            echoes: false.into(),
        }
    }

    /// Applies new settings: the rules of tracking at once, the rest when each hub calls
    /// [`retune`](super::Hub::update_settings).
    ///
    /// Clients that were sent a longer interval must not expire because of the change. So a lower `membership_ttl` or
    /// `http_membership_ttl` becomes active only with [`apply_lower_ttl`](Self::apply_lower_ttl), which is due after the returned
    /// time.
    pub fn apply_config(&self, config: &Config) -> Option<Duration> {
        let mut rules = tracker_rules(config);
        let current = self.tracker.rules().ttl;
        let ttls = [
            (&mut rules.ttl.membership, current.membership),
            (&mut rules.ttl.http_membership, current.http_membership),
        ];
        let mut due = None;
        for (ttl, current) in ttls {
            if *ttl < current {
                *ttl = current;
                due = due.max(Some(current));
            }
        }
        self.tracker.set_rules(rules);
        *self.settings.lock() = HubSettings::new(config);
        *self.admission_settings.write() = AdmissionSettings::new(config);
        self.addresses.update_settings(&config.limits, &config.bans);
        self.http_usage.update_settings(&config.limits);
        self.origins.update_settings(&config.limits);
        self.admin_token_attempts.update_settings(&config.limits);
        self.metrics_token_attempts.update_settings(&config.limits);
        self.bans.update_settings(&config.bans);
        self.pressure.update_settings(&config.memory);
        due
    }

    /// Applies the `membership_ttl` and `http_membership_ttl` of `config`, lower ones included.
    pub fn apply_lower_ttl(&self, config: &Config) {
        self.tracker.set_rules(tracker_rules(config));
    }

    /// Applies the lists of `[access]` to all later requests. Connections that were admitted with a removed token stay
    /// open.
    pub fn set_access_lists(&self, lists: AccessLists) {
        let tokens = lists.tokens;
        let tokens = tokens.map(|tokens| Arc::new(ClientTokens::new(&tokens, rand::random())));
        self.client_tokens.store(tokens);
        let hashes =
            |list: Option<Vec<_>>| list.map(|list| list.into_iter().map(InfoHash::new).collect());
        self.tracker.set_info_hash_lists(InfoHashLists::new(
            hashes(lists.info_hashes_allowed),
            hashes(lists.info_hashes_denied),
        ));
    }

    /// Returns whether a request has a valid token or needs none.
    #[must_use]
    pub fn has_valid_token(&self, target: http::RequestTarget<'_>) -> bool {
        let tokens = self.client_tokens.load();
        let Some(tokens) = &*tokens else {
            return true;
        };
        target.token().is_some_and(|shown| tokens.contains(&shown))
    }

    /// Returns whether clients need a token.
    #[must_use]
    pub fn requires_token(&self) -> bool {
        self.client_tokens.load().is_some()
    }

    /// Returns when the process started: the zero of all hub times.
    #[must_use]
    pub fn started_at(&self) -> Instant {
        self.started_at
    }

    /// Returns the time since the process started, as used by hubs.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.started_at.elapsed()
    }

    /// Converts a time of the hubs to the system clock.
    #[must_use]
    pub fn wall_clock_at(&self, at: Duration) -> SystemTime {
        let (now, clock) = (self.uptime(), SystemTime::now());
        let time = if at > now {
            clock.checked_add(at.saturating_sub(now))
        } else {
            clock.checked_sub(now.saturating_sub(at))
        };
        time.unwrap_or(clock)
    }

    /// Returns the swarms and their rules.
    #[must_use]
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// Returns the memory pressure of the process.
    #[must_use]
    pub fn pressure(&self) -> &Pressure {
        &self.pressure
    }

    /// Returns the number of shards for [`super::Hub::evict_idle_addresses`].
    #[must_use]
    pub fn address_shards(&self) -> usize {
        self.addresses.shard_count()
    }

    /// Returns the number of counted addresses and networks.
    #[must_use]
    pub fn address_count(&self) -> usize {
        self.addresses.record_count()
    }

    /// Returns the number of connections of the address or network that has most.
    #[must_use]
    pub fn largest_address_connections(&self) -> u32 {
        self.addresses.largest_connections()
    }

    /// Like [`largest_address_connections`](Self::largest_address_connections), for private addresses only.
    #[must_use]
    pub fn largest_private_address_connections(&self) -> u32 {
        self.addresses.largest_private_connections()
    }

    /// Returns the alerts.
    #[must_use]
    pub fn alerts(&self) -> &alerts::SharedAlerts {
        &self.alerts
    }

    /// Returns the counters of the server's main thread.
    #[must_use]
    pub fn server_counters(&self) -> &Counters {
        &self.server_counters
    }

    /// Returns the counters that any thread may increment, with
    /// [`Counter::add_shared`](crate::metrics::Counter::add_shared).
    #[must_use]
    pub fn shared_counters(&self) -> &Counters {
        &self.shared_counters
    }

    /// Returns the census of clients.
    #[must_use]
    pub fn census(&self) -> &census::CensusCache {
        &self.census
    }

    /// Returns the channel that publishes the statistics of each second.
    #[must_use]
    pub fn stats_channel(&self) -> &StatsChannel {
        &self.stats_channel
    }

    /// Returns the store of history, documents and journals.
    #[must_use]
    pub fn store(&self) -> &HistoryStore {
        &self.store
    }

    /// Replaces the store of history, documents and journals.
    #[must_use]
    pub fn with_store(mut self, store: HistoryStore) -> Self {
        self.store = store;
        self
    }

    /// Checks a token. It is not checked if too many were wrong. `now` is the time since the process started.
    ///
    /// # Errors
    ///
    /// Too many tokens were wrong.
    pub fn check_token(
        &self,
        scope: TokenScope,
        address: Option<IpAddr>,
        now: Duration,
        is_right: impl FnOnce() -> bool,
    ) -> Result<bool, TooManyAttempts> {
        // All clients of a Unix socket without an address share one key.
        let from = address.map_or(RateKey::new(0), |address| {
            self.key_hasher.keys_of(address).address
        });
        let limiter = match scope {
            TokenScope::Admin => &self.admin_token_attempts,
            TokenScope::Metrics => &self.metrics_token_attempts,
        };
        let result = limiter.check(from, now, is_right);
        let counters = &self.shared_counters;
        match result {
            Ok(true) => {}
            Ok(false) => counters.tokens_wrong.add_shared(1),
            Err(too_many) if too_many.is_total => {
                counters.refused_all_wrong_tokens_per_minute.add_shared(1);
            }
            Err(_) => counters.refused_wrong_tokens_per_minute.add_shared(1),
        }
        if result != Ok(true) {
            self.record_refusal(RefusalKind::AdminToken, scope.setting_name());
        }
        result
    }

    /// Returns the introductions of a watched swarm and watches it for another minute. `now` is the time since the
    /// process started.
    #[must_use]
    pub fn watch_swarm(&self, info_hash: InfoHash, now: Duration) -> SwarmIntroductions {
        let (watched, evicted) = self.introduction_watches.view(info_hash, now);
        let counters = &self.shared_counters;
        counters.watches_given_up.add_shared(u64::from(evicted));
        watched
    }

    /// Journals and logs a change by the operator. `what` is its kind.
    pub fn audit(&self, what: &'static str, detail: &str) {
        tracing::info!(what, detail, "changed by the operator");
        self.journal(what, detail);
    }

    /// Journals a change that is already logged.
    pub fn journal(&self, what: &'static str, detail: &str) {
        let detail: String = detail.chars().take(AUDIT_CHARS_MAX).collect();
        let entry = serde_json::json!({ "what": what, "detail": detail });
        self.store
            .append_journal(Journal::Audit, SystemTime::now(), entry.to_string());
    }
}
