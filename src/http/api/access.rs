//! Who may see what of the statistics.

use hyper::StatusCode;

use super::admin::guard::{Who, sign_in};
use super::refusal::Refusal;
use crate::http::site::Shared;

/// Lets somebody see totals: everybody while `public_stats` is on, and always who shows the admin token.
///
/// # Errors
/// `public_stats` is off, and there is no admin token, none is shown, or not the right one.
pub(in crate::http) fn see_totals(shared: &Shared, who: &Who) -> Result<(), Refusal> {
    let live = shared.live();
    if live.public_stats {
        return Ok(());
    }
    if live.admin_token.is_some() && who.shows_token() {
        return sign_in(shared, who);
    }
    let text =
        "statistics are not public here: public_stats is off, and this needs the admin token";
    Err(Refusal::new(StatusCode::FORBIDDEN, text))
}

/// Lets somebody see what only administrators may.
///
/// # Errors
/// As [`sign_in`].
pub(super) fn see_all(shared: &Shared, who: &Who) -> Result<(), Refusal> {
    sign_in(shared, who)
}
