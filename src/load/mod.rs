//! The load generator behind `swarmhub load`: simulates many browsers on any WebTorrent tracker.
//!
//! It opens connections, announces, offers and answers as browsers do, measures, and checks every received message. Of
//! the server's modules it uses only the identifiers of `protocol`, and `procfs`. The command line calls
//! [`run_until_stopped`].

mod checker;
mod churn;
mod connect;
mod connections;
mod controller;
mod driver;
mod error;
mod frame;
mod ids;
mod inbound;
mod message_tally;
mod options;
mod pacer;
mod process_usage;
mod progress_printer;
mod report;
mod sdp;
mod session;
mod stop;
mod stream;
mod summary;
mod swarm_sizes;
mod syscalls;
mod tls;
mod tracker_url;
mod worker_pool;

pub use churn::{StormReport, WaveReport};
pub use controller::{LoadProgress, run, run_until_stopped};
pub use error::LoadError;
pub use message_tally::MessageTally;
pub use options::{Amount, Loop, Options, SourceAddresses, Storm, ThinkTime, Wave};
pub use process_usage::ProcessMemory;
pub use progress_printer::ProgressPrinter;
pub use report::{
    ClosingReport, CpuUsage, LoadReport, LoadSample, MemoryReport, Percentiles, PhaseReport,
    PlanReport, Report, ServerReport, StormPlan, SyscallReport, ToolUsage, WavePlan,
};
pub use stop::{EndedEarly, GONE_AFTER, StopHandle};
pub use swarm_sizes::SwarmSize;
pub use tracker_url::TrackerUrl;
