use super::*;
use crate::alerts::default_rules;

fn notice(transition: AlertTransition) -> Notice {
    let mut rule = default_rules().remove(0);
    rule.doc = "Says \"much\".".to_owned();
    Notice {
        rule,
        transition,
        value: Some(0.812_345),
        starts_at: 1_700_000_000.25,
        ends_at: (transition == AlertTransition::Resolved).then_some(1_700_000_060.0),
        is_test: false,
    }
}

fn origin() -> AlertSource {
    AlertSource::new("hub:8000", Some("https://hub.example/dashboard"))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn a_webhook_gets_what_alertmanager_would_send() {
    let body = json(&webhook(&notice(AlertTransition::Firing), &origin()));
    assert_eq!(body["version"], "4");
    assert_eq!(body["status"], "firing");
    assert_eq!(body["groupKey"], "{}:{alertname=\"memory_high\"}");
    let alert = &body["alerts"][0];
    assert_eq!(alert["startsAt"], "2023-11-14T22:13:20.25Z");
    assert_eq!(alert["endsAt"], ZERO_TIME);
    assert_eq!(alert["labels"]["severity"], "warning");
    assert_eq!(alert["annotations"]["description"], "Says \"much\".");
    assert_eq!(
        alert["annotations"]["summary"],
        "[firing] memory_high on hub:8000: memory_resident / memory_budget is over 75 %: 81.2 %"
    );
    let body = json(&webhook(&notice(AlertTransition::Resolved), &origin()));
    assert_eq!(body["alerts"][0]["status"], "resolved");
    assert_eq!(body["alerts"][0]["endsAt"], "2023-11-14T22:14:20Z");
}

#[test]
fn a_test_notification_is_marked_as_test() {
    let test = Notice {
        is_test: true,
        ..notice(AlertTransition::Firing)
    };
    let body = json(&webhook(&test, &origin()));
    assert_eq!(
        body["alerts"][0]["annotations"]["summary"],
        "This is a test of the notifications of hub:8000. Nothing is wrong."
    );
}

#[test]
fn an_alertmanager_gets_the_end_time_of_alerts() {
    let sent = |notice: &Notice, origin: &AlertSource| {
        json(&alertmanager(
            std::slice::from_ref(notice),
            origin,
            1_700_000_100.0,
        ))
    };
    let firing = sent(&notice(AlertTransition::Firing), &origin());
    assert_eq!(firing[0]["endsAt"], "2023-11-14T22:19:00Z");
    assert_eq!(firing[0]["generatorURL"], "https://hub.example/dashboard");
    let resolved = sent(
        &notice(AlertTransition::Resolved),
        &AlertSource::new("hub", None),
    );
    assert_eq!(resolved[0]["endsAt"], "2023-11-14T22:14:20Z");
    assert_eq!(resolved[0].get("generatorURL"), None);
}

#[test]
fn a_chat_service_gets_its_own_json() {
    let template = r#"{"text":"{{summary}} {{description}}","v":{{value}},"s":"{{status}}/{{severity}}/{{instance}}/{{name}}"}"#;
    let body = json(&chat(&notice(AlertTransition::Firing), &origin(), template));
    assert!(
        body["text"]
            .as_str()
            .unwrap()
            .ends_with("81.2 % Says \"much\".")
    );
    assert_eq!(body["v"], 0.812);
    assert_eq!(body["s"], "firing/warning/hub:8000/memory_high");
    let mut unknown = notice(AlertTransition::Resolved);
    unknown.value = None;
    assert_eq!(json(&chat(&unknown, &origin(), template))["v"], Value::Null);
}

/// The empty set and a value computed by hand; the test with a real Alertmanager compares with its fingerprints.
#[test]
fn fingerprints_are_those_of_prometheus() {
    assert_eq!(fingerprint(&Labels::new()), "cbf29ce484222325");
    let labels = Labels::from([("a", "b".to_owned())]);
    let by_hand = [b'a', 255, b'b', 255]
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
        });
    assert_eq!(fingerprint(&labels), format!("{by_hand:016x}"));
}

#[test]
fn numbers_are_short() {
    for (value, text) in [
        (0.0, "0"),
        (0.812_345, "0.812"),
        (2.5, "2.5"),
        (123.456, "123"),
        (864_000.0, "864000"),
        (-86_400.5, "-86400"),
        (1e300, &format!("1{}", "0".repeat(300))[..1]),
    ] {
        assert!(
            format_value(value).starts_with(text),
            "{}",
            format_value(value)
        );
    }
}
