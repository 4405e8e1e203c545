//! The compared ways to choose the receivers of offers: the values of `tracker.matchmaking`.

use swarmhub::config::Config;
use swarmhub::node::Node;
pub(crate) use swarmhub::swarm::Matchmaking;
use swarmhub::tracker::Rules;

/// All of them, with their names in the configuration.
pub(crate) const WAYS: [(&str, Matchmaking); 2] = [
    ("introductions", Matchmaking::Introductions),
    ("random", Matchmaking::Random),
];

/// Returns the name of one of them.
pub(crate) fn name_of(matchmaking: Matchmaking) -> &'static str {
    let named = WAYS.iter().find(|(_, known)| *known == matchmaking);
    named.map_or("", |(name, _)| name)
}

/// Returns the default rules with this choice of receivers.
pub(crate) fn rules(matchmaking: Matchmaking) -> Rules {
    Rules {
        matchmaking,
        ..Node::new(&Config::default(), 1).tracker().rules()
    }
}
