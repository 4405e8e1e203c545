//! Models of clients: what each kind does with what it receives. Each follows the source that its file names.

mod context;
mod hostile;
mod libtorrent;
mod media_loader;
mod reference_client;
mod trystero;
mod webtorrent;

use std::time::Duration;

use swarmhub::protocol::{Event, OfferId, PeerId};

use crate::meet::ids::{PeerConnectionId, RelayId};
use crate::meet::messages::{Offer, Relayed};

pub(crate) use context::Context;

/// A kind of client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ClientKind {
    Webtorrent,
    MediaLoader,
    Trystero,
    Libtorrent,
    /// Answers every offer and never connects.
    Liar,
    /// Makes offers and never answers.
    Mute,
}

impl ClientKind {
    /// The kinds that real users have.
    pub(crate) const HONEST: [Self; 4] = [
        Self::Webtorrent,
        Self::MediaLoader,
        Self::Trystero,
        Self::Libtorrent,
    ];

    /// Returns the name of the client.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Webtorrent => "webtorrent",
            Self::MediaLoader => "p2p-media-loader",
            Self::Trystero => "trystero",
            Self::Libtorrent => "libtorrent",
            Self::Liar => "liar",
            Self::Mute => "mute",
        }
    }

    /// Returns what its peer ids begin with.
    pub(crate) fn peer_id_prefix(self) -> &'static str {
        match self {
            // The hostile ones cannot be told from pages by their ids.
            Self::Webtorrent | Self::Liar | Self::Mute => "-WW0300-",
            Self::MediaLoader => "-PM0203-",
            Self::Trystero => "",
            Self::Libtorrent => "-LT2110-",
        }
    }

    /// Returns whether it never connects.
    pub(crate) fn is_hostile(self) -> bool {
        matches!(self, Self::Liar | Self::Mute)
    }

    /// Creates the model of one client.
    pub(crate) fn model(self) -> Box<dyn ClientModel> {
        match self {
            Self::Webtorrent => Box::<webtorrent::Webtorrent>::default(),
            Self::MediaLoader => Box::<media_loader::MediaLoader>::default(),
            Self::Trystero => Box::<trystero::Trystero>::default(),
            Self::Libtorrent => Box::<libtorrent::Libtorrent>::default(),
            Self::Liar => Box::new(hostile::Hostile::liar()),
            Self::Mute => Box::new(hostile::Hostile::mute()),
        }
    }
}

/// What one client does. The simulation calls it only while the page is awake.
pub(crate) trait ClientModel {
    /// Its socket is open, for the first time or again.
    fn opened(&mut self, context: &mut Context<'_>);

    /// Its socket is lost. Clients that model this open a new one later.
    fn socket_lost(&mut self, _context: &mut Context<'_>) {}

    /// All offers of an announce have their candidates.
    fn offers_ready(&mut self, event: Event, offers: Vec<Offer>, context: &mut Context<'_>);

    /// The reply to an announce.
    fn replied(&mut self, interval: Duration, context: &mut Context<'_>);

    /// An offer arrives.
    fn offered(&mut self, offer: &ReceivedOffer, context: &mut Context<'_>);

    /// An answer to one of its offers arrives.
    fn answered(&mut self, answer: &Relayed, context: &mut Context<'_>);

    /// A timer that it has set ends.
    fn timer(&mut self, timer: Timer, context: &mut Context<'_>);

    /// Its side of a connection is connected.
    fn connected(&mut self, _connection: PeerConnectionId, _context: &mut Context<'_>) {}

    /// A connection has failed, or the other side has closed it. Not called if it closes the connection itself.
    fn closed(&mut self, _connection: PeerConnectionId, _context: &mut Context<'_>) {}
}

/// An offer at its receiver.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReceivedOffer {
    pub(crate) from: PeerId,
    pub(crate) offer_id: OfferId,
    /// Its record.
    pub(crate) relay: RelayId,
    /// The description cannot be read.
    pub(crate) is_broken: bool,
}

/// The timers of the models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The next announce is due, if the [`AnnounceTimer`] has not been started again.
    Announce { start: u32 },
    /// An offer has not been answered.
    OfferExpires(OfferId),
    /// A peer can be tried again.
    PeerExpires(PeerId),
    /// It is time to open a new socket.
    Reconnect,
}

/// The repeated timer of announces. Starting it again ends the old one.
#[derive(Debug, Default)]
pub(crate) struct AnnounceTimer {
    starts: u32,
}

impl AnnounceTimer {
    /// Starts it.
    pub(crate) fn start(&mut self, delay: Duration, context: &mut Context<'_>) {
        self.stop();
        let start = self.starts;
        context.set_timer(delay, Timer::Announce { start });
    }

    /// Stops it.
    pub(crate) fn stop(&mut self) {
        self.starts += 1;
    }

    /// Returns whether it was started last with this number.
    pub(crate) fn is_current(&self, start: u32) -> bool {
        self.starts == start
    }
}
