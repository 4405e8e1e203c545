//! `/api/v1/history`: series over a time, as JSON or CSV; `/api/v1/history/swarms`: the largest swarms over a time.
//!
//! The answers are written on the thread of the history, as they may be long.

use std::fmt::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use hyper::{StatusCode, Uri};
use serde_json::{Map, Value, json};

use super::asked::Words;
use super::refusal::{Refusal, answer};
use super::stats::number;
use super::{JSON, NO_STORE};
use crate::http::site::Shared;
use crate::insight::Statistics;
use crate::insight::history::{Answer, Query, StoreError, kept};

const CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
/// A browser that is sent there saves it.
const CSV_FILE: HeaderValue = HeaderValue::from_static("attachment; filename=\"history.csv\"");
/// How far back is told if nobody says.
const BACK: Duration = Duration::from_hours(1);
/// Times after the year 9999 are mistakes.
const TIME_MAX: f64 = 253_402_300_799.0;

/// `GET /api/v1/history?series=a,b&from=&to=&format=json|csv`.
pub(super) async fn history(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
) -> Result<Response, Refusal> {
    let words = Words::of(&uri);
    let (from, to) = time(&words)?;
    let query = Query {
        series: series(&words)?,
        from,
        to,
    };
    let store = shared.node().store();
    match words.get("format").as_deref() {
        None | Some("json") => {
            let body = store.query_as(query, |answer| json(&answer)).await?;
            Ok(([(CONTENT_TYPE, JSON), (CACHE_CONTROL, NO_STORE)], body).into_response())
        }
        Some("csv") => {
            let body = store.query_as(query, |answer| csv(&answer)).await?;
            let headers = [
                (CONTENT_TYPE, CSV),
                (CACHE_CONTROL, NO_STORE),
                (CONTENT_DISPOSITION, CSV_FILE),
            ];
            Ok((headers, body).into_response())
        }
        Some(_) => Err(Refusal::bad_request("format is to be json or csv")),
    }
}

/// `GET /api/v1/history/swarms?from=&to=`: only for administrators.
pub(super) async fn swarms(
    State(shared): State<Arc<Shared>>,
    uri: Uri,
) -> Result<Response, Refusal> {
    let (from, to) = time(&Words::of(&uri))?;
    let moments = shared.node().store().top_swarms(from, to).await?;
    let moments = moments.into_iter().map(|(at, swarms)| {
        let swarms = swarms.into_iter().map(|swarm| {
            json!({
                "info_hash": swarm.info_hash,
                "seeders": swarm.seeders,
                "leechers": swarm.leechers,
            })
        });
        json!({ "at": at, "swarms": swarms.collect::<Value>() })
    });
    Ok(answer(&json!({ "moments": moments.collect::<Value>() })))
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        match error {
            StoreError::Off => Self::not_found(text),
            StoreError::Busy | StoreError::Late | StoreError::Broken => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, text).retry_after(5)
            }
        }
    }
}

