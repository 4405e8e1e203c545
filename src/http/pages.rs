//! Serves the built-in pages and their files.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use hyper::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST,
    HeaderMap, HeaderValue, VARY,
};
use hyper::{Method, StatusCode, Uri};

use super::assets::{Asset, Assets};
use super::base_path::SlashRedirect;
use super::content_security_policy::{OWN_FILES_POLICY, check_policy, sharing_policy};
use super::response::{TEXT, for_all_origins};
use super::response_body::shared_response;
use super::state::AppState;

pub(super) const IMMUTABLE: HeaderValue =
    HeaderValue::from_static("public, max-age=31536000, immutable");
pub(super) const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// `GET /`: the sharing page.
pub(super) async fn index(
    State(shared): State<Arc<AppState>>,
    bare: Option<Extension<SlashRedirect>>,
    headers: HeaderMap,
) -> Response {
    if let Some(Extension(bare)) = bare {
        return bare.redirect();
    }
    page(
        &shared,
        "share/index.html",
        sharing_policy(headers.get(HOST)),
    )
    .await
}

/// `GET /dashboard`
pub(super) async fn dashboard(State(shared): State<Arc<AppState>>) -> Response {
    page(&shared, "dashboard/index.html", OWN_FILES_POLICY).await
}

/// `GET /check`: the page that checks the connection of its visitor.
pub(super) async fn check(State(shared): State<Arc<AppState>>, headers: HeaderMap) -> Response {
    page(&shared, "check/index.html", check_policy(headers.get(HOST))).await
}

/// `GET /connect`: the page with code for developers, which has the addresses of this server.
pub(super) async fn connect(State(shared): State<Arc<AppState>>, headers: HeaderMap) -> Response {
    let policy = check_policy(headers.get(HOST));
    page(&shared, "connect/index.html", policy).await
}

async fn page(shared: &AppState, name: &str, policy: HeaderValue) -> Response {
    let mut response = template(shared, name).await;
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, policy);
    response
}

/// `GET /sw.js`: the service worker of the sharing page.
pub(super) async fn service_worker(State(shared): State<Arc<AppState>>) -> Response {
    template(&shared, "share/sw.js").await
}

/// Returns a file with `{{assets}}` replaced by the path of the assets. Browsers revalidate it each time, because it
/// leads them to a new version.
pub(super) async fn template(shared: &AppState, name: &str) -> Response {
    let Some(file) = shared.assets().template(name).await else {
        return not_found();
    };
    let content_type = HeaderValue::try_from(file.content_type).unwrap_or(TEXT);
    shared_response((
        [(CONTENT_TYPE, content_type), (CACHE_CONTROL, NO_CACHE)],
        file.plain,
    ))
}

/// `GET /assets/VERSION/PATH`
pub(super) async fn asset(
    State(shared): State<Arc<AppState>>,
    Path((version, path)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let Some(file) = shared.assets().get(&path).await else {
        return not_found();
    };
    // An older page may still request the files of its version. It gets the current files, but must not cache them
    // under that name.
    let is_current = shared.assets().base() == format!("/assets/{version}")
        && !matches!(shared.assets(), Assets::Folder(_));
    let cache = if is_current { IMMUTABLE } else { NO_CACHE };
    let response = for_all_origins(file_response(file, cache, &headers));
    match shared.assets() {
        Assets::Folder(_) => response,
        Assets::EmbeddedFiles { .. } => shared_response(response),
    }
}

/// Returns a file, compressed if the client accepts that.
pub(super) fn file_response(file: Asset, cache: HeaderValue, request: &HeaderMap) -> Response {
    let accepts_gzip = request
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|item| item.trim().starts_with("gzip")));
    let mut response = match file.gzip.filter(|_| accepts_gzip) {
        Some(compressed) => (
            [(CONTENT_ENCODING, HeaderValue::from_static("gzip"))],
            compressed,
        )
            .into_response(),
        None => file.plain.into_response(),
    };
    // A body of bytes sets its own content type, which this replaces.
    let content_type = HeaderValue::try_from(file.content_type).unwrap_or(TEXT);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CACHE_CONTROL, cache);
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    response
}

/// Responds to any other path. A link of the sharing page whose `#` became `%23` gets the page, which repairs its own
/// address: link scanners change links like this. The path then holds the key of the link, so no cache may store it.
pub(super) async fn other_path(
    State(shared): State<Arc<AppState>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let link = uri.path().strip_prefix("/%23");
    let is_link = link.is_some_and(|link| !link.contains('/'));
    if !is_link || ![Method::GET, Method::HEAD].contains(&method) {
        return not_found();
    }
    let mut response = page(
        &shared,
        "share/index.html",
        sharing_policy(headers.get(HOST)),
    )
    .await;
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

/// Returns the response to an unknown path.
pub(super) fn not_found() -> Response {
    let text = "Not found. The sharing page is at /, the dashboard at /dashboard, the connection check at /check, code for your own page at /connect, the documentation at /docs/. The tracker accepts WebSockets on any path, and HTTP announces at /announce. \
                Behind a proxy that forwards a path prefix such as /hub/, set base_path = \"/hub\".\n";
    (StatusCode::NOT_FOUND, [(CONTENT_TYPE, TEXT)], text).into_response()
}
