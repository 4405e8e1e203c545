//! Swarms in the admin API: paged lists, and single swarms with peers and introductions.

use serde_json::{Value, json};
use swarmhub::config::MatchmakingSetting;

use super::{connect_as, only_swarm, peer_in, send_request, server, server_behind_a_proxy};
use crate::support::{Client, announce, answer, hex, id, offer};

#[tokio::test]
async fn swarms_are_paged_sorted_and_filtered() {
    let server = server(|_| {});
    let mut clients = Vec::new();
    // Swarm a has one member, b two, and so on; one of each is a seeder.
    for (number, name) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
        for member in 0..=number {
            let mut client = server.connect().await;
            let mut message = announce(name, &format!("{name}{member}"));
            message["left"] = json!(usize::from(member > 0));
            client.send(&message).await;
            client.receive().await;
            clients.push(client);
        }
    }
    let list = async |query: &str| {
        let all = send_request(&server, &format!("GET /api/v1/swarms{query}"))
            .await
            .ok();
        let names = all["swarms"].as_array().unwrap().iter().map(|swarm| {
            let hash = swarm["info_hash"].as_str().unwrap();
            char::from(u8::from_str_radix(&hash[..2], 16).unwrap())
        });
        (all["total"].as_u64().unwrap(), names.collect::<String>())
    };
    assert_eq!(list("").await, (5, "edcba".to_owned()));
    assert_eq!(list("?sort=leechers&order=asc").await.1, "abcde");
    assert_eq!(list("?sort=seeders&order=desc").await.1, "abcde");
    assert_eq!(list("?sort=info_hash&order=desc").await.1, "edcba");
    assert_eq!(list("?sort=info_hash").await.1, "abcde");
    assert_eq!(list("?offset=1&limit=2").await, (5, "dc".to_owned()));
    assert_eq!(list("?offset=5").await, (5, String::new()));
    assert_eq!(list("?filter=63").await, (1, "c".to_owned()));
    assert_eq!(list("?filter=6").await, (5, "edcba".to_owned()));
    assert_eq!(list("?filter=7").await, (0, String::new()));
    let all = send_request(&server, "GET /api/v1/swarms?limit=1")
        .await
        .ok();
    let expected = json!([{"info_hash": hex(&id("e")), "seeders": 1, "leechers": 4, "http": 0}]);
    assert_eq!(all["swarms"], expected);
    for query in [
        "?sort=size",
        "?order=up",
        "?filter=xyz",
        "?limit=0",
        "?limit=501",
        "?offset=-1",
        "?offset=100000",
    ] {
        let reply = send_request(&server, &format!("GET /api/v1/swarms{query}")).await;
        assert!(!reply.error(400).is_empty(), "{query}");
    }
}

const LEECHER: &str = "-WW0201-one";
const SEEDER: &str = "-TR4000-other";

/// Lets the leecher offer and the seeder answer.
async fn introduce(leecher: &mut Client, seeder: &mut Client) {
    let mut message = announce("swarm", LEECHER);
    message["offers"] = json!([offer("offer", "sdp")]);
    leecher.send(&message).await;
    leecher.receive().await;
    let relayed = seeder.receive().await;
    assert_eq!(relayed["offer"]["sdp"], "sdp");
    seeder.send(&answer("swarm", SEEDER, &relayed, "sdp")).await;
    leecher.receive().await;
}

#[tokio::test]
async fn a_swarm_shows_its_peers_and_introductions() {
    let server = server_behind_a_proxy(|_| {});
    let mut leecher = connect_as(&server, "192.0.2.77").await;
    let mut seeder = connect_as(&server, "2001:db8:1:2::3").await;
    leecher.join("swarm", LEECHER).await;
    let mut message = announce("swarm", SEEDER);
    message["left"] = json!(0);
    seeder.send(&message).await;
    seeder.receive().await;
    let before = only_swarm(&server).await;
    assert_eq!(before["introductions"], json!([]));
    introduce(&mut leecher, &mut seeder).await;
    let swarm = only_swarm(&server).await;
    for (field, expected) in [("seeders", 1), ("leechers", 1), ("peers_total", 2)] {
        assert_eq!(swarm[field], expected, "{field}");
    }
    check_peers(&swarm);
    check_introduction(&swarm);
    // The response contains no complete address.
    assert!(!swarm.to_string().contains("192.0.2.77"));
    let unknown = format!("GET /api/v1/swarms/{}", hex(&id("unknown")));
    let error = send_request(&server, &unknown).await.error(404);
    assert!(error.contains("swarm not found"), "{error}");
    for wrong in ["1", "zz", &"0".repeat(41), &"é".repeat(20)] {
        let path = format!("GET /api/v1/swarms/{wrong}");
        send_request(&server, &path).await.error(400);
    }
}

fn check_peers(swarm: &Value) {
    let (leecher, seeder) = (peer_in(swarm, LEECHER), peer_in(swarm, SEEDER));
    for (field, of_leecher, of_seeder) in [
        ("client", json!("WebTorrent 2.1"), json!("Transmission 4.0")),
        ("seeder", json!(false), json!(true)),
        ("offers", json!(1), json!(0)),
        ("answers", json!(0), json!(1)),
        ("family", json!("ipv4"), json!("ipv6")),
        ("address", json!("192.0.2.0/24"), json!("2001:db8:1::/48")),
        ("blocked", json!(false), json!(false)),
        ("introductions_answered", json!(1), json!(1)),
        ("introductions_under_way", json!(0), json!(0)),
        ("offers_missed", json!(0), json!(0)),
        ("alone", Value::Null, Value::Null),
    ] {
        assert_eq!(leecher[field], of_leecher, "{field}");
        assert_eq!(seeder[field], of_seeder, "{field}");
    }
    for time in ["age", "heard"] {
        let seconds = leecher[time].as_f64().unwrap();
        assert!((0.0..1e6).contains(&seconds), "{leecher}");
    }
}

