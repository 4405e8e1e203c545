//! Whether browsers are told to come back over TLS alone (HSTS, RFC 6797), by settings that decide it together.
//!
//! A browser that was told so connects to no plain port of the host any more, whatever the number. So it is said only where that
//! locks nobody out. HTTP asks here when settings are put in force.

use std::time::Duration;

use super::{Config, Listen, Target};

/// Browsers go from here to 443 by themselves; plain listeners at other ports they would try to reach over TLS.
const PLAIN_PORT: u16 = 80;

impl Config {
    /// For how long browsers shall come back over TLS alone; `None` if they are told nothing.
    #[must_use]
    pub fn transport_security(&self) -> Option<Duration> {
        // Browsers take whole seconds, and none of them for an order to forget.
        let is_wanted = self.tls.hsts_max_age.as_secs() > 0 && !self.tls.self_signed;
        let age = is_wanted.then_some(self.tls.hsts_max_age)?;
        (!self.listen.iter().any(would_be_locked_out)).then_some(age)
    }
}

/// Whether browsers come to a listener now that could not any more.
fn would_be_locked_out(listen: &Listen) -> bool {
    // What is behind a proxy is reached through that one.
    if listen.tls || listen.proxy {
        return false;
    }
    match &listen.target {
        Target::Tcp(address) => !address.ip().is_loopback() && address.port() != PLAIN_PORT,
        Target::Unix(_) => false,
        Target::Systemd(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(listen: &[&str], change: impl FnOnce(&mut Config)) -> Option<u64> {
        let mut config = Config {
            listen: listen.iter().filter_map(|word| word.parse().ok()).collect(),
            ..Config::default()
        };
        assert_eq!(config.listen.len(), listen.len());
        change(&mut config);
        config.transport_security().map(|age| age.as_secs())
    }

    #[test]
    fn browsers_are_told_unless_a_plain_listener_would_be_lost_to_them() {
        for (listen, is_told) in [
            (&["tls+[::]:443"][..], true),
            (&["tls+[::]:443", "[::]:80"], true),
            (&["tls+[::]:443", "127.0.0.1:8000"], true),
            (&["tls+[::]:443", "[::1]:8000"], true),
            (&["tls+[::]:443", "proxy+[::]:8000"], true),
            (&["tls+[::]:443", "unix:/run/hub.sock"], true),
            (&["tls+[::]:8443", "[::]:8000"], false),
            (&["tls+[::]:8443", "tracker+192.0.2.1:8000"], false),
            (&["tls+[::]:8443", "systemd"], false),
        ] {
            let expected = is_told.then_some(15_552_000);
            assert_eq!(told(listen, |_| {}), expected, "{listen:?}");
        }
    }

    #[test]
    fn it_can_be_turned_off_and_is_off_with_a_certificate_of_ones_own() {
        let listen = ["tls+[::]:443"];
        let zero = |config: &mut Config| config.tls.hsts_max_age = Duration::ZERO;
        assert_eq!(told(&listen, zero), None);
        assert_eq!(told(&listen, |config| config.tls.self_signed = true), None);
    }
}
