//! One thread of the load: runs the controller's commands one after the other, and returns its counts at the end.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use tokio::runtime::LocalOptions;
use tokio::sync::mpsc::Receiver;
use tokio::time::timeout;

use super::checker::{AnswerReplyMode, Checker, Latencies, Micros, Pacing, RequestSettings};
use super::churn::{Churn, ChurnStep, StormReport, WaveReport};
use super::connect::Connector;
use super::error::LoadError;
use super::message_tally::{ErrorCounts, MessageTally};
use super::options::{Storm, Wave};
use super::session::{LoadSession, ThreadTotals};
use super::stop::StopHandle;

/// Connections of the warm-up. It makes the tracker allocate its one-time memory before the measurement.
const WARMUP_CONNECTIONS: usize = 20;
/// Announces of each warm-up connection.
const WARMUP_ANNOUNCES_PER_MEMBER_MAX: u64 = 3;
/// Offers that each warm-up connection receives at once: half of swarmhub's default burst for a member
/// (`limits.offers_received_burst`). With more, a small load would start with offers that reach no member.
const WARMUP_OFFERS_PER_MEMBER_MAX: u64 = 15;
/// Number of the first warm-up swarm.
const WARMUP_FIRST_SWARM: u64 = 1 << 20;
/// Joins in flight at the same time.
const JOINS_IN_FLIGHT_MAX: usize = 64;
/// Time after a message's timeout until nothing can arrive any more.
const IDLE_GRACE: Duration = Duration::from_secs(2);

/// How long a load that ends early waits for requests in flight without any progress.
const EARLY_STOP_IDLE_MAX: Duration = Duration::from_secs(1);

/// A command for a thread.
#[derive(Debug, Clone, Copy)]
pub(super) enum WorkerCommand {
    /// Opens a few connections, announces on them and closes them.
    WarmUp,
    Open,
    Join,
    /// Starts the load and replies at once. Requests that are due in the range are measured.
    StartLoad(Pacing, (Micros, Micros)),
    /// Waits until all requested work is over, or with `only_started` only the requests that have started.
    Finish {
        only_started: bool,
    },
    Close,
}

/// Everything that a thread needs to start.
#[derive(Debug)]
pub(super) struct WorkerPlan {
    pub(super) number: usize,
    pub(super) sizes: Vec<usize>,
    pub(super) first_swarm: u64,
    pub(super) settings: RequestSettings,
    pub(super) seed: u64,
    pub(super) wave: Option<Wave>,
    pub(super) storm: Option<Storm>,
    pub(super) connector: Connector,
    pub(super) thread_totals: Arc<ThreadTotals>,
    pub(super) run_start: Instant,
    pub(super) stop: StopHandle,
}

/// Results of a thread.
#[derive(Debug, Default)]
pub(super) struct WorkerResults {
    pub(super) tally: MessageTally,
    pub(super) errors: ErrorCounts,
    pub(super) latencies: Latencies,
    pub(super) waves: BTreeMap<ChurnStep, WaveReport>,
    pub(super) storms: BTreeMap<ChurnStep, StormReport>,
}

/// A reply of a thread to the controller.
#[derive(Debug)]
pub(super) enum WorkerReply {
    CommandDone,
    /// Sent after the last command.
    Results(Box<WorkerResults>),
}

/// Runs commands until the channel closes. Has its own thread.
pub(super) fn run(
    plan: WorkerPlan,
    mut commands: Receiver<WorkerCommand>,
    replies: &SyncSender<Result<WorkerReply, LoadError>>,
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
                .send(
                    driver
                        .run_command_until_stopped(command)
                        .await
                        .map(|()| WorkerReply::CommandDone),
                )
                .is_err()
            {
                return;
            }
        }
        let _ = replies.send(Ok(WorkerReply::Results(Box::new(driver.results()))));
    });
}

struct Driver {
    plan: WorkerPlan,
    session: Rc<LoadSession>,
    churn: Rc<Churn>,
    warmup_results: WorkerResults,
}

impl Driver {
    fn new(plan: WorkerPlan) -> Self {
        let WorkerPlan {
            settings,
            seed,
            number,
            first_swarm,
            sizes,
            ..
        } = &plan;
        let checker = Checker::new(settings.clone(), *seed, *number, *first_swarm, sizes);
        Self {
            churn: Churn::new(message_timeout(&plan)),
            session: new_session(&plan, checker),
            warmup_results: WorkerResults::default(),
            plan,
        }
    }

    /// Runs a command; if the load ends early, only a part of it.
    async fn run_command_until_stopped(&mut self, command: WorkerCommand) -> Result<(), LoadError> {
        let stop = self.plan.stop.clone();
        if matches!(command, WorkerCommand::Close) {
            self.session.close_all();
            return Ok(());
        }
        tokio::select! {
            biased;
            () = stop.stopped() => {}
            done = self.run_command(command) => return done,
        }
        self.finish_early().await;
        Ok(())
    }

    /// Starts nothing more, and waits briefly for requests in flight.
    async fn finish_early(&self) {
        self.churn.stop();
        self.session.finish(true, EARLY_STOP_IDLE_MAX).await;
        // A missing reconnect is no error if the load is cut short.
        let _ = timeout(EARLY_STOP_IDLE_MAX, self.churn.finish()).await;
    }

