//! `docs/admin.md`: it shows every path of the API, and its `curl` commands work.

use crate::support::{TIMEOUT, id, wait_until};
use serde_json::Value;
use std::time::Duration;
use swarmhub::config::HistoryStorage;
use tokio::time::timeout;

use super::{
    PATHS, TOKEN, connect, connection_id, hex, send_malformed, send_request, server_behind_a_proxy,
};

/// Returns the `curl` commands of the page in order.
fn curl_commands() -> Vec<String> {
    let page = crate::docs::read("docs/admin.md");
    let lines = page.lines().filter(|line| line.starts_with("curl "));
    lines.map(str::to_owned).collect()
}

#[test]
fn the_admin_page_shows_exactly_the_paths_of_the_api() {
    let code = crate::docs::read("src/http/api/admin/mod.rs");
    let shown = curl_commands().join("\n").replace("$HASH", "{info_hash}");
    let shown = shown.replace("$ID", "{id}").replace("$KEY", "{key}");
    let routes = code.split("\"/api/v1/").skip(1);
    let routes: Vec<_> = routes.map(|rest| rest.split('"').next().unwrap()).collect();
    assert!(routes.len() > 10, "{routes:?}");
    for route in &routes {
        let has = |end: &str| shown.contains(&format!("/api/v1/{route}{end}"));
        assert!(has("\"") || has("?"), "{route} is not in docs/admin.md");
    }
    for path in shown.split("/api/v1/").skip(1) {
        let path = path.split(['"', '?']).next().unwrap();
        assert!(routes.contains(&path), "{path} is in docs/admin.md only");
    }
    for (_, path) in PATHS {
        let known = routes.iter().any(|route| {
            let parts = (
                route.split('/'),
                path.trim_start_matches("/api/v1/").split('/'),
            );
            parts.0.clone().count() == parts.1.clone().count()
                && parts
                    .0
                    .zip(parts.1)
                    .all(|(one, other)| one == other || one.starts_with('{'))
        });
        assert!(known, "{path}");
    }
}

#[tokio::test]
async fn the_curl_commands_of_the_admin_page_work() {
    let runs = std::process::Command::new("curl").arg("--version").output();
    if runs.is_err() {
        eprintln!("skipped: curl is not installed");
        return;
    }
    let server = server_behind_a_proxy(|config| {
        config.bans.strikes_max = 0;
        config.bans.strike_every = Duration::ZERO;
        config.connection.malformed_per_minute_max = 1;
        config.history = HistoryStorage::Memory;
        config.drain.quiet = TIMEOUT;
    });
    for _ in 0..20 {
        let mut client = send_malformed(&server, 3).await;
        while let Ok(Some(Ok(_))) =
            timeout(TIMEOUT, futures::StreamExt::next(&mut client.socket)).await
        {}
        wait_until("it is closed", || server.node.connections() == 0).await;
        if server.node.counters().bans > 0 {
            break;
        }
    }
    let bans = send_request(&server, "GET /api/v1/bans").await.ok();
    let mut clients = Vec::new();
    for (name, address) in [("kick", "192.0.2.98"), ("ban", "192.0.2.99")] {
        let mut client = connect(&server, &[("x-forwarded-for", address)]).await;
        client.join("swarm", name).await;
        clients.push((name, client, connection_id(&server, name).await));
    }
    let hash = hex(&id("swarm"));
    for line in curl_commands() {
        let connection_named = clients.iter().find(|(name, ..)| line.contains(name));
        let mut command = std::process::Command::new("sh");
        command.args(["-c", &line]).env_remove("http_proxy");
        command.env("HUB", format!("http://{}", server.address));
        command.env("TOKEN", TOKEN).env("HASH", &hash);
        command.env(
            "ID",
            connection_named.map_or("", |(.., connection)| connection),
        );
        command.env("KEY", bans["bans"][0]["key"].as_str().unwrap());
        let output = command.output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}\n{errors}");
        let body: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(body.is_object(), "{line}");
    }
    let progress = server.handle.progress();
    wait_until("draining", || {
        progress.borrow().phase > swarmhub::ServerPhase::Serving
    })
    .await;
    server.handle.stop();
}
