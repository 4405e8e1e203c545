//! What attackers gain from matchmaking: fresh ids, lies, fake seeders, and offers that nobody can answer. Newcomers must
//! meet honest members nearly as fast as without the attack, and most offers of honest members must stay among them.

mod town;

use std::time::Duration;

use serde_json::json;
use swarmhub::protocol::Left;
use swarmhub::swarm::Matchmaking;

use super::{RULES, World, announce, answer, ids_of, offers, with_fields};
use town::{Conduct, Resident, Town};

/// Honest members that know each other when the attack begins.
const SETTLED: u32 = 30;
const NEWCOMERS: u64 = 20;
/// Addresses below are those of the attacker.
const HONEST_ADDRESSES: u64 = 1_000;

/// The clients of an attacker.
struct Attack {
    ids: u32,
    addresses: u64,
    /// After this time each is replaced by one with a new peer id.
    stays: Duration,
    resident: Resident,
}

/// What newcomers and other honest members got.
#[derive(Debug)]
struct Effect {
    /// 95 % of the newcomers were connected to an honest member after so many seconds.
    wait: f64,
    /// Connections of the newcomers to honest members at the end.
    links: usize,
    /// The share of honest offers that attackers received.
    share: f64,
}

impl Attack {
    fn new(conduct: Conduct, ids: u32, addresses: u64) -> Self {
        Self {
            ids,
            addresses,
            stays: Duration::from_secs(20),
            resident: Resident {
                every: Some(Duration::from_secs(5)),
                ..Resident::new(conduct, 1)
            },
        }
    }

    /// Adds all its clients for this time.
    fn begin(&self, town: &mut Town, time: Duration) {
        let mut rounds = Duration::ZERO;
        while rounds < time {
            for id in 0..self.ids {
                let resident = Resident {
                    address: 1 + u64::from(id) % self.addresses,
                    stays: self.stays,
                    ..self.resident
                };
                // At first all at once, then one after the other.
                let turn = if rounds.is_zero() {
                    Duration::from_secs(1)
                } else {
                    self.stays
                };
                town.add(rounds + turn * id / self.ids, resident);
            }
            rounds += self.stays;
        }
    }
}

/// Lets members settle, an attack begin, and newcomers join.
fn effect_of(attack: Option<&Attack>) -> Effect {
    let mut town = Town::new(Matchmaking::Introductions, 1);
    for number in 0..SETTLED {
        let address = HONEST_ADDRESSES + u64::from(number);
        let resident = Resident::new(Conduct::Honest, address);
        town.add(Duration::from_mins(1) * number / SETTLED, resident);
    }
    town.run(Duration::from_mins(3));
    if let Some(attack) = attack {
        attack.begin(&mut town, Duration::from_secs(150));
    }
    town.run(Duration::from_secs(30));
    town.forget_spent();
    let newcomers = (0..NEWCOMERS).map(|number| {
        let resident = Resident::new(Conduct::Honest, 2 * HONEST_ADDRESSES + number);
        town.add(Duration::from_secs(3 * number), resident)
    });
    let newcomers: Vec<_> = newcomers.collect();
    town.run(Duration::from_mins(2));
    let waits = town.waits(&newcomers);
    Effect {
        wait: waits[waits.len() * 95 / 100 - 1],
        links: town.links(&newcomers),
        share: town.attackers_share(),
    }
}

fn assert_small(attack: &Attack, share_max: f64) {
    let quiet = effect_of(None);
    let attacked = assert_no_delay(attack, share_max, &quiet);
    assert!(attacked.links >= quiet.links / 2, "{attacked:?}, {quiet:?}");
}

fn assert_no_delay(attack: &Attack, share_max: f64, quiet: &Effect) -> Effect {
    let attacked = effect_of(Some(attack));
    assert!(attacked.wait <= quiet.wait + 1.0, "{attacked:?}, {quiet:?}");
    assert!(attacked.share <= share_max, "{attacked:?}");
    attacked
}

