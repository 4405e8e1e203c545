//! Virtual clients that meet through the tracker: do real users get connections, how fast, and at whose expense?
//!
//! The clients behave like webtorrent, p2p-media-loader, trystero and libtorrent. They make offers, answer, ignore,
//! sleep and leave. A model of NATs decides which answers become connections. `README.md` lists the assumptions. The
//! bench `meet` prints figures of all scenarios, and the integration tests check some of them.

pub(crate) mod client;
pub(crate) mod codec;
pub(crate) mod core_wire;
pub(crate) mod event_queue;
pub(crate) mod ids;
pub(crate) mod matchmaking;
pub(crate) mod measures;
pub(crate) mod messages;
pub(crate) mod models;
pub(crate) mod network;
pub(crate) mod peer_connection;
pub(crate) mod random;
pub(crate) mod relay;
pub(crate) mod requests;
pub(crate) mod scenarios;
pub(crate) mod simulation;
pub(crate) mod wire;
pub(crate) mod world;

use core_wire::CoreWire;
use matchmaking::Matchmaking;
use measures::Measures;
use scenarios::{Plan, Scenario};
use simulation::Simulation;
use world::World;

/// Runs a scenario in virtual time with the tracker's core. The same seed gives the same figures.
pub(crate) fn run(scenario: &Scenario, matchmaking: Matchmaking, seed: u64) -> Measures {
    let wire = CoreWire::new(matchmaking, seed);
    let mut simulation = Simulation::new(world_of(scenario, seed), wire);
    simulation.advance_to(scenario.duration);
    Measures::of(&mut simulation.world)
}

/// Creates the world of a scenario, whose clients have not joined yet.
pub(crate) fn world_of(scenario: &Scenario, seed: u64) -> World {
    let mut world = World::new(scenario.name, seed, scenario.links_last);
    for (at, spec) in Plan::of(scenario, seed).joins {
        world.add_client(at, spec);
    }
    world
}
