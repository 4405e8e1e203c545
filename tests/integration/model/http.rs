//! The model of announces over HTTP: their rules in the simplest form, compared with the tracker.

use std::collections::BTreeSet;
use std::num::{NonZeroU16, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use percent_encoding::percent_encode_byte;
use swarmhub::limits::QuotaUsage;
use swarmhub::protocol::http::{
    ClientKey, Endpoint, HttpAnnounce, HttpFailure, Peers, parse_announce,
};
use swarmhub::protocol::{Counts, Event, InfoHash, Left, PeerId};
use swarmhub::swarm::{HttpOwner, Role, Swarm};
use swarmhub::tracker::HttpReservation;

use super::naive::Naive;
use super::world::{World, ensure, ensure_eq};

/// The endpoints that announce. Three share an address and its limit.
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
/// Maximum memberships of one address.
const MEMBERSHIPS_PER_ADDRESS_MAX: u32 = 4;

/// A member over HTTP in the model.
pub(super) struct HttpMember {
    pub(super) endpoint: Endpoint,
    pub(super) is_seeder: bool,
    pub(super) last_announce: Duration,
    peer_id: PeerId,
    completed: bool,
    /// The key of its first announce.
    key: Option<ClientKey>,
    /// Whether it may count together with the membership of the same client at the other address family.
    linked: bool,
}

impl HttpMember {
    fn is_v4(&self) -> bool {
        matches!(self.endpoint, Endpoint::V4(_))
    }

    fn is_same_client(&self, other: &Self) -> bool {
        self.key.is_some() && (self.key, self.peer_id) == (other.key, other.peer_id)
    }
}

/// Returns how many clients are members at both address families and count once: seeders and leechers.
pub(super) fn paired_counts(members: &[HttpMember]) -> (usize, usize) {
    let is_pair = |member: &&HttpMember| member.is_v4() && twin(members, member).is_some();
    let paired: Vec<_> = members.iter().filter(is_pair).collect();
    let seeders = paired.iter().filter(|member| member.is_seeder).count();
    (seeders, paired.len() - seeders)
}

/// Returns the index of the membership that counts together with a member.
fn twin(members: &[HttpMember], member: &HttpMember) -> Option<usize> {
    let is_twin = |other: &HttpMember| {
        other.linked && other.is_v4() != member.is_v4() && other.is_same_client(member)
    };
    members.iter().position(is_twin).filter(|_| member.linked)
}

/// The parameters of an announce as written in the query.
pub(super) struct AnnounceParams<'w> {
    pub(super) event: Option<&'w str>,
    pub(super) left: Option<&'w str>,
    pub(super) wanted: usize,
    pub(super) key: u8,
}

fn endpoint(number: u8) -> Endpoint {
    let (address, port) = ADDRESSES[usize::from(number) % ADDRESSES.len()];
    let port = NonZeroU16::new(port).expect("a port");
    Endpoint::new(address.parse().expect("an address"), port)
}

fn owner(at: &Endpoint) -> HttpOwner {
    let bytes = at.address().to_string();
    let sum = bytes
        .bytes()
        .fold(7_u64, |sum, byte| sum * 31 + u64::from(byte));
    NonZeroU64::new(sum)
}

/// Returns the query of an announce; every byte of the ids is escaped.
fn query(info_hash: InfoHash, peer_id: PeerId, port: u16, params: &AnnounceParams<'_>) -> String {
    let escaped = |bytes: &[u8; 20]| -> String {
        bytes
            .iter()
            .map(|&byte| percent_encode_byte(byte))
            .collect()
    };
    let (hash, id) = (escaped(info_hash.as_bytes()), escaped(peer_id.as_bytes()));
    let [event, left] = [("event", params.event), ("left", params.left)].map(|(name, value)| {
        let value = value.map(|value| value.trim_matches('"'));
        value.map_or_else(String::new, |value| format!("&{name}={value}"))
    });
    let wanted = params.wanted;
    // Two keys, an empty one, and none.
    let key = match params.key {
        0 => "&key=",
        1 => "",
        2 => "&key=first",
        _ => "&key=second",
    };
    format!("info_hash={hash}&peer_id={id}&port={port}&numwant={wanted}{event}{left}{key}")
}

