//! Handles outside requests to the running program: drain, stop, reload the settings, report liveness.
//!
//! This module receives signals and notifies systemd; the server carries out the requests. Only `main` starts it.

use std::env;
use std::process::exit;
use std::time::Duration;

use swarmhub::config::Config;
use swarmhub::{Certificates, Handle, Heartbeats, Phase};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::cli::{self, Command, Log};
use crate::process::systemd;
use crate::process::{Signal, Signals, Terminal};

/// Shortest watchdog period: workers do not tick often enough for a shorter one.
const WATCHDOG_PERIOD_MIN: Duration = Duration::from_millis(500);

/// The last request to the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Serve,
    Drain,
    Stop,
}

/// Supervises a server from start to end; never completes.
pub(crate) async fn conduct(
    server: Handle,
    certificates: Option<Certificates>,
    mut signals: Signals,
    log: Log,
) {
    let terminal = Terminal::at_start();
    let mut progress = server.progress();
    let mut settings = server.settings();
    let mut watchdog = Watchdog::new(&server);
    let mut requested = Asked::Serve;
    systemd::ready();
    loop {
        tokio::select! {
            signal = signals.next() => match signal {
                Signal::Hangup if requested != Asked::Serve => {
                    tracing::warn!("reload ignored: the server is draining");
                }
                Signal::Hangup if !terminal.is_gone() => {
                    // Certificates are reloaded also if the settings are wrong, because one may be about to expire.
                    certificates.iter().for_each(Certificates::reload);
                    reload(&server).await;
                }
                signal => requested = leave(&server, requested, signal),
            },
            // The server outlives this loop. The change may come from a signal or the admin API.
            Some(config) = settings.next() => log.set_level(&config.log_level),
            Ok(()) = progress.changed() => {
                let now = *progress.borrow_and_update();
                if now.phase > Phase::Serving {
                    systemd::leaving(&format!("{}: {} connections", now.phase.label(), now.connections));
                }
            }
            () = watchdog.tick() => {}
        }
    }
}

/// The first SIGTERM drains. Ctrl-C or a second signal stops at once. A third signal ends the process without waiting.
fn leave(server: &Handle, requested: Asked, signal: Signal) -> Asked {
    match (requested, signal) {
        (Asked::Serve, Signal::Terminate) => {
            systemd::stopping();
            server.drain();
            return Asked::Drain;
        }
        (Asked::Serve, _) => systemd::stopping(),
        (Asked::Drain, _) => tracing::info!("second signal: stopping now"),
        (Asked::Stop, _) => {
            tracing::warn!("third signal: exiting without waiting");
            exit(1);
        }
    }
    server.stop();
    Asked::Stop
}

/// Reads file, environment and flags again. Invalid settings change nothing.
async fn reload(server: &Handle) {
    systemd::reloading();
    let problems = match read() {
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
fn read() -> Result<Config, Vec<String>> {
    match cli::parse(env::args_os(), env::vars_os()) {
        Ok(Command::Run(effective)) => Ok(effective.config),
        // Does not happen: the arguments of the process do not change.
        Ok(_) => Err(vec!["the arguments no longer start a server".to_owned()]),
        Err(exit) => Err(exit.lines),
    }
}

/// Notifies systemd that the workers are alive, twice per watchdog period, and not while one is stuck.
struct Watchdog {
    heartbeats: Heartbeats,
    looks: Option<Interval>,
}

impl Watchdog {
    fn new(server: &Handle) -> Self {
        let checks = systemd::watchdog().map(|timeout| {
            let mut checks = interval((timeout / 2).max(WATCHDOG_PERIOD_MIN));
            checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first tick would complete at once.
            checks.reset();
            checks
        });
        Self {
            heartbeats: server.heartbeats(),
            looks: checks,
        }
    }

    async fn tick(&mut self) {
        let Some(checks) = &mut self.looks else {
            return std::future::pending().await;
        };
        checks.tick().await;
        if self.heartbeats.all() {
            systemd::alive();
        } else {
            tracing::error!("a worker is stuck");
        }
    }
}
