//! Checks the names in backticks: those in the pages exist in the code, and those in doc comments exist near the comment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use swarmhub::config::Setting;
use swarmhub::metrics::Statistics;
use syn::visit::{self, Visit};

use crate::support::files::{paths_below, repository_path};

/// Names that no code of the file defines: of messages, queries and settings, of standards, and of other programs.
const OUTSIDE: [&str; 3] = [
    "action announce completed file for forwarded info_hash ipv4 ipv6 keep_firing left null offer_id peer_id port scrape sdp \
     stopped systemd type unix unknown",
    "Authorization ChannelBind ChannelData CreatePermission HelloRetryRequest OpenMetrics RTCIceServer RTCPeerConnection Referer SASLprep Upgrade close_notify fetch figure \
     localhost method web",
    "NOTIFY_SOCKET SWARMHUB_ SWARMHUB_SERVICE_HOST SWARMHUB_TRACKER_INTERVAL_MAX SWHB SplitMix64 USER_HZ _total async by \
     governor _addPeer main max postableAlerts repeat_interval sd_notify serde_json shortlived swarmhub tlsserver write_all",
];

/// Paths that only illustrate.
const EXAMPLES: [&str; 1] = ["src/node/admission.rs"];

/// Folders at the root of the repository whose files the pages name. A build creates `target/`.
const FOLDERS: [&str; 7] = ["benches", "deploy", "docs", "fuzz", "src", "tests", "web"];

/// One file of Rust code.
struct SourceFile {
    /// Path in the repository.
    path: PathBuf,
    tokens: TokenStream,
    names: DefinedNames,
    /// Text literals.
    literals: BTreeSet<String>,
}

/// The names that a file defines or refers to by a path: all but variables.
#[derive(Default)]
struct DefinedNames {
    all: BTreeSet<String>,
    /// Items of the file's types and traits, and variants.
    members: BTreeMap<String, BTreeSet<String>>,
}

impl DefinedNames {
    fn add(&mut self, name: &impl ToString) {
        self.all.insert(name.to_string());
    }

    fn add_member(&mut self, owner: &str, name: &impl ToString) {
        let members = self.members.entry(owner.to_owned()).or_default();
        members.insert(name.to_string());
    }
}

impl<'ast> Visit<'ast> for DefinedNames {
    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        self.add(&signature.ident);
        visit::visit_signature(self, signature);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.add(&item.ident);
        for field in item.fields.iter().filter_map(|field| field.ident.as_ref()) {
            self.add_member(&item.ident.to_string(), field);
        }
        visit::visit_item_struct(self, item);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.add(&item.ident);
        for variant in &item.variants {
            self.add_member(&item.ident.to_string(), &variant.ident);
        }
        visit::visit_item_enum(self, item);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let syn::Type::Path(owner) = &*item.self_ty
            && let Some(owner) = owner.path.segments.last()
        {
            let owner = owner.ident.to_string();
            for member in &item.items {
                match member {
                    syn::ImplItem::Fn(function) => self.add_member(&owner, &function.sig.ident),
                    syn::ImplItem::Const(constant) => self.add_member(&owner, &constant.ident),
                    _ => {}
                }
            }
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.add(&item.ident);
        for member in &item.items {
            if let syn::TraitItem::Fn(function) = member {
                self.add_member(&item.ident.to_string(), &function.sig.ident);
            }
        }
        visit::visit_item_trait(self, item);
    }

    fn visit_item_const(&mut self, item: &'ast syn::ItemConst) {
        self.add(&item.ident);
        visit::visit_item_const(self, item);
    }

    fn visit_impl_item_const(&mut self, item: &'ast syn::ImplItemConst) {
        self.add(&item.ident);
        visit::visit_impl_item_const(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.add(&item.ident);
        visit::visit_item_type(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.add(&item.ident);
        visit::visit_item_mod(self, item);
    }

    /// Entries of the lists of settings and counters.
    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        add_words(item.mac.tokens.clone(), &mut self.all, &mut BTreeSet::new());
        visit::visit_item_macro(self, item);
    }

    fn visit_variant(&mut self, variant: &'ast syn::Variant) {
        self.add(&variant.ident);
        visit::visit_variant(self, variant);
    }

    fn visit_field(&mut self, field: &'ast syn::Field) {
        self.all
            .extend(field.ident.as_ref().map(ToString::to_string));
        visit::visit_field(self, field);
    }

    fn visit_use_tree(&mut self, tree: &'ast syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => self.add(&path.ident),
            syn::UseTree::Name(name) => self.add(&name.ident),
            syn::UseTree::Rename(name) => self.add(&name.rename),
            _ => {}
        }
        visit::visit_use_tree(self, tree);
    }

    /// A path of one word may be a variable.
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.all
                .extend(path.segments.iter().map(|part| part.ident.to_string()));
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.add(&call.method);
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_field(&mut self, field: &'ast syn::ExprField) {
        if let syn::Member::Named(name) = &field.member {
            self.add(name);
        }
        visit::visit_expr_field(self, field);
    }
}

