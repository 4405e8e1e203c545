//! Validates settings that are texts or paths: log level, origin, header, domains, addresses, files and folders.
//! `settings.rs` names the validator of each setting.

use std::net::IpAddr;
use std::path::Path;

use http::{HeaderName, Uri};
use tracing::level_filters::LevelFilter;

use super::chat_template;
use super::error::{Problem, quoted};
use super::value::Choices;

/// The validator of a text or path, and its placeholder in `--help`.
pub(super) struct Validator<T: ?Sized> {
    pub(super) placeholder: &'static str,
    pub(super) check: fn(&T) -> Result<(), Problem>,
}

pub(super) const LOG_LEVEL: Validator<str> = Validator {
    placeholder: "LEVEL",
    check: log_level,
};

/// The log levels; `allows_others` allows levels per module.
pub(super) const LOG_LEVELS: Choices = Choices {
    values: &["off", "error", "warn", "info", "debug", "trace"],
    allows_others: true,
};

pub(super) const ORIGIN: Validator<str> = Validator {
    placeholder: "ORIGIN",
    check: origin,
};

pub(super) const HEADER: Validator<str> = Validator {
    placeholder: "NAME",
    check: header,
};

pub(super) const BASE_PATH: Validator<str> = Validator {
    placeholder: "PATH",
    check: base_path,
};

pub(super) const WEB_DIR: Validator<Path> = Validator {
    placeholder: "DIR",
    check: web_dir,
};

pub(super) const PEM_FILE: Validator<Path> = Validator {
    placeholder: "FILE",
    check: existing_file,
};

pub(super) const TEXT_FILE: Validator<Path> = Validator {
    placeholder: "FILE",
    check: existing_file,
};

pub(super) const DIRECTORY: Validator<Path> = Validator {
    placeholder: "DIR",
    check: creatable_folder,
};

pub(super) const HOST: Validator<str> = Validator {
    placeholder: "HOST",
    check: host,
};

pub(super) const ACME_DOMAIN: Validator<str> = Validator {
    placeholder: "DOMAIN",
    check: acme_domain,
};

pub(super) const ACME_PROFILE: Validator<str> = Validator {
    placeholder: "NAME",
    check: acme_profile,
};

pub(super) const MAIL_ADDRESS: Validator<str> = Validator {
    placeholder: "ADDRESS",
    check: mail_address,
};

pub(super) const HTTPS_URL: Validator<str> = Validator {
    placeholder: "URL",
    check: https_url,
};

pub(super) const WEB_URL: Validator<str> = Validator {
    placeholder: "URL",
    check: web_url,
};

pub(super) const CHAT_TEMPLATE: Validator<str> = Validator {
    placeholder: "JSON",
    check: chat_template::check,
};

/// Accepts a level, or `target=level` for a module. A bare target is refused: `tracing` would interpret a misspelt
/// level as a target and log everything of it.
fn log_level(word: &str) -> Result<(), Problem> {
    for directive in word.split(',') {
        let level = directive
            .split_once('=')
            .map_or(directive, |(_, level)| level);
        let is_level = level.parse::<u8>().is_err() && level.parse::<LevelFilter>().is_ok();
        if level.is_empty() || !is_level || directive.starts_with('=') {
            return Err(Problem::new(
                format!("{} is not a log level", quoted(directive)),
                "give off, error, warn, info, debug or trace, or for a module info,swarmhub::hub=debug",
            ));
        }
    }
    Ok(())
}

/// Accepts an origin as browsers write it (RFC 6454, section 6.2): lower case, no default port, no path. Anything else
/// would never equal an `Origin` header.
fn origin(word: &str) -> Result<(), Problem> {
    let example = "give the scheme and host a browser shows, such as https://example.org";
    let wrong = |remedy: String| {
        Err(Problem::new(
            format!("{} is not an origin", quoted(word)),
            remedy,
        ))
    };
    // Pages opened from a file and sandboxed frames send this word.
    if word == "null" {
        return Ok(());
    }
    if word.starts_with("file:") {
        return wrong("browsers send null for pages opened from a file: give null".to_owned());
    }
    if word.contains('*') {
        return wrong("list each origin, or none to allow all".to_owned());
    }
    let Ok(uri) = word.parse::<Uri>() else {
        return wrong(example.to_owned());
    };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return wrong(example.to_owned());
    };
    let port = match (scheme.to_ascii_lowercase().as_str(), authority.port_u16()) {
        (_, None) | ("http", Some(80)) | ("https", Some(443)) => String::new(),
        (_, Some(port)) => format!(":{port}"),
    };
    let canonical = format!("{scheme}://{}{port}", authority.host()).to_ascii_lowercase();
    if word == canonical {
        Ok(())
    } else {
        wrong(format!("browsers write it {canonical}"))
    }
}

