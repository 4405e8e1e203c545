//! The code of the texts that developers copy into their own pages, for the page `/connect`.
//!
//! Marks after the language of a code block choose it: `snippet=NAME`, `run=NAME` on a complete page, or `package=NAME`
//! on code for the npm package. Other blocks belong to it by its name: `install=NAME` has the command that installs it, `vite=NAME` its imports in a build.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use serde::Serialize;

use super::markdown::RenderedPage;
use super::sources::PageSource;

/// Languages of code that runs in pages.
const LANGUAGES: [&str; 3] = ["html", "tsx", "vue"];

#[derive(Debug, Serialize, PartialEq)]
pub(super) struct Snippet {
    pub(super) name: String,
    /// Path of its text below `/docs/`, and the section there.
    path: String,
    section: String,
    heading: String,
    pub(super) language: String,
    /// The command that installs what it imports.
    install: Option<String>,
    pub(super) code: String,
    /// Its imports in a build.
    vite: Option<String>,
}

/// A code block with a mark.
struct Block {
    language: String,
    kind: String,
    name: String,
    code: String,
    /// Index of its section.
    section: usize,
}

/// Returns the snippets in the order of the pages.
pub(super) fn snippets(pages: &[(PageSource, RenderedPage)]) -> Vec<Snippet> {
    pages
        .iter()
        .flat_map(|(source, page)| snippets_of(source, page))
        .collect()
}

fn snippets_of(source: &PageSource, page: &RenderedPage) -> Vec<Snippet> {
    let blocks = marked_blocks(&source.text);
    let chosen = blocks.iter().filter(|block| {
        ["snippet", "run", "package"].contains(&&*block.kind)
            && LANGUAGES.contains(&&*block.language)
    });
    let code_of = |kind: &str, name: &str| {
        let mut named = blocks.iter();
        let found = named.find(|block| block.kind == kind && block.name == name);
        found.map(|block| block.code.clone())
    };
    let chosen = chosen.filter_map(|block| {
        let section = page.sections.get(block.section)?;
        Some(Snippet {
            name: block.name.clone(),
            path: source.slug.clone(),
            section: section.id.clone(),
            heading: section.heading.clone(),
            language: block.language.clone(),
            install: code_of("install", &block.name),
            code: block.code.clone(),
            vite: code_of("vite", &block.name),
        })
    });
    chosen.collect()
}

fn marked_blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut sections = 0;
    let mut open: Option<Block> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => sections += 1,
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                let mut words = info.split_whitespace();
                let language = words.next().unwrap_or_default().to_owned();
                open = words
                    .find_map(|word| word.split_once('='))
                    .map(|(kind, name)| Block {
                        language,
                        kind: kind.to_owned(),
                        name: name.to_owned(),
                        code: String::new(),
                        section: usize::saturating_sub(sections, 1),
                    });
            }
            Event::Text(code) => {
                if let Some(block) = &mut open {
                    block.code.push_str(&code);
                }
            }
            Event::End(TagEnd::CodeBlock) => blocks.extend(open.take()),
            _ => {}
        }
    }
    blocks
}
