//! Announces over HTTP: the rules for them in their plainest form, and whether the tracker keeps them.

use std::collections::BTreeSet;
use std::num::{NonZeroU16, NonZeroU64};
use std::time::Duration;

use percent_encoding::percent_encode_byte;
use swarmhub::protocol::http::{Announce, Endpoint, Failure, Peers, read_announce};
use swarmhub::protocol::{Counts, Event, InfoHash, Left, PeerId};
use swarmhub::swarm::{Owner, Role, Swarm};
use swarmhub::tracker::HttpRoom;

use super::naive::Naive;
use super::world::{World, ensure, ensure_eq};

/// Where announces come from. Three share an address, and with it a bound.
const ADDRESSES: [(&str, u16); 8] = [
    ("192.0.2.1", 1),
    ("192.0.2.1", 2),
    ("192.0.2.1", 65_535),
    ("192.0.2.2", 1),
    ("::ffff:192.0.2.3", 1),
    ("2001:db8::1", 1),
    ("2001:db8::1", 2),
    ("2001:db8::2", 1),
];
/// Memberships that one address may have.
const OWNED_MAX: u32 = 4;

/// One who announces over HTTP, as the model knows it.
pub(super) struct HttpMember {
    pub(super) at: Endpoint,
    pub(super) seeds: bool,
    pub(super) heard: Duration,
    peer_id: PeerId,
    completed: bool,
}

/// What is said in an announce, as it stands in the query.
pub(super) struct Words<'w> {
    pub(super) event: Option<&'w str>,
    pub(super) left: Option<&'w str>,
    pub(super) wanted: usize,
}

fn endpoint(number: u8) -> Endpoint {
    let (address, port) = ADDRESSES[usize::from(number) % ADDRESSES.len()];
    let port = NonZeroU16::new(port).expect("a port");
    Endpoint::new(address.parse().expect("an address"), port)
}

fn owner(at: &Endpoint) -> Owner {
    let bytes = at.address().to_string();
    let sum = bytes
        .bytes()
        .fold(7_u64, |sum, byte| sum * 31 + u64::from(byte));
    NonZeroU64::new(sum)
}

/// The query of an announce; every byte of the ids is escaped.
fn query(info_hash: InfoHash, peer_id: PeerId, port: u16, words: &Words<'_>) -> String {
    let escaped = |bytes: &[u8; 20]| -> String {
        bytes
            .iter()
            .map(|&byte| percent_encode_byte(byte))
            .collect()
    };
    let (hash, id) = (escaped(info_hash.as_bytes()), escaped(peer_id.as_bytes()));
    let [event, left] = [("event", words.event), ("left", words.left)].map(|(name, word)| {
        let word = word.map(|word| word.trim_matches('"'));
        word.map_or_else(String::new, |word| format!("&{name}={word}"))
    });
    let wanted = words.wanted;
    format!("info_hash={hash}&peer_id={id}&port={port}&numwant={wanted}{event}{left}")
}

impl World {
    pub(super) fn announce_http(
        &mut self,
        from: u8,
        info_hash: InfoHash,
        peer_id: PeerId,
        words: &Words<'_>,
    ) -> Result<(), String> {
        let at = endpoint(from);
        let query = query(info_hash, peer_id, at.port(), words);
        let announce =
            read_announce(query.as_bytes()).map_err(|why| format!("{why:?}: {query}"))?;
        let (now, owned) = (self.naive.now, &mut self.owned);
        let room = || {
            let whose = owner(&at);
            let count = owned.entry(whose).or_insert(0);
            if *count >= OWNED_MAX {
                return Err(Failure::AddressPeers);
            }
            *count += 1;
            Ok(HttpRoom {
                owner: whose,
                share: None,
            })
        };
        let outcome = self
            .tracker
            .announce_http(&at, &announce, (now, &mut self.rng), room);
        if let Some(owner) = outcome.released {
            self.release(owner);
        }
        let expected = self.naive.announce_http(at, &announce);
        match (outcome.told, expected) {
            (Err(failure), Err(expected)) => ensure_eq("failure", &failure, &expected),
            (Ok(told), Ok(counts)) => {
                ensure_eq("counts over HTTP", &told.counts, &counts)?;
                let wanted = match announce.event {
                    Event::Stopped => 0,
                    _ => announce.wanted,
                };
                self.naive.check_peers(info_hash, at, wanted, &told.peers)
            }
            (told, expected) => Err(format!("told {told:?}, expected {expected:?}")),
        }
    }

    pub(super) fn release(&mut self, owner: Owner) {
        if let Some(count) = self.owned.get_mut(&owner) {
            *count -= 1;
        }
        self.owned.retain(|_, count| *count > 0);
    }

