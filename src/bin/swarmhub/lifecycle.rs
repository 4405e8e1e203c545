//! Handles outside requests to the running program: drain, stop, reload the settings, report liveness.
//!
//! This module receives signals and notifies systemd; the server carries out the requests. Only `main` starts it.

use std::env;
use std::process::exit;
use std::time::Duration;

use swarmhub::config::Config;
use swarmhub::{Certificates, LivenessCheck, ServerHandle, ServerPhase};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::cli::{self, Command, LogHandle};
use crate::process::systemd;
use crate::process::{Signal, Signals, Terminal};

/// Shortest watchdog period: workers do not tick often enough for a shorter one.
const WATCHDOG_PERIOD_MIN: Duration = Duration::from_millis(500);

/// The last request to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RequestedState {
    Serve,
    Drain,
    Stop,
}

/// Supervises a server from start to end; never completes.
pub(crate) async fn supervise(
    server: ServerHandle,
    certificates: Option<Certificates>,
    mut signals: Signals,
    log: LogHandle,
) {
    let terminal = Terminal::at_start();
    let mut progress = server.progress();
    let mut settings = server.config_changes();
    let mut watchdog = Watchdog::new(&server);
    let mut requested = RequestedState::Serve;
    systemd::ready();
    loop {
        tokio::select! {
            signal = signals.next() => match signal {
                Signal::Hangup if requested != RequestedState::Serve => {
                    tracing::warn!("reload ignored: the server is draining");
                }
                Signal::Hangup if !terminal.is_closed() => {
                    // Certificates are reloaded also if the settings are wrong, because one may be about to expire.
                    certificates.iter().for_each(Certificates::reload);
                    reload(&server).await;
                }
                signal => requested = handle_stop_signal(&server, requested, signal),
            },
            // The server outlives this loop. The change may come from a signal or the admin API.
            Some(config) = settings.next() => log.set_level(&config.log_level),
            Ok(()) = progress.changed() => {
                let now = *progress.borrow_and_update();
                if now.phase > ServerPhase::Serving {
                    systemd::drain_status(&format!("{}: {} connections", now.phase.label(), now.connections));
                }
            }
            () = watchdog.tick() => {}
        }
    }
}

/// The first SIGTERM drains. Ctrl-C or a second signal stops at once. A third signal ends the process without waiting.
fn handle_stop_signal(
    server: &ServerHandle,
    requested: RequestedState,
    signal: Signal,
) -> RequestedState {
    match (requested, signal) {
        (RequestedState::Serve, Signal::Terminate) => {
            systemd::stopping();
            server.drain();
            return RequestedState::Drain;
        }
        (RequestedState::Serve, _) => systemd::stopping(),
        (RequestedState::Drain, _) => tracing::info!("second signal: stopping now"),
        (RequestedState::Stop, _) => {
            tracing::warn!("third signal: exiting without waiting");
            exit(1);
        }
    }
    server.stop();
    RequestedState::Stop
}

/// Reads file, environment and flags again. Invalid settings change nothing.
async fn reload(server: &ServerHandle) {
    systemd::reloading();
    let problems = match read_config() {
        Ok(config) => match server.reload(&config).await {
            Ok(changes) => {
                tracing::info!(changes = changes.len(), "configuration reloaded");
                Vec::new()
            }
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        },
        Err(problems) => problems,
    };
    for problem in &problems {
        tracing::error!("{problem}");
    }
    if problems.is_empty() {
        systemd::ready();
    } else {
        tracing::error!("reload failed: the configuration is unchanged");
        systemd::ready();
        systemd::status("serving; the last reload failed, see the log");
    }
}

/// Reads the settings as a start of the program would read them now.
fn read_config() -> Result<Config, Vec<String>> {
    match cli::parse(env::args_os(), env::vars_os()) {
        Ok(Command::Run(effective)) => Ok(effective.config),
        // Does not happen: the arguments of the process do not change.
        Ok(_) => Err(vec!["the arguments no longer start a server".to_owned()]),
        Err(exit) => Err(exit.lines),
    }
}

/// Notifies systemd that the workers are alive, twice per watchdog period, and not while one is stuck.
struct Watchdog {
    liveness: LivenessCheck,
    checks: Option<Interval>,
}

impl Watchdog {
    fn new(server: &ServerHandle) -> Self {
        let checks = systemd::watchdog_timeout().map(|timeout| {
            let mut checks = interval((timeout / 2).max(WATCHDOG_PERIOD_MIN));
            checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first tick would complete at once.
            checks.reset();
            checks
        });
        Self {
            liveness: server.liveness_check(),
            checks,
        }
    }

    async fn tick(&mut self) {
        let Some(checks) = &mut self.checks else {
            return std::future::pending().await;
        };
        checks.tick().await;
        if self.liveness.all_alive() {
            systemd::keep_alive();
        } else {
            tracing::error!("a worker is stuck");
        }
    }
}
