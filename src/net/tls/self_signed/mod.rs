//! Generates a self-signed certificate for this machine's names and addresses: enough for a home network after the
//! browser's warning.
//!
//! It is generated at each start and stored nowhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, SanType,
};
use rustls_pki_types::PrivateKeyDer;
use time::{Duration, OffsetDateTime};

use super::TlsError;
use super::certificate::{CertificateFiles, CertifiedPair};

/// Two years: Apple's systems accept no certificate for longer than 825 days, even if it was trusted manually.
const VALIDITY: Duration = Duration::days(730);
/// Margin for visitors whose clocks are behind.
const CLOCK_MARGIN: Duration = Duration::days(1);

/// Generates a certificate for `localhost` and the names and addresses of this machine.
pub(super) fn generate() -> Result<CertifiedPair, TlsError> {
    let now = OffsetDateTime::now_utc();
    let mut params = CertificateParams::new(names()).map_err(TlsError::generation)?;
    let addresses = addresses().into_iter().map(SanType::IpAddress);
    params.subject_alt_names.extend(addresses);
    params.distinguished_name = DistinguishedName::new();
    let subject = "swarmhub, self-signed";
    params.distinguished_name.push(DnType::CommonName, subject);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.not_before = now - CLOCK_MARGIN;
    params.not_after = now + VALIDITY;
    let key = KeyPair::generate().map_err(TlsError::generation)?;
    let certificate = params.self_signed(&key).map_err(TlsError::generation)?;
    let no_files = CertificateFiles {
        certificate: PathBuf::from("(self-signed)"),
        key: PathBuf::from("(self-signed)"),
    };
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    CertifiedPair::new(&no_files, vec![certificate.der().clone()], key)
        .map_err(TlsError::Certificate)
}

/// Returns `localhost`, the host name, and the host name in `.local` (mDNS).
fn names() -> Vec<String> {
    let mut names = vec!["localhost".to_owned()];
    let host = hostname::get()
        .ok()
        .and_then(|name| name.into_string().ok());
    if let Some(host) = host
        .map(|host| host.to_ascii_lowercase())
        .filter(|host| is_dns_name(host))
    {
        if !host.contains('.') {
            names.push(format!("{host}.local"));
        }
        names.push(host);
    }
    names.dedup();
    names
}

/// Returns whether a certificate can contain the host name: some systems have names that DNS does not allow.
fn is_dns_name(host: &str) -> bool {
    host != "localhost" && rustls_pki_types::DnsName::try_from(host).is_ok()
}

/// Returns the loopback addresses and the machine's own ones, except link-local addresses, which need an interface
/// name.
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
mod tests;
