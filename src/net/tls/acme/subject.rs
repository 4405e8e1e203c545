//! What the certificate is ordered for: names and IP addresses (RFC 8738), and how the directory validates each.

use std::net::IpAddr;

use instant_acme::Identifier;

use super::super::certificate::CertifiedPair;
use super::order::OrderError;
use crate::config;

/// Let's Encrypt's profile for certificates of six days, the only one with IP addresses.
const ADDRESS_PROFILE: &str = "shortlived";

/// The names and addresses of one certificate, and its profile.
#[derive(Debug)]
pub(super) struct CertificateSubject {
    pub(super) domains: Vec<String>,
    pub(super) addresses: Vec<IpAddr>,
    /// `tls.acme_profile`
    profile: Option<String>,
}

impl CertificateSubject {
    pub(super) fn new(settings: &config::Tls) -> Self {
        Self {
            domains: settings.acme_domain.clone(),
            addresses: settings.acme_address.clone(),
            profile: settings.acme_profile.clone(),
        }
    }

    /// Returns the identifiers of an order.
    pub(super) fn identifiers(&self) -> Vec<Identifier> {
        let domains = self.domains.iter().cloned().map(Identifier::Dns);
        let addresses = self.addresses.iter().copied().map(Identifier::Ip);
        domains.chain(addresses).collect()
    }

    /// Returns whether a certificate has all names and addresses.
    pub(super) fn is_covered_by(&self, pair: &CertifiedPair) -> bool {
        let has_domain = |domain| pair.names.contains(domain);
        let has_address = |address| pair.addresses.contains(address);
        self.domains.iter().all(has_domain) && self.addresses.iter().all(has_address)
    }

    /// Returns the profile to order, of those that the directory offers; `None` leaves the choice to the directory.
    ///
    /// # Errors
    ///
    /// The directory does not offer the profile of the settings.
    pub(super) fn profile(&self, mut offered: Vec<String>) -> Result<Option<&str>, OrderError> {
        let wanted = self.profile.as_deref();
        let automatic = || (!self.addresses.is_empty()).then_some(ADDRESS_PROFILE);
        let is_offered = |profile: &str| offered.iter().any(|name| name == profile);
        match wanted {
            Some(profile) if !is_offered(profile) => {
                offered.sort_unstable();
                let profile = profile.to_owned();
                Err(OrderError::UnknownProfile { profile, offered })
            }
            Some(profile) => Ok(Some(profile)),
            // A directory without profiles, such as step-ca, certifies addresses too.
            None => Ok(automatic().filter(|profile| is_offered(profile))),
        }
    }
}

/// Returns the server name with which a directory validates an identifier. That of an address is its name in the
/// reverse zone (RFC 8738, 6), because server names cannot be addresses.
pub(super) fn validation_name(identifier: &Identifier) -> Option<String> {
    match identifier {
        Identifier::Dns(name) => Some(name.clone()),
        Identifier::Ip(address) => Some(reverse_name(*address)),
        _ => None,
    }
}

fn reverse_name(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [first, second, third, fourth] = address.octets();
            format!("{fourth}.{third}.{second}.{first}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let octets = address.octets().into_iter().rev();
            let digits: Vec<_> = octets
                .map(|octet| format!("{:x}.{:x}", octet & 0xf, octet >> 4))
                .collect();
            format!("{}.ip6.arpa", digits.join("."))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::make;
    use super::*;

    fn subject(addresses: &[&str], profile: Option<&str>) -> CertificateSubject {
        CertificateSubject::new(&config::Tls {
            acme_domain: vec!["a.example".to_owned()],
            acme_address: addresses.iter().map(|word| word.parse().unwrap()).collect(),
            acme_profile: profile.map(str::to_owned),
            ..config::Tls::default()
        })
    }

    #[test]
    fn an_address_is_validated_by_its_reverse_name() {
        for (address, expected) in [
            ("192.0.2.1", "1.2.0.192.in-addr.arpa"),
            (
                // The example of RFC 3596, 2.5.
                "4321:0:1:2:3:4:567:89ab",
                "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa",
            ),
        ] {
            let identifier = Identifier::Ip(address.parse().unwrap());
            assert_eq!(validation_name(&identifier).as_deref(), Some(expected));
            // It is sent as SNI.
            assert!(rustls_pki_types::DnsName::try_from(expected).is_ok());
        }
        let name = Identifier::Dns("a.example".to_owned());
        assert_eq!(validation_name(&name).as_deref(), Some("a.example"));
    }

    #[test]
    fn a_certificate_must_have_every_name_and_address() {
        let wanted = subject(&["192.0.2.1", "2001:db8::1"], None);
        for (names, covered) in [
            (&["a.example", "192.0.2.1", "2001:db8::1"][..], true),
            (
                &["2001:db8::1", "b.example", "192.0.2.1", "a.example"],
                true,
            ),
            (&["a.example", "192.0.2.1"], false),
            (&["a.example", "192.0.2.1", "2001:db8::2"], false),
            (&["192.0.2.1", "2001:db8::1"], false),
        ] {
            let pair = make(names).pair();
            assert_eq!(wanted.is_covered_by(&pair), covered, "{names:?}");
        }
        assert_eq!(wanted.identifiers().len(), 3);
    }

    #[test]
    fn addresses_are_ordered_with_the_profile_for_them_if_there_is_one() {
        let offered = || vec!["shortlived".to_owned(), "classic".to_owned()];
        let (name, address) = (subject(&[], None), subject(&["192.0.2.1"], None));
        assert_eq!(name.profile(offered()).unwrap(), None);
        assert_eq!(address.profile(offered()).unwrap(), Some("shortlived"));
        assert_eq!(address.profile(Vec::new()).unwrap(), None);
        let other = vec!["classic".to_owned()];
        assert_eq!(address.profile(other).unwrap(), None);

        let chosen = subject(&["192.0.2.1"], Some("classic"));
        assert_eq!(chosen.profile(offered()).unwrap(), Some("classic"));
        let unknown = subject(&[], Some("long"));
        let error = unknown.profile(offered()).unwrap_err().to_string();
        let expected = "the directory has no profile long; it has classic, shortlived: change tls.acme_profile";
        assert_eq!(error, expected);
        let error = unknown.profile(Vec::new()).unwrap_err().to_string();
        let expected = "the directory has no profile long; it has none: change tls.acme_profile";
        assert_eq!(error, expected);
    }
}
