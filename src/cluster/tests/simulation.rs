//! The seeded simulation: random browsers, announces and faults on a few nodes, in virtual time. After the faults, all
//! counts must be those of one naive tracker that sees everything, and each offer and answer must arrive.
//!
//! `SIMULATION_RUNS=10000` extends it, `SIMULATION_SEED=17 SIMULATION_RUNS=1` repeats one run.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use rand::RngExt;
use rand::seq::IndexedRandom;

use super::browser::{AnswerFate, Browser};
use super::exchange::ANSWERS_WITHIN;
use super::world::World;
use crate::cluster::{Delivery, NetworkFaults, NodeId};
use crate::protocol::{ConnectionId, InfoHash, PeerId};

const RUNS: u64 = 400;

const SWARMS: u8 = 5;

/// How long nodes, network and browsers change.
const TURMOIL: Duration = Duration::from_secs(7);

/// After this time without faults and changes, everything must be true.
const HEALED_AFTER: Duration = Duration::from_secs(6);

/// What goes wrong in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    /// Nothing.
    Calm,
    /// Messages are lost, repeated and overtaken.
    Lossy,
    /// Nodes end, start, pause and drain; ways are cut; the network is lost.
    Stormy,
    /// All of it.
    Both,
}

#[test]
fn the_cluster_and_one_naive_tracker_agree() {
    let from_environment = |name| {
        let value = std::env::var(name).ok()?;
        Some(value.parse().expect("a number"))
    };
    let first = from_environment("SIMULATION_SEED").unwrap_or(0);
    let runs = from_environment("SIMULATION_RUNS").unwrap_or(RUNS);
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                let seeds = first + thread..first + runs;
                for seed in seeds.step_by(usize::try_from(threads).unwrap()) {
                    let _seed_printer = SeedPrinter(seed);
                    simulate(seed);
                }
            });
        }
    });
}

/// Prints the seed if a run panics.
struct SeedPrinter(u64);

impl Drop for SeedPrinter {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("repeat with SIMULATION_SEED={} SIMULATION_RUNS=1", self.0);
        }
    }
}

fn simulate(seed: u64) {
    let mut world = World::new(seed);
    let weather = match seed % 4 {
        0 => Weather::Calm,
        1 => Weather::Lossy,
        2 => Weather::Stormy,
        _ => Weather::Both,
    };
    for _ in 0..world.rng.random_range(2..=4) {
        world.add_node();
    }
    if weather == Weather::Lossy || weather == Weather::Both {
        let faults = NetworkFaults {
            lost_percent: world.rng.random_range(0..15),
            repeated_percent: world.rng.random_range(0..15),
            overtaken_percent: world.rng.random_range(0..15),
            delay_max: Duration::from_millis(world.rng.random_range(1..50)),
        };
        world.network.set_faults(faults);
    }
    let end = world.now + TURMOIL;
    while world.now < end {
        let pause = Duration::from_secs_f64(world.rng.random_range(0.0..0.2));
        world.run_until(end.min(world.now + pause));
        act(&mut world);
        if matches!(weather, Weather::Stormy | Weather::Both) && world.rng.random_ratio(1, 12) {
            disturb(&mut world);
        }
    }
    heal(&mut world);
    let since = world.now;
    world.run_until(since + HEALED_AFTER);
    check_counts(&mut world, seed);
    if weather == Weather::Calm {
        check_exchanges(&world, Duration::ZERO);
    }
    let since = world.now;
    check_announces(&mut world);
    check_exchanges(&world, since);
}

/// Something that users do.
fn act(world: &mut World) {
    let ids: Vec<_> = world.nodes.keys().copied().collect();
    let Some(id) = ids.choose(&mut world.rng).copied() else {
        return;
    };
    if !world.is_awake(id) {
        return;
    }
    let browsers: Vec<_> = world.nodes[&id].browsers.values().copied().collect();
    let browser = browsers.choose(&mut world.rng).copied();
    match (world.rng.random_range(0..10), browser) {
        (0..=3, _) => {
            let browser = new_browser(world);
            world.join(id, browser);
            announce(world, id, browser);
        }
        (4..=5, Some(browser)) => announce(world, id, browser),
        (6..=7, Some(browser)) => world.leave(id, browser),
        (8, Some(mut browser)) => {
            world.leave(id, browser);
            browser.is_seeder = true;
            world.join(id, browser);
        }
        _ => {
            let info_hash = swarm(world.rng.random_range(0..SWARMS));
            world.question(id, info_hash);
        }
    }
}

fn swarm(number: u8) -> InfoHash {
    InfoHash::new([number + 1; 20])
}

fn new_browser(world: &mut World) -> Browser {
    let number = world.number();
    let info_hash = swarm(world.rng.random_range(0..SWARMS));
    let mut peer_id = [0; 20];
    peer_id[..8].copy_from_slice(&number.to_le_bytes());
    // Peers over HTTP are recognised by it.
    peer_id[19] = info_hash.as_bytes()[0];
    Browser {
        connection: ConnectionId::from_bits(number),
        info_hash,
        peer_id: PeerId::new(peer_id),
        is_seeder: world.rng.random(),
        is_http: world.rng.random_ratio(1, 5),
    }
}

