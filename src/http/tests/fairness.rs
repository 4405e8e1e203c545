//! Tests that no connection delays the others of its worker.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_busy_connection_does_not_starve_others() {
    let case = ConnectionTest::new(&[]);
    let many = "HEAD /api/v1/series HTTP/1.1\r\nHost: x\r\n\r\n".repeat(300);
    let (mut greedy, greedy_near) = tokio::io::duplex(1 << 20);
    greedy.write_all(many.as_bytes()).await.unwrap();
    let (mut other, other_near) = tokio::io::duplex(1 << 16);
    other
        .write_all(b"GET /ice HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let responses = async {
        other.read_exact(&mut [0; 8]).await.unwrap();
        case.node.counters().http_requests
    };
    tokio::select! {
        () = serve_on(&case, greedy_near, "192.0.2.1") => panic!("the connection must stay open"),
        () = serve_on(&case, other_near, "192.0.2.2") => panic!("the connection must stay open"),
        // A few of the many, and the other one.
        responses = responses => assert!((1..=6).contains(&responses), "{responses}"),
    }
}

/// Returns the largest number of responses to 40 requests within one event loop iteration.
async fn most_responses_per_iteration(case: &ConnectionTest, path: &str) -> u64 {
    const REQUESTS: usize = 40;
    let tasks = tokio::task::LocalSet::new();
    let mut ends = Vec::new();
    for number in 0..REQUESTS {
        let (mut client, server) = tokio::io::duplex(1 << 16);
        let head = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        ends.push(client);
        let accepted = case.accepted(server, Some(&format!("192.0.2.{number}")));
        let router = Rc::clone(&case.router);
        tasks.spawn_local(async move {
            serve(
                accepted,
                &router,
                DEFAULT_TIMEOUTS,
                &CancellationToken::new(),
            )
            .await;
        });
    }
    let iterations = async {
        let (mut before, mut most) = (0, 0);
        while before < REQUESTS as u64 {
            // Resumes in the next iteration.
            tokio::task::yield_now().await;
            let now = case.node.counters().http_requests;
            (most, before) = (most.max(now - before), now);
        }
        most
    };
    tasks.run_until(iterations).await
}

#[tokio::test(start_paused = true)]
async fn one_http_request_is_served_per_iteration() {
    let case = ConnectionTest::new(&[]);
    assert_eq!(most_responses_per_iteration(&case, "/healthz").await, 1);
}

#[tokio::test(start_paused = true)]
async fn http_announces_do_not_wait_for_each_other() {
    let case = ConnectionTest::new(&[]);
    let announce = format!(
        "/announce?info_hash={}&peer_id={}&port=20000",
        "a".repeat(20),
        "b".repeat(20)
    );
    assert!(most_responses_per_iteration(&case, &announce).await > 1);
}
