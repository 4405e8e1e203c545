//! A certificate that nobody vouches for, for this machine's own names and addresses: enough for a home network after
//! the browser's warning.
//!
//! Made anew at each start, kept nowhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, SanType,
};
use rustls_pki_types::PrivateKeyDer;
use time::{Duration, OffsetDateTime};

use super::TlsError;
use super::certificate::{Files, Pair};

/// Two years: Apple's systems take no certificate for longer than 825 days, not even one that was trusted by hand.
const VALID: Duration = Duration::days(730);
/// Clocks of visitors may be behind.
const VALID_BEFORE: Duration = Duration::days(1);

/// Makes a certificate for `localhost` and whatever this machine is called.
pub(super) fn make() -> Result<Pair, TlsError> {
    let now = OffsetDateTime::now_utc();
    let mut params = CertificateParams::new(names()).map_err(TlsError::making)?;
    let addresses = addresses().into_iter().map(SanType::IpAddress);
    params.subject_alt_names.extend(addresses);
    params.distinguished_name = DistinguishedName::new();
    let subject = "swarmhub, self-signed";
    params.distinguished_name.push(DnType::CommonName, subject);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = now - VALID_BEFORE;
    params.not_after = now + VALID;
    let key = KeyPair::generate().map_err(TlsError::making)?;
    let certificate = params.self_signed(&key).map_err(TlsError::making)?;
    let nowhere = Files {
        certificate: PathBuf::from("(self-signed)"),
        key: PathBuf::from("(self-signed)"),
    };
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    Pair::new(&nowhere, vec![certificate.der().clone()], key).map_err(TlsError::Certificate)
}

/// `localhost`, and the machine's name by itself and as home networks announce it (mDNS).
fn names() -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    let host = hostname::get()
        .ok()
        .and_then(|name| name.into_string().ok());
    if let Some(host) = host
        .map(|host| host.to_ascii_lowercase())
        .filter(|host| is_name(host))
    {
        if !host.contains('.') {
            names.push(format!("{host}.local"));
        }
        names.push(host);
    }
    names.dedup();
    names
}

/// Whether it can stand in a certificate: some systems are called what no name on the network may be.
fn is_name(host: &str) -> bool {
    host != "localhost" && rustls_pki_types::DnsName::try_from(host).is_ok()
}

/// The loopback addresses, and those of the machine that others can reach without naming an interface.
fn addresses() -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
    let of_interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let of_interfaces = of_interfaces.into_iter().map(|interface| interface.ip());
    addresses.extend(of_interfaces.filter(|address| !is_link_local(address)));
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

fn is_link_local(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

#[cfg(test)]
#[path = "tests/self_signed.rs"]
mod tests;
