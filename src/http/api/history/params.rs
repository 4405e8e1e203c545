//! Reads the parameters of history requests.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hyper::Uri;

use super::format::HistoryFormat;
use crate::history::{HistoryQuery, retained_series};
use crate::http::api::request_params::QueryParams;
use crate::http::api::stats_access::not_public_error;
use crate::http::api_error::ApiError;
use crate::metrics::{Detail, Statistics};

/// Default time span.
const DEFAULT_SPAN: Duration = Duration::from_hours(1);
/// Latest valid time: the end of the year 9999.
const TIME_MAX: f64 = 253_402_300_799.0;

/// Returns the query of a request and the format of its response.
pub(super) fn parse_request(
    uri: &Uri,
    detail: Detail,
) -> Result<(HistoryQuery, HistoryFormat), ApiError> {
    let params = QueryParams::of_uri(uri);
    let (from, to) = time_range(&params)?;
    let query = HistoryQuery {
        series: requested_series(&params, detail)?,
        from,
        to,
    };
    Ok((query, HistoryFormat::from_params(&params)?))
}

/// Returns the time range in seconds since 1970.
pub(super) fn time_range(params: &QueryParams<'_>) -> Result<(i64, i64), ApiError> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.unwrap_or_default().as_secs_f64();
    let parse_time = |name: &str, default: f64| {
        let Some(value) = params.get(name).filter(|value| !value.is_empty()) else {
            return Ok(default);
        };
        let error = || {
            ApiError::bad_request(format!(
                "{name} must be seconds since 1970, or negative for seconds before now"
            ))
        };
        let given: f64 = value.parse().map_err(|_| error())?;
        let at = if given < 0.0 { now + given } else { given };
        // The earliest time is 0; NaN is in no range.
        let at = if at < 0.0 { 0.0 } else { at };
        (0.0..=TIME_MAX)
            .contains(&at)
            .then_some(at)
            .ok_or_else(error)
    };
    let to = parse_time("to", now)?;
    let from = parse_time("from", (to - DEFAULT_SPAN.as_secs_f64()).max(0.0))?;
    if from > to {
        return Err(ApiError::bad_request("from is later than to"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "below TIME_MAX")]
    Ok((from as i64, to as i64))
}

/// Returns the requested series, each once.
fn requested_series(
    params: &QueryParams<'_>,
    detail: Detail,
) -> Result<Vec<&'static str>, ApiError> {
    let names = params.get("series").unwrap_or_default();
    let mut series = Vec::new();
    for name in names
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        let Some(known) = retained_series(name) else {
            let name: String = name.chars().take(64).collect();
            let is_series = Statistics::series().any(|series| series.name == name);
            let text = if is_series {
                format!("series {name} has no history; see /api/v1/series")
            } else {
                format!("unknown series {name:?}; see /api/v1/series")
            };
            return Err(ApiError::bad_request(text));
        };
        if !detail.shows(known) {
            return Err(not_public_error(&format!("series {}", known.name)));
        }
        if !series.contains(&known.name) {
            series.push(known.name);
        }
    }
    if series.is_empty() {
        let text = "missing series, such as series=connections,announces; /api/v1/series lists all";
        return Err(ApiError::bad_request(text));
    }
    Ok(series)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(query: &str) -> Uri {
        format!("/api/v1/history?{query}").parse().expect("a URI")
    }

    #[test]
    fn times_are_absolute_or_relative_to_now() {
        let time = |query| time_range(&QueryParams::of_uri(&uri(query))).ok();
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
    fn only_series_with_history_can_be_requested() {
        let series = |query| requested_series(&QueryParams::of_uri(&uri(query)), Detail::All).ok();
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

    #[test]
    fn remote_clients_get_public_series_only() {
        let seen =
            |query, detail| requested_series(&QueryParams::of_uri(&uri(query)), detail).is_ok();
        for (query, is_public) in [
            ("series=connections,announces", true),
            ("series=loop_lag", false),
            ("series=connections,refused_bans", false),
        ] {
            assert!(seen(query, Detail::All), "{query}");
            assert_eq!(seen(query, Detail::Totals), is_public, "{query}");
        }
    }
}
