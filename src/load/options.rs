//! Options of a load: all settings that define it. The defaults make a useful run of about 15 seconds.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::summary::to_f64;
use super::swarm_sizes::SwarmSize;
use super::tracker_url::TrackerUrl;

/// Offers a second that each member sends, and so receives, without a given pace. This is half of swarmhub's default
/// limit for a member, and hundreds of times the rate of real clients, which announce every one or two minutes.
const DEFAULT_OFFERS_PER_SECOND: f64 = 5.0;
/// Upper bound of requests a second without a given pace. One core can do many more beside a dashboard and the tracker.
const DEFAULT_REQUESTS_PER_SECOND_MAX: f64 = 1000.0;

/// When the next request starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Loop {
    /// A constant number of requests in flight: measures the tracker's maximum throughput.
    Closed {
        /// Requests in flight.
        under_way: usize,
    },
    /// A constant rate, independent of replies: measures how long clients wait.
    Open {
        /// Requests a second.
        per_second: f64,
    },
}

/// How long the load lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// For this duration; no load if zero.
    Time(Duration),
    /// This exact number of requests after the warm-up.
    Requests(u64),
}

/// Waves: members leave their swarm and join it again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wave {
    /// Time between two waves.
    pub every: Duration,
    /// Share of the members in each.
    pub share: f64,
}

/// Storms: connections close and reconnect all at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Storm {
    /// Time between two storms.
    pub every: Duration,
    /// Share of the connections in each.
    pub share: f64,
    /// Share of these connections that end with RST.
    pub reset_share: f64,
}

/// A load to run.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The tracker.
    pub target: TrackerUrl,
    /// Connections, each with one member.
    pub connections: usize,
    /// Threads that drive them.
    pub threads: usize,
    /// Members of the swarms.
    pub swarm_size: SwarmSize,
    /// Share of the members that are seeders.
    pub seeders: f64,
    /// Offers in an announce.
    pub offers: u64,
    /// Bytes of an offer's SDP as JSON text.
    pub offer_bytes: usize,
    /// Bytes of an answer's SDP as JSON text.
    pub answer_bytes: usize,
    /// Share of the received offers that are answered.
    pub answers: f64,
    /// Time between an offer and its answer.
    pub think: ThinkTime,
    /// Closed or open loop. `None`: an open loop whose offers stay within the default limits of trackers. Each member
    /// announces once a second, less often with more than five offers; all together at most 1,000 times a second.
    pub pace: Option<Loop>,
    /// Duration of the load before the measurement.
    pub warmup: Duration,
    /// Length of the measured load.
    pub amount: Amount,
    /// Share of the requests that are scrapes.
    pub scrapes: f64,
    /// Members that leave and join.
    pub wave: Option<Wave>,
    /// Connections that break and reconnect.
    pub storm: Option<Storm>,
    /// Source addresses; if empty, the system chooses.
    pub sources: Vec<IpAddr>,
    /// The `Origin` header of the connections.
    pub origin: Option<String>,
    /// PEM file with certificate authorities to trust besides the public ones.
    pub ca_file: Option<PathBuf>,
    /// Whether any certificate is trusted.
    pub insecure: bool,
    /// A message that takes longer counts as lost.
    pub timeout: Duration,
    /// Seed of ids and random choices, to repeat a run.
    pub seed: u64,
    /// Process id of the server, if it runs on this machine.
    pub server_pid: Option<u32>,
    /// Whether the server's system calls are counted.
    pub syscalls: bool,
}

impl Options {
    /// Returns the default load on a tracker.
    #[must_use]
    pub fn new(target: TrackerUrl) -> Self {
        Self {
            target,
            connections: 200,
            threads: 1,
            swarm_size: SwarmSize::Fixed(50),
            seeders: 0.2,
            offers: 5,
            offer_bytes: 2000,
            answer_bytes: 1600,
            answers: 1.0,
            think: ThinkTime::default(),
            pace: None,
            warmup: Duration::from_secs(1),
            amount: Amount::Time(Duration::from_secs(10)),
            scrapes: 0.0,
            wave: None,
            storm: None,
            sources: Vec::new(),
            origin: None,
            ca_file: None,
            insecure: false,
            timeout: Duration::from_secs(10),
            seed: rand::random(),
            server_pid: None,
            syscalls: false,
        }
    }

