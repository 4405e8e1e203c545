//! Refuses messages, and counts the violations of a connection.

use super::connection_entry::ConnectionEntry;
use super::failure_counters::FailureCounter;
use super::serve::ServedMessage;
use super::{Ended, Hub, HubState, NextAction, entry_mut};
use crate::limits::Violation;
use crate::protocol::{self, ConnectionId, Failure, Refusal};

impl Hub {
    /// Refuses a message and sends the reason to the client.
    pub(super) fn answer_refusal(
        &self,
        state: &mut HubState,
        id: ConnectionId,
        refusal: Refusal,
    ) -> ServedMessage {
        let interval = state.interval.interval();
        let Some(entry) = entry_mut(&mut state.entries, id) else {
            return Ended::Lost.into();
        };
        let failure = refusal.failure;
        self.count_refusal(failure);
        tracing::trace!(connection = %self.connection_name(id), failure = failure.label(), "message refused");
        self.reply(entry, protocol::REPLY_BYTES, |out| {
            protocol::write_failure(out, &refusal, interval);
        });
        match self.charge_refusal(entry, failure) {
            Ok(next) => ServedMessage {
                next,
                output: self.queued_output(entry),
            },
            Err(ended) => ended.into(),
        }
    }

    /// Counts a refused message and records it for the operator.
    fn count_refusal(&self, failure: Failure) {
        let counters = self.counters();
        if failure.is_malformed() {
            counters.failures_malformed.add(1);
        }
        failure.counter(counters).add(1);
        self.telemetry.record_message_failure(failure);
    }

    /// Charges a refused message to its sender. A message over a rate limit costs nothing more.
    fn charge_refusal(
        &self,
        entry: &mut ConnectionEntry,
        failure: Failure,
    ) -> Result<NextAction, Ended> {
        if failure.is_malformed() {
            if let Some(limiter) = &*self.limiter.borrow()
                && !limiter.allow_malformed(&mut entry.usage)
            {
                return Err(Ended::Malformed);
            }
            self.record_violation(entry, Violation::Malformed)?;
        }
        if failure.is_too_fast() {
            self.record_violation(entry, Violation::Refused)?;
            return Ok(NextAction::Read);
        }
        Ok(self.charge(entry, 0))
    }

    /// Records a violation. Returns an error if the connection has too many in total.
    pub(super) fn record_violation(
        &self,
        entry: &mut ConnectionEntry,
        violation: Violation,
    ) -> Result<(), Ended> {
        match &*self.limiter.borrow() {
            Some(limiter)
                if !limiter.allow_violation(&mut entry.usage, violation, self.time.get()) =>
            {
                Err(Ended::Hostile)
            }
            _ => Ok(()),
        }
    }
}
