//! Every code block of the pages at `/docs`: it has a language, and a check that is real. A block without one fails.
//!
//! Words `name=value` after the language are marks; the pages do not show them. What needs Node is checked by
//! `tests/clients/code-blocks.test.mjs`, `own-client.test.mjs` and `package.test.mjs` beside it.

mod commands;
mod exchanges;

use std::error::Error;
use std::fs;
use std::path::Path;

use swarmhub::config::{HistoryStorage, ListenSpec, Setting};

use crate::support::TestServer;
use crate::support::files::{paths_below, read, read_all, repository_path};
use crate::support::program::{Program, command};

/// Languages that `tests/clients/code-blocks.test.mjs` checks.
const NODE_LANGUAGES: [&str; 7] = ["html", "js", "python", "ts", "tsx", "vue", "yaml"];

/// A fenced code block.
struct CodeBlock {
    /// File and line, for messages.
    place: String,
    language: String,
    mark: String,
    code: String,
}

/// Returns the code blocks of the pages.
fn code_blocks() -> Vec<CodeBlock> {
    let mut paths = paths_below(&repository_path("docs"));
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.extend(["README.md", "SECURITY.md", "CHANGELOG.md"].map(repository_path));
    paths.iter().flat_map(|path| blocks_of(path)).collect()
}

fn blocks_of(path: &Path) -> Vec<CodeBlock> {
    let text = fs::read_to_string(path).unwrap();
    let mut lines = text.lines().enumerate();
    let mut blocks = Vec::new();
    while let Some((number, line)) = lines.next() {
        let Some(info) = line.trim_start().strip_prefix("```") else {
            continue;
        };
        let indent = line.len() - line.trim_start().len();
        let (language, mark) = info.split_once(' ').unwrap_or((info, ""));
        let inside = lines.by_ref().map(|(_, line)| line);
        let code: Vec<_> = inside
            .take_while(|line| line.trim() != "```")
            .map(|line| line.get(indent..).unwrap_or_default())
            .collect();
        blocks.push(CodeBlock {
            place: format!("{}:{}", path.display(), number + 1),
            language: language.to_owned(),
            mark: mark.to_owned(),
            code: code.join("\n") + "\n",
        });
    }
    blocks
}

#[tokio::test]
async fn every_code_block_of_the_pages_is_checked() {
    let blocks = code_blocks();
    assert!(blocks.len() > 60, "{}", blocks.len());
    for block in &blocks {
        check(block).await;
    }
}

/// Checks a block by its language and mark.
async fn check(block: &CodeBlock) {
    let CodeBlock {
        place,
        language,
        mark,
        code,
    } = block;
    check_variables(block);
    match (&**language, &**mark) {
        // The page /connect shows the command with its snippet.
        ("sh", mark) if mark.is_empty() || mark.starts_with("install=") => {
            commands::check(block).await;
        }
        ("toml", "") => check_file(block, "swarmhub.toml", "--config"),
        ("csv", "") => check_file(block, "sites.csv", "--tracker-groups"),
        ("text", "list=info-hashes") => {
            check_file(block, "list", "--access-info-hashes-denied");
        }
        ("text", "list=tokens") => check_file(block, "list", "--access-tokens-file"),
        ("json", "") => {
            let parsed: Result<serde_json::Value, _> = serde_json::from_str(code);
            assert!(parsed.is_ok(), "{place}: {parsed:?}");
        }
        ("rust", "") => assert!(is_in_this_file(code), "{place}: copy it into `embedded`"),
        ("ini", "") => check_units(block),
        ("http", "") => check_http(block).await,
        ("nginx" | "haproxy", "") => {
            // tests/proxies/upgrading.test.mjs runs the block that begins so.
            let start = code.lines().next().unwrap();
            let proxies = read("tests/proxies/proxy.mjs");
            assert!(proxies.contains(&format!("'{start}")), "{place}: {start}");
        }
        ("text", "prints=start") => check_printed(block).await,
        ("text", "syntax=listen") => check_listen_syntax(block),
        ("text", "names=code") => check_names(block),
        ("text", "exchange=websocket") => exchanges::check_websocket(block).await,
        ("text", "exchange=http") => exchanges::check_http(block).await,
        ("text", "exchange=refusal") => exchanges::check_refusal(block).await,
        // tests/page/embed.test.mjs serves a page with it.
        ("text", "run=embed-policy") => {
            assert!(code.starts_with("Content-Security-Policy: "), "{place}");
            assert!(
                read("tests/page/embed.test.mjs").contains("block('Content-Security-Policy: ')")
            );
        }
        // tests/clients/package.test.mjs serves pages with it.
        ("text", "run=package-policy") => {
            assert!(code.starts_with("Content-Security-Policy: "), "{place}");
            assert!(
                read("tests/clients/package.test.mjs").contains("marks.run === 'package-policy'")
            );
        }
        (node, _) if NODE_LANGUAGES.contains(&node) => {}
        _ => panic!("{place}: no check for a block with `{language} {mark}`"),
    }
}

#[test]
fn the_test_in_node_checks_the_other_languages() {
    let test = read("tests/clients/code-blocks.test.mjs");
    let names = test.split("const CHECKS = {").nth(1).unwrap();
    let names = names.split("\n}").next().unwrap();
    let checked = names.lines().filter_map(|line| {
        let name = line.strip_prefix("  ")?;
        name.chars()
            .next()?
            .is_ascii_lowercase()
            .then(|| name.split(['(', ':', ' ']).next())?
    });
    let mut checked: Vec<_> = checked.filter(|name| *name != "async").collect();
    checked.sort_unstable();
    checked.dedup();
    assert_eq!(checked, NODE_LANGUAGES);
}

