//! Queries to a worker about its connections: sent from any thread, run on the worker's own thread between turns.
//!
//! For operators and dashboards, never for messages: a query waits in the mailbox like a relay, and allocates.

use std::fmt;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::{Hub, Mailboxes};

/// Maximum number of queries that may wait for one worker; more are refused.
pub const WORKER_QUERIES_MAX: usize = 64;
/// How long to wait for a result. Workers answer within milliseconds; a stuck one must not block its callers.
const QUERY_TIMEOUT: Duration = Duration::from_secs(5);

/// A worker has too many queries, did not answer in time, or has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a worker is too busy to answer; try again")]
pub struct WorkerBusy;

/// A query that sends its own result.
pub(super) struct WorkerQuery(Box<dyn FnOnce(&Hub) + Send>);

impl WorkerQuery {
    pub(super) fn run(self, hub: &Hub) {
        (self.0)(hub);
    }
}

impl fmt::Debug for WorkerQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WorkerQuery")
    }
}

impl Mailboxes {
    /// Runs `query` on a worker and returns its result. It must take less than a millisecond.
    ///
    /// # Errors
    ///
    /// [`WORKER_QUERIES_MAX`] other queries wait, or no result comes within five seconds.
    pub async fn query_worker<T: Send + 'static>(
        &self,
        worker: u8,
        query: impl FnOnce(&Hub) -> T + Send + 'static,
    ) -> Result<T, WorkerBusy> {
        let (sender, receiver) = oneshot::channel();
        let query = WorkerQuery(Box::new(move |hub| {
            // The caller may have timed out.
            let _ = sender.send(query(hub));
        }));
        let mailbox = self.of_worker(worker);
        if mailbox.is_some_and(|mailbox| mailbox.push_query(query))
            && let Ok(Ok(answer)) = timeout(QUERY_TIMEOUT, receiver).await
        {
            return Ok(answer);
        }
        let counters = self.telemetry.shared_counters();
        counters.questions_unanswered.add_shared(1);
        Err(WorkerBusy)
    }

    /// Returns the numbers of all workers, to query them one by one.
    pub fn worker_numbers(&self) -> impl Iterator<Item = u8> + use<> {
        let workers = self.len();
        (0..=u8::MAX).take(workers)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::{Context, Waker};

    use super::*;
    use crate::config::Config;
    use crate::node::{ClientInfo, Node};

    #[tokio::test]
    async fn a_worker_runs_a_query_when_it_polls_its_mailbox() {
        let node = Arc::new(Node::new(&Config::default(), 2));
        let mailboxes = Mailboxes::new(&Config::default(), 2, node.telemetry());
        let hub = Hub::new(Arc::clone(&node), Arc::clone(&mailboxes), 1, 0);
        let client = ClientInfo::default();
        let permit = hub.admission().admit_connection(&client).expect("room");
        hub.open_connection(&client, permit).expect("room");
        let query = mailboxes.query_worker(1, Hub::connections);
        let poll = async { hub.poll_mail(&Context::from_waker(Waker::noop())) };
        let (answer, _) = tokio::join!(query, poll);
        assert_eq!(answer, Ok(1));
        assert_eq!(node.counters().questions_unanswered, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn excess_and_unanswered_worker_queries_fail() {
        let node = Arc::new(Node::new(&Config::default(), 1));
        let mailboxes = Mailboxes::new(&Config::default(), 1, node.telemetry());
        let mut queries = tokio::task::JoinSet::new();
        for _ in 0..=WORKER_QUERIES_MAX {
            let mailboxes = Arc::clone(&mailboxes);
            queries.spawn(async move {
                let began = tokio::time::Instant::now();
                let answer = mailboxes.query_worker(0, Hub::connections).await;
                assert_eq!(answer, Err(WorkerBusy));
                began.elapsed()
            });
        }
        let waited = queries.join_all().await;
        let at_once = waited.iter().filter(|wait| wait.is_zero()).count();
        assert_eq!(at_once, 1, "{waited:?}");
        assert_eq!(
            node.counters().questions_unanswered,
            WORKER_QUERIES_MAX as u64 + 1
        );
        // A late result is discarded and frees its slot.
        let hub = Hub::new(Arc::clone(&node), Arc::clone(&mailboxes), 0, 0);
        let _ = hub.poll_mail(&Context::from_waker(Waker::noop()));
        assert_eq!(
            mailboxes.query_worker(9, Hub::connections).await,
            Err(WorkerBusy)
        );
    }
}
