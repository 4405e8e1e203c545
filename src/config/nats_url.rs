//! Checks addresses of NATS servers and names of clusters.

use http::Uri;

use super::error::{Problem, quoted};
use super::validators::Validator;

pub(super) const NATS_URL: Validator<str> = Validator {
    placeholder: "URL",
    check: nats_url,
};

pub(super) const CLUSTER_NAME: Validator<str> = Validator {
    placeholder: "NAME",
    check: cluster_name,
};

/// Longest name of a cluster, as it is part of every subject.
const NAME_CHARACTERS_MAX: usize = 64;

/// Accepts an address without user and password: every program that reads the settings could see them.
fn nats_url(word: &str) -> Result<(), Problem> {
    let wrong = |remedy| {
        Err(Problem::new(
            format!("{} is not the URL of a NATS server", quoted(word)),
            remedy,
        ))
    };
    let example = "give one such as nats://10.0.0.1:4222, or tls:// for TLS";
    let Ok(uri) = word.parse::<Uri>() else {
        return wrong(example);
    };
    let is_scheme = matches!(uri.scheme_str(), Some("nats" | "tls"));
    let (true, Some(authority)) = (is_scheme, uri.authority()) else {
        return wrong(example);
    };
    if authority.as_str().contains('@') {
        let what = "it contains a user or a token, which others may see";
        let remedy = "give cluster.credentials_file or cluster.nkey_file in its place";
        return Err(Problem::new(what, remedy));
    }
    if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
        return wrong(example);
    }
    Ok(())
}

/// Accepts what can be part of a NATS subject.
fn cluster_name(word: &str) -> Result<(), Problem> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if (1..=NAME_CHARACTERS_MAX).contains(&word.len()) && word.bytes().all(is_plain) {
        return Ok(());
    }
    Err(Problem::new(
        format!("{} cannot be the name of a cluster", quoted(word)),
        "give 1 to 64 ASCII letters, digits, - and _",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_nats_servers_are_accepted_without_users() {
        for word in [
            "nats://localhost",
            "nats://10.0.0.1:4222",
            "tls://nats.example.org:4222/",
            "nats://[::1]:4222",
        ] {
            assert_eq!(nats_url(word), Ok(()), "{word}");
        }
        for (word, part) in [
            ("10.0.0.1:4222", "give one such as"),
            ("https://example.org", "give one such as"),
            ("nats://", "give one such as"),
            ("nats://example.org/path", "give one such as"),
            (
                "nats://user:password@example.org",
                "cluster.credentials_file",
            ),
            ("nats://token@example.org", "cluster.credentials_file"),
        ] {
            let problem = nats_url(word).expect_err(word);
            let text = problem.at("cluster.nats").to_string();
            assert!(text.contains(part), "{text}");
            assert!(!text.contains("password"), "{text}");
        }
    }

    #[test]
    fn a_name_is_one_word_of_a_subject() {
        for word in ["swarmhub", "eu-west_1", "X"] {
            assert_eq!(cluster_name(word), Ok(()), "{word}");
        }
        for word in ["", "a.b", "a b", "*", ">", &"x".repeat(65)] {
            assert!(cluster_name(word).is_err(), "{word}");
        }
    }
}
