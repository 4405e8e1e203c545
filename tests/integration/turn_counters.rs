//! Each limit of the TURN relay is counted under its own name in `/metrics`.

use swarmhub::config::{Config, Secret};
use swarmhub::ice::Credentials;

use crate::support::metrics::{samples, wait_for_sample};
use crate::support::turn_client::{ALLOCATE, RelayClient, TURN_SECRET, ask_for_udp, channel_data};
use crate::support::{PROGRESS_TIMEOUT, TestServer, wait_for};

const REFUSED: &str = "swarmhub_turn_refused_total";
const DROPPED: &str = "swarmhub_turn_dropped_total";
const LIMIT_HITS: &str = "swarmhub_limit_hits_total";

fn start(change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start(|config| {
        config.ice.turn = true;
        config.ice.turn_secret = Some(Secret::new(TURN_SECRET));
        config.metrics.public = true;
        // Clients on this machine count for their address.
        config.limits.exempt.clear();
        change(config);
    })
}

async fn client(server: &TestServer) -> RelayClient {
    let credentials = Credentials::new(TURN_SECRET.as_bytes());
    RelayClient::new(server.address, &credentials, u64::MAX).await
}

/// Returns two clients with channels to each other.
async fn pair(server: &TestServer) -> (RelayClient, RelayClient) {
    let (mut one, mut other) = (client(server).await, client(server).await);
    let (to_one, to_other) = (one.allocate().await, other.allocate().await);
    assert!(one.bind_channel(to_other).await && other.bind_channel(to_one).await);
    (one, other)
}

async fn expect_refusal(client: &mut RelayClient) {
    let (is_success, response) = client.request(ALLOCATE, ask_for_udp).await;
    assert!(!is_success, "{response:?}");
}

/// Waits until `/metrics` counts a refused or dropped packet. Checks that it has this reason, the limit, and no other.
async fn expect_only(server: &TestServer, family: &str, reason: &str, limit: Option<&str>) {
    let counted = async || {
        let response = server.get("/metrics", "").await;
        let is_counted = |name: &str| {
            let is_reason = name.starts_with(REFUSED) || name.starts_with(DROPPED);
            is_reason || name.starts_with(LIMIT_HITS) && name.contains("\"ice.")
        };
        let all = samples(response.text()).into_iter();
        let counted = all.filter(|(name, count)| is_counted(name) && *count > 0.0);
        let names: Vec<_> = counted.map(|(name, _)| name).collect();
        (!names.is_empty()).then_some(names)
    };
    let limit = limit.map(|limit| format!("{LIMIT_HITS}{{limit=\"{limit}\"}}"));
    let reason = format!("{family}{{reason=\"{reason}\"}}");
    let expected: Vec<_> = limit.into_iter().chain([reason]).collect();
    assert_eq!(wait_for("something is counted", counted).await, expected);
}

#[tokio::test]
async fn each_limit_of_allocations_has_its_own_counter() {
    let server = start(|config| config.ice.turn_user_allocations_max = 1);
    let mut first = client(&server).await;
    first.allocate().await;
    expect_refusal(&mut first.of_same_user(server.address).await).await;
    let limit = Some("ice.turn_user_allocations_max");
    expect_only(&server, REFUSED, "user", limit).await;

    let server = start(|config| config.ice.turn_address_allocations_max = 1);
    client(&server).await.allocate().await;
    expect_refusal(&mut client(&server).await).await;
    let limit = Some("ice.turn_address_allocations_max");
    expect_only(&server, REFUSED, "address", limit).await;

    let server = start(|config| config.ice.turn_allocations_max = 1);
    client(&server).await.allocate().await;
    expect_refusal(&mut client(&server).await).await;
    let limit = Some("ice.turn_allocations_max");
    expect_only(&server, REFUSED, "total", limit).await;
}

/// Sends packets until a rate drops one.
async fn flood(server: &TestServer) {
    let (mut one, _other) = pair(server).await;
    let packet = channel_data(&[7; 1000]);
    let dropped = || {
        let counters = server.node.counters();
        let of_sender = counters.turn_dropped_user_rate + counters.turn_dropped_address_rate;
        of_sender + counters.turn_dropped_total_rate
    };
    let flood = async {
        while dropped() == 0 {
            one.send(&packet).await;
        }
    };
    let flooded = tokio::time::timeout(PROGRESS_TIMEOUT, flood).await;
    flooded.expect("a packet is dropped");
}

#[tokio::test]
async fn each_rate_has_its_own_counter() {
    let server = start(|config| config.ice.turn_user_bytes_per_second = 10_000);
    flood(&server).await;
    let limit = Some("ice.turn_user_bytes_per_second");
    expect_only(&server, DROPPED, "user_rate", limit).await;

    let server = start(|config| config.ice.turn_address_bytes_per_second = 10_000);
    flood(&server).await;
    let limit = Some("ice.turn_address_bytes_per_second");
    expect_only(&server, DROPPED, "address_rate", limit).await;

    let server = start(|config| config.ice.turn_bytes_per_second = 10_000);
    flood(&server).await;
    let limit = Some("ice.turn_bytes_per_second");
    expect_only(&server, DROPPED, "total_rate", limit).await;
}

#[tokio::test]
async fn the_bytes_of_a_day_and_their_limit_are_shown() {
    let server = start(|config| config.ice.turn_bytes_per_day = Some(1_000_500));
    let (mut one, mut other) = pair(&server).await;
    let packet = channel_data(&[7; 996]);
    for _ in 0..1000 {
        one.send(&packet).await;
        assert_eq!(other.receive().await, packet);
    }
    one.send(&packet).await;
    let limit = Some("ice.turn_bytes_per_day");
    expect_only(&server, DROPPED, "day_budget", limit).await;
    wait_for_sample(&server, "swarmhub_turn_bytes_today_bytes", 1_000_000.0).await;
    wait_for_sample(&server, "swarmhub_turn_bytes_per_day_bytes", 1_000_500.0).await;
}

#[tokio::test]
async fn packets_for_nobody_have_their_own_counter() {
    let server = start(|_| {});
    let (mut one, mut other) = (client(&server).await, client(&server).await);
    one.allocate().await;
    let to_other = other.allocate().await;
    // The other one does not permit it.
    assert!(one.bind_channel(to_other).await);
    one.send(&channel_data(b"hello")).await;
    expect_only(&server, DROPPED, "no_peer", None).await;
}