/// Accepts a header name in lower case, so that there is only one way to write it.
fn header(word: &str) -> Result<(), Problem> {
    let remedy = match HeaderName::from_bytes(word.as_bytes()) {
        Ok(name) if name.as_str() == word => return Ok(()),
        Ok(name) => format!("give {name}"),
        Err(_) => "give x-forwarded-for, forwarded, or one such as cf-connecting-ip".to_owned(),
    };
    Err(Problem::new(
        format!("{} is not a header name in lower case", quoted(word)),
        remedy,
    ))
}

/// Maximum length of the path prefix, in bytes.
const BASE_PATH_BYTES_MAX: usize = 256;

/// First segments of the server's own paths, which a base path must not hide.
const SERVER_PATHS: [&str; 20] = [
    "announce",
    "api",
    "assets",
    "check",
    "check.js",
    "connect",
    "dashboard",
    "docs",
    "embed.js",
    "embed.json",
    "healthz",
    "ice",
    "manifest.webmanifest",
    "metrics",
    "readyz",
    "scrape",
    "share-target",
    "stats",
    "stats.json",
    "sw.js",
];

/// Accepts a path without escapes, so that it appears in requests unchanged and no proxy rewrites it.
fn base_path(path: &str) -> Result<(), Problem> {
    let is_part = |part: &str| {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        !part.is_empty() && part != "." && part != ".." && part.bytes().all(is_plain)
    };
    let parts = path.strip_prefix('/').unwrap_or_default();
    let problem = if path.len() > BASE_PATH_BYTES_MAX || !parts.split('/').all(is_part) {
        format!("{} is not a base path", quoted(path))
    } else if let Some(own) = parts
        .split('/')
        .next()
        .filter(|first| SERVER_PATHS.contains(first))
    {
        format!("/{own} is one of the server's own paths")
    } else {
        return Ok(());
    };
    Err(Problem::new(
        problem,
        "give one such as /hub: letters, digits and -._~, with a leading slash and no trailing slash",
    ))
}

/// Accepts a folder that contains the start page.
fn web_dir(dir: &Path) -> Result<(), Problem> {
    let page = Path::new("share").join("index.html");
    if dir.join(&page).is_file() {
        return Ok(());
    }
    Err(Problem::new(
        format!(
            "{} does not contain {}",
            quoted(&dir.to_string_lossy()),
            page.display()
        ),
        "give the folder web/ of the source, or leave it out to use the built-in page",
    ))
}

/// Accepts an existing file; the code that reads it checks its content.
fn existing_file(path: &Path) -> Result<(), Problem> {
    if path.is_file() {
        return Ok(());
    }
    let shown = quoted(&path.to_string_lossy());
    let what = if path.is_dir() {
        format!("{shown} is a folder")
    } else {
        format!("there is no file {shown}")
    };
    Err(Problem::new(
        what,
        "give the path of a file that this user can access",
    ))
}

/// Accepts a folder, or a path that does not exist yet: the folder is created later.
fn creatable_folder(path: &Path) -> Result<(), Problem> {
    if path.is_dir() || !path.exists() {
        return Ok(());
    }
    Err(Problem::new(
        format!("{} is not a folder", quoted(&path.to_string_lossy())),
        "give the path of a folder; it is created if it is missing",
    ))
}

