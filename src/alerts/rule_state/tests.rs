use proptest::prelude::*;

use super::*;
use crate::alerts::tests::rule;

/// Returns the transitions for a list of values, a second apart.
fn transitions(rule: &AlertRule, values: &[f64]) -> Vec<(usize, AlertTransition)> {
    let mut machine = RuleStateMachine::default();
    let evaluations = values.iter().enumerate();
    let turns = evaluations.filter_map(|(second, value)| {
        #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
        let now = second as f64;
        Some((second, machine.evaluate(rule, Some(*value), 1.0, now)?))
    });
    turns.collect()
}

#[test]
fn a_rule_fires_after_being_bad_without_interruption() {
    let rule = rule(2.0, 0.0);
    let values = [11.0, 11.0, 10.0, 11.0, 12.0, 11.0, 11.0];
    assert_eq!(transitions(&rule, &values), [(5, AlertTransition::Firing)]);
}

#[test]
fn an_alert_is_resolved_only_at_the_clear_threshold() {
    let rule = rule(0.0, 0.0);
    let values = [11.0, 9.0, 6.0, 11.0, 5.0, 9.0];
    assert_eq!(
        transitions(&rule, &values),
        [(0, AlertTransition::Firing), (4, AlertTransition::Resolved)]
    );
}

#[test]
fn an_alert_is_resolved_after_being_good_without_interruption() {
    let rule = rule(0.0, 2.0);
    let values = [11.0, 1.0, 6.0, 1.0, 1.0, 1.0];
    assert_eq!(
        transitions(&rule, &values),
        [(0, AlertTransition::Firing), (4, AlertTransition::Resolved)]
    );
}

#[test]
fn an_unknown_value_counts_as_good_after_a_minute() {
    let rule = rule(0.0, 0.0);
    let mut machine = RuleStateMachine::default();
    assert_eq!(
        machine.evaluate(&rule, Some(11.0), 1.0, 0.0),
        Some(AlertTransition::Firing)
    );
    assert_eq!(
        machine.evaluate(&rule, None, UNKNOWN_GRACE_SECONDS - 1.0, 1.0),
        None
    );
    assert_eq!(machine.state, RuleState::Firing);
    assert_eq!(
        machine.evaluate(&rule, None, 1.0, 2.0),
        Some(AlertTransition::Resolved)
    );
}

#[test]
fn a_disabled_rule_is_resolved() {
    let mut machine = RuleStateMachine::default();
    assert_eq!(machine.disable(0.0), None);
    machine.evaluate(&rule(60.0, 0.0), Some(11.0), 1.0, 0.0);
    assert_eq!(
        (machine.state, machine.disable(1.0)),
        (RuleState::Pending, None)
    );
    machine.evaluate(&rule(0.0, 0.0), Some(11.0), 1.0, 2.0);
    assert_eq!(machine.disable(3.0), Some(AlertTransition::Resolved));
    assert_eq!(machine.state, RuleState::Ok);
}

/// A value, known or unknown, and the time since the last evaluation.
fn evaluation() -> impl Strategy<Value = (Option<f64>, f64)> {
    let value = prop_oneof![
        1 => Just(None),
        1 => Just(Some(f64::NAN)),
        8 => (0.0..20.0).prop_map(Some),
    ];
    (value, 0.0..30.0)
}

proptest! {
    /// Firing and resolved alternate. It fires only with a bad value after at least `for` seconds in which no known
    /// value was good, and is resolved only after `keep_firing` seconds in which no known value was bad.
    #[test]
    fn firing_and_resolved_alternate_and_respect_durations(
        evaluations in proptest::collection::vec(evaluation(), 1..200),
        hold in prop_oneof![Just(0.0), 0.0..120.0],
        keep in prop_oneof![Just(0.0), 0.0..120.0],
    ) {
        let rule = rule(hold, keep);
        let mut machine = RuleStateMachine::default();
        let (mut bad_for, mut good_for) = (None::<f64>, 0.0);
        let mut is_firing = false;
        for (now, (value, elapsed)) in (0_i32..).zip(evaluations) {
            let transition = machine.evaluate(&rule, value, elapsed, f64::from(now));
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
                Some(AlertTransition::Firing) => {
                    prop_assert!(!is_firing);
                    prop_assert!(known.is_some_and(|value| value > rule.threshold));
                    prop_assert!(bad_for.is_some_and(|seconds| seconds >= hold), "{bad_for:?}");
                    is_firing = true;
                    good_for = 0.0;
                }
                Some(AlertTransition::Resolved) => {
                    prop_assert!(is_firing);
                    prop_assert!(good_for >= keep - 1e-6, "{good_for}");
                    is_firing = false;
                }
                None => {}
            }
            prop_assert_eq!(machine.state == RuleState::Firing, is_firing);
            prop_assert!(machine.since.is_none_or(|since| since <= f64::from(now)));
        }
    }
}
