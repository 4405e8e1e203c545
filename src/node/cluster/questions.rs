//! Asks the other nodes about swarms that have no members here: how many they have, and which of them announce over HTTP.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::NodeCluster;
use crate::cluster::wire::HttpPeer;
use crate::cluster::{Cluster, NodeId, Population};
use crate::protocol::{ConnectionId, Counts, InfoHash};

/// Most questions at once. Further ones are answered with what is known.
const QUESTIONS_MAX: usize = 4096;

/// Most swarms without members here whose counts subscribers get.
const WATCHED_SWARMS_MAX: usize = 1 << 14;

/// How long a question may take: the core gives up after a second.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

/// The members on other nodes.
pub type FoundMembers = Vec<(InfoHash, Population)>;

/// Who gets the answer to a question.
#[derive(Debug)]
pub enum Requester {
    /// A connection, which has scraped these swarms.
    Connection(ConnectionId, Vec<InfoHash>),
    /// A task.
    Task(oneshot::Sender<FoundMembers>),
    /// Subscribers of the one swarm that is asked about.
    Subscribers,
}

/// A question about swarms.
#[derive(Debug)]
pub struct Question {
    pub(super) info_hashes: Vec<InfoHash>,
    pub(super) requester: Requester,
}

/// A question with its answer.
#[derive(Debug)]
pub struct AnsweredQuestion {
    /// Who gets it.
    pub requester: Requester,
    /// The answer.
    pub found: FoundMembers,
}

/// The questions that the core works on.
#[derive(Debug, Default)]
pub(super) struct OpenQuestions {
    open: HashMap<u64, OpenQuestion>,
    http: HashMap<u64, oneshot::Sender<Vec<HttpPeer>>>,
    last: u64,
}

#[derive(Debug)]
struct OpenQuestion {
    /// The number of swarms without an answer.
    left: usize,
    answered: AnsweredQuestion,
}

/// A swarm without members here.
#[derive(Debug, Default)]
pub(super) struct WatchedSwarm {
    population: Population,
    /// Whether somebody has asked for it since the last round.
    is_wanted: bool,
}

impl OpenQuestions {
    const fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn open(
        &mut self,
        core: &mut Cluster,
        question: Question,
        now: Duration,
    ) -> Option<AnsweredQuestion> {
        let number = self.next();
        let (mut found, mut left) = (Vec::new(), 0);
        for info_hash in question.info_hashes {
            if self.open.len() >= QUESTIONS_MAX || core.is_answerable(&info_hash, number, now) {
                found.push((info_hash, core.others(&info_hash).population()));
            } else {
                left += 1;
            }
        }
        let requester = question.requester;
        let answered = AnsweredQuestion { requester, found };
        if left == 0 {
            return Some(answered);
        }
        self.open.insert(number, OpenQuestion { left, answered });
        None
    }

    fn answer(
        &mut self,
        core: &Cluster,
        number: u64,
        info_hash: InfoHash,
    ) -> Option<AnsweredQuestion> {
        let question = self.open.get_mut(&number)?;
        let population = core.others(&info_hash).population();
        question.answered.found.push((info_hash, population));
        question.left -= 1;
        if question.left > 0 {
            return None;
        }
        self.open.remove(&number).map(|question| question.answered)
    }
}

impl NodeCluster {
    /// Returns the members of swarms on other nodes, or `None` if somebody must be asked first.
    #[must_use]
    pub fn known_members(&self, info_hashes: &[InfoHash]) -> Option<FoundMembers> {
        let core = &self.core.lock().cluster;
        let known = info_hashes.iter().map(|info_hash| {
            let others = core.others(info_hash);
            (!others.is_awaited).then(|| (*info_hash, others.population()))
        });
        known.collect()
    }

    /// Queues a question for the task. Returns false if there are too many.
    pub fn request_members(&self, info_hashes: Vec<InfoHash>, requester: Requester) -> bool {
        let has_space = {
            let questions = &mut self.queue.lock().questions;
            let has_space = questions.len() < QUESTIONS_MAX;
            if has_space {
                questions.push(Question {
                    info_hashes,
                    requester,
                });
            }
            has_space
        };
        self.wake.notify_one();
        has_space
    }

