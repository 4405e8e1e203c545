//! The OpenAPI document of the API, generated from the handlers and the types of their responses.
//!
//! `docs/openapi.json` is a copy, from which the types of the dashboard are generated.

use std::sync::LazyLock;

use axum::response::Response;
use bytes::Bytes;
use hyper::StatusCode;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{self, Ref, RefOr, Required, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use super::admin::ranking::query::SwarmSort;
use super::admin::{bans, connections, operations, refusals, settings, sites, swarm, swarms};
use super::history::format::HistoryFormat;
use super::tags::{CHECK, COUNTS, STATISTICS};
use super::{alerts, check, clients, counts, history, live_stats, stats};
use crate::http::api_error::ErrorResponse;
use crate::http::reference_stats;
use crate::http::response::{JSON, NO_STORE};
use crate::http::response_body::shared_response;

/// The name of the security scheme.
const ADMIN_TOKEN: &str = "admin_token";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "swarmhub",
        version = "1",
        description = "The API of a swarmhub tracker. Times are seconds since 1970, durations seconds, unknown values \
                       null. A HEAD request has the headers of GET. docs/statistics.md, docs/admin.md and \
                       docs/alerts.md explain the operations.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    paths(
        stats::latest,
        stats::series,
        live_stats::subscribe,
        history::series::history,
        history::top_swarms::swarms,
        clients::clients,
        counts::counts,
        reference_stats::page,
        reference_stats::json,
        openapi,
        check::check,
        operations::session,
        operations::origins,
        sites::list,
        operations::drain,
        operations::audit,
        swarms::list,
        swarm::show,
        connections::kick,
        connections::hostile,
        bans::ban,
        bans::list,
        bans::lift,
        refusals::list,
        settings::list,
        settings::change,
        settings::undo,
        alerts::list::summary,
        alerts::list::list,
        alerts::rules::put_rule,
        alerts::rules::delete_rule,
        alerts::silences::create_silence,
        alerts::silences::delete_silence,
        alerts::silences::send_test,
    ),
    components(schemas(ErrorResponse, HistoryFormat, SwarmSort)),
    tags(
        (name = "statistics", description = "Readable without a token while `public_stats` is on"),
        (name = "check", description = "Readable without a token"),
        (name = "counts", description = "Readable without a token, unless the tracker is private"),
        (name = "admin", description = "Needs the admin token"),
        (name = "alerts", description = "Needs the admin token"),
    ),
    modifiers(&Security, &CommonParts, &RuleChange)
)]
struct ApiDocument;

/// Adds the admin token: optional for statistics, not used for the check, required for all else.
struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(ADMIN_TOKEN, scheme);
        for operation in operations(document) {
            let token = SecurityRequirement::new(ADMIN_TOKEN, [] as [&str; 0]);
            let has_tag = |name| operation.tags.iter().flatten().any(|tag| tag == name);
            operation.security = Some(if has_tag(CHECK) || has_tag(COUNTS) {
                vec![SecurityRequirement::default()]
            } else if has_tag(STATISTICS) {
                vec![SecurityRequirement::default(), token]
            } else {
                vec![token]
            });
        }
    }
}

/// Adds what is the same for all operations: the error response, descriptions of statuses, and that bodies are required.
struct CommonParts;

impl Modify for CommonParts {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let content = openapi::Content::new(Some(Ref::from_schema_name("ErrorResponse")));
        let error = ResponseBuilder::new()
            .description("An error")
            .content("application/json", content)
            .build();
        for operation in operations(document) {
            if let Some(RefOr::T(body)) = &mut operation.request_body {
                body.required = Some(Required::True);
            }
            let responses = &mut operation.responses.responses;
            for (status, response) in &mut *responses {
                let status: Result<StatusCode, _> = status.parse();
                if let (RefOr::T(response), Ok(status)) = (response, status)
                    && response.description.is_empty()
                {
                    let reason = status.canonical_reason().unwrap_or_default();
                    response.description = String::from(reason);
                }
            }
            responses.insert("default".to_owned(), RefOr::T(error.clone()));
        }
    }
}

/// Adds the body of a rule change: a rule whose fields may all be omitted.
struct RuleChange;

impl Modify for RuleChange {
    fn modify(&self, document: &mut openapi::OpenApi) {
        let schemas = &mut document.components.get_or_insert_default().schemas;
        if let Some(RefOr::T(Schema::Object(rule))) = schemas.get_mut("AlertRule") {
            let mut change = rule.clone();
            // A view of a rule has more fields.
            rule.additional_properties = None;
            change.required.clear();
            change.description = Some("The fields of a rule to set".to_owned());
            schemas.insert("AlertRuleChange".to_owned(), RefOr::T(change.into()));
        }
    }
}

fn operations(document: &mut openapi::OpenApi) -> impl Iterator<Item = &mut Operation> {
    let paths = document.paths.paths.values_mut();
    paths.flat_map(|path: &mut PathItem| {
        let methods = [
            &mut path.get,
            &mut path.put,
            &mut path.post,
            &mut path.delete,
            &mut path.patch,
        ];
        methods.into_iter().flatten()
    })
}

/// Returns the document as a value.
pub(in crate::http) fn document_value() -> serde_json::Value {
    serde_json::to_value(ApiDocument::openapi()).unwrap_or_default()
}

/// Returns the document as text.
fn document() -> String {
    let text = ApiDocument::openapi().to_pretty_json();
    text.unwrap_or_default() + "\n"
}

/// Returns this document: all operations of the API, their parameters and responses.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    operation_id = "getOpenApi",
    tag = STATISTICS,
    responses((status = OK, body = serde_json::Value))
)]
pub(super) async fn openapi() -> Response {
    static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| document().into());
    let headers = [(CONTENT_TYPE, JSON), (CACHE_CONTROL, NO_STORE)];
    shared_response((headers, Bytes::clone(&DOCUMENT)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// After a change: `UPDATE_OPENAPI=1 cargo test --lib the_copy_of_the_document`, then `npm run api-types` in `web/`.
    #[test]
    fn the_copy_of_the_document_is_current() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
        if std::env::var_os("UPDATE_OPENAPI").is_some() {
            std::fs::write(&file, document()).expect("written");
        }
        let copy = std::fs::read_to_string(&file).expect("docs/openapi.json");
        assert!(
            copy == document(),
            "docs/openapi.json is old: run UPDATE_OPENAPI=1 cargo test --lib the_copy_of_the_document"
        );
    }
}
