//! Holds the state that all workers of this process share, in parts with one duty each.
//!
//! It holds no hub, thread or socket: hubs, HTTP handlers and the server use the parts that they need.

mod access_tokens;
mod admission;
mod client_info;
mod clock;
mod cluster;
mod connection_snapshot;
mod full_scrape_slot;
mod introduction_progress;
mod introductions;
mod network_prefix;
mod refusals;
mod settings;
mod sites;
mod storage;
mod telemetry;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::Guard;
use uuid::Uuid;

use crate::cluster::Cluster;
use crate::config::{Config, Lists};
use crate::history::HistoryStore;
use crate::ice::{Credentials, StunReachability};
use crate::limits::ClientTokens;
use crate::metrics::Snapshot;
use crate::protocol::{Counts, InfoHash};
use crate::tracker::{InfoHashLists, Tracker};
use settings::CurrentSettings;

pub use access_tokens::{AccessTokens, TokenScope};
pub use admission::{
    ABUSE_RECORDS_MAX, AbuseRecord, AcceptDecision, Admission, ClientAddress, ConnectionAdmission,
    ConnectionPermit, WorkerAdmission,
};
pub use client_info::ClientInfo;
pub use clock::ProcessClock;
pub use cluster::{
    AnsweredQuestion, ClusterQueue, FoundMembers, NodeCluster, Question, Requester, add_found,
};
pub use connection_snapshot::{ConnectionSnapshot, UnbannableReason};
pub use full_scrape_slot::{FullScrapePermit, FullScrapeSlot};
pub use introduction_progress::{AnswerProgress, IntroductionProgress, progress_of};
pub use introductions::{
    INTRODUCTIONS_MAX, Introduction, IntroductionWatches, SwarmIntroductions, WATCHED_SWARMS_MAX,
};
pub use network_prefix::NetworkPrefix;
pub(crate) use settings::{ConnectionDeadlines, HotSettings, SettingsSnapshot, WorkerSettings};
pub use sites::{SiteCount, Sites};
pub use storage::Storage;
pub use telemetry::{RelayGauges, Telemetry};

