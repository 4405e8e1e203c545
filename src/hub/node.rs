//! What all workers of this process share.

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

/// Characters of an entry of the audit; more would be the value of some very long setting.
const AUDIT_CHARS_MAX: usize = 500;

/// What a token opens. Wrong ones are counted for each by itself, so that who guesses at one keeps nobody from the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarded {
    /// The admin API (`admin_token`).
    Admin,
    /// `/metrics` (`metrics.token`).
    Metrics,
}

impl Guarded {
    /// The setting that has the token.
    const fn setting(self) -> &'static str {
        match self {
            Self::Admin => "admin_token",
            Self::Metrics => "metrics.token",
        }
    }
}

/// One tracker process: its swarms, its settings, and the way to each worker.
#[derive(Debug)]
pub struct Node {
    /// Names the process in logs.
    pub id: Uuid,
    pub(super) tracker: Tracker,
    /// What the hubs go by; each has a copy, which it takes anew when it is told to.
    pub(super) settings: Mutex<Settings>,
    pub(super) doors: RwLock<Doors>,
    pub(super) keys: Keys,
    pub(super) addresses: Addresses,
    http_use: Arc<HttpUse>,
    /// Whether somebody is being told all swarms.
    pub(super) is_telling_all: AtomicBool,
    pub(super) origins: Origins,
    pub(super) bans: Bans,
    pub(super) pressure: Pressure,
    /// Connections that are counted, pages included.
    pub(super) held: AtomicUsize,
    pub(super) mailboxes: Box<[Mailbox]>,
    /// Those of each worker.
    pub(super) counters: Box<[Counters]>,
    /// Those of the thread that runs the server.
    own_counters: Counters,
    /// Those that any thread counts in, with [`add_shared`](crate::insight::Counter::add_shared).
    pub(super) shared_counters: Counters,
    /// The zero of every hub's time.
    started: Instant,
    pub(super) watch: Watch,
    pub(super) offenders: Offenders,
    admin_guesses: Guesses,
    metrics_guesses: Guesses,
    /// `None` where nobody needs one.
    tokens: ArcSwapOption<Tokens>,
    /// Those of each worker.
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

/// What the configuration says about who is let in.
#[derive(Debug, Clone)]
pub(super) struct Doors {
    /// Not when `no_limits` is set: then addresses and origins are not counted.
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

/// What the configuration says to the hubs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    pub(super) tuned: Tuned,
    /// `None` when `no_limits` is set.
    pub(super) policy: Option<Policy>,
    pub(super) pace: Pace,
}

/// The part of it that is looked at again and again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tuned {
    pub(super) bounds: Bounds,
    /// What clients over HTTP are told.
    pub(super) http_terms: http::Terms,
    /// `tracker.http_peers_per_reply_max`
    pub(super) http_peers_max: usize,
    /// `connection.output_bytes_max`
    pub(super) output_bytes_max: usize,
    pub(super) deadlines: Deadlines,
    /// Whether announces of a web site have a limit.
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
    /// A node without connections, for `workers` workers.
    #[must_use]
    pub fn new(config: &Config, workers: usize) -> Self {
        Self::with_listeners(config, workers, Box::default())
    }

    /// As [`Self::new`], with the names of the listeners in the order of their numbers.
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

