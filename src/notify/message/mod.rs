//! Builds the request to a receiver and evaluates its response.

use std::fmt::{Display, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::Full;
use percent_encoding::percent_decode_str;
use ring::hmac;

use super::body::{self, AlertSource};
use super::sink::{Sink, SinkKind};
use crate::alerts::Notice;
use crate::config::{AlertReceiver, Alerts, Secret};
use crate::net::http_client::HttpClientError;

/// The header with the signature: `t=UNIX SECONDS,v1=HEX`, where HEX is HMAC-SHA256 of `UNIX SECONDS.BODY`.
const SIGNATURE_HEADER: &str = "x-swarmhub-signature";

/// Why a notification was not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeliveryError {
    pub(super) reason: String,
    /// Whether a retry may succeed.
    pub(super) is_retryable: bool,
}

impl DeliveryError {
    fn permanent(reason: &dyn Display) -> Self {
        Self {
            reason: reason.to_string(),
            is_retryable: false,
        }
    }
}

/// Builds the request that sends notifications to a receiver.
pub(super) fn request(
    sink: &Sink,
    notices: &[Notice],
    origin: &AlertSource,
    settings: &Alerts,
    now: SystemTime,
) -> Result<Request<Full<Bytes>>, DeliveryError> {
    let seconds = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let text = match (sink.kind, notices) {
        (SinkKind::Webhook, [notice, ..]) => body::webhook(notice, origin),
        (SinkKind::Chat, [notice, ..]) => body::chat(notice, origin, &settings.chat_template),
        (SinkKind::Alertmanager, _) => body::alertmanager(notices, origin, seconds.as_secs_f64()),
        (_, []) => return Err(DeliveryError::permanent(&"no notifications to send")),
    };
    let uri = match sink.kind {
        SinkKind::Alertmanager => append_path(sink.receiver.uri(), "/api/v2/alerts")?,
        SinkKind::Webhook | SinkKind::Chat => sink.receiver.uri().clone(),
    };
    let mut request = Request::post(uri)
        .header(CONTENT_TYPE, "application/json")
        .header(USER_AGENT, concat!("swarmhub/", env!("CARGO_PKG_VERSION")));
    if let Some(basic) = basic_auth(&sink.receiver) {
        request = request.header(AUTHORIZATION, basic);
    }
    if let Some(secret) = &settings.webhook_secret
        && sink.kind != SinkKind::Alertmanager
    {
        let signature = signature(secret, seconds.as_secs(), &text);
        request = request.header(SIGNATURE_HEADER, signature);
    }
    let body = Full::new(Bytes::from(text));
    request
        .body(body)
        .map_err(|error| DeliveryError::permanent(&error))
}

/// Appends a path to the one of a URL.
fn append_path(uri: &Uri, path: &str) -> Result<Uri, DeliveryError> {
    let base = uri.to_string();
    let base = base.split(['?', '#']).next().unwrap_or_default();
    let whole = format!("{}{path}", base.trim_end_matches('/'));
    whole
        .parse()
        .map_err(|error| DeliveryError::permanent(&error))
}

/// Returns the `Authorization` header for the user and password of a URL (RFC 7617).
fn basic_auth(receiver: &AlertReceiver) -> Option<HeaderValue> {
    let user = percent_decode_str(receiver.userinfo()?).collect::<Vec<_>>();
    let header = format!("Basic {}", BASE64_STANDARD.encode(user));
    let mut header = HeaderValue::try_from(header).ok()?;
    header.set_sensitive(true);
    Some(header)
}

fn signature(secret: &Secret, seconds: u64, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.reveal().as_bytes());
    let tag = hmac::sign(&key, format!("{seconds}.{text}").as_bytes());
    let mut header = format!("t={seconds},v1=");
    for byte in tag.as_ref() {
        // Writing to a string cannot fail.
        let _ = write!(header, "{byte:02x}");
    }
    header
}

/// Checks whether the receiver accepted it, and if not, whether a retry may succeed. Redirects are not followed: they
/// could lead anywhere.
pub(super) fn check_response(
    answered: Result<Response<Bytes>, HttpClientError>,
) -> Result<(), DeliveryError> {
    match answered {
        Ok(response) => {
            let status = response.status();
            let reason = match status {
                _ if status.is_success() => return Ok(()),
                _ if status.is_redirection() => {
                    format!("the receiver answered {status}; redirects are not followed")
                }
                _ => format!("the receiver answered {status}"),
            };
            let is_retryable = status.is_server_error()
                || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(&status);
            Err(DeliveryError {
                reason,
                is_retryable,
            })
        }
        Err(error) => Err(DeliveryError {
            is_retryable: !matches!(
                error,
                HttpClientError::PrivateAddress(_) | HttpClientError::InvalidUrl(_)
            ),
            reason: error.to_string(),
        }),
    }
}

#[cfg(test)]
mod tests;
