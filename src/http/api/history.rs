//! Serves `/api/v1/history` (time series as JSON or CSV) and `/api/v1/history/swarms` (the largest swarms over time).
//!
//! The history thread renders the responses, because they may be long.

use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use hyper::header::{
    AUTHORIZATION, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, HeaderMap, HeaderValue,
};
use hyper::{StatusCode, Uri};
use serde_json::{Value, json};

use super::admin::{CallerAddress, check_admin_token};
use super::api_error::{ApiError, json_response};
use super::request_params::QueryParams;
use super::stats::json_number;
use super::stats_access::not_public_error;
use super::{JSON, NO_STORE};
use crate::history::{HistoryQuery, QueryResult, Requester, StoreError, retained_series};
use crate::http::accounting::{
    BytesClaimed, OffThreadCpuTime, count_refused_response, response_limit,
};
use crate::http::response_body::{CHUNK_BYTES, ChunkedText};
use crate::http::router::AppState;
use crate::limits::{HttpResource, Limited, QuotaExceeded, ResourceClaim};
use crate::metrics::{Detail, Statistics};

const CSV: HeaderValue = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
/// Makes a browser save the file.
const CSV_FILE: HeaderValue = HeaderValue::from_static("attachment; filename=\"history.csv\"");
/// Default time span.
const DEFAULT_SPAN: Duration = Duration::from_hours(1);
/// Seconds until a retry when the history is overloaded.
const RETRY_SECONDS: u64 = 5;
/// Latest valid time: the end of the year 9999.
const TIME_MAX: f64 = 253_402_300_799.0;

/// The format of a history response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum HistoryFormat {
    Json,
    Csv,
}

impl HistoryFormat {
    fn from_params(params: &QueryParams<'_>) -> Result<Self, ApiError> {
        match params.get("format").as_deref() {
            None | Some("json") => Ok(Self::Json),
            Some("csv") => Ok(Self::Csv),
            Some(_) => Err(ApiError::bad_request("format must be `json` or `csv`")),
        }
    }

    fn render(self, answer: &QueryResult) -> ChunkedText {
        let mut text = ChunkedText::default();
        // Writing into memory cannot fail.
        let _ = match self {
            Self::Json => write_json(&mut text, answer),
            Self::Csv => write_csv(&mut text, answer),
        };
        text
    }

    fn empty_response(self) -> Response {
        match self {
            Self::Json => [(CONTENT_TYPE, JSON), (CACHE_CONTROL, NO_STORE)].into_response(),
            Self::Csv => [
                (CONTENT_TYPE, CSV),
                (CACHE_CONTROL, NO_STORE),
                (CONTENT_DISPOSITION, CSV_FILE),
            ]
            .into_response(),
        }
    }
}

fn parse_request(uri: &Uri, detail: Detail) -> Result<(HistoryQuery, HistoryFormat), ApiError> {
    let params = QueryParams::of_uri(uri);
    let (from, to) = time_range(&params)?;
    let query = HistoryQuery {
        series: requested_series(&params, detail)?,
        from,
        to,
    };
    Ok((query, HistoryFormat::from_params(&params)?))
}

/// `GET /api/v1/history?series=a,b&from=&to=&format=json|csv`. The text is sent in chunks, which are counted until they
/// are sent.
pub(super) async fn history(
    State(shared): State<Arc<AppState>>,
    request: Request,
) -> Result<Response, ApiError> {
    let detail = *request.extensions().get().unwrap_or(&Detail::Totals);
    let (query, form) = parse_request(request.uri(), detail)?;
    let client = HistoryRequest::new(&shared, &request);
    let (text, cpu_time) = client.run_query(query, form).await?;
    let claim = client.claim_response_bytes(&text)?;
    let mut response = form.empty_response();
    *response.body_mut() = text.into_body(claim);
    let extensions = response.extensions_mut();
    extensions.insert(BytesClaimed);
    extensions.insert(OffThreadCpuTime(cpu_time));
    Ok(response)
}

/// `HEAD /api/v1/history`: checks the parameters without a query.
pub(super) async fn head(
    Extension(detail): Extension<Detail>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let (_, form) = parse_request(&uri, detail)?;
    Ok(form.empty_response())
}

