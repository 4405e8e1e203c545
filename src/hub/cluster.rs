//! Serves requests on a node that is part of a cluster: members of other nodes count, and may get offers and answers.

use rand::rngs::SmallRng;

use super::Hub;
use super::connection_entry::ConnectionEntry;
use crate::node::{NodeCluster, Requester, add_found};
use crate::protocol::{ConnectionId, Counts, InfoHash, Request};
use crate::tracker::{AnswerFate, Outcome, RemoteOffers, Reply};

impl Hub {
    /// Lets the tracker decide about a request, with what is known of the other nodes.
    pub(super) fn decide_in_cluster<'a>(
        &self,
        cluster: &NodeCluster,
        entry: &mut ConnectionEntry,
        request: Request<'a>,
        rng: &mut SmallRng,
    ) -> Outcome<'a> {
        let (tracker, now) = (self.node.tracker(), self.time.get());
        let participant = &mut entry.participant;
        match request {
            Request::Announce(announce) => {
                // Before the shard is locked: no lock is taken while another is held.
                let others = cluster.others(&announce.info_hash);
                let mut outcome =
                    tracker.announce_in_cluster(participant, announce, &others, (now, rng));
                if let Some(Reply::Announce(_, counts, _)) = &mut outcome.reply {
                    *counts = others.population().add_to(*counts);
                }
                outcome
            }
            Request::Answer(answer) => {
                let mut outcome = tracker.handle(participant, request, now, rng);
                if outcome.answer_fate == Some(AnswerFate::Unmatched)
                    && tracker.allows(&answer.info_hash)
                    && cluster.answer(entry.id, &answer)
                {
                    outcome.answer_fate = Some(AnswerFate::RelayedToNode);
                }
                outcome
            }
            request => {
                let mut outcome = tracker.handle(participant, request, now, rng);
                if let Some(Reply::Scrape(files)) = &mut outcome.reply
                    && !self.add_members(cluster, entry.id, files)
                {
                    // It follows when the other nodes have answered.
                    outcome.reply = None;
                }
                outcome
            }
        }
    }

    /// Adds the members on other nodes to the counts of a scrape. Returns false if other nodes must be asked first.
    fn add_members(
        &self,
        cluster: &NodeCluster,
        id: ConnectionId,
        files: &mut [(InfoHash, Counts)],
    ) -> bool {
        let info_hashes: Vec<_> = files.iter().map(|(info_hash, _)| *info_hash).collect();
        let allowed = self.node.allowed(&info_hashes);
        match cluster.known_members(&allowed) {
            Some(found) => add_found(files, &found),
            None => {
                return !cluster.request_members(allowed, Requester::Connection(id, info_hashes));
            }
        }
        true
    }

    /// Queues offers for members of other nodes.
    pub(super) fn send_to_other_nodes(&self, offers: Option<Box<RemoteOffers<'_>>>) {
        if let Some(offers) = offers
            && let Some(cluster) = self.node.cluster()
        {
            cluster.send(*offers);
        }
    }
}
