//! Holds the state that all workers of this process share.

mod http_use;
mod readings;
mod refusals;
mod terms;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwapOption;
use parking_lot::{Mutex, RwLock};
use tokio::time::Instant;
use uuid::Uuid;

use terms::rules;

use super::Mailbox;
use super::keys::Keys;
use super::offenders::Offenders;
use super::watch::{Watch, Watched};
use crate::config::{AccessLists, Config, Network};
use crate::insight::history::{Journal, Store};
use crate::insight::{Board, Counters, Levels, RefusalKind, Refusals};
use crate::insight::{alerts, census};
use crate::limits::{
    Addresses, Bans, Guesses, HttpUse, Key, Origins, Pace, Policy, Pressure, Tokens, TooManyWrong,
};
use crate::protocol::{Bounds, InfoHash, http};
use crate::tracker::{InfoHashes, Tracker};

/// Maximum characters of an audit entry; only a very long setting value needs more.
const AUDIT_CHARS_MAX: usize = 500;

/// What a token protects. Wrong tokens are counted separately for each, so that guessing one does not block the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarded {
    /// The admin API (`admin_token`).
    Admin,
    /// `/metrics` (`metrics.token`).
    Metrics,
}

impl Guarded {
    /// Returns the setting that holds the token.
    const fn setting(self) -> &'static str {
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
    pub(super) settings: Mutex<Settings>,
    pub(super) doors: RwLock<Doors>,
    pub(super) keys: Keys,
    pub(super) addresses: Addresses,
    http_use: Arc<HttpUse>,
    /// Whether a full scrape is running.
    pub(super) is_telling_all: AtomicBool,
    pub(super) origins: Origins,
    pub(super) bans: Bans,
    pub(super) pressure: Pressure,
    /// Number of counted connections, HTTP included.
    pub(super) held: AtomicUsize,
    pub(super) mailboxes: Box<[Mailbox]>,
    /// One per worker.
    pub(super) counters: Box<[Counters]>,
    /// The counters of the server's main thread.
    own_counters: Counters,
    /// Counters that any thread may increment, with [`add_shared`](crate::insight::Counter::add_shared).
    pub(super) shared_counters: Counters,
    /// The zero of all hub times.
    started: Instant,
    pub(super) watch: Watch,
    pub(super) offenders: Offenders,
    admin_guesses: Guesses,
    metrics_guesses: Guesses,
    /// `None` if no token is required.
    tokens: ArcSwapOption<Tokens>,
    /// One per worker.
    levels: Box<[Levels]>,
    /// The names of all listeners, by number.
    listeners: Box<[String]>,
    board: Board,
    alerts: alerts::Desk,
    census: census::Desk,
    store: Store,
    refusals: Refusals,
    #[cfg(any(test, feature = "echo"))]
    pub(super) echoes: std::sync::atomic::AtomicBool,
}

/// The settings for the admission of connections.
#[derive(Debug, Clone)]
pub(super) struct Doors {
    /// False when `no_limits` is set: then addresses and origins are not counted.
    pub(super) limits_apply: bool,
    /// `limits.exempt`
    pub(super) exempt: Vec<Network>,
    /// `limits.connections_max`
    pub(super) connections_max: Option<usize>,
}

impl Doors {
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
pub(super) struct Settings {
    pub(super) tuned: Tuned,
    /// `None` when `no_limits` is set.
    pub(super) policy: Option<Policy>,
    pub(super) pace: Pace,
}

/// The settings that are read for every message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tuned {
    pub(super) bounds: Bounds,
    /// The intervals sent to clients over HTTP.
    pub(super) http_terms: http::Terms,
    /// `tracker.http_peers_per_reply_max`
    pub(super) http_peers_max: usize,
    /// `connection.output_bytes_max`
    pub(super) output_bytes_max: usize,
    pub(super) deadlines: Deadlines,
    /// Whether announces of an origin have a limit.
    pub(super) limits_origins: bool,
}

/// `connection.ping_after`, `connection.dead_after`, `connection.stuck_after`, `connection.first_message_timeout` and
/// `connection.message_timeout`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadlines {
    pub(super) ping: Duration,
    pub(super) dead: Duration,
    pub(super) stuck: Duration,
    pub(super) first_message: Duration,
    pub(super) message: Duration,
}

