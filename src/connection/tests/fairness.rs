//! Tests that connections over their rate limits do not delay others.

use super::*;

const OVER_LIMIT: usize = 40;

/// A worker whose connections may send one message a second.
fn strict_worker() -> TestWorker {
    TestWorker::new(|config| {
        config.limits.messages_per_second = 1;
        config.limits.messages_burst = 1;
    })
}

/// A client that has sent more than its limit, so that the server pauses reading for a second.
async fn over_limit(worker: &TestWorker) -> TestClient {
    let mut client = worker.connect().await;
    for _ in 0..4 {
        client.send_json(&announce('a', 'p')).await;
    }
    client
}

async fn many_over_limit(worker: &TestWorker) -> Vec<TestClient> {
    let mut clients = Vec::new();
    for _ in 0..OVER_LIMIT {
        clients.push(over_limit(worker).await);
    }
    tokio::time::sleep(Duration::from_millis(10)).await;
    clients
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_few_paused_connections_resume_per_iteration() {
    let worker = strict_worker();
    let _clients = many_over_limit(&worker).await;
    let served = || worker.counters().announces;
    let start = served();
    tokio::time::advance(Duration::from_secs(2)).await;
    let mut before = start;
    for _ in 0..200 {
        let now = served();
        // Two seconds pay for two messages of a connection.
        assert!(now - before <= 2 * super::super::context::RESUMED_PER_ITERATION as u64);
        before = now;
        tokio::task::yield_now().await;
    }
    assert!(before - start >= OVER_LIMIT as u64, "{}", before - start);
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn closing_connections_leave_the_resume_queue() {
    let worker = strict_worker();
    let closing = many_over_limit(&worker).await;
    let mut other = over_limit(&worker).await;
    other.receive_json().await;
    other.receive_json().await;
    // All pauses end. When the first connections have resumed, the others wait in the queue.
    let paused = worker.counters().announces;
    tokio::time::advance(Duration::from_millis(1100)).await;
    while worker.counters().announces == paused {
        tokio::task::yield_now().await;
    }
    worker.hub.close_some(OVER_LIMIT, Ended::Stopping);
    let began = Instant::now();
    other.receive_json().await;
    // Each close takes two seconds, as the clients do not read it.
    assert!(began.elapsed() < Duration::from_secs(1));
    let is_open = |client: &TestClient| !client.task.is_finished();
    assert!(closing.iter().filter(|&client| is_open(client)).count() > 4);
}
