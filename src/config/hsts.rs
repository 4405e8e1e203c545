//! Decides whether responses carry the HSTS header (RFC 6797), from several settings together.
//!
//! A browser that received the header no longer connects to any plain port of the host. So the server sends it only
//! where that locks out no client. The HTTP module uses this when settings become active.

use std::time::Duration;

use super::listen::{ListenSpec, ListenTarget};
use super::settings::Config;

/// Browsers change this port to 443. They would use TLS on plain listeners at other ports.
const HTTP_PORT: u16 = 80;

impl Config {
    /// Returns the `max-age` of the HSTS header, or `None` if no header is sent.
    #[must_use]
    pub fn hsts_max_age(&self) -> Option<Duration> {
        // The header has whole seconds, and zero would delete the browser's entry.
        let is_wanted = self.tls.hsts_max_age.as_secs() > 0 && !self.tls.self_signed;
        let age = is_wanted.then_some(self.tls.hsts_max_age)?;
        (!self.listen.iter().any(would_become_unreachable)).then_some(age)
    }
}

/// Returns whether browsers would lose access to this listener.
fn would_become_unreachable(listen: &ListenSpec) -> bool {
    // Browsers reach a listener behind a proxy through that proxy.
    if listen.tls || listen.proxy {
        return false;
    }
    match &listen.target {
        ListenTarget::Tcp(address) => !address.ip().is_loopback() && address.port() != HTTP_PORT,
        ListenTarget::Unix(_) => false,
        ListenTarget::Systemd(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header_age(listen: &[&str], change: impl FnOnce(&mut Config)) -> Option<u64> {
        let mut config = Config {
            listen: listen.iter().filter_map(|word| word.parse().ok()).collect(),
            ..Config::default()
        };
        assert_eq!(config.listen.len(), listen.len());
        change(&mut config);
        config.hsts_max_age().map(|age| age.as_secs())
    }

    #[test]
    fn hsts_is_sent_unless_a_plain_listener_becomes_unreachable() {
        for (listen, is_sent) in [
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
            let expected = is_sent.then_some(15_552_000);
            assert_eq!(header_age(listen, |_| {}), expected, "{listen:?}");
        }
    }

    #[test]
    fn hsts_is_off_at_zero_and_with_a_self_signed_certificate() {
        let listen = ["tls+[::]:443"];
        let zero = |config: &mut Config| config.tls.hsts_max_age = Duration::ZERO;
        assert_eq!(header_age(&listen, zero), None);
        assert_eq!(
            header_age(&listen, |config| config.tls.self_signed = true),
            None
        );
    }
}
