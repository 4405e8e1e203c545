//! Serves the documentation under `/docs`. It is rendered at the first request for one of its files, because most
//! servers show it rarely. With `web_dir`, scripts and styles are read anew each time, the template is not.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, LOCATION,
};
use tokio::task::JoinError;

use super::api::openapi;
use super::content_security_policy::OWN_FILES_POLICY;
use super::docs_files::{DocsFile, DocsFiles};
use super::pages::{NO_CACHE, file_response, not_found};
use super::response::text_response;
use super::response_body::shared_response;
use super::state::AppState;

/// The template of the pages, by path below `web/`.
const TEMPLATE: &str = "docs/page.html";

/// `GET /docs`: redirects to the path with a slash, which relative links of the pages need. The relative URL is valid
/// behind a proxy that adds a path prefix.
pub(super) async fn slash() -> Response {
    let location = HeaderValue::from_static("docs/");
    let headers = [(LOCATION, location), (CACHE_CONTROL, NO_CACHE)];
    (StatusCode::TEMPORARY_REDIRECT, headers).into_response()
}

/// `GET /docs/`: the start page.
pub(super) async fn start(State(shared): State<Arc<AppState>>, headers: HeaderMap) -> Response {
    respond(&shared, "", &headers).await
}

/// `GET /docs/PATH`: a page, an image or the search index.
pub(super) async fn file(
    State(shared): State<Arc<AppState>>,
    Path(path): Path<String>,
    headers: HeaderMap,
) -> Response {
    respond(&shared, &path, &headers).await
}

async fn respond(shared: &AppState, path: &str, headers: &HeaderMap) -> Response {
    let Ok(files) = shared.docs.get_or_try_init(|| render(shared)).await else {
        let text = "The documentation could not be rendered. Try again.\n";
        return text_response(StatusCode::SERVICE_UNAVAILABLE, text);
    };
    shared_response(response(files.get(path), headers))
}

/// Renders the files on a thread of its own, so that clients of this worker do not wait.
///
/// # Errors
///
/// The thread did not end by itself, such as at the end of the process.
async fn render(shared: &AppState) -> Result<DocsFiles, JoinError> {
    let template = shared.assets().template(TEMPLATE).await;
    let template = template.map_or_else(Default::default, |file| file.plain);
    let assets = shared.assets().base();
    let rendered = tokio::task::spawn_blocking(move || {
        let template = String::from_utf8_lossy(&template);
        let assets = assets.trim_start_matches('/');
        DocsFiles::render(&template, assets, &openapi::document_value())
    });
    rendered.await
}

/// Returns the response with this file: browsers ask each time whether it has changed.
fn response(file: Option<&DocsFile>, request: &HeaderMap) -> Response {
    let Some(DocsFile { asset, entity_tag }) = file else {
        return not_found();
    };
    let mut response = if has_current(request, entity_tag) {
        let headers = [(CACHE_CONTROL, NO_CACHE)];
        (StatusCode::NOT_MODIFIED, headers).into_response()
    } else {
        file_response(asset.clone(), NO_CACHE, request)
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, entity_tag.clone());
    headers.insert(CONTENT_SECURITY_POLICY, OWN_FILES_POLICY);
    response
}

/// Returns whether the client has the file with this entity tag (RFC 9110, section 13.1.2).
fn has_current(request: &HeaderMap, entity_tag: &HeaderValue) -> bool {
    let listed = request.get_all(IF_NONE_MATCH).iter();
    listed
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|tag| tag.trim() == "*" || tag.trim() == entity_tag)
}
