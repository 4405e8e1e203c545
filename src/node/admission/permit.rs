//! Counts an admitted connection from its first request until it ends, also as a WebSocket.

use std::sync::Arc;

use super::{Admission, ClientAddress};
use crate::limits::{AccountKey, OriginId, RateKey};

/// Counts an admitted connection until it is dropped, or until the count passes to the account of a WebSocket.
#[derive(Debug)]
pub struct ConnectionPermit {
    admission: Arc<Admission>,
    client: ClientAddress,
    /// The key under which the address is counted. `None` if no limit of addresses applies.
    key: Option<RateKey>,
    /// Whether a WebSocket has taken over the count.
    is_handed_over: bool,
}

impl ConnectionPermit {
    pub(super) fn new(
        admission: &Arc<Admission>,
        client: ClientAddress,
        key: Option<RateKey>,
    ) -> Self {
        Self {
            admission: Arc::clone(admission),
            client,
            key,
            is_handed_over: false,
        }
    }

    /// Returns the client for which the connection is counted.
    #[must_use]
    pub const fn client(&self) -> ClientAddress {
        self.client
    }

    /// Returns the key under which the address is counted; `None` if no limit of addresses applies.
    pub(super) const fn key(&self) -> Option<RateKey> {
        self.key
    }

    /// Hands the count over to the account of a WebSocket, which is released with
    /// [`release_connection`](super::WorkerAdmission::release_connection). The origin is counted already.
    pub(super) fn into_account(mut self, origin: OriginId) -> AccountKey {
        self.is_handed_over = true;
        AccountKey::new(self.key, origin)
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        if !self.is_handed_over {
            let account = AccountKey::new(self.key, OriginId::NONE);
            self.admission.release_connection(account);
        }
    }
}
