//! Controls a running server: drain, stop, change settings, observe progress and liveness.
//!
//! This module stores the state shared by the server and its handles. It decides nothing: the server drains, the
//! workers apply settings.

use std::sync::{Arc, Weak};

use tokio::sync::{Mutex, watch};
use tokio::time::{Instant, sleep_until};

use super::config_changes::ConfigHistory;
use super::list_watcher::ListWatcher;
use crate::config::{ChangedSetting, Config, InvalidConfig, ListFiles};
use crate::http::AppState;
use crate::hub::Mailboxes;
use crate::node::Node;
use crate::worker::{Liveness, SettingsNotice};

/// Controls a running server. All clones control the same server.
#[derive(Debug, Clone)]
pub struct ServerHandle(pub(super) Arc<ServerState>);

/// The phase of a server between serving and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServerPhase {
    /// Serving normally.
    Serving,
    /// New clients are refused, `/readyz` reports not ready, and existing clients are served.
    Quiet,
    /// The listeners are closed, and connections are closed one after the other.
    Closing,
    /// All connections have received a close; the last ones are ending.
    Ending,
}

impl ServerPhase {
    /// Returns the label used in log lines.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Serving => "serving",
            Self::Quiet => "quiet",
            Self::Closing => "closing",
            Self::Ending => "ending",
        }
    }
}

/// The progress of a shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrainProgress {
    /// The current phase.
    pub phase: ServerPhase,
    /// Open connections when this value was sent; it is updated every few seconds.
    pub connections: u64,
}

/// The requested state of the server; requests only increase it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum RequestedState {
    Serve,
    Drain,
    Stop,
}

/// The state shared by the server and its handles.
#[derive(Debug)]
pub(super) struct ServerState {
    pub(super) node: Arc<Node>,
    pub(super) mailboxes: Arc<Mailboxes>,
    pub(super) app_state: Arc<AppState>,
    /// Notifies the workers of changes of the settings in force.
    pub(super) settings_notices: watch::Sender<Arc<SettingsNotice>>,
    pub(super) requested: watch::Sender<RequestedState>,
    pub(super) progress: watch::Sender<DrainProgress>,
    pub(super) liveness: Box<[Arc<Liveness>]>,
    /// When a lowered `membership_ttl` becomes active.
    pub(super) ttl_change_at: watch::Sender<Option<Instant>>,
    pub(super) lists: Arc<ListWatcher>,
    /// One reload or change at a time.
    pub(super) reload_lock: Mutex<()>,
    pub(super) config_history: parking_lot::Mutex<ConfigHistory>,
}

impl ServerState {
    pub(super) fn new(config: &Config, node: &Arc<Node>, workers: usize) -> Arc<Self> {
        let serving = DrainProgress {
            phase: ServerPhase::Serving,
            connections: 0,
        };
        let mailboxes = Mailboxes::new(config, workers, node.telemetry());
        let state = Arc::new(Self {
            node: Arc::clone(node),
            app_state: AppState::new(config, node, &mailboxes),
            mailboxes,
            settings_notices: watch::Sender::new(SettingsNotice::new()),
            requested: watch::Sender::new(RequestedState::Serve),
            progress: watch::Sender::new(serving),
            liveness: (0..workers).map(|_| Arc::default()).collect(),
            ttl_change_at: watch::Sender::new(None),
            lists: ListWatcher::new(ListFiles::new(config), node),
            reload_lock: Mutex::default(),
            config_history: parking_lot::Mutex::new(ConfigHistory::new(config)),
        });
        let weak: Weak<Self> = Arc::downgrade(&state);
        state.app_state.set_control(weak);
        state
    }

    /// Raises the requested state, and never lowers it.
    pub(super) fn request(&self, more: RequestedState) {
        self.requested.send_if_modified(|wanted| {
            let is_more = more > *wanted;
            *wanted = more.max(*wanted);
            is_more
        });
    }

    /// Returns whether the server takes no new connections, because it is about to end.
    pub(super) fn is_draining(&self) -> bool {
        *self.requested.borrow() > RequestedState::Serve
    }

