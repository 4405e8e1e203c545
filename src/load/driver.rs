//! One thread of the load: runs the controller's commands one after the other, and returns its counts at the end.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use tokio::runtime::LocalOptions;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use super::churn::{Churn, StormSeen, Turn, WaveSeen};
use super::connect::Connector;
use super::error::LoadError;
use super::exchange::{Drive, Exchange, Habit, Latencies, Micros, Settings};
use super::options::{Storm, Wave};
use super::session::{Gauges, Session};
use super::stop::Stop;
use super::tally::{Errors, Tally};

/// Connections of the warm-up. It makes the tracker allocate its one-time memory before the measurement.
const WARM_CONNECTIONS: usize = 20;
/// Announces of each warm-up connection.
const WARM_ANNOUNCES: u64 = 3;
/// Offers that each warm-up connection receives at once: half of swarmhub's default burst for a member
/// (`limits.offers_received_burst`). With more, a small load would start with offers that reach no member.
const WARM_OFFERS: u64 = 15;
/// Number of the first warm-up swarm.
const WARM_SWARM: u64 = 1 << 20;
/// Joins in flight at the same time.
const JOINS_AT_ONCE: usize = 64;
/// Time after a message's timeout until nothing can arrive any more.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a load that ends early waits for requests in flight without any progress.
const SETTLES_WITHIN: Duration = Duration::from_secs(1);

/// A command for a thread.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    /// Opens a few connections, announces on them and closes them.
    Warm,
    Open,
    Join,
    /// Starts the load and replies at once. Requests that are due in the range are measured.
    Drive(Drive, (Micros, Micros)),
    /// Waits until all requested work is over, or with `only_started` only the requests that have started.
    Finish {
        stops: bool,
    },
    Close,
}

/// Everything that a thread needs to start.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) number: usize,
    pub(super) sizes: Vec<usize>,
    pub(super) first_swarm: u64,
    pub(super) settings: Settings,
    pub(super) seed: u64,
    pub(super) wave: Option<Wave>,
    pub(super) storm: Option<Storm>,
    pub(super) connector: Connector,
    pub(super) gauges: Arc<Gauges>,
    pub(super) clock: Instant,
    pub(super) stop: Stop,
}

/// Results of a thread.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) tally: Tally,
    pub(super) errors: Errors,
    pub(super) latencies: Latencies,
    pub(super) waves: BTreeMap<Turn, WaveSeen>,
    pub(super) storms: BTreeMap<Turn, StormSeen>,
}

/// A reply of a thread to the controller.
#[derive(Debug)]
pub(super) enum Said {
    Done,
    /// Sent after the last command.
    Counted(Box<Part>),
}

/// Runs commands until the channel closes. Has its own thread.
pub(super) fn run(
    plan: Plan,
    mut commands: Receiver<Order>,
    replies: &SyncSender<Result<Said, LoadError>>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default());
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(source) => {
            // The receiver is closed only after the controller has failed.
            let _ = replies.send(Err(LoadError::System {
                what: "cannot start the runtime",
                source,
            }));
            return;
        }
    };
    runtime.block_on(async {
        let mut driver = Driver::new(plan);
        while let Some(command) = commands.recv().await {
            if replies
                .send(driver.carry_out(command).await.map(|()| Said::Done))
                .is_err()
            {
                return;
            }
        }
        let _ = replies.send(Ok(Said::Counted(Box::new(driver.part()))));
    });
}

struct Driver {
    plan: Plan,
    session: Rc<Session>,
    churn: Rc<Churn>,
    warm: Part,
}

impl Driver {
    fn new(plan: Plan) -> Self {
        let Plan {
            settings,
            seed,
            number,
            first_swarm,
            sizes,
            ..
        } = &plan;
        let checker = Exchange::new(settings.clone(), *seed, *number, *first_swarm, sizes);
        Self {
            churn: Churn::new(timeout_of(&plan)),
            session: session(&plan, checker),
            warm: Part::default(),
            plan,
        }
    }

    /// Runs a command; if the load ends early, only a part of it.
    async fn carry_out(&mut self, command: Order) -> Result<(), LoadError> {
        let stop = self.plan.stop.clone();
        if matches!(command, Order::Close) {
            self.session.close();
            return Ok(());
        }
        tokio::select! {
            biased;
            () = stop.stopped() => {}
            done = self.work(command) => return done,
        }
        self.wind_up().await;
        Ok(())
    }

