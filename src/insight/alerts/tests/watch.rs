use proptest::prelude::*;

use super::super::{Comparison, Severity};
use super::*;

fn rule(hold: f64, keep_firing: f64) -> Rule {
    Rule {
        name: "busy".to_owned(),
        doc: String::new(),
        series: "connections".to_owned(),
        of: None,
        of_min: 0.0,
        comparison: Comparison::Above,
        threshold: 10.0,
        clear: 5.0,
        hold,
        keep_firing,
        severity: Severity::Warning,
        enabled: true,
    }
}

/// Returns the transitions for a list of values, a second apart.
fn turns(rule: &Rule, values: &[f64]) -> Vec<(usize, Turn)> {
    let mut machine = Watch::default();
    let evaluations = values.iter().enumerate();
    let turns = evaluations.filter_map(|(second, value)| {
        #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
        let now = second as f64;
        Some((second, machine.look(rule, Some(*value), 1.0, now)?))
    });
    turns.collect()
}

#[test]
fn it_fires_when_it_was_bad_for_long_enough_without_a_break() {
    let rule = rule(2.0, 0.0);
    let values = [11.0, 11.0, 10.0, 11.0, 12.0, 11.0, 11.0];
    assert_eq!(turns(&rule, &values), [(5, Turn::Firing)]);
}

#[test]
fn it_ends_at_the_clear_threshold_and_not_before() {
    let rule = rule(0.0, 0.0);
    let values = [11.0, 9.0, 6.0, 11.0, 5.0, 9.0];
    assert_eq!(
        turns(&rule, &values),
        [(0, Turn::Firing), (4, Turn::Resolved)]
    );
}

#[test]
fn it_ends_when_it_was_good_for_long_enough_without_a_break() {
    let rule = rule(0.0, 2.0);
    let values = [11.0, 1.0, 6.0, 1.0, 1.0, 1.0];
    assert_eq!(
        turns(&rule, &values),
        [(0, Turn::Firing), (4, Turn::Resolved)]
    );
}

#[test]
fn what_is_unknown_holds_for_a_minute_and_then_is_good() {
    let rule = rule(0.0, 0.0);
    let mut machine = Watch::default();
    assert_eq!(
        machine.look(&rule, Some(11.0), 1.0, 0.0),
        Some(Turn::Firing)
    );
    assert_eq!(machine.look(&rule, None, UNKNOWN_HOLDS - 1.0, 1.0), None);
    assert_eq!(machine.state, State::Firing);
    assert_eq!(machine.look(&rule, None, 1.0, 2.0), Some(Turn::Resolved));
}

#[test]
fn a_rule_that_is_turned_off_ends_what_it_had_begun() {
    let mut machine = Watch::default();
    assert_eq!(machine.quit(0.0), None);
    machine.look(&rule(60.0, 0.0), Some(11.0), 1.0, 0.0);
    assert_eq!((machine.state, machine.quit(1.0)), (State::Pending, None));
    machine.look(&rule(0.0, 0.0), Some(11.0), 1.0, 2.0);
    assert_eq!(machine.quit(3.0), Some(Turn::Resolved));
    assert_eq!(machine.state, State::Ok);
}

/// A value, known or unknown, and the time since the last evaluation.
fn look() -> impl Strategy<Value = (Option<f64>, f64)> {
    let value = prop_oneof![
        1 => Just(None),
        1 => Just(Some(f64::NAN)),
        8 => (0.0..20.0).prop_map(Some),
    ];
    (value, 0.0..30.0)
}

proptest! {
    /// Firing and resolved alternate. It fires only with a bad value after at least `for` seconds in which no known
    /// value was
    /// good, and is resolved only after `keep_firing` seconds in which no known value was bad.
    #[test]
    fn firing_and_ending_keep_their_promises(
        evaluations in proptest::collection::vec(look(), 1..200),
        hold in prop_oneof![Just(0.0), 0.0..120.0],
        keep in prop_oneof![Just(0.0), 0.0..120.0],
    ) {
        let rule = rule(hold, keep);
        let mut machine = Watch::default();
        let (mut bad_for, mut good_for) = (None::<f64>, 0.0);
        let mut is_firing = false;
        for (now, (value, elapsed)) in (0_i32..).zip(evaluations) {
            let transition = machine.look(&rule, value, elapsed, f64::from(now));
            let known = value.filter(|value| !value.is_nan());
            match known {
                Some(value) if value > rule.threshold => {
                    bad_for = Some(bad_for.map_or(0.0, |seconds| seconds + elapsed));
                }
                Some(_) => bad_for = None,
                None => {}
            }
            match known {
                Some(value) if value > rule.clear => good_for = 0.0,
                _ => good_for += elapsed,
            }
            match transition {
                Some(Turn::Firing) => {
                    prop_assert!(!is_firing);
                    prop_assert!(known.is_some_and(|value| value > rule.threshold));
                    prop_assert!(bad_for.is_some_and(|seconds| seconds >= hold), "{bad_for:?}");
                    is_firing = true;
                    good_for = 0.0;
                }
                Some(Turn::Resolved) => {
                    prop_assert!(is_firing);
                    prop_assert!(good_for >= keep - 1e-6, "{good_for}");
                    is_firing = false;
                }
                None => {}
            }
            prop_assert_eq!(machine.state == State::Firing, is_firing);
            prop_assert!(machine.since.is_none_or(|since| since <= f64::from(now)));
        }
    }
}
