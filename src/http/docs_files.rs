//! The rendered files of `/docs`, compressed, with their entity tags.

use std::borrow::Cow;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use hyper::header::HeaderValue;
use serde_json::Value;

use super::assets::Asset;
use crate::docs_site;

/// A file of `/docs`.
#[derive(Debug, Clone)]
pub(super) struct DocsFile {
    pub(super) asset: Asset,
    /// Weak, because the compressed file has the same.
    pub(super) entity_tag: HeaderValue,
}

/// The files of `/docs` by their path below it.
#[derive(Debug)]
pub(super) struct DocsFiles(HashMap<Cow<'static, str>, DocsFile>);

impl DocsFiles {
    /// Renders and compresses all files. This takes some tens of milliseconds. `template` is `web/docs/page.html`,
    /// `assets` the path of the assets without a leading slash.
    pub(super) fn render(template: &str, assets: &str, api: &Value) -> Self {
        let files = docs_site::render(template, assets, api).into_iter();
        let files = files.map(|file| {
            let plain = match file.contents {
                Cow::Borrowed(bytes) => Bytes::from_static(bytes),
                Cow::Owned(bytes) => bytes.into(),
            };
            let mut hasher = DefaultHasher::new();
            plain.hash(&mut hasher);
            let entity_tag = format!("W/\"{:016x}\"", hasher.finish());
            // Hexadecimal digits and quotes are always a valid value; this other one would match no request.
            let entity_tag =
                HeaderValue::try_from(entity_tag).unwrap_or(HeaderValue::from_static("W/\"\""));
            let file_with_tag = DocsFile {
                asset: Asset::new(&file.name, plain, true),
                entity_tag,
            };
            (file.path, file_with_tag)
        });
        Self(files.collect())
    }

    pub(super) fn get(&self, path: &str) -> Option<&DocsFile> {
        self.0.get(path)
    }
}
