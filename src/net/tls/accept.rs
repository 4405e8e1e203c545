//! The handshake: within its time, and with what it counts as when it fails.
//!
//! Knows no certificate; the configuration it was made with chooses them. Workers call it.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::rustls::Error;

use super::Tls;
use super::shelf::ACME_PROTOCOL;
use super::stream::TlsStream;
use crate::insight::{Counter, Counters};

/// Why a handshake failed, by whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    /// It was not done within `tls.handshake_timeout`.
    TimedOut,
    /// The client had gone.
    Cut,
    /// The client did not like what it saw, mostly the certificate.
    Refused,
    /// The client knows no version, cipher or protocol that is served here.
    Incompatible,
    /// It was no TLS, or against its rules.
    Malformed,
}

impl Failure {
    fn of(error: &io::Error) -> Self {
        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Error>());
        match inner {
            None => Self::Cut,
            Some(Error::AlertReceived(_)) => Self::Refused,
            Some(Error::PeerIncompatible(_) | Error::NoApplicationProtocol) => Self::Incompatible,
            Some(_) => Self::Malformed,
        }
    }

    fn counter(self, counters: &Counters) -> &Counter {
        match self {
            Self::TimedOut => &counters.tls_handshakes_timed_out,
            Self::Cut => &counters.tls_handshakes_cut,
            Self::Refused => &counters.tls_handshakes_refused,
            Self::Incompatible => &counters.tls_handshakes_incompatible,
            Self::Malformed => &counters.tls_handshakes_malformed,
        }
    }
}

/// What a handshake costs whom it is done for.
pub(crate) trait HandshakeCost {
    /// Called when a signature was made: the client may have sent a recorded hello, which takes nothing.
    fn charge(&mut self);
    /// Called when the client has done its half of the key exchange as well.
    fn give_back(&mut self);
}

impl Tls {
    /// Does the handshake of a fresh connection. Nothing if it fails, which is counted, or if it was only to prove a
    /// name to an ACME directory. What it has cost stays charged if this is dropped.
    ///
    /// Boxed, so that moving the connection from task to task moves a pointer.
    pub(crate) async fn accept<S>(
        &self,
        stream: S,
        counters: &Counters,
        mut cost: impl HandshakeCost,
    ) -> Option<Box<TlsStream<S>>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let mut stream = Box::new(TlsStream::new(stream, Arc::clone(&self.config)).ok()?);
        let mut is_charged = false;
        let shaking = poll_fn(|cx| {
            let shaken = stream.poll_handshake(cx);
            if !is_charged && stream.has_signed() {
                is_charged = true;
                cost.charge();
            }
            shaken
        });
        let failed = match timeout(self.handshake_timeout, shaking).await {
            Ok(Ok(())) => {
                cost.give_back();
                return taken(stream, counters).await;
            }
            Ok(Err(error)) => Failure::of(&error),
            Err(_) => Failure::TimedOut,
        };
        // A page can have its visitor's browser refuse a certificate without end, which must not keep the visitor out.
        if stream.is_refused_with_keys() {
            cost.give_back();
        }
        failed.counter(counters).add(1);
        tracing::debug!(reason = ?failed, "TLS handshake failed");
        None
    }
}

/// Counts a handshake that is done, and ends it if that was all that was wanted.
async fn taken<S>(mut stream: Box<TlsStream<S>>, counters: &Counters) -> Option<Box<TlsStream<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if stream.protocol() == Some(ACME_PROTOCOL) {
        tracing::info!("name shown to an ACME directory");
        // What was to be seen has been seen.
        let _ = stream.shutdown().await;
        return None;
    }
    counters.tls_handshakes.add(1);
    if stream.is_resumed() {
        counters.tls_handshakes_resumed.add(1);
    }
    Some(stream)
}

#[cfg(test)]
#[path = "tests/accept.rs"]
mod tests;
