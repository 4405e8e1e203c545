//! Scrapes of named swarms and full scrapes.

use serde_json::json;
use swarmhub::protocol::{Failure, InfoHash, RefusalSubject};
use swarmhub::tracker::{Reply, Rules};

use super::{RULES, World, announce, id, text};

#[test]
fn a_scrape_counts_each_named_swarm_and_joins_none() {
    let world = World::new(RULES);
    let [mut connection] = world.join('h', ['a']);
    let message =
        json!({"action": "scrape", "info_hash": [text('h'), "no hash", text('z'), text('h')]});
    let Some(Reply::Scrape(files)) = connection.send(&message).reply else {
        panic!("no scrape reply");
    };
    let files: Vec<_> = files
        .iter()
        .map(|(hash, counts)| (*hash, counts.incomplete))
        .collect();
    assert_eq!(
        files,
        [(InfoHash::new(id('h')), 1), (InfoHash::new(id('z')), 0)]
    );
    assert_eq!(world.totals(), (1, 0, 1));
}

#[test]
fn a_full_scrape_must_be_enabled() {
    let everything = json!({"action": "scrape"});
    let world = World::new(RULES);
    let [mut connection, ..] = world.join('h', ['a']);
    let Some(Reply::Failure(refusal)) = connection.send(&everything).reply else {
        panic!("not refused");
    };
    assert_eq!(
        (refusal.failure, refusal.subject),
        (Failure::FullScrape, RefusalSubject::Scrape)
    );

    let world = World::new(Rules {
        full_scrape: true,
        ..RULES
    });
    let [mut connection] = world.join('h', ['a']);
    connection.send(&announce('i', 'a'));
    let Some(Reply::Scrape(files)) = connection.send(&everything).reply else {
        panic!("no scrape reply");
    };
    assert_eq!(files.len(), 2);
}
