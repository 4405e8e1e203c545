//! Response headers of every route: no header occurs twice, and each asset has one correct content type.
//!
//! Of two `Content-Type` lines nginx and Apache forward the first, which once left the pages blank behind them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

use swarmhub::config::{Config, HistoryStorage, ListenSpec, Secret};

use crate::support::files::{paths_below, repository_path};
use crate::support::http::{self, Connection, Response, UPGRADE, bearer};
use crate::support::{LONG, TestServer, id, wait_for};

const TOKEN: &str = "correct-horse-battery-staple";
/// Headers that may occur in several lines, one value each.
const REPEATABLE: [&str; 4] = ["link", "set-cookie", "vary", "www-authenticate"];

/// Sends requests, and checks and collects the response heads of one server.
struct HeadChecker {
    address: SocketAddr,
    statuses: BTreeSet<u16>,
    count: usize,
}

impl HeadChecker {
    fn new(address: SocketAddr) -> Self {
        Self {
            address,
            statuses: BTreeSet::new(),
            count: 0,
        }
    }

    /// Sends a request on a new connection and returns the response.
    async fn request(&mut self, method: &str, path: &str, headers: &str) -> Response {
        let mut connection = Connection::open(self.address).await;
        let target = format!("{method} {path}");
        connection.write(http::request(&target, headers, "")).await;
        // Some bodies never end.
        let head = connection.read_head().await.expect(&target);
        self.count += 1;
        let mut seen = BTreeSet::new();
        for line in head.lines().skip(1).filter(|line| !line.is_empty()) {
            let (name, _) = line.split_once(':').expect("a field");
            let name = name.to_lowercase();
            assert!(
                REPEATABLE.contains(&&*name) || seen.insert(name.clone()),
                "{target}: {name} occurs twice in\n{head}"
            );
        }
        let status = head[9..12].parse().unwrap();
        self.statuses.insert(status);
        let body = Vec::new();
        Response { status, head, body }
    }
}

/// Returns the paths of all routes in the source, with values in place of their parameters.
fn routes() -> BTreeSet<String> {
    let text: String = paths_below(&repository_path("src/http"))
        .into_iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .collect();
    let mut routes = BTreeSet::new();
    for rest in text.split(".route(").skip(1) {
        let first = rest.split(',').next().unwrap().trim();
        // A call of a function with this name, not a route.
        if first.starts_with(|first: char| first.is_ascii_lowercase()) {
            continue;
        }
        let route = if first.starts_with('"') {
            first.trim_matches('"').to_owned()
        } else {
            let named = format!("const {first}: &str = \"");
            let value = text.split(&named).nth(1).expect(first);
            value.split('"').next().unwrap().to_owned()
        };
        routes.insert(route);
    }
    assert!(routes.len() > 25, "{routes:?}");
    let filled = routes.iter().map(|route| {
        let route = route.replace("{info_hash}", &"0".repeat(40));
        let route = route.replace("{version}/{*path}", "x/share/main.js");
        route.split('{').next().unwrap().to_owned() + if route.contains('{') { "1" } else { "" }
    });
    filled.collect()
}

/// Returns the path below `web/` of every file of the pages.
fn assets() -> Vec<String> {
    let web = repository_path("web");
    let folders = ["common", "embed", "share", "dashboard", "vendor"];
    let paths = folders
        .iter()
        .flat_map(|folder| paths_below(&web.join(folder)));
    let below = paths.map(|path| path.strip_prefix(&web).unwrap().to_owned());
    below
        .map(|path| path.to_str().unwrap().to_owned())
        .filter(|path| !is_of_package(path))
        .collect()
}

/// Returns whether a file belongs to the npm package only, which the server does not serve.
fn is_of_package(path: &str) -> bool {
    let Some(file) = path.strip_prefix("embed/") else {
        return false;
    };
    let is_module = Path::new(file)
        .extension()
        .is_some_and(|ending| ending == "js")
        && !file.contains('/');
    !is_module && !file.starts_with("style/")
}

fn configure(config: &mut Config) {
    config.no_limits = true;
    config.history = HistoryStorage::Memory;
    config.base_path = Some("/hub".to_owned());
    config.admin_token = Some(Secret::new(TOKEN));
}

