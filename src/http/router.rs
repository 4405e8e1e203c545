//! Routes HTTP requests that are not WebSocket upgrades, and sets the common response headers.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use axum::Router;
use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST,
    HeaderMap, HeaderValue, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Request, StatusCode};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::api;
use super::api::admin::{self, RankingCache};
use super::api::api_error::ApiError;
use super::api::live_stats::LiveEvents;
use super::assets::{Asset, Assets};
use super::base_path::SlashRedirect;
use super::connection_monitor::ConnectionMonitors;
use super::http_tracker;
use super::local::LoopbackProxyDetector;
use super::metrics::{self, MetricsCache};
use super::own_origin;
use super::page_urls;
use super::response_body::shared_response;
use super::response_cache::ResponseCache;
use super::server_control::ServerControl;
use crate::config::{Config, ListenSpec, ListenerRole, Secret};
use crate::hub::{Hub, IterationQueue, Mailboxes};
use crate::limits::HttpResource;
use crate::metrics::Counters;
use crate::net::forwarded::TrustedProxies;
use crate::node::{ClientInfo, Node};

/// Needs a token if the tracker does: ICE servers may carry passwords.
const ICE: &str = "/ice";
const HEALTHZ: &str = "/healthz";
const READYZ: &str = "/readyz";
pub(super) const METRICS: &str = "/metrics";
/// Paths of health and metrics probes, which are answered at any load.
pub(super) const PROBE_PATHS: [&str; 3] = [HEALTHZ, READYZ, METRICS];
/// Returns whether a path belongs to the API or to the statistics, the most expensive public requests.
pub(super) fn is_api(path: &str) -> bool {
    path.starts_with("/api/") || path.starts_with("/stats")
}
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// The dashboard loads only its own files, because its user holds the admin token.
const DASHBOARD_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'",
);
/// Minimum time between two log lines about a trusted proxy that names no client.
const UNNAMED_CLIENT_LOG_INTERVAL: Duration = Duration::from_mins(1);
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");

/// HTTP requests served per event loop iteration, except announces and scrapes. A WebSocket message waits for one of
/// them, not for one per HTTP connection.
const REQUESTS_PER_ITERATION: usize = 1;

/// The HTTP router of one worker.
#[derive(Debug)]
pub(crate) struct WorkerRouter {
    router: Router,
    shared: Arc<AppState>,
    hub: std::rc::Rc<Hub>,
    monitors: std::rc::Rc<ConnectionMonitors>,
    /// HTTP requests that wait to be served, except announces and scrapes.
    request_queue: IterationQueue,
}

/// The state that the HTTP handlers of all workers share.
#[derive(Debug)]
pub(crate) struct AppState {
    node: Arc<Node>,
    mailboxes: Arc<Mailboxes>,
    assets: Assets,
    live: ArcSwap<LiveSettings>,
    /// Value of `Retry-After` in seconds while the server drains; 0 before.
    retry_after: AtomicU64,
    /// Earliest second, in the node's time, of the next log line about a trusted proxy that names no client.
    unnamed_client_log_due: AtomicU64,
    /// Whether a loopback peer may be a proxy for remote clients.
    pub(super) loopback_proxy: LoopbackProxyDetector,
    /// Cancelled when the server starts draining.
    draining: CancellationToken,
    live_events: LiveEvents,
    pub(super) metrics_cache: MetricsCache,
    /// The control interface of the server. `Weak`, because the server owns this state.
    control: OnceLock<Weak<dyn ServerControl>>,
    rankings: RankingCache,
    /// Responses that are valid for a second.
    pub(super) response_cache: ResponseCache,
    /// The listeners; set once they are bound.
    listeners: OnceLock<Vec<ListenSpec>>,
    /// `tls.acme_domain`
    acme_domains: Vec<String>,
}