    /// Returns the members of swarms on other nodes, and asks for them if needed. What nobody answers is left out.
    pub async fn find_members(&self, info_hashes: Vec<InfoHash>) -> FoundMembers {
        if let Some(known) = self.known_members(&info_hashes) {
            return known;
        }
        let (sender, answer) = oneshot::channel();
        if !self.request_members(info_hashes, Requester::Task(sender)) {
            return FoundMembers::new();
        }
        match timeout(ANSWERED_WITHIN, answer).await {
            Ok(Ok(found)) => found,
            _ => FoundMembers::new(),
        }
    }

    /// Passes a question on to the core. Returns it if it is answered already.
    #[must_use]
    pub fn open_question(&self, question: Question) -> Option<AnsweredQuestion> {
        self.with_both(|core, questions, now| questions.open(core, question, now))
    }

    /// Stores what the core knows now about a swarm. Returns the question with that number if it is answered.
    #[must_use]
    pub fn follow_answer(&self, number: u64, info_hash: InfoHash) -> Option<AnsweredQuestion> {
        self.with_both(|core, questions, _| questions.answer(core, number, info_hash))
    }

    /// Returns the members of a swarm on other nodes for a subscriber: what is known, at most about a second old.
    #[must_use]
    pub fn watch_members(&self, info_hash: &InfoHash) -> Population {
        let others = self.core.lock().cluster.others(info_hash);
        if !others.is_awaited {
            return others.population();
        }
        let watched = &mut *self.watched.lock();
        if !watched.contains_key(info_hash) && watched.len() >= WATCHED_SWARMS_MAX {
            return Population::default();
        }
        let swarm = watched.entry(*info_hash).or_default();
        swarm.is_wanted = true;
        swarm.population
    }

    /// Stores the answer for the subscribers of a swarm.
    pub fn update_watched(&self, found: &FoundMembers) {
        let watched = &mut *self.watched.lock();
        for (info_hash, population) in found {
            if let Some(swarm) = watched.get_mut(info_hash) {
                swarm.population = *population;
            }
        }
    }

    /// Asks about all watched swarms again, and forgets those that nobody wants any more.
    pub fn ask_for_watched(&self) {
        let wanted: Vec<_> = {
            let watched = &mut *self.watched.lock();
            watched.retain(|_, swarm| std::mem::replace(&mut swarm.is_wanted, false));
            watched.keys().copied().collect()
        };
        for info_hash in wanted {
            self.request_members(vec![info_hash], Requester::Subscribers);
        }
    }

    /// Adds the members on other nodes to the counts of swarms with members here.
    pub fn add_others(&self, files: &mut [(InfoHash, Counts)]) {
        /// Swarms that are looked up under one lock.
        const AT_ONCE: usize = 128;
        for files in files.chunks_mut(AT_ONCE) {
            let core = &self.core.lock().cluster;
            for (info_hash, counts) in files {
                *counts = core.others(info_hash).population().add_to(*counts);
            }
        }
    }

    /// Returns peers of other nodes that announce over HTTP; `shares` is the number wanted from each.
    pub async fn find_http_peers(
        &self,
        info_hash: &InfoHash,
        shares: &[(NodeId, usize)],
    ) -> Vec<HttpPeer> {
        let (sender, answer) = oneshot::channel();
        let is_asked = self.with_both(|core, questions, now| {
            let token = questions.next();
            let is_asked = core.ask_for_http_peers(info_hash, token, shares, now);
            if is_asked {
                questions.http.insert(token, sender);
            }
            is_asked
        });
        if is_asked {
            // The core ends each request.
            answer.await.unwrap_or_default()
        } else {
            Vec::new()
        }
    }

    /// Passes on the peers that other nodes have named.
    pub fn follow_http_peers(&self, token: u64, peers: Vec<HttpPeer>) {
        let waiting = self.with_both(|_, questions, _| questions.http.remove(&token));
        if let Some(waiting) = waiting {
            // The client may have gone.
            let _ = waiting.send(peers);
        }
    }
}

/// Adds members on other nodes to the counts of this node.
pub fn add_found(counts: &mut [(InfoHash, Counts)], found: &FoundMembers) {
    let found: BTreeMap<_, _> = found.iter().copied().collect();
    for (info_hash, counts) in counts {
        if let Some(population) = found.get(info_hash) {
            *counts = population.add_to(*counts);
        }
    }
}
