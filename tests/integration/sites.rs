//! Sites of `tracker.groups`: the site of a connection behind each kind of proxy, reloads, broken files, the admin API.

#![cfg(unix)]

use std::path::PathBuf;

use serde_json::{Value, json};
use swarmhub::config::{Config, Secret};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::http::bearer;
use crate::support::program::{Program, command, run};
use crate::support::{Client, TestServer, hex, id, wait_until};

const TOKEN: &str = "correct-horse-battery-staple";

fn write_groups(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("groups.csv");
    std::fs::write(&path, text).unwrap();
    path
}

/// Starts a server that trusts this machine as a proxy, with a second listener that requires PROXY headers.
fn server(folder: &TempDir, groups: &str, change: impl FnOnce(&mut Config)) -> TestServer {
    TestServer::start(|config| {
        config.tracker.groups = Some(write_groups(folder, groups));
        let listen = ["127.0.0.1:0", "proxy+127.0.0.1:0"];
        config.listen = listen.map(|listen| listen.parse().unwrap()).to_vec();
        config.proxies.trusted = vec!["127.0.0.1".parse().unwrap()];
        config.admin_token = Some(Secret::new(TOKEN));
        change(config);
    })
}

/// Joins the swarm from this address, which a proxy forwards.
async fn join_from(server: &TestServer, name: &str, forwarded_for: &str) -> Client {
    let headers = [("x-forwarded-for", forwarded_for)];
    let mut client = Client::connect_with(server.address, "/", &headers).await;
    client.join("swarm", name).await;
    client
}

/// Joins the swarm behind a PROXY header.
async fn join_behind(server: &TestServer, name: &str, header: &[u8]) -> Client {
    let mut stream = TcpStream::connect(server.address_of(1)).await.unwrap();
    stream.write_all(header).await.unwrap();
    let mut client = Client::handshake(stream).await;
    client.join("swarm", name).await;
    client
}

async fn get(server: &TestServer, path: &str) -> Value {
    let target = format!("GET /api/v1/{path}");
    server.send(&target, &bearer(TOKEN), "").await.ok()
}

/// The site of a peer in the swarm, as the API shows it.
async fn site_of(server: &TestServer, name: &str) -> Value {
    let swarm = get(server, &format!("swarms/{}", hex(&id("swarm")))).await;
    let mut peers = swarm["peers"].as_array().unwrap().iter();
    let peer = peers.find(|peer| peer["peer_id"] == hex(&id(name)));
    peer.expect(name)["site"].clone()
}

/// The response of the list for sites of one network each.
fn sites(counts: &[(&str, u32)], without_site: u32) -> Value {
    let sites = counts.iter().map(
        |(site, connections)| json!({"site": site, "networks": 1, "connections": connections}),
    );
    json!({
        "sites": sites.collect::<Vec<_>>(),
        "sites_total": counts.len(),
        "connections_without_site": without_site,
    })
}

const GROUPS: &str =
    "network,site\n203.0.113.0/24,Berlin\n2001:db8::/32,Rome\n127.0.0.0/8,proxies\n";

#[tokio::test]
async fn a_connection_has_the_site_of_its_address_behind_each_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder, GROUPS, |_| {});
    let clients = [
        join_from(&server, "forwarded", "203.0.113.7").await,
        // The client cannot hide behind an address that it sends itself.
        join_from(&server, "liar", "203.0.113.7, 198.51.100.1").await,
        join_from(&server, "v6", "2001:db8:1::7").await,
        join_from(&server, "mapped", "::ffff:203.0.113.8").await,
        join_from(&server, "elsewhere", "198.51.100.1").await,
        // The address is unknown: that of the proxy does not count.
        join_from(&server, "unnamed", "nonsense").await,
        join_behind(
            &server,
            "v1",
            b"PROXY TCP4 203.0.113.9 10.0.0.1 4096 80\r\n",
        )
        .await,
        join_behind(
            &server,
            "v2",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x07\x0a\0\0\x01\x10\0\0\x50",
        )
        .await,
    ];
    for (name, site) in [
        ("forwarded", json!("Berlin")),
        ("liar", Value::Null),
        ("v6", json!("Rome")),
        ("mapped", json!("Berlin")),
        ("elsewhere", Value::Null),
        ("unnamed", Value::Null),
        ("v1", json!("Berlin")),
        ("v2", json!("Berlin")),
    ] {
        assert_eq!(site_of(&server, name).await, site, "{name}");
    }
    let open = sites(&[("Berlin", 4), ("Rome", 1), ("proxies", 0)], 3);
    assert_eq!(get(&server, "sites").await, open);

    // A client on this machine, without a proxy.
    let mut local = server.connect().await;
    local.join("swarm", "local").await;
    assert_eq!(site_of(&server, "local").await, "proxies");

    drop((clients, local));
    wait_until("all are closed", || server.node.connections() == 0).await;
    let closed = sites(&[("Berlin", 0), ("Rome", 0), ("proxies", 0)], 0);
    assert_eq!(get(&server, "sites").await, closed);
}

