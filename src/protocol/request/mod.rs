//! Parses and validates the requests of clients; the layers below do not check again.

use indexmap::IndexSet;
use serde::de::DeserializeSeed;
use smallvec::SmallVec;

use super::serde_parser::{IdField, MessageFields, MessageSeed, ParseMode, ParseState, SdpField};
use super::{
    Failure, InfoHash, InvalidId, OfferId, PeerId, Refusal, RefusalSubject, Sdp, fast_parser, json,
};

/// The bounds on the content of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestBounds {
    /// `connection.sdp_bytes_max`: most bytes of JSON text of one SDP.
    pub sdp_bytes_max: usize,
    /// `connection.json_depth_max`: most arrays and objects nested in each other.
    pub json_depth_max: usize,
    /// `tracker.offers_per_announce_max`: further offers of an announce are dropped.
    pub offers_max: usize,
    /// `tracker.scrape_hashes_max`: further hashes of a scrape are dropped.
    pub scrape_hashes_max: usize,
}

/// A message from a client, borrowing the SDPs from its text.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives on the stack while one message is served; a box would be an allocation each"
)]
pub enum Request<'a> {
    /// Join, refresh or leave a swarm, and optionally offer connections to its members.
    Announce(Announce<'a>),
    /// Answer an offer.
    Answer(Answer<'a>),
    /// An unusable answer. Such messages are dropped: no client waits for a reply to an answer.
    InvalidAnswer,
    /// Ask for the counts of swarms.
    Scrape(Scrape),
    /// Ask for the counts of these swarms, and for each change of them. It replaces the connection's earlier subscription.
    Subscribe(Vec<InfoHash>),
}

/// An announce without an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announce<'a> {
    /// The swarm.
    pub info_hash: InfoHash,
    /// The id of the sender in the swarm.
    pub peer_id: PeerId,
    /// The reported event.
    pub event: Event,
    /// What the sender still has to download.
    pub left: Left,
    /// The offers to relay, already cut to `numwant` and [`RequestBounds::offers_max`].
    pub offers: SmallVec<[Offer<'a>; 10]>,
    /// Number of invalid offers, which were dropped.
    pub invalid_offers: u32,
    /// Number of valid offers beyond [`RequestBounds::offers_max`], which were dropped too.
    pub surplus_offers: u32,
}

/// One offer of an announce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer<'a> {
    /// The id that the answer repeats.
    pub offer_id: OfferId,
    /// What the receiver needs to connect.
    pub sdp: Sdp<'a>,
}

/// The event of an announce. Every other word is [`Event::Update`], as clients invent words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// `started`
    Started,
    /// `completed`
    Completed,
    /// `stopped`
    Stopped,
    /// `paused` (BEP 21): treated as an update.
    Paused,
    /// None, or any other word.
    Update,
}

/// What the sender of an announce still has to download.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// `left` is 0: it has everything.
    Nothing,
    /// `left` is another number.
    Something,
    /// `left` is missing, `null` (a magnet link in webtorrent) or not a number.
    Unknown,
}

/// An answer to an offer that this connection received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer<'a> {
    /// The swarm.
    pub info_hash: InfoHash,
    /// The member that made the offer.
    pub to_peer_id: PeerId,
    /// The answered offer.
    pub offer_id: OfferId,
    /// What the offering member needs to connect.
    pub sdp: Sdp<'a>,
}

/// A scrape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scrape {
    /// The counts of these swarms. May be empty: some browser clients use that as a keep-alive.
    Swarms(Vec<InfoHash>),
    /// The counts of all swarms.
    Everything,
}

/// Reads one message.
///
/// # Errors
///
/// [`Refusal`] contains why the message cannot be served, and the form of the failure message.
pub fn parse<'a>(text: &'a str, bounds: &RequestBounds) -> Result<Request<'a>, Refusal> {
    let mut fields = MessageFields::default();
    match fast_parser::parse_fields(text, bounds, &mut fields) {
        Some(()) => request(fields, bounds),
        None => parse_with_serde(text, bounds),
    }
}

/// Reads one message with `serde_json` alone, as [`parse`] does with unusual messages.
///
/// Both return the same result for every text; tests and the fuzzer call this to check it.
///
/// # Errors
///
/// As [`parse`].
#[doc(hidden)]
pub fn parse_with_serde<'a>(text: &'a str, bounds: &RequestBounds) -> Result<Request<'a>, Refusal> {
    let fields =
        split_fields(text, bounds).map_err(|failure| refusal(failure, RefusalSubject::Unknown))?;
    request(fields, bounds)
}

fn request<'a>(fields: MessageFields<'a>, bounds: &RequestBounds) -> Result<Request<'a>, Refusal> {
    match fields.action.and_then(json::decode_string).as_deref() {
        Some("announce") => match fields.answer {
            SdpField::Absent => announce(fields).map(Request::Announce),
            SdpField::Unusable => Ok(Request::InvalidAnswer),
            SdpField::Sdp(sdp) => {
                Ok(answer(&fields, sdp).map_or(Request::InvalidAnswer, Request::Answer))
            }
        },
        Some("scrape") => match scrape(fields.info_hash, bounds) {
            Ok(Scrape::Swarms(hashes)) if fields.subscribe == Some("true") => {
                Ok(Request::Subscribe(hashes))
            }
            Ok(scrape) => Ok(Request::Scrape(scrape)),
            Err(failure) => Err(refusal(failure, RefusalSubject::Scrape)),
        },
        _ => Err(refusal(Failure::UnknownAction, RefusalSubject::Unknown)),
    }
}

