//! The rules that every server has from the start. `docs/alerts.md` has the same table, which a test compares.

use super::{Comparison, Rule, Severity};

/// A rule in one line: name, numbers, comparison, threshold, clear, `for`, `keep_firing`, severity, words.
macro_rules! rules {
    ($($name:ident: $series:ident $(/ $of:ident from $of_min:literal)?, $comparison:ident $threshold:literal, clear $clear:literal,
        for $hold:literal, keep $keep:literal, $severity:ident, $doc:literal;)+) => {
        vec![$(Rule {
            name: stringify!($name).to_owned(),
            doc: $doc.to_owned(),
            series: stringify!($series).to_owned(),
            of: None$(.or(Some(stringify!($of).to_owned())))?,
            of_min: 0.0 $(+ $of_min)?,
            comparison: Comparison::$comparison,
            threshold: $threshold,
            clear: $clear,
            hold: $hold,
            keep_firing: $keep,
            severity: Severity::$severity,
            enabled: true,
        }),+]
    };
}

/// The shipped rules, as they are when nobody has changed them.
#[must_use]
pub fn shipped() -> Vec<Rule> {
    rules! {
        memory_high: memory_resident / memory_budget from 1.0, Above 0.75, clear 0.7, for 60.0, keep 60.0, Warning,
            "Memory is three quarters used; from `memory.refuse_percent` on nobody new is let in.";
        memory_short: memory_resident / memory_budget from 1.0, Above 0.85, clear 0.8, for 10.0, keep 60.0, Critical,
            "Memory is so short that new connections and swarms are refused.";
        connections_near_max: connections / connections_max from 1.0, Above 0.8, clear 0.7, for 60.0, keep 60.0, Warning,
            "Soon there is no room for more connections: raise `limits.connections_max` or the limit of open files.";
        connections_refused: refused_connections_max, Above 0.1, clear 0.0, for 10.0, keep 60.0, Critical,
            "Connections are refused because there is no room for more.";
        accepts_failing: accepts_failed, Above 0.1, clear 0.0, for 10.0, keep 60.0, Critical,
            "The system lets no more connections be accepted, mostly for want of file descriptors.";
        loop_late: loop_lag, Above 0.25, clear 0.1, for 30.0, keep 60.0, Warning,
            "A worker is late with everything it does: its core is busy, or taken by others.";
        handshakes_refused: upgrades_refused, Above 10.0, clear 5.0, for 120.0, keep 300.0, Warning,
            "Many WebSocket handshakes are refused: a site that may not, an attack, or a limit that is too low.";
        certificate_not_trusted: tls_handshakes_refused / tls_handshakes from 0.1, Above 0.5, clear 0.2, for 300.0, keep 300.0, Warning,
            "Clients end the TLS handshake, mostly because they do not trust the certificate.";
        certificate_expiring: certificate_left, Below 864_000.0, clear 864_000.0, for 60.0, keep 0.0, Warning,
            "A certificate ends within ten days and was not renewed.";
        certificate_ending: certificate_left, Below 172_800.0, clear 172_800.0, for 60.0, keep 0.0, Critical,
            "A certificate ends within two days, or has ended: then browsers refuse it.";
        offers_not_answered: answers_relayed / offers_relayed from 0.1, Below 0.1, clear 0.2, for 600.0, keep 300.0, Warning,
            "Offers are passed on, but hardly any is answered: peers do not meet, or somebody sends offers for show.";
        address_share: largest_address_connections / connections from 500.0, Above 0.5, clear 0.4, for 300.0, keep 300.0, Warning,
            "More than half of all connections come from one address or network: a proxy in front that is not in `proxies.trusted`, or a flood.";
        private_address_share: largest_private_address_connections / connections from 50.0, Above 0.5, clear 0.4, for 300.0, keep 300.0, Warning,
            "Most connections come from one private address, of a proxy, a container's bridge or a NAT: is it missing in `proxies.trusted`? Limits take all behind it for one.";
        proxy_not_trusted: forwarded_untrusted / connections_opened from 0.1, Above 0.5, clear 0.2, for 300.0, keep 300.0, Warning,
            "Connections come through a proxy that is not in `proxies.trusted`: limits and bans take all its clients for one.";
        swarm_share: largest_swarm_members / members from 1000.0, Above 0.8, clear 0.7, for 600.0, keep 600.0, Info,
            "One swarm has nearly everybody: usual where one stream is served, else worth a look.";
        bans_rising: bans, Above 0.5, clear 0.1, for 60.0, keep 300.0, Warning,
            "Address after address is banned: somebody attacks from many places.";
        history_failing: history_works, Below 1.0, clear 1.0, for 120.0, keep 0.0, Warning,
            "The history cannot be written: look at the log and at the room on the disk.";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_shipped_rule_can_be_used() {
        let rules = shipped();
        let names: HashSet<_> = rules.iter().map(|rule| rule.name.clone()).collect();
        assert_eq!(names.len(), rules.len());
        for rule in &rules {
            assert_eq!(rule.check(), Ok(()), "{}", rule.name);
            assert!(rule.doc.ends_with('.'), "{}", rule.name);
            assert_eq!(rule.missing(), None, "{}", rule.name);
        }
    }
}
