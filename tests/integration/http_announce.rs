//! Announces and scrapes over HTTP: the requirements of each BEP, refusals and their texts.

use std::time::Duration;

use bt_bencode::Value;
use swarmhub::config::{Config, ListenerRole};

use crate::support::http::Connection;
use crate::support::{TestServer, announce as websocket_announce, wait_for_value};

/// A server that trusts this machine as a proxy, so that a test can act as several clients.
fn server(change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start(|config| {
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
        change(config);
    })
}

/// Returns the dictionary that a client at this address receives; checks that it is canonical.
async fn get_as(server: &TestServer, address: &str, path: &str) -> Value {
    let headers = format!("X-Forwarded-For: {address}\r\n");
    let response = server.get(path, &headers).await.expect(200);
    assert_eq!(response.expect_header("content-type"), "text/plain");
    assert_eq!(response.expect_header("x-content-type-options"), "nosniff");
    assert_eq!(response.expect_header("cache-control"), "no-store");
    let value: Value = bt_bencode::from_slice(&response.body).expect("bencode");
    assert_eq!(bt_bencode::to_vec(&value).unwrap(), response.body);
    value
}

/// Announces swarm `h` for the peer of a client at this address.
async fn announce(server: &TestServer, address: &str, more: &str) -> Value {
    let (hash, peer) = ("h".repeat(20), "%ff".repeat(20));
    let path = format!("/announce?info_hash={hash}&peer_id={peer}&port=6881{more}");
    get_as(server, address, &path).await
}

async fn scrape(server: &TestServer, query: &str) -> Value {
    get_as(server, "192.0.2.9", &format!("/scrape?{query}")).await
}

fn bytes<'v>(value: &'v Value, key: &str) -> &'v [u8] {
    let entry = value.get(key).unwrap_or_else(|| panic!("{key}: {value:?}"));
    entry.as_byte_str().expect("a string")
}

fn number(value: &Value, key: &str) -> Option<u64> {
    value.get(key)?.as_u64()
}

fn counts(value: &Value) -> (u64, u64) {
    let count = |key| number(value, key).unwrap_or_else(|| panic!("{key}: {value:?}"));
    (count("complete"), count("incomplete"))
}

#[track_caller]
fn assert_failed(value: &Value, reason: &str, retry: &str) {
    let text = str::from_utf8(bytes(value, "failure reason")).unwrap();
    assert!(text.contains(reason), "{text}");
    let retry_in = &value["retry in"];
    let retry_in = retry_in.as_str().map(str::to_owned);
    let retry_in = retry_in.or_else(|| Some(number(value, "retry in")?.to_string()));
    assert_eq!(retry_in.as_deref(), Some(retry));
    // For clients without support for `retry in`; a permanent failure has none.
    let interval = retry.parse::<u64>().ok().map(|minutes| minutes * 60);
    assert_eq!(number(value, "interval"), interval, "{value:?}");
    assert_eq!(number(value, "min interval"), interval, "{value:?}");
    let length = if interval.is_some() { 4 } else { 2 };
    assert_eq!(value.as_dict().unwrap().len(), length, "{value:?}");
}

const PEER_1: [u8; 6] = [192, 0, 2, 1, 0x1a, 0xe1];
const PEER_2: [u8; 6] = [192, 0, 2, 2, 0x1a, 0xe1];

#[tokio::test]
async fn bep_3_an_announce_joins_and_lists_peers_as_dictionaries() {
    let server = server(|_| {});
    let first = announce(&server, "192.0.2.1", "&event=started&left=7&compact=0").await;
    assert_eq!(first["peers"].as_list().unwrap().len(), 0, "without itself");
    assert_eq!(number(&first, "interval"), Some(600));
    assert_eq!(number(&first, "min interval"), Some(60));
    let second = announce(&server, "192.0.2.2", "&left=0&compact=0").await;
    assert_eq!(counts(&second), (1, 1));
    let peer = &second["peers"][0];
    assert_eq!(bytes(peer, "ip"), b"192.0.2.1");
    assert_eq!(bytes(peer, "peer id"), [0xff; 20], "raw, not as UTF-8");
    assert_eq!(number(peer, "port"), Some(6881));
    let without = announce(&server, "192.0.2.2", "&compact=0&no_peer_id=1").await;
    assert!(without["peers"][0].get("peer id").is_none());
    assert_eq!(
        counts(&without),
        (1, 1),
        "without `left` the role is unchanged"
    );
    let done = announce(&server, "192.0.2.1", "&event=completed").await;
    assert_eq!(counts(&done), (2, 0));
    let left = announce(&server, "192.0.2.1", "&event=stopped").await;
    assert_eq!((counts(&left), bytes(&left, "peers")), ((1, 0), &[][..]));
    let counters = server.node.counters();
    assert_eq!(
        (counters.http_announces, counters.failures_http_malformed),
        (5, 0)
    );
}