/// Adds the identifiers and the text literals of code, without doc comments.
fn add_words(tokens: TokenStream, names: &mut BTreeSet<String>, literals: &mut BTreeSet<String>) {
    for token in tokens {
        match token {
            TokenTree::Group(group) if doc_text(&group).is_some() => {}
            TokenTree::Group(group) => add_words(group.stream(), names, literals),
            TokenTree::Ident(name) => drop(names.insert(name.to_string())),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                let text = text.trim_start_matches('b').trim_matches('"');
                if is_name(text) {
                    literals.insert(text.to_owned());
                }
            }
            TokenTree::Punct(_) => {}
        }
    }
}

fn is_word_character(sign: char) -> bool {
    sign.is_ascii_alphanumeric() || sign == '_'
}

/// Returns the text if this is the group of `#[doc = "…"]`: the parser writes each doc comment so.
fn doc_text(group: &proc_macro2::Group) -> Option<String> {
    let is_attribute = group.delimiter() == Delimiter::Bracket;
    let mut tokens = group.stream().into_iter();
    let first = tokens.next().filter(|_| is_attribute)?;
    let text = tokens.nth(1)?;
    (first.to_string() == "doc").then(|| text.to_string())
}

/// A doc comment and the code that it describes, or nothing for the comment of a module.
type DocComment = (String, TokenStream);

/// Returns the doc comments of code. The described code ends after the next block, comma or semicolon.
fn doc_comments(tokens: TokenStream, found: &mut Vec<DocComment>) {
    let (mut text, mut code) = (String::new(), TokenStream::new());
    let (mut is_inner, mut angle_brackets) = (false, 0);
    let mut last = ' ';
    for token in tokens {
        let is_end = match &token {
            TokenTree::Group(group) => {
                if let Some(line) = doc_text(group) {
                    text += &line;
                    text += "\n";
                    is_inner
                } else {
                    doc_comments(group.stream(), found);
                    group.delimiter() == Delimiter::Brace
                }
            }
            TokenTree::Punct(sign) => {
                let before = std::mem::replace(&mut last, sign.as_char());
                is_inner = last == '!';
                match last {
                    '<' => angle_brackets += 1,
                    '>' if !"-=".contains(before) => angle_brackets -= 1,
                    _ => {}
                }
                last == ';' || last == ',' && angle_brackets <= 0
            }
            _ => false,
        };
        code.extend([token]);
        if is_end {
            found.push((std::mem::take(&mut text), std::mem::take(&mut code)));
            (is_inner, angle_brackets) = (false, 0);
        }
    }
    found.push((text, code));
}

/// Returns the names in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Returns the names in backticks outside of links.
fn quoted_outside_links(text: &str) -> Vec<&str> {
    let parts: Vec<_> = text.split('`').collect();
    let names = parts.windows(3).step_by(2);
    let outside = names.filter(|around| !(around[0].ends_with('[') && around[2].starts_with(']')));
    outside.map(|around| around[1]).collect()
}

fn is_name(text: &str) -> bool {
    text.len() > 1
        && text.chars().all(is_word_character)
        && text.starts_with(|first: char| !first.is_ascii_digit())
}

fn read_code(folder: &str) -> Vec<SourceFile> {
    let mut files = Vec::new();
    for path in paths_below(&repository_path(folder)) {
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let tokens: TokenStream = text.parse().unwrap();
        let mut names = DefinedNames::default();
        names.visit_file(&syn::parse2(tokens.clone()).unwrap());
        let (mut all, mut literals) = (BTreeSet::new(), BTreeSet::new());
        add_words(tokens.clone(), &mut all, &mut literals);
        files.push(SourceFile {
            path: path.strip_prefix(repository_path("")).unwrap().to_owned(),
            tokens,
            names,
            literals,
        });
    }
    files
}

/// Returns the names of all folders and files of code.
fn module_names<'f>(files: impl Iterator<Item = &'f SourceFile>) -> BTreeSet<String> {
    let paths = files.map(|file| file.path.with_extension(""));
    let parts = paths.flat_map(|path| {
        let parts = path.iter().map(|part| part.to_str().unwrap().to_owned());
        parts.collect::<Vec<_>>()
    });
    parts.collect()
}

/// Returns the names of settings, their sections and series.
fn public_names() -> BTreeSet<String> {
    let keys = Setting::all().iter().map(|setting| setting.key);
    let series = Statistics::series().map(|series| series.name);
    let words = keys.chain(series).flat_map(|name| name.split('.'));
    words.map(str::to_owned).collect()
}

/// Returns the name of the room of a file in `src/`.
fn room_of(file: &SourceFile) -> Option<String> {
    let path = file.path.strip_prefix("src").ok()?.with_extension("");
    Some(path.iter().next()?.to_str()?.to_owned())
}

