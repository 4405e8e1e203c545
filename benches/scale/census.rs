//! What it costs to count who the members are, with a million of them: how long one lock is held at worst, the whole, and memory.

use std::net::Ipv4Addr;
use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use swarmhub::insight::census::{PARTS, Tally, Way};
use swarmhub::protocol::ConnectionId;
use swarmhub::protocol::http::Endpoint;
use swarmhub::swarm::{self, Claim, Group, HttpSaid, Member, Role, Swarms, Walk};

use crate::{memory_bytes, sample};

pub const MEMBERS: u32 = 1_000_000;
/// Swarms of so many.
pub const SIZES: [u32; 4] = [1, 6, 1000, MEMBERS];
const REPETITIONS: usize = 11;

/// What is measured of one count.
#[derive(Debug, Default, Clone, Copy)]
struct Took {
    all: Duration,
    /// At most, with one part of the table locked.
    locked: Duration,
    /// At most, without a pause, whether locked or not.
    at_once: Duration,
    bytes: u64,
}

/// Members in swarms of one size, every tenth over HTTP, counted again and again.
pub fn measure(in_swarm: u32) -> Value {
    let swarms = Swarms::new(usize::MAX);
    for number in 0..MEMBERS {
        join(&swarms, number, in_swarm);
    }
    let counts: Vec<Took> = (0..REPETITIONS)
        .map(|_| {
            let before = cpu_time();
            count(&swarms, false);
            Took {
                all: cpu_time().saturating_sub(before),
                ..count(&swarms, true)
            }
        })
        .collect();
    let of = |name: &str, time: fn(&Took) -> Duration| {
        let mut times: Vec<f64> = counts.iter().map(|took| time(took).as_secs_f64()).collect();
        times.sort_by(f64::total_cmp);
        let ms = |time: f64| time * 1e3;
        let (least, most) = (times[0], times[REPETITIONS - 1]);
        let told = json!([ms(times[REPETITIONS / 2]), ms(least), ms(most)]);
        (name.to_owned(), told)
    };
    let mut row: Map<_, _> = [
        of("all", |took| took.all),
        of("locked", |took| took.locked),
        of("at_once", |took| took.at_once),
    ]
    .into_iter()
    .collect();
    let bytes = counts.iter().map(|took| took.bytes).max();
    row.insert("bytes".to_owned(), bytes.into());
    row.into()
}

fn join(swarms: &Swarms, number: u32, in_swarm: u32) {
    let peer_id = sample::peer_id(number.into());
    let info_hash = sample::info_hash((number / in_swarm).into());
    let joined = swarms.with_new(
        &info_hash,
        |_| true,
        |swarm| {
            if number % 10 == 9 {
                let address = Ipv4Addr::from_bits(number).into();
                let said = HttpSaid {
                    peer_id,
                    key: None,
                    claim: Claim::Leecher,
                    completed: false,
                    at: 1,
                    stale_before: 0,
                };
                swarm.http_join(&Endpoint::new(address, NonZeroU16::MIN), said, (None, None));
                return;
            }
            let connection = ConnectionId::new(0, number, number);
            let member = Member {
                connection,
                peer_id,
            };
            let group = Group::of_connection(connection);
            let at = Duration::from_secs(1);
            swarm.join((member, group), Claim::Leecher, false, at);
        },
    );
    joined.expect("room");
}

/// As the server does, but for the pauses. Looking at each piece takes time itself, so it is not always done.
fn count(swarms: &Swarms, is_watched: bool) -> Took {
    let before = memory_bytes();
    let mut watch = Watch {
        is_on: is_watched,
        longest: Duration::ZERO,
    };
    let mut tally = Tally::new(swarms.totals().seeders + swarms.totals().leechers);
    let (mut walk, mut goes_on, mut slice) = (Walk::default(), true, Vec::new());
    let mut locked = Duration::ZERO;
    while goes_on {
        watch
            .time(|| {
                let began = Instant::now();
                goes_on = swarms.walk_slice(&mut walk, |member| slice.push(member));
                let unlocked = began.elapsed();
                for member in slice.drain(..) {
                    let way = match member.way {
                        swarm::Way::WebSocket(_) => Way::WebSocket,
                        swarm::Way::Http { .. } => Way::HttpIpv4,
                    };
                    let is_seeder = member.role == Role::Seeder;
                    tally.add(member.peer_id.as_bytes(), is_seeder, way);
                }
                unlocked
            })
            .inspect(|unlocked| locked = locked.max(*unlocked));
    }
    let bytes = memory_bytes().saturating_sub(before);
    for part in 0..PARTS {
        watch.time(|| tally.count(part));
    }
    let mut census = None;
    watch.time(|| census = Some(tally.census()));
    assert_eq!(census.map(|census| census.peers), Some(MEMBERS.into()));
    Took {
        all: Duration::ZERO,
        locked,
        at_once: watch.longest,
        bytes,
    }
}

/// Times pieces of work.
#[derive(Debug)]
struct Watch {
    is_on: bool,
    /// Of those during which the kernel gave the core to nobody else.
    longest: Duration,
}

impl Watch {
    /// `None` if somebody else had the core meanwhile.
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> Option<T> {
        if !self.is_on {
            work();
            return None;
        }
        let switches = preemptions();
        let began = Instant::now();
        let result = work();
        let took = began.elapsed();
        if preemptions() != switches {
            return None;
        }
        self.longest = self.longest.max(took);
        Some(result)
    }
}

/// Processor time of this thread, to about four milliseconds.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = text.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(first.unwrap_or(0))
}

/// How often this thread had to give up its core; `None` where the system does not say.
fn preemptions() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/thread-self/status").ok()?;
    let mut lines = status.lines();
    lines.find_map(|line| {
        line.strip_prefix("nonvoluntary_ctxt_switches:")?
            .trim()
            .parse()
            .ok()
    })
}