impl World {
    pub(super) fn announce_http(
        &mut self,
        from: u8,
        info_hash: InfoHash,
        peer_id: PeerId,
        params: &AnnounceParams<'_>,
    ) -> Result<(), String> {
        let at = endpoint(from);
        let query = query(info_hash, peer_id, at.port(), params);
        let announce =
            parse_announce(query.as_bytes()).map_err(|why| format!("{why:?}: {query}"))?;
        let (now, owned) = (self.naive.now, &mut self.http_owners);
        let room = || {
            let owner_of_address = owner(&at);
            let count = owned.entry(owner_of_address).or_insert(0);
            if *count >= MEMBERSHIPS_PER_ADDRESS_MAX {
                return Err(HttpFailure::AddressPeersMax);
            }
            *count += 1;
            let share =
                owner_of_address.map(|group| Arc::new(QuotaUsage::default().with_group(group)));
            Ok(HttpReservation {
                owner: owner_of_address,
                quota_usage: share,
            })
        };
        let outcome = self
            .tracker
            .announce_http(&at, &announce, (now, &mut self.rng), room);
        if let Some(owner) = outcome.released_owner {
            self.release(owner);
        }
        let expected = self.naive.announce_http(at, &announce);
        match (outcome.reply, expected) {
            (Err(failure), Err(expected)) => ensure_eq("failure", &failure, &expected),
            (Ok(listed), Ok(counts)) => {
                ensure_eq("counts over HTTP", &listed.counts, &counts)?;
                let wanted = match announce.event {
                    Event::Stopped => 0,
                    _ => announce.numwant,
                };
                let who = (at, announce.peer_id, announce.key);
                self.naive
                    .check_peers(info_hash, who, wanted, &listed.peers)
            }
            (listed, expected) => Err(format!("got {listed:?}, expected {expected:?}")),
        }
    }

    pub(super) fn release(&mut self, owner: HttpOwner) {
        if let Some(count) = self.http_owners.get_mut(&owner) {
            *count -= 1;
        }
        self.http_owners.retain(|_, count| *count > 0);
    }

    /// Checks that exactly the memberships of each address are counted for it.
    pub(super) fn check_owners(&self) -> Result<(), String> {
        let mut expected = std::collections::BTreeMap::new();
        for swarm in self.naive.swarms.values() {
            for member in &swarm.http {
                *expected.entry(owner(&member.endpoint)).or_insert(0) += 1;
            }
        }
        let http_peers = self.tracker.swarms().totals().http_peers;
        ensure_eq("HTTP peers", &http_peers, &self.naive.http_peers())?;
        ensure_eq("owned", &self.http_owners, &expected)
    }
}

