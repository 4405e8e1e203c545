//! Declares the metric families: related series that share one name in `/metrics` and differ in a label.
//!
//! Label values are written in the declaration of each series, so clients cannot add any.

use super::series::SeriesKind;

/// One metric name in `/metrics` that several series share.
#[derive(Debug, PartialEq, Eq)]
pub struct MetricFamily {
    /// The name, for example `connections_closed`.
    pub name: &'static str,
    /// The name of the label that its series differ in.
    pub label: &'static str,
    /// Whether its series are counters or gauges.
    pub kind: SeriesKind,
    /// The help text: one sentence.
    pub doc: &'static str,
}

/// The family and label value of a series. Series that share a label value are added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FamilyLabel {
    /// The family.
    pub family: &'static MetricFamily,
    /// The label value.
    pub value: &'static str,
}

macro_rules! families {
    ($($(#[doc = $doc:literal])+ $constant:ident: $kind:ident $name:ident by $label:ident,)+) => {
        $($(#[doc = $doc])+ pub(super) const $constant: &MetricFamily = &MetricFamily {
            name: stringify!($name),
            label: stringify!($label),
            kind: SeriesKind::$kind,
            doc: concat!($($doc),+),
        };)+

        /// All families.
        pub(super) const FAMILIES: &[&MetricFamily] = &[$($constant),+];
    };
}

families! {
    /// Open WebSocket connections by address family.
    CONNECTIONS_BY_FAMILY: Gauge connections_by_family by family,
    /// WebSocket connections closed, by reason.
    CONNECTIONS_CLOSED: Counter connections_closed by reason,
    /// Connections and WebSockets refused, by reason.
    CONNECTIONS_REFUSED: Counter connections_refused by reason,
    /// TLS handshakes that failed, by reason.
    TLS_HANDSHAKES_FAILED: Counter tls_handshakes_failed by reason,
    /// Announces served by event, without answers.
    ANNOUNCES: Counter announces by event,
    /// Offers dropped, by reason; those with a full receiver output are counted as relayed as well.
    OFFERS_DROPPED: Counter offers_dropped by reason,
    /// Answers received, by result.
    ANSWERS: Counter answers by fate,
    /// Messages and HTTP requests answered with a failure, by kind of failure.
    FAILURES: Counter failures by kind,
    /// Datagrams to the STUN server dropped, by reason.
    STUN_DROPPED: Counter stun_dropped by reason,
    /// TURN requests refused, by reason.
    TURN_REFUSED: Counter turn_refused by reason,
    /// Packets to be relayed dropped, by reason.
    TURN_DROPPED: Counter turn_dropped by reason,
    /// Limit hits by setting, whatever the server did then.
    LIMIT_HITS: Counter limit_hits by limit,
}
