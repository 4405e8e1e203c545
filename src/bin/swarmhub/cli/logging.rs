//! Writes log lines to standard error, as text for people or as JSON for collectors. It sets the process-wide
//! subscriber once, from `main`, and decides nothing about what is logged.

use std::io::{self, IsTerminal};

use swarmhub::config::LogFormat;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer, Registry, filter::Targets, fmt, layer::SubscriberExt, reload, util::SubscriberInitExt,
};

/// A handle that changes the log level at run time.
#[derive(Debug, Clone)]
pub(crate) struct LogHandle(reload::Handle<Targets, Registry>);

impl LogHandle {
    /// Sets the log level.
    pub(crate) fn set_level(&self, level: &str) {
        // Fails only if the subscriber no longer exists.
        let _ = self.0.reload(targets(level));
    }
}

/// The library of NATS. What operators must know of it, `swarmhub::nats` logs in its own words.
const NATS_LIBRARY: &str = "async_nats";

/// Parses a level or a list such as `info,swarmhub::hub=debug`, as checked in the configuration.
fn targets(level: &str) -> Targets {
    let info = || Targets::new().with_default(LevelFilter::INFO);
    let targets: Targets = level.parse().unwrap_or_else(|_| info());
    let is_detailed = targets
        .default_level()
        .is_some_and(|level| level > LevelFilter::INFO);
    if is_detailed || level.contains(NATS_LIBRARY) {
        targets
    } else {
        targets.with_target(NATS_LIBRARY, LevelFilter::OFF)
    }
}

/// Starts logging in this format and at this level. A second call changes nothing.
pub(crate) fn init_logging(format: LogFormat, level: &str) -> LogHandle {
    let (filter, handle) = reload::Layer::new(targets(level));
    let lines: Box<dyn Layer<Registry> + Send + Sync> = match format {
        LogFormat::Text => Box::new(fmt::layer().with_writer(io::stderr).with_ansi(colourful())),
        LogFormat::Json => Box::new(
            fmt::layer()
                .json()
                .flatten_event(true)
                .with_writer(io::stderr),
        ),
    };
    // Fails only if a subscriber is already set, which then stays.
    let _ = tracing_subscriber::registry()
        .with(lines.with_filter(filter))
        .try_init();
    LogHandle(handle)
}

/// Returns whether to use colours: on a terminal, unless disabled (<https://no-color.org>).
fn colourful() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
