//! Checks settings against each other, after each is valid by itself.
//! It changes nothing. The layers pass the sources of the values, [`Config::check`] does not.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{InvalidConfig, Problem, ValueSource};
use super::listen::{ListenSpec, ListenerRole};
use super::setting_list::Setting;
use super::settings::Config;
use super::value::SettingValue as _;
use super::{cluster, private_receivers, tls};

/// A pair of settings of which one must not exceed the other.
struct OrderConstraint {
    low: &'static str,
    high: &'static str,
    holds: fn(&Config) -> bool,
    /// Why the order is required.
    reason: &'static str,
}

const ORDER_CONSTRAINTS: &[OrderConstraint] = &[
    OrderConstraint {
        low: "tracker.interval_min",
        high: "tracker.interval_max",
        holds: |config| config.tracker.interval_min <= config.tracker.interval_max,
        reason: "the interval grows from the minimum to the maximum",
    },
    OrderConstraint {
        low: "interval",
        high: "tracker.membership_ttl",
        holds: |config| config.interval.is_none() || ttl_exceeds_interval(config),
        reason: "peers would be removed before they announce again",
    },
    OrderConstraint {
        low: "tracker.interval_max",
        high: "tracker.membership_ttl",
        holds: |config| config.interval.is_some() || ttl_exceeds_interval(config),
        reason: "peers would be removed before they announce again",
    },
    OrderConstraint {
        low: "tracker.http_interval_min",
        high: "tracker.http_interval",
        holds: |config| config.tracker.http_interval_min <= config.tracker.http_interval,
        reason: "clients would be asked to announce sooner than they may",
    },
    OrderConstraint {
        low: "tracker.http_interval",
        high: "tracker.http_membership_ttl",
        holds: |config| config.http_membership_ttl() > config.tracker.http_interval,
        reason: "peers would be removed before they announce again",
    },
    OrderConstraint {
        low: "tracker.offers_per_announce_max",
        high: "tracker.pending_offers_max",
        holds: |config| config.tracker.offers_per_announce_max <= config.tracker.pending_offers_max,
        reason: "the offers of one announce would replace each other",
    },
    OrderConstraint {
        low: "tracker.offers_per_announce_max",
        high: "limits.offers_burst",
        holds: |config| {
            u32::try_from(config.tracker.offers_per_announce_max)
                .is_ok_and(|offers| offers <= config.limits.offers_burst)
        },
        reason: "a full announce would always exceed the limit",
    },
    OrderConstraint {
        low: "connection.sdp_bytes_max",
        high: "connection.message_bytes_max",
        holds: |config| config.connection.sdp_bytes_max < config.connection.message_bytes_max,
        reason: "an offer is part of a message",
    },
    OrderConstraint {
        low: "connection.message_bytes_max",
        high: "connection.output_bytes_max",
        holds: |config| config.connection.message_bytes_max <= config.connection.output_bytes_max,
        reason: "a whole message must fit in the output queue",
    },
    OrderConstraint {
        low: "connection.message_bytes_max",
        high: "limits.bytes_per_second",
        holds: |config| {
            let bytes = config.connection.message_bytes_max as u128 * 1000;
            let time = config.connection.message_timeout.as_millis();
            config.no_limits || bytes <= u128::from(config.limits.bytes_per_second) * time
        },
        reason: "the largest message could not arrive within connection.message_timeout",
    },
    OrderConstraint {
        low: "connection.ping_after",
        high: "connection.dead_after",
        holds: |config| config.connection.ping_after < config.connection.dead_after,
        reason: "a peer needs time to answer the ping",
    },
    OrderConstraint {
        low: "connection.message_timeout",
        high: "connection.dead_after",
        holds: |config| config.connection.message_timeout <= config.connection.dead_after,
        reason: "a connection that still sends a message would be closed as dead",
    },
    OrderConstraint {
        low: "limits.delay_max",
        high: "connection.message_timeout",
        holds: |config| config.limits.delay_max < config.connection.message_timeout,
        reason: "a read pause must not cause a message timeout",
    },
    OrderConstraint {
        low: "limits.delay_max",
        high: "connection.dead_after",
        holds: |config| config.limits.delay_max < config.connection.dead_after,
        reason: "a connection must not be closed as dead during a read pause",
    },
    OrderConstraint {
        low: "bans.duration_min",
        high: "bans.duration_max",
        holds: |config| config.bans.duration_min <= config.bans.duration_max,
        reason: "the duration of a ban grows from the minimum to the maximum",
    },
    OrderConstraint {
        low: "memory.refuse_percent",
        high: "memory.shed_percent",
        holds: |config| config.memory.refuse_percent <= config.memory.shed_percent,
        reason: "new connections must be refused before existing ones are closed",
    },
    OrderConstraint {
        low: "limits.delay_max",
        high: "limits.patience",
        holds: |config| config.limits.delay_max <= config.limits.patience,
        reason: "a single pause would exceed limits.patience",
    },
];

fn ttl_exceeds_interval(config: &Config) -> bool {
    config.membership_ttl() > config.longest_interval()
}

impl Config {
    /// Checks a configuration that a program created: each value by itself, and all of them together.
    ///
    /// [`load`](super::load) returns a checked configuration.
    ///
    /// # Errors
    /// Every mistake found, with the setting's name as the place; never an empty list.
    pub fn check(&self) -> Result<(), Vec<InvalidConfig>> {
        let mut failed = BTreeSet::new();
        let mut problems = Vec::new();
        for setting in Setting::all() {
            if let Err(problem) = (setting.check)(self) {
                failed.insert(setting.key);
                problems.push(problem.at(setting.key));
            }
        }
        problems.extend(find_contradictions(self, &BTreeMap::new(), &failed));
        if problems.is_empty() {
            Ok(())
        } else {
            Err(problems)
        }
    }
}