/// Environment variables of settings exist, in any language.
fn check_variables(block: &CodeBlock) {
    let words = block
        .code
        .split(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_'));
    for name in words.filter_map(|word| word.strip_prefix("SWARMHUB_")) {
        let exists = Setting::all()
            .iter()
            .any(|setting| setting.key.replace('.', "_").to_uppercase() == name);
        assert!(exists, "{}: SWARMHUB_{name}", block.place);
    }
}

/// Writes the block to a file and lets the program check the setting that names this file.
fn check_file(block: &CodeBlock, name: &str, flag: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(name);
    // Only the files that a configuration names are not there.
    let code = commands::with_files(&block.code, folder.path());
    fs::write(&file, code).unwrap();
    let subcommand = if flag == "--config" {
        "print-config"
    } else {
        "check-config"
    };
    let output = command(&[subcommand, flag, file.to_str().unwrap()]).output();
    let output = output.unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {errors}", block.place);
}

/// The program in README.md, which the compiler checks here.
#[expect(dead_code, reason = "it would serve on a fixed port")]
async fn embedded(shutdown: impl Future<Output = ()>) -> Result<(), Box<dyn Error>> {
    let server = swarmhub::Server::builder()
        .listen("127.0.0.1:8000".parse()?)
        .bind()
        .await?;
    server.run(shutdown).await?;
    Ok(())
}

/// Returns whether this file contains the code; rustfmt may have broken its lines.
fn is_in_this_file(code: &str) -> bool {
    let without_blanks = |text: &str| text.split_whitespace().collect::<String>();
    without_blanks(include_str!("mod.rs")).contains(&without_blanks(code))
}

/// Units of systemd: sections, keys, and the flags of their program. A socket is named as its listener.
fn check_units(block: &CodeBlock) {
    for line in block.code.lines().filter(|line| !line.is_empty()) {
        let is_section = line.starts_with('[') && line.ends_with(']');
        let is_other = is_section || line.starts_with('#');
        assert!(is_other || line.contains('='), "{}: {line}", block.place);
        if let Some(program) = line.strip_prefix("ExecStart=/usr/bin/") {
            commands::check_flags(&block.place, program);
        }
        if let Some(name) = line.strip_prefix("FileDescriptorName=") {
            let listener = format!("--listen systemd:{name}");
            assert!(block.code.contains(&listener), "{}: {name}", block.place);
        }
    }
}

/// Requests succeed; other lines are header fields.
async fn check_http(block: &CodeBlock) {
    let server = TestServer::start(|config| {
        config.history = HistoryStorage::Memory;
    });
    for line in block.code.lines() {
        if let Some(target) = line.strip_prefix("GET ") {
            server.get(target, "").await.expect(200);
            continue;
        }
        let (name, value) = line.split_once(": ").expect("a header field");
        let is_field =
            http::HeaderName::try_from(name).is_ok() && http::HeaderValue::try_from(value).is_ok();
        assert!(is_field, "{}: {line}", block.place);
    }
}

/// The lines that the program prints at its start, with another port.
async fn check_printed(block: &CodeBlock) {
    let program = Program::start(&[]);
    let printed = program.process.first_lines(3).join("\n") + "\n";
    let printed = printed.replace(&program.address.to_string(), "localhost:8000");
    assert_eq!(printed, block.code, "{}", block.place);
    program.stop().await;
}

/// Every combination of the optional prefixes is a listener.
fn check_listen_syntax(block: &CodeBlock) {
    let mut all = vec![String::new()];
    let syntax = block.code.trim().strip_suffix("WHERE").unwrap();
    for group in syntax.split_terminator(']') {
        let choices = group.strip_prefix('[').unwrap().split('|');
        let choices: Vec<_> = std::iter::once("").chain(choices).collect();
        let extended = |start: &String| {
            let start = start.clone();
            choices
                .iter()
                .map(move |end| format!("{start}{end}"))
                .collect::<Vec<_>>()
        };
        all = all.iter().flat_map(extended).collect();
    }
    assert_eq!(all.len(), 12, "{all:?}");
    for prefix in all {
        let listen: Result<ListenSpec, _> = format!("{prefix}127.0.0.1:8000").parse();
        assert!(listen.is_ok(), "{}: {prefix} {listen:?}", block.place);
    }
}

/// Types and functions in a diagram exist.
fn check_names(block: &CodeBlock) {
    let rust = read_all("src", ".rs");
    let is_sign = |sign: char| !(sign.is_ascii_alphanumeric() || "_:".contains(sign));
    let mut count = 0;
    for word in block.code.split(is_sign) {
        let is_type = word.starts_with(|first: char| first.is_ascii_uppercase());
        let exists = match word.split_once("::") {
            Some((room, function)) => {
                repository_path("src").join(room).is_dir()
                    && rust.contains(&format!("fn {function}"))
            }
            None if is_type => ["struct", "enum"]
                .iter()
                .any(|kind| rust.contains(&format!("{kind} {word}"))),
            None => continue,
        };
        count += 1;
        assert!(exists, "{}: {word}", block.place);
    }
    assert!(count > 2, "{}: {count}", block.place);
}
