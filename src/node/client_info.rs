//! Describes the client of a new connection.

use super::ClientAddress;

/// The client of a connection, as far as it is known at its open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientInfo {
    /// Its address, with its rate-limit keys.
    pub address: ClientAddress,
    /// The origin of the page that embeds the client, from the browser. Non-browser clients have none.
    pub origin: Option<Box<str>>,
    /// The number of the listener that accepted it.
    pub listener: u16,
}
