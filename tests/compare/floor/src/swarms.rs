//! The swarms: members by index for a random choice, and by `peer_id` for answers. A connection has at most one swarm.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};

use crate::message::PeerId;

/// The membership of one connection.
pub struct Member {
    pub peer_id: PeerId,
    swarm: u32,
    place: u32,
    seeder: bool,
}

#[derive(Default)]
struct Swarm {
    connections: Vec<u32>,
    seeders: u32,
}

/// Looks up the membership of a connection, which is stored with the connection.
pub trait Members {
    fn member(&self, connection: u32) -> Option<&Member>;
    fn member_mut(&mut self, connection: u32) -> &mut Option<Member>;
}

#[derive(Default)]
pub struct Swarms {
    all: Vec<Swarm>,
    by_info_hash: HashMap<Box<[u8]>, u32>,
    by_peer_id: HashTable<u32>,
    hasher: DefaultHashBuilder,
}

impl Swarms {
    /// Joins a swarm or updates the membership; returns the number of the swarm.
    pub fn join(
        &mut self,
        members: &mut impl Members,
        connection: u32,
        (info_hash, peer_id): (&[u8], PeerId),
        seeder: bool,
    ) -> u32 {
        let swarm = if let Some(&swarm) = self.by_info_hash.get(info_hash) {
            swarm
        } else {
            let next = number(self.all.len());
            self.all.push(Swarm::default());
            self.by_info_hash.insert(info_hash.into(), next);
            next
        };
        if let Some(known) = members.member_mut(connection) {
            if known.swarm == swarm && known.peer_id == peer_id {
                let seeders = &mut self.all[swarm as usize].seeders;
                *seeders = *seeders + u32::from(seeder) - u32::from(known.seeder);
                known.seeder = seeder;
                return swarm;
            }
            self.leave(members, connection);
        }
        let entered = &mut self.all[swarm as usize];
        *members.member_mut(connection) = Some(Member {
            peer_id,
            swarm,
            place: number(entered.connections.len()),
            seeder,
        });
        entered.connections.push(connection);
        entered.seeders += u32::from(seeder);
        let hash = self.hasher.hash_one((swarm, peer_id));
        self.by_peer_id.insert_unique(hash, connection, |&other| {
            let member = members.member(other);
            self.hasher.hash_one(
                member
                    .map(|member| (member.swarm, member.peer_id))
                    .unwrap_or_default(),
            )
        });
        swarm
    }

    /// Leaves the swarm, if the connection is in one.
    pub fn leave(&mut self, members: &mut impl Members, connection: u32) {
        let Some(member) = members.member_mut(connection).take() else {
            return;
        };
        let hash = self.hasher.hash_one((member.swarm, member.peer_id));
        if let Ok(entry) = self
            .by_peer_id
            .find_entry(hash, |&other| other == connection)
        {
            entry.remove();
        }
        let swarm = &mut self.all[member.swarm as usize];
        swarm.seeders -= u32::from(member.seeder);
        swarm.connections.swap_remove(member.place as usize);
        if let Some(&moved) = swarm.connections.get(member.place as usize)
            && let Some(moved) = members.member_mut(moved)
        {
            moved.place = member.place;
        }
        if swarm.connections.is_empty() {
            swarm.connections = Vec::new();
        }
    }

    /// Returns seeders and leechers.
    pub fn counts(&self, swarm: u32) -> (u32, u32) {
        let swarm = &self.all[swarm as usize];
        (
            swarm.seeders,
            number(swarm.connections.len()) - swarm.seeders,
        )
    }

    /// Returns a random member other than `from` and those in `chosen`, or `None` if there is none.
    pub fn choose(&self, swarm: u32, from: u32, chosen: &[u32]) -> Option<u32> {
        let all = &self.all[swarm as usize].connections;
        if chosen.len() + 1 >= all.len() {
            return None;
        }
        loop {
            let one = all[fastrand::usize(..all.len())];
            if one != from && !chosen.contains(&one) {
                return Some(one);
            }
        }
    }

    /// Returns the connection with this `peer_id` in the swarm of `near`.
    pub fn find(&self, members: &impl Members, near: u32, peer_id: &PeerId) -> Option<u32> {
        let swarm = members.member(near)?.swarm;
        let hash = self.hasher.hash_one((swarm, *peer_id));
        let is_it = |&other: &u32| {
            let member = members.member(other);
            member.is_some_and(|member| member.swarm == swarm && member.peer_id == *peer_id)
        };
        self.by_peer_id.find(hash, is_it).copied()
    }
}

/// There are never more than 2^32 connections or swarms.
fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
