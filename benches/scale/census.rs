//! Measures the client census with a million members: total time, longest lock, longest step, and memory.

use std::net::Ipv4Addr;
use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use swarmhub::census::{AnnounceTransport, CensusCounter, PARTS};
use swarmhub::protocol::ConnectionId;
use swarmhub::protocol::http::Endpoint;
use swarmhub::swarm::{
    self, AddressGroup, ClaimedRole, HttpMemberUpdate, Member, MemberCursor, Role, SwarmTable,
};

use crate::{memory_bytes, sample};

pub const MEMBERS: u32 = 1_000_000;
/// Measured swarm sizes.
pub const SIZES: [u32; 4] = [1, 6, 1000, MEMBERS];
const REPETITIONS: usize = 11;

/// Measurements of one census.
#[derive(Debug, Default, Clone, Copy)]
struct CensusTimes {
    all: Duration,
    /// Longest time with one part of the table locked.
    longest_lock: Duration,
    /// Longest time without a pause, locked or not.
    uninterrupted: Duration,
    bytes: u64,
}

/// Measures repeated counts of members in swarms of one size; every tenth member uses HTTP.
pub fn measure(swarm_size: u32) -> Value {
    let swarms = SwarmTable::new(usize::MAX);
    for number in 0..MEMBERS {
        join(&swarms, number, swarm_size);
    }
    let counts: Vec<CensusTimes> = (0..REPETITIONS)
        .map(|_| {
            let before = cpu_time();
            count(&swarms, false);
            CensusTimes {
                all: cpu_time().saturating_sub(before),
                ..count(&swarms, true)
            }
        })
        .collect();
    let of = |name: &str, time: fn(&CensusTimes) -> Duration| {
        let mut times: Vec<f64> = counts.iter().map(|took| time(took).as_secs_f64()).collect();
        times.sort_by(f64::total_cmp);
        let ms = |time: f64| time * 1e3;
        let (least, most) = (times[0], times[REPETITIONS - 1]);
        let spread = json!([ms(times[REPETITIONS / 2]), ms(least), ms(most)]);
        (name.to_owned(), spread)
    };
    let mut row: Map<_, _> = [
        of("all", |took| took.all),
        of("locked", |took| took.longest_lock),
        of("at_once", |took| took.uninterrupted),
    ]
    .into_iter()
    .collect();
    let bytes = counts.iter().map(|took| took.bytes).max();
    row.insert("bytes".to_owned(), bytes.into());
    row.into()
}

fn join(swarms: &SwarmTable, number: u32, swarm_size: u32) {
    let peer_id = sample::peer_id(number.into());
    let info_hash = sample::info_hash((number / swarm_size).into());
    let joined = swarms.with_or_create(
        &info_hash,
        |_| true,
        |swarm| {
            if number % 10 == 9 {
                let address = Ipv4Addr::from_bits(number).into();
                let said = HttpMemberUpdate {
                    peer_id,
                    key: None,
                    claimed_role: ClaimedRole::Leecher,
                    completed: false,
                    announced_second: 1,
                    stale_before_second: 0,
                };
                swarm.http_join(&Endpoint::new(address, NonZeroU16::MIN), said, (None, None));
                return;
            }
            let connection = ConnectionId::new(0, number, number);
            let member = Member {
                connection,
                peer_id,
            };
            let group = AddressGroup::of_connection(connection);
            let at = Duration::from_secs(1);
            swarm.join((member, group, None), ClaimedRole::Leecher, false, at);
        },
    );
    joined.expect("room");
}

/// Counts as the server does, but without its pauses. Timing each step takes time itself, so it is optional.
fn count(swarms: &SwarmTable, is_timed: bool) -> CensusTimes {
    let before = memory_bytes();
    let mut timer = StepTimer {
        is_enabled: is_timed,
        longest: Duration::ZERO,
    };
    let mut tally = CensusCounter::new(swarms.totals().seeders + swarms.totals().leechers);
    let (mut walk, mut has_more, mut slice) = (MemberCursor::default(), true, Vec::new());
    let mut locked = Duration::ZERO;
    while has_more {
        timer
            .time(|| {
                let began = Instant::now();
                has_more = swarms.visit_slice(&mut walk, |member| slice.push(member));
                let unlocked = began.elapsed();
                for member in slice.drain(..) {
                    let way = match member.transport {
                        swarm::MemberTransport::WebSocket(_) => AnnounceTransport::WebSocket,
                        swarm::MemberTransport::Http { .. } => AnnounceTransport::HttpIpv4,
                    };
                    let is_seeder = member.role == Role::Seeder;
                    tally.add_member(member.peer_id.as_bytes(), is_seeder, way);
                }
                unlocked
            })
            .inspect(|unlocked| locked = locked.max(*unlocked));
    }
    let bytes = memory_bytes().saturating_sub(before);
    for part in 0..PARTS {
        timer.time(|| tally.count_part(part));
    }
    let mut census = None;
    timer.time(|| census = Some(tally.finish()));
    assert_eq!(census.map(|census| census.peers), Some(MEMBERS.into()));
    CensusTimes {
        all: Duration::ZERO,
        longest_lock: locked,
        uninterrupted: timer.longest,
        bytes,
    }
}

/// Times steps of work.
#[derive(Debug)]
struct StepTimer {
    is_enabled: bool,
    /// The longest step without preemption by the kernel.
    longest: Duration,
}

impl StepTimer {
    /// Times a step; returns `None` if it was preempted or timing is off.
    fn time<T>(&mut self, work: impl FnOnce() -> T) -> Option<T> {
        if !self.is_enabled {
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

/// Returns the CPU time of this thread, precise to about four milliseconds.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let first = text.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(first.unwrap_or(0))
}

/// Returns the number of preemptions of this thread; `None` if the system does not provide it.
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
