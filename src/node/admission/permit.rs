//! Counts an admitted connection until it ends or becomes a WebSocket.

use std::sync::Arc;

use super::{Admission, ClientAddress};
use crate::limits::{AccountKey, OriginId, RateKey};

/// Counts an admitted connection until it is dropped.
#[derive(Debug)]
pub struct ConnectionPermit {
    admission: Arc<Admission>,
    client: ClientAddress,
    account: AccountKey,
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
            account: AccountKey::new(key, OriginId::NONE),
        }
    }

    /// Returns the client for which the connection is counted.
    #[must_use]
    pub const fn client(&self) -> ClientAddress {
        self.client
    }
}

impl Drop for ConnectionPermit {
    fn drop(&mut self) {
        self.admission.release_connection(self.account);
    }
}
