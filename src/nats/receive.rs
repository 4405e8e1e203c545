//! Receives what the engine brings, and hands it to the cluster.

use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, Message, StatusCode, Subscriber};
use futures::StreamExt;
use futures::stream::select_all;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::subjects::Subjects;
use crate::cluster::Delivery;

/// Pause after a subscription that the library did not take.
const RETRY_AFTER: Duration = Duration::from_millis(500);

/// Subscribes, and hands over all messages until the receiver is gone. While it does not take them, they wait in the library,
/// up to its own bound.
pub(super) async fn receive(
    client: Client,
    (subjects, own): (Arc<Subjects>, Vec<String>),
    deliver: mpsc::Sender<Delivery>,
) {
    loop {
        match subscribe(&client, &own).await {
            Ok(subscribers) => {
                let mut messages = select_all(subscribers);
                while let Some(message) = messages.next().await {
                    let Some(delivery) = delivery(&subjects, message) else {
                        continue;
                    };
                    if deliver.send(delivery).await.is_err() {
                        return;
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "no subscription to what other nodes send"),
        }
        if deliver.is_closed() {
            return;
        }
        sleep(RETRY_AFTER).await;
    }
}

async fn subscribe(
    client: &Client,
    own: &[String],
) -> Result<Vec<Subscriber>, async_nats::SubscribeError> {
    let mut subscribers = Vec::new();
    for subject in own {
        subscribers.push(client.subscribe(subject.clone()).await?);
    }
    Ok(subscribers)
}

fn delivery(subjects: &Subjects, message: Message) -> Option<Delivery> {
    if message.status == Some(StatusCode::NO_RESPONDERS) {
        return Subjects::target(&message.subject).map(Delivery::Unreachable);
    }
    let payload = Vec::from(message.payload);
    Some(if message.subject.as_str() == subjects.heartbeats {
        Delivery::HeartbeatMessage(payload)
    } else {
        Delivery::Batch(payload)
    })
}