/// The client of a history request.
struct HistoryRequest<'a> {
    shared: &'a AppState,
    headers: HeaderMap,
    caller: CallerAddress,
}

impl<'a> HistoryRequest<'a> {
    fn new(shared: &'a AppState, request: &Request) -> Self {
        Self {
            shared,
            headers: request.headers().clone(),
            caller: request.extensions().get().copied().unwrap_or_default(),
        }
    }

    /// Returns whether the request carries the admin token. The check counts as a guess, so it runs only if others
    /// would be refused.
    fn is_operator(&self) -> bool {
        self.headers.contains_key(AUTHORIZATION)
            && check_admin_token(self.shared, &self.headers, self.caller).is_ok()
    }

    /// Runs the query. If the shared slots are full, a request with the admin token uses the reserved ones.
    async fn run_query(
        &self,
        query: HistoryQuery,
        form: HistoryFormat,
    ) -> Result<(ChunkedText, Duration), ApiError> {
        let (node, address) = (self.shared.node(), self.caller.0);
        let slot = node
            .admission()
            .claim(HttpResource::HistoryQueries, address, 1);
        // A client that does not read earlier responses gets no more.
        let room = node
            .admission()
            .claim(HttpResource::ResponseBytes, address, CHUNK_BYTES);
        let ask = async |asker, query| {
            let write = move |answer: QueryResult| form.render(&answer);
            node.storage()
                .history()
                .query_and_render(asker, query, write)
                .await
        };
        match (&slot, &room) {
            (Ok(_), Ok(_)) => match ask(Requester::Public, query.clone()).await {
                Err(StoreError::Busy) if self.is_operator() => {}
                result => return Ok(result?),
            },
            _ if self.is_operator() => {}
            (Err(_), _) => {
                let counter = &node
                    .telemetry()
                    .shared_counters()
                    .refused_address_history_queries;
                counter.add_shared(1);
                let text = "too many pending history queries from this address";
                let refusal = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, text);
                return Err(refusal.retry_after(RETRY_SECONDS));
            }
            (_, Err(response_limit_error)) => {
                return Err(self.response_limit_error(*response_limit_error));
            }
        }
        Ok(ask(Requester::Operator, query).await?)
    }

    /// Claims memory for a text until it is sent.
    fn claim_response_bytes(&self, text: &ChunkedText) -> Result<ResourceClaim, ApiError> {
        let node = self.shared.node();
        if text.length() > self.shared.live_settings().response_bytes_max {
            let counters = node.telemetry().shared_counters();
            counters.refused_connection_response_bytes_max.add_shared(1);
            return Err(Limited::ResponseTooLong.into());
        }
        let claimed =
            node.admission()
                .claim(HttpResource::ResponseBytes, self.caller.0, text.length());
        claimed.or_else(|response_limit_error| {
            let http_use = node.admission().http_usage();
            let claim_as_operator =
                || http_use.claim_for_operator(HttpResource::ResponseBytes, text.length());
            let claimed = if self.is_operator() {
                claim_as_operator().ok()
            } else {
                None
            };
            claimed.ok_or_else(|| self.response_limit_error(response_limit_error))
        })
    }

    fn response_limit_error(&self, response_limit_error: QuotaExceeded) -> ApiError {
        let counters = self.shared.node().telemetry().shared_counters();
        count_refused_response(counters, response_limit_error, |counter| {
            counter.add_shared(1);
        });
        response_limit(response_limit_error).into()
    }
}

impl From<Limited> for ApiError {
    fn from(limited: Limited) -> Self {
        let status = StatusCode::from_u16(limited.status());
        let status = status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        Self::new(status, limited.to_string()).retry_after(limited.retry_after())
    }
}