/// One tracker process.
#[derive(Debug)]
pub struct Node {
    /// The id of the process in logs.
    pub id: Uuid,
    clock: ProcessClock,
    tracker: Tracker,
    admission: Arc<Admission>,
    access_tokens: AccessTokens,
    sites: Sites,
    telemetry: Arc<Telemetry>,
    storage: Storage,
    stun_reachability: StunReachability,
    turn_credentials: Credentials,
    introductions: IntroductionWatches,
    full_scrapes: FullScrapeSlot,
    /// Set before the node serves, or never.
    cluster: OnceLock<Arc<NodeCluster>>,
    settings: Arc<CurrentSettings>,
    #[cfg(any(test, feature = "echo"))]
    echoes: std::sync::atomic::AtomicBool,
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
        let telemetry = Arc::new(Telemetry::new(workers, listener_names));
        let settings = CurrentSettings::new(config);
        Self {
            id: uuid::Builder::from_random_bytes(rand::random()).into_uuid(),
            clock: ProcessClock::start(),
            tracker: Tracker::new(settings.load().rules),
            admission: Arc::new(Admission::new(&settings, &telemetry)),
            access_tokens: AccessTokens::new(&settings, &telemetry),
            sites: Sites::default(),
            telemetry,
            storage: Storage::new(HistoryStore::disabled()),
            stun_reachability: StunReachability::default(),
            turn_credentials: turn_credentials(config),
            introductions: IntroductionWatches::default(),
            full_scrapes: FullScrapeSlot::default(),
            cluster: OnceLock::new(),
            settings,
            #[cfg(any(test, feature = "echo"))]
            echoes: false.into(),
        }
    }

    /// Replaces the store of history, documents and journals.
    #[must_use]
    pub fn with_store(mut self, store: HistoryStore) -> Self {
        self.storage = Storage::new(store);
        self
    }

    /// Replaces the settings in force. Hubs copy theirs when they are notified, with
    /// [`update_settings`](crate::hub::Hub::update_settings).
    ///
    /// Clients that were sent a longer interval must not expire because of the change. So a lower `membership_ttl` or
    /// `http_membership_ttl` becomes active only with [`apply_lower_ttl`](Self::apply_lower_ttl), which is due after the returned
    /// time.
    pub fn apply_config(&self, config: &Config) -> Option<Duration> {
        self.settings.replace(config);
        let mut rules = self.settings.load().rules;
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
        due
    }

    /// Applies the `membership_ttl` and `http_membership_ttl` in force, lower ones included.
    pub fn apply_lower_ttl(&self) {
        self.tracker.set_rules(self.settings.load().rules);
    }

    /// Applies the list files to all later requests and connections. Connections that were admitted with a removed token
    /// stay open, and all open ones keep their sites.
    pub fn set_lists(&self, lists: Lists) {
        let Lists { access, sites } = lists;
        self.sites.replace(sites);
        let tokens = access.tokens;
        let tokens = tokens.map(|tokens| ClientTokens::new(&tokens, rand::random()));
        self.access_tokens.set_client_tokens(tokens);
        let hashes =
            |list: Option<Vec<_>>| list.map(|list| list.into_iter().map(InfoHash::new).collect());
        self.tracker.set_info_hash_lists(InfoHashLists::new(
            hashes(access.info_hashes_allowed),
            hashes(access.info_hashes_denied),
        ));
    }

    /// Returns the clock that all times of hubs and limits refer to.
    #[must_use]
    pub fn clock(&self) -> &ProcessClock {
        &self.clock
    }

    /// Returns the swarms and their rules.
    #[must_use]
    pub fn tracker(&self) -> &Tracker {
        &self.tracker
    }

    /// Returns the admission of connections.
    #[must_use]
    pub fn admission(&self) -> &Arc<Admission> {
        &self.admission
    }

    /// Returns the tokens of clients and operators.
    #[must_use]
    pub fn access_tokens(&self) -> &AccessTokens {
        &self.access_tokens
    }

    /// Returns the sites of connections.
    #[must_use]
    pub fn sites(&self) -> &Sites {
        &self.sites
    }

    /// Returns the measurements of the process.
    #[must_use]
    pub fn telemetry(&self) -> &Arc<Telemetry> {
        &self.telemetry
    }

    /// Returns the stored state of the process.
    #[must_use]
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// Returns the introductions in swarms that an operator watches.
    #[must_use]
    pub fn introductions(&self) -> &IntroductionWatches {
        &self.introductions
    }

    /// Returns the evidence whether clients reach the STUN server.
    #[must_use]
    pub fn stun_reachability(&self) -> &StunReachability {
        &self.stun_reachability
    }

    /// Returns what makes and checks credentials for TURN.
    #[must_use]
    pub fn turn_credentials(&self) -> &Credentials {
        &self.turn_credentials
    }

    /// Returns the slot for a full scrape.
    #[must_use]
    pub fn full_scrapes(&self) -> &FullScrapeSlot {
        &self.full_scrapes
    }

    /// Makes the node part of a cluster. Called at most once, before it serves.
    pub fn join_cluster(&self, core: Cluster) -> Arc<NodeCluster> {
        let cluster = NodeCluster::new(core, self.clock.started_at());
        let cluster = self.cluster.get_or_init(|| Arc::new(cluster));
        let observer = Arc::clone(cluster);
        self.tracker.swarms().set_observer(observer);
        Arc::clone(cluster)
    }

    /// Returns this node's part of a cluster, if it is in one.
    #[inline]
    #[must_use]
    pub fn cluster(&self) -> Option<&NodeCluster> {
        self.cluster.get().map(Arc::as_ref)
    }

    /// Returns the counts of swarms over all nodes. Asks the others about swarms that have no members here.
    pub async fn find_counts(&self, info_hashes: Vec<InfoHash>) -> Vec<(InfoHash, Counts)> {
        let found = match self.cluster() {
            None => FoundMembers::new(),
            Some(cluster) => cluster.find_members(self.allowed(&info_hashes)).await,
        };
        let mut counts = self.tracker.counts(info_hashes);
        add_found(&mut counts, &found);
        counts
    }

    /// Returns the counts of a swarm over all nodes for a subscriber, as far as they are known now.
    #[must_use]
    pub fn watched_counts(&self, info_hash: &InfoHash) -> Counts {
        let counts = self.tracker.counts_of(info_hash);
        match self.cluster() {
            Some(cluster) if self.tracker.allows(info_hash) => {
                cluster.watch_members(info_hash).add_to(counts)
            }
            _ => counts,
        }
    }

    /// Returns those of the swarms that the lists of info-hashes allow.
    #[must_use]
    pub fn allowed(&self, info_hashes: &[InfoHash]) -> Vec<InfoHash> {
        let allowed = info_hashes.iter().copied();
        allowed.filter(|it| self.tracker.allows(it)).collect()
    }

    /// Adds the members on other nodes to the counts of swarms of a full scrape.
    pub fn add_others(&self, files: &mut [(InfoHash, Counts)]) {
        if let Some(cluster) = self.cluster() {
            cluster.add_others(files);
        }
    }

    /// Returns the settings in force.
    pub(crate) fn settings(&self) -> Guard<Arc<SettingsSnapshot>> {
        self.settings.load()
    }

    /// Returns the sums of all counters, those of the storage included.
    #[must_use]
    pub fn counters(&self) -> Snapshot {
        let stored = self.storage.history().counters();
        self.telemetry.counters().with(stored)
    }

    /// Returns the number of open connections.
    #[must_use]
    pub fn connections(&self) -> u64 {
        let counters = self.counters();
        // The two counters are read one after the other while workers increment them.
        counters
            .connections_opened
            .saturating_sub(counters.connections_closed)
    }

    /// Returns the introductions of a watched swarm and watches it for another minute. `now` is the time since the
    /// process started.
    #[must_use]
    pub fn watch_swarm(&self, info_hash: InfoHash, now: Duration) -> SwarmIntroductions {
        let (watched, evicted) = self.introductions.view(info_hash, now);
        let counters = self.telemetry.shared_counters();
        counters.watches_given_up.add_shared(u64::from(evicted));
        watched
    }
}

/// Returns the credentials of `ice.turn_secret`, or of a random secret that only this process has.
fn turn_credentials(config: &Config) -> Credentials {
    match &config.ice.turn_secret {
        Some(secret) => Credentials::new(secret.reveal().as_bytes()),
        None => Credentials::new(&rand::random::<[u8; 32]>()),
    }
}

#[cfg(any(test, feature = "echo"))]
impl Node {
    /// Enables echo mode: all messages are sent back, text as text and binary as binary, and nothing is tracked.
    pub fn echo(&self) {
        self.echoes
            .store(true, std::sync::atomic::Ordering::Relaxed);
    }

    pub(crate) fn echoes(&self) -> bool {
        self.echoes.load(std::sync::atomic::Ordering::Relaxed)
    }
}
