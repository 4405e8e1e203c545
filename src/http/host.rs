//! Checks the `Host` of a request: HTTP/1.1 needs exactly one, and it must be valid (RFC 9112, 3.2). With two, a proxy
//! in front and this server could interpret a request differently.

use hyper::header::{HOST, HeaderMap};
use hyper::http::uri::Authority;
use hyper::{Request, Version};

/// Response text for an invalid `Host`.
pub(super) const INVALID_HOST_TEXT: &str =
    "An HTTP/1.1 request needs exactly one valid Host header that matches its target.\n";

/// Returns the error in the `Host` of a request, if there is one.
pub(super) fn host_error<B>(request: &Request<B>) -> Option<&'static str> {
    let is_needed = request.version() > Version::HTTP_10;
    header_error(request.headers(), is_needed).or_else(|| {
        let target = request.uri().authority()?;
        let host = request.headers().get(HOST)?;
        let host = host.to_str().unwrap_or_default();
        (!matches_target(host, target)).then_some("another than in the target")
    })
}

/// Returns whether `Host` equals the host of an absolute target (`GET http://a.example/`). The target would take
/// precedence (RFC 9112, 3.2.2), but honest clients send equal hosts.
fn matches_target(host: &str, target: &Authority) -> bool {
    let port = |port: &str| match port {
        "" | "80" | "443" => None,
        other => other.parse::<u16>().ok(),
    };
    let (name, own_port) = match host.rsplit_once(':') {
        Some((name, digits)) if !digits.ends_with(']') => (name, port(digits)),
        _ => (host, None),
    };
    let has_user = target.as_str().contains('@');
    let target_port = target.port().and_then(|given| port(given.as_str()));
    !has_user && name.eq_ignore_ascii_case(target.host()) && own_port == target_port
}

fn header_error(headers: &HeaderMap, is_needed: bool) -> Option<&'static str> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => is_needed.then_some("missing"),
        (Some(_), Some(_)) => Some("more than one"),
        (Some(host), None) => (!is_valid(host.as_bytes())).then_some("not valid"),
    }
}

/// Returns whether a value is a host with an optional port (RFC 3986, 3.2), or empty: the host is empty if the target
/// has none.
fn is_valid(value: &[u8]) -> bool {
    let end = value.iter().rposition(|&byte| byte == b':' || byte == b']');
    let (host, port) = match end {
        Some(at) if value.get(at) == Some(&b':') => {
            let (host, port) = value.split_at(at);
            (host, port.get(1..).unwrap_or_default())
        }
        _ => (value, &[][..]),
    };
    let literal = host
        .strip_prefix(b"[")
        .and_then(|rest| rest.strip_suffix(b"]"));
    let is_host = match literal {
        Some(address) => {
            let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b":.-_~".contains(byte);
            !address.is_empty() && address.iter().all(is_part)
        }
        None => host.iter().copied().all(is_host_byte),
    };
    is_host && is_port(port)
}

/// Returns whether the digits are empty or a port number.
fn is_port(digits: &[u8]) -> bool {
    let is_number = digits.iter().all(u8::is_ascii_digit);
    let text = std::str::from_utf8(digits).unwrap_or_default();
    is_number && (text.is_empty() || text.parse::<u16>().is_ok())
}

/// Returns whether a byte may occur in a host name: unreserved or part of an escape. RFC 3986 also allows delimiters,
/// but no host name has one, and other programs may split at them.
fn is_host_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn a_host_is_a_name_or_an_address_with_optional_port() {
        for host in [
            "",
            "a.example",
            "A_b.example:8000",
            "192.0.2.1:80",
            "[2001:db8::1]",
            "[::1]:8000",
            "a.example:",
            "xn--bcher-kva.example",
        ] {
            assert!(is_valid(host.as_bytes()), "{host}");
        }
        for host in [
            "a b",
            "a,b",
            "a;b",
            "a=b",
            "a:99999999999",
            "a:65536",
            "a.example, b.example",
            "a.example/x",
            "http://a.example",
            "user@a.example",
            "a.example:80x",
            "a:b:80",
            "::1",
            "[::1",
            "[]",
            "[::1]x",
            "a\u{e9}.example",
            "a?b",
            "a#b",
            "a\\b",
        ] {
            assert!(!is_valid(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn host_must_match_an_absolute_target() {
        let fault = |target: &str, host: &str| {
            let request = Request::builder().uri(target).header(HOST, host);
            host_error(&request.body(()).unwrap())
        };
        for (target, host) in [
            ("/x", "a.example"),
            ("http://a.example/x", "a.example"),
            ("http://A.example:80/x", "a.example"),
            ("http://a.example/x", "a.example:"),
            ("http://a.example:8000/x", "a.example:8000"),
            ("http://[::1]:8000/x", "[::1]:8000"),
            ("http://[::1]/x", "[::1]"),
        ] {
            assert_eq!(fault(target, host), None, "{target} {host}");
        }
        for (target, host) in [
            ("http://evil.example/x", "a.example"),
            ("http://u@a.example/x", "a.example"),
            ("http://a.example:8001/x", "a.example:8000"),
            ("http://a.example:8001/x", "a.example"),
            ("http://[::1]/x", "[::2]"),
            ("http://a.example/x", ""),
        ] {
            let found = fault(target, host);
            assert_eq!(found, Some("another than in the target"), "{target} {host}");
        }
    }

    #[test]
    fn exactly_one_host_is_required_except_in_http_1_0() {
        let with = |hosts: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(HOST, HeaderValue::from_static(host));
            }
            headers
        };
        assert_eq!(header_error(&with(&["a"]), true), None);
        assert_eq!(header_error(&with(&[]), true), Some("missing"));
        assert_eq!(header_error(&with(&[]), false), None);
        assert_eq!(
            header_error(&with(&["a", "a"]), true),
            Some("more than one")
        );
        assert_eq!(
            header_error(&with(&["a", "b"]), false),
            Some("more than one")
        );
        assert_eq!(header_error(&with(&["a b"]), false), Some("not valid"));
    }
}
