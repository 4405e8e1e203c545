//! Compares the parser with a second reader based on `serde_json` values, and the parser's fast path with its general
//! path.
//!
//! The second reader decodes everything and has no bounds except for lists and depth. Some values that the parser skips
//! are errors in it (numbers out of range, lone surrogates). In these cases the results are not compared.

use serde_json::{Map, Value, json};
use swarmhub::protocol::{
    Announce, Counts, Event, Failure, InfoHash, Left, OfferId, PeerId, Refusal, RefusalSubject,
    Request, RequestBounds, Scrape, Sdp, parse, parse_with_serde, write_announce_reply,
    write_failure, write_relayed_answer, write_relayed_offer, write_scrape_reply,
};

/// Bounds without effect, except for the depth.
const WIDE: RequestBounds = RequestBounds {
    sdp_bytes_max: usize::MAX,
    json_depth_max: 8,
    offers_max: usize::MAX,
    scrape_hashes_max: usize::MAX,
};
/// Bounds that small messages exceed.
const TIGHT: RequestBounds = RequestBounds {
    sdp_bytes_max: 24,
    json_depth_max: 8,
    offers_max: 3,
    scrape_hashes_max: 2,
};

/// Parses the bytes as a message if they are UTF-8, and panics if the result is wrong.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let wide = parse(text, &WIDE);
    assert_eq!(wide, parse_with_serde(text, &WIDE), "{text}");
    assert_eq!(
        parse(text, &TIGHT),
        parse_with_serde(text, &TIGHT),
        "{text}"
    );
    match &wide {
        Ok(request) => check_output(request),
        Err(refusal) => check_failure(refusal),
    }
    match serde_json::from_str::<Value>(text) {
        Ok(value) => check_against(&wide, &value, text),
        Err(error) if is_not_comparable(&error) => {}
        Err(error) => {
            let refusal = wide.clone().expect_err("the message is not JSON");
            assert_eq!(refusal.subject, RefusalSubject::Unknown);
            match refusal.failure {
                Failure::NotJson => {}
                Failure::NotAnObject => assert!(!text.trim_start().starts_with('{')),
                Failure::NestedTooDeeply => assert!(depth_of(text) > WIDE.json_depth_max),
                other => panic!("{other:?}, but {error}"),
            }
        }
    }
    check_bounds(wide, parse(text, &TIGHT));
}

fn is_not_comparable(error: &serde_json::Error) -> bool {
    let text = error.to_string();
    [
        "number out of range",
        "lone leading surrogate",
        "unexpected end of hex escape",
        "recursion limit",
    ]
    .iter()
    .any(|prefix| text.starts_with(prefix))
}

fn check_against(parsed: &Result<Request<'_>, Refusal>, value: &Value, text: &str) {
    if *parsed == Err(refused(Failure::NestedTooDeeply, RefusalSubject::Unknown)) {
        // The value has only the last of repeated keys, so the text decides.
        assert!(depth_of(text) > WIDE.json_depth_max, "not deep: {text}");
        return;
    }
    // An array is refused as an array, whatever its depth.
    let Value::Object(fields) = value else {
        assert_eq!(
            *parsed,
            Err(refused(Failure::NotAnObject, RefusalSubject::Unknown))
        );
        return;
    };
    assert!(depth(value) <= WIDE.json_depth_max, "too deep: {text}");
    match fields.get("action").and_then(Value::as_str) {
        Some("announce") if is_truthy(fields.get("answer")) => check_answer(parsed, fields),
        Some("announce") => check_announce(parsed, fields),
        Some("scrape") => check_scrape(parsed, fields),
        _ => assert_eq!(
            *parsed,
            Err(refused(Failure::UnknownAction, RefusalSubject::Unknown))
        ),
    }
}

fn check_announce(parsed: &Result<Request<'_>, Refusal>, fields: &Map<String, Value>) {
    let Some(info_hash) = id(fields.get("info_hash")).map(InfoHash::new) else {
        let refusal = parsed.as_ref().expect_err("no info_hash");
        assert!(
            matches!(refusal.failure, Failure::InfoHash(_)),
            "{refusal:?}"
        );
        assert_eq!(refusal.subject, RefusalSubject::Unknown);
        return;
    };
    let Some(peer_id) = id(fields.get("peer_id")).map(PeerId::new) else {
        let refusal = parsed.as_ref().expect_err("no peer_id");
        assert!(matches!(refusal.failure, Failure::PeerId(_)), "{refusal:?}");
        assert_eq!(refusal.subject, RefusalSubject::Announce(info_hash));
        return;
    };
    let Ok(Request::Announce(announce)) = parsed else {
        panic!("an announce, not {parsed:?}");
    };
    assert_eq!((announce.info_hash, announce.peer_id), (info_hash, peer_id));
    let event = match fields.get("event").and_then(Value::as_str) {
        Some("started") => Event::Started,
        Some("completed") => Event::Completed,
        Some("stopped") => Event::Stopped,
        Some("paused") => Event::Paused,
        _ => Event::Update,
    };
    assert_eq!(announce.event, event);
    check_left(announce.left, fields.get("left"));
    check_offers(announce, fields);
}