    /// Starts nothing more, and waits briefly for requests in flight.
    async fn wind_up(&self) {
        self.churn.stop();
        self.session.finish(true, SETTLES_WITHIN).await;
        // A missing reconnect is no error if the load is cut short.
        let _ = timeout(SETTLES_WITHIN, self.churn.finish()).await;
    }

    async fn work(&mut self, command: Order) -> Result<(), LoadError> {
        match command {
            Order::Warm => self.warm_up().await?,
            Order::Open => self.session.open_all().await?,
            Order::Join => {
                self.session.exchange.borrow_mut().measured = 0..Micros::MAX;
                self.session.drive(Drive::Join {
                    next: 0,
                    at_once: JOINS_AT_ONCE,
                })?;
                self.session.finish(false, self.patience()).await;
            }
            Order::Drive(drive, (begin, end)) => {
                self.session.exchange.borrow_mut().measured = begin..end;
                self.session.drive(drive)?;
                self.churn
                    .start(&self.session, self.plan.wave, self.plan.storm);
            }
            Order::Finish {
                stops: only_started,
            } => {
                if only_started {
                    self.churn.stop();
                }
                self.session.finish(only_started, self.patience()).await;
                self.churn.finish().await?;
                self.session.finish(true, self.patience()).await;
                self.session.listen_on().await;
            }
            Order::Close => self.session.close(),
        }
        Ok(())
    }

    fn patience(&self) -> Duration {
        timeout_of(&self.plan) + Duration::from_micros(self.plan.settings.think.1) + PATIENCE
    }

    async fn warm_up(&mut self) -> Result<(), LoadError> {
        let plan = &self.plan;
        let members = plan.sizes.iter().sum::<usize>().min(WARM_CONNECTIONS);
        let mut settings = plan.settings.clone();
        settings.scrapes = 0.0;
        let first_swarm = WARM_SWARM + plan.number as u64;
        let mut checker = Exchange::new(settings, plan.seed, plan.number, first_swarm, &[members]);
        checker.habit = Habit::Unknown;
        let session = session(plan, checker);
        session.open_all().await?;
        session.drive(Drive::Join {
            next: 0,
            at_once: JOINS_AT_ONCE,
        })?;
        session.finish(false, self.patience()).await;
        session.drive(Drive::Closed {
            at_once: 4,
            to_begin: warm_announces(members, plan.settings.offers),
        })?;
        session.finish(false, self.patience()).await;
        session.listen_on().await;
        session.close();
        self.warm = count(&session);
        // Replies to more than half of the answers are this tracker's normal mode; fewer replies are duplicates.
        let tally = &mut self.warm.tally;
        let mode = if tally.replies_to_answers * 2 > tally.answers_sent {
            Habit::Replies
        } else {
            tally.replies_duplicated += std::mem::take(&mut tally.replies_to_answers);
            Habit::Silent
        };
        self.session.exchange.borrow_mut().habit = mode;
        Ok(())
    }

    fn part(&self) -> Part {
        let mut part = count(&self.session);
        part.tally += self.warm.tally;
        part.errors.merge(self.warm.errors.clone());
        part.waves = self.churn.waves.take();
        part.storms = self.churn.storms.take();
        part
    }
}

/// Returns the announces of the whole warm-up. Members receive as many offers as they send, so a few announces of each
/// member reach no receiver's limit.
fn warm_announces(members: usize, offers: u64) -> u64 {
    let per_member = (WARM_OFFERS / offers.max(1)).clamp(1, WARM_ANNOUNCES);
    members as u64 * per_member
}

fn timeout_of(plan: &Plan) -> Duration {
    Duration::from_micros(plan.settings.timeout)
}

fn session(plan: &Plan, checker: Exchange) -> Rc<Session> {
    let has_think_time = plan.settings.think.1 > 0;
    Session::new(
        checker,
        plan.connector.clone(),
        Arc::clone(&plan.gauges),
        plan.clock,
        plan.seed,
        has_think_time,
    )
}

fn count(session: &Session) -> Part {
    let checker = session.exchange.borrow();
    Part {
        tally: checker.tally,
        errors: checker.errors.clone(),
        latencies: checker.latencies.clone(),
        ..Part::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warm_up_gives_no_member_more_offers_than_fit_however_few_there_are() {
        for members in [1, 2, 5, 10, 20] {
            for offers in [0, 1, 5, 10, 15] {
                let all = warm_announces(members, offers);
                assert!(all >= members as u64, "{members} {offers}: {all}");
                let received = all * offers / members as u64;
                assert!(received <= WARM_OFFERS, "{members} {offers}: {received}");
            }
        }
        assert_eq!(warm_announces(WARM_CONNECTIONS, 5), 60);
    }
}
