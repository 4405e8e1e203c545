//! `docs/admin.md`: it shows every path of the API, and its `curl` commands work.

use serde_json::Value;
use swarmhub::config::HistoryStorage;

use super::{
    PATHS, TOKEN, connect_as, connection_id, send_malformed_until_banned, send_request,
    server_behind_a_proxy,
};
use crate::support::bans::ban_at_once;
use crate::support::files::read;
use crate::support::{LONG, hex, id, wait_until};

/// Returns the `curl` commands of the page in order.
fn curl_commands() -> Vec<String> {
    let page = read("docs/admin.md");
    let lines = page.lines().filter(|line| line.starts_with("curl "));
    lines.map(str::to_owned).collect()
}

#[test]
fn the_admin_page_shows_exactly_the_paths_of_the_api() {
    // With info-hashes, the list of swarms needs no token, so its route is among the others.
    let code = read("src/http/api/admin/routes.rs") + "\"/api/v1/swarms\"";
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
        ban_at_once(config);
        config.history = HistoryStorage::Memory;
        config.drain.quiet = LONG;
    });
    send_malformed_until_banned(&server, 3).await;
    let bans = send_request(&server, "GET /api/v1/bans").await.ok();
    let mut clients = Vec::new();
    for (name, address) in [("kick", "192.0.2.98"), ("ban", "192.0.2.99")] {
        let mut client = connect_as(&server, address).await;
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