/// The HTTP settings that a reload may change.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting, or follows from one"
)]
pub(super) struct LiveSettings {
    /// The response body of `/ice`.
    pub(super) ice: Bytes,
    /// `connection.response_bytes_max`
    pub(super) response_bytes_max: usize,
    /// `base_path`
    pub(super) base_path: Option<String>,
    /// Origins whose pages may use the tracker; empty for all.
    origins: Vec<String>,
    /// Origins whose pages may not use the tracker.
    origins_denied: Vec<String>,
    /// The proxies whose headers are trusted.
    pub(super) proxies: TrustedProxies,
    /// The origin of `alerts.external_url`, an address of the built-in pages.
    own_origin: Option<String>,
    /// `public_stats`
    pub(super) public_stats: bool,
    /// `metrics.public`
    pub(super) metrics_public: bool,
    /// `admin_token`
    pub(super) admin_token: Option<Secret>,
    /// `metrics.token`
    pub(super) metrics_token: Option<Secret>,
    /// `tracker.http`
    pub(super) has_http_tracker: bool,
    /// The value of `Strict-Transport-Security` under TLS (`tls.hsts_max_age`).
    transport_security: HeaderValue,
    /// Whether the header is sent. It is withheld where it would make the server unreachable.
    sends_transport_security: bool,
}

impl AppState {
    /// Creates the state from the configuration.
    #[must_use]
    pub(crate) fn new(config: &Config, node: &Arc<Node>, mailboxes: &Arc<Mailboxes>) -> Arc<Self> {
        let assets = config
            .web_dir
            .clone()
            .map_or_else(Assets::embedded, Assets::Folder);
        Arc::new(Self {
            node: Arc::clone(node),
            mailboxes: Arc::clone(mailboxes),
            assets,
            live: ArcSwap::from_pointee(LiveSettings::new(config)),
            retry_after: AtomicU64::new(0),
            unnamed_client_log_due: AtomicU64::new(0),
            loopback_proxy: LoopbackProxyDetector::default(),
            draining: CancellationToken::new(),
            live_events: LiveEvents::default(),
            metrics_cache: MetricsCache::new(config),
            control: OnceLock::new(),
            rankings: RankingCache::default(),
            response_cache: ResponseCache::default(),
            listeners: OnceLock::new(),
            acme_domains: config.tls.acme_domain.clone(),
        })
    }

    /// Stores the listeners, with real port numbers.
    pub(crate) fn set_listeners(&self, listening: Vec<ListenSpec>) {
        // The only server sets this once.
        let _ = self.listeners.set(listening);
    }

    /// Returns the `/ice` document for a page on this machine: `ice`, plus the URLs under which other machines can open
    /// the page.
    pub(super) fn add_page_urls(&self, ice: &Bytes) -> Bytes {
        let listening = self.listeners.get().map_or(&[][..], Vec::as_slice);
        let pages = page_urls::page_urls(listening, &self.acme_domains);
        match serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(ice) {
            Ok(mut document) => {
                document.insert("pages".to_owned(), pages.into());
                serde_json::Value::from(document).to_string().into()
            }
            Err(_) => ice.clone(),
        }
    }

    /// Activates other settings for later requests.
    pub(crate) fn update_settings(&self, config: &Config) {
        self.live.store(Arc::new(LiveSettings::new(config)));
    }

    /// Starts draining: `/readyz` fails and upgrades are refused. Clients may try again after `retry_after`.
    pub(crate) fn start_draining(&self, retry_after: Duration) {
        let seconds = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        self.retry_after.store(seconds.max(1), Ordering::Relaxed);
        self.draining.cancel();
    }

    /// The token that is cancelled when the server starts draining.
    pub(super) fn draining(&self) -> &CancellationToken {
        &self.draining
    }

    /// Returns the number of subscribers of the live statistics.
    #[must_use]
    pub(crate) fn live_subscriber_count(&self) -> usize {
        self.node
            .admission()
            .http_usage()
            .claimed_total(HttpResource::Followers)
    }

    /// The events of the live statistics.
    pub(super) fn live_events(&self) -> &LiveEvents {
        &self.live_events
    }

    /// Returns the value of `Retry-After` while the server drains.
    pub(super) fn retry_after(&self) -> Option<HeaderValue> {
        let seconds = self.retry_after.load(Ordering::Relaxed);
        (seconds > 0).then(|| seconds.into())
    }

