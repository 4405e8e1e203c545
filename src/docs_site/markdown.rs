//! Renders the Markdown of one page, and collects its headings and plain text.

use pulldown_cmark::{CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::heading_ids::HeadingIds;
use super::links::resolve;
use super::sources::PageSource;

/// A rendered page.
#[derive(Debug, Default)]
pub(super) struct RenderedPage {
    pub(super) html: String,
    /// In the order of the page. The first heading is the title.
    pub(super) sections: Vec<Section>,
}

impl RenderedPage {
    pub(super) fn title(&self) -> &str {
        self.sections.first().map_or("", |section| &section.heading)
    }
}

/// A heading and the plain text up to the next one.
#[derive(Debug)]
pub(super) struct Section {
    /// 1 for the title.
    pub(super) level: u8,
    pub(super) id: String,
    pub(super) heading: String,
    pub(super) text: String,
}

/// Renders a page. `assets` is the path of the files of `web/` from the root of the server.
pub(super) fn render(source: &PageSource, assets: &str) -> RenderedPage {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    let mut writer = PageWriter {
        source,
        assets,
        ids: HeadingIds::default(),
        sections: Vec::new(),
        hidden_links: Vec::new(),
        is_in_heading: false,
        comment: false,
    };
    let events: Vec<_> = Parser::new_ext(&source.text, options).collect();
    let mut output = Vec::with_capacity(events.len());
    for (at, event) in events.iter().enumerate() {
        if let Event::Start(Tag::Heading { level, .. }) = event {
            let rest = events.get(at..).unwrap_or_default();
            writer.begin_section(*level, &heading_text(rest));
        }
        writer.write(event.clone(), &mut output);
    }
    let mut html = String::with_capacity(source.text.len() * 2);
    pulldown_cmark::html::push_html(&mut html, output.into_iter());
    RenderedPage {
        html: with_alignment_classes(&html),
        sections: writer.sections,
    }
}

/// Replaces the inline styles of aligned table cells, which the content security policy forbids. Text of a page cannot
/// look like them, because its `<` is escaped.
fn with_alignment_classes(html: &str) -> String {
    let mut html = html.to_owned();
    for cell in ["td", "th"] {
        for side in ["left", "center", "right"] {
            let styled = format!(r#"<{cell} style="text-align: {side}">"#);
            html = html.replace(&styled, &format!(r#"<{cell} class="{side}">"#));
        }
    }
    html
}

/// Returns the plain text of the heading with which `events` begin.
fn heading_text(events: &[Event]) -> String {
    let is_end = |event: &&Event| matches!(event, Event::End(TagEnd::Heading(_)));
    let inside = events.iter().take_while(|event| !is_end(event));
    let texts = inside.filter_map(|event| match event {
        Event::Text(text) | Event::Code(text) => Some(&**text),
        _ => None,
    });
    texts.collect()
}

struct PageWriter<'a> {
    source: &'a PageSource,
    assets: &'a str,
    ids: HeadingIds,
    sections: Vec<Section>,
    /// For each open link, whether the server does not have its target.
    hidden_links: Vec<bool>,
    is_in_heading: bool,
    /// Whether an HTML comment is open, which may have several lines.
    comment: bool,
}

impl PageWriter<'_> {
    fn begin_section(&mut self, level: HeadingLevel, heading: &str) {
        self.sections.push(Section {
            level: level as u8,
            id: self.ids.next_id(heading),
            heading: heading.to_owned(),
            text: String::new(),
        });
    }

    /// Writes one event, changed or with further ones around it, and adds its text to the section.
    fn write<'e>(&mut self, event: Event<'e>, output: &mut Vec<Event<'e>>) {
        match event {
            Event::Start(Tag::Heading {
                level,
                classes,
                attrs,
                ..
            }) => {
                self.is_in_heading = true;
                let id = self.sections.last().map(|section| section.id.clone());
                output.push(Event::Start(Tag::Heading {
                    level,
                    id: id.map(CowStr::from),
                    classes,
                    attrs,
                }));
            }
            Event::End(end @ TagEnd::Heading(level)) => {
                self.is_in_heading = false;
                // The table of contents has the same links for the keyboard and for screen readers.
                if let Some(section) = self.sections.last()
                    && level != HeadingLevel::H1
                {
                    output.push(html(format!(
                        r##"<a class="anchor" href="#{}" aria-hidden="true" tabindex="-1">#</a>"##,
                        escaped(&section.id)
                    )));
                }
                output.push(Event::End(end));
            }
            Event::Start(Tag::Link { .. } | Tag::Image { .. })
            | Event::End(TagEnd::Link | TagEnd::Image) => self.write_link(event, output),
            // Wide parts scroll by themselves; with `tabindex`, also with the keyboard.
            Event::Start(Tag::Table(_)) => {
                output.push(html(
                    r#"<div class="table" tabindex="0" role="group" aria-label="Table">"#,
                ));
                output.push(event);
            }
            Event::End(TagEnd::Table) => {
                output.push(event);
                output.push(html("</div>\n"));
            }
            Event::Start(Tag::CodeBlock(kind)) => output.push(html(code_block(&kind))),
            Event::End(TagEnd::CodeBlock) => output.push(html("</code></pre>\n")),
            Event::Html(text) | Event::InlineHtml(text) => self.write_html(text, output),
            event => {
                self.add_text(&event);
                output.push(match event {
                    Event::Code(code) => html(inline_code(&code)),
                    event => event,
                });
            }
        }
    }

    fn write_link<'e>(&mut self, event: Event<'e>, output: &mut Vec<Event<'e>>) {
        let Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) = &event else {
            if !self.hidden_links.pop().unwrap_or(false) {
                output.push(event);
            }
            return;
        };
        let url = resolve(self.source, dest_url, self.assets);
        self.hidden_links.push(url.is_none());
        let (Some(url), Event::Start(mut tag)) = (url, event) else {
            return;
        };
        if let Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } = &mut tag {
            *dest_url = url.into();
        }
        output.push(Event::Start(tag));
    }

    /// Omits comments, in which programs mark generated tables, and shows all other HTML as text.
    fn write_html<'e>(&mut self, text: CowStr<'e>, output: &mut Vec<Event<'e>>) {
        self.comment |= text.trim_start().starts_with("<!--");
        if !self.comment {
            output.push(Event::Text(text));
        } else if text.contains("-->") {
            self.comment = false;
        }
    }

    fn add_text(&mut self, event: &Event) {
        let Some(section) = self.sections.last_mut().filter(|_| !self.is_in_heading) else {
            return;
        };
        match event {
            Event::Text(text) | Event::Code(text) => section.text.push_str(text),
            Event::SoftBreak | Event::HardBreak => section.text.push(' '),
            Event::End(TagEnd::Paragraph | TagEnd::Item | TagEnd::TableCell) => {
                section.text.push(' ');
            }
            _ => {}
        }
    }
}

/// Returns the start of a code block. Words after the language are marks for tests.
fn code_block(kind: &CodeBlockKind) -> String {
    let info = match kind {
        CodeBlockKind::Fenced(info) => info,
        CodeBlockKind::Indented => "",
    };
    let language = info.split_whitespace().next().unwrap_or("text");
    format!(
        r#"<pre tabindex="0"><code class="language-{}">"#,
        escaped(language)
    )
}

/// Returns code inside a text. Long names may break behind their signs.
fn inline_code(code: &str) -> String {
    let mut html = escaped(code);
    for sign in ["_", ".", "/"] {
        html = html.replace(sign, &format!("{sign}<wbr>"));
    }
    format!("<code>{html}</code>")
}

fn html<'e>(text: impl Into<CowStr<'e>>) -> Event<'e> {
    Event::InlineHtml(text.into())
}

/// Returns a text for HTML, also for attribute values in double quotes.
pub(super) fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}
