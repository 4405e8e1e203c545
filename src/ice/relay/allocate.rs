//! Allocate and Refresh: begin, extend and end an allocation (RFC 8656, sections 7 and 8).

use std::time::Duration;

use super::TurnRelay;
use super::allocation::{Allocation, AllocationId};
use super::deadline::Deadline;
use super::five_tuple::FiveTuple;
use super::outcome::{TurnOutcome, TurnRefusal};
use super::respond::{Granted, RequestContext};
use crate::ice::credentials::{Validity, VerifiedUser};
use crate::ice::message::{
    EVEN_PORT, LIFETIME, Message, REQUESTED_ADDRESS_FAMILY, REQUESTED_TRANSPORT, RESERVATION_TOKEN,
    TRANSPORT_UDP,
};

const LIFETIME_SECONDS: u32 = 600;
const LIFETIME_SECONDS_MAX: u32 = 3600;
/// After this time a client needs new credentials and a new allocation.
const WHOLE_LIFE_SECONDS: u32 = 86_400;
const FAMILY_IPV4: u8 = 1;

impl TurnRelay {
    pub(super) fn allocate(
        &mut self,
        request: &Message<'_>,
        client: &FiveTuple,
        user: &VerifiedUser,
        context: &RequestContext,
    ) -> Result<Granted, TurnRefusal> {
        let now = context.now;
        if let Some(own) = self.table.find_alive(client, now) {
            let is_repeated = own.transaction_id == request.transaction_id
                && self.usage.is_owner(own.owner, &user.username);
            if !is_repeated {
                return Err(TurnRefusal::AllocationMismatch);
            }
            return Ok(Granted::Allocation {
                port: own.name.port,
                seconds: own.expires_at.seconds_left(now),
                outcome: TurnOutcome::Repeated,
            });
        }
        self.end_client(client, now);
        if user.validity == Validity::Expired {
            return Err(TurnRefusal::ExpiredUser);
        }
        check_allocate(request)?;
        let seconds = lifetime(request)?;
        let free = self.policy.allocations_max.saturating_sub(self.table.len());
        if free == 0 {
            return Err(TurnRefusal::TotalQuota);
        }
        let address_key = context.address_key;
        let owner = self
            .usage
            .claim(user.username, address_key, free, &self.policy)?;
        let mut allocation = Allocation::new(*client, request.transaction_id, owner);
        allocation.expires_at = Deadline::after(seconds, now);
        allocation.ends_at = Deadline::after(WHOLE_LIFE_SECONDS, now);
        let Some(name) = self.table.insert(allocation) else {
            self.usage.release(owner, now);
            return Err(TurnRefusal::TotalQuota);
        };
        Ok(Granted::Allocation {
            port: name.port,
            seconds,
            outcome: TurnOutcome::Allocated,
        })
    }

    /// Returns the allocation of a client, which must belong to the user.
    pub(super) fn own_allocation(
        &self,
        client: &FiveTuple,
        user: &VerifiedUser,
        now: Duration,
    ) -> Result<AllocationId, TurnRefusal> {
        let own = self.table.find_alive(client, now);
        let own = own.ok_or(TurnRefusal::AllocationMismatch)?;
        if self.usage.is_owner(own.owner, &user.username) {
            Ok(own.name.id)
        } else {
            Err(TurnRefusal::WrongUser)
        }
    }

    pub(super) fn refresh(
        &mut self,
        request: &Message<'_>,
        own: AllocationId,
        now: Duration,
    ) -> Result<Granted, TurnRefusal> {
        check_family(request, TurnRefusal::PeerFamily)?;
        if requested_lifetime(request)? == Some(0) {
            self.end(own, now);
            return Ok(Granted::Lifetime(0));
        }
        let seconds = lifetime(request)?;
        let own = self.table.get_mut(own);
        let own = own.ok_or(TurnRefusal::AllocationMismatch)?;
        let seconds = seconds.min(own.ends_at.seconds_left(now));
        own.expires_at = Deadline::after(seconds, now);
        Ok(Granted::Lifetime(seconds))
    }
}

/// Checks what an allocation is asked to be (RFC 8656, section 7.2). Browsers ask for nothing but UDP and a lifetime.
fn check_allocate(request: &Message<'_>) -> Result<(), TurnRefusal> {
    let Some(&[transport, _, _, _]) = request.find(REQUESTED_TRANSPORT) else {
        return Err(TurnRefusal::BadRequest);
    };
    if transport != TRANSPORT_UDP {
        return Err(TurnRefusal::UnsupportedTransport);
    }
    let has = |kind| request.find(kind).is_some();
    let is_reserved = has(RESERVATION_TOKEN);
    if is_reserved && (has(EVEN_PORT) || has(REQUESTED_ADDRESS_FAMILY)) {
        return Err(TurnRefusal::BadRequest);
    }
    if is_reserved || has(EVEN_PORT) {
        return Err(TurnRefusal::NoReservation);
    }
    check_family(request, TurnRefusal::AddressFamily)
}

/// Refuses a request for another family than IPv4.
fn check_family(request: &Message<'_>, refusal: TurnRefusal) -> Result<(), TurnRefusal> {
    match request.find(REQUESTED_ADDRESS_FAMILY) {
        None | Some(&[FAMILY_IPV4, _, _, _]) => Ok(()),
        Some(&[_, _, _, _]) => Err(refusal),
        Some(_) => Err(TurnRefusal::BadRequest),
    }
}

/// Returns the seconds that a request gets: a shorter time than the default is not worth the refreshes.
fn lifetime(request: &Message<'_>) -> Result<u32, TurnRefusal> {
    let wanted = requested_lifetime(request)?.unwrap_or(0);
    Ok(wanted.clamp(LIFETIME_SECONDS, LIFETIME_SECONDS_MAX))
}

fn requested_lifetime(request: &Message<'_>) -> Result<Option<u32>, TurnRefusal> {
    let Some(value) = request.find(LIFETIME) else {
        return Ok(None);
    };
    let bytes = value.try_into().map_err(|_| TurnRefusal::BadRequest)?;
    Ok(Some(u32::from_be_bytes(bytes)))
}
