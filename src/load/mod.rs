//! The load generator behind `swarmhub load`: simulates many browsers on any WebTorrent tracker.
//!
//! It opens connections, announces, offers and answers as browsers do, measures, and checks every received message. It
//! uses no server modules, only the identifiers of `protocol`. The command line calls [`run`].

mod churn;
mod clock;
mod connect;
mod control;
mod crew;
mod driver;
mod error;
mod exchange;
mod frame;
mod ids;
mod inbound;
mod live;
mod options;
mod procfs;
mod report;
mod sdp;
mod session;
mod sizes;
mod stop;
mod stream;
mod summary;
mod syscalls;
mod tally;
mod target;
mod tls;
mod wires;

pub use churn::{StormSeen, WaveSeen};
pub use control::{Progress, run, run_until};
pub use error::LoadError;
pub use live::Live;
pub use options::{Amount, Loop, Options, Sources, Storm, Think, Wave};
pub use procfs::Memory;
pub use report::{
    Closing, CpuUsed, Load, Memories, Own, Percentiles, Phase, PlanMade, Report, Sample,
    ServerSeen, StormPlan, Syscalls, WavePlan,
};
pub use sizes::SwarmSize;
pub use stop::{EndedEarly, GONE_AFTER, Stop};
pub use tally::Tally;
pub use target::Target;
