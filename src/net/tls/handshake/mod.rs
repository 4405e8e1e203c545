//! Performs the TLS handshake with its timeout, and classifies failures.
//!
//! Handles no certificates; the resolver in the TLS configuration selects them. Workers call it.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::rustls::Error;

use super::TlsAcceptor;
use super::cert_resolver::ACME_PROTOCOL;
use super::stream::TlsStream;
use crate::metrics::{Counter, Counters};

/// The reason of a failed handshake, by the party at fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HandshakeFailure {
    /// It did not complete within `tls.handshake_timeout`.
    TimedOut,
    /// The client closed the connection.
    Disconnected,
    /// The client sent an alert, usually about the certificate.
    Refused,
    /// The client supports no version, cipher or protocol of this server.
    Incompatible,
    /// The bytes are not TLS, or violate the protocol.
    Malformed,
}

impl HandshakeFailure {
    fn of(error: &io::Error) -> Self {
        let inner = error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Error>());
        match inner {
            None => Self::Disconnected,
            Some(Error::AlertReceived(_)) => Self::Refused,
            Some(Error::PeerIncompatible(_) | Error::NoApplicationProtocol) => Self::Incompatible,
            Some(_) => Self::Malformed,
        }
    }

    fn counter(self, counters: &Counters) -> &Counter {
        match self {
            Self::TimedOut => &counters.tls_handshakes_timed_out,
            Self::Disconnected => &counters.tls_handshakes_cut,
            Self::Refused => &counters.tls_handshakes_refused,
            Self::Incompatible => &counters.tls_handshakes_incompatible,
            Self::Malformed => &counters.tls_handshakes_malformed,
        }
    }
}

/// Charges a handshake to the client's address.
pub(crate) trait HandshakeCost {
    /// Called when a signature was made: the client may have replayed a ClientHello at no cost.
    fn charge(&mut self);
    /// Called when the client has also done its half of the key exchange.
    fn refund(&mut self);
}

impl TlsAcceptor {
    /// Performs the handshake of a new connection. Returns `None` if it fails, which is counted, or if it was an ACME
    /// validation. The cost stays charged if the future is dropped.
    ///
    /// The stream is boxed, so that moving the connection between tasks moves a pointer.
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
        let handshake = poll_fn(|cx| {
            let progress = stream.poll_handshake(cx);
            if !is_charged && stream.has_signed() {
                is_charged = true;
                cost.charge();
            }
            progress
        });
        let failed = match timeout(self.handshake_timeout, handshake).await {
            Ok(Ok(())) => {
                cost.refund();
                return finish(stream, counters).await;
            }
            Ok(Err(error)) => HandshakeFailure::of(&error),
            Err(_) => HandshakeFailure::TimedOut,
        };
        // A page can make its visitor's browser refuse a certificate repeatedly, which must not block the visitor.
        if stream.is_refused_with_keys() {
            cost.refund();
        }
        failed.counter(counters).add(1);
        tracing::debug!(reason = ?failed, "TLS handshake failed");
        None
    }
}

/// Counts a completed handshake, and closes the connection if it was an ACME validation.
async fn finish<S>(mut stream: Box<TlsStream<S>>, counters: &Counters) -> Option<Box<TlsStream<S>>>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if stream.protocol() == Some(ACME_PROTOCOL) {
        tracing::info!("ACME validation answered");
        // The validation needs nothing else.
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
mod tests;
