//! Splits one message into its fields in a single pass with `serde_json`, whatever types its values have.
//!
//! Clients send `null`, numbers beyond 2^63 and unknown words where another type is expected, and none of these may
//! make the message fail. So each field is stored as received raw JSON text, and validated by `request`.

use std::cell::Cell;
use std::fmt;

use serde::Deserialize as _;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::{InvalidId, Offer, OfferId, RequestBounds, Sdp};
use super::{binary_string, json};

/// The known fields of a message, most as raw JSON text. Of a repeated key the last one counts.
#[derive(Default)]
pub(super) struct MessageFields<'a> {
    pub(super) action: Option<&'a str>,
    pub(super) info_hash: Option<IdField<'a>>,
    pub(super) peer_id: Option<IdField<'a>>,
    pub(super) event: Option<&'a str>,
    pub(super) left: Option<&'a str>,
    pub(super) numwant: Option<&'a str>,
    pub(super) to_peer_id: Option<IdField<'a>>,
    pub(super) offer_id: Option<IdField<'a>>,
    /// The valid offers, at most `bounds.offers_max`.
    pub(super) offers: SmallVec<[Offer<'a>; 10]>,
    /// Number of invalid offers, which were dropped.
    pub(super) invalid_offers: u32,
    /// Number of valid offers beyond the bound.
    pub(super) surplus_offers: u32,
    pub(super) answer: SdpField<'a>,
    pub(super) subscribe: Option<&'a str>,
}

/// The value of an identifier field.
#[derive(Clone, Copy)]
pub(super) enum IdField<'a> {
    /// A decoded identifier.
    Decoded([u8; 20]),
    /// Any value, as raw JSON text.
    Raw(&'a str),
}

impl IdField<'_> {
    /// Returns the identifier.
    pub(super) fn bytes(self) -> Result<[u8; 20], InvalidId> {
        match self {
            Self::Decoded(bytes) => Ok(bytes),
            Self::Raw(value) => binary_string::bytes20(value),
        }
    }
}

/// The value of `offer` or `answer`.
#[derive(Default, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum SdpField<'a> {
    /// Missing, or falsy in JavaScript.
    #[default]
    Absent,
    /// Present, but not an object with a usable `sdp`.
    Unusable,
    /// Its `sdp`.
    Sdp(Sdp<'a>),
}

/// How the values of `offers`, `offer` and `answer` are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ParseMode {
    /// By their type. Numbers out of range and halves of surrogate pairs are errors. Costs a third of the other mode, so
    /// it is tried first: a client that always sends an unknown object is served at this cost.
    Fast,
    /// As raw text first, which can skip these errors: a second pass over each byte.
    Careful,
}

/// The bounds and the state of one pass over a message.
pub(super) struct ParseState<'b> {
    bounds: &'b RequestBounds,
    mode: ParseMode,
    /// Set when parsing stopped because the message is nested too deeply.
    pub(super) too_deep: Cell<bool>,
}

impl<'b> ParseState<'b> {
    pub(super) fn new(bounds: &'b RequestBounds, mode: ParseMode) -> Self {
        Self {
            bounds,
            mode,
            too_deep: Cell::new(false),
        }
    }

    /// Passes a value of any type to a visitor.
    fn deserialize_value<'a, D: Deserializer<'a>, V: Visitor<'a>>(
        &self,
        from: D,
        visitor: V,
    ) -> Result<V::Value, D::Error> {
        if self.mode == ParseMode::Fast {
            return from.deserialize_any(visitor);
        }
        let value = <&RawValue>::deserialize(from)?.get();
        match value.as_bytes() {
            [b'[' | b'{', ..] => serde_json::Deserializer::from_str(value)
                .deserialize_any(visitor)
                .map_err(D::Error::custom),
            [b'"', text @ ..] => visitor.visit_bool(text.len() > 1),
            [b't', ..] => visitor.visit_bool(true),
            [b'f' | b'n', ..] => visitor.visit_bool(false),
            _ => visitor.visit_f64(value.parse().unwrap_or_default()),
        }
    }

    /// Returns the raw text of a value nested in `level` arrays and objects.
    fn raw<'a, M: MapAccess<'a>>(&self, map: &mut M, level: usize) -> Result<&'a str, M::Error> {
        let value = map.next_value::<&RawValue>()?.get();
        self.check_depth(value, level)?;
        Ok(value)
    }

    fn check_depth<E: Error>(&self, value: &str, level: usize) -> Result<(), E> {
        if value.starts_with(['[', '{'])
            && level + json::nesting_depth(value) > self.bounds.json_depth_max
        {
            self.too_deep.set(true);
            return Err(E::custom("nested too deeply"));
        }
        Ok(())
    }
}

