//! The texts of the site, embedded in the binary, in the order of the menu.

use std::borrow::Cow;

use rust_embed::RustEmbed;
use serde_json::Value;

use super::{SiteFile, api_page};

/// Files of `docs/`.
#[derive(RustEmbed)]
#[folder = "docs/"]
#[include = "*.md"]
#[include = "images/*"]
struct EmbeddedDocs;

/// A file at the root of the repository, or one of `docs/`.
enum Origin {
    Root(&'static str),
    Docs,
    /// Written from the OpenAPI document.
    Api,
}

/// One page in the menu.
pub(super) struct MenuEntry {
    /// Path below `/docs/`.
    pub(super) slug: &'static str,
    /// Path in the repository.
    file: &'static str,
    pub(super) label: &'static str,
    origin: Origin,
}

const fn docs(slug: &'static str, file: &'static str, label: &'static str) -> MenuEntry {
    MenuEntry {
        slug,
        file,
        label,
        origin: Origin::Docs,
    }
}

const fn root(
    slug: &'static str,
    file: &'static str,
    label: &'static str,
    text: &'static str,
) -> MenuEntry {
    MenuEntry {
        slug,
        file,
        label,
        origin: Origin::Root(text),
    }
}

/// The groups of the menu. A page of `docs/decisions/` is reached from [`DECISIONS`] only.
pub(super) const MENU: [(&str, &[MenuEntry]); 6] = [
    (
        "Start",
        &[
            root("", "README.md", "Start", include_str!("../../README.md")),
            docs("sharing", "docs/sharing.md", "The sharing page"),
        ],
    ),
    (
        "Develop",
        &[
            docs("embed", "docs/embed.md", "Share on your page"),
            docs("own-client", "docs/own-client.md", "Your own client"),
            docs("connect", "docs/connect.md", "STUN and TURN"),
            docs("check", "docs/check.md", "Check a connection"),
            docs("protocol", "docs/protocol.md", "Protocol"),
            docs("matchmaking", "docs/matchmaking.md", "Who meets whom"),
        ],
    ),
    (
        "HTTP API",
        &[
            MenuEntry {
                slug: "api",
                file: API_FILE,
                label: "HTTP API",
                origin: Origin::Api,
            },
            docs("statistics", "docs/statistics.md", "Statistics"),
            docs("admin", "docs/admin.md", "Admin API"),
        ],
    ),
    (
        "Operate",
        &[
            docs("operating", "docs/operating.md", "Listeners and proxies"),
            docs("tls", "docs/tls.md", "TLS"),
            docs("access", "docs/access.md", "Access lists and sites"),
            docs("limits", "docs/limits.md", "Limits"),
            docs("upgrading", "docs/upgrading.md", "Reload and upgrade"),
            docs("cluster", "docs/cluster.md", "Several nodes"),
            docs("dashboard", "docs/dashboard.md", "Dashboard"),
            docs("metrics", "docs/metrics.md", "Metrics"),
            docs("alerts", "docs/alerts.md", "Alerts"),
            docs("load", "docs/load.md", "Load generator"),
            docs("performance", "docs/performance.md", "Performance"),
        ],
    ),
    (
        "Security",
        &[
            root(
                "security-policy",
                "SECURITY.md",
                "Threats, reports",
                include_str!("../../SECURITY.md"),
            ),
            docs("security", "docs/security.md", "Attacks, measured"),
        ],
    ),
    (
        "Project",
        &[
            docs("architecture", "docs/architecture.md", "Architecture"),
            docs("decisions/", DECISIONS, "Decisions"),
            docs("glossary", "docs/glossary.md", "Glossary"),
            root(
                "changelog",
                "CHANGELOG.md",
                "Changes",
                include_str!("../../CHANGELOG.md"),
            ),
            docs("releasing", "docs/releasing.md", "Releases"),
        ],
    ),
];

/// The page that lists the decisions.
const DECISIONS: &str = "docs/decisions/README.md";
/// The document that becomes the page of the API.
const API_FILE: &str = "docs/openapi.json";

/// The Markdown text of one page.
pub(super) struct PageSource {
    /// Path below `/docs/`, empty for the start page.
    pub(super) slug: String,
    /// Path in the repository, from which its links start.
    pub(super) file: String,
    pub(super) text: Cow<'static, str>,
}

impl PageSource {
    /// Returns the relative path to a file of the site, or to `/docs/` itself.
    pub(super) fn path_to(&self, slug: &str) -> String {
        let up = "../".repeat(self.slug.matches('/').count());
        match (up.is_empty(), slug.is_empty()) {
            (true, true) => String::from("./"),
            _ => up + slug,
        }
    }

    /// Returns the relative path to the root of the server.
    pub(super) fn root(&self) -> String {
        "../".repeat(self.slug.matches('/').count() + 1)
    }
}

/// Returns the pages in the order of the menu, then the decisions.
pub(super) fn pages(api: &Value) -> Vec<PageSource> {
    let listed = MENU.iter().flat_map(|(_, entries)| *entries);
    let mut pages: Vec<_> = listed
        .filter_map(|entry| {
            let text = match entry.origin {
                Origin::Root(text) => Cow::Borrowed(text),
                Origin::Docs => embedded_text(entry.file.strip_prefix("docs/")?)?,
                Origin::Api => Cow::Owned(api_page::markdown(api)),
            };
            Some(PageSource {
                slug: entry.slug.to_owned(),
                file: entry.file.to_owned(),
                text,
            })
        })
        .collect();
    let mut decisions: Vec<_> = EmbeddedDocs::iter()
        .filter(|name| name.starts_with("decisions/") && !name.ends_with("README.md"))
        .collect();
    decisions.sort_unstable();
    pages.extend(decisions.into_iter().filter_map(|name| {
        Some(PageSource {
            slug: name.strip_suffix(".md")?.to_owned(),
            file: format!("docs/{name}"),
            text: embedded_text(&name)?,
        })
    }));
    pages
}

/// Returns the path below `/docs/` of a file of the repository, if the site has it.
pub(super) fn slug_of(file: &str) -> Option<Cow<'static, str>> {
    let mut entries = MENU.iter().flat_map(|(_, entries)| *entries);
    if let Some(entry) = entries.find(|entry| entry.file == file) {
        return Some(Cow::Borrowed(entry.slug));
    }
    let name = file.strip_prefix("docs/")?;
    let slug = match name.strip_suffix(".md") {
        Some(decision) if decision.starts_with("decisions/") => decision,
        None if name.starts_with("images/") => name,
        _ => return None,
    };
    EmbeddedDocs::get(name).map(|_| Cow::Owned(slug.to_owned()))
}

/// Returns the images of the pages.
pub(super) fn images() -> impl Iterator<Item = SiteFile> {
    EmbeddedDocs::iter()
        .filter(|name| name.starts_with("images/"))
        .filter_map(|name| {
            Some(SiteFile {
                contents: EmbeddedDocs::get(&name)?.data,
                path: name.clone(),
                name,
            })
        })
}

fn embedded_text(name: &str) -> Option<Cow<'static, str>> {
    match EmbeddedDocs::get(name)?.data {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// Returns the names of the embedded texts of `docs/`.
#[cfg(test)]
pub(super) fn embedded_names() -> impl Iterator<Item = Cow<'static, str>> {
    EmbeddedDocs::iter()
}
