//! Connects to the NATS servers of the settings.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use tokio::sync::{Mutex, mpsc};

use super::engine_log::EngineLog;
use super::user_key::UserKey;
use crate::cluster::Delivery;
use crate::config;

/// The library notices by these that a server has stopped without closing the connection.
const PING_EVERY: Duration = Duration::from_secs(1);
/// Time for one attempt to connect. The servers are near, and a lost packet must not delay the return for long.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// Messages that wait in the library. More wait in the outboxes of the cluster, where a newer count replaces an older one.
const LIBRARY_QUEUE_MAX: usize = 16;
/// Pause before the first attempt to connect again; it doubles with each further one.
const RETRY_AFTER_MIN: Duration = Duration::from_millis(50);
const DOUBLINGS_MAX: u32 = 4;
/// Longest pause between two attempts, so that a cluster heals within a second of the engine's return.
const RETRY_AFTER_MAX: Duration = Duration::from_millis(500);
/// Messages of one subscription that wait in the library. More are dropped and counted, which shows an overloaded node sooner
/// than minutes of delay.
const SUBSCRIPTION_MESSAGES_MAX: usize = 4096;

/// The settings of the cluster cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NatsError {
    /// A file that a setting names cannot be read.
    #[error("{} cannot be read ({reason}); give a file that this program can read as {setting}", path.display())]
    File {
        /// The setting.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the system.
        reason: io::Error,
    },
    /// `cluster.credentials_file` contains something else.
    #[error("{} is not a NATS credentials file ({reason}); give one that nsc has written as cluster.credentials_file", path.display())]
    Credentials {
        /// The file.
        path: PathBuf,
        /// What the library found.
        reason: io::Error,
    },
    /// `cluster.nkey` is something else.
    #[error("cluster.nkey is not the seed of a user ({0}); `swarmhub nkey FILE` makes one")]
    Nkey(String),
    /// The library refused the settings.
    #[error("NATS cannot be set up: {0}")]
    Setup(#[from] async_nats::ConnectError),
    /// A server in `cluster.nats` cannot be used.
    #[error("{url} cannot be used as cluster.nats: {reason}")]
    Address {
        /// The server.
        url: String,
        /// What the library found.
        reason: io::Error,
    },
}

/// Checks the settings and the files that they name. Contacts nothing.
///
/// # Errors
///
/// A file cannot be read or used.
pub(crate) fn check(settings: &config::Cluster) -> Result<(), NatsError> {
    if settings.is_enabled() {
        addresses(settings)?;
        options(settings)?;
    }
    Ok(())
}

fn addresses(settings: &config::Cluster) -> Result<Vec<ServerAddr>, NatsError> {
    let parse = |url: &String| {
        let address = url.parse::<ServerAddr>();
        address.map_err(|reason| NatsError::Address {
            url: url.clone(),
            reason,
        })
    };
    settings.nats.iter().map(parse).collect()
}

fn options(settings: &config::Cluster) -> Result<ConnectOptions, NatsError> {
    let mut options = ConnectOptions::new()
        .name("swarmhub")
        .retry_on_initial_connect()
        .max_reconnects(None)
        .ping_interval(PING_EVERY)
        .connection_timeout(CONNECT_TIMEOUT)
        .client_capacity(LIBRARY_QUEUE_MAX)
        // Servers that a server names would be used without TLS, and an impostor could name them.
        .ignore_discovered_servers()
        .require_tls(settings.nats.iter().any(|url| url.starts_with("tls:")))
        .subscription_capacity(SUBSCRIPTION_MESSAGES_MAX)
        .reconnect_delay_callback(|attempts| {
            let doublings = u32::try_from(attempts)
                .unwrap_or(u32::MAX)
                .min(DOUBLINGS_MAX);
            (RETRY_AFTER_MIN * 2_u32.pow(doublings)).min(RETRY_AFTER_MAX)
        });
    if let Some(path) = &settings.credentials_file {
        let text = read(path, "cluster.credentials_file")?;
        let credentials = options.credentials(&text);
        options = credentials.map_err(|reason| NatsError::Credentials {
            path: path.clone(),
            reason,
        })?;
    }
    if let Some(seed) = &settings.nkey {
        // The library would refuse it only while it connects.
        let key = UserKey::from_seed(seed.reveal()).map_err(NatsError::Nkey)?;
        options = options.nkey(key.seed());
    }
    if let Some(path) = &settings.authority {
        read(path, "cluster.authority")?;
        options = options
            .add_root_certificates(path.clone())
            .require_tls(true);
    }
    if let (Some(certificate), Some(key)) = (&settings.certificate, &settings.key) {
        read(certificate, "cluster.certificate")?;
        read(key, "cluster.key")?;
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    Ok(options)
}

fn read(path: &Path, setting: &'static str) -> Result<String, NatsError> {
    std::fs::read_to_string(path).map_err(|reason| NatsError::File {
        setting,
        path: path.to_owned(),
        reason,
    })
}

/// Creates a client that connects in the background, again and again. `deliver` learns when it is connected.
pub(super) async fn connect(
    settings: &config::Cluster,
    deliver: mpsc::Sender<Delivery>,
) -> Result<Client, NatsError> {
    let addresses = addresses(settings)?;
    let log = Arc::new(Mutex::new(EngineLog::default()));
    let options = options(settings)?.event_callback(move |event| {
        let (deliver, log) = (deliver.clone(), Arc::clone(&log));
        async move {
            log.lock().await.record(&event);
            let is_connected = match event {
                Event::Connected => true,
                Event::Disconnected | Event::Closed => false,
                _ => return,
            };
            // The receiver is gone when the server stops.
            let _ = deliver.send(Delivery::Connected(is_connected)).await;
        }
    });
    Ok(options.connect(addresses).await?)
}