    /// Every membership is counted for its address, and nothing else is.
    pub(super) fn check_owned(&self) -> Result<(), String> {
        let mut expected = std::collections::BTreeMap::new();
        for swarm in self.naive.swarms.values() {
            for member in &swarm.http {
                *expected.entry(owner(&member.at)).or_insert(0) += 1;
            }
        }
        let http_peers = self.tracker.swarms().totals().http_peers;
        ensure_eq("HTTP peers", &http_peers, &self.naive.http_peers())?;
        ensure_eq("owned", &self.owned, &expected)
    }
}

/// Who is in a swarm over HTTP, and whether as a seeder.
pub(super) fn http_members(swarm: &Swarm) -> BTreeSet<(Endpoint, bool)> {
    let members = swarm.http_members();
    members
        .map(|(at, role)| (at, role == Role::Seeder))
        .collect()
}

impl Naive {
    fn http_peers(&self) -> usize {
        self.swarms.values().map(|swarm| swarm.http.len()).sum()
    }

    fn owned_by(&self, at: &Endpoint) -> usize {
        let all = self.swarms.values().flat_map(|swarm| &swarm.http);
        all.filter(|member| member.at.address() == at.address())
            .count()
    }

    fn announce_http(&mut self, at: Endpoint, announce: &Announce) -> Result<Counts, Failure> {
        let hash = announce.info_hash;
        if announce.event == Event::Stopped {
            if let Some(swarm) = self.swarms.get_mut(&hash) {
                swarm
                    .http
                    .retain(|member| member.at != at || member.peer_id != announce.peer_id);
            }
            self.forget_empty();
            return Ok(self.counts(hash));
        }
        let is_here = |member: &HttpMember| member.at == at;
        let swarm = self.swarms.get(&hash);
        if !swarm.is_some_and(|swarm| swarm.http.iter().any(is_here)) {
            if self.owned_by(&at) >= OWNED_MAX as usize {
                return Err(Failure::AddressPeers);
            }
            if self.http_peers() >= self.rules.http_peers_max {
                return Err(Failure::Peers);
            }
            self.swarms.entry(hash).or_default().http.push(HttpMember {
                at,
                seeds: false,
                heard: self.now,
                peer_id: announce.peer_id,
                completed: false,
            });
        }
        let now = self.now;
        let swarm = self.swarms.entry(hash).or_default();
        if let Some(member) = swarm.http.iter_mut().find(|member| is_here(member)) {
            member.heard = now;
            member.peer_id = announce.peer_id;
            let completed = announce.event == Event::Completed;
            member.seeds = match announce.left {
                _ if completed => true,
                Left::Nothing => true,
                Left::Something => false,
                Left::Unknown => member.seeds,
            };
            swarm.downloaded += u32::from(completed && !member.completed);
            member.completed |= completed;
        }
        Ok(self.counts(hash))
    }

    /// As many of each kind as are wanted and there, no one twice, never the one who asks, leechers first for seeders.
    fn check_peers(
        &self,
        info_hash: InfoHash,
        at: Endpoint,
        wanted: usize,
        peers: &Peers,
    ) -> Result<(), String> {
        let v4 = peers.v4.iter().map(|(to, id)| (Endpoint::V4(*to), *id));
        let v6 = peers.v6.iter().map(|(to, id)| (Endpoint::V6(*to), *id));
        let (v4, v6): (BTreeSet<_>, BTreeSet<_>) = (v4.collect(), v6.collect());
        let told = (peers.v4.len(), peers.v6.len());
        ensure_eq("peers told once", &told, &(v4.len(), v6.len()))?;
        let none = Vec::new();
        let members = self
            .swarms
            .get(&info_hash)
            .map_or(&none, |swarm| &swarm.http);
        let seeds = members.iter().any(|member| member.at == at && member.seeds);
        for (told, is_v4) in [(v4, true), (v6, false)] {
            let others = members
                .iter()
                .filter(|member| member.at != at && matches!(member.at, Endpoint::V4(_)) == is_v4);
            let others: Vec<_> = others.collect();
            let known: BTreeSet<_> = others.iter().map(|it| (it.at, it.peer_id)).collect();
            ensure(told.is_subset(&known), || {
                format!("told of {told:?}, not all of {known:?}")
            })?;
            ensure_eq("peers told", &told.len(), &wanted.min(known.len()))?;
            let leechers = others.iter().filter(|member| !member.seeds);
            let leechers: BTreeSet<_> = leechers.map(|it| (it.at, it.peer_id)).collect();
            let told_leechers = told.intersection(&leechers).count();
            ensure(
                !seeds || told_leechers == wanted.min(leechers.len()),
                || format!("a seeder is told of {told_leechers} of {leechers:?}"),
            )?;
        }
        Ok(())
    }
}