    /// Lowers the lifetime of memberships after a reload, as soon as no member expires because of it.
    pub(super) async fn lower_ttl_when_due(&self) {
        let mut due = self.ttl_change_at.subscribe();
        loop {
            let at = *due.borrow_and_update();
            let wait = async {
                match at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = due.changed() => if changed.is_err() { return },
                () = wait => {
                    self.node.apply_lower_ttl();
                    self.ttl_change_at.send_replace(None);
                }
            }
        }
    }
}

impl ServerHandle {
    /// Drains the server: `/readyz` reports not ready, new clients are refused, and after `drain.quiet` the existing
    /// connections are closed over `drain.spread`.
    pub fn drain(&self) {
        self.0.request(RequestedState::Drain);
    }

    /// Stops the server at once: all connections are closed, and those that have not ended one second later are
    /// dropped.
    pub fn stop(&self) {
        self.0.request(RequestedState::Stop);
    }

    /// Returns a receiver of the shutdown progress.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<DrainProgress> {
        self.0.progress.subscribe()
    }

    /// Returns the active settings.
    #[must_use]
    pub fn config(&self) -> Config {
        self.0.config()
    }

    /// Applies other settings as far as they can change at run time, also for open connections. Logs the changes and
    /// which of them need a restart. Reads the files of `[access]` and `tracker.groups` again. When it returns, the workers use the new
    /// settings, or two seconds have passed.
    ///
    /// # Errors
    /// Every mistake found; nothing is changed then.
    pub async fn reload(&self, wanted: &Config) -> Result<Vec<ChangedSetting>, Vec<InvalidConfig>> {
        self.0.reload(wanted).await
    }

    /// Returns a receiver of configuration changes, from any source.
    #[must_use]
    pub fn config_changes(&self) -> ConfigChanges {
        ConfigChanges {
            node: Arc::clone(&self.0.node),
            updates: self.0.settings_notices.subscribe(),
        }
    }

    /// Returns a check that reports at each call whether all workers are alive.
    #[must_use]
    pub fn liveness_check(&self) -> LivenessCheck {
        let seen = vec![0; self.0.liveness.len()];
        LivenessCheck {
            state: Arc::clone(&self.0),
            seen,
        }
    }
}

/// A receiver of changes of the active settings.
#[derive(Debug)]
pub struct ConfigChanges {
    node: Arc<Node>,
    updates: watch::Receiver<Arc<SettingsNotice>>,
}

impl ConfigChanges {
    /// Waits for a change and returns the active settings; `None` if the server has ended.
    pub async fn next(&mut self) -> Option<Config> {
        self.updates.changed().await.ok()?;
        Some(self.node.settings().config().clone())
    }
}

/// Checks the event loops of the workers.
#[derive(Debug)]
pub struct LivenessCheck {
    state: Arc<ServerState>,
    seen: Vec<u64>,
}

