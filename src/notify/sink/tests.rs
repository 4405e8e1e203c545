use std::cell::RefCell;

use tokio::time::timeout;

use super::*;
use crate::alerts::{AlertTransition, default_rules};

fn notice(value: f64) -> Notice {
    Notice {
        rule: default_rules().remove(0),
        transition: AlertTransition::Firing,
        value: Some(value),
        starts_at: 0.0,
        ends_at: None,
        is_test: false,
    }
}

fn sink(kind: SinkKind) -> Sink {
    Sink::new(kind, "https://a.example/secret".parse().unwrap())
}

fn failed(is_retryable: bool) -> DeliveryError {
    DeliveryError {
        reason: "it is down".to_owned(),
        is_retryable,
    }
}

/// Runs the sink for `time` with a receiver that answers by `answer`. Returns each sent value with the seconds since
/// the start.
async fn run_sink(
    sink: &Sink,
    counters: &Counters,
    time: Duration,
    answer: impl Fn(usize) -> Result<(), DeliveryError>,
) -> Vec<(f64, u64)> {
    let start = Instant::now();
    let got = RefCell::new(Vec::new());
    let send = |notices: Arc<[Notice]>| {
        let mut got = got.borrow_mut();
        let value = notices[0].value.unwrap();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "small and whole"
        )]
        got.push((start.elapsed().as_secs_f64(), value as u64));
        let answer = answer(got.len());
        async { answer }
    };
    let running = sink.run(Duration::from_hours(1), counters, send);
    assert!(timeout(time, running).await.is_err(), "it goes on");
    got.into_inner()
}

#[tokio::test(start_paused = true)]
async fn retries_use_growing_delays() {
    let (sink, counters) = (sink(SinkKind::Webhook), Counters::default());
    sink.enqueue(&[notice(1.0), notice(2.0)], 100, &counters);
    let got = run_sink(&sink, &counters, Duration::from_mins(10), |attempt| {
        if attempt <= 9 {
            Err(failed(true))
        } else {
            Ok(())
        }
    })
    .await;
    let values: Vec<_> = got.iter().map(|(_, value)| *value).collect();
    assert_eq!(values, [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2], "in their order");
    for (place, pair) in got.windows(2).take(9).enumerate() {
        let pause = pair[1].0 - pair[0].0;
        let longest = 60.0_f64.min(f64::from(1 << place));
        assert!(
            (longest * 0.49..longest * 1.01).contains(&pause),
            "{place}: {pause}"
        );
    }
    assert_eq!(counters.notifications_sent.get(), 2);
    assert_eq!(counters.notification_attempts_failed.get(), 9);
    let status = sink.status();
    assert_eq!(
        (status.queued, status.failed, status.last_error),
        (0, 0, None)
    );
    assert_eq!(status.target, "a.example");
}

#[tokio::test(start_paused = true)]
async fn a_notification_is_given_up_after_its_time() {
    let (sink, counters) = (sink(SinkKind::Webhook), Counters::default());
    sink.enqueue(&[notice(1.0)], 100, &counters);
    let got = run_sink(&sink, &counters, Duration::from_hours(2), |_| {
        Err(failed(true))
    })
    .await;
    let (last, _) = got.last().unwrap();
    assert!((3500.0..3601.0).contains(last), "{last}");
    let status = sink.status();
    assert_eq!((status.queued, status.failed), (0, 1));
    assert_eq!(status.last_error.as_deref(), Some("it is down"));
    assert_eq!(status.last_delivered, None, "it never took one");
    assert_eq!(counters.notifications_given_up.get(), 1);
    // A permanent failure is given up at once, and delays no other notification.
    sink.enqueue(&[notice(2.0), notice(3.0)], 100, &counters);
    let got = run_sink(&sink, &counters, Duration::from_secs(1), |attempt| {
        if attempt == 1 {
            Err(failed(false))
        } else {
            Ok(())
        }
    })
    .await;
    assert_eq!(got.len(), 2);
    assert_eq!((sink.status().failed, sink.status().last_error), (2, None));
    assert!(sink.status().last_delivered > Some(1e9));
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_drops_the_oldest_and_counts_them() {
    let (sink, counters) = (sink(SinkKind::Chat), Counters::default());
    for value in 0..10 {
        sink.enqueue(&[notice(f64::from(value))], 3, &counters);
    }
    assert_eq!(counters.notifications_dropped_queue_max.get(), 7);
    assert_eq!((sink.status().queued, sink.status().failed), (3, 7));
    let got = run_sink(&sink, &counters, Duration::from_secs(1), |_| Ok(())).await;
    assert_eq!(
        got.iter().map(|(_, value)| *value).collect::<Vec<_>>(),
        [7, 8, 9]
    );
    // Dropping a message that is being sent removes no other one.
    sink.enqueue(&[notice(1.0), notice(2.0)], 2, &counters);
    let got = run_sink(&sink, &counters, Duration::from_mins(1), |attempt| {
        if attempt == 1 {
            sink.enqueue(&[notice(3.0)], 2, &counters);
        }
        Ok(())
    })
    .await;
    assert_eq!(
        got.iter().map(|(_, value)| *value).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert!(sink.is_idle());
}

#[tokio::test(start_paused = true)]
async fn alertmanagers_get_one_message_others_one_per_alert() {
    let counters = Counters::default();
    for (kind, messages) in [
        (SinkKind::Alertmanager, 1),
        (SinkKind::Webhook, 3),
        (SinkKind::Chat, 3),
    ] {
        let sink = sink(kind);
        sink.enqueue(&[notice(1.0), notice(2.0), notice(3.0)], 100, &counters);
        sink.enqueue(&[], 100, &counters);
        assert_eq!(sink.status().queued, messages);
    }
}
