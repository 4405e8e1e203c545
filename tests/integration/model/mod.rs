//! A naive model of the tracking rules, and a world that compares the tracker with it after every operation.
//!
//! It is written from the description of the protocol, with lists and linear search, so that it does not repeat
//! mistakes of the tracker. The simulation and the fuzz targets use it; it uses no sockets.

mod exchange;
mod http;
mod introductions;
mod messages;
mod naive;
pub(crate) mod operation;
mod world;

pub(crate) use world::run;
