use std::time::Duration;

use http_body_util::BodyExt;

use super::*;
use crate::alerts::{AlertTransition, default_rules};

fn notices() -> Vec<Notice> {
    vec![Notice {
        rule: default_rules().remove(0),
        transition: AlertTransition::Firing,
        value: Some(1.0),
        starts_at: 0.0,
        ends_at: None,
        is_test: false,
    }]
}

fn sent(kind: SinkKind, settings: &Alerts, receiver: AlertReceiver) -> Request<Full<Bytes>> {
    let origin = AlertSource::new("hub", None);
    let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    request(
        &Sink::new(kind, receiver),
        &notices(),
        &origin,
        settings,
        now,
    )
    .unwrap()
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    digits.collect::<Vec<_>>().concat()
}

/// RFC 4231, test case 2, and a signature with the time before the body.
#[test]
fn a_signature_is_hmac_sha256() {
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"Jefe");
    let tag = hmac::sign(&key, b"what do ya want for nothing?");
    assert_eq!(
        hex(tag.as_ref()),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    );
    let secret = Secret::new("0123456789abcdef");
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"0123456789abcdef");
    let tag = hmac::sign(&key, b"12.{}");
    let expected = format!("t=12,v1={}", hex(tag.as_ref()));
    assert_eq!(signature(&secret, 12, "{}"), expected);
}

#[tokio::test]
async fn webhooks_are_signed_and_alertmanagers_get_basic_auth() {
    let settings = &Alerts {
        webhook: vec!["https://a.example/hook".parse().unwrap()],
        webhook_secret: Some(Secret::new("0123456789abcdef")),
        alertmanager: vec!["https://me:s%40crt@b.example/base/".parse().unwrap()],
        ..Alerts::default()
    };
    let hook = sent(SinkKind::Webhook, settings, settings.webhook[0].clone());
    let header = |request: &Request<Full<Bytes>>, name: &str| {
        let header = request.headers().get(name);
        header.map(|header| header.to_str().unwrap().to_owned())
    };
    let signed = header(&hook, SIGNATURE_HEADER).unwrap();
    assert_eq!(header(&hook, "authorization"), None);
    assert_eq!(
        header(&hook, "content-type").as_deref(),
        Some("application/json")
    );
    let body = hook.into_body().collect().await.unwrap().to_bytes();
    let secret = settings.webhook_secret.as_ref().unwrap();
    let text = std::str::from_utf8(&body).unwrap();
    assert_eq!(signed, signature(secret, 1_700_000_000, text));

    let manager = sent(
        SinkKind::Alertmanager,
        settings,
        settings.alertmanager[0].clone(),
    );
    assert_eq!(manager.uri(), "https://b.example/base/api/v2/alerts");
    assert_eq!(header(&manager, SIGNATURE_HEADER), None);
    let basic = format!("Basic {}", BASE64_STANDARD.encode("me:s@crt"));
    assert_eq!(header(&manager, "authorization"), Some(basic));
    assert!(!format!("{manager:?}").contains("s@crt"));
}

#[test]
fn only_temporary_failures_are_retryable() {
    let answer = |status: u16| {
        let response = Response::builder()
            .status(status)
            .body(Bytes::new())
            .unwrap();
        check_response(Ok(response)).map_err(|failed| failed.is_retryable)
    };
    for status in [200, 202, 204] {
        assert_eq!(answer(status), Ok(()));
    }
    for status in [408, 429, 500, 503] {
        assert_eq!(answer(status), Err(true), "{status}");
    }
    for status in [301, 302, 307, 400, 401, 404, 410] {
        assert_eq!(answer(status), Err(false), "{status}");
    }
    let private = HttpClientError::PrivateAddress([127, 0, 0, 1].into());
    assert!(!check_response(Err(private)).unwrap_err().is_retryable);
    let late = HttpClientError::TimedOut(Duration::from_secs(1));
    assert!(check_response(Err(late)).unwrap_err().is_retryable);
}