fn check_left(left: Left, value: Option<&Value>) {
    let number = match value {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text))
            if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            text.parse().ok()
        }
        _ => None,
    };
    let expected = match number {
        // So small that rounding decides whether it is 0.
        Some(number) if number.abs() < 1e-300 && number != 0.0 => return,
        Some(0.0) => Left::Nothing,
        Some(_) => Left::Something,
        None => Left::Unknown,
    };
    assert_eq!(left, expected, "{value:?}");
}

fn check_offers(announce: &Announce<'_>, fields: &Map<String, Value>) {
    let items = fields.get("offers").and_then(Value::as_array);
    let items = items.map(Vec::as_slice).unwrap_or_default();
    let good: Vec<_> = items
        .iter()
        .filter_map(|item| {
            let offer_id = id(item.get("offer_id")).map(OfferId::new)?;
            Some((offer_id, item.get("offer")?.get("sdp")?.as_str()?))
        })
        .collect();
    assert_eq!(announce.invalid_offers as usize, items.len() - good.len());
    let numwant = fields.get("numwant").and_then(Value::as_u64);
    let numwant = numwant.map_or(usize::MAX, |number| {
        usize::try_from(number).unwrap_or(usize::MAX)
    });
    let passed: Vec<_> = announce
        .offers
        .iter()
        .map(|offer| (offer.offer_id, decoded(offer.sdp)))
        .collect();
    let expected: Vec<_> = good
        .into_iter()
        .map(|(offer_id, sdp)| (offer_id, sdp.to_owned()))
        .take(numwant)
        .collect();
    assert_eq!(passed, expected);
}

fn check_answer(parsed: &Result<Request<'_>, Refusal>, fields: &Map<String, Value>) {
    let sdp = fields
        .get("answer")
        .and_then(|answer| answer.get("sdp")?.as_str());
    let ids = ["info_hash", "to_peer_id", "offer_id"].map(|key| id(fields.get(key)));
    match (sdp, ids) {
        (Some(sdp), [Some(info_hash), Some(to_peer_id), Some(offer_id)]) => {
            let Ok(Request::Answer(answer)) = parsed else {
                panic!("an answer, not {parsed:?}");
            };
            assert_eq!(answer.info_hash, InfoHash::new(info_hash));
            assert_eq!(answer.to_peer_id, PeerId::new(to_peer_id));
            assert_eq!(answer.offer_id, OfferId::new(offer_id));
            assert_eq!(decoded(answer.sdp), sdp);
        }
        _ => assert_eq!(*parsed, Ok(Request::InvalidAnswer)),
    }
}

fn check_scrape(parsed: &Result<Request<'_>, Refusal>, fields: &Map<String, Value>) {
    let (requested, mut hashes) = match fields.get("info_hash") {
        None | Some(Value::Null) => {
            assert_eq!(*parsed, Ok(Request::Scrape(Scrape::Everything)));
            return;
        }
        Some(Value::Array(items)) => {
            let valid = items.iter().filter_map(|item| id(Some(item)));
            (items.len(), valid.map(InfoHash::new).collect::<Vec<_>>())
        }
        one => (1, id(one).map(InfoHash::new).into_iter().collect()),
    };
    if requested > 0 && hashes.is_empty() {
        assert_eq!(
            *parsed,
            Err(refused(Failure::ScrapeHashes, RefusalSubject::Scrape))
        );
        return;
    }
    let subscribes = fields.get("subscribe") == Some(&Value::Bool(true));
    let mut scraped = match parsed {
        Ok(Request::Scrape(Scrape::Swarms(scraped))) if !subscribes => scraped.clone(),
        Ok(Request::Subscribe(scraped)) if subscribes => scraped.clone(),
        _ => panic!("a scrape, not {parsed:?}"),
    };
    scraped.sort_unstable();
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(scraped, hashes);
}