#[tokio::test]
async fn a_reload_gives_new_connections_the_new_site() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder, "203.0.113.0/24,Berlin\n", |_| {});
    let reload = async || server.handle.reload(&server.handle.config()).await;
    let old = join_from(&server, "old", "203.0.113.7").await;
    write_groups(&folder, "203.0.113.0/24,Rome\n");
    reload().await.unwrap();
    let _new = join_from(&server, "new", "203.0.113.7").await;
    assert_eq!(site_of(&server, "old").await, "Berlin");
    assert_eq!(site_of(&server, "new").await, "Rome");
    let listed = get(&server, "sites").await;
    assert_eq!(
        listed["sites"],
        json!([
            {"site": "Berlin", "networks": 0, "connections": 1},
            {"site": "Rome", "networks": 1, "connections": 1},
        ])
    );

    // A file that cannot be used changes nothing.
    for wrong in ["203.0.113.0/24,Oslo\nnonsense\n", "203.0.113.0/24,\n"] {
        write_groups(&folder, wrong);
        let problems = reload().await.unwrap_err();
        assert_eq!(problems.len(), 1);
        let problem = problems[0].to_string();
        assert!(problem.contains("groups.csv:"), "{problem}");
        assert!(problem.contains(": tracker.groups: "), "{problem}");
    }
    let _newer = join_from(&server, "newer", "203.0.113.7").await;
    assert_eq!(site_of(&server, "newer").await, "Rome");

    // A removed site is listed until its last connection ends and the file is read again.
    drop(old);
    wait_until("it is closed", || server.node.connections() == 2).await;
    write_groups(&folder, "203.0.113.0/24,Rome\n");
    reload().await.unwrap();
    assert_eq!(get(&server, "sites").await, sites(&[("Rome", 2)], 0));
}

#[tokio::test]
async fn misbehaving_connections_have_their_site() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder, GROUPS, |config| {
        config.connection.malformed_per_minute_max = 2;
    });
    let mut client = join_from(&server, "hostile", "203.0.113.7").await;
    client.send(&json!("nonsense")).await;
    client.receive().await;
    let open = get(&server, "hostile").await;
    assert_eq!(open["connections"][0]["site"], "Berlin", "{open}");
    for _ in 0..3 {
        client.send(&json!("nonsense")).await;
    }
    client.read_to_end().await;
    wait_until("it is closed", || server.node.connections() == 0).await;
    let closed = get(&server, "hostile").await;
    assert_eq!(closed["connections"][0]["open"], false, "{closed}");
    assert_eq!(closed["connections"][0]["site"], "Berlin", "{closed}");
}

#[tokio::test]
async fn without_a_file_no_sites_are_listed() {
    let folder = tempfile::tempdir().unwrap();
    let server = server(&folder, "", |config| config.tracker.groups = None);
    let _client = join_from(&server, "peer", "203.0.113.7").await;
    assert_eq!(site_of(&server, "peer").await, Value::Null);
    let listed = get(&server, "sites").await;
    assert_eq!(
        listed,
        json!({"sites": null, "sites_total": 0, "connections_without_site": 1})
    );
}

#[tokio::test]
async fn a_broken_file_prevents_the_start_but_not_service() {
    let folder = tempfile::tempdir().unwrap();
    let broken = "# sites\n203.0.113.0/24,Berlin\n203.0.113.0/24,Rome\n";
    let groups = write_groups(&folder, broken);
    let args = ["--tracker-groups", groups.to_str().unwrap()];
    for before in [&["check-config"][..], &["--listen", "127.0.0.1:0"]] {
        let finished = run(&mut command(&[before, &args].concat())).await;
        assert_eq!(finished.code, Some(2), "{}", finished.stderr);
        let problem = "groups.csv:3: tracker.groups: 203.0.113.0/24 has another site";
        assert!(finished.stderr.contains(problem), "{}", finished.stderr);
    }
    write_groups(&folder, "203.0.113.0/24,Berlin\n");
    let finished = run(&mut command(&[&["check-config"][..], &args].concat())).await;
    assert_eq!((finished.code, &*finished.stderr), (Some(0), ""));

    // A changed file is loaded without a signal, a broken one only reported.
    let program = Program::start(&args);
    program.wait_for_log("networks=1 sites=1", 1).await;
    write_groups(&folder, broken);
    program.wait_for_log("the old lists stay active", 1).await;
    write_groups(&folder, "203.0.113.0/24,Berlin\n10.0.0.0/8,Rome\n");
    program.wait_for_log("networks=2 sites=2", 1).await;
    program.stop().await;
}
