//! Resolves the links of a text: files of the repository become pages of the site.

use super::sources::{PageSource, slug_of};

/// The folder of the repository whose files are served as assets.
const WEB_FOLDER: &str = "web/";

/// Returns the address for the target of a link or image, or `None` if the server does not have the file: then only the
/// text of the link is shown. `assets` is the path of the assets from the root of the server.
pub(super) fn resolve(source: &PageSource, target: &str, assets: &str) -> Option<String> {
    if target.starts_with('#') || has_scheme(target) {
        return Some(target.to_owned());
    }
    let (path, fragment) = match target.split_once('#') {
        Some((path, fragment)) => (path, format!("#{fragment}")),
        None => (target, String::new()),
    };
    let file = join(&source.file, path)?;
    if let Some(slug) = slug_of(&file) {
        return Some(source.path_to(&slug) + &fragment);
    }
    let served = file.strip_prefix(WEB_FOLDER)?;
    Some(format!("{}{assets}/{served}", source.root()))
}

fn has_scheme(target: &str) -> bool {
    let scheme = target.split(['/', '#']).next().unwrap_or_default();
    scheme.contains(':')
}

/// Returns the path of a file from the root of the repository, or `None` if it is outside.
fn join(from: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<_> = from.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_pages_anchors_images_and_assets() {
        let page = |slug: &str, file: &str| PageSource {
            slug: slug.to_owned(),
            file: file.to_owned(),
            text: "".into(),
        };
        let start = page("", "README.md");
        let tls = page("tls", "docs/tls.md");
        let decision = page("decisions/001-one-crate", "docs/decisions/001-one-crate.md");
        for (from, target, expected) in [
            (&start, "docs/tls.md#acme", Some("tls#acme")),
            (
                &start,
                "docs/images/sharing.png",
                Some("images/sharing.png"),
            ),
            (&start, "SECURITY.md", Some("security-policy")),
            (&start, "deploy/nginx.conf", None),
            (&start, "docs/missing.md", None),
            (&tls, "../README.md", Some("./")),
            (&tls, "openapi.json", Some("api")),
            (&tls, "decisions/README.md#x", Some("decisions/#x")),
            (&tls, "#acme", Some("#acme")),
            (
                &tls,
                "https://a.example/b.md",
                Some("https://a.example/b.md"),
            ),
            (&tls, "../../outside.md", None),
            (
                &tls,
                "../web/common/dom.js",
                Some("../assets/1/common/dom.js"),
            ),
            (&decision, "../tls.md", Some("../tls")),
            (&decision, "README.md", Some("../decisions/")),
            (&decision, "../../README.md", Some("../")),
            (&decision, "../../CHANGELOG.md", Some("../changelog")),
        ] {
            let url = resolve(from, target, "assets/1");
            assert_eq!(url.as_deref(), expected, "{target}");
        }
    }
}
