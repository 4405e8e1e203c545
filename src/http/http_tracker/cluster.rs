//! Serves announces and scrapes over HTTP on a node of a cluster: peers of other nodes are listed too, and all members count.

use std::time::Duration;

use tokio::time::timeout;

use super::HttpTracker;
use super::settings::HttpTrackerSettings;
use crate::cluster::wire::HttpPeer;
use crate::cluster::{Others, Transport};
use crate::node::{ClientInfo, NodeCluster};
use crate::protocol::http::{
    self, Endpoint, HttpAnnounce, HttpAnnounceReply, HttpFailure, HttpRequestKind, RequestTarget,
};
use crate::protocol::{Event, Scrape};

/// How long the reply to an announce waits for other nodes. The cluster gives up those that are silent before, so that the peers
/// of the others are still listed.
const REPLY_AFTER: Duration = Duration::from_millis(300);

impl HttpTracker {
    /// Does the same as [`Self::serve`] on a node of a cluster.
    pub(super) async fn serve_in_cluster(
        &self,
        cluster: &NodeCluster,
        client: &ClientInfo,
        (which, target): (HttpRequestKind, RequestTarget<'_>),
        settings: &HttpTrackerSettings,
    ) -> Vec<u8> {
        let served = match (self.check_request(client, target), which) {
            (Err(failure), _) => Err(failure),
            (Ok(()), HttpRequestKind::Announce) => {
                let request = (client, target.query);
                self.announce_in_cluster(cluster, request, settings).await
            }
            (Ok(()), HttpRequestKind::Scrape) => {
                self.scrape_in_cluster(target.query, settings).await
            }
        };
        served.unwrap_or_else(|failure| self.refuse(failure, target, ""))
    }

    async fn announce_in_cluster(
        &self,
        cluster: &NodeCluster,
        (client, query): (&ClientInfo, &[u8]),
        settings: &HttpTrackerSettings,
    ) -> Result<Vec<u8>, HttpFailure> {
        let (from, announce) = self.parse_announce(client, query, settings)?;
        let mut reply = self.apply_announce(client, &from, &announce)?;
        let completing = self.complete_reply(cluster, &announce, &mut reply);
        // Without the other nodes, those of this one must do.
        let _ = timeout(REPLY_AFTER, completing).await;
        Ok(self.announce_reply(&reply, &from, &announce, settings))
    }

    /// Adds what other nodes have.
    async fn complete_reply(
        &self,
        cluster: &NodeCluster,
        announce: &HttpAnnounce,
        reply: &mut HttpAnnounceReply,
    ) {
        let info_hash = &announce.info_hash;
        cluster.find_members(vec![*info_hash]).await;
        let others = cluster.others(info_hash);
        reply.counts = others.population().add_to(reply.counts);
        if announce.event == Event::Stopped {
            return;
        }
        let shares = self.shares(&others, announce, reply);
        if shares.is_empty() {
            return;
        }
        let found = cluster.find_http_peers(info_hash, &shares).await;
        let is_other = |peer: &HttpPeer| peer.peer_id != announce.peer_id;
        add_peers(reply, found.into_iter().filter(is_other), announce.numwant);
    }

    /// Draws how many peers each node names.
    fn shares(
        &self,
        others: &Others,
        announce: &HttpAnnounce,
        reply: &HttpAnnounceReply,
    ) -> Vec<(crate::cluster::NodeId, usize)> {
        let tracker = self.hub.node().tracker();
        let local = tracker
            .population(&announce.info_hash)
            .http()
            .saturating_sub(1);
        // A peer list has a share of each address family.
        let listed = reply.peers.v4.len().max(reply.peers.v6.len());
        let local = local.max(u32::try_from(listed).unwrap_or(u32::MAX));
        let rng = &mut *self.rng.borrow_mut();
        let split = others.split(announce.numwant, local, Transport::Http, rng);
        split.remote.into_vec()
    }

    async fn scrape_in_cluster(
        &self,
        query: &[u8],
        settings: &HttpTrackerSettings,
    ) -> Result<Vec<u8>, HttpFailure> {
        let node = self.hub.node();
        let files = match self.parse_scrape(query, settings)? {
            Scrape::Swarms(info_hashes) => node.find_counts(info_hashes).await,
            scrape @ Scrape::Everything => node.tracker().scrape_http(scrape)?,
        };
        self.hub.counters().http_scrapes.add(1);
        Ok(http::scrape_reply(&files))
    }
}

/// Adds peers of other nodes. Those of this node make room, which are in random order.
fn add_peers(reply: &mut HttpAnnounceReply, found: impl Iterator<Item = HttpPeer>, numwant: usize) {
    let (mut v4, mut v6) = (Vec::new(), Vec::new());
    for peer in found {
        match peer.endpoint {
            Endpoint::V4(at) => v4.push((at, peer.peer_id)),
            Endpoint::V6(at) => v6.push((at, peer.peer_id)),
        }
    }
    v4.truncate(numwant);
    v6.truncate(numwant);
    reply.peers.v4.truncate(numwant - v4.len());
    reply.peers.v6.truncate(numwant - v6.len());
    reply.peers.v4.extend(v4);
    reply.peers.v6.extend(v6);
}
