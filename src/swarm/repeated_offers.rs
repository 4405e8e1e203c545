//! Finds the receiver of an offer that is repeated: clients like trystero send the same ones until they are claimed.

use super::matchmaking::{self, MatchClock, Matchmaking, Progress};
use super::{Member, MemberPosition, OfferTerms, ReceiverQuotaExhausted, Swarm};
use crate::protocol::OfferId;

/// The only possible receiver of a repeated offer: the page has one connection for it, and this member may still answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepeatReceiver {
    /// Where the member is.
    pub position: MemberPosition,
    /// The member; an error if its quota is used up, so that the offer has to wait.
    pub charged: Result<Member, ReceiverQuotaExhausted>,
}

impl Swarm {
    /// Returns the receiver of an offer that the member at a position repeats: who was given the same one and may still
    /// answer. Charges the repetition to its quota.
    pub fn repeat_receiver(
        &mut self,
        sender: MemberPosition,
        offer_id: OfferId,
        terms: &OfferTerms,
    ) -> Option<RepeatReceiver> {
        let clock = MatchClock::new(terms.now, self.members.patience);
        self.members.settle_at(sender.0, clock);
        let record = self.members.record_at(sender.0)?;
        if record.under_way() == 0 || terms.matchmaking == Matchmaking::Random {
            return None;
        }
        let young = self.members.patience.duration();
        let slots = self.members.offer_slots_at(sender.0)?;
        let offers = &self.pending_offers;
        let offer = offers.find_young(slots, offer_id, (terms.now, young))?;
        let position = self.members.find_position(offer.to, offer.to_position.0)?;
        let from = self.members.member_at(sender.0)?.0;
        let record = self.members.record_at(sender.0)?;
        let (serial, cannot_cross) = (record.serial(), record.cannot_cross());
        let candidate = self.members.candidate_at(position, from, clock)?;
        if matchmaking::is_wrong_way((from.peer_id, cannot_cross), &candidate) {
            return None;
        }
        // Either may have begun too many others since.
        let to = candidate.record.serial();
        let is_received = candidate.record.awaits(serial, Progress::Received, clock);
        let sender = self.members.record_at(sender.0)?;
        if !is_received && !sender.awaits(to, Progress::Given, clock) {
            return None;
        }
        Some(RepeatReceiver {
            position: MemberPosition(position),
            charged: self.members.charge_at(position, terms),
        })
    }
}
