//! What texts and paths among the settings must look like: log level, origin, header, folder of the page.
//! Each form is named beside its setting in `settings.rs`.

use std::path::Path;

use http::{HeaderName, Uri};
use tracing::level_filters::LevelFilter;

use super::{
    error::{Problem, quoted},
    scalar::Form,
};

pub(super) const LOG_LEVEL: Form<str> = Form {
    placeholder: "LEVEL",
    check: log_level,
};

pub(super) const ORIGIN: Form<str> = Form {
    placeholder: "ORIGIN",
    check: origin,
};

pub(super) const HEADER: Form<str> = Form {
    placeholder: "NAME",
    check: header,
};

pub(super) const WEB_DIR: Form<Path> = Form {
    placeholder: "DIR",
    check: web_dir,
};

/// A level, or `target=level` for parts of the program. A bare target is refused: `tracing` would take a misspelt
/// level for a target and log everything of it.
fn log_level(word: &str) -> Result<(), Problem> {
    for directive in word.split(',') {
        let level = directive
            .split_once('=')
            .map_or(directive, |(_, level)| level);
        let named = level.parse::<u8>().is_err() && level.parse::<LevelFilter>().is_ok();
        if level.is_empty() || !named || directive.starts_with('=') {
            return Err(Problem::new(
                format!("{} is no log level", quoted(directive)),
                "give off, error, warn, info, debug or trace, for parts such as info,swarmhub::hub=debug",
            ));
        }
    }
    Ok(())
}

/// An origin as browsers write it (RFC 6454, section 6.2): lower case, no default port, no path. Anything else would
/// be compared with what browsers send and never be equal.
fn origin(word: &str) -> Result<(), Problem> {
    let example = "give the scheme and host a browser shows, such as https://example.org";
    let wrong = |remedy: String| {
        Err(Problem::new(
            format!("{} is no origin", quoted(word)),
            remedy,
        ))
    };
    // Pages opened from a file, and sandboxed frames, send this word.
    if word == "null" {
        return Ok(());
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

/// A header's name in lower case, so that it is written in one way only.
fn header(word: &str) -> Result<(), Problem> {
    if HeaderName::from_bytes(word.as_bytes()).is_ok_and(|name| name.as_str() == word) {
        return Ok(());
    }
    Err(Problem::new(
        format!("{} is no name of a header in lower case", quoted(word)),
        "give x-forwarded-for, forwarded, or one such as cf-connecting-ip",
    ))
}

/// The page's folder, known by its start page.
fn web_dir(dir: &Path) -> Result<(), Problem> {
    let page = Path::new("share").join("index.html");
    if dir.join(&page).is_file() {
        return Ok(());
    }
    Err(Problem::new(
        format!(
            "{} holds no {}",
            quoted(&dir.to_string_lossy()),
            page.display()
        ),
        "give the folder web/ of the source, or leave it out for the page built in",
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
    fn a_header_is_named_in_one_way() {
        for word in ["x-forwarded-for", "forwarded", "cf-connecting-ip"] {
            assert_eq!(header(word), Ok(()), "{word}");
        }
        for word in ["", "X-Real-IP", "x real ip", "a:", "é"] {
            assert!(header(word).is_err(), "{word}");
        }
    }

    #[test]
    fn log_levels_are_levels_never_targets_alone() {
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
