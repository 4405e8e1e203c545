//! Fills the template of the pages: menu, table of contents, article.

use std::fmt::Write;

use super::markdown::{RenderedPage, Section, escaped};
use super::sources::{MENU, PageSource};

/// The name after the title of each page.
const SITE: &str = "swarmhub";
/// Levels of the headings in the table of contents.
const CONTENTS_LEVELS: std::ops::RangeInclusive<u8> = 2..=3;

/// Returns the HTML document of a page.
pub(super) fn page(template: &str, source: &PageSource, page: &RenderedPage) -> String {
    let title = match page.title() {
        SITE => format!("{SITE} documentation"),
        title => format!("{title} – {SITE}"),
    };
    let contents = contents(&page.sections);
    let has_contents = if contents.is_empty() { "hidden" } else { "" };
    fill(template, |name| {
        Some(match name {
            "title" => escaped(&title),
            "root" => source.root(),
            "docs" => source.path_to(""),
            "menu" => menu(source),
            "contents" => contents.clone(),
            "contents-hidden" => has_contents.to_owned(),
            "article" => page.html.clone(),
            _ => return None,
        })
    })
}

/// Replaces each `{{name}}` of the template. Values are not searched: texts contain such marks too.
fn fill(template: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut parts = template.split("{{");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let known = part
            .split_once("}}")
            .and_then(|(name, rest)| Some((value(name)?, rest)));
        match known {
            Some((value, rest)) => filled.extend([&value, rest]),
            None => filled.extend(["{{", part]),
        }
    }
    filled
}

fn menu(source: &PageSource) -> String {
    let mut html = String::new();
    for (group, entries) in &MENU {
        let _ = write!(html, "<h2>{}</h2><ul>", escaped(group));
        for entry in *entries {
            let is_current = entry.slug == source.slug;
            let current = if is_current {
                r#" aria-current="page""#
            } else {
                ""
            };
            let (href, label) = (source.path_to(entry.slug), escaped(entry.label));
            let _ = write!(html, r#"<li><a href="{href}"{current}>{label}</a></li>"#);
        }
        html.push_str("</ul>");
    }
    html
}

/// Returns the items of the table of contents; nothing for a page with a single heading.
fn contents(sections: &[Section]) -> String {
    let mut html = String::new();
    let listed = sections
        .iter()
        .filter(|section| CONTENTS_LEVELS.contains(&section.level));
    for Section {
        level, id, heading, ..
    } in listed
    {
        let (id, heading) = (escaped(id), escaped(heading));
        let _ = write!(
            html,
            r##"<li class="level-{level}"><a href="#{id}">{heading}</a></li>"##
        );
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_marks_of_the_template_are_replaced() {
        let value = |name: &str| (name == "a").then(|| String::from("{{b}}"));
        assert_eq!(fill("1{{a}}2{{b}}3{{", value), "1{{b}}2{{b}}3{{");
    }
}