fn refusal(failure: Failure, about: RefusalSubject) -> Refusal {
    Refusal {
        failure,
        subject: about,
    }
}

fn split_fields<'a>(text: &'a str, bounds: &RequestBounds) -> Result<MessageFields<'a>, Failure> {
    let attempt = |watch: &ParseState<'_>| {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let fields = MessageSeed(watch).deserialize(&mut deserializer);
        fields.and_then(|fields| deserializer.end().map(|()| fields))
    };
    let watch = ParseState::new(bounds, ParseMode::Fast);
    if let Ok(fields) = attempt(&watch) {
        return Ok(fields);
    }
    if watch.too_deep.get() {
        return Err(Failure::NestedTooDeeply);
    }
    // Rare: invalid JSON, or a value of an unexpected type that only the careful mode can skip.
    let watch = ParseState::new(bounds, ParseMode::Careful);
    match attempt(&watch) {
        Ok(fields) => Ok(fields),
        Err(_) if watch.too_deep.get() => Err(Failure::NestedTooDeeply),
        Err(error) if error.is_data() && !text.trim_start().starts_with('{') => {
            Err(Failure::NotAnObject)
        }
        Err(_) => Err(Failure::NotJson),
    }
}

fn announce(fields: MessageFields<'_>) -> Result<Announce<'_>, Refusal> {
    let info_hash = fields
        .info_hash
        .ok_or(InvalidId::NotString)
        .and_then(IdField::bytes);
    let info_hash = info_hash
        .map(InfoHash::new)
        .map_err(|reason| refusal(Failure::InfoHash(reason), RefusalSubject::Unknown))?;
    let peer_id = fields
        .peer_id
        .ok_or(InvalidId::NotString)
        .and_then(IdField::bytes);
    let peer_id = peer_id
        .map(PeerId::new)
        .map_err(|reason| refusal(Failure::PeerId(reason), RefusalSubject::Announce(info_hash)))?;
    let mut offers = fields.offers;
    if let Some(wanted) = fields.numwant.and_then(|number| number.parse().ok()) {
        offers.truncate(wanted);
    }
    Ok(Announce {
        info_hash,
        peer_id,
        event: event(fields.event),
        left: left(fields.left),
        offers,
        invalid_offers: fields.invalid_offers,
        surplus_offers: fields.surplus_offers,
    })
}

fn event(value: Option<&str>) -> Event {
    let word = value.and_then(json::decode_string);
    word.as_deref().map_or(Event::Update, Event::from_name)
}

impl Event {
    /// Returns the event with this name.
    pub(super) fn from_name(word: &str) -> Self {
        match word {
            "started" => Self::Started,
            "completed" => Self::Completed,
            "stopped" => Self::Stopped,
            "paused" => Self::Paused,
            _ => Self::Update,
        }
    }
}

/// Accepts numbers and strings of decimal digits. The reference implementation also takes `null`, `[]` and `""` for 0;
/// this one does not.
fn left(value: Option<&str>) -> Left {
    let Some(value) = value else {
        return Left::Unknown;
    };
    let number = match json::decode_string(value) {
        Some(text) if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) => None,
        Some(text) => text.parse().ok(),
        None => value.parse().ok(),
    };
    match number {
        Some(0.0) => Left::Nothing,
        Some(_) => Left::Something,
        None => Left::Unknown,
    }
}

fn answer<'a>(fields: &MessageFields<'a>, sdp: Sdp<'a>) -> Option<Answer<'a>> {
    Some(Answer {
        info_hash: InfoHash::new(fields.info_hash?.bytes().ok()?),
        to_peer_id: PeerId::new(fields.to_peer_id?.bytes().ok()?),
        offer_id: OfferId::new(fields.offer_id?.bytes().ok()?),
        sdp,
    })
}

fn scrape(value: Option<IdField<'_>>, bounds: &RequestBounds) -> Result<Scrape, Failure> {
    let value = match value {
        None | Some(IdField::Raw("null")) => return Ok(Scrape::Everything),
        Some(IdField::Decoded(bytes)) => return Ok(Scrape::Swarms(vec![InfoHash::new(bytes)])),
        Some(IdField::Raw(value)) => value,
    };
    if !value.starts_with('[') {
        let info_hash = InfoHash::from_json(value).map_err(|_| Failure::ScrapeHashes)?;
        return Ok(Scrape::Swarms(vec![info_hash]));
    }
    let items: Vec<&serde_json::value::RawValue> =
        serde_json::from_str(value).map_err(|_| Failure::NotJson)?;
    let valid = items
        .iter()
        .filter_map(|item| InfoHash::from_json(item.get()).ok());
    // Each hash once: a repeated hash would repeat a key of the reply.
    let hashes: IndexSet<_> = valid.take(bounds.scrape_hashes_max).collect();
    if hashes.is_empty() && !items.is_empty() {
        return Err(Failure::ScrapeHashes);
    }
    Ok(Scrape::Swarms(hashes.into_iter().collect()))
}

#[cfg(test)]
mod tests;
