//! The server from outside: over TCP, as a program, and the core against a model of it.

mod churn;
mod http;
mod layers;
mod process;
mod support;
mod tracking;
