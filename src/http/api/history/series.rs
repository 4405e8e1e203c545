//! Serves `/api/v1/history`: runs the query within the limits of the client, and sends the text in counted chunks.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::Response;
use hyper::header::{AUTHORIZATION, HeaderMap};
use hyper::{StatusCode, Uri};

use super::format::{HistoryFormat, HistoryResponse};
use super::params::parse_request;
use crate::history::{HistoryQuery, QueryResult, Requester, StoreError};
use crate::http::accounting::{
    BytesClaimed, OffThreadCpuTime, count_refused_response, response_limit,
};
use crate::http::api::tags::STATISTICS;
use crate::http::api_error::{ApiError, HISTORY_RETRY_SECONDS};
use crate::http::auth::{CallerAddress, check_admin_token};
use crate::http::response_body::{CHUNK_BYTES, ChunkedText};
use crate::http::state::AppState;
use crate::limits::{HttpResource, Limited, QuotaExceeded, ResourceClaim};
use crate::metrics::Detail;

/// Returns time series as JSON or CSV. The text is sent in chunks, which are counted until they are sent.
#[utoipa::path(
    get,
    path = "/api/v1/history",
    operation_id = "getHistory",
    tag = STATISTICS,
    params(
        ("series" = String, Query, description = "Names of series, separated by commas"),
        ("from" = Option<f64>, Query, description = "Seconds since 1970, or negative for seconds before now; an hour before `to` by default"),
        ("to" = Option<f64>, Query, description = "Seconds since 1970, or negative for seconds before now; now by default"),
        ("format" = Option<HistoryFormat>, Query, description = "`json` by default"),
    ),
    responses((status = OK, content((HistoryResponse = "application/json"), (String = "text/csv"))))
)]
pub(in crate::http::api) async fn history(
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
pub(in crate::http::api) async fn head(
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
        let send_query = async |requester, query| {
            let write = move |answer: QueryResult| form.render(&answer);
            node.storage()
                .history()
                .query_and_render(requester, query, write)
                .await
        };
        match (&slot, &room) {
            (Ok(_), Ok(_)) => match send_query(Requester::Public, query.clone()).await {
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
                return Err(refusal.retry_after(HISTORY_RETRY_SECONDS));
            }
            (_, Err(exceeded)) => {
                return Err(self.response_limit_error(*exceeded));
            }
        }
        Ok(send_query(Requester::Operator, query).await?)
    }

    /// Claims memory for a text until it is sent.
    fn claim_response_bytes(&self, text: &ChunkedText) -> Result<ResourceClaim, ApiError> {
        let node = self.shared.node();
        if text.length() > self.shared.http_settings().response_bytes_max {
            let counters = node.telemetry().shared_counters();
            counters.refused_connection_response_bytes_max.add_shared(1);
            return Err(Limited::ResponseTooLong.into());
        }
        let claimed =
            node.admission()
                .claim(HttpResource::ResponseBytes, self.caller.0, text.length());
        claimed.or_else(|exceeded| {
            let http_use = node.admission().http_usage();
            let claim_as_operator =
                || http_use.claim_for_operator(HttpResource::ResponseBytes, text.length());
            let claimed = if self.is_operator() {
                claim_as_operator().ok()
            } else {
                None
            };
            claimed.ok_or_else(|| self.response_limit_error(exceeded))
        })
    }

    fn response_limit_error(&self, exceeded: QuotaExceeded) -> ApiError {
        let counters = self.shared.node().telemetry().shared_counters();
        count_refused_response(counters, exceeded, |counter| {
            counter.add_shared(1);
        });
        response_limit(exceeded).into()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;
    use crate::config;
    use crate::history::{HistoryLocation, HistoryStore, HistoryWriter};
    use crate::hub::Mailboxes;
    use crate::limits::ADDRESS_QUERIES_MAX;
    use crate::node::Node;

    fn uri(query: &str) -> Uri {
        format!("/api/v1/history?{query}").parse().expect("a URI")
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

    fn send_request(
        shared: &Arc<AppState>,
        host: u8,
        token: Option<&str>,
    ) -> HistoryResponseFuture {
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
    fn refused_count(requests: &mut [HistoryResponseFuture]) -> usize {
        let polled = requests.iter_mut().map(FutureExt::now_or_never);
        polled.flatten().count()
    }

    #[tokio::test]
    async fn the_operator_gets_more_history_queries_than_an_address() {
        let (shared, _keeper) = unanswered_history();
        let request = |host, token| send_request(&shared, host, token);
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

    #[tokio::test]
    async fn the_history_thread_time_is_charged() {
        let (shared, keeper) = unanswered_history();
        let thread = std::thread::spawn(|| keeper.run());
        let response = send_request(&shared, 1, None).await.expect("an answer");
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
