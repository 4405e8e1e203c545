//! Reads the files of `[access]`: info-hashes and tokens, one per line.
//!
//! It reads the files on request and stores nothing.

use std::{
    io::Read,
    path::{Path, PathBuf},
};

use super::error::{InvalidConfig, Problem};
use super::list_file::{LineProblem, ListBounds, for_each_entry, read_list_file};
use super::secret::Secret;
use super::settings::Access;

/// Maximum info-hashes in one file; in memory they take 20 bytes each.
const INFO_HASHES_MAX: usize = 1_000_000;
/// Maximum tokens in the file; in memory they take 32 bytes each.
const TOKENS_MAX: usize = 100_000;
/// The allowed length of a token, in characters.
const TOKEN_CHARS: std::ops::RangeInclusive<usize> = 16..=128;

/// The content of the files of `[access]`; `None` if a file is not set.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct AccessLists {
    /// The only info-hashes that may be tracked.
    pub info_hashes_allowed: Option<Vec<[u8; 20]>>,
    /// Info-hashes that may not be tracked.
    pub info_hashes_denied: Option<Vec<[u8; 20]>>,
    /// The valid tokens; a client must send one of them.
    pub tokens: Option<Vec<Secret>>,
}

impl Access {
    /// Reads all files; blocks on the disk.
    ///
    /// # Errors
    /// The first mistake of each invalid file; never an empty list.
    pub fn read(&self) -> Result<AccessLists, Vec<InvalidConfig>> {
        let mut problems = Vec::new();
        let hashes = |key, path: &Option<PathBuf>, problems: &mut Vec<_>| {
            let kind = (key, INFO_HASHES_MAX);
            read_list(kind, path.as_deref()?, parse_info_hash)
                .map_err(|problem| problems.push(problem))
                .ok()
        };
        let lists = AccessLists {
            info_hashes_allowed: hashes(
                "access.info_hashes_allowed",
                &self.info_hashes_allowed,
                &mut problems,
            ),
            info_hashes_denied: hashes(
                "access.info_hashes_denied",
                &self.info_hashes_denied,
                &mut problems,
            ),
            tokens: self.tokens_file.as_deref().and_then(|path| {
                read_list(("access.tokens_file", TOKENS_MAX), path, parse_token)
                    .map_err(|problem| problems.push(problem))
                    .ok()
            }),
        };
        if problems.is_empty() {
            Ok(lists)
        } else {
            Err(problems)
        }
    }
}

fn read_list<T>(
    (key, max): (&str, usize),
    path: &Path,
    entry: impl Fn(&[u8]) -> Result<T, Problem>,
) -> Result<Vec<T>, InvalidConfig> {
    let parse = |file, bounds| parse_entries(file, bounds, entry);
    read_list_file((key, path), max, parse)
}

/// Returns the entries of a file.
fn parse_entries<T>(
    file: impl Read,
    bounds: ListBounds,
    entry: impl Fn(&[u8]) -> Result<T, Problem>,
) -> Result<Vec<T>, LineProblem> {
    let mut list = Vec::new();
    for_each_entry(file, bounds, |text| {
        list.push(entry(text)?);
        Ok(())
    })?;
    list.shrink_to_fit();
    Ok(list)
}

/// Splits a line into its first word and the rest.
fn first_word(line: &[u8]) -> (&[u8], &[u8]) {
    let end = line.iter().position(u8::is_ascii_whitespace);
    let (word, rest) = line.split_at(end.unwrap_or(line.len()));
    (word, rest.trim_ascii())
}

fn parse_info_hash(line: &[u8]) -> Result<[u8; 20], Problem> {
    let (word, rest) = first_word(line);
    let is_comment = rest.is_empty() || rest.starts_with(b"#");
    if let Some(hash) = from_hex(word).filter(|_| is_comment) {
        return Ok(hash);
    }
    let remedy = "write 40 hexadecimal digits on a line, and a comment after #";
    Err(
        if word.len() == 64 && word.iter().all(u8::is_ascii_hexdigit) {
            let remedy = "trackers use its first 40 digits: write those";
            Problem::new("a version 2 info-hash of 64 digits", remedy)
        } else {
            Problem::new("this is not an info-hash", remedy)
        },
    )
}

fn from_hex(word: &[u8]) -> Option<[u8; 20]> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    let mut bytes = [0; 20];
    let (pairs, []) = word.as_chunks::<2>() else {
        return None;
    };
    if pairs.len() != bytes.len() {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
    }
    Some(bytes)
}

