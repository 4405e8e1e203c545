//! The graph of links at the end of a run.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use swarmhub::protocol::InfoHash;

use super::numbers::{gini, mean, number, share};
use crate::meet::client::Client;
use crate::meet::ids::ClientId;

/// Links between those that are awake at the end.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Graph {
    pub(crate) clients: usize,
    /// Parts without links between each other, in all swarms.
    pub(crate) components: usize,
    pub(crate) swarms: usize,
    /// Links of a client.
    pub(crate) mean_links: f64,
    pub(crate) links_gini: f64,
    /// Share of clients without a link.
    pub(crate) unlinked: f64,
    /// Share of all pairs of a swarm that have a link.
    pub(crate) pairs: f64,
}

impl Graph {
    /// Measures the links among those of these clients that have not left.
    pub(super) fn of(clients: &[&Client]) -> Self {
        let present = clients
            .iter()
            .filter(|client| client.record.left_at.is_none());
        let links: BTreeMap<ClientId, Vec<ClientId>> = {
            let present: BTreeMap<ClientId, &Client> =
                present.clone().map(|client| (client.id, *client)).collect();
            let links_of = |client: &Client| {
                let others = client.links.keys().copied();
                others.filter(|other| present.contains_key(other)).collect()
            };
            present
                .iter()
                .map(|(id, client)| (*id, links_of(client)))
                .collect()
        };
        let mut sizes: BTreeMap<InfoHash, usize> = BTreeMap::new();
        for client in present {
            *sizes.entry(client.spec.swarm).or_default() += 1;
        }
        let degrees: Vec<f64> = links.values().map(|others| number(others.len())).collect();
        let others: usize = sizes.values().map(|size| size * (size - 1)).sum();
        let unlinked = links.values().filter(|others| others.is_empty()).count();
        Self {
            clients: links.len(),
            components: components(&links),
            swarms: sizes.len(),
            mean_links: mean(&degrees),
            unlinked: share(unlinked, links.len()),
            pairs: degrees.iter().sum::<f64>() / number(others),
            links_gini: gini(degrees),
        }
    }
}

fn components(links: &BTreeMap<ClientId, Vec<ClientId>>) -> usize {
    let mut seen = BTreeSet::new();
    let mut count = 0;
    for start in links.keys() {
        if !seen.contains(start) {
            count += 1;
            spread(*start, links, &mut seen);
        }
    }
    count
}

/// Adds everybody that is connected to `start` by a path.
pub(super) fn spread(
    start: ClientId,
    links: &BTreeMap<ClientId, Vec<ClientId>>,
    seen: &mut BTreeSet<ClientId>,
) {
    let mut waiting = vec![start];
    while let Some(client) = waiting.pop() {
        if seen.insert(client) {
            waiting.extend(links.get(&client).into_iter().flatten());
        }
    }
}
