//! Scenarios: which clients join when, and which figures tell whether they meet well.

mod browsers;
mod crowds;
mod disturbed;
mod mixed;

use std::time::Duration;

use swarmhub::protocol::InfoHash;

use crate::meet::client::ClientSpec;
use crate::meet::models::ClientKind;
use crate::meet::random::Random;

/// A scenario. Its plan is the same for every tracker and depends on the seed only.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    /// Its length in virtual time.
    pub(crate) duration: Duration,
    /// How many times faster than real it runs against a tracker behind sockets.
    pub(crate) scale: u32,
    /// Mean time until a link breaks; `None` if links last.
    pub(crate) links_last: Option<Duration>,
    /// The figures that tell most.
    pub(crate) figures: &'static [Figure],
    pub(crate) plan: fn(&mut Plan),
}

/// A figure of a scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figure {
    /// Time until a client of the group, or any, has so many links.
    Links(usize, Option<&'static str>),
    /// Time until a leecher is connected to the only seeder itself.
    SeederItself,
    /// Time until a leecher is connected to the only seeder, by others or itself.
    SeederPath,
    /// Time until the two clients of an address are connected.
    SameAddress,
    /// Share of time that clients of the group, or any, have no link.
    Alone(Option<&'static str>),
    /// Share of all pairs of a swarm that are connected at the end.
    Pairs,
}

/// The clients of a scenario.
pub(crate) struct Plan {
    pub(crate) random: Random,
    /// A swarm that all may share.
    pub(crate) swarm: InfoHash,
    pub(crate) joins: Vec<(Duration, ClientSpec)>,
}

impl Plan {
    /// Creates the plan of a scenario.
    pub(crate) fn of(scenario: &Scenario, seed: u64) -> Self {
        let mut random = Random::new(&format!("{} plan", scenario.name), seed);
        let swarm = InfoHash::new(random.identifier(""));
        let mut plan = Self {
            random,
            swarm,
            joins: Vec::new(),
        };
        (scenario.plan)(&mut plan);
        plan
    }

    /// Returns the info-hash of another swarm.
    fn new_swarm(&mut self) -> InfoHash {
        InfoHash::new(self.random.identifier(""))
    }

    /// Describes a client of the common swarm.
    fn client(&self, kind: ClientKind) -> ClientSpec {
        ClientSpec::new(kind, self.swarm)
    }

    /// Lets a client join at this time.
    fn join(&mut self, at: Duration, spec: ClientSpec) {
        self.joins.push((at, spec));
    }

    /// Lets a client join at a random time of a range of seconds.
    fn join_between(&mut self, seconds: [u64; 2], spec: ClientSpec) {
        let [low, high] = seconds.map(Duration::from_secs);
        let at = self.random.between(low, high);
        self.join(at, spec);
    }

    /// Puts a share of pages to sleep soon after they have announced.
    fn maybe_sleeping(&mut self, share: f64, spec: ClientSpec) -> ClientSpec {
        let is_sleeper = self.random.chance(share);
        let [low, high] = [2, 8].map(Duration::from_secs);
        let after = self.random.between(low, high);
        ClientSpec {
            sleeps_after: is_sleeper.then_some(after),
            ..spec
        }
    }
}

/// Returns all scenarios.
pub(crate) fn all() -> impl Iterator<Item = &'static Scenario> {
    [
        &browsers::SCENARIOS[..],
        &crowds::SCENARIOS,
        &mixed::SCENARIOS,
        &disturbed::SCENARIOS,
    ]
    .into_iter()
    .flatten()
}

/// Returns the scenario with this name.
pub(crate) fn by_name(name: &str) -> Option<&'static Scenario> {
    all().find(|scenario| scenario.name == name)
}