/// `GET /api/v1/history/swarms?from=&to=`: needs the admin token.
pub(super) async fn swarms(
    State(shared): State<Arc<AppState>>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let (from, to) = time_range(&QueryParams::of_uri(&uri))?;
    let samples = shared
        .node()
        .storage()
        .history()
        .top_swarms(from, to)
        .await?;
    let samples = samples.into_iter().map(|(at, swarms)| {
        let swarms = swarms.into_iter().map(|swarm| {
            json!({
                "info_hash": swarm.info_hash,
                "seeders": swarm.seeders,
                "leechers": swarm.leechers,
            })
        });
        json!({ "at": at, "swarms": swarms.collect::<Value>() })
    });
    Ok(json_response(
        &json!({ "moments": samples.collect::<Value>() }),
    ))
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let text = error.to_string();
        match error {
            StoreError::Disabled => Self::not_found(text),
            StoreError::Busy | StoreError::TimedOut | StoreError::Unavailable => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, text).retry_after(RETRY_SECONDS)
            }
        }
    }
}

/// Returns the time range in seconds since 1970.
fn time_range(params: &QueryParams<'_>) -> Result<(i64, i64), ApiError> {
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

/// Writes JSON with sorted keys, as elsewhere in the API.
fn write_json(text: &mut ChunkedText, answer: &QueryResult) -> fmt::Result {
    text.write_str("{\"at\":")?;
    write_list(text, &answer.at, |at| Value::from(*at))?;
    let (first, last) = (answer.at.first(), answer.at.last());
    write!(text, ",\"from\":{},\"series\":{{", json!(first))?;
    let mut lines: Vec<_> = answer.series.iter().collect();
    lines.sort_unstable_by_key(|line| line.name);
    for (index, line) in lines.into_iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        write!(text, "{comma}\"{}\":{{\"max\":", line.name)?;
        write_list(text, &line.max, |value| json_number(*value))?;
        text.write_str(",\"mean\":")?;
        write_list(text, &line.mean, |value| json_number(*value))?;
        text.write_str(",\"min\":")?;
        write_list(text, &line.min, |value| json_number(*value))?;
        text.write_char('}')?;
    }
    let to = last.map(|last| last + answer.step);
    write!(text, "}},\"step\":{},\"to\":{}}}", answer.step, json!(to))
}

fn write_list<T>(
    text: &mut ChunkedText,
    values: &[T],
    written: impl Fn(&T) -> Value,
) -> fmt::Result {
    text.write_char('[')?;
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            text.write_char(',')?;
        }
        write!(text, "{}", written(value))?;
    }
    text.write_char(']')
}