#[tokio::test]
async fn bep_7_ipv6_peers_are_listed_separately() {
    let server = server(|_| {});
    announce(&server, "192.0.2.1", "").await;
    let ipv6 = announce(&server, "2001:db8::1", "").await;
    assert_eq!(bytes(&ipv6, "peers"), PEER_1);
    assert!(ipv6.get("peers6").is_none(), "no IPv6 peer to list");
    let third = announce(&server, "192.0.2.2", "").await;
    assert_eq!(bytes(&third, "peers"), PEER_1);
    let mut expected = [0_u8; 18];
    expected[..4].copy_from_slice(&[0x20, 1, 0x0d, 0xb8]);
    expected[15..].copy_from_slice(&[1, 0x1a, 0xe1]);
    assert_eq!(bytes(&third, "peers6"), expected);
    let mapped = announce(&server, "::ffff:192.0.2.1", "").await;
    assert_eq!(bytes(&mapped, "peers"), PEER_2, "it is the first peer");
    let all = announce(&server, "192.0.2.3", "&compact=0").await;
    assert_eq!(all["peers"].as_list().unwrap().len(), 3);
}

#[tokio::test]
async fn bep_23_peers_are_compact_unless_the_client_declines() {
    let server = server(|_| {});
    announce(&server, "192.0.2.1", "").await;
    for more in ["", "&compact=1", "&compact=1&no_peer_id=1"] {
        let response = announce(&server, "192.0.2.2", more).await;
        assert_eq!(bytes(&response, "peers"), PEER_1, "{more}");
    }
    let response = announce(&server, "192.0.2.2", "&compact=0").await;
    assert!(response["peers"].as_list().is_some());
}

#[tokio::test]
async fn bep_24_the_reply_contains_the_external_address() {
    let server = server(|_| {});
    let response = announce(&server, "192.0.2.1", "").await;
    assert_eq!(bytes(&response, "external ip"), [192, 0, 2, 1]);
    let response = announce(&server, "2001:db8::1", "").await;
    let expected: std::net::Ipv6Addr = "2001:db8::1".parse().unwrap();
    assert_eq!(bytes(&response, "external ip"), expected.octets());
}

#[tokio::test]
async fn bep_31_a_failure_contains_a_retry_time() {
    let server = server(|config| config.limits.swarms_max = 1);
    let from = async |path: &str| get_as(&server, "192.0.2.1", path).await;
    assert_failed(&from("/announce").await, "info_hash is missing", "never");
    let hash = "h".repeat(20);
    let query = format!("/announce?info_hash={hash}");
    assert_failed(&from(&query).await, "peer_id is missing", "never");
    let query = format!("{query}&peer_id={hash}&port=");
    assert_failed(
        &from(&format!("{query}0")).await,
        "port is missing",
        "never",
    );
    announce(&server, "192.0.2.1", "").await;
    let full = from(&format!(
        "/announce?info_hash={0}&peer_id={0}&port=6881",
        "i".repeat(20)
    ))
    .await;
    assert_failed(&full, "limits.swarms_max", "10");
    let counters = server.node.counters();
    assert_eq!(
        (
            counters.failures_http_malformed,
            counters.failures_swarms_max
        ),
        (3, 1)
    );
}