    /// Puts other settings in force: the rules of tracking at once, the rest with each hub that is told to
    /// [`retune`](super::Hub::retune).
    ///
    /// Who was told a longer interval must not be forgotten for it. So a `membership_ttl` or `http_membership_ttl` that was lowered
    /// is not in force before [`lower_ttl`](Self::lower_ttl), which is due after the time returned.
    pub fn apply(&self, config: &Config) -> Option<Duration> {
        let mut rules = rules(config);
        let so_far = self.tracker.rules().ttl;
        let ttls = [
            (&mut rules.ttl.membership, so_far.membership),
            (&mut rules.ttl.http_membership, so_far.http_membership),
        ];
        let mut due = None;
        for (ttl, so_far) in ttls {
            if *ttl < so_far {
                *ttl = so_far;
                due = due.max(Some(so_far));
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

    /// Puts the `membership_ttl` and the `http_membership_ttl` of `config` in force, whatever they were.
    pub fn lower_ttl(&self, config: &Config) {
        self.tracker.set_rules(rules(config));
    }

    /// Puts the lists of `[access]` in force for all that is asked from now on. Who has come in with a token stays that no longer is
    /// good.
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

    /// Whether a request may come in with the token that it shows, or needs none.
    #[must_use]
    pub fn admits(&self, target: http::Target<'_>) -> bool {
        let tokens = self.tokens.load();
        let Some(tokens) = &*tokens else {
            return true;
        };
        target.token().is_some_and(|shown| tokens.has(&shown))
    }

    /// Whether only those are served who show a token.
    #[must_use]
    pub fn needs_tokens(&self) -> bool {
        self.tokens.load().is_some()
    }

    /// When the process started: the zero of every hub's time.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The time since then, as hubs count it.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// What the clock said, or will say, at a time of the hubs.
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

    /// The swarms and their rules.
    #[must_use]
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// How near the process is to the end of its memory.
    #[must_use]
    pub fn pressure(&self) -> &Pressure {
        &self.pressure
    }

    /// How many parts [`super::Hub::tidy_addresses`] divides the addresses into.
    #[must_use]
    pub fn address_parts(&self) -> usize {
        self.addresses.parts()
    }

    /// How many addresses and networks are counted.
    #[must_use]
    pub fn addresses_known(&self) -> usize {
        self.addresses.known()
    }

    /// How many connections the address or network has that has most.
    #[must_use]
    pub fn largest_address(&self) -> u32 {
        self.addresses.largest()
    }

    /// The same of private addresses only.
    #[must_use]
    pub fn largest_private_address(&self) -> u32 {
        self.addresses.largest_private()
    }

    /// The alerts.
    #[must_use]
    pub fn alerts(&self) -> &alerts::Desk {
        &self.alerts
    }

    /// What the thread that runs the server counts, beside the workers.
    #[must_use]
    pub fn own_counters(&self) -> &Counters {
        &self.own_counters
    }

    /// What any thread counts, by [`Counter::add_shared`](crate::insight::Counter::add_shared).
    #[must_use]
    pub fn shared_counters(&self) -> &Counters {
        &self.shared_counters
    }

    /// Where to ask who the members are.
    #[must_use]
    pub fn census(&self) -> &census::Desk {
        &self.census
    }

    /// Where the statistics of each second are put up.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Where history, documents and journals are kept.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The same node with another place for history, documents and journals.
    #[must_use]
    pub fn with_store(mut self, store: Store) -> Self {
        self.store = store;
        self
    }

    /// Whether the token that somebody shows is right, which is not looked at if too many were wrong. `now` is the time since the
    /// process started.
    ///
    /// # Errors
    ///
    /// Too many were wrong.
    pub fn guess(
        &self,
        secret: Guarded,
        address: Option<IpAddr>,
        now: Duration,
        is_right: impl FnOnce() -> bool,
    ) -> Result<bool, TooManyWrong> {
        // All who come through a socket file without a name are one.
        let from = address.map_or(Key::new(0), |address| self.keys.of(address).own);
        let limiter = match secret {
            Guarded::Admin => &self.admin_guesses,
            Guarded::Metrics => &self.metrics_guesses,
        };
        let guessed = limiter.guess(from, now, is_right);
        let counters = &self.shared_counters;
        match guessed {
            Ok(true) => {}
            Ok(false) => counters.tokens_wrong.add_shared(1),
            Err(too_many) if too_many.of_all => {
                counters.refused_all_wrong_tokens_per_minute.add_shared(1);
            }
            Err(_) => counters.refused_wrong_tokens_per_minute.add_shared(1),
        }
        if guessed != Ok(true) {
            self.note_refusal(RefusalKind::AdminToken, secret.setting());
        }
        guessed
    }

    /// What was seen of the introductions in a swarm since somebody looks; from now on it is watched for a minute. `now` is the
    /// time since the process started.
    #[must_use]
    pub fn watch(&self, info_hash: InfoHash, now: Duration) -> Watched {
        let (watched, given_up) = self.watch.look(info_hash, now);
        let counters = &self.shared_counters;
        counters.watches_given_up.add_shared(u64::from(given_up));
        watched
    }

    /// Writes down, and logs, what somebody has changed: a word for the kind, and what exactly.
    pub fn audit(&self, what: &'static str, detail: &str) {
        tracing::info!(what, detail, "changed by the operator");
        self.write_down(what, detail);
    }

    /// The same for what the log says already.
    pub fn write_down(&self, what: &'static str, detail: &str) {
        let detail: String = detail.chars().take(AUDIT_CHARS_MAX).collect();
        let entry = serde_json::json!({ "what": what, "detail": detail });
        self.store
            .note(Journal::Audit, SystemTime::now(), entry.to_string());
    }
}