/// Returns the HTTP members of a swarm and whether they are seeders.
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

    fn count_at_address(&self, at: &Endpoint) -> usize {
        let all = self.swarms.values().flat_map(|swarm| &swarm.http);
        all.filter(|member| member.endpoint.address() == at.address())
            .count()
    }

    fn announce_http(
        &mut self,
        at: Endpoint,
        announce: &HttpAnnounce,
    ) -> Result<Counts, HttpFailure> {
        let hash = announce.info_hash;
        if announce.event == Event::Stopped {
            if let Some(swarm) = self.swarms.get_mut(&hash) {
                swarm.http.retain(|member| {
                    let is_own = member.key.is_none() || member.key == announce.key;
                    member.endpoint != at || member.peer_id != announce.peer_id || !is_own
                });
            }
            self.remove_empty();
            return Ok(self.counts(hash));
        }
        let is_here = |member: &HttpMember| member.endpoint == at;
        let none = Vec::new();
        let members = self.swarms.get(&hash).map_or(&none, |swarm| &swarm.http);
        let known = members.iter().find(|member| is_here(member));
        let ttl = self.rules.ttl.http_membership;
        if let Some(known) = known {
            let is_stale =
                known.last_announce.as_secs() < self.now.saturating_sub(ttl * 2 / 3).as_secs();
            if known.key.is_some() && known.key != announce.key && !is_stale {
                return Ok(self.counts(hash));
            }
            let key = if is_stale { announce.key } else { known.key };
            self.update_http(at, announce, key);
            return Ok(self.counts(hash));
        }
        let at_address = members
            .iter()
            .filter(|it| it.endpoint.address() == at.address())
            .count();
        if self.count_at_address(&at) >= MEMBERSHIPS_PER_ADDRESS_MAX as usize {
            return Err(HttpFailure::AddressPeersMax);
        }
        if self.http_peers() >= self.rules.http_peers_max {
            return Err(HttpFailure::PeersMax);
        }
        if at_address >= self.rules.address_http_peers_per_swarm_max {
            return Err(HttpFailure::AddressSwarmPeersMax);
        }
        let mut joined = HttpMember {
            endpoint: at,
            is_seeder: false,
            last_announce: self.now,
            peer_id: announce.peer_id,
            completed: false,
            key: announce.key,
            linked: false,
        };
        joined.linked = may_link(members, &joined);
        // A client has the same role at both addresses unless it announces another.
        let twin = twin(members, &joined).and_then(|place| members.get(place));
        joined.is_seeder = twin.is_some_and(|twin| twin.is_seeder);
        joined.linked = false;
        self.swarms.entry(hash).or_default().http.push(joined);
        self.update_http(at, announce, announce.key);
        Ok(self.counts(hash))
    }

    /// Updates an existing member from its announce.
    fn update_http(&mut self, at: Endpoint, announce: &HttpAnnounce, key: Option<ClientKey>) {
        let now = self.now;
        let swarm = self.swarms.entry(announce.info_hash).or_default();
        let members = &mut swarm.http;
        let Some(place) = members.iter().position(|member| member.endpoint == at) else {
            return;
        };
        let mut member = members.remove(place);
        member.last_announce = now;
        member.peer_id = announce.peer_id;
        member.key = key;
        member.linked = may_link(members, &member);
        let twin = twin(members, &member);
        if let Some(twin) = twin.and_then(|twin| members.get(twin)) {
            member.completed |= twin.completed;
        }
        let completed = announce.event == Event::Completed;
        member.is_seeder = match announce.left {
            _ if completed => true,
            Left::Nothing => true,
            Left::Something => false,
            Left::Unknown => member.is_seeder,
        };
        swarm.downloaded += u32::from(completed && !member.completed);
        member.completed |= completed;
        if let Some(twin) = twin.and_then(|twin| members.get_mut(twin)) {
            (twin.is_seeder, twin.completed) = (member.is_seeder, member.completed);
        }
        members.push(member);
    }

    /// Checks a peer list: as many of each family as wanted and available, no duplicates, not the requester;
    /// seeders get leechers first.
    fn check_peers(
        &self,
        info_hash: InfoHash,
        (at, peer_id, key): (Endpoint, PeerId, Option<ClientKey>),
        wanted: usize,
        peers: &Peers,
    ) -> Result<(), String> {
        let v4 = peers.v4.iter().map(|(to, id)| (Endpoint::V4(*to), *id));
        let v6 = peers.v6.iter().map(|(to, id)| (Endpoint::V6(*to), *id));
        let (v4, v6): (BTreeSet<_>, BTreeSet<_>) = (v4.collect(), v6.collect());
        let listed = (peers.v4.len(), peers.v6.len());
        ensure_eq("distinct peers", &listed, &(v4.len(), v6.len()))?;
        let none = Vec::new();
        let members = self
            .swarms
            .get(&info_hash)
            .map_or(&none, |swarm| &swarm.http);
        let seeds = members
            .iter()
            .any(|member| member.endpoint == at && member.is_seeder);
        let is_listable = |member: &&HttpMember| {
            member.endpoint != at
                && !(key.is_some() && (member.peer_id, member.key) == (peer_id, key))
        };
        for (listed, is_v4) in [(v4, true), (v6, false)] {
            let others = members
                .iter()
                .filter(|member| is_listable(member) && member.is_v4() == is_v4);
            let others: Vec<_> = others.collect();
            let known: BTreeSet<_> = others.iter().map(|it| (it.endpoint, it.peer_id)).collect();
            ensure(listed.is_subset(&known), || {
                format!("listed {listed:?}, not all of {known:?}")
            })?;
            ensure_eq("listed peers", &listed.len(), &wanted.min(known.len()))?;
            let leechers = others.iter().filter(|member| !member.is_seeder);
            let leechers: BTreeSet<_> = leechers.map(|it| (it.endpoint, it.peer_id)).collect();
            let listed_leechers = listed.intersection(&leechers).count();
            ensure(
                !seeds || listed_leechers == wanted.min(leechers.len()),
                || format!("a seeder got {listed_leechers} of {leechers:?}"),
            )?;
        }
        Ok(())
    }
}

/// Whether no other membership of its client with its kind of address is linked.
fn may_link(members: &[HttpMember], member: &HttpMember) -> bool {
    let is_other = |other: &HttpMember| {
        other.linked && other.is_v4() == member.is_v4() && other.is_same_client(member)
    };
    member.key.is_some() && !members.iter().any(is_other)
}
