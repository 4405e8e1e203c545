//! The counter of each way in which a datagram can end.

use crate::ice::{Ignored, NoResponse, RelayDrop, TurnOutcome, TurnRefusal};
use crate::limits::RateRefusal;
use crate::metrics::{Counter, Counters};

pub(super) fn of_no_response(counters: &Counters, reason: NoResponse) -> &Counter {
    match reason {
        NoResponse::Malformed => &counters.stun_malformed,
        NoResponse::NotBinding => &counters.stun_not_binding,
    }
}

pub(super) fn of_ignored(counters: &Counters, reason: Ignored) -> &Counter {
    match reason {
        Ignored::Malformed => &counters.stun_malformed,
        Ignored::NotTurn => &counters.stun_not_binding,
    }
}

pub(super) fn of_refusal(counters: &Counters, refusal: RateRefusal) -> &Counter {
    match refusal {
        RateRefusal::Address(_) => &counters.stun_refused_address,
        RateRefusal::Total => &counters.stun_refused_total,
    }
}

pub(super) fn of_outcome(counters: &Counters, outcome: TurnOutcome) -> &Counter {
    match outcome {
        TurnOutcome::Allocated => &counters.turn_allocated,
        TurnOutcome::Repeated
        | TurnOutcome::Refreshed
        | TurnOutcome::Ended
        | TurnOutcome::Permitted
        | TurnOutcome::Bound => &counters.turn_requests,
        TurnOutcome::Refused(refusal) => of_turn_refusal(counters, refusal),
    }
}

fn of_turn_refusal(counters: &Counters, refusal: TurnRefusal) -> &Counter {
    match refusal {
        TurnRefusal::Unsigned | TurnRefusal::StaleNonce => &counters.turn_challenged,
        TurnRefusal::ExpiredUser => &counters.refused_turn_expired,
        TurnRefusal::UnknownUser | TurnRefusal::WrongSignature | TurnRefusal::WrongUser => {
            &counters.refused_turn_credentials
        }
        TurnRefusal::UserQuota => &counters.refused_turn_user_allocations_max,
        TurnRefusal::AddressQuota => &counters.refused_turn_address_allocations_max,
        TurnRefusal::TotalQuota => &counters.refused_turn_allocations_max,
        TurnRefusal::BadRequest
        | TurnRefusal::UnknownAttribute
        | TurnRefusal::ForbiddenPeer
        | TurnRefusal::AllocationMismatch
        | TurnRefusal::AddressFamily
        | TurnRefusal::UnsupportedTransport
        | TurnRefusal::PeerFamily
        | TurnRefusal::TooManyPeers
        | TurnRefusal::NoReservation => &counters.refused_turn_request,
    }
}

pub(super) fn of_drop(counters: &Counters, reason: RelayDrop) -> &Counter {
    match reason {
        RelayDrop::Malformed => &counters.turn_dropped_malformed,
        RelayDrop::NoAllocation | RelayDrop::NoChannel | RelayDrop::NotPermitted => {
            &counters.turn_dropped_not_permitted
        }
        RelayDrop::NoPeer | RelayDrop::NotPermittedByPeer => &counters.turn_dropped_no_peer,
        RelayDrop::UserRate => &counters.turn_dropped_user_rate,
        RelayDrop::AddressRate => &counters.turn_dropped_address_rate,
        RelayDrop::TotalRate => &counters.turn_dropped_total_rate,
        RelayDrop::DayBudget => &counters.turn_dropped_day_budget,
    }
}
