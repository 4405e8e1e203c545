//! Logs what happens to the connection to the engine: each change, and the reason of failed attempts once a minute.

use std::time::{Duration, Instant};

use async_nats::Event;

/// Shortest time between two log lines with the same reason.
const REPEAT_AFTER: Duration = Duration::from_mins(1);

/// The last reason that was logged.
#[derive(Debug, Default)]
pub(super) struct EngineLog {
    last: Option<(String, Instant)>,
}

impl EngineLog {
    pub(super) fn record(&mut self, event: &Event) {
        match event {
            Event::Connected => {
                self.last = None;
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
            error => self.warn(&error.to_string(), "no connection to NATS, trying again"),
        }
    }

    fn warn(&mut self, reason: &str, message: &str) {
        let now = Instant::now();
        if let Some((last, at)) = &self.last
            && last == reason
            && now.duration_since(*at) < REPEAT_AFTER
        {
            return;
        }
        self.last = Some((reason.to_owned(), now));
        tracing::warn!(reason, "{message}");
    }
}
