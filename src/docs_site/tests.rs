use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::*;

/// The template with the parts that link somewhere.
const TEMPLATE: &str = "{{menu}}{{contents}}{{article}}";

/// Returns the paths and contents of the rendered pages.
fn pages() -> BTreeMap<String, String> {
    let api: Value = serde_json::from_str(include_str!("../../docs/openapi.json")).unwrap();
    let files = render(TEMPLATE, "assets/1", &api).into_iter();
    files
        .filter(|file| file.name.ends_with(".html"))
        .map(|file| {
            let text = String::from_utf8(file.contents.into_owned()).unwrap();
            (file.path.into_owned(), text)
        })
        .collect()
}

/// Returns the values of an attribute, as written by the renderer.
fn attributes<'h>(html: &'h str, name: &str) -> Vec<&'h str> {
    let start = format!(" {name}=\"");
    // Only in tags: code of the texts has attributes too.
    let tags = html
        .split('<')
        .skip(1)
        .filter_map(|rest| rest.split('>').next());
    let values = tags.filter_map(|tag| tag.split_once(&start[..]));
    values
        .filter_map(|(_, rest)| rest.split('"').next())
        .collect()
}

#[test]
fn every_text_of_docs_is_a_page() {
    let pages = pages();
    for name in sources::embedded_names().filter(|name| name.ends_with(".md")) {
        let slug = sources::slug_of(&format!("docs/{name}"));
        let slug = slug.unwrap_or_else(|| panic!("{name} is not in MENU"));
        assert!(pages.contains_key(&*slug), "{name}");
    }
    for (_, entries) in sources::MENU {
        for entry in entries {
            assert!(pages.contains_key(entry.slug), "{}", entry.label);
        }
    }
}

