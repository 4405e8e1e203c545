//! One thread of the load: does what the controller orders, one order after the other, and hands in what it counted.

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

/// Connections of the warm-up, which makes the tracker allocate what it needs only once.
const WARM_CONNECTIONS: usize = 20;
/// Announces of each of them.
const WARM_ANNOUNCES: u64 = 3;
/// Offers that each of them is given, all at once: half of what swarmhub lets a member have in one go by default
/// (`limits.offers_received_burst`). With more a small load would begin with offers that come to nobody.
const WARM_OFFERS: u64 = 15;
/// Swarms of warm-ups are numbered from here on.
const WARM_SWARM: u64 = 1 << 20;
/// Joins at the same time.
const JOINS_AT_ONCE: usize = 64;
/// After the timeout of a message, so long until nothing can come any more.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a load that is to end early waits for what is under way and does not move.
const SETTLES_WITHIN: Duration = Duration::from_secs(1);

/// What a thread is to do.
#[derive(Debug, Clone, Copy)]
pub(super) enum Order {
    /// A few connections come, announce and go.
    Warm,
    Open,
    Join,
    /// Begin the load; what is due in the range is measured. Answered at once.
    Drive(Drive, (Micros, Micros)),
    /// Wait until what was begun, or asked for, is over.
    Finish {
        stops: bool,
    },
    Close,
}

/// What a thread is made of.
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

/// What a thread counted.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) tally: Tally,
    pub(super) errors: Errors,
    pub(super) latencies: Latencies,
    pub(super) waves: BTreeMap<Turn, WaveSeen>,
    pub(super) storms: BTreeMap<Turn, StormSeen>,
}

/// What a thread says.
#[derive(Debug)]
pub(super) enum Said {
    Done,
    /// After the last order.
    Counted(Box<Part>),
}

/// Carries out orders until there are none any more. Runs on a thread of its own.
pub(super) fn run(
    plan: Plan,
    mut orders: Receiver<Order>,
    say: &SyncSender<Result<Said, LoadError>>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default());
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(source) => {
            // Nobody listens only when the controller has failed.
            let _ = say.send(Err(LoadError::System {
                what: "no runtime",
                source,
            }));
            return;
        }
    };
    runtime.block_on(async {
        let mut driver = Driver::new(plan);
        while let Some(order) = orders.recv().await {
            if say
                .send(driver.carry_out(order).await.map(|()| Said::Done))
                .is_err()
            {
                return;
            }
        }
        let _ = say.send(Ok(Said::Counted(Box::new(driver.part()))));
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
        let exchange = Exchange::new(settings.clone(), *seed, *number, *first_swarm, sizes);
        Self {
            churn: Churn::new(timeout_of(&plan)),
            session: session(&plan, exchange),
            warm: Part::default(),
            plan,
        }
    }

    /// Carries out an order, or as much of it as there is time for when the load is to end early.
    async fn carry_out(&mut self, order: Order) -> Result<(), LoadError> {
        let stop = self.plan.stop.clone();
        if matches!(order, Order::Close) {
            self.session.close();
            return Ok(());
        }
        tokio::select! {
            biased;
            () = stop.stopped() => {}
            done = self.work(order) => return done,
        }
        self.wind_up().await;
        Ok(())
    }

    /// Begins nothing more, and waits a moment for what is under way.
    async fn wind_up(&self) {
        self.churn.stop();
        self.session.finish(true, SETTLES_WITHIN).await;
        // That somebody has not come back is no fault of a load that is cut short.
        let _ = timeout(SETTLES_WITHIN, self.churn.finish()).await;
    }

    async fn work(&mut self, order: Order) -> Result<(), LoadError> {
        match order {
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
            Order::Finish { stops } => {
                if stops {
                    self.churn.stop();
                }
                self.session.finish(stops, self.patience()).await;
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
        let mut exchange = Exchange::new(settings, plan.seed, plan.number, first_swarm, &[members]);
        exchange.habit = Habit::Unknown;
        let session = session(plan, exchange);
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
        // A habit is what is done nearly always; a reply now and then is one too many.
        let tally = &mut self.warm.tally;
        let habit = if tally.replies_to_answers * 2 > tally.answers_sent {
            Habit::Replies
        } else {
            tally.replies_duplicated += std::mem::take(&mut tally.replies_to_answers);
            Habit::Silent
        };
        self.session.exchange.borrow_mut().habit = habit;
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

/// Announces of the whole warm-up: as many are sent as are given, so a few of each member's fill nobody's measure.
fn warm_announces(members: usize, offers: u64) -> u64 {
    let each = (WARM_OFFERS / offers.max(1)).clamp(1, WARM_ANNOUNCES);
    members as u64 * each
}

fn timeout_of(plan: &Plan) -> Duration {
    Duration::from_micros(plan.settings.timeout)
}

fn session(plan: &Plan, exchange: Exchange) -> Rc<Session> {
    let thinks = plan.settings.think.1 > 0;
    Session::new(
        exchange,
        plan.connector.clone(),
        Arc::clone(&plan.gauges),
        plan.clock,
        plan.seed,
        thinks,
    )
}

fn count(session: &Session) -> Part {
    let exchange = session.exchange.borrow();
    Part {
        tally: exchange.tally,
        errors: exchange.errors.clone(),
        latencies: exchange.latencies.clone(),
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
                let given = all * offers / members as u64;
                assert!(given <= WARM_OFFERS, "{members} {offers}: {given}");
            }
        }
        assert_eq!(warm_announces(WARM_CONNECTIONS, 5), 60);
    }
}