/// Checks that the output for a request is JSON with exactly the expected fields.
fn check_output(request: &Request<'_>) {
    match request {
        Request::Announce(announce) => {
            let (info_hash, peer_id) = (&announce.info_hash, &announce.peer_id);
            for offer in &announce.offers {
                let relayed = read(|out| {
                    write_relayed_offer(out, info_hash, peer_id, &offer.offer_id, offer.sdp);
                });
                let expected = json!({"action": "announce", "info_hash": spelled(info_hash.as_bytes()),
                    "peer_id": spelled(peer_id.as_bytes()), "offer_id": spelled(offer.offer_id.as_bytes()),
                    "offer": {"type": "offer", "sdp": decoded(offer.sdp)}});
                assert_eq!(relayed, expected);
            }
            let reply = read(|out| write_announce_reply(out, info_hash, Counts::default(), 120));
            let expected = json!({"action": "announce", "info_hash": spelled(info_hash.as_bytes()),
                "complete": 0, "incomplete": 0, "interval": 120});
            assert_eq!(reply, expected);
        }
        Request::Answer(answer) => {
            let (info_hash, from) = (&answer.info_hash, &answer.to_peer_id);
            let relayed = read(|out| {
                write_relayed_answer(out, info_hash, from, &answer.offer_id, answer.sdp);
            });
            let expected = json!({"action": "announce", "info_hash": spelled(info_hash.as_bytes()),
                "peer_id": spelled(from.as_bytes()), "offer_id": spelled(answer.offer_id.as_bytes()),
                "answer": {"type": "answer", "sdp": decoded(answer.sdp)}});
            assert_eq!(relayed, expected);
        }
        Request::Scrape(Scrape::Swarms(hashes)) | Request::Subscribe(hashes) => {
            let files: Vec<_> = hashes
                .iter()
                .map(|hash| (*hash, Counts::default()))
                .collect();
            let reply = read(|out| write_scrape_reply(out, &files));
            assert_eq!(reply["files"].as_object().map(Map::len), Some(hashes.len()));
        }
        Request::Scrape(Scrape::Everything) | Request::InvalidAnswer => {}
    }
}

fn check_failure(refusal: &Refusal) {
    let message = read(|out| write_failure(out, refusal, 120));
    assert!(message["failure reason"].is_string());
    let about = |key| message.get(key).and_then(Value::as_str);
    match refusal.subject {
        RefusalSubject::Announce(info_hash) => {
            assert_eq!(about("action"), Some("announce"));
            assert_eq!(
                about("info_hash"),
                Some(spelled(info_hash.as_bytes()).as_str())
            );
            assert_eq!(message["interval"], 120);
        }
        RefusalSubject::Scrape => assert_eq!(about("action"), Some("scrape")),
        RefusalSubject::Unknown => assert_eq!(about("action"), None),
    }
}

/// Checks that tight bounds give the same result, without the parts beyond them.
fn check_bounds<'a>(wide: Result<Request<'a>, Refusal>, tight: Result<Request<'a>, Refusal>) {
    let fits = |sdp: Sdp<'_>| sdp.as_json().len() - 2 <= TIGHT.sdp_bytes_max;
    match (wide, tight) {
        (Ok(Request::Answer(answer)), tight) if !fits(answer.sdp) => {
            assert_eq!(tight, Ok(Request::InvalidAnswer));
        }
        (Ok(Request::Announce(wide)), Ok(Request::Announce(tight))) => {
            assert!(tight.offers.len() <= TIGHT.offers_max);
            assert!(tight.offers.iter().all(|offer| fits(offer.sdp)));
            // Without offers beyond the bounds, nothing is omitted; `numwant` may have removed some.
            if wide.invalid_offers == tight.invalid_offers {
                assert_eq!(
                    wide.offers
                        .iter()
                        .take(TIGHT.offers_max)
                        .collect::<Vec<_>>(),
                    tight.offers.iter().collect::<Vec<_>>()
                );
            }
        }
        (Ok(Request::Scrape(Scrape::Swarms(wide))), Ok(Request::Scrape(Scrape::Swarms(tight))))
        | (Ok(Request::Subscribe(wide)), Ok(Request::Subscribe(tight))) => {
            assert!(tight.len() <= TIGHT.scrape_hashes_max);
            assert!(wide.starts_with(&tight));
        }
        (wide, tight) => assert_eq!(wide, tight),
    }
}

fn refused(failure: Failure, about: RefusalSubject) -> Refusal {
    Refusal {
        failure,
        subject: about,
    }
}

fn read(write: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut text = Vec::new();
    write(&mut text);
    serde_json::from_slice(&text).expect("the output is JSON")
}

fn decoded(sdp: Sdp<'_>) -> String {
    serde_json::from_str(sdp.as_json()).expect("an SDP is a JSON string")
}

fn spelled(bytes: &[u8; 20]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

fn id(value: Option<&Value>) -> Option<[u8; 20]> {
    let characters = value?.as_str()?.chars();
    let bytes: Option<Vec<_>> = characters
        .map(|one| u8::try_from(u32::from(one)).ok())
        .collect();
    bytes?.try_into().ok()
}

/// Whether JavaScript treats the value as true.
fn is_truthy(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(Value::Number(number)) => number.as_f64() != Some(0.0),
        Some(Value::String(text)) => !text.is_empty(),
        Some(_) => true,
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Returns the depth of any text, from its brackets outside strings.
fn depth_of(text: &str) -> usize {
    let (mut depth, mut deepest, mut characters) = (0_usize, 0, text.chars());
    while let Some(character) = characters.next() {
        match character {
            '[' | '{' => depth += 1,
            ']' | '}' => depth = depth.saturating_sub(1),
            '"' => skip_string(&mut characters),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn skip_string(characters: &mut impl Iterator<Item = char>) {
    while let Some(character) = characters.next() {
        match character {
            '"' => return,
            '\\' => drop(characters.next()),
            _ => {}
        }
    }
}