#[tokio::test]
async fn bep_48_a_scrape_has_raw_keys_and_counts_all_members() {
    let server = server(|_| {});
    let mut client = server.connect().await;
    let mut message = websocket_announce("x", "peer");
    message["info_hash"] = "h".repeat(20).into();
    client.send(&message).await;
    assert_eq!(client.receive().await["incomplete"], 1);
    announce(&server, "192.0.2.1", "&event=completed").await;
    message["left"] = 1.into();
    client.send(&message).await;
    let reply = client.receive().await;
    assert_eq!(
        (&reply["complete"], &reply["incomplete"]),
        (&1.into(), &1.into())
    );

    let (hash, unknown) = ("h".repeat(20), "%FF".repeat(20));
    let response = scrape(&server, &format!("info_hash={unknown}&info_hash={hash}")).await;
    let files = response["files"].as_dict().unwrap();
    assert_eq!(files.len(), 2, "one entry for each hash");
    let file = &files[hash.as_bytes()];
    assert_eq!(
        (counts(file), number(file, "downloaded")),
        ((1, 1), Some(1))
    );
    assert_eq!(counts(&files[&[0xff; 20][..]]), (0, 0));

    assert_failed(&scrape(&server, "").await, "does not list all swarms", "30");
    assert_failed(
        &scrape(&server, "info_hash=x").await,
        "info_hash is missing",
        "never",
    );
    let counters = server.node.counters();
    assert_eq!(
        (counters.http_scrapes, counters.failures_full_scrape),
        (1, 1)
    );
}

#[tokio::test]
async fn a_client_cannot_announce_a_foreign_address() {
    let server = TestServer::start(|_| {});
    let more = "&ip=192.0.2.66&ipv4=192.0.2.66&ipv6=2001:db8::66";
    // No proxy is trusted, so the header is ignored too.
    let response = announce(&server, "192.0.2.66", more).await;
    assert_eq!(bytes(&response, "external ip"), [127, 0, 0, 1]);
    let query = format!("info_hash={0}&peer_id={0}&port=6882", "h".repeat(20));
    let response = server.get(&format!("/announce?{query}"), "").await;
    let response: Value = bt_bencode::from_slice(&response.body).unwrap();
    assert_eq!(bytes(&response, "peers"), [127, 0, 0, 1, 0x1a, 0xe1]);
}

#[tokio::test]
async fn a_web_page_cannot_turn_its_visitors_into_peers() {
    let server = server(|_| {});
    let path = format!(
        "/announce?info_hash={0}&peer_id={0}&port=6881",
        "h".repeat(20)
    );
    for header in [
        "Origin: https://a.example",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-origin",
        "Sec-Fetch-Site: none",
    ] {
        let response = server.get(&path, &format!("{header}\r\n")).await;
        let reply = bt_bencode::from_slice(&response.body).unwrap();
        assert_failed(&reply, "Web pages", "30");
    }
    assert_eq!(server.node.counters().failures_http_page, 4);
    assert_eq!(server.node.tracker().swarms().totals().swarms, 0);
}

#[tokio::test]
async fn without_a_tracker_clients_retry_in_half_an_hour() {
    let server = TestServer::start(|config| {
        config.listen[0].role = ListenerRole::Pages;
    });
    assert_failed(&announce(&server, "", "").await, "no HTTP tracker", "30");
    assert_failed(&scrape(&server, "").await, "no HTTP tracker", "30");
    let off = TestServer::start(|config| config.tracker.http = false);
    assert_failed(&announce(&off, "", "").await, "no HTTP tracker", "30");
    assert_eq!(off.node.counters().failures_http_not_here, 1);
    off.connect().await.join("swarm", "peer").await;
    let alone = TestServer::start(|config| config.listen[0].role = ListenerRole::Tracker);
    assert_eq!(counts(&announce(&alone, "", "").await), (0, 1));
    alone.get("/nothing", "").await.expect(404);
}

