//! Connections in the admin API: kicks, bans, origins and hostile clients.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    TOKEN, audit, connect_as, connection_id, only_swarm, send_malformed,
    send_malformed_until_banned, send_request, server, server_behind_a_proxy,
};
use crate::support::http::bearer;
use crate::support::{Client, TestServer, wait_until};

/// Connects one client for each name and address; they join the swarm.
async fn join_as(server: &TestServer, clients: &[(&str, &str)]) -> Vec<Client> {
    let mut joined = Vec::new();
    for (name, address) in clients {
        let mut client = connect_as(server, address).await;
        client.join("swarm", name).await;
        joined.push(client);
    }
    joined
}

#[tokio::test]
async fn a_ban_closes_all_connections_of_the_address() {
    let server = server(|config| {
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
        config.workers = 2;
    });
    let banned = "192.0.2.77";
    let names = [("a", banned), ("b", banned), ("c", "192.0.2.78")];
    let mut clients = join_as(&server, &names).await;
    let mut exempt = server.connect().await;
    exempt.join("swarm", "d").await;
    check_refused_bans(&server).await;

    let one = ban_request(&server, "a").await;
    let reply = server.send(&one, &bearer(TOKEN), BAN).await.ok();
    assert_eq!(
        (&reply["seconds"], &reply["closed"], &reply["complete"]),
        (&json!(3600), &json!(2), &json!(true))
    );
    for client in &mut clients[..2] {
        assert_eq!(client.receive_close().await.0, 1008);
    }
    wait_until("both are closed", || server.node.connections() == 2).await;
    clients[2].join("swarm", "c").await;
    let as_banned = format!("X-Forwarded-For: {banned}\r\n");
    let refused = server.send("GET /ice", &as_banned, "").await.expect(403);
    refused.expect_text("by the operator");
    let bans = send_request(&server, "GET /api/v1/bans").await.ok();
    assert_eq!(bans["bans"][0]["reason"], "by the operator of this tracker");
    let lift = format!("DELETE /api/v1/bans/{}", reply["banned"].as_str().unwrap());
    send_request(&server, &lift).await.ok();
    server.send("GET /ice", &as_banned, "").await.expect(200);
    server.send(&one, &bearer(TOKEN), BAN).await.error(404);
    let entries = audit(&server).await;
    assert_eq!((entries.len(), entries[1].0.as_str()), (2, "ban"));
    assert!(!entries[1].1.contains("192.0.2"), "{}", entries[1].1);
}

const BAN: &str = r#"{"seconds":3600}"#;

/// Returns the request that bans the connection of a peer.
async fn ban_request(server: &TestServer, name: &str) -> String {
    let connection = connection_id(server, name).await;
    format!("POST /api/v1/connections/{connection}/ban")
}

/// Tries invalid times, the operator's own address, and an exempt one.
async fn check_refused_bans(server: &TestServer) {
    let one = ban_request(server, "a").await;
    for wrong in [r#"{"seconds":0}"#, r#"{"seconds":2592001}"#, "{}", ""] {
        server.send(&one, &bearer(TOKEN), wrong).await.error(400);
    }
    let own = format!("X-Forwarded-For: 192.0.2.77\r\n{}", bearer(TOKEN));
    let error = server.send(&one, &own, BAN).await.error(409);
    assert!(error.contains("your own address"), "{error}");
    let of_exempt = ban_request(server, "d").await;
    let refused = server.send(&of_exempt, &bearer(TOKEN), BAN).await;
    let error = refused.error(409);
    let is_one_reason = error.contains("exempt") && !error.contains("no_limits");
    assert!(is_one_reason, "{error}");
    let swarm = only_swarm(server).await;
    let peers = swarm["peers"].as_array().unwrap().iter();
    let reasons: Vec<_> = peers
        .filter_map(|peer| peer["ban_refused"].as_str())
        .collect();
    assert_eq!(reasons.len(), 1, "of four, one is exempt: {swarm}");
    assert!(error.contains(reasons[0]), "the same text: {error}");
}