impl Node {
    /// Creates a node without connections, for `workers` workers.
    #[must_use]
    pub fn new(config: &Config, workers: usize) -> Self {
        Self::with_listeners(config, workers, Box::default())
    }

    /// Like [`Self::new`], with the names of the listeners in the order of their numbers.
    #[must_use]
    pub fn with_listeners(config: &Config, workers: usize, listeners: Box<[String]>) -> Self {
        Self {
            id: uuid::Builder::from_random_bytes(rand::random()).into_uuid(),
            tracker: Tracker::new(rules(config)),
            settings: Mutex::new(Settings::new(config)),
            doors: RwLock::new(Doors::new(config)),
            keys: Keys::default(),
            addresses: Addresses::new(&config.limits, &config.bans),
            http_use: HttpUse::new(&config.limits),
            is_telling_all: AtomicBool::new(false),
            origins: Origins::new(&config.limits),
            bans: Bans::new(&config.bans),
            pressure: Pressure::new(&config.memory),
            held: AtomicUsize::new(0),
            mailboxes: (0..workers)
                .map(|_| Mailbox::new(config.connection.inbox_bytes_max))
                .collect(),
            counters: (0..workers).map(|_| Counters::default()).collect(),
            own_counters: Counters::default(),
            shared_counters: Counters::default(),
            started: Instant::now(),
            watch: Watch::default(),
            offenders: Offenders::default(),
            admin_guesses: Guesses::new(&config.limits),
            metrics_guesses: Guesses::new(&config.limits),
            tokens: ArcSwapOption::empty(),
            levels: (0..workers).map(|_| Levels::new(listeners.len())).collect(),
            listeners,
            board: Board::default(),
            alerts: alerts::Desk::default(),
            census: census::Desk::default(),
            store: Store::none(),
            refusals: Refusals::new(SystemTime::now()),
            #[cfg(any(test, feature = "echo"))]
            echoes: false.into(),
        }
    }

    /// Applies new settings: the rules of tracking at once, the rest when each hub calls
    /// [`retune`](super::Hub::retune).
    ///
    /// Clients that were sent a longer interval must not expire because of the change. So a lower `membership_ttl` or
    /// `http_membership_ttl` becomes active only with [`lower_ttl`](Self::lower_ttl), which is due after the returned
    /// time.
    pub fn apply(&self, config: &Config) -> Option<Duration> {
        let mut rules = rules(config);
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
        *self.settings.lock() = Settings::new(config);
        *self.doors.write() = Doors::new(config);
        self.addresses.retune(&config.limits, &config.bans);
        self.http_use.retune(&config.limits);
        self.origins.retune(&config.limits);
        self.admin_guesses.retune(&config.limits);
        self.metrics_guesses.retune(&config.limits);
        self.bans.retune(&config.bans);
        self.pressure.retune(&config.memory);
        due
    }

    /// Applies the `membership_ttl` and `http_membership_ttl` of `config`, lower ones included.
    pub fn lower_ttl(&self, config: &Config) {
        self.tracker.set_rules(rules(config));
    }

    /// Applies the lists of `[access]` to all later requests. Connections that were admitted with a removed token stay
    /// open.
    pub fn set_access(&self, lists: AccessLists) {
        let tokens = lists.tokens;
        let tokens = tokens.map(|tokens| Arc::new(Tokens::new(&tokens, rand::random())));
        self.tokens.store(tokens);
        let hashes =
            |list: Option<Vec<_>>| list.map(|list| list.into_iter().map(InfoHash::new).collect());
        self.tracker.set_info_hashes(InfoHashes::new(
            hashes(lists.info_hashes_allowed),
            hashes(lists.info_hashes_denied),
        ));
    }

    /// Returns whether a request has a valid token or needs none.
    #[must_use]
    pub fn admits(&self, target: http::Target<'_>) -> bool {
        let tokens = self.tokens.load();
        let Some(tokens) = &*tokens else {
            return true;
        };
        target.token().is_some_and(|shown| tokens.has(&shown))
    }