/// Accepts an IP address or a host name, without a port.
fn host(word: &str) -> Result<(), Problem> {
    let literal: Result<std::net::IpAddr, _> = word.parse();
    let is_usable = match literal {
        Ok(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_loopback(),
        Err(_) => is_domain(word),
    };
    if is_usable {
        return Ok(());
    }
    Err(Problem::new(
        format!("{} is not an address that clients can reach", quoted(word)),
        "give an IP address or a name in lower case, without brackets and without a port",
    ))
}

/// Returns whether a word is a host name in lower case with at least two labels.
fn is_domain(word: &str) -> bool {
    let is_label = |label: &str| {
        let is_letter =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(is_letter)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = word.rsplit('.').next().unwrap_or_default();
    let is_name = word.contains('.') && word.len() <= 253 && word.split('.').all(is_label);
    is_name && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// Accepts a host name as certificates contain it. TLS-ALPN-01 cannot prove wildcard names.
fn acme_domain(word: &str) -> Result<(), Problem> {
    let wrong = |remedy| {
        Err(Problem::new(
            format!("{} is not a domain", quoted(word)),
            remedy,
        ))
    };
    if word.starts_with("*.") {
        return wrong("list each name; a wildcard certificate needs files, see tls.certificate");
    }
    if is_domain(word) {
        return Ok(());
    }
    if word.parse::<IpAddr>().is_ok() {
        return wrong("give addresses as tls.acme_address");
    }
    wrong("give a name such as tracker.example.org, in lower case and without a port")
}

/// Accepts a name as directories publish it. Whether a directory has it is known when a certificate is ordered.
fn acme_profile(word: &str) -> Result<(), Problem> {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    if (1..=64).contains(&word.len()) && word.bytes().all(is_letter) {
        return Ok(());
    }
    Err(Problem::new(
        format!("{} is not the name of a profile", quoted(word)),
        "give a name that the directory lists, such as shortlived",
    ))
}

fn mail_address(word: &str) -> Result<(), Problem> {
    let parts = word.split_once('@');
    let is_address = parts
        .is_some_and(|(user, host)| !user.is_empty() && host.contains('.') && !host.contains('@'));
    if is_address && !word.contains([' ', ',', '?', ':']) {
        return Ok(());
    }
    Err(Problem::new(
        format!("{} is not a mail address", quoted(word)),
        "give one such as admin@example.org",
    ))
}

/// Refuses a URL with user or password, without quoting it: readers of settings and alerts would see them.
fn reject_userinfo(word: &str) -> Result<(), Problem> {
    let is_authority = |uri: &Uri| {
        uri.authority()
            .is_some_and(|own| own.as_str().contains('@'))
    };
    if word.parse::<Uri>().is_ok_and(|uri| is_authority(&uri)) {
        return Err(Problem::new(
            "it has a user or a password, which others would see",
            "leave out the part before the @",
        ));
    }
    Ok(())
}

fn https_url(word: &str) -> Result<(), Problem> {
    reject_userinfo(word)?;
    let is_url = word
        .parse::<Uri>()
        .is_ok_and(|uri| uri.scheme_str() == Some("https") && uri.host().is_some());
    if is_url {
        return Ok(());
    }
    Err(Problem::new(
        format!("{} is not an https URL", quoted(word)),
        "give one that begins with https://",
    ))
}

fn web_url(word: &str) -> Result<(), Problem> {
    reject_userinfo(word)?;
    let is_web = |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https"));
    let is_url = word
        .parse::<Uri>()
        .is_ok_and(|uri| is_web(&uri) && uri.host().is_some());
    if is_url {
        return Ok(());
    }
    Err(Problem::new(
        format!("{} is not a web URL", quoted(word)),
        "give one that begins with https:// or http://",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_accepted_only_as_browsers_write_them() {
        for word in [
            "https://example.org",
            "http://localhost:8000",
            "http://[::1]:8000",
            "https://xn--bcher-kva.example",
            "chrome-extension://abcdefgh",
            "null",
        ] {
            assert_eq!(origin(word), Ok(()), "{word}");
        }
        for (word, remedy) in [
            ("https://example.org/", "https://example.org"),
            ("https://example.org:443", "https://example.org"),
            ("http://example.org:80", "http://example.org"),
            ("HTTPS://Example.org", "https://example.org"),
            (
                "https://example.org:8443/page?x",
                "https://example.org:8443",
            ),
            ("https://me@example.org", "https://example.org"),
            ("*", "none to allow all"),
            ("file://", "give null"),
            ("file:///home/me/page.html", "give null"),
            ("https://*.example.org", "list each"),
            ("example.org", "such as https://example.org"),
            ("/path", "such as https://example.org"),
            ("", "such as https://example.org"),
            ("https://", "such as https://example.org"),
            ("https://bücher.example", "such as https://example.org"),
        ] {
            let problem = origin(word).unwrap_err();
            assert!(
                problem.remedy.ends_with(remedy)
                    || problem.remedy.starts_with(remedy)
                    || problem.remedy.contains(remedy),
                "{word}: {problem:?}"
            );
        }
    }

    #[test]
    fn a_base_path_is_plain_and_hides_no_server_path() {
        for word in ["/hub", "/a/b-c", "/apis", "/~user/v1.0", "/x/announce"] {
            assert_eq!(base_path(word), Ok(()), "{word}");
        }
        let long = format!("/{}", "x".repeat(BASE_PATH_BYTES_MAX));
        for word in [
            "",
            "/",
            "hub",
            "/hub/",
            "//hub",
            "/a//b",
            "/..",
            "/a/./b",
            "/a b",
            "/%68ub",
            "/a?b",
            "/hüb",
            "https://example.org/hub",
            "/api",
            "/api/x",
            "/announce",
            "/sw.js",
            "/share-target",
            "/manifest.webmanifest",
            &long,
        ] {
            assert!(base_path(word).is_err(), "{word}");
        }
    }

    #[test]
    fn header_names_are_lower_case() {
        for word in ["x-forwarded-for", "forwarded", "cf-connecting-ip"] {
            assert_eq!(header(word), Ok(()), "{word}");
        }
        for word in ["", "X-Real-IP", "x real ip", "a:", "é"] {
            assert!(header(word).is_err(), "{word}");
        }
    }

    #[test]
    fn a_domain_can_be_validated_by_acme() {
        for word in ["example.org", "a-1.b.example", "xn--bcher-kva.example"] {
            assert_eq!(acme_domain(word), Ok(()), "{word}");
        }
        for word in [
            "",
            "localhost",
            "Example.org",
            "*.example.org",
            "example.org:443",
            "192.0.2.1",
            "[::1]",
            "a..b",
            "-a.example",
            "a-.example",
            ".example",
            "example.",
            "https://example.org",
            "bücher.example",
        ] {
            assert!(acme_domain(word).is_err(), "{word}");
        }
    }

    #[test]
    fn a_profile_is_a_short_name() {
        for word in ["shortlived", "tlsserver", "a-1_b.c"] {
            assert_eq!(acme_profile(word), Ok(()), "{word}");
        }
        for word in ["", "short lived", "a,b", "\"", "é", &"a".repeat(65)] {
            assert!(acme_profile(word).is_err(), "{word}");
        }
        let problem = acme_domain("192.0.2.1").unwrap_err();
        assert_eq!(problem.remedy, "give addresses as tls.acme_address");
    }

    #[test]
    fn mail_addresses_and_urls_are_validated() {
        for word in ["admin@example.org", "a.b+c@d.example"] {
            assert_eq!(mail_address(word), Ok(()), "{word}");
        }
        for word in [
            "",
            "admin",
            "@example.org",
            "admin@localhost",
            "a@b@c.d",
            "mailto:a@b.c",
            "a b@c.d",
            "a@b.c,d@e.f",
        ] {
            assert!(mail_address(word).is_err(), "{word}");
        }
        assert_eq!(https_url("https://127.0.0.1:14000/dir"), Ok(()));
        for word in [
            "",
            "http://example.org/",
            "example.org",
            "https://",
            "/directory",
        ] {
            assert!(https_url(word).is_err(), "{word}");
        }
        for form in [https_url, web_url] {
            let problem = form("https://me:secret@example.org/").unwrap_err();
            assert!(!problem.what.contains("secret"), "{problem:?}");
        }
    }

    #[test]
    fn files_must_exist_and_folders_may_be_created_later() {
        let folder_here = tempfile::tempdir().unwrap();
        let path = folder_here.path().join("a.pem");
        assert!(existing_file(&path).is_err());
        assert_eq!(creatable_folder(&path), Ok(()));
        std::fs::write(&path, "").unwrap();
        assert_eq!(existing_file(&path), Ok(()));
        assert!(creatable_folder(&path).is_err());
        assert!(existing_file(folder_here.path()).is_err());
    }

    #[test]
    fn a_log_level_without_target_is_a_level() {
        for word in [
            "info",
            "off",
            "TRACE",
            "warn,swarmhub=debug",
            "swarmhub::hub=trace,error",
        ] {
            assert_eq!(log_level(word), Ok(()), "{word}");
            assert!(
                word.parse::<tracing_subscriber::filter::Targets>().is_ok(),
                "{word}"
            );
        }
        for word in [
            "",
            "inof",
            "swarmhub",
            "info,",
            "=info",
            "swarmhub=",
            "swarmhub=inof",
            "3",
            "info debug",
        ] {
            assert!(log_level(word).is_err(), "{word}");
        }
    }
}
