//! Checks the ACME settings against each other. The checks change nothing; `tls.rs` calls them.

use http::Uri;

use super::error::Problem;
use super::public_address::is_public_address;
use super::settings::Tls;

/// The domain of Let's Encrypt's directories.
const LETS_ENCRYPT: &str = "letsencrypt.org";

/// Returns the problems of the ACME settings among each other.
pub(super) fn acme_problems(tls: &Tls) -> Vec<(&'static str, Problem)> {
    if !tls.has_acme() {
        let alone = [
            ("tls.acme_profile", tls.acme_profile.is_some()),
            ("tls.acme_contact", !tls.acme_contact.is_empty()),
            ("tls.acme_cache", tls.acme_cache.is_some()),
            ("tls.acme_authority", tls.acme_authority.is_some()),
        ];
        let set = alone.into_iter().filter(|(_, is_set)| *is_set);
        let problem = || {
            Problem::new(
                "it has no effect without tls.acme_domain or tls.acme_address",
                "name a domain or an address, or leave it out",
            )
        };
        return set.map(|(key, _)| (key, problem())).collect();
    }
    let mut mistakes = Vec::new();
    if tls.acme_cache.is_none() {
        let problem = Problem::new(
            "without tls.acme_cache each start would order a new certificate, and directories give only a few a week",
            "give a folder as tls.acme_cache",
        );
        mistakes.push((acme_source(tls), problem));
    }
    let mut addresses = tls.acme_address.iter();
    if uses_lets_encrypt(&tls.acme_directory)
        && let Some(address) = addresses.find(|address| !is_public_address(**address))
    {
        let problem = Problem::new(
            format!(
                "{address} is a private or reserved address, for which Let's Encrypt issues no certificate"
            ),
            "give the address at which the internet reaches this machine, or use tls.self_signed, or a directory of your own (tls.acme_directory)",
        );
        mistakes.push(("tls.acme_address", problem));
    }
    mistakes
}

/// Returns the setting that orders a certificate.
pub(super) fn acme_source(tls: &Tls) -> &'static str {
    if tls.acme_domain.is_empty() {
        "tls.acme_address"
    } else {
        "tls.acme_domain"
    }
}

/// Returns whether the directory is one of Let's Encrypt, which validates over the internet.
fn uses_lets_encrypt(directory: &str) -> bool {
    let Ok(url) = directory.parse::<Uri>() else {
        return false;
    };
    let host = url.host().unwrap_or_default().to_ascii_lowercase();
    host == LETS_ENCRYPT || host.ends_with(&format!(".{LETS_ENCRYPT}"))
}

#[cfg(test)]
mod tests {
    use super::super::settings::Config;
    use super::super::tls::{add_default_listener, problems};
    use super::*;

    fn blamed(change: impl FnOnce(&mut Tls)) -> Vec<&'static str> {
        let mut config = Config::default();
        change(&mut config.tls);
        add_default_listener(&mut config);
        problems(&config).into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn acme_needs_a_cache_and_a_domain_or_address() {
        let domain = |tls: &mut Tls| tls.acme_domain = vec!["a.example".into()];
        assert_eq!(blamed(domain), ["tls.acme_domain"]);
        let whole = |tls: &mut Tls| {
            domain(tls);
            (tls.acme_cache, tls.acme_contact) = (Some("cache".into()), vec!["a@b.example".into()]);
        };
        assert!(blamed(whole).is_empty());
        let alone = |tls: &mut Tls| {
            whole(tls);
            tls.acme_domain.clear();
        };
        assert_eq!(blamed(alone), ["tls.acme_contact", "tls.acme_cache"]);
        let profile = |tls: &mut Tls| tls.acme_profile = Some("shortlived".into());
        assert_eq!(blamed(profile), ["tls.acme_profile"]);
        let address = |tls: &mut Tls| tls.acme_address = vec!["1.1.1.1".parse().unwrap()];
        assert_eq!(blamed(address), ["tls.acme_address"]);
        let whole = |tls: &mut Tls| {
            address(tls);
            profile(tls);
            tls.acme_cache = Some("cache".into());
        };
        assert!(blamed(whole).is_empty());
        let beside = |tls: &mut Tls| {
            whole(tls);
            tls.self_signed = true;
        };
        assert_eq!(blamed(beside), ["tls.self_signed"]);
    }

    #[test]
    fn lets_encrypt_certifies_public_addresses_only() {
        let with = |address: &str, directory: &str| {
            blamed(|tls: &mut Tls| {
                tls.acme_address = vec!["2600::1".parse().unwrap(), address.parse().unwrap()];
                tls.acme_cache = Some("cache".into());
                if !directory.is_empty() {
                    tls.acme_directory = directory.to_owned();
                }
            })
        };
        let staging = "https://acme-staging-v02.API.LetsEncrypt.org:443/directory";
        for address in ["127.0.0.1", "10.0.0.1", "192.0.2.1", "::1", "fd00::1"] {
            assert_eq!(with(address, ""), ["tls.acme_address"], "{address}");
            assert_eq!(with(address, staging), ["tls.acme_address"], "{address}");
            for own in ["https://127.0.0.1:14000/dir", "https://notletsencrypt.org/"] {
                assert!(with(address, own).is_empty(), "{address}");
            }
        }
        assert!(with("1.1.1.1", "").is_empty());
    }
}