    /// Logs that a trusted proxy names no client, at a limited rate.
    pub(super) fn log_unnamed_client(&self, header: &str) {
        let (now, order) = (self.node.clock().uptime().as_secs(), Ordering::Relaxed);
        let due = self.unnamed_client_log_due.load(order);
        let next = now + UNNAMED_CLIENT_LOG_INTERVAL.as_secs();
        let is_claimed = || {
            let swapped = self
                .unnamed_client_log_due
                .compare_exchange(due, next, order, order);
            swapped.is_ok()
        };
        if now >= due && is_claimed() {
            tracing::warn!(
                header,
                "a trusted proxy sends a header that names no client: all such clients share the limits of one"
            );
        }
    }

    /// Sets the server that the admin API controls.
    pub(crate) fn set_control(&self, steering: Weak<dyn ServerControl>) {
        // The only server sets this once.
        let _ = self.control.set(steering);
    }

    /// Returns the control interface of the server.
    ///
    /// # Errors
    ///
    /// The server has stopped, or none was set.
    pub(super) fn control(&self) -> Result<Arc<dyn ServerControl>, ApiError> {
        let steering = self.control.get().and_then(Weak::upgrade);
        let text = "the server is shutting down";
        steering.ok_or_else(|| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text))
    }

    /// The cached swarm rankings.
    pub(super) fn rankings(&self) -> &RankingCache {
        &self.rankings
    }

    /// The state of the node, shared by all workers: swarms, statistics, history.
    pub(super) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Returns the mailboxes of the workers, to query their connections.
    pub(super) fn mailboxes(&self) -> &Mailboxes {
        &self.mailboxes
    }

    pub(super) fn live_settings(&self) -> Guard<Arc<LiveSettings>> {
        self.live.load()
    }
}

impl LiveSettings {
    fn new(config: &Config) -> Self {
        Self {
            ice: serde_json::json!({ "iceServers": config.ice_servers() })
                .to_string()
                .into(),
            response_bytes_max: config.connection.response_bytes_max,
            base_path: config.base_path.clone(),
            origins: config.origin.clone(),
            origins_denied: config.origin_denied.clone(),
            proxies: TrustedProxies::new(&config.proxies),
            own_origin: config
                .alerts
                .external_url
                .as_deref()
                .and_then(own_origin::origin_of_url),
            public_stats: config.public_stats,
            metrics_public: config.metrics.public,
            admin_token: config.admin_token.clone(),
            metrics_token: config.metrics.token.clone(),
            has_http_tracker: config.tracker.http,
            transport_security: hsts_value(config.tls.hsts_max_age),
            sends_transport_security: config.hsts_max_age().is_some(),
        }
    }

    /// Returns the value of `Strict-Transport-Security` for responses under TLS, if the header is sent.
    pub(super) fn transport_security(&self) -> Option<&HeaderValue> {
        let policy = &self.transport_security;
        self.sends_transport_security.then_some(policy)
    }

    /// Returns whether pages of an origin may use the tracker. The built-in pages (`is_own`, `alerts.external_url`)
    /// need not be listed; `origin_denied` takes precedence.
    pub(super) fn allows_origin(
        &self,
        origin: &HeaderValue,
        is_own: impl FnOnce() -> bool,
    ) -> bool {
        let contains = |list: &[String]| list.iter().any(|known| origin == known.as_str());
        if contains(&self.origins_denied) {
            return false;
        }
        self.origins.is_empty()
            || contains(&self.origins)
            || self.own_origin.as_deref().is_some_and(|own| origin == own)
            || is_own()
    }
}

/// Returns the value of `Strict-Transport-Security`.
fn hsts_value(age: Duration) -> HeaderValue {
    let policy = HeaderValue::try_from(format!("max-age={}", age.as_secs()));
    policy.unwrap_or(HeaderValue::from_static("max-age=0"))
}

