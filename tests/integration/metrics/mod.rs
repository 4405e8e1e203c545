//! `/metrics`: values after real connections, formats, promtool, and scrapes by a real Prometheus.

mod introductions;
mod metrics_access;
mod prometheus;
mod recount;
mod reference_stats;

use crate::support::metrics::{introduce_clients, sample, samples, wait_for_sample};
use crate::support::{TestServer, wait_until};

#[tokio::test]
async fn connections_and_messages_are_counted() {
    let server = TestServer::start(|_| {});
    let (leecher, mut other) = introduce_clients(&server).await;
    let listener = format!(
        "swarmhub_connections_by_listener{{listener=\"{}\"}}",
        server.address
    );
    for (name, value) in [
        ("swarmhub_connections", 2.0),
        ("swarmhub_connections_by_family{family=\"ipv4\"}", 2.0),
        (&listener, 2.0),
        ("swarmhub_leechers", 2.0),
        ("swarmhub_announces_total{event=\"regular\"}", 1.0),
        ("swarmhub_announces_total{event=\"started\"}", 1.0),
        ("swarmhub_offers_received_total", 2.0),
        ("swarmhub_offers_relayed_total", 1.0),
        ("swarmhub_offers_dropped_total{reason=\"no_receiver\"}", 1.0),
        ("swarmhub_answers_total{fate=\"relayed\"}", 1.0),
        ("swarmhub_answer_time_seconds_count", 1.0),
        ("swarmhub_offers_answered_ratio", 1.0),
    ] {
        wait_for_sample(&server, name, value).await;
    }
    assert!(sample(&server, "swarmhub_received_bytes_total").await > 200.0);
    assert!(sample(&server, "swarmhub_sent_bytes_total").await > 200.0);
    drop(leecher);
    other.socket.close(None).await.unwrap();
    wait_until("both are closed", || server.node.connections() == 0).await;
    wait_for_sample(&server, "swarmhub_connections", 0.0).await;
    wait_for_sample(&server, &listener, 0.0).await;
    wait_for_sample(
        &server,
        "swarmhub_connections_closed_total{reason=\"by_client\"}",
        1.0,
    )
    .await;
    wait_for_sample(
        &server,
        "swarmhub_connections_closed_total{reason=\"lost\"}",
        1.0,
    )
    .await;
}

#[tokio::test]
async fn the_format_depends_on_the_accept_header() {
    let server = TestServer::start(|_| {});
    wait_for_sample(&server, "swarmhub_connections", 0.0).await;
    let plain = server.get("/metrics", "").await.expect(200);
    let content_type = plain.expect_header("content-type");
    assert_eq!(content_type, "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(plain.expect_header("cache-control"), "no-store");
    let accept = "Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2\r\n";
    let open = server.get("/metrics", accept).await.expect(200);
    let content_type = open.expect_header("content-type");
    assert!(content_type.starts_with("application/openmetrics-text; version=1.0.0"));
    assert!(open.text().ends_with("# EOF\n"));
    let names = |text: &str| samples(text).into_keys().collect::<Vec<_>>();
    assert_eq!(names(plain.text()), names(open.text()));
    plain.expect_text("swarmhub_build_info{version=");
}

#[tokio::test]
async fn the_time_of_one_message_in_64_is_measured() {
    let server = TestServer::start(|config| config.no_limits = true);
    let mut client = server.connect().await;
    let measured = "swarmhub_handle_time_seconds_count";
    let median = "swarmhub_handle_time_p50_seconds";
    for _ in 0..63 {
        client.join("m", "a").await;
    }
    wait_for_sample(&server, "swarmhub_announces_total{event=\"regular\"}", 63.0).await;
    assert!(sample(&server, measured).await.abs() < 0.5);
    assert!(sample(&server, median).await.is_nan(), "no value yet");
    for _ in 63..128 {
        client.join("m", "a").await;
    }
    wait_for_sample(&server, measured, 2.0).await;
    let median = sample(&server, median).await;
    assert!(median > 0.0 && median < 60.0, "{median} s");
    let all = sample(&server, "swarmhub_handle_time_seconds_sum").await;
    assert!(all > 0.0 && all < 120.0, "{all} s");
}
