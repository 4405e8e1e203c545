//! Response headers of every route: no header occurs twice, and each asset has one correct content type.
//!
//! Of two `Content-Type` lines nginx and Apache forward the first, which once left the pages blank behind them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;

use swarmhub::config::{Config, HistoryStorage, ListenSpec, Secret};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::support::{TIMEOUT, TestServer, id};

const TOKEN: &str = "correct-horse-battery-staple";
/// Headers that may occur in several lines, one value each.
const REPEATABLE: [&str; 4] = ["link", "set-cookie", "vary", "www-authenticate"];
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

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

    /// Sends a request and returns the response head in lower case.
    async fn request(&mut self, method: &str, path: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x.example\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut received = Vec::new();
        while !received.ends_with(b"\r\n\r\n") {
            let byte = timeout(TIMEOUT, stream.read_u8()).await.expect("in time");
            received.push(byte.unwrap_or_else(|error| panic!("{method} {path}: {error}")));
        }
        let head = String::from_utf8(received).unwrap().to_lowercase();
        self.count += 1;
        self.statuses.insert(head[9..12].parse().unwrap());
        let mut seen = BTreeSet::new();
        for line in head.lines().skip(1).filter(|line| !line.is_empty()) {
            let (name, _) = line.split_once(':').expect("a field");
            assert!(
                seen.insert(name.to_owned()) || REPEATABLE.contains(&name),
                "{method} {path}: {name} occurs twice in\n{head}"
            );
        }
        head
    }
}

/// Returns the paths of all routes in the source, with values in place of their parameters.
fn routes() -> BTreeSet<String> {
    fn walk(folder: &Path, routes: &mut BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, routes);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
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
        }
    }
    let mut routes = BTreeSet::new();
    walk(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http"),
        &mut routes,
    );
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
    fn walk(folder: &Path, below: &str, assets: &mut Vec<String>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{below}/{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                walk(&entry.path(), &name, assets);
            } else {
                assets.push(name);
            }
        }
    }
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
    let mut assets = Vec::new();
    for folder in ["common", "share", "dashboard", "vendor"] {
        walk(&web.join(folder), folder, &mut assets);
    }
    assets
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
    let token = format!("Authorization: Bearer {TOKEN}\r\n");
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
        heads.request("GET", path, UPGRADE).await;
        heads
            .request(
                "GET",
                path,
                &format!("{UPGRADE}Sec-WebSocket-Protocol: a, b\r\n"),
            )
            .await;
        heads
            .request("GET", path, &UPGRADE.replace("13", "8"))
            .await;
        heads
            .request("GET", path, &UPGRADE.replace("-Key", "-X"))
            .await;
        heads.request("POST", path, UPGRADE).await;
        heads.request("GET", path, "Sec-WebSocket-Key: x\r\n").await;
    }
    for status in [101, 200, 307, 400, 401, 404, 405, 426] {
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
                let head = heads.request(method, &path, headers).await;
                assert!(head.starts_with("http/1.1 200 "), "{path}: {head}");
                let types: Vec<_> = head
                    .lines()
                    .filter_map(|line| line.strip_prefix("content-type: "))
                    .collect();
                assert_eq!(types.len(), 1, "{path}: {types:?}");
                if let Some((ending, content_type)) = known {
                    seen.insert(*ending);
                    assert_eq!(types, [*content_type], "{path}");
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
        config.drain.quiet = TIMEOUT;
    });
    let mut client = draining.connect().await;
    client.join("swarm", "peer").await;
    draining.handle.drain();
    let mut heads = HeadChecker::new(draining.address);
    let start = std::time::Instant::now();
    while !heads.statuses.contains(&503) {
        assert!(start.elapsed() < TIMEOUT, "it never drains");
        heads.request("GET", "/readyz", "").await;
    }
    heads.request("GET", "/", UPGRADE).await;
    heads.request("GET", "/announce?info_hash=x", "").await;
}
