//! Admits one connection, from its accept until it ends or becomes a WebSocket.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use super::{AcceptDecision, ClientAddress, ConnectionPermit, WorkerAdmission};
use crate::limits::{HandshakeCharge, Limited};
use crate::node::ClientInfo;

/// The admission of one connection. Its steps are accept, TLS handshake, first request, upgrade; dropping it releases
/// everything that it counted.
///
/// It hashes the address of its client once. So the limits that apply to a client are those at its first request.
#[derive(Debug)]
pub struct ConnectionAdmission {
    worker: Rc<WorkerAdmission>,
    /// The client of the latest request.
    client: Cell<ClientAddress>,
    /// Set while the TLS handshake is not complete.
    handshake_charge: RefCell<Option<HandshakeCharge>>,
    /// Counts the connection from its first request on, for the client of the latest request.
    permit: RefCell<Option<ConnectionPermit>>,
}

impl ConnectionAdmission {
    /// Creates the admission of a connection whose client is not known yet.
    #[must_use]
    pub fn new(worker: &Rc<WorkerAdmission>) -> Self {
        Self {
            worker: Rc::clone(worker),
            client: Cell::default(),
            handshake_charge: RefCell::default(),
            permit: RefCell::default(),
        }
    }

    /// Counts the connection for the client at this address and decides what to do with it, before any byte is read.
    ///
    /// The address is the peer's, or the one that a PROXY header names. It is never that of a trusted proxy, which
    /// connects for many clients.
    pub fn accept_connection(&self, ip: IpAddr, is_tls: bool) -> AcceptDecision {
        let client = self.identify(Some(ip), false);
        self.worker.accept_connection(client, is_tls)
    }

    /// Charges the client for a TLS handshake that costs a signature, before it proves anything.
    pub fn charge_handshake(&self) {
        let charge = self.worker.charge_handshake(self.client.get());
        self.handshake_charge.replace(charge);
    }

    /// Refunds that charge when the client completes the handshake.
    pub fn refund_handshake(&self) {
        if let Some(charge) = self.handshake_charge.take() {
            self.worker.refund_handshake(charge);
        }
    }

    /// Returns the client with this address and its rate-limit keys. Only the address of another client than that of
    /// the request before is hashed. `is_unidentified` is as in [`Admission::client_address`](super::Admission::client_address).
    pub fn identify(&self, ip: Option<IpAddr>, is_unidentified: bool) -> ClientAddress {
        let mut client = self.client.get();
        if !client.is_of(ip, is_unidentified) {
            client = self.worker.shared().client_address(ip, is_unidentified);
            self.client.set(client);
        }
        client
    }

    /// Returns the client of the latest request.
    #[must_use]
    pub fn client(&self) -> ClientAddress {
        self.client.get()
    }

    /// Admits a request. The first request counts the connection. A request of another client counts it again, because
    /// a proxy sends requests of several clients over one connection. Bans are checked for each request.
    ///
    /// # Errors
    ///
    /// As [`WorkerAdmission::admit_connection`].
    pub fn admit_connection(&self, client: &ClientInfo) -> Result<(), Limited> {
        let permit = &mut *self.permit.borrow_mut();
        let is_same = |permit: &ConnectionPermit| permit.client() == client.address;
        if permit.as_ref().is_some_and(is_same) {
            return self.worker.check_ban(client);
        }
        // Released first, so that the connection never counts twice.
        drop(permit.take());
        *permit = Some(self.worker.admit_connection(client)?);
        Ok(())
    }

    /// Admits the upgrade to a WebSocket. Returns how long it must wait.
    ///
    /// # Errors
    ///
    /// As [`WorkerAdmission::admit_upgrade`].
    pub fn admit_upgrade(&self, client: &ClientInfo) -> Result<Duration, Limited> {
        self.worker.admit_upgrade(client)
    }

    /// Checks whether a client is banned.
    ///
    /// # Errors
    ///
    /// As [`WorkerAdmission::check_ban`].
    pub fn check_ban(&self, client: &ClientInfo) -> Result<(), Limited> {
        self.worker.check_ban(client)
    }

    /// Returns whether the connection was admitted and is counted.
    #[must_use]
    pub fn has_permit(&self) -> bool {
        self.permit.borrow().is_some()
    }

    /// Takes the permit, for the hub, which turns it into the account of the WebSocket.
    #[must_use]
    pub fn take_permit(&self) -> Option<ConnectionPermit> {
        self.permit.take()
    }
}

impl Drop for ConnectionAdmission {
    fn drop(&mut self) {
        if self.handshake_charge.take().is_some() {
            self.worker.count_failed_handshake();
        }
    }
}