fn announce(world: &mut World, id: NodeId, browser: Browser) {
    if browser.is_http {
        world.announce_http(id, browser.info_hash, 4);
    } else {
        let offers = world.rng.random_range(0..6);
        world.announce(id, browser, offers);
    }
}

/// Something that goes wrong.
fn disturb(world: &mut World) {
    let ids: Vec<_> = world.nodes.keys().copied().collect();
    let Some(id) = ids.choose(&mut world.rng).copied() else {
        return;
    };
    let other = *ids.choose(&mut world.rng).expect("a node");
    let choice = world.rng.random_range(0..12);
    let now = world.now;
    world
        .log
        .push(format!("{now:?}: disturbance {choice} of {id} and {other}"));
    match choice {
        0 => world.crash(id),
        1 => world.stop(id),
        2 if ids.len() < 5 => {
            world.add_node();
        }
        3..=4 => {
            let until = world.now + Duration::from_secs_f64(world.rng.random_range(0.1..6.0));
            world.nodes.get_mut(&id).expect("a node").paused_until = Some(until);
        }
        5..=6 => {
            world.network.set_cut(id, other, true);
            if world.rng.random() {
                world.network.set_cut(other, id, true);
            }
        }
        7 => world.network.clear_cuts(),
        8 => {
            let (is_down, is_noticed) = (world.rng.random(), world.rng.random());
            world.network.set_down(is_down, is_noticed, world.now);
        }
        9 => world.network.set_down(false, true, world.now),
        10 => {
            let is_draining = world.rng.random();
            world.set_draining(id, is_draining);
        }
        _ => world.deliver(id, &Delivery::Unreachable(other)),
    }
}

fn heal(world: &mut World) {
    world.network.set_faults(NetworkFaults::NONE);
    world.network.clear_cuts();
    world.network.set_down(false, false, world.now);
    for node in world.nodes.values_mut() {
        if node.paused_until.is_some() {
            node.paused_until = Some(world.now);
        }
    }
}

/// Each node knows all others, and how many members each swarm has.
fn check_counts(world: &mut World, seed: u64) {
    let ids: Vec<_> = world.nodes.keys().copied().collect();
    let mut numbers = BTreeMap::new();
    for id in &ids {
        let nodes = world.nodes[id].cluster.nodes();
        let visible = nodes.iter().filter(|node| node.is_visible);
        assert_eq!(visible.count(), ids.len() - 1, "{id} sees {nodes:?}");
        for node in nodes {
            assert_eq!(node.is_draining, world.nodes[&node.node].is_draining);
        }
        for number in 0..SWARMS {
            let question = world.question(*id, swarm(number));
            numbers.insert(question, (*id, swarm(number)));
        }
    }
    world.run_until(world.now + Duration::from_millis(1200));
    assert!(world.questions.is_empty(), "{:?}", world.questions);
    for (number, (id, info_hash)) in numbers {
        let truth = world.truth(info_hash);
        assert_eq!(
            world.told[&number],
            truth,
            "seed {seed}: node {id}, swarm {info_hash}\n{}",
            world.describe(info_hash)
        );
    }
}

/// Each browser announces once. Each of its offers reaches somebody, if there is anybody left.
fn check_announces(world: &mut World) {
    let since = world.now;
    let all: Vec<_> = world
        .nodes
        .iter()
        .flat_map(|(id, node)| node.browsers.values().map(|browser| (*id, *browser)))
        .collect();
    let offers = 5;
    let mut http = BTreeMap::new();
    for (id, browser) in all {
        world.run_until(world.now + Duration::from_millis(1));
        if browser.is_http {
            let number = world.announce_http(id, browser.info_hash, 4);
            http.insert(number, browser.info_hash);
        } else {
            world.announce(id, browser, offers);
        }
    }
    world.run_until(world.now + Duration::from_secs(1) + ANSWERS_WITHIN);
    for (number, info_hash) in http {
        let others = world.truth(info_hash).http() as usize - 1;
        assert_eq!(world.http_found[&number], others.min(4), "HTTP peers");
    }
    let mut given: BTreeMap<(NodeId, ConnectionId), Vec<_>> = BTreeMap::new();
    for fate in world.offers.values().filter(|fate| fate.made >= since) {
        let key = (fate.node, fate.from.connection);
        given.entry(key).or_default().push(*fate);
    }
    for fates in given.values() {
        let others = world.truth(fates[0].from.info_hash).websocket() as usize - 1;
        let mut receivers: Vec<_> = fates.iter().filter_map(|fate| fate.receiver).collect();
        assert_eq!(receivers.len(), others.min(offers), "{fates:?}");
        receivers.sort_unstable_by_key(|(_, browser)| browser.connection);
        receivers.dedup_by_key(|(_, browser)| browser.connection);
        assert_eq!(
            receivers.len(),
            others.min(offers),
            "twice to one: {fates:?}"
        );
    }
}

/// Each accepted answer since then has arrived.
fn check_exchanges(world: &World, since: Duration) {
    let latest = world.now.saturating_sub(Duration::from_millis(200));
    for fate in world.offers.values().filter(|fate| fate.made >= since) {
        if let AnswerFate::Sent(at) = fate.answer {
            assert!(at > latest, "lost answer: {fate:?}");
        }
    }
}
