//! A naive model of the tracking rules, and a world that holds the tracker against it, operation by operation.
//!
//! Written from the description of the protocol, with lists and linear search, so that a mistake in the tracker is
//! not made here as well. Used by the simulation and by the fuzz targets; it knows nothing of sockets.

mod exchange;
mod http;
mod naive;
pub(crate) mod operation;
mod wire;
mod world;

pub(crate) use world::run;