impl WorkerRouter {
    /// Creates the router of one worker.
    #[must_use]
    pub(crate) fn new(shared: &Arc<AppState>, hub: std::rc::Rc<Hub>) -> Self {
        let router = Router::new()
            .route("/", get(index))
            .route("/dashboard", get(dashboard))
            .route("/sw.js", get(service_worker))
            .route("/assets/{version}/{*path}", get(asset))
            .route(ICE, get(api::ice))
            .merge(api::stats_access::routes(shared))
            .route(HEALTHZ, get(api::healthz))
            .route(READYZ, get(api::readyz))
            .route(METRICS, get(metrics::metrics))
            .merge(admin::routes(shared))
            .fallback(not_found)
            .with_state(Arc::clone(shared));
        Self {
            router,
            shared: Arc::clone(shared),
            hub,
            monitors: std::rc::Rc::default(),
            request_queue: IterationQueue::new(REQUESTS_PER_ITERATION),
        }
    }

    /// Returns whether a PROXY header of this peer is trusted.
    pub(crate) fn trusts_proxy_header_of(&self, peer: Option<IpAddr>) -> bool {
        self.shared
            .live_settings()
            .proxies
            .accepts_proxy_header(peer)
    }

    /// Returns the peer address, or the address in its PROXY header, if it belongs to a client; `None` for a trusted
    /// proxy.
    pub(crate) fn client_address(&self, peer: Option<IpAddr>) -> Option<IpAddr> {
        peer.filter(|_| !self.shared.live_settings().proxies.is_trusted(peer))
    }

    /// Returns the number of HTTP connections of this worker that cannot send.
    pub(crate) fn blocked_connections(&self) -> usize {
        self.monitors.blocked_count()
    }

    /// Closes HTTP connections whose client takes a full scrape too slowly.
    pub(crate) fn close_slow_connections(&self) {
        self.monitors.close_slow();
    }

    /// Closes HTTP and WebSocket connections of this worker to free the memory that exceeds the limit.
    pub(crate) fn shed_memory(&self) {
        if self.shared.node().admission().pressure().excess_bytes() > 0 {
            let (indexes, memory_held) = self.monitors.memory_held();
            self.hub.shed(&memory_held, |number| {
                if let Some(index) = indexes.get(number) {
                    self.monitors.shed(*index);
                }
            });
        }
    }

    pub(super) fn monitors(&self) -> &std::rc::Rc<ConnectionMonitors> {
        &self.monitors
    }

    pub(super) fn request_queue(&self) -> &IterationQueue {
        &self.request_queue
    }

    pub(super) fn hub(&self) -> &std::rc::Rc<Hub> {
        &self.hub
    }

    pub(super) fn shared(&self) -> &AppState {
        &self.shared
    }

    pub(super) fn counters(&self) -> &Counters {
        self.hub.counters()
    }

    pub(super) async fn route(
        &self,
        request: Request<hyper::body::Incoming>,
        client_info: &ClientInfo,
        role: ListenerRole,
    ) -> Response {
        let path = request.uri().path();
        let is_served = if path == METRICS {
            role == ListenerRole::Metrics
                || role.has_pages() && !self.shared.metrics_cache.has_own_listener()
        } else {
            role.has_pages() || [HEALTHZ, READYZ].contains(&path)
        };
        let admitted = if is_served && path == ICE {
            self.hub
                .admit_request(client_info, http_tracker::target(&request))
        } else {
            Ok(())
        };
        let mut response = match admitted {
            _ if !is_served => not_served_here(role),
            Err(failure) => api::ice_refusal(failure),
            Ok(()) => {
                let request = request.map(Body::new);
                let Ok(response) = self.router.clone().oneshot(request).await;
                response
            }
        };
        let headers = response.headers_mut();
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        response
    }
}

async fn index(
    State(shared): State<Arc<AppState>>,
    bare: Option<Extension<SlashRedirect>>,
    headers: HeaderMap,
) -> Response {
    if let Some(Extension(bare)) = bare {
        return bare.redirect();
    }
    page(
        &shared,
        "share/index.html",
        sharing_policy(headers.get(HOST)),
    )
    .await
}

async fn dashboard(State(shared): State<Arc<AppState>>) -> Response {
    page(&shared, "dashboard/index.html", DASHBOARD_POLICY).await
}

