//! Stores which nodes the cluster has, as this node sees it: who is heard, and under which epochs both sides send.
//!
//! Another node is a full member while both hear each other. It is forgotten after three seconds of silence, at its
//! goodbye, or when the engine is lost; its epoch is then invalid, and so is all that was stored under it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use rand::{Rng, RngExt};

use super::outbox::Outbox;
use super::replay_window::ReplayWindow;
use super::wire::{
    BatchHeader, Class, HeartbeatMessage, LinkReport, List, MessageSecret, NODES_MAX, NodeTotals,
};
use super::{LinkEpoch, NodeId};

/// Time between two heartbeats, give or take a tenth.
pub(super) const HEARTBEAT_EVERY: Duration = Duration::from_secs(1);

/// A node is forgotten after this much silence. The engine is lost after this time without an echo of the own heartbeat.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(3);

/// A node that the engine does not know is forgotten after this time, unless a heartbeat follows. One that has just
/// subscribed may not be known yet to each server of the engine.
pub(super) const UNREACHABLE_MAX: Duration = Duration::from_millis(1500);

/// Longest random wait before a heartbeat that answers another one, so that a newcomer is not answered by all at once.
const ANSWER_WITHIN: Duration = Duration::from_millis(20);

/// Forgotten nodes whose delayed heartbeats are recognised.
const DEPARTED_MAX: usize = 64;

/// Another node.
#[derive(Debug)]
pub(super) struct Node {
    /// Names it in rows, and must be in its batches.
    pub(super) epoch: LinkEpoch,
    /// Must be in batches to it. `None` while it does not know this node.
    pub(super) peer_epoch: Option<LinkEpoch>,
    pub(super) is_draining: bool,
    pub(super) totals: NodeTotals,
    pub(super) outbox: Outbox,
    /// When it was last heard, or first mentioned by another node.
    heard: Duration,
    /// The number of its last heartbeat. `None` while it is only mentioned by others.
    number: Option<u64>,
    unreachable_since: Option<Duration>,
    windows: [ReplayWindow; 2],
}

impl Node {
    /// Returns whether its members count and receive offers.
    pub(super) const fn is_visible(&self) -> bool {
        self.peer_epoch.is_some() && self.unreachable_since.is_none()
    }
}

/// A change that the directory must follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MemberChange {
    /// The engine works, or does not.
    Connected(bool),
    /// A node knows this one now, or has forgotten it in between: it must learn everything that it owns.
    Linked(NodeId),
    /// A node no longer knows this one.
    Unlinked(NodeId),
    /// A node is forgotten. The epoch named it.
    Lost(NodeId, LinkEpoch),
    /// Control batches from a node were lost.
    BatchesLost(NodeId),
    /// Only the choice of owners may be another one.
    Owners,
}

/// Why a batch is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IgnoredBatch {
    /// It was sent before its sender or this node forgot the other one, or to another node.
    Stale,
    /// It has arrived before.
    Repeated,
}

/// All nodes but this one.
#[derive(Debug)]
pub(super) struct Members {
    me: NodeId,
    nodes: BTreeMap<NodeId, Node>,
    by_epoch: BTreeMap<LinkEpoch, NodeId>,
    last_epoch: u32,
    last_generation: u32,
    departed: VecDeque<(NodeId, u64)>,
    is_connected: bool,
    echoed: Duration,
    pub(super) is_draining: bool,
    number: u64,
    next_heartbeat: Duration,
}

impl Members {
    pub(super) fn new(me: NodeId) -> Self {
        Self {
            me,
            nodes: BTreeMap::new(),
            by_epoch: BTreeMap::new(),
            last_epoch: 0,
            last_generation: 0,
            departed: VecDeque::new(),
            is_connected: false,
            echoed: Duration::ZERO,
            is_draining: false,
            number: 0,
            next_heartbeat: Duration::ZERO,
        }
    }

    pub(super) const fn is_connected(&self) -> bool {
        self.is_connected
    }

    /// Returns whether no other node knows this one, so nobody needs the directory.
    pub(super) fn is_alone(&self) -> bool {
        self.nodes.values().all(|node| node.peer_epoch.is_none())
    }

