//! Trackers that drop, repeat or alter messages: the report counts each of them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::{SinkExt, StreamExt};
use swarmhub::load::{MessageTally, Options};
use tokio_tungstenite::tungstenite::Message;

use super::{SHORT_TIMEOUT, options_for, options_with_storms, run_load, serve, server};

/// Returns the counts for a tracker that changes every sixtieth message that contains `part`.
fn counts_with_fault(part: &'static str, change: fn(String) -> Vec<String>) -> MessageTally {
    let server = server();
    let address = faulty_proxy(server.address, every_sixtieth(part, change));
    let report = run_load(&Options {
        timeout: SHORT_TIMEOUT,
        ..options_for(address)
    });
    assert_eq!((report.correct, report.exit_code), (false, 3), "{part}");
    report.correctness
}

#[test]
fn dropped_messages_are_detected() {
    assert!(counts_with_fault("\"offer\":", |_| Vec::new()).offers_lost > 0);
    assert!(counts_with_fault("\"answer\":", |_| Vec::new()).answers_lost > 0);
    assert!(counts_with_fault("\"interval\":", |_| Vec::new()).replies_lost > 0);
}

/// Leaving members excuse some lost offers, not all offers of the period.
#[test]
fn dropped_offers_are_detected_in_waves_and_storms() {
    let server = server();
    let drops_all = faulty_proxy(server.address, |text| {
        let is_offer = text.contains("\"offer\":");
        if is_offer { Vec::new() } else { vec![text] }
    });
    let drops_some = faulty_proxy(server.address, every_sixtieth("\"offer\":", |_| Vec::new()));
    for address in [drops_all, drops_some] {
        let report = run_load(&Options {
            timeout: SHORT_TIMEOUT,
            ..options_with_storms(address)
        });
        let counts = &report.correctness;
        assert_eq!((report.correct, report.exit_code), (false, 3));
        assert!(counts.offers_lost > 0, "{counts:?}");
    }
}

#[test]
fn duplicated_messages_are_detected() {
    let twice = |text: String| vec![text.clone(), text];
    assert!(counts_with_fault("\"offer\":", twice).offers_duplicated > 0);
    assert!(counts_with_fault("\"answer\":", twice).answers_duplicated > 0);
    assert!(counts_with_fault("\"interval\":", twice).replies_duplicated > 0);
}

#[test]
fn altered_messages_are_detected() {
    let other = |text: String| vec![text.replace("BUNDLE", "BUNDLF")];
    assert!(counts_with_fault("\"answer\":", other).answers_altered > 0);
    assert!(counts_with_fault("\"interval\":", |_| vec!["{}".to_owned()]).messages_invalid > 0);
}

#[test]
fn refusals_are_reported_with_the_text_of_the_tracker() {
    let server = server();
    let reason = r#"{"failure reason":"not today","action":"announce"}"#;
    let address = faulty_proxy(
        server.address,
        every_sixtieth("\"interval\":", move |_| vec![reason.to_owned()]),
    );
    let report = run_load(&Options {
        timeout: SHORT_TIMEOUT,
        ..options_for(address)
    });
    assert!(report.correctness.failures > 0);
    assert!(
        report.errors.contains_key("the tracker refused: not today"),
        "{:?}",
        report.errors
    );
}

/// A proxy in front of the tracker `behind` that changes, drops or repeats messages. Runs until the test ends.
pub(super) fn faulty_proxy(
    behind: SocketAddr,
    spoil: impl Fn(String) -> Vec<String> + Send + Sync + 'static,
) -> SocketAddr {
    let spoil = Arc::new(spoil);
    serve(move |tcp| {
        let spoil = Arc::clone(&spoil);
        async move {
            let mut front = tokio_tungstenite::accept_async(tcp).await.ok()?;
            let (mut back, _) = tokio_tungstenite::connect_async(format!("ws://{behind}/"))
                .await
                .ok()?;
            loop {
                tokio::select! {
                    message = front.next() => back.send(message?.ok()?).await.ok()?,
                    message = back.next() => match message?.ok()? {
                        Message::Text(text) => for text in spoil(text.to_string()) {
                            front.send(Message::text(text)).await.ok()?;
                        },
                        other => front.send(other).await.ok()?,
                    },
                }
            }
        }
    })
}

/// Applies `change` to every sixtieth message that contains `part`.
pub(super) fn every_sixtieth(
    part: &'static str,
    change: impl Fn(String) -> Vec<String> + Send + Sync + 'static,
) -> impl Fn(String) -> Vec<String> + Send + Sync + 'static {
    let seen = AtomicUsize::new(0);
    move |text| {
        let is_sixtieth = text.contains(part) && seen.fetch_add(1, Ordering::Relaxed) % 60 == 59;
        if is_sixtieth {
            change(text)
        } else {
            vec![text]
        }
    }
}
