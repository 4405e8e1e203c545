//! Who may use the admin API: whoever shows the token, unless too many wrong ones came lately.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HeaderMap};

use super::super::refusal::Refusal;
use crate::http::site::Shared;
use crate::hub::Guarded;
use crate::limits::TooManyWrong;

/// Who sends a request, as far as proxies are believed: put into its extensions by the way in.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::http) struct Caller(pub(in crate::http) Option<IpAddr>);

/// Lets a request through that shows the token.
pub(super) async fn guard(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let caller = request.extensions().get().copied().unwrap_or_default();
    match sign_in(&shared, request.headers(), caller) {
        Ok(()) => next.run(request).await,
        Err(refusal) => refusal.into_response(),
    }
}

/// Looks at the token of a request.
///
/// # Errors
///
/// There is no admin API, the request shows no token or a wrong one, or too many wrong ones came from there.
pub(in crate::http) fn sign_in(
    shared: &Shared,
    headers: &HeaderMap,
    Caller(address): Caller,
) -> Result<(), Refusal> {
    let live = shared.live();
    let Some(token) = &live.admin_token else {
        return Err(Refusal::not_found("the admin API is off: set admin_token"));
    };
    let Some(shown) = shown(headers) else {
        let text = "this needs the admin token: send it as Authorization: Bearer TOKEN";
        return Err(Refusal::new(StatusCode::UNAUTHORIZED, text));
    };
    let node = shared.node();
    match node.guess(Guarded::Admin, address, node.now(), || token.is(shown)) {
        Ok(true) => Ok(()),
        Ok(false) => {
            let text = "this is not the admin token";
            Err(Refusal::new(StatusCode::UNAUTHORIZED, text))
        }
        Err(wrong) => Err(too_many(wrong)),
    }
}

/// What is answered instead of a look at the token.
pub(in crate::http) fn too_many(wrong: TooManyWrong) -> Refusal {
    let text = if wrong.of_all {
        "too many wrong tokens of all; try again later (limits.all_wrong_tokens_per_minute)"
    } else {
        "too many wrong tokens from your address; try again later (limits.wrong_tokens_per_minute; \
         if they are not yours, is there a proxy that is not in proxies.trusted?)"
    };
    let refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, text);
    refusal.retry_after(wrong.wait.as_secs() + 1)
}

/// The token of `Authorization: Bearer TOKEN` (RFC 6750, section 2.1), if there is one such header.
pub(in crate::http) fn shown(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.as_bytes().split_at_checked("Bearer ".len())?;
    scheme
        .eq_ignore_ascii_case(b"Bearer ")
        .then_some(token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_header_of_the_right_scheme_shows_a_token() {
        let shown_by = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, value.parse().expect("a value"));
            }
            shown(&headers).map(<[u8]>::to_vec)
        };
        assert_eq!(shown_by(&["Bearer abc"]).as_deref(), Some(&b"abc"[..]));
        assert_eq!(shown_by(&["bearer  abc "]).as_deref(), Some(&b"abc"[..]));
        for values in [
            &[][..],
            &["abc"],
            &["Basic abc"],
            &["Bearer a", "Bearer b"],
            &["Bearer"],
        ] {
            assert_eq!(shown_by(values), None, "{values:?}");
        }
    }
}