    /// Returns whether clients need a token.
    #[must_use]
    pub fn needs_tokens(&self) -> bool {
        self.tokens.load().is_some()
    }

    /// Returns when the process started: the zero of all hub times.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Returns the time since the process started, as used by hubs.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Converts a time of the hubs to the system clock.
    #[must_use]
    pub fn time_of(&self, at: Duration) -> SystemTime {
        let (now, clock) = (self.now(), SystemTime::now());
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

    /// Returns the number of shards for [`super::Hub::tidy_addresses`].
    #[must_use]
    pub fn address_parts(&self) -> usize {
        self.addresses.parts()
    }

    /// Returns the number of counted addresses and networks.
    #[must_use]
    pub fn addresses_known(&self) -> usize {
        self.addresses.known()
    }

    /// Returns the number of connections of the address or network that has most.
    #[must_use]
    pub fn largest_address(&self) -> u32 {
        self.addresses.largest()
    }

    /// Like [`largest_address`](Self::largest_address), for private addresses only.
    #[must_use]
    pub fn largest_private_address(&self) -> u32 {
        self.addresses.largest_private()
    }

    /// Returns the alerts.
    #[must_use]
    pub fn alerts(&self) -> &alerts::Desk {
        &self.alerts
    }

    /// Returns the counters of the server's main thread.
    #[must_use]
    pub fn own_counters(&self) -> &Counters {
        &self.own_counters
    }

    /// Returns the counters that any thread may increment, with
    /// [`Counter::add_shared`](crate::insight::Counter::add_shared).
    #[must_use]
    pub fn shared_counters(&self) -> &Counters {
        &self.shared_counters
    }

    /// Returns the census of clients.
    #[must_use]
    pub fn census(&self) -> &census::Desk {
        &self.census
    }

    /// Returns the channel that publishes the statistics of each second.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Returns the store of history, documents and journals.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Replaces the store of history, documents and journals.
    #[must_use]
    pub fn with_store(mut self, store: Store) -> Self {
        self.store = store;
        self
    }

    /// Checks a token. It is not checked if too many were wrong. `now` is the time since the process started.
    ///
    /// # Errors
    ///
    /// Too many tokens were wrong.
    pub fn guess(
        &self,
        scope: Guarded,
        address: Option<IpAddr>,
        now: Duration,
        is_right: impl FnOnce() -> bool,
    ) -> Result<bool, TooManyWrong> {
        // All clients of a Unix socket without an address share one key.
        let from = address.map_or(Key::new(0), |address| self.keys.of(address).own);
        let limiter = match scope {
            Guarded::Admin => &self.admin_guesses,
            Guarded::Metrics => &self.metrics_guesses,
        };
        let result = limiter.guess(from, now, is_right);
        let counters = &self.shared_counters;
        match result {
            Ok(true) => {}
            Ok(false) => counters.tokens_wrong.add_shared(1),
            Err(too_many) if too_many.of_all => {
                counters.refused_all_wrong_tokens_per_minute.add_shared(1);
            }
            Err(_) => counters.refused_wrong_tokens_per_minute.add_shared(1),
        }
        if result != Ok(true) {
            self.note_refusal(RefusalKind::AdminToken, scope.setting());
        }
        result
    }

    /// Returns the introductions of a watched swarm and watches it for another minute. `now` is the time since the
    /// process started.
    #[must_use]
    pub fn watch(&self, info_hash: InfoHash, now: Duration) -> Watched {
        let (watched, evicted) = self.watch.look(info_hash, now);
        let counters = &self.shared_counters;
        counters.watches_given_up.add_shared(u64::from(evicted));
        watched
    }

    /// Journals and logs a change by the operator. `what` is its kind.
    pub fn audit(&self, what: &'static str, detail: &str) {
        tracing::info!(what, detail, "changed by the operator");
        self.write_down(what, detail);
    }

    /// Journals a change that is already logged.
    pub fn write_down(&self, what: &'static str, detail: &str) {
        let detail: String = detail.chars().take(AUDIT_CHARS_MAX).collect();
        let entry = serde_json::json!({ "what": what, "detail": detail });
        self.store
            .note(Journal::Audit, SystemTime::now(), entry.to_string());
    }
}
