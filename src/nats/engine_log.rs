//! Logs what happens to the connection to the engine: each change, and the reason of failed attempts once a minute.

use std::time::{Duration, Instant};

use async_nats::Event;

/// Shortest time between two log lines with the same reason.
const REPEAT_AFTER: Duration = Duration::from_mins(1);

/// Reasons that are remembered; several servers may have one each.
const REASONS_MAX: usize = 8;

/// The reasons that were logged lately.
#[derive(Debug, Default)]
pub(super) struct EngineLog {
    lately: Vec<(String, Instant)>,
}

impl EngineLog {
    #[expect(
        clippy::match_wildcard_for_single_variants,
        reason = "the library's word is another thing's name here"
    )]
    pub(super) fn record(&mut self, event: &Event) {
        match event {
            Event::Connected => {
                self.lately.clear();
                tracing::info!("connected to NATS");
            }
            Event::Disconnected => {
                tracing::warn!(
                    "NATS is lost: clients of this node meet only each other until it is back"
                );
            }
            Event::SlowConsumer(_) => {
                self.warn(
                    "slow consumer",
                    "messages of other nodes are dropped, as this node reads them too slowly",
                );
            }
            Event::LameDuckMode | Event::Draining | Event::Closed => {
                tracing::info!(%event, "the NATS server says");
            }
            Event::ServerError(error) => self.warn(&error.to_string(), "NATS refuses this node"),
            error => self.warn(&error.to_string(), "no connection to NATS, trying again"),
        }
    }

    fn warn(&mut self, reason: &str, message: &str) {
        let now = Instant::now();
        let is_recent = |at: Instant| now.duration_since(at) < REPEAT_AFTER;
        self.lately.retain(|(_, at)| is_recent(*at));
        let is_known = self.lately.iter().any(|(known, _)| known == reason);
        if is_known || self.lately.len() >= REASONS_MAX {
            return;
        }
        self.lately.push((reason.to_owned(), now));
        tracing::warn!(reason, "{message}");
    }
}
