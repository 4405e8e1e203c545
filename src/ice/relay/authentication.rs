//! Long-term credentials (RFC 8489, section 9.2.4). Cheap checks come first: a forged source address costs one hash.

use super::TurnRelay;
use super::five_tuple::FiveTuple;
use super::outcome::TurnRefusal;
use super::respond::RequestContext;
use crate::ice::credentials::{InvalidCredentials, VerifiedUser};
use crate::ice::message::{Message, NONCE, REALM, USERNAME};

impl TurnRelay {
    /// Returns the user that signed a request.
    pub(super) fn authenticate(
        &self,
        request: &Message<'_>,
        client: &FiveTuple,
        context: &RequestContext,
    ) -> Result<VerifiedUser, TurnRefusal> {
        if !request.has_integrity() {
            return Err(TurnRefusal::Unsigned);
        }
        let username = request.find(USERNAME).ok_or(TurnRefusal::BadRequest)?;
        let nonce = request.find(NONCE).ok_or(TurnRefusal::BadRequest)?;
        // The key contains our realm, so another one makes the signature wrong.
        request.find(REALM).ok_or(TurnRefusal::BadRequest)?;
        if !self.nonce_key.is_fresh(nonce, client, context.now) {
            return Err(TurnRefusal::StaleNonce);
        }
        let is_signed_with = |key: &_| request.is_signed_with(key);
        self.credentials
            .verify(username, context.unix_now, is_signed_with)
            .map_err(|error| match error {
                InvalidCredentials::Malformed => TurnRefusal::UnknownUser,
                InvalidCredentials::Forged => TurnRefusal::WrongSignature,
            })
    }
}
