//! Parses IP addresses in settings: one host, without a port.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::error::{Problem, quoted};
use super::value::{ScalarKind, SettingValue, toml_text};

/// The address of one host; never IPv4 mapped to IPv6.
impl SettingValue for IpAddr {
    type Rule = ();
    const KIND: ScalarKind = ScalarKind::Text;

    fn parse(word: &str, (): &()) -> Result<Self, Problem> {
        let address: Self = word.parse().map_err(|_| {
            let what = format!("{} is not an IP address", quoted(word));
            Problem::new(what, remedy(word))
        })?;
        if address.to_canonical() != address {
            return Err(Problem::new(
                format!("{} is IPv4 written as IPv6", quoted(word)),
                format!("give {}", address.to_canonical()),
            ));
        }
        let is_host =
            !address.is_unspecified() && !address.is_multicast() && address != Ipv4Addr::BROADCAST;
        if is_host {
            return Ok(address);
        }
        Err(Problem::new(
            format!("{} is not the address of a host", quoted(word)),
            "give the address that clients connect to",
        ))
    }

    fn check(&self, (): &()) -> Result<(), Problem> {
        Self::parse(&self.to_string(), &()).map(|_| ())
    }

    fn to_toml(&self) -> String {
        toml_text(&self.to_string())
    }

    fn placeholder_and_bounds((): &()) -> (&'static str, String) {
        ("IP", String::new())
    }
}

/// Returns a remedy for what was probably meant.
fn remedy(word: &str) -> String {
    let in_brackets = word
        .strip_prefix('[')
        .and_then(|word| word.strip_suffix(']'));
    let address = in_brackets
        .and_then(|word| word.parse::<IpAddr>().ok())
        .or_else(|| word.parse::<SocketAddr>().ok().map(|both| both.ip()));
    match address {
        Some(address) => format!("give {address}, without port and brackets"),
        None => {
            "give one such as 192.0.2.1 or 2001:db8::1; names belong in tls.acme_domain".to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_one_host() {
        for word in ["192.0.2.1", "127.0.0.1", "2001:db8::1", "::1"] {
            let address = <IpAddr as SettingValue>::parse(word, &()).unwrap();
            assert_eq!(address.to_string(), word);
            assert_eq!(SettingValue::check(&address, &()), Ok(()));
        }
        for (word, remedy) in [
            ("", "such as 192.0.2.1"),
            ("example.org", "tls.acme_domain"),
            ("192.0.2.0/24", "such as 192.0.2.1"),
            ("192.0.2.1:443", "give 192.0.2.1,"),
            ("[2001:db8::1]", "give 2001:db8::1,"),
            ("[2001:db8::1]:443", "give 2001:db8::1,"),
            ("::ffff:192.0.2.1", "give 192.0.2.1"),
            ("0.0.0.0", "clients connect to"),
            ("::", "clients connect to"),
            ("224.0.0.1", "clients connect to"),
            ("ff02::1", "clients connect to"),
            ("255.255.255.255", "clients connect to"),
        ] {
            let problem = <IpAddr as SettingValue>::parse(word, &()).unwrap_err();
            assert!(problem.remedy.contains(remedy), "{word}: {problem:?}");
        }
    }
}
