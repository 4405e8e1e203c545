//! Waiting with a name and a bound. The bound is on the time without progress, so that a busy machine, on which every step
//! takes longer, fails no test.

use std::time::Duration;

/// Maximum time without any progress.
pub(crate) const PROGRESS_TIMEOUT: Duration = Duration::from_mins(1);

/// A timeout for settings that must not end anything during a test.
pub(crate) const LONG: Duration = Duration::from_mins(10);

/// The pause between two looks at a condition.
const TURN: Duration = Duration::from_millis(10);

/// Counts the turns of a wait in which nothing changes. Turns are counted and not seconds: while the machine runs other
/// processes, the count stands still too.
#[derive(Debug)]
pub(crate) struct Patience {
    what: String,
    idle_turns: u128,
}

impl Patience {
    /// Begins a wait; `what` completes the message "… did not happen".
    pub(crate) fn new(what: &str) -> Self {
        Self {
            what: what.to_owned(),
            idle_turns: 0,
        }
    }

    /// Waits for a moment.
    ///
    /// # Panics
    ///
    /// After too many turns without progress.
    pub(crate) async fn turn(&mut self) {
        tokio::time::sleep(TURN).await;
        self.count_turn();
    }

    /// Records that something has changed: the bound starts again.
    pub(crate) fn progress(&mut self) {
        self.idle_turns = 0;
    }

    fn count_turn(&mut self) {
        self.idle_turns += 1;
        assert!(
            self.idle_turns * TURN.as_millis() < PROGRESS_TIMEOUT.as_millis(),
            "did not happen: {}",
            self.what
        );
    }
}

/// Waits until `condition` holds.
pub(crate) async fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    wait_for(what, async || condition().then_some(())).await;
}

/// Repeats `attempt` until it returns something.
pub(crate) async fn wait_for<T>(what: &str, mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    let mut patience = Patience::new(what);
    loop {
        if let Some(found) = attempt().await {
            return found;
        }
        patience.turn().await;
    }
}

/// Waits until `observe` returns `expected`. Each change of the value is progress.
pub(crate) async fn wait_for_value<T: PartialEq + std::fmt::Debug>(
    what: &str,
    mut observe: impl FnMut() -> T,
    expected: T,
) {
    let mut patience = Patience::new(what);
    let mut last = observe();
    while last != expected {
        patience.turn().await;
        let now = observe();
        if now != last {
            patience.progress();
            patience.what = format!("{what}: {now:?}, not {expected:?}");
        }
        last = now;
    }
}

/// Waits for a future that completes with the next step of the other side, such as one read.
pub(crate) async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    const LONG_TURN: Duration = Duration::from_millis(200);
    let expired = async {
        for _ in 0..PROGRESS_TIMEOUT.as_millis() / LONG_TURN.as_millis() {
            tokio::time::sleep(LONG_TURN).await;
        }
    };
    tokio::select! {
        biased;
        done = future => done,
        () = expired => panic!("did not happen: {what}"),
    }
}
