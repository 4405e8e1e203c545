//! Swarms in the admin API: paged lists, and single swarms with peers and introductions.

use crate::support::{announce, id, offer};
use serde_json::{Value, json};

use super::{connect, hex, send_request, server, server_behind_a_proxy};

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

#[tokio::test]
async fn a_swarm_shows_its_peers_and_introductions() {
    let server = server_behind_a_proxy(|_| {});
    let mut one = connect(&server, &[("x-forwarded-for", "192.0.2.77")]).await;
    let mut other = connect(&server, &[("x-forwarded-for", "2001:db8:1:2::3")]).await;
    let (first, second) = ("-WW0201-one", "-TR4000-other");
    one.join("swarm", first).await;
    let mut message = announce("swarm", second);
    message["left"] = json!(0);
    other.send(&message).await;
    other.receive().await;
    let path = format!("GET /api/v1/swarms/{}", hex(&id("swarm")));
    let before = send_request(&server, &path).await.ok();
    assert_eq!(before["introductions"], json!([]));
    let mut message = announce("swarm", first);
    message["offers"] = json!([offer("offer", "sdp")]);
    one.send(&message).await;
    one.receive().await;
    assert_eq!(other.receive().await["offer"]["sdp"], "sdp");
    let answer = json!({
        "action": "announce", "info_hash": id("swarm"), "peer_id": id(second),
        "to_peer_id": id(first), "offer_id": id("offer"), "answer": {"type": "answer", "sdp": "sdp"},
    });
    let half = send_request(&server, &path).await.ok();
    assert_eq!(half["introductions"][0]["answered"], Value::Null);
    other.send(&answer).await;
    one.receive().await;
    let swarm = send_request(&server, &path).await.ok();
    assert_eq!(
        (&swarm["seeders"], &swarm["leechers"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(swarm["peers_total"], 2);
    let peer = |name: &str| {
        let mut peers = swarm["peers"].as_array().unwrap().iter();
        peers
            .find(|peer| peer["peer_id"] == hex(&id(name)))
            .unwrap()
            .clone()
    };
    let (leecher, seeder) = (peer(first), peer(second));
    assert_eq!(leecher["client"], "WebTorrent 2.1");
    assert_eq!(seeder["client"], "Transmission 4.0");
    assert_eq!(
        (&leecher["seeder"], &seeder["seeder"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(
        (&leecher["offers"], &leecher["answers"]),
        (&json!(1), &json!(0))
    );
    assert_eq!(
        (&seeder["offers"], &seeder["answers"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(
        (&leecher["family"], &leecher["address"]),
        (&json!("ipv4"), &json!("192.0.2.0/24"))
    );
    assert_eq!(
        (&seeder["family"], &seeder["address"]),
        (&json!("ipv6"), &json!("2001:db8:1::/48"))
    );
    assert_eq!(leecher["blocked"], false);
    for time in ["age", "heard"] {
        assert!(
            (0.0..20.0).contains(&leecher[time].as_f64().unwrap()),
            "{leecher}"
        );
    }
    // The response contains no complete address.
    assert!(!swarm.to_string().contains("192.0.2.77"));
    let introductions = swarm["introductions"].as_array().unwrap();
    assert_eq!(introductions.len(), 1);
    let introduced = &introductions[0];
    assert_eq!(introduced["from"], hex(&id(first)));
    assert_eq!(introduced["to"], hex(&id(second)));
    let (at, answered) = (introduced["at"].as_f64(), introduced["answered"].as_f64());
    assert!(answered >= at && at > swarm["watched_since"].as_f64().map(|since| since - 1.0));
    assert!(at > Some(1e9));
    let unknown = format!("GET /api/v1/swarms/{}", hex(&id("unknown")));
    assert!(
        send_request(&server, &unknown)
            .await
            .error(404)
            .contains("swarm not found")
    );
    for wrong in ["1", "zz", &"0".repeat(41), &"é".repeat(20)] {
        send_request(&server, &format!("GET /api/v1/swarms/{wrong}"))
            .await
            .error(400);
    }
}

#[tokio::test]
async fn a_swarm_shows_its_http_peers() {
    let server = server_behind_a_proxy(|_| {});
    let mut browser = connect(&server, &[("x-forwarded-for", "192.0.2.77")]).await;
    browser.join("swarm", "-WW0201-one").await;
    for (address, port, left) in [
        ("198.51.100.7", 6881, 1),
        ("2001:db8:1:2::3", 6882, 0),
        ("198.51.100.8", 6883, 0),
    ] {
        let (hash, peer) = (id("swarm"), id("-qB4630-other"));
        let path =
            format!("/announce?info_hash={hash}&peer_id={peer}&port={port}&left={left}&numwant=0");
        crate::http_announce::get_as(&server, address, &path).await;
    }
    let path = format!("GET /api/v1/swarms/{}", hex(&id("swarm")));
    let swarm = send_request(&server, &path).await.ok();
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
        assert!((0.0..20.0).contains(&heard.as_f64().unwrap()), "{heard}");
        peer
    };
    let expected = |port: u16, seeder: bool, family: &str, address: &str| {
        json!({
            "peer_id": hex(&id("-qB4630-other")), "client": "qBittorrent 4.6.3", "seeder": seeder, "http": true,
            "age": null, "offers": null, "answers": null, "family": family, "address": address, "port": port,
            "connection": null, "blocked": false, "ban_refused": null,
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
