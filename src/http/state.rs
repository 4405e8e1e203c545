//! The state that the HTTP handlers of all workers share.
//!
//! Handlers and the server use it; it uses no handler.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};
use hyper::StatusCode;
use hyper::header::HeaderValue;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use super::api::admin::ranking::RankingCache;
use super::api::live_events::LiveEvents;
use super::api_error::ApiError;
use super::assets::Assets;
use super::docs_files::DocsFiles;
use super::http_settings::HttpSettings;
use super::local::LoopbackProxyDetector;
use super::metrics_cache::MetricsCache;
use super::page_urls;
use super::response_cache::ResponseCache;
use super::server_control::ServerControl;
use super::unnamed_client_log::UnnamedClientLog;
use crate::config::{Config, ListenSpec};
use crate::hub::Mailboxes;
use crate::limits::HttpResource;
use crate::node::Node;

/// The state that the HTTP handlers of all workers share.
#[derive(Debug)]
pub(crate) struct AppState {
    node: Arc<Node>,
    mailboxes: Arc<Mailboxes>,
    assets: Assets,
    /// The files of `/docs`; rendered at their first request.
    pub(super) docs: OnceCell<DocsFiles>,
    live: ArcSwap<HttpSettings>,
    /// Value of `Retry-After` in seconds while the server drains; 0 before.
    retry_after: AtomicU64,
    unnamed_client_log: UnnamedClientLog,
    /// Whether it was logged that a proxy hides the address of the STUN server.
    hidden_stun_server_logged: AtomicBool,
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
    /// The UDP addresses of the STUN server; set once they are bound.
    stun_sockets: OnceLock<Vec<SocketAddr>>,
    /// The URL hosts of `tls.acme_domain` and `tls.acme_address`.
    certified_hosts: Vec<String>,
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
            docs: OnceCell::new(),
            live: ArcSwap::from_pointee(HttpSettings::new(config)),
            retry_after: AtomicU64::new(0),
            unnamed_client_log: UnnamedClientLog::default(),
            hidden_stun_server_logged: AtomicBool::new(false),
            loopback_proxy: LoopbackProxyDetector::default(),
            draining: CancellationToken::new(),
            live_events: LiveEvents::default(),
            metrics_cache: MetricsCache::new(config),
            control: OnceLock::new(),
            rankings: RankingCache::default(),
            response_cache: ResponseCache::default(),
            listeners: OnceLock::new(),
            stun_sockets: OnceLock::new(),
            certified_hosts: page_urls::certified_hosts(&config.tls),
        })
    }

    /// Stores the listeners and the addresses of the STUN server, with real port numbers.
    pub(crate) fn set_listeners(&self, listening: Vec<ListenSpec>, stun: Vec<SocketAddr>) {
        // The only server sets this once.
        let _ = self.listeners.set(listening);
        let _ = self.stun_sockets.set(stun);
    }

    /// Returns the UDP addresses of the STUN server.
    pub(crate) fn stun_sockets(&self) -> &[SocketAddr] {
        self.stun_sockets.get().map_or(&[], Vec::as_slice)
    }

    /// Returns the URLs under which other machines can open the pages.
    pub(super) fn page_urls(&self) -> Vec<String> {
        let listening = self.listeners.get().map_or(&[][..], Vec::as_slice);
        page_urls::page_urls(listening, &self.certified_hosts)
    }

    /// The files of the built-in pages.
    pub(super) const fn assets(&self) -> &Assets {
        &self.assets
    }

    /// Activates other settings for later requests.
    pub(crate) fn update_settings(&self, config: &Config) {
        self.live.store(Arc::new(HttpSettings::new(config)));
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
        self.unnamed_client_log
            .log(self.node.clock().uptime(), header);
    }

    /// Logs once that pages do not get the STUN server because its address is not known.
    pub(super) fn log_hidden_stun_server(&self) {
        if !self.hidden_stun_server_logged.swap(true, Ordering::Relaxed) {
            tracing::info!(
                "pages behind a proxy do not get the address of the STUN server: set ice.public_address to the address of this machine"
            );
        }
    }

    /// Sets the server that the admin API controls.
    pub(crate) fn set_control(&self, control: Weak<dyn ServerControl>) {
        // The only server sets this once.
        let _ = self.control.set(control);
    }

    /// Returns the control interface of the server.
    ///
    /// # Errors
    ///
    /// The server has stopped, or none was set.
    pub(super) fn control(&self) -> Result<Arc<dyn ServerControl>, ApiError> {
        let control = self.control.get().and_then(Weak::upgrade);
        let text = "the server is shutting down";
        control.ok_or_else(|| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text))
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

    pub(super) fn http_settings(&self) -> Guard<Arc<HttpSettings>> {
        self.live.load()
    }
}