async fn page(shared: &AppState, name: &str, policy: HeaderValue) -> Response {
    let mut response = template(shared, name).await;
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, policy);
    response
}

async fn service_worker(State(shared): State<Arc<AppState>>) -> Response {
    template(&shared, "share/sw.js").await
}

/// Returns a file with `{{assets}}` replaced by the path of the assets. Browsers revalidate it each time, because it
/// leads them to a new version.
async fn template(shared: &AppState, name: &str) -> Response {
    let Some(file) = shared.assets.template(name).await else {
        return not_found().await;
    };
    let content_type = HeaderValue::try_from(file.content_type).unwrap_or(api::TEXT);
    shared_response((
        [(CONTENT_TYPE, content_type), (CACHE_CONTROL, NO_CACHE)],
        file.plain,
    ))
}

async fn asset(
    State(shared): State<Arc<AppState>>,
    Path((version, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(file) = shared.assets.get(&path).await else {
        return not_found().await;
    };
    // An older page may still request the files of its version. It gets the current files, but must not cache them
    // under that name.
    let is_current = shared.assets.base() == format!("/assets/{version}")
        && !matches!(shared.assets, Assets::Folder(_));
    let Asset {
        content_type,
        plain,
        gzip,
    } = file;
    let content_type = HeaderValue::try_from(content_type).unwrap_or(api::TEXT);
    let cache = if is_current { IMMUTABLE } else { NO_CACHE };
    let accepts_gzip = headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|item| item.trim().starts_with("gzip")));
    let mut response = match gzip.filter(|_| accepts_gzip) {
        Some(compressed) => (
            [(CONTENT_ENCODING, HeaderValue::from_static("gzip"))],
            compressed,
        )
            .into_response(),
        None => plain.into_response(),
    };
    if !matches!(shared.assets, Assets::Folder(_)) {
        response = shared_response(response);
    }
    // A body of bytes sets its own content type, which this replaces.
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, cache);
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    response
}

async fn not_found() -> Response {
    let text = "Not found. The sharing page is at /, the dashboard at /dashboard. The tracker accepts WebSockets on any path, and HTTP announces at /announce. \
                Behind a proxy that forwards a path prefix such as /hub/, set base_path = \"/hub\".\n";
    (StatusCode::NOT_FOUND, [(CONTENT_TYPE, api::TEXT)], text).into_response()
}

/// Returns the response to a path that a listener does not serve.
fn not_served_here(role: ListenerRole) -> Response {
    let text = match role {
        ListenerRole::Both | ListenerRole::Pages => {
            "Metrics are served at another address (metrics.listen).\n"
        }
        ListenerRole::Tracker => {
            "This address serves no pages, only the tracker, which accepts WebSockets on any path.\n"
        }
        ListenerRole::Metrics => "This address serves only metrics, at /metrics.\n",
    };
    (StatusCode::NOT_FOUND, [(CONTENT_TYPE, api::TEXT)], text).into_response()
}

/// Returns the content security policy of the sharing page: own files, and previews of the shared files. Older browsers
/// do not match `'self'` with a WebSocket to the same host, so the policy names the host.
fn sharing_policy(host: Option<&HeaderValue>) -> HeaderValue {
    let is_host = |text: &&str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte))
    };
    let host = host.and_then(|host| host.to_str().ok()).filter(is_host);
    let sockets = host
        .map(|host| format!(" ws://{host} wss://{host}"))
        .unwrap_or_default();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
         media-src 'self' blob:; font-src 'self'; connect-src 'self'{sockets}; worker-src 'self'; \
         frame-src 'self' blob:; object-src 'self' blob:; manifest-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types swarmhub"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_only_a_valid_host() {
        let policy_for = |host| {
            sharing_policy(Some(&HeaderValue::from_static(host)))
                .to_str()
                .expect("text")
                .to_owned()
        };
        assert!(
            policy_for("[::1]:8000")
                .contains("connect-src 'self' ws://[::1]:8000 wss://[::1]:8000;")
        );
        assert!(policy_for("a.example; script-src *").contains("connect-src 'self'; "));
        assert!(!policy_for("a.example").contains("unsafe"));
    }
}