#[test]
fn fresh_ids_of_two_addresses_delay_no_newcomer() {
    assert_small(&Attack::new(Conduct::Mute, 200, 2), 0.45);
}

/// More addresses than most attackers have. Without the offers that ignore need it is nearly all.
#[test]
fn fresh_ids_of_eight_addresses_do_not_get_all_offers() {
    let attacked = effect_of(Some(&Attack::new(Conduct::Mute, 200, 8)));
    assert!(
        attacked.share <= 0.75 && attacked.wait <= 3.0,
        "{attacked:?}"
    );
}

#[test]
fn liars_get_a_bounded_part_of_the_offers() {
    let attack = Attack {
        stays: Duration::from_mins(3),
        ..Attack::new(Conduct::Liar, 40, 2)
    };
    assert_small(&attack, 0.45);
}

/// A leecher gives two offers of an announce to seeders first, whoever they are. A newcomer has fewer connections then, but
/// more than a client keeps.
#[test]
fn fake_seeders_get_two_of_five_offers_at_most() {
    let mut attack = Attack::new(Conduct::Mute, 200, 8);
    attack.resident.left = Left::Nothing;
    let attacked = assert_no_delay(&attack, 0.41, &effect_of(None));
    assert!(attacked.links as u64 >= 15 * NEWCOMERS, "{attacked:?}");
}

/// They are acquainted with each leecher after an answer, but it wants other seeders again after a while.
#[test]
fn lying_seeders_get_a_bounded_part_of_the_offers() {
    let mut attack = Attack {
        stays: Duration::from_mins(3),
        ..Attack::new(Conduct::Liar, 40, 2)
    };
    attack.resident.left = Left::Nothing;
    assert_small(&attack, 0.45);
}

/// Own offers must not push out the introductions that they leave unanswered.
#[test]
fn silent_members_that_offer_delay_no_newcomer() {
    let mut attack = Attack::new(Conduct::Mute, 100, 2);
    attack.resident.offers = 10;
    assert_small(&attack, 0.45);
}

#[test]
fn offers_that_nobody_can_answer_silence_nobody() {
    let mut attack = Attack::new(Conduct::Junk, 50, 2);
    attack.resident.every = Some(Duration::from_secs(2));
    attack.resident.offers = 20;
    assert_small(&attack, 0.3);
}

/// A liar is acquainted with a member after its answer, and then comes last.
#[test]
fn a_liar_gets_one_offer_of_a_member_while_others_are_left() {
    let world = World::new(RULES);
    let [mut one, mut liar, _two, _three] = world.join('h', ['+', '!', '-', '*']);
    let mut to_liar = 0;
    for number in 'A'..='X' {
        let sent = one.send(&with_fields(
            announce('h', '+'),
            &offers(&number.to_string()),
        ));
        if sent.receivers() == ids_of([&liar]) {
            to_liar += 1;
            let answered = liar.send(&answer('h', '!', '+', number));
            assert_eq!(answered.receivers(), ids_of([&one]));
        }
        world.wait(15);
    }
    assert_eq!(to_liar, 1);
}

/// Peer ids of letters and digits only would be those of clients whose offers cannot cross.
#[test]
fn unanswered_offers_of_an_attacker_withhold_no_others() {
    let world = World::new(RULES);
    let [mut one, mut two, mut attacker] = world.join('h', ['+', '-', '!']);
    let mut number = 'A'..='Z';
    let mut fresh = |count| offers(&number.by_ref().take(count).collect::<String>());
    for _ in 0..5 {
        let sent = attacker.send(&with_fields(announce('h', '!'), &fresh(2)));
        assert_eq!(sent.receivers(), ids_of([&one, &two]));
        world.wait(1);
    }
    let sent = one.send(&with_fields(announce('h', '+'), &fresh(2)));
    assert_eq!(sent.receivers(), ids_of([&two]));
    // Theirs would cross now, so nobody is left.
    let message = with_fields(announce('h', '-'), &fresh(2));
    assert!(
        two.send(&with_fields(message, &json!({"left": 0})))
            .relays
            .is_empty()
    );
}
