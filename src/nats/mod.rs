//! Joins this node to the others of its cluster through NATS, an existing message system: the implementation of
//! [`Backplane`] that servers use.
//!
//! Uses NATS core, which stores nothing: heartbeats go to all nodes, batches to one. The library reconnects by itself.
//! Nothing here waits for the engine but two tasks: one publishes from a bounded queue, one receives.

mod connect;
mod engine_log;
mod receive;
mod subjects;
mod user_key;

use std::sync::Arc;
use std::time::Duration;

use async_nats::Client;
use async_nats::connection::State;
use bytes::Bytes;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;

use crate::cluster::{Backplane, Delivery, NodeId, Transmit};
use subjects::Subjects;

pub use connect::NatsError;
pub(crate) use connect::check;
pub use user_key::UserKey;

/// Messages that wait for the library. A batch is sent when it is full or 2 ms old, so that more wait better in the outboxes
/// of the cluster, where a newer count replaces an older one.
const QUEUE_MAX: usize = 32;
/// Deliveries that wait for the cluster. A batch is at most a megabyte and usually 24 kB.
const DELIVERIES_MAX: usize = 256;
/// A message that the library does not take for so long means that the engine is lost.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(1);

/// The way to the other nodes through NATS. When it is dropped, it receives nothing more.
#[derive(Debug)]
pub(crate) struct NatsBackplane {
    subjects: Arc<Subjects>,
    queue: mpsc::Sender<Outgoing>,
    /// Whether the engine is asked to tell that a node does not exist.
    trusts_engine: bool,
    _receiving: JoinSet<()>,
}

/// A message for the engine.
#[derive(Debug)]
struct Outgoing {
    subject: String,
    /// Where the engine tells that nobody receives the message.
    reply: Option<String>,
    payload: Bytes,
}

impl NatsBackplane {
    /// Starts to connect. Returns at once, also if no server can be reached: the deliveries tell when one is. The task ends when
    /// everything has been sent after the backplane was dropped.
    ///
    /// # Errors
    ///
    /// The settings do not fit together with the files that they name.
    pub(crate) async fn start(
        settings: &crate::config::Cluster,
        node: NodeId,
    ) -> Result<(Self, mpsc::Receiver<Delivery>, JoinHandle<()>), NatsError> {
        let (deliver, deliveries) = mpsc::channel(DELIVERIES_MAX);
        let (queue, outgoing) = mpsc::channel(QUEUE_MAX);
        let subjects = Arc::new(Subjects::new(&settings.name, node));
        let client = connect::connect(settings, deliver.clone()).await?;
        let sending = tokio::spawn(publish(client.clone(), outgoing, deliver.clone()));
        // What the engine tells is not signed. With a secret, others may use it too, and could say the same of every node.
        let trusts_engine = settings.secret.is_none();
        let mut receiving = JoinSet::new();
        let own = subjects.own(trusts_engine);
        receiving.spawn(receive::receive(
            client,
            (Arc::clone(&subjects), own),
            deliver,
        ));
        let backplane = Self {
            subjects,
            queue,
            trusts_engine,
            _receiving: receiving,
        };
        Ok((backplane, deliveries, sending))
    }

    fn enqueue(&self, outgoing: Outgoing) {
        match self.queue.try_send(outgoing) {
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            // Only a heartbeat is sent without a look at `is_ready`; the next one says more.
            Err(TrySendError::Full(_)) => tracing::debug!("the queue of the cluster is full"),
        }
    }
}

impl Backplane for NatsBackplane {
    fn is_ready(&self) -> bool {
        // One place is kept for heartbeats.
        self.queue.capacity() > 1
    }

    fn send(&mut self, transmit: Transmit) {
        self.enqueue(Outgoing {
            subject: self.subjects.of_batches(transmit.to, transmit.class),
            reply: self
                .trusts_engine
                .then(|| self.subjects.of_refusals_by(transmit.to)),
            payload: transmit.batch.into(),
        });
    }

    fn broadcast(&mut self, heartbeat: Vec<u8>) {
        self.enqueue(Outgoing {
            subject: self.subjects.heartbeats.clone(),
            reply: None,
            payload: heartbeat.into(),
        });
    }
}

/// Hands messages to the library, in order.
async fn publish(
    client: Client,
    mut outgoing: mpsc::Receiver<Outgoing>,
    deliver: mpsc::Sender<Delivery>,
) {
    let mut is_stuck = false;
    while let Some(Outgoing {
        subject,
        reply,
        payload,
    }) = outgoing.recv().await
    {
        let published = async {
            match reply {
                Some(reply) => client.publish_with_reply(subject, reply, payload).await,
                None => client.publish(subject, payload).await,
            }
        };
        match timeout(PUBLISH_TIMEOUT, published).await {
            Ok(Ok(())) if is_stuck && client.connection_state() == State::Connected => {
                is_stuck = false;
            }
            Ok(Ok(())) => continue,
            Ok(Err(error)) => {
                tracing::warn!(%error, "a message to another node cannot be sent");
                continue;
            }
            // A server that has stopped without closing its connection. The library notices it by its own pings.
            Err(_) => is_stuck = true,
        }
        if deliver.send(Delivery::Connected(!is_stuck)).await.is_err() {
            break;
        }
    }
    // Fails only without a connection; nobody hears the last words then.
    let _ = client.flush().await;
}
