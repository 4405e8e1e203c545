//! What becomes of the offers that the tracker relays.

/// What became of an offer at its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fate {
    /// The simulation ended first, or the receiver left.
    Unfinished,
    /// Answered, but not connected yet.
    Answered,
    /// Two clients are connected that were not before.
    Met,
    /// The two were connected already.
    KnownConnected,
    /// Another attempt of the two was still running.
    KnownAttempt,
    /// The receiver had received the same offer shortly before.
    Repeated,
    /// A second connection of the two was closed again.
    DoubleConnection,
    /// The receiver's page was frozen.
    Asleep,
    /// The receiver takes no further peers.
    Paused,
    /// The receiver never answers.
    NeverAnswers,
    /// Of two trystero pages only one may offer, and this was the other one.
    WrongDirection,
    /// The receiver takes only so many offers.
    OverQuota,
    /// The description was unusable.
    BrokenOffer,
    /// The offering client had given up the offer before the answer came.
    OfferExpired,
    /// The socket of the receiver was lost, and the tracker did not know yet.
    SocketLost,
    /// ICE found no path.
    IceFailed,
    /// One side closed its connection while ICE was running.
    ClosedDuringIce,
    /// Both had sent each other an offer; each answer found the other attempt running.
    Crossed,
}

/// The kinds of fates that a report shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FateKind {
    Met,
    Known,
    Unanswered,
    IceFailed,
    Crossed,
    Other,
}

impl Fate {
    /// Returns the kind of the fate.
    pub(crate) fn kind(self) -> FateKind {
        match self {
            Self::Met => FateKind::Met,
            Self::KnownConnected | Self::KnownAttempt | Self::Repeated | Self::DoubleConnection => {
                FateKind::Known
            }
            Self::Asleep
            | Self::Paused
            | Self::NeverAnswers
            | Self::WrongDirection
            | Self::OverQuota
            | Self::BrokenOffer
            | Self::OfferExpired
            | Self::SocketLost => FateKind::Unanswered,
            Self::IceFailed => FateKind::IceFailed,
            Self::Crossed => FateKind::Crossed,
            Self::Unfinished | Self::Answered | Self::ClosedDuringIce => FateKind::Other,
        }
    }

    /// Returns whether something else may still become of the offer.
    pub(crate) fn is_open(self) -> bool {
        matches!(self, Self::Unfinished | Self::Answered)
    }
}
