//! Several nodes in one process: members meet wherever their sockets are, and each node goes on alone.

mod counts;
mod introductions;
mod network;
mod nodes;