fn check_introduction(swarm: &Value) {
    let [introduced] = &swarm["introductions"].as_array().unwrap()[..] else {
        panic!("{swarm}")
    };
    assert_eq!(introduced["from"], hex(&id(LEECHER)));
    assert_eq!(introduced["to"], hex(&id(SEEDER)));
    let (at, answered) = (introduced["at"].as_f64(), introduced["answered"].as_f64());
    assert!(answered >= at && at > swarm["watched_since"].as_f64().map(|since| since - 1.0));
    assert!(at > Some(1e9));
    assert_eq!(introduced["progress"], "answered");
    assert_eq!(
        (&introduced["crossed"], &introduced["repeated"]),
        (&json!(false), &json!(false))
    );
}

#[tokio::test]
async fn an_offer_without_an_answer_is_a_half_introduction() {
    let server = server(|_| {});
    let (mut one, mut other) = (server.connect().await, server.connect().await);
    other.join("swarm", "other").await;
    let mut message = announce("swarm", "one");
    message["offers"] = json!([offer("offer", "sdp")]);
    // Introductions are recorded from the first request on.
    only_swarm(&server).await;
    one.send(&message).await;
    other.receive().await;
    let swarm = only_swarm(&server).await;
    assert_eq!(swarm["introductions"][0]["answered"], Value::Null);
    assert_eq!(swarm["introductions"][0]["progress"], "waiting");
    for name in ["one", "other"] {
        let peer = peer_in(&swarm, name);
        assert_eq!(peer["introductions_under_way"], 1);
        assert_eq!(peer["alone"], "It has only just connected.");
    }
}

#[tokio::test]
async fn a_peer_without_company_says_why_it_is_alone() {
    let server = server(|_| {});
    let mut one = server.connect().await;
    one.join("swarm", "one").await;
    let swarm = only_swarm(&server).await;
    let peer = peer_in(&swarm, "one");
    assert_eq!(peer["alone"], "Nobody else is here over WebSockets.");
    assert_eq!(peer["introductions_answered"], 0);
}

#[tokio::test]
async fn random_matchmaking_reports_no_introductions_of_peers() {
    let server = server(|config| config.tracker.matchmaking = MatchmakingSetting::Random);
    let mut one = server.connect().await;
    one.join("swarm", "one").await;
    let swarm = only_swarm(&server).await;
    let peer = peer_in(&swarm, "one");
    for field in [
        "introductions_answered",
        "introductions_under_way",
        "offers_missed",
        "alone",
    ] {
        assert_eq!(peer[field], Value::Null, "{field}");
    }
}

#[tokio::test]
async fn a_swarm_shows_its_http_peers() {
    let server = server_behind_a_proxy(|_| {});
    let mut browser = connect_as(&server, "192.0.2.77").await;
    browser.join("swarm", "-WW0201-one").await;
    for (address, port, left) in [
        ("198.51.100.7", 6881, 1),
        ("2001:db8:1:2::3", 6882, 0),
        ("198.51.100.8", 6883, 0),
    ] {
        let (hash, peer) = (id("swarm"), id("-qB4630-other"));
        let path =
            format!("/announce?info_hash={hash}&peer_id={peer}&port={port}&left={left}&numwant=0");
        let headers = format!("X-Forwarded-For: {address}\r\n");
        server.get(&path, &headers).await.expect(200);
    }
    let swarm = only_swarm(&server).await;
    assert_eq!(
        (&swarm["peers_total"], &swarm["http"]),
        (&json!(4), &json!(3))
    );
    assert_eq!(
        (&swarm["seeders"], &swarm["leechers"]),
        (&json!(2), &json!(2))
    );
    let peers = swarm["peers"].as_array().unwrap();
    let over_http: Vec<_> = peers.iter().filter(|peer| peer["http"] == true).collect();
    assert_eq!((peers.len(), over_http.len()), (4, 3));
    let shown = |port: u16| {
        let mut peer = over_http
            .iter()
            .find(|peer| peer["port"] == port)
            .map(|peer| (*peer).clone())
            .unwrap();
        let heard = peer.as_object_mut().unwrap().remove("heard").unwrap();
        assert!((0.0..1e6).contains(&heard.as_f64().unwrap()), "{heard}");
        peer
    };
    let expected = |port: u16, seeder: bool, family: &str, address: &str| {
        json!({
            "peer_id": hex(&id("-qB4630-other")), "client": "qBittorrent 4.6.3", "seeder": seeder, "http": true,
            "age": null, "offers": null, "answers": null, "family": family, "address": address, "port": port,
            "connection": null, "blocked": false, "ban_refused": null, "site": null,
            "introductions_answered": null, "introductions_under_way": null, "offers_missed": null, "alone": null,
        })
    };
    assert_eq!(
        shown(6881),
        expected(6881, false, "ipv4", "198.51.100.0/24")
    );
    assert_eq!(shown(6882), expected(6882, true, "ipv6", "2001:db8:1::/48"));
    assert_eq!(shown(6883), expected(6883, true, "ipv4", "198.51.100.0/24"));
    let text = swarm.to_string();
    assert!(!text.contains("198.51.100.7") && !text.contains("2001:db8:1:2"));
    let browser_shown = peers.iter().find(|peer| peer["http"] == false).unwrap();
    assert_eq!(browser_shown["peer_id"], hex(&id("-WW0201-one")));
    assert!(browser_shown["connection"].is_string());
    assert_eq!(browser_shown["port"], Value::Null);
}
