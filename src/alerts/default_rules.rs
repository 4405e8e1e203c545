//! The default alert rules. `docs/alerts.md` has the same table; a test compares both.

use super::{AlertRule, Comparison, Severity};

/// Declares a rule: name, series, comparison, threshold, clear, `for`, `keep_firing`, severity, description.
macro_rules! rules {
    ($($name:ident: $series:ident $(/ $of:ident from $of_min:literal)?, $comparison:ident $threshold:literal, clear $clear:literal,
        for $hold:literal, keep $keep:literal, $severity:ident, $doc:literal;)+) => {
        vec![$(AlertRule {
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

/// Returns the unchanged shipped rules.
#[must_use]
pub fn default_rules() -> Vec<AlertRule> {
    rules! {
        memory_high: memory_resident / memory_budget from 1.0, Above 0.75, clear 0.7, for 60.0, keep 60.0, Warning,
            "Three quarters of the memory budget are used; from `memory.refuse_percent` on new clients are refused.";
        memory_short: memory_resident / memory_budget from 1.0, Above 0.85, clear 0.8, for 10.0, keep 60.0, Critical,
            "Memory is so short that new connections and swarms are refused.";
        connections_near_max: connections / connections_max from 1.0, Above 0.8, clear 0.7, for 60.0, keep 60.0, Warning,
            "The maximum of connections is near: raise `limits.connections_max` or the limit of open files.";
        connections_refused: refused_connections_max, Above 0.1, clear 0.0, for 10.0, keep 60.0, Critical,
            "Connections are refused because the maximum is reached.";
        accepts_failing: accepts_failed, Above 0.1, clear 0.0, for 10.0, keep 60.0, Critical,
            "New connections cannot be accepted, mostly because no file descriptors are left.";
        loop_late: loop_lag, Above 0.25, clear 0.1, for 30.0, keep 60.0, Warning,
            "The event loop of a worker is late: its core is busy, or used by other processes.";
        handshakes_refused: upgrades_refused, Above 10.0, clear 5.0, for 120.0, keep 300.0, Warning,
            "Many WebSocket handshakes are refused: a site that is not allowed, an attack, or a limit that is too low.";
        certificate_not_trusted: tls_handshakes_refused / tls_handshakes from 0.1, Above 0.5, clear 0.2, for 300.0, keep 300.0, Warning,
            "Clients abort the TLS handshake, mostly because they do not trust the certificate.";
        certificate_expiring: certificate_margin, Below 1.0, clear 1.0, for 60.0, keep 0.0, Warning,
            "A certificate was not renewed: it expires within ten days, or if it is short-lived, within a quarter of its validity.";
        certificate_ending: certificate_margin, Below 0.2, clear 0.2, for 60.0, keep 0.0, Critical,
            "A certificate expires within two days (if it is short-lived, a twentieth of its validity), or has expired: browsers refuse an expired one.";
        offers_not_answered: answers_relayed / offers_relayed from 0.1, Below 0.1, clear 0.2, for 600.0, keep 300.0, Warning,
            "Offers are relayed, but few are answered: peers do not connect, or a client sends fake offers.";
        members_find_nobody: members_alone / members from 20.0, Above 0.5, clear 0.4, for 600.0, keep 300.0, Warning,
            "Most members never had an answered introduction: their clients do not answer, or somebody floods swarms with members.";
        first_answer_late: first_answers_fast / first_answers from 0.1, Below 0.5, clear 0.6, for 600.0, keep 300.0, Warning,
            "Most members wait for more than three seconds until somebody answers: a slow STUN server, many sleeping pages, or too short a quota of offers.";
        address_share: largest_address_connections / connections from 500.0, Above 0.5, clear 0.4, for 300.0, keep 300.0, Warning,
            "More than half of all connections come from one address or network: a flood, or a proxy in front that is not in `proxies.trusted`.";
        private_address_share: largest_private_address_connections / connections from 50.0, Above 0.5, clear 0.4, for 300.0, keep 300.0, Warning,
            "Most connections come from one private address: a proxy, container bridge or NAT missing in `proxies.trusted`? Limits count all clients behind it as one.";
        proxy_not_trusted: forwarded_untrusted / connections_opened from 0.1, Above 0.5, clear 0.2, for 300.0, keep 300.0, Warning,
            "Connections come through a proxy that is not in `proxies.trusted`: limits and bans treat all its clients as one.";
        swarm_share: largest_swarm_members / members from 1000.0, Above 0.8, clear 0.7, for 600.0, keep 600.0, Info,
            "One swarm has most members: normal if you serve one stream, otherwise check it.";
        bans_rising: bans, Above 0.5, clear 0.1, for 60.0, keep 300.0, Warning,
            "Many addresses are being banned: an attack from many places.";
        history_failing: history_works, Below 1.0, clear 1.0, for 120.0, keep 0.0, Warning,
            "The history cannot be written: check the log and the free disk space.";
        turn_allocations_near_max: turn_allocations / turn_allocations_max from 1.0, Above 0.9, clear 0.8, for 60.0, keep 60.0, Warning,
            "The TURN relay has nearly all its allocations: raise `ice.turn_allocations_max`, or browsers that need it do not connect.";
        turn_day_budget: turn_bytes_today / turn_bytes_per_day from 1.0, Above 0.8, clear 0.7, for 10.0, keep 0.0, Warning,
            "The TURN relay has used four fifths of `ice.turn_bytes_per_day`; at the end it relays nothing until midnight UTC.";
        stun_unreachable: stun_works, Below 1.0, clear 1.0, for 10.0, keep 0.0, Warning,
            "Pages do not get the STUN server: nothing reaches its UDP port, or something hides the addresses of clients; the log names it. Open the port, use host networking, or set `ice.stun = false`.";
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_default_rule_is_valid() {
        let rules = default_rules();
        let names: HashSet<_> = rules.iter().map(|rule| rule.name.clone()).collect();
        assert_eq!(names.len(), rules.len());
        for rule in &rules {
            assert_eq!(rule.validate(), Ok(()), "{}", rule.name);
            assert!(rule.doc.ends_with('.'), "{}", rule.name);
            assert_eq!(rule.missing_series(), None, "{}", rule.name);
        }
    }
}
