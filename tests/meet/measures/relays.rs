//! What became of the relayed offers.

use std::collections::BTreeMap;

use serde::Serialize;

use super::numbers::share;
use crate::meet::ids::ClientId;
use crate::meet::relay::{Fate, FateKind};
use crate::meet::world::World;

/// What became of the relayed offers of clients that are not hostile, as shares of all.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Relays {
    pub(crate) count: usize,
    pub(crate) by_fate: BTreeMap<String, f64>,
    pub(crate) met: f64,
    pub(crate) known: f64,
    pub(crate) unanswered: f64,
    pub(crate) ice_failed: f64,
    pub(crate) crossed: f64,
}

impl Relays {
    pub(super) fn of(world: &World) -> Self {
        let mut by_fate: BTreeMap<Fate, usize> = BTreeMap::new();
        let mut by_kind: BTreeMap<FateKind, usize> = BTreeMap::new();
        let mut count = 0;
        let is_honest = |id: ClientId| !world.clients[id.0].spec.kind.is_hostile();
        for relay in world.relays.iter().filter(|relay| is_honest(relay.from)) {
            count += 1;
            *by_fate.entry(relay.fate).or_default() += 1;
            *by_kind.entry(relay.fate.kind()).or_default() += 1;
        }
        let of = |kind| share(by_kind.get(&kind).copied().unwrap_or_default(), count);
        let by_fate = by_fate.into_iter();
        Self {
            count,
            by_fate: by_fate
                .map(|(fate, part)| (format!("{fate:?}"), share(part, count)))
                .collect(),
            met: of(FateKind::Met),
            known: of(FateKind::Known),
            unanswered: of(FateKind::Unanswered),
            ice_failed: of(FateKind::IceFailed),
            crossed: of(FateKind::Crossed),
        }
    }
}