/// Returns the names in a doc comment that are neither in the described code nor known to its file or tree.
fn missing_names(
    text: &str,
    code: TokenStream,
    file: &SourceFile,
    tree: &BTreeSet<String>,
) -> Vec<String> {
    let mut described = BTreeSet::new();
    add_words(code, &mut described, &mut BTreeSet::new());
    let mut missing = Vec::new();
    // rustdoc checks the links in `src/`.
    let names = if file.path.starts_with("src") {
        quoted_outside_links(text)
    } else {
        quoted(text).collect()
    };
    for name in names {
        let name = name.strip_prefix("Self::").unwrap_or(name);
        let name = name.trim_end_matches("()").trim_end_matches('!');
        let sets = [&described, &file.names.all, &file.literals, tree];
        let is_known = OUTSIDE
            .iter()
            .any(|names| names.split(' ').any(|known| known == name))
            || sets.iter().any(|set| set.contains(name));
        if is_name(name) && !is_known {
            missing.push(format!("{}: `{name}`", file.path.display()));
        }
    }
    // The text of a link must be the name that it leads to; rustdoc checks that this exists.
    for link in text.split("[`").skip(1) {
        if let Some((shown, rest)) = link.split_once("`](")
            && let Some((target, _)) = rest.split_once(')')
            && !shown.contains('`')
            && target.contains("::")
            && shown.rsplit("::").next() != target.rsplit("::").next()
        {
            missing.push(format!(
                "{}: `{shown}` links to {target}",
                file.path.display()
            ));
        }
    }
    missing
}

#[test]
fn names_in_doc_comments_exist() {
    let mut shared = public_names();
    let (mut missing, mut count) = (Vec::new(), 0);
    for folder in ["src", "tests/integration"] {
        let files = read_code(folder);
        // Types and rooms may be named everywhere, modules in their room, functions and fields in their file.
        for file in &files {
            shared.extend(room_of(file));
            let names = file.names.all.iter();
            shared.extend(
                names
                    .filter(|name| name.starts_with(char::is_uppercase))
                    .cloned(),
            );
        }
        let mut known_in_room = BTreeMap::new();
        for file in &files {
            let room = room_of(file);
            let known = known_in_room.entry(room.clone()).or_insert_with(|| {
                let in_room = files.iter().filter(|other| room_of(other) == room);
                &shared | &module_names(in_room)
            });
            let mut comments = Vec::new();
            doc_comments(file.tokens.clone(), &mut comments);
            comments.retain(|(text, _)| text.contains('`'));
            count += comments.len();
            for (text, code) in comments {
                missing.extend(missing_names(&text, code, file, known));
            }
        }
    }
    assert!(missing.is_empty(), "{} {missing:#?}", missing.len());
    assert!(count > 500, "{count}");
}

/// Returns the pages, each with its text outside of code blocks.
fn pages() -> Vec<(PathBuf, String)> {
    let mut paths = paths_below(&repository_path("docs"));
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    paths.extend(["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(repository_path));
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let outside: String = text.split("```").step_by(2).collect();
        (path, outside)
    };
    paths.into_iter().map(read).collect()
}

/// Returns whether a path in a page exists: from the root, or as a module.
fn path_exists(path: &str, rooms: &BTreeSet<String>) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    let exists = |path: String| repository_path(&path).exists();
    if FOLDERS.contains(&first) && exists(path.to_owned()) {
        return true;
    }
    let is_module = rooms.contains(first);
    if !is_module {
        return !FOLDERS.contains(&first);
    }
    let path = path.trim_end_matches('/');
    exists(format!("src/{path}")) || exists(format!("src/{path}.rs"))
}

#[test]
fn paths_and_methods_in_the_pages_exist() {
    let source = read_code("src");
    let modules = module_names(source.iter());
    let rooms: BTreeSet<_> = source.iter().filter_map(room_of).collect();
    let has_member = |owner: &str, name: &str| {
        let is_module = modules.contains(owner);
        source.iter().any(|file| {
            let is_in = file
                .path
                .with_extension("")
                .iter()
                .any(|part| part == owner);
            let members = file.names.members.get(owner);
            members.is_some_and(|members| members.contains(name))
                || is_module && is_in && file.names.all.contains(name)
        })
    };
    let (mut missing, mut methods, mut paths) = (Vec::new(), 0, 0);
    for (page, text) in pages() {
        for name in quoted(&text) {
            let parts: Vec<_> = name.trim_end_matches("()").split("::").collect();
            let is_path = |sign: char| is_word_character(sign) || "/.-".contains(sign);
            let exists = match parts[..] {
                [.., owner, member] if parts.iter().all(|part| is_name(part)) => {
                    methods += 1;
                    has_member(owner, member)
                }
                [path] if path.contains('/') && path.chars().all(is_path) => {
                    paths += 1;
                    EXAMPLES.contains(&path) || path_exists(path, &rooms)
                }
                _ => true,
            };
            if !exists {
                missing.push(format!("{}: `{name}`", page.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(methods > 15 && paths > 150, "{methods} {paths}");
}