#[tokio::test]
async fn no_header_occurs_twice_in_any_response() {
    let server = TestServer::start(configure);
    let mut heads = HeadChecker::new(server.address);
    let token = bearer(TOKEN);
    let more = [
        "",
        "Accept-Encoding: gzip\r\nAccept: application/json\r\nOrigin: https://a.example\r\n",
        "If-None-Match: *\r\nIf-Modified-Since: Sat, 29 Nov 2036 00:00:00 GMT\r\nRange: bytes=0-9\r\n",
        "Authorization: Bearer not-the-right-token\r\n",
        &token,
    ];
    let swarm = format!("info_hash={}", id("swarm"));
    let announce = format!("/announce?{swarm}&peer_id={}&port=6881", id("peer"));
    let others = [
        announce,
        format!("/scrape?{swarm}"),
        "/scrape".to_owned(),
        "/announce".to_owned(),
        "/hub".to_owned(),
        "/hub/".to_owned(),
        "/nothing".to_owned(),
        "/assets/x/nothing".to_owned(),
        "/api/v1/history?range=never".to_owned(),
        "/api/v1/history?format=csv&hours=1".to_owned(),
    ];
    for path in routes().into_iter().chain(others) {
        for headers in more {
            for method in ["GET", "HEAD", "OPTIONS"] {
                heads.request(method, &path, headers).await;
            }
        }
        // Changing requests are sent without the token.
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            heads.request(method, &path, "Content-Length: 0\r\n").await;
        }
    }
    for path in ["/", "/hub", "/announce", "/metrics"] {
        for headers in [
            UPGRADE,
            &format!("{UPGRADE}Sec-WebSocket-Protocol: a, b\r\n"),
            &UPGRADE.replace("13", "8"),
            &UPGRADE.replace("-Key", "-X"),
            "Sec-WebSocket-Key: x\r\n",
        ] {
            heads.request("GET", path, headers).await;
        }
        heads.request("POST", path, UPGRADE).await;
    }
    for status in [101, 200, 303, 307, 400, 401, 404, 405, 426] {
        assert!(heads.statuses.contains(&status), "{:?}", heads.statuses);
    }
    assert!(heads.count > 500);
}

#[tokio::test]
async fn every_asset_has_one_correct_content_type() {
    let server = TestServer::start(configure);
    let mut heads = HeadChecker::new(server.address);
    let kinds = [
        ("js", "text/javascript; charset=utf-8"),
        ("css", "text/css; charset=utf-8"),
        ("html", "text/html; charset=utf-8"),
        ("svg", "image/svg+xml"),
        ("png", "image/png"),
        ("webmanifest", "application/manifest+json"),
    ];
    let mut seen = BTreeSet::new();
    for asset in assets() {
        let kind = asset.rsplit('.').next().unwrap();
        let known = kinds.iter().find(|(ending, _)| *ending == kind);
        for (method, headers) in [
            ("GET", ""),
            ("HEAD", ""),
            ("GET", "Accept-Encoding: gzip, br\r\n"),
        ] {
            for base in ["", "/hub"] {
                let path = format!("{base}/assets/x/{asset}");
                let head = heads.request(method, &path, headers).await.expect(200);
                let own = head.expect_header("content-type");
                if let Some((ending, content_type)) = known {
                    seen.insert(*ending);
                    assert_eq!(own, *content_type, "{path}");
                }
            }
        }
    }
    assert_eq!(seen.len(), kinds.len(), "{seen:?}");
}

#[tokio::test]
async fn no_header_occurs_twice_in_a_refusal() {
    // A denied origin, over a limit, without token, and at a listener that does not serve the path.
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    std::fs::write(&tokens, format!("{TOKEN}\n")).unwrap();
    let listeners = ["127.0.0.1:0", "pages+127.0.0.1:0", "tracker+127.0.0.1:0"];
    let server = TestServer::start(|config| {
        config.listen = listeners
            .iter()
            .map(|word| word.parse::<ListenSpec>().unwrap())
            .collect();
        config.origin_denied = vec!["https://a.example".into()];
        config.access.tokens_file = Some(tokens);
        config.public_stats = false;
        config.limits.exempt = Vec::new();
        config.limits.address_http_requests_per_second = 1;
        config.limits.address_http_requests_burst = 1;
    });
    let mut heads = HeadChecker::new(server.address);
    let denied = format!("{UPGRADE}Origin: https://a.example\r\n");
    for listener in 0..listeners.len() {
        heads.address = server.address_of(listener);
        for path in [
            "/",
            "/ice",
            "/metrics",
            "/stats",
            "/readyz",
            "/announce",
            "/x",
        ] {
            for headers in ["", UPGRADE, &denied] {
                heads.request("GET", path, headers).await;
            }
        }
    }
    for status in [200, 403, 404, 429] {
        assert!(heads.statuses.contains(&status), "{:?}", heads.statuses);
    }
    // While draining. Without an open connection draining would end at once.
    let draining = TestServer::start(|config| {
        config.drain.quiet = LONG;
    });
    let mut client = draining.connect().await;
    client.join("swarm", "peer").await;
    draining.handle.drain();
    let mut heads = HeadChecker::new(draining.address);
    wait_for("it drains", async || {
        let ready = heads.request("GET", "/readyz", "").await;
        (ready.status == 503).then_some(())
    })
    .await;
    heads.request("GET", "/", UPGRADE).await;
    heads.request("GET", "/announce?info_hash=x", "").await;
}
