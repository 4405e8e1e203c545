//! Series that belong together: in `/metrics` they stand under one name, told apart by a label.
//!
//! The values of a label are written down beside each series, so no stranger can add one.

use super::series::Kind;

/// One name in `/metrics` for several series.
#[derive(Debug, PartialEq, Eq)]
pub struct Family {
    /// Its name, `connections_closed`.
    pub name: &'static str,
    /// The label that tells its series apart.
    pub label: &'static str,
    /// Whether its series count or measure.
    pub kind: Kind,
    /// One sentence for people.
    pub doc: &'static str,
}

/// Where a series stands in a family. Several may share one value of the label; they are added up then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The family.
    pub family: &'static Family,
    /// What the label says.
    pub value: &'static str,
}

macro_rules! families {
    ($($(#[doc = $doc:literal])+ $constant:ident: $kind:ident $name:ident by $label:ident,)+) => {
        $($(#[doc = $doc])+ pub(super) const $constant: &Family = &Family {
            name: stringify!($name),
            label: stringify!($label),
            kind: Kind::$kind,
            doc: concat!($($doc),+),
        };)+

        /// All of them.
        pub(super) const FAMILIES: &[&Family] = &[$($constant),+];
    };
}

families! {
    /// WebSocket connections open, by the address they come from.
    CONNECTIONS_BY_FAMILY: Gauge connections_by_family by family,
    /// WebSocket connections closed, by why.
    CONNECTIONS_CLOSED: Counter connections_closed by reason,
    /// Connections and WebSockets refused, by why.
    CONNECTIONS_REFUSED: Counter connections_refused by reason,
    /// TLS handshakes that failed, by why.
    TLS_HANDSHAKES_FAILED: Counter tls_handshakes_failed by reason,
    /// Announces served, answers not included, by event.
    ANNOUNCES: Counter announces by event,
    /// Offers dropped, by why; those whose receiver's output was full had counted as relayed before.
    OFFERS_DROPPED: Counter offers_dropped by reason,
    /// Answers received, by what became of them.
    ANSWERS: Counter answers by fate,
    /// Messages, and requests over HTTP, answered with a failure, by what was wrong.
    FAILURES: Counter failures by kind,
    /// How often each limit was met, whatever was done then, by the name of its setting.
    LIMIT_HITS: Counter limit_hits by limit,
}
