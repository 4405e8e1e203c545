//! What the running program does when it is asked something from outside: leave, hurry, read its settings again, say
//! that it is alive.
//!
//! It listens to signals and speaks to systemd; the server does what it is told. Only `main` starts it.

use std::env;
use std::process::exit;
use std::time::Duration;

use swarmhub::config::Config;
use swarmhub::{Certificates, Handle, Heartbeats, Phase};
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::cli::{self, Command, Log};
use crate::process::systemd;
use crate::process::{Signal, Signals, Terminal};

/// Signs of life are not looked for more often than workers give them.
const WATCHDOG_PERIOD_MIN: Duration = Duration::from_millis(500);

/// What the server was asked to do last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Serve,
    Drain,
    Stop,
}

/// Conducts a server from its start to its end; never completes.
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
    let mut asked = Asked::Serve;
    systemd::ready();
    loop {
        tokio::select! {
            signal = signals.next() => match signal {
                Signal::Hangup if asked != Asked::Serve => {
                    tracing::warn!("the configuration is not read again by a server that leaves");
                }
                Signal::Hangup if !terminal.is_gone() => {
                    // Also when the settings are wrong: a certificate may be about to end.
                    certificates.iter().for_each(Certificates::reload);
                    reload(&server).await;
                }
                signal => asked = leave(&server, asked, signal),
            },
            // The server lives longer than this. Whoever has changed its settings, a signal or the admin API.
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

/// The first SIGTERM drains; Ctrl-C, or a second signal, ends at once; whoever insists is not kept waiting.
fn leave(server: &Handle, asked: Asked, signal: Signal) -> Asked {
    match (asked, signal) {
        (Asked::Serve, Signal::Terminate) => {
            systemd::stopping();
            server.drain();
            return Asked::Drain;
        }
        (Asked::Serve, _) => systemd::stopping(),
        (Asked::Drain, _) => tracing::info!("second signal: stopping now"),
        (Asked::Stop, _) => {
            tracing::warn!("another signal: ending without waiting");
            exit(1);
        }
    }
    server.stop();
    Asked::Stop
}

/// Reads file, environment and flags again. Whatever is wrong with them changes nothing.
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
        tracing::error!("the configuration was not reloaded and stays as it was");
        systemd::ready();
        systemd::status("serving; the last reload failed, see the log");
    }
}

/// The settings as the program would read them if it were started now.
fn read() -> Result<Config, Vec<String>> {
    match cli::parse(env::args_os(), env::vars_os()) {
        Ok(Command::Run(effective)) => Ok(effective.config),
        // The arguments with which it runs have not become others.
        Ok(_) => Err(vec!["the arguments no longer ask for a server".to_owned()]),
        Err(exit) => Err(exit.lines),
    }
}

/// Tells systemd that the workers are alive, twice as often as it wants to hear it, and not when one is stuck.
struct Watchdog {
    heartbeats: Heartbeats,
    looks: Option<Interval>,
}

impl Watchdog {
    fn new(server: &Handle) -> Self {
        let looks = systemd::watchdog().map(|within| {
            let mut looks = interval((within / 2).max(WATCHDOG_PERIOD_MIN));
            looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first one is over at once.
            looks.reset();
            looks
        });
        Self {
            heartbeats: server.heartbeats(),
            looks,
        }
    }

    async fn tick(&mut self) {
        let Some(looks) = &mut self.looks else {
            return std::future::pending().await;
        };
        looks.tick().await;
        if self.heartbeats.all() {
            systemd::alive();
        } else {
            tracing::error!("a worker is stuck");
        }
    }
}