    pub(super) fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.get(&id)
    }

    pub(super) fn node_mut(&mut self, id: NodeId) -> Option<&mut Node> {
        self.nodes.get_mut(&id)
    }

    pub(super) fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> + Clone {
        self.nodes.iter().map(|(id, node)| (*id, node))
    }

    /// Returns the node that a row names, if its members count.
    pub(super) fn visible(&self, link: LinkEpoch) -> Option<(NodeId, &Node)> {
        let id = self.by_epoch.get(&link)?;
        let node = self.nodes.get(id)?;
        node.is_visible().then_some((*id, node))
    }

    /// Returns the node that a row names, if batches to it are possible.
    pub(super) fn linked(&self, link: LinkEpoch) -> Option<NodeId> {
        let id = self.by_epoch.get(&link)?;
        self.nodes.get(id)?.peer_epoch.is_some().then_some(*id)
    }

    /// Returns the node that a row names, if it is not forgotten.
    pub(super) fn known(&self, link: LinkEpoch) -> Option<NodeId> {
        self.by_epoch.get(&link).copied()
    }

    /// Returns whether a row names this node, or one that is not forgotten.
    pub(super) fn is_known(&self, link: LinkEpoch) -> bool {
        link == LinkEpoch::SELF || self.by_epoch.contains_key(&link)
    }

    /// Returns the nodes that can own slots. Draining ones only if there are no others.
    pub(super) fn owners(&self) -> Vec<NodeId> {
        let linked = self.nodes().filter(|(_, node)| node.peer_epoch.is_some());
        let others = linked.map(|(id, node)| (id, node.is_draining));
        let all = others.chain([(self.me, self.is_draining)]);
        let staying: Vec<_> = all
            .clone()
            .filter(|(_, is_draining)| !is_draining)
            .map(|(id, _)| id)
            .collect();
        if staying.is_empty() {
            return all.map(|(id, _)| id).collect();
        }
        staying
    }

    /// Returns the name of a node in rows. A node that others mention is remembered until it is heard, so that its rows
    /// are not lost.
    pub(super) fn mention(&mut self, id: NodeId, now: Duration) -> Option<LinkEpoch> {
        if let Some(node) = self.nodes.get(&id) {
            return Some(node.epoch);
        }
        // Half of the table is for nodes that are heard.
        (self.nodes.len() < NODES_MAX / 2).then(|| self.add(id, None, now))
    }

    fn add(&mut self, id: NodeId, number: Option<u64>, now: Duration) -> LinkEpoch {
        self.last_epoch = self.last_epoch.wrapping_add(1).max(1);
        let epoch = LinkEpoch::new(self.last_epoch);
        let node = Node {
            epoch,
            peer_epoch: None,
            is_draining: false,
            totals: NodeTotals::default(),
            outbox: Outbox::default(),
            heard: now,
            number,
            unreachable_since: None,
            windows: [ReplayWindow::default(); 2],
        };
        self.nodes.insert(id, node);
        self.by_epoch.insert(epoch, id);
        epoch
    }

    fn forget(&mut self, id: NodeId, changes: &mut Vec<MemberChange>) {
        let Some(node) = self.nodes.remove(&id) else {
            return;
        };
        self.by_epoch.remove(&node.epoch);
        if let Some(number) = node.number {
            self.departed.truncate(DEPARTED_MAX - 1);
            self.departed.push_front((id, number));
        }
        changes.push(MemberChange::Lost(id, node.epoch));
    }

    /// Follows the engine's own report.
    pub(super) fn set_connected(
        &mut self,
        is_connected: bool,
        now: Duration,
        changes: &mut Vec<MemberChange>,
    ) {
        self.echoed = now;
        self.next_heartbeat = now;
        if self.is_connected == is_connected {
            return;
        }
        self.is_connected = is_connected;
        let ids: Vec<_> = self.nodes.keys().copied().collect();
        for id in ids {
            self.forget(id, changes);
        }
        changes.push(MemberChange::Connected(is_connected));
    }

    /// Follows the heartbeat of a node. Returns false if it is ignored.
    pub(super) fn receive_heartbeat(
        &mut self,
        heartbeat: &HeartbeatMessage<'_>,
        now: Duration,
        rng: &mut impl Rng,
        changes: &mut Vec<MemberChange>,
    ) -> bool {
        let (id, number) = (heartbeat.node, heartbeat.number);
        if id == self.me {
            // An echo also proves that the engine works again after it was silent.
            if !self.is_connected {
                self.set_connected(true, now, changes);
            }
            self.echoed = now;
            return true;
        }
        let last = self.nodes.get(&id).map(|node| node.number);
        let departed = self.departed.iter().find(|(departed, _)| *departed == id);
        let last_number = last.flatten().max(departed.map(|(_, number)| *number));
        if !self.is_connected || last_number.is_some_and(|last| number <= last) {
            return false;
        }
        if heartbeat.is_leaving {
            self.add_if_unknown(id, now);
            if let Some(node) = self.nodes.get_mut(&id) {
                node.number = Some(number);
            }
            self.forget(id, changes);
            return true;
        }
        let is_new = last.flatten().is_none();
        if last.is_none() && !self.add_if_unknown(id, now) {
            return false;
        }
        let report = heartbeat.links.iter().find(|link| link.node == self.me);
        if is_new || report.is_none() {
            self.answer_soon(now, rng);
        }
        let Some(node) = self.nodes.get_mut(&id) else {
            return false;
        };
        node.number = Some(number);
        node.heard = now;
        node.totals = heartbeat.totals;
        let was_hidden = node.unreachable_since.take().is_some();
        if was_hidden || node.is_draining != heartbeat.is_draining {
            node.is_draining = heartbeat.is_draining;
            changes.push(MemberChange::Owners);
        }
        if node.follow_report((id, self.last_generation + 1), report, changes) {
            self.last_generation += 1;
            self.answer_soon(now, rng);
        }
        true
    }

    fn add_if_unknown(&mut self, id: NodeId, now: Duration) -> bool {
        if self.nodes.contains_key(&id) {
            return true;
        }
        if self.nodes.len() >= NODES_MAX - 1 {
            return false;
        }
        self.add(id, None, now);
        true
    }

    fn answer_soon(&mut self, now: Duration, rng: &mut impl Rng) {
        let soon = now + ANSWER_WITHIN.mul_f64(rng.random());
        self.next_heartbeat = self.next_heartbeat.min(soon);
    }

    /// Hides a node that the engine does not know.
    pub(super) fn set_unreachable(&mut self, id: NodeId, now: Duration) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.unreachable_since.get_or_insert(now);
        }
    }

    /// Decides whether a batch counts. The epoch proves that both sides know each other since the same time.
    pub(super) fn receive_batch(&mut self, header: &BatchHeader) -> Result<(), IgnoredBatch> {
        let node = self.nodes.get_mut(&header.sender);
        let is_current =
            |node: &&mut Node| header.receiver == self.me && node.epoch == header.epoch;
        let node = node.filter(is_current).ok_or(IgnoredBatch::Stale)?;
        let [control, signalling] = &mut node.windows;
        let window = match header.class {
            Class::Control => control,
            Class::Signalling => signalling,
        };
        if window.record(header.number) {
            Ok(())
        } else {
            Err(IgnoredBatch::Repeated)
        }
    }

    /// Forgets silent nodes, and notices a silent engine.
    pub(super) fn tick(&mut self, now: Duration, changes: &mut Vec<MemberChange>) {
        if self.is_connected && now >= self.echoed + SILENCE_MAX {
            self.set_connected(false, now, changes);
        }
        let is_silent = |node: &Node| {
            let unreachable = node.unreachable_since.unwrap_or(Duration::MAX);
            now >= node.heard + SILENCE_MAX || now >= unreachable.saturating_add(UNREACHABLE_MAX)
        };
        let silent = self.nodes().filter(|(_, node)| is_silent(node));
        let silent: Vec<_> = silent.map(|(id, _)| id).collect();
        for id in silent {
            self.forget(id, changes);
        }
    }

    /// Writes a heartbeat if it is time, or if this node leaves.
    pub(super) fn heartbeat(
        &mut self,
        totals: NodeTotals,
        (now, is_leaving): (Duration, bool),
        secret: Option<&MessageSecret>,
        rng: &mut impl Rng,
    ) -> Option<Vec<u8>> {
        if now < self.next_heartbeat && !is_leaving {
            return None;
        }
        self.next_heartbeat = now + HEARTBEAT_EVERY.mul_f64(rng.random_range(0.9..1.1));
        self.number += 1;
        let links: Vec<_> = self
            .nodes
            .iter_mut()
            .map(|(id, node)| LinkReport {
                node: *id,
                epoch: node.epoch,
                sends_under: node.peer_epoch.unwrap_or(LinkEpoch::SELF),
                control_sent: node.outbox.control_sent_before(),
            })
            .collect();
        let heartbeat = HeartbeatMessage {
            node: self.me,
            number: self.number,
            is_draining: self.is_draining,
            is_leaving,
            totals,
            links: List::Items(&links),
        };
        Some(heartbeat.write(secret))
    }

    pub(super) const fn next_heartbeat(&self) -> Duration {
        self.next_heartbeat
    }
}

impl Node {
    /// Follows what the node says about this one. Returns whether it should be answered at once.
    fn follow_report(
        &mut self,
        (id, generation): (NodeId, u32),
        report: Option<LinkReport>,
        changes: &mut Vec<MemberChange>,
    ) -> bool {
        let epoch = report.map(|report| report.epoch);
        let is_changed = epoch != self.peer_epoch;
        if is_changed {
            self.peer_epoch = epoch;
            self.outbox.restart(generation);
            changes.push(match epoch {
                Some(_) => MemberChange::Linked(id),
                None => MemberChange::Unlinked(id),
            });
        }
        let report = report.filter(|report| report.sends_under == self.epoch);
        let [control, _] = &mut self.windows;
        if report.is_some_and(|report| control.misses_any_until(report.control_sent)) {
            changes.push(MemberChange::BatchesLost(id));
        }
        is_changed
    }
}
