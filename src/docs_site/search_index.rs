//! The index that the search of the pages loads: each heading with its text.

use serde::Serialize;

use super::markdown::RenderedPage;
use super::sources::PageSource;

#[derive(Debug, Serialize)]
struct IndexedPage<'a> {
    /// Path below `/docs/`.
    path: &'a str,
    title: &'a str,
    sections: Vec<IndexedSection<'a>>,
}

#[derive(Debug, Serialize)]
struct IndexedSection<'a> {
    id: &'a str,
    heading: &'a str,
    text: String,
}

/// Returns the index as JSON.
pub(super) fn search_index(pages: &[(PageSource, RenderedPage)]) -> String {
    let pages: Vec<_> = pages
        .iter()
        .map(|(source, page)| IndexedPage {
            path: &source.slug,
            title: page.title(),
            sections: page
                .sections
                .iter()
                .map(|section| IndexedSection {
                    id: &section.id,
                    heading: &section.heading,
                    text: section
                        .text
                        .split_whitespace()
                        .collect::<Vec<_>>()
                        .join(" "),
                })
                .collect(),
        })
        .collect();
    // Texts and lists can always be written.
    serde_json::to_string(&pages).unwrap_or_default()
}