#[test]
fn no_link_of_the_site_is_broken() {
    let pages = pages();
    let images: BTreeSet<_> = sources::images()
        .map(|image| image.path.into_owned())
        .collect();
    let (mut broken, mut count) = (Vec::new(), 0);
    for (path, html) in &pages {
        let url = format!("docs/{path}");
        let base = url_path(&url);
        for url in attributes(html, "href")
            .into_iter()
            .chain(attributes(html, "src"))
        {
            if url.starts_with("https://") {
                continue;
            }
            count += 1;
            let (target, fragment) = url.split_once('#').unwrap_or((url, ""));
            let absolute = follow(&base, path, target);
            let is_asset = absolute.strip_prefix("assets/1/").is_some_and(|file| {
                let web = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
                web.join(file).is_file()
            });
            let slug = absolute.strip_prefix("docs/");
            let page = slug.and_then(|slug| pages.get(slug));
            let exists = is_asset
                || slug.is_some_and(|slug| images.contains(slug))
                || page.is_some_and(|html| {
                    fragment.is_empty() || attributes(html, "id").contains(&fragment)
                });
            if !exists {
                broken.push(format!("{path}: {url}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
    assert!(count > 1000, "{count}");
}

/// Returns the folders of a URL path.
fn url_path(path: &str) -> Vec<&str> {
    let mut parts: Vec<_> = path.split('/').collect();
    parts.pop();
    parts
}

/// Returns the path to which a relative URL leads, as browsers resolve it.
fn follow(base: &[&str], page: &str, target: &str) -> String {
    if target.is_empty() {
        return format!("docs/{page}");
    }
    let mut parts = base.to_vec();
    let mut ends_with_slash = false;
    for part in target.split('/') {
        ends_with_slash = matches!(part, "" | "." | "..");
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/") + if ends_with_slash { "/" } else { "" }
}

#[test]
fn ids_of_a_page_are_unique() {
    for (path, html) in pages() {
        let ids = attributes(&html, "id");
        let unique: BTreeSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), unique.len(), "{path}");
    }
}

#[test]
fn no_page_has_inline_styles_or_scripts() {
    for (path, html) in pages() {
        assert!(
            !html.contains("<script") && !html.contains("<style"),
            "{path}"
        );
        assert_eq!(attributes(&html, "style"), [""; 0], "{path}");
    }
    assert!(pages()[""].contains(r#"<td class="right">"#));
}

#[test]
fn links_to_unserved_files_become_text() {
    let pages = pages();
    let start = &pages[""];
    assert!(start.contains("for coturn: deploy/."), "{start}");
    assert!(start.contains(r#"<a href="tls">"#));
    let sharing = &pages["sharing"];
    assert!(sharing.contains(r#"<a href="../assets/1/common/early-gathering.js">"#));
}

#[test]
fn html_of_a_text_is_shown_and_comments_are_omitted() {
    let source = sources::PageSource {
        slug: String::new(),
        file: "README.md".to_owned(),
        text: "# A\n\n<script>alert(1)</script>\n\n<!-- one\n\ntwo -->\n\n<b>bold</b>\n".into(),
    };
    let html = markdown::render(&source, "assets/1").html;
    assert!(html.contains("&lt;script&gt;alert(1)"), "{html}");
    assert!(html.contains("&lt;b&gt;bold"), "{html}");
    assert!(!html.contains("one") && !html.contains("two"), "{html}");
}

#[test]
fn marks_of_code_blocks_are_not_shown() {
    let source = sources::PageSource {
        slug: String::new(),
        file: "README.md".to_owned(),
        text: "# A\n\n```js run=seed\nlet a = '<'\n```\n".into(),
    };
    let html = markdown::render(&source, "assets/1").html;
    assert!(
        html.contains("<code class=\"language-js\">let a = '&lt;'\n</code></pre>"),
        "{html}"
    );
    assert!(!html.contains("run="), "{html}");
}

#[test]
fn the_search_index_has_every_heading_and_its_text() {
    let api: Value = serde_json::from_str(include_str!("../../docs/openapi.json")).unwrap();
    let files = render(TEMPLATE, "assets/1", &api);
    let index = files.iter().find(|file| file.path == SEARCH_INDEX).unwrap();
    let index: Value = serde_json::from_slice(&index.contents).unwrap();
    let page = |path: &str| {
        let pages = index.as_array().unwrap();
        pages.iter().find(|page| page["path"] == path).unwrap()
    };
    let sections = page("tls")["sections"].as_array().unwrap();
    assert!(sections.iter().any(|section| section["id"] == "acme"));
    let first = &sections[0];
    assert!(
        !first["text"]
            .as_str()
            .unwrap()
            .starts_with(first["heading"].as_str().unwrap())
    );
    let api = page("api")["sections"].to_string();
    assert!(api.contains("GET /api/v1/stats"), "{api}");
    let start = page("")["sections"].to_string();
    assert!(start.contains("cargo run --release"), "{start}");
    assert_eq!(
        page("protocol")["title"],
        "The protocol, and the tests that check it"
    );
}

#[test]
fn snippets_have_their_commands_and_imports() {
    let api: Value = serde_json::from_str(include_str!("../../docs/openapi.json")).unwrap();
    let files = render(TEMPLATE, "assets/1", &api);
    let file = files.iter().find(|file| file.path == SNIPPETS).unwrap();
    let snippets: Value = serde_json::from_slice(&file.contents).unwrap();
    let snippets = snippets.as_array().unwrap();
    let names: Vec<_> = snippets.iter().map(|one| one["name"].as_str()).collect();
    for name in ["swarm-share", "webtorrent", "swarm-check"] {
        assert!(names.contains(&Some(name)), "{names:?}");
    }
    let webtorrent = snippets
        .iter()
        .find(|one| one["name"] == "webtorrent")
        .unwrap();
    assert_eq!(webtorrent["path"], "own-client");
    assert_eq!(webtorrent["section"], "webtorrent-share-files");
    assert_eq!(webtorrent["heading"], "webtorrent: share files");
    let text = |key: &str| webtorrent[key].as_str().unwrap_or_default().to_owned();
    assert!(text("install").starts_with("npm install --ignore-scripts webtorrent"));
    assert!(text("code").starts_with("<!doctype html>") && text("code").ends_with("</html>\n"));
    assert!(text("vite").starts_with("import WebTorrent from"));
    assert!(snippets.iter().all(|one| one["language"] != "sh"));
    let text = |name: &str, key: &str| {
        let found = snippets.iter().find(|one| one["name"] == name);
        found.unwrap()[key].as_str().unwrap_or_default().to_owned()
    };
    for name in ["p2p-media-loader", "vue"] {
        assert!(text(name, "config").contains("defineConfig"), "{name}");
    }
    for name in ["plain", "react", "react-19", "vue"] {
        assert!(text(name, "install").contains("npm pack"), "{name}");
    }
}