    async fn run_command(&mut self, command: WorkerCommand) -> Result<(), LoadError> {
        match command {
            WorkerCommand::WarmUp => self.warm_up().await?,
            WorkerCommand::Open => self.session.open_all().await?,
            WorkerCommand::Join => {
                self.session.checker.borrow_mut().measured = 0..Micros::MAX;
                self.session.start_load(Pacing::Join {
                    next: 0,
                    at_once: JOINS_IN_FLIGHT_MAX,
                })?;
                self.session.finish(false, self.idle_timeout()).await;
            }
            WorkerCommand::StartLoad(drive, (begin, end)) => {
                self.session.checker.borrow_mut().measured = begin..end;
                self.session.start_load(drive)?;
                self.churn
                    .start(&self.session, self.plan.wave, self.plan.storm);
            }
            WorkerCommand::Finish { only_started } => {
                if only_started {
                    self.churn.stop();
                }
                self.session.finish(only_started, self.idle_timeout()).await;
                self.churn.finish().await?;
                self.session.finish(true, self.idle_timeout()).await;
                self.session.drain_late_messages().await;
            }
            WorkerCommand::Close => self.session.close_all(),
        }
        Ok(())
    }

    fn idle_timeout(&self) -> Duration {
        message_timeout(&self.plan) + Duration::from_micros(self.plan.settings.think.1) + IDLE_GRACE
    }

    async fn warm_up(&mut self) -> Result<(), LoadError> {
        let plan = &self.plan;
        let members = plan.sizes.iter().sum::<usize>().min(WARMUP_CONNECTIONS);
        let mut settings = plan.settings.clone();
        settings.scrapes = 0.0;
        let first_swarm = WARMUP_FIRST_SWARM + plan.number as u64;
        let mut checker = Checker::new(settings, plan.seed, plan.number, first_swarm, &[members]);
        checker.answer_reply_mode = AnswerReplyMode::Unknown;
        let session = new_session(plan, checker);
        session.open_all().await?;
        session.start_load(Pacing::Join {
            next: 0,
            at_once: JOINS_IN_FLIGHT_MAX,
        })?;
        session.finish(false, self.idle_timeout()).await;
        session.start_load(Pacing::Closed {
            at_once: 4,
            to_begin: warm_announces(members, plan.settings.offers),
        })?;
        session.finish(false, self.idle_timeout()).await;
        session.drain_late_messages().await;
        session.close_all();
        self.warmup_results = session_results(&session);
        // Replies to more than half of the answers are this tracker's normal mode; fewer replies are duplicates.
        let tally = &mut self.warmup_results.tally;
        let mode = if tally.replies_to_answers * 2 > tally.answers_sent {
            AnswerReplyMode::Replies
        } else {
            tally.replies_duplicated += std::mem::take(&mut tally.replies_to_answers);
            AnswerReplyMode::NoReplies
        };
        self.session.checker.borrow_mut().answer_reply_mode = mode;
        Ok(())
    }

    fn results(&self) -> WorkerResults {
        let mut part = session_results(&self.session);
        part.tally += self.warmup_results.tally;
        part.errors.merge(self.warmup_results.errors.clone());
        part.waves = self.churn.waves.take();
        part.storms = self.churn.storms.take();
        part
    }
}

/// Returns the announces of the whole warm-up. Members receive as many offers as they send, so a few announces of each
/// member reach no receiver's limit.
fn warm_announces(members: usize, offers: u64) -> u64 {
    let per_member =
        (WARMUP_OFFERS_PER_MEMBER_MAX / offers.max(1)).clamp(1, WARMUP_ANNOUNCES_PER_MEMBER_MAX);
    members as u64 * per_member
}

fn message_timeout(plan: &WorkerPlan) -> Duration {
    Duration::from_micros(plan.settings.timeout)
}

fn new_session(plan: &WorkerPlan, checker: Checker) -> Rc<LoadSession> {
    let session = LoadSession::new(
        checker,
        plan.connector.clone(),
        Arc::clone(&plan.thread_totals),
        plan.run_start,
        plan.seed,
    );
    if plan.settings.think.1 > 0 {
        session.spawn_think_timer();
    }
    session
}

fn session_results(session: &LoadSession) -> WorkerResults {
    let checker = session.checker.borrow();
    WorkerResults {
        tally: checker.tally,
        errors: checker.errors.clone(),
        latencies: checker.latencies.clone(),
        ..WorkerResults::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warm_up_stays_within_the_offer_burst_of_each_member() {
        for members in [1, 2, 5, 10, 20] {
            for offers in [0, 1, 5, 10, 15] {
                let all = warm_announces(members, offers);
                assert!(all >= members as u64, "{members} {offers}: {all}");
                let received = all * offers / members as u64;
                assert!(
                    received <= WARMUP_OFFERS_PER_MEMBER_MAX,
                    "{members} {offers}: {received}"
                );
            }
        }
        assert_eq!(warm_announces(WARMUP_CONNECTIONS, 5), 60);
    }
}