#[tokio::test]
async fn http_requests_over_the_rate_limit_get_a_retry_time() {
    let server = server(|config| {
        // The clocks of two workers may differ by a tick.
        config.workers = 1;
        config.limits.address_http_requests_per_second = 1;
        config.limits.address_http_requests_burst = 3;
    });
    let limit = "limits.address_http_requests_per_second";
    // There is room again after a second, so a slow client is refused later than a fast one.
    for (path, served_first) in [("/announce", 3), ("/scrape", 0)] {
        let mut count = 0;
        let refused = loop {
            let query = format!("info_hash={0}&peer_id={0}&port=6881", "h".repeat(20));
            let reply = get_as(&server, "192.0.2.1", &format!("{path}?{query}")).await;
            if reply.get("failure reason").is_some() {
                break reply;
            }
            count += 1;
            assert!(count < 100, "never refused");
        };
        assert!(count >= served_first, "{count}");
        assert_failed(&refused, limit, "1");
    }
    let counters = server.node.counters();
    assert_eq!(counters.failures_address_http_requests_per_second, 2);
    assert_eq!(counts(&announce(&server, "192.0.2.2", "").await), (0, 2));
    for _ in 0..10 {
        let exempt = announce(&server, "10.0.0.1", "").await;
        assert_eq!(counts(&exempt), (0, 3), "exempt");
    }
}

#[tokio::test]
async fn http_peers_per_address_are_limited() {
    let server = server(|config| config.limits.address_http_peers_max = 2);
    let port = |port: u16| format!("&port={}", 6880 + port);
    for _ in 0..3 {
        announce(&server, "192.0.2.1", &port(1)).await;
    }
    announce(&server, "192.0.2.1", &port(2)).await;
    let limit = "limits.address_http_peers_max";
    assert_failed(&announce(&server, "192.0.2.1", &port(3)).await, limit, "10");
    assert_eq!(server.node.counters().failures_address_http_peers_max, 1);
    assert_eq!(counts(&announce(&server, "192.0.2.2", "").await), (0, 3));
    let stopped = format!("{}&event=stopped", port(1));
    announce(&server, "192.0.2.1", &stopped).await;
    let response = announce(&server, "192.0.2.1", &port(3)).await;
    assert_eq!(counts(&response), (0, 3), "there is room again");
}

#[tokio::test]
async fn http_peers_per_address_and_swarm_are_limited() {
    let server = server(|config| config.limits.address_http_peers_per_swarm_max = 2);
    let port = |port: u16| format!("&port={}", 7000 + port);
    for number in 1..=2 {
        announce(&server, "192.0.2.1", &port(number)).await;
    }
    let limit = "limits.address_http_peers_per_swarm_max";
    assert_failed(&announce(&server, "192.0.2.1", &port(3)).await, limit, "10");
    let counters = server.node.counters();
    assert_eq!(counters.failures_address_http_peers_per_swarm_max, 1);
    assert_eq!(counts(&announce(&server, "192.0.2.2", "").await), (0, 3));
    announce(&server, "192.0.2.1", &format!("{}&event=stopped", port(1))).await;
    assert_eq!(
        counts(&announce(&server, "192.0.2.1", &port(3)).await),
        (0, 3)
    );
    for number in 1..=10 {
        let exempt = announce(&server, "127.0.0.9", &port(number)).await;
        assert!(exempt.get("failure reason").is_none(), "exempt: {exempt:?}");
    }
}

#[tokio::test]
async fn a_neighbour_at_the_address_cannot_end_a_keyed_membership() {
    let server = server(|_| {});
    announce(&server, "192.0.2.1", "&key=secret&left=0").await;
    // The neighbour learns id and port of the other peer, and has the same address.
    let response = announce(
        &server,
        "192.0.2.2",
        "&compact=0&peer_id=yyyyyyyyyyyyyyyyyyyy",
    )
    .await;
    assert_eq!(bytes(&response["peers"][0], "peer id"), [0xff; 20]);
    for more in [
        "&event=stopped",
        "&event=stopped&key=guess",
        "&left=9&peer_id=zzzzzzzzzzzzzzzzzzzz",
    ] {
        let response = announce(&server, "192.0.2.1", more).await;
        assert_eq!(counts(&response), (1, 1), "{more}");
    }
    assert_eq!(server.node.counters().http_key_mismatches, 3);
    let left = announce(&server, "192.0.2.1", "&key=secret&event=stopped").await;
    assert_eq!(counts(&left), (0, 1));
}

