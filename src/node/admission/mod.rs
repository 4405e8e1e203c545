//! Decides which clients may connect, and counts what they use: connections, requests, memory, processor time.
//!
//! [`Admission`] is what all workers share. Each worker asks it through its [`WorkerAdmission`], which knows the time
//! and counts refusals. Each connection has a [`ConnectionAdmission`], which takes it from accept to upgrade and hashes
//! the address of its client once. No table stores an address, only hashes.

mod abuse_log;
mod client_address;
mod connection;
mod key_hasher;
mod permit;
mod worker;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::Telemetry;
use super::settings::CurrentSettings;
use crate::limits::{
    AccountKey, Addresses, Ban, Bans, HashedRates, HttpResource, HttpUsage, OriginCount, Origins,
    Pressure, QuotaExceeded, RateKey, RateRefusal, RefusalMessageClaim, RefusalMessageLimit,
    RefusalMessages, ResourceClaim,
};
use abuse_log::AbuseLog;

pub use abuse_log::{ABUSE_RECORDS_MAX, AbuseRecord};
pub use client_address::ClientAddress;
pub use connection::ConnectionAdmission;
pub(super) use key_hasher::KeyHasher;
pub use permit::ConnectionPermit;
pub use worker::{AcceptDecision, WorkerAdmission};

/// The admission of all connections of the process.
#[derive(Debug)]
pub struct Admission {
    telemetry: Arc<Telemetry>,
    settings: Arc<CurrentSettings>,
    key_hasher: KeyHasher,
    addresses: Addresses,
    origins: Origins,
    bans: Bans,
    http_usage: Arc<HttpUsage>,
    pressure: Pressure,
    /// Number of counted connections, HTTP included.
    counted_connections: AtomicUsize,
    abuse_log: AbuseLog,
    ice_credentials: Mutex<HashedRates>,
    refusal_messages: Arc<RefusalMessages>,
}

impl Admission {
    pub(super) fn new(settings: &Arc<CurrentSettings>, telemetry: &Arc<Telemetry>) -> Self {
        Self {
            telemetry: Arc::clone(telemetry),
            settings: Arc::clone(settings),
            key_hasher: KeyHasher::default(),
            addresses: Addresses::new(settings.policy(|snapshot| snapshot.addresses)),
            origins: Origins::new(settings.policy(|snapshot| snapshot.origins)),
            bans: Bans::new(settings.policy(|snapshot| snapshot.bans)),
            http_usage: HttpUsage::new(settings.policy(|snapshot| snapshot.http_usage)),
            pressure: Pressure::new(settings.policy(|snapshot| snapshot.memory.clone())),
            counted_connections: AtomicUsize::new(0),
            abuse_log: AbuseLog::default(),
            ice_credentials: HashedRates::new(settings.policy(|snapshot| snapshot.ice_credentials))
                .into(),
            refusal_messages: RefusalMessages::new(
                settings.policy(|snapshot| snapshot.refusal_messages),
            ),
        }
    }

    /// Hashes the address of a client into its rate-limit keys. `is_unidentified` tells whether a trusted proxy sent a
    /// header without a client address. Then `ip` is that of the proxy, and all such clients share the limits of one.
    #[must_use]
    pub fn client_address(&self, ip: Option<IpAddr>, is_unidentified: bool) -> ClientAddress {
        let settings = &self.settings.load().admission;
        let is_exempt = |ip| {
            let mut networks = settings.exempt.iter();
            networks.any(|network| network.contains(Some(ip)))
        };
        let keys = match ip {
            _ if !settings.limits_apply => None,
            _ if is_unidentified => Some(self.key_hasher.unidentified_keys()),
            Some(ip) if !is_exempt(ip) => Some(self.key_hasher.keys_of(ip)),
            _ => None,
        };
        ClientAddress::new(ip, is_unidentified, keys)
    }

    /// Returns the client that pays for an HTTP request. A trusted proxy pays for clients that it does not identify.
    #[must_use]
    pub fn payer_of(&self, client: ClientAddress) -> ClientAddress {
        if client.is_unidentified() {
            self.client_address(client.ip(), false)
        } else {
            client
        }
    }

    /// Returns whether limits of addresses and origins apply (`no_limits`).
    #[must_use]
    pub fn limits_apply(&self) -> bool {
        self.settings.load().admission.limits_apply
    }

    /// Returns the addresses and what they use.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Returns the origins whose pages are connected, those with most connections first.
    #[must_use]
    pub fn origins(&self) -> Vec<OriginCount> {
        self.origins.list()
    }

    /// Returns the memory pressure of the process.
    #[must_use]
    pub fn pressure(&self) -> &Pressure {
        &self.pressure
    }

    /// Returns the resource usage of HTTP requests.
    #[must_use]
    pub fn http_usage(&self) -> &Arc<HttpUsage> {
        &self.http_usage
    }

