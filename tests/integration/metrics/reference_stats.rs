//! `/stats` in the format of the reference tracker, and the client census.

use serde_json::{Value, json};

use crate::support::metrics::{introduce_clients, wait_for_sample};
use crate::support::{Patience, TestServer, announce, id};

/// Fetches a document.
async fn json_at(server: &TestServer, path: &str) -> Value {
    server.get(path, "").await.expect(200).json()
}

#[tokio::test]
async fn stats_have_the_format_of_the_reference_tracker() {
    let server = TestServer::start(|_| {});
    let (_leecher, _other) = introduce_clients(&server).await;
    let mut seeder = server.connect().await;
    let mut message = announce("n", "<b>&0000");
    message["left"] = 0.into();
    seeder.send(&message).await;
    seeder.receive().await;
    let mut again = server.connect().await;
    again.join("m", "<b>&0000").await;
    wait_for_sample(&server, "swarmhub_swarms", 2.0).await;
    wait_for_sample(
        &server,
        "swarmhub_connections_by_family{family=\"ipv4\"}",
        4.0,
    )
    .await;
    let response = server.get("/stats.json", "").await.expect(200);
    let allowed = response.expect_header("access-control-allow-origin");
    assert_eq!(allowed, "*");
    let content_type = response.expect_header("content-type");
    assert_eq!(content_type, "application/json");
    let stats = response.json();
    let expected = json!({
        "torrents": 2, "activeTorrents": 2, "peersAll": 3, "peersSeederOnly": 0, "peersLeecherOnly": 2,
        "peersSeederAndLeecher": 1, "peersIPv4": 4, "peersIPv6": 0,
        "clients": {"WebTorrent": {"2.7": 2}, "unknown": {"other": 1}},
    });
    assert_eq!(stats, expected);

    let accept = "Accept: application/json\r\n";
    let accepted = server.get("/stats", accept).await;
    assert_eq!(accepted.json(), expected);
    let page = server.get("/stats", "Accept: text/html\r\n").await;
    let content_type = page.expect_header("content-type");
    assert!(content_type.starts_with("text/html"), "{content_type}");
    let policy = page.expect_header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let page = page.expect_text("WebTorrent 2.7</th><td>2</td>");
    assert!(!page.text().contains("<b>"));

    let clients = json_at(&server, "/api/v1/clients").await;
    assert_eq!(
        clients["clients"][0],
        json!({"name": "WebTorrent", "version": "2.7", "members": 2, "websocket": 2, "http": 0})
    );
    assert_eq!(
        (&clients["peers"], &clients["both"]),
        (&json!(3), &json!(1))
    );
    assert_eq!(clients["families"]["ipv4"], 4);
}

#[tokio::test]
async fn http_peers_are_counted_in_total_and_separately() {
    let server =
        TestServer::start(|config| config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()]);
    let mut browser = server.connect().await;
    browser.join("m", "-WW0207-a").await;
    for (swarm, peer, address, left) in [
        ("m", "-qB4630-a", "192.0.2.1", 0),
        ("m", "-qB4630-a", "2001:db8::1", 0),
        ("n", "-qB4630-a", "192.0.2.1", 1),
        ("n", "-TR4050-b", "2001:db8::2", 1),
        // The peer of the browser, announced over HTTP as well.
        ("m", "-WW0207-a", "192.0.2.3", 1),
    ] {
        let (hash, peer) = (id(swarm), id(peer));
        let path = format!("/announce?info_hash={hash}&peer_id={peer}&port=6881&left={left}");
        let headers = format!("X-Forwarded-For: {address}\r\n");
        server.get(&path, &headers).await.expect(200);
    }
    wait_for_sample(&server, "swarmhub_http_peers", 5.0).await;
    wait_for_sample(&server, "swarmhub_connections", 1.0).await;
    let mut response = json_at(&server, "/api/v1/clients").await;
    response.as_object_mut().unwrap().remove("at").unwrap();
    let client = |name: &str, version: &str, members: u64, websocket: u64, http: u64| json!({"name": name, "version": version, "members": members, "websocket": websocket, "http": http});
    let expected = json!({
        "peers": 3, "seeders_only": 0, "leechers_only": 2, "both": 1, "websocket": 1, "http": 3,
        "families": {"ipv4": 1, "ipv6": 0, "unix": 0}, "http_families": {"ipv4": 2, "ipv6": 2},
        "clients": [
            client("Transmission", "4.0.5", 1, 0, 1),
            client("WebTorrent", "2.7", 1, 1, 1),
            client("qBittorrent", "4.6.3", 1, 0, 1),
        ],
    });
    assert_eq!(response, expected);
    let stats = json_at(&server, "/stats.json").await;
    let expected = json!({
        "torrents": 2, "activeTorrents": 2, "peersAll": 3, "peersSeederOnly": 0, "peersLeecherOnly": 2,
        "peersSeederAndLeecher": 1, "peersIPv4": 3, "peersIPv6": 2,
        "clients": {"Transmission": {"4.0.5": 1}, "WebTorrent": {"2.7": 1}, "qBittorrent": {"4.6.3": 1}},
    });
    assert_eq!(stats, expected);
}

/// Regression: for seconds after two joins the response had one torrent, two IPv4 peers and no peers in total.
#[tokio::test]
async fn all_numbers_of_a_response_come_from_one_count() {
    let server = TestServer::start(|_| {});
    // A first, empty count exists already.
    assert_eq!(count_peers(&server).await, 0);
    let mut members = Vec::new();
    for number in 0..20 {
        let mut member = server.connect().await;
        let (swarm, peer) = (format!("swarm {number}"), format!("-WW0207-{number}"));
        member.join(&swarm, &peer).await;
        members.push(member);
        assert!(count_peers(&server).await <= number + 1);
    }
    let mut patience = Patience::new("all are counted");
    let mut last = 0;
    while last < 20 {
        patience.turn().await;
        let peers = count_peers(&server).await;
        if peers != last {
            patience.progress();
        }
        last = peers;
    }
}

/// Checks that all numbers agree, and returns the number of peers.
async fn count_peers(server: &TestServer) -> u64 {
    let stats = json_at(server, "/stats.json").await;
    let clients = json_at(server, "/api/v1/clients").await;
    let of_stats = [
        "peersSeederOnly",
        "peersLeecherOnly",
        "peersSeederAndLeecher",
    ]
    .map(|key| &stats[key]);
    let of_clients = ["seeders_only", "leechers_only", "both"].map(|key| &clients[key]);
    for (all, parts) in [
        (&stats["peersAll"], of_stats),
        (&clients["peers"], of_clients),
    ] {
        let sum: u64 = parts.iter().map(|part| part.as_u64().unwrap()).sum();
        assert_eq!(all.as_u64().unwrap(), sum, "{stats} {clients}");
    }
    let [torrents, peers, ipv4] =
        ["torrents", "peersAll", "peersIPv4"].map(|key| stats[key].as_u64().unwrap());
    // Each swarm has one member, each member a connection and an id of its own.
    assert_eq!((torrents, ipv4), (peers, peers), "{stats}");
    assert_eq!(clients["families"]["ipv4"], clients["peers"], "{clients}");
    peers
}
