//! What all workers of this process share.

use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use uuid::Uuid;

use super::Mailbox;
use super::keys::Keys;
use crate::config::{Config, Network};
use crate::insight::{Counters, Snapshot};
use crate::limits::{Addresses, Bans, Origins, Pace, Policy, Portion, Pressure};
use crate::protocol::{Bounds, http};
use crate::swarm::{Intake, Ttl};
use crate::tracker::{Rules, Tracker};

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
        Self {
            id: uuid::Builder::from_random_bytes(rand::random()).into_uuid(),
            tracker: Tracker::new(rules(config)),
            settings: Mutex::new(Settings::new(config)),
            doors: RwLock::new(Doors::new(config)),
            keys: Keys::default(),
            addresses: Addresses::new(&config.limits, &config.bans),
            origins: Origins::new(&config.limits),
            bans: Bans::new(&config.bans),
            pressure: Pressure::new(&config.memory),
            held: AtomicUsize::new(0),
            mailboxes: (0..workers)
                .map(|_| Mailbox::new(config.connection.inbox_bytes_max))
                .collect(),
            counters: (0..workers).map(|_| Counters::default()).collect(),
            own_counters: Counters::default(),
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
        self.origins.retune(&config.limits);
        self.bans.retune(&config.bans);
        self.pressure.retune(&config.memory);
        due
    }

    /// Puts the `membership_ttl` and the `http_membership_ttl` of `config` in force, whatever they were.
    pub fn lower_ttl(&self, config: &Config) {
        self.tracker.set_rules(rules(config));
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

    /// What the thread that runs the server counts, beside the workers.
    #[must_use]
    pub fn own_counters(&self) -> &Counters {
        &self.own_counters
    }

    /// All counters, added up.
    #[must_use]
    pub fn counters(&self) -> Snapshot {
        Snapshot::of(self.counters.iter().chain([&self.own_counters]))
    }

    /// How many connections are open.
    #[must_use]
    pub fn connections(&self) -> u64 {
        let counters = self.counters();
        // Read one after the other, while workers count on.
        counters
            .connections_opened
            .saturating_sub(counters.connections_closed)
    }
}

impl Settings {
    fn new(config: &Config) -> Self {
        let (tracker, connection) = (&config.tracker, &config.connection);
        let busy = tracker.busy_announces_per_second;
        let pace = config.interval.map_or_else(
            || Pace::new(tracker.interval_min, tracker.interval_max, busy),
            Pace::fixed,
        );
        Self {
            tuned: Tuned {
                bounds: Bounds {
                    sdp_bytes_max: connection.sdp_bytes_max,
                    json_depth_max: connection.json_depth_max,
                    offers_max: tracker.offers_per_announce_max,
                    scrape_hashes_max: tracker.scrape_hashes_max,
                },
                http_terms: http::Terms {
                    interval: whole_seconds(tracker.http_interval),
                    interval_min: whole_seconds(tracker.http_interval_min),
                },
                http_peers_max: tracker.http_peers_per_reply_max,
                output_bytes_max: connection.output_bytes_max,
                deadlines: Deadlines {
                    ping: connection.ping_after,
                    dead: connection.dead_after,
                    stuck: connection.stuck_after,
                    first_message: connection.first_message_timeout,
                    message: connection.message_timeout,
                },
            },
            policy: (!config.no_limits).then(|| {
                let malformed = connection.malformed_per_minute_max;
                Policy::new(&config.limits, &config.bans, malformed)
            }),
            pace,
        }
    }
}

fn whole_seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX).max(1)
}

fn rules(config: &Config) -> Rules {
    Rules {
        memberships_max: config.tracker.memberships_max,
        peer_ids_per_swarm_max: config.tracker.peer_ids_per_swarm_max,
        pending_offers_max: config.tracker.pending_offers_max,
        full_scrape: config.tracker.full_scrape,
        swarms_max: config.limits.swarms_max,
        http_peers_max: config.limits.http_peers_max,
        address_swarms: if config.no_limits {
            Portion::ALL
        } else {
            let limits = &config.limits;
            Portion::new(limits.address_swarms_percent, limits.network_factor)
        },
        intake: if config.no_limits {
            Intake::UNLIMITED
        } else {
            let limits = &config.limits;
            Intake::new(
                limits.offers_received_per_second,
                limits.offers_received_burst,
            )
        },
        ttl: Ttl {
            membership: config.membership_ttl(),
            pending_offer: config.tracker.pending_offer_ttl,
            http_membership: config.http_membership_ttl(),
        },
    }
}
