//! Lists the ports at which no peer may be listed: other peers would connect there, so a false announce would direct a
//! swarm at a service.
//!
//! Contains only port numbers. The hub calls it for each announce over HTTP.

use std::num::NonZeroU16;

/// System services use the ports below: mail, web, DNS, files.
const FIRST_ALLOWED_PORT: u16 = 1024;
/// Ports from 1024 on that browsers block too: the "bad ports" of the Fetch standard
/// (<https://fetch.spec.whatwg.org/#port-blocking>), in ascending order.
const BLOCKED_PORTS: [u16; 19] = [
    1719,  // h323gatestat
    1720,  // h323hostcall
    1723,  // pptp
    2049,  // nfs
    3659,  // apple-sasl
    4045,  // npp
    4190,  // sieve
    5060,  // sip
    5061,  // sips
    6000,  // x11
    6566,  // sane-port
    6665,  // irc
    6666,  // irc
    6667,  // irc
    6668,  // irc
    6669,  // irc
    6679,  // osaut
    6697,  // ircs-u
    10080, // amanda
];

/// Returns whether no peer may be listed at a port.
#[must_use]
pub fn is_port_blocked(port: NonZeroU16) -> bool {
    port.get() < FIRST_ALLOWED_PORT || BLOCKED_PORTS.binary_search(&port.get()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_ports_are_blocked_and_client_ports_allowed() {
        let is_port_blocked = |port| is_port_blocked(NonZeroU16::new(port).expect("a port"));
        for port in [1, 22, 25, 80, 443, 1023, 2049, 5060, 6000, 6667, 10080] {
            assert!(is_port_blocked(port), "{port}");
        }
        for port in [1024, 6881, 6889, 6969, 8080, 49152, 51413, 65535] {
            assert!(!is_port_blocked(port), "{port}");
        }
        assert!(BLOCKED_PORTS.is_sorted());
    }
}