    /// Creates the record of STUN requests, for the thread of the STUN server.
    #[must_use]
    pub fn stun_rates(&self) -> HashedRates {
        HashedRates::new(self.settings.policy(|snapshot| snapshot.stun))
    }

    /// Admits a request for TURN credentials.
    ///
    /// # Errors
    ///
    /// The time after which one more is served, if its address sends too many.
    pub fn admit_ice_credentials(
        &self,
        client: ClientAddress,
        now: Duration,
    ) -> Result<(), Duration> {
        let admitted = self.ice_credentials.lock().admit(client.keys(), now);
        admitted.map_err(|refusal| match refusal {
            RateRefusal::Address(wait) => wait,
            RateRefusal::Total => Duration::from_secs(1),
        })
    }

    /// Claims a message that tells a refused page the reason, and counts it.
    ///
    /// # Errors
    ///
    /// A limit is reached, also for a client without limits of addresses.
    pub fn claim_refusal_message(
        &self,
        client: ClientAddress,
        now: Duration,
    ) -> Result<RefusalMessageClaim, RefusalMessageLimit> {
        // All clients of a Unix socket without an address share one key.
        let from = client
            .ip()
            .map_or(RateKey::new(0), |ip| self.key_hasher.keys_of(ip).address);
        let claimed = self.refusal_messages.claim(from, now);
        let counters = self.telemetry.shared_counters();
        let counter = match claimed {
            Ok(_) => &counters.refusal_messages,
            Err(RefusalMessageLimit::Open) => &counters.withheld_refusal_messages_max,
            Err(RefusalMessageLimit::Rate) => &counters.withheld_refusal_messages_per_second,
            Err(RefusalMessageLimit::Address) => &counters.withheld_address_refusal_messages_max,
        };
        counter.add_shared(1);
        claimed
    }

    /// Claims a resource for an address; only process-wide bounds apply to an address without limits.
    ///
    /// # Errors
    ///
    /// The resource is used up.
    pub fn claim(
        &self,
        what: HttpResource,
        client: ClientAddress,
        amount: usize,
    ) -> Result<ResourceClaim, QuotaExceeded> {
        self.http_usage.claim(what, client.keys(), amount)
    }

    /// Returns the number of response bytes that are not read yet.
    #[must_use]
    pub fn response_bytes(&self) -> usize {
        self.http_usage.claimed_total(HttpResource::ResponseBytes)
    }

    /// Returns the number of connections that count for `limits.connections_max`, HTTP connections included.
    #[must_use]
    pub fn counted_connections(&self) -> usize {
        self.counted_connections.load(Ordering::Relaxed)
    }

    /// Bans an address for the operator. `now` is the time since the process started.
    pub fn ban_address(&self, key: RateKey, time: Duration, now: Duration) {
        let (ban, evicted) = self.bans.ban_by_operator(key, time, now);
        let counters = self.telemetry.shared_counters();
        counters.bans.add_shared(1);
        counters
            .forgotten_bans_records_max
            .add_shared(u64::from(evicted));
        tracing::debug!(address = %ban.key, reason = ban.reason.text(), seconds = time.as_secs(), "address banned");
    }

    /// Ends a ban by its key, as in [`Self::active_bans`]. Returns false if there is none.
    pub fn lift_ban(&self, key: RateKey) -> bool {
        let lifted = self.bans.lift(key);
        if lifted {
            tracing::debug!(address = %key, "ban lifted");
        }
        lifted
    }

    /// Returns the active bans, the longest first.
    #[must_use]
    pub fn active_bans(&self, now: Duration) -> Vec<Ban> {
        self.bans.active(now)
    }

    /// Returns the number of active bans.
    #[must_use]
    pub fn active_ban_count(&self, now: Duration) -> usize {
        self.bans.active_count(now)
    }

    /// Records a connection that was closed as hostile.
    pub fn record_abuse(&self, record: AbuseRecord) {
        self.abuse_log.push(record);
    }

    /// Returns the connections that were closed as hostile within the last hour, the oldest first.
    #[must_use]
    pub fn recent_abuse(&self, now: Duration) -> Vec<AbuseRecord> {
        self.abuse_log.recent(now)
    }

    /// Evicts idle addresses from one shard; shard 0 also evicts idle origins and expired bans. [`Addresses::shard_count`]
    /// returns the number of shards.
    pub fn evict_idle(&self, shard: usize, now: Duration) {
        self.addresses.evict_idle(shard, now);
        self.http_usage.evict_idle(shard, now);
        if shard == 0 {
            self.origins.evict_idle(now);
            self.bans.evict_expired(now);
        }
    }

    /// Releases a counted connection.
    fn release_connection(&self, account: AccountKey) {
        self.counted_connections.fetch_sub(1, Ordering::Relaxed);
        if account.origin().is_counted() {
            let group = account
                .address()
                .map(|key| self.addresses.widest_key_of(key));
            self.origins.release_connection(account.origin(), group);
        }
        if let Some(key) = account.address() {
            self.addresses.release_connection(key);
        }
    }
}
