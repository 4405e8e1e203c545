//! Tests of the whole room: nodes on a network in memory, in virtual time.

mod browser;
mod exchange;
mod scenarios;
mod simulation;
mod world;
