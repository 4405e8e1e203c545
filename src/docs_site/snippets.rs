//! The code of the texts that developers copy into their own pages, for the page `/connect`.
//!
//! Marks after the language of a code block choose it: `snippet=NAME`, `run=NAME` on a complete page, or `package=NAME`
//! on code for the npm package. Other blocks belong to it by its name: `install=NAME` has the command that installs what it
//! imports (`install=package`: of all code for the package), `vite=NAME` its imports in a build, `config=NAME` the
//! configuration that a build needs.

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
    /// The configuration that a build needs.
    config: Option<String>,
}

/// A code block with marks.
struct Block {
    language: String,
    /// Kind and name.
    marks: Vec<(String, String)>,
    code: String,
    /// Index of its section.
    section: usize,
}

impl Block {
    /// Returns the mark that makes it a snippet.
    fn choice(&self) -> Option<&(String, String)> {
        let mut marks = self.marks.iter();
        let chosen = marks.find(|(kind, _)| ["snippet", "run", "package"].contains(&&**kind));
        chosen.filter(|_| LANGUAGES.contains(&&*self.language))
    }
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
    let code_of = |kind: &str, name: &str| {
        let is_mark = |mark: &(String, String)| mark.0 == kind && mark.1 == name;
        let found = blocks.iter().find(|block| block.marks.iter().any(is_mark));
        found.map(|block| block.code.clone())
    };
    let chosen = blocks.iter().filter_map(|block| {
        let (kind, name) = block.choice()?;
        let section = page.sections.get(block.section)?;
        let installed = if kind == "package" { kind } else { name };
        Some(Snippet {
            name: name.clone(),
            path: source.slug.clone(),
            section: section.id.clone(),
            heading: section.heading.clone(),
            language: block.language.clone(),
            install: code_of("install", installed),
            code: block.code.clone(),
            vite: code_of("vite", name),
            config: code_of("config", name),
        })
    });
    chosen.collect()
}

fn marked_blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut sections: usize = 0;
    let mut open: Option<Block> = None;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Heading { .. }) => sections += 1,
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(info))) => {
                let mut words = info.split_whitespace();
                let language = words.next().unwrap_or_default().to_owned();
                let marks = words.filter_map(|word| word.split_once('='));
                let marks = marks.map(|(kind, name)| (kind.to_owned(), name.to_owned()));
                open = Some(Block {
                    language,
                    marks: marks.collect(),
                    code: String::new(),
                    section: sections.saturating_sub(1),
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
