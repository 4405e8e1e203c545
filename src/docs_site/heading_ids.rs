//! The ids of headings, equal to those of GitHub, so that a link such as `tls.md#acme` works in both places.

use std::collections::HashSet;

/// Makes the ids of one page.
#[derive(Debug, Default)]
pub(super) struct HeadingIds {
    used: HashSet<String>,
}

impl HeadingIds {
    /// Returns the id of the next heading: letters, digits, `-` and `_` of its text in lower case, with hyphens for
    /// blanks. A repeated heading gets a number.
    pub(super) fn next_id(&mut self, text: &str) -> String {
        let characters = text.trim().chars().filter_map(|sign| match sign {
            ' ' => Some('-'),
            '-' | '_' => Some(sign),
            _ => sign.is_alphanumeric().then_some(sign),
        });
        let base = characters.collect::<String>().to_lowercase();
        let mut id = base.clone();
        let mut repeats = 0;
        while !self.used.insert(id.clone()) {
            repeats += 1;
            id = format!("{base}-{repeats}");
        }
        id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_those_of_github() {
        let mut ids = HeadingIds::default();
        for (heading, id) in [
            ("Transport", "transport"),
            ("Your own page or client", "your-own-page-or-client"),
            ("GET /api/v1/bans/{key}", "get-apiv1banskey"),
            ("A, B & C: 50 %", "a-b--c-50-"),
            ("snake_case and “quotes”", "snake_case-and-quotes"),
            ("Transport", "transport-1"),
            ("Transport", "transport-2"),
        ] {
            assert_eq!(ids.next_id(heading), id);
        }
    }
}
