//! Renders the documentation of the repository into the pages of `/docs`: Markdown to HTML, one template for all, links
//! between the pages, an index for the search, and the snippets of the page `/connect`.
//!
//! It is plain text in and text out; it knows no requests and serves nothing. `http` calls it once, at the first request
//! for a page of `/docs`.

mod api_page;
mod heading_ids;
mod layout;
mod links;
mod markdown;
mod search_index;
mod snippets;
mod sources;

use std::borrow::Cow;

use serde_json::Value;

/// One file of the site.
#[derive(Debug)]
pub(crate) struct SiteFile {
    /// Path below `/docs/`; empty for the start page.
    pub(crate) path: Cow<'static, str>,
    /// A name with the extension of the contents, for their content type.
    pub(crate) name: Cow<'static, str>,
    pub(crate) contents: Cow<'static, [u8]>,
}

/// The path of the search index below `/docs/`.
pub(crate) const SEARCH_INDEX: &str = "search.json";
/// The path of the snippets below `/docs/`.
pub(crate) const SNIPPETS: &str = "snippets.json";

/// Returns all files of the site. `template` is `web/docs/page.html`, `assets` the path of the files of `web/` from the
/// root of the server, `api` the OpenAPI document.
pub(crate) fn render(template: &str, assets: &str, api: &Value) -> Vec<SiteFile> {
    let pages: Vec<_> = sources::pages(api)
        .into_iter()
        .map(|source| {
            let rendered = markdown::render(&source, assets);
            (source, rendered)
        })
        .collect();
    let index = search_index::search_index(&pages);
    let mut files: Vec<_> = pages
        .iter()
        .map(|(source, rendered)| SiteFile {
            path: Cow::Owned(source.slug.clone()),
            name: Cow::Borrowed("page.html"),
            contents: layout::page(template, source, rendered).into_bytes().into(),
        })
        .collect();
    // Texts and lists can always be written.
    let snippets = serde_json::to_string(&snippets::snippets(&pages)).unwrap_or_default();
    for (name, json) in [(SEARCH_INDEX, index), (SNIPPETS, snippets)] {
        files.push(SiteFile {
            path: Cow::Borrowed(name),
            name: Cow::Borrowed(name),
            contents: json.into_bytes().into(),
        });
    }
    files.extend(sources::images());
    files
}

#[cfg(test)]
mod tests;
