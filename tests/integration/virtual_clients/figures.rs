//! The arithmetic of figures, and the figures of small graphs.

use std::time::Duration;

use super::{DirectWire, SECOND, reachable, simulation};
use crate::meet::client::ClientSpec;
use crate::meet::event_queue::EventQueue;
use crate::meet::measures::load::burst;
use crate::meet::measures::numbers::gini;
use crate::meet::measures::{Measures, Spread, Value, median};
use crate::meet::models::ClientKind;
use crate::meet::scenarios::{self, Figure, Plan};

#[test]
fn events_happen_in_the_order_of_time_and_then_of_creation() {
    let mut queue = EventQueue::default();
    for (at, name) in [(3, 'c'), (1, 'a'), (3, 'd'), (1, 'b'), (9, 'e')] {
        queue.add(SECOND * at, name);
    }
    let order: String = std::iter::from_fn(|| queue.pop_until(SECOND * 8))
        .map(|(_, name)| name)
        .collect();
    assert_eq!(order, "abcd");
    assert_eq!(queue.next_at(), Some(SECOND * 9));
}

#[test]
fn a_spread_counts_late_times_and_those_that_never_come() {
    let times = (1..=19).map(|second| Some(SECOND * second)).chain([None]);
    let spread = Spread::of(times);
    assert_eq!((spread.count, spread.p50, spread.p95), (20, 10.0, 19.0));
    assert_eq!((spread.late, spread.never), (0.5, 0.05));
}

#[test]
fn gini_is_zero_for_equal_and_near_one_for_unequal_values() {
    assert!(gini(vec![3.0; 10]).abs() < 1e-9);
    let mut one_has_all = vec![0.0; 100];
    one_has_all[5] = 7.0;
    assert!((gini(one_has_all) - 0.99).abs() < 1e-9);
    assert!((median([5.0, f64::INFINITY, 1.0].into_iter()) - 5.0).abs() < 1e-9);
}

#[test]
fn a_burst_is_the_most_within_five_seconds() {
    let times = [0, 1, 2, 20, 21, 22, 23, 24, 26].map(|second| SECOND * second);
    assert_eq!(burst(&times), 5);
    assert_eq!(burst(&[]), 0);
}

#[test]
fn the_seeder_is_reached_itself_or_by_a_path() {
    let seeder = ClientSpec {
        is_seeder: true,
        ..reachable(ClientKind::Webtorrent).in_group("seeder")
    };
    let leecher = reachable(ClientKind::Webtorrent).in_group("leechers");
    // The first leecher reaches the seeder, the second only the first.
    let clients = [(0, seeder), (0, leecher.clone()), (10, leecher)];
    let mut simulation = simulation(1, clients, DirectWire::relaying(&[(1, 0), (2, 1)]));
    simulation.advance_to(Duration::from_mins(2));
    let measures = Measures::of(&mut simulation.world);
    let never = |figure| match measures.figure(figure) {
        Some(Value::Times(spread)) => spread.never,
        other => panic!("{other:?}"),
    };
    assert!((never(Figure::SeederItself) - 0.5).abs() < 1e-9);
    assert!(never(Figure::SeederPath).abs() < 1e-9);
    assert!((measures.graph.pairs - 2.0 / 3.0).abs() < 1e-9);
    assert_eq!(measures.graph.components, 1);
}

#[test]
fn every_scenario_has_its_clients_and_figures() {
    let mut names = Vec::new();
    for scenario in scenarios::all() {
        names.push(scenario.name);
        let joins = Plan::of(scenario, 1).joins;
        assert!(joins.len() >= 40, "{}", scenario.name);
        assert!(
            joins.iter().all(|(at, _)| *at < scenario.duration),
            "{}",
            scenario.name
        );
        assert!(!scenario.about.is_empty() && !scenario.figures.is_empty());
        let groups: Vec<_> = joins
            .iter()
            .filter_map(|(_, spec)| spec.group.as_deref())
            .collect();
        for figure in scenario.figures {
            let group = match figure {
                Figure::Links(_, group) | Figure::Alone(group) => *group,
                _ => None,
            };
            let is_known = group.is_none_or(|group| groups.contains(&group));
            assert!(is_known, "{} {figure:?}", scenario.name);
        }
    }
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!((names.len(), count), (19, 19), "{names:?}");
}