    /// Returns the loop, limited to what is possible: a member has at most one request in flight.
    pub(super) fn pace(&self) -> Loop {
        match self.pace {
            Some(Loop::Closed { under_way }) => Loop::Closed {
                under_way: under_way.min(self.connections),
            },
            Some(open @ Loop::Open { .. }) => open,
            None => {
                let each = (DEFAULT_OFFERS_PER_SECOND / to_f64(self.offers.max(1))).min(1.0);
                Loop::Open {
                    per_second: (to_f64(self.connections as u64) * each)
                        .min(DEFAULT_REQUESTS_PER_SECOND_MAX),
                }
            }
        }
    }

    /// Whether there is a load phase.
    pub(super) fn has_load(&self) -> bool {
        !matches!(
            self.amount,
            Amount::Time(Duration::ZERO) | Amount::Requests(0)
        )
    }
}

/// Shortest and longest time between an offer and its answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ThinkTime {
    /// Shortest time.
    pub min: Duration,
    /// Longest time.
    pub max: Duration,
}

impl FromStr for ThinkTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let millis = |text: &str| match text.parse() {
            Ok(millis @ ..=60_000) => Ok(Duration::from_millis(millis)),
            _ => Err(
                "give milliseconds such as 50, or a range such as 20-200, up to 60000".to_owned(),
            ),
        };
        let (least, most) = text.split_once('-').unwrap_or((text, text));
        let think = Self {
            min: millis(least)?,
            max: millis(most)?,
        };
        if think.min > think.max {
            return Err("write the shorter time first".to_owned());
        }
        Ok(think)
    }
}

/// Source addresses: one, or a range from the first to the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceAddresses(pub Vec<IpAddr>);

/// Largest range of source addresses; more than any load needs.
const SOURCES_MAX: u32 = 4096;

impl FromStr for SourceAddresses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let usage = || {
            "give an address such as 127.0.0.2, or a range such as 127.0.0.2-127.0.0.9".to_owned()
        };
        let Some((first, last)) = text.split_once('-') else {
            return Ok(Self(vec![text.parse().map_err(|_| usage())?]));
        };
        let number = |text: &str| text.parse().map(Ipv4Addr::to_bits).map_err(|_| usage());
        let (first, last) = (number(first)?, number(last)?);
        if first > last || last - first >= SOURCES_MAX {
            return Err(format!(
                "write a range from the lower to the higher address, with at most {SOURCES_MAX} addresses"
            ));
        }
        Ok(Self(
            (first..=last)
                .map(|number| IpAddr::V4(number.into()))
                .collect(),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_one_address_or_a_range() {
        let sources = |text: &str| text.parse::<SourceAddresses>().map(|sources| sources.0);
        assert_eq!(sources("::1").unwrap().len(), 1);
        let range = sources("127.0.0.254-127.0.1.2").unwrap();
        assert_eq!(range.len(), 5);
        assert_eq!(range[2].to_string(), "127.0.1.0");
        for text in [
            "",
            "x",
            "127.0.0.9-127.0.0.2",
            "10.0.0.0-11.0.0.0",
            "::1-::2",
        ] {
            assert!(sources(text).is_err(), "{text}");
        }
    }

    /// Five offers a second are half of the default of `limits.offers_received_per_second`.
    #[test]
    fn the_default_rate_stays_within_the_default_offer_limits() {
        let rate = |connections, offers| {
            let options = Options {
                connections,
                offers,
                ..Options::new("ws://t.example/".parse().unwrap())
            };
            match options.pace() {
                Loop::Open { per_second } => per_second,
                Loop::Closed { .. } => panic!("the default is an open loop"),
            }
        };
        let one_each = [(200, 5), (7, 1), (1, 0), (1000, 5)];
        for (connections, offers) in one_each {
            let each = rate(connections, offers) / to_f64(connections as u64);
            assert!((each - 1.0).abs() < 1e-9, "{connections} {offers}: {each}");
        }
        assert!((rate(200, 10) - 100.0).abs() < 1e-9);
        assert!((rate(1_000_000, 5) - 1000.0).abs() < 1e-9);
    }

    #[test]
    fn a_think_time_is_one_value_or_a_range() {
        let think: ThinkTime = "20-200".parse().unwrap();
        assert_eq!((think.min.as_millis(), think.max.as_millis()), (20, 200));
        assert_eq!("5".parse::<ThinkTime>().unwrap().min.as_millis(), 5);
        for text in ["", "-1", "9-2", "99999"] {
            assert!(text.parse::<ThinkTime>().is_err(), "{text}");
        }
    }
}
