//! Runs a scenario with a tracker behind WebSockets. Its clients live faster than real, because the tracker's clock
//! cannot be virtual: they wait a part of each interval only.

mod lag;
mod socket_wire;

use std::time::Duration;

use tokio::time::Instant;

use crate::meet::measures::Measures;
use crate::meet::scenarios::Scenario;
use crate::meet::simulation::Simulation;
use crate::meet::world_of;
use lag::LagRecorder;
use socket_wire::SocketWire;

pub(crate) use lag::Lag;

/// Runs a scenario, `scale` times faster than real. Also returns how late clients and sockets were.
pub(crate) fn run(scenario: &Scenario, url: &str, scale: u32, seed: u64) -> (Measures, Lag) {
    // Thousands of sockets; if the limit stays low, connecting fails and the lag says so.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, run_in_real_time(scenario, url, scale, seed))
}

async fn run_in_real_time(
    scenario: &Scenario,
    url: &str,
    scale: u32,
    seed: u64,
) -> (Measures, Lag) {
    let wire = SocketWire::new(url);
    let mut simulation = Simulation::new(world_of(scenario, seed), wire);
    let mut recorder = LagRecorder::default();
    let start = Instant::now();
    loop {
        let now = start.elapsed() * scale;
        let first = simulation.advance_to(now.min(scenario.duration));
        if let Some(first) = first {
            recorder.record_events(now.saturating_sub(first));
        }
        if now >= scenario.duration {
            break;
        }
        let next = simulation.world.events.next_at();
        let next = next.unwrap_or(scenario.duration).min(scenario.duration);
        tokio::select! {
            () = tokio::time::sleep_until(start + next / scale) => {}
            () = simulation.wire.wait() => {}
        }
    }
    let connecting: Vec<Duration> = simulation.wire.connect_times();
    recorder.record_connects(connecting.iter().map(|time| *time * scale));
    let lag = recorder.lag(simulation.wire.failed());
    (Measures::of(&mut simulation.world), lag)
}