impl LivenessCheck {
    /// Returns whether every worker has ticked since the last call; workers tick four times a second.
    pub fn all_alive(&mut self) -> bool {
        let workers = self.state.liveness.iter().zip(&mut self.seen);
        workers.fold(true, |all, (worker, seen)| {
            worker.has_ticked_since(seen) && all
        })
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use std::time::Duration;

    use super::*;
    use crate::config::{Layers, ReloadPolicy, Secret, Setting, load};

    /// `ice.turn_secret`, without which a TURN server is refused.
    const TURN_SECRET: &str = "a-secret-for-turn-servers";

    /// Returns a configuration in which only this setting differs from `base`.
    fn with_changed_setting(base: &Config, setting: &'static Setting) -> Config {
        let candidates = [
            "1",
            "7",
            "99",
            "1500",
            "70000",
            "500000",
            "2000000",
            "true",
            "false",
            "https://a.example",
            "stun:a.example",
            "10.0.0.0/8",
            "debug",
            "forwarded",
            "/hub",
            "sixteen-characters-and-more",
            "stun.a.example",
            "turn:a.example",
            "random",
        ];
        let secret = Setting::find("ice.turn_secret").expect("a setting");
        let configs = candidates.into_iter().filter_map(|candidate| {
            let layers = Layers {
                flags: vec![
                    (setting, vec![OsString::from(candidate)]),
                    (secret, vec![OsString::from(TURN_SECRET)]),
                ],
                ..Layers::default()
            };
            let read = load(layers).ok()?.config;
            // Only this setting may differ, so `web_dir` is copied.
            let (config, changes) = base
                .reloaded(&Config {
                    web_dir: base.web_dir.clone(),
                    ..read
                })
                .ok()?;
            (changes.len() == 1).then_some(config)
        });
        let mut configs = configs.filter(|config| config != base);
        configs
            .next()
            .unwrap_or_else(|| panic!("another value for {}", setting.key))
    }

    #[test]
    fn every_live_setting_is_applied_by_a_reload() {
        // Served from a folder, so that the debug output does not contain all embedded files.
        let mut base = Config {
            web_dir: Some("web".into()),
            ..Config::default()
        };
        // A TURN server needs it.
        base.ice.turn_secret = Some(Secret::new(TURN_SECRET));
        let live = Setting::all()
            .iter()
            .filter(|setting| setting.reload_policy != ReloadPolicy::Restart);
        let mut seen = 0;
        for setting in live {
            let node = Arc::new(Node::new(&base, 1));
            let state = ServerState::new(&base, &node, 1);
            // The program reads the log level from the changed configuration.
            let log_level = || state.config().log_level;
            let debug_output = || format!("{:?} {:?} {}", state.node, state.app_state, log_level());
            let before = debug_output();
            let config = with_changed_setting(&base, setting);
            state.node.apply_config(&config);
            state.node.apply_lower_ttl();
            state.app_state.update_settings(&config);
            assert_ne!(before, debug_output(), "{} changes nothing", setting.key);
            seen += 1;
        }
        assert!(seen > 20, "{seen}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lowered_membership_ttl_expires_no_member_early() {
        let ttl = |seconds| {
            let mut config = Config::default();
            config.tracker.membership_ttl = Some(Duration::from_secs(seconds));
            config
        };
        let node = Arc::new(Node::new(&ttl(1000), 0));
        let server = ServerHandle(ServerState::new(&ttl(1000), &node, 0));
        let active_ttl = || node.tracker().rules().ttl.membership.as_secs();
        let state = Arc::clone(&server.0);
        tokio::spawn(async move { state.lower_ttl_when_due().await });
        server.reload(&ttl(300)).await.expect("valid");
        tokio::time::sleep(Duration::from_secs(999)).await;
        assert_eq!(active_ttl(), 1000);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(active_ttl(), 300);
        // A longer lifetime is active at once and cancels a pending decrease.
        server.reload(&ttl(200)).await.expect("valid");
        server.reload(&ttl(500)).await.expect("valid");
        assert_eq!(active_ttl(), 500);
        tokio::time::sleep(Duration::from_secs(2000)).await;
        assert_eq!(active_ttl(), 500);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lowered_http_ttl_expires_no_member_early() {
        let interval = |seconds| {
            let mut config = Config::default();
            config.tracker.http_interval = Duration::from_secs(seconds);
            config
        };
        let node = Arc::new(Node::new(&interval(600), 0));
        let server = ServerHandle(ServerState::new(&interval(600), &node, 0));
        let active_ttl = || node.tracker().rules().ttl.http_membership.as_secs();
        let state = Arc::clone(&server.0);
        tokio::spawn(async move { state.lower_ttl_when_due().await });
        server.reload(&interval(100)).await.expect("valid");
        tokio::time::sleep(Duration::from_secs(1799)).await;
        assert_eq!(active_ttl(), 1800);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(active_ttl(), 300);
    }

    #[tokio::test]
    async fn invalid_settings_change_nothing() {
        let config = Config::default();
        let node = Arc::new(Node::new(&config, 0));
        let server = ServerHandle(ServerState::new(&config, &node, 0));
        let mut wrong = config.clone();
        wrong.interval = Some(Duration::from_mins(1));
        wrong.limits.messages_burst = 0;
        let problems = server.reload(&wrong).await.expect_err("impossible");
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert_eq!(server.config(), config);
    }
}
