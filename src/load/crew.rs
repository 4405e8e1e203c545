//! The threads of a load, seen from the controller: given orders all at once, waited for, and read while they work.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{Sender, channel};

use super::control::Progress;
use super::driver::{self, Order, Part, Plan, Said};
use super::error::LoadError;
use super::procfs::{Cpu, this_thread};
use super::session::Gauges;
use super::stop::{Presence, Sight, Stop};

/// How often the user hears something.
const WATCH: Duration = Duration::from_millis(200);

#[derive(Debug)]
struct Hand {
    orders: Option<Sender<Order>>,
    said: Receiver<Result<Said, LoadError>>,
    gauges: Arc<Gauges>,
    sizes: Vec<usize>,
    /// Where its CPU time stands.
    place: Option<PathBuf>,
    thread: Option<JoinHandle<()>>,
}

/// All threads.
#[derive(Debug)]
pub(super) struct Crew {
    hands: Vec<Hand>,
    /// How many of them have carried out the last order; they are asked one after the other.
    answered: usize,
    clock: Instant,
    phase: (&'static str, Instant),
    told: Option<Instant>,
    stop: Stop,
    /// While there are to be connections: whether there are any.
    presence: Option<Presence>,
}

/// Running totals of all threads.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Totals {
    pub(super) connections: u64,
    pub(super) announces: u64,
    pub(super) scrapes: u64,
    pub(super) sent: u64,
    pub(super) received: u64,
    pub(super) faults: u64,
    pub(super) timed_out: u64,
}

impl Crew {
    pub(super) fn start(plans: Vec<Plan>, clock: Instant, stop: &Stop) -> Result<Self, LoadError> {
        let hands: Result<Vec<Hand>, LoadError> = plans.into_iter().map(hire).collect();
        Ok(Self {
            hands: hands?,
            answered: 0,
            clock,
            phase: ("", clock),
            told: None,
            stop: stop.clone(),
            presence: None,
        })
    }

    /// Whether the load is to end before its time.
    pub(super) fn is_stopped(&self) -> bool {
        self.stop.is_stopped()
    }

    /// From now on there are to be connections, or need not be: without any the tracker is gone.
    pub(super) fn expect_connections(&mut self, are_expected: bool) {
        self.presence = are_expected.then(Presence::default);
    }

    /// Since the beginning of the run.
    pub(super) fn now(&self) -> Duration {
        self.clock.elapsed()
    }

    /// The moment so long after the beginning of the run.
    pub(super) fn moment(&self, since: Duration) -> Instant {
        self.clock + since
    }

    /// When the last request of all threads ended.
    pub(super) fn last_done(&self) -> Instant {
        let of_hand = |hand: &Hand| hand.gauges.last_done.load(Relaxed);
        let last = self.hands.iter().map(of_hand).max().unwrap_or_default();
        self.moment(Duration::from_micros(last))
    }

    pub(super) fn threads(&self) -> usize {
        self.hands.len()
    }

    pub(super) fn swarm_sizes(&self) -> Vec<usize> {
        self.hands
            .iter()
            .flat_map(|hand| hand.sizes.iter().copied())
            .collect()
    }

    /// How many members each thread has.
    pub(super) fn members(&self) -> Vec<u64> {
        let members = |hand: &Hand| hand.sizes.iter().map(|&size| size as u64).sum();
        self.hands.iter().map(members).collect()
    }

