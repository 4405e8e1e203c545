//! The content security policies of the pages.

use hyper::header::HeaderValue;

/// The policy of the dashboard, whose user holds the admin token, and of the documentation: only own files.
pub(super) const OWN_FILES_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'",
);

/// Returns the content security policy of the sharing page: own files, and previews of the shared files. Older browsers
/// do not match `'self'` with a WebSocket to the same host, so the policy names the host.
pub(super) fn sharing_policy(host: Option<&HeaderValue>) -> HeaderValue {
    let sockets = sockets_of(host);
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
         media-src 'self' blob:; font-src 'self'; connect-src 'self'{sockets}; worker-src 'self'; \
         frame-src 'self' blob:; object-src 'self' blob:; manifest-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types swarmhub"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// Returns the content security policy of the pages that announce, `/check` and `/connect`: own files, and WebSockets to the same host.
pub(super) fn check_policy(host: Option<&HeaderValue>) -> HeaderValue {
    let sockets = sockets_of(host);
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'{sockets}; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'"
    );
    HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
}

/// Returns the sources that allow WebSockets to the host of a request, with a blank in front. An invalid host gets none.
fn sockets_of(host: Option<&HeaderValue>) -> String {
    let is_host = |text: &&str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-:[]_".contains(&byte))
    };
    let host = host.and_then(|host| host.to_str().ok()).filter(is_host);
    host.map(|host| format!(" ws://{host} wss://{host}"))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_names_only_a_valid_host() {
        for policy in [sharing_policy, check_policy] {
            let policy_for = |host| {
                policy(Some(&HeaderValue::from_static(host)))
                    .to_str()
                    .expect("text")
                    .to_owned()
            };
            assert!(
                policy_for("[::1]:8000")
                    .contains("connect-src 'self' ws://[::1]:8000 wss://[::1]:8000;")
            );
            assert!(policy_for("a.example; script-src *").contains("connect-src 'self'; "));
            assert!(!policy_for("a.example").contains("unsafe"));
        }
    }
}