/// Declares the known keys of an object; every other one is `Other`.
///
/// A key is read as raw text first. Read as a string, half of a surrogate pair in an unknown key would make the whole
/// message fail. Read as bytes, control characters would pass that JSON forbids.
macro_rules! keys {
    ($(#[$doc:meta])* $name:ident { $($key:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        enum $name { $($key,)+ Other }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let key = <&RawValue>::deserialize(from)?.get();
                Ok(match () {
                    $(() if json::equals_ascii(key, $text) => Self::$key,)+
                    () => Self::Other,
                })
            }
        }
    };
}

/// Reads a whole message.
pub(super) struct MessageSeed<'w>(pub(super) &'w ParseState<'w>);

impl<'de> DeserializeSeed<'de> for MessageSeed<'_> {
    type Value = MessageFields<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<MessageFields<'de>, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MessageSeed<'_> {
    type Value = MessageFields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<MessageFields<'de>, M::Error> {
        let watch = self.0;
        let mut fields = MessageFields::default();
        while let Some(key) = map.next_key::<Key>()? {
            let mut raw = || watch.raw(&mut map, 1);
            match key {
                Key::Action => fields.action = Some(raw()?),
                Key::InfoHash => fields.info_hash = Some(IdField::Raw(raw()?)),
                Key::PeerId => fields.peer_id = Some(IdField::Raw(raw()?)),
                Key::Event => fields.event = Some(raw()?),
                Key::Left => fields.left = Some(raw()?),
                Key::Numwant => fields.numwant = Some(raw()?),
                Key::ToPeerId => fields.to_peer_id = Some(IdField::Raw(raw()?)),
                Key::OfferId => fields.offer_id = Some(IdField::Raw(raw()?)),
                Key::Subscribe => fields.subscribe = Some(raw()?),
                Key::Offers => {
                    (fields.offers, fields.invalid_offers, fields.surplus_offers) =
                        map.next_value_seed(OffersSeed(watch))?;
                }
                Key::Answer => {
                    fields.answer = map.next_value_seed(DescriptionSeed {
                        state: watch,
                        level: 1,
                    })?;
                }
                Key::Other => drop(raw()?),
            }
        }
        Ok(fields)
    }
}

keys! {
    /// The keys of a message.
    Key {
        Action = "action",
        InfoHash = "info_hash",
        PeerId = "peer_id",
        Event = "event",
        Left = "left",
        Numwant = "numwant",
        ToPeerId = "to_peer_id",
        OfferId = "offer_id",
        Offers = "offers",
        Answer = "answer",
        Subscribe = "subscribe",
    }
}

/// Defines the methods of a visitor for all types that it does not use. They all return the same value.
macro_rules! otherwise {
    ($value:expr; $($kind:ident),+) => { $(otherwise!(@ $kind $value);)+ };
    (@ bool $value:expr) => { fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> { Ok($value) } };
    (@ number $value:expr) => {
        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> { Ok($value) }
        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> { Ok($value) }
        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> { Ok($value) }
    };
    (@ text $value:expr) => { fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> { Ok($value) } };
    (@ null $value:expr) => { fn visit_unit<E: Error>(self) -> Result<Self::Value, E> { Ok($value) } };
    (@ array $value:expr) => {
        fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Self::Value, S::Error> {
            while let Some(item) = list.next_element::<&RawValue>()? {
                self.watch().check_depth(item.get(), self.level() + 1)?;
            }
            Ok($value)
        }
    };
    (@ object $value:expr) => {
        fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
            while map.next_key::<Key>()?.is_some() {
                self.watch().raw(&mut map, self.level() + 1)?;
            }
            Ok($value)
        }
    };
}

/// Reads `offers`: the valid ones, the number of invalid ones, and the number beyond the bound. Any other type than an
/// array means no offers.
struct OffersSeed<'w>(&'w ParseState<'w>);