/// Returns the contradictions between settings, except those with a setting that failed by itself.
pub(super) fn find_contradictions(
    config: &Config,
    sources: &BTreeMap<&'static str, ValueSource>,
    failed: &BTreeSet<&'static str>,
) -> Vec<InvalidConfig> {
    let source = |key: &str| sources.get(key).cloned().unwrap_or_default();
    let place = |key: &str| source(key).place(key);
    let rank = |key: &str| source(key).precedence();
    let mut problems = Vec::new();
    if config.listen.is_empty() && !failed.contains("listen") {
        let problem = Problem::new(
            "there is no address to listen on",
            "give one such as [::]:8000, or leave it out",
        );
        problems.push(problem.at(place("listen")));
    }
    // A certificate with a wrong path must not also be reported as missing.
    let tls_failed = tls::TLS_SETTINGS.iter().any(|key| failed.contains(key));
    let of_tls = tls::problems(config).into_iter().filter(|_| !tls_failed);
    let mistakes = of_tls
        .chain(private_receivers::problems(config))
        .chain(overlapping_listener(config))
        .chain(metrics_listener_problem(config))
        .chain(turn_problem(config))
        .chain(cluster::problem(config));
    let mistakes = mistakes.filter(|(key, _)| !failed.contains(key));
    problems.extend(mistakes.map(|(key, problem)| problem.at(place(key))));
    for order in ORDER_CONSTRAINTS {
        if failed.contains(order.low) || failed.contains(order.high) || (order.holds)(config) {
            continue;
        }
        // Blames the setting of the later layer: the operator most likely just set that one.
        let problem = if rank(order.high) > rank(order.low) {
            order
                .problem(
                    config,
                    (order.high, "small"),
                    (order.low, &source(order.low)),
                )
                .at(place(order.high))
        } else {
            order
                .problem(
                    config,
                    (order.low, "large"),
                    (order.high, &source(order.high)),
                )
                .at(place(order.low))
        };
        problems.push(problem);
    }
    problems
}

/// Returns the problem of two listeners that use the same port, as `[::]` includes all addresses.
fn overlapping_listener(config: &Config) -> Option<(&'static str, Problem)> {
    for (number, listen) in config.listen.iter().enumerate() {
        let mut before = config.listen.iter().take(number);
        if let Some(other) = before.find(|other| other.overlaps(listen)) {
            let what = format!("{} and {} use the same port", other.target, listen.target);
            let remedy = "give one of them: [::] includes all addresses, 0.0.0.0 all of IPv4";
            return Some(("listen", Problem::new(what, remedy)));
        }
    }
    None
}

/// Returns the first contradiction of the settings of TURN.
fn turn_problem(config: &Config) -> Option<(&'static str, Problem)> {
    let ice = &config.ice;
    let problem = |key, what: &str, remedy| Some((key, Problem::new(what, remedy)));
    if !ice.turn_server.is_empty() && ice.turn_secret.is_none() {
        let remedy = "give ice.turn_secret_file, with the secret that the TURN server has";
        return problem(
            "ice.turn_server",
            "it needs a secret for its credentials",
            remedy,
        );
    }
    if ice.turn && !ice.turn_server.is_empty() {
        return problem(
            "ice.turn",
            "ice.turn_server is also given",
            "give one of the two",
        );
    }
    if ice.turn && !ice.stun {
        let remedy = "leave out ice.stun = false";
        return problem("ice.turn", "it needs the ports of the STUN server", remedy);
    }
    if (ice.turn || !ice.turn_server.is_empty()) && !config.ice_server.is_empty() {
        let key = if ice.turn {
            "ice.turn"
        } else {
            "ice.turn_server"
        };
        let what = "ice_server is also given, and pages then get no other server";
        return problem(key, what, "give one of the two");
    }
    None
}

/// Returns the first problem of the metrics listeners.
fn metrics_listener_problem(config: &Config) -> Option<(&'static str, Problem)> {
    let blame = |problem| Some(("metrics.listen", problem));
    for listen in &config.metrics.listen {
        if listen.role != ListenerRole::Both {
            let what = format!("{listen} would serve more than metrics");
            let remedy = "leave out tracker+ and pages+ there";
            return blame(Problem::new(what, remedy));
        }
        let is_taken = |other: &ListenSpec| other.duplicates(listen) || other.overlaps(listen);
        if config.listen.iter().any(is_taken) {
            let what = format!("{} is also in listen", listen.target);
            let remedy = "give another address, or leave it out: metrics are served there anyway";
            return blame(Problem::new(what, remedy));
        }
    }
    None
}

impl OrderConstraint {
    fn problem(
        &self,
        config: &Config,
        blamed: (&str, &str),
        other: (&str, &ValueSource),
    ) -> Problem {
        let value = |key: &str| Setting::find(key).and_then(|setting| setting.to_toml(config));
        let shown = |key: &str| value(key).unwrap_or_else(|| "not set".to_owned());
        let ((key, excess), (other, source)) = (blamed, other);
        Problem::new(
            format!(
                "{} is too {excess} for {other} ({}, {source}): {}",
                shown(key),
                shown(other),
                self.reason
            ),
            format!("lower {} or raise {}", self.low, self.high),
        )
    }
}
