//! Who may see what of the statistics.

use hyper::StatusCode;

use super::refusal::Refusal;
use crate::http::site::Shared;

/// Lets somebody see totals.
///
/// # Errors
/// `public_stats` is off.
pub(in crate::http) fn see_totals(shared: &Shared) -> Result<(), Refusal> {
    if shared.live().public_stats {
        return Ok(());
    }
    let text = "statistics are not public here: public_stats is off";
    Err(Refusal::new(StatusCode::FORBIDDEN, text))
}

/// Lets somebody see what only administrators may.
///
/// # Errors
/// Nobody is one.
pub(super) fn see_all(_shared: &Shared) -> Result<(), Refusal> {
    Err(Refusal::not_found("the admin API is off: set admin_token"))
}