/// From when to when, in seconds since 1970.
fn time(words: &Words<'_>) -> Result<(i64, i64), Refusal> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_secs_f64();
    let moment = |name: &str, default: f64| {
        let Some(word) = words.get(name).filter(|word| !word.is_empty()) else {
            return Ok(default);
        };
        let wrong = || {
            Refusal::bad_request(format!(
                "{name} is to be seconds since 1970, or negative for seconds before now"
            ))
        };
        let given: f64 = word.parse().map_err(|_| wrong())?;
        let at = if given < 0.0 { now + given } else { given };
        // Nothing is older than the clock's zero, and what is not a number is in no range.
        let at = if at < 0.0 { 0.0 } else { at };
        (0.0..=TIME_MAX)
            .contains(&at)
            .then_some(at)
            .ok_or_else(wrong)
    };
    let to = moment("to", now)?;
    let from = moment("from", (to - BACK.as_secs_f64()).max(0.0))?;
    if from > to {
        return Err(Refusal::bad_request("from is later than to"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "below TIME_MAX")]
    Ok((from as i64, to as i64))
}

/// The series that are asked for, each once.
fn series(words: &Words<'_>) -> Result<Vec<&'static str>, Refusal> {
    let asked = words.get("series").unwrap_or_default();
    let mut series = Vec::new();
    for name in asked
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        let Some(known) = kept(name) else {
            let name: String = name.chars().take(64).collect();
            let is_series = Statistics::series().any(|series| series.name == name);
            let text = if is_series {
                format!("{name} is not kept; /api/v1/series says what is")
            } else {
                format!("there is no series {name:?}; see /api/v1/series")
            };
            return Err(Refusal::bad_request(text));
        };
        if !series.contains(&known.name) {
            series.push(known.name);
        }
    }
    if series.is_empty() {
        let text = "say which series, such as series=connections,announces; /api/v1/series has all";
        return Err(Refusal::bad_request(text));
    }
    Ok(series)
}

fn json(answer: &Answer) -> String {
    let numbers = |values: &[f64]| values.iter().copied().map(number).collect::<Value>();
    let lines = answer.series.iter().map(|line| {
        let values = json!({
            "mean": numbers(&line.mean),
            "min": numbers(&line.min),
            "max": numbers(&line.max),
        });
        (line.name.to_owned(), values)
    });
    let (first, last) = (answer.at.first(), answer.at.last());
    json!({
        "step": answer.step,
        "from": first,
        "to": last.map(|last| last + answer.step),
        "at": answer.at,
        "series": lines.collect::<Map<_, _>>(),
    })
    .to_string()
}

/// One line for each moment, under a line with the names.
fn csv(answer: &Answer) -> String {
    let mut text = "at".to_owned();
    for line in &answer.series {
        // Writing to a string cannot fail.
        let _ = write!(text, ",{0}_mean,{0}_min,{0}_max", line.name);
    }
    for (place, at) in answer.at.iter().enumerate() {
        let _ = write!(text, "\r\n{at}");
        for line in &answer.series {
            for values in [&line.mean, &line.min, &line.max] {
                match values.get(place).filter(|value| value.is_finite()) {
                    Some(value) => {
                        let _ = write!(text, ",{value}");
                    }
                    None => text.push(','),
                }
            }
        }
    }
    text.push_str("\r\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::insight::history::Line;

    fn two_points() -> Answer {
        let line = |name, first| Line {
            name,
            mean: vec![first, f64::NAN],
            min: vec![1.0, f64::NAN],
            max: vec![3.0, f64::NAN],
        };
        Answer {
            step: 10,
            at: vec![100, 110],
            series: vec![line("connections", 2.0), line("announces", 2.5)],
        }
    }

    #[test]
    fn an_answer_is_written_as_json_and_as_csv() {
        assert_eq!(
            json(&two_points()),
            r#"{"at":[100,110],"from":100,"series":{"announces":{"max":[3,null],"mean":[2.5,null],"min":[1,null]},"connections":{"max":[3,null],"mean":[2,null],"min":[1,null]}},"step":10,"to":120}"#
        );
        assert_eq!(
            csv(&two_points()),
            "at,connections_mean,connections_min,connections_max,announces_mean,announces_min,announces_max\r\n\
             100,2,1,3,2.5,1,3\r\n110,,,,,,\r\n"
        );
    }

    fn asked(query: &str) -> Uri {
        format!("/api/v1/history?{query}").parse().expect("a URI")
    }

    #[test]
    fn times_are_moments_or_seconds_before_now() {
        let time = |query| time(&Words::of(&asked(query))).ok();
        assert_eq!(time("from=100&to=200"), Some((100, 200)));
        assert_eq!(time("from=100.9&to=200.9"), Some((100, 200)));
        let (from, to) = time("from=-60&to=-10").expect("a time");
        assert_eq!(to - from, 50);
        assert!(from > 1_700_000_000);
        let (from, to) = time("from=&to=").expect("the last hour");
        assert_eq!(to - from, 3600);
        assert_eq!(time("to=100"), Some((0, 100)));
        assert_eq!(time("from=-1e15&to=5"), Some((0, 5)));
        for wrong in [
            "from=200&to=100",
            "from=x",
            "to=1e12",
            "to=nan",
            "from=inf",
            "from=-",
        ] {
            assert_eq!(time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_series_that_are_kept_can_be_asked_for() {
        let series = |query| series(&Words::of(&asked(query))).ok();
        let both = Some(vec!["announces", "connections"]);
        assert_eq!(series("series=announces,connections,announces"), both);
        assert_eq!(series("series=announces%2C+connections"), both);
        for wrong in [
            "",
            "series=",
            "series=,",
            "series=uptime",
            "series=nothing",
            "series=at",
        ] {
            assert_eq!(series(wrong), None, "{wrong}");
        }
    }
}
