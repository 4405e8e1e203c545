//! `/stats` in the format of the reference tracker, and the client census.

use crate::support::{TestServer, announce};
use serde_json::{Value, json};

use super::{fetch, introduce_clients, wait_for_sample};

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
    let response = fetch(server.address, "/stats.json", "").await;
    assert_eq!(response.status(), "200");
    assert!(response.head.contains("access-control-allow-origin: *"));
    assert!(response.head.contains("content-type: application/json"));
    let stats: Value = serde_json::from_str(&response.body).unwrap();
    let expected = json!({
        "torrents": 2, "activeTorrents": 2, "peersAll": 3, "peersSeederOnly": 0, "peersLeecherOnly": 2,
        "peersSeederAndLeecher": 1, "peersIPv4": 4, "peersIPv6": 0,
        "clients": {"WebTorrent": {"2.7": 2}, "unknown": {"other": 1}},
    });
    assert_eq!(stats, expected);

    let accepts = fetch(server.address, "/stats", "Accept: application/json\r\n").await;
    assert_eq!(
        serde_json::from_str::<Value>(&accepts.body).unwrap(),
        expected
    );
    let page = fetch(server.address, "/stats", "Accept: text/html\r\n").await;
    assert!(
        page.head.contains("content-type: text/html"),
        "{}",
        page.head
    );
    assert!(
        page.head
            .contains("content-security-policy: default-src 'none'")
    );
    assert!(
        page.body.contains("WebTorrent 2.7</th><td>2</td>"),
        "{}",
        page.body
    );
    assert!(!page.body.contains("<b>"));

    let clients = fetch(server.address, "/api/v1/clients", "").await;
    let clients: Value = serde_json::from_str(&clients.body).unwrap();
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
        let (hash, peer) = (crate::support::id(swarm), crate::support::id(peer));
        let path = format!("/announce?info_hash={hash}&peer_id={peer}&port=6881&left={left}");
        crate::http_announce::get_as(&server, address, &path).await;
    }
    wait_for_sample(&server, "swarmhub_http_peers", 5.0).await;
    wait_for_sample(&server, "swarmhub_connections", 1.0).await;
    let response = fetch(server.address, "/api/v1/clients", "").await.body;
    let mut response: Value = serde_json::from_str(&response).unwrap();
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
    let stats = fetch(server.address, "/stats.json", "").await.body;
    let stats: Value = serde_json::from_str(&stats).unwrap();
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
    let figures = async || {
        let stats: Value =
            serde_json::from_str(&fetch(server.address, "/stats.json", "").await.body).unwrap();
        let clients: Value =
            serde_json::from_str(&fetch(server.address, "/api/v1/clients", "").await.body).unwrap();
        for (all, parts) in [
            (
                &stats["peersAll"],
                [
                    "peersSeederOnly",
                    "peersLeecherOnly",
                    "peersSeederAndLeecher",
                ]
                .map(|key| &stats[key]),
            ),
            (
                &clients["peers"],
                ["seeders_only", "leechers_only", "both"].map(|key| &clients[key]),
            ),
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
    };
    assert_eq!(figures().await, 0);
    let mut members = Vec::new();
    for number in 0..20 {
        let mut member = server.connect().await;
        member
            .join(&format!("swarm {number}"), &format!("-WW0207-{number}"))
            .await;
        members.push(member);
        assert!(figures().await <= number + 1);
    }
    let since = std::time::Instant::now();
    while figures().await < 20 {
        assert!(
            since.elapsed() < crate::support::TIMEOUT,
            "the count stays old"
        );
        tokio::task::yield_now().await;
    }
}
