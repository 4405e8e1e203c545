//! Checks the TLS settings against each other and against the listeners.
//! The checks change nothing; `check.rs` calls them.

use super::acme::{acme_problems, acme_source};
use super::error::Problem;
use super::listen::ListenSpec;
use super::settings::{Config, Tls};
use super::value::toml_text;

/// The TLS listener if there are certificates and no listener is set.
const DEFAULT_TLS_LISTENER: &str = "tls+[::]:8443";

/// The settings that define TLS listeners and certificates.
pub(super) const TLS_SETTINGS: [&str; 8] = [
    "listen",
    "tls.certificate",
    "tls.key",
    "tls.self_signed",
    "tls.acme_domain",
    "tls.acme_address",
    "tls.acme_directory",
    "tls.acme_cache",
];

impl Tls {
    /// Returns whether any source of certificates is set.
    #[must_use]
    pub fn has_certificates(&self) -> bool {
        self.self_signed || self.has_trusted_certificates()
    }

    /// Returns whether any source of certificates that browsers may trust is set.
    #[must_use]
    pub fn has_trusted_certificates(&self) -> bool {
        !self.certificate.is_empty() || self.has_acme()
    }

    /// Returns whether a certificate is obtained from an ACME directory.
    #[must_use]
    pub fn has_acme(&self) -> bool {
        !self.acme_domain.is_empty() || !self.acme_address.is_empty()
    }
}

/// Adds a TLS listener to the default ones if there are certificates.
pub(super) fn add_default_listener(config: &mut Config) {
    if config.tls.has_certificates() {
        config
            .listen
            .extend(DEFAULT_TLS_LISTENER.parse::<ListenSpec>());
    }
}

/// Returns the problems, each with the name of the faulty setting.
pub(super) fn problems(config: &Config) -> Vec<(&'static str, Problem)> {
    let tls = &config.tls;
    let mut mistakes = key_pair_problems(tls);
    mistakes.extend(listener_problem(config));
    if tls.self_signed && (!tls.certificate.is_empty() || tls.has_acme()) {
        let problem = Problem::new(
            "a certificate that browsers warn about, beside one that they trust",
            "leave it out, or leave out tls.certificate, tls.acme_domain and tls.acme_address",
        );
        mistakes.push(("tls.self_signed", problem));
    }
    mistakes.extend(acme_problems(tls));
    mistakes
}

/// Returns the problem of TLS listeners without a certificate, or of certificates without a TLS listener.
fn listener_problem(config: &Config) -> Option<(&'static str, Problem)> {
    let tls = &config.tls;
    let own = config.listen.iter().map(|listen| ("listen", listen));
    let metrics = &config.metrics.listen;
    let all = own.chain(metrics.iter().map(|listen| ("metrics.listen", listen)));
    let listener = all.into_iter().find(|(_, listen)| listen.tls);
    match (listener, tls.has_certificates()) {
        (Some((key, listener)), false) => {
            let problem = Problem::new(
                format!("{listener} has no certificate"),
                "name files (tls.certificate and tls.key), a domain (tls.acme_domain), an address (tls.acme_address), or set tls.self_signed",
            );
            Some((key, problem))
        }
        // Without any listener, the missing listener is reported instead.
        (None, true) if !config.listen.is_empty() => {
            let source = if tls.self_signed {
                "tls.self_signed"
            } else if tls.certificate.is_empty() {
                acme_source(tls)
            } else {
                "tls.certificate"
            };
            let problem = Problem::new(
                "no listener uses TLS, so this certificate has no effect",
                format!(
                    "add one such as listen = {}",
                    toml_text(DEFAULT_TLS_LISTENER)
                ),
            );
            Some((source, problem))
        }
        _ => None,
    }
}

fn key_pair_problems(tls: &Tls) -> Vec<(&'static str, Problem)> {
    let (certificates, keys) = (tls.certificate.len(), tls.key.len());
    let count = |n: usize, one: &str| {
        let s = if n == 1 { "" } else { "s" };
        format!("{n} {one}{s}")
    };
    let counts = format!(
        "{} and {}",
        count(certificates, "certificate"),
        count(keys, "key")
    );
    let remedy = "give a tls.key for each tls.certificate, in the same order";
    match certificates.cmp(&keys) {
        std::cmp::Ordering::Equal => Vec::new(),
        std::cmp::Ordering::Greater => vec![("tls.certificate", Problem::new(counts, remedy))],
        std::cmp::Ordering::Less => vec![("tls.key", Problem::new(counts, remedy))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blamed(change: impl FnOnce(&mut Tls)) -> Vec<&'static str> {
        let mut config = Config::default();
        change(&mut config.tls);
        add_default_listener(&mut config);
        problems(&config).into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn each_certificate_has_a_key() {
        let nothing: [&str; 0] = [];
        assert_eq!(blamed(|_| {}), nothing);
        assert_eq!(
            blamed(|tls| tls.certificate = vec!["a".into()]),
            ["tls.certificate"]
        );
        assert_eq!(blamed(|tls| tls.key = vec!["a".into()]), ["tls.key"]);
        let pair =
            |tls: &mut Tls| (tls.certificate, tls.key) = (vec!["a".into()], vec!["b".into()]);
        assert_eq!(blamed(pair), nothing);
        let problems = key_pair_problems(&Tls {
            certificate: vec!["a".into()],
            ..Tls::default()
        });
        assert_eq!(problems[0].1.what, "1 certificate and 0 keys");
    }

    #[test]
    fn certificates_and_listeners_need_each_other() {
        let mut config = Config::default();
        config.tls.self_signed = true;
        assert_eq!(problems(&config)[0].0, "tls.self_signed");
        add_default_listener(&mut config);
        assert!(problems(&config).is_empty());
        assert!(config.listen[1].tls && !config.listen[0].tls);
        config.tls.self_signed = false;
        let mistakes = problems(&config);
        assert_eq!(mistakes[0].0, "listen");
        assert_eq!(mistakes[0].1.what, "tls+[::]:8443 has no certificate");
    }

    #[test]
    fn self_signed_excludes_other_certificates() {
        assert!(blamed(|tls| tls.self_signed = true).is_empty());
        let both = |tls: &mut Tls| {
            tls.self_signed = true;
            (tls.certificate, tls.key) = (vec!["a".into()], vec!["b".into()]);
        };
        assert_eq!(blamed(both), ["tls.self_signed"]);
    }
}
