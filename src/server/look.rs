//! What can be said of a configuration before the server starts: what it will refuse, and what it will warn of. The start looks
//! first, with the same functions; `swarmhub check-config` only looks.

use std::path::{Path, PathBuf};

use super::{ServerBuilder, ServerError, access, history, places};
use crate::config::{Config, Target};
use crate::net;
use crate::net::tls::Tls;

/// What a look has found.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// Why the server does not start, in the order in which the start finds it.
    pub(super) problems: Vec<ServerError>,
    /// What the log says at the start, but for the dates of certificates.
    pub(super) warnings: Vec<String>,
    /// Certificates that browsers refuse for their dates.
    pub(super) dates: Vec<String>,
}

impl ServerBuilder {
    /// Looks at everything that the start looks at: settings, certificates and keys, lists, folders, addresses. Makes no file and
    /// binds no port, so it does not see whether a port is taken or needs a privilege. Gives what the start will warn of.
    ///
    /// # Errors
    ///
    /// All that [`bind`](Self::bind) will refuse, in its words; never an empty list.
    pub fn check(&self) -> Result<Vec<String>, Vec<ServerError>> {
        let config = self.listening();
        if let Err(mistakes) = config.check() {
            return Err(vec![ServerError::Config(mistakes)]);
        }
        let lists = access::read(&config.access).map_err(ServerError::Config);
        let looked = self.look(&config);
        let problems: Vec<_> = lists.err().into_iter().chain(looked.problems).collect();
        if problems.is_empty() {
            let warnings = looked.dates.into_iter().chain(looked.warnings);
            Ok(warnings.collect())
        } else {
            Err(problems)
        }
    }

    /// Looks at what a checked configuration names, but for the lists of `[access]`.
    pub(super) fn look(&self, config: &Config) -> Looked {
        let mut looked = Looked::default();
        match Tls::look(&config.tls) {
            Ok(dates) => looked.dates = dates,
            Err(error) => looked.problems.push(ServerError::Tls(error)),
        }
        let unfit = net::look::look(&places(config)).into_iter();
        let unfit = unfit.map(|(listen, reason)| ServerError::Listen { listen, reason });
        looked.problems.extend(unfit);
        match history::look(&config.history, self.state_folder.as_deref()) {
            Ok(warning) => looked.warnings.extend(warning),
            Err(mistake) => looked.problems.push(ServerError::Config(vec![mistake])),
        }
        looked.warnings.extend(plain_listeners(config));
        looked.warnings.extend(open_introductions(config));
        let secrets = self.secret_files.iter();
        let secrets = secrets
            .chain(&config.tls.key)
            .chain(&config.access.tokens_file);
        looked.warnings.extend(secrets.filter(|file| is_readable_by_all(file)).map(|file| {
            format!(
                "{} holds secrets and every user of this machine can read it; let its owner alone read it (chmod 600)",
                file.display()
            )
        }));
        looked
    }
}

/// Where the admin token would travel in the open.
fn plain_listeners(config: &Config) -> Option<String> {
    config.admin_token.as_ref()?;
    let open = config.listen.iter();
    let open = open.filter(|listen| {
        !listen.tls && listen.role.has_pages() && is_beyond_loopback(&listen.target)
    });
    let open: Vec<String> = open.map(ToString::to_string).collect();
    (!open.is_empty()).then(|| {
        format!(
            "admin_token: {} is without TLS and not on loopback, so whoever is on the way can read the token; \
             use a tls+ listener, or listen on 127.0.0.1 or a socket file behind a proxy that speaks TLS",
            open.join(", ")
        )
    })
}

/// Where everybody may say in a PROXY header who it is.
fn open_introductions(config: &Config) -> Option<String> {
    let places = config.listen.iter().chain(&config.metrics.listen);
    let open = places.filter(|listen| listen.proxy && is_beyond_loopback(&listen.target));
    let open: Vec<String> = open.map(ToString::to_string).collect();
    (config.proxies.trusted.is_empty() && !open.is_empty()).then(|| {
        format!(
            "proxies.trusted is empty: whoever can connect to {} can take any address by a PROXY header; \
             name the addresses of your proxies in proxies.trusted",
            open.join(", ")
        )
    })
}

fn is_beyond_loopback(target: &Target) -> bool {
    matches!(target, Target::Tcp(address) if !address.ip().to_canonical().is_loopback())
}

/// Whether users who are neither owner nor of the group may read a file.
fn is_readable_by_all(file: &Path) -> bool {
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
    /// Files that the settings were read from and that hold secrets: the server warns if everybody may read them.
    #[must_use]
    pub fn secret_files(mut self, files: impl IntoIterator<Item = PathBuf>) -> Self {
        self.secret_files = files.into_iter().collect();
        self
    }

    /// The settings with the places of [`listen_on`](Self::listen_on).
    pub(super) fn listening(&self) -> Config {
        let mut config = self.config.clone();
        if !self.listen.is_empty() {
            config.listen.clone_from(&self.listen);
        }
        config
    }
}
