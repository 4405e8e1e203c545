//! Tests connections over the limits of their address, their origin and the process.

mod admission;
mod announces;
mod bans;
mod memory;

use tokio::io::AsyncWriteExt;

use super::*;
use crate::hub::Priority;
use crate::limits::{ConnectionMemory, Limited, PressureLevel, RateKey};
use crate::node::AcceptDecision;
use crate::protocol::ConnectionId;

fn page_of(origin: &str) -> ClientInfo {
    ClientInfo {
        origin: Some(origin.into()),
        ..ClientInfo::default()
    }
}

async fn sleep_seconds(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Sends malformed messages until the connection is closed.
async fn send_malformed_until_closed(worker: &TestWorker, client_info: &ClientInfo) -> Ended {
    let mut client = worker.connect_as(client_info).await;
    while client.socket.send(Message::text("{")).await.is_ok() {}
    client.task.await.expect("no panic")
}
