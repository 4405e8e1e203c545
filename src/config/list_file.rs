//! Reads the entries of a list file: one per line, without comments and empty lines, and within bounds.
//!
//! It knows no kind of entry; `access_lists` and `site_networks` parse them. An error names file and line, and never
//! quotes the line, which may be a token.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::Path,
};

use super::error::{InvalidConfig, Problem, quoted};

/// Maximum bytes of one file, comments included.
const FILE_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// The byte order mark with which spreadsheets begin a UTF-8 file.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The maximum size of a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListBounds {
    pub(super) entries: usize,
    pub(super) bytes: u64,
}

/// A mistake in a file, with the number of its line if it concerns one.
pub(super) type LineProblem = (Option<usize>, Problem);

/// Reads the file of the setting `key` with `parse`.
///
/// # Errors
/// The first mistake in the file.
pub(super) fn read_list_file<T>(
    (key, path): (&str, &Path),
    entries_max: usize,
    parse: impl FnOnce(File, ListBounds) -> Result<T, LineProblem>,
) -> Result<T, InvalidConfig> {
    let bounds = ListBounds {
        entries: entries_max,
        bytes: FILE_BYTES_MAX,
    };
    let opened = File::open(path).map_err(|error| unreadable_file(path, &error).at(key))?;
    parse(opened, bounds).map_err(|(line, problem)| match line {
        Some(line) => problem.at(format!("{}:{line}: {key}", path.display())),
        None => Problem {
            what: format!("{} {}", quoted(&path.to_string_lossy()), problem.what),
            ..problem
        }
        .at(key),
    })
}

fn unreadable_file(path: &Path, error: &io::Error) -> Problem {
    let what = format!(
        "{} cannot be read ({error})",
        quoted(&path.to_string_lossy())
    );
    Problem::new(what, "give the path of a file that this user may read")
}

/// Calls `add` for each entry of a file.
///
/// # Errors
/// The first mistake: of the file, of its size, or of an entry that `add` refuses.
pub(super) fn for_each_entry(
    file: impl Read,
    bounds: ListBounds,
    mut add: impl FnMut(&[u8]) -> Result<(), Problem>,
) -> Result<(), LineProblem> {
    let mut lines = BufReader::new(file.take(bounds.bytes + 1));
    let mut line = Vec::new();
    let (mut number, mut entries, mut bytes) = (0, 0, 0);
    loop {
        line.clear();
        let read = lines.read_until(b'\n', &mut line).map_err(|error| {
            let what = format!("cannot be read ({error})");
            let remedy = "give the path of a file that this user may read";
            (None, Problem::new(what, remedy))
        })?;
        if read == 0 {
            return Ok(());
        }
        number += 1;
        bytes += read as u64;
        if bytes > bounds.bytes {
            let what = format!("has more than {} bytes", bounds.bytes);
            return Err((None, Problem::new(what, "make it shorter")));
        }
        let text = match line.strip_prefix(BYTE_ORDER_MARK) {
            Some(text) if number == 1 => text,
            _ => &line,
        };
        let text = text.trim_ascii();
        if text.is_empty() || text.starts_with(b"#") {
            continue;
        }
        entries += 1;
        if entries > bounds.entries {
            let what = format!("more than {} entries", bounds.entries);
            let problem = Problem::new(what, "make it shorter");
            return Err((Some(number), problem));
        }
        add(text).map_err(|problem| (Some(number), problem))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEW: ListBounds = ListBounds {
        entries: 3,
        bytes: 1000,
    };

    fn entries(text: &[u8]) -> Result<Vec<String>, (Option<usize>, String)> {
        let mut list = Vec::new();
        let add = |entry: &[u8]| {
            list.push(String::from_utf8_lossy(entry).into_owned());
            Ok(())
        };
        for_each_entry(text, FEW, add).map_err(|(line, problem)| (line, problem.what))?;
        Ok(list)
    }

    #[test]
    fn entries_are_lines_without_comments() {
        let text = b"# taken down\r\n\n  a b  \r\nc # d\n\t\n";
        assert_eq!(entries(text).expect("a list"), ["a b", "c # d"]);
        assert_eq!(entries(b"").expect("an empty list"), [""; 0]);
    }

    #[test]
    fn a_byte_order_mark_is_skipped_at_the_start_only() {
        let text = b"\xef\xbb\xbf# a comment\n\xef\xbb\xbfa\n";
        assert_eq!(entries(text).expect("a list"), ["\u{feff}a"]);
    }

    #[test]
    fn list_files_are_bounded() {
        assert!(entries(b"a\n#\nb\n\nc").is_ok());
        let problem = entries(b"a\n#\nb\n\nc\nd\n").expect_err("too many");
        assert_eq!(problem, (Some(6), "more than 3 entries".to_owned()));
        let add = |_: &[u8]| Ok(());
        let endless = for_each_entry(io::repeat(b'\n'), FEW, add).expect_err("too long");
        assert_eq!(endless.0, None);
    }
}