/// Writes a header line, then one line per time.
fn write_csv(text: &mut ChunkedText, answer: &QueryResult) -> fmt::Result {
    text.write_str("at")?;
    for line in &answer.series {
        write!(text, ",{0}_mean,{0}_min,{0}_max", line.name)?;
    }
    for (index, at) in answer.at.iter().enumerate() {
        write!(text, "\r\n{at}")?;
        for line in &answer.series {
            for values in [&line.mean, &line.min, &line.max] {
                match values.get(index).filter(|value| value.is_finite()) {
                    Some(value) => write!(text, ",{value}")?,
                    None => text.write_char(',')?,
                }
            }
        }
    }
    text.write_str("\r\n")
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use futures::FutureExt;

    use super::*;
    use crate::config;
    use crate::history::{HistoryLocation, HistoryStore, HistoryWriter, SeriesPoints};
    use crate::hub::Mailboxes;
    use crate::limits::{ADDRESS_QUERIES_MAX, HttpUsage, HttpUsagePolicy};
    use crate::node::Node;

    fn two_points() -> QueryResult {
        let line = |name, first| SeriesPoints {
            name,
            mean: vec![first, f64::NAN],
            min: vec![1.0, f64::NAN],
            max: vec![3.0, f64::NAN],
        };
        QueryResult {
            step: 10,
            at: vec![100, 110],
            series: vec![line("connections", 2.0), line("announces", 2.5)],
        }
    }

    #[test]
    fn an_answer_is_written_as_json_and_as_csv() {
        let written = |form: HistoryFormat| {
            let claim = HttpUsage::new(HttpUsagePolicy::new(&config::Limits::default()));
            let claim = claim
                .claim(HttpResource::ResponseBytes, None, 0)
                .expect("room");
            let body = form.render(&two_points()).into_body(claim);
            let bytes = to_bytes(body, usize::MAX);
            let bytes = bytes.now_or_never().expect("at once").expect("a body");
            String::from_utf8(bytes.to_vec()).expect("text")
        };
        assert_eq!(
            written(HistoryFormat::Json),
            r#"{"at":[100,110],"from":100,"series":{"announces":{"max":[3,null],"mean":[2.5,null],"min":[1,null]},"connections":{"max":[3,null],"mean":[2,null],"min":[1,null]}},"step":10,"to":120}"#
        );
        assert_eq!(
            written(HistoryFormat::Csv),
            "at,connections_mean,connections_min,connections_max,announces_mean,announces_min,announces_max\r\n\
             100,2,1,3,2.5,1,3\r\n110,,,,,,\r\n"
        );
    }

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

    const TOKEN: &str = "correct-horse-battery-staple";

    /// State whose history never responds, because no thread runs it.
    fn unanswered_history() -> (Arc<AppState>, HistoryWriter) {
        let config = config::Config {
            admin_token: Some(config::Secret::new(TOKEN)),
            ..config::Config::default()
        };
        let (store, keeper) = HistoryStore::open(HistoryLocation::Memory);
        let node = Arc::new(Node::new(&config, 1).with_store(store));
        let mailboxes = Mailboxes::new(&config, 1, node.telemetry());
        (AppState::new(&config, &node, &mailboxes), keeper)
    }

    fn ask(shared: &Arc<AppState>, host: u8, token: Option<&str>) -> HistoryResponseFuture {
        let mut request = Request::new(axum::body::Body::empty());
        *request.uri_mut() = uri("series=connections");
        if let Some(token) = token {
            let value = format!("Bearer {token}").parse().expect("a value");
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let address = Some([192, 0, 2, host].into());
        let admission = shared.node().admission();
        let caller = CallerAddress(admission.client_address(address, false));
        request.extensions_mut().insert(caller);
        Box::pin(history(State(Arc::clone(shared)), request))
    }

    type HistoryResponseFuture =
        std::pin::Pin<Box<dyn Future<Output = Result<Response, ApiError>>>>;

    /// Polls all requests and returns how many are refused at once.
    fn refused_count(asking: &mut [HistoryResponseFuture]) -> usize {
        let polled = asking.iter_mut().map(FutureExt::now_or_never);
        polled.flatten().count()
    }

    #[tokio::test]
    async fn the_operator_gets_more_history_queries_than_an_address() {
        let (shared, _keeper) = unanswered_history();
        let request = |host, token| ask(&shared, host, token);
        let mut own: Vec<_> = (0..ADDRESS_QUERIES_MAX).map(|_| request(1, None)).collect();
        assert_eq!(refused_count(&mut own), 0);
        for token in [None, Some("wrong-wrong-wrong-wrong")] {
            assert_eq!(refused_count(&mut [request(1, token)]), 1);
        }
        let counters = || shared.node().counters();
        assert_eq!(counters().refused_address_history_queries, 2);
        // Other addresses are served until the total limit is reached.
        let mut others: Vec<_> = (2..20).map(|host| request(host, None)).collect();
        assert_eq!(refused_count(&mut others), 18 - (16 - ADDRESS_QUERIES_MAX));
        assert!(counters().history_queries_refused > 0);
        // Slots for the admin token remain, for any address, and are bounded too.
        let mut operators: Vec<_> = [1, 1, 50, 50].map(|host| request(host, Some(TOKEN))).into();
        assert_eq!(refused_count(&mut operators), 0);
        assert_eq!(refused_count(&mut [request(50, Some(TOKEN))]), 1);
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

    #[tokio::test]
    async fn the_history_thread_time_is_charged() {
        let (shared, keeper) = unanswered_history();
        let thread = std::thread::spawn(|| keeper.run());
        let response = ask(&shared, 1, None).await.expect("an answer");
        let cpu_time = response
            .extensions()
            .get::<OffThreadCpuTime>()
            .expect("a price");
        assert!(cpu_time.0 > Duration::ZERO);
        assert!(response.extensions().get::<BytesClaimed>().is_some());
        let waiting = || shared.node().admission().response_bytes();
        assert!(waiting() > 0);
        drop(response);
        assert_eq!(waiting(), 0);
        shared.node().storage().history().close().await;
        thread.join().expect("no panic");
    }
}
