use serde_json::{Value, json};

use super::*;

const BOUNDS: RequestBounds = RequestBounds {
    sdp_bytes_max: 100,
    json_depth_max: 6,
    offers_max: 3,
    scrape_hashes_max: 2,
};

fn hash() -> String {
    "h".repeat(20)
}

fn base() -> Value {
    json!({"action": "announce", "info_hash": hash(), "peer_id": "p".repeat(20)})
}

fn with(more: &Value) -> String {
    let mut message = base();
    let fields = message.as_object_mut().expect("an object");
    fields.extend(more.as_object().expect("an object").clone());
    message.to_string()
}

fn parse_announce(text: &str) -> Announce<'_> {
    match parse(text, &BOUNDS) {
        Ok(Request::Announce(announce)) => announce,
        other => panic!("{text}: {other:?}"),
    }
}

fn refusal(text: &str) -> (Failure, RefusalSubject) {
    let refusal = parse(text, &BOUNDS).expect_err(text);
    (refusal.failure, refusal.subject)
}

fn offer(id: &str, sdp: &str) -> Value {
    json!({"offer_id": id.repeat(20), "offer": {"type": "offer", "sdp": sdp}})
}

#[test]
fn an_announce_needs_only_its_ids() {
    let text = base().to_string();
    let announce = parse_announce(&text);
    assert_eq!(announce.info_hash, InfoHash::new([b'h'; 20]));
    assert_eq!(announce.peer_id, PeerId::new([b'p'; 20]));
    assert_eq!(
        (announce.event, announce.left),
        (Event::Update, Left::Unknown)
    );
    assert!(announce.offers.is_empty());
}

#[test]
fn unknown_keys_are_ignored_and_the_last_duplicate_counts() {
    let text = format!(
        r#" {{ "ip" : [1e999, {{"\ud800":"\ud800"}}], "left":5,"info_hash":"x","action":"announce",
        "key":"a\"]","info_hash":"{}","peer_id":"{}" , "left":0 }} "#,
        hash(),
        "p".repeat(20)
    );
    assert_eq!(parse_announce(&text).left, Left::Nothing);
}

#[test]
fn unknown_events_are_updates() {
    for (value, event) in [
        (json!("started"), Event::Started),
        (json!("completed"), Event::Completed),
        (json!("stopped"), Event::Stopped),
        (json!("paused"), Event::Paused),
        (json!("<regular>"), Event::Update),
        (json!("empty"), Event::Update),
        (json!(""), Event::Update),
        (json!(null), Event::Update),
        (json!(7), Event::Update),
        (json!({"a": []}), Event::Update),
    ] {
        assert_eq!(
            parse_announce(&with(&json!({"event": value}))).event,
            event,
            "{value}"
        );
    }
}

