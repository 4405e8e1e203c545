//! Makes a server part of the cluster of its settings.

use ring::hmac;
use uuid::Uuid;

use super::ClusterStart;
use crate::cluster::wire::MessageSecret;
use crate::cluster::{ClusterIdentity, HashKey, NodeId, Slots};
use crate::config;
use crate::nats::{NatsBackplane, NatsError};

/// Returns what joins a node to the others through NATS. The id of the node in the cluster is the last half of `id`, so that
/// operators recognize it in logs.
pub(in crate::server) async fn start_with_nats(
    settings: &config::Cluster,
    id: Uuid,
) -> Result<ClusterStart, NatsError> {
    let (_, node) = id.as_u64_pair();
    let node = NodeId::new(node);
    let secret = settings.secret.as_ref().map(config::Secret::reveal);
    let identity = ClusterIdentity {
        node,
        slots: Slots::new(Slots::COUNT, slot_key(&settings.name, secret)),
        secret: secret.map(|secret| MessageSecret::new(secret.as_bytes())),
    };
    let (backplane, deliveries, sending) = NatsBackplane::start(settings, node).await?;
    Ok(ClusterStart {
        identity,
        backplane: Box::new(backplane),
        deliveries,
        sending: Some(sending),
    })
}

/// Returns the key that assigns swarms to slots, the same on all nodes. Only with `cluster.secret` strangers cannot know it; they
/// could choose info-hashes whose directory is all at one node, which costs that node some memory.
fn slot_key(name: &str, secret: Option<&str>) -> HashKey {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.unwrap_or_default().as_bytes());
    let tag = hmac::sign(&key, format!("slots of {name}").as_bytes());
    let mut words = tag
        .as_ref()
        .as_chunks()
        .0
        .iter()
        .copied()
        .map(u64::from_le_bytes);
    HashKey::new([
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_assign_swarms_alike_if_name_and_secret_are_equal() {
        let hash = |name, secret| slot_key(name, secret).hash(b"an info-hash");
        assert_eq!(hash("a", None), hash("a", None));
        assert_eq!(hash("a", Some("secret")), hash("a", Some("secret")));
        assert_ne!(hash("a", None), hash("b", None));
        assert_ne!(hash("a", None), hash("a", Some("secret")));
    }
}