impl<'w> OffersSeed<'w> {
    fn watch(&self) -> &'w ParseState<'w> {
        self.0
    }

    #[expect(clippy::unused_self, reason = "the macro asks every visitor")]
    fn level(&self) -> usize {
        1
    }
}

impl<'de> DeserializeSeed<'de> for OffersSeed<'_> {
    type Value = (SmallVec<[Offer<'de>; 10]>, u32, u32);

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        self.0.deserialize_value(from, self)
    }
}

impl<'de> Visitor<'de> for OffersSeed<'_> {
    type Value = (SmallVec<[Offer<'de>; 10]>, u32, u32);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("offers")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Self::Value, S::Error> {
        let (mut offers, mut bad, mut surplus) = (SmallVec::new(), 0, 0);
        while let Some(offer) = list.next_element_seed(OfferSeed(self.0))? {
            match offer {
                Some(offer) if offers.len() < self.0.bounds.offers_max => offers.push(offer),
                Some(_) => surplus += 1,
                None => bad += 1,
            }
        }
        Ok((offers, bad, surplus))
    }

    otherwise!(Default::default(); bool, number, text, null, object);
}

/// Reads one item of `offers`. `None` if it is invalid.
struct OfferSeed<'w>(&'w ParseState<'w>);

impl<'w> OfferSeed<'w> {
    fn watch(&self) -> &'w ParseState<'w> {
        self.0
    }

    #[expect(clippy::unused_self, reason = "the macro asks every visitor")]
    fn level(&self) -> usize {
        2
    }
}

impl<'de> DeserializeSeed<'de> for OfferSeed<'_> {
    type Value = Option<Offer<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        self.0.deserialize_value(from, self)
    }
}

impl<'de> Visitor<'de> for OfferSeed<'_> {
    type Value = Option<Offer<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an offer")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let watch = self.0;
        let (mut offer_id, mut body) = (None, SdpField::Absent);
        while let Some(key) = map.next_key::<ItemKey>()? {
            match key {
                ItemKey::Offer => {
                    body = map.next_value_seed(DescriptionSeed {
                        state: watch,
                        level: 3,
                    })?;
                }
                ItemKey::OfferId => offer_id = OfferId::from_json(watch.raw(&mut map, 3)?).ok(),
                ItemKey::Other => drop(watch.raw(&mut map, 3)?),
            }
        }
        let SdpField::Sdp(sdp) = body else {
            return Ok(None);
        };
        Ok(offer_id.map(|offer_id| Offer { offer_id, sdp }))
    }

    otherwise!(None; bool, number, text, null, array);
}

keys! {
    /// The keys of an item of `offers`.
    ItemKey {
        OfferId = "offer_id",
        Offer = "offer",
    }
}

/// Reads the value of `offer` or `answer`, of which only `sdp` is used.
struct DescriptionSeed<'w> {
    state: &'w ParseState<'w>,
    level: usize,
}

impl<'w> DescriptionSeed<'w> {
    fn watch(&self) -> &'w ParseState<'w> {
        self.state
    }

    fn level(&self) -> usize {
        self.level
    }
}

impl<'de> DeserializeSeed<'de> for DescriptionSeed<'_> {
    type Value = SdpField<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        self.state.deserialize_value(from, self)
    }
}

impl<'de> Visitor<'de> for DescriptionSeed<'_> {
    type Value = SdpField<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a session description")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut description = SdpField::Unusable;
        while let Some(key) = map.next_key::<BodyKey>()? {
            let value = self.state.raw(&mut map, self.level + 1)?;
            if matches!(key, BodyKey::Sdp) {
                let sdp = Sdp::check(value, self.state.bounds.sdp_bytes_max);
                description = sdp.map_or(SdpField::Unusable, SdpField::Sdp);
            }
        }
        Ok(description)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(if value {
            SdpField::Unusable
        } else {
            SdpField::Absent
        })
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        self.visit_bool(value != 0)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        self.visit_bool(value != 0)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        self.visit_bool(value != 0.0)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        self.visit_bool(!value.is_empty())
    }

    otherwise!(SdpField::Absent; null);
    otherwise!(SdpField::Unusable; array);
}

keys! {
    /// The keys of a session description.
    BodyKey {
        Sdp = "sdp",
    }
}
