//! Admits the connections of one worker and counts its refusals. Most steps happen once in the life of a connection;
//! bans are checked for each request, and the announces of an origin for each message.

mod bans;
mod usage;

use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Admission, ClientAddress, ConnectionPermit};
use crate::limits::{
    AccountKey, CachedTime, HandshakeCharge, Limited, OriginId, OriginPlacement, OriginRefusal,
    PressureLevel, QuotaUsage,
};
use crate::metrics::Counters;
use crate::node::{ClientInfo, Telemetry};

/// What to do with a new connection, before any of its bytes is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AcceptDecision {
    /// Serve it.
    Serve,
    /// Its address is banned: tell it so, and close it soon.
    ServeBriefly,
    /// Close it at once: too many connections came from its address, or it is banned and a response would cost a
    /// signature.
    Reset,
}

/// Admission as one worker asks it: at the worker's time, and counted by the worker's counters.
#[derive(Debug)]
pub struct WorkerAdmission {
    admission: Arc<Admission>,
    telemetry: Arc<Telemetry>,
    worker: u8,
    time: CachedTime,
}

impl WorkerAdmission {
    /// Creates the admission of worker number `worker`. `time` is the time of the worker.
    #[must_use]
    pub fn new(admission: &Arc<Admission>, worker: u8, time: &CachedTime) -> Self {
        Self {
            admission: Arc::clone(admission),
            telemetry: Arc::clone(&admission.telemetry),
            worker,
            time: time.clone(),
        }
    }

    /// Returns what all workers share.
    #[must_use]
    pub fn shared(&self) -> &Arc<Admission> {
        &self.admission
    }

    fn counters(&self) -> &Counters {
        self.telemetry.worker_counters(self.worker)
    }

    /// Counts a new connection from this address and decides what to do with it.
    #[must_use]
    pub fn accept_connection(&self, client: ClientAddress, is_tls: bool) -> AcceptDecision {
        let Some(keys) = client.keys() else {
            return AcceptDecision::Serve;
        };
        let (shared, now) = (&self.admission, self.time.get());
        if shared.addresses.accept_connection(keys, now).is_err() {
            self.counters().refused_address_accepts_per_second.add(1);
            return AcceptDecision::Reset;
        }
        if shared.bans.is_empty() || self.find_ban(keys).is_none() {
            return AcceptDecision::Serve;
        }
        // A banned address that reconnects again and again soon fails the check above.
        shared.addresses.charge_failed_handshake(keys, now);
        if is_tls {
            self.counters().refused_bans.add(1);
            return AcceptDecision::Reset;
        }
        AcceptDecision::ServeBriefly
    }

    /// Charges an address for a TLS handshake that costs a signature, before its client proves anything. Returns `None`
    /// if no limit of addresses applies.
    pub(in crate::node::admission) fn charge_handshake(
        &self,
        client: ClientAddress,
    ) -> Option<HandshakeCharge> {
        let (keys, now) = (client.keys()?, self.time.get());
        Some(self.admission.addresses.charge_failed_handshake(keys, now))
    }

    /// Refunds that charge when the client completes the handshake.
    pub(in crate::node::admission) fn refund_handshake(&self, charge: HandshakeCharge) {
        let now = self.time.get();
        self.admission.addresses.refund_handshake(charge, now);
    }

    /// Counts a charge that is not refunded, because the client did not complete the handshake.
    pub(in crate::node::admission) fn count_failed_handshake(&self) {
        self.counters().charged_failed_handshake_cost.add(1);
    }

    /// Returns the address group of a client; `None` if no limit of addresses applies to it.
    #[must_use]
    pub fn address_group(&self, client: ClientAddress) -> Option<NonZeroU64> {
        let keys = client.keys()?;
        let addresses = &self.admission.addresses;
        Some(addresses.address_group(keys.address, keys.network))
    }