#[tokio::test]
async fn a_client_with_ipv4_and_ipv6_counts_once() {
    let server = server(|_| {});
    announce(&server, "192.0.2.1", "&key=k").await;
    let response = announce(&server, "2001:db8::1", "&key=k").await;
    assert_eq!(
        (counts(&response), bytes(&response, "peers")),
        ((0, 1), &[][..])
    );
    let other = announce(&server, "192.0.2.2", "&key=other").await;
    assert_eq!(
        (counts(&other), bytes(&other, "peers")),
        ((0, 2), &PEER_1[..])
    );
    assert_eq!(bytes(&other, "peers6").len(), 18);
}

#[tokio::test]
async fn expired_http_peers_no_longer_count_for_their_address() {
    let server = server(|config| {
        config.limits.address_http_peers_max = 2;
        config.tracker.http_interval = Duration::from_secs(1);
        config.tracker.http_interval_min = Duration::from_secs(1);
        config.tracker.http_membership_ttl = Some(Duration::from_secs(2));
    });
    let expired = || server.node.counters().http_peers_expired;
    for round in 1..=2 {
        for port in 1..=2 {
            let response = announce(&server, "192.0.2.1", &format!("&port=68{round}{port}")).await;
            assert!(response.get("failure reason").is_none(), "{response:?}");
        }
        wait_for_value("they expire", expired, 2 * round).await;
        assert_eq!(server.node.tracker().swarms().totals().swarms, 0);
    }
}

#[tokio::test]
async fn a_tracker_full_of_http_peers_refuses_new_ones() {
    let server = server(|config| config.limits.http_peers_max = 1);
    announce(&server, "192.0.2.1", "").await;
    let response = announce(&server, "192.0.2.2", "").await;
    assert_failed(&response, "limits.http_peers_max", "10");
    assert_eq!(server.node.counters().failures_http_peers_max, 1);
    assert_eq!(counts(&announce(&server, "192.0.2.1", "").await), (0, 1));
    assert_eq!(
        server.connect().await.join(&"h".repeat(20), "b").await["incomplete"],
        2
    );
}

#[tokio::test]
async fn the_peers_in_an_http_reply_are_limited() {
    let server = server(|config| config.tracker.http_peers_per_reply_max = 4);
    for number in 1..8 {
        announce(&server, &format!("192.0.2.{number}"), "&numwant=0").await;
        announce(&server, &format!("2001:db8::{number}"), "&numwant=0").await;
    }
    let lengths = async |more| {
        let response = announce(&server, "192.0.2.1", more).await;
        (
            bytes(&response, "peers").len() / 6,
            bytes(&response, "peers6").len() / 18,
        )
    };
    assert_eq!(lengths("&numwant=3").await, (3, 3));
    assert_eq!(server.node.counters().http_replies_cut, 0);
    assert_eq!(lengths("&numwant=1000000").await, (4, 4));
    assert_eq!(lengths("").await, (4, 4));
    assert_eq!(server.node.counters().http_replies_cut, 2);
}

#[tokio::test]
async fn a_refused_http_connection_gets_a_reason_and_a_retry_time() {
    let server = server(|config| config.limits.address_connections_max = 1);
    let mut open = Connection::open(server.address).await;
    open.get("/ice", "X-Forwarded-For: 192.0.2.1\r\n").await;
    let response = announce(&server, "192.0.2.1", "").await;
    assert_failed(&response, "limits.address_connections_max", "1");
    assert_eq!(counts(&announce(&server, "192.0.2.2", "").await), (0, 1));
}

#[cfg(unix)]
#[tokio::test]
async fn clients_without_an_address_cannot_announce_over_http() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.sock");
    let listen = format!("unix:{}", path.display());
    let server = TestServer::start(|config| {
        config.listen.push(listen.parse().unwrap());
    });
    let mut connection = Connection::open_file(&path).await;
    let query = format!("info_hash={0}&peer_id={0}&port=6881", "h".repeat(20));
    let response = connection.get(&format!("/announce?{query}"), "").await;
    response.expect(200).expect_text("proxies.trusted");
    assert_eq!(server.node.counters().failures_http_no_address, 1);
}
