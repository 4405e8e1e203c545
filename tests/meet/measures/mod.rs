//! Figures of what happened in a simulation: how fast clients met, and at whose expense.

mod graph;
pub(crate) mod load;
pub(crate) mod numbers;
mod reach;
mod relays;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::meet::client::Client;
use crate::meet::scenarios::Figure;
use crate::meet::world::World;

use numbers::number;
use reach::SeederReach;

pub(crate) use graph::Graph;
pub(crate) use load::Load;
pub(crate) use numbers::{Spread, median};
pub(crate) use relays::Relays;

/// Clients that stayed for less are not asked whether they met anybody.
const STAYED: Duration = Duration::from_secs(30);
/// Numbers of links for which times are measured.
const LINKS_MAX: usize = 5;
const MINUTE: Duration = Duration::from_mins(1);

/// The figures of one run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Measures {
    /// Those that do not sleep; only those with a group, if any client has one.
    pub(crate) all: Meetings,
    pub(crate) groups: BTreeMap<String, Meetings>,
    pub(crate) relays: Relays,
    pub(crate) load: Load,
    /// Announces of one client in a minute.
    pub(crate) announces_per_minute: f64,
    /// Offers that clients made for one link: each is a peer connection.
    pub(crate) offers_per_link: f64,
    pub(crate) graph: Graph,
    pub(crate) seeder: Option<SeederReach>,
    pub(crate) same_address: Option<Spread>,
    /// Requests that the tracker refused.
    pub(crate) failures: u32,
}

/// How fast the clients of a group met others.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Meetings {
    /// Times from joining to the first link, the second, and so on.
    pub(crate) links: Vec<Spread>,
    /// Share of their time that they had no link.
    pub(crate) alone: f64,
}

/// The value of a [`Figure`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Value {
    Times(Spread),
    Share(f64),
}

impl Measures {
    /// Measures a finished simulation.
    pub(crate) fn of(world: &mut World) -> Self {
        let now = world.now;
        for client in &mut world.clients {
            if client.record.joined_at.is_some() && client.record.left_at.is_none() {
                client.count_alone(now);
            }
        }
        let clients = world.clients.iter();
        let is_counted =
            |client: &&Client| client.record.joined_at.is_some() && !client.spec.kind.is_hostile();
        let honest: Vec<&Client> = clients.filter(is_counted).collect();
        let awake: Vec<&Client> = honest
            .iter()
            .copied()
            .filter(|client| client.spec.sleeps_after.is_none())
            .collect();
        let measured = measured(&awake);
        let announces: u32 = awake.iter().map(|client| client.record.announces).sum();
        let minutes: f64 = awake.iter().map(|client| minutes(client, now)).sum();
        let offers: u32 = honest.iter().map(|client| client.record.offers_made).sum();
        Self {
            groups: groups(&measured, now),
            all: Meetings::of(&measured, now),
            relays: Relays::of(world),
            load: Load::of(&awake, now),
            announces_per_minute: f64::from(announces) / minutes,
            offers_per_link: f64::from(offers) / number(world.meetings.len()),
            graph: Graph::of(&awake),
            seeder: SeederReach::of(world),
            same_address: reach::same_address(world),
            failures: world.failures,
        }
    }

    /// Returns a figure. `None` if the scenario does not have it.
    pub(crate) fn figure(&self, figure: Figure) -> Option<Value> {
        let group = |name: Option<&str>| name.map_or(Some(&self.all), |name| self.groups.get(name));
        Some(match figure {
            Figure::Links(count, name) => {
                Value::Times(*group(name)?.links.get(count.checked_sub(1)?)?)
            }
            Figure::SeederItself => Value::Times(self.seeder.as_ref()?.itself),
            Figure::SeederPath => Value::Times(self.seeder.as_ref()?.path),
            Figure::SameAddress => Value::Times(self.same_address?),
            Figure::Alone(name) => Value::Share(group(name)?.alone),
            Figure::Pairs => Value::Share(self.graph.pairs),
        })
    }
}

impl Meetings {
    fn of(clients: &[&Client], now: Duration) -> Self {
        let stayed = clients.iter().filter(|client| client.stayed(now) >= STAYED);
        let stayed: Vec<_> = stayed.collect();
        let times = |links: usize| stayed.iter().map(move |client| client.time_to_links(links));
        let alone: Duration = stayed.iter().map(|client| client.record.alone).sum();
        let present: Duration = stayed.iter().map(|client| client.stayed(now)).sum();
        Self {
            links: (1..=LINKS_MAX)
                .map(|links| Spread::of(times(links)))
                .collect(),
            alone: alone.div_duration_f64(present),
        }
    }
}

/// Returns the clients with a group, or all if none has one.
fn measured<'w>(awake: &[&'w Client]) -> Vec<&'w Client> {
    let grouped = awake.iter().filter(|client| client.spec.group.is_some());
    let grouped: Vec<&Client> = grouped.copied().collect();
    if grouped.is_empty() {
        awake.to_vec()
    } else {
        grouped
    }
}

fn groups(measured: &[&Client], now: Duration) -> BTreeMap<String, Meetings> {
    let mut groups: BTreeMap<&str, Vec<&Client>> = BTreeMap::new();
    for client in measured {
        if let Some(group) = &client.spec.group {
            groups.entry(group).or_default().push(client);
        }
    }
    let groups = groups.into_iter();
    groups
        .map(|(name, clients)| (name.to_owned(), Meetings::of(&clients, now)))
        .collect()
}

fn minutes(client: &Client, now: Duration) -> f64 {
    client.stayed(now).div_duration_f64(MINUTE)
}
