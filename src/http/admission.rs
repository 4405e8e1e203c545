//! Admits WebSocket upgrades after their delay, and builds the refusal response.
//!
//! A refusal is an HTTP response that people and programs can read. The connection closes after it.

use axum::body::Body;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::{Response, StatusCode};
use tokio::time::sleep;

use super::response::TEXT;
use crate::limits::Limited;
use crate::node::{ClientInfo, ConnectionAdmission};

/// Admits the upgrade to a WebSocket, after the delay that admission sets.
pub(super) async fn admit_upgrade(
    admission: &ConnectionAdmission,
    client_info: &ClientInfo,
) -> Result<(), Limited> {
    let delay = admission.admit_upgrade(client_info)?;
    if !delay.is_zero() {
        sleep(delay).await;
        // The address may have been banned in the meantime.
        admission.check_ban(client_info)?;
    }
    Ok(())
}

/// Returns the response to a client that a limit refuses.
pub(super) fn limited_response(limited: Limited) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{limited}.\n")));
    *response.status_mut() =
        StatusCode::from_u16(limited.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, TEXT);
    headers.insert(RETRY_AFTER, HeaderValue::from(limited.retry_after()));
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
