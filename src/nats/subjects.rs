//! Names the subjects of a cluster. A few for each node and none for a swarm: subscriptions cost memory in every engine.

use crate::cluster::NodeId;
use crate::cluster::wire::Class;

/// The version of what is sent. Nodes of another one do not hear each other; a batch has a version of its own.
const LAYOUT: &str = "v1";

/// The subjects that one node uses.
#[derive(Debug)]
pub(super) struct Subjects {
    prefix: String,
    node: NodeId,
    /// The heartbeats of all nodes.
    pub(super) heartbeats: String,
}

impl Subjects {
    pub(super) fn new(cluster: &str, node: NodeId) -> Self {
        let prefix = format!("wt.{cluster}.{LAYOUT}");
        Self {
            heartbeats: format!("{prefix}.hb"),
            prefix,
            node,
        }
    }

    /// What this node subscribes to: heartbeats, batches to it, and what the engine tells of batches from it, if that is trusted.
    pub(super) fn own(&self, trusts_engine: bool) -> Vec<String> {
        let (prefix, node) = (&self.prefix, self.node);
        let refusals = trusts_engine.then(|| format!("{prefix}.nr.{node}.*"));
        let mut own = vec![self.heartbeats.clone(), format!("{prefix}.n.{node}.*")];
        own.extend(refusals);
        own
    }

    /// Batches to another node. The classes are apart, so that an operator can count them.
    pub(super) fn of_batches(&self, to: NodeId, class: Class) -> String {
        let class = match class {
            Class::Control => 'c',
            Class::Signalling => 's',
        };
        format!("{}.n.{to}.{class}", self.prefix)
    }

    /// Where the engine tells that a node does not exist.
    pub(super) fn of_refusals_by(&self, target: NodeId) -> String {
        format!("{}.nr.{}.{target}", self.prefix, self.node)
    }

    /// Returns the node that a subject of [`Self::of_refusals_by`] names.
    pub(super) fn target(subject: &str) -> Option<NodeId> {
        let (_, node) = subject.rsplit_once('.')?;
        u64::from_str_radix(node, 16).ok().map(NodeId::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_part_of_its_subjects() {
        let (node, other) = (NodeId::new(1), NodeId::new(u64::MAX));
        let subjects = Subjects::new("eu", node);
        assert_eq!(subjects.heartbeats, "wt.eu.v1.hb");
        let own = [
            "wt.eu.v1.hb",
            "wt.eu.v1.n.0000000000000001.*",
            "wt.eu.v1.nr.0000000000000001.*",
        ];
        assert_eq!(subjects.own(true), own);
        assert_eq!(subjects.own(false), own[..2]);
        assert_eq!(
            subjects.of_batches(other, Class::Control),
            "wt.eu.v1.n.ffffffffffffffff.c"
        );
        assert_eq!(
            subjects.of_batches(other, Class::Signalling),
            "wt.eu.v1.n.ffffffffffffffff.s"
        );
        let refusals = subjects.of_refusals_by(other);
        assert_eq!(refusals, "wt.eu.v1.nr.0000000000000001.ffffffffffffffff");
        assert_eq!(Subjects::target(&refusals), Some(other));
        assert_eq!(Subjects::target("wt.eu.v1.nr.1.x"), None);
    }
}
