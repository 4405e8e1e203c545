//! Serves what other sites need to put `<swarm-share>` and `<swarm-check>` on their pages: scripts with stable URLs, and the
//! hashes with which a page allows exactly the files of one version.
//!
//! These responses and the files below `/assets/` are public and the same for every client, so pages of all origins may
//! read and load them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use axum::extract::State;
use axum::response::Response;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use ring::digest::{SHA384, digest};
use serde::Serialize;

use super::assets::Assets;
use super::pages::template;
use super::response::{JSON, for_all_origins};
use super::response_body::shared_response;
use super::state::AppState;

/// After an update of the server, pages of other sites load the new version within five minutes.
const BRIEF_CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300, must-revalidate");

/// The entry module. It defines the element.
const ENTRY: &str = "embed/define.js";
/// Directories with modules of both elements. Some third-party modules belong to the dashboard only; a hash too many
/// does no harm.
const MODULE_DIRECTORIES: [&str; 5] = ["check/", "common/", "embed/", "share/", "vendor/"];
/// Scripts in these directories that the elements do not load, or not as a module of the page.
const OTHER_SCRIPTS: [&str; 6] = [
    "check/main.js",
    "embed/check.js",
    "embed/embed.js",
    "share/core/opfs-worker.js",
    "share/main.js",
    "share/sw.js",
];

/// The response of `/embed.json`. Paths are relative to its URL, because a proxy may add a path prefix.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct VersionDocument {
    /// The entry module of this version.
    url: String,
    /// Its hash, for the attribute `integrity`.
    integrity: String,
    /// The hashes of all modules of this version, as an import map.
    import_map: ImportMap,
}

/// An import map with hashes: <https://html.spec.whatwg.org/multipage/webappapis.html#import-map>.
#[derive(Debug, Serialize)]
struct ImportMap {
    integrity: BTreeMap<String, String>,
}

/// `GET /embed.js`: loads the current version of `<swarm-share>`.
pub(super) async fn share_script(State(shared): State<Arc<AppState>>) -> Response {
    script(&shared, "embed/embed.js").await
}

/// `GET /check.js`: loads the current version of `<swarm-check>`.
pub(super) async fn check_script(State(shared): State<Arc<AppState>>) -> Response {
    script(&shared, "embed/check.js").await
}

async fn script(shared: &AppState, name: &str) -> Response {
    let mut response = template(shared, name).await;
    if response.status().is_success() {
        response.headers_mut().insert(CACHE_CONTROL, BRIEF_CACHE);
    }
    for_all_origins(response)
}

/// `GET /embed.json`: the current version of the element with the hashes of its modules.
pub(super) async fn versions(State(shared): State<Arc<AppState>>) -> Response {
    // Embedded files are the same in the whole process; hashing them takes milliseconds.
    static EMBEDDED: OnceLock<String> = OnceLock::new();
    let document = match (shared.assets(), EMBEDDED.get()) {
        (Assets::EmbeddedFiles { .. }, Some(known)) => known.clone(),
        (assets @ Assets::EmbeddedFiles { .. }, None) => {
            let document = version_document(assets).await;
            EMBEDDED.get_or_init(|| document).clone()
        }
        (assets @ Assets::Folder(_), _) => version_document(assets).await,
    };
    let headers = [(CONTENT_TYPE, JSON), (CACHE_CONTROL, BRIEF_CACHE)];
    for_all_origins(shared_response((headers, document)))
}

async fn version_document(assets: &Assets) -> String {
    let base = assets.base();
    let base = base.trim_start_matches('/');
    let mut hashes = BTreeMap::new();
    for path in Assets::embedded_paths() {
        if is_module(&path)
            && let Some(asset) = assets.get(&path).await
        {
            let hash = BASE64_STANDARD.encode(digest(&SHA384, &asset.plain));
            hashes.insert(format!("{base}/{path}"), format!("sha384-{hash}"));
        }
    }
    let url = format!("{base}/{ENTRY}");
    let document = VersionDocument {
        integrity: hashes.get(&url).cloned().unwrap_or_default(),
        url,
        import_map: ImportMap { integrity: hashes },
    };
    serde_json::to_string(&document).unwrap_or_default()
}

fn is_module(path: &str) -> bool {
    MODULE_DIRECTORIES
        .iter()
        .any(|directory| path.starts_with(directory))
        && Path::new(path)
            .extension()
            .is_some_and(|ending| ending == "js")
        && !OTHER_SCRIPTS.contains(&path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_modules_of_the_element_have_a_hash() {
        let paths = Assets::embedded_paths();
        let modules: Vec<_> = paths.iter().filter(|path| is_module(path)).collect();
        assert!(modules.iter().any(|path| *path == ENTRY));
        assert!(modules.len() > 40, "{modules:?}");
        for other in OTHER_SCRIPTS {
            assert!(paths.iter().any(|path| path == other), "{other}");
        }
    }

    #[test]
    fn files_of_the_npm_package_are_not_embedded() {
        for path in Assets::embedded_paths() {
            let Some(name) = path.strip_prefix("embed/") else {
                continue;
            };
            let is_served = name.starts_with("style/") || !name.contains('/');
            let ending = Path::new(name).extension().unwrap_or_default();
            assert!(is_served && (ending == "js" || ending == "css"), "{path}");
        }
    }
}