#[tokio::test]
async fn a_kick_closes_only_one_connection() {
    let server = server(|_| {});
    let mut clients = Vec::new();
    for name in ["a", "b", "c", "d"] {
        let mut client = server.connect().await;
        client.join("swarm", name).await;
        clients.push(client);
    }
    let id = connection_id(&server, "c").await;
    let kick = format!("POST /api/v1/connections/{id}/kick");
    send_request(&server, &kick).await.ok();
    let (code, reason) = clients[2].receive_close().await;
    assert_eq!((code, reason.as_str()), (1008, "closed by the operator"));
    wait_until("it is closed", || server.node.connections() == 3).await;
    assert_eq!(server.node.counters().connections_kicked, 1);
    send_request(&server, &kick).await.error(404);
    for unknown in ["ff00000000000000", "0", "x", "00000000000000ff"] {
        let kick = format!("POST /api/v1/connections/{unknown}/kick");
        let error = send_request(&server, &kick).await.error(404);
        assert!(error.contains("connection not found"), "{error}");
    }
    clients[0].join("swarm", "a").await;
    let [(what, detail)] = &audit(&server).await[..] else {
        panic!("one entry")
    };
    assert_eq!(what, "kick");
    assert!(detail.contains(&id), "{detail}");
}

#[tokio::test]
async fn origins_are_listed_with_their_connections() {
    let server = server(|_| {});
    let mut program = server.connect().await;
    let mut plain = Vec::new();
    for origin in [
        "https://b.example",
        "https://a.example",
        "https://b.example",
    ] {
        let headers = [("origin", origin)];
        plain.push(Client::connect_with(server.address, "/", &headers).await);
    }
    for (number, client) in plain.iter_mut().enumerate() {
        client.join("swarm", &format!("p{number}")).await;
    }
    program.join("swarm", "other").await;
    let all = send_request(&server, "GET /api/v1/origins").await.ok();
    let expected = json!({"origins": [
        {"origin": "https://b.example", "connections": 2}, {"origin": "https://a.example", "connections": 1},
    ]});
    assert_eq!(all, expected);
    drop(plain);
    wait_until("all are closed", || {
        server.node.admission().origins().is_empty()
    })
    .await;
}

#[tokio::test]
async fn hostile_clients_are_listed_and_bans_can_be_lifted() {
    let server = server_behind_a_proxy(|config| {
        config.bans.strikes_max = 0;
        config.bans.strike_every = Duration::ZERO;
        config.bans.connection_score_max = 10;
        // The score falls slowly: a slow test sees the same one.
        config.bans.connection_score_half_life = Duration::from_hours(1);
    });
    let operator = format!("X-Forwarded-For: 198.51.100.1\r\n{}", bearer(TOKEN));
    let send = async |request: &str| server.send(request, &operator, "").await;
    let mut client = send_malformed(&server, 3).await;
    for _ in 0..3 {
        client.receive().await;
    }
    let all = send("GET /api/v1/hostile").await.ok();
    let [shown] = &all["connections"].as_array().unwrap()[..] else {
        panic!("{all}")
    };
    assert_eq!(shown["ban_refused"], json!(null));
    assert_eq!(shown["reason"], "3 malformed messages");
    assert!(
        (2.5..=3.0).contains(&shown["score"].as_f64().unwrap()),
        "{shown}"
    );
    assert_eq!(
        (&shown["open"], &shown["address"]),
        (&json!(true), &json!("192.0.2.0/24"))
    );
    assert!(
        shown["done"]
            .as_str()
            .unwrap()
            .contains("more than 10 points")
    );
    drop(client);
    wait_until("it is closed", || server.node.connections() == 0).await;
    send_malformed_until_banned(&server, 11).await;
    let all = send("GET /api/v1/hostile").await.ok();
    check_banned_client(&all["connections"][0]);
    let bans = send("GET /api/v1/bans").await.ok();
    let ban = &bans["bans"][0];
    assert_eq!(
        (&ban["reason"], &ban["times"]),
        (&json!("hostile behaviour"), &json!(1))
    );
    assert!((1.0..=60.0).contains(&ban["left"].as_f64().unwrap()));
    let lift = format!("DELETE /api/v1/bans/{}", ban["key"].as_str().unwrap());
    send(&lift).await.ok();
    assert_eq!(send("GET /api/v1/bans").await.ok(), json!({"bans": []}));
    send_malformed(&server, 1).await.receive().await;
    for unknown in [lift.as_str(), "DELETE /api/v1/bans/x"] {
        assert!(send(unknown).await.error(404).contains("ban not found"));
    }
    let entries = send("GET /api/v1/audit").await.ok();
    assert_eq!(entries["entries"][0]["what"], "ban lifted");
}

fn check_banned_client(shown: &Value) {
    assert_eq!(shown["open"], false);
    // Fewer messages each time: violations of earlier connections stay with the address.
    let reason = shown["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("hostile behaviour: ") && reason.ends_with(" malformed messages"),
        "{reason}"
    );
    let done = shown["done"].as_str().unwrap();
    let expected = "closed, and its address banned for ";
    assert!(done.starts_with(expected), "{done}");
    assert!(shown["at"].as_f64() > Some(1e9));
}