    pub(super) fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for Hand { gauges, .. } in &self.hands {
            totals.connections += gauges.connections.load(Relaxed);
            totals.announces += gauges.announces.load(Relaxed);
            totals.scrapes += gauges.scrapes.load(Relaxed);
            totals.sent += gauges.sent.load(Relaxed);
            totals.received += gauges.received.load(Relaxed);
            totals.faults += gauges.faults.load(Relaxed);
            totals.timed_out += gauges.timed_out.load(Relaxed);
        }
        totals
    }

    /// CPU time of each thread, where the system tells it.
    pub(super) fn own_cpu(&self) -> Vec<Cpu> {
        let places = self.hands.iter().filter_map(|hand| hand.place.as_ref());
        places
            .filter_map(|place| Cpu::of_thread(place).ok())
            .collect()
    }

    /// Gives every thread its order, and waits until all have carried it out.
    pub(super) fn order(
        &mut self,
        phase: &'static str,
        order: impl FnMut(usize) -> Order,
        watch: &mut dyn FnMut(&Progress),
    ) -> Result<(), LoadError> {
        self.give(order);
        while !self.wait(WATCH, phase, watch)? {}
        Ok(())
    }

    /// Gives every thread its order.
    pub(super) fn give(&mut self, mut order: impl FnMut(usize) -> Order) {
        self.answered = 0;
        for (number, hand) in self.hands.iter().enumerate() {
            // A thread that has ended says so below.
            let _ = hand
                .orders
                .as_ref()
                .map(|orders| orders.blocking_send(order(number)));
        }
    }

    /// Waits so long at most; returns whether all threads have carried out their order.
    pub(super) fn wait(
        &mut self,
        time: Duration,
        phase: &'static str,
        watch: &mut dyn FnMut(&Progress),
    ) -> Result<bool, LoadError> {
        let end = Instant::now() + time;
        while let Some(hand) = self.hands.get(self.answered) {
            let left = end.saturating_duration_since(Instant::now());
            match hand.said.recv_timeout(left.min(WATCH)) {
                Ok(Ok(_)) => self.answered += 1,
                Ok(Err(error)) => return Err(error),
                Err(RecvTimeoutError::Timeout) => {
                    if self.told.is_none_or(|told| told.elapsed() >= WATCH) {
                        self.tell(phase, watch);
                    }
                    if left <= WATCH {
                        return Ok(false);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return Err(ended()),
            }
        }
        self.tell(phase, watch);
        Ok(true)
    }

    /// Lets the threads work for a while.
    pub(super) fn pause(
        &mut self,
        time: Duration,
        phase: &'static str,
        watch: &mut dyn FnMut(&Progress),
    ) {
        let end = Instant::now() + time;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.is_stopped() {
                return;
            }
            thread::park_timeout(left.min(WATCH));
            self.tell(phase, watch);
        }
    }

    fn tell(&mut self, phase: &'static str, watch: &mut dyn FnMut(&Progress)) {
        self.told = Some(Instant::now());
        if self.phase.0 != phase {
            self.phase = (phase, Instant::now());
        }
        let totals = self.totals();
        let sight = Sight {
            at: Instant::now(),
            connections: totals.connections,
            received: totals.received,
            timed_out: totals.timed_out,
        };
        let presence = self.presence.as_mut();
        if let Some(why) = presence.and_then(|presence| presence.lost(sight)) {
            self.stop.stop(why);
        }
        watch(&Progress {
            phase,
            elapsed: self.phase.1.elapsed(),
            connections: totals.connections,
            announces: totals.announces,
            messages: totals.sent + totals.received,
            faults: totals.faults,
        });
    }

    /// Ends the threads; returns what each counted.
    pub(super) fn dismiss(mut self) -> Result<Vec<Part>, LoadError> {
        let mut parts = Vec::new();
        for hand in &mut self.hands {
            drop(hand.orders.take());
            match hand.said.recv() {
                Ok(Ok(Said::Counted(part))) => parts.push(*part),
                Ok(Err(error)) => return Err(error),
                Ok(Ok(Said::Done)) | Err(_) => return Err(ended()),
            }
        }
        Ok(parts)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        for hand in &mut self.hands {
            drop(hand.orders.take());
        }
        for hand in &mut self.hands {
            if let Some(thread) = hand.thread.take() {
                // A thread that is in the middle of an order would wait for its timeouts; the program ends anyway.
                if thread.is_finished() {
                    // A panic there was printed.
                    let _ = thread.join();
                }
            }
        }
    }
}

fn ended() -> LoadError {
    LoadError::Broken("a thread of the load has ended by mistake".to_owned())
}

fn hire(plan: Plan) -> Result<Hand, LoadError> {
    let (orders, of_thread) = channel(1);
    // Room for all that is said without being asked.
    let (say, said) = sync_channel(2);
    let (tell_place, place) = sync_channel(1);
    let (gauges, sizes) = (Arc::clone(&plan.gauges), plan.sizes.clone());
    let system = |source| LoadError::System {
        what: "no thread",
        source,
    };
    let thread = thread::Builder::new()
        .name(format!("load-{}", plan.number))
        .spawn(move || {
            // It is waited for below.
            let _ = tell_place.send(this_thread());
            driver::run(plan, of_thread, &say);
        })
        .map_err(system)?;
    let place = place.recv().ok().flatten();
    Ok(Hand {
        orders: Some(orders),
        said,
        gauges,
        sizes,
        place,
        thread: Some(thread),
    })
}
