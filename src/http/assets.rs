//! Provides the files of the built-in pages: embedded in the binary, or read from a directory during development.
//!
//! Embedded files are served under a hash of all of them. So a browser may cache them permanently, and modules can
//! import each other by relative paths. Only the directories of [`SERVED_DIRECTORIES`] are served.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;

/// Directories of `web/` that are served.
const SERVED_DIRECTORIES: [&str; 8] = [
    "common",
    "embed",
    "share",
    "check",
    "connect",
    "dashboard",
    "docs",
    "vendor",
];

/// Files whose `{{assets}}` is replaced by the path of the assets.
const TEMPLATES: [&str; 9] = [
    "embed/embed.js",
    "embed/check.js",
    "check/index.html",
    "connect/index.html",
    "share/index.html",
    "share/sw.js",
    "share/manifest.webmanifest",
    "dashboard/index.html",
    "docs/page.html",
];

#[derive(RustEmbed)]
#[folder = "web/"]
#[include = "common/*"]
#[include = "embed/*.js"]
#[include = "embed/style/*"]
#[exclude = "embed/dist/*"] // what `npm pack` writes
#[exclude = "embed/package/*"] // of the npm package only
#[include = "share/*"]
#[include = "check/*"]
#[include = "connect/*"]
#[include = "dashboard/*"]
#[include = "docs/*"]
#[include = "vendor/*"]
struct EmbeddedFiles;

/// One file and its content type.
#[derive(Debug, Clone)]
pub(super) struct Asset {
    pub(super) content_type: String,
    pub(super) plain: Bytes,
    /// The compressed file, if it is at least a tenth smaller.
    pub(super) gzip: Option<Bytes>,
}

/// The source of the files.
#[derive(Debug)]
pub(super) enum Assets {
    /// Embedded files by path, and their common hash.
    EmbeddedFiles {
        files: HashMap<Cow<'static, str>, Asset>,
        hash: String,
        /// The files of [`TEMPLATES`], filled in at the first request.
        templates: OnceLock<HashMap<&'static str, Asset>>,
    },
    /// Files are read from this directory at each request.
    Folder(PathBuf),
}

impl Assets {
    /// Loads and compresses the embedded files.
    pub(super) fn embedded() -> Self {
        let mut hasher = DefaultHasher::new();
        let files = Self::embedded_paths().into_iter().filter_map(|name| {
            let file = EmbeddedFiles::get(&name)?;
            (&name, file.metadata.sha256_hash()).hash(&mut hasher);
            let plain = match file.data {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => bytes.into(),
            };
            let asset = Asset::new(&name, plain, true);
            Some((name, asset))
        });
        let files = files.collect();
        Self::EmbeddedFiles {
            files,
            hash: format!("{:016x}", hasher.finish()),
            templates: OnceLock::new(),
        }
    }

    /// Returns the path prefix of the files, without a trailing slash.
    pub(super) fn base(&self) -> String {
        match self {
            Self::EmbeddedFiles { hash, .. } => format!("/assets/{hash}"),
            Self::Folder(_) => String::from("/assets/dev"),
        }
    }

    /// Returns one of [`TEMPLATES`], filled in.
    pub(super) async fn template(&self, path: &str) -> Option<Asset> {
        // Relative to the directory of the page, because a proxy may add a path prefix.
        let base = self.base();
        let base = base.trim_start_matches('/');
        match self {
            Self::EmbeddedFiles {
                files, templates, ..
            } => {
                let filled =
                    |name: &'static str| Some((name, files.get(name)?.with_base_path(base)));
                let templates =
                    templates.get_or_init(|| TEMPLATES.into_iter().filter_map(filled).collect());
                templates.get(path).cloned()
            }
            Self::Folder(_) => Some(self.get(path).await?.with_base_path(base)),
        }
    }

    /// Returns the paths below `web/` of the embedded files, sorted.
    pub(super) fn embedded_paths() -> Vec<Cow<'static, str>> {
        let mut paths: Vec<_> = EmbeddedFiles::iter().collect();
        paths.sort_unstable();
        paths
    }

    /// Returns a file by its path below `web/`.
    pub(super) async fn get(&self, path: &str) -> Option<Asset> {
        match self {
            Self::EmbeddedFiles { files, .. } => files.get(path).cloned(),
            Self::Folder(folder) => {
                let file = folder.join(served_path(path)?);
                let plain = tokio::task::spawn_blocking(move || std::fs::read(file))
                    .await
                    .ok()?
                    .ok()?;
                Some(Asset::new(path, plain.into(), false))
            }
        }
    }
}

/// Returns the path if it stays inside a served directory.
fn served_path(path: &str) -> Option<&Path> {
    let path = Path::new(path);
    let is_normal = path
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let is_served = |folder| path.starts_with(folder);
    (is_normal && SERVED_DIRECTORIES.into_iter().any(is_served)).then_some(path)
}

impl Asset {
    /// Returns a copy with `{{assets}}` replaced by the path of the assets.
    fn with_base_path(&self, base: &str) -> Self {
        let text = String::from_utf8_lossy(&self.plain).replace("{{assets}}", base);
        Self {
            content_type: self.content_type.clone(),
            plain: text.into(),
            gzip: None,
        }
    }

    /// Creates an asset. The extension of `name` determines the content type.
    pub(super) fn new(name: &str, plain: Bytes, compress: bool) -> Self {
        let content_type = mime_guess::from_path(name).first_or_octet_stream();
        let is_text = matches!(content_type.type_().as_str(), "text" | "application")
            || content_type.suffix().is_some_and(|suffix| suffix == "xml");
        let charset = if content_type.type_() == "text" {
            "; charset=utf-8"
        } else {
            ""
        };
        let gzip = (compress && is_text).then(|| gzip(&plain)).flatten();
        Self {
            content_type: format!("{content_type}{charset}"),
            plain,
            gzip,
        }
    }
}

fn gzip(plain: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(plain).ok()?;
    let compressed = encoder.finish().ok()?;
    (compressed.len() < plain.len() / 10 * 9).then(|| compressed.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_served_directories_are_embedded() {
        let Assets::EmbeddedFiles { files, .. } = Assets::embedded() else {
            panic!("not embedded")
        };
        assert!(files.contains_key("share/index.html"));
        assert!(files.contains_key("dashboard/index.html"));
        assert!(files.contains_key("vendor/webtorrent/webtorrent.min.js"));
        assert!(files.keys().all(|name| served_path(name).is_some()));
        let script = &files["vendor/webtorrent/webtorrent.min.js"];
        assert_eq!(script.content_type, "text/javascript; charset=utf-8");
        assert!(
            script
                .gzip
                .as_ref()
                .is_some_and(|gzip| gzip.len() < script.plain.len() / 2)
        );
    }

    #[test]
    fn no_path_leaves_the_served_directories() {
        assert!(served_path("share/index.html").is_some());
        for path in [
            "share/../../secret",
            "/etc/passwd",
            "../share/x",
            "test/x",
            "package.json",
            "",
            "share/./../x",
        ] {
            assert!(served_path(path).is_none(), "{path}");
        }
    }
}
