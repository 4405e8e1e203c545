//! Collects peers that announce over HTTP from other nodes, for the reply to one HTTP announce.

use std::collections::BTreeMap;
use std::time::Duration;

use super::NodeId;
use super::wire::HttpPeer;

/// How long the reply waits for other nodes.
pub(super) const HTTP_REPLY_AFTER: Duration = Duration::from_millis(150);

/// Most HTTP announces that wait for other nodes. Further ones list local peers only.
pub(super) const HTTP_REQUESTS_MAX: usize = 4096;

/// The open requests of a node.
#[derive(Debug, Default)]
pub(super) struct HttpRequests {
    open: BTreeMap<u32, HttpRequest>,
    last: u32,
}

#[derive(Debug)]
struct HttpRequest {
    token: u64,
    /// The nodes that have not answered, each with the number of peers it may name.
    expected: Vec<(NodeId, usize)>,
    peers: Vec<HttpPeer>,
    since: Duration,
}

/// A request with all its answers, or with those that came in time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FinishedRequest {
    pub(super) token: u64,
    pub(super) peers: Vec<HttpPeer>,
}

impl HttpRequests {
    /// Begins a request, and returns its number. `None` if there are too many.
    pub(super) fn begin(
        &mut self,
        token: u64,
        expected: Vec<(NodeId, usize)>,
        now: Duration,
    ) -> Option<u32> {
        if self.open.len() >= HTTP_REQUESTS_MAX {
            return None;
        }
        // Numbers wrap around long after their requests are finished.
        self.last = self.last.wrapping_add(1);
        let request = HttpRequest {
            token,
            expected,
            peers: Vec::new(),
            since: now,
        };
        self.open.insert(self.last, request);
        Some(self.last)
    }

    /// Adds the answer of a node. Returns the request if it was the last one.
    pub(super) fn add(
        &mut self,
        number: u32,
        node: NodeId,
        peers: impl Iterator<Item = HttpPeer>,
    ) -> Option<FinishedRequest> {
        let request = self.open.get_mut(&number)?;
        let place = request.expected.iter().position(|(it, _)| *it == node)?;
        let (_, share) = request.expected.swap_remove(place);
        request.peers.extend(peers.take(share));
        if !request.expected.is_empty() {
            return None;
        }
        let request = self.open.remove(&number)?;
        Some(FinishedRequest {
            token: request.token,
            peers: request.peers,
        })
    }

    /// Ends the requests that have waited long enough.
    pub(super) fn overdue(&mut self, now: Duration) -> Vec<FinishedRequest> {
        let overdue = self
            .open
            .extract_if(.., |_, request| now >= request.since + HTTP_REPLY_AFTER);
        let finished = overdue.map(|(_, request)| FinishedRequest {
            token: request.token,
            peers: request.peers,
        });
        finished.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::PeerId;
    use crate::protocol::http::Endpoint;

    fn peers(count: u8) -> impl Iterator<Item = HttpPeer> {
        (0..count).map(|number| HttpPeer {
            endpoint: Endpoint::V4([192, 0, 2, number, 0, 80]),
            peer_id: PeerId::new([number; 20]),
        })
    }

    const NODES: [NodeId; 3] = [NodeId::new(1), NodeId::new(2), NodeId::new(3)];

    #[test]
    fn a_reply_has_the_answers_of_the_asked_nodes() {
        let mut requests = HttpRequests::default();
        let expected = vec![(NODES[0], 2), (NODES[1], 1)];
        let number = requests.begin(7, expected, Duration::ZERO).unwrap();
        assert_eq!(requests.add(number, NODES[2], peers(9)), None);
        // No node can name more than its share, or answer twice.
        assert_eq!(requests.add(number, NODES[0], peers(9)), None);
        assert_eq!(requests.add(number, NODES[0], peers(9)), None);
        let finished = requests.add(number, NODES[1], peers(1)).unwrap();
        assert_eq!((finished.token, finished.peers.len()), (7, 3));
        assert_eq!(requests.add(number, NODES[1], peers(1)), None);
    }

    #[test]
    fn a_reply_does_not_wait_longer_than_its_bound() {
        let mut requests = HttpRequests::default();
        let expected = vec![(NODES[0], 2), (NODES[1], 1)];
        let number = requests.begin(7, expected, Duration::ZERO).unwrap();
        requests.add(number, NODES[0], peers(1));
        assert_eq!(requests.overdue(HTTP_REPLY_AFTER / 2), []);
        let finished = requests.overdue(HTTP_REPLY_AFTER);
        assert_eq!((finished.len(), finished[0].peers.len()), (1, 1));
    }

    #[test]
    fn the_number_of_open_requests_is_bounded() {
        let mut requests = HttpRequests::default();
        for token in 0..HTTP_REQUESTS_MAX as u64 {
            assert!(
                requests
                    .begin(token, vec![(NODES[0], 1)], Duration::ZERO)
                    .is_some()
            );
        }
        assert!(
            requests
                .begin(0, vec![(NODES[0], 1)], Duration::ZERO)
                .is_none()
        );
    }
}