#[test]
fn left_accepts_all_client_formats() {
    for (value, left) in [
        ("0", Left::Nothing),
        ("-0", Left::Nothing),
        ("0.0", Left::Nothing),
        (r#""0""#, Left::Nothing),
        ("1", Left::Something),
        ("-1", Left::Something),
        ("1.5", Left::Something),
        ("1e999", Left::Something),
        ("99999999999999999999999999", Left::Something),
        (r#""5""#, Left::Something),
        ("null", Left::Unknown),
        (r#""""#, Left::Unknown),
        (r#""-1""#, Left::Unknown),
        (r#""inf""#, Left::Unknown),
        ("[]", Left::Unknown),
        ("{}", Left::Unknown),
        ("false", Left::Unknown),
    ] {
        let text = format!(r#"{{"left":{value},{}"#, &base().to_string()[1..]);
        assert_eq!(parse_announce(&text).left, left, "{value}");
    }
}

#[test]
fn invalid_offers_are_dropped_individually() {
    let long = "x".repeat(101);
    let offers = json!([offer("a", "1"), 5, null, [], "x", {}, {"offer_id": "b".repeat(20)},
        {"offer_id": "b".repeat(20), "offer": {}}, {"offer_id": "b".repeat(20), "offer": "sdp"},
        {"offer_id": "b".repeat(20), "offer": {"sdp": 7}}, {"offer_id": "b", "offer": {"sdp": "x"}},
        {"offer_id": 7, "offer": {"sdp": "x"}}, offer("c", &long), offer("d", "4")]);
    let text = with(&json!({"offers": offers}));
    let announce = parse_announce(&text);
    let passed: Vec<_> = announce
        .offers
        .iter()
        .map(|offer| (offer.offer_id, offer.sdp.as_json()))
        .collect();
    assert_eq!(
        passed,
        [
            (OfferId::new([b'a'; 20]), r#""1""#),
            (OfferId::new([b'd'; 20]), r#""4""#)
        ]
    );
    assert_eq!(announce.invalid_offers, 12);
}

#[test]
fn an_sdp_with_a_lone_surrogate_is_dropped() {
    let text =
        with(&json!({"offers": [offer("a", "SDP"), offer("b", "2")]})).replace("SDP", r"x\udc00");
    let announce = parse_announce(&text);
    assert_eq!((announce.offers.len(), announce.invalid_offers), (1, 1));
}

#[test]
fn offers_of_another_type_are_ignored() {
    for offers in [
        json!(null),
        json!(5),
        json!(-1.5),
        json!("x"),
        json!(true),
        json!({"a": {"b": 1}}),
    ] {
        assert!(
            parse_announce(&with(&json!({"offers": offers})))
                .offers
                .is_empty(),
            "{offers}"
        );
    }
}

#[test]
fn offers_are_cut_to_the_bound_and_to_a_usable_numwant() {
    let five: Vec<_> = ["a", "b", "c", "d", "e"].map(|id| offer(id, "x")).into();
    for (numwant, count) in [
        (json!(0), 0),
        (json!(2), 2),
        (json!(50), 3),
        (json!(null), 3),
        (json!(-1), 3),
        (json!(1.5), 3),
        (json!("1"), 3),
        (json!(1e300), 3),
    ] {
        let text = with(&json!({"offers": five, "numwant": numwant}));
        assert_eq!(parse_announce(&text).offers.len(), count, "{numwant}");
    }
}

#[test]
fn a_truthy_answer_makes_an_answer_and_a_falsy_one_does_not() {
    let ids = json!({"to_peer_id": "t".repeat(20), "offer_id": "o".repeat(20)});
    let with_answer = |answer: Value| {
        let mut more = ids.clone();
        more["answer"] = answer;
        with(&more)
    };
    let text = with_answer(json!({"type": "answer", "sdp": "s"}));
    let Ok(Request::Answer(answer)) = parse(&text, &BOUNDS) else {
        panic!("no answer")
    };
    assert_eq!(answer.to_peer_id, PeerId::new([b't'; 20]));
    assert_eq!(
        (answer.offer_id, answer.sdp.as_json()),
        (OfferId::new([b'o'; 20]), r#""s""#)
    );

    for falsy in [json!(null), json!(false), json!(0), json!(0.0), json!("")] {
        parse_announce(&with_answer(falsy));
    }
    let long = "x".repeat(101);
    for bad in [
        json!("x"),
        json!(1),
        json!(-1),
        json!(true),
        json!([]),
        json!({}),
        json!({"sdp": 1}),
        json!({"sdp": long}),
    ] {
        assert_eq!(
            parse(&with_answer(bad.clone()), &BOUNDS),
            Ok(Request::InvalidAnswer),
            "{bad}"
        );
    }
    for missing in ["to_peer_id", "offer_id", "info_hash"] {
        let mut message: Value = serde_json::from_str(&text).expect("JSON");
        message.as_object_mut().expect("an object").remove(missing);
        assert_eq!(
            parse(&message.to_string(), &BOUNDS),
            Ok(Request::InvalidAnswer),
            "{missing}"
        );
    }
}

#[test]
fn a_scrape_that_subscribes_names_its_swarms() {
    let subscription = |message: Value| match parse(&message.to_string(), &BOUNDS) {
        Ok(Request::Subscribe(hashes)) => Some(hashes),
        Ok(Request::Scrape(_)) => None,
        other => panic!("{other:?}"),
    };
    let message = |info_hash: Value, subscribe: Value| json!({"action": "scrape", "info_hash": info_hash, "subscribe": subscribe});
    let info_hash = InfoHash::new([b'h'; 20]);
    for one_or_many in [json!(hash()), json!([hash()])] {
        assert_eq!(
            subscription(message(one_or_many, json!(true))),
            Some(vec![info_hash])
        );
    }
    assert_eq!(subscription(message(json!([]), json!(true))), Some(vec![]));
    for other in [
        json!(false),
        json!(null),
        json!(1),
        json!("true"),
        json!([true]),
    ] {
        assert_eq!(subscription(message(json!([hash()]), other)), None);
    }
    // Nobody can subscribe to all swarms.
    assert_eq!(subscription(message(json!(null), json!(true))), None);
}

#[test]
fn a_scrape_takes_one_hash_or_many() {
    let scraped = |hashes: Value| match parse(
        &json!({"action": "scrape", "info_hash": hashes}).to_string(),
        &BOUNDS,
    ) {
        Ok(Request::Scrape(scrape)) => Ok(scrape),
        Err(refusal) => Err((refusal.failure, refusal.subject)),
        other => panic!("{other:?}"),
    };
    let info_hash = InfoHash::new([b'h'; 20]);
    assert_eq!(scraped(json!(hash())), Ok(Scrape::Swarms(vec![info_hash])));
    assert_eq!(
        scraped(json!(["x", hash(), null])),
        Ok(Scrape::Swarms(vec![info_hash]))
    );
    let three: Vec<_> = ["a", "b", "c"].map(|id| id.repeat(20)).into();
    let two = [b'a', b'b'].map(|id| InfoHash::new([id; 20])).into();
    assert_eq!(scraped(json!(three)), Ok(Scrape::Swarms(two)));
    assert_eq!(
        scraped(json!([hash(), hash()])),
        Ok(Scrape::Swarms(vec![info_hash]))
    );
    assert_eq!(scraped(json!([])), Ok(Scrape::Swarms(vec![])));
    assert_eq!(scraped(json!(null)), Ok(Scrape::Everything));
    for bad in [json!("x"), json!(["x"]), json!(5), json!({}), json!(false)] {
        assert_eq!(
            scraped(bad),
            Err((Failure::ScrapeHashes, RefusalSubject::Scrape))
        );
    }
    assert_eq!(
        parse(r#"{"action":"scrape"}"#, &BOUNDS),
        Ok(Request::Scrape(Scrape::Everything))
    );
}

#[test]
fn an_unroutable_message_fails_without_an_action() {
    for (text, failure) in [
        ("", Failure::NotJson),
        ("hello", Failure::NotJson),
        (r#"{"action":"announce""#, Failure::NotJson),
        (r#"{"action":"announce"}}"#, Failure::NotJson),
        (r#"{"action":"scrape"} x"#, Failure::NotJson),
        ("[]", Failure::NotAnObject),
        ("null", Failure::NotAnObject),
        ("5", Failure::NotAnObject),
        (r#""x""#, Failure::NotAnObject),
        ("{}", Failure::UnknownAction),
        (r#"{"action":"Announce"}"#, Failure::UnknownAction),
        (r#"{"action":["announce"]}"#, Failure::UnknownAction),
        (r#"{"action":null}"#, Failure::UnknownAction),
        (
            r#"{"action":"announce"}"#,
            Failure::InfoHash(InvalidId::NotString),
        ),
        (
            r#"{"action":"announce","info_hash":"short"}"#,
            Failure::InfoHash(InvalidId::Length),
        ),
        (
            r#"{"action":"announce","info_hash":"aaaaaaaaaaaaaaaaaaa\udead"}"#,
            Failure::InfoHash(InvalidId::Character),
        ),
    ] {
        assert_eq!(refusal(text), (failure, RefusalSubject::Unknown), "{text}");
    }
}

#[test]
fn a_bad_peer_id_fails_in_a_form_that_names_the_swarm() {
    for peer_id in [json!(null), json!("short"), json!(5), json!("€".repeat(20))] {
        let (failure, about) = refusal(&with(&json!({"peer_id": peer_id})));
        assert!(matches!(failure, Failure::PeerId(_)));
        assert_eq!(about, RefusalSubject::Announce(InfoHash::new([b'h'; 20])));
    }
}

#[test]
fn nesting_is_bounded_at_every_level() {
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    for (field, allowed) in [
        (r#""x":DEEP"#, 5),
        (r#""peer_id":DEEP"#, 5),
        (r#""offers":DEEP"#, 5),
        (r#""offers":{"a":DEEP}"#, 4),
        (r#""offers":[{"x":DEEP}]"#, 3),
        (r#""offers":[{"offer":DEEP}]"#, 3),
        (r#""offers":[{"offer":{"type":DEEP}}]"#, 2),
        (r#""answer":DEEP"#, 5),
        (r#""answer":{"sdp":DEEP}"#, 4),
    ] {
        let message = |levels| format!("{{{}}}", field.replace("DEEP", &nested(levels)));
        assert_eq!(
            refusal(&message(allowed)).0,
            Failure::UnknownAction,
            "{field}"
        );
        assert_eq!(
            refusal(&message(allowed + 1)).0,
            Failure::NestedTooDeeply,
            "{field}"
        );
    }
    assert_eq!(
        refusal(&format!(r#"{{"x":{}}}"#, nested(60_000))).0,
        Failure::NestedTooDeeply
    );
}

#[test]
fn unexpected_offer_and_answer_values_are_skipped() {
    let good = offer("a", "1").to_string();
    for (offers, passed) in [
        ("1e999", 0),
        (r#""\ud800""#, 0),
        (&format!("[1e999,{good}]"), 1),
        (&format!(r#"["\ud800",{good},-1e999]"#), 1),
        (
            &format!(r#"[{{"offer_id":1e999,"offer":"\udead"}},{good}]"#),
            1,
        ),
        (
            &format!(r#"[{{"offer":1e999}},{{"offer":{{"sdp":"\udead"}}}},{good}]"#),
            1,
        ),
    ] {
        let text = with(&json!({"offers": "OFFERS"})).replace("\"OFFERS\"", offers);
        assert_eq!(parse_announce(&text).offers.len(), passed, "{text}");
    }
    for (answer, is_answer) in [
        ("1e999", true),
        (r#""\ud800""#, true),
        ("0e999", false),
        (r#"{"x":"\ud800"}"#, true),
    ] {
        let text = with(&json!({"answer": "ANSWER"})).replace("\"ANSWER\"", answer);
        assert_eq!(
            parse(&text, &BOUNDS) == Ok(Request::InvalidAnswer),
            is_answer,
            "{text}"
        );
    }
}

#[test]
fn keywords_may_contain_escapes() {
    let text = base().to_string().replace("announce", r"\u0061nnounce");
    let text = text.replace('}', r#","event":"\u0073topped","left":"\u0030"}"#);
    let announce = parse_announce(&text);
    assert_eq!(
        (announce.event, announce.left),
        (Event::Stopped, Left::Nothing)
    );
}

#[test]
fn lone_surrogates_in_unknown_keys_are_ignored() {
    let (good, plain) = (offer("a", "1").to_string(), base().to_string());
    for key in [
        r"\ud800",
        r"\ude00x",
        r"x\ud83d",
        r"\ud83d\n",
        r"\ud800\ud83d\ude00",
    ] {
        let odd = format!(r#""{key}":1"#);
        let top = plain.replace('}', &format!(",{odd}}}"));
        assert_eq!(parse_announce(&top), parse_announce(&plain), "{key}");
        for offers in [
            format!("[{}]", good.replacen('{', &format!("{{{odd},"), 1)),
            format!(
                "[{}]",
                good.replace("{\"sdp\"", &format!("{{{odd},\"sdp\""))
            ),
            format!("[{{{odd}}},{good}]"),
        ] {
            let text = with(&json!({"offers": "OFFERS"})).replace("\"OFFERS\"", &offers);
            assert_eq!(parse_announce(&text).offers.len(), 1, "{text}");
        }
        let text = with(&json!({"offers": "OFFERS"}));
        let text = text.replace("\"OFFERS\"", &format!("{{{odd}}}"));
        assert_eq!(parse_announce(&text).offers.len(), 0, "{text}");
        let text = text.replace("offers", "answer");
        assert_eq!(parse(&text, &BOUNDS), Ok(Request::InvalidAnswer), "{text}");
    }
}

#[test]
fn known_keys_may_contain_escapes() {
    let plain = base().to_string();
    let text = plain.replace("\"peer_id\"", r#""\u0070eer\u005Fid""#);
    assert_eq!(parse_announce(&text), parse_announce(&plain));
    for key in ["x\n", "x\u{1}", r"\x", r"\ud8", "x"] {
        let end = if key == "x" { "" } else { "\"" };
        let text = plain.replace('}', &format!(",\"{key}{end}:1}}"));
        assert_eq!(refusal(&text).0, Failure::NotJson, "{text}");
    }
}
