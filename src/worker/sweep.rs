//! Searches the swarm table for expired members, WebSockets and HTTP peers alike, in slices between the turns of
//! connections.

use std::time::Duration;

use super::RunningWorker;
use crate::swarm::SweepResult;

/// Longest time of one search of the whole swarm table.
const SWEEP_MAX: Duration = Duration::from_secs(30);

impl RunningWorker {
    /// Searches this worker's next shards of the swarm table; returns the shard where the next second continues.
    pub(super) async fn sweep(&self, from: usize) -> usize {
        let shards = self.setup.node.tracker().swarms().shard_count();
        let ttl = self.setup.node.tracker().rules().ttl;
        let pass = (ttl.membership.min(ttl.http_membership) / 4)
            .clamp(Duration::from_secs(1), SWEEP_MAX)
            .as_secs();
        let shards_per_second = shards.div_ceil(usize::try_from(pass).unwrap_or(1));
        let number = usize::from(self.setup.number);
        for shard in from..from + shards_per_second {
            let shard = shard % shards;
            if shard % self.setup.workers == number {
                while self.sweep_slice(shard).is_some() {
                    // A swarm may be huge, so connections have their turns in between.
                    tokio::task::yield_now().await;
                }
            }
        }
        (from + shards_per_second) % shards
    }

    /// Removes expired memberships from a slice of one shard. Returns `None` at the end of the shard.
    fn sweep_slice(&self, shard: usize) -> Option<()> {
        let hub = &self.hub;
        let mut swept = SweepResult::default();
        let tracker = self.setup.node.tracker();
        let more = tracker.sweep_slice(shard, hub.time(), &mut swept);
        let expired = &hub.counters().http_peers_expired;
        expired.add(swept.http_owners.len() as u64);
        for owner in swept.http_owners {
            hub.admission().release_http_peer(owner);
        }
        hub.remove_expired(swept.expired);
        more
    }
}