    /// Admits and counts a connection with its first request, for a page or a WebSocket.
    ///
    /// # Errors
    ///
    /// The address is banned or has too many connections, or the process has too many or is short of memory.
    pub fn admit_connection(&self, client: &ClientInfo) -> Result<ConnectionPermit, Limited> {
        let (shared, counters) = (&self.admission, self.counters());
        self.check_ban(client)?;
        if shared.pressure.level() >= PressureLevel::Refuse {
            counters.refused_memory.add(1);
            return Err(Limited::Memory);
        }
        let most = shared.settings.load().admission.connections_max;
        let counted = &shared.counted_connections;
        if counted.fetch_add(1, Ordering::Relaxed) >= most.unwrap_or(usize::MAX) {
            counted.fetch_sub(1, Ordering::Relaxed);
            counters.refused_connections_max.add(1);
            return Err(Limited::Connections);
        }
        let Some(keys) = client.address.keys() else {
            return Ok(ConnectionPermit::new(shared, client.address, None));
        };
        let Some(key) = shared.addresses.admit_connection(keys) else {
            counted.fetch_sub(1, Ordering::Relaxed);
            counters.refused_address_connections_max.add(1);
            return Err(Limited::AddressConnections);
        };
        counters
            .uncounted_addresses_max
            .add(u64::from(key != keys.address));
        Ok(ConnectionPermit::new(shared, client.address, Some(key)))
    }

    /// Admits the upgrade of an admitted connection to a WebSocket. Returns how long it must wait.
    ///
    /// # Errors
    ///
    /// Too many WebSockets come from its address, or pages of its origin have too many.
    pub fn admit_upgrade(&self, client: &ClientInfo) -> Result<Duration, Limited> {
        let (shared, counters) = (&self.admission, self.counters());
        let origin = client.origin.as_deref().filter(|_| shared.limits_apply());
        let keys = client.address.keys();
        match origin.map(|origin| shared.origins.check_upgrade(origin, keys)) {
            None | Some(Ok(())) => {}
            Some(Err(OriginRefusal::Origin)) => {
                counters.refused_origin_connections_max.add(1);
                return Err(Limited::OriginConnections);
            }
            Some(Err(OriginRefusal::Address)) => {
                counters.refused_origin_address_percent.add(1);
                return Err(Limited::OriginAddress);
            }
        }
        let Some(keys) = keys else {
            return Ok(Duration::ZERO);
        };
        match shared.addresses.admit_upgrade(keys, self.time.get()) {
            Ok(wait) => {
                let waits = u64::from(!wait.is_zero());
                counters.delayed_address_connections_per_second.add(waits);
                Ok(wait)
            }
            Err(wait) => {
                counters.refused_address_connections_per_second.add(1);
                Err(Limited::AddressUpgradeRate(wait))
            }
        }
    }

    /// Turns the permit of a connection into the account of a WebSocket, which is counted until
    /// [`Self::release_connection`]. It also counts for the origin of its page. Also returns its share of the swarm
    /// table; `None` if no limit of addresses applies.
    #[must_use]
    pub fn register_websocket(
        &self,
        permit: ConnectionPermit,
        origin: Option<&str>,
    ) -> (AccountKey, Option<Arc<QuotaUsage>>) {
        let shared = &self.admission;
        let (keys, key) = (permit.client().keys(), permit.key());
        let counted = keys.zip(key);
        let quota_usage = counted.map(|(keys, key)| shared.addresses.register_websocket(keys, key));
        let group = key.map(|key| shared.addresses.widest_key_of(key));
        let (origin, place) = match origin {
            Some(origin) => shared.origins.register_websocket(origin, keys, group),
            None => (OriginId::NONE, OriginPlacement::Own),
        };
        let counters = self.counters();
        match place {
            OriginPlacement::Own => {}
            OriginPlacement::Overflow => counters.uncounted_origins_max.add(1),
            OriginPlacement::OverflowOfAddress => counters.uncounted_address_origins_max.add(1),
        }
        (permit.into_account(origin), quota_usage)
    }

    /// Releases a WebSocket.
    pub fn release_connection(&self, account: AccountKey) {
        self.admission.release_connection(account);
    }
}
