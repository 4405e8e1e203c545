//! Checks a configuration before the server starts: what the start will refuse and what it will warn about. The start
//! runs the same checks first; `swarmhub check-config` runs only the checks.

use std::path::{Path, PathBuf};

use super::{ServerBuilder, ServerError, all_listeners, history_start, list_watcher};
use crate::config::{Config, ListFiles, ListenTarget};
use crate::nats;
use crate::net;
use crate::net::tls::TlsAcceptor;

/// The results of the checks.
#[derive(Debug, Default)]
pub(super) struct CheckReport {
    /// Errors that prevent the start, in the order in which the start finds them.
    pub(super) problems: Vec<ServerError>,
    /// Warnings logged at the start, except those about certificate dates.
    pub(super) warnings: Vec<String>,
    /// Warnings about certificates that browsers refuse because of their dates.
    pub(super) dates: Vec<String>,
}

impl ServerBuilder {
    /// Checks everything that the start checks: settings, certificates and keys, lists, folders, addresses. Creates no
    /// file and binds no port, so it does not detect a port that is in use or needs a privilege. Returns the warnings
    /// of the start.
    ///
    /// # Errors
    ///
    /// All errors that [`bind`](Self::bind) would return, with the same texts; never an empty list.
    pub fn check(&self) -> Result<Vec<String>, Vec<ServerError>> {
        let config = self.effective_config();
        if let Err(mistakes) = config.check() {
            return Err(vec![ServerError::Config(mistakes)]);
        }
        let lists = list_watcher::read(&ListFiles::new(&config)).map_err(ServerError::Config);
        let report = self.run_checks(&config);
        let problems: Vec<_> = lists.err().into_iter().chain(report.problems).collect();
        if problems.is_empty() {
            let warnings = report.dates.into_iter().chain(report.warnings);
            Ok(warnings.collect())
        } else {
            Err(problems)
        }
    }

    /// Checks what a valid configuration refers to, except the list files.
    pub(super) fn run_checks(&self, config: &Config) -> CheckReport {
        let mut report = CheckReport::default();
        match TlsAcceptor::check(&config.tls) {
            Ok(dates) => report.dates = dates,
            Err(error) => report.problems.push(ServerError::Tls(error)),
        }
        let cluster = nats::check(&config.cluster);
        report
            .problems
            .extend(cluster.err().map(ServerError::Cluster));
        let bad_listeners = net::config_check::check_listeners(&all_listeners(config)).into_iter();
        let bad_listeners =
            bad_listeners.map(|(listen, reason)| ServerError::Listen { listen, reason });
        report.problems.extend(bad_listeners);
        match history_start::check(&config.history, self.state_directory.as_deref()) {
            Ok(warning) => report.warnings.extend(warning),
            Err(mistake) => report.problems.push(ServerError::Config(vec![mistake])),
        }
        report.warnings.extend(warn_plaintext_admin(config));
        report.warnings.extend(warn_open_proxy_headers(config));
        let secrets = self.secret_files.iter();
        let secrets = secrets
            .chain(&config.tls.key)
            .chain(&config.access.tokens_file)
            .chain(&config.cluster.credentials_file)
            .chain(&config.cluster.key);
        report.warnings.extend(secrets.filter(|file| is_world_readable(file)).map(|file| {
            format!(
                "{} holds secrets and is readable by every user of this machine; make it readable by its owner only (chmod 600)",
                file.display()
            )
        }));
        report
    }
}

/// Returns a warning about listeners over which the admin token would be sent unencrypted.
fn warn_plaintext_admin(config: &Config) -> Option<String> {
    config.admin_token.as_ref()?;
    let exposed = config.listen.iter();
    let exposed = exposed.filter(|listen| {
        !listen.tls && listen.role.has_pages() && is_beyond_loopback(&listen.target)
    });
    let exposed: Vec<String> = exposed.map(ToString::to_string).collect();
    (!exposed.is_empty()).then(|| {
        format!(
            "admin_token: {} is without TLS and not on loopback, so the token can be read on the network path; \
             use a tls+ listener, or listen on 127.0.0.1 or a socket file behind a TLS proxy",
            exposed.join(", ")
        )
    })
}

/// Returns a warning about listeners where any client may set its address by a PROXY header.
fn warn_open_proxy_headers(config: &Config) -> Option<String> {
    let listeners = config.listen.iter().chain(&config.metrics.listen);
    let exposed = listeners.filter(|listen| listen.proxy && is_beyond_loopback(&listen.target));
    let exposed: Vec<String> = exposed.map(ToString::to_string).collect();
    (config.proxies.trusted.is_empty() && !exposed.is_empty()).then(|| {
        format!(
            "proxies.trusted is empty: any client that can connect to {} can claim any address by a PROXY header; \
             list the addresses of your proxies in proxies.trusted",
            exposed.join(", ")
        )
    })
}

fn is_beyond_loopback(target: &ListenTarget) -> bool {
    matches!(target, ListenTarget::Tcp(address) if !address.ip().to_canonical().is_loopback())
}

/// Returns whether users other than the owner and the group may read a file.
fn is_world_readable(file: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let readable =
            |file: std::fs::Metadata| file.is_file() && file.permissions().mode() & 0o004 != 0;
        std::fs::metadata(file).is_ok_and(readable)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        false
    }
}

impl ServerBuilder {
    /// Sets the files with secrets that the settings were read from; the server warns if every user may read them.
    #[must_use]
    pub fn secret_files(mut self, files: impl IntoIterator<Item = PathBuf>) -> Self {
        self.secret_files = files.into_iter().collect();
        self
    }

    /// Returns the settings with the listeners of [`listen_on`](Self::listen_on).
    pub(super) fn effective_config(&self) -> Config {
        let mut config = self.config.clone();
        if !self.listen.is_empty() {
            config.listen.clone_from(&self.listen);
        }
        config
    }
}
