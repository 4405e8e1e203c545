//! Lists the addresses of this machine.

use std::net::IpAddr;

/// Returns the addresses of this machine's interfaces; none if the system does not list them.
pub(crate) fn own_addresses() -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    interfaces.iter().map(if_addrs::Interface::ip).collect()
}