/// Parses a token of characters that need no escape in a URL (RFC 3986, section 2.3).
fn parse_token(line: &[u8]) -> Result<Secret, Problem> {
    let (word, _) = first_word(line);
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let text = std::str::from_utf8(word).ok();
    let text = text.filter(|text| text.bytes().all(|byte| is_plain(&byte)));
    let remedy = "write the output of `openssl rand -hex 16`, and an optional name after a space";
    match text {
        None => Err(Problem::new(
            "a token may contain only letters, digits and - . _ ~",
            remedy,
        )),
        Some(text) if !TOKEN_CHARS.contains(&text.len()) => {
            let (min, max) = (TOKEN_CHARS.start(), TOKEN_CHARS.end());
            let what = format!("a token of {} characters, not {min} to {max}", text.len());
            Err(Problem::new(what, remedy))
        }
        Some(text) => Ok(Secret::new(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: ListBounds = ListBounds {
        entries: 3,
        bytes: 1000,
    };
    const HASH: &str = "0123456789abcdefABCDEF0123456789abcdef01";

    fn hashes(text: &str) -> Result<Vec<[u8; 20]>, (Option<usize>, String)> {
        parse_entries(text.as_bytes(), FEW, parse_info_hash)
            .map_err(|(line, problem)| (line, problem.what))
    }

    fn tokens(text: &str) -> Result<Vec<Secret>, (Option<usize>, String)> {
        parse_entries(text.as_bytes(), FEW, parse_token)
            .map_err(|(line, problem)| (line, problem.what))
    }

    #[test]
    fn a_list_has_one_hash_per_line_and_comments() {
        let text = format!(
            "# taken down\r\n\n  {HASH}\r\n{}  # letter of 3 May\n\t\n{HASH}",
            HASH.to_uppercase()
        );
        let read = hashes(&text).expect("a list");
        assert_eq!(read.len(), 3);
        assert_eq!(read[0][..4], [0x01, 0x23, 0x45, 0x67]);
        assert!(read.iter().all(|hash| *hash == read[0]));
        assert_eq!(hashes("").expect("an empty list"), [[0; 20]; 0]);
    }

    #[test]
    fn an_invalid_hash_is_reported_by_line_without_quoting_it() {
        for wrong in [
            &HASH[1..],
            &format!("{HASH}0"),
            &format!("g{}", &HASH[1..]),
            &format!("{HASH} no comment"),
            &format!("magnet:?xt=urn:btih:{HASH}"),
            "\u{fc}",
            &HASH.repeat(2)[..64],
        ] {
            let (line, what) = hashes(&format!("\n{HASH}\n{wrong}\n")).expect_err("refused");
            assert_eq!(line, Some(3), "{wrong}");
            assert!(!what.contains(wrong), "{what}");
        }
    }

    #[test]
    fn a_token_may_have_a_name_and_errors_do_not_quote_it() {
        let read = tokens("abcdefghij-._~0123 a friend's seedbox\n# none\n").expect("a list");
        assert_eq!(read.len(), 1);
        assert!(read[0].matches(b"abcdefghij-._~0123"));
        assert!(tokens(&"a".repeat(128)).is_ok());
        for wrong in [
            "too-short-token",
            &"a".repeat(129),
            "with/slash/in/the/token",
            "with%20escaped%20blank",
            "\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}\u{fc}",
        ] {
            let (line, what) = tokens(wrong).expect_err("refused");
            assert_eq!(line, Some(1));
            assert!(!what.contains(wrong), "{what}");
        }
    }

    #[test]
    fn each_unusable_file_is_reported_with_its_setting() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("written");
            Some(path)
        };
        let mut access = Access {
            info_hashes_allowed: path("allowed", HASH),
            info_hashes_denied: path("denied", ""),
            tokens_file: path("tokens", "abcdefghijklmnop\n"),
        };
        let lists = access.read().expect("lists");
        assert_eq!(lists.info_hashes_allowed.map(|list| list.len()), Some(1));
        assert_eq!(lists.info_hashes_denied.map(|list| list.len()), Some(0));
        assert_eq!(lists.tokens.map(|list| list.len()), Some(1));

        access.info_hashes_allowed = Some(folder.path().join("missing"));
        path("denied", "# none\nx\n");
        path("tokens", "short");
        let problems = access.read().expect_err("refused");
        let messages: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert!(
            messages[0].starts_with("access.info_hashes_allowed: \""),
            "{messages:?}"
        );
        assert!(
            messages[1].contains("denied:2: access.info_hashes_denied: "),
            "{messages:?}"
        );
        assert!(
            messages[2].contains("tokens:1: access.tokens_file: "),
            "{messages:?}"
        );
        assert_eq!(messages.len(), 3);
        assert_eq!(Access::default().read(), Ok(AccessLists::default()));
    }
}
